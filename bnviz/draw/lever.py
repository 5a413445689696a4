"""Columns -> the lever: pushes, arms, moments and the rod, for the browser to place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from bnviz.claims.lever import alt, places, say
from bnviz.claims.river import gate
from bnviz.core.arrays import Array
from bnviz.core.columns import Columns, Sum
from bnviz.draw.palette import sample_color
from bnviz.draw.scales import nice, step
from bnviz.inputs.cells import CAN_BE_SET, cell_name
from bnviz.study.lever import MOST_RATE, MOST_STEPS, Lever
from bnviz.words import formula
from bnviz.words.glossary import LEVER, TERMS
from bnviz.words.numbers import plain


def formulas() -> dict[str, str]:
    """The formulas of the lever, which never change."""
    found = {name: formula.mathml(latex, inline=True) for name, latex in LEVER.items()}
    return found | {"a": formula.symbol("a", inline=True)}


def _plain(values: Array) -> list[float | str]:
    return [plain(float(v)) for v in values]


def _stack(values: Array, total: Sum, rows: list[int]) -> dict[str, Any]:
    """One of the two stacks: a block a sample, all others as one, and what is up and down."""
    shown = values[rows]
    hidden = np.setdiff1d(np.arange(values.size), rows)
    rest = float(values[hidden].sum()) if hidden.size else None
    blocks = shown if rest is None else np.append(shown, rest)
    return {
        "blocks": _plain(blocks),
        "up": plain(float(blocks[blocks > 0].sum())),
        "down": plain(float(blocks[blocks < 0].sum())),
        "v": plain(total.value),
        "zero": total.vanishes,
    }


@np.errstate(over="ignore", invalid="ignore")
def payload(
    c: Columns,
    v: Lever,
    rows: list[int] | None = None,
    hide: Collection[str] = (),
    *,
    brief: bool = False,
    whole: bool = True,
) -> dict[str, Any]:
    """All that the lever shows, ready for JSON.

    rows: the samples to show. hide: what a link leaves out. brief: without the sentences below.
    whole: with what the pushes add up to.
    """
    rows = c.rows if rows is None else rows
    s, view, said = c.trace.scenario, c.view, say(c, v)
    pushes, moments = places(v)
    scale = {term: nice(float(np.abs(c.values[term]).max())) for term in ("a", "dy")}
    span = nice(float(max(np.abs(v.a).max(), abs(v.look.mark))))
    return {
        "rows": rows,
        "colors": [sample_color(i) for i in rows],
        "others": v.a.size - len(rows),
        "a": _plain(v.a[rows]),
        "dy": _plain(c.values["dy"][rows]),
        "pushes": _plain(v.pushes[rows]),
        "moved": _plain(v.moved[rows]),
        "slope": plain(v.weight_step),
        "offset": plain(v.bias_step),
        "next": _plain(np.array(v.next)) if whole else None,
        "gate": plain(gate(c)),
        "lift": _stack(v.pushes, v.lift, rows) if whole else None,
        "turn": _stack(v.moments, v.turn, rows) if whole else None,
        "places": {"push": pushes, "moment": moments},
        "steps": {term: step(size) for term, size in scale.items()}
        | {"mark": step(span), "rate": 0.05},
        "mark": v.look.mark,
        "rate": v.look.rate,
        "taken": v.look.steps,
        "most": {"steps": MOST_STEPS, "rate": MOST_RATE},
        "editable": [] if "inputs" in hide else CAN_BE_SET[s.computed],
        "names": {
            "a": [cell_name("a", i, view.input) for i in rows],
            "dy": [
                f"push on sample {i + 1}, by {TERMS['dy'].symbol} of neuron {view.neuron + 1}"
                for i in rows
            ],
        },
        "said": {
            "lift": {"claim": said.lift.claim, "why": said.lift.why, "zero": said.lift.holds}
            if whole
            else None,
            "turn": {"claim": said.turn.claim, "why": said.turn.why, "alive": said.turn.holds}
            if whole
            else None,
            "mark": said.mark if whole else "",
            "caption": said.caption,
            "stepped": said.stepped,
            "notes": list(said.notes) if whole and not brief else [],
        },
        "alt": alt(v, said if whole else None),
    }
