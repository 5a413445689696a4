"""A run: a network trained step by step, and what a picture needs of each layer at each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.network import norm, optimisers
from bnviz.core.network.model import (
    Labels,
    Parameters,
    Pass,
    Statistics,
    backward,
    forward,
    parameters,
    started,
)
from bnviz.core.network.settings import MOST_STEPS, Settings
from bnviz.core.scenario import MAX_INPUTS, MAX_ROWS, Scenario

# What is kept of each layer at each step, in this order.
QUANTITIES = (
    "dx",  # root mean square of ∂L/∂x
    "stopped",  # of the square of what arrives at the activation: the share it stops
    "along_one",  # … the share that leaves along 1
    "along_x_hat",  # … and along x̂
    "handed",  # … and what is handed on to the layer below, as a multiple
    "length",  # |W|, Frobenius
    "turn",  # mean angle of the neurons' weights from where they started, degrees
    "sigma",  # mean of √(σ² + ε) over neurons, or over samples
    "dweight",  # |∂L/∂W|², Frobenius
)
_CHECKPOINTS = 16 * 2**20  # bytes


@dataclass(frozen=True)
class Fault:
    """The first number that is not finite: at which step, in which layer from 1, on which way.

    way: "forward", "back", "weights", or "square" where only a square of a gradient is too large;
    layer L + 1 is that of the logits.
    """

    step: int
    layer: int
    way: str


@dataclass(frozen=True, eq=False)
class State:
    """All that the next step follows from."""

    step: int
    vector: Array
    kept: Array
    held: Statistics | None

    @property
    def size(self) -> int:
        """Bytes."""
        held = 0 if self.held is None else 2 * self.held[0].nbytes
        return self.vector.nbytes + self.kept.nbytes + held


class Run:
    """A network and its training, of the same numbers for the same settings on the same build.

    Step t is the gradient at the parameters after t moves, on the batch of step t. The state at
    any step so far comes back by training again from the checkpoint before it.
    """

    def __init__(self, settings: Settings, inputs: Array, labels: Labels) -> None:
        self.settings, self.inputs, self.labels = settings, inputs, labels
        self.classes = int(labels.max()) + 1
        self._held: Statistics | None = None
        self.start = started(settings, inputs.shape[1], self.classes)
        lengths = _lengths(self.start)[:, None, :]
        self._directions = self.start.first[None] / lengths[:1], self.start.weight / lengths[1:]
        self.now = self._views(self.start.vector.copy())
        self.gradient = self._views()
        self.kept = optimisers.memory(settings.optimiser, self.now.vector.size)
        self.fault: Fault | None = None
        self._rows = np.empty((64, len(QUANTITIES), settings.depth))
        self._curve = np.empty((64, 3))  # loss, share right, largest |bias|
        self.steps = -1  # the last one that has been looked at
        self.told: dict[Any, Any] = {}  # what was worked out about it
        self._every = 1
        self._checkpoints: list[State] = []

    def _views(self, vector: Array | None = None) -> Parameters:
        return parameters(self.settings, self.inputs.shape[1], self.classes, vector)

    # ---- What has been kept ----------------------------------------------------------------

    @property
    def rows(self) -> np.ndarray:
        """(steps so far, quantities, layers)."""
        return self._rows[: self.steps + 1]

    def quantity(self, name: str) -> np.ndarray:
        """One of QUANTITIES, (steps so far, layers)."""
        return self.rows[:, QUANTITIES.index(name)]

    @property
    def losses(self) -> Array:
        """The loss at each step so far."""
        return self._curve[: self.steps + 1, 0]

    @property
    def right(self) -> Array:
        """The share of each step's batch that is told right, 0 to 1."""
        return self._curve[: self.steps + 1, 1]

    @property
    def bias_moved(self) -> Array:
        """The largest bias in front of a norm, each having started at 0, at each step."""
        return self._curve[: self.steps + 1, 2]

    @property
    def done(self) -> bool:
        """Can it go no further?"""
        return self.fault is not None or self.steps >= MOST_STEPS

    # ---- Training --------------------------------------------------------------------------

    def batch(self, step: int, salt: int = 0) -> tuple[Array, Labels]:
        """The batch of a step; with another salt, another one."""
        rng = np.random.default_rng([self.settings.seed, 3, salt, step])
        n = self.settings.batch
        chosen = rng.permutation(len(self.labels))[:n]
        return self.inputs[chosen], self.labels[chosen]

    def train(self, to: int) -> Run:
        """Go on until step `to` has been looked at, or a number overflows."""
        while self.steps < min(to, MOST_STEPS) and self.fault is None:
            self.one_step()
        return self

    @np.errstate(all="ignore")
    def one_step(self) -> None:
        """Move from the last step looked at, and look at the next."""
        if self.done:
            return
        if self.steps >= 0:
            self._move(self.now, self.kept, self.gradient, self.steps)
        step = self.steps + 1
        if not np.isfinite(self.now.vector).all():
            self.fault = self._first_weight(step)
            return
        self._held = self._held_at(step, self.now, self._held)
        seen = self._look(self.now, step, self.gradient, self._held)
        self.fault = self._first(seen, step)
        if self.fault is not None:
            return
        measured = self._measure(seen)
        if not np.isfinite(measured).all():
            layer = int(np.flatnonzero(~np.isfinite(measured).all(axis=0))[-1])
            self.fault = Fault(step, layer + 1, "square")
            return
        self._keep(step, State(step, self.now.vector, self.kept, self._held))
        if step >= len(self._rows):
            for name in ("_rows", "_curve"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.empty_like(old)]))
        self._rows[step] = measured
        moved = float(np.abs(self.now.bias).max()) if self.settings.bias else 0.0
        self._curve[step] = seen.loss, seen.right, moved
        self.steps = step

    def _move(self, p: Parameters, kept: Array, gradient: Parameters, step: int) -> None:
        s = self.settings
        optimisers.move(s.optimiser, p.vector, gradient.vector, kept, step, s.rate, s.decay)

    def _held_at(self, step: int, p: Parameters, held: Statistics | None) -> Statistics | None:
        """From its step on, a frozen norm has the statistics that its batch had then."""
        if self.settings.norm == "frozen" and held is None and step >= self.settings.freeze:
            seen = forward(self.settings, p, *self.batch(step))
            held = np.stack(seen.mean), np.stack(seen.var)
        return held

    def _look(
        self,
        p: Parameters,
        step: int,
        gradient: Parameters,
        held: Statistics | None,
        salt: int = 0,
    ) -> Pass:
        inputs, labels = self.batch(step, salt)
        seen = forward(self.settings, p, inputs, labels, held)
        backward(self.settings, p, seen, labels, gradient, held=held is not None)
        return seen

    def _first_weight(self, step: int) -> Fault:
        depth = self.settings.depth
        bad = [
            layer + 1 for layer in range(depth) if not np.isfinite(self.now.weight_of(layer)).all()
        ]
        return Fault(step, bad[0] if bad else depth + 1, "weights")

    def _first(self, seen: Pass, step: int) -> Fault | None:
        """Where a pass first left float64, in its own order."""
        finite = np.isfinite
        depth = self.settings.depth
        if finite(seen.loss) and finite(seen.dx.sum()) and finite(self.gradient.vector.sum()):
            return None
        for layer in range(depth):
            if not (finite(seen.x[layer]).all() and finite(seen.a[layer + 1]).all()):
                return Fault(step, layer + 1, "forward")
        if not (finite(seen.loss) and finite(seen.log_p).all()):
            return Fault(step, depth + 1, "forward")
        for layer in range(depth - 1, -1, -1):
            if not (finite(seen.dx[layer]).all() and finite(seen.da[layer]).all()):
                return Fault(step, layer + 1, "back")
        return None

    # ---- What a picture needs --------------------------------------------------------------

    def _measure(self, seen: Pass) -> Array:
        """The QUANTITIES of a pass, (quantities, layers)."""
        s = self.settings
        n, k = seen.x.shape[1:]

        def squares(values: Array) -> Array:
            found: Array = np.einsum("lnk,lnk->l", values, values)
            return found

        arrives, passes, dx = squares(seen.dz), squares(seen.dy), squares(seen.dx)
        below = np.array([np.vdot(da, da) for da in seen.da[:-1]])
        one = hat = np.zeros(s.depth)
        if s.norm != "none" and self._held is None:
            one, hat = _shares(seen, layer_norm=s.norm == "layer")
        share = _over(passes, arrives)
        sigma = [float((1.0 / v).mean()) for v in seen.inv_std]
        rows = np.zeros((len(QUANTITIES), s.depth))
        rows[0] = np.sqrt(dx / (n * k))
        rows[1] = np.where(arrives > 0, 1.0 - share, 0.0)
        rows[2], rows[3] = share * one, share * hat
        rows[4] = _over(below, arrives)
        rows[5], rows[6] = self._weights()
        rows[7] = sigma if sigma else np.sqrt(np.square(seen.x).mean(axis=(1, 2)))
        first = self.gradient.first
        rows[8, 0] = np.vdot(first, first)
        rows[8, 1:] = np.einsum("ldk,ldk->l", self.gradient.weight, self.gradient.weight)
        return rows

    def _weights(self) -> tuple[Array, Array]:
        """|W| of each layer, and how far its neurons have turned on the average, degrees.

        The angle comes from the difference and the sum of the two directions: a cosine near 1
        would lose half of its digits.
        """
        lengths = _lengths(self.now)
        sizes = lengths[:, None, :]
        halves = []
        for now, units, at in (
            (self.now.first[None], self._directions[0], sizes[:1]),
            (self.now.weight, self._directions[1], sizes[1:]),
        ):
            unit = np.divide(now, at, out=np.zeros_like(now), where=at > 0)
            apart, together = unit - units, unit + units
            halves.append(
                np.arctan2(
                    np.sqrt(np.einsum("ldk,ldk->lk", apart, apart)),
                    np.sqrt(np.einsum("ldk,ldk->lk", together, together)),
                )
            )
        turns = np.degrees(2.0 * np.concatenate(halves)).mean(axis=1)
        return np.sqrt(np.square(lengths).sum(axis=1)), turns

    # ---- Back to a step --------------------------------------------------------------------

    def _keep(self, step: int, state: State) -> None:
        if step % self._every:
            return
        kept = State(step, state.vector.copy(), state.kept.copy(), state.held)
        self._checkpoints.append(kept)
        while len(self._checkpoints) > 2 and len(self._checkpoints) * kept.size > _CHECKPOINTS:
            self._every *= 2
            self._checkpoints = [c for c in self._checkpoints if c.step % self._every == 0]

    @np.errstate(all="ignore")
    def at(self, step: int) -> tuple[Parameters, Statistics | None]:
        """The parameters at a step so far, and the statistics that were held."""
        step = min(max(step, 0), self.steps)
        if step == self.steps and self.fault is None:  # after one, the step beyond was begun
            return self._views(self.now.vector.copy()), self._held
        last = [c for c in self._checkpoints if c.step <= step][-1]
        p, kept, held = self._views(last.vector.copy()), last.kept.copy(), last.held
        gradient = self._views()
        for here in range(last.step, step):
            held = self._held_at(here, p, held)
            self._look(p, here, gradient, held)
            self._move(p, kept, gradient, here)
        return p, self._held_at(step, p, held)

    def look(self, step: int, salt: int = 0) -> tuple[Parameters, Pass]:
        """A step again, with every term of every layer; with a salt, on another batch."""
        p, held = self.at(step)
        with np.errstate(all="ignore"):
            return p, self._look(p, step, self._views(), held, salt)

    @property
    def near(self) -> int:
        """The layer, from 0, that is held against the last: the second, where it is another."""
        return 1 if self.settings.depth > 2 else 0

    def ratios(self, p: Parameters, held: Statistics | None, batches: int = 20) -> Array:
        """Root mean square of ∂L/∂x at the near layer over the last, on so many other batches."""
        found, gradient = [], self._views()
        with np.errstate(all="ignore"):
            for salt in range(1, batches + 1):
                dx = self._look(p, 0, gradient, held, salt).dx
                sizes = np.square(dx[[self.near, -1]]).mean(axis=(1, 2))
                found.append(float(np.sqrt(_over(sizes[:1], sizes[1:])[0])))
        return np.array(found)

    def sizes(self, p: Parameters, held: Statistics | None, step: int) -> Array:
        """Root mean square of ∂L/∂x of each layer, (L,), on the batch of a step."""
        with np.errstate(all="ignore"):
            dx = self._look(p, step, self._views(), held).dx
            found: Array = np.sqrt(np.square(dx).mean(axis=(1, 2)))
        return found

    def given_back(self, p: Parameters, what: str) -> Parameters:
        """The same network with its first directions or lengths back, neuron by neuron."""
        new = self._views(p.vector.copy())
        for layer in range(self.settings.depth):
            w, first = p.weight_of(layer), self.start.weight_of(layer)
            length, before = (np.sqrt(np.square(v).sum(axis=0)) for v in (w, first))
            if what == "directions":
                new.weight_of(layer)[:] = first * _over(length, before)
            else:
                new.weight_of(layer)[:] = w * _over(before, length)
        return new


