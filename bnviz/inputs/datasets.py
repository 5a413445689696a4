"""What a small network learns: points of two classes, or small digits; 512 of them, by seed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import Array

POINTS = 512
NAMES = {
    "spirals": "two spirals",
    "circles": "two circles",
    "xor": "four corners",
    "noise": "pure noise",
    "digits": "digits",
}

Labels = NDArray[np.int64]


def dataset(name: str, seed: int, wide: int = 32) -> tuple[Array, Labels]:
    """Inputs (512, d) and labels (512,): d is 2, 64 pixels of the digits, or wide for noise."""
    if name == "digits":
        return _digits()
    rng = np.random.default_rng([seed, 2])
    labels = np.arange(POINTS) % 2
    if name == "noise":
        return rng.normal(size=(POINTS, wide)), rng.integers(0, 2, POINTS)
    if name == "xor":
        at = rng.uniform(-1, 1, (POINTS, 2))
        return at, (at[:, 0] * at[:, 1] > 0).astype(np.int64)
    if name == "circles":
        turn = rng.uniform(0, 2 * np.pi, POINTS)
        radius = np.where(labels == 1, 0.85, 0.4)
    else:
        far = np.sqrt(rng.uniform(0.02, 1, POINTS))
        turn = 2.6 * np.pi * far + np.pi * labels
        radius = far
    at = np.column_stack([radius * np.cos(turn), radius * np.sin(turn)])
    return at + rng.normal(size=at.shape) * 0.03, labels


@cache
def _digits() -> tuple[Array, Labels]:
    """Of the UCI optical digits (Alpaydin and Kaynak, CC BY 4.0): 8 × 8 pixels, from 0 to 1."""
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as file:
        return file["pixels"] / 16.0, file["labels"].astype(np.int64)
