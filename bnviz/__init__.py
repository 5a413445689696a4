"""bnviz: the gradient of batch normalisation, term by term."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bnviz import terms
from bnviz.claims.network import Network, open_network
from bnviz.core.closed_form import gradients
from bnviz.core.network import Setting
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, trace
from bnviz.inputs.clouds import batch
from bnviz.proof.judge import judge
from bnviz.study.depth import Run


def open(path: str | Path) -> Network:
    """Open what was captured: a folder, a .zip or a file. Prints its table, a row a layer.

    `bnviz.open("captures")["layer3.0.bn2"].trace(neuron=5)` is a Trace of one neuron, from 0.
    """
    network = open_network(path)
    print(network)
    return network


def network(*, data: str = "spirals", steps: int = 300, **setting: object) -> Run:
    """Train a small network in NumPy, and keep what every layer does to the gradient.

    setting: the fields of `bnviz.core.network.Setting`, depth=10, norm="batch" and so on; a
    ValueError names what is out of range. `run.loss` is before each step, `run.measures`
    (steps, depth, 7) what `bnviz.study.depth.MEASURES` names, `run.growth(slice(-20, None))` the
    median of rms ∂L/∂x at layer 2 over that at the last layer.
    """
    chosen = Setting(**setting)  # type: ignore[arg-type]
    run = Run(chosen, partial(batch, data, chosen.seed))
    run.go(steps)
    return run


__all__ = [
    "Network",
    "Run",
    "Scenario",
    "Trace",
    "gradients",
    "judge",
    "network",
    "open",
    "terms",
    "trace",
]
