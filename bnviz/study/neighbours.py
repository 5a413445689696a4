"""The neighbours: other normalisations of the same numbers, and what their ∂L/∂x adds up to.

Layer, instance and group norm are batch norm over other groups of numbers: each group is
laid out as a column and goes through `bnviz.core.batchnorm`. RMS norm leaves the mean where it
is, and fixed statistics leave only the direct path. The rows of the batch are read as
images × positions, (N, k) = (images · positions, channels), so that norms over H and W
have something to run over.

Sources: Ioffe and Szegedy 2015 (batch), Ba, Kiros and Hinton 2016 (layer), Ulyanov, Vedaldi
and Lempitsky 2016 (instance), Wu and He 2018 (group), Zhang and Sennrich 2019 (RMS).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import TINY, Array, within
from bnviz.core.batchnorm import batchnorm
from bnviz.core.identities import rounding
from bnviz.core.rms import inverse_root, rms_norm
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run

Labels = NDArray[np.intp]  # (N, k): which group a number belongs to
MOMENTUM = 0.1  # how far running statistics move in one step, as in PyTorch


def images(n: int) -> int:
    """How many images the N rows are read as: the smallest that leaves equal parts."""
    return next((m for m in range(2, n + 1) if n % m == 0), 1)


def channel_groups(k: int) -> int:
    """How many groups of channels group norm makes."""
    return 2 if k % 2 == 0 and k >= 4 else 1


def _numbered(first: Labels, second: Labels) -> Labels:
    """One label for each pair of labels."""
    pairs: Labels = first * (int(second.max()) + 1) + second
    return pairs


def groupings(n: int, k: int) -> dict[str, Labels]:
    """The groups of numbers that a norm may run over, or a sum: (N, k) labels, by name."""
    row, channel = (index.astype(np.intp) for index in np.indices((n, k)))
    positions = n // images(n)
    image, position = row // positions, row % positions
    return {
        "batch": channel,
        "sample": row,
        "image": _numbered(image, channel),
        "group": _numbered(image, channel * channel_groups(k) // k),
        "place": _numbered(position, channel),
    }


SUMS: Mapping[str, str] = {
    "batch": "over all samples, for each neuron",
    "sample": "over all neurons, for each sample",
    "image": "over the positions of an image, for each neuron",
    "group": "over the positions of an image and a group of neurons",
    "place": "over the images, for each position and neuron",
}


@dataclass(frozen=True)
class Norm:
    """A normalisation: its groups (a key of `groupings`), and what it does with them."""

    title: str
    groups: str
    why: str
    apply: Callable[[Scenario, Labels], tuple[Array, Array, Array]]  # -> y, ∂L/∂x, 1/scale


def _centred(s: Scenario, labels: Labels) -> tuple[Array, Array, Array]:
    """Batch norm with each group as a column of its own; the groups are equally large."""
    order = np.argsort(labels, axis=None, kind="stable")
    count = int(labels.max()) + 1

    def columns(values: Array) -> Array:
        laid: Array = values.ravel()[order].reshape(count, -1).T
        return laid

    def back(values: Array) -> Array:
        flat = np.empty(order.size)
        flat[order] = values.T.ravel()
        return flat.reshape(s.shape)

    one = np.ones(count)
    norm = batchnorm(columns(s.x), columns(s.gamma * s.dy), one, 0 * one, s.eps)
    inv_std = back(np.broadcast_to(norm.inv_std, norm.dx.shape))
    return s.gamma * back(norm.x_hat) + s.beta, back(norm.dx), inv_std


def _rms(s: Scenario, labels: Labels) -> tuple[Array, Array, Array]:
    """x over its root mean square, a sample at a time; no mean is taken away."""
    x_hat, dx, inv_rms = rms_norm(s.x, s.gamma * s.dy, s.eps)
    return s.gamma * x_hat + s.beta, dx, np.broadcast_to(inv_rms, s.shape)


def running(s: Scenario) -> tuple[Array, Array]:
    """Running mean and variance after one training step from 0 and 1, each (k,).

    The variance that is kept is the unbiased one, Σ(x − μ)²/(N − 1), as in PyTorch; the
    one that is normalised with is Σ(x − μ)²/N.
    """
    t = run(s)
    n = s.shape[0]
    if n == 1:  # 0/0: nothing can be learned of a spread
        return np.zeros_like(t.mean), np.ones_like(t.var)
    unbiased = t.var * n / (n - 1)
    return MOMENTUM * t.mean, (1 - MOMENTUM) + MOMENTUM * unbiased


def _fixed(s: Scenario, mean: Array, var: Array) -> tuple[Array, Array, Array]:
    inv_std = inverse_root(var + s.eps)
    y = s.gamma * ((s.x - mean) * inv_std) + s.beta
    return y, s.gamma * s.dy * inv_std, np.broadcast_to(inv_std, s.shape)


def _frozen(s: Scenario, labels: Labels) -> tuple[Array, Array, Array]:
    t = run(s)
    return t.y, s.gamma * s.dy * t.inv_std, np.broadcast_to(t.inv_std, s.shape)


NORMS: Mapping[str, Norm] = {
    "batch": Norm(
        "Batch norm, training",
        "batch",
        "Mean and variance are taken over the batch, so over the batch ∂L/∂x adds up to 0.",
        _centred,
    ),
    "frozen": Norm(
        "Batch norm, frozen at this batch",
        "batch",
        "The same numbers, but held as constants: only the direct path is left.",
        _frozen,
    ),
    "eval": Norm(
        "Batch norm, evaluation",
        "batch",
        "Running statistics are constants, so nothing is taken away from the gradient.",
        lambda s, labels: _fixed(s, *running(s)),
    ),
    "conv": Norm(
        "Batch norm on (N, C, H, W)",
        "batch",
        "A channel is one column: images and positions together, and neither of them alone.",
        _centred,
    ),
    "layer": Norm(
        "Layer norm",
        "sample",
        "Mean and variance are taken over the neurons of one sample, so the sum over them is 0.",
        _centred,
    ),
    "instance": Norm(
        "Instance norm",
        "image",
        "Each channel of each image is on its own, and its positions add up to 0.",
        _centred,
    ),
    "group": Norm(
        "Group norm",
        "group",
        "A group of channels of one image, all positions: together they add up to 0.",
        _centred,
    ),
    "rms": Norm(
        "RMS norm",
        "sample",
        "No mean is taken away, so no sum has to be 0.",
        _rms,
    ),
}


@dataclass(frozen=True)
class Neighbour:
    """One normalisation of a scenario: y, ∂L/∂x and 1/scale (N, k), and its groups."""

    y: Array
    dx: Array
    inv_scale: Array
    labels: Labels


@np.errstate(all="ignore")
def neighbour(s: Scenario, name: str) -> Neighbour:
    """That normalisation on the numbers of the scenario (x, ∂L/∂y, γ, β, ε)."""
    norm = NORMS[name]
    labels = groupings(*s.shape)[norm.groups]
    return Neighbour(*norm.apply(s, labels), labels)


@dataclass(frozen=True)
class GroupSum:
    """Of all sums over one kind of group the largest beyond its bound; else the nearest to it."""

    value: float
    bound: float

    @property
    def vanishes(self) -> bool:
        """All of these sums are 0 within rounding; never true of a nan."""
        return bool(within(self.value, self.bound))


@np.errstate(all="ignore")
def group_sums(s: Scenario, result: Neighbour) -> dict[str, GroupSum]:
    """∂L/∂x added up over each kind of group, by the names of `SUMS`.

    The bound is the rounding of what was added up: 1/√(…+ε) times Σ|∂L/∂x̂| of the
    norm's own groups, at least.
    """
    flat = result.dx.ravel()
    size = added_up(s, result)
    found = {}
    for name, labels in groupings(*s.shape).items():
        index = labels.ravel()
        sums = np.bincount(index, weights=flat)
        bounds = rounding(flat.size) * np.bincount(index, weights=size.ravel()) + TINY
        shares = np.nan_to_num(np.abs(sums) / bounds, nan=np.inf)
        beyond = np.where(shares > 1, np.nan_to_num(np.abs(sums), nan=np.inf), -1.0)
        worst = int(beyond.argmax() if (shares > 1).any() else shares.argmax())
        found[name] = GroupSum(float(sums[worst]), float(bounds[worst]))
    return found


@np.errstate(all="ignore")
def added_up(s: Scenario, result: Neighbour) -> Array:
    """The size of what was added up to make each entry of ∂L/∂x, (N, k)."""
    g = np.abs(s.gamma * s.dy)
    index = result.labels.ravel()
    count = np.bincount(index)
    mean_g = (np.bincount(index, weights=g.ravel()) / count)[result.labels]
    sizes: Array = result.inv_scale * (g + 2 * mean_g * np.sqrt(count[result.labels]))
    return sizes
