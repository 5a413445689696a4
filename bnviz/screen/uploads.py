"""What uploads may hold in memory, a session and all of them: Streamlit bounds each file alone.

A file arrives before any page has asked for it, and stays as long as its session; so it is
counted where it comes in.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import streamlit as st
from streamlit.runtime import get_instance

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]
Held = Callable[[], Mapping[str, list[int]]]

MOST_FILES = 200  # a session: a folder of captures is a file a layer
_PATH = re.compile(r".*/_stcore/upload_file/([^/]+)/[^/]+/?")
_MB = 2**20


def held() -> dict[str, list[int]]:
    """The sizes of what is kept, by session."""
    kept = getattr(get_instance().uploaded_file_mgr, "file_storage", {})
    return {
        session: [len(file.data) for file in list(files.values())]
        for session, files in list(kept.items())
    }


def bounds() -> tuple[int, int]:
    """Bytes for a session, two of the largest file, and for the process: BNVIZ_UPLOADS (MB), else
    as many."""
    largest = int(st.get_option("server.maxUploadSize")) * _MB
    most = os.environ.get("BNVIZ_UPLOADS", "")
    return 2 * largest, max(int(most) * _MB if most.isdigit() else 2 * largest, largest)


class Uploads:
    """Lets a file in only where there is room for it, those under way included."""

    def __init__(self, app: Asgi, held: Held = held, bounds: Callable[[], Any] = bounds) -> None:
        self.app, self.held, self.bounds = app, held, bounds
        self.coming: Counter[str] = Counter()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        path = _PATH.fullmatch(scope.get("path", ""))
        if scope["type"] != "http" or scope["method"] not in ("PUT", "POST") or not path:
            await self.app(scope, receive, send)
            return
        session, size = path[1], _length(scope)
        refused = self._refuse(session, size)
        if refused:
            await _answer(send, *refused)
            return
        self.coming[session] += size
        try:
            await self.app(scope, receive, send)
        finally:
            self.coming[session] -= size
            self.coming += Counter()  # drops what is 0

    def _refuse(self, session: str, size: int) -> tuple[int, str] | None:
        if size < 0:
            return 411, "How long is it?"
        kept = self.held()
        most, most_of_all = self.bounds()
        mine = kept.get(session, [])
        if len(mine) >= MOST_FILES or sum(mine) + self.coming[session] + size > most:
            return 413, "This session holds as many files as it may. Take some away first."
        if sum(map(sum, kept.values())) + self.coming.total() + size > most_of_all:
            return 503, "Too many files are open here just now. Try again in a few minutes."
        return None


def _length(scope: Message) -> int:
    found = dict(scope["headers"]).get(b"content-length", b"")
    return int(found) if found.isdigit() else -1


async def _answer(send: Send, status: int, text: str) -> None:
    body = text.encode()
    head = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
