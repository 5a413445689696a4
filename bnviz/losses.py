"""The losses that may stand behind the upstream gradient ∂L/∂y.

Each is a value and its derivative. The value also takes complex y and leading axes, so
that `bnviz.gradcheck` can differentiate it on its own, without the derivative given here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnviz.scenario import Array, Scenario
from bnviz.trace import run

# Where y is smaller, a cube is flat: its slope is lost in the square of the complex step.
FLAT = 1e-15

Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class Loss:
    """One loss of y, (N, k). `given` is the table ∂L/∂y that was set: upstream or target.

    value(y, given): (..., N, k) -> (...). upstream(y, given): ∂L/∂y, (N, k).
    curvature(y): how fast the upstream moves with y, (N, k); what rounding in y does to it.
    """

    title: str
    value: Callable[[Complex, Array], Complex]
    upstream: Callable[[Array, Array], Array]
    curvature: Callable[[Array], Array]


def _total(values: Any) -> Any:
    return values.sum(axis=(-2, -1))


def _classes(given: Array) -> NDArray[np.bool_]:
    """The class of each sample: where its row is largest, (N, k)."""
    marks: NDArray[np.bool_] = np.arange(given.shape[1]) == given.argmax(axis=1)[:, None]
    return marks


def _log_softmax(y: Any) -> Any:
    away = y - y.real.max(axis=-1, keepdims=True)
    return away - np.log(np.exp(away).sum(axis=-1, keepdims=True))


LOSSES = {
    "given": Loss(
        "∂L/∂y as it is set",
        lambda y, given: _total(y * given),
        lambda y, given: given,
        np.zeros_like,
    ),
    "sum": Loss("L = Σ y", lambda y, _: _total(y), lambda y, _: np.ones_like(y), np.zeros_like),
    "squares": Loss(
        "L = Σ y²",
        lambda y, _: _total(y**2),
        lambda y, _: 2 * y,
        lambda y: np.full_like(y, 2.0),
    ),
    "cubes": Loss(
        "L = Σ y³",
        lambda y, _: _total(y**3),
        lambda y, _: 3 * y**2,
        lambda y: 6 * np.maximum(np.abs(y), FLAT),
    ),
    "error": Loss(
        "L = ½ Σ (y − t)², t: the numbers set for ∂L/∂y",
        lambda y, given: _total((y - given) ** 2) / 2,
        lambda y, given: y - given,
        np.ones_like,
    ),
    "entropy": Loss(
        "cross-entropy over the neurons, class: the largest set for ∂L/∂y",
        lambda y, given: -_total(_log_softmax(y) * _classes(given)),
        lambda y, given: np.exp(_log_softmax(y)) - _classes(given),
        np.ones_like,
    ),
}


@np.errstate(over="ignore", invalid="ignore")
def under(s: Scenario, name: str) -> Scenario:
    """The scenario with the upstream gradient that this loss gives it."""
    return s if name == "given" else s.edit(dy=LOSSES[name].upstream(run(s).y, s.dy))
