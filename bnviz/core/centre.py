"""x about its mean, and every column in units of its own.

x and ∂L/∂y are first multiplied by a power of two, and the results are multiplied back. That
changes no digit of ordinary numbers, and it keeps σ² of values like 1e200 inside float64. Only
σ² itself, ∂L/∂σ² and other results that truly lie outside float64 leave as inf or 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import Array

Exponent = NDArray[np.int32]


def exponent_of(magnitude: Array) -> Exponent:
    """The e of m·2^e with ½ ≤ m < 1; 0 for zero, nan and inf."""
    return np.frexp(np.where(np.isfinite(magnitude), magnitude, 0.0))[1].astype(np.int32)


def in_units(values: Array) -> tuple[Array, Exponent]:
    """The columns divided by a power of two that brings them to at most 1."""
    exponent = exponent_of(np.abs(values).max(axis=0))
    return np.ldexp(values, -exponent), exponent


def poison(values: Array) -> Array:
    """A copy in which a column with a nan or an inf is nan throughout."""
    return np.where(np.isfinite(values).all(axis=0), values, np.nan)


@dataclass(frozen=True)
class Centred:
    """x about its mean, in units of 2^exponent a column."""

    mean: Array  # (k,), in the units of x
    deviation: Array  # (N, k), x - mean
    var: Array  # (k,)
    eps: Array  # (k,)
    inv_std: Array  # (k,)
    exponent: Exponent  # (k,)


def centre(x: Array, eps: float) -> Centred:
    """Mean, deviations and biased variance, careful about offset and size."""
    scaled, coarse = in_units(poison(x))
    # About the first row, a constant column is exactly 0 and a large offset is gone.
    mean = scaled[0] + (scaled - scaled[0]).mean(axis=0)
    deviation = scaled - mean
    rest = deviation.mean(axis=0)  # what rounding left of the mean
    deviation -= rest

    half = (np.frexp(eps)[1] + 1) // 2
    # The larger of the column and √ε sets the unit, so that neither underflows.
    spread = np.where(deviation.any(axis=0), coarse, half if eps > 0 else 0)
    exponent = (np.maximum(spread, half) if eps > 0 else spread).astype(np.int32)
    deviation = np.ldexp(deviation, coarse - exponent)
    var = np.square(deviation).mean(axis=0)
    scaled_eps = np.ldexp(eps, -2 * exponent)
    total = var + scaled_eps
    # A constant column at ε = 0 has no direction: its gradient is defined as 0.
    inv_std = np.divide(1.0, np.sqrt(total), out=np.zeros_like(total), where=total != 0)
    return Centred(np.ldexp(mean + rest, coarse), deviation, var, scaled_eps, inv_std, exponent)
