"""Rooms, kept in SQLite and in Redis: the same rules, and what attackers try."""

from __future__ import annotations

import math
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bnviz.claims.lesson import STEPS as LESSON
from bnviz.rooms import (
    Full,
    NoRoom,
    Refused,
    RoomError,
    Store,
    Unreachable,
    open_store,
    sqlite,
    store,
)
from bnviz.rooms.sqlite import Sqlite

HOSTILE: list[object] = [
    *("", "abc", "a" * 6, "bcdfg", "bcdfgha", "BCDFG'", "bcdf\u0661g", "bcdfgh\x00", "b" * 10**6),
    *("' OR 1=1 --", "../../etc", "*", "bnviz:rooms", None, 7, ["bcdfgh"], {"$gt": ""}),
]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@contextmanager
def real_redis(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A real Redis of these tests' own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    pytest.importorskip("redis", reason="the package redis is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0", server
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Redis of all tests but the one that ends it."""
    with real_redis(tmp_path_factory.mktemp("redis")) as (url, _):
        yield url


@pytest.fixture(params=["sqlite", "redis"])
def rooms(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind, with a clock that can be set."""
    if request.param == "sqlite":
        return Sqlite(tmp_path / "rooms.sqlite3", Clock())
    found = open_store(request.getfixturevalue("redis_url"))
    found.clock = Clock()
    found._db.flushall()  # type: ignore[attr-defined]
    return found


def test_a_room_has_as_many_steps_as_the_lesson_and_takes_all_of_its_answers(rooms: Store) -> None:
    assert len(LESSON) == store.STEPS
    code, _ = rooms.open()
    phone = rooms.join(code)
    for i, step in enumerate(LESSON):
        for choice in step.choices:
            rooms.answer(code, phone, i, choice)
            assert rooms.counts(code)[i] == {choice: 1}


def test_the_teacher_steers_and_phones_see_it(rooms: Store) -> None:
    code, secret = rooms.open()
    first = rooms.read(code)
    assert (first.step, first.shown, first.free, first.link) == (0, False, False, "")
    rooms.steer(code, secret, step=3, link="dy=1")
    second = rooms.read(code.upper()[:3] + " " + code[3:])
    assert (second.step, second.link, second.shown) == (3, "dy=1", False)
    assert second.version > first.version
    assert rooms.steer(code, secret, step=3, link="dy=1") == second, "nothing new, no new version"
    assert rooms.steer(code, secret, reveal=True).shown
    assert not rooms.steer(code, secret, step=4).shown
    assert rooms.steer(code, secret, step=3).shown, "what was shown stays shown"
    assert rooms.steer(code, secret, free=True).free


def test_one_phone_has_one_answer_until_it_is_shown(rooms: Store) -> None:
    code, secret = rooms.open()
    one, two = rooms.join(code), rooms.join(code)
    rooms.answer(code, one, 0, "zero")
    rooms.answer(code, one, 0, "other")
    rooms.answer(code, two, 0, "zero")
    rooms.answer(code, two, 1, "zero")
    assert rooms.see(code).joined == 2
    rooms.steer(code, secret, reveal=True)
    with pytest.raises(Refused, match="has been shown"):
        rooms.answer(code, one, 0, "zero")
    rooms.answer(code, one, 1, "other")
    assert rooms.counts(code) == {0: {"other": 1, "zero": 1}, 1: {"zero": 1, "other": 1}}


def test_a_prediction_can_be_a_number_and_nobody_is_told_whose(rooms: Store) -> None:
    code, secret = rooms.open()
    one, two, three = (rooms.join(code) for _ in range(3))
    rooms.answer(code, one, 0, "n", 6)
    rooms.answer(code, one, 0, "zero", -0.25)
    rooms.answer(code, two, 0, "zero", -0.25)
    rooms.answer(code, three, 0, "n", 5.123456789)
    rooms.answer(code, three, 1, "zero", 1e-9)
    seen = rooms.see(code)
    assert seen.values == ((-0.25, 2), (5.12346, 1))
    assert (seen.counts, seen.joined) == ({"zero": 2, "n": 1}, 3)
    rooms.answer(code, one, 0, "n")  # chosen instead: the number is gone
    assert rooms.see(code).values == ((-0.25, 1), (5.12346, 1))
    rooms.steer(code, secret, step=1)
    assert rooms.see(code).values == ((1e-9, 1),)
    assert rooms.counts(code) == {0: {"zero": 1, "n": 2}, 1: {"zero": 1}}


def test_a_room_ends_by_itself_after_a_day_or_at_once(rooms: Store) -> None:
    code, secret = rooms.open()
    again, other = rooms.open()
    rooms.answer(code, rooms.join(code), 0, "zero")
    rooms.end(code, secret)
    for act in (rooms.read, rooms.join, rooms.counts, rooms.see):
        with pytest.raises(NoRoom):
            act(code)
    assert rooms.read(again)
    rooms.clock.ahead = store.DAY - 60  # type: ignore[attr-defined]
    assert rooms.read(again)
    rooms.clock.ahead = store.DAY + 1  # type: ignore[attr-defined]
    with pytest.raises(NoRoom):
        rooms.read(again)
    with pytest.raises(NoRoom):
        rooms.steer(again, other, step=1)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: repr(text)[:24])
