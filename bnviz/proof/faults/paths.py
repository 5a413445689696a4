"""Wrong coefficients of the three paths, γ where it doesn't belong, and a factor on all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bnviz.core.arrays import Array
from bnviz.proof.faults.base import (
    DVAR,
    DX_HAT,
    LINE,
    SIX,
    Changes,
    Fault,
    Pass,
    by_n,
    one_by_n,
    own,
    path,
)


def _other_gamma(pick: Callable[[Pass], Array]) -> Callable[[Pass], Changes]:
    def make(p: Pass) -> Changes:
        if p.k == 1:
            return {}
        g = p.dy * pick(p)
        return {"dx_hat": g} | p.line(g=g)

    return make


def _every(factor: Callable[[Pass], Any]) -> Callable[[Pass], Changes]:
    """Everything that is handed on, times a factor: the upstream came in with it."""

    def make(p: Pass) -> Changes:
        names = ("dx_hat", "dvar", "dmean", "dx", "dgamma", "dbeta")
        # Of ∂L/∂W and ∂L/∂a their own faults speak, in their own words.
        kept = {"dweight": p.t.dweight, "da": p.t.da}
        return {name: getattr(p.t, name) * factor(p) for name in names} | {
            name: value for name, value in kept.items() if value is not None
        }

    return make


def _n1(p: Pass) -> Any:
    return p.n / np.float64(p.n - 1)


def _gamma_in(*names: str) -> Callable[[Pass], Changes]:
    """γ lost in some of the paths."""

    def make(p: Pass) -> Changes:
        return p.paths(**{name: 1 / p.gamma for name in names})

    return make


PATHS: Mapping[str, Fault] = {
    # The paths of ∂L/∂x, each with a coefficient.
    "variance": own("variance"),
    "mean": own("mean"),
    "both": own("both"),
    "sign": Fault("The sign is turned around", "dx = -dx", "dx = dx", _every(lambda p: -1.0)),
    "variance_sign": path(
        "The sign of the path through the variance is turned around",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) + x_hat * (dx_hat * x_hat).mean(0))",
        1,
        -1,
        1,
        LINE,
    ),
    "mean_sign": path(
        "The sign of the path through the mean is turned around",
        "dx = inv_std * (dx_hat + dx_hat.mean(0) - x_hat * (dx_hat * x_hat).mean(0))",
        1,
        1,
        -1,
        LINE,
    ),
    "both_signs": path(
        "The signs of the paths through mean and variance are turned around",
        "dx = inv_std * (dx_hat + dx_hat.mean(0) + x_hat * (dx_hat * x_hat).mean(0))",
        1,
        -1,
        -1,
        LINE,
    ),
    "mean_twice": path(
        "The mean of the gradient is taken away twice",
        "dx_hat -= dx_hat.mean(0); dx = inv_std * dx_hat + dvar * 2 * (x - mean) / N + dmean / N",
        1,
        1,
        2,
    ),
    "variance_twice": Fault(
        "The path through the variance counts twice: the ½ of the derivative of the root is lost",
        "dvar = (dx_hat * (x - mean)).sum(axis=0) * -1.0 * inv_std**3",
        DVAR,
        lambda p: {"dvar": 2 * p.t.dvar} | p.paths(var=2),
    ),
    "variance_half": path(
        "The path through the variance counts half: the 2 of the derivative of the square is lost",
        "dx = dx_hat * inv_std + dvar * (x - mean) / N + dmean / N",
        1,
        0.5,
        1,
    ),
    "mean_by_n": path(
        "The path through the mean is not divided by N",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / N + dmean",
        1,
        1,
        by_n,
    ),
    "variance_by_n": path(
        "The path through the variance is not divided by N",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) + dmean / N",
        1,
        by_n,
        1,
    ),
    "both_by_n": path(
        "The paths through mean and variance are not divided by N: sums in the place of means",
        "dx = inv_std * (dx_hat - dx_hat.sum(0) - x_hat * (dx_hat * x_hat).sum(0))",
        1,
        by_n,
        by_n,
        LINE,
    ),
    "mean_over_n": path(
        "The path through the mean is divided by N twice",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / N + dmean / N**2",
        1,
        1,
        one_by_n,
    ),
    "variance_over_n": path(
        "The path through the variance is divided by N twice",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / N**2 + dmean / N",
        1,
        one_by_n,
        1,
    ),
    "both_over_n": path(
        "The paths through mean and variance are divided by N twice",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) / N - x_hat * (dx_hat * x_hat).mean(0) / N)",
        1,
        one_by_n,
        one_by_n,
        LINE,
    ),
    "variance_n1": path(
        "The path through the variance is divided by N − 1, and the variance by N",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / (N - 1) + dmean / N",
        1,
        _n1,
        1,
    ),
    "mean_n1": path(
        "The path through the mean is divided by N − 1",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / N + dmean / (N - 1)",
        1,
        1,
        _n1,
    ),
    "both_n1": path(
        "The paths through mean and variance are divided by N − 1",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / (N - 1) + dmean / (N - 1)",
        1,
        _n1,
        _n1,
    ),
    "direct_lost": path(
        "The direct path is forgotten",
        "dx = dvar * 2 * (x - mean) / N + dmean / N",
        0,
        1,
        1,
    ),
    "only_variance": path(
        "Only the path through the variance is there", "dx = dvar * 2 * (x - mean) / N", 0, 1, 0
    ),
    "only_mean": path("Only the path through the mean is there", "dx = dmean / N", 0, 0, 1),
    "direct_over_n": path(
        "N is lost in front of ∂L/∂y, where the 1/N was taken out of the bracket",
        "dx = gamma * inv_std / N * (dy - dbeta - x_hat * dgamma)",
        one_by_n,
        1,
        1,
        "dx = gamma * inv_std / N * (N * dy - dbeta - x_hat * dgamma)",
    ),
    "sums_twice": path(
        "The sums of the gradient count twice: added to what was there, or divided by the samples "
        "of one of two workers",
        "dx = inv_std * (dx_hat - 2 * dx_hat.mean(0) - x_hat * 2 * (dx_hat * x_hat).mean(0))",
        1,
        2,
        2,
        LINE,
    ),
    "sums_half": path(
        "The sums of the gradient count half: two workers took a mean where a sum was meant",
        "mean_dx_hat = all_reduce_mean(local.sum(0)) / N",
        1,
        0.5,
        0.5,
        LINE,
    ),
    "sums_swapped": Fault(
        "The two sums of the gradient are exchanged: ∂L/∂γ stands where ∂L/∂β should, and the "
        "other way round",
        "dx = gamma * inv_std * (dy - dgamma / N - x_hat * dbeta / N)",
        "dx = gamma * inv_std * (dy - dbeta / N - x_hat * dgamma / N)",
        lambda p: {"dx": p.inv * (p.g - (p.g * p.x_hat).mean(axis=0) - p.x_hat * p.g.mean(axis=0))},
    ),
    "mean_only": path(
        "Only the mean is taken away: 1/√(σ²+ε) is lost, and with it the path through the variance",
        "dx = dx_hat - dx_hat.mean(0)",
        lambda p: 1 / p.inv,
        0,
        lambda p: 1 / p.inv,
        LINE,
    ),
    "shortcut": Fault(
        "∂L/∂y is added: the shortcut around the norm is in it",
        "dx = dx + dy",
        "dx = dx",
        lambda p: {"dx": p.t.dx + p.dy},
    ),
    # γ.
    "gamma_lost": Fault(
        "γ is lost",
        "dx_hat = dy",
        DX_HAT,
        lambda p: (
            {"dx_hat": p.dy, "dvar": p.t.dvar / p.gamma, "dmean": p.t.dmean / p.gamma}
            | p.line(g=p.dy)
        ),
    ),
    "gamma_twice": Fault(
        "γ counts twice",
        "dx = gamma * " + LINE.removeprefix("dx = "),
        LINE,
        lambda p: (
            {name: getattr(p.t, name) * p.gamma for name in ("dx_hat", "dvar", "dmean")}
            | p.paths(p.gamma, p.gamma, p.gamma)
        ),
    ),
    "gamma_direct": Fault(
        "γ is lost in the direct path",
        "dx = dy * inv_std + dvar * 2 * (x - mean) / N + dmean / N",
        SIX,
        _gamma_in("direct"),
    ),
    "gamma_both": Fault(
        "γ is lost in the paths through mean and variance",
        "dvar = (dy * (x - mean)).sum(axis=0) * …; dmean = (dy * -inv_std).sum(axis=0)",
        "dvar = (dx_hat * (x - mean)).sum(axis=0) * …; dmean = (dx_hat * -inv_std).sum(axis=0)",
        lambda p: (
            {"dvar": p.t.dvar / p.gamma, "dmean": p.t.dmean / p.gamma} | _gamma_in("var", "mean")(p)
        ),
    ),
    "gamma_variance": Fault(
        "γ is lost in the path through the variance",
        "dvar = (dy * (x - mean)).sum(axis=0) * -0.5 * inv_std**3",
        DVAR,
        lambda p: {"dvar": p.t.dvar / p.gamma} | _gamma_in("var")(p),
    ),
    "gamma_mean": Fault(
        "γ is lost in the path through the mean",
        "dmean = (dy * -inv_std).sum(axis=0)",
        "dmean = (dx_hat * -inv_std).sum(axis=0)",
        lambda p: {"dmean": p.t.dmean / p.gamma} | _gamma_in("mean")(p),
    ),
    "gamma_other": Fault(
        "γ belongs to another neuron: the order is turned around",
        "dx_hat = dy * gamma[::-1]",
        DX_HAT,
        _other_gamma(lambda p: p.gamma[::-1]),
    ),
    "gamma_first": Fault(
        "All neurons get the first one's γ",
        "dx_hat = dy * gamma[0]",
        DX_HAT,
        _other_gamma(lambda p: np.full(p.k, p.gamma[0])),
    ),
    "gamma_rolled": Fault(
        "γ belongs to the next neuron",
        "dx_hat = dy * np.roll(gamma, -1)",
        DX_HAT,
        _other_gamma(lambda p: np.roll(p.gamma, -1)),
    ),
    "gamma_abs": Fault(
        "The sign of γ is lost",
        "dx_hat = dy * abs(gamma)",
        DX_HAT,
        lambda p: {"dx_hat": p.dy * np.abs(p.gamma)} | p.line(g=p.dy * np.abs(p.gamma)),
    ),
    "beta_added": Fault(
        "β is added on the way back as well",
        "dx_hat = dy * gamma + beta",
        DX_HAT,
        # ∂L/∂x doesn’t notice: the mean path takes a constant away again.
        lambda p: {"dx_hat": p.g + p.beta},
    ),
    # A factor on all of it.
    "loss_mean": Fault(
        "It is N times too small: a mean over the batch where the loss is a sum",
        "dx = dx / N",
        "dx = dx",
        _every(one_by_n),
    ),
    "loss_sum": Fault(
        "It is N times too large: a sum over the batch where the loss is a mean",
        "dx = dx * N",
        "dx = dx",
        _every(by_n),
    ),
    "loss_mean_all": Fault(
        "It is N·k times too small: a mean over samples and neurons where the loss is a sum",
        "dy = dy / dy.size",
        "dy = dy",
        lambda p: _every(lambda p: 1.0 / p.n / p.k)(p) if p.k > 1 else {},
    ),
    "loss_sum_all": Fault(
        "It is N·k times too large: a sum over samples and neurons where the loss is a mean",
        "dy = dy * dy.size",
        "dy = dy",
        lambda p: _every(lambda p: float(p.n * p.k))(p) if p.k > 1 else {},
    ),
    "doubled": Fault(
        "It is twice what it should be: added to what was there, or handed on by two workers",
        "x.grad += dx  # without zero_grad",
        "x.grad = dx",
        _every(lambda p: 2.0),
    ),
    "halved": Fault(
        "It is half of what it should be", "dx = dx / 2", "dx = dx", _every(lambda p: 0.5)
    ),
}
