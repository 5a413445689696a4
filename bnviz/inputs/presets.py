"""Named scenarios, each with one surprise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View

_FIRST = View()


@dataclass(frozen=True)
class Preset:
    """A scenario with its name, and the neuron and the input that it opens on."""

    title: str
    make: Callable[[], Scenario]
    view: View = _FIRST

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario, made once."""
        return self.make()


def _column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


_X = np.array([-1.2, 0.3, -0.4, 2.1, 1.0, -0.9])
_DY = np.array([0.9, -0.6, 0.3, 0.8, -1.1, 0.2])
_A = np.array(
    [
        [0.4, 1.0, -0.9],
        [1.9, -0.5, 0.2],
        [-0.7, 0.8, 1.4],
        [2.6, 0.3, -0.3],
        [1.1, -1.2, 0.7],
        [-0.2, 0.6, -1.1],
    ]
)


def _puzzle() -> Scenario:
    return Scenario(
        x=np.column_stack([_X, [0.5, -1.4, 0.9, 0.2, 1.7, -0.6]]),
        dy=np.column_stack([_DY, [-0.4, 0.7, 0.5, -0.9, 0.3, 0.6]]),
        gamma=[1.2, 0.8],
        a=_A,
    )


def _computed() -> Scenario:
    return Scenario(
        x=None,
        dy=_puzzle().dy,
        gamma=[1.2, 0.8],
        a=_A,
        weight=[[0.8, -0.3], [-0.5, 0.9], [0.4, 0.6]],
        bias=[0.2, -0.1],
    )


def _two_samples() -> Scenario:
    return Scenario(x=_column(-0.05, 0.05), dy=_column(1, -1), a=_column(2, 1))


def _one_sample() -> Scenario:
    return Scenario(x=[[0.7, -1.3]], dy=[[0.9, 0.4]], a=[[1.5, -0.6]])


def _losses() -> Scenario:
    x = np.column_stack([_X, _X, _X])
    y = run(Scenario(x, np.zeros_like(x))).y[:, 0]
    dy = np.column_stack([np.ones_like(y), 2 * y, 3 * y**2])
    return Scenario(x, dy, a=_A[:, :2])


def _constant() -> Scenario:
    dy = _column(0.9, -0.6, 0.3, 0.8, -1.1, 0.2, -0.4, 0.7, 0.5, -0.3)
    a = _column(0.4, 1.9, -0.7, 2.6, 1.1, -0.2, 0.8, -1.5, 0.3, 1.2)
    return Scenario(x=np.full((10, 1), 0.1), dy=dy, a=a)


def _shifted() -> Scenario:
    return _puzzle().edit(a=_A + 10.0)


def _uncorrelated() -> Scenario:
    # A two-level design: the columns of such a table, and their products, are orthogonal.
    p, q, r = (np.array(c) for c in zip(*np.ndindex(2, 2, 2), strict=True))
    p, q, r = 1 - 2 * p, 1 - 2 * q, 1 - 2 * r
    a = np.column_stack([0.5 + r + 0.5 * p, 0.25 * q * r - 0.75 * p * r])
    return Scenario(x=_column(*(p * 1.5)), dy=_column(*(q + 0.5 * p * q)), a=a)


def _dead_bias() -> Scenario:
    a = _A.copy()
    a[:, 0] = 1.0
    return _puzzle().edit(a=a)


def _offset() -> Scenario:
    return Scenario(x=_column(*(1e4 + _X)), dy=_column(*_DY), gamma=[1.2], a=_A)


def _frozen() -> Scenario:
    # The statistics are the batch's own, so that y is what it is in training.
    dy = _column(1.0, 1.1, 0.9, 1.0, 0.95, 1.05)
    mean, var = _X.mean(), _X.var()
    return Scenario(_column(*_X), dy, a=_A, running_mean=mean, running_var=var)


def _three() -> Scenario:
    return Scenario(x=_column(-1, 0, 1), dy=_column(1, -0.5, 0.2), a=_A[:3])


PRESETS = {
    # Of the six entries of ∂L/∂W, input 1 has the smallest, which looks as if it cancelled too.
    "puzzle": Preset("The puzzle", _puzzle, View(0, 1)),
    "layer": Preset("A layer in front", _computed),
    "dead": Preset("The dead bias", _dead_bias),
    "two": Preset("Two samples", _two_samples),
    "one": Preset("One sample", _one_sample),
    "losses": Preset("The loss that gives nothing", _losses),
    "constant": Preset("A constant column", _constant),
    "offset": Preset("A large offset", _offset, View(0, 1)),
    "frozen": Preset("Frozen statistics", _frozen, View(0, 1)),
    "three": Preset("Biased or unbiased", _three),
    "shifted": Preset("Shifted inputs", _shifted, View(0, 1)),
    "uncorrelated": Preset("An uncorrelated upstream", _uncorrelated),
}

DEFAULT = "puzzle"


def matching(scenario: Scenario) -> str | None:
    """The preset that is exactly this scenario, if there is one."""
    return next((name for name, p in PRESETS.items() if p.scenario == scenario), None)
