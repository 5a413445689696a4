"""What may be said of a run of training at a step, each sentence under its condition."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.network.settings import Settings
from bnviz.study.training import Run, companies
from bnviz.words.claim import Claim
from bnviz.words.numbers import number, significant

_T = TypeVar("_T")
WINDOW = 20  # batches of a median
THEORY = math.pi / (math.pi - 1)  # a layer, in squares: Yang et al. 2019, arXiv 1902.08129

ACTIVATIONS = {"relu": "the ReLU", "tanh": "tanh", "none": "no activation"}
NORMS = {
    "batch": "batch norm", "none": "no norm", "layer": "layer norm", "frozen": "frozen norm",
}  # fmt: skip


def times(value: float) -> str:
    """A factor, in three digits at most.

    >>> times(891.4), times(3.94), times(0.021)
    ('×891', '×3.9', '×0.021')
    """
    if value == 0 or not math.isfinite(value) or not 1e-3 <= value < 1e5:
        return f"×{significant(value)}"
    places = 0 if value >= 99.5 else 1 if value >= 2 else 2 if value >= 0.095 else 3
    return f"×{value:.{places}f}"


def whole(value: float) -> str:
    """A share of 100, without places unless it is beyond all counting.

    >>> whole(50.4), whole(1.23e9)
    ('50', '1.23e9')
    """
    return f"{value:.0f}" if abs(value) < 1e5 else significant(value)


def ratios(run: Run) -> Array:
    """Root mean square of ∂L/∂x at the near layer over the last, at each step so far."""
    dx = run.quantity("dx")
    none = np.zeros(len(dx))
    found: Array = np.divide(dx[:, run.near], dx[:, -1], out=none, where=dx[:, -1] > 0)
    return found


def _once(run: Run, key: object, work: Callable[[], _T]) -> _T:
    """Work done once a run; kept with it, and forgotten with it."""
    if key not in run.told:
        run.told[key] = work()
    found: _T = run.told[key]
    return found


def _before(run: Run) -> float:
    return _once(run, "before", lambda: float(np.median(run.ratios(run.start, run.at(0)[1]))))


def typical(run: Run, step: int) -> tuple[float, str]:
    """The ratio at a step as a median over batches, and over which: one batch says little.

    Before the first step 20 batches are tried; after 20 steps it is the median of the last 20; in
    between, where each step changes it, only the step's own batch can be asked.
    """
    if step == 0:
        return _before(run), f"median of {WINDOW} batches"
    seen = ratios(run)
    if step < WINDOW:
        return float(seen[step]), "on this one batch"
    return float(np.median(seen[step - WINDOW + 1 : step + 1])), f"median of {WINDOW} steps"


def a_layer(run: Run, ratio: float) -> float:
    """The factor a layer of which so many make the ratio."""
    count = run.settings.depth - 1 - run.near
    return float(ratio ** (1 / count)) if count and ratio > 0 else 1.0


def when(step: int) -> str:
    """A step, as it is said at the beginning of a sentence."""
    return "Before the first step" if step == 0 else f"After {step} step{'s' * (step > 1)}"


def _way(run: Run) -> str:
    return f"from layer {run.settings.depth} back to layer {run.near + 1}"


def verdict(ratio: float) -> str:
    """What becomes of the gradient on its way: vanish, shrink, stay, grow or explode."""
    if ratio >= 10:
        return "explodes"
    if ratio >= 2:
        return "grows"
    if ratio > 0.5:
        return "stays about as large as it was"
    return "shrinks" if ratio > 0.1 else "vanishes"


def flow(run: Run, step: int) -> Claim:
    """Does the gradient vanish, stay or explode on its way back?"""
    s = run.settings
    if s.depth == 1:
        return Claim(
            "One layer: there is no depth for the gradient to cross",
            f"{when(step)}. Take more layers to see what becomes of it.",
        )
    ratio, over = typical(run, step)
    last, near = (float(run.quantity("dx")[step, layer]) for layer in (-1, run.near))
    if last == 0 or near == 0:
        where = s.depth if last == 0 else run.near + 1
        return Claim(
            f"No gradient arrives at layer {where}",
            f"{when(step)}, on this one batch: every entry of ∂L/∂x is 0 there.",
        )
    claim = f"The gradient {verdict(ratio)}: {times(ratio)} {_way(run)}"
    said = [f"{when(step)}, {over}."]
    count = s.depth - 1 - run.near
    if count > 1:
        said.append(f"That is {times(a_layer(run, ratio))} a layer, {count} times over.")
    if s.depth > 3:
        m = means(run, step)
        what = "passes all on" if s.activation == "none" else f"stops {whole(m[0])}"
        taken = (
            f" its norm takes {number(m[1] + m[2], places=1)},"
            if s.norm in ("batch", "layer") or (s.norm == "frozen" and step < s.freeze)
            else ""
        )
        said.append(
            f"In squares, of 100 that arrive at a layer {ACTIVATIONS[s.activation]} {what},{taken} "
            f"and {whole(m[4])} are handed on."
            if s.activation != "none"
            else f"In squares, of 100 that arrive at a layer{taken} {whole(m[4])} are handed on."
        )
    if theory_applies(s, step):
        said.append(
            f"Theory for wide layers, large batches and random input says "
            f"{times(math.sqrt(THEORY))} (Yang et al. 2019, arXiv 1902.08129)."
        )
    return Claim(claim, " ".join(said))


def theory_applies(s: Settings, step: int) -> bool:
    """Is this what Yang et al. computed: ReLU, batch norm, no skip, random input, at the start?"""
    return (
        (s.data, s.activation, s.norm, s.skip) == ("noise", "relu", "batch", False)
        and step == 0
        and s.width >= 32
        and s.batch >= 64
    )


def means(run: Run, step: int) -> Array:
    """Of 100 that arrive, means of layers 3 to the last but one: stopped, along 1, x̂, back, on."""
    stopped, one, hat, handed = run.rows[step, 1:5, 2:-1].mean(axis=1) * 100
    return np.array([stopped, one, hat, handed - (100 - stopped - one - hat), handed])


def heals(run: Run, step: int) -> Claim:
    """Is the explosion gone?"""
    if run.settings.depth == 1 or step == 0 or run.quantity("dx")[step, -1] == 0:
        return flow(run, step)
    first, now = typical(run, 0)[0], typical(run, step)
    both = f"{times(first)} before the first step, {times(now[0])} after {step}"
    if first < 10:
        claim = f"It did not explode at first: {both}"
    elif now[0] <= first / 10:
        claim = f"It heals: {both}"
    else:
        claim = f"It has not healed: {both}"
    return Claim(claim, f"{_medians(now[1])} {_turned(run, step)}")


def _medians(over: str) -> str:
    return f"The first is the median of {WINDOW} batches, the second {_article(over)}."


def _article(over: str) -> str:
    return over if over.startswith("on ") else f"the {over}"


def _turned(run: Run, step: int) -> str:
    """How far the near layer and the last have turned, and what became of σ."""
    turn, near = run.quantity("turn"), run.near
    depth = run.settings.depth
    said = f"Layer {near + 1} turned by {turn[1, near]:.0f}° in the first step"
    said += f" and stands at {turn[step, near]:.0f}° now" if step > 1 else ""
    said += f", layer {depth} at {turn[step, -1]:.0f}°" if step > 1 else ""
    sigma = run.quantity("sigma")
    if run.settings.norm != "none" and sigma[0, near] > 0:
        said += f"; layer {near + 1}’s σ, by which the gradient is divided, is "
        said += f"{times(sigma[step, near] / sigma[0, near])} what it was"
    return said + "."


def given_back(run: Run, step: int) -> tuple[float, float, float]:
    """The ratio as trained, with its first directions back, with its first lengths back.

    Medians of 20 batches each.
    """

    def work() -> tuple[float, float, float]:
        p, held = run.at(step)
        networks = (p, run.given_back(p, "directions"), run.given_back(p, "lengths"))
        trained, directions, lengths = (float(np.median(run.ratios(n, held))) for n in networks)
        return trained, directions, lengths

    return _once(run, ("given back", step), work)


def why(run: Run, step: int) -> Claim:
    """The experiment: give back the first directions, or the first lengths."""
    if run.settings.depth == 1 or step == 0 or run.quantity("dx")[step, -1] == 0:
        return flow(run, step)
    trained, directions, lengths = given_back(run, step)
    if not np.isfinite([trained, directions, lengths]).all():
        return Claim(
            "With the first directions or lengths back, numbers overflow here",
            f"So what heals can’t be told from them. {_turned(run, step)}",
        )
    numbers = f"{times(directions)} with the first directions back, {times(lengths)} with the "
    numbers += "first lengths"
    if _before(run) < 10:
        claim = f"There was no explosion to heal: {numbers}"
    elif directions >= 5 * trained and lengths < directions / 5:
        claim = f"It is the turn that heals: {numbers}"
    else:
        claim = f"Neither alone explains it: {numbers}"
    return Claim(
        claim,
        f"As trained it is {times(trained)}, and {times(_before(run))} before the first step; "
        f"medians of {WINDOW} batches. {_turned(run, step)}",
    )


def arrives(run: Run, step: int) -> Claim:
    """Does it learn at all?"""
    guess = math.log(run.classes)
    losses = run.losses[max(0, step - WINDOW + 1) : step + 1]
    loss = float(np.median(losses))
    size = float(run.quantity("dx")[step, run.near])
    norm = NORMS[run.settings.norm]
    start = f"{when(step)}, with {norm}, the loss is {number(loss)}; guessing has {number(guess)}"
    if step == 0:
        claim = f"The loss begins at {number(loss)}; guessing has {number(guess)}"
    elif loss > 0.75 * guess:
        little = "Nothing" if loss > 0.95 * guess else "Hardly anything"
        claim = f"{little} is learned: {start[0].lower()}{start[1:]}"
    else:
        claim = f"It learns: {start[0].lower()}{start[1:]}"
    over = f"median of {len(losses)} steps" if len(losses) > 1 else "on this one batch"
    return Claim(
        claim,
        f"The loss is the {over}. ∂L/∂x at layer {run.near + 1} has a root mean square of "
        f"{significant(size)}.".replace("is the on", "is that on"),
    )


def small(run: Run, step: int) -> Claim:
    """How much a layer adds with a batch as small as this, beside one of 64."""
    s = run.settings
    if step or s.depth < 4 or _before(run) == 0:
        return flow(run, step)
    here = a_layer(run, _before(run)) ** 2
    other = Run(replace(s, batch=64), run.inputs, run.labels)
    there = _once(run, "batch of 64", lambda: a_layer(run, _before(other)))
    than = f"a batch of 64 has {times(there**2)}"
    return Claim(
        f"A batch of {s.batch}: {times(here)} a layer, in squares",
        f"Before the first step, median of {WINDOW} batches; {than}. {_way(run).capitalize()} "
        f"that makes {times(_before(run))} in size.",
    )


def bias(run: Run, step: int) -> Claim:
    """Does the bias in front of the norm move, and by what?"""
    s = run.settings
    if not s.bias:
        return Claim(
            "This network has no bias in front of its norms",
            f"{when(step)}. Switch it on to see whether it moves.",
        )
    _, seen = run.look(step)
    sums = float(np.abs(seen.dx.sum(axis=1)).max())
    scale = float(np.abs(seen.dx).sum(axis=1).max())
    moved = float(run.bias_moved[step])
    gets = f"Its gradient is Σ∂L/∂x; at this step at most {significant(sums)}"
    if sums <= 1e-12 * scale:
        gets += f", 0 but for rounding (Σ|∂L/∂x| is up to {significant(scale)})."
        plain = s.rate * step * sums
        if s.optimiser == "adam" and moved > 1000 * plain > 0:
            claim = "The bias gets no gradient, and Adam moves it all the same: by up to "
            claim += significant(moved)
            gets += " Adam divides the rounding by its own size; as many plain steps of that "
            gets += f"gradient would make {significant(plain)}."
        else:
            claim = f"The bias gets no gradient, and stays: moved by {significant(moved)}"
    else:
        gets += f", where Σ|∂L/∂x| is up to {significant(scale)}."
        claim = f"This bias gets a gradient: moved by up to {significant(moved)}"
    return Claim(f"{claim} after {step} step{'s' * (step != 1)}", gets)


def growth(run: Run, step: int) -> Claim:
    """Is the growth of |W|² what Ση²|∂L/∂W|² says, and when does it come?"""
    s, near = run.settings, run.near
    if step == 0:
        return Claim("Not yet moved", "Each step adds to |W|²; the first has not been taken.")
    length = np.square(run.quantity("length")[:, near])
    paid = s.rate**2 * run.quantity("dweight")[:step, near]
    grown, total = float(length[step] - length[0]), float(paid.sum())
    layer = f"Layer {near + 1}’s |W|²"
    if s.optimiser == "sgd" and s.decay > 0 and s.norm == "batch":
        return _balance(run, step, length, paid)
    went = f"{layer} went from {number(float(length[0]), places=1)} to "
    went += f"{number(float(length[step]), places=1)}; Ση²|∂L/∂W|² is {number(total, places=1)}."
    steady = s.optimiser == "sgd" and s.decay == 0 and s.norm == "batch"
    if steady and total > 0 and abs(grown - total) <= 0.02 * total:
        first = float(paid[0]) / total
        claim = f"{layer} grows by Ση²|∂L/∂W|², and {100 * first:.0f} % of that is the first step"
        return Claim(
            claim,
            f"{went} A step is at right angles to w, since the norm does not see its length.",
        )
    return Claim(f"{layer} changes by {number(grown, signed=True, places=1)}", went)


def _balance(run: Run, step: int, length: Array, paid: Array) -> Claim:
    """With weight decay: what the steps put into |W|², beside what decay takes out of it."""
    s, layer = run.settings, f"layer {run.near + 1}’s |W|²"
    shrink = (1.0 - s.rate * s.decay) ** 2
    taken = (1.0 - shrink) * length[:step]
    last = slice(-WINDOW, None)
    into, out = float(np.median(paid[last])), float(np.median(taken[last]))
    both = f"a step puts {significant(into)} into {layer}, decay takes {significant(out)}"
    claim = (
        "A balance"
        if 0.9 * out <= into <= 1.1 * out
        else "Nearly a balance"
        if 0.5 * out <= into <= 2 * out
        else "No balance"
    )
    went = f"{layer[0].upper()}{layer[1:]} went from {number(float(length[0]), places=1)} to "
    went += f"{significant(float(length[step]))}. "
    count = min(WINDOW, step)
    over = f"medians of {count} steps" if count > 1 else "of this one step"
    why = f"{went}Into it goes η²|∂L/∂W|², out of it 2ηλ − η²λ² of itself; {over}."
    expected = shrink * length[:step] + paid
    if np.abs(length[1:] - expected).max() <= 0.02 * np.abs(taken + paid).max():
        why += " The gradient is at right angles to w, since the norm does not see its length."
    return Claim(f"{claim}: {both}", why)


def frozen(run: Run, step: int) -> Claim:
    """What changes where the statistics become constants."""
    s = run.settings
    if s.norm != "frozen" or step <= s.freeze or s.freeze == 0 or s.depth == 1:
        return flow(run, step)
    seen = ratios(run)
    before = float(np.median(seen[max(0, s.freeze - WINDOW) : s.freeze]))
    after = float(np.median(seen[s.freeze : step + 1][-WINDOW:]))
    losses = run.losses
    was = float(np.median(losses[max(0, s.freeze - WINDOW) : s.freeze]))
    now = float(np.median(losses[s.freeze : step + 1][-WINDOW:]))
    return Claim(
        f"Frozen from step {s.freeze}: {times(before)} before, {times(after)} since, {_way(run)}",
        f"Mean and variance are constants since then, and nothing flows through them. The loss was "
        f"{number(was)}, it is {number(now)}; medians of at most {WINDOW} steps.",
    )


def leaks(run: Run, step: int) -> Claim:
    """Does what the network says of a sample depend on who else is in the batch?"""
    sure = companies(run, step) * 100
    low, high = float(sure.min()), float(sure.max())
    if not np.isfinite(sure).all():
        return Claim(
            "With other neighbours, numbers overflow here",
            f"{when(step)} point 1 was put into {len(sure)} batches of others.",
        )
    asked = f"{when(step)} point 1 was put into {len(sure)} batches of others."
    if high - low < 1e-6:
        return Claim(
            "A sample’s answer does not depend on its neighbours",
            f"{asked} The network is {low:.1f} % sure of class 1 in each.",
        )
    return Claim(
        f"The same point, other neighbours: {low:.1f} to {high:.1f} % sure of class 1",
        f"{asked} In training, a batch norm’s mean and variance are those of the batch, so each "
        "sample’s answer depends on all others.",
    )


TELL = {
    "flow": flow, "heals": heals, "why": why, "arrives": arrives, "small": small, "bias": bias,
    "growth": growth, "frozen": frozen, "leaks": leaks,
}  # fmt: skip


def fault(run: Run) -> str:
    """Where a number first left float64, in a sentence; nothing where none did."""
    f = run.fault
    if f is None:
        return ""
    layer = "the logits" if f.layer > run.settings.depth else f"layer {f.layer}"
    what = {
        "forward": f"going forward, in {layer}",
        "back": f"going back, in {layer}",
        "weights": f"in the weights of {layer}",
        "square": f"going back, in {layer}, where the square of ∂L/∂x is too large",
    }[f.way]
    return (
        f"Overflow at step {f.step}: {what}, a number first left what float64 can hold. "
        f"What came before is shown; a lower rate than {number(run.settings.rate)} goes further."
    )
