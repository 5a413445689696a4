"""The way into a room by its code: to the page for phones, or where there is none to Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from bnviz.components.register import component

_mount = component("join", Path(__file__).parent, js="join.js", css="join.css")

KEY = "join"


def join(code: str, *, served: bool, on_join: Callable[[], None]) -> None:
    """Draw it. code: what stands in the box already. served: is there a page for phones?

    Where there is none, the code arrives as `st.session_state[KEY].code`, and on_join is called.
    """
    data = json.dumps({"code": code, "served": served}).encode()
    _mount()(key=KEY, data=data, on_code_change=on_join)
