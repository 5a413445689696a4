"""Network: what is said of a run of training, each sentence with its condition.

The numbers are taken anew from passes over the batches, not from what the run has kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np

import bnviz
from bnviz.claims import training as claims
from bnviz.core.arrays import Array
from bnviz.core.network.settings import MOST_STEPS, Settings
from bnviz.inputs.networks import PRESETS
from bnviz.study.training import Run
from tests.harness.exact import read
from tests.harness.rules import always, rule


def runs(start: int, count: int) -> Iterator[tuple[str, str, Facts]]:
    """What is said of small networks of every kind, drawn by their seeds, at three steps."""
    for seed in range(start, start + count):
        rng = np.random.default_rng(seed)
        chosen: dict[str, Any] = {
            "depth": int(rng.integers(1, 9)), "width": int(rng.choice([2, 4, 8, 12])),
            "batch": int(rng.choice([2, 4, 16, 64])), "seed": seed % 12,
            "norm": str(rng.choice(["batch", "batch", "none", "layer", "frozen"])),
            "activation": str(rng.choice(["relu", "relu", "tanh", "none"])),
            "optimiser": str(rng.choice(["sgd", "momentum", "adam"])),
            "rate": float(rng.choice([0.0, 0.01, 0.1, 1.0])), "bias": bool(rng.integers(2)),
            "skip": bool(rng.integers(2)), "freeze": int(rng.choice([1, 5, 22])),
            "data": str(rng.choice(["spirals", "xor", "circles", "digits", "noise"])),
        }  # fmt: skip
        run = bnviz.network(25, **chosen)
        for step in {0, min(1, run.steps), run.steps}:
            facts = Facts(run, step)
            for tell in claims.TELL.values():
                told = tell(run, step)
                yield f"network {seed}, step {step}", told.claim, facts
                yield f"network {seed}, step {step}", told.why, facts


def presets(seeds: range, most: int = MOST_STEPS) -> Iterator[tuple[str, str, Facts]]:
    """The headline of every preset on other seeds, at the step it opens at, or at most this one."""
    for seed in seeds:
        made: dict[Settings, Run] = {}
        for name, preset in PRESETS.items():
            s = replace(preset.settings, seed=seed)
            if s not in made:
                same = [p.at for p in PRESETS.values() if replace(p.settings, seed=seed) == s]
                made[s] = bnviz.network(min(max(same), most), **asdict(s))
            at = min(preset.at, most)
            facts = Facts(made[s], at)
            told = claims.TELL[preset.tells](made[s], at)
            yield f"{name}, seed {seed}", told.claim, facts
            yield f"{name}, seed {seed}", told.why, facts


class Facts:
    """A run at a step, looked at again."""

    def __init__(self, run: Run, step: int) -> None:
        self.run, self.step, self.s = run, step, run.settings
        self.near = 1 if self.s.depth > 2 else 0
        self.moves: list[tuple[float, float]] = []

    def rms(self, step: int, salt: int = 0) -> Array:
        """Root mean square of ∂L/∂x of each layer; salt: on another batch."""
        dx = self.run.look(step, salt)[1].dx
        found: Array = np.array([math.sqrt(float((layer**2).mean())) for layer in dx])
        return found

    def ratio(self, step: int) -> float:
        """As it is on one batch of a step."""
        sizes = self.rms(step)
        return float(sizes[self.near] / sizes[-1]) if sizes[-1] else 0.0

    def over(self, step: int) -> float:
        """As the headlines take it: over 20 batches, or steps, or on one."""
        if step == 0:
            return self.other_batches(0)
        steps = range(step - 19, step + 1) if step >= 20 else [step]
        return float(np.median([self.ratio(one) for one in steps]))

    def other_batches(self, step: int) -> float:
        p, held = self.run.at(step)
        return self.median(p, held)

    def median(self, p: object, held: object) -> float:
        gradient, found = self.run._views(), []
        for salt in range(1, 21):
            dx = self.run._look(p, 0, gradient, held, salt).dx  # type: ignore[arg-type]
            sizes = [float(np.linalg.norm(dx[layer])) for layer in (self.near, -1)]
            found.append(sizes[0] / sizes[1] if sizes[1] else 0.0)
        return float(np.median(found))

    def back(self, what: str) -> float:
        """With the first directions or lengths of each neuron's weights put back."""
        p, held = self.run.at(self.step)
        for layer in range(self.s.depth):
            for j in range(self.s.width):
                w, first = p.weight_of(layer)[:, j], self.run.start.weight_of(layer)[:, j]
                long, short = np.linalg.norm(w), np.linalg.norm(first)
                w[:] = first * long / short if what == "directions" else w * short / long
        return self.median(p, held)

    def turn(self, step: int, layer: int) -> float:
        w, first = self.run.at(step)[0].weight_of(layer), self.run.start.weight_of(layer)
        cosines = (w * first).sum(0) / np.linalg.norm(w, axis=0) / np.linalg.norm(first, axis=0)
        return float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).mean())

    def shares(self) -> tuple[float, float, float]:
        """Of 100: stopped, taken by the norm, handed on; means of layers 3 to the last but one."""
        seen = self.run.look(self.step)[1]
        stopped, taken, handed = [], [], []
        for layer in range(2, self.s.depth - 1):
            arrives = float((seen.dz[layer] ** 2).sum())
            passes = float((seen.dy[layer] ** 2).sum())
            g, dx = seen.dx_hat[layer], seen.dx[layer]
            stopped.append(1 - passes / arrives)
            if self.s.norm != "none":
                inv = seen.inv_std[layer]
                per = inv if self.s.norm != "layer" else inv[:, None]
                taken.append(passes / arrives * (1 - ((dx / per) ** 2).sum() / (g**2).sum()))
            handed.append(float((seen.da[layer] ** 2).sum()) / arrives)
        return tuple(100 * float(np.mean(v)) if v else 0.0 for v in (stopped, taken, handed))  # type: ignore[return-value]

    def loss(self, steps: range) -> float:
        return float(np.median([self.run.look(step)[1].loss for step in steps]))


