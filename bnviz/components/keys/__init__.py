"""Keys pressed on the page, for a presenter: the arrows and what a clicker sends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bnviz.components.register import component

_mount = component("keys", Path(__file__).parent, js="keys.js")

KEY = "keys"


def listen(page: int, *, on_turn: Callable[[], None]) -> None:
    """Call on_turn at each page turn; `st.session_state[KEY].turn` is then 1 or -1.

    page: the one that is shown; a new one begins at its top.
    """
    _mount()(key=KEY, data=str(page).encode(), on_turn_change=on_turn)
