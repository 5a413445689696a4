"""The norms of a network, as careful as `bnviz.trace` and as quick as NumPy allows.

Of the careful way most of the time goes into units of powers of two for every column, which
change no digit of ordinary numbers. Here they are left out where nothing can leave float64, and
taken where something could: bit for bit, the results are the same (tests/core/network).
"""

from __future__ import annotations

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.centre import centre, in_units
from bnviz.core.closed_form import closed_form

EPS = 1e-5
_ORDINARY = (1e-140, 1e140)


def standardised(x: Array) -> tuple[Array, Array, Array, Array]:
    """(x̂, 1/√(σ²+ε), μ, σ²) over the rows of x (N, k); the last three (k,)."""
    n = x.shape[0]
    if not max(x.max(), -x.min()) < _ORDINARY[1]:
        c = centre(x, EPS)
        x_hat = c.deviation * c.inv_std
        inv_std = np.ldexp(c.inv_std, -c.exponent)
        return x_hat, inv_std, c.mean, np.ldexp(c.var, 2 * c.exponent)
    first = x[0]
    mean = first + np.add.reduce(x - first, 0) / n
    deviation = x - mean
    rest = np.add.reduce(deviation, 0) / n  # what rounding left of the mean
    deviation -= rest
    var = np.add.reduce(np.square(deviation), 0) / n
    inv_std = 1.0 / np.sqrt(var + EPS)
    deviation *= inv_std
    return deviation, inv_std, mean + rest, var


def back(g: Array, x_hat: Array, inv_std: Array) -> Array:
    """∂L/∂x of g = ∂L/∂x̂, over the rows: the one-line form."""
    low, high = _ORDINARY
    size = max(g.max(), -g.min())
    if low < size < high or size == 0:
        n = g.shape[0]
        dx = g * x_hat
        along = np.add.reduce(dx, 0) / n
        np.multiply(x_hat, along, dx)
        np.subtract(g - np.add.reduce(g, 0) / n, dx, dx)
        dx *= inv_std
        return dx
    scaled, exponent = in_units(g)
    return np.ldexp(closed_form(scaled, x_hat, inv_std), exponent)