def near(said: str, value: float, places: float | None = None) -> bool:
    """Is a number as it is said, to its last digit?"""
    text = said.lstrip("×")
    mantissa, _, power = text.partition("e")
    digits = len(mantissa.partition(".")[2])
    unit = 10.0 ** ((int(power.replace("−", "-")) if power else 0) - digits)
    return abs(float(read(text)) - value) <= 0.51 * unit + 1e-6 * abs(value)


def _is_over(f: Facts, words: str) -> bool:
    if f.step == 0:
        return words == "median of 20 batches"
    return words == ("on this one batch" if f.step < 20 else "median of 20 steps")


def _layers(f: Facts, last: str, first: str) -> bool:
    return int(last) == f.s.depth and int(first) == f.near + 1


def _verdict(low: float, high: float):  # type: ignore[no-untyped-def]
    def holds(f: Facts, ratio: str, last: str, first: str) -> bool:
        value = f.over(f.step)
        return low <= value <= high and near(ratio, value) and _layers(f, last, first)

    return holds


for _words, _low, _high in (
    ("explodes", 10, math.inf),
    ("grows", 2, 10),
    ("stays about as large as it was", 0.5, 2),
    ("shrinks", 0.1, 0.5),
    ("vanishes", 0, 0.1),
):
    rule("network", f"The gradient {_words}: ×# from layer # back to layer #")(
        _verdict(_low, _high)
    )


@rule("network", "No gradient arrives at layer #")
def _none(f: Facts, layer: str) -> bool:
    return float(f.rms(f.step)[int(layer) - 1]) == 0


