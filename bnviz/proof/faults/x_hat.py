"""Something else where x̂ should stand, or x where x − μ should."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnviz.proof.faults.base import DVAR, LINE, SIX, X_HAT, Changes, Fault, Pass


def _not_centred(p: Pass) -> Changes:
    """x in the place of x − μ in the second path."""
    return p.paths() | {"dx": p.one + p.t.dvar * 2 * p.x / p.n + p.three}


def _not_centred_in_dvar(p: Pass) -> Changes:
    dvar = (p.g * p.x).sum(axis=0) * -0.5 * p.inv**3
    return {"dvar": dvar, "dx": p.one + dvar * 2 * p.dev / p.n + p.three}


def _mean_through_variance(p: Pass) -> Changes:
    """The piece of ∂L/∂μ that is 0, with x for x − μ, and so not 0."""
    dmean = p.t.dmean_direct + p.t.dvar * (-2 * p.x).sum(axis=0) / p.n
    return {"dmean": dmean, "dx": p.one + p.two + dmean / p.n}


def _dev_for_x_hat(p: Pass) -> Changes:
    return p.line(outer=p.dev) | {"dgamma": (p.dy * p.dev).sum(axis=0)}


X_HATS: Mapping[str, Fault] = {
    # What stands for x̂.
    "y_for_x_hat": Fault(
        "y stands for x̂",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) - y * (dx_hat * y).mean(0))",
        LINE,
        lambda p: p.line(outer=p.y) | {"dgamma": (p.dy * p.y).sum(axis=0)},
    ),
    "y_outer": Fault(
        "y stands for x̂ in front of the sum",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) - y * (dx_hat * x_hat).mean(0))",
        LINE,
        lambda p: p.line(outer=p.y, inner=p.x_hat),
    ),
    "y_inner": Fault(
        "y stands for x̂ inside the sum",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) - x_hat * (dx_hat * y).mean(0))",
        LINE,
        lambda p: p.line(outer=p.x_hat, inner=p.y),
    ),
    "x_for_x_hat": Fault(
        "x stands for x̂",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) - x * (dx_hat * x).mean(0))",
        LINE,
        lambda p: p.line(outer=p.x) | {"dgamma": (p.dy * p.x).sum(axis=0)},
    ),
    "x_outer": Fault(
        "x stands for x̂ in front of the sum",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) - x * (dx_hat * x_hat).mean(0))",
        LINE,
        lambda p: p.line(outer=p.x, inner=p.x_hat),
    ),
    "x_inner": Fault(
        "x stands for x̂ inside the sum",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) - x_hat * (dx_hat * x).mean(0))",
        LINE,
        lambda p: p.line(outer=p.x_hat, inner=p.x),
    ),
    "dev_for_x_hat": Fault(
        "x − μ stands for x̂: it is not divided by σ",
        "x_hat = x - mean",
        X_HAT,
        _dev_for_x_hat,
    ),
    "scaled_x_for_x_hat": Fault(
        "x̂ is made without taking the mean away",
        "x_hat = x * inv_std",
        X_HAT,
        lambda p: p.line(outer=p.x * p.inv) | {"dgamma": (p.dy * p.x * p.inv).sum(axis=0)},
    ),
    "y_with_beta": Fault(
        "x̂ is made from y again, and β is not taken away",
        "x_hat = y / gamma",
        "x_hat = (y - beta) / gamma",
        lambda p: p.line(outer=p.y / p.gamma) | {"dgamma": (p.dy * p.y / p.gamma).sum(axis=0)},
    ),
    "y_abs_gamma": Fault(
        "x̂ is made from y again, and γ has lost its sign",
        "x_hat = (y - beta) / abs(gamma)",
        "x_hat = (y - beta) / gamma",
        lambda p: {"dgamma": (p.dy * p.x_hat * np.sign(p.gamma)).sum(axis=0)},
    ),
    "not_centred": Fault(
        "The mean is not taken from x in the path through the variance",
        "dx = dx_hat * inv_std + dvar * 2 * x / N + dmean / N",
        SIX,
        _not_centred,
    ),
    "dvar_not_centred": Fault(
        "The mean is not taken from x in ∂L/∂σ²",
        "dvar = (dx_hat * x).sum(axis=0) * -0.5 * inv_std**3",
        DVAR,
        _not_centred_in_dvar,
    ),
    "dmean_not_centred": Fault(
        "The mean is not taken from x in the second piece of ∂L/∂μ, which then isn't 0",
        "dmean = -(dx_hat * inv_std).sum(axis=0) + dvar * (-2 * x).sum(axis=0) / N",
        "dmean = -(dx_hat * inv_std).sum(axis=0) + dvar * (-2 * (x - mean)).sum(axis=0) / N",
        _mean_through_variance,
    ),
    "dy_in_sum": Fault(
        "x̂ stands in the sum without the gradient: Σx̂² in the place of Σ∂L/∂x̂·x̂",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) - x_hat * (x_hat * x_hat).mean(0))",
        LINE,
        lambda p: {
            "dx": p.inv * (p.g - p.g.mean(axis=0) - p.x_hat * np.square(p.x_hat).mean(axis=0))
        },
    ),
    "squared_x_hat": Fault(
        "x̂ is squared in front of the sum",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) - x_hat**2 * (dx_hat * x_hat).mean(0))",
        LINE,
        lambda p: p.line(outer=p.x_hat**2, inner=p.x_hat),
    ),
}
