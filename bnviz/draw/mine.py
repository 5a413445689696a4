"""A ∂L/∂x that was handed in -> two small rivers, his and the right one, and their ledger.

Pure data: what each path brings to each lane, by how much the two differ, and what is marked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bnviz.claims import mine as claims
from bnviz.claims.mine import Mine
from bnviz.core.arrays import Array
from bnviz.core.columns import MAX_SHOWN, column_sums
from bnviz.draw.palette import sample_color
from bnviz.draw.river import shared_out
from bnviz.draw.scales import nice
from bnviz.proof.paths import PARTS
from bnviz.words.formula import symbol
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number, places_for, plain, told_apart

Json = dict[str, Any]
_ONE_SCALE = 8.0  # what is larger or smaller by more is drawn on a scale of its own


def rows_of(m: Mine) -> list[int]:
    """The samples that are shown: all, or those that are furthest off."""
    n = len(m.yours)
    if n <= MAX_SHOWN:
        return list(range(n))
    return sorted(int(i) for i in np.argsort(-np.abs(m.away), kind="stable")[:MAX_SHOWN])


def _river(terms: dict[str, Array], rows: list[int]) -> Json:
    """What runs in each lane at each station."""
    terms["after_var"] = terms["dx_direct"] + terms["dx_via_var"]
    terms["after_mean"] = terms["after_var"] + terms["dx_via_mean"]
    lanes, rest, batch = shared_out(terms, rows)
    return {
        "lanes": {name: [plain(float(v)) for v in values] for name, values in lanes.items()},
        "rest": rest and {name: plain(value) for name, value in rest.items()},
        "batch": {name: plain(value) for name, value in batch.items()},
    }


def _rivers(m: Mine, rows: list[int]) -> tuple[Json, Json]:
    names = (*PARTS, "besides")
    right = {name: getattr(m.t, name)[:, m.neuron] for name in PARTS}
    return (
        _river(dict(zip(names, m.parts, strict=True)) | {"dx": m.yours}, rows),
        _river(right | {"besides": np.zeros_like(m.right), "dx": m.right}, rows),
    )


def _part(yours: Json, right: Json) -> float:
    """On which part of the right one's scale his is drawn: 1, or a power of 2 if far apart."""

    def most(river: Json) -> float:
        values = [v for lane in river["lanes"].values() for v in lane]
        return max((abs(float(v)) for v in values), default=0.0)

    mine, theirs = most(yours), most(right)
    share = mine / theirs if mine > 0 and theirs > 0 else 1.0
    if not 1 / _ONE_SCALE <= share <= _ONE_SCALE:
        return float(2.0 ** np.round(np.log2(share)))
    return 1.0


def _texts(one: float, other: float, places: int, apart: bool) -> tuple[str, str]:
    """Two numbers; where they differ, with as many digits as show it."""
    texts = number(one, signed=True, places=places), number(other, signed=True, places=places)
    return told_apart(one, other) if apart and texts[0] == texts[1] else texts


def _ledger(m: Mine, rows: list[int]) -> Json:
    """A row a sample: the right ∂L/∂x, his, and the difference; and the row of sums."""
    scale = nice(float(np.abs([m.yours, m.right]).max()))
    places = places_for(scale)
    far = nice(float(np.abs(m.away).max()))
    lines = []
    for i in rows:
        wrong = bool(m.off[i])
        yours, right = _texts(float(m.yours[i]), float(m.right[i]), places, wrong)
        lines.append(
            {
                "row": i,
                "right": {"v": plain(float(m.right[i])), "t": right},
                "mine": {"v": plain(float(m.yours[i])), "t": yours},
                "away": {
                    "v": plain(float(m.away[i])),
                    "t": number(float(m.away[i]), signed=True, places=places),
                },
                "off": wrong,
                "furthest": bool(m.furthest[i]),
            }
        )
    own = column_sums(m.t, m.neuron, 0)["dx"]
    sums = {
        "right": (own.value, own.vanishes),
        "mine": (float(m.yours.sum()), m.adds_up),
        "away": (float(m.away.sum()), m.adds_up and own.vanishes),
    }

    def added(name: str) -> Json:
        value, zero = sums[name]
        mark = "" if name == "away" else "✓ " if zero else "✗ "
        text = "0" if zero else number(value, signed=True, places=places)
        return {"v": plain(value), "t": f"{mark}{text}", "zero": zero}

    return {
        "lines": lines,
        "scales": {"right": scale, "mine": scale, "away": far},
        "sums": {name: added(name) for name in sums},
    }


def _neurons(m: Mine) -> list[Json]:
    """Each neuron by its three paths."""
    found = []
    for j in range(m.dx.shape[1]):
        here = replace(m, neuron=j)
        counted = claims.counts(here)
        rest = "nothing" if here.whole else f"up to {number(here.left)}"
        cells = [
            "any" if c.state == "open" else c.written.split(" ", 1)[1].removeprefix("= ")
            for c in counted
        ]
        found.append(
            {
                "neuron": j,
                "name": here.name,
                "cells": cells,
                "alarms": [c.alarms for c in counted],
                "rest": rest,
                "off": bool(here.off.any()),
            }
        )
    return found


@np.errstate(over="ignore", invalid="ignore")
def payload(m: Mine) -> Json:
    """The two rivers, their ledger and the words, ready for JSON."""
    rows = rows_of(m)
    yours, right = _rivers(m, rows)
    return {
        "n": len(m.yours),
        "neuron": m.neuron,
        "rows": rows,
        "colors": [sample_color(i) for i in rows],
        "others": len(m.yours) - len(rows),
        "mine": yours,
        "right": right,
        "part": _part(yours, right),
        "places": places_for(nice(float(np.abs(m.right).max()))),
        "paths": [
            {"state": c.state, "said": c.said, "written": c.written, "alarms": c.alarms}
            for c in claims.counts(m)
        ],
        "whole": m.whole,
        "ledger": _ledger(m, rows),
        "neurons": _neurons(m),
        "formulas": {name: symbol(name) for name in ("dx", "var", "mean")},
        "symbol": TERMS["dx"].symbol,
        "said": {
            "headline": claims.headline(m),
            "total": claims.total(m),
            "legend": claims.legend(m),
            "shown": claims.shown(m, len(rows)),
        },
        "alt": claims.alt(m),
    }
