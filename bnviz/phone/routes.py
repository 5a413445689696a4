"""The app's own routes beside Streamlit's: the light page, what is done in a room, the channel."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
from anyio import CapacityLimiter, to_thread
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bnviz.components import stage
from bnviz.components.theme import theme
from bnviz.phone import lesson
from bnviz.phone.channel import Channel, look
from bnviz.phone.limits import Limit, asker
from bnviz.rooms import Full, NoRoom, RoomError, Unreachable, open_store
from bnviz.rooms.store import LONGEST, STEPS, predicted, tidy_code
from bnviz.study.lever import Look

_PAGE = Path(__file__).parent / "page"
_COMPONENTS = Path(stage.__file__).parents[1]
_SERVED = ("common", "guess", "poll", "stage", *stage.PARTS)
_KINDS = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".woff2": "font/woff2",
    ".html": "text/html",
}
_TAKEN = ("kind", "term", "row", "value", "step", "fine")  # what a sweep depends on
_WAITING = 12  # sweeps that may wait for their turn, half a second's work
_LARGEST = LONGEST + 4096  # bytes of a body
# The page needs nothing of anyone else, and its styles are set from its scripts.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)
_SAFE = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_FRESH = {"Cache-Control": "no-store"}

# A class is often one address: enough for it to join at once and to mistype, and too little to
# go through the codes.
_guesses = Limit(60, 1)
_joins = Limit(400, 20)
_answers = Limit(10, 2)  # a phone
_plays = Limit(300, 100)  # all of the process: each is up to 20 ms of it
# What phones make up is no bound: an address has one as well, which is wide enough for a class.
_asks = Limit(900, 150)  # of the store
_hands = Limit(240, 80)
_LINES = 800
_lines: Counter[str] = Counter()
_looks = Limit(60, 2)  # a phone that asks, where it can't follow


class Slow(RoomError):
    """Too often."""

    def __init__(self) -> None:
        super().__init__("That was too often. Wait a moment, and try again.")


@lru_cache(maxsize=1)
def channel() -> Channel:
    """The channel of this process."""
    return Channel(open_store())


@lru_cache(maxsize=1)
def files() -> dict[str, tuple[bytes, str]]:
    """Every file of the page by its path below /room/files/VERSION/: compressed, and its kind."""
    found = {f"page/{file.name}": file for file in _PAGE.iterdir()}
    for part in _SERVED:
        found |= {f"bnviz.{part}/{file.name}": file for file in (_COMPONENTS / part).iterdir()}
    return {
        path: (gzip.compress(file.read_bytes(), mtime=0), _KINDS[file.suffix])
        for path, file in found.items()
        if file.suffix in _KINDS
    } | {"page/theme.css": (gzip.compress(theme().encode(), mtime=0), "text/css")}


@lru_cache(maxsize=1)
def version() -> str:
    """Another one whenever a file or the lesson is another."""
    every = hashlib.sha256(lesson.whole())
    for path, (data, _) in sorted(files().items()):
        every.update(path.encode() + data)
    return every.hexdigest()[:12]


def _address(request: HTTPConnection) -> str:
    peer = request.client.host if request.client else None
    return asker(peer, request.headers.get("x-forwarded-for", ""))


async def _body(request: Request) -> dict[str, Any]:
    """What was sent, at most so much of it; ValueError unless it is an object of JSON."""
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        raise ValueError("not JSON")
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _LARGEST:
            raise ValueError("too large")
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _said(error: RoomError) -> Response:
    status = {NoRoom: 404, Slow: 429, Full: 429, Unreachable: 503}.get(type(error), 403)
    return _plain({"error": str(error)}, status)


def _plain(found: object, status: int = 200) -> Response:
    text = json.dumps(found, ensure_ascii=False)
    return Response(text, status, _SAFE | _FRESH, "application/json")


Act = Callable[[Request, dict[str, Any]], Awaitable[Response]]


def _doing(act: Act) -> Callable[[Request], Awaitable[Response]]:
    """A route for something that is sent; what can't be read or done is said, never thrown."""

    async def answer(request: Request) -> Response:
        try:
            return await act(request, await _body(request))
        except RoomError as error:
            if isinstance(error, NoRoom) and not _guesses.take(_address(request)):
                error = Slow()
            return _said(error)
        except (ValueError, RecursionError):
            return _plain({"error": "This can’t be read."}, 400)

    return answer


