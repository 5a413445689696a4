"""A capture, neuron by neuron: what its gradient is like, and what looks wrong with it.

Read in blocks of rows, so that a large capture is never held twice; sums are float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from bnviz.captures import Capture, Table
from bnviz.mistakes import MISTAKES, with_mistake
from bnviz.scenario import MAX_INPUTS, MAX_ROWS, Array, Scenario
from bnviz.text import number
from bnviz.trace import run

BLOCK = 2**21  # numbers
TINY = 100  # a variance below so many ε is ruled by ε
STEEP = 100.0
REMOVED = 0.99


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
    rounding = _rounding(c, m.mean, s)
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
        else rounding * s * m.g_most * widest + _written(c, c.gamma, s, s * m.g_most),
    )


def _rounding(c: Capture, mean: Array, s: Array) -> Array:
    """The share of what is added up that the other program's rounding explains, (k,).

    It works in float32 or better inside, and rounds to its own format once.
    """
    e = float(np.finfo(c.x.dtype).eps)
    own = c.precision if c.precision > e else 0.0
    share: Array = (e * (16 + c.shape[0] ** 0.5 / 4) + own) * (1.0 + np.abs(mean) * s)
    return share


def _written(c: Capture, gamma: Table, s: Array, scale: Array) -> Array:
    """How far ∂L/∂x may lie off where it, ∂L/∂y and x were written to so many places, (k,)."""
    off: Array = c.written * (1.0 + 2.0 * s * (np.abs(gamma) + scale))
    return off


# ---- What looks wrong --------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One neuron and what is to be said of it; the larger the weight, the worse."""

    neuron: int
    words: tuple[str, ...]
    weight: float


def findings(c: Capture, seen: Neurons) -> list[Finding]:
    """Every neuron, the worst first; in plain words, each true of its numbers."""
    found = []
    for j in range(c.shape[1]):
        words: list[tuple[float, str]] = []
        if seen.far is not None and seen.bound is not None and not seen.far[j] <= seen.bound[j]:
            words.append((9, f"∂L/∂x differs from the captured one by {number(seen.far[j])}"))
        if seen.g_size[j] == 0:
            dead = c.gamma[j] != 0 or not c.dy[:, j].any()
            words.append(
                (5, "dead: nothing comes from upstream" if dead else "γ is 0: nothing passes")
            )
        elif seen.var[j] == 0:
            words.append((8, "constant: every x is the same"))
        elif c.mode == "train" and seen.var[j] < TINY * c.eps:
            words.append((6, f"tiny variance, {number(seen.var[j])}: ε has a say"))
        if seen.inv_std[j] > STEEP and seen.dx_size[j] > 0.1 * STEEP * seen.g_size[j] > 0:
            words.append((7, f"1/σ is {number(seen.inv_std[j])}: gradients explode"))
        if seen.removed_x_hat[j] > REMOVED:
            words.append((4, "upstream along x̂: nearly all of it is taken away"))
        elif seen.removed_mean[j] + seen.removed_x_hat[j] > REMOVED and seen.g_size[j] > 0:
            words.append((3, "nearly all of the upstream is taken away"))
        if c.mode == "eval" and abs(seen.dx_sum[j]) > seen.sum_bound[j]:
            words.append((1, f"frozen statistics: Σ∂L/∂x is {number(seen.dx_sum[j])}"))
        words.sort(reverse=True)
        found.append(Finding(j, tuple(text for _, text in words), sum(w for w, _ in words)))
    size = seen.dx_size
    return sorted(found, key=lambda f: (-f.weight, -float(size[f.neuron]), f.neuron))


def furthest(far: Array, bound: Array) -> int:
    """The neuron that lies furthest beyond its bound, or comes nearest to it."""
    return int(np.argmax(far / np.where(bound > 0, bound, np.finfo(float).tiny)))


def agreement(seen: Neurons) -> tuple[bool | None, str] | None:
    """Does the captured ∂L/∂x agree everywhere? None where there is none.

    The verdict is None where digits are too coarse for one.
    """
    if seen.far is None or seen.bound is None:
        return None
    j = furthest(seen.far, seen.bound)
    far, bound = float(seen.far[j]), number(float(seen.bound[j]))
    if not seen.far[j] <= seen.bound[j]:
        return False, (
            f"∂L/∂x differs from the captured one: at neuron {j + 1} by {number(far)}, where "
            f"rounding explains {bound}."
        )
    coarse = np.divide(seen.bound, seen.scale, out=np.zeros(seen.far.size), where=seen.scale > 0)
    worst = int(np.argmax(coarse))
    if coarse[worst] > 0.5:
        return None, (
            f"Whether ∂L/∂x agrees with the captured one can’t be told: at neuron {worst + 1}, "
            "digits as coarse as these leave next to nothing of it."
        )
    said = (
        f"∂L/∂x agrees with the captured one: at neuron {j + 1}, nearest to its bound, they differ "
        f"by {number(far)} of {bound}."
    )
    if coarse[worst] > 0.01:
        said += (
            f" The digits are coarse: at neuron {worst + 1} rounding explains up to "
            f"{coarse[worst]:.0%} of the size of a gradient."
        )
    return True, said


