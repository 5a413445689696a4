"""A capture, neuron by neuron: what its gradient is like, and what looks wrong with it.

Read in blocks of rows, so that a large capture is never held twice; sums are float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnviz.captures.norms import Part, over_samples, sample_rows
from bnviz.captures.record import Capture, Table
from bnviz.core.arrays import Array

BLOCK = 2**21  # numbers


@dataclass(frozen=True)
class Neurons:
    """One number for each neuron, (k,), except where it says otherwise.

    removed_mean, removed_x_hat: the shares of |g|² along 1 and along x̂ that training takes
    away. scale: 1/σ times the largest |g|, what a gradient is made of.
    dx_size: the root mean square of ∂L/∂x. far, bound: a difference to the captured ∂L/∂x
    and what rounding explains there, where it comes nearest to that or lies furthest beyond;
    None without one. coarse: the largest such bound, as a share of scale. groups: the sum of
    ∂L/∂x over what a norm over samples is taken over that is furthest from 0 for its bound,
    and that bound.
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
    coarse: Array | None = None
    groups: tuple[float, float] | None = None

    @property
    def weight_size(self) -> Array | None:
        """|∂L/∂W| of each neuron's column, (k,)."""
        return None if self.dweight is None else np.linalg.norm(self.dweight, axis=0)

    def parts(self, neuron: int) -> dict[str, float]:
        """The shares of |∂L/∂x̂|² of a neuron, by where they go; none where nothing can be told."""
        if self.g_size[neuron] == 0 or not np.isfinite(self.g_size[neuron] + self.var[neuron]):
            return {}
        mean, x_hat = float(self.removed_mean[neuron]), float(self.removed_x_hat[neuron])
        return {"along 1": mean, "along x̂": x_hat, "kept": max(0.0, 1.0 - mean - x_hat)}


