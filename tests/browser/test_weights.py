"""Why the weights learn: scrub, shift, open a case, turn the picture, by mouse and by key."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Route, expect

from bnviz.core.columns import columns
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.batches import resized
from bnviz.inputs.link import encode
from bnviz.inputs.presets import PRESETS
from bnviz.study.weight_gradient import VANISHING

from .conftest import PATIENCE, App, box

# A figure in space needs WebGL; a machine without a graphics card draws it in software.
SPACE = resized(PRESETS["puzzle"].scenario, 3, 2, 3)
SLIDER = "input[type=range]"  # of the page, and none of the stage's
# As wide as the page: what a column is before it stands beside another.
UNPLACED = "[data-testid=stColumn] { flex: 0 0 100% !important; width: 100% !important }"
# How wide figures are drawn, and which of them leave their column or lie on another.
PLACED = """() => {
    const drawn = [...document.querySelectorAll('[data-plot]')].map((plot) => [
        plot.closest('[data-testid=stColumn]').getBoundingClientRect(),
        plot.querySelector('.main-svg').getBoundingClientRect()]);
    const out = drawn.filter(([column, a]) => a.right > column.right + 1);
    const on = drawn.filter(([, a], i) => drawn.some(([, b], j) => j > i
        && a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1));
    return [drawn.map(([, a]) => a.width), out.length + on.length];
}"""


def titles(app: App) -> list[str]:
    return app.page.locator("[data-plot] figcaption").all_inner_texts()


def claim(app: App) -> str:
    return app.page.locator("h1").inner_text().replace("\u2060", "")


def test_outer_products_one_at_a_time(app: App) -> None:
    app.follow("Weights")
    expect(app.page.locator("h1")).to_have_text("The pushes cancel. The rod still turns.")
    # On a busy machine figures are drawn before their columns stand side by side.
    early = app.page.add_style_tag(content=UNPLACED)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    app.page.route("**/plot.css", hold)
    app.page.get_by_role("radio", name="Outer products").click()
    expect(app.page.get_by_text("Samples added")).to_be_visible()
    # Nor are they drawn before their stylesheet is there: without it none has a column.
    app.page.wait_for_function("window.Plotly")
    app.page.wait_for_timeout(300)
    expect(app.page.locator("[data-plot] .main-svg")).to_have_count(0)
    for stylesheet in held:
        stylesheet.continue_()
    app.page.unroute("**/plot.css")
    for figure in app.page.locator("[data-plot]").all():
        app.see(figure)
    widths, _ = app.page.evaluate(PLACED)
    assert min(widths) > 1100
    early.evaluate("style => style.remove()")
    app.page.wait_for_function(f"({PLACED})()[1] === 0", timeout=PATIENCE / 3)
    expect(app.idle().page.locator("h1")).to_contain_text("leaves its mark on the weights")
    assert titles(app)[3] == "So far: ∂L/∂b is 0 again"
    app.page.get_by_role("button", name="Back").click()
    expect(app.page.locator("[data-plot] figcaption").nth(1)).to_have_text("So far: 5 of 6 added")
    t = run(PRESETS["puzzle"].scenario)
    so_far = app.idle().page.locator("[data-plot] [role=img]").nth(3).get_attribute("aria-label")
    five = t.dx[:5].sum(axis=0)
    assert so_far == (
        "Sum of the first 5 of 6 samples with every a set to 1: "
        + ", ".join(f"{v:+.2f}".replace("-", "−") for v in five)
        + "."
    )
    app.page.wait_for_url(re.compile("upto=5"))


@pytest.mark.moving
def test_playing_ends_with_all_of_it(app: App) -> None:
    app.open("/weights?part=2&upto=3")
    app.page.get_by_role("button", name="Play").click()
    caption = app.page.locator("[data-plot] figcaption").nth(3)
    expect(caption).to_have_text("So far: ∂L/∂b is 0 again")
    expect(app.page.get_by_role("button", name="Play")).to_be_visible()


def test_a_case_opens_and_the_weights_get_nothing(app: App) -> None:
    app.open("/weights?part=3")
    cards = app.page.locator("[data-rivers] article")
    expect(cards).to_have_count(6)
    expect(cards.get_by_text(re.compile(r"^✓ Largest of this"))).to_have_count(6)
    s = PRESETS["puzzle"].scenario
    for place, case in enumerate(VANISHING):
        made = case.make(s, 0, 1)
        c = columns(run(made), View(0, 1).within(made))
        card = cards.nth(place)
        expect(card.get_by_role("heading")).to_have_text(case.title)
        expect(card.get_by_text("0 for the weight")).to_be_visible()
        lanes = card.locator("[data-river] .bnr-lane")
        assert lanes.count() == len(c.values["dx"])
        # Each in its own way: what is piled up for the weight are its own products.
        piled = card.locator("[data-pile=dweight][data-value]").evaluate_all(
            "blocks => blocks.map((block) => +block.dataset.value)"
        )
        assert sorted(piled) == sorted(v for v in c.values["dweight"].tolist() if v)
    app.page.get_by_role("button", name="Open: The same upstream for all").click()
    app.page.wait_for_url(lambda url: urlsplit(url).path == "/")
    expect(app.page.locator("[data-stage] h1")).to_have_text("No sample gets a gradient here.")
    app.idle()
    app.page.get_by_role("button", name="Undo").click()
    app.settled(app.cell("dy", 0), "0.9")


def test_scaling_the_weights(app: App) -> None:
    app.open("/weights?part=4&power=-3")
    assert claim(app).startswith("Here ε rules")
    app.page.locator(SLIDER).focus()
    app.page.keyboard.press("End")
    expect(app.page.locator("h1")).to_contain_text("is perpendicular to the weights")


def test_the_picture_in_space_keeps_its_camera(app: App) -> None:
    query = "&".join(f"{k}={v}" for k, v in encode(SPACE, View()).items())
    app.open(f"/weights?{query}&part=5")
    assert "two directions of 3" in claim(app)
    app.see(app.page.locator("[data-plot]").first)
    picture = app.page.locator("[data-plot] .js-plotly-plot").first
    eye = "plot => Object.values(plot._fullLayout.scene.camera.eye)"
    first = picture.evaluate(eye)
    at = box(picture)
    app.page.mouse.move(at["x"] + 200, at["y"] + 150)
    app.page.mouse.down()
    app.page.mouse.move(at["x"] + 290, at["y"] + 180, steps=5)
    app.page.mouse.up()
    app.idle()
    turned = picture.evaluate(eye)
    assert np.abs(np.subtract(turned, first)).max() > 0.1
    before = app.page.locator("h1 ~ *, p").filter(has_text="lies along 1").first.inner_text()
    app.page.get_by_role("slider", name="ε is 10 to the power of").focus()
    app.page.keyboard.press("End")
    expect(app.page.get_by_text("lies along 1").first).not_to_have_text(before)
    app.idle()
    np.testing.assert_allclose(picture.evaluate(eye), turned, atol=1e-9)


@pytest.mark.parametrize("query", ["part=4&power=3.99", "part=4&power=-3.9"])
def test_a_link_beyond_a_slider_stops_at_its_end(app: App, query: str) -> None:
    app.open(f"/weights?{query}")
    slider = app.page.locator(SLIDER)
    end = "aria-valuemin" if "-" in query else "aria-valuemax"
    assert slider.get_attribute("aria-valuenow") == slider.get_attribute(end)


def test_six_small_rivers_stand_in_a_grid_and_a_click_on_one_opens_it(app: App) -> None:
    app.open("/weights?part=3")
    pictures = app.page.locator("[data-rivers] [data-river] > svg:visible")
    expect(pictures).to_have_count(6)
    at = [box(pictures.nth(i)) for i in range(6)]
    assert len({round(a["y"]) for a in at}) == 2
    assert min(a["width"] for a in at) > 340
    app.page.set_viewport_size({"width": 1920, "height": 800})
    app.idle()
    rows = [round(box(pictures.nth(i))["y"]) for i in range(6)]
    assert rows == [rows[0]] * 3 + [rows[5]] * 3, (
        "three beside each other, also where four would fit"
    )
    # The hatching of one is not that of another, nor of a river that is not shown.
    ids = app.page.locator("pattern").evaluate_all("all => all.map((one) => one.id)")
    assert len(ids) == len(set(ids))
    pictures.nth(3).click()
    app.page.wait_for_url(lambda url: urlsplit(url).path == "/")
    app.idle()
    assert app.number("n") == 2


def test_outer_products_can_be_read(app: App) -> None:
    app.open("/weights?part=2")
    picture = app.see(app.page.locator("[data-plot]").first)
    assert box(picture)["width"] > 800
    t = run(PRESETS["puzzle"].scenario)
    shown = picture.locator(".textpoint text")
    assert t.dweight_per_sample is not None
    products = [f"{v:+.2f}".replace("-", "−") for v in t.dweight_per_sample.ravel()]
    assert shown.all_text_contents() == products
    lengths = [box(shown.nth(i)) for i in range(len(products))]
    for one, other in pairwise(lengths):
        apart = one["x"] + one["width"] < other["x"] or one["y"] != other["y"]
        assert apart, "no number runs into its neighbour"


def test_the_part_on_scale_has_one_headline(app: App) -> None:
    app.open("/weights?part=4")
    expect(app.page.locator("h1, h2")).to_have_count(1)
    growth = box(app.page.locator("strong").filter(has_text="makes w longer"))
    picture = box(app.page.locator("[data-plot]").nth(1))
    assert growth["y"] + growth["height"] <= picture["y"]
    assert growth["x"] == pytest.approx(picture["x"], abs=1)


def test_axes_are_titled_in_the_size_of_their_numbers(app: App) -> None:
    app.open("/weights?part=4")
    size = "texts => texts.map(text => getComputedStyle(text).fontSize)"
    picture = app.see(app.page.locator("[data-plot]").first)
    assert set(picture.locator(".xtitle").evaluate_all(size)) == {"13px"}
    # Plotly writes powers a quarter larger than it is told.
    assert set(picture.locator(".xtick text").evaluate_all(size)) == {"13.125px"}


@pytest.mark.parametrize("dark", [False, True])
def test_the_numbers_of_a_table_are_in_ink(new_app: Callable[..., App], dark: bool) -> None:
    app = new_app(dark=dark)
    ink = app.page.locator("[data-plot]").last.evaluate("figure => getComputedStyle(figure).color")
    app.see(app.page.locator("[data-plot]").last)
    fill = "texts => texts.map(text => getComputedStyle(text).fill)"
    numbers = app.page.locator("[data-plot]").last.locator(".textpoint text")
    assert numbers.count() == 6
    assert set(numbers.evaluate_all(fill)) == {ink}


def test_all_of_a_cell_says_its_number(app: App) -> None:
    table = app.see(app.page.locator("[data-plot]").last)
    area = table.locator(".nsewdrag")
    area.scroll_into_view_if_needed()
    plot = box(area)
    app.page.mouse.move(plot["x"] + 0.97 * plot["width"], plot["y"] + 0.05 * plot["height"])
    expect(table.locator(".hoverlayer")).to_contain_text("input 1, neuron 2: −1.80")