@np.errstate(all="ignore")
def surface(run: Run, step: int, side: int = 28, reach: float = 1.25) -> Array:
    """How sure the network is of class 1 over the plane, (side, side), from the top left.

    In evaluation: the norms take the mean and variance of all of the data.
    """
    s, (p, held) = run.settings, run.at(step)
    ticks = (np.arange(side) + 0.5) / side * 2 * reach - reach
    grid = np.stack(np.meshgrid(ticks, -ticks), axis=-1).reshape(-1, 2)
    if s.norm in ("batch", "frozen") and held is None:
        seen = forward(s, p, run.inputs, run.labels)
        held = np.stack(seen.mean), np.stack(seen.var)
    seen = forward(s, p, grid, np.zeros(len(grid), np.int64), held)
    sure: Array = np.exp(seen.log_p[:, 1]).reshape(side, side)
    return sure


@np.errstate(all="ignore")
def companies(run: Run, step: int, batches: int = 20) -> Array:
    """How sure the network is of class 1 for one sample, in so many batches of others."""
    p, held = run.at(step)
    found = []
    for salt in range(1, batches + 1):
        inputs, labels = run.batch(step, salt)
        inputs, labels = inputs.copy(), labels.copy()
        inputs[0], labels[0] = run.inputs[0], run.labels[0]
        seen = forward(run.settings, p, inputs, labels, held)
        found.append(float(np.exp(seen.log_p[0, 1])))
    return np.array(found)


