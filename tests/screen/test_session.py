"""A browser that comes back to a server which may have lost its session."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from bnviz.core.view import View
from bnviz.inputs.link import encode
from bnviz.inputs.presets import PRESETS


def _page(returned: object) -> None:
    from bnviz.screen import session  # noqa: PLC0415  # runs as a script of its own

    session.start(returned)  # type: ignore[arg-type]


def come_back(
    link: object, query: dict[str, str] | None = None, known: dict[str, Any] | None = None
) -> AppTest:
    """The session after a return with this link, on a page with this URL."""
    returned = {"token": 7, "link": link}
    app = AppTest.from_function(_page, args=(returned,))
    for key, value in (known or {}).items():
        app.session_state[key] = value
    for key, value in (query or {}).items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


TWO, ONE = PRESETS["two"], PRESETS["one"]
LINK = encode(TWO.scenario, View())


def test_a_new_session_has_what_was_on_the_screen() -> None:
    older = encode(ONE.scenario, View())
    app = come_back(LINK, older)
    assert app.session_state["scenario"] == TWO.scenario
    assert app.session_state["back"] == 7
    assert app.session_state["past"] == []


def test_without_a_link_of_its_own_the_url_leads() -> None:
    app = come_back(None, encode(ONE.scenario, View()))
    assert app.session_state["scenario"] == ONE.scenario


def test_a_session_that_is_still_there_knows_better() -> None:
    known = {"scenario": ONE.scenario, "view": ONE.view, "link": {}, "past": [], "notice": ""}
    app = come_back(LINK, known=known)
    assert app.session_state["scenario"] == ONE.scenario


def test_an_answer_that_got_lost_took_its_url_with_it() -> None:
    written = encode(ONE.scenario, ONE.view)
    known = {"scenario": ONE.scenario, "view": ONE.view, "link": written, "past": [], "notice": ""}
    app = come_back(None, LINK, known=known)
    assert app.session_state["scenario"] == ONE.scenario


@pytest.mark.parametrize(
    "link", [{"x": "1_2", "check": "0"}, {"x": 3, "dy": None}, {"lesson": "<b>"}, "x=1", [1], 5]
)
def test_a_link_that_is_none_opens_the_default(link: object) -> None:
    app = come_back(link)
    assert app.session_state["scenario"] == PRESETS["puzzle"].scenario
