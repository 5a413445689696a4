"""What follows a teacher: a few bytes to every phone of a room whenever the room changes.

The store is asked once for all phones of a room that this process serves. It may be changed by
another process, or on another machine, so it is asked again and again; four times a second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from anyio import to_thread

from bnviz.rooms import NoRoom, RoomError, Seen, Store

EVERY = 0.25  # seconds
QUIET = 15.0  # seconds after which a line that has nothing to say says so: proxies cut it else
MOST = 4000  # lines of one process


def message(seen: Seen) -> dict[str, Any]:
    """What phones may know of a room: of the answers only how many, until they are shown."""
    room = seen.room
    return {
        "step": room.step,
        "shown": room.shown,
        "revealed": room.revealed,
        "free": room.free,
        "link": room.link,
        "answered": sum(seen.counts.values()),
        "joined": seen.joined,
        "counts": seen.counts if room.shown else None,
        "values": seen.values if room.shown else None,
    }


def look(store: Store, code: str) -> str:
    """The message to the phones of a room, as JSON: one that has ended, and a store that is
    away, are messages as well."""
    try:
        found = message(store.see(code))
    except NoRoom:
        found = {"ended": True}
    except RoomError as error:
        found = {"away": str(error)}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


class Feed:
    """The latest message of one room, for all that follow it in this process."""

    def __init__(self) -> None:
        self.text = ""
        self.lines = 0
        self.changed = asyncio.Event()

    def say(self, text: str) -> None:
        """Wake everyone up if there is anything new."""
        if text != self.text:
            self.text = text
            self.changed.set()
            self.changed = asyncio.Event()


class Channel:
    """The feeds of one process; a room that nobody follows has none."""

    def __init__(self, store: Store, every: float = EVERY) -> None:
        self.store, self.every = store, every
        self.feeds: dict[str, Feed] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Would one more be too many?"""
        return sum(feed.lines for feed in self.feeds.values()) >= MOST

    async def _ask(self, code: str, feed: Feed) -> None:
        while feed.lines:
            feed.say(await to_thread.run_sync(look, self.store, code))
            await asyncio.sleep(self.every)
        if self.feeds.get(code) is feed:
            del self.feeds[code]

    async def follow(self, code: str) -> AsyncGenerator[str, None]:
        """Each message from now on; an empty one where there was none for long."""
        feed = self.feeds.get(code)
        if feed is None:
            feed = self.feeds[code] = Feed()
        feed.lines += 1
        if feed.lines == 1:
            task = asyncio.create_task(self._ask(code, feed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        told = ""
        try:
            while True:
                changed = feed.changed
                if feed.text != told:
                    told = feed.text
                    yield told
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), QUIET)
                except TimeoutError:
                    yield ""
        finally:
            feed.lines -= 1
