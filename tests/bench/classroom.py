"""A class in a room: phones that join, follow, drag, answer; the table of the README.

`python -m tests.bench.classroom [--phones 100 300] [--soak [MINUTES]] [--think SECONDS]` starts
the app on a port of its own, as one process and as `bnviz.serve --replicas 2`. Students drag for
two seconds, let go, answer, and think for 8 s on average. Beside them the same students with a
session of Streamlit each, on the app's own pages and on a plain page of Streamlit with the same
sum. This process takes the part of all of them, so both share the machine's cores, and times are
worse than from outside.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bnviz.claims.lesson import STEPS, scenario_of
from bnviz.phone import lesson, routes
from bnviz.rooms import Store, open_store
from tests.bench.session import Session, files
from tests.browser.conftest import free_port

ROOT = Path(__file__).parents[2]
ANY = (OSError, WebSocketException, EOFError, asyncio.TimeoutError)


WAYS = {
    "one": "one process",
    "serve": "`bnviz.serve`",
    "full": "sessions of Streamlit",
    "stock": "stock page",
}


async def ask(port: int, path: str, body: object = None) -> tuple[int, bytes]:
    """One request on a line of its own, as a phone's first are."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        data = b"" if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "POST"
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n"
            f"{'Accept-Encoding: gzip' if body is None else 'Content-Type: application/json'}\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        found = await reader.read()
    finally:
        writer.close()
    head_of, _, rest = found.partition(b"\r\n\r\n")
    return int(head_of.split()[1]), rest


@dataclass
class Phone:
    """One student's: it joins, follows, and remembers when it heard what."""

    port: int
    code: str
    token: str = ""
    link: str = ""  # the query of the numbers on its screen
    dy: list[float] = field(default_factory=scenario_of(STEPS[1]).dy[:, 0].tolist)
    line: ClientConnection | None = None
    heard: dict[str, float] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None

    async def join(self) -> float:
        """Everything a phone loads with an empty cache; seconds until it follows."""
        start = time.perf_counter()
        at = f"/room/files/{routes.version()}"
        await ask(self.port, "/room/")
        paths = [p for p in [*routes.files(), "lesson.json"] if not p.endswith((".html", ".txt"))]
        for some in (paths[i : i + 6] for i in range(0, len(paths), 6)):  # as browsers do
            for status, _ in await asyncio.gather(*(ask(self.port, f"{at}/{p}") for p in some)):
                assert status == 200, status
        status, said = await ask(self.port, "/room/join", {"code": self.code})
        assert status == 200, said
        self.token = json.loads(
            said[said.index(b"{") :].decode("utf-8", "ignore").split("\r\n")[0]
        )["phone"]
        await self.follow()
        return time.perf_counter() - start

    async def follow(self) -> None:
        """Open the line, and hear the first message."""
        url = f"ws://127.0.0.1:{self.port}/room/follow/{self.code}"
        self.line = await connect(url, open_timeout=30, compression=None, max_queue=64)
        await self._hear()
        self.task = asyncio.create_task(self._listen())

    async def _hear(self) -> None:
        assert self.line
        text = await self.line.recv()
        if text:
            step = json.loads(text).get("step")
            self.heard.setdefault(f"step {step}", time.perf_counter())

    async def _listen(self) -> None:
        try:
            while True:
                await self._hear()
        except ANY:
            return

    async def back(self) -> None:
        """After the server has gone: try until it is there again, as the page does."""
        while True:
            try:
                await self.follow()
            except ANY:
                await asyncio.sleep(0.7)
            else:
                return

    async def drag(self) -> list[float]:
        """Hold a number for two seconds: take it, with all its positions, and let it go.

        The times of the two answers, which a hand waits for.
        """
        times = []
        row = random.randrange(6)
        take: dict[str, object] = {"kind": "take", "value": self.dy[row], "count": 12}
        self.dy[row] = round(
            self.dy[row] + random.choice((-1, 1)) * 0.05 * random.randrange(1, 20), 2
        )
        event: dict[str, object] = {"term": "dy", "row": row, "step": 0.05, "seq": 1}
        for more in (take, {"kind": "set", "value": self.dy[row]}):
            start = time.perf_counter()
            sent = {"step": 1, "link": self.link, "revealed": False, "event": event | more}
            status, said = await ask(self.port, "/room/stage", sent)
            assert status == 200, said[:200]
            times.append(time.perf_counter() - start)
            if "count" in more:
                await asyncio.sleep(max(0.0, 2 - sum(times)))
        self.link = re.search(rb'"link":"([^"]*)"', said[said.index(b'"lesson"') :])[1].decode()  # type: ignore[index]
        return times

    async def answer(self) -> list[float]:
        """Answer a question; the time that it takes."""
        start = time.perf_counter()
        said: dict[str, object] = {"code": self.code, "phone": self.token, "step": 8}
        said |= random.choice(({"choice": "alive"}, {"value": random.randrange(9) / 10}))
        assert (await ask(self.port, "/room/answer", said))[0] == 200
        return [time.perf_counter() - start]

    async def close(self) -> None:
        """Go home."""
        if self.task:
            self.task.cancel()
        if self.line:
            await self.line.close()


