"""Where the upstream gradient of each neuron of a layer goes: taken away, or kept."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from bnviz.figures.style import ACCENT, NEUTRAL, SECOND, Picture, plain_layout
from bnviz.overview import Neurons

MAX_SHOWN = 32


def taken(seen: Neurons, neurons: Sequence[int]) -> Picture:
    """A bar a neuron, in the order given: along 1, along x̂, and what is left of |∂L/∂x̂|²."""
    shown = list(neurons[:MAX_SHOWN])
    names = [str(j + 1) for j in shown]
    alive = [float(seen.g_size[j] > 0) for j in shown]
    mean = [float(seen.removed_mean[j]) for j in shown]
    x_hat = [float(seen.removed_x_hat[j]) for j in shown]
    left = [max(0.0, a - m - x) for a, m, x in zip(alive, mean, x_hat, strict=True)]
    figure = go.Figure()
    for label, values, color, shape in (
        ("along 1", mean, ACCENT, "/"),
        ("along x̂", x_hat, NEUTRAL, "x"),
        ("kept", left, SECOND, ""),
    ):
        figure.add_bar(
            x=names,
            y=values,
            name=label,
            marker={"color": color, "pattern": {"shape": shape}},
            hovertemplate=f"neuron %{{x}}, {label}: %{{y:.1%}}<extra></extra>",
        )
    plain_layout(
        figure,
        "taken",
        300,
        barmode="stack",
        bargap=0.2,
        showlegend=True,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 13}},
        margin={"l": 52, "r": 10, "t": 34, "b": 46},
        xaxis={"type": "category", "title": {"text": "neuron"}, "fixedrange": True},
        yaxis={"range": [0, 1], "tickformat": ".0%", "nticks": 5},
    )
    most = max(range(len(shown)), key=lambda i: mean[i] + x_hat[i])
    alt = (
        f"Share of the upstream gradient that the norm takes away, of {len(shown)} neurons: most "
        f"at neuron {names[most]}, {mean[most] + x_hat[most]:.0%}."
    )
    whole = seen.mean.size
    title = "What the norm takes away, and what it keeps"
    return (
        figure,
        title + (f" ({len(shown)} of {whole} neurons)" if len(shown) < whole else ""),
        alt,
    )
