"""The mask of an activation behind the norm, taken into its gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bnviz.core.arrays import Array
from bnviz.proof.faults.base import Changes, Fault, Pass


def _masked(mask: Callable[[Pass], Array]) -> Callable[[Pass], Changes]:
    """The upstream is masked first."""

    def make(p: Pass) -> Changes:
        dy = p.dy * mask(p)
        g = p.gamma * dy
        sums = {"dgamma": (dy * p.x_hat).sum(axis=0), "dbeta": dy.sum(axis=0)}
        return {"dx_hat": g} | sums | p.line(g=g)

    return make


ACTIVATION: Mapping[str, Fault] = {
    "relu": Fault(
        "∂L/∂y is 0 where y is negative: the mask of a ReLU behind the norm is in it",
        "dy = dy * (y > 0)",
        "dy = dy  # which is behind the ReLU already",
        _masked(lambda p: np.where(p.y > 0, 1.0, 0.0)),
    ),
    "relu_of_x": Fault(
        "∂L/∂y is 0 where x is negative: the mask of a ReLU, taken from x and not from y",
        "dy = dy * (x > 0)",
        "dy = dy  # or dy * (y > 0), if a ReLU is behind it",
        _masked(lambda p: np.where(p.x > 0, 1.0, 0.0)),
    ),
    "leaky_relu": Fault(
        "∂L/∂y is times 0.01 where y is negative: a leaky ReLU behind the norm is in it",
        "dy = np.where(y > 0, dy, 0.01 * dy)",
        "dy = dy  # which is behind the ReLU already",
        _masked(lambda p: np.where(p.y > 0, 1.0, 0.01)),
    ),
}