def neuron(run: Run, step: int, layer: int, which: int | None = None) -> tuple[Scenario, int, int]:
    """A neuron of a layer at a step, with its real batch: a scenario, the neuron, its input.

    layer and which are from 0; without one, the neuron with the largest ∂L/∂x. Of its inputs the
    four with the largest ∂L/∂W are kept, and the one given back is the largest of them; of more
    than 64 samples, those with the largest ∂L/∂x.
    """
    p, seen = run.look(step)
    dx = seen.dx[layer]
    if which is None or not 0 <= which < dx.shape[1]:
        which = int(np.square(dx).sum(axis=0).argmax())
    rows = np.sort(np.argsort(-np.abs(dx[:, which]), kind="stable")[:MAX_ROWS])
    size = np.abs(seen.a[layer].T @ dx[:, which])
    inputs = np.sort(np.argsort(-size, kind="stable")[:MAX_INPUTS])
    given: dict[str, Any] = {}
    if run.at(step)[1] is not None:
        given = {"running_mean": seen.mean[layer][[which]], "running_var": seen.var[layer][[which]]}
    s = Scenario(
        seen.x[layer][rows][:, [which]],
        seen.dy[layer][rows][:, [which]],
        p.gamma[layer][[which]],
        p.beta[layer][[which]],
        norm.EPS,
        seen.a[layer][rows][:, inputs],
        **given,
    )
    return s, which, int(size[inputs].argmax())


