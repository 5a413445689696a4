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
# The river's labels that reach out of it or of the window.
CLIPPED = """() => {
    const svg = document.querySelector('[data-river] svg');
    const room = svg.getBoundingClientRect();
    const inside = (b) =>
        b.left >= Math.max(room.left, 0) - 1 && b.right <= Math.min(room.right, innerWidth) + 1
        && b.top >= room.top - 1 && b.bottom <= room.bottom + 1;
    return [...svg.querySelectorAll('text, foreignObject math')]
        .filter(e => !inside(e.getBoundingClientRect()))
        .map(e => e.textContent + ' ' + JSON.stringify(e.getBoundingClientRect()));
}"""
# The labels of the graph's edges that lie on one of its nodes.
COVERED = """() => [...document.querySelectorAll('.bnd-edge .bnd-words > *')].filter(label => {
    const a = label.getBoundingClientRect();
    const nodes = [...document.querySelectorAll('.bnd-node rect')];
    return a.width && nodes.map(node => node.getBoundingClientRect()).some(b =>
        a.left < b.right - 2 && b.left < a.right - 2
        && a.top < b.bottom - 3 && b.top < a.bottom - 3);
}).map(label => label.textContent)"""

# Of the river's numbers, which terms are lit at all their lanes; and which of them are cut by an
# edge of the light.
LIT = """() => {
    const svg = document.querySelector('[data-river] svg');
    const rects = [...svg.querySelectorAll('#bnr-lit rect[fill="#000"]')].map((r) => r.getBBox());
    const at = (x, y) => rects.some((r) =>
        x >= r.x && x <= r.x + r.width && y >= r.y && y <= r.y + r.height);
    const found = {}, cut = [];
    for (const value of svg.querySelectorAll('.bnr-value, [data-sum] > text')) {
        const term = value.dataset.term ?? 'Σ ' + value.parentElement.dataset.sum;
        const text = value.querySelector('text') ?? value;
        const b = text.getBBox();
        const parts = [1, b.width / 2, b.width - 1].map((x) => at(b.x + x, b.y + b.height / 2));
        const lit = parts.every(Boolean);
        if (!lit && parts.some(Boolean)) cut.push(term + ' ' + text.textContent);
        (found[term] ??= []).push(lit);
    }
    // The equation over the lanes: no sign of it is half in the light.
    for (const sign of svg.querySelectorAll('.bnr-say, .bnr-card')) {
        const b = sign.getBBox();
        const parts = [0, b.width / 2, b.width].map((x) => at(b.x + x, b.y + b.height / 2));
        if (!parts.every(Boolean) && parts.some(Boolean)) cut.push(sign.textContent);
    }
    return [Object.keys(found).filter((term) => found[term].every(Boolean)).sort(), cut];
}"""


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


def lit(app: App) -> set[str]:
    """The terms of the river that are lit, Σ for the lane of the sums; none is half lit."""
    terms, cut = app.page.evaluate(LIT)
    assert cut == []
    return set(terms)


def river_text(app: App, what: str) -> str:
    """What one number of the river says."""
    return app.page.locator(f"[data-river] {what} text").first.text_content() or ""


def test_each_step_lights_its_stretch_and_the_river_says_what_the_equation_says(app: App) -> None:
    app.open("/derive?step=9")
    numbers = app.page.locator(".bnd-formula .bnd-number")
    expect(numbers).to_have_text(["0.95", "≈", "1.08", "·", "0.88"])
    assert river_text(app, "[data-term=dx_direct][data-row='0']") == "+0.95"
    assert lit(app) == {"dx_direct", "Σ dx_direct"}
    app.page.keyboard.press("ArrowRight")
    expect(numbers).to_have_text(["−0.19", "≈", "0.43", "·", "−0.45"])
    assert river_text(app, "[data-term=dx_via_var][data-row='0']") == "−0.19"
    levels = {"dx_direct", "after_var"}
    assert lit(app) >= levels | {f"Σ {term}" for term in (*levels, "dx_via_var")}
    assert not lit(app) & {"dy", "dx", "dweight", "Σ dx"}
    app.page.keyboard.press("ArrowRight")
    expect(numbers).to_have_text(["−0.09", "≈", "−0.53", "·", "0.17"])
    assert {"after_var", "dx", "Σ dx_via_mean", "Σ dx"} <= lit(app)
    assert not lit(app) & {"dy", "dx_direct", "dweight", "Σ dx_direct"}
    assert river_text(app, "[data-sum=dx]") == "0"
    app.open("/derive?step=13")
    assert {"dx", "dweight"} <= lit(app)
    assert not lit(app) & {"dy", "dx_direct", "after_var"}
    expect(app.page.locator("[data-river]")).to_contain_text("+2.78 for the weight")