class _Walk:
    """Walks over the rows of a capture in blocks, in float64, and says how far it is."""

    def __init__(self, c: Capture, walks: int, progress: Callable[[float], None]) -> None:
        self.c, self.progress = c, progress
        n, k = c.shape
        step = max(1, BLOCK // max(k, 1 if c.a is None else c.a.shape[1]))
        whole = sample_rows(c)
        step = max(whole, step - step % whole)  # samples that belong together stay together
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
    """Sums over all rows of the batch, (k,), about the mean; of some, where c holds only some."""

    rows: int
    mean: Array
    var: Array
    g_sum: Array
    g_dev: Array
    g_square: Array
    g_abs: Array
    g_dev_abs: Array
    g_most: Array
    dev_most: Array


def _moments(c: Capture, walk: _Walk) -> _Moments:
    """In two walks: the mean, then everything about it. g is γ · ∂L/∂y."""
    n, k = c.shape
    first = c.x[0].astype(np.float64)
    away = np.zeros(k)
    for (x,) in walk.rows("x"):
        away += (x - first).sum(axis=0)
    mean = first + away / n if c.whole is None else c.whole.mean
    gamma = c.gamma.astype(np.float64)
    sums = np.zeros((6, k))
    most = np.zeros((2, k))
    for x, dy in walk.rows("x", "dy"):
        dev, g = x - mean, gamma * dy
        terms = (np.square(dev), g, g * dev, np.square(g), np.abs(g), np.abs(g * dev))
        sums += [values.sum(axis=0) for values in terms]
        most = np.maximum(most, [np.abs(g).max(axis=0), np.abs(dev).max(axis=0)])
    square, g_sum, g_dev, g_square, g_abs, g_dev_abs = sums
    w = c.whole
    if w is None:
        return _Moments(n, mean, square / n, g_sum, g_dev, g_square, g_abs, g_dev_abs, *most)
    # By Cauchy and Schwarz, where only squares were kept.
    g_square = gamma**2 * w.dy_square
    abs_, dev_abs = np.sqrt(w.rows * g_square), np.sqrt(g_square * w.rows * w.var)
    return _Moments(
        w.rows, mean, w.var, gamma * w.dy, gamma * w.dy_dev, g_square, abs_, dev_abs, *most
    )


@np.errstate(all="ignore")  # numbers that are not finite are what one may look for
def survey(c: Capture, progress: Callable[[float], None] = lambda share: None) -> Neurons:
    """All of it in three walks over the rows; progress is told the share that is done."""
    k = c.shape[1]
    walk = _Walk(c, 3, progress)
    m = _moments(c, walk)
    n = m.rows
    frozen = c.mode == "eval"
    used = m.var if c.running_var is None or not frozen else c.running_var.astype(np.float64)
    total = used + c.eps
    s = np.divide(1.0, np.sqrt(total), out=np.zeros(k), where=total > 0)
    # x̂ · mean(g x̂) is the deviation times this.
    share = np.divide(m.g_dev, n * total, out=np.zeros(k), where=total > 0)
    over_batch = c.kind in {"batch", "sync"}

    names = ["x", "dy", *(["a"] if c.a is not None else []), *(["dx"] if c.dx is not None else [])]
    rule = _Rounding(c, m, s, share)
    t = _Totals(c)
    for tables in walk.rows(*names):
        block = dict(zip(names, tables, strict=True))
        g = c.gamma * block["dy"]
        if over_batch:
            dev = block["x"] - m.mean
            dx = s * (g if frozen else g - m.g_sum / n - dev * share)
            t.add(block, dx, *rule.over_batch(g, dev))
        elif c.kind == "own":  # what is not judged is shown as it was captured
            dx = block.get("dx", np.full_like(g, np.nan))
            t.add(block, dx, np.zeros_like(dx), np.zeros_like(dx))
        else:
            part = over_samples(c, block["x"], block["dy"])
            t.add(block, part.dx, rule.over_samples(part, _together(c)), part.size)
            t.add_groups(part)

    dx_sum, dx_square = t.dx_sum, t.dx_square
    widest = 1.0 + m.dev_most * s
    sum_bound = 1e-12 * s * m.g_abs * widest + n * 1e-15 * np.abs(m.mean * share) * s
    if c.whole is not None:
        dx_sum, dx_square, sum_bound = _of_whole(c, m, s, share, rule, t.size_sum)
    whole = np.where(m.g_square > 0, m.g_square, 1.0)
    along = np.divide(m.g_dev**2, n * m.var, out=np.zeros(k), where=m.var > 0)
    # Of what lies along x̂, ε lets ε/(σ²+ε) through.
    along *= 1.0 - np.divide(c.eps, total, out=np.ones(k), where=total > 0) ** 2
    takes = over_batch and not frozen
    taken = np.where(m.g_square > 0, 1.0 if takes else 0.0, 0.0) / whole
    scale = s * m.g_most if over_batch else np.sqrt(dx_square / n)
    return Neurons(
        mean=m.mean,
        var=m.var,
        inv_std=s,
        g_size=np.sqrt(m.g_square / n),
        dx_size=np.sqrt(dx_square / n),
        scale=scale,
        dx_sum=dx_sum,
        sum_bound=sum_bound if over_batch else np.zeros(k),
        removed_mean=m.g_sum**2 / n * taken,
        removed_x_hat=along * taken,
        dweight=t.dweight,
        far=t.nearest[1] if t.judged else None,
        bound=t.nearest[2] if t.judged else None,
        coarse=np.divide(t.most, scale, out=np.zeros(k), where=scale > 0) if t.judged else None,
        groups=t.groups if c.kind in {"layer", "group"} else None,
    )


class _Totals:
    """What the third walk adds up, neuron by neuron; see `Neurons`."""

    def __init__(self, c: Capture) -> None:
        k = c.shape[1]
        self.dx_sum, self.dx_square, self.size_sum = np.zeros((3, k))
        self.dweight = None if c.a is None else np.zeros((c.a.shape[1], k))
        self.judged = c.dx is not None and c.judged
        self.nearest = np.zeros((3, k))  # of far/bound the largest, with far and bound there
        self.most = np.zeros(k)
        self.groups = (0.0, 0.0)

    def add(self, block: dict[str, Array], dx: Array, bound: Array, size: Array) -> None:
        """Some rows: their ∂L/∂x, what rounding explains of each, and what each is made of."""
        self.dx_sum += dx.sum(axis=0)
        self.dx_square += np.square(dx).sum(axis=0)
        self.size_sum += size.sum(axis=0)
        if self.dweight is not None:
            self.dweight += block["a"].T @ dx
        if self.judged:
            self.nearest = _nearest(self.nearest, np.abs(dx - block["dx"]), bound)
            self.most = np.maximum(self.most, bound.max(axis=0))

    def add_groups(self, part: Part) -> None:
        """The sums of some samples over what their norm is taken over."""
        limits = 1e-12 * part.sum_sizes
        at = int(np.nan_to_num(np.abs(part.sums) / limits, nan=-1.0).argmax())
        if abs(part.sums[at]) * self.groups[1] >= self.groups[0] * limits[at]:
            self.groups = float(abs(part.sums[at])), float(limits[at])


def _nearest(before: Array, off: Array, bound: Array) -> Array:
    """Per neuron, where a difference comes nearest to its bound: the ratio, it, its bound."""
    ratio = off / np.where(bound > 0, bound, np.finfo(float).tiny)
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    rows = ratio.argmax(axis=0)
    columns = np.arange(off.shape[1])
    here = np.array([a[rows, columns] for a in (ratio, off, bound)])
    nearest: Array = np.where((here[0] > before[0]) | (before[0] == 0), here, before)
    return nearest


def _together(c: Capture) -> int:
    """How many numbers a norm over samples takes together."""
    return c.shape[1] if c.kind != "group" else c.positions * c.shape[1] // c.groups


def _of_whole(
    c: Capture, m: _Moments, s: Array, share: Array, rule: _Rounding, size: Array
) -> tuple[Array, Array, Array]:
    """Σ∂L/∂x, Σ(∂L/∂x)² and the bound of the first, over all rows of which these are some."""
    part = m.rows / c.shape[0]
    if c.mode == "eval":
        exact, square = s * m.g_sum, s**2 * m.g_square
    else:
        exact = np.zeros_like(s)
        pull = 2.0 * m.g_dev * share - share**2 * m.rows * m.var
        square = s**2 * np.maximum(m.g_square - m.g_sum**2 / m.rows - pull, 0.0)
    theirs = exact if c.whole is None or c.whole.dx is None else c.whole.dx
    return theirs, square, rule.share(m.rows) * size * part


class _Rounding:
    """What rounding explains of a difference, entry by entry.

    Another program may hold mean and 1/σ in its own format, adds up in at least float32, perhaps
    one after the other, and rounds at the end; each term errs in proportion to itself.
    """

    def __init__(self, c: Capture, m: _Moments, s: Array, share: Array) -> None:
        self.c, self.m, self.s, self.pull = c, m, s, share
        self.e = float(np.finfo(c.x.dtype).eps)
        self.own = c.precision if c.precision > self.e else 0.0
        # Below 2⁻¹⁴ float16 counts in steps of 2⁻²⁴.
        self.step = 2.0**-24 if self.own == float(np.finfo(np.float16).eps) else 0.0
        # What is smaller than its smallest whole number loses digits, or is taken for 0.
        self.faint = float(np.finfo(c.x.dtype).tiny)

    def added(self, n: int) -> float:
        """How far a sum of n numbers is off, as a multiple of the sum of their sizes.

        The square root is what independent errors come to; the rest is what one finds where
        small numbers go one by one onto a large sum.
        """
        return float(self.e * (4 + n**0.5 / 4 + n / 250))

    def share(self, n: int) -> float:
        """The same for an entry made of sums over n numbers, once all is rounded."""
        return self.added(n) + 4 * self.e + self.own

    def over_samples(self, part: Part, n: int) -> Array:
        """The bound of each entry, (n, k), for a norm that takes n numbers together.

        Such a norm may hold its mean and 1/σ in the format of x.
        """
        each = 4 * self.e + 2 * self.own
        bound: Array = (each + self.added(n)) * part.size + self.added(n) * part.means
        gate = 1.0 / np.sqrt(self.c.eps) if self.c.eps else 1.0
        return bound + each * part.moved + self.step + self._lost(gate)

    def _lost(self, gate: Array | float) -> Array:
        """What is lost below the format's smallest numbers, before and after γ and 1/σ."""
        lost: Array = self.faint * (1.0 + gate) * (1.0 + np.abs(self.c.gamma))
        return lost

    def over_batch(self, g: Array, dev: Array) -> tuple[Array, Array]:
        """The bound of each entry of ∂L/∂x, and the size of what it is made of; both (n, k)."""
        m, s, c = self.m, self.s, self.c
        size = np.abs(g)
        if c.mode == "eval":
            bound = (4 * self.e + 2 * self.own) * s * size
        else:
            n = m.rows
            size = size + np.abs(m.g_sum) / n + np.abs(dev * self.pull)
            sums = m.g_abs / n + np.abs(dev) * s * s * m.g_dev_abs / n
            # A mean that is off moves all deviations: by so much, in units of σ.
            # Where all are alike, as far from 0, roundings fall the same way.
            moved = (self.e * (4 + n / 50) + self.own) * np.abs(m.mean) * s
            off = moved * (np.abs(self.pull) / s + np.abs(dev) * s * m.g_abs / n)
            off = np.where(s > 0, off, 0.0)
            bound = (4 * self.e + 2 * self.own + self.added(n) + moved**2) * size
            bound = s * (bound + self.added(n) * sums + off)
        bound = bound + self.step + self._lost(s)
        if c.written:
            bound = bound + written_off(c, c.gamma, s, s * m.g_most)
        return bound, s * size


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
