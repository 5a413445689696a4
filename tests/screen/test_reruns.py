"""Two runs of one session at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.runtime.state.session_state import Value, WStates
from streamlit.testing.v1 import AppTest

APP = str(Path(__file__).parents[2] / "app.py")


def test_a_widget_that_is_added_while_others_are_walked_through_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(WStates, "__iter__", lambda states: iter(states.states))  # Streamlit's own
    AppTest.from_file(APP, default_timeout=30).run()
    states = WStates()
    states["a"], states["b"] = Value(1), Value(2)
    walked = []
    for name in states:
        walked.append(name)
        states[f"{name} of another run"] = Value(3)
    assert walked == ["a", "b"]
    assert len(states) == 4
    assert dict(states.items())["a of another run"] == 3
