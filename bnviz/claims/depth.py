"""What may be said of a gradient's way through depth and training, of the run at hand."""

from __future__ import annotations

import math

import numpy as np

from bnviz.core.arrays import Array
from bnviz.study.depth import MEASURES, MEDIAN_OVER, Run
from bnviz.words.claim import Claim
from bnviz.words.numbers import number, significant

THEORY = math.sqrt(math.pi / (math.pi - 1))  # a layer, for wide ReLU layers and random input
_WAYS = ((10.0, "explodes"), (2.0, "grows"), (0.5, "stays"), (0.1, "shrinks"), (0.0, "vanishes"))
_EXPLODES = 10.0
_GUESSING = math.log(2)
_TRAINED = 40  # steps from which the end of a run is spoken of
_LAYERS = {"batch": "batch norm", "layer": "layer norm", "none": "no norm"}


def times(ratio: float) -> str:
    """A ratio as it is said: ×891, ×1.3.

    >>> times(891.2), times(1.27), times(0.0123)
    ('×891', '×1.27', '×0.0123')
    """
    return f"×{significant(ratio)}" if not 100 <= ratio < 1e5 else f"×{ratio:.0f}"


def _way(ratio: float) -> str:
    return next(word for least, word in _WAYS if not ratio < least)


def ratios(run: Run) -> Array:
    """rms ∂L/∂x over that at the last layer, (steps, depth)."""
    rms = run.measures[:, :, MEASURES.index("rms")]
    with np.errstate(all="ignore"):
        found: Array = rms / rms[:, -1:]
    return found


def last(run: Run) -> slice:
    """The steps that stand for the end of a run: medians, and never one batch."""
    return slice(-MEDIAN_OVER, None)


def headline(run: Run, before: float, *, end: bool = True) -> Claim:
    """What becomes of the gradient: after the steps so far, or before the first of them.

    before: `study.depth.before_training` of this setting.
    """
    s, done = run.setting, len(run.loss) if end else 0
    if run.broken and end:
        step, layer = run.broken
        return Claim(
            f"Training ends at step {step}: numbers run out at layer {layer + 1}.",
            "There something is no finite number for the first time, as the gradient comes from "
            "the loss. A smaller rate may help.",
        )
    if s.depth < 2:
        return Claim(
            "One layer has no depth: there is nothing for a gradient to pass through.",
            "Take two layers or more.",
        )
    far = f"from layer {s.depth} back to layer 2" if s.depth > 2 else "from layer 2 to layer 1"
    now = run.growth(last(run))
    if done >= _TRAINED and before > _EXPLODES and now < before / 10:
        return Claim(
            f"It heals: {times(before)} before the first step, {times(now)} after {done}.",
            f"rms ∂L/∂x {far}, medians over {MEDIAN_OVER} batches each. {_loss(run)}",
        )
    if done >= _TRAINED and _loss_at_end(run) > 0.85 * _GUESSING:
        return Claim(
            f"After {done} steps the loss is hardly better than guessing: "
            f"{number(_loss_at_end(run))}.",
            f"Guessing costs log 2 ≈ 0.69. {_of(run, before, far)}",
        )
    if done >= _TRAINED:
        return Claim(
            f"The gradient {_way(before)}, {times(before)}, and after {done} steps {times(now)}.",
            f"rms ∂L/∂x {far}, medians over {MEDIAN_OVER} batches each. {_loss(run)}",
        )
    return Claim(f"The gradient {_way(before)}: {times(before)} {far}.", _of(run, before, far))


def _of(run: Run, before: float, far: str) -> str:
    """What a layer does to it before the first step, and what theory says where it applies."""
    s = run.setting
    count = max(s.depth - 2, 1)
    each = before ** (1 / count)
    text = (
        f"Before the first step, with {_LAYERS[s.norm]}: {times(each)} a layer, {count} times over"
        f" (rms ∂L/∂x {far}, the median over {MEDIAN_OVER} batches)."
    )
    if s.norm == "batch" and s.activation == "relu" and not s.skip:
        text += (
            f" For wide layers and random input theory says {times(THEORY)} a layer, √(π/(π−1)): "
            "Yang et al. 2019."
        )
    return text


def _loss_at_end(run: Run) -> float:
    return float(np.median(run.loss[last(run)]))


def _loss(run: Run) -> str:
    return (
        f"The loss went from {number(run.loss[0])} to {number(_loss_at_end(run))}; "
        "guessing costs 0.69."
    )


def budget(run: Run, step: int) -> dict[str, float]:
    """Of 100 that arrive at a layer, in squares: means of all layers but the first and the last."""
    rows = run.measures[step]
    inner = rows[1:-1] if len(rows) > 2 else rows
    mean = dict(zip(MEASURES, 100 * inner.mean(axis=0), strict=True))
    taken = {name: mean[name] for name in ("stopped", "along_one", "along_x_hat")}
    return taken | {"back": mean["handed"] - 100 + sum(taken.values()), "handed": mean["handed"]}


def alt(run: Run, step: int) -> str:
    """The picture in one sentence, for who can't see it."""
    found = ratios(run)[step]
    return (
        f"Before step {step + 1}, rms ∂L/∂x over that at the last of {found.size} layers: layer 1 "
        f"{times(float(found[0]))}"
        + (
            f", layer {found.size // 2} {times(float(found[found.size // 2 - 1]))}"
            if found.size > 3
            else ""
        )
        + "."
    )
