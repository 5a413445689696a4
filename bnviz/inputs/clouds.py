"""Points to tell apart: two spirals, circles, and the four corners of xor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnviz.core.arrays import Array

Points = tuple[Array, Array]  # (n, 2), and −1 or 1 for each


def _spirals(rng: np.random.Generator, n: int) -> Points:
    side = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    way = np.sqrt(rng.uniform(0.02, 1.0, n))
    angle = 3 * np.pi * way + np.where(side > 0, 0.0, np.pi)
    points = way[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return points + rng.normal(0.0, 0.02, (n, 2)), side


def _circles(rng: np.random.Generator, n: int) -> Points:
    side = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    angle = rng.uniform(0.0, 2 * np.pi, n)
    size = np.where(side > 0, 0.4, 0.9)[:, None]
    points = size * np.column_stack([np.cos(angle), np.sin(angle)])
    return points + rng.normal(0.0, 0.06, (n, 2)), side


def _xor(rng: np.random.Generator, n: int) -> Points:
    points = rng.uniform(-1.0, 1.0, (n, 2))
    return points, np.where(points[:, 0] * points[:, 1] > 0, 1.0, -1.0)


CLOUDS: dict[str, tuple[str, Callable[[np.random.Generator, int], Points]]] = {
    "spirals": ("Two spirals", _spirals),
    "circles": ("Circles", _circles),
    "xor": ("Xor", _xor),
}


def batch(name: str, seed: int, step: int, n: int) -> Points:
    """The batch of a step: the same of the same seed. ValueError where there is no such cloud."""
    if name not in CLOUDS:
        raise ValueError(f"data must be one of {', '.join(CLOUDS)}.")
    return CLOUDS[name][1](np.random.default_rng((seed, step)), n)
