"""What one visitor has set: the scenario, the view, the way back, and the link.

The scenario in the session state is the only copy; every widget is drawn from it,
and every change goes through `change`. The URL follows it, and leads where it is
changed from outside: a link, a reload, the back button.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from bnviz.core.scenario import Scenario
from bnviz.core.view import View
from bnviz.inputs.link import (
    ShareError,
    decode,
    decode_options,
    encode,
    encode_options,
    own,
    unreadable_options,
)
from bnviz.inputs.presets import DEFAULT, PRESETS

_HISTORY = 200


@st.cache_resource
def settle_memory() -> None:
    """Once a server: what the libraries hold need not be searched for garbage again.

    Searching all of it costs more than answering a drag.
    """
    gc.collect()
    gc.freeze()


def scenario() -> Scenario:
    """The scenario on the screen."""
    current: Scenario = st.session_state.scenario
    return current


def trained() -> Scenario:
    """The same in training, for the pages that are about training."""
    return scenario().training()


def view() -> View:
    """The neuron and the input on the screen, within the scenario."""
    current: View = st.session_state.view
    return current.within(scenario())


def leave() -> None:
    """In a callback: what is asked of these numbers in the same run comes too late.

    A page turned while a number is let go reaches the server as one message with that, and its
    callbacks run in no order of time.
    """
    st.session_state.left = True


def left() -> bool:
    """Has a callback of this run left the numbers that were on the screen?"""
    return bool(st.session_state.get("left", False))


_HOLD = 10.0  # seconds: a hand that rests longer on a number may only lie there


def hold(holding: bool) -> None:
    """Remember that a number has just been taken or moved, or that it was let go."""
    st.session_state.held = time.monotonic() if holding else None


def held() -> bool:
    """Is a number held on the screen, as far as can be known here?"""
    since: float | None = st.session_state.get("held")
    return since is not None and time.monotonic() - since < _HOLD


def home() -> Scenario:
    """The scenario as it was when it was opened: a preset, a link, a new batch."""
    opened: Scenario = st.session_state.home
    return opened


def option(name: str) -> str:
    """What a page was left at, as the URL has it; see `bnviz.inputs.link.OPTIONS`."""
    return str(st.session_state.options[name])


def choose(name: str, value: object) -> None:
    """Set such an option."""
    st.session_state.options = st.session_state.options | {name: str(value)}


def touched() -> bool:
    """Has a widget spoken since the URL was last written?"""
    return bool(st.session_state.get("touched", False))


def at_default() -> bool:
    """Is this the default scenario, as it opens without a link?"""
    return scenario() == PRESETS[DEFAULT].scenario


def hidden() -> set[str]:
    """What the link leaves out; see `bnviz.inputs.link.HIDABLE`."""
    return set(option("hide").split(",")) - {""}


def sample() -> int:
    """The sample that is looked at, from 0, within the scenario."""
    return min(int(option("sample")), scenario().shape[0]) - 1


def notice() -> str:
    """What went wrong with the last thing done, or nothing."""
    return str(st.session_state.get("notice", ""))


def say(text: str) -> None:
    """Show a sentence until the next change."""
    st.session_state.notice = text


def revision() -> int:
    """Counts the changes that did not come from the tables; part of their keys."""
    return int(st.session_state.revision)


def redraw_tables() -> None:
    """Have the tables drawn anew from the scenario."""
    st.session_state.revision += 1


def back() -> int | None:
    """The token of the browser's last return to the server; see `bnviz.components.line`."""
    token: int | None = st.session_state.get("back")
    return token


def start(returned: Mapping[str, Any] | None = None) -> None:
    """Once a run, first of all: take what the URL says, unless a widget has just spoken.

    returned: what the browser says that comes back to a server. Its URL may be older than what
    it has done: where the session is still there, that leads; else the link that it brings.
    """
    state = st.session_state
    state.pop("left", None)
    here = own(st.query_params.to_dict())
    if returned is not None:
        token, kept = returned.get("token"), returned.get("link")
        state.back = token if isinstance(token, int) else None
        if "scenario" in state:
            return
        if isinstance(kept, dict):
            here = {key: str(value) for key, value in own(kept).items()}
    touched = state.get("touched", False)
    if "scenario" in state and (touched or here == state.link):
        return
    state.link = here
    state.options = decode_options(here)
    state.pop("stepped", None)  # the steps of a link are of its own numbers
    try:
        found, looked_at = decode(here)
    except ShareError as error:
        found, looked_at = PRESETS[DEFAULT].scenario, PRESETS[DEFAULT].view
        _open(found, looked_at)
        say(f"This link can’t be opened: {error}. Here is the default scenario instead.")
    else:
        _open(found, looked_at)
        if lost := unreadable_options(here):
            can = "it is" if len(lost) == 1 else "they are"
            say(f"In this link {', '.join(lost)} can’t be read: {can} left out.")


def _open(found: Scenario, looked_at: View) -> None:
    state = st.session_state
    if "scenario" in state:
        change(found, view=looked_at, opened=found != state.scenario)
    else:
        state.update(
            scenario=found, view=looked_at, home=found, past=[], future=[], revision=0, notice=""
        )


def link() -> dict[str, str]:
    """The query of a URL that holds everything on the screen."""
    return encode(scenario(), view()) | options_link()


def options_link() -> dict[str, str]:
    """The part of it that holds what the pages were left at."""
    return encode_options(st.session_state.options)


def save() -> None:
    """Once a run, last of all: bring the URL up to date, which leads again from here on."""
    st.session_state.pop("touched", None)
    params = link()
    if own(st.query_params.to_dict()) != params:
        st.query_params.from_dict(params)
    st.session_state.link = params


def change(
    new: Scenario,
    *,
    view: View | None = None,
    before: Scenario | None = None,
    opened: bool = False,
    from_table: bool = False,
) -> None:
    """Set a new scenario. before: what undo goes back to, where that is not the last one."""
    state = st.session_state
    state.notice = ""
    earlier = state.scenario if before is None else before
    if view is not None:
        state.view = view
    if opened:
        state.home = new
    if new == earlier:
        state.scenario = new
        return
    state.past = [*state.past, earlier][-_HISTORY:]
    state.future = []
    state.scenario = new
    if not from_table:
        state.revision += 1


def can_undo() -> bool:
    """Is there anything to go back to?"""
    return bool(st.session_state.past)


def can_redo() -> bool:
    """Is there anything that was undone?"""
    return bool(st.session_state.future)


def _step_history(source: str, target: str) -> None:
    state = st.session_state
    if state[source]:
        state[target] = [*state[target], state.scenario]
        state.scenario = state[source][-1]
        state[source] = state[source][:-1]
        state.revision += 1
        state.notice = ""


def undo(*_event: object) -> None:
    """Go one change back."""
    _step_history("past", "future")


def redo(*_event: object) -> None:
    """Go one change forward again."""
    _step_history("future", "past")


def heard(key: str, name: str) -> Any:
    """What a component has just said by that name; None where Streamlit calls its callback but has
    forgotten the component."""
    return getattr(st.session_state.get(key), name, None)


def callback(act: Callable[..., None], *bound: Any) -> Callable[..., None]:
    """Wrap a widget's callback: for this run, the widget leads and not the URL."""

    def run(*args: Any) -> None:
        st.session_state.touched = True
        say("")  # what went wrong before has been read
        act(*bound, *args)

    return run
