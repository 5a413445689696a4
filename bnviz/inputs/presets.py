"""Named scenarios, each with one surprise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run


@dataclass(frozen=True)
class Preset:
    """A scenario with its name and, in one sentence, what is surprising about it."""

    title: str
    surprise: str
    make: Callable[[], Scenario]

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


def _layer() -> Scenario:
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
    return Scenario(x=_column(*_X), dy=_column(1.0, 1.1, 0.9, 1.0, 0.95, 1.05), a=_A)


def _three() -> Scenario:
    return Scenario(x=_column(-1, 0, 1), dy=_column(1, -0.5, 0.2), a=_A[:3])


PRESETS = {
    "puzzle": Preset(
        "The puzzle",
        "The gradients of the samples add to 0, and yet the weight gradient is not 0.",
        _puzzle,
    ),
    "layer": Preset(
        "A layer in front",
        "Here x = aW + b is computed: the bias gets no gradient at all, and each weight does.",
        _layer,
    ),
    "dead": Preset(
        "The dead bias",
        "Input 1 is the same for every sample, like a bias: its row of ∂L/∂W is 0.",
        _dead_bias,
    ),
    "two": Preset(
        "Two samples",
        "After the norm two samples are always one plus and one minus, so a wide gap leaves "
        "almost no gradient and a narrow one makes it explode.",
        _two_samples,
    ),
    "one": Preset(
        "One sample",
        "A batch of one is its own mean: x̂ is 0 and nothing flows back.",
        _one_sample,
    ),
    "losses": Preset(
        "The loss that gives nothing",
        "Neuron 1 has L = Σy, neuron 2 has L = Σy², neuron 3 has L = Σy³: only the third "
        "gives a gradient worth the name.",
        _losses,
    ),
    "constant": Preset(
        "A constant column",
        "Every x is 0.1, so x̂ is 0, and yet the gradient is not: it is (g − mean g)/√ε, "
        "hundreds of times as large as the upstream.",
        _constant,
    ),
    "offset": Preset(
        "A large offset",
        "Every x is 10000 larger than in the puzzle. Nothing changes here; in float32, with "
        "σ² = E[x²] − E[x]², Σ∂L/∂x looks perfect and the gradient is garbage: see Check.",
        _offset,
    ),
    "frozen": Preset(
        "Frozen statistics",
        "Nearly the same upstream for all: training takes almost all of it away. With frozen "
        "statistics y is the same, and every bit of it goes through: see Check.",
        _frozen,
    ),
    "three": Preset(
        "Biased or unbiased",
        "The norm divides by σ² = 2/3, over N; the running variance is fed with 1, over N − 1: "
        "see Check.",
        _three,
    ),
    "shifted": Preset(
        "Shifted inputs",
        "Each input a is 10 larger than in the puzzle: the contributions are huge, and their "
        "sum ∂L/∂W is the same.",
        _shifted,
    ),
    "uncorrelated": Preset(
        "An uncorrelated upstream",
        "Every sample gets a large gradient, and none of it lines up with a: ∂L/∂W is 0.",
        _uncorrelated,
    ),
}

DEFAULT = "puzzle"


def matching(scenario: Scenario) -> str | None:
    """The preset that is exactly this scenario, if there is one."""
    return next((name for name, p in PRESETS.items() if p.scenario == scenario), None)
