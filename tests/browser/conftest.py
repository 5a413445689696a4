"""A server of the app, a browser, and the app as a person sees it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    FloatRect,
    Locator,
    Page,
    WebSocket,
    expect,
    sync_playwright,
)

from bnviz.core.view import View
from bnviz.inputs.link import encode
from bnviz.inputs.presets import PRESETS

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Pictures in space, on a machine without a graphics card.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Streamlit, for as long as whoever started it lives: its standard input then ends, even of a kill.
SERVE = """
import os, sys, threading
from streamlit.web.cli import main
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
main()
"""
HEARTBEAT = b"\x88\x01\x01"
# Long enough for a busy machine: a wait ends as soon as what it waits for is there.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)


def find_browser() -> str | None:
    """The machine's own Chromium or Chrome; None stands for the one of Playwright."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(port: int, log: Path, *options: str) -> subprocess.Popen[bytes]:
    """`streamlit run app.py`, ready to answer; it ends with the process that started it."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", SERVE, "run", "app.py"),
                *("--server.headless", "true", "--server.port", str(port), *options),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=2):
                return process
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise RuntimeError(f"the app did not start:\n{log.read_text()}")


@contextmanager
def served(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server, stopped at the end whatever happens."""
    process = start_server(port, log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the running app; at the end, its log must be free of tracebacks."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    port = free_port()
    with served(port, log):
        yield f"http://localhost:{port}"
    found = log.read_text()
    assert "Traceback" not in found, found[-3000:]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all journeys of this process."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)


def link(name: str) -> str:
    """The query that opens a preset."""
    params = encode(PRESETS[name].scenario, View())
    return "?" + "&".join(f"{key}={value}" for key, value in params.items())


# Light with a laptop, dark with a phone: the windows in which every screen is judged.
WINDOWS = [pytest.param(1280, False, id="laptop"), pytest.param(390, True, id="phone-dark")]


def box(element: Locator) -> FloatRect:
    """Where an element is drawn; it must be."""
    found = element.bounding_box()
    assert found, f"{element} is not drawn"
    return found


class App:
    """One window of the app: what it shows, and what a person does to it."""

    def __init__(self, page: Page, server: str) -> None:
        self._page = page
        self._opened = False
        self.server = server
        self.errors: list[str] = []
        self.sent: list[str | bytes] = []  # every message to the server
        page.on("pageerror", self._note)
        page.on("websocket", self._listen)

    @property
    def page(self) -> Page:
        """The window: on Explore, where nothing else has been opened."""
        if not self._opened:
            self.open()
        return self._page

    def _note(self, error: Error) -> None:
        self.errors.append(str(error))

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._hear)

    def _hear(self, message: str | bytes) -> None:
        if message != HEARTBEAT:  # a quiet line is asked whether it is there
            self.sent.append(message)

    def leave(self) -> None:
        """Hear no more of this window: another journey takes it."""
        self._page.remove_listener("pageerror", self._note)
        self._page.remove_listener("websocket", self._listen)

    def open(self, query: str = "") -> App:
        """Go to the app, with a path and a query if there are."""
        self._opened = True
        self._page.goto(self.server + query)
        return self.idle()

    def _middle(self, handle: Locator) -> tuple[float, float]:
        """The middle of something, in the middle of the window: at its end a phone has a bar."""
        handle.evaluate("handle => handle.scrollIntoView({ block: 'center' })")
        at = box(handle)
        return at["x"] + at["width"] / 2, at["y"] + at["height"] / 2

    def take(self, handle: Locator) -> tuple[float, float]:
        """Put the mouse on the middle of something, press it down, and say where that is."""
        x, y = self._middle(handle)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        return x, y

    def swipe(self, handle: Locator, *ways: tuple[float, float]) -> None:
        """Put a finger on something, move it by each of these ways, and lift it."""
        x, y = self._middle(handle)
        finger = self.page.context.new_cdp_session(self.page)
        kinds = ["touchStart", *["touchMove"] * len(ways), "touchEnd"]
        for kind, (right, down) in zip(kinds, [(0, 0), *ways, (0, 0)], strict=True):
            points = [] if kind == "touchEnd" else [{"x": x + right, "y": y + down}]
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        self.idle()

    def open_saved(self, file: Path) -> Page:
        """A page from the disk, without a network."""
        self._opened = True
        self._page.context.set_offline(True)
        self._page.goto(file.as_uri())
        return self._page

    def follow(self, name: str) -> App:
        """Go to another page by its link, until that one has taken the place of this one."""
        link = self.page.get_by_role("link", name=name)
        path = link.evaluate("link => new URL(link.getAttribute('href'), origin).pathname")
        link.click()
        self.page.wait_for_url(lambda url: urlsplit(url).path == path)
        return self.idle()

    def idle(self) -> App:
        """Wait until nothing runs, no answer is awaited and no picture is being drawn."""
        self.page.wait_for_function(
            """() => document.querySelector('h1')
                 && document.querySelector('[data-test-script-state=notRunning]')
                 && !document.querySelector('[data-stale=true]')
                 && document.fonts.status === 'loaded'
                 && document.querySelector(
                      '[data-plot], [data-stage], [data-derive], [data-neurons], [data-network], '
                      + 'textarea, '
                      + '[data-testid=stCode]')
                 && !document.querySelector('[data-busy]')
                 && [...document.querySelectorAll('[data-testid^=stBidiComponent]')].every(
                      (place) => place.querySelector(
                          '[data-plot], [data-stage], [data-derive], [data-neurons], '
                          + '[data-network], [data-mine], [data-keys], [data-line], [data-poll], '
                          + '[data-guess], [data-fit], [data-rivers], [data-join]'))
                 && [...document.querySelectorAll('[data-plot]:not([data-later])')].every(
                      (plot) => plot.querySelector('.plot-container'))""",
            polling=50,
        )
        return self

    def see(self, plot: Locator) -> Locator:
        """Scroll to a figure, which is not drawn before, and wait until it is."""
        plot.scroll_into_view_if_needed()
        plot.locator(".plot-container").wait_for()
        self.idle()
        return plot

    @property
    def claim(self) -> str:
        """The headline."""
        return self.page.locator("[data-stage] h1").inner_text()

    def slider(self, term: str, row: int) -> Locator:
        """The bar that one drags or steps."""
        return self.page.locator(f"td[data-term={term}][data-row='{row}'] [role=slider]")

    def cell(self, term: str, row: int) -> Locator:
        """One cell of the ledger."""
        return self.page.locator(f"td[data-term={term}][data-row='{row}']")

    def column(self, term: str) -> np.ndarray:
        """The values of one column, to all their digits."""
        cells = self.page.locator(f"td[data-term={term}]")
        return np.array(cells.evaluate_all("cells => cells.map(cell => +cell.dataset.value)"))

    def sum_cell(self, term: str) -> Locator:
        """One cell of the row of sums."""
        return self.page.locator(f"td[data-sum={term}]")

    def total(self, term: str) -> float:
        """The value of one sum."""
        return float(self.sum_cell(term).get_attribute("data-value") or "nan")

    def number(self, name: str) -> float:
        """An attribute of the ledger: n, gamma, eps, neuron, input."""
        return float(self.page.locator("[data-ledger]").get_attribute(f"data-{name}") or "nan")

    def numbers(self) -> dict[str, list[float]]:
        """All columns, for comparing one screen with another."""
        terms = ("a", "x", "x_hat", "dy", "dx_hat", "dx_direct", "dx_via_var", "dx_via_mean")
        return {term: self.column(term).tolist() for term in (*terms, "dx", "dweight")}

    def type_into(self, term: str, row: int, text: str) -> None:
        """Focus a bar and type a number."""
        slider = self.slider(term, row)
        slider.focus()
        slider.press("Enter")
        box = slider.locator("input")
        box.fill(text)
        box.press("Enter")
        self.idle()

    def open_drawer(self) -> None:
        """Open the drawer with the sizes and the tables."""
        self.page.get_by_text("Set the numbers").click()
        self.page.get_by_test_id("stDataFrame").first.locator("canvas").first.wait_for()
        self.idle()

    def settled(self, cell: Locator, value: str) -> App:
        """Wait until a cell has a value and the page has followed."""
        expect(cell).to_have_attribute("data-value", value)
        return self.idle()

    def _axe(self) -> None:
        # Text that is still fading in has less contrast.
        still = "document.getAnimations().every(a => a.playState !== 'running')"
        self.page.wait_for_function(still, polling=50)
        there = self.page.evaluate("'axe' in window")  # half a megabyte, for as long as the page
        axe = Axe("") if there else Axe()
        results = axe.run(self.page, options={"resultTypes": ["violations"]})
        assert results.violations_count == 0, f"{self.page.url}: {results.generate_report()}"

    def assert_accessible(self) -> None:
        """No axe violation, and nothing wider than the window; see WINDOWS for light and dark."""
        self._axe()
        size = self.page.viewport_size
        assert size
        width = size["width"]
        assert self.page.evaluate("document.documentElement.scrollWidth") <= width, self.page.url
        ends = "tables => tables.map(table => table.getBoundingClientRect().right)"
        for end in self.page.locator("table:visible").evaluate_all(ends):
            assert end <= width + 1, self.page.url

    def assert_consistent(self) -> None:
        """Every number on the screen follows from a, x, ∂L/∂y, γ and ε by the textbook."""
        x, dy, a = self.column("x"), self.column("dy"), self.column("a")
        gamma, eps = self.number("gamma"), self.number("eps")
        mean, std = x.mean(), np.sqrt(x.var() + eps)
        x_hat = (x - mean) / std
        g = gamma * dy
        dx = (g - g.mean() - x_hat * (g * x_hat).mean()) / std
        size = np.abs(g).sum() / std * 1e-12
        np.testing.assert_allclose(self.column("x_hat"), x_hat, atol=1e-12, rtol=1e-9)
        np.testing.assert_allclose(self.column("dx_hat"), g, rtol=1e-12)
        np.testing.assert_allclose(self.column("dx"), dx, atol=size)
        np.testing.assert_allclose(
            sum(self.column(path) for path in ("dx_direct", "dx_via_var", "dx_via_mean")),
            dx,
            atol=size,
        )
        assert abs(self.total("dx")) <= size
        np.testing.assert_allclose(
            self.total("dweight"), (a * dx).sum(), atol=size * np.abs(a).max()
        )


