"""A ∂L/∂x that was handed in, beside the right one: two small rivers and their ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from bnviz.claims.mine import Mine
from bnviz.components.register import component, serve
from bnviz.draw.mine import payload

_HERE = Path(__file__).parent
_mount = component("mine", _HERE, js="mine.js", css="mine.css")

KEY = "mine-picture"


def mine(m: Mine, *, on_look: Callable[[], None] = lambda: None) -> None:
    """Draw what was handed in beside the right one.

    A neuron that is chosen, from 0, arrives as `st.session_state[KEY].look`, and on_look is called.
    """
    serve("river", _HERE.parent / "river")  # whose lanes the script draws
    data = json.dumps(payload(m), ensure_ascii=False).encode()
    _mount()(key=KEY, data=data, on_look_change=on_look)
