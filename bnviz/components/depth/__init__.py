"""The network's picture through depth and time, scrubbed in the browser over what it was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bnviz.components.register import component, serve

_HERE = Path(__file__).parent
_mount = component("depth", _HERE, js="depth.js", css="depth.css")

KEY = "depth"


def depth(drawn: dict[str, Any], at: int, *, on_event: Callable[[], None]) -> None:
    """Draw a run; at: the step that is looked at.

    The step that people go to arrives as `st.session_state[KEY].step`, and `on_event` is called.
    """
    serve("river", _HERE.parent / "river")
    data = json.dumps(drawn | {"at": at}, ensure_ascii=False, separators=(",", ":")).encode()
    _mount()(key=KEY, data=data, on_step_change=on_event)
