"""Which neuron and which input of a scenario is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from bnviz.core.scenario import Scenario


@dataclass(frozen=True)
class View:
    """What of the scenario is looked at, counted from 0."""

    neuron: int = 0
    input: int = 0

    def within(self, scenario: Scenario) -> View:
        """The nearest view that this scenario has."""
        return View(
            max(0, min(self.neuron, scenario.shape[1] - 1)),
            max(0, min(self.input, max(scenario.d, 1) - 1)),
        )