def test_no_code_secret_phone_or_answer_of_an_attacker_does_anything(
    rooms: Store, hostile: object
) -> None:
    code, secret = rooms.open()
    phone = rooms.join(code)
    rooms.answer(code, phone, 0, "zero")
    before = rooms.read(code)
    for act in (rooms.read, rooms.join):
        with pytest.raises(NoRoom):
            act(hostile)
    for tried in (hostile, "0" * 32, secret.upper() if secret.upper() != secret else "x", phone):
        with pytest.raises(Refused):
            rooms.steer(code, tried, step=5)
        with pytest.raises(Refused):
            rooms.end(code, tried)
        assert not rooms.steers(code, tried)
    with pytest.raises(Refused):
        rooms.answer(code, hostile, 0, "zero")
    with pytest.raises(Refused, match="not in the room"):
        rooms.answer(code, "0" * 32, 0, "zero")
    for step in (-1, store.STEPS, True, 1.0, "0", None):
        with pytest.raises(Refused):
            rooms.answer(code, phone, step, "zero")
        if step is not None:
            with pytest.raises(Refused):
                rooms.steer(code, secret, step=step)
    for choice in ("", "Zero", "x" * 13, "<b>", "a b", None, 3):
        with pytest.raises(Refused):
            rooms.answer(code, phone, 0, choice)
    values: list[object] = [math.nan, -math.inf, 1e12, 10**400, True, "1", [1.0], {}]
    for value in values:
        with pytest.raises(Refused, match="no number"):
            rooms.answer(code, phone, 0, "zero", value)
    with pytest.raises(Refused):
        rooms.steer(code, secret, link="1" * (store.LONGEST + 1))
    assert rooms.steers(code, secret)
    assert rooms.read(code) == before
    assert rooms.counts(code) == {0: {"zero": 1}}


def test_the_phone_of_one_room_is_unknown_in_another(rooms: Store) -> None:
    (one, _), (two, secret) = rooms.open(), rooms.open()
    with pytest.raises(Refused, match="not in the room"):
        rooms.answer(two, rooms.join(one), 0, "zero")
    with pytest.raises(Refused):
        rooms.steer(one, secret, step=1)