def _by_running(c: Capture, var: NDArray[np.floating]) -> Array:
    """∂L/∂x with the running variance held as a constant, (N, k)."""
    dx: Array = c.gamma * c.dy / np.sqrt(var.astype(np.float64) + c.eps)
    return dx


def explain(c: Capture, neuron: int) -> str:
    """Which known mistake or mode gives the captured ∂L/∂x of a neuron, if one does."""
    if c.dx is None:
        return ""
    x, dy, theirs = (t[:, [neuron]].astype(np.float64) for t in (c.x, c.dy, c.dx))
    t = run(Scenario(x, dy, c.gamma[[neuron]], c.beta[[neuron]], c.eps))
    size = t.inv_std * np.abs(t.dx_hat).max(axis=0)
    allowed = 4 * _rounding(c, t.mean, t.inv_std) * size + _written(
        c, t.scenario.gamma, t.inv_std, size
    )
    close = float(allowed[0])
    if c.mode == "eval":
        if np.abs(t.dx - theirs).max() <= close:
            return (
                "There, the captured gradient is that of training, with the batch’s own statistics."
            )
    elif c.running_var is not None:
        running = _by_running(c, c.running_var)[:, [neuron]]
        if np.abs(running - theirs).max() <= close:
            return "There, the captured gradient is that of running statistics: eval mode."
    for name, mistake in MISTAKES.items():
        with np.errstate(all="ignore"):
            wrong = with_mistake(t, name).dx
            fits = wrong.shape == theirs.shape and np.abs(wrong - theirs).max() <= close
        if fits and np.abs(wrong - t.dx).max() > close:
            return f"There, the captured gradient fits a known mistake: {mistake.title}."
    return "There, the captured gradient fits none of the known mistakes that one neuron can show."


# ---- The whole of it ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Overview:
    """A capture and what was found in it; why says which mistake explains a difference."""

    capture: Capture
    seen: Neurons
    order: list[Finding]
    why: str


def look_over(c: Capture, progress: Callable[[float], None] = lambda share: None) -> Overview:
    """Survey it, and say what stands out."""
    seen = survey(c, progress)
    why = ""
    if seen.far is not None and seen.bound is not None and (seen.far > seen.bound).any():
        why = explain(c, furthest(seen.far, seen.bound))
    return Overview(c, seen, findings(c, seen), why)


# ---- Into the ledger ---------------------------------------------------------------------


def best_inputs(o: Overview, neuron: int) -> list[int]:
    """The inputs with the largest entries of ∂L/∂W, the largest first; as many as a page holds."""
    if o.seen.dweight is None:
        return []
    size = np.abs(o.seen.dweight[:, neuron])
    return [int(p) for p in np.argsort(-size, kind="stable")[:MAX_INPUTS]]


def whole(o: Overview, neuron: int) -> Scenario:
    """One neuron with all of its rows, and the input with the largest entry of ∂L/∂W.

    Without a layer in front, a is 1 for every sample, as it is for a bias.
    """
    return _scenario(o, neuron, slice(None), best_inputs(o, neuron)[:1])


def _scenario(
    o: Overview, neuron: int, rows: NDArray[np.intp] | slice, inputs: list[int]
) -> Scenario:
    c, j = o.capture, [neuron]
    x, dy = (table[rows][:, j].astype(np.float64) for table in (c.x, c.dy))
    a = np.ones((len(x), 1)) if c.a is None else c.a[rows][:, inputs].astype(np.float64)
    return Scenario(x, dy, c.gamma[j], c.beta[j], c.eps, a)


def excerpt(o: Overview, neuron: int) -> tuple[Scenario, str]:
    """One neuron as a scenario that every page can hold, and what was left out.

    At most 64 samples, those with the largest ∂L/∂x, and the 4 inputs with the largest
    entries of ∂L/∂W.
    """
    n = o.capture.shape[0]
    said = []
    rows: NDArray[np.intp] = np.arange(n)
    if n > MAX_ROWS:
        dx = run(whole(o, neuron)).dx[:, 0]
        rows = np.sort(np.argsort(-np.abs(dx), kind="stable")[:MAX_ROWS])
        said.append(
            f"There, the {MAX_ROWS} of {n} samples with the largest gradients are a batch of their "
            "own, with a mean and a variance of their own."
        )
    inputs = sorted(best_inputs(o, neuron))
    a = o.capture.a
    if a is not None and len(inputs) < a.shape[1]:
        listed = ", ".join(str(p + 1) for p in inputs)
        said.append(f"Of {a.shape[1]} inputs come those with the largest ∂L/∂W: {listed}.")
    return _scenario(o, neuron, rows, inputs), " ".join(said)


# ---- Out again ---------------------------------------------------------------------------

MOST = 2**21  # numbers in x; beyond, the terms would be many times the file


def terms(c: Capture) -> dict[str, Array]:
    """Every term of the layer, to be saved with it; none where the capture is too large."""
    if c.x.size > MOST:
        return {}
    if c.mode == "eval" and c.running_var is not None:
        return {"dx": _by_running(c, c.running_var)}
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    names = [f.name for f in fields(t) if f.name != "scenario"]
    return {name: value for name in names if (value := getattr(t, name)) is not None}
