"""Derivatives found another way: the complex step, on a forward pass that knows no gradients.

f(x + ih) = f(x) + ih·f′(x) − …, so f′ is the imaginary part over h. Nothing is subtracted,
so h may be 1e-30 and the derivative is right to rounding (W. Squire and G. Trapp, "Using
Complex Variables to Estimate Derivatives of Real Functions", SIAM Review 40, 1998).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import TINY, Array, within
from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace
from bnviz.proof.losses import LOSSES, Complex, Loss

RELATIVE = 1e-12
_STEP = 1e-30

# What the paper holds fixed where it differentiates by σ² and by μ.
HELD = {
    "dvar": "σ² moves alone: x and μ are held, as if σ² had been handed in.",
    "dmean": "μ moves and σ² = Σ(x − μ)²/N moves with it: x is held.",
}


@dataclass(frozen=True)
class Comparison:
    """One term of a trace beside its derivative found another way, entry by entry."""

    term: str
    analytic: Array
    numeric: Array
    absolute: Array  # what rounding may do, whatever the entry's own size

    @property
    def same_shape(self) -> bool:
        """Is the term as large as it must be?"""
        return self.analytic.shape == self.numeric.shape

    @property
    def difference(self) -> Array:
        """How far they are apart; inf where the shapes already are."""
        if not self.same_shape:
            return np.full(self.numeric.shape, np.inf)
        with np.errstate(invalid="ignore"):
            # Two equal infinities are no difference.
            same = self.analytic == self.numeric
            apart: Array = np.where(same, 0.0, np.abs(self.analytic - self.numeric))
        return apart

    @property
    def bound(self) -> Array:
        """The absolute tolerance and a share of the derivative itself."""
        allowed = self.absolute + RELATIVE * np.abs(self.numeric)
        return np.where(np.isfinite(allowed), allowed, 0.0)  # nothing is near infinity

    @property
    def shares(self) -> Array:
        """Each difference as a share of its bound; inf where there is no telling."""
        with np.errstate(all="ignore"):
            parts = np.where(self.difference == 0, 0.0, self.difference / self.bound)
        return np.nan_to_num(parts, nan=np.inf, posinf=np.inf)

    @property
    def worst(self) -> tuple[int, ...]:
        """The entry that comes nearest to its bound, or exceeds it most."""
        index = np.unravel_index(self.shares.argmax(), self.numeric.shape)
        return tuple(int(i) for i in index)

    @property
    def holds(self) -> bool:
        """Every entry within its bound; never true of a nan."""
        return bool(within(self.difference, self.bound).all())

    @property
    def decided_by(self) -> str:
        """Which tolerance let the worst entry pass."""
        if not self.holds:
            return "neither"
        within = self.difference[self.worst] <= self.absolute[self.worst]
        return "absolute" if within else "relative"


def _slope(f: Callable[[Complex], Complex], step: Array) -> Array:
    """∂f/∂δ at δ = 0, one entry of δ at a time. f: (M, *shape) -> (M,)."""
    moves = np.zeros((step.size, step.size), complex)
    np.fill_diagonal(moves, 1j * step.ravel())
    slopes = f(moves.reshape(step.size, *step.shape)).imag / step.ravel()
    return cast(Array, slopes.reshape(step.shape))


@dataclass(frozen=True)
class _Forward:
    """The plain forward pass, for real and for complex numbers.

    Each column is worked on in units of its own, a power of two, so that σ² of numbers
    like 1e-200 is a number; and about its first row, so that an offset costs no digits.
    """

    s: Scenario
    loss: Loss
    target: Array  # (N, k)
    x: Array  # (N, k), in units
    eps: Array  # (k,), in units squared
    unit: Array  # (k,)
    flat: NDArray[np.bool_]  # (k,): no spread and no ε, so x̂ is 0 by definition

    def normalise(self, deviation: Complex, var: Complex) -> Complex:
        """x̂ of deviations and a variance."""
        total = np.where(self.flat, 1.0, var + self.eps)
        normal: Complex = np.where(self.flat, 0.0, deviation / np.sqrt(total))
        return normal

    def about(self, x: Complex, mean: Complex) -> Complex:
        """The loss from x and a mean, the variance following."""
        deviation = x - mean
        return self.scaled(self.normalise(deviation, (deviation**2).mean(axis=-2, keepdims=True)))

    def from_x(self, moved: Complex) -> Complex:
        """The loss from x, moved by so much."""
        x = self.x + moved
        return self.about(x, x.mean(axis=-2, keepdims=True))

    def scaled(self, x_hat: Complex) -> Complex:
        """The loss from x̂."""
        return self.loss.value(self.s.gamma * x_hat + self.s.beta, self.target)


def _power_of_two(size: Array) -> Array:
    """The power of two at or above each size; 1 for 0 and what isn't finite."""
    usable = np.isfinite(size) & (size > 0)
    powers: Array = np.ldexp(1.0, np.frexp(np.where(usable, size, 0.5))[1])
    return powers


def _forward(s: Scenario, loss: str, target: Array) -> _Forward:
    away = s.x - s.x[0]
    unit = _power_of_two(np.maximum(np.abs(away).max(axis=0), np.sqrt(s.eps)))
    x, eps = away / unit, s.eps / unit / unit
    flat = (np.ptp(x, axis=0) == 0) & (eps == 0)
    return _Forward(s, LOSSES[loss], target, x, eps, unit, flat)