def _over(top: Array, bottom: Array) -> Array:
    """top / bottom, and 0 where bottom is 0."""
    found: Array = np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0)
    return found


def _lengths(p: Parameters) -> Array:
    """The length of each neuron's weights, (L, k)."""
    squares = np.concatenate(
        [
            np.einsum("dk,dk->k", p.first, p.first)[None],
            np.einsum("ldk,ldk->lk", p.weight, p.weight),
        ]
    )
    found: Array = np.sqrt(squares)
    return found


def _shares(seen: Pass, *, layer_norm: bool) -> tuple[Array, Array]:
    """Of |∂L/∂x̂|² of each layer, the shares along 1 and along x̂ that its norm takes away.

    The split of Santurkar et al. 2018, arXiv 1805.11604, theorem 4.1. Along x̂ the norm lets the
    fraction ε/(σ²+ε) of the gradient through, and its square of the square.
    """
    over = "ln" if layer_norm else "lk"
    g, hat = seen.dx_hat, seen.x_hat
    n = g.shape[2] if layer_norm else g.shape[1]
    total = np.einsum("lnk,lnk->l", g, g)
    sums = g.sum(axis=2 if layer_norm else 1)
    along = np.einsum(f"lnk,lnk->{over}", g, hat)
    size = np.einsum(f"lnk,lnk->{over}", hat, hat)
    through = np.square(1.0 - size / n)
    one = np.square(sums).sum(axis=1) / n
    hats = (_over(np.square(along), size) * (1.0 - through)).sum(axis=1)
    return _over(one, total), _over(hats, total)
