"""What the Weights page may say of these numbers: each claim with the check it rests on."""

from __future__ import annotations

import numpy as np

from bnviz.claims.ledger import blurred
from bnviz.core.columns import columns
from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.core.view import View
from bnviz.study.geometry import eigenvalues, eigenvalues_by_formula, spectrum, split
from bnviz.study.invariance import descend, invariance, scaled
from bnviz.study.weight_gradient import (
    Vanishing,
    vanished,
)
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

_TELLING = 1e-3  # of |w|²: a step whose rounding is larger says nothing
_DW, _DX = TERMS["dweight"].symbol, TERMS["dx"].symbol


def outer(t: Trace, neuron: int, input: int) -> Claim:
    """The outer products add up to ∂L/∂W; with every input 1 they add up to 0."""
    c = columns(t, View(neuron, input))
    total, weight = c.sums["dx"], c.sums["dweight"]
    entry = f"{_DW} for input {input + 1}, neuron {neuron + 1}"
    alive = not weight.vanishes
    a, n = t.scenario.a, t.dx.shape[0]
    assert a is not None
    with np.errstate(over="ignore", invalid="ignore"):
        told = np.abs(t.dx) > rounding(n) * gradient_scale(t)
    marks = int((told.any(axis=1) & a.any(axis=1)).sum())
    if total.vanishes and alive:
        claim = (
            "Each sample leaves its mark on the weights. Added up, they leave none on the bias."
            if marks == n
            else f"{marks} of {n} samples leave their mark on the weights. Added up, they leave "
            "none on the bias."
        )
    elif total.vanishes and blurred(c):
        claim = f"Here the bias gets nothing, and {entry} can’t be told from 0."
    elif total.vanishes:
        claim = f"Here the bias gets nothing, and {entry} is 0 as well."
    else:
        claim = f"The bias should get nothing. Here it gets {number(total.value)}."
    return Claim(
        claim,
        "A gradient reaches W by way of the input that W was multiplied with: sample i adds the "
        f"matrix aᵢ ⊗ {_DX}ᵢ, each entry of the one times each of the other. Replace every "
        f"input by 1, and what is added is {_DX} itself.",
        f"{entry}: {number(weight.value, signed=True)}. ∂L/∂b: {number(total.value)}, bound "
        f"{number(total.bound)}. A bound is what rounding alone can leave of a sum that is 0.",
        total.vanishes,
    )


def vanishing(case: Vanishing, s: Scenario, neuron: int, input: int) -> Claim:
    """One case in which ∂L/∂W is 0, tried out on this scenario."""
    made = case.make(s, neuron, input)
    t = run(made)
    check = vanished(case, t, neuron, min(input, made.d - 1))
    holds = bool(check.holds.all())
    largest = int(np.abs(check.value).argmax())
    where = "this input’s row" if case.whole_row else "this neuron’s column"
    value, bound = float(check.value[largest]), float(check.bound[largest])
    return Claim(
        case.title,
        case.reason,
        f"Largest of {where}: {number(value)}, bound {number(bound)}.",
        holds,
    )


def scale(s: Scenario, neuron: int, power: float) -> Claim:
    """∂L/∂w stands across w, but for ε."""
    here = invariance(scaled(s, 10.0**power), neuron)
    product = here.weight * here.gradient
    share = abs(here.inner) / product if product else 0.0
    # Twice as long means nothing for a w of 0, and "across" nothing in one dimension.
    if not here.gradient:
        claim = "This neuron’s weights get no gradient at all."
        why = "There is nothing to lie along w or across it, and no step changes w."
    elif not here.learns:
        claim = "What this neuron’s weights get can’t be told from rounding."
        why = (
            f"∂L/∂w is {number(here.gradient)} long, and rounding alone explains "
            f"{number(here.rounding)}: no direction can be read from it."
        )
    elif here.weight == 0:
        claim = "w is 0: it has no direction and no length to keep."
        why = (
            f"Its gradient is {number(here.gradient)} long, but there is no direction for it to "
            "lie along or across. Scaling 0 gives 0."
        )
    elif here.bound > 0.05 * product:
        claim = "Too few digits to tell how the gradient stands to the weights."
        why = "What w and its gradient have in common is smaller than the rounding of either."
    elif s.d == 1:
        claim = "With a single input there is no across: what gradient there is lies along w."
        why = (
            f"w is one number. The norm takes away all of its gradient but what ε lets through, "
            f"here {number(here.gradient)}."
        )
    elif share < 0.1 and here.still > 0.01:
        claim = "The gradient is nearly perpendicular to the weights here, though ε rules."
        why = (
            f"Make w twice as long, and y − β grows by {number(100 * here.still)} %: ε is too "
            "large beside σ² for the norm to undo it. The upstream happens to have little slope "
            "there."
        )
    elif share < 0.1:
        claim = (
            "The gradient is perpendicular to the weights: their length hardly matters."
            if share < 1e-3
            else "The gradient is nearly perpendicular to the weights."
        )
        why = (
            "Make w twice as long, and the norm divides by twice as much: y hardly changes, so "
            "the loss has next to no slope along w. Only ε breaks this, and less so as w grows."
        )
    else:
        claim = "Here ε rules: part of the gradient lies along the weights."
        why = (
            "Make w twice as long, and σ² grows fourfold while ε stays: y changes, so the loss "
            "has a slope along w. The longer w is, the less."
        )
    return Claim(
        claim,
        why,
        f"⟨w, ∂L/∂w⟩ = {number(here.inner)}; ε/(σ²+ε) · γ · ∂L/∂γ = {number(here.formula)}; "
        f"bound of the difference {number(here.bound)}.",
        here.holds,
    )