rule("network", "Before the first step, on this one batch: every entry of ∂L/∂x is 0 there.")(
    lambda f: f.step == 0
)
rule("network", "After # step, on this one batch: every entry of ∂L/∂x is 0 there.",
     "After # steps, on this one batch: every entry of ∂L/∂x is 0 there.")(
    lambda f, step: int(step) == f.step
)  # fmt: skip
rule("network", "One layer: there is no depth for the gradient to cross")(lambda f: f.s.depth == 1)
always("network", "Take more layers to see what becomes of it.",
       "Switch it on to see whether it moves.",
       "Each step adds to |W|²; the first has not been taken.")  # fmt: skip
rule("network", "Before the first step, @.")(lambda f, over: f.step == 0 and _is_over(f, over))
rule("network", "Before the first step.")(lambda f: f.step == 0)
rule("network", "After # step.", "After # steps.")(lambda f, step: int(step) == f.step)
rule("network", "After # step, @.", "After # steps, @.")(
    lambda f, step, over: int(step) == f.step and _is_over(f, over)
)


@rule("network", "That is ×# a layer, # times over.")
def _a_layer(f: Facts, each: str, count: str) -> bool:
    return int(count) == f.s.depth - 1 - f.near and near(each, f.over(f.step) ** (1 / int(count)))


@rule("network", "In squares, of 100 that arrive at a layer @ stops #, its norm takes #, and # are "
                 "handed on.")  # fmt: skip
def _three(f: Facts, what: str, stops: str, takes: str, on: str) -> bool:
    stopped, taken, handed = f.shares()
    named = {"the ReLU": "relu", "tanh": "tanh"}[what] == f.s.activation
    return named and near(stops, stopped) and near(takes, taken) and near(on, handed)


@rule("network", "In squares, of 100 that arrive at a layer @ stops #, and # are handed on.")
def _two(f: Facts, what: str, stops: str, on: str) -> bool:
    stopped, taken, handed = f.shares()
    held = f.run.at(f.step)[1] is not None
    named = {"the ReLU": "relu", "tanh": "tanh"}[what] == f.s.activation
    nothing = f.s.norm == "none" or held or abs(taken) < 1e-9
    return named and nothing and near(stops, stopped) and near(on, handed)


rule("network", "In squares, of 100 that arrive at a layer its norm takes #, # are handed on.")(
    lambda f, takes, on: f.s.activation == "none" and near(takes, f.shares()[1])
    and near(on, f.shares()[2])
)  # fmt: skip
rule("network", "In squares, of 100 that arrive at a layer # are handed on.")(
    lambda f, on: f.s.activation == "none" and near(on, f.shares()[2])
)
rule("network", "Theory for wide layers, large batches and random input says ×# (Yang et al. 2019, "
                "arXiv 1902.08129).")(
    lambda f, said: near(said, math.sqrt(math.pi / (math.pi - 1))) and f.step == 0
    and (f.s.data, f.s.activation, f.s.norm, f.s.skip) == ("noise", "relu", "batch", False)
    and f.s.width >= 32 and f.s.batch >= 64
)  # fmt: skip

# ---- It heals, and why -----------------------------------------------------------------


def _both(f: Facts, first: str, now: str, step: str) -> bool:
    return near(first, f.over(0)) and near(now, f.over(f.step)) and int(step) == f.step


rule("network", "It heals: ×# before the first step, ×# after #")(
    lambda f, *said: _both(f, *said) and f.over(0) >= 10 and f.over(f.step) <= f.over(0) / 10
)
rule("network", "It has not healed: ×# before the first step, ×# after #")(
    lambda f, *said: _both(f, *said) and f.over(0) >= 10 and f.over(f.step) > f.over(0) / 10
)
rule("network", "It did not explode at first: ×# before the first step, ×# after #")(
    lambda f, *said: _both(f, *said) and f.over(0) < 10
)
rule("network", "The first is the median of 20 batches, the second the median of 20 steps.")(
    lambda f: f.step >= 20
)
rule("network", "The first is the median of 20 batches, the second on this one batch.")(
    lambda f: 0 < f.step < 20
)
rule("network", "Layer # turned by #° in the first step.")(
    lambda f, layer, turn: near(turn, f.turn(1, int(layer) - 1)) and f.step == 1
)


