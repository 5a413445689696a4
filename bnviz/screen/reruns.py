"""Streamlit's own table of widgets, walked over a copy.

A rerun that interrupts a run is begun beside the end of that run, in another thread and under
another lock, on the same state. Where the one adds a widget while the other goes through them,
Python raises "dictionary changed size during iteration", and the visitor sees an error.
"""

from __future__ import annotations

from collections.abc import Iterator

from streamlit.runtime.state.session_state import WStates


def _walk(states: WStates) -> Iterator[str]:
    """The widgets that there are now; to copy a dict's keys can't be interrupted."""
    return iter(list(states.states))


def settle() -> None:
    """From the first run of a server on; for Streamlit as it is pinned."""
    WStates.__iter__ = _walk  # type: ignore[method-assign]
