"""The routes of rooms: what phones may do, and what attackers try."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from bnviz.claims.lesson import STEPS, scenario_of
from bnviz.core.trace import run
from bnviz.phone import channel as channels
from bnviz.phone import lesson, routes
from bnviz.phone.channel import Channel
from bnviz.phone.limits import Limit
from bnviz.rooms.sqlite import Sqlite

JSON = "application/json"


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Server:
    """The routes, asked directly."""

    def __init__(self, store: Sqlite) -> None:
        self.app, self.store = Starlette(routes=routes.routes()), store
        self.code, self.secret = store.open()

    def ask(
        self, path: str, body: bytes | None = None, kind: str = JSON, address: str = "192.0.2.1"
    ) -> Answer:
        path, _, query = path.partition("?")
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET" if body is None else "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(b"content-type", kind.encode()), (b"host", b"test")],
            "client": (address, 1),
            "server": ("test", 80),
            "scheme": "http",
            "http_version": "1.1",
            "root_path": "",
        }
        asyncio.run(self.app(scope, receive, send))
        headers = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
        data = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(sent[0]["status"], headers, data)

    def post(self, path: str, address: str = "192.0.2.1", **body: object) -> Answer:
        return self.ask(path, json.dumps(body).encode(), address=address)

    def join(self) -> str:
        return str(self.post("/room/join", code=self.code).json["phone"])


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """An app with one room; its limits are full."""
    store = Sqlite(tmp_path / "rooms.sqlite3")
    made = Channel(store, every=0.01)
    monkeypatch.setattr(routes, "channel", lambda: made)
    for name in ("_guesses", "_joins", "_answers", "_plays", "_looks", "_asks", "_hands"):
        limit = getattr(routes, name)
        monkeypatch.setattr(routes, name, Limit(limit.burst, limit.rate, limit.most, lambda: 0.0))
    return Server(store)


def test_the_page_and_all_it_loads_are_there_light_and_safe(server: Server) -> None:
    page = server.ask("/room/")
    assert page.status == 200
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
    assert server.ask("/room").headers["location"] == "/room/"
    total = len(page.body)
    for path in [*routes.files(), "lesson.json"]:
        found = server.ask(f"/room/files/{routes.version()}/{path}")
        assert found.status == 200, path
        assert "immutable" in found.headers["cache-control"]
        total += len(found.body)
    assert total < 200_000


@pytest.mark.parametrize(
    "path",
    [
        *("../../../app.py", "page/../routes.py", "bnviz.stage/__init__.py", "page/", ""),
        *("bnviz.plot/plot.js", "%2e%2e/app.py", "/etc/passwd"),
    ],
)
def test_no_other_file_is_handed_out(server: Server, path: str) -> None:
    assert server.ask(f"/room/files/{routes.version()}/{path}").status == 404
    assert server.ask("/room/files/0/page/phone.js").status == 404


def test_a_phone_joins_answers_and_hears_what_the_class_chose_once_shown(server: Server) -> None:
    one, two = server.join(), server.join()
    for phone, choice in ((one, "n"), (two, "zero"), (one, "x")):
        answer = server.post("/room/answer", code=server.code, phone=phone, step=0, choice=choice)
        assert answer.status == 200
    before = server.ask(f"/room/now/{server.code}").json
    assert (before["answered"], before["joined"], before["counts"]) == (2, 2, None)
    server.store.steer(server.code, server.secret, reveal=True)
    after = server.ask(f"/room/now/{server.code}").json
    assert after["counts"] == {"x": 1, "zero": 1}
    late = server.post("/room/answer", code=server.code, phone=one, step=0, choice="n")
    assert late.status == 403
    assert "has been shown" in late.json["error"]


def test_a_phone_puts_a_number_and_nobody_hears_it_before_it_is_shown(server: Server) -> None:
    one, two = server.join(), server.join()

    def put(phone: str, step: object, value: object, **more: object) -> Answer:
        sent = {"code": server.code, "phone": phone, "step": step, "value": value}
        return server.ask("/room/answer", json.dumps(sent | more).encode())

    assert put(one, 0, 5.8, choice="x").json == {"choice": "n"}, "the nearest, whatever it says"
    assert put(two, 0, -0.1).json == {"choice": "zero"}
    before = server.ask(f"/room/now/{server.code}").json
    assert (before["answered"], before["counts"], before["values"]) == (2, None, None)
    for step, value in ((0, "NaN"), (0, []), (2, 1.0), (99, 1.0), (True, 1.0), (0, 10**400)):
        answer = put(one, step, value)
        assert 400 <= answer.status < 500
        assert answer.json["error"].endswith(".")
    server.store.steer(server.code, server.secret, reveal=True)
    after = server.ask(f"/room/now/{server.code}").json
    assert after["values"] == [[-0.1, 1], [5.8, 1]]
    assert after["counts"] == {"n": 1, "zero": 1}
    assert put(one, 0, 0.0).status == 403


def test_a_number_is_near_what_is_true_of_the_numbers_on_the_teachers_screen(
    server: Server,
) -> None:
    s = scenario_of(STEPS[5])
    turned = lesson.link_of(5, s.edit(dy=-s.dy), STEPS[5].view)
    phone = server.join()

    def put(step: int, value: float) -> object:
        sent = {"code": server.code, "phone": phone, "step": step, "value": value}
        return server.ask("/room/answer", json.dumps(sent).encode()).json["choice"]

    own = put(8, 0.4)
    view, t = STEPS[8].view, run(scenario_of(STEPS[8]))
    number = STEPS[8].number
    assert number is not None
    assert own == number.near(t, view, 0.4)
    server.store.steer(server.code, server.secret, step=1, link=turned)
    back = float(run(s.edit(dy=-s.dy)).dx_hat[:, 0].sum())
    assert (put(1, back), put(1, -back)) == ("direct", "zero")


def test_the_channel_says_what_changes_and_asks_the_store_once_for_all(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    look = channels.look

    def counted(*args: Any) -> str:
        nonlocal asked
        asked += 1
        return look(*args)

    monkeypatch.setattr(channels, "look", counted)

    async def follow() -> tuple[list[dict[str, Any]], int, int]:
        channel = Channel(server.store, every=0.02)
        lines = [channel.follow(server.code) for _ in range(20)]
        heard = [json.loads(await anext(line)) for line in lines]
        server.store.steer(server.code, server.secret, step=4)
        heard += [json.loads(await anext(line)) for line in lines]
        server.store.end(server.code, server.secret)
        heard += [json.loads(await anext(line)) for line in lines]
        before = asked
        for line in lines:
            await line.aclose()
        await asyncio.sleep(0.1)
        return heard, before, len(channel.feeds)

    heard, before, left = asyncio.run(follow())
    assert [m.get("step") for m in heard] == [0] * 20 + [4] * 20 + [None] * 20
    assert heard[-1] == {"ended": True}
    assert before < 20, "not once a phone"
    assert left == 0, "nobody follows: nobody asks"


def test_a_stage_is_answered_for_the_numbers_that_the_phone_has(server: Server) -> None:
    event = {"kind": "set", "term": "dy", "row": 0, "value": 0.95, "seq": 3}
    found = server.post("/room/stage", step=1, link="", revealed=False, event=event)
    assert found.status == 200
    scene = json.loads(found.body[8 : 8 + int.from_bytes(found.body[:8], "little")])
    assert scene["ledger"]["cells"]["dy"][0] == 0.95
    assert server.post("/room/stage", step=1, link=scene["lesson"]["link"]).status == 200


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/room/join", b"", JSON),
        ("/room/join", b"[1]", JSON),
        ("/room/join", b"{", JSON),
        ("/room/join", b"[" * 20_000, JSON),
        ("/room/join", b'{"code": "\xff"}', JSON),
        ("/room/join", b'{"code": "bcdfgh"}', "text/plain"),
        ("/room/join", b'{"code": "' + b"b" * 10**6 + b'"}', JSON),
        ("/room/stage", b'{"step": 99}', JSON),
        ("/room/stage", b'{"step": true}', JSON),
        ("/room/stage", b'{"step": 1, "link": 3}', JSON),
        ("/room/stage", b'{"step": 1, "link": "x=1"}', JSON),
        ("/room/stage", b'{"step": 1, "event": 3}', JSON),
        ("/room/answer", b'{"phone": {}}', JSON),
        ("/room/answer", b'{"code": "bcdfgh", "phone": "x", "step": 1, "choice": "a"}', JSON),
    ],
)
def test_what_cannot_be_read_or_done_is_said_in_a_sentence(
    server: Server, path: str, body: bytes, kind: str
) -> None:
    found = server.ask(path, body, kind)
    assert 400 <= found.status < 500
    assert found.json["error"].endswith(".")


def test_who_guesses_codes_is_slowed_down_and_a_class_is_not(server: Server) -> None:
    statuses = [server.post("/room/join", code="bcdfgh").status for _ in range(70)]
    assert statuses[:60] == [404] * 60
    assert set(statuses[60:]) == {429}
    assert server.ask("/room/now/bcdfgh").status == 429, "another door, the same limit"
    assert server.post("/room/join", "198.51.100.7", code=server.code).status == 200
    assert server.post("/room/join", "198.51.100.8", code=server.code).status == 200


def test_floods_are_slowed_down(server: Server) -> None:
    phone = server.join()

    def answer(phone: str) -> int:
        sent = {"code": server.code, "phone": phone, "step": 0, "choice": "zero"}
        return server.ask("/room/answer", json.dumps(sent).encode()).status

    assert [answer(phone) for _ in range(12)] == [200] * 10 + [429] * 2
    assert answer(server.join()) == 200


def test_who_makes_up_phones_is_bounded_by_his_address_and_takes_nothing_from_others(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_asks", "_hands"):
        monkeypatch.setattr(routes, name, Limit(5, 0, clock=lambda: 0.0))
    flood, other = "192.0.2.1", "198.51.100.7"

    def answer(i: int, address: str) -> int:
        sent = {"code": server.code, "phone": f"{i:032x}", "step": 0, "choice": "zero"}
        return server.ask("/room/answer", json.dumps(sent).encode(), address=address).status

    def look(i: int, address: str) -> int:
        return server.ask(f"/room/now/{server.code}?phone={i}", address=address).status

    def play(i: int, address: str) -> int:
        sent = {"step": 1, "event": {"kind": "set", "value": i}}
        return server.ask("/room/stage", json.dumps(sent).encode(), address=address).status

    assert [answer(i, flood) for i in range(4)] == [403] * 4, "in no room"
    assert [look(i, flood) for i in range(4)] == [200] + [429] * 3
    assert answer(9, flood) == 429
    assert [play(i, flood) for i in range(7)] == [200] * 5 + [429] * 2
    assert (look(0, other), answer(0, other), play(0, other)) == (200, 403, 200)


def test_an_address_has_only_so_many_lines(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_LINES", 2)

    async def lines() -> list[Message]:
        ends = [asyncio.Event() for _ in range(4)]
        said: list[list[Message]] = [[] for _ in ends]

        async def follow(i: int, address: str) -> None:
            came = iter(("websocket.connect", "websocket.disconnect"))

            async def receive() -> Message:
                kind = next(came)
                if kind == "websocket.disconnect":
                    await ends[i].wait()
                return {"type": kind, "code": 1000}

            async def send(message: Message) -> None:
                said[i].append(message)

            path = f"/room/follow/{server.code}"
            scope = {"type": "websocket", "path": path, "raw_path": path.encode()}
            scope |= {"query_string": b"", "headers": [], "client": (address, 1)}
            scope |= {"server": ("test", 80), "scheme": "ws", "root_path": "", "subprotocols": []}
            await server.app(scope, receive, send)

        tasks = [asyncio.create_task(follow(i, "192.0.2.1")) for i in range(2)]
        await asyncio.sleep(0.1)
        tasks += [asyncio.create_task(follow(2, "192.0.2.1"))]
        tasks += [asyncio.create_task(follow(3, "192.0.2.2"))]
        await asyncio.sleep(0.1)
        for end in ends:
            end.set()
        await asyncio.gather(*tasks)
        return [messages[1] for messages in said]

    first, second, third, other = asyncio.run(lines())
    for line in (first, second, other):
        assert json.loads(line["text"])["step"] == 0
    assert (third["type"], third["code"]) == ("websocket.close", 4429)
    assert not routes._lines, "who hangs up makes place"


def test_a_sweep_is_computed_once_and_not_at_all_where_too_many_wait(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = {"kind": "take", "term": "dy", "row": 0, "value": 0.9, "step": 0.05, "seq": 3}

    def sweep() -> bytes:
        body = server.post("/room/stage", step=1, link="", revealed=False, event=event).body
        end = 8 + int.from_bytes(body[:8], "little")
        assert "few" not in (scene := json.loads(body[8:end])) or scene["few"] is False
        return body[end:]

    computed: list[object] = []
    real = lesson.played

    def played(*args: Any) -> bytes:
        computed.append(args)
        return real(*args)

    monkeypatch.setattr(lesson, "played", played)
    routes._sweep.cache_clear()
    first = sweep()
    event |= {"seq": 4, "count": 12}  # another phone, which takes the same number in hand
    assert first == sweep() != b""
    assert len(computed) == 1
    monkeypatch.setattr(routes, "_WAITING", 0)
    assert not sweep()


def test_a_store_that_is_gone_is_said_and_the_lesson_goes_on(server: Server) -> None:
    phone = server.join()
    server.store.file.unlink()
    server.store.file.write_bytes(b"no database" * 1000)
    for suffix in ("-wal", "-shm"):
        Path(f"{server.store.file}{suffix}").unlink(missing_ok=True)
    found = server.post("/room/answer", code=server.code, phone=phone, step=0, choice="n")
    assert found.status == 503
    assert "goes on alone" in found.json["error"]
    assert "goes on alone" in server.ask(f"/room/now/{server.code}").json["away"]
    assert server.post("/room/stage", step=1, link=lesson.OWN).status == 200


def test_a_limit_fills_up_again_and_forgets_who_came_first() -> None:
    now = 0.0
    limit = Limit(2, 1, most=2, clock=lambda: now)
    assert [limit.take("a") for _ in range(3)] == [True, True, False]
    now = 1.0
    assert [limit.take("a") for _ in range(2)] == [True, False]
    assert limit.take("b")
    assert limit.take("c")
    assert limit.left("a") == 2, "no more than `most` are remembered"
