"""The stage on a page: it shows the session's scenario, and what people do to it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from bnviz.claims.surprise import headline as told
from bnviz.components import stage as component
from bnviz.components.stage import Reply, Show
from bnviz.core.columns import columns, shown_rows
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.cells import CellError, cell, cell_name, parse_cell, with_cell
from bnviz.inputs.presets import PRESETS, matching
from bnviz.screen import session
from bnviz.words.claim import Claim
from bnviz.words.numbers import exact

Event = dict[str, Any]


def _place(event: Event, s: Scenario) -> tuple[str, int, int]:
    """The cell that an event of the stage is about; ValueError if there is none."""
    view = session.view()
    term, row = event.get("term"), event.get("row")
    columns_of = {"a": view.input, "eps": 0}
    settable = {"a", "dy", "gamma", "eps"} | ({"weight", "bias"} if s.layer else {"x"})
    rows = {"a": s.shape[0], "x": s.shape[0], "dy": s.shape[0], "weight": s.d}
    if term not in settable or not isinstance(row, int) or not 0 <= row < rows.get(term, 1):
        raise ValueError("no such cell")
    return term, row, columns_of.get(term, view.neuron)


def _with(event: Event, text: object) -> Scenario:
    """The scenario with a number of it set to what the text says."""
    s = session.scenario()
    place = _place(event, s)
    return with_cell(s, *place, parse_cell(text, cell_name(*place), exact(cell(s, *place))))


def _move(event: Event) -> None:
    """A step of a drag: undo keeps what was there before it began."""
    state, s = st.session_state, session.scenario()
    moved = _with(event, event.get("value"))
    if state.get("before") is None:
        state.before = s
    state.scenario = moved


def _let_go(event: Event) -> None:
    """A drag ends, on its last number or, cancelled, where it began."""
    state = st.session_state
    before = state.get("before")
    state.before = None
    if before is not None:
        dragged = session.scenario()
        session.change(before if event.get("kind") == "cancel" else dragged, before=before)


def _type(event: Event) -> None:
    session.change(_with(event, event.get("text")))


def _home(event: Event) -> None:
    s, home = session.scenario(), session.home()
    place = _place(event, s)
    if home.layer == s.layer and home.shape == s.shape and home.d == s.d:
        session.change(with_cell(s, *place, cell(home, *place)))


def _preset(event: Event) -> None:
    preset = PRESETS[event["name"]]
    session.change(preset.scenario, view=preset.view, opened=True)


def _view(event: Event) -> None:
    st.session_state.view = View(int(event["neuron"]), int(event["input"]))


_ACTS: dict[str, Callable[[Event], None]] = {
    "type": _type,
    "home": _home,
    "preset": _preset,
    "view": _view,
    "undo": session.undo,
    "redo": session.redo,
}


def _on_event() -> None:
    """What people did on the stage; anything that isn't an event of its own is ignored."""
    state = st.session_state
    event = state[component.KEY].event
    if not isinstance(event, dict):
        return
    state.answered = event.get("seq")
    kind = event.get("kind")
    moving = kind == "move"
    state.settled = not moving
    try:
        if moving:
            _move(event)
            return
        _let_go(event)
        if kind in _ACTS:
            _ACTS[kind](event)
    except CellError as error:
        session.say(str(error))
    except (ValueError, TypeError, KeyError):
        return


@st.fragment
def stage(show: Show, headline: Claim | None = None) -> None:
    """Draw it. headline: in place of what the numbers say of themselves."""
    state, s, view = st.session_state, session.scenario(), session.view()
    held = state.get("before")
    c = columns(run(s), view)
    shown = Show(**{**vars(show), "hide": session.hidden() | set(show.hide)})
    component.stage(
        c,
        shown,
        reply=Reply(
            state.get("answered"), session.notice(), session.can_undo(), session.can_redo()
        ),
        rows=None if held is None else shown_rows(run(held), view),
        headline=headline or (told(c, matching(s)) if show.river else None),
        on_event=session.callback(_on_event),
    )
    # While a bar is held only the stage answers; let go, and the page follows.
    if state.pop("settled", False):
        st.rerun()


def toolbar(*, inputs: bool = True) -> None:
    """The stage without its pictures: what every page but Explore has at its top."""
    stage(Show(inputs=inputs))
    with st.container(key="frozen"):  # always there, so that nothing below is built anew
        if session.scenario().frozen:
            st.markdown("In this scenario the statistics are frozen. Here is the same in training.")
