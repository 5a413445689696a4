"""How fast a change is answered: `.venv/bin/python -m tests.bench.interaction`.

Everything is timed inside the browser, from the event to the change of the page
that answers it, in one run, against two yardsticks: an empty page of stock
Streamlit with one slider, and the smallest component that this project's
configuration can carry.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bnviz.core.view import View
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.link import encode
from bnviz.inputs.presets import PRESETS
from tests.browser.conftest import FLAGS, ROOT, find_browser, free_port, served
from tests.browser.proxy import Proxy

REPEATS, ROUNDS = 40, 4
LOADS = 5

STOCK = """
import streamlit as st
st.write(f"value {st.slider('Value', 0, 1000, 500, key='value')}")
"""

SMALLEST = '''
import streamlit as st

component = st.components.v2.component(
    "smallest",
    html="""<div id="pad" style="height: 100px; background: #eee">
    <span id="answer"></span></div>""",
    js="""
let waiting = false;
export default function ({ data, parentElement, setTriggerValue }) {
  const pad = parentElement.querySelector("#pad");
  parentElement.querySelector("#answer").textContent = data.value;
  waiting = false;
  pad.onpointermove = (event) => {
    if (waiting) return;
    waiting = true;
    setTriggerValue("moved", event.clientX);
  };
}
""",
)

@st.fragment
def live():
    seen = st.session_state.get("pad")
    component(key="pad", data={"value": seen.moved if seen else 0}, on_moved_change=lambda: None)

live()
'''

# Notes when the element named by a selector last changed its text.
WATCH = """
(selector) => {
  const element = document.querySelector(selector);
  window.asked = window.answered = 0;
  const ask = (event) => { window.asked = performance.now(); window.answered = 0; };
  for (const kind of ['keydown', 'pointermove']) addEventListener(kind, ask, true);
  new MutationObserver(() => { window.answered = performance.now(); })
    .observe(element, { childList: true, characterData: true, subtree: true });
}
"""

# From an event to the paint of the frame in which everything that was awaited has changed: a
# text that the page's own script sets, or the weight gradient in the ledger and in the river.
WATCH_PAINT = """
(selectors) => {
  const roots = selectors.map((selector) => document.querySelector(selector));
  const changed = new Set();
  window.asked = window.answered = 0;
  addEventListener('pointermove', (event) => {
    changed.clear();
    window.asked = event.timeStamp;
    window.answered = 0;
    if (roots[0].dataset.floor) roots[0].textContent = event.clientX;
  }, true);
  roots.forEach((root, i) => new MutationObserver(() => {
    changed.add(i);
    if (changed.size < roots.length) return;
    const mine = window.asked;
    requestAnimationFrame(() => {
      const after = new MessageChannel();
      after.port1.onmessage = () => {
        if (mine === window.asked) window.answered ||= performance.now();
      };
      after.port2.postMessage(0);
    });
  }).observe(root, { attributes: true, attributeFilter: ['data-value', 'd'], childList: true,
                     characterData: true, subtree: true }));
}
"""
IDLE = "!document.querySelector('[data-busy]')"

# Before a page loads: note when a selector first has a text.
FIRST_TEXT = """
(() => {
  const look = () => {
    const element = document.querySelector(%s);
    if (element && element.textContent.trim()) window.firstText ??= performance.now();
    else requestAnimationFrame(look);
  };
  look();
})();
"""


@contextmanager
def stock_server(script: str, plain: bool) -> Iterator[str]:
    """A server of one small script: stock, or under this project's configuration."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "small.py").write_text(script)
        environment = dict(os.environ)
        if plain:
            # Stock Streamlit comes without uvloop and takes it up where it is installed.
            (folder / "sitecustomize.py").write_text("import sys\nsys.modules['uvloop'] = None\n")
            environment["PYTHONPATH"] = name
        else:
            shutil.copytree(ROOT / ".streamlit", folder / ".streamlit")
        port = free_port()
        log = (folder / "log.txt").open("wb")
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "small.py"),
                *("--server.headless", "true", "--server.port", str(port)),
                *("--browser.gatherUsageStats", "false"),
            ],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            process.wait(10)
            log.close()


