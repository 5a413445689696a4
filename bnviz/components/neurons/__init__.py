"""The table of a layer's neurons, or of a network's layers, as a Streamlit component."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bnviz.components.register import component

_mount = component("neurons", Path(__file__).parent, js="neurons.js", css="neurons.css")

KEY = "neurons"


def neurons(table: dict[str, Any], *, on_look: Callable[[], None]) -> None:
    """Draw a table: the payload of `bnviz.draw.neurons` or `bnviz.draw.layers`.

    What is chosen, from 0, arrives as `st.session_state[KEY].look`, and on_look is called.
    """
    data = json.dumps(table, ensure_ascii=False).encode()
    _mount()(key=KEY, data=data, on_look_change=on_look)
