"""Columns -> what the ledger shows: values, the row of sums, the scales.

Pure data, ready for JSON. The browser only places and formats it: every number and every
verdict is made in the core.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from bnviz.claims.ledger import blurred
from bnviz.claims.reach import ALL, Reach
from bnviz.core.columns import GROUPS, PATHS, THREE, Columns, Sum
from bnviz.core.view import View
from bnviz.draw.palette import sample_color
from bnviz.draw.scales import nice, step
from bnviz.inputs.cells import CAN_BE_SET
from bnviz.words import formula
from bnviz.words.glossary import COMPUTED_X, TERMS, Term
from bnviz.words.numbers import exact, places_for, plain

Json = dict[str, Any]
# One number for each neuron, shown over the column in which it meets every row.
_NUMBERS = {
    "x": "mean",
    "x_hat": "inv_std",
    "dx_hat": "gamma",
    "dx_via_var": "dvar",
    "dx_via_mean": "dmean",
}
_TOLD = ("dx", "dx_hat", "x_hat")  # what is explained before anyone points: the furthest


def term_of(column: str) -> Term:
    """The glossary entry of a ledger column; a row of the last is one sample's share."""
    return TERMS[_key(column)]


def _key(column: str) -> str:
    return "dweight_per_sample" if column == "dweight" else column


def still(reach: Reach = ALL) -> list[Json]:
    """What never changes: the columns, in order, by group, and on which tab a phone has them."""
    return [
        {
            "title": title,
            "tab": min(index, 3),
            "columns": [_head(name, reach) for name in names if name in reach.terms],
        }
        for index, (title, names) in enumerate(GROUPS)
        if reach.terms.intersection(names)
    ]


def _head(name: str, reach: Reach) -> Json:
    term, key = term_of(name), _key(name)
    number = _NUMBERS.get(name)
    # A formula of columns that are not shown says nothing, and might say too much.
    known = name != "dx" or reach.terms.issuperset(THREE)
    rule = "" if term.short or not known else formula.short(key)
    return {
        "term": name,
        "symbol": term.symbol,
        "math": formula.symbol(key),
        "inline": formula.symbol(key, inline=True),
        "short": term.short,
        "rule": rule,
        "sentence": term.sentence if known else "",
        "worked": formula.worked(key) if known else "",
        "number": number and formula.symbol(number, inline=True),
        "row": term.row_parts,
        "column": term.column_parts,
        "total": TERMS["dweight"].symbol if name == "dweight" else "",
    }


def _scales(c: Columns) -> dict[str, float]:
    """The value at the edge of a cell; the paths and ∂L/∂x share theirs."""
    size = {name: float(np.abs(values).max()) for name, values in c.values.items()}
    shared = max(size[name] for name in PATHS)
    return {name: nice(shared if name in PATHS else size[name]) for name in c.values}


def _note(column: str, total: Sum, c: Columns) -> str:
    """What stands under a sum: what it is, or what it cancels."""
    frozen = c.trace.scenario.frozen
    if total.by_algebra and not total.vanishes:
        return "should be 0"
    if column == "dweight":
        said = "lost in rounding" if blurred(c) else "zero here" if total.vanishes else "≠ 0"
        return f"{term_of(column).total}, {said}" if total.vanishes else f"= ∂L/∂W {said}"
    if column in ("dx_direct", "dx_via_mean") and c.paths_cancel and not frozen:
        return "cancels ③" if column == "dx_direct" else "cancels ①"
    if total.vanishes and not total.by_algebra:
        return "for these numbers"
    return term_of(column).total


def _tone(column: str, total: Sum) -> str:
    """zero, alive, alarm or plain: how loud a sum is."""
    if total.by_algebra and not total.vanishes:
        return "alarm"
    if total.vanishes:
        return "zero" if total.by_algebra or column == "dweight" else "plain"
    return "alive" if column == "dweight" else "plain"


def _sum(column: str, c: Columns) -> Json:
    total = c.sums[column]
    return {
        "v": plain(total.value),
        "zero": total.vanishes,
        "bound": plain(total.bound),
        "tone": _tone(column, total),
        "note": _note(column, total, c),
    }


def _hidden(c: Columns, rows: list[int], quiet: bool) -> str:
    """What is left out of the table, and what x stands for where it is set by hand.

    rows: those shown. While a number is held they stay, whichever are the largest then.
    """
    n, dx, dweight = c.values["dx"].size, TERMS["dx"].symbol, TERMS["dweight"].symbol
    said = []
    if len(rows) < n:
        said.append(
            f"{len(rows)} of {n} samples are shown, "
            + (f"those with the largest {dx}" if rows == c.rows else "the same while one is held")
            + f". The sums are of all {n}."
        )
    if not quiet:
        said.append(
            "x stands for aW + b, what the layer in front puts out. Here it is set by hand; "
            f"{dweight} = Σ a · {dx} is the same."
        )
    return " ".join(said)


@np.errstate(over="ignore", invalid="ignore")
def payload(
    c: Columns,
    rows: list[int] | None = None,
    hide: Collection[str] = (),
    called: View | None = None,
    reach: Reach = ALL,
) -> Json:
    """Everything that changes with a number; `still` is the rest.

    rows: the samples to show, where they must not change while one is dragged. hide: what a link
    leaves out. reach: how many columns and sums are shown. called: the neuron and the input by
    their numbers elsewhere, where the scenario was cut out of a larger layer.
    """
    t, j = c.trace, c.view.neuron
    s = t.scenario
    rows = c.rows if rows is None else rows
    seen_as = called or c.view
    scales = _scales(c)
    shown = {name: values for name, values in c.values.items() if name in reach.terms}
    number_of = {"mean": t.mean, "inv_std": t.inv_std, "gamma": s.gamma} | {
        "dvar": t.dvar,
        "dmean": t.dmean,
    }
    return {
        "hide": " ".join(sorted(hide)),
        "n": s.shape[0],
        "gamma": exact(s.gamma[j]),
        "eps": exact(s.eps),
        "neuron": seen_as.neuron,
        "input": seen_as.input,
        "rows": rows,
        "hidden": _hidden(
            c, rows, quiet=s.computed or called is not None or "dweight" not in shown
        ),
        "colors": [sample_color(i) for i in rows],
        "cells": {
            name: [plain(value) for value in values[rows].tolist()]
            for name, values in shown.items()
        },
        "sums": {name: _sum(name, c) for name in shown if name in reach.totals},
        "numbers": {
            column: {
                "term": name,
                "v": plain(float(number_of[name][j])),
            }
            for column, name in _NUMBERS.items()
            if column in shown
        },
        "deviation": [plain(v) for v in t.deviation[rows, j].tolist()],
        "scales": scales,
        "places": {name: places_for(scale) for name, scale in scales.items()},
        "steps": {name: step(scale) for name, scale in scales.items()},
        "told": next(name for name in _TOLD if name in shown),
        "spotlight": max(rows, key=lambda i: abs(t.dx[i, j])),
        "editable": [] if "inputs" in hide else CAN_BE_SET[s.computed],
        "shorts": {"x": COMPUTED_X} if s.computed else {},
        "locked": {"x": "It is computed from a, W and b here: drag those."} if s.computed else {},
    }
