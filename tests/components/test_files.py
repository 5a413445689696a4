"""The components' files travel once, compressed, and never stale."""

from __future__ import annotations

import asyncio
import gzip
import os
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from bnviz.components import files
from bnviz.components.files import Files


class Manager:
    """The one folder that is registered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get_component_path(self, name: str) -> str | None:
        return str(self.folder) if name == "bnviz.river" else None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(files, "get_bidi_component_manager", lambda: Manager(tmp_path / "river"))
    (tmp_path / "river").mkdir()
    (tmp_path / "river" / "river.js").write_text("export const lanes = 6;")
    (tmp_path / "river" / "notes.txt").write_text("not for the browser")
    (tmp_path / "secret.js").write_text("not of a component")
    return tmp_path / "river"


def get(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body; 418 is the app behind."""
    sent: list[Message] = []

    async def behind(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    asked = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": asked}
    asyncio.run(Files(behind)(scope, receive, send))
    told = {key.decode().lower(): value.decode() for key, value in sent[0]["headers"]}
    return int(sent[0]["status"]), told, b"".join(m.get("body", b"") for m in sent[1:])


RIVER = "/_stcore/bidi-components/bnviz.river/river.js"


@pytest.mark.parametrize("before", ["", "/app"])
def test_a_file_is_sent_once_and_then_only_said_to_be_the_same(folder: Path, before: str) -> None:
    text = (folder / "river.js").read_bytes()
    status, told, body = get(before + RIVER, accept_encoding="gzip, br")
    assert (status, told["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == text
    assert told["content-type"].startswith("text/javascript")
    assert get(before + RIVER)[2] == text, "to who knows no gzip"
    status, again, body = get(before + RIVER, if_none_match=told["etag"])
    assert (status, body) == (304, b"")
    assert again["etag"] == told["etag"]
    # It may be another one at each visit, so a browser has to ask.
    assert told["cache-control"] == "no-cache"


def test_a_file_that_changed_is_sent_anew(folder: Path) -> None:
    mark = get(RIVER)[1]["etag"]
    file = folder / "river.js"
    old = file.stat().st_mtime_ns
    file.write_text("export const lanes = 9;")  # as long as before
    os.utime(file, ns=(old + 1000, old + 1000))
    status, _, body = get(RIVER, if_none_match=mark)
    assert (status, body) == (200, b"export const lanes = 9;")


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/bidi-components/bnviz.river/notes.txt",
        "/_stcore/bidi-components/bnviz.river/none.js",
        "/_stcore/bidi-components/bnviz.river/../secret.js",
        "/_stcore/bidi-components/bnviz.other/river.js",
        "/_stcore/bidi-components/other.river/river.js",
        "/_stcore/health",
    ],
)
def test_all_else_is_for_the_app_behind(folder: Path, path: str) -> None:
    assert get(path)[0] == 418


def test_only_reading_is_answered(folder: Path) -> None:
    assert get(RIVER, method="POST")[0] == 418
