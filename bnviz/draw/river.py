"""Columns -> the river: what flows in which lane at each station, in units of ∂L/∂x.

From the loss, at the right, to the weight, at the left: ∂L/∂y · the gate, after which it is ① ·
σ², which adds ② · μ, which adds ③ · ∂L/∂x · the gate × a · the weight. Past the first gate
everything is in units of ∂L/∂x, so what comes into a station is what leaves it. Pure data: the
browser only places it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnviz.claims.ledger import blurred_dweight
from bnviz.claims.reach import ALL, BIAS, NORM, RIVER, SUM, WEIGHT, Reach
from bnviz.claims.river import Said, alt, gate, say
from bnviz.core.arrays import Array
from bnviz.core.columns import Columns, Sum, dweight_bounds
from bnviz.core.view import View
from bnviz.draw.palette import sample_color
from bnviz.words.formula import mathml, symbol
from bnviz.words.glossary import STATIONS
from bnviz.words.numbers import plain

# What a lane carries at each station, and what each station adds to it.
LEVELS = ("dy", "dx_direct", "after_var", "dx", "dweight")
ADDED = ("dx_via_var", "dx_via_mean")
LANES = (*LEVELS, *ADDED)


@dataclass(frozen=True, eq=False)
class Flow:
    """The lanes of the shown samples, (M,) a term, one lane for all others, and the batch.

    a, deviation: (M,), what the gate × a multiplies with and what σ² goes by. rest: the
    others added up, None where all are shown. batch: the sums over all N samples. piles: what
    is added up for the bias and for the weight, plus and minus apart, as the blocks are drawn.
    """

    rows: list[int]
    lanes: dict[str, Array]
    a: Array | None
    deviation: Array
    rest: dict[str, float] | None
    batch: dict[str, float]
    piles: dict[str, tuple[float, float]]
    moved: float


def _blocks(shown: Array, rest: float | None) -> tuple[float, float]:
    values = shown if rest is None else np.append(shown, rest)
    return float(values[values > 0].sum()), float(values[values < 0].sum())


@np.errstate(over="ignore", invalid="ignore")
def shared_out(
    whole: dict[str, Array], rows: list[int]
) -> tuple[dict[str, Array], dict[str, float] | None, dict[str, float]]:
    """Terms of all samples, (N,) each -> those of the rows, all others added up, and the batch.

    The others are None where every sample is among the rows.
    """
    lanes = {name: values[rows] for name, values in whole.items()}
    batch = {name: float(values.sum()) for name, values in whole.items()}
    hidden = sorted(set(range(whole["dx"].size)).difference(rows))
    if not hidden:
        return lanes, None, batch
    return lanes, {name: float(values[hidden].sum()) for name, values in whole.items()}, batch


@np.errstate(over="ignore", invalid="ignore")
def flow(c: Columns, rows: list[int] | None = None) -> Flow:
    """What flows where. rows: the samples to show, those of the ledger where it is None."""
    rows = c.rows if rows is None else rows
    whole = {name: c.values[name] for name in LANES if name in c.values}
    whole["after_var"] = whole["dx_direct"] + whole["dx_via_var"]
    lanes, rest, batch = shared_out(whole, rows)
    via_var = whole["dx_via_var"]
    piles = {
        pile: _blocks(lanes[term], None if rest is None else rest[term])
        for pile, term in (("bias", "dx"), ("weight", "dweight"))
        if term in lanes
    }
    return Flow(
        rows=rows,
        lanes=lanes,
        a=c.values["a"][rows] if "a" in c.values else None,
        deviation=c.trace.deviation[rows, c.view.neuron],
        rest=rest,
        batch=batch,
        piles=piles,
        moved=float(via_var[via_var > 0].sum()),
    )


def _all_dweight(c: Columns) -> list[list[dict[str, Any]]]:
    """All of ∂L/∂W, an entry for each input (rows) and neuron: is it 0, or lost in rounding?"""
    if c.trace.dweight is None:
        return []
    zero = np.abs(c.trace.dweight) <= dweight_bounds(c.trace)
    lost = blurred_dweight(c.trace)
    d, k = zero.shape
    return [
        [
            {
                "v": plain(float(c.trace.dweight[p, j])),
                "zero": bool(zero[p, j]),
                "lost": bool(lost[p, j]),
            }
            for j in range(k)
        ]
        for p in range(d)
    ]


def formulas() -> dict[str, str]:
    """The formulas that stand at the stations, which never change."""
    found = {name: symbol(name) for name in ("dy", "dx", "dvar", "dmean", "var", "mean")}
    found["dweight"] = symbol("dweight", inline=True)
    return found | {
        name: mathml(latex, inline=name not in ("gate", "share"))
        for name, latex in STATIONS.items()
    }


def _plain(values: Array) -> list[float | str]:
    return [plain(value) for value in values.tolist()]


def carried(f: Flow, sums: dict[str, Sum], *, weight: bool = True) -> dict[str, Any]:
    """What a flow carries in each lane and in all, ready for JSON. weight: as far as to it?"""
    away = set() if weight else {"dweight"}
    return {
        "lanes": {name: _plain(values) for name, values in f.lanes.items() if name not in away},
        "deviation": _plain(f.deviation),
        "rest": f.rest and {n: plain(value) for n, value in f.rest.items() if n not in away},
        "batch": {name: plain(value) for name, value in f.batch.items() if name not in away},
        "zero": {name: total.vanishes for name, total in sums.items() if name not in away},
        "piles": {
            n: [plain(v) for v in pair] for n, pair in f.piles.items() if weight or n != "weight"
        },
        "moved": plain(f.moved),
    }


def payload(
    c: Columns, rows: list[int] | None = None, called: View | None = None, reach: Reach = ALL
) -> dict[str, Any]:
    """The flow and its words, ready for JSON.

    called: see `bnviz.draw.ledger`; all of ∂L/∂W is left out then, since this is a part of it.
    reach: how much of it is shown.
    """
    f, t, j = flow(c, rows), c.trace, c.view.neuron
    said: Said = say(c)
    weight = WEIGHT in reach.river and f.a is not None
    return {
        "parts": [part for part in RIVER if part in reach.river],
        "rows": f.rows,
        "colors": [sample_color(i) for i in f.rows],
        "others": t.x_hat.shape[0] - len(f.rows),
        "frozen": t.scenario.frozen,
        "n": t.x_hat.shape[0],
        "a": _plain(f.a) if weight and f.a is not None else None,
        **carried(f, c.sums, weight=weight),
        "bound": plain(c.sums["dx_via_var"].bound),
        "numbers": {
            "gate": plain(gate(c)),
            "dvar": plain(float(t.dvar[j])),
            "dmean": plain(float(t.dmean[j])),
            "each": plain(float(f.lanes["dx_via_mean"][0])),
        },
        "all_dweight": _all_dweight(c) if weight and not called else [],
        "said": _said(said, reach),
        "alt": alt(c, said, reach),
    }


def _said(said: Said, reach: Reach) -> dict[str, Any]:
    """The words of the parts that are shown."""
    inside = {NORM, SUM} <= reach.river
    weight = said.weight if WEIGHT in reach.river else None
    return {
        "gate": said.gate if inside else (),
        "var": said.var if inside else (),
        "mean": said.mean if inside else (),
        "turned": said.turned if weight else (),
        "rule": said.rule if weight else (),
        "bias": {
            "claim": said.bias.claim,
            "zero": said.bias.holds,
            "why": said.bias.why,
            "sum": said.bias_sum,
        }
        if BIAS in reach.river
        else None,
        "weight": weight
        and {
            "claim": weight.claim,
            "alive": weight.holds,
            "why": weight.why,
            "sum": said.weight_sum,
        },
    }
