"""The teacher's side of a room, without a browser."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from bnviz.claims.lesson import STEPS, scenario_of
from bnviz.core.trace import run
from bnviz.phone.limits import Limit, asker
from bnviz.rooms import NoRoom, Room
from bnviz.rooms.sqlite import Sqlite
from bnviz.screen import room, session
from bnviz.screen.parts import escaped

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


def address(at: AppTest, name: str = "room") -> str:
    """The code and the secret, or the token, in the window's address."""
    found = at.query_params[name]
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


def test_a_number_set_while_another_run_ends_reaches_the_room(
    store: Sqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit begins a rerun beside the end of the run that it interrupts."""
    teacher = press(window(), "Open a room")
    code = address(teacher)[:6]
    own = session.scenario
    changed = [False]

    def read(self: Sqlite, code: str) -> Room:
        found = plain(self, code)
        if not changed[0]:
            changed[0] = True
            s = own()
            session.change(s.edit(dy=s.dy * 2))
        return found

    plain = Sqlite.read
    monkeypatch.setattr(Sqlite, "read", read)
    before = plain(store, code).link
    teacher.run()
    teacher.run()
    assert changed[0]
    after = plain(store, code).link
    assert after != before
    assert "dy=1.8" in after


def test_a_number_set_just_before_the_answers_are_shown_reaches_the_room(store: Sqlite) -> None:
    teacher = press(window(), "Open a room")
    code = address(teacher)[:6]
    s = teacher.session_state["scenario"]
    teacher.session_state["scenario"] = s.edit(dy=s.dy * 2)  # by an event of the same run
    press(teacher, "Show the answers")
    room = store.read(code)
    assert room.shown
    assert "dy=1.8" in room.link


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


@pytest.fixture
def routeless(store: Sqlite, monkeypatch: pytest.MonkeyPatch) -> Sqlite:
    """A host that only runs the app: no page for phones."""
    monkeypatch.setattr(room, "served", lambda: False)
    return store


def seated(code: str, phone: str, **more: str) -> AppTest:
    return window({"seat": code + phone, **more})


def test_where_there_is_no_page_for_phones_the_lesson_is_one(routeless: Sqlite) -> None:
    teacher = press(window(), "Open a room")
    code = address(teacher)[:6]
    assert "/lesson" in said(teacher)
    press(teacher, "Next →")
    student = seated(code, routeless.join(code))
    assert STEPS[1].title in said(student)
    assert "Following the teacher. 0 of 1 phone answered." in said(student)
    assert not {"Next →", "Open a room", "Show the answers"} & set(labels(student)), "it is led"
    student.radio[0].set_value("loss").run()
    student.radio[0].set_value("direct").run()
    assert routeless.counts(code) == {1: {"direct": 1}}
    claim = STEPS[1].shown(run(scenario_of(STEPS[1])), STEPS[1].view).claim
    assert escaped(claim) not in said(student), "not before it is shown"
    press(teacher, "Show the answers")
    student.run()
    assert escaped(claim) in said(student)
    assert not student.radio
    press(teacher, "Next →")
    student.run()
    assert STEPS[2].title in said(student)
    press(teacher, "Let phones explore")
    student.run()
    assert "Explore freely. The teacher is at step 3." in said(student)
    press(student, "Next →")
    press(press(teacher, "← Back"), "Next →")
    student.run()
    assert escaped(STEPS[3].title) in said(student)
    press(teacher, "Back to me")
    student.run()
    assert STEPS[2].title in said(student)
    assert address(student, "seat")[:6] == code, "a reload is the same phone"
    press(student, "Leave the room")
    assert {"Next →", "Open a room"} <= set(labels(student))


def test_a_step_of_the_teacher_waits_for_what_a_student_holds(routeless: Sqlite) -> None:
    teacher = press(window(), "Open a room")
    code = address(teacher)[:6]
    student = seated(code, routeless.join(code))
    student.session_state["held"] = time.monotonic()
    press(teacher, "Next →")
    student.run()
    assert STEPS[0].title in said(student)
    student.session_state["held"] = None  # let go
    student.run()
    assert STEPS[1].title in said(student)
    student.session_state["held"] = time.monotonic() - 60  # a mouse that lies there
    press(teacher, "Next →")
    student.run()
    assert STEPS[2].title in said(student)


def test_a_seat_whose_room_or_store_is_gone_is_a_lesson_alone(routeless: Sqlite) -> None:
    code, secret = routeless.open()
    student = seated(code, routeless.join(code))
    for file in routeless.file.parent.iterdir():
        file.unlink()
    routeless.file.write_bytes(b"no database" * 1000)
    student.run()
    assert "goes on alone" in said(student)
    student.radio[0].set_value("zero").run()
    assert "So it is." in said(student)
    routeless.file.unlink()
    student.run()
    assert "The room has ended." in said(student)
    assert "Open a room" in labels(student)
    with pytest.raises(NoRoom):
        routeless.steer(code, secret, step=1)


def test_no_seat_of_an_attacker_answers(routeless: Sqlite) -> None:
    code, _ = routeless.open()
    student = seated(code, "0" * 32)
    student.radio[0].set_value("zero").run()
    assert "This phone is not in the room." in said(student)
    assert routeless.counts(code) == {}


def test_who_opens_rooms_all_the_time_keeps_nobody_else_from_it(
    store: Sqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = (Limit(1, 0, clock=lambda: 0.0), Limit(2, 0, clock=lambda: 0.0))
    monkeypatch.setattr(room, "_openings", lambda: limits)
    monkeypatch.setattr(room, "visitor", lambda: "192.0.2.1")
    opened = [said(press(window(), "Open a room")) for _ in range(3)]
    assert ["Too many rooms were opened" in text for text in opened] == [False, True, True]
    at = window()
    monkeypatch.setattr(room, "visitor", lambda: "192.0.2.2")
    assert "Too many" not in said(press(at, "Open a room"))
    monkeypatch.setattr(room, "visitor", lambda: "192.0.2.3")
    at = press(press(at, "End the room"), "Open a room")
    assert "Too many" in said(at), "all together are bounded, too"


@pytest.mark.parametrize(
    ("proxy", "forwarded", "who"),
    [
        ("", "198.51.100.9", "192.0.2.1"),
        ("1", "203.0.113.5, 198.51.100.9", "198.51.100.9"),
        ("1", "x" * 1000, "x" * 64),
    ],
)
def test_what_a_proxy_says_counts_only_behind_one(
    monkeypatch: pytest.MonkeyPatch, proxy: str, forwarded: str, who: str
) -> None:
    monkeypatch.setenv("BNVIZ_PROXY", proxy)
    assert asker("192.0.2.1", forwarded) == who
