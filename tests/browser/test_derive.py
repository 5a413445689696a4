"""The walk along the equations: by button, by key, by link, on a laptop and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from bnviz.core.trace import run
from bnviz.inputs.presets import PRESETS

from .conftest import WINDOWS, App, link

STEPS = 19
OUTSIDE = """() => [...document.querySelectorAll('[data-derive] .bnd-words > *')].filter(label => {
    const box = label.getBoundingClientRect();
    const svg = label.closest('svg').getBoundingClientRect();
    return box.right > svg.right + 1 || box.left < svg.left - 1;
}).map(label => label.textContent)"""
# The labels of the graph's edges that lie on one of its nodes.
COVERED = """() => [...document.querySelectorAll('.bnd-edge .bnd-words > *')].filter(label => {
    const a = label.getBoundingClientRect();
    const nodes = [...document.querySelectorAll('.bnd-node rect')];
    return a.width && nodes.map(node => node.getBoundingClientRect()).some(b =>
        a.left < b.right - 2 && b.left < a.right - 2
        && a.top < b.bottom - 3 && b.top < a.bottom - 3);
}).map(label => label.textContent)"""


def heading(app: App) -> Locator:
    return app.page.locator("[data-derive] h1")


def at(app: App, step: int) -> None:
    """The walk stands at a step, and the address says so."""
    expect(app.page.locator("[data-derive]")).to_have_attribute("data-step", str(step))
    app.page.wait_for_url(re.compile(rf"step={step}\b" if step > 1 else r"/derive[^=]*$"))
    app.idle()


def test_someone_with_the_question_finds_both_answers(app: App) -> None:
    app.follow("Derive")
    expect(heading(app)).to_contain_text("∂L/\u2060∂y is given")
    seen = []
    for step in range(2, STEPS + 1):
        app.page.get_by_role("button", name="Next →").click()
        expect(app.page.locator("[data-derive]")).to_have_attribute("data-step", str(step))
        seen.append(heading(app).inner_text())
    assert app.page.get_by_role("button", name="Next →").is_disabled()
    # Shouldn't the second term vanish? And doesn't everything then sum to zero?
    assert "The second piece is 0: what lies above the mean and below it cancels." in seen
    assert "The three paths meet at xᵢ. Over the batch they add up to 0." in seen
    assert "And yet ∂L/\u2060∂W is +2.78: the weights learn." in seen
    at(app, STEPS)
    expect(app.page.locator(".bnd-check")).to_contain_text("✓ Left and right agree on all 6")


def test_arrow_keys_walk_and_the_address_follows(app: App) -> None:
    app.open("/derive?step=9")
    at(app, 9)
    for _ in range(3):
        app.page.keyboard.press("ArrowRight")
    at(app, 12)
    app.page.keyboard.press("ArrowLeft")
    at(app, 11)
    app.page.reload()
    app.idle()
    at(app, 11)
    expect(heading(app)).to_contain_text("and cancels ①")
    app.page.go_back()
    at(app, 12)


def test_the_numbers_are_those_of_the_trace(app: App) -> None:
    t = run(PRESETS["layer"].scenario)
    app.open("/derive" + link("layer") + "&step=12")
    for term in ("dx_direct", "dx_via_var", "dx_via_mean", "dx"):
        cells = app.page.locator(f"td[data-column={term}]")
        values = cells.evaluate_all("cells => cells.map(cell => Number(cell.dataset.value))")
        assert values == getattr(t, term)[:, 0].tolist()
    expect(app.page.locator("td[data-total=dx]")).to_have_text("0")


def test_another_sample_and_another_neuron(app: App) -> None:
    app.open("/derive?step=4")
    number = app.page.locator(".bnd-formula .bnd-number").first
    expect(number).to_have_text("1.08")  # γ · ∂L/∂y = 1.2 · 0.9
    app.page.get_by_role("button", name="Sample 5").click()
    expect(number).to_have_text("−1.32")  # 1.2 · −1.1
    app.page.wait_for_url(re.compile("sample=5"))
    app.page.get_by_role("group", name="Neuron").get_by_role("radio", name="2").click()
    expect(number).to_have_text("0.24")  # 0.8 · 0.3
    app.follow("Explore")
    assert app.number("neuron") == 1


def test_pointing_lights_the_same_quantity_everywhere(app: App) -> None:
    app.open("/derive?step=9")
    app.page.locator(".bnd-factor[data-key=dx_direct]").hover()
    lit = app.page.locator(".bnd-lit")
    expect(app.page.locator("td.bnd-lit")).to_have_count(6)
    expect(app.page.locator("g.bnd-edge.bnd-lit")).to_have_count(1)
    app.page.mouse.move(2, 2)
    expect(lit).to_have_count(0)


def test_nodes_open_their_values_by_keyboard(app: App) -> None:
    app.open("/derive?step=12")
    app.page.get_by_role("button", name=re.compile("^σ²:")).focus()
    expect(app.page.locator(".bnd-said")).to_contain_text("σ² = 1.30, ∂L/\u2060∂σ² = 0.43")


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
def test_axe_finds_nothing_and_nothing_is_clipped(
    new_app: Callable[..., App], width: int, dark: bool
) -> None:
    app = new_app(width, dark=dark).open("/derive?step=7")
    app.assert_accessible()
    for step in range(8, STEPS + 1):
        app.page.keyboard.press("ArrowRight")
        expect(app.page.locator("[data-derive]")).to_have_attribute("data-step", str(step))
        assert app.page.evaluate("document.documentElement.scrollWidth") <= width


def test_labels_keep_clear_of_nodes_and_inside(
    new_app: Callable[..., App],
) -> None:
    for width in (1280, 390):
        app = new_app(width).open("/derive")
        for step in range(1, STEPS + 1):
            if step > 1:
                app.page.keyboard.press("ArrowRight")
            expect(app.page.locator("[data-derive]")).to_have_attribute("data-step", str(step))
            assert app.page.evaluate(COVERED) == [], (width, step)
            assert app.page.evaluate(OUTSIDE) == [], (width, step)
