"""Uploads are counted where they come in, a session and all of them."""

from __future__ import annotations

import asyncio

import pytest

from bnviz.screen.uploads import MOST_FILES, Message, Receive, Send, Uploads


class Front:
    """Uploads before an app that keeps what it gets for as long as `open` says."""

    def __init__(self) -> None:
        self.kept: dict[str, list[int]] = {}
        self.open: asyncio.Event | None = None
        self.door = Uploads(self.keep, lambda: self.kept, lambda: (100, 250))

    async def keep(self, scope: Message, _receive: Receive, send: Send) -> None:
        if self.open:
            await self.open.wait()
        session, size = scope["path"].split("/")[-2], dict(scope["headers"])[b"content-length"]
        self.kept.setdefault(session, []).append(int(size))
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def put(self, session: str, length: str | None, method: str = "PUT") -> int:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        headers = [] if length is None else [(b"content-length", length.encode())]
        path = f"/_stcore/upload_file/{session}/f1"
        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        await self.door(scope, receive, send)
        return int(sent[0]["status"])


def puts(front: Front, *what: tuple[str, str | None]) -> list[int]:
    async def all_of() -> list[int]:
        return [await front.put(*one) for one in what]

    return asyncio.run(all_of())


def test_a_session_and_all_of_them_are_bounded() -> None:
    front = Front()
    assert puts(front, ("a", "60"), ("a", "40"), ("a", "1")) == [204, 204, 413]
    assert puts(front, ("b", "100"), ("c", "60"), ("c", "50")) == [204, 503, 204]
    del front.kept["a"]  # a session that goes gives its place back
    assert puts(front, ("c", "50")) == [204]


def test_those_under_way_count_as_well() -> None:
    async def together() -> list[int]:
        front.open = asyncio.Event()
        tasks = [asyncio.create_task(front.put("a", "60")) for _ in range(3)]
        await asyncio.sleep(0)
        front.open.set()
        return await asyncio.gather(*tasks)

    front = Front()
    assert sorted(asyncio.run(together())) == [204, 413, 413]
    assert not front.door.coming


def test_the_number_of_files_is_bounded() -> None:
    front = Front()
    front.kept["a"] = [0] * MOST_FILES
    assert puts(front, ("a", "0"), ("b", "0")) == [413, 204]


@pytest.mark.parametrize("length", [None, "", "-5", "1e3", "٣", " 4"])
def test_a_length_that_is_none_is_refused(length: str | None) -> None:
    assert puts(Front(), ("a", length)) == [411]
