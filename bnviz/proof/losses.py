"""The losses that may stand behind the upstream gradient ∂L/∂y.

Each is a value and its derivative. The value also takes complex y and leading axes, so
that `bnviz.proof.complex_step` can differentiate it on its own, without the derivative given here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run

Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class Loss:
    """One loss of y, (N, k). `given` is the table ∂L/∂y that was set: upstream or target.

    value(y, given): (..., N, k) -> (...). upstream(y, given): ∂L/∂y, (N, k).
    noise(y, size, given): what rounding does to the upstream, in units of the roundoff, where
    y was made of numbers of that size; all (N, k).
    """

    title: str
    value: Callable[[Complex, Array], Complex]
    upstream: Callable[[Array, Array], Array]
    noise: Callable[[Array, Array, Array], Array]


def _total(values: Any) -> Any:
    return values.sum(axis=(-2, -1))


def _classes(given: Array) -> NDArray[np.bool_]:
    """The class of each sample: where its row is largest, (N, k)."""
    marks: NDArray[np.bool_] = np.arange(given.shape[1]) == given.argmax(axis=1)[:, None]
    return marks


def _log_softmax(y: Any) -> Any:
    away = y - y.real.max(axis=-1, keepdims=True)
    return away - np.log(np.exp(away).sum(axis=-1, keepdims=True))


# A probability as small as this is lost where it is multiplied with the complex step.
_LOST = 1e-260


def _softmax_noise(y: Array, size: Array, given: Array) -> Array:
    """Of p − 1 at the class: p moves by p (δy − Σ p δy), and rounds on its own."""
    logs = _log_softmax(y)
    p = np.exp(logs)
    moved = p * ((1 - p) * size + (p * size).sum(axis=1, keepdims=True) - p * size)
    noise: Array = moved + p * (1 + np.abs(logs)) + _classes(given) + _LOST
    return noise


def _none(y: Array, size: Array, given: Array) -> Array:
    return np.zeros_like(y)


# Where y is 0 a cube is flat, and its slope is lost in the square of the complex step.
_FLAT = 1e-40

LOSSES = {
    "given": Loss(
        "∂L/∂y as it is set", lambda y, given: _total(y * given), lambda y, given: given, _none
    ),
    "sum": Loss("L = Σ y", lambda y, _: _total(y), lambda y, _: np.ones_like(y), _none),
    "squares": Loss(
        "L = Σ y²",
        lambda y, _: _total(y**2),
        lambda y, _: 2 * y,
        lambda y, size, _: 2 * size,
    ),
    "cubes": Loss(
        "L = Σ y³",
        lambda y, _: _total(y**3),
        lambda y, _: 3 * y**2,
        lambda y, size, _: 6 * np.maximum(np.abs(y), 1e-14 * size) * size + _FLAT,
    ),
    "error": Loss(
        "L = ½ Σ (y − t)², t: the numbers set for ∂L/∂y",
        lambda y, given: _total((y - given) ** 2) / 2,
        lambda y, given: y - given,
        lambda y, size, _: size,
    ),
    "entropy": Loss(
        "cross-entropy over the neurons, class: the largest set for ∂L/∂y",
        lambda y, given: -_total(_log_softmax(y) * _classes(given)),
        lambda y, given: np.exp(_log_softmax(y)) - _classes(given),
        _softmax_noise,
    ),
}


@np.errstate(over="ignore", invalid="ignore")
def under(s: Scenario, name: str) -> Scenario:
    """The scenario with the upstream gradient that this loss gives it."""
    return s if name == "given" else s.edit(dy=LOSSES[name].upstream(run(s).y, s.dy))
