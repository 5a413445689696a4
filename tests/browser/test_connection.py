"""The line to the server breaks, and nothing that anyone set is lost in silence."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import App, box, free_port, start_server
from .proxy import Proxy

AWAY = "The server does not answer."
LONG = 30_000  # how soon it is, the bench says: a test on a busy machine can't


class Lines:
    """A server which comes and goes, behind a network that does too.

    Journeys share it, and its address: there a page opens in a third of the time.
    """

    def __init__(self, log: Path, network: Proxy) -> None:
        self.log, self.network = log, network
        self.process: subprocess.Popen[bytes] | None = None
        self.options: tuple[str, ...] = ()

    def start(self, *options: str) -> None:
        """A new server, which knows nobody."""
        self.process, self.options = start_server(self.network.target, self.log, *options), options

    def kill(self) -> None:
        """Gone, without a goodbye."""
        assert self.process
        self.process.kill()
        self.process.wait(10)

    def send(self, what: signal.Signals) -> None:
        """Have the server stop for a while, or go on."""
        assert self.process
        self.process.send_signal(what)

    def mend(self) -> None:
        """A server as it is by default, and a network that passes everything on."""
        self.network.mend()
        if self.process and (self.options or self.process.poll() is not None):
            self.kill()
            self.process = None
        if self.process is None:
            self.start()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lines]:
    """The server of all journeys of this file."""
    with Proxy(free_port()) as network:
        made = Lines(tmp_path_factory.mktemp("lines") / "log.txt", network)
        made.mend()
        yield made
        made.kill()
    assert "Traceback" not in made.log.read_text()


@pytest.fixture
def lines(shared: Lines) -> Lines:
    """A server, and a whole network, as each journey begins."""
    shared.mend()
    return shared


@pytest.fixture
def network(lines: Lines) -> Proxy:
    """What is between that server and the browser."""
    return lines.network


def visit(app: App, lines: Lines) -> None:
    """Open the app, and mark the page: a reload would lose the mark."""
    app.server = f"http://localhost:{lines.network.port}"
    app.open()
    app.page.evaluate("window.mark = true")


def expect_away(app: App) -> None:
    """The stage says that the server is away."""
    expect(app.page.get_by_role("alert").filter(has_text=AWAY)).to_be_visible()


def expect_back(app: App) -> None:
    """Two seconds after the line's return the stage has its server, in the same page."""
    page = app.page
    page.wait_for_selector("[data-test-connection-state=CONNECTED]")
    page.wait_for_function(
        "away => !document.querySelector('[data-stage]').textContent.includes(away)"
        " && !document.querySelector('[data-busy]')",
        arg=AWAY,
        timeout=LONG,
    )
    app.idle()
    assert page.evaluate("window.mark")


def hold(app: App, term: str, row: int, way: int) -> None:
    """Take a bar with the mouse and move it, without letting go."""
    app.slider(term, row).scroll_into_view_if_needed()
    at = box(app.slider(term, row))
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    app.page.mouse.move(x, y)
    app.page.mouse.down()
    app.page.mouse.move(x + way, y, steps=6)


def shown(app: App, term: str, row: int) -> float:
    """The number that stands in a cell, whatever the server knows of it."""
    return float(app.cell(term, row).locator(".bns-number").inner_text().replace("−", "-"))


def undo_to(app: App, before: dict[str, list[float]]) -> None:
    """Undo, once, and find everything as it was."""
    app.page.get_by_role("button", name="Undo").click()
    app.page.wait_for_function(
        "x => JSON.stringify([...document.querySelectorAll('td[data-term=dweight]')]"
        ".map(cell => +cell.dataset.value)) === JSON.stringify(x)",
        arg=before["dweight"],
    )
    assert app.idle().numbers() == before


def assert_all_works(app: App) -> None:
    """Drag, undo and choose a scenario, and find the right numbers."""
    before = app.numbers()
    app.assert_consistent()
    hold(app, "dy", 3, 30)
    app.page.mouse.up()
    expect(app.cell("dy", 3)).not_to_have_attribute("data-value", str(before["dy"][3]))
    app.idle()
    app.assert_consistent()
    assert app.numbers()["x"] == before["x"]
    undo_to(app, before)
    app.page.get_by_role("combobox", name="Scenario").select_option(label="Two samples")
    expect(app.page.locator("[data-ledger]")).to_have_attribute("data-n", "2")
    app.idle()
    app.assert_consistent()


def test_an_idle_page_outlives_its_server(app: App, lines: Lines) -> None:
    visit(app, lines)
    app.type_into("x", 0, "3.5")
    before = app.numbers()
    lines.kill()
    expect_away(app)
    lines.start()
    expect_back(app)
    assert app.numbers() == before
    assert app.page.get_by_role("button", name="Undo").is_disabled()
    assert_all_works(app)


