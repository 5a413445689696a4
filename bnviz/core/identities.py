"""What must hold of a trace, each with its value, its bound and its verdict.

A bound is never a share of ∂L/∂x, which may truly be near zero, but of
s·Σ|∂L/∂x̂|, the size of what was added up (s = 1/√(σ²+ε)), times a small
multiple of the unit roundoff that grows with N.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import TINY, Array, within
from bnviz.core.trace import Trace


def rounding(n: int) -> float:
    """The relative error allowed to a sum of n products: 1.2e-14 for n = 6."""
    return float(4 * (n + 8) * np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Check:
    """An identity: value, which should be zero, within bound."""

    statement: str
    value: Array
    bound: Array

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Entry by entry; never true of a nan."""
        return within(self.value, self.bound)


def gradient_scale(t: Trace) -> Array:
    """s·Σ|∂L/∂x̂| for each neuron, (k,): what ∂L/∂x is measured against."""
    with np.errstate(over="ignore", invalid="ignore"):
        scale: Array = t.inv_std * np.abs(t.dx_hat).sum(axis=0)
    return scale


def _eps_share(t: Trace) -> Array:
    """ε/(σ²+ε) for each neuron, from a variance found anew, not from the trace's."""
    x, eps = t.scenario.x, t.scenario.eps
    var = np.var(x - x[0], axis=0)
    share: Array = np.divide(eps, var + eps, out=np.zeros_like(var), where=var + eps != 0)
    return share


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def identities(t: Trace) -> dict[str, Check]:
    """All identities that apply, by name; the weight ones need a (and W).

    Of a frozen norm none is claimed: through constants nothing flows, and nothing cancels.
    """
    s = t.scenario
    if s.frozen:
        return {}
    n = t.x_hat.shape[0]
    u = rounding(n)
    scale = gradient_scale(t)
    eps_share = _eps_share(t)
    widest = np.abs(t.x_hat).max(axis=0)
    along = (t.dx_hat * t.x_hat).sum(axis=0)  # S = ⟨∂L/∂x̂, x̂⟩
    to_x_hat = scale * np.maximum(widest, 1.0)
    # A constant column at ε = 0 has x̂ = 0 by definition, and N·σ²/(σ²+ε) is then 0 as well.
    energy = np.where(t.undefined, 0.0, n * (1.0 - eps_share))

    checks = {
        "x_hat_sum": Check("Σx̂ = 0", t.x_hat.sum(axis=0), u * np.abs(t.x_hat).sum(axis=0)),
        "x_hat_energy": Check(
            "Σx̂² = N·σ²/(σ²+ε)",
            np.square(t.x_hat).sum(axis=0) - energy,
            np.full_like(widest, u * n),
        ),
        "mean_via_var": Check("∂L/∂μ via σ² = 0", t.dmean_via_var, u * scale),
        "direct_and_mean": Check(
            "Σ① + Σ③ = 0", t.dx_direct.sum(axis=0) + t.dx_via_mean.sum(axis=0), u * scale
        ),
        "var_path": Check("Σ② = 0", t.dx_via_var.sum(axis=0), u * scale),
        "dx_sum": Check("Σ∂L/∂x = 0", t.dx.sum(axis=0), u * scale),
        "simplified": Check(
            "the six equations and the simplified form agree",
            np.abs(t.dx - t.dx_simplified).max(axis=0),
            u * scale,
        ),
        "along_x_hat": Check(
            "Σ∂L/∂x·x̂ = Σ(∂L/∂x̂·x̂) · ε/(σ²+ε)^(3/2)",
            (t.dx * t.x_hat).sum(axis=0) - along * eps_share * t.inv_std,
            u * to_x_hat,
        ),
    }
    if s.a is not None and t.dweight is not None:
        centred = s.a - s.a.mean(axis=0)
        reach = np.abs(s.a).max(axis=0)
        checks["covariance"] = Check(
            "∂L/∂W = N·Cov(a, ∂L/∂x)",
            t.dweight - centred.T @ (t.dx - t.dx.mean(axis=0)),
            u * np.outer(reach, scale),
        )
        if s.computed and s.weight is not None and s.bias is not None:
            size = reach @ np.abs(s.weight) + np.abs(s.bias)
            checks["scale_invariance"] = Check(
                "⟨w, ∂L/∂w⟩ = ε/(σ²+ε) · γ · ∂L/∂γ",
                (s.weight * t.dweight).sum(axis=0) - eps_share * s.gamma * t.dgamma,
                u * (size * scale + np.abs(along)),
            )
    return {
        name: Check(c.statement, c.value, np.where(np.isnan(c.bound), c.bound, c.bound + TINY))
        for name, c in checks.items()
    }
