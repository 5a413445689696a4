"""What the Weights page may say of these numbers: each claim with the check it rests on."""

from __future__ import annotations

import numpy as np

from bnviz.core.columns import column_sums
from bnviz.core.identities import identities
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.study.geometry import eigenvalues, eigenvalues_by_formula, spectrum, split
from bnviz.study.invariance import descend, invariance, scaled
from bnviz.study.weight_gradient import Vanishing, contributions, shift_check, shifted, vanished
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

_DW, _DX = TERMS["dweight"].symbol, TERMS["dx"].symbol


def outer(t: Trace, neuron: int, input: int) -> Claim:
    """The outer products add up to ∂L/∂W; with every input 1 they add up to 0."""
    sums = column_sums(t, neuron, input)
    total, weight = sums["dx"], sums["dweight"]
    entry = f"{_DW} for input {input + 1}, neuron {neuron + 1}"
    alive = not weight.vanishes
    if total.vanishes and alive:
        claim = "Each sample leaves its mark on the weights. Added up, they leave none on the bias."
    elif total.vanishes:
        claim = f"Here the bias gets nothing, and {entry} is 0 as well."
    else:
        claim = f"The bias should get nothing. Here it gets {number(total.value)}."
    return Claim(
        claim,
        "A gradient reaches W by way of the input that W was multiplied with: sample i adds the "
        f"matrix aᵢ ⊗ {_DX}ᵢ. Replace every input by 1, and what is added is {_DX} itself.",
        f"{entry}: {number(weight.value, signed=True)}. ∂L/∂b: {number(total.value)}, bound "
        f"{number(total.bound)}.",
        total.vanishes,
    )


def covariance(s: Scenario, neuron: int, input: int, amount: float) -> Claim:
    """∂L/∂W does not see a constant in a."""
    t = run(s)
    check = shift_check(s, amount)
    holds = bool(check.holds[input, neuron])
    agrees = bool(identities(t)["covariance"].holds[input, neuron])
    moved = run(shifted(s, amount))
    before = np.abs(contributions(t, neuron, input, centred=False)).max()
    after = np.abs(contributions(moved, neuron, input, centred=False)).max()
    difference = number(float(check.value[input, neuron]))
    if amount:
        claim = (
            f"Add {number(amount)} to every a: {_DW} stays the same."
            if holds
            else f"Add {number(amount)} to every a: {_DW} moves by {difference}."
        )
        why = (
            f"The largest contribution goes from {number(float(before))} to "
            f"{number(float(after))}, and what a constant adds is a multiple of Σ{_DX}."
        )
    else:
        claim = (
            f"{_DW} is a covariance: what counts is how a and {_DX} vary together."
            if agrees
            else f"{_DW} should be N · Cov(a, {_DX}). Here it is not."
        )
        why = (
            f"Since {_DX} adds up to 0, only a − mean a matters. Each sample is a rectangle from "
            "the line to its point; areas above right and below left count up."
        )
    bound = number(float(check.bound[input, neuron]))
    return Claim(claim, why, f"Change of {_DW}: {difference}, bound {bound}.", holds and agrees)


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


def scale(layer: Scenario, neuron: int, power: float) -> Claim:
    """∂L/∂w stands across w, but for ε."""
    here = invariance(scaled(layer, 10.0**power), neuron)
    product = here.weight * here.gradient
    share = abs(here.inner) / product if product else 0.0
    # Twice as long means nothing for a w of 0, and "across" nothing in one dimension.
    if not here.learns:
        claim = "This neuron’s weights get no gradient at all."
        why = "There is nothing to lie along w or across it, and no step changes w."
    elif here.weight == 0:
        claim = "w is 0: it has no direction and no length to keep."
        why = (
            f"Its gradient is {number(here.gradient)} long, but there is no direction for it to "
            "lie along or across. Scaling 0 gives 0."
        )
    elif layer.d == 1:
        claim = "With a single input there is no across: what gradient there is lies along w."
        why = (
            f"w is one number. The norm takes away all of its gradient but what ε lets through, "
            f"here {number(here.gradient)}."
        )
    elif share < 0.1:
        claim = (
            "The gradient is perpendicular to the weights: their length does not matter."
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


def growth(layer: Scenario, neuron: int) -> Claim:
    """Plain gradient steps make w longer."""
    way, start = descend(layer, neuron), invariance(layer, neuron)
    last, steps = float(way.length[-1]), np.diff(way.length)
    why = (
        "w is this neuron’s column of W, η the size of the step: |w′|² = |w|² − 2η⟨w, ∂L/∂w⟩ + "
        "η²|∂L/∂w|², where ⟨w, ∂L/∂w⟩ is what the formula above says."
    )
    if not start.learns:
        claim = "Without a gradient, w keeps its length."
    elif start.weight == 0:
        claim = "From a w of 0 no step is taken: no rate is small beside it."
        why = "The rate is chosen so that the first step is no longer than half of w."
    elif (steps >= 0).all() and last > way.length[0]:
        claim = "So every plain gradient step makes w longer."
        if steps[-1] < steps[0]:
            why += (
                f" Longer weights get smaller gradients, so the growth slows down by itself: the "
                f"first step adds {number(float(steps[0]))}, the last {number(float(steps[-1]))}."
            )
    elif layer.eps and (steps < 0).any():
        claim = "Here ε is large enough to make w shorter at times."
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
            f"Of |∂L/∂x̂|², {100 * shares[0]:.1f}% lies along 1 and is removed. "
            f"{100 * shares[1]:.1f}% lies along x̂, and {number(passed)} of it comes through as "
            "ε/(σ²+ε)." + (f" The other {100 * shares[2]:.1f}% is kept." if n > 2 else "")
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