def test_the_strip_carries_the_papers_numbers_and_small_rivers(app: App) -> None:
    app.open("/derive")
    stops = app.page.locator(".bnd-stop")
    expect(stops).to_have_count(STEPS)
    assert stops.all_inner_texts()[:13] == [
        *("∂L/∂y", "(6) ∂L/∂β", "(5) ∂L/∂γ", "(1) ∂L/∂x̂", "(2) ∂L/∂σ²"),
        *("(3a) ∂L/∂μ", "(3b) ∂L/∂μ", "wrong centre", "(4) ①", "(4) ②", "(4) ③"),
        *("(4) ∂L/∂x", "∂L/∂W"),
    ]
    stretches = app.page.locator(".bnd-small").evaluate_all(
        """all => all.map(small => [...small.querySelectorAll('rect[fill="#000"]')].map(
            r => ['x', 'width', 'y'].map(name => r.getAttribute(name)).join()).join(' '))"""
    )
    assert len(stretches) == 13
    assert all(stretches)
    assert len(set(stretches[8:13])) == 5
    app.page.get_by_role("button", name="Equation 3b: ∂L/∂μ, via σ²").click()
    at(app, 7)
    assert stops.nth(6).get_attribute("aria-current") == "step"


def test_what_is_added_up_is_a_little_river_of_its_own(app: App) -> None:
    app.open("/derive?step=7")
    found = app.page.locator("[data-running] [data-row]").evaluate_all(
        "all => all.map(e => [+e.dataset.value, +e.dataset.sum])"
    )
    x = PRESETS["puzzle"].scenario.x[:, 0]
    so_far = 0.0
    for (brings, there), value in zip(found, x - x.mean(), strict=True):
        so_far += value
        assert brings == pytest.approx(value, abs=1e-12)
        assert there == pytest.approx(so_far, abs=1e-12)
    expect(app.page.locator(".bnd-total")).to_have_text("= 0")
    assert found[-1][1] == 0
    texts = app.page.locator("[data-running] text").all_text_contents()
    for shown in ("−1.35", "−1.20", "−1.75", "+0.20", "+1.05"):
        assert shown in texts
    app.page.keyboard.press("ArrowRight")
    expect(app.page.locator("[data-running]")).to_be_hidden()


def test_about_a_wrong_centre_the_sum_leaks(app: App) -> None:
    app.open("/derive?step=8")
    expect(app.page.locator(".bnd-text")).to_contain_text("Without it, it is −0.30.")
    assert river_text(app, "[data-sum=dx]") == "−0.30"
    expect(app.page.locator("[data-river]")).to_contain_text("−0.30 leaks")
    lane = app.page.locator("[data-river] [data-sum=dx]").get_attribute("data-value")
    cells = app.page.locator("td[data-column=dropped]")
    values = cells.evaluate_all("cells => cells.map(cell => +cell.dataset.value)")
    assert float(lane or 0) == pytest.approx(sum(values), abs=1e-12)
    app.page.keyboard.press("ArrowRight")
    expect(app.page.locator("[data-river]")).to_contain_text("0 for the bias")
    assert river_text(app, "[data-sum=dx]") == "0"


@pytest.mark.parametrize("calm", [False, True], ids=["moving", "reduced-motion"])
def test_play_runs_it_through(app: App, calm: bool) -> None:
    app.open("/derive?step=18")
    app.page.emulate_media(reduced_motion="reduce" if calm else "no-preference")
    play = app.page.get_by_role("button", name="Play")
    play.click()
    marks = app.page.locator("[data-river] .bnr-chevron")
    expect(app.page.get_by_role("button", name="Pause")).to_be_visible()
    if not calm:
        expect(marks.first).to_be_attached()
    at(app, 19)
    if calm:
        assert marks.count() == 0
    expect(play).to_be_visible()  # it has come to the end


