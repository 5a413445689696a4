"""Batches made for the person: of another size, or drawn with a seed."""

from __future__ import annotations

from typing import cast

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.scenario import MAX_ROWS, Scenario


def _filler(shape: tuple[int, int]) -> Array:
    """Numbers for new cells, the same ones each time a cell comes and goes."""
    pool = np.random.default_rng(7).normal(0.0, 1.0, (max(MAX_ROWS, shape[0]), max(8, shape[1])))
    return np.round(pool[: shape[0], : shape[1]], 1) + 0.0


def resized(scenario: Scenario, n: int, k: int, d: int) -> Scenario:
    """The scenario with N samples, k neurons and d inputs, keeping what still fits.

    New cells get arbitrary numbers, new neurons γ = 1, β = 0 and b = 0.
    """

    def fit(old: Array | None, rows: int, columns: int) -> Array | None:
        if old is None:
            return None
        new = _filler((rows, columns))
        r, c = min(rows, old.shape[0]), min(columns, old.shape[1])
        new[:r, :c] = old[:r, :c]
        return new

    def fit_row(old: Array | None, default: float) -> Array | None:
        if old is None:
            return None
        return np.concatenate([old[:k], np.full(max(0, k - old.size), default)])

    s = scenario
    return Scenario(
        x=None if s.computed else fit(s.x, n, k),
        dy=cast(Array, fit(s.dy, n, k)),
        gamma=fit_row(s.gamma, 1.0),
        beta=fit_row(s.beta, 0.0),
        eps=s.eps,
        a=fit(s.a, n, d),
        weight=fit(s.weight, d, k),
        bias=fit_row(s.bias, 0.0),
        running_mean=fit_row(s.running_mean, 0.0),
        running_var=fit_row(s.running_var, 1.0),
    )


_GAMMAS = np.array([0.6, -0.7, 0.8, 1.2, -1.3, 1.5])
_BETAS = np.array([-0.4, -0.3, -0.2, 0.2, 0.3, 0.5])


def random_scenario(seed: int, n: int, k: int, d: int, computed: bool = False) -> Scenario:
    """A batch drawn with a seed, in numbers short enough to read: one decimal.

    No γ is 1 and no β is 0, and some γ are negative, so that code that
    loses them shows it.
    """
    rng = np.random.default_rng(seed)

    def draw(rows: int, columns: int) -> Array:
        return np.round(rng.normal(0.0, 1.0, (rows, columns)), 1) + 0.0

    a, dy, x, weight = draw(n, d), draw(n, k), draw(n, k), draw(d, k)
    gamma, beta = (
        values[rng.permutation(len(values))[np.arange(k) % len(values)]]
        for values in (_GAMMAS, _BETAS)
    )
    if computed:
        return Scenario(None, dy, gamma, beta, a=a, weight=weight)
    return Scenario(x, dy, gamma, beta, a=a)
