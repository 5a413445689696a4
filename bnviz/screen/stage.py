"""The stage on a page: it shows the session's scenario, and what people do to it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from bnviz.claims import lever as lever_claims
from bnviz.claims.ledger import asked
from bnviz.claims.surprise import headline as told
from bnviz.components import stage as component
from bnviz.components.stage import Reply, Scene, Show, Take, Walk
from bnviz.core.columns import columns, shown_rows
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw.sweep import POSITIONS, grid
from bnviz.inputs.cells import LARGEST, CellError, cell, cell_name, parse_cell, place, with_cell
from bnviz.inputs.link import OPTIONS
from bnviz.inputs.presets import PRESETS, matching
from bnviz.screen import session
from bnviz.study.lever import MOST_RATE, MOST_STEPS, Look, lever
from bnviz.study.weight_gradient import shifted
from bnviz.words.claim import Claim
from bnviz.words.numbers import exact

Event = dict[str, Any]

# What is held like a number of the scenario, and only changes how the lever is looked at.
_LOOKS = {"mark": (-1e12, 1e12), "rate": (0.0, MOST_RATE)}
SHIFT = 10.0


def _place(event: Event, s: Scenario) -> tuple[str, int, int]:
    """The cell that an event of the stage is about; ValueError if there is none."""
    return place(s, session.view(), event.get("term"), event.get("row"))


def _with(event: Event, text: object) -> Scenario:
    """The scenario with a number of it set to what the text says."""
    s = session.scenario()
    at = _place(event, s)
    return with_cell(s, *at, parse_cell(text, cell_name(*at), exact(cell(s, *at))))


def look() -> Look:
    """How the lever is looked at; its steps are of one scenario, and go with it."""
    state, here = st.session_state, (session.scenario(), session.view())
    if state.setdefault("stepped", here) != here:
        session.choose("steps", 0)
        state.stepped = here
    mark, rate = float(session.option("mark")), float(session.option("rate"))
    return Look(mark, min(rate, MOST_RATE), int(session.option("steps")))


def _look_at(event: Event, value: object) -> bool:
    """Is it the lever's mark or rate that is set? Then it is set here."""
    term = event.get("term")
    if term not in _LOOKS:
        return False
    low, high = _LOOKS[term]
    number = min(max(parse_cell(value, f"the {term}", session.option(term)), low), high)
    session.choose(term, f"{number:.6f}".rstrip("0").rstrip("."))
    return True


def _step(event: Event) -> None:
    """Training takes a step: the rod turns on."""
    session.choose("steps", min(look().steps + 1, MOST_STEPS))


def _flat(event: Event) -> None:
    """No step has been taken."""
    session.choose("steps", 0)


def _shift(event: Event) -> None:
    """Add a constant to every a."""
    session.change(shifted(session.scenario(), SHIFT))


def _move(event: Event) -> None:
    """A step of a drag: undo keeps what was there before it began."""
    if _look_at(event, event.get("value")):
        return
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


def _set(event: Event) -> None:
    """A drag that the browser drew by itself ends: undo goes back to where it began."""
    if _look_at(event, event.get("value")):
        return
    state = st.session_state
    before = state.get("before")
    state.before = None
    session.change(_with(event, event.get("value")), before=before)


def _take(event: Event) -> None:
    """A number is about to be held: the next answer brings all of its positions."""
    if event.get("term") not in _LOOKS:
        _place(event, session.scenario())
    value, step = float(event["value"]), float(event["step"])
    if not (abs(value) <= LARGEST and 0 < step <= LARGEST and abs(value) <= 1e12 * step):
        raise ValueError("no such positions")
    # A hand that moves at once gets a few of them first, and all in the next answer.
    count = min(max(int(event.get("count", POSITIONS)), 1), POSITIONS)
    fine = bool(event.get("fine"))
    st.session_state.take = (event["term"], event["row"], value, step, fine, count)


def _type(event: Event) -> None:
    if _look_at(event, event.get("text")):
        return
    session.change(_with(event, event.get("text")))


def _home(event: Event) -> None:
    term = event.get("term")
    if term in _LOOKS:
        session.choose(term, OPTIONS[term][0])
        return
    s, home = session.scenario(), session.home()
    at = _place(event, s)
    if home.computed == s.computed and home.shape == s.shape and home.d == s.d:
        session.change(with_cell(s, *at, cell(home, *at)))


def _preset(event: Event) -> None:
    preset = PRESETS[event["name"]]
    session.change(preset.scenario, view=preset.view, opened=True)


def _walk(event: Event) -> None:
    """Another step of the walk, or another sample along it."""
    kind, value = event["kind"], event.get("value")
    if not (isinstance(value, int) and 0 <= value < 99):
        raise ValueError("no such step or sample")
    session.choose({"walk": "step", "sample": "sample"}[kind], value + 1)


def _view(event: Event) -> None:
    st.session_state.view = View(int(event["neuron"]), int(event["input"]))


