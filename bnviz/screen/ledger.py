"""The ledger on a page: it shows the session's scenario, and what people do to it is done."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import streamlit as st

from bnviz.components import ledger as ledger_component
from bnviz.core.columns import shown_rows
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.cells import CellError, cell, cell_name, parse_cell, with_cell
from bnviz.inputs.presets import PRESETS
from bnviz.screen import session
from bnviz.words.claim import Claim
from bnviz.words.numbers import exact


def _place(event: dict[str, Any], s: Scenario) -> tuple[str, int, int]:
    """The cell that an event of the ledger is about; ValueError if there is none."""
    view = session.view()
    term, row = event.get("term"), event.get("row")
    columns = {"a": view.input, "eps": 0}
    settable = {"a", "dy", "gamma", "eps"} | ({"weight", "bias"} if s.layer else {"x"})
    rows = {"a": s.shape[0], "x": s.shape[0], "dy": s.shape[0], "weight": s.d}
    if term not in settable or not isinstance(row, int) or not 0 <= row < rows.get(term, 1):
        raise ValueError("no such cell")
    return term, row, columns.get(term, view.neuron)


def _set(event: dict[str, Any], text: object) -> None:
    """Put a number into a cell: while it is dragged, undo keeps what was there before."""
    state = st.session_state
    s = session.scenario()
    place = _place(event, s)
    value = parse_cell(text, cell_name(*place), exact(cell(s, *place)))
    if event["kind"] == "move":
        if state.get("before") is None:
            state.before = s
        state.scenario = with_cell(s, *place, value)
    else:
        session.change(with_cell(s, *place, value))


def _home(event: dict[str, Any]) -> None:
    s, home = session.scenario(), session.home()
    place = _place(event, s)
    if home.layer == s.layer and home.shape == s.shape and home.d == s.d:
        session.change(with_cell(s, *place, cell(home, *place)))


def _on_ledger_event() -> None:
    """What people did in the ledger; anything that isn't an event of its own is ignored."""
    state = st.session_state
    event = state[ledger_component.KEY].event
    if not isinstance(event, dict):
        return
    kind = event.get("kind")
    state.answered = event.get("seq")
    state.settled = kind != "move"
    before = state.get("before")
    try:
        if kind == "move":
            _set(event, event.get("value"))
            return
        state.before = None
        if before is not None:
            dragged = session.scenario()
            session.change(before if kind == "cancel" else dragged, before=before)
        if kind == "type":
            _set(event, event.get("text"))
        elif kind == "home":
            _home(event)
        elif kind == "preset":
            session.change(PRESETS[event["name"]].scenario, view=View(), opened=True)
        elif kind == "view":
            state.view = View(int(event["neuron"]), int(event["input"]))
        elif kind == "undo":
            session.undo()
        elif kind == "redo":
            session.redo()
    except CellError as error:
        session.say(str(error))
    except (ValueError, TypeError, KeyError):
        return


@st.fragment
def ledger(*, headline: Claim | None = None, hide: Collection[str] = (), tab: int = 3) -> None:
    """Draw it. headline: what stands over it in place of its own story; hide: see HIDABLE.

    tab: the group of columns that a phone opens it with.
    """
    state = st.session_state
    reply = {
        "seq": state.get("answered"),
        "notice": session.notice(),
        "undo": session.can_undo(),
        "redo": session.can_redo(),
    }
    held = state.get("before")
    view = session.view()
    ledger_component.ledger(
        run(session.scenario()),
        view,
        reply=reply,
        rows=None if held is None else shown_rows(run(held), view),
        headline=headline,
        hide=session.hidden() | set(hide),
        tab=tab,
        on_event=session.callback(_on_ledger_event),
    )
    # While a bar is held only the ledger answers; let go, and the page follows.
    if state.pop("settled", False):
        st.rerun()
