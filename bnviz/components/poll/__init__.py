"""The answers of a class: what is on offer, and once shown how many chose what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnviz.components.register import component

_mount = component("poll", Path(__file__).parent, js="poll.js", css="poll.css")

KEY = "poll"


def poll(offered: Mapping[str, Any], counts: Mapping[str, int] | None) -> None:
    """Draw it. offered: choices, each with key, text and once revealed right and said; revealed.

    counts: how many chose each, None before they are shown.
    """
    data = {**offered, "counts": counts}
    _mount()(key=KEY, data=json.dumps(data, ensure_ascii=False).encode())
