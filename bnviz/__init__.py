"""bnviz: the gradient of batch normalisation, term by term."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnviz import terms
from bnviz.claims.network import Network, open_network
from bnviz.core.closed_form import gradients
from bnviz.core.network.settings import Settings
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, trace
from bnviz.inputs.datasets import dataset
from bnviz.proof.judge import judge
from bnviz.study.training import Run

if TYPE_CHECKING:
    from bnviz.components.notebook import Picture


def open(path: str | Path) -> Network:
    """Open what was captured: a folder, a .zip or a file. Prints its table, a row a layer.

    `bnviz.open("captures")["layer3.0.bn2"].trace(neuron=5)` is a Trace of one neuron, from 0.
    """
    network = open_network(path)
    print(network)
    return network


def network(steps: int = 300, **settings: Any) -> Run:
    """Train a small network, and keep what every layer's gradient did at every step.

    settings: data, depth, width, batch, activation, norm, skip, bias, optimiser, rate, decay,
    seed, freeze; see `bnviz.core.network.settings`. `run.quantity("dx")` is (steps + 1, layers),
    the root mean square of ∂L/∂x; `run.look(step)` has every term of every layer. The run stops
    where a number overflows, and `run.fault` says where. Raises ValueError that names a setting.
    """
    unknown = sorted(set(settings) - set(Settings.__dataclass_fields__))
    if unknown:
        raise ValueError(f"There is no setting {unknown[0]}.")
    s = Settings(**settings)
    return Run(s, *dataset(s.data, s.seed, s.width)).train(steps)


def picture(run: Run, step: int | None = None, about: str = "flow") -> Picture:
    """The figures of the page Network, of a run, as HTML that a notebook shows by itself.

    All steps are in it: it can be played and scrubbed without the app. step: where it opens, the
    last one if it isn't said (of many steps, the nearest before it that is drawn). about: what the
    headline tells: "flow", "heals", "why", … `picture(run).save("run.html")` writes it to a file.
    """
    from bnviz.components import notebook  # noqa: PLC0415  # which needs Streamlit's theme

    return notebook.picture(run, step, about)


__all__ = [
    "Network",
    "Scenario",
    "Trace",
    "gradients",
    "judge",
    "network",
    "open",
    "picture",
    "terms",
    "trace",
]
