"""Explore: the ledger, the two running sums, and the numbers to set."""

from __future__ import annotations

from typing import Any

import streamlit as st

from bnviz import ledger as ledger_component
from bnviz.cells import CellError, cell, cell_name, parse_cell, with_cell
from bnviz.figures.sums import dweight_sum, dx_sum
from bnviz.figures.weights import dweight_heatmap
from bnviz.ledger.view import shown_rows
from bnviz.pages import session
from bnviz.pages.tables import tables
from bnviz.plot import plots
from bnviz.presets import PRESETS
from bnviz.scenario import (
    MAX_INPUTS,
    MAX_NEURONS,
    MAX_ROWS,
    Scenario,
    random_scenario,
    resized,
)
from bnviz.share import View
from bnviz.terms import LAYER_X, TERMS
from bnviz.text import exact
from bnviz.trace import run

KINDS = {False: "x set by hand", True: f"x {LAYER_X}"}


# ---- The ledger -----------------------------------------------------------------


def _place(event: dict[str, Any], s: Scenario) -> tuple[str, int, int]:
    """The cell that an event of the ledger is about; ValueError if there is none."""
    view = session.view()
    term, row = event.get("term"), event.get("row")
    columns = {"a": view.unit, "eps": 0}
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
def _ledger() -> None:
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
        on_event=session.callback(_on_ledger_event),
    )
    # While a bar is held only the ledger answers; let go, and the page follows.
    if state.pop("settled", False):
        st.rerun()


# ---- What stands below it -------------------------------------------------------


def _figures() -> None:
    t, view = run(session.scenario()), session.view()
    plots([draw(t, view) for draw in (dx_sum, dweight_sum, dweight_heatmap)], key="figures")


def _resize() -> None:
    state = st.session_state
    sizes = (state.n, state.k, state.d)
    if None not in sizes:
        session.change(resized(session.scenario(), *sizes))


def _set_eps() -> None:
    if st.session_state.eps is not None:
        session.change(session.scenario().edit(eps=st.session_state.eps))


def _set_kind() -> None:
    s = session.scenario()
    if st.session_state.layer and not s.layer:
        weight = random_scenario(0, 1, s.shape[1], s.d, layer=True).weight
        session.change(s.edit(x=None, weight=weight, bias=None))
    elif not st.session_state.layer and s.layer:
        session.change(Scenario(s.x, s.dy, s.gamma, s.beta, s.eps, s.a))


def _draw_batch() -> None:
    s, seed = session.scenario(), st.session_state.seed
    if seed is not None:
        new = random_scenario(seed, *s.shape, s.d, layer=s.layer)
        session.change(new.edit(gamma=s.gamma, beta=s.beta, eps=s.eps), opened=True)


def _numbers(s: Scenario) -> None:
    state = st.session_state
    state.n, state.k, state.d, state.eps, state.layer = *s.shape, s.d, s.eps, s.layer
    state.setdefault("seed", 1)
    with st.container(horizontal=True, vertical_alignment="bottom", key="numbers"):
        for label, key, most in (
            ("N, samples", "n", MAX_ROWS),
            ("k, neurons", "k", MAX_NEURONS),
            ("d, inputs", "d", MAX_INPUTS),
        ):
            st.number_input(
                label,
                min_value=1,
                max_value=most,
                step=1,
                key=key,
                on_change=session.callback(_resize),
                width=140,
            )
        st.number_input(
            f"{TERMS['eps'].symbol}, added to {TERMS['var'].symbol}",
            min_value=0.0,
            max_value=1e100,
            step=1e-5,
            format="%g",
            key="eps",
            on_change=session.callback(_set_eps),
            width=150,
        )
        st.segmented_control(
            "Where x comes from",
            list(KINDS),
            format_func=KINDS.__getitem__,
            key="layer",
            required=True,
            on_change=session.callback(_set_kind),
        )
        st.number_input("Seed", min_value=0, max_value=2**31, step=1, key="seed", width=140)
        st.button("Draw a random batch", on_click=session.callback(_draw_batch))
    tables()
    st.caption("The address of this page holds everything on it: copy it to share these numbers.")


def _drawer() -> None:
    """The numbers to set, drawn only when opened: a closed drawer costs the drag nothing."""
    drawer = st.expander(
        "Set the numbers: sizes, ε, a random batch, tables to type or paste",
        key="drawer",
        on_change=session.callback(lambda: None),
    )
    if drawer.open:
        with drawer:
            _numbers(session.scenario())


_ledger()
_figures()
_drawer()