@np.errstate(all="ignore")
def numeric(s: Scenario, loss: str = "given") -> dict[str, Array]:
    """Each gradient by the complex step; those of the layer in front where it is given.

    s: the scenario before the loss gave it an upstream (its ∂L/∂y is the target).
    Shapes as in `bnviz.Trace`. A column without any spread at ε = 0 has derivative 0 by
    definition.
    """
    n, k = s.shape
    # A given upstream enters as a factor; in units of its own it neither over- nor underflows.
    weigh = float(_power_of_two(np.abs(s.dy).max())) if loss == "given" else 1.0
    f = _forward(s, loss, s.dy / weigh)
    mean = f.x.mean(axis=0)
    deviation = f.x - mean
    var = np.square(deviation).mean(axis=0)
    x_hat = f.normalise(deviation, var).real
    std = np.where(f.flat, 1.0, np.sqrt(var + f.eps))
    steep = np.maximum(np.abs(s.gamma), 1.0)
    y_size = np.maximum(np.abs(s.gamma * x_hat + s.beta).max(axis=0), 1.0)
    h = _STEP / steep  # a step of x̂, such that y moves by no more than 1e-30

    def slope(of: Callable[[Complex], Complex], step: Array) -> Array:
        # Weighed before the units are put back: that alone may be smaller than numbers go.
        return _slope(of, step) * weigh

    found = {
        "dx_hat": slope(lambda m: f.scaled(x_hat + m), np.tile(h, (n, 1))),
        "dvar": slope(lambda m: f.scaled(f.normalise(deviation, var + m[:, None])), h * std**2)
        / f.unit
        / f.unit,
        "dmean": slope(lambda m: f.about(f.x.astype(complex), mean + m[:, None]), h * std) / f.unit,
        "dx": slope(f.from_x, np.tile(h * std, (n, 1))) / f.unit,
        "dgamma": slope(
            lambda m: f.loss.value((s.gamma + m[:, None]) * x_hat + s.beta, f.target),
            _STEP * (steep if loss == "given" else np.ones(k)),
        ),
        "dbeta": slope(
            lambda m: f.loss.value(s.gamma * x_hat + s.beta + m[:, None], f.target),
            _STEP * (y_size if loss == "given" else np.ones(k)),
        ),
    }
    if s.a is not None:
        reach = _power_of_two(np.abs(s.a).max(axis=0))
        a = s.a / reach
        found["dweight"] = (
            slope(lambda m: f.from_x(a @ m), np.tile(h * std, (s.d, 1))) / f.unit * reach[:, None]
        )
        found["dbias"] = slope(lambda m: f.from_x(m[:, None]), h * std) / f.unit
    if s.weight is not None:
        weight = s.weight / f.unit
        pull = _power_of_two((np.abs(weight) * steep / std).max(axis=1))
        found["da"] = (
            slope(lambda m: f.from_x(m @ (weight / pull[:, None])), np.full((n, s.d), _STEP)) * pull
        )
    return found


@np.errstate(all="ignore")
def sizes(t: Trace, loss: str = "given", share: float = 1.0) -> dict[str, Array]:
    """How large the numbers are that are added up in each term: what rounding is measured by.

    share: of that; the whole may be larger than float64 holds.
    """
    s = t.scenario
    # Where y ends near 0, its rounding is still that of the numbers it was made of.
    y_size = np.abs(s.gamma) * np.abs(t.x_hat).max(axis=0) + np.abs(s.beta)
    noise = LOSSES[loss].noise(t.y, np.broadcast_to(y_size, t.y.shape), s.dy)
    upstream = np.abs(s.dy) + noise
    # The imaginary part is h times as small, and below TINY it has no digits.
    faint = 0.0 if loss == "given" else TINY / _STEP / rounding(s.shape[0])
    upstream = (upstream + faint) * share
    g = np.abs(s.gamma) * upstream
    widest = np.maximum(np.abs(t.x_hat).max(axis=0), 1.0)
    scale = np.maximum(gradient_scale(t) * share, t.inv_std * g.sum(axis=0)) * widest
    found = {
        "dx_hat": g,
        "dvar": (g * np.abs(t.x_hat)).sum(axis=0) * widest * t.inv_std * t.inv_std,
        "dmean": scale,
        "dx": np.broadcast_to(scale, s.shape),
        "dgamma": upstream.sum(axis=0) * widest,
        "dbeta": upstream.sum(axis=0),
    }
    if s.a is not None:
        found["dweight"] = np.outer(np.abs(s.a).max(axis=0), scale)
        found["dbias"] = scale
        if s.weight is not None:
            found["da"] = np.broadcast_to(scale @ np.abs(s.weight).T, s.a.shape)
    return found


ROUNDINGS = 4  # how many times the rounding of a sum a term may differ by


@np.errstate(all="ignore")
def against(t: Trace, found: dict[str, Array], loss: str = "given") -> dict[str, Comparison]:
    """Each term of a trace beside what was found. t: under the loss; it may be a wrong one."""
    share = ROUNDINGS * rounding(t.scenario.shape[0])
    size = sizes(t, loss, share)
    # An x̂ near 0 has the rounding of the widest x̂.
    size["dvar"] = np.maximum(size["dvar"], t.inv_std * size["dmean"])
    return {
        term: Comparison(term, np.asarray(getattr(t, term)), value, size[term] + TINY)
        for term, value in found.items()
    }


def undefined(t: Trace) -> NDArray[np.intp]:
    """The neurons, from 0, whose gradient is 0 by definition and not by differentiation."""
    return np.flatnonzero(t.undefined)
