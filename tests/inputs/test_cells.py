"""Cells: what people type becomes a number, or a sentence that names the cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.inputs.cells import CellError, cell, cell_name, parse_cell, with_cell
from bnviz.inputs.presets import PRESETS
from bnviz.words.numbers import exact, number


@pytest.mark.parametrize(
    ("text", "value"),
    [("3.5", 3.5), (" -2 ", -2.0), ("−0.25", -0.25), ("+.5", 0.5), ("1e-5", 1e-5), ("2.", 2.0)],
)
def test_numbers_as_people_write_them(text: str, value: float) -> None:
    assert parse_cell(text, "x") == value


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        (None, "is empty"),
        ("nan", "is not a number"),
        ("inf", "“inf” is not a number"),
        ("abc", "“abc” is not a number"),
        ("3,5", "“3,5” is not a number"),
        ("1_000", "is not a number"),
        ("٣", "is not a number"),
        ("=1+1", "is not a number"),
        ("<b>1</b>", "is not a number"),
        ("1e101", "too large"),
        ("-1e999", "too large"),
        ("9" * 5000, "is not a number"),
    ],
)
def test_anything_else_names_the_cell_and_what_stays(text: str | None, what: str) -> None:
    with pytest.raises(CellError, match=what) as caught:
        parse_cell(text, cell_name("x", 1, 0), "0.3")
    assert str(caught.value).startswith("x, sample 2, neuron 1")
    assert str(caught.value).endswith("It stays 0.3.")
    assert len(str(caught.value)) < 120


@given(st.floats(-1e100, 1e100))
def test_what_is_shown_exactly_reads_back(value: float) -> None:
    assert parse_cell(exact(value), "x") == value


PLACES = [("a", 5, 2), ("dy", 0, 1), ("gamma", 0, 1), ("beta", 0, 0), ("eps", 0, 0)]


@pytest.mark.parametrize("place", [*PLACES, ("x", 3, 1)])
def test_one_cell_changes_and_no_other(place: tuple[str, int, int]) -> None:
    before = PRESETS["puzzle"].scenario
    after = with_cell(before, *place, 7.25)
    assert cell(after, *place) == 7.25
    assert with_cell(after, *place, cell(before, *place)) == before


def test_a_negative_eps_is_refused_in_a_sentence() -> None:
    with pytest.raises(CellError, match=r"^ε must be zero or more\. It stays 1e-05\.$"):
        with_cell(PRESETS["puzzle"].scenario, "eps", 0, 0, -1.0)


@pytest.mark.parametrize("place", [*PLACES, ("weight", 2, 1), ("bias", 0, 1)])
def test_the_same_in_a_layer(place: tuple[str, int, int]) -> None:
    before = PRESETS["layer"].scenario
    after = with_cell(before, *place, 7.25)
    assert after.computed
    assert cell(after, *place) == 7.25
    assert with_cell(after, *place, cell(before, *place)) == before


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (3.5, "3.50"),
        (-1.126, "−1.13"),
        (99.994, "99.99"),
        (99.996, "100.0"),
        (999.96, "1000"),
        (-54321.0, "−54321"),
        (123456.0, "1.2e5"),
        (0.0049, "4.9e−3"),
        (-2.22e-16, "−2.2e−16"),
        (float("inf"), "∞"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_as_people_read_them(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False).filter(bool))
def test_what_is_not_zero_never_reads_as_zero(value: float) -> None:
    digits = number(value).replace("−", "-").replace("∞", "inf")
    assert float(digits) != 0 or abs(value) < 1e-320
    assert (float(digits) < 0) == (value < 0)
