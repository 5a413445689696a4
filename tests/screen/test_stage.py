"""What people do on the stage, as it reaches the server."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from bnviz.inputs.presets import PRESETS


def _page(turns: bool) -> None:
    # runs as a script of its own
    from types import SimpleNamespace  # noqa: PLC0415

    import streamlit as st  # noqa: PLC0415

    from bnviz.components import stage as component  # noqa: PLC0415
    from bnviz.core.view import View  # noqa: PLC0415
    from bnviz.inputs.presets import PRESETS  # noqa: PLC0415
    from bnviz.screen import session, stage  # noqa: PLC0415

    session.start()
    place = {"term": "dy", "row": 0, "step": 0.05}
    event = {"kind": "take", **place, "value": 0.9, "seq": 2}
    st.session_state[component.KEY] = SimpleNamespace(event=event)
    stage._on_event()
    st.session_state.takes = session.held()
    event = {"kind": "set", **place, "value": 0.95, "seq": 3}
    st.session_state[component.KEY] = SimpleNamespace(event=event)
    if turns:  # its callback came first
        session.leave()
        session.change(PRESETS["two"].scenario, view=View(), opened=True)
    stage._on_event()
    st.session_state.holds = session.held()
    st.session_state.found = session.scenario().dy[0, 0]
    session.start()
    st.session_state.left_on = session.left()


def _forgotten() -> None:
    import streamlit as st  # noqa: PLC0415

    from bnviz.components import stage as component  # noqa: PLC0415
    from bnviz.screen import session, stage  # noqa: PLC0415

    session.start()
    st.session_state.pop(component.KEY, None)
    stage._on_event()
    st.session_state.found = session.heard(component.KEY, "event")


def test_what_streamlit_has_forgotten_is_no_error() -> None:
    app = AppTest.from_function(_forgotten).run()
    assert not app.exception
    assert app.session_state["found"] is None


@pytest.mark.parametrize(
    ("turns", "found"), [(False, 0.95), (True, PRESETS["two"].scenario.dy[0, 0])]
)
def test_a_number_let_go_as_the_page_turns_is_of_the_page_before(turns: bool, found: Any) -> None:
    app = AppTest.from_function(_page, args=(turns,)).run()
    assert not app.exception
    assert app.session_state["found"] == found
    assert app.session_state["answered"] == 3
    assert app.session_state["takes"]
    assert not app.session_state["holds"]
    # What is done on the new page counts.
    assert not app.session_state["left_on"]
