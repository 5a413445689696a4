"""∂L/∂x̂ in three directions, 1, x̂ and the rest, and the Jacobian that tells them apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.trace import Trace


@dataclass(frozen=True)
class Split:
    """g = ∂L/∂x̂ of one neuron in three orthogonal parts, (N,) each, and what each becomes."""

    mean: Array  # along 1: removed
    along: Array  # along x̂: removed up to ε/(σ²+ε)
    rest: Array  # kept, times 1/√(σ²+ε)
    gain_along: float  # ε·s³
    gain_rest: float  # s

    @property
    def shares(self) -> tuple[float, float, float]:
        """Squared lengths over that of g: they add to 1, by Pythagoras; 0 where g is 0."""
        parts = (self.mean, self.along, self.rest)
        largest = max(float(np.abs(part).max()) for part in parts) or 1.0
        squares = [float((part / largest) @ (part / largest)) for part in parts]
        whole = sum(squares)
        one, two, three = (square / whole if whole else 0.0 for square in squares)
        return one, two, three


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def split(t: Trace, neuron: int) -> Split:
    """g along 1, along x̂ and the rest."""
    g, x_hat = t.dx_hat[:, neuron], t.x_hat[:, neuron]
    size = float(np.linalg.norm(x_hat))
    unit = x_hat / size if size > 0 else np.zeros_like(x_hat)
    mean = np.full_like(g, g.mean())
    along = unit * float(unit @ (g - mean))
    s = float(t.inv_std[neuron])
    return Split(mean, along, g - mean - along, t.scenario.eps * s * s * s, s)


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def jacobian(t: Trace, neuron: int) -> Array:
    """∂x̂/∂x = s (I − 11ᵀ/N − x̂x̂ᵀ/N), (N, N), symmetric."""
    x_hat = t.x_hat[:, neuron]
    n = x_hat.size
    matrix: Array = t.inv_std[neuron] * (np.eye(n) - 1.0 / n - np.outer(x_hat, x_hat) / n)
    return matrix


def eigenvalues(t: Trace, neuron: int) -> Array:
    """Of the Jacobian, from small to large, (N,); found numerically, not by the formula."""
    return np.asarray(np.linalg.eigvalsh(jacobian(t, neuron)), dtype=np.float64)


def eigenvalues_by_formula(t: Trace, neuron: int) -> Array:
    """0 on 1, ε·s³ on x̂, s on the N − 2 that are left; sorted, (N,)."""
    n = t.x_hat.shape[0]
    parts = split(t, neuron)
    flat = not t.x_hat[:, neuron].any()
    known = [0.0] if flat or n < 2 else [0.0, parts.gain_along]
    return np.sort(np.array(known + [parts.gain_rest] * (n - len(known))))


def spectrum(t: Trace, neuron: int) -> dict[str, float]:
    """The eigenvalues of the Jacobian by the formula: only those whose direction exists.

    One sample has the direction 1 and no other; equal x have no x̂; two samples that differ
    have nothing besides 1 and x̂. Where all is 0 by definition, so is the one eigenvalue.
    """
    n, parts = t.x_hat.shape[0], split(t, neuron)
    apart = bool(t.x_hat[:, neuron].any())
    found = {"0": 0.0}
    if n > 1 and apart:
        found["ε·s³"] = parts.gain_along
    if n - 1 - apart > 0 and not t.undefined[neuron]:
        found["s"] = parts.gain_rest
    return found
