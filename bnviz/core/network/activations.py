"""Activations, each with its local derivative beside it."""

from __future__ import annotations

import numpy as np

from bnviz.core.arrays import Array


def forward(kind: str, y: Array) -> Array:
    """z = φ(y), any shape."""
    if kind == "relu":
        return np.maximum(y, 0.0)
    if kind == "tanh":
        return np.tanh(y)
    return y


def backward(kind: str, dz: Array, z: Array) -> Array:
    """∂L/∂y = ∂L/∂z · φ'(y), with φ' from z = φ(y): [z > 0], 1 − z², 1."""
    if kind == "relu":
        return dz * (z > 0)
    if kind == "tanh":
        return dz * (1.0 - z * z)
    return dz
