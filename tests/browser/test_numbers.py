"""Numbers and arithmetic as the browser writes them: Python's rule, and right as shown."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from bnviz.words.numbers import number, plain

from .conftest import App, link

AS_SERVED = """cases => import(
    new URL('../bnviz.common/numbers.js', performance.getEntriesByType('resource')
        .find(entry => entry.name.includes('bnviz.common/numbers.js')).name)
).then(({ number }) => cases.map(([value, signed, places]) => number(value, signed, places)))"""


def _values() -> list[float]:
    """Halves of every place, every boundary of the rule, and all sizes that there are."""
    draw = Random(1)
    halves = [(k + 0.5) / 10**places for places in range(7) for k in (0, 1, 2, 12, 99, 124, 999)]
    edges = [5 / 10 ** (places + 1) for places in range(7)]
    edges += [0.125, 0.995, 99.995, 999.95, 99_999.5, 9.95e5, 9.95e-5, 1.0, 10.0, 100.0, 1e21]
    edges += [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e-7, 1e100]
    near = [math.nextafter(edge, to) for edge in halves + edges for to in (0.0, math.inf)]
    drawn = [draw.uniform(1, 10) * 10.0 ** draw.randint(-12, 12) for _ in range(1500)]
    sizes = [0.0, *halves, *edges, *near, *drawn, math.inf]
    return [*sizes, *(-size for size in sizes), math.nan]


def test_the_browser_writes_numbers_as_python_does(app: App) -> None:
    cases = [
        (plain(value), signed, places)
        for value in _values()
        for signed in (False, True)
        for places in range(7)
    ]
    assert len(cases) > 40_000
    found = app.page.evaluate(AS_SERVED, cases)
    wrong = [
        (case, there, here)
        for case, there in zip(cases, found, strict=True)
        if there != (here := number(float(case[0]), case[1], case[2]))
    ]
    assert wrong == []


# Every formula and every sum that the ledger explains, as a tree of tags and texts.
EXPLAINED = """() => {
    const tree = (e) =>
        [e.localName, e.children.length ? [...e.children].map(tree) : e.textContent];
    const explain = document.querySelector('.bnl-explain');
    const mouse = new PointerEvent('pointerenter', { pointerType: 'mouse' });
    const point = (td) => td.onpointerenter(mouse);
    const cells = [...document.querySelectorAll('[data-ledger] td[data-term]')].map((td) => {
        point(td);
        const math = explain.querySelector('.bnl-explain-math math');
        return [td.dataset.term, td.dataset.row, td.querySelector('.bns-number').textContent,
                math && tree(math)];
    });
    const sums = [...document.querySelectorAll('[data-ledger] td[data-sum]')].map((td) => {
        point(td);
        return [td.dataset.sum, explain.children[2].textContent, explain.children[3].textContent];
    });
    return { cells, sums };
}"""

Span = tuple[Fraction, Fraction]  # what a shown number may stand for
Tree = tuple[str, "list[Tree] | str"]


def _span(text: str, exact: bool) -> Span:
    """A shown number; where it is rounded, all that would be shown so."""
    digits = Decimal(text.replace("−", "-"))
    exponent = digits.as_tuple().exponent
    assert isinstance(exponent, int)
    whole = "." not in text and len(text) < 4  # a 2, an N or a true 0
    half = Fraction(0) if exact or whole else Fraction(10) ** exponent / 2
    return Fraction(digits) - half, Fraction(digits) + half


def _corners(one: Span, other: Span, sign: str) -> Span:
    if sign == "+":
        return one[0] + other[0], one[1] + other[1]
    if sign == "−":
        return one[0] - other[1], one[1] - other[0]
    found = [a * b if sign == "·" else a / b for a in one for b in other]
    return min(found), max(found)


class _Reader:
    """A row of a formula, read from left to right as a calculator does: · and / before + and −."""

    def __init__(self, row: list[Tree], exact: bool) -> None:
        self.row, self.exact, self.at = row, exact, 0

    def sign(self) -> str:
        if self.at == len(self.row) or self.row[self.at][0] != "mo":
            return ""
        return str(self.row[self.at][1])

    def total(self) -> Span:
        value = self.product()
        while (sign := self.sign()) in ("+", "−"):
            self.at += 1
            value = _corners(value, self.product(), sign)
        return value

    def product(self) -> Span:
        value = self.factor()
        while self.sign() == "·":
            self.at += 1
            value = _corners(value, self.factor(), "·")
        # Two numbers without a sign between them would be read as one.
        assert self.sign() or self.at == len(self.row), self.row
        return value

    def factor(self) -> Span:
        tag, inside = self.row[self.at]
        self.at += 1
        if isinstance(inside, str):
            if text := inside.strip("()"):
                assert tag in ("mn", "mtext"), inside
                return _span(text, self.exact)
            value = self.total()
            self.at += 1  # the parenthesis that closes
            return value
        if tag == "mfrac":
            top, bottom = (_Reader(_flat([side]), self.exact).total() for side in inside)
            return _corners(top, bottom, "/")
        raise AssertionError(f"{tag} is not in a worked formula")


def _flat(row: list[Tree]) -> list[Tree]:
    """Without the rows inside of rows, which mean nothing."""
    found: list[Tree] = []
    for tag, inside in row:
        if tag in ("mrow", "mstyle") and not isinstance(inside, str):
            found += _flat(list(inside))
        else:
            found.append((tag, inside))
    return found


def _agrees(row: list[Tree], result: str, sign: str, where: str) -> None:
    """What stands before the last sign comes to what stands after it."""
    least, most = _Reader(row, exact=sign == "=").total()
    low, high = _span(result, exact=False)
    if sign == "=":
        assert least == most == (low + high) / 2, where
    else:
        assert least <= high, where
        assert low <= most, where


@pytest.mark.parametrize("preset", ["puzzle", "offset", "constant", "layer", "shifted"])
def test_every_worked_formula_is_right_as_it_stands(app: App, preset: str) -> None:
    app.open(link(preset))
    found = app.page.evaluate(EXPLAINED)
    signs = {"=": 0, "≈": 0}
    for term, row, shown, math_ in found["cells"]:
        where = f"{preset}, {term}, row {row}"
        if math_ is None:
            assert term in ("a", "x", "dy"), where
            continue
        parts = _flat(math_[1])
        first, last = [i for i, part in enumerate(parts) if part[1] in ("=", "≈")]
        sign, [(_, result)] = parts[last][1], parts[last + 1 :]
        assert isinstance(sign, str)
        assert isinstance(result, str)
        assert result == shown.removeprefix("+"), where
        _agrees(parts[first + 1 : last], result, sign, f"{where}: {parts[first:]}")
        signs[sign] += 1
    assert min(signs.values()) > 0, "both signs are put to the test"
    for term, said, total in found["sums"]:
        *words, sign = said.removeprefix(" = ").split()
        assert sign in signs, said
        added: list[Tree] = [("mo" if word in "+−" else "mn", word) for word in words]
        _agrees(added, total.removeprefix("+"), sign, f"{preset}, Σ {term}: {said}{total}")
