"""One batch norm, forward and backward, term by term.

Equations: S. Ioffe and C. Szegedy, "Batch Normalization", 2015,
arXiv 1502.03167; the forward pass is its Algorithm 1, the backward pass the
six equations of its section 3, in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.centre import centre, in_units, poison
from bnviz.core.closed_form import closed_form


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """All terms of one batch norm, in the order of the derivation."""

    mean: Array  # (k,)
    var: Array  # (k,), biased
    inv_std: Array  # (k,)
    x_hat: Array  # (N, k)
    y: Array  # (N, k)

    dbeta: Array  # (k,)
    dgamma: Array  # (k,)
    dx_hat: Array  # (N, k)
    dvar: Array  # (k,)
    dmean_direct: Array  # (k,)
    dmean_via_var: Array  # (k,)
    dmean: Array  # (k,)
    dx_direct: Array  # (N, k)
    dx_via_var: Array  # (N, k)
    dx_via_mean: Array  # (N, k)
    dx: Array  # (N, k)
    dx_simplified: Array  # (N, k)


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def batchnorm(x: Array, dy: Array, gamma: Array, beta: Array, eps: float) -> BatchNorm:
    """Forward and backward. x, dy (N, k); gamma, beta (k,); eps a number."""
    n = x.shape[0]
    centred = centre(x, eps)
    deviation, s = centred.deviation, centred.inv_std
    x_hat = deviation * s

    upstream, dy_exponent = in_units(poison(dy))
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
        dx_simplified=to_dx_units(closed_form(g, x_hat, s)),
    )


@np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore")
def frozen(
    x: Array, dy: Array, gamma: Array, beta: Array, eps: float, mean: Array, var: Array
) -> BatchNorm:
    """The same norm with mean and var (k,) held as constants, as in evaluation.

    Only the direct path is left: nothing flows through a constant.
    """
    total = var + eps
    s = np.divide(1.0, np.sqrt(total), out=np.zeros_like(total), where=total > 0)
    x_hat = (poison(x) - mean) * s
    upstream = poison(dy)
    g = gamma * upstream
    dx = g * s
    none, nothing = np.zeros_like(mean), np.zeros_like(dx)
    return BatchNorm(
        mean=mean.copy(),
        var=var.copy(),
        inv_std=s,
        x_hat=x_hat,
        y=gamma * x_hat + beta,
        dbeta=upstream.sum(axis=0),
        dgamma=(upstream * x_hat).sum(axis=0),
        dx_hat=g,
        dvar=none,
        dmean_direct=none,
        dmean_via_var=none,
        dmean=none,
        dx_direct=dx,
        dx_via_var=nothing,
        dx_via_mean=nothing,
        dx=dx,
        dx_simplified=dx,
    )
