"""The way from the six equations to one line, and what the zero term is good for.

Each move is a Python expression as well as an equation: the expression that is
shown is the one that is evaluated, for all samples of one neuron at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bnviz.core.arrays import TINY, Array, within
from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.trace import Trace


@dataclass(frozen=True)
class Move:
    """One line of the algebra. `code` is over names(); `latex` is the same on paper."""

    title: str
    latex: str
    code: str
    why: str


MOVES = (
    Move(
        "substitute",
        r"g_i s + \left(-\tfrac12 s^3 \sum_j g_j (x_j - \mu)\right) \frac{2 (x_i - \mu)}{N}"
        r" + \frac{-s \sum_j g_j}{N}",
        "g * s + (-0.5 * s**3 * (g * d).sum()) * 2 * d / n + (-s * g.sum()) / n",
        "Put ∂L/∂σ² and ∂L/∂μ into the three paths. Write g for ∂L/∂x̂ and s for 1/√(σ²+ε). "
        "The second piece of ∂L/∂μ is left out: it is 0.",
    ),
    Move(
        "½ · 2 = 1",
        r"g_i s - s^3 \frac{x_i - \mu}{N} \sum_j g_j (x_j - \mu) - \frac{s}{N} \sum_j g_j",
        "g * s - s**3 * d / n * (g * d).sum() - s / n * g.sum()",
        "The ½ of the square root and the 2 of the square cancel.",
    ),
    Move(
        "(x−μ) · s = x̂",
        r"g_i s - \frac{s}{N} \hat{x}_i \sum_j g_j \hat{x}_j - \frac{s}{N} \sum_j g_j",
        "g * s - s / n * h * (g * h).sum() - s / n * g.sum()",
        "Of the three factors s, one turns xᵢ − μ into x̂ᵢ, and one does so inside the sum.",
    ),
    Move(
        "take s/N out",
        r"\frac{s}{N} \left(N g_i - \sum_j g_j - \hat{x}_i \sum_j g_j \hat{x}_j\right)",
        "s / n * (n * g - g.sum() - h * (g * h).sum())",
        "All three pieces share s/N. This is the simplified form that libraries use.",
    ),
    Move(
        "sums to means",
        r"s \left(g_i - \operatorname{mean}(g) - \hat{x}_i \operatorname{mean}(g \hat{x})\right)",
        "s * (g - g.mean() - h * (g * h).mean())",
        "Read it aloud: take away the mean of g, take away its part along x̂, divide by "
        "√(σ²+ε). It is all of that part at ε = 0, and σ²/(σ²+ε) of it otherwise.",
    ),
    Move(
        "back to γ and β",
        r"\gamma s \left(\term{dy} - \frac{1}{N} \term{dbeta}"
        r" - \frac{\hat{x}_i}{N} \term{dgamma}\right)",
        "gamma * s * (dy - dbeta / n - h * dgamma / n)",
        "Since g is γ · ∂L/∂y, the two sums are the gradients of β and γ: they are needed "
        "anyway, so the backward pass needs no extra sum.",
    ),
)

# The computation graph: for each edge the local derivative along it. Of two edges into one
# node, each has its own; a sum over samples leads to what all of them share.
LOCAL = MappingProxyType(
    {
        "xhat-y": r"\term{gamma}",
        "gamma-y": r"\term{x_hat}",
        "beta-y": "1",
        "dev-xhat": r"\term{inv_std}",
        "invstd-xhat": r"\term{deviation}",
        "var-invstd": r"-\tfrac12 (\sigma^2 + \varepsilon)^{-3/2}",
        "dev-var": r"\frac{2 (x_i - \mu)}{N}",
        "mean-dev": "-1",
        "x-dev": "1",
        "x-mean": r"\frac{1}{N}",
        "w-x": r"\term{a}",
        "a-x": r"\term{weight}",
    }
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
        return bool(within(self.difference, self.bound))


def names(t: Trace, neuron: int) -> dict[str, Array | float]:
    """What the letters in a move stand for."""
    s, j = t.scenario, neuron
    return {
        "g": t.dx_hat[:, j],
        "d": t.deviation[:, j],
        "h": t.x_hat[:, j],
        "s": np.float64(t.inv_std[j]),  # its cube may be ∞, and no exception
        "n": float(t.x_hat.shape[0]),
        "dy": s.dy[:, j],
        "gamma": float(s.gamma[j]),
        "dbeta": float(t.dbeta[j]),
        "dgamma": float(t.dgamma[j]),
    }


@np.errstate(all="ignore")
def lines(t: Trace, neuron: int) -> list[Line]:
    """All moves for one neuron. The left side is the line before, first of all ∂L/∂x itself."""
    letters, unit = _in_units(names(t, neuron))
    bound = rounding(t.x_hat.shape[0]) * float(gradient_scale(t)[neuron]) + TINY
    left = t.dx[:, neuron]
    found = []
    for move in MOVES:
        # The expressions are the constants above; nothing that a person typed comes here.
        right = unit(eval(move.code, {"__builtins__": {}}, letters))
        found.append(Line(left, right, bound))
        left = right
    return found


def _in_units(
    letters: dict[str, Array | float],
) -> tuple[dict[str, Array | float], Callable[[Array], Array]]:
    """The letters in units of their own size, powers of two, and the way back for ∂L/∂x.

    s³ of numbers like 1e150 is no float64, and the three paths are.
    """

    def power(*sizes: Array | float) -> int:
        most = max(float(np.abs(size).max()) for size in sizes)
        return int(np.frexp(most)[1]) if np.isfinite(most) and most > 0 else 0

    of_s, of_gamma = power(letters["s"]), power(letters["gamma"])
    of_dy = power(letters["dy"], letters["dbeta"], letters["dgamma"])
    powers = {"g": of_gamma + of_dy, "gamma": of_gamma, "s": of_s, "d": -of_s, "h": 0, "n": 0}
    scaled = {name: np.ldexp(value, -powers.get(name, of_dy)) for name, value in letters.items()}
    return scaled, lambda dx: np.ldexp(dx, of_s + of_gamma + of_dy)


@dataclass(frozen=True)
class OffCentre:
    """∂L/∂x about a wrong centre, with and without the second piece of ∂L/∂μ; (N,) each.

    deviation, direct, via_var and via_mean are what flows on the way to `dropped`, dvar is ∂L/∂σ²
    about that centre and dmean the first piece of ∂L/∂μ.
    """

    shift: float
    kept: Array
    dropped: Array
    bound: float
    deviation: Array
    direct: Array
    via_var: Array
    via_mean: Array
    inv_std: float
    dvar: float
    dmean: float


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
    return OffCentre(
        shift,
        kept=dx(direct + via_var),
        dropped=dx(direct),
        bound=rounding(n) * size + TINY,
        deviation=d,
        direct=g * inv_std,
        via_var=dvar * 2.0 * d / n,
        via_mean=np.full(n, direct / n),
        inv_std=float(inv_std),
        dvar=float(dvar),
        dmean=float(direct),
    )
