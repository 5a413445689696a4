"""The network: it is trained while one watches, scrubbed, reloaded, and what it says is so."""

from __future__ import annotations

from functools import partial

from playwright.sync_api import expect

from bnviz.claims.depth import headline, ratios, times
from bnviz.inputs.clouds import batch
from bnviz.inputs.networks import changed, read, write
from bnviz.study.depth import Run, before_training

from .conftest import App

SMALL = changed(read("explodes"), depth=4, width=8, batch=16, steps=60)


def test_a_network_is_trained_scrubbed_and_found_again(app: App) -> None:
    made = partial(batch, SMALL.data, SMALL.setting.seed)
    run, before = Run(SMALL.setting, made), before_training(SMALL.setting, made)
    run.go(SMALL.steps)
    app.open(f"/network?net={write(SMALL)}&at=0")
    root = app.page.locator("[data-depth]")
    expect(root).to_have_attribute("data-done", "60")
    expect(root).to_have_attribute("data-step", "0")
    claim = app.page.locator("[data-depth] h1")
    expect(claim).to_have_text(headline(run, before, end=False).claim)
    expect(root).to_have_attribute("data-early", times(float(ratios(run)[0, 1])))
    slider = app.page.get_by_role("slider", name="Step")
    slider.focus()
    app.page.keyboard.press("End")
    expect(root).to_have_attribute("data-step", "59")
    expect(root).to_have_attribute("data-early", times(float(ratios(run)[59, 1])))
    expect(claim).to_have_text(headline(run, before).claim)
    app.page.wait_for_url("**/network?*at=59*")
    app.page.reload()
    app.idle()
    expect(root).to_have_attribute("data-step", "59")
    app.follow("Explore")
    app.page.go_back()
    app.idle()
    expect(root).to_have_attribute("data-step", "59")


def test_a_hostile_network_gets_a_sentence_and_everyone_can_use_it(app: App) -> None:
    for width in (1280, 390):
        app.open(f"/network?net={write(SMALL)}&at=0")
        app.page.set_viewport_size({"width": width, "height": 844})
        app.idle().assert_accessible()
    hostile = write(SMALL).replace("4~8", "4000000~8")
    app.page.goto(f"{app.server}/network?net={hostile}")
    expect(app.page.get_by_text("depth must be between 1 and 30")).to_be_visible()
