"""Two runs of one session at once."""

from __future__ import annotations

from streamlit.runtime.state.session_state import Value, WStates

from bnviz.screen import reruns


def test_a_widget_that_is_added_while_others_are_walked_through_is_no_error() -> None:
    reruns.settle()
    states = WStates()
    states["a"], states["b"] = Value(1), Value(2)
    walked = []
    for name in states:
        walked.append(name)
        states[f"{name} of another run"] = Value(3)
    assert walked == ["a", "b"]
    assert len(states) == 4
    assert dict(states.items())["a of another run"] == 3
