"""A server of the app, a browser, and the app as a person sees it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

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
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str | None:
    """The machine's own Chromium or Chrome; None stands for the one of Playwright."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(port: int, log: Path) -> subprocess.Popen[bytes]:
    """`streamlit run app.py`, ready to answer."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "app.py"),
                *("--server.headless", "true", "--server.port", str(port)),
            ],
            cwd=ROOT,
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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the running app; at the end, its log must be free of tracebacks."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    port = free_port()
    process = start_server(port, log)
    yield f"http://localhost:{port}"
    process.terminate()
    process.wait(10)
    found = log.read_text()
    assert "Traceback" not in found, found[-3000:]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all journeys; each has a profile of its own in it."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)


def link(name: str) -> str:
    """The query that opens a preset."""
    params = encode(PRESETS[name].scenario, View())
    return "?" + "&".join(f"{key}={value}" for key, value in params.items())


class App:
    """One page of the app: what it shows, and what a person does to it."""

    def __init__(self, page: Page, server: str) -> None:
        self.page = page
        self.server = server
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, query: str = "") -> App:
        """Go to the app, with a query if there is one."""
        self.page.goto(self.server + query)
        return self.idle()

    def idle(self) -> App:
        """Wait until nothing runs, no answer is awaited and no picture is being drawn."""
        self.page.wait_for_selector("h1", state="attached", timeout=30_000)
        self.page.wait_for_function(
            """() => document.querySelector('[data-test-script-state=notRunning]')
                 && document.querySelector(
                      '[data-plot], [data-ledger], [data-derive], [data-neurons], textarea, '
                      + '[data-testid=stCode]')
                 && !document.querySelector('[data-ledger][data-busy], [data-plot][data-busy]')
                 && [...document.querySelectorAll('[data-testid^=stBidiComponent]')].every(
                      (place) => place.querySelector(
                          '[data-plot], [data-ledger], [data-derive], [data-neurons], '
                          + '[data-keys]'))
                 && document.querySelectorAll('[data-plot] .plot-container').length ===
                    document.querySelectorAll('[data-plot]').length""",
            timeout=30_000,
        )
        return self

    @property
    def claim(self) -> str:
        """The headline."""
        return self.page.locator("[data-ledger] h1").inner_text()

    def slider(self, term: str, row: int) -> Locator:
        """The bar that one drags or steps."""
        return self.page.locator(f"td[data-term={term}][data-row='{row}'] [role=slider]")

    def cell(self, term: str, row: int) -> Locator:
        """One cell of the ledger."""
        return self.page.locator(f"td[data-term={term}][data-row='{row}']")

    def column(self, term: str) -> np.ndarray:
        """The values of one column, to all their digits."""
        values = self.page.locator(f"td[data-term={term}]").evaluate_all(
            "cells => cells.map(cell => Number(cell.dataset.value))"
        )
        return np.array(values)

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

    def assert_accessible(self) -> None:
        """No axe violation, and nothing wider than the window."""
        results = Axe().run(self.page)
        assert results.violations_count == 0, f"{self.page.url}: {results.generate_report()}"
        width = self.page.viewport_size["width"]
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


@pytest.fixture
def new_app(browser: Browser, server: str) -> Iterator[Callable[..., App]]:
    """A function that opens the app in a browser profile of its own."""
    contexts: list[BrowserContext] = []
    apps: list[App] = []

    def make(width: int = 1280, dark: bool = False, touch: bool = False, **more: Any) -> App:
        context = browser.new_context(
            viewport={"width": width, "height": 844 if width < 500 else 800},
            color_scheme="dark" if dark else "light",
            has_touch=touch,
            **more,
        )
        contexts.append(context)
        app = App(context.new_page(), server)
        apps.append(app)
        return app

    yield make
    for context in contexts:
        context.close()
    assert [error for app in apps for error in app.errors] == []


@pytest.fixture
def app(new_app: Callable[..., App]) -> App:
    """The app as it opens on a laptop."""
    return new_app().open()