def processes(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += processes(int(child))
    return found


def memory(pid: int) -> float:
    """MB that the server's Python processes hold."""
    total = 0.0
    for one in processes(pid):
        if b"streamlit" in Path(f"/proc/{one}/cmdline").read_bytes():
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * 4096 / 2**20
    return total


def cpu(pid: int) -> float:
    """Seconds of CPU that the server's Python processes have used."""
    total = 0.0
    for one in processes(pid):
        if b"streamlit" in Path(f"/proc/{one}/cmdline").read_bytes():
            spent = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:13]
            total += sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")
    return total


@dataclass
class Server:
    """The app on a port, and how it is started again."""

    command: list[str]
    port: int
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "STREAMLIT_CLIENT_SHOW_ERROR_DETAILS": "full"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                if (await ask(self.port, "/_stcore/health"))[0] == 200:
                    return
            except (OSError, IndexError):
                pass
            await asyncio.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self.process
        self.process.send_signal(how)
        self.process.wait()


def held(pid: int) -> str:
    """Threads and open files of the server's process."""
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    return f"{threads}, {len(list(Path(f'/proc/{pid}/fd').iterdir()))}"


@asynccontextmanager
async def serving(kind: str) -> AsyncIterator[Server]:
    """One process or two behind Caddy."""
    port = free_port()
    script = "tests/bench/stock.py" if kind == "stock" else "app.py"
    one = ["-m", "streamlit", "run", script, "--server.headless", "true", "--server.port"]
    many = ["-m", "bnviz.serve", "--replicas", "2", "--port"]
    server = Server([sys.executable, *(many if kind == "serve" else one), str(port)], port)
    await server.start()
    try:
        yield server
    finally:
        server.stop()


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 stay below."""
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


Rows = list[tuple[str, str]]
JOINING = "join within 5 s, empty caches: last one"
MEMORY = "memory for each student"


async def joining(phones: list[Phone]) -> Rows:
    """All join within five seconds."""

    async def late(phone: Phone) -> float:
        await asyncio.sleep(random.uniform(0, 5))
        return await phone.join()

    joined = await asyncio.gather(*map(late, phones))
    return [(JOINING, f"{max(joined):.1f} s")]


async def turning(phones: list[Phone], store: Store, code: str, secret: str) -> Rows:
    """The teacher turns to the next step, five times."""
    delays = []
    for step in range(1, 6):
        start = time.perf_counter()
        await asyncio.to_thread(store.steer, code, secret, step=step)
        while not all(f"step {step}" in phone.heard for phone in phones):
            await asyncio.sleep(0.01)
        delays += [phone.heard[f"step {step}"] - start for phone in phones]
    return [("teacher’s step to the phones: p95", f"{1000 * p95(delays):.0f} ms")]


async def playing(students: Sequence[Phone | Session], pid: int, soak: float, think: float) -> Rows:
    """All drag, let go, answer and think, for half a minute or for as long as is told."""
    times: list[float] = []
    kept: list[float] = []  # memory, every ten seconds
    end = time.perf_counter() + max(30.0, 60 * soak)

    async def play(student: Phone | Session) -> None:
        while time.perf_counter() < end:
            await asyncio.sleep(random.uniform(0, 2 * think))
            times.extend(await student.drag())
            times.extend(await student.answer())

    async def look() -> None:
        while time.perf_counter() < end:
            kept.append(memory(pid))
            await asyncio.sleep(10)

    spent, before = cpu(pid), held(pid)
    await asyncio.gather(look(), *map(play, students))
    spent = cpu(pid) - spent
    both = f"{1000 * statistics.median(times):.0f}, {1000 * p95(times):.0f} ms"
    rows = [("taking, letting go, answering: median, p95", both)]
    rows.append(("… server’s CPU for each", f"{1000 * spent / len(times):.1f} ms"))
    rows.append(("… of them in a second", f"{len(times) / max(30.0, 60 * soak):.0f}"))
    if soak:
        parts = [kept[(len(kept) - 1) * k // 6] for k in range(7)]
        rows.append(("memory at each sixth", ", ".join(f"{part:.0f}" for part in parts) + " MB"))
        rows.append(("threads, open files: before; after", f"{before}; {held(pid)}"))
    return rows


async def restarting(server: Server, phones: list[Phone], store: Store, code: str) -> Rows:
    """The server is killed, and started again."""
    counts = store.counts(code)
    server.stop(signal.SIGKILL)
    start = time.perf_counter()
    returning = [asyncio.create_task(phone.back()) for phone in phones]
    await server.start()
    up = time.perf_counter()
    await asyncio.gather(*returning)
    return [
        ("killed and started again: app is up", f"{up - start:.1f} s"),
        ("… and all phones are back", f"{time.perf_counter() - start:.1f} s"),
        ("… and answers kept", "all" if store.counts(code) == counts else "NO"),
    ]


async def sessions(kind: str, count: int, soak: float, think: float) -> Rows:
    """The rows of so many sessions of Streamlit."""
    async with serving(kind) as server:
        assert server.process
        pid = server.process.pid
        paths = await asyncio.to_thread(files, server.port)
        students = [Session(server.port) for _ in range(count + 1)]
        await students[0].follow()
        before = memory(pid)

        async def join(student: Session) -> float:
            await asyncio.sleep(random.uniform(0, 5))
            start = time.perf_counter()
            for some in (paths[i : i + 6] for i in range(0, len(paths), 6)):  # as browsers do
                await asyncio.gather(*(ask(server.port, path) for path in some))
            await student.follow()
            return time.perf_counter() - start

        joined = await asyncio.gather(*map(join, students[1:]))
        rows = [(JOINING, f"{max(joined):.1f} s")]
        rows += await playing(students[1:], pid, soak, think)
        rows.append((MEMORY, f"{(memory(pid) - before) / count:.2f} MB"))
        if kind == "full":
            lost, said = sum(s.lost for s in students), sum(s.said for s in students)
            rows.append(("taking, letting go: without an answer", f"{lost} of {said}"))
        for student in students:
            await student.close()
    return rows


async def measure(kind: str, count: int, store: Store, soak: float, think: float) -> Rows:
    """The rows of one way to serve, with so many phones."""
    async with serving(kind) as server:
        assert server.process
        pid = server.process.pid
        code, secret = store.open()
        first = Phone(server.port, code)
        await first.join()
        before = memory(pid)
        phones = [Phone(server.port, code) for _ in range(count)]
        rows = await joining(phones)
        rows += await turning(phones, store, code, secret)
        rows += await playing(phones, pid, soak, think)
        rows.append((MEMORY, f"{(memory(pid) - before) / count:.2f} MB"))
        if kind == "one":
            rows += await restarting(server, phones, store, code)
        for phone in [first, *phones]:
            await phone.close()
    return rows


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, nargs="*", default=[100, 300])
    parser.add_argument("--ways", nargs="*", default=[*WAYS], help=", ".join(WAYS))
    parser.add_argument(
        "--soak", type=float, nargs="?", const=10.0, default=0.0, help="minutes of dragging"
    )
    parser.add_argument("--think", type=float, default=8.0, help="seconds, on average")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BNVIZ_ROOMS"] = str(Path(folder) / "rooms.sqlite3")
        store = open_store()
        table: dict[str, list[str]] = {}
        heads = [(kind, n) for n in given.phones for kind in given.ways]
        for i, (kind, n) in enumerate(heads):
            if kind in ("full", "stock"):
                rows = asyncio.run(sessions(kind, n, given.soak, given.think))
            else:
                rows = asyncio.run(measure(kind, n, store, given.soak, given.think))
            for name, value in rows:
                table.setdefault(name, [""] * len(heads))[i] = value
    size = sum(len(data) for data, _ in routes.files().values())
    size += len(zlib.compress(lesson.whole()))
    named = [f"{n}, {WAYS[kind]}" for kind, n in heads]
    print(f"| what a phone loads: {size / 1000:.0f} kB | {' | '.join(named)} |")
    print("| --- " * (len(heads) + 1) + "|")
    for name, values in table.items():
        print(f"| {name} | {' | '.join(values)} |")


if __name__ == "__main__":
    main()
