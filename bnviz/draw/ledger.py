"""Trace -> what the ledger shows: values, their texts, the row of sums, the scales.

Pure data, ready for JSON. The browser only places it: every number and every
verdict is made here, from the core.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from bnviz.claims.ledger import tell
from bnviz.core.arrays import Array
from bnviz.core.columns import Sum, column_sums
from bnviz.core.identities import identities
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.draw.palette import sample_color
from bnviz.inputs.cells import cell, cell_name
from bnviz.inputs.presets import PRESETS, matching
from bnviz.words.claim import Claim
from bnviz.words.glossary import LAYER_X, TERMS, Term
from bnviz.words.numbers import exact, number, places_for, plain

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Forward", ("a", "x", "x_hat")),
    ("Upstream", ("dy", "dx_hat")),
    ("Three paths back to x", ("dx_direct", "dx_via_var", "dx_via_mean")),
    ("Gradient", ("dx",)),
    ("Weight", ("dweight",)),
)
PATHS = ("dx_direct", "dx_via_var", "dx_via_mean", "dx")
# One number for each neuron, shown over the column in which it meets every row.
_NUMBERS = {
    "x": "mean",
    "x_hat": "inv_std",
    "dx_hat": "gamma",
    "dx_via_var": "dvar",
    "dx_via_mean": "dmean",
}
MAX_SHOWN = 16


def term_of(column: str) -> Term:
    """The glossary entry of a ledger column; a row of the last is one sample's share."""
    return TERMS["dweight_per_sample" if column == "dweight" else column]


def nice(size: float) -> float:
    """The next round number at or above the size: what a scale may end at."""
    if not (np.isfinite(size) and size > 0):
        return 1.0
    power = 10.0 ** np.floor(np.log10(size))
    return float(
        next((m * power for m in (1, 1.5, 2, 3, 4, 5, 6, 8) if m * power >= size), 10 * power)
    )


def _columns(t: Trace, view: View) -> dict[str, Array]:
    s, j = t.scenario, view.neuron
    columns = {
        "x": s.x[:, j],
        "x_hat": t.x_hat[:, j],
        "dy": s.dy[:, j],
        "dx_hat": t.dx_hat[:, j],
        "dx_direct": t.dx_direct[:, j],
        "dx_via_var": t.dx_via_var[:, j],
        "dx_via_mean": t.dx_via_mean[:, j],
        "dx": t.dx[:, j],
    }
    if s.a is not None and t.dweight_per_sample is not None:
        columns["a"] = s.a[:, view.input]
        columns["dweight"] = t.dweight_per_sample[:, view.input, j]
    return columns


def _scales(columns: dict[str, Array]) -> dict[str, float]:
    """The value at the edge of a cell; the paths and ∂L/∂x share theirs."""
    size = {name: float(np.abs(values).max()) for name, values in columns.items()}
    shared = max(size[name] for name in PATHS)
    return {name: nice(shared if name in PATHS else size[name]) for name in columns}


def _sum_cell(column: str, total: Sum, paths_cancel: bool, places: int) -> dict[str, Any]:
    """The text of one sum. `tone` is zero, alive, alarm or plain."""
    residue = [f"rounding {number(total.value)}", f"bound {number(total.bound)}"]
    if total.value == 0:
        residue[0] = "exactly 0"
    note = term_of(column).total
    if paths_cancel:
        note = {"dx_direct": "cancels ③", "dx_via_mean": "cancels ①"}.get(column, note)
    text, tone, small = f"Σ = {number(total.value, True, places)}", "plain", []
    if total.vanishes:
        text, small = "Σ = 0", residue
        tone = "zero" if total.by_algebra or column == "dweight" else "plain"
        if not total.by_algebra:
            small = ["for these numbers", residue[0]]
        if column == "dweight":
            small = [f"{note}, zero here", residue[0]]
    elif total.by_algebra:
        tone, small = "alarm", ["should be 0", residue[1]]
    elif column == "dweight":
        tone, small = "alive", [f"{note} ≠ 0"]
    elif note:
        small = [note]
    return {"v": plain(total.value), "t": text, "tone": tone, "small": small}


def still(hide: Collection[str] = ()) -> dict[str, Any]:
    """What never changes: the names of the scenarios and the columns, in order."""
    return {
        "presets": [{"name": name, "title": preset.title} for name, preset in PRESETS.items()],
        "heads": [
            {
                "title": title,
                "columns": [
                    {
                        "term": name,
                        "symbol": term_of(name).symbol,
                        "short": term_of(name).short,
                        "sentence": term_of(name).sentence,
                        "worked": term_of(name).worked,
                        "row": term_of(name).row_parts,
                        "column": term_of(name).column_parts,
                        "total": TERMS["dweight"].symbol if name == "dweight" else "",
                    }
                    for name in columns
                ],
            }
            for title, columns in GROUPS
            if not ("dW" in hide and "dweight" in columns)
        ],
    }


