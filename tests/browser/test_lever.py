"""The lever: pushes, dots and the mark are dragged, steps are taken, and the numbers are right."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from bnviz.core.columns import columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.presets import PRESETS
from bnviz.study.lever import Look, lever
from tests.kinds import there

from .conftest import App

PUZZLE = PRESETS["puzzle"].scenario
TURN = "a turn: −2.78"


def grip(app: App, term: str, row: int = 0) -> Locator:
    return app.page.locator(f"[data-grip={term}][data-row='{row}']")


def values(app: App, kind: str) -> np.ndarray:
    """The pushes, moments or dots on the screen, by sample."""
    found = app.page.locator(f"[data-{kind}]").evaluate_all(
        f"all => all.map(e => [+e.dataset.{kind}, +e.dataset.value])"
    )
    return np.array([value for _, value in sorted(found)])


def assert_lever(app: App, s: Scenario, look: Look) -> None:
    """What is drawn is the core's, to the last digit, and the words are of it."""
    v = lever(columns(run(s), View(0, 1)), look)
    assert values(app, "push").tolist() == v.pushes.tolist()
    assert values(app, "dot").tolist() == v.a.tolist()
    # A push of 0 has no block.
    assert values(app, "moment").tolist() == v.moments[v.moments != 0].tolist()
    root = app.page.locator("[data-lever]")
    assert float(root.get_attribute("data-turn") or "nan") == v.turn.value
    assert float(root.get_attribute("data-lift") or "nan") == v.lift.value
    assert app.page.get_by_text("no lift: 0").count() == 1


@pytest.mark.moving
def test_a_dot_a_push_and_the_mark_are_dragged(app: App) -> None:
    app.open("/weights")
    root = app.page.locator("[data-lever]")
    assert_lever(app, PUZZLE, Look())
    x, y = app.take(grip(app, "mark"))
    app.page.mouse.move(x + 90, y, steps=4)
    app.page.wait_for_function("!document.querySelector('[data-stage][data-busy]')")
    held = float(root.get_attribute("data-mark") or "nan")
    assert held > 0
    expect(app.page.get_by_text(TURN)).to_have_count(1)  # while it is held
    app.page.mouse.up()
    app.idle()
    assert_lever(app, PUZZLE, Look(mark=held))
    expect(app.page.get_by_text(TURN)).to_have_count(1)

    grip(app, "mark").press("Home")
    expect(root).to_have_attribute("data-mark", "0")
    for term, way in (("a", (40, 0)), ("dy", (0, -40))):
        x, y = app.take(grip(app, term, 1))
        app.page.mouse.move(x + way[0], y + way[1], steps=4)
        app.page.wait_for_function("!document.querySelector('[data-stage][data-busy]')")
        app.page.mouse.up()
        app.idle()
    a, dy = there(PUZZLE.a).copy(), PUZZLE.dy.copy()
    a[1, 1] = values(app, "dot")[1]
    assert a[1, 1] > there(PUZZLE.a)[1, 1]
    dy[1, 0] = float(grip(app, "dy", 1).get_attribute("aria-valuenow") or "nan")
    assert dy[1, 0] < PUZZLE.dy[1, 0]  # up with the push is down with ∂L/∂y
    assert_lever(app, PUZZLE.edit(a=a, dy=dy), Look())
    app.page.get_by_role("button", name="Undo").click()
    app.idle()
    assert_lever(app, PUZZLE.edit(a=a), Look())


def test_steps_turn_the_rod_and_a_shift_leaves_the_turn(app: App) -> None:
    app.open("/weights")
    root = app.page.locator("[data-lever]")
    for taken in (1, 2):
        app.page.get_by_role("button", name="Take a step").click()
        expect(root).to_have_attribute("data-steps", str(taken))
    app.idle()
    assert_lever(app, PUZZLE, Look(steps=2))
    expect(app.page.get_by_text("After 2 steps at rate 0.20")).to_be_visible()
    app.page.reload()
    app.idle()
    expect(root).to_have_attribute("data-steps", "2")
    app.page.get_by_role("button", name="Add 10 to every a").click()
    expect(root).to_have_attribute("data-steps", "0")  # they were of other numbers
    expect(app.page.get_by_text(TURN)).to_have_count(1)
    rate = app.page.get_by_role("slider", name="rate of a step")
    rate.press("Enter")
    rate.locator("input").fill("nonsense")
    rate.locator("input").press("Enter")
    expect(app.page.get_by_role("alert").filter(has_text="is not a number")).to_be_visible()
