"""What the Check page may say of these numbers: each finding with the check it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.proof.complex_step import Comparison, undefined
from bnviz.proof.mistakes import CHECKS, MISTAKES, Verdict
from bnviz.study.neighbours import MOMENTUM, Neighbour, added_up, running
from bnviz.study.precision import VARIANCES, Pass
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number, significant

_DX = TERMS["dx"].symbol


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


# ---- The independent proof ------------------------------------------------------------


def proof(t: Trace, comparisons: Mapping[str, Comparison]) -> Claim:
    """Every gradient beside its derivative found another way."""
    red = [TERMS[term].symbol for term, c in comparisons.items() if not c.holds]
    count, entries = len(comparisons), sum(c.numeric.size for c in comparisons.values())
    worst = max(float(c.shares.max()) for c in comparisons.values())
    claim = (
        f"All {count} gradients agree with derivatives that never saw the six equations."
        if not red
        else f"{len(red)} of {count} gradients disagree: {_listed(red)}."
    )
    why = (
        "The forward pass alone is evaluated at x + ih, a step of size 1e−30 into the complex "
        "plane; the imaginary part of L, divided by h, is the derivative. Nothing is subtracted, "
        "so it is right to rounding."
    )
    empty = undefined(t)
    if empty.size:
        which = _listed([str(j + 1) for j in empty])
        why += (
            f" In neuron {which} all x are equal and ε is 0: there the gradient is 0 by "
            "definition, and there is nothing to differentiate."
        )
    return Claim(
        claim,
        why,
        f"{entries} entries compared; the largest difference is {number(worst)} of its bound.",
        not red,
    )


def place(comparison: Comparison) -> str:
    """Which entry a comparison is shown at: the one nearest to its bound."""
    numbers = [str(i + 1) for i in comparison.worst]
    return numbers[0] if len(numbers) == 1 else "(" + ",\u00a0".join(numbers) + ")"  # one word


# ---- Mistakes -------------------------------------------------------------------------


def mistake(name: str, said: Mapping[str, Verdict]) -> Claim:
    """Which checks notice this mistake on these numbers."""
    title = MISTAKES[name].title
    caught = [CHECKS[check] for check, verdict in said.items() if not verdict.passes]
    if not said["sum"].finite:
        claim = f"{title}: what comes out is no number."
        why = f"Some of {_DX} is nan or infinite: that is seen without adding anything up."
    elif not caught:
        claim = f"{title}: on these numbers no check can tell."
        why = (
            "The wrong formula gives the right numbers here. A check is only as good as the "
            "numbers that it runs on: try others."
        )
    elif said["sum"].passes:
        claim = f"{title}: Σ{_DX} = 0 lets it through."
        why = f"The sum over the batch is 0 all the same. Caught by: {_listed(caught)}."
    else:
        claim = f"{title}: Σ{_DX} = 0 catches it."
        why = f"Caught by: {_listed(caught)}."
    terms = said["gradient"].text
    return Claim(
        claim,
        why,
        f"Wrong on these numbers: {terms}."
        if terms
        else "No term differs by more than the gradient check allows.",
        bool(caught),
    )


def lesson(caught: Mapping[str, Mapping[str, Verdict]]) -> str:
    """How many of the mistakes each check catches on these numbers."""
    counts = {
        check: sum(verdicts[check].catches for verdicts in caught.values()) for check in CHECKS
    }
    none = sum(not verdicts["sum"].finite for verdicts in caught.values())
    return (
        f"Of {len(caught)} mistakes, Σ{_DX} = 0 catches {counts['sum']}, the sum along x̂ "
        f"{counts['x_hat']}, the shapes {counts['shapes']}, and the gradient check "
        f"{counts['gradient']}."
        + (f" {none} give no number at all, which needs no check." if none else "")
        + " A sum of zero is a property of the right gradient, not a proof of "
        "it."
    )


# ---- Precision ------------------------------------------------------------------------


def deceives(p: Pass) -> bool:
    """Does the zero sum look perfect, and the gradient is off by a tenth of what was added up?"""
    return p.residue <= 1e-4 and p.error >= 0.1


def called(p: Pass) -> str:
    """How a pass is called in a sentence."""
    return f"{p.dtype} with σ² as {VARIANCES[p.variance]}"


def _reason(t: Trace, neuron: int, p: Pass) -> str:
    """Why a pass went wrong, as far as its numbers tell."""
    right = float(t.var[neuron])
    if np.isinf(p.var):
        return "The variance is too large for the format."
    if p.var + t.scenario.eps == 0:
        return "σ² + ε is 0 there, and 0 can’t be divided by."
    if p.var < 0:
        return f"The variance came out as {number(p.var)}, below 0."
    if abs(p.var - right) > 0.1 * right:
        return (
            f"The variance came out as {number(p.var)} in place of {number(right)}, and the zero "
            "sum holds for any variance."
        )
    if np.isfinite(p.dx).all() and not p.dx.any():
        return "Something in it is too small or too large for the format, and 0 came out."
    return "Something in it is too small or too large for the format."


def precision(t: Trace, neuron: int, found: Sequence[Pass]) -> Claim:
    """What few digits do to this neuron."""
    if t.undefined[neuron]:
        return Claim(
            "All x are equal and ε is 0: no precision has anything to divide by.",
            "The gradient is 0 by definition; what a textbook pass makes of 0/0 means nothing.",
            "Nothing to compare.",
            True,
        )
    lying = [p for p in found if deceives(p)]
    broken = [p for p in found if np.isnan(p.error)]
    poor = [p for p in found if p.error > 16 * p.digits]
    n = t.x_hat.shape[0]
    # Beside ∂L/∂x itself the careful answer has its rounding as well.
    size = float(np.abs(t.dx[:, neuron]).max())
    least = rounding(n) * float(gradient_scale(t)[neuron]) / size if size else 0.0
    lost = [p for p in found if p.own > 16 * p.digits + least]
    if lying:
        p = lying[0]
        claim = f"Σ{_DX} looks perfect and the gradient is wrong: {called(p)}."
        why = (
            f"The sum is off by {number(p.residue)} of what was added up, and {_DX} by "
            f"{number(p.error)}. {_reason(t, neuron, p)}"
        )
    elif broken:
        p = broken[0]
        claim = f"{_listed([called(p) for p in broken])}: no number at all."
        why = _reason(t, neuron, p)
    elif poor:
        p = poor[-1]
        claim = f"Digits are lost where numbers of different size meet: {called(p)}."
        why = (
            f"Its {_DX} is off by {number(p.error)} of what was added up, and its sum by "
            f"{number(p.residue)}."
        )
    elif (np.abs(t.dx[:, neuron]) <= 16 * rounding(n) * gradient_scale(t)[neuron]).all() and any(
        p.own for p in found
    ):
        claim = f"What is left of {_DX} is rounding, in every precision."
        why = (
            "All that is added up cancels, as far as float64 can tell. What a format leaves of it "
            "says how it rounds, and nothing else."
        )
    elif lost:
        p = max(lost, key=lambda p: p.own)
        claim = f"Nearly all cancels, and few digits lose what is left: {called(p)}."
        why = (
            f"Beside what was added up its {_DX} is off by {number(p.error)}, which is no more "
            f"than rounding. Beside the largest {_DX} itself that is {number(p.own)}."
        )
    else:
        claim = "On these numbers every precision is right to its own digits."
        why = (
            "Errors are counted as shares of what was added up. Move x far away from 0, as in “A "
            "large offset”, to see them part."
        )
    careful = found[0]
    bound = (
        100 * rounding(n) * (1 + float(np.abs(t.scenario.x[:, neuron]).max() * t.inv_std[neuron]))
    )
    return Claim(
        claim,
        why,
        "The six equations as printed, in float64, "
        + (
            f"are off by {number(careful.error)} of what was added up from the careful answer."
            if np.isfinite(careful.error)
            else "give no number there."
        ),
        # Where they do go wrong, it is the claim that says so.
        bool(careful.error <= bound or any(p is careful for p in (*lying, *broken, *poor))),
    )


# ---- Neighbours -----------------------------------------------------------------------


def frozen(s: Scenario, neuron: int, train: Neighbour, other: Neighbour, title: str) -> Claim:
    """Training beside another mode or norm: y and ∂L/∂x of one neuron."""
    with np.errstate(all="ignore"):
        apart_y = float(np.abs(train.y - other.y)[:, neuron].max())
        apart_dx = float(np.abs(train.dx - other.dx)[:, neuron].max())
        beta = float(s.beta[neuron])
        size = float(np.abs(other.y[:, neuron] - beta).max())
        total = float(other.dx[:, neuron].sum())
        added = float(added_up(s, other)[:, neuron].sum())
        both = max(added, float(added_up(s, train)[:, neuron].sum()))
    same_y = apart_y <= 1e-12 * size + 1e-15 * abs(beta)
    same_dx = apart_dx <= 1e-12 * both
    zero = abs(total) <= 1e-12 * added
    what = "the same y" if same_y else "another y"
    also = "the same gradient" if same_dx else "another gradient"
    joined = "and" if same_y == same_dx else "but" if same_y else "and yet"
    return Claim(
        f"{title}: {what} {joined} {also}.",
        f"Over the batch its {_DX} (neuron {neuron + 1}) adds up to "
        + ("0." if zero else f"{number(total)}, so a bias in front of it would get a gradient."),
        f"Largest difference of y: {number(apart_y)}; of {_DX}: {number(apart_dx)}.",
        True,
    )


def running_variance(s: Scenario, neuron: int) -> str:
    """Which variance is normalised with, and which is kept."""
    t = run(s)
    n = s.shape[0]
    _, kept = running(s)
    biased = float(t.var[neuron])
    if n == 1:
        return (
            "With one sample the variance over N − 1 is 0/0. PyTorch refuses to train on one value "
            "a neuron; not every framework does. Here the running statistics stay at mean 0 and "
            "variance 1."
        )
    return (
        f"Training normalises with σ² = Σ(x − μ)²/N = {significant(biased)} (neuron "
        f"{neuron + 1}). The running variance, which evaluation uses, moves in PyTorch towards "
        f"the unbiased one, σ² · N/(N − 1) = {significant(biased * n / (n - 1))}: one step from 1, "
        f"with momentum {MOMENTUM}, brings it to {significant(float(kept[neuron]))}. Other "
        "frameworks keep the biased one."
    )
