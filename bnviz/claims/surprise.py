"""What is surprising about a scenario, as its headline: said only where it is so."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from bnviz.claims.ledger import blurred, tell
from bnviz.core.columns import Columns, columns
from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.trace import run
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number, significant

Surprise = Callable[[Columns], Claim | None]
_DW, _DX, _G = TERMS["dweight"].symbol, TERMS["dx"].symbol, TERMS["dx_hat"].symbol


def _signed(value: float) -> str:
    return number(value, signed=True)


def _agree(one: float, two: float, bound: float) -> bool:
    return abs(one - two) <= bound


def _computed(c: Columns) -> Claim | None:
    t, j = c.trace, c.view.neuron
    if not t.scenario.computed or t.dweight is None or not c.sums["dx"].vanishes:
        return None
    bounds = [columns(t, type(c.view)(j, p)).sums["dweight"] for p in range(t.dweight.shape[0])]
    if any(weight.vanishes for weight in bounds):
        return None
    entries = ", ".join(_signed(weight.value) for weight in bounds)
    return Claim(
        "The bias gets no gradient at all, and every weight gets one.",
        f"Here x = aW + b is computed. The weights of this neuron get {entries}; what b gets is "
        f"the plain sum of {_DX}, and that is 0.",
    )


def _dead(c: Columns) -> Claim | None:
    weight, a = c.sums.get("dweight"), c.values.get("a")
    if weight is None or a is None or np.ptp(a) or not weight.vanishes or not c.sums["dx"].vanishes:
        return None
    return Claim(
        f"An input that is always {number(float(a[0]), places=0)} learns nothing, like a bias.",
        f"Input {c.view.input + 1} only multiplies a sum that is 0. Every other input has an "
        "entry of its own: look at one.",
    )


def _two(c: Columns) -> Claim | None:
    x_hat, j = c.values["x_hat"], c.view.neuron
    size = float(gradient_scale(c.trace)[j])
    left = float(np.abs(c.values["dx"]).max())
    apart = np.abs(np.abs(x_hat) - 1).max() < 0.01
    through = c.sums["dx"].bound < left < 0.01 * size and c.trace.scenario.eps > 0
    if x_hat.size != 2 or not apart or not through:
        return None
    return Claim(
        "Two samples always become +1 and −1, so hardly any gradient is left.",
        f"However far apart they are, x̂ is {_signed(float(x_hat[0]))} and "
        f"{_signed(float(x_hat[1]))}. Only ε lets something through; bring the two x together, and "
        "it explodes.",
    )


def _one(c: Columns) -> Claim | None:
    if c.values["x"].size != 1 or c.values["dx"].any():
        return None
    return Claim(
        "A batch of one gets no gradient, whatever the loss sends.",
        f"A batch of one is its own mean: x̂ is {number(float(c.values['x_hat'][0]))}, and "
        f"{_signed(float(c.values['dx_direct'][0]))} along ① is taken back along ③.",
    )


def _losses(c: Columns) -> Claim | None:
    dy, y = c.values["dy"], c.trace.y[:, c.view.neuron]
    size = float(gradient_scale(c.trace)[c.view.neuron])
    left = float(np.abs(c.values["dx"]).max())
    if (
        np.array_equal(dy, np.ones_like(dy))
        and (np.abs(c.values["dx"]) <= c.sums["dx"].bound).all()
    ):
        return Claim(
            "The loss Σy sends every sample the same, and none of it comes through.",
            "What all samples share is what the mean takes away. A test of a network that uses "
            "this loss tests nothing in front of the norm.",
        )
    if np.allclose(dy, 2 * y) and left < 1e-3 * size:
        return Claim(
            "The loss Σy² gives next to nothing: only ε lets something through.",
            f"Its {_G} lies along x̂, which is what the variance takes away: of "
            f"{number(size)} in all, no sample keeps more than {number(left)}.",
        )
    if np.allclose(dy, 3 * y**2) and left > 0.01 * size:
        return Claim(
            "The loss Σy³ gets through, where Σy and Σy² do not.",
            "It is bent: it sends more than a constant and a slope, and only those two are taken.",
        )
    return None


def _constant(c: Columns) -> Claim | None:
    s, j = c.trace.scenario, c.view.neuron
    factor = float(c.trace.inv_std[j])
    g = c.values["dx_hat"]
    right = (g - g.mean()) * factor
    far = np.abs(c.values["dx"] - right).max()
    if np.ptp(c.values["x"]) or c.values["x_hat"].any() or s.eps == 0:
        return None
    if far > rounding(g.size) * gradient_scale(c.trace)[j] or factor < 10:
        return None
    return Claim(
        f"All x are equal, and the gradient is {number(factor, places=0)} times as large.",
        f"σ² is 0, so the norm divides by √ε: each sample gets its {_G} without the mean of all, "
        f"times {number(factor, places=0)}.",
    )


def _offset(c: Columns) -> Claim | None:
    s, j = c.trace.scenario, c.view.neuron
    lift = float(np.round(s.x[:, j].mean(), -4))
    x = s.x.copy()
    x[:, j] -= lift
    near = run(s.edit(x=x)).dx[:, j]
    moved = float(np.abs(c.values["dx"] - near).max())
    scale = float(gradient_scale(c.trace)[j])
    # Taking the offset away rounds x by its own digits.
    if not lift or moved > 1e-16 * abs(lift) * float(c.trace.inv_std[j]) * scale * 10:
        return None
    return Claim(
        f"Take {number(lift)} from every x, and nothing changes.",
        f"Only x − μ counts. Few digits see it differently: in float32, with σ² = E[x²] − E[x]², "
        f"Σ{_DX} looks perfect and the gradient is wrong: see Check, Precision.",
    )


def _frozen(c: Columns) -> Claim | None:
    s = c.trace.scenario
    total = c.sums["dx"]
    if not s.frozen or total.vanishes:
        return None
    trained = columns(run(s.training()), c.view)
    kept = float(np.abs(trained.values["dx"]).max())
    same = np.allclose(trained.trace.y, c.trace.y, rtol=1e-12, atol=1e-12)
    told = tell(c)
    return Claim(
        told.claim,
        f"Mean and variance are constants: ① is all there is. In training "
        f"{'y is the same, and ' if same else ''}no sample keeps more than {number(kept)}.",
    )


def _three(c: Columns) -> Claim | None:
    n, var = c.values["x"].size, float(c.trace.var[c.view.neuron])
    if n < 2 or c.trace.scenario.frozen:
        return None
    return Claim(
        "The norm divides by √(σ²+ε) with σ² over N; what PyTorch keeps for later is over N − 1.",
        f"Here σ² is {significant(var)}, and the running variance is fed with "
        f"{significant(var * n / (n - 1))}: see Check, Neighbours.",
    )


def _shifted(c: Columns) -> Claim | None:
    s, weight = c.trace.scenario, c.sums.get("dweight")
    if s.a is None or weight is None or weight.vanishes:
        return None
    shift = float(np.round(s.a.mean(), -1))
    before = columns(run(s.edit(a=s.a - shift)), c.view)
    if not shift or not _agree(before.sums["dweight"].value, weight.value, weight.bound):
        return None
    largest, was = (float(np.abs(o.values["dweight"]).max()) for o in (c, before))
    if largest < 2 * was:
        return None
    return Claim(
        f"Every input is {number(shift, places=0)} larger, and {_DW} is what it was.",
        f"The largest contribution went from {number(was)} to {number(largest)}; their sum is "
        f"{_signed(weight.value)} with and without, since a constant only multiplies Σ{_DX} = 0.",
    )


def _uncorrelated(c: Columns) -> Claim | None:
    t, j = c.trace, c.view.neuron
    if t.dweight is None:
        return None
    alive = (np.abs(c.values["dx"]) > c.sums["dx"].bound).all()
    views = [columns(t, type(c.view)(j, p)) for p in range(t.dweight.shape[0])]
    if not alive or not all(v.sums["dweight"].vanishes and not blurred(v) for v in views):
        return None
    return Claim(
        "Every sample gets a gradient, and no weight of this neuron learns.",
        f"None of the inputs varies together with {_DX}, so each row of products cancels.",
    )


SURPRISES = MappingProxyType(
    {
        "layer": _computed,
        "dead": _dead,
        "two": _two,
        "one": _one,
        "losses": _losses,
        "constant": _constant,
        "offset": _offset,
        "frozen": _frozen,
        "three": _three,
        "shifted": _shifted,
        "uncorrelated": _uncorrelated,
    }
)


def headline(c: Columns, preset: str | None) -> Claim:
    """The surprise of the preset on the screen, where it has one that is so; else the story."""
    make: Surprise | None = SURPRISES.get(preset or "")
    return (make and make(c)) or tell(c)
