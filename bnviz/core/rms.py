"""RMS norm forward and backward: no mean is taken away, and so no sum has to vanish.

B. Zhang and R. Sennrich, "Root Mean Square Layer Normalization", 2019, arXiv 1910.07467.
"""

from __future__ import annotations

import numpy as np

from bnviz.core.arrays import Array


def inverse_root(total: Array) -> Array:
    """1/√total; 0 where there is nothing to divide by, as in batch norm."""
    roots: Array = np.divide(1.0, np.sqrt(total), out=np.zeros_like(total), where=total > 0)
    return roots


def rms_norm(x: Array, g: Array, eps: float) -> tuple[Array, Array, Array]:
    """x_hat, ∂L/∂x and 1/rms, a row at a time. x, g = γ·∂L/∂y (N, k); 1/rms (N, 1)."""
    inv_rms = inverse_root(np.square(x).mean(axis=1, keepdims=True) + eps)
    x_hat = x * inv_rms
    dx = inv_rms * (g - x_hat * (g * x_hat).mean(axis=1, keepdims=True))
    return x_hat, dx, inv_rms
