"""What the numbers on the screen say, in a sentence that is true of them."""

from __future__ import annotations

import numpy as np

from bnviz.core.columns import column_sums
from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.trace import Trace
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

_FAINT = 1e-3  # of the upstream's size: a gradient that is there and does nothing


def _flat(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= rounding(values.size) * np.abs(values).max())


def nothing(t: Trace, neuron: int) -> str:
    """Why not even the direct path of this neuron brings a gradient; "" where it may."""
    if t.undefined[neuron]:
        return "All x are equal and ε is 0: there is nothing to divide by, and ∂L/∂x is set to 0."
    if not np.abs(t.dx_hat[:, neuron]).any():
        return "Nothing comes from upstream: γ · ∂L/∂y is 0 for every sample."
    return ""


def no_weight(t: Trace, neuron: int, input: int) -> str:
    """Why ∂L/∂W of this neuron and input is 0, where it is."""
    sums = column_sums(t, neuron, input)
    a, products = t.scenario.a, t.dweight_per_sample
    if a is None or products is None:
        return ""
    if (np.abs(t.dx[:, neuron]) <= sums["dx"].bound).all():
        return "Every ∂L/∂x is 0, and with it every product a · ∂L/∂x."
    if _flat(a[:, input]):
        return "The input a is the same for every sample, so it only multiplies a sum that is 0."
    if (np.abs(products[:, input, neuron]) <= sums["dweight"].bound).all():
        return "Every product a · ∂L/∂x is 0: where one of the two is not, the other is."
    return "The input a does not vary together with ∂L/∂x, so the products cancel as well."


def _nothing(t: Trace, neuron: int) -> str:
    """Why no sample of this neuron has a gradient."""
    if t.scenario.shape[0] == 1:
        return "A batch of one is its own mean, so x̂ is 0 whatever x is."
    if before := nothing(t, neuron):
        return before
    if _flat(t.dx_hat[:, neuron]):
        return "Every sample gets the same ∂L/∂x̂, and the norm takes away what all samples share."
    return "∂L/∂x̂ has no part but its mean and its part along x̂, and the norm takes both away."


def tell(t: Trace, neuron: int, input: int) -> Claim:
    """The story of neuron j and input p; every claim in it is checked here."""
    dx = t.dx[:, neuron]
    n = dx.size
    sums = column_sums(t, neuron, input)
    total = sums["dx"]
    if not np.isfinite(dx).all():
        return Claim("These numbers are too large to work with.", "Some of ∂L/∂x is not finite.")
    if not total.vanishes:
        return Claim(
            f"The gradients should cancel. Here they leave {number(total.value)}.",
            f"That is more than the {number(total.bound)} that rounding explains.",
        )
    alive = int((np.abs(dx) > total.bound).sum())
    if alive == 0:
        return Claim("No sample gets a gradient here.", _nothing(t, neuron))

    who = (
        "Every sample gets a gradient." if alive == n else f"{alive} of {n} samples get a gradient."
    )
    faint = np.abs(dx).max() < _FAINT * gradient_scale(t)[neuron] / n
    if faint:
        who = "Hardly any gradient is left."
    weight = sums.get("dweight")
    if weight is None:
        return Claim(f"{who} Together they cancel.", TERMS["dx"].sentence)
    if weight.vanishes:
        return Claim(
            f"{who} Together they cancel, and this weight gets nothing.",
            no_weight(t, neuron, input),
        )
    if faint:
        return Claim(
            f"{who} It cancels, and the weights learn next to nothing.",
            "∂L/∂x̂ is almost all mean and part along x̂, and the norm takes both away.",
        )
    return Claim(
        f"{who} Together they cancel. The weights still learn.",
        "Each sample’s gradient is weighted by its own input a before it is added to ∂L/∂W.",
    )
