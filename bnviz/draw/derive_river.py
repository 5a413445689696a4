"""The river on Derive: which stretch of it a step is at, what it adds up, and where it leaks."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from bnviz.core.arrays import Array, within
from bnviz.core.columns import Sum, columns
from bnviz.draw.derive_numbers import Json, Numbers
from bnviz.draw.river import carried, flow
from bnviz.study.derivation import OffCentre
from bnviz.words import formula
from bnviz.words.numbers import number, plain

# The places of the river, from the loss to the weight: what a lane carries there, or what is
# added to it; the gates multiply. `layout.js` knows where each of them is.
PLACES = MappingProxyType(
    {
        "mouth": "dy",
        "gate": "",
        "direct": "dx_direct",
        "var": "dx_via_var",
        "after": "after_var",
        "mean": "dx_via_mean",
        "x": "dx",
        "bias": "dx",
        "a": "",
        "weight": "dweight",
    }
)


def stretch(lanes: str, total: str = "", nodes: str = "") -> Json:
    """What is lit: places of the lanes, of the Σ lane under them, and the nodes σ² and μ.

    Each is places from one to another, as "gate..var", or single ones: "var mean".
    """
    return {"lanes": _places(lanes), "sum": _places(total), "nodes": nodes.split()}


def _places(text: str) -> list[str]:
    order = list(PLACES)
    found: list[str] = []
    for part in text.split():
        first, _, last = part.partition("..")
        found += order[order.index(first) : order.index(last or first) + 1]
    return found


@np.errstate(over="ignore", invalid="ignore")
def running(m: Numbers, latex: str, values: Array, *, zero: bool | None = None) -> Json:
    """A sum as a little river: what each sample brings, and how much there is after it.

    The shown samples in their order, then all others at once, so that nothing is lost on the
    way. zero: does the whole vanish, so that what is left of it is rounding?
    """
    brings = [float(values[i]) for i in m.rows]
    if len(m.rows) < m.n:
        brings.append(float(np.delete(values, m.rows).sum()))
    partial = [float(v) for v in np.cumsum(brings)]
    whole = float(values.sum())
    zero = m.vanishes(values) if zero is None else zero
    return {
        "m": formula.mathml(rf"\sum_i \, {latex}", inline=True),
        "s": formula.text(rf"\sum_i {latex}"),
        "brings": [plain(v) for v in brings],
        "partial": [plain(v) for v in [*partial[:-1], 0.0 if zero else whole]],
        "t": [number(v, signed=True) for v in brings],
        "sums": [number(v, signed=True) for v in partial[:-1]],
        "total": "0" if zero else number(whole, signed=True),
        "zero": zero,
        "others": m.n - len(m.rows),
    }


@np.errstate(over="ignore", invalid="ignore")
def leak(m: Numbers, wrong: OffCentre) -> Json:
    """What flows about a wrong centre, without the second piece of ∂L/∂μ: in place of the river's.

    The Σ lane does not run dry: `batch["dx"]` is what is left in it.
    """
    c = columns(m.t, m.view)
    values = c.values | {
        "dx_direct": wrong.direct,
        "dx_via_var": wrong.via_var,
        "dx_via_mean": wrong.via_mean,
        "dx": wrong.dropped,
    }
    if "dweight" in values:
        values["dweight"] = values["a"] * wrong.dropped
    sums = {
        name: Sum(float(values[name].sum()), max(total.bound, wrong.bound), by_algebra=False)
        for name, total in c.sums.items()
    }
    f = flow(replace(c, values=values, sums=sums), m.rows)
    found = carried(replace(f, deviation=wrong.deviation[m.rows]), sums)
    # About a wrong centre σ² doesn't only pass round: Σ① and what is left of it are two numbers.
    found["zero"]["after_var"] = bool(within(f.batch["after_var"], sums["dx"].bound))
    claim, why = said(wrong)
    return found | {
        "numbers": {
            "gate": plain(m.one("gamma") * wrong.inv_std),
            "dvar": plain(wrong.dvar),
            "dmean": plain(wrong.dmean),
            "each": plain(float(wrong.via_mean[0])),
        },
        "all_dweight": [],
        "leaks": True,
        "said": {
            "bias": {"claim": claim, "why": why, "zero": sums["dx"].vanishes, "sum": ()},
            "weight": None,
        },
        "alt": f"The river about a wrong centre: {claim}; {why}.",
    }


def said(wrong: OffCentre) -> tuple[str, str]:
    """What becomes of the Σ lane about a wrong centre."""
    left = float(wrong.dropped.sum())
    if abs(left) <= wrong.bound:
        return "0 is left", "the Σ lane runs dry all the same"
    return f"{number(left, signed=True)} leaks", "the Σ lane does not run dry"
