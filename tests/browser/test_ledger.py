"""The live ledger: drag, step, type, undo, by mouse, by finger and by keyboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.link import encode
from bnviz.inputs.presets import PRESETS

from .conftest import App, link


def hold(app: App, term: str, row: int, way: int) -> None:
    """Take a bar with the mouse and move it, without letting go."""
    x, y = app.take(app.slider(term, row))
    app.page.mouse.move(x + way, y, steps=6)


@pytest.mark.moving
@pytest.mark.parametrize("term", ["x", "dy", "a"])
def test_a_dragged_bar_takes_everything_along(app: App, term: str) -> None:
    before = app.numbers()
    hold(app, term, 2, 25)
    app.page.wait_for_function("!document.querySelector('[data-ledger][data-busy]')")
    during = app.numbers()
    assert during[term][2] > before[term][2]
    assert during["dweight"] != before["dweight"]
    app.assert_consistent()
    app.page.mouse.up()
    assert app.idle().numbers() == during
    assert "check=" in app.page.url


def test_escape_lets_go_of_a_drag(app: App) -> None:
    before = app.numbers()
    hold(app, "x", 2, 25)
    app.page.keyboard.press("Escape")
    app.page.mouse.up()
    app.settled(app.cell("x", 2), str(before["x"][2]))
    assert app.numbers() == before
    assert app.page.get_by_role("button", name="Undo").is_disabled()


@pytest.mark.moving
def test_scales_hold_still_while_dragging_and_settle_after(app: App) -> None:
    width = "bar => bar.getBoundingClientRect().width"
    other = app.cell("x", 3).locator(".bnl-bar")
    before = other.evaluate(width)
    hold(app, "x", 2, 120)
    app.page.wait_for_function("!document.querySelector('[data-ledger][data-busy]')")
    assert other.evaluate(width) == before
    app.page.mouse.up()
    app.idle()
    app.page.wait_for_function(
        "before => document.querySelector(\"td[data-term=x][data-row='3'] .bnl-bar\")"
        ".getBoundingClientRect().width < before",
        arg=before,
    )


def test_keys_step_the_bar_and_home_brings_it_back(app: App) -> None:
    slider = app.slider("x", 1)
    slider.focus()
    for key, value in (
        ("ArrowRight", 0.4),
        ("Shift+ArrowRight", 1.4),
        ("ArrowDown", 1.3),
        ("Alt+ArrowUp", 1.31),
    ):
        slider.press(key)
        app.settled(app.cell("x", 1), str(value))
    expect(slider).to_have_attribute("aria-valuenow", "1.31")
    app.assert_consistent()
    slider.press("Home")
    app.settled(app.cell("x", 1), "0.3")


def test_undo_and_redo_by_key_and_by_button(app: App) -> None:
    app.type_into("x", 0, "3.5")
    app.type_into("a", 0, "2.5")
    app.page.keyboard.press("Control+z")
    app.settled(app.cell("a", 0), "1")
    app.page.get_by_role("button", name="Undo").click()
    app.settled(app.cell("x", 0), "-1.2")
    app.page.keyboard.press("Control+Shift+z")
    app.settled(app.cell("x", 0), "3.5")
    app.page.get_by_role("button", name="Redo").click()
    app.settled(app.cell("a", 0), "2.5")
    app.assert_consistent()


def test_a_typed_digit_opens_the_cell_and_escape_closes_it(app: App) -> None:
    slider = app.slider("dy", 0)
    slider.focus()
    app.page.keyboard.type("-2.5")
    app.page.keyboard.press("Enter")
    app.settled(app.cell("dy", 0), "-2.5")
    app.page.keyboard.type("7")
    app.page.keyboard.press("Escape")
    app.settled(app.cell("dy", 0), "-2.5")


def test_pointing_explains_with_this_rows_numbers(app: App) -> None:
    explain = app.page.locator(".bnl-explain")
    app.cell("dx", 3).hover()
    expect(explain).to_contain_text("Sample 4")
    t = run(PRESETS["puzzle"].scenario)
    paths = [f"{path[3, 0]:.4f}" for path in (t.dx_direct, t.dx_via_var)]
    away = f"(−{abs(t.dx_via_mean[3, 0]):.4f})"
    expect(explain).to_contain_text(f"①+②+③={'+'.join(paths)}+{away}≈{t.dx[3, 0]:.2f}")
    expect(app.page.locator("td.bnl-lit")).to_have_count(3)
    app.cell("dx_via_var", 3).hover()
    # Its x is 2.1, and the mean of the batch is 0.15.
    expect(explain.locator("[data-slot=deviation]")).to_have_text("1.95")
    expect(explain.locator("math mn").last).to_have_text(f"{t.dx_via_var[3, 0]:.2f}")
    app.page.mouse.move(0, 0)  # else what scrolls under it is explained in place of the sum
    app.sum_cell("dx").focus()
    expect(explain).to_contain_text("= 0.67 − 0.70 + 0.15 + 1.03 − 1.13 − 0.03 ≈ 0")
    app.page.keyboard.press("Control+ArrowRight")
    expect(app.page.locator("td.bnl-here")).to_have_attribute("data-sum", "dweight")
    expect(explain).to_contain_text("≈ +2.78")


def test_in_a_layer_x_says_why_it_is_fixed_and_the_weights_move(app: App) -> None:
    app.open(link("layer"))
    assert app.slider("x", 0).count() == 0
    app.cell("x", 0).hover()
    expect(app.page.locator(".bnl-explain")).to_contain_text("computed from a, W and b")
    before = app.numbers()
    knob = app.page.get_by_role("slider", name="W, input 1, neuron 1")
    knob.focus()
    knob.press("Shift+ArrowRight")
    expect(app.cell("x", 0)).not_to_have_attribute("data-value", str(before["x"][0]))
    app.idle()
    app.assert_consistent()
    assert app.numbers()["a"] == before["a"]


def test_a_finger_drags_at_390_pixels(new_app: Callable[..., App]) -> None:
    app = new_app(390, touch=True).open()
    app.page.get_by_role("button", name="Forward").tap()
    app.swipe(app.slider("x", 2), *((way, 0) for way in (6, 12, 18, 24, 30)))
    expect(app.cell("x", 2)).not_to_have_attribute("data-value", "-0.4")
    app.assert_consistent()
    expect(app.page.locator(".bnl-results")).to_be_visible()
    expect(app.page.locator(".bnl-results")).to_contain_text("∂L/∂W")


def test_a_large_batch_says_how_many_it_sums_over(app: App) -> None:
    params = encode(random_scenario(1, 40, 1, 1), View())
    app.open("?" + "&".join(f"{key}={value}" for key, value in params.items()))
    expect(app.page.get_by_text("16 of 40 samples are shown")).to_be_visible()
    assert len(app.column("x")) == 16


def test_figures_keep_their_place_while_numbers_change(app: App) -> None:
    # Until they are seen, their library is not even fetched.
    assert app.page.evaluate(
        "window.Plotly === undefined && !performance.getEntries()"
        ".some(entry => entry.name.includes('plotly.min.js'))"
    )
    app.see(app.page.locator("[data-plot]").first)
    app.page.evaluate(
        """() => {
            window.first = document.querySelector('[data-plot] .plot-container');
            window.blanks = 0;
            new MutationObserver(() => {
              if (!document.querySelector('[data-plot] .plot-container')) window.blanks += 1;
            }).observe(document.body, { childList: true, subtree: true });
        }"""
    )
    app.type_into("x", 0, "3.5")
    assert app.page.evaluate("document.querySelector('[data-plot] .plot-container') === first")
    assert app.page.evaluate("blanks") == 0


def test_a_zoomed_figure_stays_zoomed_while_numbers_change(app: App) -> None:
    app.see(app.page.locator("[data-plot]").first)
    picture = app.page.locator("[data-plot] .js-plotly-plot").first
    picture.evaluate("plot => window.Plotly.relayout(plot, {'yaxis.range': [-0.5, 0.5]})")
    app.type_into("x", 0, "3.5")
    assert picture.evaluate("plot => plot.layout.yaxis.range") == [-0.5, 0.5]


def test_a_block_is_pasted_into_the_table(app: App) -> None:
    app.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    app.open_drawer()
    app.page.evaluate("navigator.clipboard.writeText('1.25\\t2.5\\n-3.75\\t4.5')")
    # Once it stands still: what is above it may still be growing.
    app.page.get_by_test_id("stDataFrame").first.click(position={"x": 120, "y": 52})
    app.page.locator("[role=gridcell][aria-selected=true]:focus").wait_for(state="attached")
    app.page.keyboard.press("Control+v")
    # Two inputs of two samples; the second is on the screen.
    app.settled(app.cell("a", 0), "2.5")
    app.settled(app.cell("a", 1), "4.5")
    app.assert_consistent()


def test_before_there_are_numbers_nothing_is_explained(app: App) -> None:
    said = app.page.evaluate(
        """async () => {
            const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
            const place = loaded.find((name) => name.includes("ledger/ledger.js"));
            const { Ledger } = await import(place);
            const early = new Ledger({ root: document.createElement("div"), hold: {} });
            early.light({ term: "dx", r: 0 }, true);
            return early.explain.textContent;
        }"""
    )
    assert said == ""