async def _join(request: Request, sent: dict[str, Any]) -> Response:
    if _guesses.left(_address(request)) < 1 or not _joins.take(_address(request)):
        raise Slow
    code = tidy_code(sent.get("code"))
    phone = await to_thread.run_sync(channel().store.join, code)
    return _plain({"phone": phone, "code": code})


async def _answer(request: Request, sent: dict[str, Any]) -> Response:
    phone = sent.get("phone")
    known = isinstance(phone, str) and _asks.take(_address(request))
    if not known or not _answers.take(str(phone)[:32]):
        raise Slow
    return _plain({"choice": await to_thread.run_sync(_told, sent)})


def _told(sent: Mapping[str, Any]) -> str:
    """Keep an answer; the choice that it is, or that its number comes nearest to."""
    store = channel().store
    code, step, choice, value = (sent.get(name) for name in ("code", "step", "choice", "value"))
    if value is not None:
        room = store.read(code)
        number = predicted(value)
        if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < STEPS:
            raise ValueError("no such step")
        choice = lesson.nearest(step, room.link if room.step == step else lesson.OWN, number)
    store.answer(code, sent.get("phone"), step, choice, value)
    return str(choice)


def _screen(sent: dict[str, Any]) -> lesson.Screen:
    step, link = sent.get("step"), sent.get("link", lesson.OWN)
    if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < STEPS:
        raise ValueError("no such step")
    if not isinstance(link, str):
        raise ValueError("no such link")
    screen = lesson.open_link(step, link, bool(sent.get("revealed")))
    return replace(screen, look=lesson.read_look(sent.get("look")))


@lru_cache(maxsize=1)
def _lanes() -> tuple[CapacityLimiter, CapacityLimiter]:
    """What is short and what is long, each in a line of its own: nobody waits behind a sweep
    for a number, and threads that compute at once only slow each other down."""
    return CapacityLimiter(1), CapacityLimiter(1)


@lru_cache(maxsize=256)
def _frame(screen: tuple[int, str, bool]) -> bytes:
    """The same numbers on three hundred phones are computed once."""
    step, link, revealed = screen
    return lesson.frame(lesson.open_link(step, link, revealed))


@lru_cache(maxsize=256)
def _sweep(screen: tuple[int, str, bool], look: Look, event: str) -> bytes:
    """A class that begins on the same numbers takes hold of the same ones."""
    seen = replace(lesson.open_link(*screen), look=look)
    return lesson.played(seen, json.loads(event))


async def _stage(request: Request, sent: dict[str, Any]) -> Response:
    event = sent.get("event")
    screen = _screen(sent)
    key = (screen.step, screen.link, screen.revealed)
    if event is None:
        packed = await to_thread.run_sync(_frame, key)
    elif not isinstance(event, dict):
        raise ValueError("not an event")
    elif not (_hands.take(_address(request)) and _plays.take()):
        raise Slow
    else:
        short, long = _lanes()
        # Else the hand gets each number by itself, which is less than all of them.
        if event.get("kind") == "take" and long.statistics().tasks_waiting < _WAITING:
            taken = json.dumps({name: event.get(name) for name in _TAKEN})
            packed = await to_thread.run_sync(_sweep, key, screen.look, taken, limiter=long)
        else:
            event = event if event.get("kind") != "take" else {"kind": "no sweep"}
            packed = await to_thread.run_sync(lesson.played, screen, event, limiter=short)
    return Response(packed, 200, _SAFE | _FRESH, "application/octet-stream")