def open_page(browser: Browser, address: str, selector: str) -> Page:
    """A page in a profile of its own, idle."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    for _ in range(100):
        try:
            page.goto(address)
            break
        except Exception:
            page.wait_for_timeout(100)
    page.wait_for_selector(selector, state="attached", timeout=60_000)
    page.wait_for_function(
        "document.querySelector('[data-test-script-state=notRunning]')"
        " && !document.querySelector('[data-busy]')"
    )
    page.wait_for_timeout(1500)
    return page


def answer_time(page: Page) -> float:
    """Wait for the answer to the last event; milliseconds from one to the other."""
    page.wait_for_function("window.asked && window.answered >= window.asked")
    page.wait_for_timeout(60)  # nothing of this answer runs into the next event
    return float(page.evaluate("window.answered - window.asked"))


def query(n: int) -> str:
    """The address of a ledger with n samples."""
    s = PRESETS["puzzle"].scenario if n == 6 else random_scenario(1, n, 2, 3)
    return "?" + "&".join(f"{k}={v}" for k, v in encode(s, View(0, 1)).items())


class Slider:
    """The stock slider: a key press is answered by a changed text."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.page = open_page(browser, address, "[data-testid=stMarkdown]")
        self.page.evaluate(WATCH, "[data-testid=stMarkdown]")
        self.page.get_by_role("slider").focus()

    def step(self, _: int) -> None:
        """One key press."""
        self.page.keyboard.press("ArrowRight")


class Smallest:
    """The smallest component: a pointer event is answered by a changed text."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.page = open_page(browser, address, "#pad")
        # The pad is in a shadow root; the observer goes in there.
        inside = (
            "[...document.querySelectorAll('*')].map(e => e.shadowRoot?.querySelector(selector))"
            ".find(Boolean)"
        )
        watch = WATCH.replace("document.querySelector(selector)", inside)
        self.page.evaluate(watch, "#answer")
        box = self.page.locator("#pad").bounding_box()
        assert box
        self.x, self.y = box["x"] + 10, box["y"] + 50

    def step(self, i: int) -> None:
        """One move of the pointer."""
        self.page.mouse.move(self.x + 2 * i, self.y)


class Floor:
    """A page that only sets a text in the event itself: what this browser needs for a frame."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.page = open_page(browser, address, "[data-testid=stMarkdown]")
        self.page.evaluate(
            "document.querySelector('[data-testid=stMarkdown]').dataset.floor = 'true'"
        )
        self.page.evaluate(WATCH_PAINT, ["[data-testid=stMarkdown]"])

    def step(self, i: int) -> None:
        """One move of the pointer."""
        self.page.mouse.move(300 + (20 if i % 2 else 12), 300)


