"""The lesson and what a class needs: by keyboard, on a phone, from a link, from a QR code."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Error, Locator, expect

from bnviz.claims.lesson import STEPS, scenario_of
from bnviz.claims.reach import BIAS, WEIGHT, Reach
from bnviz.core.arrays import Array
from bnviz.core.trace import run
from bnviz.inputs.link import encode
from bnviz.inputs.presets import PRESETS

from .conftest import App, box


def headline(app: App) -> str:
    return app.page.locator("h1:visible").inner_text().replace("\u2060", "")


def tab_to(goal: Locator, key: str = "Tab") -> None:
    """Walk there by keyboard, as someone without a mouse does."""
    for _ in range(40):
        if goal.evaluate("element => element === document.activeElement"):
            return
        goal.page.keyboard.press(key)
    raise AssertionError(f"{goal} can't be reached with {key}")


def shown(text: str) -> str:
    """The text as the page has it: derivatives are kept in one piece."""
    return text.replace("/∂", "/\u2060∂")


SCREEN = """() => {
    const all = (kind) => [...new Set([...document.querySelectorAll(
        `[data-ledger] td[data-${kind}]`)].map((cell) => cell.dataset[kind]))].sort();
    const river = document.querySelector('[data-river]:not([hidden])');
    return [all('term'), all('sum'), (river?.dataset.parts ?? '').split(' ').sort()];
}"""


def assert_shows(app: App, reach: Reach) -> None:
    """The columns, the sums and the stretch of the river that the story has reached; no others."""
    wanted = [sorted(reach.terms), sorted(reach.totals), sorted(reach.river) or [""]]
    same = f"(wanted) => JSON.stringify(({SCREEN})()) === wanted"
    text = json.dumps(wanted, separators=(",", ":"))
    with contextlib.suppress(Error):  # what is wrong is said below
        app.page.wait_for_function(same, arg=text, timeout=5000)
    assert app.page.evaluate(SCREEN) == wanted
    piles = app.page.locator("[data-river] [data-pile]:visible")
    assert bool(piles.count()) == bool(reach.river & {WEIGHT, BIAS})


@pytest.mark.parametrize("width", [1280, 390])
def test_the_whole_lesson_by_keyboard(new_app: Callable[..., App], width: int) -> None:
    """Wrong answers on odd steps, right ones on even steps; each gets its reply."""
    app = new_app(width).open("/lesson")
    page = app.page
    for number, step in enumerate(STEPS, 1):
        t = run(scenario_of(step))
        right = step.truth(t, step.view)
        expect(page.locator("h1:visible")).to_have_text(shown(step.title))
        app.idle()
        assert_shows(app, step.before)
        assert shown(step.shown(t, step.view).claim) not in page.locator("body").inner_text()
        keys = list(step.choices)
        wanted = right if number % 2 == 0 else next(key for key in keys if key != right)
        # Choosing is enough, also where a bar could be put.
        radios = page.locator("[role=radiogroup]").filter(has=page.get_by_role("radio")).last
        first = page.get_by_role("radio", name=shown(step.choices[keys[0]].text), exact=True)
        tab_to(first)
        page.keyboard.press("Space")
        for key in keys[: keys.index(wanted)]:  # each is an answer, and the page follows it
            chosen = page.get_by_role("radio", name=shown(step.choices[key].text), exact=True)
            expect(chosen).to_be_checked()
            app.idle()
            page.keyboard.press("ArrowDown")
        expect(
            page.get_by_role("radio", name=shown(step.choices[wanted].text), exact=True)
        ).to_be_checked()
        said = "So it is." if wanted == right else step.choices[wanted].said(t, step.view)
        expect(page.get_by_text(shown(said))).to_be_visible()
        expect(page.locator("h2").first).to_have_text(shown(step.shown(t, step.view).claim))
        app.idle()
        assert_shows(app, step.after)
        assert radios.count() == 1
        if number < len(STEPS):
            tab_to(page.get_by_role("button", name="Next"), "Shift+Tab")
            page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Check your own backward pass")).to_be_visible()


def test_a_bar_is_put_where_one_thinks_it_ends(app: App) -> None:
    page = app.open("/lesson?lesson=2").page
    guess = page.locator("[data-guess]")
    bar, show = guess.get_by_role("slider"), guess.get_by_role("button", name="Show")
    expect(show).to_be_disabled()
    expect(guess).to_have_attribute("data-truth", "")
    bar.scroll_into_view_if_needed()
    at = box(bar)
    page.mouse.move(at["x"] + at["width"] * 0.5, at["y"] + 10)
    page.mouse.down()
    page.mouse.move(at["x"] + at["width"] * 0.6, at["y"] + 10, steps=3)
    page.mouse.up()
    scale = float(bar.get_attribute("aria-valuemax") or "nan")
    put = float(guess.get_attribute("data-value") or "nan")
    assert put == pytest.approx(0.2 * scale, abs=scale / 20)
    assert float(page.locator("[data-sum=dy]").get_attribute("data-value") or "nan") > 0
    expect(app.sum_cell("dx")).to_have_count(0)
    show.click()
    t = run(PRESETS["puzzle"].scenario)
    said = f"You put it at +{put:.2f}. It ends at 0"
    expect(page.get_by_text(said)).to_be_visible()
    app.idle()
    assert float(guess.get_attribute("data-truth") or "nan") == t.dx[:, 0].sum()
    assert app.total("dx") == t.dx[:, 0].sum()
    mine, truth = (box(guess.locator(f".bng-{name}")) for name in ("mine", "truth"))
    assert truth["y"] >= mine["y"] + mine["height"], "the truth stands beside what one thought"
    assert truth["x"] == pytest.approx(at["x"] + at["width"] / 2, abs=3)
    page.reload()
    app.idle()
    expect(page.get_by_text(said)).to_be_visible()

    # By keyboard: a bar that nobody has touched stands nowhere.
    app.open("/lesson?lesson=6")
    tab_to(bar)
    expect(bar).to_have_attribute("aria-valuetext", "not set")
    page.keyboard.press("End")
    page.keyboard.press("PageDown")
    put = float(guess.get_attribute("data-value") or "nan")
    assert 0 < put < float(bar.get_attribute("aria-valuemax") or "nan")
    page.keyboard.press("Enter")
    expect(
        page.get_by_text(f"You put it at +{put:.2f}. It ends at +0.29. So it is.")
    ).to_be_visible()
    expect(page.get_by_role("radio", name="More than 0")).to_be_checked()
    expect(bar).to_have_attribute("aria-disabled", "true")


def test_a_link_without_the_sums_gives_nothing_away(app: App) -> None:
    page = app.open("/?hide=sums,dW").page
    assert app.claim == "What do the 6 ∂L/\u2060∂x add up to?"
    alt = page.locator("[data-river] > svg").get_attribute("aria-label") or ""
    assert "0" not in alt.replace("∂L/∂", "")
    assert page.locator("[data-river] [data-sum], [data-river] [data-pile]").count() == 0
    words = page.locator("[data-stage]").inner_text()
    for told in ("the bias", "the weight", "must be 0", "+2.78", "learns"):
        assert told not in words
    app.open("/weights?hide=sums,dW")
    assert "add up to?" in app.claim
    assert page.locator("[data-lever] [data-part], [data-lever] [data-moment]").count() == 0
    expect(page.get_by_role("button", name="Take a step")).to_have_count(0)


def test_leave_play_and_come_back(app: App) -> None:
    page = app.open("/lesson?lesson=6").page
    page.get_by_text("Less than 0").click()
    expect(page.get_by_text("Multiply a and")).to_be_visible()
    app.idle()
    app.follow("Explore")
    app.type_into("dy", 0, "-2")
    app.follow("Lesson")
    expect(page.locator("h1:visible")).to_have_text("So nothing learns?")
    expect(page.get_by_role("radio", name="Less than 0")).to_be_checked()
    expect(page.get_by_text("These are your own numbers.")).to_be_visible()
    changed = run(PRESETS["puzzle"].scenario.edit(dy=_with(PRESETS["puzzle"].scenario.dy, -2.0)))
    assert changed.dweight is not None
    expect(page.locator("h2").first).to_contain_text(f"{abs(changed.dweight[0, 0]):.2f}")
    page.reload()
    app.idle()
    expect(page.get_by_role("radio", name="Less than 0")).to_be_checked()
    assert app.column("dy")[0] == -2
    page.get_by_role("button", name="Take the step’s numbers").click()
    app.settled(app.cell("dy", 0), "0.9")
    expect(page.get_by_text("These are your own numbers.")).to_have_count(0)


def test_a_link_into_a_step_takes_its_numbers_along(app: App) -> None:
    """The links to the other pages were once drawn before the step had put its numbers there."""
    app.open("/lesson?lesson=9")
    page = app.page
    assert headline(app) == "The dead bias"
    app.follow("Explore")
    assert page.get_by_role("combobox", name="Scenario").input_value() == "dead"
    assert app.column("a").tolist() == [1.0] * 6
    # Another input varies: of that one the step's question would be wrong.
    page.get_by_role("group", name="Input").get_by_role("radio", name="2").click()
    expect(page.locator("[data-ledger]")).to_have_attribute("data-input", "1")
    app.idle()
    app.follow("Lesson")
    expect(page.get_by_role("heading", name="The dead bias")).to_be_visible()
    expect(page.get_by_text("the same for every sample, as for a bias")).to_have_count(0)
    expect(page.get_by_text("and this step is about others.")).to_be_visible()
    page.get_by_role("button", name="Take the step’s numbers").click()
    expect(page.get_by_text("the same for every sample, as for a bias")).to_be_visible()
    app.idle()
    assert app.number("input") == 0


def test_the_first_change_leaves_the_table_where_it_is(app: App) -> None:
    app.open("/lesson?lesson=2&said=-c")
    table = app.page.locator("[data-ledger] table")
    before = box(table)["y"]
    app.type_into("dy", 0, "0.95")
    expect(app.page.get_by_text("These are your own numbers.")).to_be_visible()
    assert abs(box(table)["y"] - before) < 1


def test_a_phone_opens_the_columns_that_a_step_is_about(new_app: Callable[..., App]) -> None:
    app = new_app(390).open("/lesson")
    shown_tab = app.page.locator("[data-ledger] .bnl-tabs [aria-pressed=true]")
    for step, tab in zip(STEPS, ("Forward", "Upstream", "Result", "Result", "Paths"), strict=False):
        expect(app.page.locator("h1:visible")).to_have_text(shown(step.title))
        expect(shown_tab).to_have_text(tab)
        app.idle()
        app.page.get_by_role("button", name="Next").click()


def _with(dy: Array, value: float) -> Array:
    changed = dy.copy()
    changed[0, 0] = value
    return changed


def test_a_presenter_turns_pages_with_arrows_and_a_clicker(app: App) -> None:
    app.open("/lesson?present=1&notes=1")
    page = app.page
    expect(page.get_by_role("link", name="Explore")).to_be_hidden()
    expect(page.get_by_text("For the teacher.")).to_be_visible()
    size = "h1 => parseFloat(getComputedStyle(h1).fontSize) * h1.currentCSSZoom"
    assert page.locator("h1:visible").evaluate(size) > 28
    for key, title in (
        ("ArrowRight", STEPS[1].title),
        ("PageDown", STEPS[2].title),
        ("PageUp", STEPS[1].title),
        ("ArrowLeft", STEPS[0].title),
    ):
        page.keyboard.press(key)
        expect(page.locator("h1:visible")).to_have_text(shown(title))
        app.idle()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_after_a_click_the_keys_still_turn_pages(app: App) -> None:
    """Of an answer, a switch and a number: what was clicked is as it was."""
    app.open("/lesson?present=1&lesson=2")
    page = app.page

    def turn(key: str, step: int) -> None:
        page.keyboard.press(key)
        expect(page.locator("h1:visible")).to_have_text(shown(STEPS[step - 1].title))
        app.idle()

    page.get_by_text("It depends on the loss").click()
    expect(page.get_by_text("The loss sets")).to_be_visible()
    app.idle()
    page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    turn("ArrowRight", 3)
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop === 0")
    turn("ArrowLeft", 2)
    expect(page.get_by_role("radio", name="It depends on the loss")).to_be_checked()

    bar = app.slider("dy", 0)
    bar.scroll_into_view_if_needed()
    at = box(bar)
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=4)
    page.mouse.up()
    app.idle()
    dragged = app.column("dy")[0]
    assert dragged != 0.9
    turn("PageDown", 3)
    assert app.column("dy")[0] == 0.9
    turn("ArrowLeft", 2)

    page.get_by_text("Notes", exact=True).click()
    expect(page.get_by_text("For the teacher.")).to_be_visible()
    turn("ArrowRight", 3)


def test_by_keyboard_a_presenter_still_sets_numbers(app: App) -> None:
    app.open("/lesson?present=1&lesson=2")
    page = app.page
    app.cell("dy", 0).click()
    expect(app.slider("dy", 0)).not_to_be_focused()
    app.slider("dy", 0).focus()
    page.keyboard.press("ArrowRight")
    app.settled(app.cell("dy", 0), "0.95")
    assert headline(app) == STEPS[1].title
    page.keyboard.press("Enter")
    page.keyboard.press("PageDown")
    expect(app.slider("dy", 0).locator("input")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("PageDown")
    expect(page.locator("h1:visible")).to_have_text(STEPS[2].title)
    app.settled(app.cell("dy", 0), "0.9")


def test_a_projector_shows_claim_and_sums_together(app: App) -> None:
    for query in ("lesson=6&said=-----b", "lesson=8&said=-------c", "lesson=9&said=--------a"):
        app.open(f"/lesson?present=1&{query}")
        assert 0 < box(app.page.locator("h2").first)["y"] < 400
        sums = app.page.locator("[data-ledger] tfoot .bnl-sum b")
        ranges = sums.evaluate_all(
            """cells => cells.map((cell) => {
                 const range = document.createRange();
                 range.selectNodeContents(cell);
                 const { left, right, bottom } = range.getBoundingClientRect();
                 return [left, right, bottom];
               })"""
        )
        assert len(ranges) == len(app.numbers())
        for (_, right, bottom), following in pairwise([*ranges, [1280, 0, 0]]):
            assert right < following[0], query
            assert bottom <= 800, query


def test_every_step_has_a_link_that_opens_it(app: App) -> None:
    for number in (1, 8, 9):
        step = STEPS[number - 1]
        app.open(f"/lesson?lesson={number}")
        assert headline(app) == step.title
        s = scenario_of(step)
        assert s.a is not None
        assert app.column("a").tolist() == s.a[:, 0].tolist()
        query = "&".join(f"{k}={v}" for k, v in encode(s, step.view).items())
        app.open(f"/lesson?{query}&lesson={number}")
        assert headline(app) == step.title
        expect(app.page.get_by_text("These are your own numbers")).to_have_count(0)


def test_each_hide_flag_hides(app: App) -> None:
    hides = {
        "sums": "[data-ledger] tfoot",
        "dW": "td[data-term=dweight]",
        "pages": "[data-testid=stPageLink]",
        "inputs": "[data-ledger] [role=slider]",
    }

    def shown() -> set[str]:
        """The flags of what can be seen."""
        places = {flag: app.page.locator(place) for flag, place in hides.items()}
        return {flag for flag, place in places.items() if place.filter(visible=True).count()}

    assert shown() == set(hides)
    for flag in hides:
        app.open(f"/?hide={flag}")
        assert shown() == set(hides) - {flag}
        assert app.page.locator("td[data-term=dx]").count() == 6
    app.open("/?hide=sums,dW,pages,inputs&embed=true")
    assert shown() == set()
    assert "embed=true" in app.page.url


def test_the_qr_code_leads_to_this_screen(new_app: Callable[..., App], tmp_path: Path) -> None:
    app = new_app().open("/lesson?lesson=8&said=-------b")
    page = app.page
    page.get_by_role("button", name="Share").click()
    page.get_by_text("everything to set").click()
    link = page.get_by_test_id("stCode").first
    expect(link).to_contain_text("hide=inputs")
    app.idle()
    picture = page.get_by_role("img", name="QR code of the link above")
    shot = tmp_path / "qr.png"
    picture.screenshot(path=shot)
    read = zxingcpp.read_barcodes(Image.open(shot))
    assert [code.text for code in read] == [link.inner_text().strip()]
    assert read[0].text.startswith(app.server)
    other = new_app(390).open(read[0].text.removeprefix(app.server))
    assert headline(other) == "Shift the inputs"
    expect(other.page.get_by_role("radio", name="Nothing")).to_be_checked()
    assert other.page.locator("[data-stage] [role=slider]").count() == 0


def test_downloads_hold_the_numbers_on_the_screen(
    new_app: Callable[..., App], tmp_path: Path
) -> None:
    app = new_app()
    app.type_into("x", 0, "-2")
    dx = app.column("dx")
    page = app.page
    page.get_by_role("button", name="Share").click()
    files = {}
    for label in ("All terms, CSV", "NumPy script", "PyTorch script", "Page, HTML"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=label).click()
        files[label] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(files[label])
    rows = csv.DictReader(io.StringIO(files["All terms, CSV"].read_text()))
    found = [float(r["value"]) for r in rows if r["term"] == "dx" and r["neuron"] == "1"]
    assert found == dx.tolist()
    space: dict[str, Any] = {}
    exec(files["NumPy script"].read_text(), space)
    np.testing.assert_allclose(space["dx"][:, 0], dx, atol=1e-13)
    compile(files["PyTorch script"].read_text(), "bnviz_torch.py", "exec")
    page.get_by_role("button", name="Share").click()
    page.locator("[data-plot]").first.hover()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=re.compile("Save as SVG")).first.click()
    picture = tmp_path / "picture.svg"
    waiting.value.save_as(picture)
    assert picture.read_text().startswith("<svg")
    assert f"{dx[0]:+.2f}".replace("-", "−") in picture.read_text()
    assert_alive(new_app(390, dark=True), files["Page, HTML"], dx)


def assert_alive(app: App, file: Path, dx: Array) -> None:
    """The page from the disk, on a phone in the dark, without a network: one can play with it."""
    asked: list[str] = []
    app._page.on("request", lambda request: asked.append(request.url))
    alone = app.open_saved(file)
    expect(alone.locator("h1")).to_contain_text("the weight learns all the same")
    expect(alone.locator("[data-river] .bnr-lane")).to_have_count(6)
    assert app.column("dx").tolist() == dx.tolist()
    weight = app.total("dweight")
    assert alone.locator("body").evaluate("b => getComputedStyle(b).backgroundColor") == (
        "rgb(20, 23, 31)"
    )
    assert alone.evaluate("document.documentElement.scrollWidth") <= 390
    # A mouth of the river is held: all numbers follow, and spring back.
    x, y = app.take(alone.locator("[data-hold=dy][data-row='0'] .bnr-pill"))
    alone.mouse.move(x, y - 20, steps=4)
    expect(app.sum_cell("dweight")).not_to_have_attribute("data-value", str(weight))
    alone.mouse.up()
    expect(app.sum_cell("dweight")).to_have_attribute("data-value", repr(weight))
    lever = alone.locator("[data-lever]")
    alone.get_by_role("button", name="Take a step").click()
    expect(lever).to_have_attribute("data-steps", "1")
    expect(lever.get_by_text("After one step at rate 0.20")).to_be_visible()
    alone.get_by_role("button", name="Back to flat").click()
    expect(lever).to_have_attribute("data-steps", "0")
    assert "localhost" not in alone.content()
    assert alone.locator("footer a").count() == 0
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]
