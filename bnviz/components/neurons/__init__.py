"""The table of a layer's neurons, as a Streamlit component."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from bnviz.claims.layer import Overview
from bnviz.components.register import component
from bnviz.draw.neurons import payload

_mount = component("neurons", Path(__file__).parent, js="neurons.js", css="neurons.css")

KEY = "neurons"


def neurons(o: Overview, *, on_look: Callable[[], None]) -> None:
    """Draw a row a neuron, the worst first.

    A chosen neuron, from 0, arrives as `st.session_state[KEY].look`, and on_look is called.
    """
    data = json.dumps(payload(o), ensure_ascii=False).encode()
    _mount()(key=KEY, data=data, on_look_change=on_look)
