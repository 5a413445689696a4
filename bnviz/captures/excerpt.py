"""One neuron of a capture as a scenario, and the terms of all of it, to be taken along."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from bnviz.captures.record import Capture
from bnviz.captures.survey import Neurons
from bnviz.core.arrays import Array
from bnviz.core.scenario import MAX_INPUTS, MAX_ROWS, Scenario
from bnviz.core.trace import run


def best_inputs(seen: Neurons, neuron: int) -> list[int]:
    """The inputs with the largest entries of ∂L/∂W, the largest first; as many as a page holds."""
    if seen.dweight is None:
        return []
    size = np.abs(seen.dweight[:, neuron])
    return [int(p) for p in np.argsort(-size, kind="stable")[:MAX_INPUTS]]


def whole(c: Capture, seen: Neurons, neuron: int) -> Scenario:
    """One neuron with all of its rows, and the input with the largest entry of ∂L/∂W.

    Without a layer in front, a is 1 for every sample, as it is for a bias.
    """
    return _scenario(c, neuron, slice(None), best_inputs(seen, neuron)[:1])


def _scenario(
    c: Capture, neuron: int, rows: NDArray[np.intp] | slice, inputs: list[int]
) -> Scenario:
    j = [neuron]
    x, dy = (values[rows][:, j].astype(np.float64) for values in (c.x, c.dy))
    a = np.ones((len(x), 1)) if c.a is None else c.a[rows][:, inputs].astype(np.float64)
    return Scenario(x, dy, c.gamma[j], c.beta[j], c.eps, a, **_statistics(c, j))


def _statistics(c: Capture, neurons: list[int] | slice) -> dict[str, NDArray[np.floating]]:
    """The constants of a norm that was evaluating; none where it took the batch's own."""
    if c.mode != "eval" or c.running_mean is None or c.running_var is None:
        return {}
    return {"running_mean": c.running_mean[neurons], "running_var": c.running_var[neurons]}


def excerpt(c: Capture, seen: Neurons, neuron: int) -> tuple[Scenario, str]:
    """One neuron as a scenario that every page can hold, and what was left out.

    At most 64 samples, those with the largest ∂L/∂x, and the 4 inputs with the largest
    entries of ∂L/∂W.
    """
    n = c.shape[0]
    said = []
    rows: NDArray[np.intp] = np.arange(n)
    if n > MAX_ROWS:
        dx = run(whole(c, seen, neuron)).dx[:, 0]
        rows = np.sort(np.argsort(-np.abs(dx), kind="stable")[:MAX_ROWS])
        kept = f"the {MAX_ROWS} of {n} samples with the largest gradients"
        said.append(
            f"There, {kept} are a batch of their own, with a mean and a variance of their own."
            if c.mode == "train"
            else f"There go {kept}, under the same constants."
        )
    inputs = sorted(best_inputs(seen, neuron))
    a = c.a
    if a is not None and len(inputs) < a.shape[1]:
        listed = ", ".join(str(p + 1) for p in inputs)
        said.append(f"Of {a.shape[1]} inputs come those with the largest ∂L/∂W: {listed}.")
    return _scenario(c, neuron, rows, inputs), " ".join(said)


MOST = 2**21  # numbers in x; beyond, the terms would be many times the file


def terms(c: Capture) -> dict[str, Array]:
    """Every term of the layer, to be saved with it; none where the capture is too large."""
    if c.x.size > MOST:
        return {}
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a, **_statistics(c, slice(None))))
    names = [f.name for f in fields(t) if f.name != "scenario"]
    return {name: value for name in names if (value := getattr(t, name)) is not None}
