"""One neuron and one input in many digits: what is judged by, and no line of bnviz's arithmetic.

The float64 numbers of the scenario are taken as they are; what follows from them follows in
mpmath, from the definitions: x̂ = (x − μ)/√(σ²+ε), g = γ·∂L/∂y, and the chain rule.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from mpmath import mp

from bnviz.core.scenario import Scenario

Real = Any  # mpmath has no types
_KEPT: dict[tuple[int, int, int], tuple[Scenario, dict[str, Any]]] = {}
LARGE, SMALL = 1e300, 4e-308  # beyond these float64 gives up, and a number may be ∞ or 0


def reals(values: np.ndarray) -> list[Real]:
    return [mp.mpf(float(v)) for v in values]


def digits(s: Scenario) -> int:
    """Enough that nothing cancels away: the span of the sizes, and 60 more."""
    sizes = [float(v) for v in (np.abs(s.x).max(), s.eps, np.abs(s.x[s.x != 0]).min(initial=1.0))]
    powers = [abs(math.log10(v)) for v in sizes if v > 0 and math.isfinite(v)]
    return 80 + 3 * int(max(powers, default=0))


class Exact:
    """Neuron j and input p. Only inside `mp.workdps(digits(s))` do the digits hold."""

    def __init__(self, s: Scenario, neuron: int, input: int) -> None:
        self.s, self.j, self.p = s, neuron, input
        key = id(s), neuron, mp.dps
        if key not in _KEPT or _KEPT[key][0] is not s:
            if len(_KEPT) >= 64:
                _KEPT.pop(next(iter(_KEPT)))
            before = set(self.__dict__)
            self._work(s, neuron)
            _KEPT[key] = s, {k: v for k, v in self.__dict__.items() if k not in before}
        self.__dict__.update(_KEPT[key][1])

    def _work(self, s: Scenario, neuron: int) -> None:
        """All that is of the neuron alone: many conditions ask for it again."""
        self.n = s.shape[0]
        self.x, self.dy = reals(s.x[:, neuron]), reals(s.dy[:, neuron])
        self.gamma, self.beta = mp.mpf(float(s.gamma[neuron])), mp.mpf(float(s.beta[neuron]))
        self.eps = mp.mpf(s.eps)
        self.g = [self.gamma * v for v in self.dy]
        self.u = mp.mpf(4 * (self.n + 8)) * mp.mpf(2) ** -52
        self.frozen = s.running_mean is not None
        if s.running_mean is not None and s.running_var is not None:
            self.mean = mp.mpf(float(s.running_mean[neuron]))
            self.var = mp.mpf(float(s.running_var[neuron]))
            self.away = [v - self.mean for v in self.x]
        else:
            self.mean = mp.fsum(self.x) / self.n
            self.away = [v - self.mean for v in self.x]
            self.var = mp.fsum(v * v for v in self.away) / self.n
        total = self.var + self.eps
        self.undefined = total == 0
        self.inv = mp.mpf(0) if self.undefined else 1 / mp.sqrt(total)
        self.x_hat = [v * self.inv for v in self.away]
        self.y = [self.gamma * v + self.beta for v in self.x_hat]
        self.direct = [b * self.inv for b in self.g]
        dvar = mp.fsum(b * v for b, v in zip(self.g, self.away, strict=True)) * -(self.inv**3) / 2
        zero = mp.mpf(0)
        self.dvar = zero if self.frozen else dvar
        self.dmean = zero if self.frozen else -self.inv * mp.fsum(self.g)
        self.via_var = [2 * self.dvar * v / self.n for v in self.away]
        self.via_mean = [self.dmean / self.n] * self.n
        self.dx = [
            one + two + three
            for one, two, three in zip(self.direct, self.via_var, self.via_mean, strict=True)
        ]
        self.scale = self.inv * mp.fsum(abs(v) for v in self.g)
        self.bound = self.u * self.scale + mp.mpf(SMALL)

    @property
    def flat(self) -> bool:
        """Is every x the mean?"""
        return all(v == self.x[0] for v in self.x)

    @cached_property
    def a(self) -> list[Real]:
        assert self.s.a is not None
        return reals(self.s.a[:, self.p])

    @cached_property
    def products(self) -> list[Real]:
        return [a * d for a, d in zip(self.a, self.dx, strict=True)]

    @property
    def weight(self) -> Real:
        return mp.fsum(self.products)

    @cached_property
    def weight_bound(self) -> Real:
        return self.u * largest(self.a) * self.scale + mp.mpf(SMALL)

    @cached_property
    def could_be(self) -> Real:
        """What ∂L/∂W is of inputs that vary as these do, if all samples agreed."""
        mean = mp.fsum(self.a) / self.n
        return mp.fsum(abs(a - mean) * abs(d) for a, d in zip(self.a, self.dx, strict=True))

    @property
    def overflows(self) -> bool:
        """Is something on the way larger than float64 holds?"""
        sizes = [*self.direct, *self.via_var, *self.via_mean, *self.g, self.scale]
        return bool(largest(sizes) > LARGE) or not np.isfinite(self.s.x).all()

    @property
    def no_gradient(self) -> bool:
        """Is every ∂L/∂x 0, in all these digits?"""
        return bool(largest(self.dx) <= self.scale * mp.mpf(10) ** -50 + mp.mpf(SMALL))


def largest(values: list[Real]) -> Real:
    return max((abs(v) for v in values), default=mp.mpf(0))


def read(text: str) -> Real:
    """A number as it stands on the screen."""
    plain = text.replace("−", "-").replace("+", "")
    return mp.mpf("inf") if plain == "∞" else -mp.mpf("inf") if plain == "-∞" else mp.mpf(plain)


def shows(text: str, value: Real, slack: Real = 0) -> bool:
    """Is that number the value, to the digits shown and what rounding may have done to it?"""
    shown = read(text)
    if mp.isinf(shown):
        return bool(abs(value) + slack > LARGE)
    mantissa, _, power = text.replace("−", "-").lower().partition("e")
    places = len(mantissa.partition(".")[2])
    half = mp.mpf(10) ** (int(power or 0) - places) / 2 if shown or "." in mantissa else 0
    return bool(abs(shown - value) <= half * mp.mpf("1.001") + slack + mp.mpf(SMALL))
