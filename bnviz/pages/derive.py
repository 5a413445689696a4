"""Derive: the six equations, one step at a time, on the numbers of the scenario."""

from __future__ import annotations

import streamlit as st

from bnviz.components import derive
from bnviz.core.trace import run
from bnviz.screen import session
from bnviz.screen.stage import toolbar


def _on_event() -> None:
    """A step or a sample was chosen; anything that isn't an event is ignored."""
    event = st.session_state[derive.KEY].event
    if not isinstance(event, dict):
        return
    st.session_state.derived = event.get("seq")
    kind, value = event.get("kind"), event.get("value")
    if kind in ("step", "sample") and isinstance(value, int) and 0 <= value < 99:
        session.choose(kind, value + 1)


toolbar()
derive.derive(
    run(session.trained()),
    session.view(),
    sample=session.sample(),
    step=int(session.option("step")) - 1,
    answered=st.session_state.get("derived"),
    on_event=session.callback(_on_event),
)
