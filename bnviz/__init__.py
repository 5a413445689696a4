"""bnviz: the gradient of batch normalisation, term by term."""

from __future__ import annotations

from pathlib import Path

from bnviz import terms
from bnviz.claims.network import Network, open_network
from bnviz.core.closed_form import gradients
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, trace
from bnviz.proof.judge import judge


def open(path: str | Path) -> Network:
    """Open what was captured: a folder, a .zip or a file. Prints its table, a row a layer.

    `bnviz.open("captures")["layer3.0.bn2"].trace(neuron=5)` is a Trace of one neuron, from 0.
    """
    network = open_network(path)
    print(network)
    return network


__all__ = ["Network", "Scenario", "Trace", "gradients", "judge", "open", "terms", "trace"]
