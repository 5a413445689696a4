"""One batch-norm layer, forward and backward, term by term.

Equations: S. Ioffe and C. Szegedy, "Batch Normalization", 2015,
arXiv 1502.03167; the forward pass is its Algorithm 1, the backward pass the
six equations of its section 3, in their order.

Every column is worked on in units of its own: x and ∂L/∂y are first multiplied
by a power of two, and the results are multiplied back. That changes no digit of
ordinary numbers, and it keeps σ² of values like 1e200 inside float64. Only σ²
itself, ∂L/∂σ² and other results that truly lie outside float64 leave as inf or 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnviz.scenario import DEFAULT_EPS, eps_value, per_neuron, table

Array = NDArray[np.float64]
Exponent = NDArray[np.int32]


def _exponent(magnitude: Array) -> Exponent:
    """The e of m·2^e with ½ ≤ m < 1; 0 for zero, nan and inf."""
    return np.frexp(np.where(np.isfinite(magnitude), magnitude, 0.0))[1].astype(np.int32)


def _in_units(values: Array) -> tuple[Array, Exponent]:
    """The columns divided by a power of two that brings them to at most 1."""
    exponent = _exponent(np.abs(values).max(axis=0))
    return np.ldexp(values, -exponent), exponent


def _poison(values: Array) -> Array:
    """A copy in which a column with a nan or an inf is nan throughout."""
    return np.where(np.isfinite(values).all(axis=0), values, np.nan)


@dataclass(frozen=True)
class _Centred:
    """x about its mean, in units of 2^exponent a column."""

    mean: Array  # (k,), in the units of x
    deviation: Array  # (N, k), x - mean
    var: Array  # (k,)
    eps: Array  # (k,)
    inv_std: Array  # (k,)
    exponent: Exponent  # (k,)


def _centre(x: Array, eps: float) -> _Centred:
    """Mean, deviations and biased variance, careful about offset and size."""
    scaled, coarse = _in_units(_poison(x))
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
    return _Centred(np.ldexp(mean + rest, coarse), deviation, var, scaled_eps, inv_std, exponent)


@dataclass(frozen=True)
class BatchNorm:
    """All terms of one layer; names and shapes as in `bnviz.Trace`."""

    mean: Array
    var: Array
    inv_std: Array
    x_hat: Array
    y: Array
    dbeta: Array
    dgamma: Array
    dx_hat: Array
    dvar: Array
    dmean_direct: Array
    dmean_via_var: Array
    dmean: Array
    dx_direct: Array
    dx_via_var: Array
    dx_via_mean: Array
    dx: Array
    dx_simplified: Array


def _closed_form(g: Array, x_hat: Array, inv_std: Array) -> Array:
    """∂L/∂x = s · (g − mean g − x̂ · mean(g x̂)), with g = ∂L/∂x̂ and s = 1/√(σ²+ε)."""
    dx: Array = inv_std * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))
    return dx


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def batchnorm(x: Array, dy: Array, gamma: Array, beta: Array, eps: float) -> BatchNorm:
    """Forward and backward. x, dy (N, k); gamma, beta (k,); eps a number."""
    n = x.shape[0]
    centred = _centre(x, eps)
    deviation, s = centred.deviation, centred.inv_std
    x_hat = deviation * s

    upstream, dy_exponent = _in_units(_poison(dy))
    scale, gamma_exponent = np.frexp(gamma)
    g_exponent = dy_exponent + gamma_exponent.astype(np.int32)
    dx_exponent = g_exponent - centred.exponent

    g = upstream * scale  # equation 1
    dvar = (g * deviation).sum(axis=0) * (-0.5) * s**3  # equation 2
    dmean_direct = (g * -s).sum(axis=0)  # equation 3, its first piece
    dmean_via_var = dvar * (-2.0 * deviation).sum(axis=0) / n  # and its second
    dmean = dmean_direct + dmean_via_var
    dx_direct = g * s  # equation 4, its three paths
    dx_via_var = dvar * 2.0 * deviation / n
    dx_via_mean = np.broadcast_to(dmean / n, g.shape)
    dx = dx_direct + dx_via_var + dx_via_mean
    dgamma = (upstream * x_hat).sum(axis=0)  # equation 5
    dbeta = upstream.sum(axis=0)  # equation 6

    def to_dx_units(values: Array) -> Array:
        return cast(Array, np.ldexp(values, dx_exponent))

    return BatchNorm(
        mean=centred.mean,
        var=np.ldexp(centred.var, 2 * centred.exponent),
        inv_std=np.ldexp(s, -centred.exponent),
        x_hat=x_hat,
        y=gamma * x_hat + beta,
        dbeta=np.ldexp(dbeta, dy_exponent),
        dgamma=np.ldexp(dgamma, dy_exponent),
        dx_hat=np.ldexp(g, g_exponent),
        dvar=np.ldexp(dvar, dx_exponent - centred.exponent),
        dmean_direct=to_dx_units(dmean_direct),
        dmean_via_var=to_dx_units(dmean_via_var),
        dmean=to_dx_units(dmean),
        dx_direct=to_dx_units(dx_direct),
        dx_via_var=to_dx_units(dx_via_var),
        dx_via_mean=to_dx_units(dx_via_mean),
        dx=to_dx_units(dx),
        dx_simplified=to_dx_units(_closed_form(g, x_hat, s)),
    )


_BLOCK = 2**17  # numbers worked on at a time: fewer cost calls, more leave the cache
_WIDE = 512
_LARGE = 8192  # rows from which it pays
_SMALL = 1e-20  # of a variance: near the ends of float32 the careful way has units of its own


def _in_blocks(
    x: NDArray[np.float32], dy: NDArray[np.float32], gamma: Array, eps: float
) -> tuple[NDArray[np.float32], Array, Array] | None:
    """(dx, dgamma, dbeta) of a large float32 batch, without a float64 copy of it.

    The closed form is affine in ∂L/∂y and x, with three numbers a column. All sums and
    products are float64, which squares of float32 can't leave. None where that is not
    enough: a nan or an inf, numbers near the ends of float32, or a spread that is lost
    beside where the column lies.
    """
    n, k = x.shape
    # Several rows laid side by side are one long one: fewer, longer loops.
    fold = next(f for f in (16, 8, 4, 2, 1) if n % f == 0 and (f * k <= _WIDE or f == 1))
    wide_x, wide_dy = (np.ascontiguousarray(v).reshape(n // fold, fold * k) for v in (x, dy))
    rows = min(max(1, _BLOCK // (fold * k)), n // fold)
    parts = [slice(start, start + rows) for start in range(0, n // fold, rows)]
    near, up = np.empty((rows, fold * k)), np.empty((rows, fold * k))

    def block_of(column_numbers: Array) -> Array:
        # A whole block of them: to broadcast a row costs twice the product itself.
        return np.tile(column_numbers, rows * fold).reshape(near.shape)

    first = x[:64].astype(np.float64)
    about = first.mean(axis=0)
    apart = bool((about**2 > first.var(axis=0)).any())
    about = about if apart else np.zeros(k)
    offset = block_of(about)
    wide = np.zeros((4, fold * k))  # Σ of x − about, ∂L/∂y, (x − about)², (x − about) · ∂L/∂y
    ones = np.ones(rows)
    for part in parts:
        m = len(wide_x[part])
        one, away, dys = ones[:m], near[:m], up[:m]
        np.copyto(away, wide_x[part])
        np.copyto(dys, wide_dy[part])
        if apart:
            away -= offset[:m]
        wide[0] += one @ away
        wide[1] += one @ dys
        wide[2] += np.einsum("ij,ij->j", away, away)
        wide[3] += np.einsum("ij,ij->j", away, dys)
    sums = wide.reshape(4, fold, k).sum(axis=1)
    rest, mean_dy, square, along = sums / n
    var, covariance = square - rest**2, along - rest * mean_dy
    if not (np.isfinite(sums).all() and (var > 1e-4 * rest**2).all()):
        return None
    if not ((var > _SMALL) & (var < 1 / _SMALL)).all() or not (gamma**2 < 1 / _SMALL).all():
        return None

    s = 1.0 / np.sqrt(var + eps)
    by_dy, by_x = gamma * s, -gamma * covariance * s**3
    constant = -by_dy * mean_dy - by_x * (about + rest)
    scale_dy, scale_x, shift = map(block_of, (by_dy, by_x, constant))
    dx = np.empty_like(wide_x)
    for part in parts:
        m = len(wide_x[part])
        out, dys = near[:m], up[:m]
        np.copyto(out, wide_x[part])
        out *= scale_x[:m]
        np.copyto(dys, wide_dy[part])
        dys *= scale_dy[:m]
        out += dys
        out += shift[:m]
        dx[part] = out
    dx = dx.reshape(n, k)
    return dx, n * covariance * s, sums[1]


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def gradients(
    x: ArrayLike, dy: ArrayLike, gamma: ArrayLike | None = None, eps: float = DEFAULT_EPS
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """The closed form alone: (dx (N, k), dgamma (k,), dbeta (k,)).

    For large arrays: the results have the dtype of x where that is float32, and
    float64 otherwise; all sums are float64. Raises ValueError as `bnviz.trace`.
    """
    dtype = np.float32 if getattr(x, "dtype", None) == np.float32 else np.float64
    if (
        isinstance(x, np.ndarray)
        and isinstance(dy, np.ndarray)
        and x.dtype == dy.dtype == np.float32
        and x.ndim == 2
        and x.shape == dy.shape
        and len(x) >= _LARGE
    ):
        scale = per_neuron("gamma", gamma, x.shape[1], 1.0)
        quick = _in_blocks(x, dy, scale, eps_value(eps))
        if quick is not None:
            dx32, dgamma64, dbeta64 = quick
            return dx32, dgamma64.astype(dtype), dbeta64.astype(dtype)
    x_, dy_ = table("x", x, "N", "k"), table("dy", dy, "N", "k")
    if x_.shape != dy_.shape:
        raise ValueError(
            f"dy must have shape {x_.shape}, the shape of x; its shape is {dy_.shape}."
        )
    gamma_ = per_neuron("gamma", gamma, x_.shape[1], 1.0)

    centred = _centre(x_, eps_value(eps))
    x_hat = centred.deviation * centred.inv_std
    upstream, dy_exponent = _in_units(_poison(dy_))
    scale, gamma_exponent = np.frexp(gamma_)
    dx_exponent = dy_exponent + gamma_exponent.astype(np.int32) - centred.exponent
    dx = np.ldexp(_closed_form(upstream * scale, x_hat, centred.inv_std), dx_exponent)
    dgamma = np.ldexp((upstream * x_hat).sum(axis=0), dy_exponent)
    dbeta = np.ldexp(upstream.sum(axis=0), dy_exponent)
    return dx.astype(dtype), dgamma.astype(dtype), dbeta.astype(dtype)
