"""The walk along the equations, as a Streamlit component."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from bnviz.components.register import component
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.draw.derive import payload

_mount = component("derive", Path(__file__).parent, js="derive.js", css="derive.css")

KEY = "derive"


def derive(
    t: Trace,
    view: View,
    *,
    sample: int,
    step: int,
    answered: int | None,
    on_event: Callable[[], None],
) -> None:
    """Draw the walk at a step, both counted from 0.

    A chosen step or sample arrives as `st.session_state[KEY].event`, and `on_event`
    is called. answered: the number of the last event that this answers.
    """
    data = payload(t, view, sample, step) | {"seq": answered}
    _mount()(key=KEY, data=json.dumps(data, ensure_ascii=False).encode(), on_event_change=on_event)