def test_a_reload_finds_the_screen_though_the_server_is_another(app: App, lines: Lines) -> None:
    visit(app, lines)
    app.type_into("a", 2, "4.5")
    expect(app.page).to_have_url(re.compile("check="))
    before = app.idle().numbers()
    lines.kill()
    lines.start()
    app.page.reload()
    assert app.idle().numbers() == before


def test_a_number_held_while_the_server_restarts_is_kept(app: App, lines: Lines) -> None:
    visit(app, lines)
    app.type_into("x", 0, "3.5")
    before = app.numbers()
    hold(app, "x", 2, 25)
    app.page.wait_for_function("!document.querySelector('[data-ledger][data-busy]')")
    held = app.numbers()
    lines.kill()
    expect_away(app)
    assert app.numbers() == held
    lines.start()
    expect_back(app)
    assert app.numbers() == held
    app.page.mouse.up()
    app.idle()
    assert app.numbers() == held
    undo_to(app, before)
    assert_all_works(app)


@pytest.mark.parametrize("let_go", ["away", "back"])
def test_a_drag_begun_without_a_server_is_not_lost(app: App, lines: Lines, let_go: str) -> None:
    visit(app, lines)
    app.type_into("x", 0, "3.5")
    before = app.numbers()
    lines.kill()
    hold(app, "dy", 4, 30)  # nothing of it can have come from the server
    value = shown(app, "dy", 4)
    assert value != before["dy"][4]
    if let_go == "away":
        app.page.mouse.up()
    expect_away(app)
    lines.start()
    expect_back(app)
    expect(app.cell("dy", 4)).to_have_attribute("data-value", str(value))
    if let_go == "back":
        app.page.mouse.up()
        app.idle()
    after = app.numbers()
    assert after["dy"][4] == value
    assert after["x"] == before["x"]
    undo_to(app, before)
    assert_all_works(app)


def test_a_session_that_has_expired_is_not_missed(app: App, lines: Lines, network: Proxy) -> None:
    lines.kill()
    lines.start("--server.disconnectedSessionTTL", "1")
    visit(app, lines)
    app.type_into("x", 0, "3.5")
    before = app.numbers()
    network.cut()
    expect_away(app)
    time.sleep(3)  # the session's life is the server's to count
    network.mend()
    expect_back(app)
    assert app.numbers() == before
    assert app.page.get_by_role("button", name="Undo").is_disabled()
    assert_all_works(app)


def test_ten_seconds_without_a_network(app: App, lines: Lines, network: Proxy) -> None:
    visit(app, lines)
    opened = app.numbers()
    app.type_into("x", 0, "3.5")
    before = app.numbers()
    network.cut()
    hold(app, "a", 1, 30)
    app.page.mouse.up()
    value = shown(app, "a", 1)
    assert value != before["a"][1]
    expect_away(app)
    time.sleep(10)
    network.mend()
    expect_back(app)
    app.settled(app.cell("a", 1), str(value))
    undo_to(app, before)
    undo_to(app, opened)  # the session has outlived the cut
    assert_all_works(app)


def test_a_socket_that_swallows_is_noticed(app: App, lines: Lines, network: Proxy) -> None:
    visit(app, lines)
    app.type_into("x", 0, "3.5")
    before = app.numbers()
    network.swallow()
    at = time.monotonic()
    slider = app.slider("x", 1)
    slider.focus()
    slider.press("ArrowRight")
    expect_away(app)
    expect(app.cell("x", 1)).to_have_attribute("data-value", str(shown(app, "x", 1)))
    expect_back(app)
    assert time.monotonic() - at < 17  # fifteen to notice, two to go on
    undo_to(app, before)
    assert_all_works(app)


def test_an_answer_that_got_lost_is_not_acted_on_twice(
    app: App, lines: Lines, network: Proxy
) -> None:
    visit(app, lines)
    app.type_into("x", 0, "3.5")
    app.type_into("x", 1, "2.5")
    network.swallow(answers_only=True)
    app.page.get_by_role("button", name="Undo").click()
    app.page.wait_for_function("document.querySelector('[data-stage][data-busy]')")
    time.sleep(1)  # it has arrived
    network.cut()
    network.mend()
    expect(app.cell("x", 1)).to_have_attribute("data-value", "0.3")
    expect_back(app)
    assert app.column("x")[0] == 3.5  # one step back and not two


def test_a_slow_server_is_waited_for(app: App, lines: Lines) -> None:
    visit(app, lines)
    app.type_into("x", 0, "3.5")
    app.type_into("x", 1, "2.5")
    lines.send(signal.SIGSTOP)
    app.page.get_by_role("button", name="Undo").click()
    expect_away(app)
    time.sleep(8)  # longer than any patience
    lines.send(signal.SIGCONT)
    expect(app.cell("x", 1)).to_have_attribute("data-value", "0.3")
    expect_back(app)
    assert app.column("x")[0] == 3.5
    assert_all_works(app)
