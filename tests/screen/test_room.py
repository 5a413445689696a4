"""The teacher's side of a room, without a browser."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from bnviz.claims.lesson import STEPS, scenario_of
from bnviz.core.trace import run
from bnviz.rooms.sqlite import Sqlite
from bnviz.screen import room

APP = str(Path(__file__).parents[2] / "app.py")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sqlite]:
    """The store of the app, in a file of this test."""
    monkeypatch.setenv("BNVIZ_ROOMS", str(tmp_path / "rooms.sqlite3"))
    monkeypatch.setattr(room, "served", lambda: True)
    st.cache_resource.clear()
    yield Sqlite(tmp_path / "rooms.sqlite3")
    st.cache_resource.clear()


def window(address: dict[str, str] | None = None) -> AppTest:
    """A window on the lesson."""
    at = AppTest.from_file(APP, default_timeout=30)
    for key, value in (address or {}).items():
        at.query_params[key] = value
    at.run()
    at.switch_page("bnviz/pages/lesson.py").run()
    assert not at.exception
    return at


def press(at: AppTest, label: str) -> AppTest:
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception
    return at


def address(at: AppTest) -> str:
    """The code and the secret in the window's address."""
    found = at.query_params["room"]
    return found if isinstance(found, str) else found[0]


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def said(at: AppTest) -> str:
    return " ".join(element.value for element in at.markdown)


def test_a_window_steers_its_room_and_a_second_one_follows(store: Sqlite) -> None:
    first = press(window(), "Open a room")
    both = address(first)
    press(first, "Next →")
    assert store.read(both[:6]).step == 1
    second = window({"room": both})
    assert STEPS[1].title in said(second)
    press(second, "Next →")
    assert store.read(both[:6]).step == 2
    first.run()
    assert STEPS[2].title in said(first)
    press(first, "Show the answers")
    assert store.read(both[:6]).revealed == (2,)
    second.run()
    assert "Show the answers" not in labels(second)
    press(second, "End the room")
    first.run()
    assert "The room has ended." in said(first)
    assert "Open a room" in labels(first)


def test_a_code_without_its_secret_steers_nothing(store: Sqlite) -> None:
    code, _ = store.open()
    at = window({"room": code + "0" * 32, "lesson": "4"})
    assert "does not steer" in said(at)
    press(at, "Next →")
    assert store.read(code).step == 0


def test_a_store_that_is_gone_is_said_and_the_lesson_goes_on_alone(store: Sqlite) -> None:
    at = press(window(), "Open a room")
    for file in store.file.parent.iterdir():
        file.unlink()
    store.file.write_bytes(b"no database" * 1000)
    at.run()
    assert "goes on alone" in said(at)
    press(at, "Next →")
    assert STEPS[1].title in said(at)
    assert at.radio


def test_the_link_to_share_leaves_the_secret_out(store: Sqlite) -> None:
    at = press(window(), "Open a room")
    both = address(at)
    at.session_state["share"] = True
    at.run()
    assert at.code, "Share is open"
    assert both not in " ".join(element.value for element in at.code)
    assert "room=" not in " ".join(element.value for element in at.code)


def test_the_counts_of_all_steps_as_csv() -> None:
    lines = list(csv.DictReader(io.StringIO(room.counts_csv({1: {"zero": 3}}))))
    assert len(lines) == sum(len(step.choices) for step in STEPS)
    assert sum(int(line["count"]) for line in lines) == 3
    three = next(line for line in lines if line["count"] == "3")
    assert (three["step"], three["answer"]) == ("2", STEPS[1].choices["zero"].text)
    for i, step in enumerate(STEPS):
        truth = step.choices[step.truth(run(scenario_of(step)), step.view)].text
        right = [x["answer"] for x in lines if x["step"] == str(i + 1) and x["right"] == "yes"]
        assert truth in right
