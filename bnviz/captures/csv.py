"""A capture as CSV, one line a sample, written and read."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnviz.captures.record import Capture, CaptureError, Terms, checked, faults

_LONGEST, _MOST_COLUMNS, _MOST_OF_A_KIND = 2**25, 20_000, 9999
_WIDEST = 25  # characters of a number: -1.2345678901234567e-100 and a comma
_COLUMN = re.compile(r"(x|dy|a|dx|gamma|beta|eps|term_[a-z_]{1,24}?)_?(\d{1,4})", re.ASCII)


def save_csv(capture: Capture, terms: Terms | None = None) -> str:
    """One line a sample: x_1 …, dy_1 …, a_1 …, dx_1 …; in each line also γ, β and ε.

    Of the terms, those with a row for each sample; `pandas.read_csv(file)["term_dx_1"]`.
    """
    n, k = capture.shape
    tables = {name: getattr(capture, name) for name in ("x", "dy", "a", "dx")}
    for name, row in (("gamma", capture.gamma), ("beta", capture.beta)):
        tables[name] = np.broadcast_to(row, (n, k))
    tables["eps"] = np.full((n, 1), capture.eps)
    for name, values in (terms or {}).items():
        if values.ndim == 2 and len(values) == n:
            tables[f"term_{name}"] = values
    tables = {name: values for name, values in tables.items() if values is not None}
    heads = [f"{name}_{c + 1}" for name, values in tables.items() for c in range(values.shape[1])]
    rows = np.hstack([np.asarray(values, np.float64) for values in tables.values()])
    lines = [",".join(repr(float(v)) for v in row) for row in rows]
    return "\n".join([",".join(heads), *lines]) + "\n"


def holds_in_csv(capture: Capture) -> bool:
    """Would a CSV of it, with its terms, open again as the same? It has no room for modes."""
    plain = capture.mode == "train" and capture.precision == np.finfo(capture.x.dtype).eps
    plain = plain and capture.kind == "batch" and capture.whole is None and not faults(capture)
    n, k = capture.shape
    d = 0 if capture.a is None else capture.a.shape[1]
    columns = 13 * k + d + 1  # x, dy, dx, gamma, beta, eight terms; a; eps
    fits = columns <= _MOST_COLUMNS and (n + 1) * columns * _WIDEST <= _LONGEST
    return plain and fits and max(k, d) <= _MOST_OF_A_KIND


def _cells(text: str) -> tuple[list[str], NDArray[np.float64], float]:
    """The names of the columns, the numbers below them (lines, columns), and `written`."""
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff")))
    rows, places = [], [0]
    try:
        heads = [head.strip() for head in next(reader, [])]
        if len(heads) > _MOST_COLUMNS:
            raise CaptureError(f"The file has {len(heads)} columns; the limit is {_MOST_COLUMNS}.")
        for head in heads:
            if not _COLUMN.fullmatch(head):
                raise CaptureError(
                    f"Column “{head[:30]}” is not known: columns are x_1 …, dy_1 …, a_1 …, dx_1 …."
                )
        dx = [c for c, head in enumerate(heads) if head.startswith("dx")]
        for line, cells in enumerate(reader, 2):
            if cells and len(cells) != len(heads):
                raise CaptureError(f"Line {line} has {len(cells)} cells; there are {len(heads)}.")
            if cells:
                rows.append([_cell(cell, line, heads[c]) for c, cell in enumerate(cells)])
                places.append(max((_places(cells[c]) for c in dx if rows[-1][c]), default=0))
    except csv.Error as error:
        raise CaptureError("This is no CSV file.") from error
    if not rows:
        raise CaptureError("There are no numbers in it.")
    most = max(places)
    return heads, np.array(rows), 0.5 * 10.0**-most if most > 0 else 0.0


def _places(text: str) -> int:
    """How many decimal places a number was written with: 0.25 has 2, 2.5e-3 has 4."""
    mantissa, _, power = text.strip().lower().partition("e")
    if len(power) > 4:
        return 0
    return min(len(mantissa.partition(".")[2]) - int(power or 0), 300)


def read_csv(text: str) -> Capture:
    """Read columns x_1 …, dy_1 … and, if there are, a_1 …, dx_1 …, gamma_1 …, beta_1 …, eps_1.

    What the last three say must be the same in every line. CaptureError says why not.
    """
    if len(text) > _LONGEST:
        raise CaptureError(f"A CSV may have {_LONGEST} characters; take .npz for more.")
    heads, table, written = _cells(text)
    places: dict[str, list[tuple[int, int]]] = {}
    for column, head in enumerate(heads):
        match = _COLUMN.fullmatch(head)
        if match:
            places.setdefault(match[1], []).append((int(match[2]), column))
    found: dict[str, NDArray[Any]] = {}
    for name in ("x", "dy", "a", "dx", "gamma", "beta", "eps"):
        mine = sorted(places.get(name, []))
        if [number for number, _ in mine] != list(range(1, len(mine) + 1)):
            raise CaptureError(f"The columns of {name} must be {name}_1, {name}_2 and so on.")
        if mine:
            found[name] = table[:, [column for _, column in mine]]
    for name in {"gamma", "beta", "eps"} & set(found):
        if np.ptp(found[name], axis=0).any():
            raise CaptureError(f"{name} must be the same in every line.")
        found[name] = found[name][0]
    eps = found.pop("eps", np.array([1e-5]))
    if eps.size != 1:
        raise CaptureError("eps must be one number.")
    with np.errstate(over="ignore"):
        short = {name: values.astype(np.float32) for name, values in found.items()}
    if all(np.array_equal(short[name], values) for name, values in found.items()):
        found = dict(short)  # numbers of float32, written out
    return replace(checked(found, {"eps": float(eps[0]), "roundoff": 0.0}, {}), written=written)


def _cell(text: str, line: int, head: str) -> float:
    try:
        value = float(text.strip()) if "_" not in text else np.nan
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        shown = text.strip()[:20]
        raise CaptureError(f"Line {line}, {head}: “{shown}” is not a number.")
    return value