def _turned(f: Facts, layer: str, first: str, now: str, last: str, there: str) -> bool:
    return (
        _layers(f, last, layer)
        and near(first, f.turn(1, f.near))
        and near(now, f.turn(f.step, f.near))
        and near(there, f.turn(f.step, -1 % f.s.depth))
    )


def _sigma(f: Facts, said: str) -> bool:
    sizes = [float((1 / f.run.look(step)[1].inv_std[f.near]).mean()) for step in (0, f.step)]
    return near(said, sizes[1] / sizes[0])


rule("network", "Layer # turned by #° in the first step and stands at #° now, layer # at #°.")(
    _turned
)
rule("network", "Layer # turned by #° in the first step and stands at #° now, layer # at #°; layer "
                "#’s σ, by which the gradient is divided, is ×# what it was.")(
    lambda f, *said: _turned(f, *said[:5]) and said[5] == said[0] and _sigma(f, said[6])
)  # fmt: skip
rule("network", "Layer # turned by #° in the first step; layer #’s σ, by which the gradient is "
                "divided, is ×# what it was.")(
    lambda f, layer, turn, same, sigma: f.step == 1 and same == layer and _sigma(f, sigma)
    and near(turn, f.turn(1, f.near))
)  # fmt: skip


def _why(kind: str):  # type: ignore[no-untyped-def]
    def holds(f: Facts, directions: str, lengths: str) -> bool:
        one, two = f.back("directions"), f.back("lengths")
        trained, first = f.other_batches(f.step), f.other_batches(0)
        turn = one >= 5 * trained and two < one / 5
        is_kind = "none" if first < 10 else "turn" if turn else "neither"
        return near(directions, one) and near(lengths, two) and is_kind == kind

    return holds


_NUMBERS = "×# with the first directions back, ×# with the first lengths"
rule("network", f"It is the turn that heals: {_NUMBERS}")(_why("turn"))
rule("network", f"There was no explosion to heal: {_NUMBERS}")(_why("none"))
rule("network", f"Neither alone explains it: {_NUMBERS}")(_why("neither"))


@rule("network", "With the first directions or lengths back, numbers overflow here")
def _overflow(f: Facts) -> bool:
    found = [f.other_batches(f.step), f.back("directions"), f.back("lengths")]
    return not np.isfinite(found).all()


always("network", "So what heals can’t be told from them.")
rule("network", "With other neighbours, numbers overflow here")(
    lambda f: not np.isfinite(_said(f)).all()
)
rule("network", "As trained it is ×#, and ×# before the first step; medians of 20 batches.")(
    lambda f, now, first: near(now, f.other_batches(f.step)) and near(first, f.other_batches(0))
)

# ---- The others ------------------------------------------------------------------------


def _learns(low: float, high: float):  # type: ignore[no-untyped-def]
    def holds(f: Facts, step: str, norm: str, loss: str, guess: str) -> bool:
        value = f.loss(range(max(0, f.step - 19), f.step + 1))
        lowest = math.log(f.run.classes)
        named = {"batch norm": "batch", "no norm": "none", "layer norm": "layer",
                 "frozen norm": "frozen"}[norm] == f.s.norm  # fmt: skip
        return (
            int(step) == f.step and named and near(loss, value) and near(guess, lowest)
            and low * lowest <= value <= high * lowest
        )  # fmt: skip

    return holds


for _start, _low, _high in (
    ("Nothing is learned", 0.95, math.inf),
    ("Hardly anything is learned", 0.75, 0.95),
    ("It learns", 0, 0.75),
):
    for _s in ("", "s"):
        rule("network", f"{_start}: after # step{_s}, with @, the loss is #; guessing has #")(
            _learns(_low, _high)
        )