class Stage:
    """River and ledger with a bar of x held: a pointer event is answered by all numbers."""

    def __init__(self, browser: Browser, address: str, n: int, still: bool = False) -> None:
        self.page = open_page(browser, address + "/" + query(n), "[data-ledger] [data-sum]")
        if still:
            self.page.emulate_media(reduced_motion="reduce")
        self.page.wait_for_selector("[data-plot]", timeout=60_000)
        self.page.wait_for_timeout(3000)  # the river has come to rest
        self.page.evaluate(WATCH_PAINT, ["td[data-sum=dweight]", "[data-river]"])
        self.frames: list[int] = []
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")

        def frame(event: dict[str, Any], way: int) -> None:
            data, code = event["response"]["payloadData"], event["response"]["opcode"]
            self.frames.append(way * (len(data) * 3 // 4 if code == 2 else len(data)))

        session.on("Network.webSocketFrameSent", lambda event: frame(event, -1))
        session.on("Network.webSocketFrameReceived", lambda event: frame(event, 1))
        bar = self.page.locator("td[data-term=x][data-row='2'] [role=slider]")
        bar.scroll_into_view_if_needed()
        box = bar.bounding_box()
        assert box
        self.x, self.y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def grab(self) -> float:
        """Take the bar, which nobody has pointed at, and move it at once; until the numbers do."""
        self.page.mouse.move(self.x, self.y)
        self.page.mouse.down()
        self.step(1)
        first = answer_time(self.page)
        self.page.wait_for_function(IDLE)
        self.page.wait_for_timeout(700)
        return first

    def step(self, i: int) -> None:
        """One move of the pointer, far enough to change the number."""
        self.page.mouse.move(self.x + (20 if i % 2 else 12), self.y)

    def drag(self) -> None:
        """Two seconds of it, thirty moves a second, and letting go."""
        self.page.mouse.move(self.x, self.y)
        self.page.wait_for_timeout(250)
        self.page.mouse.down()
        for i in range(60):
            self.page.mouse.move(self.x + 20 * math.sin(i / 9) + 4, self.y)
            self.page.wait_for_timeout(1000 / 30)

    def let_go(self) -> None:
        """Until the page has followed."""
        self.page.mouse.up()
        self.page.wait_for_timeout(1500)


def cpu(process: subprocess.Popen[bytes]) -> float:
    """Milliseconds of processor that a process has used; Linux says it."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drag_costs(stage: Stage, process: subprocess.Popen[bytes]) -> dict[str, float]:
    """A drag of two seconds from the first touch: messages, the sweep, and the server's time."""
    stage.page.mouse.up()
    stage.page.wait_for_timeout(1500)
    stage.frames.clear()
    start = cpu(process)
    stage.drag()
    held = cpu(process)
    asked = sum(size < 0 for size in stage.frames)
    sweep = max(stage.frames)
    stage.let_go()
    all_asked = sum(size < 0 for size in stage.frames)
    return {
        "messages": all_asked,
        "messages held": asked,
        "sweep KB": sweep / 1024,
        "CPU of the drag": held - start,
        "CPU of letting go": cpu(process) - held,
    }


def answer_times(pages: Mapping[Any, Slider | Smallest | Floor | Stage]) -> dict[Any, list[float]]:
    """All pages in turns, so that a slow moment of the machine meets them all."""
    times: dict[Any, list[float]] = {name: [] for name in pages}
    for _ in range(ROUNDS):
        for name, page in pages.items():
            for i in range(REPEATS // ROUNDS):
                page.step(i)
                times[name].append(answer_time(page.page))
    return times


def load_times(browser: Browser, addresses: dict[str, tuple[str, str]]) -> dict[str, list[float]]:
    """Navigation to the first text, each time in a new profile, in turns."""
    times: dict[str, list[float]] = {name: [] for name in addresses}
    for _ in range(LOADS):
        for name, (address, selector) in addresses.items():
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.add_init_script(FIRST_TEXT % json.dumps(selector))
            page.goto(address)
            page.wait_for_function("window.firstText", timeout=60_000)
            times[name].append(float(page.evaluate("window.firstText")))
            context.close()
    return times


def flood(browser: Browser, address: str) -> tuple[int, bool]:
    """Five seconds at 60 events a second: how many, and does it end on the last one?"""
    page = open_page(browser, address + "/" + query(6), "[data-ledger] [data-sum]")
    cell = page.locator("td[data-term=x][data-row='2']")
    box = cell.locator("[role=slider]").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 4, y)
    # Real pointer events through the page's own queue, one a frame.
    count = page.evaluate(
        """async ([x, y]) => {
            const bar = document.querySelector("td[data-term=x][data-row='2'] [role=slider]");
            const end = performance.now() + 5000;
            let count = 0;
            while (performance.now() < end) {
              await new Promise((next) => setTimeout(next, 1000 / 60));
              count += 1;
              const clientX = x + 25 * Math.sin(count / 7);
              bar.dispatchEvent(new PointerEvent('pointermove',
                { pointerId: 1, clientX, clientY: y, bubbles: true }));
            }
            return count;
        }""",
        [x, y],
    )
    shown = cell.locator(".bns-number").inner_text()
    page.wait_for_function("!document.querySelector('[data-ledger][data-busy]')", timeout=1000)
    value = float(cell.get_attribute("data-value") or "nan")
    total = float(page.locator("td[data-sum=x]").get_attribute("data-value") or "nan")
    column = page.locator("td[data-term=x]").evaluate_all("c => c.map(e => +e.dataset.value)")
    page.mouse.up()
    page.context.close()
    said = float(shown.replace("−", "-"))
    return int(count), abs(said - value) < 0.006 and abs(sum(column) - total) < 1e-12


def p95(times: list[float]) -> float:
    """The value that 19 of 20 stay under."""
    return statistics.quantiles(times, n=20)[-1]


def main() -> None:
    """Measure, and print one table."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        port = free_port()
        app = f"http://localhost:{port}"
        with (
            served(port, Path(name) / "log.txt") as process,
            stock_server(STOCK, plain=True) as stock,
            stock_server(SMALLEST, plain=False) as smallest,
            Proxy(port, 0.05) as near,
            Proxy(port, 0.15) as far,
        ):
            networks = {0: app, 50: f"http://localhost:{near.port}"}
            networks[150] = f"http://localhost:{far.port}"
            stages = {
                (n, delay): Stage(browser, networks[delay], n)
                for n, delay in ((6, 0), (6, 50), (6, 150), (16, 0), (16, 150))
            }
            stages[6, -1] = Stage(browser, app, 6, still=True)
            cold = {key: stage.grab() for key, stage in stages.items()}
            pages: dict[Any, Slider | Smallest | Floor | Stage] = {
                "slider": Slider(browser, stock),
                "smallest": Smallest(browser, smallest),
                "floor": Floor(browser, stock),
                **stages,
            }
            times = answer_times(pages)
            costs = {n: drag_costs(stages[n, 0], process) for n in (6, 16)}
            for page in pages.values():
                page.page.context.close()
            loads = load_times(
                browser,
                {
                    "empty page": (stock, "[data-testid=stMarkdown]"),
                    "river": (app, "[data-river] text"),
                },
            )
            events, exact = flood(browser, app)
        browser.close()

    base, floor = (statistics.median(times[key]) for key in ("slider", "floor"))

    def row(label: str, key: Any) -> None:
        median = statistics.median(times[key])
        ratios = f"{median / base:.2f} × 1, {median / floor:.2f} × floor"
        print(f"| {label} | {median:.0f} ms | {p95(times[key]):.0f} ms | {ratios} |")

    print("\n| measured | median | p95 | ratio |")
    print("| --- | --- | --- | --- |")
    row("1. stock Streamlit, one slider: key to text", "slider")
    row("2. smallest component, this configuration", "smallest")
    row("floor: a text that the page sets by itself", "floor")
    for n, delay in ((6, 0), (6, 50), (6, 150), (16, 0), (16, 150)):
        row(f"3. drag, N = {n}, {delay} ms of round trip", (n, delay))
    row("3. drag, N = 6, without the river's motion", (6, -1))
    empty, full = (statistics.median(loads[key]) for key in ("empty page", "river"))
    print(f"| 4. empty page: navigation to its text | {empty:.0f} ms | | 1 |")
    print(
        f"| 4. navigation to the river's numbers | {full:.0f} ms | | {full / empty:.2f} × empty |"
    )
    for n, delay in ((6, 0), (6, 50), (6, 150), (16, 150)):
        print(
            f"| 5. first step of a cold grab, N = {n}, {delay} ms | {cold[n, delay]:.0f} ms | | |"
        )
    for what in costs[6]:
        print(
            f"| 6. two seconds, {what} | {costs[6][what]:.0f} | N = 16: {costs[16][what]:.0f} | |"
        )
    print(f"| 7. {events} events in 5 s: ends on the last one's numbers | {exact} | | |")


if __name__ == "__main__":
    main()
