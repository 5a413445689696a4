"""A network between the browser and the server: slow, cut or swallowing, as a test wants it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

CHUNK = 1 << 16


class Proxy:
    """Passes bytes on between loopback ports; a context manager.

    round_trip: seconds that a question and its answer spend under way.
    """

    def __init__(self, target: int, round_trip: float = 0.0) -> None:
        self.target, self.round_trip = target, round_trip
        self.port = 0
        self._open = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._answers: set[asyncio.StreamWriter] = set()  # those that lead to a browser
        self._deaf: set[asyncio.StreamWriter] = set()  # what is sent to them never arrives
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        listening = asyncio.start_server(self._connect, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._close()

    def _close(self) -> None:
        for writer in self._writers:
            writer.close()

    def cut(self) -> None:
        """Close every connection, and every new one at once, until mended."""
        self._open = False
        self._loop.call_soon_threadsafe(self._close)

    def mend(self) -> None:
        """Let new connections through again."""
        self._open = True

    def swallow(self, *, answers_only: bool = False) -> None:
        """Let the connections that there are pass nothing on any more, without closing them.

        answers_only: what the browser says still arrives.
        """
        self._deaf = {w for w in self._writers if w in self._answers or not answers_only}

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.close()
            return
        try:
            there, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        ends = {writer, server}
        self._writers |= ends
        self._answers.add(writer)
        with suppress(asyncio.CancelledError):  # the end of the test
            await asyncio.gather(self._pass(reader, server), self._pass(there, writer))
        self._writers -= ends
        self._answers -= ends

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Everything in its order, half a round trip later."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if not data:
                    break
                if writer not in self._deaf:
                    writer.write(data)
                    await writer.drain()
            writer.close()

        delivering = asyncio.create_task(deliver())
        data = b" "
        while data:
            data = b""
            with suppress(OSError):
                data = await reader.read(CHUNK)
            under_way.put_nowait((self._loop.time() + self.round_trip / 2, data))
        with suppress(OSError):
            await delivering
