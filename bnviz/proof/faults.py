"""Wrong backward passes as people have written them: each a change of the right one, with its line.

Most are retold from public reports: mlpack 1327 (the sign of the variance path), tt-metal (the
mean twice), Knet.jl (γ lost), mxnet and nnabla (added to what was there), ncnn, darknet and Keras
(another ε), FlagGems (1/σ of 1/σ, another axis), jax 442 ((σ² + ε)²), Synchronized-BatchNorm
(√max(σ², ε)), pytorch 60528 (N − 1 with its own derivative), torch/nn 768 (running statistics),
caffe 4110 (y for x̂), DeepSpeed 692 (another neuron's γ), pytorch 36382 (sums over a shard),
OneFlow 6149 (∂L/∂γ and ∂L/∂β exchanged), tensorflow 14676 (∂L/∂γ · √), nntile 371 (x̂ overwritten).
The classic ones, with what catches them, are in `bnviz.proof.mistakes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np

from bnviz.core import linear
from bnviz.core.arrays import Array
from bnviz.core.trace import Trace
from bnviz.proof.mistakes import MISTAKES, with_mistake
from bnviz.words.glossary import TERMS

Changes = dict[str, Any]
SIX = TERMS["dx"].numpy
LINE = "dx = inv_std * (dx_hat - dx_hat.mean(0) - x_hat * (dx_hat * x_hat).mean(0))"
_STD = TERMS["inv_std"].numpy
_X_HAT, _DX_HAT, _DVAR = (TERMS[term].numpy for term in ("x_hat", "dx_hat", "dvar"))
_DGAMMA, _DBETA, _DW = (TERMS[term].numpy for term in ("dgamma", "dbeta", "dweight"))
_DBIAS, _DA = TERMS["dbias"].numpy, TERMS["da"].numpy


@dataclass(frozen=True)
class Fault:
    """What goes wrong in a sentence, the line of NumPy as it probably stands, and as it should be.

    make: the terms that it changes. What follows from a wrong ∂L/∂x follows by itself.
    """

    title: str
    wrong: str
    right: str
    make: Callable[[Pass], Changes]


class Pass:
    """A backward pass in pieces, any of which can be replaced. Shapes as in `bnviz.Trace`."""

    def __init__(self, t: Trace) -> None:
        s = t.scenario
        self.t, self.s = t, s
        self.n, self.k = s.shape
        self.x, self.dy, self.gamma, self.beta, self.eps = s.x, s.dy, s.gamma, s.beta, s.eps
        self.g, self.x_hat, self.y = t.dx_hat, t.x_hat, t.y
        self.dev, self.inv, self.var = t.deviation, t.inv_std, t.var
        self.one, self.two, self.three = t.dx_direct, t.dx_via_var, t.dx_via_mean

    def paths(self, direct: Any = 1.0, var: Any = 1.0, mean: Any = 1.0) -> Changes:
        """c₁·① + c₂·② + c₃·③."""
        parts = {
            "dx_direct": direct * self.one,
            "dx_via_var": var * self.two,
            "dx_via_mean": mean * self.three,
        }
        return {"dx": sum(parts.values())} | parts

    def line(
        self,
        *,
        g: Array | None = None,
        outer: Array | None = None,
        inner: Array | None = None,
        inv: Array | None = None,
        mean: Callable[[Array], Array] | None = None,
    ) -> Changes:
        """The one-line form with pieces of it replaced; outer and inner stand for x̂."""
        g = self.g if g is None else g
        outer = self.x_hat if outer is None else outer
        inner = outer if inner is None else inner
        inv = self.inv if inv is None else inv
        mean = (lambda v: v.mean(axis=0)) if mean is None else mean
        return {"dx": inv * (g - mean(g) - outer * mean(g * inner))}

    def normalised(self, inv: Array, about: Array | float = 0.0) -> Changes:
        """All with another 1/σ, in x̂ as well, and about another mean."""
        dev = self.dev if np.ndim(about) == 0 else self.x - about
        x_hat = dev * inv
        return {"dgamma": (self.dy * x_hat).sum(axis=0)} | self.line(outer=x_hat, inv=inv)


def _shards(many: int) -> Callable[[Pass], list[slice]]:
    def cut(p: Pass) -> list[slice]:
        if p.n < 2 * many:
            return []
        ends = [round(p.n * i / many) for i in range(many + 1)]
        return [slice(a, b) for a, b in pairwise(ends)]

    return cut


def _every_other(p: Pass) -> list[slice]:
    """Two shards that take turns."""
    return [slice(0, None, 2), slice(1, None, 2)] if p.n >= 4 else []


def _own_statistics(cut: Callable[[Pass], list[slice]]) -> Callable[[Pass], Changes]:
    """Each shard a batch of its own."""

    def make(p: Pass) -> Changes:
        dx, dgamma = np.empty_like(p.x), np.zeros(p.k)
        for rows in cut(p):
            dev = p.x[rows] - p.x[rows].mean(axis=0)
            inv = 1 / np.sqrt(np.square(dev).mean(axis=0) + p.eps)
            x_hat, g = dev * inv, p.g[rows]
            dx[rows] = inv * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))
            dgamma += (p.dy[rows] * x_hat).sum(axis=0)
        return {"dx": dx, "dgamma": dgamma} if cut(p) else {}

    return make


def _own_sums(many: int, *, mean: bool = True, along: bool = True) -> Callable[[Pass], Changes]:
    """Statistics of the whole batch, and means of the gradient over each shard."""

    def make(p: Pass) -> Changes:
        dx = np.empty_like(p.x)
        gx = p.g * p.x_hat
        for rows in _shards(many)(p):
            of_g = (p.g[rows] if mean else p.g).mean(axis=0)
            of_gx = (gx[rows] if along else gx).mean(axis=0)
            dx[rows] = p.inv * (p.g[rows] - of_g - p.x_hat[rows] * of_gx)
        return {"dx": dx} if _shards(many)(p) else {}

    return make


def _first_shard(many: int) -> Callable[[Pass], Changes]:
    """What one of the workers sees, before the sums are added up."""

    def make(p: Pass) -> Changes:
        cut = _shards(many)(p)
        if not cut:
            return {}
        rows = cut[0]
        found = {"dgamma": (p.dy * p.x_hat)[rows].sum(axis=0), "dbeta": p.dy[rows].sum(axis=0)}
        if p.s.a is not None:
            found["dweight"] = p.s.a[rows].T @ p.t.dx[rows]
        return found

    return make


def _shard_sum_over_all(p: Pass) -> Changes:
    """Sums over the first half, divided by the whole N."""
    cut = _shards(2)(p)
    if not cut:
        return {}
    rows = cut[0]
    return p.line(mean=lambda v: v[rows].sum(axis=0) / p.n)


def _axis_1(v: Array) -> Array:
    return cast(Array, v.mean(axis=1, keepdims=True))


def _layer_norm(p: Pass) -> Changes:
    dev = p.x - p.x.mean(axis=1, keepdims=True)
    inv = 1 / np.sqrt(np.square(dev).mean(axis=1, keepdims=True) + p.eps)
    x_hat = dev * inv
    return {"dgamma": (p.dy * x_hat).sum(axis=0)} | p.line(outer=x_hat, inv=inv, mean=_axis_1)


def _all_at_once(p: Pass) -> Changes:
    dev = p.x - p.x.mean()
    inv = np.asarray(1 / np.sqrt(np.square(dev).mean() + p.eps))
    x_hat = dev * inv
    return {"dgamma": (p.dy * x_hat).sum(axis=0)} | p.line(
        outer=x_hat, inv=inv, mean=lambda v: np.asarray(v.mean())
    )


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


def _other_gamma(pick: Callable[[Pass], Array]) -> Callable[[Pass], Changes]:
    def make(p: Pass) -> Changes:
        if p.k == 1:
            return {}
        g = p.dy * pick(p)
        return {"dx_hat": g} | p.line(g=g)

    return make


def _power(power: int) -> Callable[[Pass], Changes]:
    """(σ² + ε) to another power than −3/2 in ∂L/∂σ²."""
    return lambda p: {"dvar": p.t.dvar * p.inv ** (power - 3)} | p.paths(var=p.inv ** (power - 3))


def _factor(name: str, factor: Callable[[Pass], Any]) -> Callable[[Pass], Changes]:
    """One term times a factor; what was computed from it before stays."""

    def make(p: Pass) -> Changes:
        value = getattr(p.t, name)
        return {} if value is None else {name: value * factor(p)}

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


def _of_weight(make: Callable[[Pass, Array], Any]) -> Callable[[Pass], Changes]:
    return lambda p: {} if p.s.a is None else {"dweight": make(p, p.s.a)}


def _of_bias(make: Callable[[Pass], Any]) -> Callable[[Pass], Changes]:
    return lambda p: {} if p.t.dbias is None else {"dbias": make(p)}


def _da_untransposed(p: Pass) -> Changes:
    w = p.s.weight
    return {} if w is None or w.shape[0] != w.shape[1] else {"da": p.t.dx @ w}


def _da_from(pick: Callable[[Pass], Array]) -> Callable[[Pass], Changes]:
    return lambda p: {} if p.s.weight is None else {"da": pick(p) @ p.s.weight.T}


def _corrupted(x_hat: Callable[[Pass], Array]) -> Callable[[Pass], Changes]:
    return lambda p: {"dgamma": (p.dy * x_hat(p)).sum(axis=0)}


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


def _rms_inv(p: Pass) -> Array:
    return cast(Array, 1 / np.sqrt(np.square(p.x).mean(axis=0) + p.eps))


def _uncentred(p: Pass) -> Changes:
    return {"dgamma": (p.dy * p.x * _rms_inv(p)).sum(axis=0)}


def _n1(p: Pass) -> Any:
    return p.n / np.float64(p.n - 1)


def _gamma_in(*names: str) -> Callable[[Pass], Changes]:
    """γ lost in some of the paths."""

    def make(p: Pass) -> Changes:
        return p.paths(**{name: 1 / p.gamma for name in names})

    return make


_MOST = 2**22  # numbers that a fault may make of a term


def _own(name: str, also: Callable[[Pass], Changes] = lambda p: {}) -> Fault:
    """One of the classic mistakes; also: what it does where it was made in the forward pass too."""
    m = MISTAKES[name]

    def make(p: Pass) -> Changes:
        if name == "not_added" and p.x.size * max(p.s.d, 1) > _MOST:
            return {}
        wrong = with_mistake(p.t, name)
        terms = ("dx", "dvar", "dmean", "dgamma", "dbeta", "dweight")
        return {
            term: made
            for term in terms
            if (made := getattr(wrong, term)) is not getattr(p.t, term) and made is not None
        } | also(p)

    return Fault(m.title, m.wrong, m.right, make)


def _path(title: str, wrong: str, direct: Any, var: Any, mean: Any, right: str = SIX) -> Fault:
    def make(p: Pass) -> Changes:
        weigh = [c(p) if callable(c) else c for c in (direct, var, mean)]
        return p.paths(*weigh)

    return Fault(title, wrong, right, make)


def _by_n(p: Pass) -> float:
    return float(p.n)


def _one_by_n(p: Pass) -> float:
    return 1.0 / p.n


# The simplest first: where several give the same numbers, they are listed in this order.
FAULTS: Mapping[str, Fault] = {
    # The paths of ∂L/∂x, each with a weight.
    "variance": _own("variance"),
    "mean": _own("mean"),
    "both": _own("both"),
    "sign": Fault("The sign is turned around", "dx = -dx", "dx = dx", _every(lambda p: -1.0)),
    "variance_sign": _path(
        "The sign of the path through the variance is turned around",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) + x_hat * (dx_hat * x_hat).mean(0))",
        1,
        -1,
        1,
        LINE,
    ),
    "mean_sign": _path(
        "The sign of the path through the mean is turned around",
        "dx = inv_std * (dx_hat + dx_hat.mean(0) - x_hat * (dx_hat * x_hat).mean(0))",
        1,
        1,
        -1,
        LINE,
    ),
    "both_signs": _path(
        "The signs of the paths through mean and variance are turned around",
        "dx = inv_std * (dx_hat + dx_hat.mean(0) + x_hat * (dx_hat * x_hat).mean(0))",
        1,
        -1,
        -1,
        LINE,
    ),
    "mean_twice": _path(
        "The mean of the gradient is taken away twice",
        "dx_hat -= dx_hat.mean(0); dx = inv_std * dx_hat + dvar * 2 * (x - mean) / N + dmean / N",
        1,
        1,
        2,
    ),
    "variance_twice": Fault(
        "The path through the variance counts twice: the ½ of the derivative of the root is lost",
        "dvar = (dx_hat * (x - mean)).sum(axis=0) * -1.0 * inv_std**3",
        _DVAR,
        lambda p: {"dvar": 2 * p.t.dvar} | p.paths(var=2),
    ),
    "variance_half": _path(
        "The path through the variance counts half: the 2 of the derivative of the square is lost",
        "dx = dx_hat * inv_std + dvar * (x - mean) / N + dmean / N",
        1,
        0.5,
        1,
    ),
    "mean_by_n": _path(
        "The path through the mean is not divided by N",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / N + dmean",
        1,
        1,
        _by_n,
    ),
    "variance_by_n": _path(
        "The path through the variance is not divided by N",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) + dmean / N",
        1,
        _by_n,
        1,
    ),
    "both_by_n": _path(
        "The paths through mean and variance are not divided by N: sums in the place of means",
        "dx = inv_std * (dx_hat - dx_hat.sum(0) - x_hat * (dx_hat * x_hat).sum(0))",
        1,
        _by_n,
        _by_n,
        LINE,
    ),
    "mean_over_n": _path(
        "The path through the mean is divided by N twice",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / N + dmean / N**2",
        1,
        1,
        _one_by_n,
    ),
    "variance_over_n": _path(
        "The path through the variance is divided by N twice",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / N**2 + dmean / N",
        1,
        _one_by_n,
        1,
    ),
    "both_over_n": _path(
        "The paths through mean and variance are divided by N twice",
        "dx = inv_std * (dx_hat - dx_hat.mean(0) / N - x_hat * (dx_hat * x_hat).mean(0) / N)",
        1,
        _one_by_n,
        _one_by_n,
        LINE,
    ),
    "variance_n1": _path(
        "The path through the variance is divided by N − 1, and the variance by N",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / (N - 1) + dmean / N",
        1,
        _n1,
        1,
    ),
    "mean_n1": _path(
        "The path through the mean is divided by N − 1",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / N + dmean / (N - 1)",
        1,
        1,
        _n1,
    ),
    "both_n1": _path(
        "The paths through mean and variance are divided by N − 1",
        "dx = dx_hat * inv_std + dvar * 2 * (x - mean) / (N - 1) + dmean / (N - 1)",
        1,
        _n1,
        _n1,
    ),
    "direct_lost": _path(
        "The direct path is forgotten",
        "dx = dvar * 2 * (x - mean) / N + dmean / N",
        0,
        1,
        1,
    ),
    "only_variance": _path(
        "Only the path through the variance is there", "dx = dvar * 2 * (x - mean) / N", 0, 1, 0
    ),
    "only_mean": _path("Only the path through the mean is there", "dx = dmean / N", 0, 0, 1),
    # γ.
    "gamma_lost": Fault(
        "γ is lost",
        "dx_hat = dy",
        _DX_HAT,
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
        _DVAR,
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
        _DX_HAT,
        _other_gamma(lambda p: p.gamma[::-1]),
    ),
    "gamma_first": Fault(
        "All neurons get the first one's γ",
        "dx_hat = dy * gamma[0]",
        _DX_HAT,
        _other_gamma(lambda p: np.full(p.k, p.gamma[0])),
    ),
    "gamma_rolled": Fault(
        "γ belongs to the next neuron",
        "dx_hat = dy * np.roll(gamma, -1)",
        _DX_HAT,
        _other_gamma(lambda p: np.roll(p.gamma, -1)),
    ),
    "gamma_abs": Fault(
        "The sign of γ is lost",
        "dx_hat = dy * abs(gamma)",
        _DX_HAT,
        lambda p: {"dx_hat": p.dy * np.abs(p.gamma)} | p.line(g=p.dy * np.abs(p.gamma)),
    ),
    "beta_added": Fault(
        "β is added on the way back as well",
        "dx_hat = dy * gamma + beta",
        _DX_HAT,
        # ∂L/∂x doesn’t notice: the mean path takes a constant away again.
        lambda p: {"dx_hat": p.g + p.beta},
    ),
    # A factor on all of it.
    "loss_mean": Fault(
        "It is N times too small: a mean over the batch where the loss is a sum",
        "dx = dx / N",
        "dx = dx",
        _every(_one_by_n),
    ),
    "loss_sum": Fault(
        "It is N times too large: a sum over the batch where the loss is a mean",
        "dx = dx * N",
        "dx = dx",
        _every(_by_n),
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
        _X_HAT,
        lambda p: p.normalised(np.ones(p.k)),
    ),
    "inv_turned_throughout": Fault(
        "x̂ is multiplied by √(σ²+ε) in the place of divided, and so is all that follows",
        "x_hat = (x - mean) * np.sqrt(var + eps)",
        "x_hat = (x - mean) / np.sqrt(var + eps)",
        lambda p: p.normalised(1 / p.inv),
    ),
    "power": _own("power"),
    "power_2": Fault(
        "The power of σ²+ε in ∂L/∂σ² is −1 in the place of −3/2",
        "dvar = (dx_hat * (x - mean)).sum(axis=0) * -0.5 / (var + eps)",
        _DVAR,
        _power(2),
    ),
    "power_4": Fault(
        "The power of σ²+ε in ∂L/∂σ² is −2 in the place of −3/2",
        "dvar = (dx_hat * (x - mean)).sum(axis=0) * -0.5 / (var + eps) ** 2",
        _DVAR,
        _power(4),
    ),
    "power_5": Fault(
        "The power of σ²+ε in ∂L/∂σ² is −5/2 in the place of −3/2",
        "dvar = (dx_hat * (x - mean)).sum(axis=0) * -0.5 * (var + eps) ** -2.5",
        _DVAR,
        _power(5),
    ),
    "dvar_x_hat": Fault(
        "x̂ stands for x − μ in ∂L/∂σ²",
        "dvar = (dx_hat * x_hat).sum(axis=0) * -0.5 * inv_std**3",
        _DVAR,
        lambda p: {"dvar": p.t.dvar * p.inv} | p.paths(var=p.inv),
    ),
    "outer_x_hat": _path(
        "x̂ stands for x − μ in the path through the variance",
        "dx = dx_hat * inv_std + dvar * 2 * x_hat / N + dmean / N",
        1,
        lambda p: p.inv,
        1,
    ),
    "line_no_inv": _path(
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
    "no_eps": _own("no_eps", lambda p: {"dgamma": (p.dy * p.dev / np.sqrt(p.var)).sum(axis=0)}),
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
    "squared": _own(
        "squared", lambda p: {"dgamma": (p.dy * p.dev / np.sqrt(p.var**2 + p.eps)).sum(axis=0)}
    ),
    # The variance.
    "unbiased": _own("unbiased"),
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
        _X_HAT,
        _dev_for_x_hat,
    ),
    "scaled_x_for_x_hat": Fault(
        "x̂ is made without taking the mean away",
        "x_hat = x * inv_std",
        _X_HAT,
        lambda p: p.line(outer=p.x * p.inv) | {"dgamma": (p.dy * p.x * p.inv).sum(axis=0)},
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
        _DVAR,
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
    # Another axis, another part of the batch.
    "axis": _own("axis"),
    "keepdims": _own("keepdims"),
    "line_axis": Fault(
        "The means of the gradient run over the neurons, axis 1, and not over the batch",
        "dx = inv_std * (dx_hat - dx_hat.mean(1) - x_hat * (dx_hat * x_hat).mean(1))",
        LINE,
        lambda p: p.line(mean=_axis_1),
    ),
    "layer_norm": Fault(
        "Mean and variance run over the neurons, axis 1: this is layer norm",
        "mean, var = x.mean(axis=1), x.var(axis=1)",
        "mean, var = x.mean(axis=0), x.var(axis=0)",
        _layer_norm,
    ),
    "no_axis": Fault(
        "The means of the gradient run over all numbers, without an axis",
        "dx = inv_std * (dx_hat - dx_hat.mean() - x_hat * (dx_hat * x_hat).mean())",
        LINE,
        lambda p: p.line(mean=lambda v: np.asarray(v.mean())),
    ),
    "all_at_once": Fault(
        "Mean and variance run over all numbers, without an axis",
        "mean, var = x.mean(), x.var()",
        "mean, var = x.mean(axis=0), x.var(axis=0)",
        _all_at_once,
    ),
    **{
        f"shards_{many}": Fault(
            f"Each {part} of the batch is normalised by its own mean and variance: "
            "the statistics are not synchronised",
            "mean, var = shard.mean(axis=0), shard.var(axis=0)",
            "mean, var = x.mean(axis=0), x.var(axis=0)  # over all shards",
            _own_statistics(_shards(many)),
        )
        for many, part in ((2, "half"), (3, "third"), (4, "quarter"))
    },
    **{
        f"shard_sums_{many}": Fault(
            f"The means of the gradient are taken over each {part} of the batch",
            "mean_dx_hat = dx_hat[shard].mean(0); mean_dx_hat_x_hat = …",
            "mean_dx_hat = dx_hat.mean(0)  # over all shards",
            _own_sums(many),
        )
        for many, part in ((2, "half"), (3, "third"), (4, "quarter"))
    },
    "shards_in_turn": Fault(
        "Two shards take turns through the batch, each normalised by its own mean and variance",
        "mean, var = x[0::2].mean(axis=0), x[0::2].var(axis=0)",
        "mean, var = x.mean(axis=0), x.var(axis=0)  # over all shards",
        _own_statistics(_every_other),
    ),
    "shard_mean": Fault(
        "The mean of ∂L/∂x̂ is taken over each half of the batch, the one with x̂ over all",
        "mean_dx_hat = dx_hat[shard].mean(0)",
        "mean_dx_hat = dx_hat.mean(0)  # over all shards",
        _own_sums(2, along=False),
    ),
    "shard_along": Fault(
        "The mean of ∂L/∂x̂·x̂ is taken over each half of the batch, the one without x̂ over all",
        "mean_dx_hat_x_hat = (dx_hat * x_hat)[shard].mean(0)",
        "mean_dx_hat_x_hat = (dx_hat * x_hat).mean(0)  # over all shards",
        _own_sums(2, mean=False),
    ),
    "shard_over_all": Fault(
        "The sums of the gradient run over the first half, and are divided by all of N",
        "mean_dx_hat = dx_hat[:N // 2].sum(0) / N",
        "mean_dx_hat = dx_hat.sum(0) / N",
        _shard_sum_over_all,
    ),
    "first_half": Fault(
        "Only the first half of the batch is added up",
        "total = local.sum(axis=0)  # no all-reduce",
        "total = all_reduce(local.sum(axis=0))",
        _first_shard(2),
    ),
    "mlpack": Fault(
        "The sign of the path through the variance is turned around, and that through the mean is "
        "not divided by N",
        "dx = inv_std * (dx_hat + x_hat * (dx_hat * x_hat).mean(0)) + dmean",
        LINE,
        lambda p: p.paths(1, -1, p.n),
    ),
    # ∂L/∂γ and ∂L/∂β.
    "swapped": Fault(
        "∂L/∂γ and ∂L/∂β are exchanged",
        "return dx, dbeta, dgamma",
        "return dx, dgamma, dbeta",
        lambda p: {"dgamma": p.t.dbeta, "dbeta": p.t.dgamma},
    ),
    "dgamma_g": Fault(
        "∂L/∂x̂ stands for ∂L/∂y: γ counts where it shouldn't",
        "dgamma = (dx_hat * x_hat).sum(axis=0)",
        _DGAMMA,
        lambda p: {"dgamma": (p.g * p.x_hat).sum(axis=0)},
    ),
    "dbeta_g": Fault(
        "∂L/∂x̂ stands for ∂L/∂y: γ counts where it shouldn't",
        "dbeta = dx_hat.sum(axis=0)",
        _DBETA,
        lambda p: {"dbeta": p.g.sum(axis=0)},
    ),
    "dgamma_over_gamma": Fault(
        "∂L/∂γ is divided by γ",
        "dgamma = (dy * x_hat).sum(axis=0) / gamma",
        _DGAMMA,
        _factor("dgamma", lambda p: 1 / p.gamma),
    ),
    "dgamma_turned": Fault(
        "It is multiplied by √(σ²+ε) in the place of divided",
        "dgamma = (dy * (x - mean)).sum(axis=0) * np.sqrt(var + eps)",
        "dgamma = (dy * (x - mean)).sum(axis=0) / np.sqrt(var + eps)",
        _factor("dgamma", lambda p: p.inv**-2),
    ),
    "dgamma_no_inv": Fault(
        "x − μ stands for x̂: it is not divided by √(σ²+ε)",
        "dgamma = (dy * (x - mean)).sum(axis=0)",
        _DGAMMA,
        _factor("dgamma", lambda p: p.inv**-1),
    ),
    "dgamma_inv_twice": Fault(
        "It is divided by √(σ²+ε) twice",
        "dgamma = (dy * x_hat).sum(axis=0) * inv_std",
        _DGAMMA,
        _factor("dgamma", lambda p: p.inv),
    ),
    "dgamma_overwritten": Fault(
        "x̂ is overwritten before ∂L/∂γ: it has the mean of ∂L/∂x̂·x̂ in it",
        "x_hat *= (dx_hat * x_hat).mean(0); dgamma = (dy * x_hat).sum(axis=0)",
        _DGAMMA + "  # before x_hat is used up",
        _corrupted(lambda p: p.x_hat * (p.g * p.x_hat).mean(axis=0)),
    ),
    "dgamma_overwritten_sum": Fault(
        "x̂ is overwritten before ∂L/∂γ: it has the sum of ∂L/∂x̂·x̂ in it",
        "x_hat *= (dx_hat * x_hat).sum(0); dgamma = (dy * x_hat).sum(axis=0)",
        _DGAMMA + "  # before x_hat is used up",
        _corrupted(lambda p: p.x_hat * (p.g * p.x_hat).sum(axis=0)),
    ),
    "dgamma_overwritten_dx": Fault(
        "x̂ is overwritten with ∂L/∂x before ∂L/∂γ",
        "x_hat[:] = dx; dgamma = (dy * x_hat).sum(axis=0)",
        _DGAMMA + "  # before x_hat is used up",
        _corrupted(lambda p: p.t.dx),
    ),
    "dgamma_overwritten_gamma": Fault(
        "x̂ is overwritten with γ·x̂ before ∂L/∂γ",
        "x_hat *= gamma; dgamma = (dy * x_hat).sum(axis=0)",
        _DGAMMA + "  # before x_hat is used up",
        _corrupted(lambda p: p.x_hat * p.gamma),
    ),
    "dgamma_dx": Fault(
        "∂L/∂x stands for ∂L/∂y in ∂L/∂γ",
        "dgamma = (dx * x_hat).sum(axis=0)",
        _DGAMMA,
        lambda p: {"dgamma": (p.t.dx * p.x_hat).sum(axis=0)},
    ),
    "dgamma_not_summed": Fault(
        "It is not added up over the batch",
        "dgamma = dy * x_hat",
        _DGAMMA,
        lambda p: {"dgamma": p.dy * p.x_hat},
    ),
    "dbeta_not_summed": Fault(
        "It is not added up over the batch", "dbeta = dy", _DBETA, lambda p: {"dbeta": p.dy}
    ),
    "sums_axis": Fault(
        "It is added up over the neurons, axis 1, and not over the batch",
        "dgamma = (dy * x_hat).sum(axis=1); dbeta = dy.sum(axis=1)",
        f"{_DGAMMA}; {_DBETA}",
        lambda p: {"dgamma": (p.dy * p.x_hat).sum(axis=1), "dbeta": p.dy.sum(axis=1)},
    ),
    "sums_all": Fault(
        "It is added up over batch and neurons: the axis is missing",
        "dgamma = (dy * x_hat).sum(); dbeta = dy.sum()",
        f"{_DGAMMA}; {_DBETA}",
        lambda p: (
            {
                "dgamma": np.full(p.k, (p.dy * p.x_hat).sum()),
                "dbeta": np.full(p.k, p.dy.sum()),
            }
            if p.k > 1
            else {}
        ),
    ),
    "beta": _own("beta"),
    "dbeta_y": Fault(
        "∂L/∂β is added up from the outputs",
        "dbeta = y.sum(axis=0)",
        _DBETA,
        lambda p: {"dbeta": p.y.sum(axis=0)},
    ),
    "dbeta_dx": Fault(
        "∂L/∂β is added up from ∂L/∂x, whose sum is 0",
        "dbeta = dx.sum(axis=0)",
        _DBETA,
        lambda p: {"dbeta": p.t.dx.sum(axis=0)},
    ),
    "dbeta_dgamma_x": Fault(
        "∂L/∂β is weighted with x",
        "dbeta = (dy * x).sum(axis=0)",
        _DBETA,
        lambda p: {"dbeta": (p.dy * p.x).sum(axis=0)},
    ),
    # ∂L/∂W, ∂L/∂b and ∂L/∂a.
    "not_added": _own("not_added"),
    "averaged": _own("averaged"),
    "dweight_sum": Fault(
        "∂L/∂W is N times too large: a sum over the batch where the loss is a mean",
        "dweight = a.T @ dx * N",
        _DW,
        _factor("dweight", _by_n),
    ),
    "dweight_sign": Fault(
        "The sign of ∂L/∂W is turned around: this is the step, not the gradient",
        "dweight = -(a.T @ dx)",
        _DW,
        _factor("dweight", lambda p: -1.0),
    ),
    "dweight_twice": Fault(
        "∂L/∂W is twice what it should be: added to what was there, or handed on by two workers",
        "weight.grad += dweight  # without zero_grad",
        "weight.grad = dweight",
        _factor("dweight", lambda p: 2.0),
    ),
    "dweight_dy": Fault(
        "∂L/∂y stands for ∂L/∂x: the norm is left out on the way back",
        "dweight = a.T @ dy",
        _DW,
        _of_weight(lambda p, a: a.T @ p.dy),
    ),
    "dweight_g": Fault(
        "∂L/∂x̂ stands for ∂L/∂x: the norm is left out on the way back",
        "dweight = a.T @ dx_hat",
        _DW,
        _of_weight(lambda p, a: a.T @ p.g),
    ),
    "dweight_x": Fault(
        "x stands for a: the output of the layer for its input",
        "dweight = x.T @ dx",
        _DW,
        lambda p: {} if p.s.a is None or p.s.d != p.k else {"dweight": p.x.T @ p.t.dx},
    ),
    "dweight_abs": Fault(
        "Means are taken in the place of sums: a and ∂L/∂x are averaged before they are multiplied",
        "dweight = np.outer(a.sum(0), dx.sum(0))",
        _DW,
        _of_weight(lambda p, a: np.outer(a.sum(axis=0), p.t.dx.sum(axis=0))),
    ),
    "dbias_dy": Fault(
        "∂L/∂y is added up: the bias is taken for β, behind the norm",
        "dbias = dy.sum(axis=0)",
        _DBIAS,
        _of_bias(lambda p: p.dy.sum(axis=0)),
    ),
    "dbias_g": Fault(
        "∂L/∂x̂ is added up: the norm is left out on the way back",
        "dbias = dx_hat.sum(axis=0)",
        _DBIAS,
        _of_bias(lambda p: p.g.sum(axis=0)),
    ),
    "dbias_x": Fault(
        "∂L/∂b is added up from the inputs",
        "dbias = x.sum(axis=0)",
        _DBIAS,
        _of_bias(lambda p: p.x.sum(axis=0)),
    ),
    "dbias_dmean": Fault(
        "∂L/∂μ stands for ∂L/∂b: only the path through the mean is there",
        "dbias = dmean",
        _DBIAS,
        _of_bias(lambda p: p.t.dmean),
    ),
    "da_untransposed": Fault("W is not transposed", "da = dx @ weight", _DA, _da_untransposed),
    "da_dy": Fault(
        "∂L/∂y stands for ∂L/∂x: the norm is left out on the way back",
        "da = dy @ weight.T",
        _DA,
        _da_from(lambda p: p.dy),
    ),
    "da_g": Fault(
        "∂L/∂x̂ stands for ∂L/∂x: the norm is left out on the way back",
        "da = dx_hat @ weight.T",
        _DA,
        _da_from(lambda p: p.g),
    ),
    "da_averaged": Fault(
        "∂L/∂a is divided by N",
        "da = dx @ weight.T / N",
        _DA,
        _factor("da", _one_by_n),
    ),
}


def _followed(t: Trace, changes: Changes) -> Changes:
    """The changes and what is computed from a wrong ∂L/∂x."""
    s, dx = t.scenario, changes.get("dx")
    if dx is not None and s.a is not None:
        changes = {"dweight": linear.dweight(s.a, dx), "dbias": linear.dbias(dx)} | changes
    if dx is not None and s.weight is not None:
        changes = {"da": linear.da(dx, s.weight)} | changes
    return changes


class Wrong(NamedTuple):
    """What a fault makes of a term; follows: by way of a wrong ∂L/∂x, not in the term itself."""

    name: str
    value: Array
    follows: bool


def wrongs(t: Trace, term: str) -> Iterator[Wrong]:
    """What each fault makes of a term, one after the other; only finite ones that it touches."""
    p = Pass(t)
    for name, fault in FAULTS.items():
        with np.errstate(all="ignore"):
            changes = fault.make(p)
            value = _followed(t, changes).get(term)
        if value is not None:
            made = np.asarray(value, dtype=np.float64)
            if np.isfinite(made).all():
                yield Wrong(name, made, term != "dx" and "dx" in changes)
