"""What is looked at: the scenario, the neuron and the input, above every page but Explore."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from bnviz.core.view import View
from bnviz.inputs.presets import PRESETS, matching
from bnviz.screen import session
from bnviz.screen.parts import escaped

_OWN = ""


def _open_preset() -> None:
    name = st.session_state.preset
    if name != _OWN:
        session.change(PRESETS[name].scenario, view=View(), opened=True)


def _look() -> None:
    state = st.session_state
    view = session.view()
    state.view = View(state.get("neuron", view.neuron), state.get("input", view.input))


def _title(name: str) -> str:
    return PRESETS[name].title if name else "Your own numbers"


def _counted(word: str) -> Callable[[int], str]:
    return lambda i: f"{word} {i + 1}"


def toolbar(*, inputs: bool = True) -> None:
    """Draw it from the session; inputs: can an input be chosen, where the page shows one?"""
    state, s, view = st.session_state, session.scenario(), session.view()
    with st.container(key="notice"):  # always there, so that nothing below is built anew
        if session.notice():
            st.error(escaped(session.notice()))
    if "inputs" in session.hidden():
        return
    state.preset, state.neuron, state.input = matching(s) or _OWN, view.neuron, view.input
    with st.container(horizontal=True, vertical_alignment="center", key="toolbar"):
        st.selectbox(
            "Scenario",
            [*PRESETS, *([] if state.preset else [_OWN])],
            format_func=_title,
            key="preset",
            on_change=session.callback(_open_preset),
            label_visibility="collapsed",
            width=240,
        )
        for key, word, count in (
            ("neuron", "neuron", s.shape[1]),
            ("input", "input", s.d if inputs else 0),
        ):
            if count > 1:
                st.segmented_control(
                    word,
                    range(count),
                    format_func=_counted(word),
                    key=key,
                    required=True,
                    on_change=session.callback(_look),
                    label_visibility="collapsed",
                )
