"""The ledger in numbers: a column a quantity, in the order of the computation, and its sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnviz.core.arrays import TINY, Array, within
from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.trace import Trace
from bnviz.core.view import View

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Forward", ("a", "x", "x_hat")),
    ("Upstream", ("dy", "dx_hat")),
    ("Three paths back to x", ("dx_direct", "dx_via_var", "dx_via_mean")),
    ("Gradient", ("dx",)),
    ("Weight", ("dweight",)),
)
THREE = ("dx_direct", "dx_via_var", "dx_via_mean")  # ①, ② and ③
PATHS = (*THREE, "dx")
BY_ALGEBRA = ("x_hat", "dx_via_var", "dx")
BY_FREEZING = ("dx_via_var", "dx_via_mean")  # nothing flows through a constant
MAX_SHOWN = 16


@dataclass(frozen=True)
class Sum:
    """One column added up, and what rounding may leave of it where it is zero."""

    value: float
    bound: float
    by_algebra: bool

    @property
    def vanishes(self) -> bool:
        """Zero within its bound for these numbers, whatever the reason."""
        return bool(within(self.value, self.bound))


@dataclass(frozen=True, eq=False)
class Columns:
    """One neuron and one input of a trace: every column, (N,), and every sum, computed once."""

    trace: Trace
    view: View
    values: dict[str, Array]
    sums: dict[str, Sum]

    @property
    def paths_cancel(self) -> bool:
        """Σ① + Σ③ = 0, within rounding."""
        direct, mean = self.sums["dx_direct"], self.sums["dx_via_mean"]
        return abs(direct.value + mean.value) <= direct.bound

    @property
    def rows(self) -> list[int]:
        """The samples on the screen: all, or those with the largest gradients."""
        return shown_rows(self.trace, self.view)


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def columns(t: Trace, view: View) -> Columns:
    """What the view shows of the trace; without a, the terms a and dweight are absent.

    The values of dweight are each sample's share, its sum is ∂L/∂W[p, j].
    """
    s, j, p = t.scenario, view.neuron, view.input
    u = rounding(t.x_hat.shape[0])
    scale = float(gradient_scale(t)[j])
    values = {"x": s.x[:, j], "x_hat": t.x_hat[:, j], "dy": s.dy[:, j], "dx_hat": t.dx_hat[:, j]}
    size = {name: float(np.abs(column).sum()) for name, column in values.items()}
    for name in PATHS:
        values[name], size[name] = getattr(t, name)[:, j], scale
    if s.a is not None and t.dweight_per_sample is not None:
        values["a"] = s.a[:, p]
        size["a"] = float(np.abs(values["a"]).sum())
        values["dweight"] = t.dweight_per_sample[:, p, j]
        size["dweight"] = float(np.abs(values["a"]).max()) * scale
    totals = {name: float(column.sum()) for name, column in values.items()}
    if t.dweight is not None:
        totals["dweight"] = float(t.dweight[p, j])
    zero = BY_FREEZING if s.frozen else BY_ALGEBRA
    sums = {name: Sum(total, u * size[name] + TINY, name in zero) for name, total in totals.items()}
    return Columns(t, view, values, sums)


def dweight_bounds(t: Trace) -> Array:
    """What rounding may leave of each entry of ∂L/∂W that is zero, (d, k); it needs a."""
    assert t.scenario.a is not None
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        sizes = np.outer(np.abs(t.scenario.a).max(axis=0), gradient_scale(t))
        bounds: Array = rounding(t.x_hat.shape[0]) * sizes + TINY
    return bounds


def column_sums(t: Trace, neuron: int, input: int) -> dict[str, Sum]:
    """The row of sums alone, for neuron j and input p, by ledger term."""
    return columns(t, View(neuron, input)).sums


def shown_rows(t: Trace, view: View) -> list[int]:
    """The samples on the screen: all, or those with the largest gradients."""
    size = np.abs(t.dx[:, view.neuron])
    if size.size <= MAX_SHOWN:
        return list(range(size.size))
    return sorted(int(i) for i in np.argsort(-size, kind="stable")[:MAX_SHOWN])
