"""Network: the gradient's flow through many layers and through training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from bnviz.components import network as picture
from bnviz.core.network.settings import MOST_STEPS, Settings
from bnviz.core.view import View
from bnviz.draw import network as draw
from bnviz.inputs import networks
from bnviz.inputs.link import ShareError
from bnviz.screen import session
from bnviz.screen.runs import Kept, kept_run, train
from bnviz.study.training import neuron

_EXPLORE = "bnviz/pages/explore.py"


# ---- What is set -----------------------------------------------------------------------


def _here() -> tuple[Settings, str]:
    try:
        return networks.decode(session.option("net"))
    except ShareError as error:
        session.choose("net", "")
        session.choose("at", "")
        session.say(f"This link can’t be opened: {error}. Here is the first network instead.")
        return networks.decode("")


def _at(s: Settings, tells: str) -> int:
    text = session.option("at")
    if text:
        return min(int(text), MOST_STEPS)
    name = networks.matching(s, tells, -1)
    return networks.PRESETS[name].at if name else 0


def _kept(s: Settings) -> Kept:
    """The run on the screen; a session keeps its own, however many others there are."""
    state = st.session_state
    if "network_run" not in state or state.network_run[0] != s:
        state.network_run = s, kept_run(s)
    kept: Kept = state.network_run[1]
    return kept


def _goal(s: Settings, at: int) -> int:
    """The step that is trained to."""
    asked: tuple[Settings, int] | None = st.session_state.get("network_goal")
    mine = asked[1] if asked and asked[0] == s else networks.UNTIL
    return max(at, mine)


def _ask(s: Settings, goal: int) -> None:
    st.session_state.network_goal = (s, max(0, min(goal, MOST_STEPS)))


def _open(s: Settings, tells: str, at: int | None) -> None:
    session.choose("net", networks.encode(s, tells))
    session.choose("at", "" if at is None else at)
    st.session_state.pop("network_given", None)


def _whole(event: dict[str, Any], name: str, most: int) -> int | None:
    value = event.get(name)
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
    return value if good else None


def _preset(event: dict[str, Any], s: Settings) -> None:
    if event.get("name") in networks.PRESETS:
        preset = networks.PRESETS[event["name"]]
        _open(preset.settings, preset.tells, preset.at)
        st.session_state.network_have = 0


def _set(event: dict[str, Any], s: Settings) -> None:
    index = _whole(event, "index", 99)
    try:
        value = draw.chosen(s, str(event.get("name")), -1 if index is None else index)
        changed = replace(s, **{event["name"]: value})
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return
    _open(changed, "flow", 0)
    st.session_state.network_have = 0


def _go(event: dict[str, Any], s: Settings) -> None:
    """Train on to a step, or stop there; and maybe stay at one."""
    goal = _whole(event, "to", MOST_STEPS)
    if goal is not None:
        _ask(s, goal)
    if _whole(event, "at", MOST_STEPS) is not None:
        session.choose("at", event["at"])


def _stay(event: dict[str, Any], s: Settings) -> None:
    if _whole(event, "at", MOST_STEPS) is not None:
        session.choose("at", event["at"])
        st.session_state.pop("network_given", None)


def _layer(event: dict[str, Any], s: Settings) -> None:
    layer = _whole(event, "layer", s.depth - 1)
    if layer is not None:
        session.choose("deep", layer + 1)


def _give(event: dict[str, Any], s: Settings) -> None:
    if event.get("what") in ("directions", "lengths", "none"):
        st.session_state.network_given = event["what"]


def _into(event: dict[str, Any], s: Settings) -> None:
    """A neuron with its real batch becomes the scenario of all pages; Network stays as it is."""
    layer = _whole(event, "layer", s.depth - 1)
    if layer is None or s.norm not in ("batch", "frozen"):
        return
    session.choose("deep", layer + 1)
    kept = _kept(s)
    with kept.lock:
        run = kept.drawn.run
        step = draw.nearest_sent(_at(s, _here()[1]), run.steps)
        found, _, best = neuron(run, step, layer, _whole(event, "neuron", s.width - 1))
    session.change(found, view=View(0, best), opened=True)
    st.session_state.network_leaves = True


_ACTS = {
    "preset": _preset, "set": _set, "goal": _go, "show": _stay, "layer": _layer, "give": _give,
    "open": _into,
}  # fmt: skip


def _on_event() -> None:
    """What people do: anything that isn't one of these is ignored."""
    event = session.heard(picture.KEY, "event")
    if not isinstance(event, dict) or event.get("kind") not in _ACTS:
        return
    st.session_state.network_have = _whole(event, "have", 10_000) or 0
    _ACTS[event["kind"]](event, _here()[0])


def _heard() -> None:
    """An event; training on is not a change, so what went wrong before is still to be read."""
    event = session.heard(picture.KEY, "event")
    if isinstance(event, dict) and event.get("kind") == "goal":
        st.session_state.touched = True
        _on_event()
    else:
        session.callback(_on_event)()


def _page() -> None:
    state = st.session_state
    if state.pop("network_leaves", False):
        st.switch_page(_EXPLORE, query_params=session.link())  # once: Back comes back
    s, tells = _here()
    notice = session.notice()
    kept = _kept(s)
    at = _at(s, tells)
    goal = _goal(s, at)
    train(kept, goal)
    run = kept.drawn.run
    here = draw.nearest_sent(min(at, run.steps), run.steps)
    there = here == draw.nearest_sent(at, MOST_STEPS) or run.done  # on the way the river alone
    # Why it heals is that experiment, so it is drawn from the start.
    what = state.get("network_given", "directions" if tells == "why" else "none")
    with kept.lock:
        told = what != "none" and there and here > 0 and s.depth > 1
        given = draw.given(run, here, what) if told else None
        data, table = draw.payload(
            kept.drawn,
            state.get("network_have", 0),
            tells=tells if there else "flow",
            preset=networks.matching(s, tells, at),
            at=here,
            run=networks.encode(s, "flow"),
            wanted=at,
            goal=goal,
            training=run.steps < goal and not run.done,
            layer=min(max(int(session.option("deep")), 1), s.depth) - 1
            if session.option("deep") != "0"
            else s.depth // 2,
            width=s.width,
            given=given,
            notice=notice,
        )
    picture.network(data, table, on_event=_heard)


_page()
