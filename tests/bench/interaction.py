"""How fast a change is answered: `.venv/bin/python -m tests.bench.interaction`.

Everything is timed inside the browser, from the event to the change of the page
that answers it, in one run, against two yardsticks: an empty page of stock
Streamlit with one slider, and the smallest component that this project's
configuration can carry.
"""

from __future__ import annotations

import json
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

REPEATS, ROUNDS = 80, 8
LOADS = 9

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

# The ledger has answered when nothing is awaited any more.
WATCH_LEDGER = """
() => {
  const root = document.querySelector('[data-ledger]');
  window.asked = window.answered = 0;
  addEventListener('pointermove', () => {
    window.asked = performance.now();
    window.answered = 0;
  }, true);
  new MutationObserver(() => {
    if (!root.hasAttribute('data-busy')) window.answered = performance.now();
  }).observe(root, { attributes: true, attributeFilter: ['data-busy'] });
}
"""

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


class Ledger:
    """The ledger with a bar of x held: a pointer event is answered by all numbers."""

    def __init__(self, browser: Browser, address: str, n: int) -> None:
        self.page = open_page(browser, address + "/" + query(n), "[data-ledger] [data-sum]")
        self.page.wait_for_selector("[data-plot] .plot-container", timeout=60_000)
        self.page.wait_for_timeout(1000)
        self.page.evaluate(WATCH_LEDGER)
        box = self.page.locator("td[data-term=x][data-row='2'] [role=slider]").bounding_box()
        assert box
        self.x, self.y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(self.x, self.y)
        self.page.mouse.down()
        self.page.mouse.move(self.x + 5, self.y)
        self.page.wait_for_timeout(300)

    def step(self, i: int) -> None:
        """One move of the pointer, far enough to change the number."""
        self.page.mouse.move(self.x + (20 if i % 2 else 12), self.y)

    def bytes_per_step(self) -> float:
        """What goes over the socket for one step, both ways."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")
        total = [0]

        def frame(event: dict[str, Any]) -> None:
            data, code = event["response"]["payloadData"], event["response"]["opcode"]
            total[0] += len(data) * 3 // 4 if code == 2 else len(data)

        session.on("Network.webSocketFrameReceived", frame)
        session.on("Network.webSocketFrameSent", frame)
        for i in range(10):
            self.step(i)
            answer_time(self.page)
        return total[0] / 10


def answer_times(pages: Mapping[str, Slider | Smallest | Ledger]) -> dict[str, list[float]]:
    """All pages in turns, so that a slow moment of the machine meets them all."""
    times: dict[str, list[float]] = {name: [] for name in pages}
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
    shown = cell.locator(".bnl-number").inner_text()
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
            served(port, Path(name) / "log.txt"),
            stock_server(STOCK, plain=True) as stock,
            stock_server(SMALLEST, plain=False) as smallest,
        ):
            ledgers = {str(n): Ledger(browser, app, n) for n in (6, 16)}
            pages: dict[str, Slider | Smallest | Ledger] = {
                "slider": Slider(browser, stock),
                "smallest": Smallest(browser, smallest),
                **ledgers,
            }
            times = answer_times(pages)
            sizes = {n: ledger.bytes_per_step() / 1024 for n, ledger in ledgers.items()}
            for page in pages.values():
                page.page.context.close()
            loads = load_times(
                browser,
                {
                    "empty page": (stock, "[data-testid=stMarkdown]"),
                    "ledger": (app, "td[data-sum=dweight]"),
                },
            )
            events, exact = flood(browser, app)
        browser.close()

    def row(label: str, times: list[float], ratios: str) -> None:
        median = statistics.median(times)
        print(f"| {label} | {median:.0f} ms | {p95(times):.0f} ms | {ratios} |")

    base, least = (statistics.median(times[name]) for name in ("slider", "smallest"))
    print("\n| measured | median | p95 | ratio |")
    print("| --- | --- | --- | --- |")
    row("1. stock Streamlit, one slider: key to text", times["slider"], "1")
    row("2. smallest component, this configuration", times["smallest"], f"{least / base:.2f} × 1")
    for n in ("6", "16"):
        median = statistics.median(times[n])
        row(
            f"3. ledger, N = {n}: pointer to every number",
            times[n],
            f"{median / base:.2f} × 1, {median / least:.2f} × 2; "
            f"p95 {p95(times[n]) / median:.1f} × median",
        )
    empty = statistics.median(loads["empty page"])
    row("4. empty page: navigation to its text", loads["empty page"], "1")
    full = statistics.median(loads["ledger"])
    row("4. navigation to the ledger’s numbers", loads["ledger"], f"{full / empty:.2f} × empty")
    print(f"| 5. socket, one drag step | {sizes['6']:.1f} KB | N = 16: {sizes['16']:.1f} KB | |")
    print(f"| 6. {events} events in 5 s: ends on the last one’s numbers | {exact} | | |")


if __name__ == "__main__":
    main()
