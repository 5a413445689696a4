"""A capture, neuron by neuron: what its gradient is like, and what looks wrong with it.

Read in blocks of rows, so that a large capture is never held twice; sums are float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnviz.captures.record import Capture, Table
from bnviz.core.arrays import Array

BLOCK = 2**21  # numbers


@dataclass(frozen=True)
class Neurons:
    """One number for each neuron, (k,), except where it says otherwise.

    removed_mean, removed_x_hat: the shares of |g|² along 1 and along x̂ that training takes
    away. scale: 1/σ times the largest |g|, what a gradient is made of.
    dx_size: the root mean square of ∂L/∂x. far, bound: the largest difference to the
    captured ∂L/∂x and what rounding explains; None without one.
    """

    mean: Array
    var: Array
    inv_std: Array
    g_size: Array
    dx_size: Array
    scale: Array
    dx_sum: Array
    sum_bound: Array
    removed_mean: Array
    removed_x_hat: Array
    dweight: Array | None  # (d, k)
    far: Array | None
    bound: Array | None

    @property
    def weight_size(self) -> Array | None:
        """|∂L/∂W| of each neuron's column, (k,)."""
        return None if self.dweight is None else np.linalg.norm(self.dweight, axis=0)

    def parts(self, neuron: int) -> dict[str, float]:
        """The shares of |∂L/∂x̂|² of a neuron, by where they go; none where nothing came in."""
        if self.g_size[neuron] == 0:
            return {}
        mean, x_hat = float(self.removed_mean[neuron]), float(self.removed_x_hat[neuron])
        return {"along 1": mean, "along x̂": x_hat, "kept": max(0.0, 1.0 - mean - x_hat)}


class _Walk:
    """Walks over the rows of a capture in blocks, in float64, and says how far it is."""

    def __init__(self, c: Capture, walks: int, progress: Callable[[float], None]) -> None:
        self.c, self.progress = c, progress
        n, k = c.shape
        step = max(1, BLOCK // max(k, 1 if c.a is None else c.a.shape[1]))
        self.parts = [slice(start, min(start + step, n)) for start in range(0, n, step)]
        self.steps, self.done = walks * len(self.parts), 0

    def rows(self, *names: str) -> Iterator[list[Array]]:
        """Block by block, those tables."""
        for part in self.parts:
            yield [getattr(self.c, name)[part].astype(np.float64) for name in names]
            self.done += 1
            self.progress(self.done / self.steps)


@dataclass(frozen=True)
class _Moments:
    """Sums over all rows, (k,), about the mean."""

    mean: Array
    var: Array
    g_sum: Array
    g_dev: Array
    g_square: Array
    g_abs: Array
    g_most: Array
    dev_most: Array


def _moments(c: Capture, walk: _Walk) -> _Moments:
    """In two walks: the mean, then everything about it. g is γ · ∂L/∂y."""
    n, k = c.shape
    first = c.x[0].astype(np.float64)
    away = np.zeros(k)
    for (x,) in walk.rows("x"):
        away += (x - first).sum(axis=0)
    mean = first + away / n
    gamma = c.gamma.astype(np.float64)
    sums = np.zeros((5, k))
    most = np.zeros((2, k))
    for x, dy in walk.rows("x", "dy"):
        dev, g = x - mean, gamma * dy
        terms = (np.square(dev), g, g * dev, np.square(g), np.abs(g))
        sums += [values.sum(axis=0) for values in terms]
        most = np.maximum(most, [np.abs(g).max(axis=0), np.abs(dev).max(axis=0)])
    square, g_sum, g_dev, g_square, g_abs = sums
    return _Moments(mean, square / n, g_sum, g_dev, g_square, g_abs, most[0], most[1])


def survey(c: Capture, progress: Callable[[float], None] = lambda share: None) -> Neurons:
    """All of it in three walks over the rows; progress is told the share that is done."""
    n, k = c.shape
    walk = _Walk(c, 3, progress)
    m = _moments(c, walk)
    frozen = c.mode == "eval"
    used = m.var if c.running_var is None or not frozen else c.running_var.astype(np.float64)
    total = used + c.eps
    s = np.divide(1.0, np.sqrt(total), out=np.zeros(k), where=total > 0)
    # x̂ · mean(g x̂) is the deviation times this.
    share = np.divide(m.g_dev, n * total, out=np.zeros(k), where=total > 0)

    dx_sum, dx_square = np.zeros(k), np.zeros(k)
    dweight = None if c.a is None else np.zeros((c.a.shape[1], k))
    far = None if c.dx is None else np.zeros(k)
    names = ["x", "dy", *(["a"] if c.a is not None else []), *(["dx"] if c.dx is not None else [])]
    for tables in walk.rows(*names):
        block = dict(zip(names, tables, strict=True))
        g = c.gamma * block["dy"]
        dx = s * (g if frozen else g - m.g_sum / n - (block["x"] - m.mean) * share)
        dx_sum += dx.sum(axis=0)
        dx_square += np.square(dx).sum(axis=0)
        if dweight is not None:
            dweight += block["a"].T @ dx
        if far is not None:
            far = np.maximum(far, np.abs(dx - block["dx"]).max(axis=0))

    widest = 1.0 + m.dev_most * s
    rounding = rounding_share(c, m.mean, s)
    whole = np.where(m.g_square > 0, m.g_square, 1.0)
    along = np.divide(m.g_dev**2, n * m.var, out=np.zeros(k), where=m.var > 0)
    # Of what lies along x̂, ε lets ε/(σ²+ε) through.
    along *= 1.0 - np.divide(c.eps, total, out=np.ones(k), where=total > 0) ** 2
    taken = np.where(m.g_square > 0, 0.0 if frozen else 1.0, 0.0) / whole
    return Neurons(
        mean=m.mean,
        var=m.var,
        inv_std=s,
        g_size=np.sqrt(m.g_square / n),
        dx_size=np.sqrt(dx_square / n),
        scale=s * m.g_most,
        dx_sum=dx_sum,
        sum_bound=1e-12 * s * m.g_abs * widest + n * 1e-15 * np.abs(m.mean * share) * s,
        removed_mean=m.g_sum**2 / n * taken,
        removed_x_hat=along * taken,
        dweight=dweight,
        far=far,
        bound=None
        if far is None
        else rounding * s * m.g_most * widest + written_off(c, c.gamma, s, s * m.g_most),
    )


def rounding_share(c: Capture, mean: Array, s: Array) -> Array:
    """The share of what is added up that the other program's rounding explains, (k,).

    It works in float32 or better inside, and rounds to its own format once.
    """
    e = float(np.finfo(c.x.dtype).eps)
    own = c.precision if c.precision > e else 0.0
    share: Array = (e * (16 + c.shape[0] ** 0.5 / 4) + own) * (1.0 + np.abs(mean) * s)
    return share


def written_off(c: Capture, gamma: Table, s: Array, scale: Array) -> Array:
    """How far ∂L/∂x may lie off where it, ∂L/∂y and x were written to so many places, (k,)."""
    off: Array = c.written * (1.0 + 2.0 * s * (np.abs(gamma) + scale))
    return off


def by_running(c: Capture, var: NDArray[np.floating]) -> Array:
    """∂L/∂x with the running variance held as a constant, (N, k)."""
    dx: Array = c.gamma * c.dy / np.sqrt(var.astype(np.float64) + c.eps)
    return dx
