"""The components' files, compressed once for all visitors and not sent again to who has them.

Streamlit compresses each file for each request and gives it no mark to ask again by: a visit with
figures cost 1.5 MB and a tenth of a second of the server each time, and the browser compiled all
of it anew.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import lru_cache
from pathlib import Path

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager

_PATH = re.compile(r".*/_stcore/bidi-components/(bnviz\.\w+)/(\w[\w.-]*)")
_KINDS = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2"}


@lru_cache(maxsize=256)
def _packed(file: Path, _mtime: int, _size: int) -> tuple[str, bytes, bytes]:
    """A file's mark, itself, and itself compressed."""
    data = file.read_bytes()
    return f'"{hashlib.sha256(data).hexdigest()[:20]}"', data, gzip.compress(data, 6, mtime=0)


def _answer(file: Path, headers: Headers) -> Response:
    """The file, or that it is still the one that the browser has."""
    stat = file.stat()
    mark, data, packed = _packed(file, stat.st_mtime_ns, stat.st_size)
    # To be asked for again at each visit: the address of a file outlives its contents.
    said = {"ETag": mark, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    said["X-Content-Type-Options"] = "nosniff"
    if mark in headers.get("if-none-match", ""):
        return Response(status_code=304, headers=said)
    if "gzip" in headers.get("accept-encoding", ""):
        data, said["Content-Encoding"] = packed, "gzip"
    return Response(data, headers=said, media_type=_KINDS[file.suffix])


class Files:
    """Answers for the files of bnviz's components; the rest goes on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = _PATH.fullmatch(scope.get("path", ""))
        if scope["type"] == "http" and scope["method"] == "GET" and path:
            folder = get_bidi_component_manager().get_component_path(path[1])
            file = Path(folder) / path[2] if folder else None
            if file and file.suffix in _KINDS and file.is_file():
                answer = await to_thread.run_sync(_answer, file, Headers(scope=scope))
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)
