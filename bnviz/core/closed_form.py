"""The one-line form of ∂L/∂x, and all three gradients of large arrays by it.

∂L/∂x = s · (g − mean g − x̂ · mean(g x̂)): the six equations of S. Ioffe and C. Szegedy, "Batch
Normalization", 2015, arXiv 1502.03167, section 3, put together and simplified.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnviz.core.arrays import DEFAULT_EPS, Array, eps_value, per_neuron, table
from bnviz.core.centre import centre, in_units, poison


def closed_form(g: Array, x_hat: Array, inv_std: Array) -> Array:
    """∂L/∂x = s · (g − mean g − x̂ · mean(g x̂)), with g = ∂L/∂x̂ and s = 1/√(σ²+ε)."""
    dx: Array = inv_std * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))
    return dx


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

    centred = centre(x_, eps_value(eps))
    x_hat = centred.deviation * centred.inv_std
    upstream, dy_exponent = in_units(poison(dy_))
    scale, gamma_exponent = np.frexp(gamma_)
    dx_exponent = dy_exponent + gamma_exponent.astype(np.int32) - centred.exponent
    dx = np.ldexp(closed_form(upstream * scale, x_hat, centred.inv_std), dx_exponent)
    dgamma = np.ldexp((upstream * x_hat).sum(axis=0), dy_exponent)
    dbeta = np.ldexp(upstream.sum(axis=0), dy_exponent)
    return dx.astype(dtype), dgamma.astype(dtype), dbeta.astype(dtype)