def test_rooms_and_phones_are_bounded(rooms: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_ROOMS", 2)
    monkeypatch.setattr(store, "MOST_PHONES", 3)
    code, secret = rooms.open()
    rooms.open()
    with pytest.raises(Full):
        rooms.open()
    for _ in range(3):
        rooms.join(code)
    with pytest.raises(Full, match="full"):
        rooms.join(code)
    rooms.end(code, secret)
    code, _ = rooms.open()
    rooms.join(code)
    rooms.clock.ahead = store.DAY + 1  # type: ignore[attr-defined]
    rooms.open()  # those that ended by themselves make place


def test_where_rooms_are_too_many_the_one_gives_way_that_has_lain_idle(
    rooms: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_ROOMS", 3)

    def later(seconds: float) -> None:
        rooms.clock.ahead += seconds  # type: ignore[attr-defined]

    (held, secret), (flood, _), (other, _) = (rooms.open() for _ in range(3))
    phone = rooms.join(held)
    later(store.IDLE_EMPTY - 60)
    with pytest.raises(Full):
        rooms.open()
    later(120)
    fresh, _ = rooms.open()  # in place of the first that nobody came to
    with pytest.raises(NoRoom):
        rooms.read(flood)
    assert rooms.read(held)
    newer, _ = rooms.open()
    with pytest.raises(NoRoom):
        rooms.read(other)
    with pytest.raises(Full):
        rooms.open()  # the others are in use, or were just opened
    later(store.IDLE - 600)
    rooms.answer(held, phone, 0, "zero")  # a class that has worked on its own for long
    later(900)
    rooms.open()
    rooms.open()
    assert rooms.counts(held) == {0: {"zero": 1}}
    for gone in (fresh, newer):
        with pytest.raises(NoRoom):
            rooms.read(gone)
    later(store.IDLE)
    for _ in range(3):  # by now the class has gone home as well
        rooms.open()
    with pytest.raises(NoRoom):
        rooms.steer(held, secret, step=1)


def test_many_at_once_lose_nothing(rooms: Store) -> None:
    """Phones answer while the teacher shows: each answer counts, or is told that it came late."""
    code, secret = rooms.open()
    phones = [rooms.join(code) for _ in range(24)]
    late: list[str] = []
    failed: list[BaseException] = []

    def tell(mine: list[str]) -> None:
        for phone in mine:
            try:
                rooms.answer(code, phone, 0, "zero")
            except Refused:
                late.append(phone)
            except BaseException as error:
                failed.append(error)

    threads = [threading.Thread(target=tell, args=(phones[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    rooms.steer(code, secret, reveal=True)
    for thread in threads:
        thread.join()
    assert failed == []
    assert sum(rooms.counts(code).get(0, {}).values()) == len(phones) - len(late)


def test_codes_are_hard_to_guess_and_secrets_are_not_kept(tmp_path: Path) -> None:
    rooms = Sqlite(tmp_path / "rooms.sqlite3")
    opened = [rooms.open() for _ in range(50)]
    assert len({code for code, _ in opened}) == 50
    assert len(store.LETTERS) ** 6 > 3e8
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert all(code.encode() in kept for code, _ in opened)
    assert not any(secret.encode() in kept for _, secret in opened)
    assert (tmp_path / "rooms.sqlite3").stat().st_mode & 0o077 == 0


def test_another_process_and_a_restart_see_the_same_room(tmp_path: Path) -> None:
    one = open_store(str(tmp_path / "rooms.sqlite3"))
    code, secret = one.open()
    one.steer(code, secret, step=4)
    assert open_store(str(tmp_path / "rooms.sqlite3")).read(code).step == 4


def _broken_file(tmp_path: Path) -> Store:
    (tmp_path / "rooms.sqlite3").write_bytes(b"not a database" * 1000)
    return Sqlite(tmp_path / "rooms.sqlite3")


def _no_folder(tmp_path: Path) -> Store:
    return Sqlite(tmp_path / "gone" / "rooms.sqlite3")


def _no_redis(tmp_path: Path) -> Store:
    pytest.importorskip("redis", reason="the package redis is not installed")
    return open_store("redis://127.0.0.1:1/0")


@pytest.mark.parametrize("gone", [_broken_file, _no_folder, _no_redis])
def test_a_store_that_is_gone_is_said_in_a_sentence(
    gone: Callable[[Path], Store], tmp_path: Path
) -> None:
    rooms = gone(tmp_path)
    for act in (rooms.open, lambda: rooms.read("bcdfgh"), lambda: rooms.join("bcdfgh")):
        with pytest.raises(Unreachable, match="goes on alone"):
            act()


class Class:
    """Phones and a teacher at work on a store, in threads, while something happens to it."""

    def __init__(self, rooms: Store) -> None:
        self.rooms, (self.code, self.secret) = rooms, rooms.open()
        self.phone = rooms.join(self.code)
        self.done, self.told, self.failed = 0, set[str](), list[BaseException]()
        self.stop = threading.Event()
        acts: list[Callable[[], object]] = [
            lambda: rooms.answer(self.code, self.phone, 0, "zero", 0.5),
            lambda: rooms.see(self.code),
            lambda: rooms.join(self.code),
            lambda: rooms.steer(self.code, self.secret, free=True),
            rooms.open,
        ]
        self.threads = [threading.Thread(target=self._work, args=(act,)) for act in acts]

    def _work(self, act: Callable[[], object]) -> None:
        while not self.stop.wait(0.002):
            try:
                act()
                self.done += 1
            except RoomError as error:
                self.told.add(str(error))
            except BaseException as error:
                self.failed.append(error)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Until the end, and for a moment after what happened."""
        for thread in self.threads:
            thread.start()
        try:
            while self.done < 8:
                time.sleep(0.01)
            yield
            for _ in range(300):
                if self.told:
                    break
                time.sleep(0.02)
        finally:
            self.stop.set()
            for thread in self.threads:
                thread.join()


def test_a_file_that_is_deleted_in_the_middle_of_a_lesson_ends_its_rooms(tmp_path: Path) -> None:
    rooms = Sqlite(tmp_path / "rooms.sqlite3")
    at_work = Class(rooms)
    with at_work.working():
        for _ in range(100):  # by chance of the moment this once ended the process
            for file in tmp_path.iterdir():
                file.unlink(missing_ok=True)
            time.sleep(0.003)
    assert at_work.failed == []
    assert at_work.told <= {str(NoRoom()), str(Unreachable())}
    with pytest.raises(NoRoom):
        rooms.read(at_work.code)
    assert rooms.read(rooms.open()[0])  # and new ones can be opened


def test_a_disk_that_is_full_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")  # not on Windows
    rooms = Sqlite(tmp_path / "rooms.sqlite3")
    code, secret = rooms.open()
    rooms.steer(code, secret, step=3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        with pytest.raises(Unreachable):
            rooms.steer(code, secret, step=4)
        with pytest.raises(Unreachable):
            rooms.join(code)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert rooms.read(code).step == 3
    assert rooms.steer(code, secret, step=4).step == 4


def test_a_redis_that_ends_in_the_middle_of_a_lesson_is_said(tmp_path: Path) -> None:
    with real_redis(tmp_path) as (url, server):
        at_work = Class(open_store(url))
        with at_work.working():
            server.kill()
            server.wait()
    assert at_work.failed == []
    assert at_work.told == {str(Unreachable())}


def test_a_file_that_is_gone_is_not_made_anew_under_who_uses_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_WAIT", 0.02)
    rooms, other = Sqlite(tmp_path / "rooms.sqlite3"), Sqlite(tmp_path / "rooms.sqlite3")
    code, _ = rooms.open()
    with rooms._open():
        rooms.file.unlink()
        with pytest.raises(Unreachable):
            other.open()
        assert not rooms.file.exists()
    with pytest.raises(NoRoom):
        other.read(code)
