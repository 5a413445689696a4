"""The way from the six equations to one line, and what the zero term is good for.

Each move is a Python expression as well as an equation: the expression that is
shown is the one that is evaluated, for all samples of one neuron at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bnviz.core.arrays import TINY, Array
from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.trace import Trace


@dataclass(frozen=True)
class Move:
    """One line of the algebra. `code` is over names(); `right` is the same on paper."""

    title: str
    right: str
    code: str
    why: str


MOVES = (
    Move(
        "substitute",
        "gᵢ · s + (−½ s³ Σ g(x−μ)) · 2(xᵢ−μ)/N + (−s Σ g)/N",
        "g * s + (-0.5 * s**3 * (g * d).sum()) * 2 * d / n + (-s * g.sum()) / n",
        "Put ∂L/∂σ² and ∂L/∂μ into the three paths. Write g for ∂L/∂x̂ and s for 1/√(σ²+ε). "
        "The second piece of ∂L/∂μ is left out: it is 0.",
    ),
    Move(
        "½ · 2 = 1",
        "gᵢ · s − s³ (xᵢ−μ)/N · Σ g(x−μ) − s/N · Σ g",
        "g * s - s**3 * d / n * (g * d).sum() - s / n * g.sum()",
        "The ½ of the square root and the 2 of the square cancel.",
    ),
    Move(
        "(x−μ) · s = x̂",
        "gᵢ · s − s/N · x̂ᵢ · Σ g x̂ − s/N · Σ g",
        "g * s - s / n * h * (g * h).sum() - s / n * g.sum()",
        "Of the three factors s, one turns xᵢ − μ into x̂ᵢ, and one does so inside the sum.",
    ),
    Move(
        "take s/N out",
        "s/N · (N gᵢ − Σ g − x̂ᵢ · Σ g x̂)",
        "s / n * (n * g - g.sum() - h * (g * h).sum())",
        "All three pieces share s/N. This is the simplified form that libraries use.",
    ),
    Move(
        "sums to means",
        "s · (gᵢ − mean g − x̂ᵢ · mean(g x̂))",
        "s * (g - g.mean() - h * (g * h).mean())",
        "Read it aloud: take away the mean of g, take away its part along x̂, divide by the "
        "standard deviation.",
    ),
    Move(
        "back to γ and β",
        "γ s · (∂L/∂yᵢ − ∂L/∂β /N − x̂ᵢ · ∂L/∂γ /N)",
        "gamma * s * (dy - dbeta / n - h * dgamma / n)",
        "Since g is γ · ∂L/∂y, the two sums are the gradients of β and γ: they are needed "
        "anyway, so the backward pass needs no extra sum.",
    ),
)


@dataclass(frozen=True)
class Line:
    """A move on these numbers: both sides for each sample, and whether they agree."""

    left: Array
    right: Array
    bound: float

    @property
    def difference(self) -> float:
        """The largest over the samples."""
        return float(np.abs(self.left - self.right).max())

    @property
    def holds(self) -> bool:
        """Never true of a nan."""
        return self.difference <= self.bound


def names(t: Trace, neuron: int) -> dict[str, Array | float]:
    """What the letters in a move stand for."""
    s, j = t.scenario, neuron
    return {
        "g": t.dx_hat[:, j],
        "d": t.deviation[:, j],
        "h": t.x_hat[:, j],
        "s": float(t.inv_std[j]),
        "n": float(t.x_hat.shape[0]),
        "dy": s.dy[:, j],
        "gamma": float(s.gamma[j]),
        "dbeta": float(t.dbeta[j]),
        "dgamma": float(t.dgamma[j]),
    }


@np.errstate(all="ignore")
def lines(t: Trace, neuron: int) -> list[Line]:
    """All moves for one neuron. The left side is the line before, first of all ∂L/∂x itself."""
    letters = names(t, neuron)
    bound = rounding(t.x_hat.shape[0]) * float(gradient_scale(t)[neuron]) + TINY
    left = t.dx[:, neuron]
    found = []
    for move in MOVES:
        # The expressions are the constants above; nothing that a person typed comes here.
        right = eval(move.code, {"__builtins__": {}}, dict(letters))
        found.append(Line(left, right, bound))
        left = right
    return found


@dataclass(frozen=True)
class OffCentre:
    """∂L/∂x about a wrong centre, with and without the second piece of ∂L/∂μ; (N,) each."""

    shift: float
    kept: Array
    dropped: Array
    bound: float


@np.errstate(all="ignore")
def off_centre(t: Trace, neuron: int, share: float = 0.3) -> OffCentre:
    """The six equations with a centre that is wrong by `share` standard deviations.

    About the true mean the deviations add to 0 and the second piece of ∂L/∂μ is 0.
    About any other centre it isn't, and it is just what brings Σ∂L/∂x back to 0.
    """
    s, j = t.scenario, neuron
    n = t.x_hat.shape[0]
    unit = 1.0 / t.inv_std[j] if t.inv_std[j] else 1.0
    shift = float(share * unit)
    d = t.deviation[:, j] - shift
    inv_std = 1.0 / np.sqrt(np.square(d).mean() + s.eps)
    g = t.dx_hat[:, j]
    dvar = (g * d).sum() * -0.5 * inv_std**3
    direct, via_var = (g * -inv_std).sum(), dvar * (-2.0 * d).sum() / n

    def dx(dmean: float) -> Array:
        paths: Array = g * inv_std + dvar * 2.0 * d / n + dmean / n
        return paths

    size = float(inv_std * np.abs(g).sum() + abs(dvar) * np.abs(d).sum())
    return OffCentre(shift, dx(direct + via_var), dx(direct), rounding(n) * size + TINY)


# Each equation in NumPy, over x, dy, gamma, eps, a and what the earlier ones made.
SNIPPETS = MappingProxyType(
    {
        "dy": "n = len(x)\nmean, var = x.mean(axis=0), x.var(axis=0)\n"
        "inv_std = 1 / np.sqrt(var + eps)\nx_hat = (x - mean) * inv_std",
        "dbeta": "dbeta = dy.sum(axis=0)",
        "dgamma": "dgamma = (dy * x_hat).sum(axis=0)",
        "dx_hat": "dx_hat = dy * gamma",
        "dvar": "dvar = (dx_hat * (x - mean)).sum(axis=0) * -0.5 * inv_std**3",
        "dmean_direct": "dmean_direct = (dx_hat * -inv_std).sum(axis=0)",
        "dmean_via_var": "dmean_via_var = dvar * (-2 * (x - mean)).sum(axis=0) / n\n"
        "dmean = dmean_direct + dmean_via_var",
        "dx_direct": "dx_direct = dx_hat * inv_std",
        "dx_via_var": "dx_via_var = dvar * 2 * (x - mean) / n",
        "dx_via_mean": "dx_via_mean = np.broadcast_to(dmean / n, x.shape)",
        "dx": "dx = dx_direct + dx_via_var + dx_via_mean",
        "dweight": "dweight = a.T @ dx",
    }
)
