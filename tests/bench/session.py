"""A student with a session of Streamlit, as a browser has one: see `tests.bench.classroom`."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.browser.conftest import FLAGS, find_browser

PATIENCE = 10.0  # seconds


def files(port: int) -> list[str]:
    """What a browser with an empty cache fetches to show the page, in its order."""
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        page = browser.new_page()
        page.on("response", lambda r: found.append(r.url.split(f":{port}", 1)[-1]))
        page.goto(f"http://localhost:{port}")
        page.locator("h1:visible").wait_for()
        page.wait_for_load_state("networkidle")
        browser.close()
    return [path for path in found if path.startswith("/") and "/_stcore/" not in path]


@dataclass
class Session:
    """One student's. component: whose events it says; widget: what it holds, that or a slider."""

    port: int
    component: str = "stage"
    widget: str = ""
    value: float = 0.9
    line: ClientConnection | None = None
    page: str = ""
    hash: str = ""  # of the page, as the server says
    query: str = ""
    seq: int = 0
    said: int = 0  # events, and those of them that got no answer
    lost: int = 0
    heard: int | None = None
    drawn: dict[str, Any] = field(default_factory=dict)

    async def follow(self) -> None:
        """Open the line, and have the page drawn."""
        url = f"ws://127.0.0.1:{self.port}/_stcore/stream"
        self.line = await connect(url, open_timeout=60, max_size=None)
        await self._run()

    async def _run(self, **said: object) -> None:
        """Say something, and wait until the page has been drawn for it."""
        assert self.line
        message = BackMsg()
        message.rerun_script.page_name = self.page
        message.rerun_script.page_script_hash = self.hash
        message.rerun_script.query_string = self.query
        if "__events" in self.widget:  # a page always says what it holds of a component
            base = self.widget.removeprefix("$$STREAMLIT_INTERNAL_KEY_").removesuffix("__events")
            message.rerun_script.widget_states.widgets.add(id=base, json_value="{}")
        if said:
            state = message.rerun_script.widget_states.widgets.add(id=self.widget)
            for name, value in said.items():
                if name == "double_array_value":
                    state.double_array_value.data.append(float(str(value)))
                else:
                    setattr(state, name, value)
        await self.line.send(message.SerializeToString())
        while True:
            raw = await asyncio.wait_for(self.line.recv(), PATIENCE)
            assert isinstance(raw, bytes)
            answer = ForwardMsg.FromString(raw)
            kind = answer.WhichOneof("type")
            # What was let go is taken in one run and drawn in the next.
            if kind == "script_finished" and (not said or self.heard in (None, self.seq)):
                return
            if kind == "navigation":
                self.hash = answer.navigation.page_script_hash
            if kind == "page_info_changed":
                self.query = answer.page_info_changed.query_string
            if kind == "delta":
                wrong = answer.delta.new_element.exception.message
                assert not wrong, wrong
                self._note(answer.delta.new_element)

    def _note(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "slider":
            self.widget = element.slider.id
            return
        if kind != "bidi_component":
            return
        drawn = element.bidi_component
        if drawn.component_name == f"bnviz.{self.component}":
            self.widget = f"$$STREAMLIT_INTERNAL_KEY_{drawn.id}__events"
            size = int.from_bytes(drawn.bytes[:8], "little")
            self.drawn = json.loads(drawn.bytes[8 : 8 + size])
            self.heard = self.drawn.get("reply", {}).get("seq")

    async def drag(self) -> list[float]:
        """Hold a number for two seconds; how long each answer took. A slider says where it is
        all the time; the stage is taken and let go."""
        times = []
        start = time.perf_counter()
        if "__events" in self.widget:
            take: dict[str, object] = {"kind": "take", "value": self.value, "count": 12}
            times.append(await self._stage(take))
            await asyncio.sleep(max(0.0, 2 - times[0]))
            self.value = round(random.randrange(-40, 41) * 0.05, 2)
            times.append(await self._stage({"kind": "set", "value": self.value}))
            return times
        while time.perf_counter() - start < 2:
            self.value = round(random.randrange(-40, 41) * 0.05, 2)
            since = time.perf_counter()
            await self._run(double_array_value=self.value)
            times.append(time.perf_counter() - since)
            await asyncio.sleep(max(0.0, 0.1 - times[-1]))  # a hand's ten a second
        return times

    async def answer(self) -> list[float]:
        """Turn a page, where there are several; the time that it takes."""
        if "__events" not in self.widget:
            return []
        self.page, self.hash = "" if self.page else "lesson", ""
        start = time.perf_counter()
        await self._run()
        return [time.perf_counter() - start]

    async def say(self, event: dict[str, object]) -> float:
        """An event of the component; how long the answer took."""
        since = time.perf_counter()
        await self._run(json_trigger_value=json.dumps([{"event": "event", "value": event}]))
        return time.perf_counter() - since

    async def _stage(self, said: dict[str, object]) -> float:
        self.seq += 1
        self.said += 1
        try:
            return await self.say({"term": "dy", "row": 0, "step": 0.05, "seq": self.seq} | said)
        except TimeoutError:
            self.lost += 1
            return PATIENCE

    async def close(self) -> None:
        """Go home."""
        if self.line:
            await self.line.close()
