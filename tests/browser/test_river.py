"""The river: what flows in it, how it is held, and that the ledger under it says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, expect

from bnviz.components.bundle import scripts, styles
from bnviz.components.theme import theme, typeface
from bnviz.core.columns import Columns, columns
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw import ledger
from bnviz.draw.river import formulas, payload
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.link import encode
from bnviz.inputs.presets import PRESETS

from .conftest import WINDOWS, App, box, link
from .seen import Seen, assert_one_truth, seen, table


def handle(app: App, term: str, row: int) -> Locator:
    """What one takes hold of in the river."""
    return app.page.locator(f"[data-hold={term}][data-row='{row}'] .bnr-pill")


def drag(app: App, what: Locator, ways: list[int]) -> list[Seen]:
    """Take a handle, move it up by each of these pixels; what is seen at each, still held."""
    x, y = app.take(what)
    found = []
    for way in ways:
        app.page.mouse.move(x, y - way)
        app.page.wait_for_function("!document.querySelector('[data-stage][data-busy]')")
        found.append(seen(app))
    app.page.wait_for_function("!document.querySelector('[data-stage][data-busy]')")
    return [*found, seen(app)]


def value_of(found: Seen, term: str, row: int) -> float:
    if term == "gamma":
        return float(found["set"][0][1])
    return table(found["cells"])[term][str(row)]


@pytest.mark.moving
@pytest.mark.parametrize(("term", "row"), [("dy", 4), ("a", 0), ("gamma", 0)])
def test_what_is_held_in_the_river_takes_everything_along(app: App, term: str, row: int) -> None:
    before = seen(app)
    assert_one_truth(before)
    ways = [4, 9, 15, 22, 30, 22, 10, -8, -20, -35]
    steps = drag(app, handle(app, term, row), ways)
    for step in steps:
        assert_one_truth(step)
    held = [value_of(step, term, row) for step in steps]
    assert held[-1] < value_of(before, term, row), "down is less"
    assert max(held) > value_of(before, term, row), "up is more"
    app.page.mouse.up()
    app.idle()
    after = seen(app)
    for part in ("lanes", "strands", "sums", "piles", "cells", "totals", "claim", "why", "set"):
        assert after[part] == steps[-1][part], part
    app.page.get_by_role("button", name="Undo").click()
    expect(app.page.get_by_role("button", name="Undo")).to_be_disabled()
    assert app.idle()
    back = seen(app)
    assert {**back, "busy": before["busy"]} == before, "undo is one step"


@pytest.mark.moving
def test_escape_brings_the_river_back(app: App) -> None:
    before = seen(app)
    steps = drag(app, handle(app, "dy", 0), [10, 20, 30])
    assert value_of(steps[-1], "dy", 0) > 0.9
    app.page.keyboard.press("Escape")
    app.settled(app.cell("dy", 0), "0.9")
    app.page.mouse.up()
    assert seen(app.idle()) == before
    expect(app.page.get_by_role("button", name="Undo")).to_be_disabled()


def test_a_finger_drags_a_mouth(new_app: Callable[..., App]) -> None:
    app = new_app(390, touch=True).open()
    before = value_of(seen(app), "dy", 3)
    app.swipe(handle(app, "dy", 3), *((0, -way) for way in (5, 10, 15, 20, 25)))
    after = seen(app)
    assert_one_truth(after)
    assert value_of(after, "dy", 3) > before


def test_an_entry_of_dweight_chooses_neuron_and_input(app: App) -> None:
    t = run(PRESETS["puzzle"].scenario)
    assert t.dweight is not None
    entries = app.page.locator("[data-river] .bnr-cell")
    values = entries.evaluate_all("cells => cells.map(({ dataset: d }) => [+d.p, +d.j, +d.value])")
    assert {(p, j): v for p, j, v in values} == {
        (p, j): t.dweight[p, j] for p, j in np.ndindex(3, 2)
    }
    app.page.locator(".bnr-cell[data-p='2'][data-j='1']").click()
    expect(app.page.locator("[data-river]")).to_have_attribute("data-neuron", "1")
    app.idle()
    assert (app.number("neuron"), app.number("input")) == (1, 2)
    core = assert_one_truth(seen(app))
    assert core["dweight"].sum() == pytest.approx(t.dweight[2, 1], rel=1e-12)
    expect(app.page.get_by_role("group", name="Input").get_by_label("3")).to_be_checked()


@pytest.mark.parametrize("term", ["dx_via_var", "dx_via_mean"])
def test_a_strand_and_its_cell_light_each_other(app: App, term: str) -> None:
    lit, here = "bnr-lit", "bnl-here"
    strand = app.page.locator(f"[data-river] g[data-strand={term}][data-row='3']")
    at = box(strand.locator("rect").first)
    app.page.mouse.move(at["x"] + at["width"] / 2, at["y"] + 4)
    expect(app.page.locator(f"td.{here}")).to_have_count(1)
    assert app.page.locator(f"td.{here}").get_attribute("data-term") == term
    assert app.page.locator(f"td.{here}").get_attribute("data-row") == "3"
    explain = app.page.locator(".bnl-explain")
    expect(explain).to_contain_text("Sample 4")
    number = app.cell(term, 3).locator(".bns-number").inner_text()
    assert explain.locator("math mn").last.text_content() == number.removeprefix("+")
    app.page.mouse.move(5, 5)
    expect(app.page.locator(f"td.{here}")).to_have_count(0)

    cell = app.cell(term, 1)
    cell.scroll_into_view_if_needed()
    cell.hover()
    lights = app.page.locator(f"[data-river] .{lit}")
    expect(app.page.locator(f"[data-river] g[data-strand={term}].{lit}")).to_have_count(1)
    rows = lights.evaluate_all("all => [...new Set(all.map(e => e.dataset.row))]")
    assert rows == ["1"]


@pytest.mark.moving
def test_it_moves_on_a_change_and_never_where_that_is_not_wanted(app: App) -> None:
    marks = app.page.locator("[data-river] .bnr-chevron")
    app.page.get_by_role("button", name="Play").click()
    expect(marks).not_to_have_count(0)
    app.page.emulate_media(reduced_motion="reduce")
    app.page.reload()
    app.idle()
    app.page.evaluate(
        """() => {
            window.moved = 0;
            new MutationObserver((records) => {
                for (const { addedNodes } of records) {
                    for (const node of addedNodes) {
                        moved += node.classList?.contains('bnr-chevron') ? 1 : 0;
                    }
                }
            }).observe(document.querySelector('[data-river]'), { childList: true, subtree: true });
        }"""
    )
    app.page.locator("[data-river] .bnr-play").evaluate("button => button.click()")
    app.type_into("dy", 0, "-2")
    app.page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => "
        "requestAnimationFrame(() => requestAnimationFrame(done))))"
    )
    assert app.page.evaluate("moved") == 0


def _query(n: int) -> str:
    params = encode(random_scenario(1, n, 1, 1), View())
    return "?" + "&".join(f"{key}={value}" for key, value in params.items())


def test_more_samples_than_lanes_share_one(app: App) -> None:
    t = run(random_scenario(1, 40, 1, 1))
    app.open(_query(40))
    found = seen(app)
    lanes, sums = table(found["lanes"]), table(found["sums"])
    shown = [int(row) for row in lanes["dx"] if row]
    hidden = np.setdiff1d(np.arange(40), shown)
    assert len(shown) == 16
    assert np.abs(t.dx[shown, 0]).min() >= np.abs(t.dx[hidden, 0]).max()
    assert t.dweight_per_sample is not None
    whole = {"dy": t.scenario.dy, "dx_direct": t.dx_direct, "dx": t.dx}
    whole |= {"dweight": t.dweight_per_sample[:, 0], "after_var": t.dx_direct + t.dx_via_var}
    for term, values in whole.items():
        assert lanes[term][""] == pytest.approx(values[hidden, 0].sum(), rel=1e-9, abs=1e-12)
        for row in shown:
            assert lanes[term][str(row)] == pytest.approx(values[row, 0], rel=1e-12)
    # Flow is kept: all lanes together are the sum.
    for term in ("dy", "dx_direct", "after_var", "dx"):
        assert sum(lanes[term].values()) == pytest.approx(sums[term][""], rel=1e-9, abs=1e-12)
    others = app.page.locator("[data-river] g:has(> text:text-is('others'))").last
    expect(others).to_have_text("24others")


def test_frozen_statistics_move_nothing_and_the_bias_gets_its_number(app: App) -> None:
    t = run(PRESETS["frozen"].scenario)
    app.open(link("frozen"))
    assert app.page.locator("[data-river] [data-strand]").count() == 0
    total = float(t.dx[:, 0].sum())
    # By hand: 1.2 is not its γ; with all else constant each sample gets γ/√(σ²+ε)·∂L/∂y.
    x, dy = t.scenario.x[:, 0], t.scenario.dy[:, 0]
    assert total == pytest.approx(dy.sum() / np.sqrt(x.var() + 1e-5), rel=1e-12)
    assert f"{total:+.2f} for the bias" in seen(app)["cards"]
    lanes = table(seen(app)["lanes"])
    assert lanes["dx"] == lanes["dx_direct"] == lanes["after_var"]


# The river alone, without a server: drawn of what Python gives, as often as one likes.
ALONE = """
import { River } from "bnviz.river/river.js";
const root = document.getElementById("stage");
const river = new River({
    root, point() {}, hold: { gesture: null, rest() {} },
    data: { toolbar: { knobs: [{ term: "gamma", v: 1, step: 0.1 }] } },
});
// Texts, formulas and handles that are out of the picture, or lie on each other.
window.faults = (scene, width) => {
    root.style.width = `${width}px`;
    river.update(scene);
    river.draw();
    const svg = root.querySelector("svg");
    const room = svg.getBoundingClientRect();
    const found = [];
    const all = [...svg.querySelectorAll("text, foreignObject math, .bnr-hold .bnr-pill")]
        .filter(e => !(e.matches("text") && e.closest(".bnr-hold")));
    const boxes = all.map(e => e.getBoundingClientRect());
    const say = (i) => all[i].textContent || all[i].closest("g").textContent || "a mouth";
    boxes.forEach((a, i) => {
        if (a.left < room.left - 1 || a.right > room.right + 1
            || a.top < room.top - 1 || a.bottom > room.bottom + 1) found.push(`${say(i)} is cut`);
        boxes.slice(i + 1).forEach((b, k) => {
            const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            // A line of text is higher than its letters.
            const held = [all[i], all[i + 1 + k]].every(e => e.matches("rect"));
            if (wide > 2 && high > 6 && !held) found.push(`${say(i)} on ${say(i + 1 + k)}`);
        });
    });
    return found;
};
"""


def _rivers(phone: bool) -> Iterator[tuple[str, Columns]]:
    """Every preset, neuron and input; where there is room for them, any number of lanes."""
    puzzle = PRESETS["puzzle"].scenario
    for name, preset in PRESETS.items():
        s = preset.scenario
        for j in range(s.shape[1]):
            for p in range(max(s.d, 1)):
                yield f"{name} {j} {p}", columns(run(s), View(j, p))
    if phone:
        return
    for n in range(1, 41):
        yield f"{n} samples", columns(run(random_scenario(n, n, 1, 1)), View())
    for scale in (0.0093, 12.5):
        yield f"∂L/∂y × {scale}", columns(run(puzzle.edit(dy=puzzle.dy * scale)), View(0, 1))
        if puzzle.a is not None:
            yield f"a × {scale}", columns(run(puzzle.edit(a=puzzle.a * scale)), View(0, 1))
    for gamma in (0.0, -1.2, 1e-6):
        yield f"γ = {gamma}", columns(run(puzzle.edit(gamma=gamma)), View(0, 1))
    for eps in (0.0, 1.0):
        yield f"ε = {eps}", columns(run(puzzle.edit(eps=eps)), View(0, 1))


@pytest.mark.parametrize("width", [358, 736, 1204])
def test_no_label_of_the_river_is_cut_or_lies_on_another(browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": 1300, "height": 900}, reduced_motion="reduce")
    whole = (
        f"<style data-math>{theme()}{typeface()}{styles()}"
        " body { font-family: 'Source Sans 3' }</style>"
        f"<script type=importmap>{scripts()}</script><div id=stage class=bns></div>"
        f"<script type=module>{ALONE}</script>"
    )
    page.route(
        "http://river/",
        lambda route: route.fulfill(body=whole, content_type="text/html; charset=utf-8"),
    )
    page.goto("http://river/")
    page.wait_for_function("typeof faults === 'function'", timeout=9000)
    page.evaluate("document.fonts.ready")
    faults = {}
    for name, c in _rivers(width < 560):
        scene = {"river": payload(c), "ledger": ledger.payload(c), "formulas": formulas()}
        if found := page.evaluate("([s, width]) => faults(s, width)", [scene, width]):
            faults[name] = found
    page.close()
    assert not faults, "\n".join(f"{name}: {found}" for name, found in faults.items())


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
def test_a_river_of_many_lanes_can_be_used_by_everyone(
    new_app: Callable[..., App], width: int, dark: bool
) -> None:
    new_app(width, dark=dark).open(_query(40)).assert_accessible()
