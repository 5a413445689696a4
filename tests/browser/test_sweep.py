"""A drag waits for nobody: every step is the core's answer, and hardly a message is sent."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from bnviz.core.columns import columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.presets import PRESETS

from .conftest import App, box
from .proxy import Proxy
from .seen import assert_one_truth, seen, table

PUZZLE = PRESETS["puzzle"].scenario
FRAME = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Everything that is written on the stage, but for what a gesture changes.
WRITTEN = """() => {
    const texts = (what) => [...document.querySelectorAll(what)].map(e => e.textContent);
    return [texts('[data-ledger] .bns-number, [data-ledger] .bnl-sum'), texts('[data-knob]'),
            texts('[data-river] g[data-term], [data-river] g[data-sum], [data-river] .bnr-card'),
            texts('[data-stage] h1, .bns-why, .bnl-explain, .bnr-notes')];
}"""


def _x(value: float) -> Scenario:
    x = PUZZLE.x.copy()
    x[2, 0] = value
    return PUZZLE.edit(x=x)


def _of_bar(app: App) -> tuple[Locator, float]:
    """The bar of a number and the pixels of one step: 0.1 of a scale that ends at 3."""
    bar = app.slider("x", 2)
    return bar, 0.1 / 3 * box(bar.locator(".bnl-track"))["width"] / 2


def _of_knob(app: App) -> tuple[Locator, float]:
    """The knob of ε; 100 pixels are six decades, and a step is a tenth of one."""
    return app.page.get_by_role("slider", name=re.compile("^ε")), 0.1 / 6 * 100


@pytest.mark.parametrize(
    ("find", "at"),
    [
        pytest.param(_of_bar, lambda i: _x(float(f"{-0.4 + i / 10:.1f}")), id="x"),
        pytest.param(
            _of_knob, lambda i: PUZZLE.edit(eps=float(f"{10 ** (-5 + i / 10):.1e}")), id="eps"
        ),
    ],
)
def test_every_step_of_a_drag_is_what_the_core_says(
    app: App,
    find: Callable[[App], tuple[Locator, float]],
    at: Callable[[int], Scenario],
) -> None:
    what, step = find(app)
    before = len(app.sent)
    x, y = app.take(what)
    for _ in range(2):  # the first few positions, and all of them
        app.page.wait_for_function("!document.querySelector('[data-stage][data-busy]')")
        app.page.evaluate(FRAME)
    visited = [*range(3, 25), *range(23, -25, -1), *range(-23, -5)]
    for i in visited:
        app.page.mouse.move(x + i * step, y)
        found = seen(app)
        s = at(i)
        c = columns(run(s), View(0, 1))
        assert float(found["set"][1][2]) == s.eps, i
        for term, values in table(found["cells"]).items():
            assert list(values.values()) == c.values[term].tolist(), (i, term)
        for term, total in table(found["totals"]).items():
            assert total[""] == c.sums[term].value, (i, term)
        if i % 5 == 0:
            assert_one_truth(found)
    held, written = seen(app), app.page.evaluate(WRITTEN)
    app.page.mouse.up()
    app.idle()
    after = seen(app)
    assert after == {**held, "busy": False}
    assert app.page.evaluate(WRITTEN) == written, "to the last digit"
    assert len(app.sent) - before <= 4, f"{len(visited)} steps"


FLOOD = """slider => new Promise(done => {
    const start = performance.now();
    let [events, net, right] = [0, 0, true];
    const tick = () => {
        // Within the scale: a busy machine's pause lets go, and a larger scale has larger steps.
        if (net >= 20) right = false;
        if (net <= -15) right = true;
        const far = events % 37 === 36;
        net += (right ? 1 : -1) * (far ? 10 : 1);
        slider.dispatchEvent(new KeyboardEvent('keydown',
            { key: right ? 'ArrowRight' : 'ArrowLeft', shiftKey: far, bubbles: true }));
        events += 1;
        // Where it ends, something has changed: the address says so.
        if (performance.now() - start < 5000 || !net) requestAnimationFrame(tick);
        else done([events, net]);
    };
    slider.focus();
    tick();
})"""


def test_a_flood_ends_on_its_last_numbers_without_a_queue(app: App) -> None:
    events, net = app.slider("x", 2).evaluate(FLOOD)
    at_end = len(app.sent)
    ends = f"{-0.4 + net / 10:.12g}"
    expect(app.cell("x", 2)).to_have_attribute("data-value", ends)
    app.page.wait_for_url(re.compile("check="))
    app.idle()
    assert events > 60
    assert len(app.sent) - at_end <= 4, "what was under way, the last step and the end"
    assert at_end < events / 2
    assert app.column("x")[2] == float(ends)
    assert_one_truth(seen(app))
    expect(app.cell("x", 2).locator(".bns-number")).to_have_text(
        re.compile(rf"\+?{float(ends):.1f}".replace("-", "−") if float(ends) else "0")
    )


def test_what_is_taken_again_goes_on_from_where_it_was_let_go(app: App) -> None:
    """Before Python has answered: four runs of keys, each let go of at once."""
    app.slider("x", 2).evaluate(
        """slider => {
            for (const key of ['ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowRight']) {
                slider.focus();
                slider.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
                slider.blur();
            }
        }"""
    )
    app.settled(app.cell("x", 2), "-0.2")
    assert_one_truth(seen(app))


# What is compressed comes no sooner than the test wants it.
LATE = """() => {
    const Real = DecompressionStream;
    const late = new Promise(done => { window.unpackAll = done; });
    window.unpacked = 0;
    window.DecompressionStream = function (format) {
        const real = new Real(format);
        const slow = new TransformStream({ async transform(chunk, out) {
            await late;
            window.unpacked += 1;
            out.enqueue(chunk);
        } });
        return { writable: real.writable, readable: real.readable.pipeThrough(slow) };
    };
}"""


def _step_through(app: App, s: Scenario, neuron: int) -> None:
    """Five steps of a bar, each of them of this scenario."""
    assert s.a is not None
    start = float(s.x[2, neuron])
    slider = app.slider("x", 2)
    for _ in range(5):
        slider.press("ArrowRight")
        found = seen(app)
        core = assert_one_truth(found)
        np.testing.assert_allclose(list(table(found["cells"])["a"].values()), s.a[:, 1])
        others = [r for r in range(6) if r != 2]
        assert [table(found["cells"])["x"][str(r)] for r in others] == s.x[others, neuron].tolist()
        np.testing.assert_allclose(core["dy"], s.dy[:, neuron])
    app.settled(app.cell("x", 2), str(float(f"{start + 0.5:.12g}")))


@pytest.mark.parametrize("change", ["scenario", "neuron"])
def test_a_sweep_that_comes_too_late_is_not_shown(app: App, change: str) -> None:
    app.page.evaluate(LATE)
    app.slider("x", 2).hover()  # a mouse that rests there has all positions sent
    app.page.wait_for_function("document.querySelector('[data-stage][data-busy]')")
    s, neuron = PUZZLE, 0
    if change == "scenario":  # of the same shape: the place that was taken is there as well
        app.page.get_by_role("combobox", name="Scenario").select_option(label="Shifted inputs")
        s = PRESETS["shifted"].scenario
        expect(app.cell("a", 0)).to_have_attribute("data-value", "11")
    else:
        app.page.get_by_role("group", name="Neuron").get_by_label("2").click()
        neuron = 1
        expect(app.page.locator("[data-ledger]")).to_have_attribute("data-neuron", "1")
    app.idle()
    app.page.evaluate("unpackAll()")
    app.page.wait_for_function("unpacked > 0")
    app.page.evaluate(FRAME)
    _step_through(app, s, neuron)


def test_another_page_and_back_shows_nothing_of_a_drag_under_way(app: App) -> None:
    app.page.evaluate(LATE)
    before = app.numbers()
    app.slider("x", 2).hover()
    app.page.wait_for_function("document.querySelector('[data-stage][data-busy]')")
    app.follow("Weights")
    app.page.evaluate("unpackAll()")
    app.follow("Explore")
    assert app.numbers() == before
    _step_through(app, PUZZLE, 0)


def test_across_an_ocean_a_drag_undo_and_reload_find_the_same_numbers(
    app: App, server: str
) -> None:
    """Behind 150 ms of round trip."""
    with Proxy(int(server.rpartition(":")[2]), 0.15) as far:
        app.server = f"http://localhost:{far.port}"
        app.open()
        opened = app.numbers()
        bar, step = _of_bar(app)
        x, y = app.take(bar)
        app.page.mouse.move(x + 12 * step, y, steps=6)  # at once: nothing can be here yet
        app.page.wait_for_function("!document.querySelector('[data-stage][data-busy]')")
        c = columns(run(_x(0.8)), View(0, 1))
        for term, column in app.numbers().items():
            assert column == c.values[term].tolist(), term
        held = seen(app)
        app.page.mouse.up()
        app.idle()
        assert seen(app) == {**held, "busy": False}
        app.page.wait_for_url(re.compile("check="))
        app.page.reload()
        app.idle()
        assert seen(app)["cells"] == held["cells"]
        app.type_into("x", 2, "2.5")
        app.page.get_by_role("button", name="Undo").click()
        app.settled(app.cell("x", 2), "0.8")
        assert seen(app)["cells"] == held["cells"]
        assert app.numbers() != opened
        app.open()  # the window is left as it was found
