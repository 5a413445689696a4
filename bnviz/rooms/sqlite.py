"""Rooms in a SQLite file, which the processes of one machine share and a restart leaves alone."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bnviz.rooms import store
from bnviz.rooms.store import Clock, NoRoom, Room, Store, Unreachable

_VERSION = 1
_SCHEMA = f"""
PRAGMA user_version = {_VERSION};
CREATE TABLE IF NOT EXISTS room (
    code TEXT PRIMARY KEY, secret TEXT NOT NULL, state TEXT NOT NULL, ends REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS phone (
    code TEXT NOT NULL REFERENCES room ON DELETE CASCADE, phone TEXT NOT NULL,
    PRIMARY KEY (code, phone)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answer (
    code TEXT NOT NULL, phone TEXT NOT NULL, step INTEGER NOT NULL, choice TEXT NOT NULL,
    PRIMARY KEY (code, step, phone),
    FOREIGN KEY (code, phone) REFERENCES phone ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used (
    code TEXT PRIMARY KEY REFERENCES room ON DELETE CASCADE, at REAL NOT NULL
) WITHOUT ROWID;
"""
# Which room gives way: an empty one first, and of those the one that has lain idle for longest.
_IDLE = """
SELECT code FROM (
    SELECT code, at, EXISTS (SELECT 1 FROM phone WHERE phone.code = used.code) AS phones FROM used
) WHERE at <= CASE phones WHEN 0 THEN ? ELSE ? END ORDER BY phones, at LIMIT 1
"""
_WAIT = 3.0  # seconds for another process to finish its writing


_gate = threading.Condition()
_users: Counter[Path] = Counter()  # of this process, by file


def _make(file: Path) -> None:
    file.touch(mode=0o600)
    db = sqlite3.connect(file, timeout=_WAIT, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_SCHEMA)
    finally:
        db.close()


@contextmanager
def _using(file: Path) -> Iterator[None]:
    """Nobody has the file open while it is made anew, because it was deleted.

    Its shared memory would be cut off under those who have the old one, and the process with it.
    """
    with _gate:
        if not file.exists():
            if not _gate.wait_for(lambda: not _users[file] or file.exists(), _WAIT):
                raise OSError("the file that is gone is still in use")
            if not file.exists():
                _make(file)
        _users[file] += 1
    try:
        yield
    finally:
        with _gate:
            _users[file] -= 1
            _gate.notify_all()


class Sqlite(Store):
    """A connection a call: it opens in a fraction of a millisecond, and no thread owns it."""

    def __init__(self, file: Path, clock: Clock = time.time) -> None:
        super().__init__(clock)
        self.file = file.absolute()

    @contextmanager
    def _open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            with _using(self.file), self._connected(write) as db:
                yield db
        except (sqlite3.Error, OSError) as error:
            raise Unreachable from error

    @contextmanager
    def _connected(self, write: bool) -> Iterator[sqlite3.Connection]:
        there = f"{self.file.as_uri()}?mode=rw"  # it is made in one place alone
        db = sqlite3.connect(there, timeout=_WAIT, isolation_level=None, uri=True)
        try:
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                db.executescript(_SCHEMA)
            db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield db
            except BaseException:
                db.rollback()
                raise
            db.commit()
        finally:
            db.close()

    def _found(self, db: sqlite3.Connection, code: str) -> tuple[Room, str]:
        row = db.execute(
            "SELECT state, secret FROM room WHERE code = ? AND ends > ?", (code, self.clock())
        ).fetchone()
        if row is None:
            raise NoRoom
        return store.from_fields(json.loads(row[0])), row[1]

    def _create(self, code: str, kept: str, room: Room) -> bool:
        with self._open(write=True) as db:
            db.execute("DELETE FROM room WHERE ends <= ?", (self.clock(),))
            if db.execute("SELECT count(*) FROM room").fetchone()[0] >= store.MOST_ROOMS:
                now = self.clock()
                idle = (now - store.IDLE_EMPTY, now - store.IDLE)
                found = db.execute(_IDLE, idle).fetchone()
                if found is None:
                    raise store.full_house()
                db.execute("DELETE FROM room WHERE code = ?", found)
            made = db.execute(
                "INSERT OR IGNORE INTO room VALUES (?, ?, ?, ?)",
                (code, kept, json.dumps(store.as_fields(room)), room.ends),
            )
            if made.rowcount == 1:
                self._use(db, code)
            return made.rowcount == 1

    def _use(self, db: sqlite3.Connection, code: str) -> None:
        """Something was done in the room."""
        db.execute("INSERT OR REPLACE INTO used VALUES (?, ?)", (code, self.clock()))

    def _read(self, code: str) -> tuple[Room, str]:
        with self._open() as db:
            return self._found(db, code)

    def _change(self, code: str, act: Callable[[Room, str], Room]) -> Room:
        with self._open(write=True) as db:
            room = act(*self._found(db, code))
            state = json.dumps(store.as_fields(room))
            db.execute("UPDATE room SET state = ? WHERE code = ?", (state, code))
            self._use(db, code)
            return room

    def _forget(self, code: str) -> None:
        with self._open(write=True) as db:
            db.execute("DELETE FROM room WHERE code = ?", (code,))

    def _join(self, code: str, phone: str) -> None:
        with self._open(write=True) as db:
            self._found(db, code)
            if _count(db, code) >= store.MOST_PHONES:
                raise store.full_room()
            db.execute("INSERT INTO phone VALUES (?, ?)", (code, phone))
            self._use(db, code)

    def _answer(self, code: str, phone: str, step: int, said: str) -> None:
        with self._open(write=True) as db:
            room, _ = self._found(db, code)
            known = "SELECT 1 FROM phone WHERE code = ? AND phone = ?"
            if db.execute(known, (code, phone)).fetchone() is None:
                raise store.not_in()
            if step in room.revealed:
                raise store.too_late()
            new = (code, phone, step, said)
            db.execute("INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?)", new)
            self._use(db, code)

    def _every(self, code: str) -> dict[int, store.Said]:
        with self._open() as db:
            self._found(db, code)
            found: dict[int, dict[str, int]] = {}
            for step, said, n in db.execute(
                "SELECT step, choice, count(*) FROM answer WHERE code = ? GROUP BY step, choice",
                (code,),
            ):
                found.setdefault(step, {})[said] = n
            return dict(found)

    def _see(self, code: str) -> tuple[Room, int, store.Said]:
        with self._open() as db:
            room, _ = self._found(db, code)
            said = db.execute(
                "SELECT choice, count(*) FROM answer WHERE code = ? AND step = ? GROUP BY choice",
                (code, room.step),
            )
            return room, _count(db, code), dict(said.fetchall())


def _count(db: sqlite3.Connection, code: str) -> int:
    return int(db.execute("SELECT count(*) FROM phone WHERE code = ?", (code,)).fetchone()[0])