def _asking(request: HTTPConnection, name: str) -> str:
    """The code in the path, unless who asks has guessed too often."""
    if _guesses.left(_address(request)) < 1:
        raise Slow
    return tidy_code(request.path_params[name])


async def _now(request: Request) -> Response:
    """The message of now, for a phone that can't follow and asks again and again."""
    try:
        code = _asking(request, "code")
        who = _address(request)
        phone = request.query_params.get("phone", "")[:32]
        if not (_asks.take(who) and _looks.take(phone + who)):
            raise Slow
        await to_thread.run_sync(channel().store.read, code)
    except NoRoom as error:
        _guesses.take(_address(request))
        return _said(error)
    except Unreachable:
        pass  # which is a message, too
    except RoomError as error:
        return _said(error)
    text = await to_thread.run_sync(look, channel().store, code)
    return Response(text, 200, _SAFE | _FRESH, "application/json")


async def _tell(socket: WebSocket, code: str) -> None:
    """Every message of a room, for as long as somebody listens."""
    async with aclosing(channel().follow(code)) as messages:
        async for text in messages:
            await socket.send_text(text)


async def _follow(socket: WebSocket) -> None:
    """The line to a phone. What it sends over it is nothing that it may send, and ends it."""
    await socket.accept()
    who = _address(socket)
    try:
        code = _asking(socket, "code")
        if channel().full or _lines[who] >= _LINES:
            raise Full("Too many phones follow here. This one asks now and then instead.")
        await to_thread.run_sync(channel().store.read, code)
    except Unreachable:
        pass  # they are told, and wait
    except RoomError as error:
        if isinstance(error, NoRoom):
            _guesses.take(_address(socket))
        await socket.close(4404 if isinstance(error, NoRoom) else 4429, str(error))
        return
    _lines[who] += 1
    try:
        await _hold(socket, code)
    finally:
        _lines[who] -= 1
        if not _lines[who]:
            del _lines[who]


async def _hold(socket: WebSocket, code: str) -> None:
    """Tell, until it hangs up or says anything."""
    tasks = {asyncio.create_task(_tell(socket, code)), asyncio.create_task(socket.receive())}
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*done, *others, return_exceptions=True)
    with suppress(RuntimeError, WebSocketDisconnect):  # it has hung up
        await socket.close(1008)


async def _page(_request: Request) -> Response:
    html = (_PAGE / "index.html").read_text(encoding="utf-8").replace("VERSION", version())
    return Response(html, 200, _SAFE | {"Cache-Control": "no-cache"}, "text/html")


async def _slash(request: Request) -> Response:
    """Paths of the page count from /room/."""
    return RedirectResponse(request.url.path + "/", headers=_SAFE)


_KEPT = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Encoding": "gzip"}


async def _file(request: Request) -> Response:
    found = files().get(request.path_params["path"])
    if found is None or request.path_params["version"] != version():
        return Response("", 404, _SAFE)
    return Response(found[0], 200, _SAFE | _KEPT, found[1])


@lru_cache(maxsize=1)
def _compressed() -> bytes:
    return gzip.compress(lesson.whole(), mtime=0)


async def _lesson(_request: Request) -> Response:
    return Response(_compressed(), 200, _SAFE | _KEPT, "application/json")


def routes() -> list[BaseRoute]:
    """All of them, below the app's own base path."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    at = (f"/{base}" if base else "") + "/room"
    return [
        Route(at, _slash),
        Route(f"{at}/", _page),
        Route(f"{at}/files/{{version}}/lesson.json", _lesson),
        Route(f"{at}/files/{{version}}/{{path:path}}", _file),
        Route(f"{at}/join", _doing(_join), methods=["POST"]),
        Route(f"{at}/answer", _doing(_answer), methods=["POST"]),
        Route(f"{at}/stage", _doing(_stage), methods=["POST"]),
        Route(f"{at}/now/{{code}}", _now),
        WebSocketRoute(f"{at}/follow/{{code}}", _follow),
    ]
