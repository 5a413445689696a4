"""What becomes of the gradient when w gets longer, and what steps along it do to w."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnviz.core.arrays import TINY, Array
from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.study.weight_gradient import inputs


def as_computed(s: Scenario) -> Scenario:
    """The scenario itself, or the computed one, to three digits, whose x is nearest to its own."""
    if s.computed:
        return s
    a = inputs(s)
    design = np.column_stack([a, np.ones(a.shape[0])])
    fit = np.linalg.lstsq(design, s.x, rcond=None)[0]
    # A weight that moves x by less than rounding is none.
    moved = np.abs(fit[:-1]) * np.ptp(a, axis=0)[:, None]
    fit[:-1][moved <= rounding(a.shape[0]) * np.abs(s.x).max(axis=0)] = 0.0
    # Three digits of each, whatever its unit.
    fit = np.array([[float(f"{weight:.3g}") for weight in row] for row in fit])
    return Scenario(None, s.dy, s.gamma, s.beta, s.eps, a, fit[:-1], fit[-1])


def scaled(s: Scenario, factor: float) -> Scenario:
    """The scenario with its weights multiplied by a factor."""
    assert s.weight is not None
    return s.edit(weight=s.weight * factor)


def _length(values: Array) -> float:
    """√Σv², of values whose squares may be larger or smaller than numbers can be."""
    size = float(np.abs(values).max())
    return size * float(np.linalg.norm(values / size)) if 0 < size < np.inf else size


@dataclass(frozen=True)
class Invariance:
    """⟨w, ∂L/∂w⟩ of one neuron, what the formula says, and the sizes of both vectors."""

    inner: float
    formula: float
    bound: float
    weight: float
    gradient: float
    rounding: float  # of the gradient: below it there is no telling
    still: float  # by what share of its size y − β changes when w is twice as long

    @property
    def learns(self) -> bool:
        """Is there a gradient that can be told from rounding?"""
        return bool(np.isfinite(self.gradient)) and self.gradient > self.rounding

    @property
    def holds(self) -> bool:
        """Never true of a nan."""
        return abs(self.inner - self.formula) <= self.bound


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def invariance(s: Scenario, neuron: int) -> Invariance:
    """⟨w, ∂L/∂w⟩ = ε/(σ²+ε) · γ · ∂L/∂γ, since x̂ hardly changes when w is scaled."""
    t = run(s)
    assert s.weight is not None
    assert s.bias is not None
    assert t.dweight is not None
    w, dw = s.weight[:, neuron], t.dweight[:, neuron]
    share = float(s.eps * t.inv_std[neuron] * t.inv_std[neuron])  # whose square may be ∞
    size = np.abs(inputs(s)).max(axis=0) @ np.abs(w) + abs(s.bias[neuron])
    along = float(np.abs(t.dx_hat[:, neuron] * t.x_hat[:, neuron]).sum())
    return Invariance(
        inner=float(w @ dw),
        formula=share * float(s.gamma[neuron] * t.dgamma[neuron]),
        bound=rounding(s.shape[0]) * float(size * gradient_scale(t)[neuron] + along)
        + TINY * (1.0 + _length(w)),
        weight=_length(w),
        gradient=_length(dw),
        rounding=4
        * rounding(s.shape[0])
        * _length(np.abs(inputs(s)).max(axis=0))
        * float(gradient_scale(t)[neuron])
        + TINY,
        # √(σ²+ε) → √(4σ²+ε), and x − μ → 2(x − μ).
        still=2.0 / float(np.sqrt(4.0 - 3.0 * share)) - 1.0,
    )


@dataclass(frozen=True)
class Descent:
    """Plain gradient steps: |w| as it was reached, and as the formula foretold it."""

    rate: float
    length: Array  # (steps + 1,)
    foretold: Array  # (steps + 1,)
    bound: Array  # (steps + 1,), of the difference of their squares, in squares of the one before

    @property
    @np.errstate(over="ignore", invalid="ignore")
    def holds(self) -> bool:
        """At every step; never true of a nan."""
        before = np.append(self.length[0], self.length[:-1])
        unit = np.where(before > 0, before, 1.0)
        apart = np.abs(np.square(self.length / unit) - np.square(self.foretold / unit))
        return bool((apart <= self.bound).all())


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def descend(s: Scenario, neuron: int, steps: int = 10) -> Descent:
    """Steps w ← w − η ∂L/∂w for one neuron, with the upstream gradient held as it is.

    |w'|² = |w|² − 2η⟨w, ∂L/∂w⟩ + η²|∂L/∂w|², with the formula for the inner product.
    The rate is a power of ten at which the first step is no longer than half of w.
    """
    first = invariance(s, neuron)
    half = 0.5 * first.weight / first.gradient if first.learns else 0.0
    usable = TINY * 10 < half < np.inf
    rate = 10.0 ** np.floor(np.log10(half)) if usable else 0.0
    length, foretold, bound = [first.weight], [first.weight], [0.0]
    for _ in range(steps):
        now = invariance(s, neuron)
        if not rate or not now.learns:
            length.append(length[-1])
            foretold.append(length[-1])
            bound.append(0.0)
            continue
        t = run(s)
        assert s.weight is not None
        assert t.dweight is not None
        # In units of |w|, whose square may be no number.
        along, step = (
            rate * (now.formula / now.weight / now.weight),
            rate * now.gradient / now.weight,
        )
        foretold.append(now.weight * float(np.sqrt(max(1.0 - 2 * along + step**2, 0.0))))
        # A step adds what rounding does to ⟨w, ∂L/∂w⟩, and to the squares themselves.
        off = 2 * rate * (now.bound / now.weight / now.weight)
        bound.append(off + rounding(s.d) * (1.0 + step**2 + 2 * abs(along)))
        weight = s.weight.copy()
        weight[:, neuron] -= rate * t.dweight[:, neuron]
        s = s.edit(weight=weight)
        length.append(_length(weight[:, neuron]))
    return Descent(float(rate), np.array(length), np.array(foretold), np.array(bound))
