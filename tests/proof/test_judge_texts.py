"""What is said of pasted numbers is so: each number in a sentence, computed once more."""

import re
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from bnviz.core.arrays import Array
from bnviz.core.trace import run
from bnviz.inputs.presets import PRESETS
from bnviz.proof.judge import diagnose, parse

T = run(PRESETS["puzzle"].scenario)


def stated(text: str, before: str) -> float:
    """The number that a sentence gives after these words."""
    match = re.search(re.escape(before) + r"\W*?([−-]?\d[\d.]*(?:e−?\d+)?)(?=[\s,.;]|$)", text)
    assert match is not None, text
    return float(match.group(1).rstrip(".").replace("−", "-"))


def apart(text: str, right: Array) -> float:
    """The largest difference of the numbers in a text to these, in fractions."""
    mine = [Fraction(cell) for line in text.splitlines() for cell in line.split(",")]
    exact = [Fraction(float(v)) for v in right.ravel()]
    return float(max(abs(m - r) for m, r in zip(mine, exact, strict=True)))


def written(values: Array, form: str) -> str:
    return "\n".join(",".join(form.format(float(v)) for v in row) for row in values)


@pytest.mark.parametrize("form", ["{:.4f}", "{:.6f}", "{:.9f}"])
def test_the_largest_difference_of_right_numbers(form: str) -> None:
    text = written(T.dx, form)
    found = diagnose(T, "dx", parse(text))
    assert found.holds
    assert stated(found.why, "largest difference is") == pytest.approx(apart(text, T.dx), rel=0.05)


def test_the_largest_difference_of_single_precision() -> None:
    short = (T.dx * (1 + 3e-7 * np.cos(np.arange(12).reshape(6, 2)))).astype(np.float32)
    text = written(short.astype(np.float64), "{!r}")
    found = diagnose(T, "dx", parse(text))
    assert "float32" in found.claim
    assert stated(found.why, "largest difference is") == pytest.approx(apart(text, T.dx), rel=0.05)
    assert stated(found.why, "numbers up to") == pytest.approx(np.abs(T.dx).max(), rel=0.05)


@pytest.mark.parametrize("place", [(0, 0), (2, 1), (5, 0)])
def test_where_it_differs_most_is_counted_from_1(place: tuple[int, int]) -> None:
    bent = T.dx + 0.01 * np.cos(3 * np.arange(12).reshape(6, 2))
    bent[place] += 0.8
    found = diagnose(T, "dx", parse(written(bent, "{!r}")))
    assert not found.holds
    assert f"({place[0] + 1}, {place[1] + 1})" in found.why
    assert stated(found.why, "yours is") == pytest.approx(bent[place], abs=0.005)
    assert stated(found.why, "right is") == pytest.approx(T.dx[place], abs=0.005)


COUNTED: dict[str, tuple[Callable[[int], int], bool]] = {
    "from 0": (lambda i: i, True),
    "from 1": (lambda i: i + 1, True),
    "from 2": (lambda i: i + 2, False),
    "backwards": (lambda i: 6 - i, False),
    "in twos": (lambda i: 2 * i, False),
}


@pytest.mark.parametrize("way", COUNTED)
@pytest.mark.parametrize("head", [",a,b", "row,a,b"])
def test_only_a_column_that_counts_the_rows_is_left_out(way: str, head: str) -> None:
    number, left_out = COUNTED[way]
    lines = [f"{number(i)},{line}" for i, line in enumerate(written(T.dx, "{!r}").splitlines())]
    found = parse("\n".join([head, *lines]))
    rows = T.dx if left_out else np.column_stack([[number(i) for i in range(6)], T.dx])
    np.testing.assert_array_equal(found.values, rows)


def test_without_names_a_first_column_may_be_numbers_of_its_own() -> None:
    lines = [f"{i + 1},{line}" for i, line in enumerate(written(T.dx, "{!r}").splitlines())]
    assert parse("\n".join(lines)).values.shape == (6, 3)
    assert parse("a\n1\n2\n3").values.tolist() == [[1.0], [2.0], [3.0]]
