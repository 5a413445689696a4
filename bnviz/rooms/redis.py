"""Rooms in Redis, for the servers of more than one machine; needs the package `redis`."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from bnviz.rooms import store
from bnviz.rooms.store import Clock, NoRoom, Room, Store, Unreachable

_PATIENCE = 2.0  # seconds for an answer of the server
_ALL = "bnviz:rooms"  # every open room, by its end
_USED = "bnviz:rooms:used"  # and by when something was last done in it


def _key(code: str, what: str = "") -> str:
    return f"bnviz:room:{code}{what and ':' + what}"


class Redis(Store):
    """A hash a room (state, secret), a set of its phones, a hash of answers a step."""

    def __init__(self, url: str, clock: Clock = time.time) -> None:
        super().__init__(clock)
        self._db: Any = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
        )

    @contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            yield self._db
        except redis.RedisError as error:
            raise Unreachable from error

    def _atomic(self, code: str, act: Callable[[Any], Any]) -> Any:
        """Act on a pipeline that is tried again where someone else changed the room meanwhile."""
        with self._open() as db:
            watched = (_key(code), _key(code, "phones"))
            return db.transaction(act, *watched, value_from_callable=True)

    def _found(self, db: Any, code: str) -> tuple[Room, str]:
        state, secret = db.hmget(_key(code), "state", "secret")
        room = None if state is None else store.from_fields(json.loads(state))
        if room is None or room.ends <= self.clock():
            raise NoRoom
        return room, secret

    def _create(self, code: str, kept: str, room: Room) -> bool:
        with self._open() as db:
            now = self.clock()
            db.zremrangebyscore(_ALL, "-inf", now)
            db.zremrangebyscore(_USED, "-inf", now - store.DAY)
            if db.zcard(_ALL) >= store.MOST_ROOMS:
                self._give_way(db, now)
            if not db.hsetnx(_key(code), "secret", kept):
                return False
            db.hset(_key(code), "state", json.dumps(store.as_fields(room)))
            db.expire(_key(code), store.DAY)
            db.zadd(_ALL, {code: room.ends})
            db.zadd(_USED, {code: now})
            return True

    def _give_way(self, db: Any, now: float) -> None:
        """End the room that has lain idle for longest, an empty one first; Full if none has."""
        idle = db.zrangebyscore(_USED, "-inf", now - store.IDLE_EMPTY, withscores=True)
        pipe = db.pipeline()
        for code, _ in idle:
            pipe.scard(_key(code, "phones"))
        phones = dict(zip((code for code, _ in idle), pipe.execute(), strict=True))
        away = [code for code, at in idle if not phones[code] or at <= now - store.IDLE]
        if not away:
            raise store.full_house()
        self._forget(min(away, key=lambda code: phones[code] > 0))

    def _read(self, code: str) -> tuple[Room, str]:
        with self._open() as db:
            return self._found(db, code)

    def _change(self, code: str, act: Callable[[Room, str], Room]) -> Room:
        def change(pipe: Any) -> Room:
            room = act(*self._found(pipe, code))
            pipe.multi()
            pipe.hset(_key(code), "state", json.dumps(store.as_fields(room)))
            pipe.zadd(_USED, {code: self.clock()})
            return room

        changed: Room = self._atomic(code, change)
        return changed

    def _forget(self, code: str) -> None:
        with self._open() as db:
            answers = [_key(code, str(step)) for step in range(store.STEPS)]
            db.delete(_key(code), _key(code, "phones"), *answers)
            db.zrem(_ALL, code)
            db.zrem(_USED, code)

    def _join(self, code: str, phone: str) -> None:
        def join(pipe: Any) -> None:
            self._found(pipe, code)
            if pipe.scard(_key(code, "phones")) >= store.MOST_PHONES:
                raise store.full_room()
            pipe.multi()
            pipe.sadd(_key(code, "phones"), phone)
            pipe.expire(_key(code, "phones"), store.DAY)
            pipe.zadd(_USED, {code: self.clock()})

        self._atomic(code, join)

    def _answer(self, code: str, phone: str, step: int, said: str) -> None:
        def answer(pipe: Any) -> None:
            room, _ = self._found(pipe, code)
            if not pipe.sismember(_key(code, "phones"), phone):
                raise store.not_in()
            if step in room.revealed:
                raise store.too_late()
            pipe.multi()
            pipe.hset(_key(code, str(step)), phone, said)
            pipe.expire(_key(code, str(step)), store.DAY)
            pipe.zadd(_USED, {code: self.clock()})

        self._atomic(code, answer)

    def _every(self, code: str) -> dict[int, store.Said]:
        with self._open() as db:
            self._found(db, code)
            steps = {step: db.hvals(_key(code, str(step))) for step in range(store.STEPS)}
            return {step: Counter(said) for step, said in steps.items() if said}

    def _see(self, code: str) -> tuple[Room, int, store.Said]:
        with self._open() as db:
            room, _ = self._found(db, code)
            pipe = db.pipeline(transaction=False)
            pipe.scard(_key(code, "phones"))
            pipe.hvals(_key(code, str(room.step)))
            joined, said = pipe.execute()
            return room, int(joined), Counter(said)