_WHILE_HELD: dict[str, Callable[[Event], None]] = {"move": _move, "take": _take}
_ACTS: dict[str, Callable[[Event], None]] = {
    "set": _set,
    "type": _type,
    "home": _home,
    "preset": _preset,
    "view": _view,
    "undo": session.undo,
    "redo": session.redo,
    "step": _step,
    "flat": _flat,
    "shift": _shift,
    "walk": _walk,
    "sample": _walk,
}


def _on_event() -> None:
    """What people did on the stage; anything that isn't an event of its own is ignored."""
    state = st.session_state
    event = session.heard(component.KEY, "event")
    if not isinstance(event, dict):
        return
    kind, seq = event.get("kind"), event.get("seq")
    # Over a new line, what has got no answer is sent again; undo must not go two steps for it.
    if kind in {"undo", "redo"} and seq == state.get("answered"):
        return
    state.answered = seq
    session.hold(kind in _WHILE_HELD)
    if session.left():
        state.before = None
        return
    state.settled = kind not in _WHILE_HELD
    try:
        if kind in _WHILE_HELD:
            _WHILE_HELD[kind](event)
            return
        if kind != "set":
            _let_go(event)
        if kind in _ACTS:
            _ACTS[kind](event)
    except CellError as error:
        session.say(str(error))
    except (ValueError, TypeError, KeyError):
        return


def _scene(s: Scenario, view: View, show: Show, headline: Claim | None) -> Scene:
    """What is drawn of a scenario. headline: in place of what the numbers say of themselves."""
    if show.walk:  # the equations are those of training
        return Scene(columns(run(s.training()), view), given=s)
    c = columns(run(s), view)
    tells = show.toolbar and (show.river or show.ledger or show.lever)
    if headline is None and tells:
        headline = asked(c, show.far)
    if show.lever:
        v = lever(c, show.lever)
        if headline is None and not show.ledger and show.toolbar:
            headline = lever_claims.headline(c, v)
        return Scene(c, headline, v)
    if headline is None and tells:
        headline = told(c, matching(s))
    return Scene(c, headline)


def _taken(s: Scenario, view: View, show: Show, headline: Claim | None) -> Take | None:
    """Everything at each position of the number that someone has taken, if someone has."""
    taken = st.session_state.pop("take", None)
    if taken is None:
        return None
    term, row, value, step, fine, count = taken
    if term in _LOOKS:
        if not show.lever:
            return None
        low, high = _LOOKS[term]
        values = [v for v in grid(value, step, log=False, count=count) if low <= v <= high]
        looks: list[dict[str, Any]] = [{term: v} for v in values]
        shows = [replace(show, lever=replace(show.lever, **changed)) for changed in looks]
        return Take(
            term,
            row,
            fine,
            count < POSITIONS,
            values,
            [_scene(s, view, at, headline) for at in shows],
        )
    at = (term, row, {"a": view.input, "eps": 0}.get(term, view.neuron))
    values = grid(value, step, log=term == "eps", count=count)
    if show.lever:  # a step is of the numbers that it was taken from
        show = replace(show, lever=replace(show.lever, steps=0))
    scenes = [_scene(with_cell(s, *at, v), view, show, headline) for v in values]
    return Take(term, row, fine, count < POSITIONS, values, scenes)


def _kept_rows(held: Scenario, view: View, show: Show) -> list[int]:
    """The samples that were shown when a hand took hold of a number: they stay."""
    return shown_rows(run(held.training() if show.walk else held), view)


@st.fragment
def stage(show: Show, headline: Claim | None = None) -> None:
    """Draw it. headline: in place of what the numbers say of themselves."""
    state, s, view = st.session_state, session.scenario(), session.view()
    held = state.get("before")
    shown = replace(show, hide=session.hidden() | set(show.hide))
    if show.lever:
        # What a step would do is the answer, where a link leaves it out.
        at = look()
        shown = replace(shown, lever=at if shown.far == show.far else replace(at, steps=0))
    if show.walk:
        shown = replace(shown, walk=Walk(int(session.option("step")) - 1, session.sample()))
    component.stage(
        _scene(s, view, shown, headline),
        shown,
        take=_taken(s, view, shown, headline),
        reply=Reply(
            state.get("answered"),
            session.notice(),
            session.can_undo(),
            session.can_redo(),
            link=session.link() if held is None else None,
            back=session.back(),
            more=bool(state.get("settled")),
        ),
        rows=None if held is None else _kept_rows(held, view, show),
        on_event=session.callback(_on_event),
    )
    # While a bar is held only the stage answers; let go, and the page follows.
    if state.pop("settled", False):
        st.rerun()


def toolbar(*, inputs: bool = True) -> None:
    """The stage without its pictures: what every page but Explore has at its top."""
    stage(Show(inputs=inputs))
    frozen()


def frozen() -> None:
    """That a frozen norm is shown in training, where it is one."""
    with st.container(key="frozen"):  # always there, so that nothing below is built anew
        if session.scenario().frozen:
            st.markdown("In this scenario the statistics are frozen. Here is the same in training.")