@pytest.mark.parametrize(("term", "way"), [("dy", 12), ("gamma", -10)])
def test_what_is_held_on_the_walk_takes_equation_river_and_table_along(
    app: App, term: str, way: int
) -> None:
    app.open("/derive?step=12")
    app.page.set_viewport_size({"width": 1280, "height": 1500})  # the table is seen as well
    before = heading(app).inner_text()
    x, y = app.take(app.page.locator(f"[data-hold={term}][data-row='0'] .bnr-pill"))
    for share in (0.3, 0.7, 1.0):
        app.page.mouse.move(x, y - way * share)
        app.page.wait_for_function("!document.querySelector('[data-stage][data-busy]')")
    lanes = app.page.locator("[data-river] .bnr-value")
    read = "all => all.map(e => [e.dataset.term, +e.dataset.row, +e.dataset.value])"
    river = {(name, row): value for name, row, value in lanes.evaluate_all(read)}
    s = PRESETS["puzzle"].scenario
    dy, gamma = s.dy.copy(), s.gamma.copy()
    if term == "dy":
        dy[0, 0] = river["dy", 0]
        assert dy[0, 0] != s.dy[0, 0]
    else:
        gamma[0] = s.gamma[0] * river["dx_direct", 0] / run(s).dx_direct[0, 0]
        assert gamma[0] < s.gamma[0]
    t = run(s.edit(dy=dy, gamma=gamma))
    for name in ("dx_direct", "dx_via_var", "dx_via_mean", "dx"):
        cells = app.page.locator(f"td[data-column={name}]")
        values = cells.evaluate_all("cells => cells.map(cell => +cell.dataset.value)")
        assert values == pytest.approx(getattr(t, name)[:, 0], rel=1e-9, abs=1e-12), name
        if name != "dx_via_mean":
            assert [river[name, row] for row in range(6)] == pytest.approx(values, abs=1e-12)
    said = app.page.locator(".bnd-formula .bnd-number").all_inner_texts()
    shown = [f"{v:.2f}".replace("-", "−") for v in (t.dx[0, 0], t.dx_direct[0, 0])]
    assert [said[0], said[2]] == shown
    assert heading(app).inner_text() == before
    app.page.keyboard.press("ArrowRight")  # nobody walks on while something is held
    expect(app.page.locator("[data-derive]")).to_have_attribute("data-step", "12")
    app.page.mouse.up()
    app.idle()
    assert lanes.evaluate_all(read) == [[*key, value] for key, value in river.items()]


def test_the_arrows_of_the_graph_are_as_wide_as_their_numbers(app: App) -> None:
    app.open("/derive?step=12")
    t = run(PRESETS["puzzle"].scenario)
    edges = app.page.locator("[data-edge] .bnd-back").evaluate_all(
        "all => all.map(e => [e.parentElement.dataset.edge, +e.dataset.width])"
    )
    widths = dict(edges)
    one = widths["dev-xhat"] / abs(t.dx_direct[0, 0])
    assert one > 0
    assert widths["dev-var"] == pytest.approx(one * abs(t.dx_via_var[0, 0]))
    assert widths["x-mean"] == pytest.approx(one * abs(t.dx_via_mean[0, 0]))
    expect(app.page.locator(".bnd-right")).to_contain_text("each as wide as the size of its number")


def test_a_lane_of_the_river_chooses_its_sample(app: App) -> None:
    app.open("/derive?step=10")
    app.page.locator("[data-river] [data-sample='3'] text").click()
    expect(app.page.locator(".bnd-formula .bnd-number").first).to_have_text("0.28")
    app.page.wait_for_url(re.compile("sample=4"))
    app.idle()


@pytest.mark.parametrize(("width", "dark"), [*WINDOWS, (1024, False), (1920, False)])
def test_nothing_of_the_walk_is_clipped_covered_or_half_lit(
    new_app: Callable[..., App], width: int, dark: bool
) -> None:
    app = new_app(width, dark=dark).open("/derive")
    for step in range(1, STEPS + 1):
        if step > 1:
            app.page.keyboard.press("ArrowRight")
        expect(app.page.locator("[data-derive]")).to_have_attribute("data-step", str(step))
        for fault in (CLIPPED, COVERED, OUTSIDE):
            assert app.page.evaluate(fault) == [], step
        assert app.page.evaluate("document.documentElement.scrollWidth") <= width
        lit(app)
        if step == 7 and (width, dark) in ((1280, False), (390, True)):
            app.assert_accessible()
