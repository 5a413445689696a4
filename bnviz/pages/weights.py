"""Weights: why ∂L/∂W survives, from five sides."""

from __future__ import annotations

import itertools
import math

import streamlit as st

from bnviz.claims import weights as claims
from bnviz.components import rivers
from bnviz.components.plot import plots
from bnviz.components.rivers import Small
from bnviz.components.stage import Show
from bnviz.core.columns import columns
from bnviz.core.trace import run
from bnviz.draw.figures import geometry, invariance, outer
from bnviz.inputs.batches import resized
from bnviz.screen import session
from bnviz.screen.parts import choose_part, escaped, keep, near, say, verdict
from bnviz.screen.stage import look, stage, toolbar
from bnviz.study.invariance import as_computed, descend
from bnviz.study.weight_gradient import VANISHING
from bnviz.words.numbers import number

PARTS = {
    "1": "The lever",
    "2": "Outer products",
    "3": "Where it vanishes",
    "4": "Scale invariance",
    "5": "Geometry",
}
_TICK = 0.8  # seconds a sample stays while playing


def _outer() -> None:
    state, s, view = st.session_state, session.trained(), session.view()
    n = s.shape[0]
    t = run(s)
    say(claims.outer(t, view.neuron, view.input))

    def go(upto: int) -> None:
        session.choose("upto", upto)

    def play() -> None:
        state.playing = not playing
        if state.playing and int(session.option("upto")) >= n:
            session.choose("upto", 1)

    playing = state.get("playing", False)
    ticks = itertools.count()  # the run that draws the page is no tick

    @st.fragment(run_every=_TICK if playing else None)
    def walk() -> None:
        upto = min(int(session.option("upto")), n)
        if playing and next(ticks):
            upto = min(upto + 1, n)
            session.choose("upto", upto)
        if n > 1:
            with st.container(horizontal=True, vertical_alignment="bottom", key="walk"):
                st.slider(
                    "Samples added",
                    1,
                    n,
                    width=360,
                    **keep("upto", upto),
                )
                st.button(
                    "Back", on_click=session.callback(go), args=(upto - 1,), disabled=upto == 1
                )
                st.button(
                    "Next", on_click=session.callback(go), args=(upto + 1,), disabled=upto == n
                )
                st.button("Pause" if playing else "Play", on_click=session.callback(play))
        pictures = outer.outer_products(t, upto)
        # What is added needs the room: a matrix for each sample.
        for added, total, name in zip(
            pictures[::2], pictures[1::2], ("outer", "ones"), strict=True
        ):
            left, right = st.columns([3, 1], gap="medium")
            with left:
                plots([added], key=name)
            with right:
                plots([total], key=f"{name}-sum")
        if playing and upto == n:
            state.playing = False
        if state.get("playing", False) != playing:
            st.rerun()  # only the page sets and stops the clock
        if not playing:
            session.save()

    walk()


def _open_case() -> None:
    """One of the six is opened: it becomes the scenario, in its whole river."""
    state, s, view = st.session_state, session.trained(), session.view()
    index = session.heard(rivers.KEY, "open")
    if isinstance(index, int) and 0 <= index < len(VANISHING):
        session.change(VANISHING[index].make(s, view.neuron, view.input))
        state.weights_leave = True


def _vanishing() -> None:
    if st.session_state.pop("weights_leave", False):
        st.switch_page("bnviz/pages/explore.py", query_params=session.link())
    s, view = session.trained(), session.view()
    st.markdown("# Six ways to make ∂L/\u2060∂W vanish, tried out on these numbers")
    st.markdown(
        "Each is a small change of the numbers on the screen, drained in its own way, computed and "
        "checked here. Open one to see it large and to play with it; undo brings your numbers back."
    )
    small = []
    for case in VANISHING:
        made = case.make(s, view.neuron, view.input)
        claim = claims.vanishing(case, s, view.neuron, view.input)
        small.append(Small(columns(run(made), view.within(made)), claim))
    rivers.rivers(small, on_open=session.callback(_open_case))


def _scale() -> None:
    s, view = session.trained(), session.view()
    computed = as_computed(s)
    power = near("power", -3, 3, 0.25)
    say(claims.scale(computed, view.neuron, power))
    with st.container(horizontal=True, vertical_alignment="bottom", key="scales"):
        st.slider(
            "Multiply W by 10 to the power of",
            -3.0,
            3.0,
            step=0.25,
            width=360,
            **keep("power", power),
        )
        if not s.computed:
            st.button(
                "Make this layer the scenario",
                on_click=session.callback(session.change),
                args=(computed,),
            )
            st.caption(
                "In this scenario x is set by hand. Shown is the layer whose x = aW + b comes "
                "nearest to it, to three digits of W and b."
            )
    left, right = st.columns(2, gap="large")
    with left:
        plots([invariance.along_weight(computed, view.neuron, power)], key="invariance")
    with right:
        grows = claims.growth(computed, view.neuron)
        st.markdown(f"**{escaped(grows.claim)}**")
        st.markdown(escaped(grows.why))
        verdict(grows)
        plots([invariance.growth(descend(computed, view.neuron))], key="growth")


def _power(eps: float) -> float:
    """The place on the slider that is nearest to ε."""
    return round(2 * min(0.0, max(-12.0, math.log10(eps)))) / 2 if eps > 0 else -12.0


def _set_eps() -> None:
    power = float(st.session_state.eps_power)
    session.change(session.trained().edit(eps=float(f"{10.0**power:.3g}")))


def _geometry() -> None:
    s, view = session.trained(), session.view()
    t, n = run(s), s.shape[0]
    say(claims.geometry(t, view.neuron))
    with st.container(horizontal=True, vertical_alignment="bottom", key="eps-power"):
        st.session_state.eps_power = _power(s.eps)
        st.slider(
            "ε is 10 to the power of",
            -12.0,
            0.0,
            step=0.5,
            width=360,
            key="eps_power",
            on_change=session.callback(_set_eps),
        )
        if n != 3:
            st.button(
                "Take three samples, and see it in space",
                on_click=session.callback(session.change),
                args=(resized(s, 3, s.shape[1], s.d),),
            )
    with st.container(key="eps-here"):
        if float(f"{10.0 ** _power(s.eps):.3g}") != s.eps:
            st.markdown(f"ε is {number(s.eps)} here; the slider stands at the nearest power.")
    pictures = [
        geometry.energy(t, view.neuron),
        geometry.matrix(t, view.neuron),
        geometry.over_eps(s, view.neuron),
    ]
    if n == 3:
        plots([geometry.space(t, view.neuron), pictures.pop(0)], key="space")
    plots(pictures, key="geometry")


part = choose_part(PARTS)
if part == "1":
    stage(Show(lever=look()))
else:
    toolbar()
    {"2": _outer, "3": _vanishing, "4": _scale, "5": _geometry}[part]()
