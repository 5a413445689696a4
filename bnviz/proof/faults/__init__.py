"""Wrong backward passes as people have written them: each a change of the right one, with its line.

Most are retold from public reports: mlpack 1327 (the sign of the variance path), tt-metal (the
mean twice), Knet.jl (γ lost), mxnet and nnabla (added to what was there), ncnn, darknet and Keras
(another ε), FlagGems (1/σ of 1/σ, another axis), jax 442 ((σ² + ε)²), Synchronized-BatchNorm
(√max(σ², ε)), pytorch 60528 (N − 1 with its own derivative), torch/nn 768 (running statistics),
caffe 4110 (y for x̂), DeepSpeed 692 (another neuron's γ), pytorch 36382 (sums over a shard),
OneFlow 6149 (∂L/∂γ and ∂L/∂β exchanged), tensorflow 14676 (∂L/∂γ · √), nntile 371 (x̂ overwritten),
attorch 18 (the last rows left out), inplace_abn 193 (a ReLU's mask), 155 (x̂ made from y again).
The classic ones, with what catches them, are in `bnviz.proof.mistakes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from bnviz.core import linear
from bnviz.core.arrays import Array
from bnviz.core.trace import Trace
from bnviz.proof.faults.activation import ACTIVATION
from bnviz.proof.faults.base import LINE, Changes, Fault, Pass
from bnviz.proof.faults.batch import BATCH
from bnviz.proof.faults.passed_on import PASSED_ON
from bnviz.proof.faults.paths import PATHS
from bnviz.proof.faults.variance import VARIANCE
from bnviz.proof.faults.x_hat import X_HATS

__all__ = ["FAULTS", "LINE", "Fault", "Wrong", "wrongs"]

# The simplest first: where several give the same numbers, they are listed in this order.
FAULTS: Mapping[str, Fault] = {
    **PATHS, **VARIANCE, **X_HATS, **BATCH, **PASSED_ON, **ACTIVATION,
}  # fmt: skip


def _followed(t: Trace, changes: Changes) -> Changes:
    """The changes and what is computed from a wrong ∂L/∂x."""
    s, dx = t.scenario, changes.get("dx")
    if dx is not None and s.a is not None:
        changes = {"dweight": linear.dweight(s.a, dx), "dbias": linear.dbias(dx)} | changes
    if dx is not None and s.weight is not None:
        changes = {"da": linear.da(dx, s.weight)} | changes
    return changes


class Wrong(NamedTuple):
    """What a fault makes of a term; follows: by way of a wrong ∂L/∂x, not in the term itself."""

    name: str
    value: Array
    follows: bool


def wrongs(t: Trace, term: str) -> Iterator[Wrong]:
    """What each fault makes of a term, one after the other; only finite ones that it touches."""
    p = Pass(t)
    for name, fault in FAULTS.items():
        with np.errstate(all="ignore"):
            changes = fault.make(p)
            value = _followed(t, changes).get(term)
        if value is not None:
            made = np.asarray(value, dtype=np.float64)
            if np.isfinite(made).all():
                yield Wrong(name, made, term != "dx" and "dx" in changes)
