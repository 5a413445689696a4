"""The layer in front of the norm, x = a W + b, and its gradients."""

from __future__ import annotations

import numpy as np

from bnviz.core.arrays import Array


def forward(a: Array, weight: Array, bias: Array) -> Array:
    """x = a W + b. a (N, d), weight (d, k), bias (k,) -> (N, k)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return a @ weight + bias


def dweight_per_sample(a: Array, dx: Array) -> Array:
    """The outer product of each sample, aᵢ ⊗ ∂L/∂xᵢ. -> (N, d, k)."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return a[:, :, None] * dx[:, None, :]


def dweight(a: Array, dx: Array) -> Array:
    """∂L/∂W = aᵀ ∂L/∂x, the sum of the outer products. -> (d, k)."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return a.T @ dx


def dbias(dx: Array) -> Array:
    """∂L/∂b = Σᵢ ∂L/∂xᵢ. -> (k,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums: Array = dx.sum(axis=0)
    return sums


def da(dx: Array, weight: Array) -> Array:
    """∂L/∂a = ∂L/∂x Wᵀ. -> (N, d)."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return dx @ weight.T
