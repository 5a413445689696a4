"""Optimisers: what a step takes from the parameters, for all of them in one vector.

As PyTorch's SGD, SGD with momentum and Adam (Kingma and Ba, 2015, arXiv 1412.6980) define them;
decay is added to the gradient.
"""

from __future__ import annotations

import numpy as np

from bnviz.core.arrays import Array

MOMENTUM = 0.9
ADAM = (0.9, 0.999)
ADAM_EPS = 1e-8


def memory(kind: str, size: int) -> Array:
    """What an optimiser remembers from step to step, (rows, size): none, one or two moments."""
    return np.zeros(({"sgd": 0, "momentum": 1, "adam": 2}[kind], size))


def move(
    kind: str, w: Array, gradient: Array, kept: Array, step: int, rate: float, decay: float
) -> None:
    """Take step number step, from 0: w and kept change in place."""
    g = gradient + decay * w if decay else gradient
    if kind == "sgd":
        w -= rate * g
    elif kind == "momentum":
        kept[0] *= MOMENTUM
        kept[0] += g
        w -= rate * kept[0]
    else:
        one, two = ADAM
        kept[0] += (1 - one) * (g - kept[0])
        kept[1] *= two
        kept[1] += (1 - two) * g * g
        size = np.sqrt(kept[1] / (1 - two ** (step + 1))) + ADAM_EPS
        w -= rate / (1 - one ** (step + 1)) * kept[0] / size
