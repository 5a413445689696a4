"""Another 1/√(σ²+ε): its power, its place, its ε, its variance, or statistics held fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from bnviz.core.arrays import Array
from bnviz.proof.faults.base import DVAR, LINE, X_HAT, Changes, Fault, Pass, own, path
from bnviz.words.glossary import TERMS

_STD = TERMS["inv_std"].numpy


def _unbiased_inv(p: Pass) -> Array:
    return 1 / np.sqrt(p.var * p.n / np.float64(p.n - 1) + p.eps)


def _unbiased_all(p: Pass) -> Changes:
    """N − 1 in the forward pass, and the derivative that belongs to it."""
    inv = _unbiased_inv(p)
    x_hat = p.dev * inv
    along = (p.g * x_hat).sum(axis=0) / np.float64(p.n - 1)
    return {
        "dx": inv * (p.g - p.g.mean(axis=0) - x_hat * along),
        "dgamma": (p.dy * x_hat).sum(axis=0),
    }


def _frozen(var: Callable[[Pass], Any], mean: Callable[[Pass], Any]) -> Callable[[Pass], Changes]:
    """Statistics held fixed, as in evaluation."""

    def make(p: Pass) -> Changes:
        inv = 1 / np.sqrt(var(p) + p.eps) * np.ones(p.k)
        return {"dx": p.g * inv, "dgamma": (p.dy * (p.x - mean(p)) * inv).sum(axis=0)}

    return make


def _running(momentum: float, unbiased: bool) -> Callable[[Pass], Changes]:
    def var(p: Pass) -> Any:
        share = p.n / np.float64(p.n - 1) if unbiased and p.n > 1 else 1.0
        return (1 - momentum) + momentum * p.var * share

    return _frozen(var, lambda p: momentum * p.t.mean)


def _running_line(p: Pass) -> Changes:
    """Running statistics after one step, in the gradient of training."""
    share = p.n / np.float64(p.n - 1) if p.n > 1 else 1.0
    inv = 1 / np.sqrt(0.9 + 0.1 * p.var * share + p.eps)
    return p.normalised(inv, about=0.1 * p.t.mean)


def _l1_inv(p: Pass) -> Array:
    return cast(Array, 1 / (np.sqrt(np.pi / 2) * np.abs(p.dev).mean(axis=0) + p.eps))


def _power(power: int) -> Callable[[Pass], Changes]:
    """(σ² + ε) to another power than −3/2 in ∂L/∂σ²."""
    return lambda p: {"dvar": p.t.dvar * p.inv ** (power - 3)} | p.paths(var=p.inv ** (power - 3))


def _rms_inv(p: Pass) -> Array:
    return cast(Array, 1 / np.sqrt(np.square(p.x).mean(axis=0) + p.eps))


def _uncentred(p: Pass) -> Changes:
    return {"dgamma": (p.dy * p.x * _rms_inv(p)).sum(axis=0)}


VARIANCE: Mapping[str, Fault] = {
    # 1/σ.
    "inv_lost": Fault(
        "1/√(σ²+ε) is lost in front",
        "dx = dx_hat - dx_hat.mean(0) - x_hat * (dx_hat * x_hat).mean(0)",
        LINE,
        lambda p: p.paths(1 / p.inv, 1 / p.inv, 1 / p.inv),
    ),
    "inv_twice": Fault(
        "It is divided by σ²+ε, without the root",
        "dx = (dx_hat - dx_hat.mean(0) - x_hat * (dx_hat * x_hat).mean(0)) / (var + eps)",
        LINE,
        lambda p: p.paths(p.inv, p.inv, p.inv),
    ),
    "inv_turned": Fault(
        "It is multiplied by √(σ²+ε) in the place of divided",
        "dx = (dx_hat - dx_hat.mean(0) - x_hat * (dx_hat * x_hat).mean(0)) * np.sqrt(var + eps)",
        LINE,
        lambda p: p.paths(1 / p.inv**2, 1 / p.inv**2, 1 / p.inv**2),
    ),
    "inv_of_inv": Fault(
        "The root is taken of 1/σ in the place of σ²",
        "inv_std = 1 / np.sqrt(inv_std + eps)",
        _STD,
        lambda p: p.normalised(1 / np.sqrt(p.inv + p.eps)),
    ),
    "inv_of_inv_front": Fault(
        "The root is taken of 1/σ in the place of σ², in front of the bracket",
        "dx = 1 / np.sqrt(inv_std + eps) * (dx_hat - …)",
        LINE,
        lambda p: p.line(inv=1 / np.sqrt(p.inv + p.eps)),
    ),
    "var_for_std": Fault(
        "σ² stands where σ should: the root is forgotten, in x̂ as well",
        "x_hat = (x - mean) / (var + eps)",
        "x_hat = (x - mean) / np.sqrt(var + eps)",
        lambda p: p.normalised(p.inv**2),
    ),
    "var_squared": Fault(
        "σ²+ε is squared where its root should be taken",
        "inv_std = 1 / (var + eps) ** 2",
        _STD,
        lambda p: p.normalised(p.inv**4),
    ),
    "var_squared_front": Fault(
        "σ²+ε is squared in front of the bracket, where its root should be taken",
        "dx = (dx_hat - …) / (var + eps) ** 2",
        "dx = (dx_hat - …) / np.sqrt(var + eps)",
        lambda p: p.line(inv=p.inv**4),
    ),
    "inv_lost_throughout": Fault(
        "1/√(σ²+ε) is lost throughout, in x̂ as well",
        "x_hat = x - mean",
        X_HAT,
        lambda p: p.normalised(np.ones(p.k)),
    ),
    "inv_turned_throughout": Fault(
        "x̂ is multiplied by √(σ²+ε) in the place of divided, and so is all that follows",
        "x_hat = (x - mean) * np.sqrt(var + eps)",
        "x_hat = (x - mean) / np.sqrt(var + eps)",
        lambda p: p.normalised(1 / p.inv),
    ),
    "power": own("power"),
    "power_2": Fault(
        "The power of σ²+ε in ∂L/∂σ² is −1 in the place of −3/2",
        "dvar = (dx_hat * (x - mean)).sum(axis=0) * -0.5 / (var + eps)",
        DVAR,
        _power(2),
    ),
    "power_4": Fault(
        "The power of σ²+ε in ∂L/∂σ² is −2 in the place of −3/2",
        "dvar = (dx_hat * (x - mean)).sum(axis=0) * -0.5 / (var + eps) ** 2",
        DVAR,
        _power(4),
    ),
    "power_5": Fault(
        "The power of σ²+ε in ∂L/∂σ² is −5/2 in the place of −3/2",
        "dvar = (dx_hat * (x - mean)).sum(axis=0) * -0.5 * (var + eps) ** -2.5",
        DVAR,
        _power(5),
    ),
    "dvar_x_hat": Fault(
        "x̂ stands for x − μ in ∂L/∂σ²",
        "dvar = (dx_hat * x_hat).sum(axis=0) * -0.5 * inv_std**3",
        DVAR,
        lambda p: {"dvar": p.t.dvar * p.inv} | p.paths(var=p.inv),
    ),
    "outer_x_hat": path(
        "x̂ stands for x − μ in the path through the variance",
        "dx = dx_hat * inv_std + dvar * 2 * x_hat / N + dmean / N",
        1,
        lambda p: p.inv,
        1,
    ),
    "line_no_inv": path(
        "1/√(σ²+ε) is lost in the path through the variance",
        "dx = inv_std * (dx_hat - dx_hat.mean(0)) - x_hat * (dx_hat * x_hat).mean(0)",
        1,
        lambda p: 1 / p.inv,
        1,
        LINE,
    ),
    "mean_no_inv": Fault(
        "1/√(σ²+ε) is lost in the path through the mean",
        "dmean = -dx_hat.sum(axis=0)",
        "dmean = -(dx_hat * inv_std).sum(axis=0)",
        lambda p: {"dmean": p.t.dmean / p.inv} | p.paths(mean=1 / p.inv),
    ),
    # ε.
    "no_eps": own("no_eps", lambda p: {"dgamma": (p.dy * p.dev / np.sqrt(p.var)).sum(axis=0)}),
    "eps_outside": Fault(
        "ε stands outside the root",
        "inv_std = 1 / (np.sqrt(var) + eps)",
        _STD,
        lambda p: p.normalised(1 / (np.sqrt(p.var) + p.eps)),
    ),
    "eps_outside_front": Fault(
        "ε stands outside the root, in front of the bracket",
        "dx = (dx_hat - …) / (np.sqrt(var) + eps)",
        "dx = (dx_hat - …) / np.sqrt(var + eps)",
        lambda p: p.line(inv=1 / (np.sqrt(p.var) + p.eps)),
    ),
    "eps_max": Fault(
        "The larger of σ² and ε is taken, not their sum",
        "inv_std = 1 / np.sqrt(maximum(var, eps))",
        _STD,
        lambda p: p.normalised(1 / np.sqrt(np.maximum(p.var, p.eps))),
    ),
    "eps_max_front": Fault(
        "The larger of σ² and ε is taken in front of the bracket, not their sum",
        "dx = (dx_hat - …) / np.sqrt(maximum(var, eps))",
        "dx = (dx_hat - …) / np.sqrt(var + eps)",
        lambda p: p.line(inv=1 / np.sqrt(np.maximum(p.var, p.eps))),
    ),
    "eps_root": Fault(
        "√ε is added to σ: the root is taken of each, not of their sum",
        "inv_std = 1 / (np.sqrt(var) + np.sqrt(eps))",
        _STD,
        lambda p: p.normalised(1 / (np.sqrt(p.var) + np.sqrt(p.eps))),
    ),
    "eps_squared": Fault(
        "ε is squared",
        "inv_std = 1 / np.sqrt(var + eps**2)",
        _STD,
        lambda p: p.normalised(1 / np.sqrt(p.var + p.eps**2)),
    ),
    "eps_twice": Fault(
        "ε is added twice",
        "var = var + eps; inv_std = 1 / np.sqrt(var + eps)",
        _STD,
        lambda p: p.normalised(1 / np.sqrt(p.var + 2 * p.eps)),
    ),
    "eps_minus": Fault(
        "ε is taken away",
        "inv_std = 1 / np.sqrt(var - eps)",
        _STD,
        lambda p: p.normalised(1 / np.sqrt(p.var - p.eps)),
    ),
    "no_eps_front": Fault(
        "ε is dropped in front of the bracket, and is there in x̂",
        "dx = (dx_hat - …) / np.sqrt(var)",
        "dx = (dx_hat - …) / np.sqrt(var + eps)",
        lambda p: p.line(inv=1 / np.sqrt(p.var)),
    ),
    "no_eps_x_hat": Fault(
        "ε is dropped in x̂, and is there in front of the bracket",
        "x_hat = (x - mean) / np.sqrt(var)",
        "x_hat = (x - mean) / np.sqrt(var + eps)",
        lambda p: (
            p.line(outer=p.dev / np.sqrt(p.var))
            | {"dgamma": (p.dy * p.dev / np.sqrt(p.var)).sum(axis=0)}
        ),
    ),
    "squared": own(
        "squared", lambda p: {"dgamma": (p.dy * p.dev / np.sqrt(p.var**2 + p.eps)).sum(axis=0)}
    ),
    # The variance.
    "unbiased": own("unbiased"),
    "unbiased_all": Fault(
        "The variance is unbiased in both passes: N − 1 in the place of N",
        "inv_std = 1 / np.sqrt(x.var(axis=0, ddof=1) + eps)",
        _STD,
        _unbiased_all,
    ),
    "unbiased_front": Fault(
        "The variance in front of the bracket is unbiased: N − 1 in the place of N",
        "dx = (dx_hat - …) / np.sqrt(x.var(axis=0, ddof=1) + eps)",
        "dx = (dx_hat - …) / np.sqrt(x.var(axis=0) + eps)",
        lambda p: p.line(inv=_unbiased_inv(p)),
    ),
    "second_moment": Fault(
        "The variance is E[x²], without the mean taken away",
        "var = (x**2).mean(axis=0)",
        "var = x.var(axis=0)",
        lambda p: p.normalised(1 / np.sqrt(np.square(p.x).mean(axis=0) + p.eps)),
    ),
    "second_moment_front": Fault(
        "The variance in front of the bracket is E[x²], without the mean taken away",
        "var = (x**2).mean(axis=0)",
        "var = x.var(axis=0)",
        lambda p: p.line(inv=1 / np.sqrt(np.square(p.x).mean(axis=0) + p.eps)),
    ),
    "second_moment_x": Fault(
        "The mean is not taken away, neither from x̂ nor in the variance, E[x²]",
        "x_hat = x / np.sqrt((x**2).mean(axis=0) + eps)",
        "x_hat = (x - mean) / np.sqrt(x.var(axis=0) + eps)",
        lambda p: _uncentred(p) | p.line(outer=p.x * _rms_inv(p), inv=_rms_inv(p)),
    ),
    "rms": Fault(
        "The mean is taken away nowhere: this is RMS norm over the batch",
        "x_hat = x / np.sqrt((x**2).mean(axis=0) + eps)",
        "x_hat = (x - mean) / np.sqrt(x.var(axis=0) + eps)",
        lambda p: (
            _uncentred(p)
            | {"dx": _rms_inv(p) * (p.g - p.x * _rms_inv(p) ** 2 * (p.g * p.x).mean(axis=0))}
        ),
    ),
    "sum_of_squares": Fault(
        "The variance is not divided by N",
        "var = ((x - mean)**2).sum(axis=0)",
        "var = ((x - mean)**2).mean(axis=0)",
        lambda p: p.normalised(1 / np.sqrt(p.n * p.var + p.eps)),
    ),
    # Statistics held fixed.
    "running_start": Fault(
        "Running statistics, as they are at the start: mean 0, variance 1 (evaluation mode)",
        "dx = dx_hat / np.sqrt(running_var + eps)",
        LINE,
        _frozen(lambda p: 1.0, lambda p: 0.0),
    ),
    "running": Fault(
        "Running statistics after one step with momentum 0.1 (evaluation mode)",
        "dx = dx_hat / np.sqrt(running_var + eps)",
        LINE,
        _running(0.1, True),
    ),
    "running_biased": Fault(
        "Running statistics after one step with momentum 0.1, of the biased variance",
        "dx = dx_hat / np.sqrt(running_var + eps)",
        LINE,
        _running(0.1, False),
    ),
    "running_slow": Fault(
        "Running statistics after one step with momentum 0.01 (evaluation mode)",
        "dx = dx_hat / np.sqrt(running_var + eps)",
        LINE,
        _running(0.01, False),
    ),
    "running_line": Fault(
        "Running statistics after one step, with momentum 0.1, stand in the gradient of training",
        "x_hat = (x - running_mean) / np.sqrt(running_var + eps)",
        X_HAT,
        _running_line,
    ),
    "l1": Fault(
        "σ is the mean distance from μ, and not the root of the mean square",
        "inv_std = 1 / (np.sqrt(np.pi / 2) * abs(x - mean).mean(axis=0) + eps)",
        _STD,
        lambda p: p.normalised(_l1_inv(p)),
    ),
}
