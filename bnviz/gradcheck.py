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

from bnviz.identities import gradient_scale, rounding
from bnviz.losses import FLAT, LOSSES, Complex, Loss
from bnviz.scenario import Array, Scenario
from bnviz.trace import Trace

RELATIVE = 1e-12
_STEP = 1e-30
_TINY = float(np.finfo(np.float64).tiny)

# What the paper holds fixed where it differentiates by σ² and by μ.
HELD = {
    "dx_hat": "x̂ moves alone: everything before it is held.",
    "dvar": "σ² moves alone: x and μ are held, as if σ² had been handed in.",
    "dmean": "μ moves and σ² = Σ(x − μ)²/N moves with it: x is held.",
    "dx": "One x moves, and μ and σ² move with it.",
    "dgamma": "γ moves alone.",
    "dbeta": "β moves alone.",
    "dweight": "One weight moves, and x = aW + b, μ and σ² move with it.",
    "dbias": "One bias moves, and x, μ and σ² move with it.",
    "da": "One input moves, and x, μ and σ² move with it.",
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
            apart: Array = np.abs(self.analytic - self.numeric)
        return apart

    @property
    def bound(self) -> Array:
        """The absolute tolerance and a share of the derivative itself."""
        return self.absolute + RELATIVE * np.abs(self.numeric)

    @property
    def worst(self) -> tuple[int, ...]:
        """The entry that comes nearest to its bound, or exceeds it most."""
        share = self.difference / self.bound
        index = np.unravel_index(np.nan_to_num(share, nan=np.inf).argmax(), share.shape)
        return tuple(int(i) for i in index)

    @property
    def holds(self) -> bool:
        """Every entry within its bound; never true of a nan."""
        return bool((self.difference <= self.bound).all())

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
    """The plain forward pass of a scenario, for real and for complex numbers."""

    s: Scenario
    loss: Loss
    target: Array

    @property
    def start(self) -> Array:
        """The batch about its first row: a large offset costs no digits, and no slope."""
        start: Array = self.s.x - self.s.x[0]
        return start

    def normalise(self, deviation: Complex, var: Complex) -> Complex:
        """x̂ of deviations and a variance; 0 where there is no direction at all."""
        total = var + self.s.eps
        safe = np.where(total == 0, 1.0, total)
        return np.where(total == 0, 0.0, deviation / np.sqrt(safe))

    def about(self, x: Complex, mean: Complex) -> Complex:
        """The loss from x and a mean, the variance following."""
        deviation = x - mean
        return self.scaled(self.normalise(deviation, (deviation**2).mean(axis=-2, keepdims=True)))

    def from_x(self, x: Complex) -> Complex:
        """The loss from x."""
        return self.about(x, x.mean(axis=-2, keepdims=True))

    def scaled(self, x_hat: Complex) -> Complex:
        """The loss from x̂."""
        return self.loss.value(self.s.gamma * x_hat + self.s.beta, self.target)


@np.errstate(all="ignore")
def numeric(s: Scenario, loss: str = "given") -> dict[str, Array]:
    """Each gradient by the complex step; the layer's where there are its numbers.

    s: the scenario before the loss gave it an upstream (its ∂L/∂y is the target).
    Shapes as in `bnviz.Trace`. A column without any spread at ε = 0 has derivative 0 by
    definition.
    """
    n, k = s.shape
    forward = _Forward(s, LOSSES[loss], s.dy)
    x = forward.start
    mean = x.mean(axis=0)
    deviation = x - mean
    var = np.square(deviation).mean(axis=0)
    x_hat = forward.normalise(deviation, var).real
    std = np.where(var + s.eps > 0, np.sqrt(var + s.eps), 1.0)
    y_size = np.maximum(np.abs(s.gamma * x_hat + s.beta).max(axis=0), 1.0)
    h = _STEP

    found = {
        "dx_hat": _slope(lambda m: forward.scaled(x_hat + m), np.full((n, k), h)),
        "dvar": _slope(
            lambda m: forward.scaled(forward.normalise(deviation, var + m[:, None])), h * std**2
        ),
        "dmean": _slope(lambda m: forward.about(x.astype(complex), mean + m[:, None]), h * std),
        "dx": _slope(lambda m: forward.from_x(x + m), np.tile(h * std, (n, 1))),
        "dgamma": _slope(
            lambda m: forward.loss.value((s.gamma + m[:, None]) * x_hat + s.beta, s.dy),
            h * np.maximum(np.abs(s.gamma), 1.0),
        ),
        "dbeta": _slope(
            lambda m: forward.loss.value(s.gamma * x_hat + s.beta + m[:, None], s.dy), h * y_size
        ),
    }
    if s.a is not None:
        a = s.a
        reach = np.where((size := np.abs(a).max(axis=0)) > 0, size, 1.0)
        found["dweight"] = _slope(lambda m: forward.from_x(x + a @ m), h * std / reach[:, None])
        found["dbias"] = _slope(lambda m: forward.from_x(x + m[:, None]), h * std)
    if s.weight is not None:
        weight = s.weight
        pull = (np.abs(weight) / std).max(axis=1)
        steps = h / np.where(pull > 0, pull, 1.0)
        found["da"] = _slope(lambda m: forward.from_x(x + m @ weight), np.tile(steps, (n, 1)))
    return found


@np.errstate(all="ignore")
def _absolute(t: Trace, loss: Loss) -> dict[str, Array]:
    """What rounding may do to each term, from the sizes of what is added up in it."""
    s = t.scenario
    n = s.shape[0]
    # An upstream that follows y carries the rounding of y.
    y_size = np.maximum(np.abs(t.y).max(axis=1, keepdims=True), FLAT)
    upstream = np.abs(s.dy) + loss.curvature(t.y) * y_size
    g = np.abs(s.gamma) * upstream
    widest = np.maximum(np.abs(t.x_hat).max(axis=0), 1.0)
    scale = np.maximum(gradient_scale(t), t.inv_std * g.sum(axis=0)) * widest
    sizes = {
        "dx_hat": g,
        "dvar": t.inv_std**2 * (g * np.abs(t.x_hat)).sum(axis=0) * widest,
        "dmean": scale,
        "dx": np.broadcast_to(scale, s.shape),
        "dgamma": upstream.sum(axis=0) * widest,
        "dbeta": upstream.sum(axis=0),
    }
    if s.a is not None:
        sizes["dweight"] = np.outer(np.abs(s.a).max(axis=0), scale)
        sizes["dbias"] = scale
    if s.weight is not None:
        sizes["da"] = np.broadcast_to(
            scale @ np.abs(s.weight).T, s.a.shape if s.a is not None else ()
        )
    return {name: 4 * rounding(n) * size + _TINY for name, size in sizes.items()}


def against(t: Trace, found: dict[str, Array], loss: str = "given") -> dict[str, Comparison]:
    """Each term of a trace beside what was found. t: under the loss; it may be a wrong one."""
    allowed = _absolute(t, LOSSES[loss])
    return {
        term: Comparison(term, np.asarray(getattr(t, term)), value, allowed[term])
        for term, value in found.items()
    }


def undefined(t: Trace) -> NDArray[np.intp]:
    """The neurons, from 0, whose gradient is 0 by definition and not by differentiation."""
    return np.flatnonzero(t.undefined)