rule("network", "The loss begins at #; guessing has #")(
    lambda f, loss, guess: f.step == 0 and near(loss, f.loss(range(1)))
    and near(guess, math.log(f.run.classes))
)  # fmt: skip
rule("network", "The loss is that on this one batch.")(lambda f: f.step == 0)
rule("network", "The loss is the median of # steps.")(
    lambda f, count: int(count) == min(20, f.step + 1)
)
rule("network", "∂L/∂x at layer # has a root mean square of #.")(
    lambda f, layer, size: near(size, f.rms(f.step)[int(layer) - 1])
)


@rule("network", "A batch of #: ×# a layer, in squares")
def _small(f: Facts, batch: str, each: str) -> bool:
    count = f.s.depth - 1 - f.near
    return int(batch) == f.s.batch and f.step == 0 and near(each, f.over(0) ** (2 / count))


@rule("network", "Before the first step, median of 20 batches; a batch of 64 has ×#.")
def _than(f: Facts, each: str) -> bool:
    other = Facts(Run(replace(f.s, batch=64), f.run.inputs, f.run.labels).train(0), 0)
    return near(each, other.over(0) ** (2 / (f.s.depth - 1 - f.near)))


rule("network", "From layer # back to layer # that makes ×# in size.")(
    lambda f, last, first, all_: _layers(f, last, first) and near(all_, f.over(0))
)


def _sums(f: Facts) -> tuple[float, float]:
    dx = f.run.look(f.step)[1].dx
    return float(np.abs(dx.sum(axis=1)).max()), float(np.abs(dx).sum(axis=1).max())


def _moved(f: Facts) -> float:
    return float(np.abs(f.run.at(f.step)[0].bias).max())


def _biased(zero: bool, adam: bool):  # type: ignore[no-untyped-def]
    def holds(f: Facts, moved: str, step: str) -> bool:
        sums, scale = _sums(f)
        far = f.s.optimiser == "adam" and _moved(f) > 1000 * f.s.rate * f.step * sums > 0
        right = (sums <= 1e-12 * scale) == zero and (far == adam if zero else True)
        return right and near(moved, _moved(f)) and int(step) == f.step

    return holds


for _s in ("", "s"):
    rule("network", "The bias gets no gradient, and Adam moves it all the same: by up to # after # "
                    f"step{_s}")(_biased(True, True))  # fmt: skip
    rule("network", f"The bias gets no gradient, and stays: moved by # after # step{_s}")(
        _biased(True, False)
    )
    rule("network", f"This bias gets a gradient: moved by up to # after # step{_s}")(
        _biased(False, False)
    )
rule("network", "This network has no bias in front of its norms")(lambda f: not f.s.bias)
rule("network", "Its gradient is Σ∂L/∂x; at this step at most #, 0 but for rounding (Σ|∂L/∂x| is "
                "up to #).")(
    lambda f, sums, scale: near(sums, _sums(f)[0]) and near(scale, _sums(f)[1])
    and _sums(f)[0] <= 1e-12 * _sums(f)[1]
)  # fmt: skip
rule("network", "Its gradient is Σ∂L/∂x; at this step at most #, where Σ|∂L/∂x| is up to #.")(
    lambda f, sums, scale: near(sums, _sums(f)[0]) and near(scale, _sums(f)[1])
)
rule("network", "Adam divides the rounding by its own size; as many plain steps of that gradient "
                "would make #.")(
    lambda f, plain: f.s.optimiser == "adam" and near(plain, f.s.rate * f.step * _sums(f)[0])
)  # fmt: skip


def _moves(f: Facts) -> list[tuple[float, float]]:
    """|W|² of the near layer before each step so far, and |∂L/∂W|² there; then |W|² now.

    Plain SGD, walked again from the start.
    """
    if f.moves:
        return f.moves
    p, found = f.run.at(0)[0], []
    for step in range(f.step):
        gradient = f.run._views()
        seen = f.run._look(p, step, gradient, None)
        mine = seen.a[f.near].T @ seen.dx[f.near]
        found.append((float((p.weight_of(f.near) ** 2).sum()), float((mine**2).sum())))
        p.vector[:] = p.vector - f.s.rate * (gradient.vector + f.s.decay * p.vector)
    f.moves = [*found, (float((p.weight_of(f.near) ** 2).sum()), 0.0)]
    return f.moves


