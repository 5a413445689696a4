"""Network: what a person sees of a run, through time, into a neuron and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import expect

import bnviz
from bnviz.claims import training as claims
from bnviz.study.training import neuron

from .conftest import App

SMALL = "/network?net=depth.8~width.12"


def test_a_run_is_seen_scrubbed_and_opened(new_app: Callable[..., App]) -> None:
    app = new_app().open(f"{SMALL}&at=20&deep=3")
    page = app.page
    root = page.locator("[data-network]")
    run = bnviz.network(300, depth=8, width=12)
    expect(page.locator("h1")).to_have_text(claims.flow(run, 20).claim)
    expect(root).to_have_attribute("data-step", "20")
    expect(root).to_have_attribute("data-last", "300")
    handed = page.locator("td[data-term=handed]").evaluate_all(
        "all => all.map(td => +td.dataset.value)"
    )
    np.testing.assert_allclose(handed, 100 * run.quantity("handed")[20], rtol=1e-5)

    # Scrubbing answers from what the browser has: the number is there before Python is asked.
    asked = len(app.sent)
    slider = page.get_by_role("slider", name="Step")
    at_once = slider.evaluate(
        """input => { input.value = 7; input.dispatchEvent(new Event('input'));
                      return document.querySelector('[data-network]').dataset.ratio; }"""
    )
    assert at_once == claims.times(float(claims.ratios(run)[7]))
    assert len(app.sent) == asked
    slider.focus()
    slider.press("ArrowRight")
    expect(root).to_have_attribute("data-step", "8")
    page.wait_for_url("**at=8**")
    app.idle()
    expect(page.locator("h1")).to_have_text(claims.flow(run, 8).claim)

    # The experiment, on the step at hand.
    give = page.get_by_role("button", name="directions")
    give.click()
    expect(give).to_contain_text(claims.times(claims.given_back(run, 8)[1]))

    # Reload: the same place. Into a neuron with its real batch, and back to the same place.
    page.reload()
    app.idle()
    expect(root).to_have_attribute("data-step", "8")
    page.get_by_label("Neuron").select_option("5")
    page.get_by_role("button", name="in the river").click()
    page.locator("[data-ledger]").wait_for()
    app.idle()
    s, _, best = neuron(run, 8, 2, 4)
    assert app.number("input") == best
    assert app.number("n") == s.shape[0]
    dx = bnviz.trace(s.x, s.dy, s.gamma, s.beta, s.eps, a=s.a).dx[:, 0]
    _, seen = run.look(8)
    np.testing.assert_allclose(dx, seen.dx[2][:, 4], rtol=1e-9, atol=1e-12 * np.abs(dx).max())
    assert all(np.isclose(value, dx, rtol=1e-9).any() for value in app.column("dx"))
    page.go_back()
    expect(root).to_have_attribute("data-step", "8")
    expect(page.get_by_label("Layer to open")).to_have_value("2")
    app.idle()

    # Time: Play takes it to the end, one more step trains; a preset is another network.
    page.get_by_role("button", name="Play").click()
    expect(root).to_have_attribute("data-step", "300")
    app.idle()
    page.get_by_role("button", name="One step on").click()
    expect(root).to_have_attribute("data-step", "301")
    app.idle()
    page.locator("[data-setting=preset]").select_option("four")
    expect(page.locator("h1")).to_contain_text("A batch of 4:")
    assert app.errors == []


def test_what_cannot_be_is_said_on_a_phone_and_a_notebook_shows_the_same(
    new_app: Callable[..., App], tmp_path: Path
) -> None:
    app = new_app(390, dark=True).open("/network?net=depth.1000000")
    page = app.page
    expect(page.locator("[data-network]")).to_contain_text(
        "depth must be a whole number from 1 to 30"
    )
    app.open("/network?net=depth.8~norm.none~activation.none~rate.9")
    run = bnviz.network(300, depth=8, norm="none", activation="none", rate=9)
    assert run.fault is not None
    expect(page.locator("[data-network]")).to_contain_text(f"Overflow at step {run.fault.step}")
    expect(page.locator("[data-network]")).to_have_attribute("data-last", str(run.steps))
    assert app.errors == []

    # The same figures from code: every step is in the page, with the experiment, and no server.
    run = bnviz.network(9, depth=6, width=32, data="noise")
    bnviz.picture(run, 9).save(tmp_path / "run.html")
    page = app.open_saved(tmp_path / "run.html")
    expect(page.locator("h1")).to_have_text(claims.flow(run, 9).claim)
    page.get_by_role("button", name="lengths").click()
    told = claims.times(claims.given_back(run, 9)[2])
    expect(page.get_by_role("button", name="lengths")).to_contain_text(told)
    expect(page.locator(".bnt-theory")).to_have_attribute("d", "M0,0")
    page.get_by_role("button", name="To the start").click()
    expect(page.locator("h1")).to_have_text(claims.flow(run, 0).claim)
    expect(page.locator(".bnt-theory")).not_to_have_attribute("d", "M0,0")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("[data-network]")).to_have_attribute("data-step", "9")
    assert app.errors == []
