"""The headline: what the numbers on the screen say, in a sentence that is true of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnviz.claims.reach import Reach
from bnviz.core.columns import Columns, Sum, columns, dweight_bounds
from bnviz.core.identities import gradient_scale
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

_FAINT = 1e-3  # of the upstream's size: a gradient that is there and does nothing
BLURRED = 1e-9  # of what could have been added up: a zero within a larger bound is no zero
_DW, _DX = TERMS["dweight"].symbol, TERMS["dx"].symbol


def no_gradient(c: Columns) -> bool:
    """Is every ∂L/∂x of this neuron 0 for a reason, and not only below what rounding leaves?"""
    t, j = c.trace, c.view.neuron
    g, x = c.values["dx_hat"], c.values["x"]
    if t.undefined[j] or not g.any():
        return True
    if t.scenario.frozen:
        return not c.values["dx"].any()
    two = x.size == 2 and t.scenario.eps == 0
    return bool(x.size == 1 or two or not np.ptp(g))


def lost(c: Columns) -> bool:
    """Is each ∂L/∂x within its rounding, and no reason known why it should be 0?"""
    within = (np.abs(c.values["dx"]) <= c.sums["dx"].bound).all()
    return bool(within) and not no_gradient(c)


def blurred(c: Columns) -> bool:
    """Are the digits too few to tell ∂L/∂W from 0? A large constant in a costs them all."""
    weight, a = c.sums.get("dweight"), c.values.get("a")
    if weight is None or a is None or not weight.vanishes or c.trace.scenario.frozen:
        return False
    dx = c.values["dx"]
    if not np.ptp(a) or no_gradient(c):  # 0 for a reason
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        could_be = float(np.abs(a - a.mean()) @ np.abs(dx - dx.mean()))
    return weight.bound > BLURRED * could_be


def blurred_dweight(t: Trace) -> NDArray[np.bool_]:
    """The same of every entry of ∂L/∂W, (d, k); it needs a."""
    a, weight = t.scenario.a, t.dweight
    assert a is not None
    assert weight is not None
    with np.errstate(over="ignore", invalid="ignore"):
        could_be = np.abs(a - a.mean(axis=0)).T @ np.abs(t.dx - t.dx.mean(axis=0))
    bounds = dweight_bounds(t)
    near = (np.abs(weight) <= bounds) & (bounds > BLURRED * could_be)
    if t.scenario.frozen:
        return np.zeros_like(near)
    none = [no_gradient(columns(t, View(j, 0))) for j in range(weight.shape[1])]
    found: NDArray[np.bool_] = near & (np.ptp(a, axis=0) > 0)[:, None] & ~np.array(none)
    return found


def nothing(t: Trace, neuron: int) -> str:
    """Why not even the direct path of this neuron brings a gradient; "" where it may."""
    if t.undefined[neuron]:
        return "All x are equal and ε is 0: there is nothing to divide by, and ∂L/∂x is set to 0."
    if not np.abs(t.dx_hat[:, neuron]).any():
        return "Nothing comes from upstream: γ · ∂L/∂y is 0 for every sample."
    return ""


def no_weight(c: Columns) -> str:
    """Why ∂L/∂W of this neuron and input is 0, where it is."""
    if "a" not in c.values:
        return ""
    a, products = c.values["a"], c.values["dweight"]
    if blurred(c):
        return (
            f"What is left is {number(c.sums['dweight'].value)}, and rounding alone explains "
            f"{number(c.sums['dweight'].bound)}: too few digits are left to tell it from 0."
        )
    if no_gradient(c):
        return f"Every {_DX} is 0, and with it every product a · {_DX}."
    if not np.ptp(a) and c.sums["dx"].vanishes:
        return "The input a is the same for every sample, so it only multiplies a sum that is 0."
    if not products.any():
        return f"Every product a · {_DX} is 0: where one of the two is not, the other is."
    return f"The input a does not vary together with {_DX}, so the products cancel as well."


def _nothing(c: Columns) -> str:
    """Why no sample of this neuron has a gradient."""
    t, neuron = c.trace, c.view.neuron
    if t.scenario.shape[0] == 1 and not t.scenario.frozen:
        return "A batch of one is its own mean, so x̂ is 0 whatever x is."
    if before := nothing(t, neuron):
        return before
    if not np.ptp(c.values["dx_hat"]):
        return "Every sample gets the same ∂L/∂x̂, and the norm takes away what all samples share."
    if c.trace.scenario.frozen:
        return "The gate lets nothing through."
    return "Two samples have no directions but 1 and x̂, and at ε = 0 the norm takes both away."


def _sent(upstream: Sum) -> str:
    """What the loss sends, and what becomes of what all samples share in it."""
    if upstream.vanishes:
        return (
            "From the right: what the loss sends adds up to 0 already, so the mean has nothing to "
            "take, and the bias gets 0"
        )
    return (
        f"From the right: the loss sends {number(upstream.value, signed=True)}; the mean takes "
        "what all samples share, so the bias gets 0"
    )


def _frozen(c: Columns) -> Claim:
    """The story of a norm whose mean and variance are constants."""
    total, weight = c.sums["dx"], c.sums.get("dweight")
    if not np.abs(c.values["dx"]).any():
        return Claim("No sample gets a gradient here.", _nothing(c))
    bias = "0" if total.vanishes else number(total.value, signed=True)
    claim = (
        f"Frozen statistics take nothing away: the bias gets {bias}."
        if not total.vanishes
        else "Frozen statistics take nothing away; these gradients add up to 0 by themselves."
    )
    why = "Mean and variance are constants, nothing flows through them, and ① is all there is."
    if weight is not None:
        gets = "0" if weight.vanishes else number(weight.value, signed=True)
        why += f" The weight gets {gets}."
    return Claim(claim, why)


def tell(c: Columns) -> Claim:
    """The story of a neuron and an input; every claim in it is checked here."""
    t, j = c.trace, c.view.neuron
    dx, total = c.values["dx"], c.sums["dx"]
    n = dx.size
    if not np.isfinite(dx).all():
        return Claim("These numbers are too large to work with.", f"Some of {_DX} is not finite.")
    if t.scenario.frozen:
        return _frozen(c)
    if not total.vanishes:
        return Claim(
            f"The gradients should cancel. Here they leave {number(total.value)}.",
            f"That is more than the {number(total.bound)} that rounding explains.",
        )
    alive = int((np.abs(dx) > total.bound).sum())
    if alive == 0 and lost(c):
        return Claim(
            "Whatever gradient there is here is lost in rounding.",
            f"No {_DX} is larger than {number(float(np.abs(dx).max()))}, and the rounding of what "
            f"was added up explains {number(total.bound)}: it can’t be told from 0.",
        )
    if alive == 0:
        return Claim("No sample gets a gradient here.", _nothing(c))

    some = "" if alive == n else f"{alive} of {n} samples get a gradient that can be told from 0. "
    faint = np.abs(dx).max() < _FAINT * gradient_scale(t)[j] / n
    weight = c.sums.get("dweight")
    if weight is None:
        return Claim("The gradients add up to 0.", some + TERMS["dx"].sentence)
    if blurred(c):
        return Claim(
            "The gradients add up to 0; what the weight gets is lost in rounding.", no_weight(c)
        )
    if weight.vanishes:
        return Claim(
            "The gradients add up to 0, and so does what this weight gets.", some + no_weight(c)
        )
    if faint:
        return Claim(
            "Hardly any gradient is left, and the weight learns next to nothing.",
            "∂L/∂x̂ is almost all mean and part along x̂, and the norm takes both away.",
        )
    return Claim(
        "The gradients add up to 0, and the weight learns all the same.",
        f"{some}{_sent(c.sums['dy'])}; each sample times its own input still adds up to "
        f"{number(weight.value, signed=True)}.",
    )


def asked(c: Columns, reach: Reach) -> Claim | None:
    """In place of a headline: what is left out of the screen, as a question; None where nothing."""
    n = c.values["dx"].size
    if "dx" not in reach.totals:
        what = f"What do the {n} {_DX} add up to?" if n > 1 else f"What {_DX} has a batch of one?"
        return Claim(what, "Predict it first: the sums are left out here.")
    if "dweight" in reach.totals or "dweight" not in c.values:
        return None
    first = "The gradients add up to 0. " if c.sums["dx"].vanishes else ""
    return Claim(f"{first}What does the weight get?", f"Predict it first: {_DW} is left out here.")
