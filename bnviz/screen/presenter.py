"""Present: a page for a projector, as large as the window allows, turned by keys or a clicker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from bnviz.components import keys
from bnviz.components.fit import fit
from bnviz.screen import session

# What the keys turn on a page that has parts: the option, and its values in order.
_TURNS = {
    "weights": ("part", tuple("12345")),
    "check": ("proof", tuple("12345")),
    "": ("see", ("river", "table", "sums")),
}


def presenting() -> bool:
    """Is the page shown to a class?"""
    return session.option("present") == "1"


def _toggle() -> None:
    session.choose("present", int(st.session_state.present))


def toggle() -> None:
    """The switch, on every page."""
    st.session_state.present = presenting()
    st.toggle("Present", key="present", on_change=session.callback(_toggle))


def _turn(option: str, values: Sequence[str]) -> None:
    turn = session.heard(keys.KEY, "turn")
    here = session.option(option)
    at = (values.index(here) if here in values else 0) + (turn if turn in (1, -1) else 0)
    if 0 <= at < len(values):
        session.choose(option, values[at])


def dress(page: str) -> None:
    """Everything large, and nothing that has to be scrolled. page: its path."""
    with st.container(key="presenting"):  # always there, so that nothing below is built anew
        if not presenting():
            return
        st.html(Path(__file__).with_name("present.css"))
        options = {name: session.option(name) for name in ("see", "part", "proof", "step")}
        options |= {name: session.option(name) for name in ("lesson", "said", "guess", "notes")}
        fit(f"{page}?{urlencode(options)}")
        if page in _TURNS:
            option, values = _TURNS[page]
            keys.listen(
                values.index(session.option(option)) if session.option(option) in values else 0,
                on_turn=session.callback(_turn, option, values),
            )