def _grown(f: Facts) -> tuple[float, float, float, float]:
    """|W|² at first and now, Ση²|∂L/∂W|² and its first term, from gradients taken anew."""
    if f.s.optimiser == "sgd" and f.s.norm != "frozen":
        moves = _moves(f)
        paid = [f.s.rate**2 * gradient for _, gradient in moves[:-1]]
        return moves[0][0], moves[-1][0], sum(paid), paid[0]
    squares = [float((f.run.at(t)[0].weight_of(f.near) ** 2).sum()) for t in (0, f.step)]
    paid = []
    for step in range(f.step):
        seen = f.run.look(step)[1]
        gradient = seen.a[f.near].T @ seen.dx[f.near]
        paid.append(f.s.rate**2 * float((gradient**2).sum()))
    return squares[0], squares[1], sum(paid), paid[0]


def _balance(low: float, high: float, *without: float):  # type: ignore[no-untyped-def]
    def holds(f: Facts, into: str, layer: str, out: str) -> bool:
        moves, kept = _moves(f)[:-1], 1 - f.s.rate * f.s.decay
        put = float(np.median([f.s.rate**2 * g for _, g in moves[-20:]]))
        taken = float(np.median([(1 - kept * kept) * w for w, _ in moves[-20:]]))
        inside = low <= put / taken <= high
        if without:
            inside = inside and not without[0] <= put / taken <= without[1]
        plain = f.s.optimiser == "sgd" and f.s.norm == "batch" and f.s.decay > 0
        return (
            plain and inside and near(into, put) and near(out, taken) and int(layer) == f.near + 1
        )

    return holds


_PUTS = "a step puts # into layer #’s |W|², decay takes #"
rule("network", f"A balance: {_PUTS}")(_balance(0.9, 1.1))
rule("network", f"Nearly a balance: {_PUTS}")(_balance(0.5, 2.0, 0.9, 1.1))
rule("network", f"No balance: {_PUTS}")(_balance(0.0, math.inf, 0.5, 2.0))
rule("network", "Layer #’s |W|² went from # to #.")(
    lambda f, layer, first, now: int(layer) == f.near + 1
    and near(first, float((f.run.start.weight_of(f.near) ** 2).sum()))
    and near(now, float((f.run.at(f.step)[0].weight_of(f.near) ** 2).sum()))
)  # fmt: skip
rule("network", "Into it goes η²|∂L/∂W|², out of it 2ηλ − η²λ² of itself; medians of # steps.")(
    lambda f, count: int(count) == min(20, f.step) > 1
)
rule("network", "Into it goes η²|∂L/∂W|², out of it 2ηλ − η²λ² of itself; of this one step.")(
    lambda f: f.step == 1
)


rule("network", "Not yet moved")(lambda f: f.step == 0)
rule("network", "Layer #’s |W|² grows by Ση²|∂L/∂W|², and # % of that is the first step")(
    lambda f, layer, share: (
        int(layer) == f.near + 1
        and near(share, 100 * _grown(f)[3] / _grown(f)[2])
        and abs(_grown(f)[1] - _grown(f)[0] - _grown(f)[2]) <= 0.021 * _grown(f)[2]
    )
)
rule("network", "Layer #’s |W|² changes by #")(
    lambda f, layer, by: int(layer) == f.near + 1 and near(by, _grown(f)[1] - _grown(f)[0])
)
rule("network", "Layer #’s |W|² went from # to #; Ση²|∂L/∂W|² is #.")(
    lambda f, layer, first, now, paid: int(layer) == f.near + 1 and near(first, _grown(f)[0])
    and near(now, _grown(f)[1]) and near(paid, _grown(f)[2])
)  # fmt: skip


