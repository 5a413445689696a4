"""Explore: the two running sums under the ledger, and the numbers to set."""

from __future__ import annotations

import streamlit as st

from bnviz.claims.surprise import headline
from bnviz.components.plot import plots
from bnviz.components.stage import Show
from bnviz.core.columns import columns
from bnviz.core.scenario import MAX_INPUTS, MAX_NEURONS, MAX_ROWS, Scenario
from bnviz.core.trace import run
from bnviz.draw.figures.dweight import dweight_bars
from bnviz.draw.figures.sums import dweight_sum, dx_sum
from bnviz.inputs.batches import random_scenario, resized
from bnviz.screen import session
from bnviz.screen.parts import choose_part
from bnviz.screen.presenter import presenting
from bnviz.screen.stage import stage
from bnviz.screen.tables import tables
from bnviz.words.glossary import COMPUTED_X, TERMS

KINDS = {False: "x set by hand", True: f"x {COMPUTED_X}"}


def _figures() -> None:
    t, view = run(session.scenario()), session.view()
    plots([draw(t, view) for draw in (dx_sum, dweight_sum, dweight_bars)], key="figures")


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
    if st.session_state.computed and not s.computed:
        weight = random_scenario(0, 1, s.shape[1], s.d, computed=True).weight
        session.change(s.edit(x=None, weight=weight, bias=None))
    elif not st.session_state.computed and s.computed:
        session.change(Scenario(s.x, s.dy, s.gamma, s.beta, s.eps, s.a))


def _draw_batch() -> None:
    s, seed = session.scenario(), st.session_state.seed
    if seed is not None:
        new = random_scenario(seed, *s.shape, s.d, computed=s.computed)
        session.change(new.edit(eps=s.eps), opened=True)


def _numbers(s: Scenario) -> None:
    state = st.session_state
    state.n, state.k, state.d, state.eps, state.computed = *s.shape, s.d, s.eps, s.computed
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
            key="computed",
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


def _one() -> None:
    """One picture, for a class."""
    seen = {"river": "River", "table": "Table"}
    if not session.hidden() & {"sums", "dW"}:
        seen["sums"] = "Running sums"
    one = choose_part(seen, "see")
    with st.container(key="pictures"):
        story = headline(columns(run(session.scenario()), session.view()), None)
        stage(Show(river=one == "river", ledger=one == "table"), story if one == "sums" else None)
    if one == "sums":
        _figures()


def _all() -> None:
    with st.container(key="pictures"):
        stage(Show(river=True, ledger=True))
    if not session.hidden() & {"sums", "dW"}:
        _figures()  # they show both
    if "inputs" not in session.hidden():
        _drawer()


if presenting():
    _one()
else:
    _all()
