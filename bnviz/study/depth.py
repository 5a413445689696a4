"""A network through depth and training: what each layer does to the gradient, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.network import Layer, Pass, Setting, State, run_pass, start, step

Batch = Callable[[int, int], tuple[Array, Array]]  # of a step and a size: inputs and targets
MEASURES = ("rms", "stopped", "along_one", "along_x_hat", "handed", "length", "turn")
MEDIAN_OVER = 20  # batches that a headline is taken over


@np.errstate(all="ignore")
def measured(one: Layer, weight: Array, first: Array) -> tuple[float, ...]:
    """The MEASURES of a layer in one pass; shares are of the squares that arrive, |∂L/∂out|².

    rms: the root mean square of ∂L/∂x. stopped: by the activation. along_one, along_x_hat: what
    the norm takes of ∂L/∂x̂, in the units of what arrives. handed: |∂L/∂a|². length: |W|. turn:
    the angle between W and what it was at first, in degrees.
    """
    arrives = float(np.vdot(one.dout, one.dout)) or np.nan
    g, x_hat = one.dx_hat, one.x_hat
    n = g.shape[0]
    mean = g.mean(axis=0)
    along = (g * x_hat).sum(axis=0) ** 2 / np.maximum((x_hat * x_hat).sum(axis=0), 1e-300)
    let = float(np.vdot(one.dy, one.dy))
    # γ is part of what gives back: the norm's shares are of ∂L/∂x̂, and scaled to what arrives.
    scale = let / arrives / (float(np.vdot(g, g)) or np.nan)
    length = float(np.sqrt(np.vdot(weight, weight)))
    whole = length * float(np.sqrt(np.vdot(first, first)))
    cosine = float(np.vdot(weight, first)) / whole if whole else np.nan
    return (
        float(np.sqrt(np.vdot(one.dx, one.dx) / one.dx.size)),
        1.0 - let / arrives,
        n * float(mean @ mean) * scale,
        float(along.sum()) * scale,
        float(np.vdot(one.da, one.da)) / arrives,
        length,
        float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))),
    )


@dataclass(eq=False)
class Run:
    """Training as far as it has come; grows by `go`.

    loss: before each step. measures: (steps, depth, len(MEASURES)), of the batch of that step.
    broken: the step and the layer (from 0) at which something first was no finite number.
    """

    setting: Setting
    batch: Batch
    state: State = field(init=False)
    first: tuple[Array, ...] = field(init=False)
    loss: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    rows: list[tuple[tuple[float, ...], ...]] = field(default_factory=list)
    broken: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        a, _ = self.batch(0, 2)
        self.state = State(start(self.setting, a.shape[1]))
        self.first = self.state.weights.weight

    def look(self) -> Pass:
        """A pass over the batch of the step at hand."""
        a, target = self.batch(self.state.steps, self.setting.batch)
        return run_pass(self.setting, self.state.weights, a, target)

    def go(self, steps: int) -> None:
        """Take that many steps, or fewer where numbers end."""
        for _ in range(steps):
            if self.broken:
                return
            a, target = self.batch(self.state.steps, self.setting.batch)
            seen = run_pass(self.setting, self.state.weights, a, target)
            finite = [bool(np.isfinite(one.dx).all()) for one in seen.layers]
            if not (np.isfinite(seen.loss) and all(finite)):
                # A gradient comes from the loss: the last layer that is not finite was first.
                bad = [level for level, well in enumerate(finite) if not well]
                self.broken = (self.state.steps, max(bad, default=self.setting.depth - 1))
                return
            self.loss.append(seen.loss)
            self.right.append(float((seen.answer * target > 0).mean()))
            self.rows.append(
                tuple(
                    measured(one, w, w0)
                    for one, w, w0 in zip(
                        seen.layers, self.state.weights.weight, self.first, strict=True
                    )
                )
            )
            self.state = step(self.setting, self.state, seen.gradients)

    @property
    def measures(self) -> Array:
        """(steps, depth, MEASURES)."""
        return np.array(self.rows).reshape(len(self.rows), self.setting.depth, len(MEASURES))

    def growth(self, steps: slice) -> float:
        """rms ∂L/∂x at layer 2 over that at the last, the median over these steps.

        Layer 2, since what goes into layer 1 are the data. nan for a network of one layer.
        """
        if self.setting.depth < 2 or not self.rows[steps]:
            return float("nan")
        rms = self.measures[steps, :, 0]
        early, last = rms[:, min(1, self.setting.depth - 2)], rms[:, -1]
        with np.errstate(all="ignore"):
            return float(np.median(early / last))


def before_training(setting: Setting, batch: Batch, over: int = MEDIAN_OVER) -> float:
    """The same ratio before the first step, the median over that many batches."""
    if setting.depth < 2:
        return float("nan")
    a, _ = batch(0, 2)
    weights = start(setting, a.shape[1])
    found = []
    for number in range(over):
        layers = run_pass(setting, weights, *batch(10**6 + number, setting.batch)).layers
        rms = [
            np.sqrt(np.vdot(one.dx, one.dx))
            for one in (layers[min(1, len(layers) - 2)], layers[-1])
        ]
        with np.errstate(all="ignore"):
            found.append(float(rms[0] / rms[1]))
    return float(np.median(found))