@rule("network", "A step is at right angles to w, since the norm does not see its length.",
      "The gradient is at right angles to w, since the norm does not see its length.")  # fmt: skip
def _right_angles(f: Facts) -> bool:
    p, seen = f.run.look(f.step)
    w, gradient = p.weight_of(f.near), seen.a[f.near].T @ seen.dx[f.near]
    return bool(abs((w * gradient).sum()) <= 0.01 * np.linalg.norm(w) * np.linalg.norm(gradient))


@rule("network", "Frozen from step #: ×# before, ×# since, from layer # back to layer #")
def _frozen(f: Facts, since: str, before: str, after: str, last: str, first: str) -> bool:
    start = int(since)
    was = np.median([f.ratio(t) for t in range(max(0, start - 20), start)])
    now = np.median([f.ratio(t) for t in range(max(start, f.step - 19), f.step + 1)])
    named = start == f.s.freeze and f.s.norm == "frozen" and _layers(f, last, first)
    return named and near(before, float(was)) and near(after, float(now))


@rule("network", "Mean and variance are constants since then, and nothing flows through them.")
def _constants(f: Facts) -> bool:
    seen = f.run.look(f.step)[1]
    per = [np.abs(seen.dx[i] - seen.dx_hat[i] * seen.inv_std[i]).max() for i in range(f.s.depth)]
    return bool(max(per) == 0)


rule("network", "The loss was #, it is #; medians of at most 20 steps.")(
    lambda f, was, now: (
        near(was, f.loss(range(max(0, f.s.freeze - 20), f.s.freeze)))
        and near(now, f.loss(range(max(f.s.freeze, f.step - 19), f.step + 1)))
    )
)


def _said(f: Facts) -> list[float]:
    """How sure of class 1 the network is of point 1 in 20 other batches, in percent."""
    p, held = f.run.at(f.step)
    found = []
    for salt in range(1, 21):
        a = f.run.batch(f.step, salt)[0].copy()
        a[0] = f.run.inputs[0]
        for layer in range(f.s.depth):
            below, y = a, a @ p.weight_of(layer)
            if f.s.bias:
                y = y + p.bias[layer]
            if f.s.norm != "none":
                axis = 1 if f.s.norm == "layer" else 0
                mean, var = y.mean(axis, keepdims=True), y.var(axis, keepdims=True)
                if held is not None:
                    mean, var = held[0][layer], held[1][layer]
                y = p.gamma[layer] * (y - mean) / np.sqrt(var + 1e-5) + p.beta[layer]
            a = {"relu": np.maximum(y, 0), "tanh": np.tanh(y), "none": y}[f.s.activation]
            if f.s.skip and layer:
                a = a + below
        logits = a[0] @ p.last + p.offset
        two = np.exp(logits - logits.max())
        found.append(float(100 * two[1] / two.sum()))
    return found


rule("network", "The same point, other neighbours: # to # % sure of class 1")(
    lambda f, low, high: near(low, min(_said(f))) and near(high, max(_said(f)))
)
rule("network", "A sample’s answer does not depend on its neighbours")(
    lambda f: max(_said(f)) - min(_said(f)) < 1e-5
)
rule("network", "Before the first step point 1 was put into # batches of others.")(
    lambda f, count: int(count) == 20 and f.step == 0
)
rule("network", "After # step point 1 was put into # batches of others.",
     "After # steps point 1 was put into # batches of others.")(
    lambda f, step, count: int(count) == 20 and int(step) == f.step
)  # fmt: skip
rule("network", "The network is # % sure of class 1 in each.")(
    lambda f, sure: near(sure, _said(f)[0])
)
rule("network", "In training, a batch norm’s mean and variance are those of the batch, so each "
                "sample’s answer depends on all others.")(
    lambda f: f.s.norm in ("batch", "frozen")
)  # fmt: skip
