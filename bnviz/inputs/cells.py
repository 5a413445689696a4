"""A typed, pasted or dragged cell -> a number in the scenario, or a sentence that names it."""

from __future__ import annotations

import math
import re

from bnviz.core.scenario import Scenario
from bnviz.core.view import View
from bnviz.words.glossary import TERMS

# The columns that are set by hand, in a computed scenario and elsewhere.
CAN_BE_SET = {True: ["a", "dy"], False: ["a", "x", "dy"]}
LARGEST = 1e100  # its square is still a float64
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)


class CellError(ValueError):
    """A cell that holds no usable number; the message names it."""


def cell_name(term: str, row: int, column: int) -> str:
    """How a cell is called on the screen; row and column count from 0.

    >>> cell_name("x", 1, 0), cell_name("weight", 2, 0), cell_name("gamma", 0, 1)
    ('x, sample 2, neuron 1', 'W, input 3, neuron 1', 'γ, neuron 2')
    """
    symbol = TERMS[term].symbol
    places = {
        "x": f"sample {row + 1}, neuron {column + 1}",
        "dy": f"sample {row + 1}, neuron {column + 1}",
        "a": f"sample {row + 1}, input {column + 1}",
        "weight": f"input {row + 1}, neuron {column + 1}",
    }
    if term == "eps":
        return symbol
    return f"{symbol}, {places.get(term, f'neuron {column + 1}')}"


def parse_cell(text: object, name: str, stays: str = "") -> float:
    """The number in the text; CellError says what is wrong and what stays."""
    kept = f" It stays {stays}." if stays else ""
    written = "" if text is None else str(text).strip().replace("−", "-")
    if written in ("", "nan", "None"):
        what = "is empty" if written != "nan" else "is not a number (nan)"
        raise CellError(f"{name} {what}.{kept}")
    shown = written if len(written) <= 20 else written[:19] + "…"
    if not _NUMBER.fullmatch(written) or len(written) > 400:
        raise CellError(f"{name}: “{shown}” is not a number.{kept}")
    value = float(written)
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise CellError(f"{name}: {shown} is too large; the limit is 1e100.{kept}")
    return value + 0.0


def place(scenario: Scenario, view: View, term: object, row: object) -> tuple[str, int, int]:
    """The cell that a browser names by term and row, in this view; ValueError if there is none."""
    settable = {"a", "dy", "gamma", "eps"} | ({"weight", "bias"} if scenario.computed else {"x"})
    n, columns = scenario.shape[0], {"a": view.input, "eps": 0}
    rows = {"a": n, "x": n, "dy": n, "weight": scenario.d}
    if not isinstance(term, str) or term not in settable:
        raise ValueError("no such cell")
    if not isinstance(row, int) or not 0 <= row < rows.get(term, 1):
        raise ValueError("no such cell")
    return term, row, columns.get(term, view.neuron)


def cell(scenario: Scenario, term: str, row: int, column: int) -> float:
    """One number that is set by hand. Terms of the neuron take its column, ε neither."""
    if term == "eps":
        return scenario.eps
    values = scenario.given()[term]
    return float(values[row, column] if values.ndim == 2 else values[column])


def with_cell(scenario: Scenario, term: str, row: int, column: int, value: float) -> Scenario:
    """The scenario with that one number changed; CellError for a negative ε."""
    if term == "eps":
        if value < 0:
            raise CellError(
                f"{TERMS[term].symbol} must be zero or more. It stays {scenario.eps:g}."
            )
        return scenario.edit(eps=value)
    values = scenario.given()[term].copy()
    values[(row, column) if values.ndim == 2 else column] = value
    return scenario.edit(**{term: values})
