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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bnviz.presets import PRESETS
from bnviz.scenario import random_scenario
from bnviz.share import View, encode
from tests.browser.conftest import FLAGS, ROOT, find_browser, free_port, start_server

REPEATS = 60
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


def slider_times(browser: Browser, address: str) -> list[float]:
    """Key press to changed text."""
    page = open_page(browser, address, "[data-testid=stMarkdown]")
    page.evaluate(WATCH, "[data-testid=stMarkdown]")
    page.get_by_role("slider").focus()
    times = []
    for _ in range(REPEATS):
        page.keyboard.press("ArrowRight")
        times.append(answer_time(page))
    page.context.close()
    return times


def smallest_times(browser: Browser, address: str) -> list[float]:
    """Pointer event to redrawn component."""
    page = open_page(browser, address, "#pad")
    # The pad is in a shadow root; the observer goes in there.
    page.evaluate(
        WATCH.replace(
            "document.querySelector(selector)",
            "[...document.querySelectorAll('*')].map(e => e.shadowRoot?.querySelector(selector))"
            ".find(Boolean)",
        ),
        "#answer",
    )
    box = page.locator("#pad").bounding_box()
    assert box
    times = []
    for i in range(REPEATS):
        page.mouse.move(box["x"] + 10 + 2 * i, box["y"] + 50)
        times.append(answer_time(page))
    page.context.close()
    return times


def query(n: int) -> str:
    """The address of a ledger with n samples."""
    s = PRESETS["puzzle"].scenario if n == 6 else random_scenario(1, n, 2, 3)
    return "?" + "&".join(f"{k}={v}" for k, v in encode(s, View(0, 1)).items())


def ledger_times(browser: Browser, address: str, n: int) -> tuple[list[float], list[int]]:
    """Pointer event on x to every number redrawn, and the bytes that came for it."""
    page = open_page(browser, address + "/" + query(n), "[data-ledger] [data-sum]")
    page.wait_for_selector("[data-plot] .plot-container", timeout=60_000)
    page.wait_for_timeout(1000)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    received = [0]

    def frame(event: dict[str, Any]) -> None:
        data = event["response"]["payloadData"]
        binary = event["response"]["opcode"] == 2
        received[0] += len(data) * 3 // 4 if binary else len(data)

    session.on("Network.webSocketFrameReceived", frame)
    session.on("Network.webSocketFrameSent", frame)
    page.evaluate(WATCH_LEDGER)
    box = page.locator("td[data-term=x][data-row='2'] [role=slider]").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 5, y)
    page.wait_for_timeout(300)
    times, sizes = [], []
    for i in range(REPEATS):
        received[0] = 0
        page.mouse.move(x + (20 if i % 2 else 12), y)
        times.append(answer_time(page))
        sizes.append(received[0])
    page.mouse.up()
    page.context.close()
    return times, sizes


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
        process = start_server(port, Path(name) / "log.txt")
        with (
            stock_server(STOCK, plain=True) as stock,
            stock_server(SMALLEST, plain=False) as smallest,
        ):
            slider = slider_times(browser, stock)
            small = smallest_times(browser, smallest)
            ledger, sizes = ledger_times(browser, app, 6)
            ledger16, sizes16 = ledger_times(browser, app, 16)
            loads = load_times(
                browser,
                {
                    "empty page": (stock, "[data-testid=stMarkdown]"),
                    "ledger": (app, "td[data-sum=dweight]"),
                },
            )
            events, exact = flood(browser, app)
        process.terminate()
        process.wait(10)
        browser.close()

    def row(label: str, times: list[float], ratios: str) -> None:
        median = statistics.median(times)
        print(f"| {label} | {median:.0f} ms | {p95(times):.0f} ms | {ratios} |")

    base, least = statistics.median(slider), statistics.median(small)
    print("\n| measured | median | p95 | ratio |")
    print("| --- | --- | --- | --- |")
    row("1. stock Streamlit, one slider: key to text", slider, "1")
    row("2. smallest component, this configuration", small, f"{least / base:.2f} × 1")
    for label, times in (("N = 6", ledger), ("N = 16", ledger16)):
        median = statistics.median(times)
        row(
            f"3. ledger, {label}: pointer to every number",
            times,
            f"{median / base:.2f} × 1, {median / least:.2f} × 2; "
            f"p95 {p95(times) / median:.1f} × median",
        )
    empty = statistics.median(loads["empty page"])
    row("4. empty page: navigation to its text", loads["empty page"], "1")
    full = statistics.median(loads["ledger"])
    row("4. navigation to the ledger’s numbers", loads["ledger"], f"{full / empty:.2f} × empty")
    print(
        f"| 5. bytes for one drag step | {statistics.median(sizes) / 1024:.1f} KB, "
        f"N = 16: {statistics.median(sizes16) / 1024:.1f} KB | "
        f"{max(sizes) / 1024:.1f}, {max(sizes16) / 1024:.1f} KB | |"
    )
    print(f"| 6. {events} events in 5 s end on the last one’s numbers | {exact} | | |")


if __name__ == "__main__":
    main()
