"""The network in training: settings, the four rows, the loss, and time, as one component."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bnviz.components.register import component

_mount = component("network", Path(__file__).parent, js="network.js", css="network.css")

KEY = "network"


def network(data: dict[str, Any], table: bytes, *, on_event: Callable[[], None]) -> None:
    """Draw the payload of `bnviz.draw.network`.

    What people do arrives as `st.session_state[KEY].event`, and on_event is called.
    """
    _mount()(key=KEY, data=packed(data, table), on_event_change=on_event)


def packed(data: dict[str, Any], table: bytes) -> bytes:
    """The payload in one piece: how long its text is, the text, and the table."""
    encoded = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded + table
