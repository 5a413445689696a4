"""Sums over another axis, or over a part of the batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import cast

import numpy as np

from bnviz.core.arrays import Array
from bnviz.proof.faults.base import LINE, Changes, Fault, Pass, own


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


def _sums_over(p: Pass, rows: slice) -> Changes:
    """What is added up over the batch, over these samples alone."""
    found = {"dgamma": (p.dy * p.x_hat)[rows].sum(axis=0), "dbeta": p.dy[rows].sum(axis=0)}
    if p.s.a is not None:
        found["dweight"] = p.s.a[rows].T @ p.t.dx[rows]
    return found


def _first_shard(many: int) -> Callable[[Pass], Changes]:
    """What one of the workers sees, before the sums are added up."""

    def make(p: Pass) -> Changes:
        cut = _shards(many)(p)
        if not cut:
            return {}
        return _sums_over(p, cut[0])

    return make


def _shard_sum_over_all(p: Pass) -> Changes:
    """Sums over the first half, divided by the whole N."""
    cut = _shards(2)(p)
    if not cut:
        return {}
    rows = cut[0]
    return p.line(mean=lambda v: v[rows].sum(axis=0) / p.n)


def _some(rows: slice) -> Callable[[Pass], Changes]:
    """Sums that leave samples out, divided by N all the same."""

    def make(p: Pass) -> Changes:
        if p.n < 2:
            return {}
        return p.line(mean=lambda v: v[rows].sum(axis=0) / p.n) | _sums_over(p, rows)

    return make


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


BATCH: Mapping[str, Fault] = {
    # Another axis, another part of the batch.
    "axis": own("axis"),
    "keepdims": own("keepdims"),
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
    "last_skipped": Fault(
        "The sums leave the last sample out",
        "for i in range(N - 1): total += dy[i]",
        "for i in range(N): total += dy[i]",
        _some(slice(None, -1)),
    ),
    "first_skipped": Fault(
        "The sums leave the first sample out",
        "for i in range(1, N): total += dy[i]",
        "for i in range(N): total += dy[i]",
        _some(slice(1, None)),
    ),
    "mlpack": Fault(
        "The sign of the path through the variance is turned around, and that through the mean is "
        "not divided by N",
        "dx = inv_std * (dx_hat + x_hat * (dx_hat * x_hat).mean(0)) + dmean",
        LINE,
        lambda p: p.paths(1, -1, p.n),
    ),
}