def shown_rows(t: Trace, view: View) -> list[int]:
    """The rows on the screen: all, or those with the largest gradients."""
    size = np.abs(t.dx[:, view.neuron])
    if size.size <= MAX_SHOWN:
        return list(range(size.size))
    return sorted(int(i) for i in np.argsort(-size, kind="stable")[:MAX_SHOWN])


def _step(scale: float) -> float:
    """How far one arrow key goes: a power of ten, at most a twentieth of the scale."""
    return float(10.0 ** np.floor(np.log10(scale / 20)))


def _knobs(t: Trace, view: View) -> list[dict[str, Any]]:
    """The numbers of the neuron, not of a row, that can be dragged."""
    s = t.scenario
    places = [("gamma", 0), ("eps", 0)]
    if s.layer:
        places += [("weight", p) for p in range(s.d)] + [("bias", 0)]

    def knob(term: str, row: int) -> dict[str, Any]:
        value = cell(s, term, row, view.neuron)
        return {
            "term": term,
            "row": row,
            "symbol": TERMS[term].symbol + (f" {row + 1}" if term == "weight" else ""),
            "name": cell_name(term, row, view.neuron),
            "v": value,
            "t": number(value, signed=term != "eps"),
            "step": _step(nice(max(abs(value), 1.0))),
            "log": term == "eps",
        }

    return [knob(term, row) for term, row in places]


@np.errstate(over="ignore", invalid="ignore")
def payload(
    t: Trace,
    view: View,
    rows: list[int] | None = None,
    headline: Claim | None = None,
    hide: Collection[str] = (),
    called: View | None = None,
) -> dict[str, Any]:
    """Everything that changes with a number; `still` is the rest.

    rows: the samples to show, where they must not change while one is dragged.
    headline: in place of the ledger's own story. hide: what is left out. called: the neuron
    and the input by their numbers elsewhere, where the scenario was cut out of a larger layer.
    """
    s, j = t.scenario, view.neuron
    called = called or view
    columns = _columns(t, view)
    sums = column_sums(t, view.neuron, view.input)
    story = headline or tell(t, view.neuron, view.input)
    fixed = "inputs" in hide
    rows = shown_rows(t, view) if rows is None else rows
    preset = matching(s)
    hidden = (
        f"{len(rows)} of {s.shape[0]} samples are shown, those with the largest "
        f"{TERMS['dx'].symbol}. The sums are of all {s.shape[0]}."
    )
    note = (
        ""
        if s.layer or headline or "dW" in hide
        else f"x stands for aW + b, what the layer in front puts out. Here it is set by hand; "
        f"{TERMS['dweight'].symbol} = Σ a · {TERMS['dx'].symbol} is the same."
    )
    per_neuron = {
        "mean": t.mean[j],
        "inv_std": t.inv_std[j],
        "gamma": s.gamma[j],
        "dvar": t.dvar[j],
        "dmean": t.dmean[j],
    }
    scales = _scales(columns)
    places = {name: places_for(scale) for name, scale in scales.items()}
    paths_cancel = bool(identities(t)["direct_and_mean"].holds[j])
    return {
        "claim": story.claim,
        "why": story.why,
        "preset": preset,
        "surprise": PRESETS[preset].surprise if preset and not headline else "",
        "hide": " ".join(sorted(hide)),
        "n": s.shape[0],
        "k": s.shape[1],
        "d": s.d,
        "gamma": exact(s.gamma[j]),
        "eps": exact(s.eps),
        "neuron": called.neuron,
        "input": called.input,
        "layer": s.layer,
        "rows": rows,
        "hidden": " ".join([*([hidden] if len(rows) < s.shape[0] else []), note]).strip(),
        "colors": [sample_color(i) for i in rows],
        "cells": {
            name: {
                "v": [plain(values[i]) for i in rows],
                "t": [number(float(values[i]), True, places[name]) for i in rows],
            }
            for name, values in columns.items()
        },
        "sums": {name: _sum_cell(name, sums[name], paths_cancel, places[name]) for name in columns},
        "numbers": {
            column: {
                "term": name,
                "symbol": TERMS[name].symbol,
                "v": plain(per_neuron[name]),
                "t": number(float(per_neuron[name])),
            }
            for column, name in _NUMBERS.items()
        },
        "scales": scales,
        "places": places,
        "steps": {name: _step(scale) for name, scale in scales.items()},
        "spotlight": max(rows, key=lambda i: abs(t.dx[i, j])),
        "editable": [] if fixed else ["a", "dy"] if s.layer else ["a", "x", "dy"],
        "shorts": {"x": LAYER_X} if s.layer else {},
        "locked": {"x": "It is computed from a, W and b here: drag those."} if s.layer else {},
        "knobs": [] if fixed else _knobs(t, view),
    }