@pytest.fixture(scope="session")
def window(browser: Browser) -> Page:
    """The window in which journeys take turns: there a page opens in a third of the time."""
    return browser.new_context().new_page()


def wipe(window: Page) -> None:
    """Leave a window as a new one is: nothing open, held, kept or allowed."""
    for other in window.context.pages:
        if other is not window:
            other.close()
    window.mouse.up()
    if window.url.startswith("http"):
        window.evaluate("localStorage.clear(); sessionStorage.clear()")
    window.goto("about:blank")
    window.mouse.move(0, 0)
    window.context.set_offline(False)
    window.context.clear_cookies()
    window.context.clear_permissions()


@pytest.fixture
def new_app(browser: Browser, server: str, window: Page) -> Iterator[Callable[..., App]]:
    """A function that gives the app in a clean window; each after the first is another visitor's.

    The first is the window that journeys take turns in, so it is wiped afterwards.
    Nothing moves by itself unless asked for: without a graphics card, what moves takes half of
    a journey's time.
    """
    contexts: list[BrowserContext] = []
    apps: list[App] = []

    def make(
        width: int = 1280, dark: bool = False, touch: bool = False, moving: bool = False
    ) -> App:
        page = window
        if apps or touch:
            contexts.append(browser.new_context(has_touch=touch))
            page = contexts[-1].new_page()
        page.set_viewport_size({"width": width, "height": 844 if width < 500 else 800})
        page.emulate_media(
            color_scheme="dark" if dark else "light",
            reduced_motion="no-preference" if moving else "reduce",
        )
        apps.append(App(page, server))
        return apps[-1]

    yield make
    for context in contexts:
        context.close()
    wipe(window)
    for app in apps:
        app.leave()
    assert [error for app in apps for error in app.errors] == []


@pytest.fixture
def app(new_app: Callable[..., App], request: pytest.FixtureRequest) -> App:
    """The app as it opens on a laptop: on Explore, unless the journey opens something else."""
    return new_app(moving=request.node.get_closest_marker("moving") is not None)
