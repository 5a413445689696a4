"""Scenario -> Trace: every intermediate, in the order of the derivation."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnviz.core import linear
from bnviz.core.arrays import DEFAULT_EPS, Array
from bnviz.core.batchnorm import BatchNorm, batchnorm, frozen
from bnviz.core.scenario import Scenario


@dataclass(frozen=True, eq=False)
class Trace(BatchNorm):
    """All terms of one batch norm and of what is in front; `bnviz.terms` says what each one is.

    These three are None without `a` (da: without `weight`).
    """

    dweight: Array | None  # (d, k)
    dbias: Array | None  # (k,)
    da: Array | None  # (N, d)

    scenario: Scenario

    @property
    def undefined(self) -> NDArray[np.bool_]:
        """Flags, (k,): a constant column at eps = 0, whose gradient is 0 by definition."""
        flags: NDArray[np.bool_] = self.inv_std == 0
        return flags

    @cached_property
    def deviation(self) -> Array:
        """x − μ, (N, k), with the digits that a large offset would cost kept."""
        scale = np.where(self.undefined, 1.0, self.inv_std)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            away: Array = self.x_hat / scale
        return away

    @property
    def dweight_per_sample(self) -> Array | None:
        """aᵢ ⊗ ∂L/∂xᵢ for each sample, (N, d, k); computed when asked for."""
        a = self.scenario.a
        return None if a is None else linear.dweight_per_sample(a, self.dx)


def run(scenario: Scenario) -> Trace:
    """Every term of the scenario."""
    s = scenario
    if s.running_mean is not None and s.running_var is not None:
        norm = frozen(s.x, s.dy, s.gamma, s.beta, s.eps, s.running_mean, s.running_var)
    else:
        norm = batchnorm(s.x, s.dy, s.gamma, s.beta, s.eps)
    terms = {f.name: getattr(norm, f.name) for f in fields(BatchNorm)}
    terms["dweight"] = None if s.a is None else linear.dweight(s.a, norm.dx)
    terms["dbias"] = None if s.a is None else linear.dbias(norm.dx)
    terms["da"] = None if s.weight is None else linear.da(norm.dx, s.weight)
    for term in terms.values():
        if term is not None:
            term.setflags(write=False)
    return Trace(**terms, scenario=s)


def trace(
    x: ArrayLike | None,
    dy: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    eps: float = DEFAULT_EPS,
    a: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
) -> Trace:
    """Every term of batch normalisation, forward and backward (training mode).

    x, dy: (N, k), the batch and the upstream gradient ∂L/∂y. gamma, beta: (k,)
    or a number; ones and zeros if left out. eps: zero or more. a: (N, d), the
    input of the layer in front; weight (d, k) and bias (k,) only with a, and
    then x may be None: x = a @ weight + bias.

    A column of x or dy with a nan or an inf gives nan in its own column only. A
    constant column at eps = 0 has no gradient by definition: it gives 0.
    Raises ValueError with a sentence that names the argument.

    Source: Ioffe and Szegedy 2015, arXiv 1502.03167, Algorithm 1 and section 3.

    >>> t = trace([[-1.0], [0.0], [1.0]], [[1.0], [0.0], [0.0]], eps=0.0)
    >>> bool(abs(t.dx.sum()) < 1e-15)
    True
    """
    return run(Scenario(x, dy, gamma, beta, eps, a, weight, bias))