def growth(s: Scenario, neuron: int) -> Claim:
    """What ten plain gradient steps make of the length of w."""
    way, start = descend(s, neuron), invariance(s, neuron)
    last, steps = float(way.length[-1]), np.diff(way.length)
    why = (
        "w is this neuron’s column of W, η the size of the step: |w′|² = |w|² − 2η⟨w, ∂L/∂w⟩ + "
        "η²|∂L/∂w|², where ⟨w, ∂L/∂w⟩ is what the formula above says. The upstream gradient is "
        "held as it is."
    )
    if way.rate:
        why += (
            f" η is {number(way.rate)}, the largest power of ten that moves w by no more than "
            "half of its length at first."
        )
    if not start.learns:
        claim = (
            "There is no gradient to follow: w keeps its length."
            if not start.gradient
            else "No step is taken: what w gets can’t be told from rounding."
        )
    elif start.weight == 0:
        claim = "From a w of 0 no step is taken: no rate is small beside it."
        why = "The rate is chosen so that the first step is no longer than half of w."
    elif (way.bound > _TELLING).any():
        claim = "These digits can’t tell what the steps do to the length of w."
    elif (steps > 0).all():
        claim = f"At this rate each of the {steps.size} steps makes w longer."
        if (np.diff(steps) < 0).all():
            why += (
                f" Each adds less than the one before: the first {number(float(steps[0]))}, the "
                f"last {number(float(steps[-1]))}."
            )
        first, turns = (way.rate / float(w) ** 2 for w in (way.length[0], last))
        if np.isfinite(first) and turns > 0:
            why += (
                " The longer w is, the less a step of the same rate turns it: η/|w|² goes from "
                f"{number(first)} to {number(turns)}."
            )
    elif s.eps and (steps < 0).any():
        claim = "At this rate w gets shorter at times: what ε leaves along w outweighs the step."
    else:
        claim = "Here the steps lead out of what numbers can hold."
    return Claim(
        claim,
        why,
        f"|w| after {way.length.size - 1} steps of rate {number(way.rate)}: {number(last)}; the "
        f"formula says {number(float(way.foretold[-1]))}.",
        way.holds,
    )


def _listed_spectrum(t: Trace, neuron: int) -> str:
    said = [
        name if name == "0" else f"{name} = {number(value)}"
        for name, value in spectrum(t, neuron).items()
    ]
    if len(said) == 1:
        return "The only eigenvalue is 0: "
    return f"Eigenvalues {', '.join(said[:-1])} and {said[-1]}: "


def geometry(t: Trace, neuron: int) -> Claim:
    """g in three directions."""
    n = t.x_hat.shape[0]
    parts = split(t, neuron)
    shares = parts.shares
    found, said = eigenvalues(t, neuron), eigenvalues_by_formula(t, neuron)
    size = max(parts.gain_rest, 1e-300)
    holds = bool(np.allclose(found, said, rtol=1e-9, atol=1e-13 * size))
    passed = parts.gain_along / parts.gain_rest if parts.gain_rest else 0.0
    if t.undefined[neuron]:
        claim = "All x are equal and ε is 0: there is no direction, and no gradient by definition."
        why = "Nothing can be divided by a standard deviation of 0."
    elif n == 1:
        claim = "One sample has one direction, 1, and it is taken away: nothing is left."
        why = "A batch of one is its own mean."
    elif not t.x_hat[:, neuron].any():
        claim = "All x are equal: x̂ is 0, and only the direction 1 is taken away."
        why = f"All else comes through, divided by √ε: {number(parts.gain_rest)} times as large."
    else:
        claim = (
            "Two samples have two directions, 1 and x̂: "
            + ("next to nothing is left." if passed < 1e-3 else "only ε lets something through.")
            if n == 2
            else f"The norm takes away two directions of {n}: (1, …, 1), and "
            + ("nearly all of x̂." if passed < 1e-3 else "a part of x̂.")
        )
        why = (
            f"Of |∂L/∂x̂|², {100 * shares[0]:.1f}% lies along 1, the same for all samples, and is "
            "removed. "
            f"{100 * shares[1]:.1f}% lies along x̂; of that part’s length {number(passed)} comes "
            f"through, ε/(σ²+ε), and of its square {number(passed**2)}."
            + (f" The other {100 * shares[2]:.1f}% is kept." if n > 2 else "")
        )
        mean, total = float(t.mean[neuron]), columns(t, View(neuron, 0)).sums["dx"]
        if total.vanishes and not t.scenario.frozen:
            why += (
                f" Move x along −{_DX}, by whatever rate: its mean stays at {number(mean)}, since "
                f"Σ{_DX} is 0."
            )
        if not any(shares):
            why = "Here ∂L/∂x̂ is 0 for every sample, so there is nothing to take away."
    return Claim(
        claim,
        why,
        _listed_spectrum(t, neuron)
        + ("found numerically as well." if holds else "not what was found numerically."),
        holds,
    )
