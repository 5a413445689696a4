"""Journeys on the first page: what people do there, and what they then see."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import expect

from bnviz.inputs.presets import PRESETS

from .conftest import App


def in_sight(app: App, selector: str) -> bool:
    """Is all of the element inside the window, without scrolling?"""
    inside: bool = app.page.locator(selector).evaluate(
        """e => { const r = e.getBoundingClientRect();
                  return r.top >= 0 && r.bottom <= innerHeight && r.left >= 0
                         && r.right <= innerWidth; }"""
    )
    return inside


def type_into_table(app: App, column: int, text: str) -> None:
    """Put a text into a cell of the first row of the batch table."""
    app.open_drawer()
    # Once it stands still: what is above it may still be growing.
    app.page.get_by_test_id("stDataFrame").first.click(position={"x": 125, "y": 52})
    app.page.wait_for_function(
        "document.activeElement.closest('[data-testid=stDataFrame]') !== null"
    )
    for _ in range(column):
        app.page.keyboard.press("ArrowRight")
    app.page.keyboard.press("Enter")
    app.page.locator(".gdg-input").fill(text)
    app.page.keyboard.press("Enter")


# The sizes of all texts that are seen, but in formulas, whose parts have their own.
SIZES = """() => {
    const texts = document.createTreeWalker(document.querySelector('.stApp'), NodeFilter.SHOW_TEXT);
    const found = new Set();
    while (texts.nextNode()) {
        const { parentElement: place, textContent } = texts.currentNode;
        if (!textContent.trim() || !place.checkVisibility() || place.closest('math')) continue;
        found.add(parseFloat(getComputedStyle(place).fontSize).toFixed(1));
    }
    return [...found];
}"""


def test_the_first_screen_tells_the_story(app: App) -> None:
    assert app.claim == "The gradients add up to 0, and the weight learns all the same."
    app.assert_consistent()
    assert in_sight(app, "[data-stage] h1")
    for card in ("0 for the bias", "+2.78 for the weight"):
        assert in_sight(app, f"[data-river] .bnr-card:text-is('{card}')")
    assert sorted(map(float, app.page.evaluate(SIZES))) == [13.1, 14.4, 16, 26.4]
    expect(app.sum_cell("dx")).to_contain_text("Σ = 0")
    expect(app.sum_cell("dweight")).to_contain_text("Σ = +2.78")
    expect(app.sum_cell("dweight")).to_contain_text("= ∂L/∂W ≠ 0")
    expect(app.page.locator("[data-plot] figcaption")).to_have_text(
        [
            "Added up, ∂L/∂x comes back to 0",
            "Weighted by a, it ends at ∂L/∂W = +2.78",
            "All of ∂L/∂W, shape (3, 2)",
        ]
    )


def test_a_number_typed_into_the_table_changes_both_sums(app: App) -> None:
    before = app.total("dweight")
    type_into_table(app, 3, "3.5")  # a 1, a 2, a 3, x 1
    expect(app.cell("x", 0)).to_have_attribute("data-value", "3.5")
    app.idle()
    app.assert_consistent()
    assert abs(app.total("dweight") - before) > 0.1
    expect(app.page.locator("[data-plot] figcaption").nth(1)).not_to_contain_text("+2.78")


def test_a_number_typed_into_the_ledger_changes_both_sums(app: App) -> None:
    before = app.numbers()
    app.type_into("x", 0, "3.5")
    assert app.column("x")[0] == 3.5
    app.assert_consistent()
    after = app.numbers()
    assert all(before[term] != after[term] for term in ("x_hat", "dx", "dweight"))
    assert before["dy"] == after["dy"]


def test_presets_open_and_say_their_surprise(app: App) -> None:
    app.page.get_by_role("combobox", name="Scenario").select_option(label="One sample")
    expect(app.page.locator("[data-ledger]")).to_have_attribute("data-n", "1")
    app.idle()
    assert app.claim == "A batch of one gets no gradient, whatever the loss sends."
    expect(app.sum_cell("dweight")).to_contain_text("zero here")


def test_neuron_and_input_are_chosen_above_the_table(app: App) -> None:
    s = PRESETS["puzzle"].scenario
    app.page.get_by_role("group", name="Neuron").get_by_label("2").click()
    expect(app.page.locator("[data-ledger]")).to_have_attribute("data-neuron", "1")
    app.page.get_by_role("group", name="Input").get_by_label("3").click()
    expect(app.page.locator("[data-ledger]")).to_have_attribute("data-input", "2")
    app.idle()
    assert s.a is not None
    np.testing.assert_array_equal(app.column("x"), s.x[:, 1])
    np.testing.assert_array_equal(app.column("a"), s.a[:, 2])
    app.assert_consistent()


def test_a_link_shows_the_same_in_another_browser(new_app: Callable[..., App]) -> None:
    first = new_app().open()
    first.type_into("x", 0, "3.5")
    first.type_into("dy", 4, "-0.123456789012345")
    expect(first.page).to_have_url(re.compile("check="))
    first.idle()
    link = first.page.url
    assert len(link) < 1500
    second = new_app().open(link.removeprefix(first.server))
    assert second.numbers() == first.numbers()
    assert second.claim == first.claim
    second.page.reload()
    assert second.idle().numbers() == first.numbers()


def test_back_and_forward_bring_the_screens_back(app: App) -> None:
    screens = [app.numbers()]
    for value in ("3.5", "0.25"):
        app.type_into("x", 0, value)
        screens.append(app.numbers())
    for move, screen in (("back", 1), ("back", 0), ("forward", 1)):
        getattr(app.page, f"go_{move}")()
        expect(app.cell("x", 0)).to_have_attribute("data-value", str(screens[screen]["x"][0]))
        assert app.idle().numbers() == screens[screen]


def test_a_bad_cell_is_named_and_everything_else_is_kept(app: App) -> None:
    app.type_into("x", 0, "3.5")
    stays = 0.3
    for text, says in (
        ("abc", ": “abc” is not a number."),
        ("nan", " is not a number (nan)."),
        ("inf", ": “inf” is not a number."),
        ("", " is empty."),
        ("1e300", ": 1e300 is too large; the limit is 1e100."),
        ("<img src=x onerror=alert(1)>", ": “<img src=x onerror=…” is not a number."),
    ):
        before = app.numbers()
        app.type_into("x", 1, text)
        expect(app.page.locator("[data-stage] [role=alert]")).to_have_text(
            f"x, sample 2, neuron 1{says} It stays {stays}."
        )
        assert app.numbers() == before
        assert app.page.locator("[data-ledger] img").count() == 0
        stays = 0.5 if stays == 0.3 else 0.3
        app.type_into("x", 1, str(stays))
        expect(app.page.locator("[data-stage] [role=alert]")).to_have_text("")


def test_a_bad_cell_in_the_table_is_named(app: App) -> None:
    type_into_table(app, 0, "zwei")
    expect(app.page.locator("[data-stage] [role=alert]")).to_have_text(
        "a, sample 1, input 1: “zwei” is not a number. It stays 0.4."
    )
    a = PRESETS["puzzle"].scenario.a
    assert a is not None
    np.testing.assert_array_equal(app.idle().column("a"), a[:, 1])


@pytest.mark.parametrize("query", ["?x=1_2", "?x=%3Cscript%3E&check=00000000", "?eps=nan&dy=1"])
def test_a_bad_link_gives_the_default_and_one_sentence(app: App, query: str) -> None:
    app.open(query)
    np.testing.assert_array_equal(app.column("x"), PRESETS["puzzle"].scenario.x[:, 0])
    expect(app.page.locator("[data-stage] [role=alert]")).to_contain_text(
        "This link can’t be opened: "
    )
    expect(app.page.get_by_text("Traceback")).to_have_count(0)


def test_a_cut_link_is_noticed(app: App) -> None:
    app.type_into("x", 0, "3.5")
    expect(app.page).to_have_url(re.compile("check="))
    link = app.page.url.removeprefix(app.server)
    app.open(link[: len(link) // 2])
    expect(app.page.locator("[data-stage] [role=alert]")).to_contain_text("missing")
    assert app.column("x")[0] == -1.2


def test_a_larger_batch_keeps_its_numbers(app: App) -> None:
    before = app.column("x").tolist()
    app.open_drawer()
    count = app.page.get_by_label("N, samples")
    count.fill("16")
    count.press("Enter")
    expect(app.page.locator("[data-ledger]")).to_have_attribute("data-n", "16")
    app.idle()
    assert app.column("x").tolist()[:6] == before
    assert len(app.column("x")) == 16
    app.assert_consistent()
