"""Scenario and view -> the toolbar: what is looked at, and the numbers that belong to no row."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bnviz.core.scenario import Scenario
from bnviz.core.view import View
from bnviz.draw.scales import nice, step
from bnviz.inputs.cells import cell, cell_name
from bnviz.inputs.presets import PRESETS, matching
from bnviz.words.glossary import TERMS


def titles() -> list[dict[str, str]]:
    """The scenarios that there are, which never change."""
    return [{"name": name, "title": preset.title} for name, preset in PRESETS.items()]


def _knob(s: Scenario, term: str, row: int, neuron: int) -> dict[str, Any]:
    value = cell(s, term, row, neuron)
    return {
        "term": term,
        "row": row,
        "symbol": TERMS[term].symbol + (f" {row + 1}" if term == "weight" else ""),
        "name": cell_name(term, row, neuron),
        "v": value,
        "step": 0.1 if term == "eps" else step(nice(max(abs(value), 1.0))),
        "log": term == "eps",
    }


def payload(s: Scenario, view: View, hide: Collection[str] = (), *, inputs: bool = True) -> Any:
    """What the toolbar shows; None where a link leaves it out.

    inputs: can an input be chosen, where the page shows one?
    """
    if "inputs" in hide:
        return None
    places = [("gamma", 0), ("eps", 0)]
    if s.computed:
        places += [("weight", p) for p in range(s.d)] + [("bias", 0)]
    return {
        "preset": matching(s),
        "k": s.shape[1],
        "d": s.d if inputs else 0,
        "neuron": view.neuron,
        "input": view.input,
        "knobs": [_knob(s, term, row, view.neuron) for term, row in places],
    }
