"""Rooms in which phones follow a teacher's lesson: what is kept of them, and where."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir

from bnviz.rooms.store import Full, NoRoom, Refused, Room, RoomError, Seen, Store, Unreachable

__all__ = [
    "Full",
    "NoRoom",
    "Refused",
    "Room",
    "RoomError",
    "Seen",
    "Store",
    "Unreachable",
    "open_store",
]


def _file() -> Path:
    """The file of this user's rooms: it outlives a restart, and needs no writable checkout."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bnviz"
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        cache = Path(gettempdir()) / f"bnviz-{os.getuid() if hasattr(os, 'getuid') else 'rooms'}"
        cache.mkdir(exist_ok=True, mode=0o700)
    return cache / "rooms.sqlite3"


def open_store(where: str | None = None) -> Store:
    """The store that BNVIZ_ROOMS names: redis://…, or a file; without it a file of this user's."""
    where = where or os.environ.get("BNVIZ_ROOMS") or str(_file())
    if where.startswith(("redis://", "rediss://", "unix://")):
        from bnviz.rooms.redis import Redis  # noqa: PLC0415  # an optional requirement

        return Redis(where)
    from bnviz.rooms.sqlite import Sqlite  # noqa: PLC0415

    return Sqlite(Path(where))
