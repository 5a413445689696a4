"""Scale invariance: ∂L/∂w stands across w, so a plain step makes w longer."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from bnviz.figures.style import ACCENT, NEUTRAL, SECOND, Picture, plain_layout
from bnviz.scenario import Scenario
from bnviz.text import number
from bnviz.weights import Descent, invariance, scaled

POWERS = np.linspace(-3, 3, 25)


def along_weight(layer: Scenario, neuron: int, power: float) -> Picture:
    """How much of ∂L/∂w lies along w, over six powers of ten of the size of w."""
    found = [invariance(scaled(layer, 10.0**p), neuron) for p in POWERS]
    here = invariance(scaled(layer, 10.0**power), neuron)

    def cosine(inner: float, weight: float, gradient: float) -> float:
        return abs(inner) / (weight * gradient) if weight * gradient else 0.0

    xs = [float(10.0**p) for p in POWERS]
    figure = go.Figure()
    figure.add_scatter(
        x=xs,
        y=[cosine(f.formula, f.weight, f.gradient) or None for f in found],
        mode="lines",
        line={"color": NEUTRAL, "width": 3},
        hovertemplate="formula %{y:.3g}<extra></extra>",
    )
    figure.add_scatter(
        x=xs,
        y=[cosine(f.inner, f.weight, f.gradient) or None for f in found],
        mode="markers",
        marker={"size": 7, "color": SECOND},
        hovertemplate="%{x:.3g} · W: %{y:.3g}<extra></extra>",
    )
    share = cosine(here.inner, here.weight, here.gradient)
    figure.add_scatter(
        x=[float(10.0**power)],
        y=[share or None],
        mode="markers",
        marker={"size": 15, "color": ACCENT, "symbol": "diamond"},
        hovertemplate="here %{y:.3g}<extra></extra>",
    )
    plain_layout(
        figure,
        "along",
        320,
        xaxis={
            "type": "log",
            "title": {"text": "W multiplied by"},
            "nticks": 7,
            "exponentformat": "power",
        },
        yaxis={"type": "log", "nticks": 5, "exponentformat": "power"},
    )
    return (
        figure,
        f"The share of ∂L/∂w that lies along w: here {number(share)}",
        f"Share of the gradient along the weights against their size; at {number(10.0**power)} "
        f"times W it is {number(share)}. Dots are computed, the line is the formula.",
    )


def growth(descent: Descent) -> Picture:
    """|w| over plain gradient steps, beside what the formula foretold."""
    steps = list(range(descent.length.size))
    figure = go.Figure()
    figure.add_scatter(
        x=steps,
        y=descent.foretold.tolist(),
        mode="lines",
        line={"color": NEUTRAL, "width": 3},
        hovertemplate="formula %{y:.6g}<extra></extra>",
    )
    figure.add_scatter(
        x=steps,
        y=descent.length.tolist(),
        mode="markers",
        marker={"size": 9, "color": SECOND},
        hovertemplate="step %{x}: |w| = %{y:.6g}<extra></extra>",
    )
    plain_layout(
        figure,
        "growth",
        320,
        xaxis={"title": {"text": "gradient steps"}, "dtick": 1, "fixedrange": True},
        yaxis={"title": {"text": "|w|"}, "nticks": 5},
    )
    first, last = float(descent.length[0]), float(descent.length[-1])
    return (
        figure,
        f"|w| over {steps[-1]} plain steps: {number(first)} to {number(last)}",
        f"|w| goes from {number(first)} to {number(last)} in {steps[-1]} steps of rate "
        f"{number(descent.rate)}. Dots are computed, the line is the formula.",
    )
