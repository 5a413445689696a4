"""Why ∂L/∂W survives: what it is made of, when it vanishes, and the geometry behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bnviz.core.arrays import TINY, Array
from bnviz.core.columns import column_sums
from bnviz.core.identities import Check, rounding
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run


def inputs(s: Scenario) -> Array:
    """a, (N, d); ValueError where the scenario has none."""
    if s.a is None:
        raise ValueError("a must be given: the weight gradient needs the inputs of the layer.")
    return s.a


# ---- Outer products ---------------------------------------------------------------


def running_outer(t: Trace) -> Array:
    """The sum of the first 1 … N outer products aᵢ ⊗ ∂L/∂xᵢ, (N, d, k)."""
    products = inputs(t.scenario)[:, :, None] * t.dx[:, None, :]
    sums: Array = np.cumsum(products, axis=0)
    return sums


def running_bias(t: Trace) -> Array:
    """The same with every input 1, (N, k): it ends at ∂L/∂b."""
    sums: Array = np.cumsum(t.dx, axis=0)
    return sums


def shifted(s: Scenario, amount: float) -> Scenario:
    """The scenario with a constant added to all inputs a."""
    return s.edit(a=inputs(s) + amount)


# ---- Where it vanishes --------------------------------------------------------------


@dataclass(frozen=True)
class Vanishing:
    """A change of the scenario after which a part of ∂L/∂W is 0, and why."""

    title: str
    reason: str
    make: Callable[[Scenario, int, int], Scenario]
    whole_row: bool = False  # all neurons of one input; else all of one neuron


def _constant_column(s: Scenario, neuron: int, input: int) -> Scenario:
    a = inputs(s).copy()
    a[:, input] = np.round(a[:, input].mean(), 1) or 1.0
    return Scenario(s.x, s.dy, s.gamma, s.beta, s.eps, a)


def _identical_rows(s: Scenario, neuron: int, input: int) -> Scenario:
    return Scenario(s.x, s.dy, s.gamma, s.beta, s.eps, np.tile(inputs(s)[0], (s.shape[0], 1)))


def _one_feature(s: Scenario, neuron: int, input: int) -> Scenario:
    a = inputs(s)[:, [input]]
    return Scenario(None, s.dy, s.gamma, s.beta, 0.0, a, np.ones((1, s.shape[1])))


def _two_samples(s: Scenario, neuron: int, input: int) -> Scenario:
    n = min(2, s.shape[0])
    return Scenario(s.x[:n], s.dy[:n], s.gamma, s.beta, 0.0, inputs(s)[:n])


def _same_for_all(s: Scenario, neuron: int, input: int) -> Scenario:
    return s.edit(dy=np.ones_like(s.dy))


def _uncorrelated(s: Scenario, neuron: int, input: int) -> Scenario:
    """The upstream without its parts along the centred inputs and along x̂.

    What the weights can see of it, J·a, lies in the span of these.
    """
    t = run(s)
    a = inputs(s)
    seen = np.column_stack([a - a.mean(axis=0), t.x_hat[:, neuron]])
    lengths = np.linalg.norm(seen, axis=0)
    # Inputs may have units of their own; what is constant leaves only dust.
    dust = rounding(s.shape[0])
    real = lengths > dust * np.append(np.abs(a).max(axis=0), 0.0)
    seen = np.where(real, seen / np.where(real, lengths, 1.0), 0.0)
    basis, sizes, _ = np.linalg.svd(seen, full_matrices=False)
    basis = basis[:, sizes > dust * max(float(sizes.max(initial=0.0)), TINY)]
    dy = s.dy.copy()
    size = float(np.abs(dy[:, neuron]).max())
    for _ in range(2):  # once more for what rounding left
        dy[:, neuron] -= basis @ (basis.T @ dy[:, neuron])
    left = float(np.abs(dy[:, neuron]).max())
    if left <= dust * size:
        dy[:, neuron] = 0.0
    dy[np.abs(dy[:, neuron]) <= 1e-16 * left, neuron] = 0.0
    return s.edit(dy=dy)


VANISHING = (
    Vanishing(
        "A constant input",
        "An input that is the same for every sample only multiplies a sum that is 0. A bias "
        "is an input that is always 1, so in front of a batch norm it is dead.",
        _constant_column,
        whole_row=True,
    ),
    Vanishing(
        "Identical rows",
        "If all samples enter the layer alike, no weight can tell them apart.",
        _identical_rows,
    ),
    Vanishing(
        "One input, ε = 0",
        "With a single input, x̂ is that input, normalised. ∂L/∂x has no part along x̂ at ε = 0, "
        "so it has none along a.",
        _one_feature,
    ),
    Vanishing(
        "Two samples, ε = 0",
        "Two samples have two directions, 1 and x̂, and the norm takes both away.",
        _two_samples,
    ),
    Vanishing(
        "The same upstream for all",
        "What all samples share is taken away by the mean, whatever it is.",
        _same_for_all,
    ),
    Vanishing(
        "An uncorrelated upstream",
        "What varies with an input, or with x̂, is taken out of the upstream. What is left is "
        "uncorrelated with every input, and so is what the norm makes of it: samples may still get "
        "gradients, this neuron’s weights get none.",
        _uncorrelated,
    ),
)


def vanished(case: Vanishing, t: Trace, neuron: int, input: int) -> Check:
    """∂L/∂W where the case says that it is 0: an entry for each neuron, or for each input."""
    assert t.dweight is not None
    d, k = t.dweight.shape
    places = [(input, j) for j in range(k)] if case.whole_row else [(p, neuron) for p in range(d)]
    sums = [column_sums(t, j, p)["dweight"] for p, j in places]
    return Check("∂L/∂W = 0", np.array([s.value for s in sums]), np.array([s.bound for s in sums]))
