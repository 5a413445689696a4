"""Formulas as mathematics: set by the browser, in their font, everywhere where they are wanted."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from bnviz.words.formula import symbol, worked
from bnviz.words.glossary import TERMS

from .conftest import App

SETS = """([mathml, numbers]) => import(
    new URL('../bnviz.common/dom.js', performance.getEntriesByType('resource')
        .find(entry => entry.name.includes('bnviz.common/dom.js')).name)
).then(({ setMath, fillSlots }) => {
    const place = document.body.appendChild(document.createElement('div'));
    const math = setMath(place, mathml);
    if (numbers) fillSlots(math, numbers);
    const found = {
        text: [...math.querySelectorAll('mn, mo, mtext')].map(e => e.textContent).join(''),
        box: math.getBoundingClientRect().toJSON(),
        names: [...math.querySelectorAll('*')].every(e => e.namespaceURI === math.namespaceURI),
    };
    place.remove();
    return found;
})"""

LOOK = """() => [...document.querySelectorAll('[data-derive] math')].map(math => {
    const style = getComputedStyle(math);
    return {
        font: style.fontFamily, color: style.color, size: parseFloat(style.fontSize),
        width: math.getBoundingClientRect().width, right: math.getBoundingClientRect().right,
    };
})"""


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of two colours, as CSS gives them."""

    def luminance(color: str) -> float:
        whole = 1.0 if "srgb" in color else 255.0  # mixed colours are given in shares
        parts = [float(part) / whole for part in re.findall(r"[\d.]+", color)[:3]]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_formula_is_set_and_can_be_read(
    new_app: Callable[..., App], width: int, dark: bool
) -> None:
    app = new_app(width, dark=dark).open("/derive?step=6")
    app.page.wait_for_function(
        "document.fonts.load('16px \"bnviz Math\"').then(f => f.length === 1)"
    )
    formula = app.page.locator(".bnd-formula")
    high = "fractions => fractions.map(f => [...f.children].map(e => e.getBoundingClientRect()))"
    for top, bottom in formula.locator("mfrac").evaluate_all(high):
        assert top["height"] > 4
        assert bottom["height"] > 4
        assert bottom["top"] >= top["bottom"] - 1, "a fraction stands on its line"
    # The bar of ∂L/∂μ| grows with its fraction.
    bar = formula.locator("mo", has_text="|").first.bounding_box()
    assert bar is not None
    assert bar["height"] > 30
    behind = app.page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    found = app.page.evaluate(LOOK)
    assert len(found) > 10
    for math in found:
        assert math["font"].startswith('"bnviz Math"')
        assert math["size"] >= 13
        assert math["right"] <= width
        assert contrast(math["color"], behind) >= 4.5, math


def test_every_symbol_is_set_from_its_mathml(new_app: Callable[..., App]) -> None:
    app = new_app().open("/derive")
    for name in TERMS:
        found = app.page.evaluate(SETS, [symbol(name), None])
        narrow = app.page.evaluate(SETS, [symbol(name, inline=True), None])
        assert found["names"], "elements of another language than MathML"
        assert found["box"]["width"] > 4
        assert narrow["box"]["height"] < 30, name
        if "frac" in TERMS[name].latex:
            assert found["box"]["height"] > narrow["box"]["height"], name


@pytest.mark.parametrize(
    ("name", "numbers", "text"),
    [
        ("x_hat", {"deviation": "−1.35", "inv_std": "0.88"}, "=−1.35·0.88="),
        ("dx_via_var", {"dvar": "0.43", "deviation": "−0.55", "n": "6"}, "=0.43·2·(−0.55)6="),
        ("dx_hat", {"gamma": "−1.20", "dy": "−0.90"}, "−1.20·(−0.90)"),
        ("dx", {"dx_direct": "0.95", "dx_via_var": "−0.19"}, "0.95+(−0.19)+"),
    ],
)
def test_numbers_take_the_place_of_letters(
    app: App, name: str, numbers: dict[str, str], text: str
) -> None:
    app.open("/derive")
    found = app.page.evaluate(SETS, [worked(name), numbers | {name: "−0.01"}])
    assert text in found["text"]
    assert found["text"].endswith("=−0.01"), "a result needs no parentheses"
