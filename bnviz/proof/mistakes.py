"""The classic wrong backward passes, each a change of the right one, and what catches them.

Where they come from: derivations and issues on the web, among them ai.stackexchange 26525,
pytorch 2330, 19902 and CrypTen 143.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnviz.core import linear
from bnviz.core.arrays import Array
from bnviz.core.identities import identities, rounding
from bnviz.core.trace import Trace
from bnviz.proof.complex_step import ROUNDINGS, Comparison, against
from bnviz.words.glossary import TERMS

Changes = dict[str, Any]
_PATHS = ("dx_direct", "dx_via_var", "dx_via_mean")


@dataclass(frozen=True)
class Mistake:
    """What goes wrong, the term whose line of NumPy it happens in, and how that line reads then.

    make: the terms of a trace that it changes. term: the one to look at.
    """

    title: str
    line: str
    wrong: str
    make: Callable[[Trace], Changes]
    term: str = "dx"

    @property
    def right(self) -> str:
        """The line as it should be."""
        return TERMS[self.line].numpy


def _paths(t: Trace, inv_std: Array, *, dvar: Array | None = None) -> Changes:
    """Equations 2 to 4 of the paper once more, with parts of them replaced."""
    n = t.x_hat.shape[0]
    g, deviation = t.dx_hat, t.deviation
    if dvar is None:
        dvar = (g * deviation).sum(axis=0) * -0.5 * inv_std**3
    direct = -inv_std * g.sum(axis=0)
    via_var = dvar * (-2.0 * deviation).sum(axis=0) / n
    dmean = direct + via_var
    paths = {
        "dx_direct": g * inv_std,
        "dx_via_var": dvar * 2.0 * deviation / n,
        "dx_via_mean": np.broadcast_to(dmean / n, g.shape),
    }
    return {"dvar": dvar, "dmean": dmean, "dx": sum(paths.values())} | paths


def _without(*paths: str) -> Callable[[Trace], Changes]:
    def make(t: Trace) -> Changes:
        dx = sum(getattr(t, path) for path in _PATHS if path not in paths)
        return {path: np.zeros_like(t.dx) for path in paths} | {"dx": dx}

    return make


def _unbiased(t: Trace) -> Changes:
    n = t.x_hat.shape[0]
    return _paths(t, 1.0 / np.sqrt(t.var * n / np.float64(n - 1) + t.scenario.eps))


def _no_eps(t: Trace) -> Changes:
    return _paths(t, 1.0 / np.sqrt(t.var))


def _squared(t: Trace) -> Changes:
    return _paths(t, 1.0 / np.sqrt(t.var**2 + t.scenario.eps))


def _power_lost(t: Trace) -> Changes:
    dvar = (t.dx_hat * t.deviation).sum(axis=0) * -0.5 * t.inv_std
    return _paths(t, t.inv_std, dvar=dvar)


def _wrong_axis(t: Trace) -> Changes:
    dvar = (t.dx_hat * t.deviation * -0.5 * t.inv_std**3).sum(axis=1, keepdims=True)
    return _paths(t, t.inv_std, dvar=dvar)


def _lost_keepdims(t: Trace) -> Changes:
    # One neuron at a time, (N,) beside (N, 1): entry [i, j] of the product is g_j (x_i − μ),
    # and its sum over j needs no table of N × N.
    product_sum = t.deviation * t.dx_hat.sum(axis=0)
    return _paths(t, t.inv_std, dvar=product_sum * -0.5 * t.inv_std**3)


def _beta_from_inputs(t: Trace) -> Changes:
    return {"dbeta": t.scenario.x.sum(axis=0)}


def _not_added(t: Trace) -> Changes:
    return {} if t.scenario.a is None else {"dweight": t.dweight_per_sample}


def _averaged(t: Trace) -> Changes:
    return {} if t.dweight is None else {"dweight": t.dweight / t.x_hat.shape[0]}


MISTAKES: Mapping[str, Mistake] = {
    "mean": Mistake(
        "The path through the mean forgotten",
        "dx",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / N",
        _without("dx_via_mean"),
    ),
    "variance": Mistake(
        "The path through the variance forgotten",
        "dx",
        "dx = dx_hat * inv_std + dmean / N",
        _without("dx_via_var"),
    ),
    "both": Mistake(
        "Mean and variance taken for constants",
        "dx",
        "dx = dx_hat * inv_std",
        _without("dx_via_var", "dx_via_mean"),
    ),
    "unbiased": Mistake(
        "The unbiased variance in the backward pass",
        "inv_std",
        "inv_std = 1 / np.sqrt(x.var(axis=0, ddof=1) + eps)",
        _unbiased,
    ),
    "no_eps": Mistake("ε dropped", "inv_std", "inv_std = 1 / np.sqrt(var)", _no_eps),
    "squared": Mistake(
        "The variance squared once too often",
        "inv_std",
        "inv_std = 1 / np.sqrt(var**2 + eps)",
        _squared,
    ),
    "power": Mistake(
        "The power −3/2 lost",
        "dvar",
        "dvar = (dx_hat * (x - mean)).sum(axis=0) * -0.5 * inv_std",
        _power_lost,
        "dvar",
    ),
    "axis": Mistake(
        "Summed over the wrong axis",
        "dvar",
        "dvar = (dx_hat * (x - mean) * -0.5 * inv_std**3).sum(axis=1, keepdims=True)",
        _wrong_axis,
        "dvar",
    ),
    "keepdims": Mistake(
        "An axis that broadcasting hides",
        "dvar",
        "dvar = (dx_hat * (x - mean)[:, None]).sum(axis=1) * -0.5 * inv_std**3",
        _lost_keepdims,
        "dvar",
    ),
    "beta": Mistake(
        "∂L/∂β added up from the inputs",
        "dbeta",
        "dbeta = x.sum(axis=0)",
        _beta_from_inputs,
        "dbeta",
    ),
    "not_added": Mistake(
        "The outer products not added up",
        "dweight",
        "dweight = a[:, :, None] * dx[:, None, :]",
        _not_added,
        "dweight",
    ),
    "averaged": Mistake(
        "The outer products averaged, not added",
        "dweight",
        "dweight = a.T @ dx / N",
        _averaged,
        "dweight",
    ),
}


@np.errstate(all="ignore")
def with_mistake(t: Trace, name: str) -> Trace:
    """The trace with that mistake in it, and everything that follows from it."""
    s = t.scenario
    changes = MISTAKES[name].make(t)
    if "dx" in changes:
        dx = changes["dx"]
        if s.a is not None:
            changes |= {"dweight": linear.dweight(s.a, dx), "dbias": linear.dbias(dx)}
        if s.weight is not None:
            changes["da"] = linear.da(dx, s.weight)
    return replace(t, **changes)


@dataclass(frozen=True)
class Verdict:
    """What one check says of a backward pass: does it pass, and in numbers why.

    finite: had it numbers to add up? A nan fails every check, and is caught by none.
    """

    passes: bool
    text: str
    finite: bool = True

    @property
    def catches(self) -> bool:
        """Is it this check that notices?"""
        return self.finite and not self.passes


CHECKS = {
    "sum": "Σ∂L/∂x = 0",
    "x_hat": "Σ∂L/∂x·x̂",
    "shapes": "shapes",
    "gradient": "gradient check",
}


def _symbols(terms: list[str]) -> str:
    return ", ".join(TERMS[term].symbol for term in terms)


@np.errstate(all="ignore")
def verdicts(t: Trace, found: Mapping[str, Array], loss: str = "given") -> dict[str, Verdict]:
    """Four checks of a trace, right or wrong, by name; found: `gradcheck.numeric`."""
    held = identities(t)
    # Rounding is that of the paths as they are here, which may be far larger than right ones,
    # and no check is stricter than the gradient check.
    paths = sum(np.abs(getattr(t, path)).sum(axis=0) for path in _PATHS)
    least = rounding(t.x_hat.shape[0]) * paths * np.maximum(np.abs(t.x_hat).max(axis=0), 1.0)

    def passes(name: str) -> bool:
        check = held[name]
        limit = ROUNDINGS * np.maximum(check.bound, least)
        return bool((np.abs(check.value) <= limit).all())

    comparisons: dict[str, Comparison] = against(t, dict(found), loss)
    finite = bool(np.isfinite(t.dx).all())
    misshapen = [name for name, c in comparisons.items() if not c.same_shape]
    red = [name for name, c in comparisons.items() if not c.holds]
    return {
        "sum": Verdict(passes("dx_sum"), held["dx_sum"].statement, finite),
        "x_hat": Verdict(passes("along_x_hat"), held["along_x_hat"].statement, finite),
        "shapes": Verdict(not misshapen, _symbols(misshapen)),
        "gradient": Verdict(not red, _symbols(red)),
    }


def catchers(
    t: Trace, found: Mapping[str, Array], loss: str = "given"
) -> dict[str, dict[str, Verdict]]:
    """The four verdicts on each mistake, by name."""
    return {name: verdicts(with_mistake(t, name), found, loss) for name in MISTAKES}
