"""∂L/∂W as a covariance: signed rectangles, whose areas add up."""

from __future__ import annotations

import numpy as np

from bnviz.core.columns import column_sums
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.draw.figures.style import NEUTRAL, Figure, Picture, fading, plain_layout
from bnviz.draw.palette import sample_colors
from bnviz.study.weight_gradient import contributions, inputs
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

MAX_LABELS, MAX_NAMED = 8, 16  # samples with numbers, and with names


def rectangles(t: Trace, view: View, *, centred: bool) -> Picture:
    """a against ∂L/∂x for one entry of ∂L/∂W: each sample's area is what it adds."""
    a, dx = inputs(t.scenario)[:, view.input], t.dx[:, view.neuron]
    n = a.size
    origin = float(a.mean()) if centred else 0.0
    areas = contributions(t, view.neuron, view.input, centred=centred)
    colors = sample_colors(n)
    largest = np.argsort(-np.abs(areas), kind="stable")[: n if n <= MAX_NAMED else 8]
    figure = Figure()
    for i in range(n):
        figure.shape(
            "rect",
            x0=origin,
            x1=float(a[i]),
            y0=0,
            y1=float(dx[i]),
            layer="below",
            # Only the area is pale: the line around it says whether it counts up or down.
            fillcolor=fading(colors[i], 0.3 if areas[i] >= 0 else 0.12),
            line={"color": colors[i], "width": 2, "dash": "solid" if areas[i] >= 0 else "dot"},
        )
    figure.trace(
        "scatter",
        x=a.tolist(),
        y=dx.tolist(),
        mode="markers+text",
        marker={"size": 12, "color": colors},
        text=[str(i + 1) if i in largest else "" for i in range(n)],
        textposition="top center",
        cliponaxis=False,
        customdata=[[i + 1, number(float(v), signed=True)] for i, v in enumerate(areas)],
        hovertemplate="sample %{customdata[0]}: adds %{customdata[1]}<extra></extra>",
    )
    figure.across("x", origin, line={"color": NEUTRAL, "width": 1.5})
    total = column_sums(t, view.neuron, view.input)["dweight"]
    whole = "0" if total.vanishes else number(total.value, signed=True)
    name = "a − mean a" if centred else "a"
    plain_layout(
        figure,
        "covariance",
        380,
        xaxis={"title": {"text": f"a, input {view.input + 1}"}, "zeroline": False},
        yaxis={
            "title": {"text": f"{TERMS['dx'].symbol}, neuron {view.neuron + 1}"},
            "zeroline": True,
            "zerolinewidth": 2,
        },
    )
    return (
        figure,
        f"Solid areas count up, dotted ones down: together {whole}",
        f"{name} against ∂L/∂x for {n} samples; the rectangles have areas from "
        f"{number(float(areas.min()), signed=True)} to {number(float(areas.max()), signed=True)} "
        f"and add up to {whole}.",
    )


def shares(t: Trace, view: View, *, centred: bool) -> Picture:
    """What each sample adds, side by side, and the sum."""
    areas = contributions(t, view.neuron, view.input, centred=centred)
    total = column_sums(t, view.neuron, view.input)["dweight"]
    whole = 0.0 if total.vanishes else total.value
    n = areas.size
    samples = [str(i + 1) for i in range(n)]
    figure = Figure()
    figure.trace(
        "bar",
        x=[*samples, "Σ"],
        y=[*areas.tolist(), whole],
        marker={"color": [*sample_colors(n), NEUTRAL]},
        text=[number(float(v), signed=True) for v in [*areas, whole]] if n <= MAX_LABELS else None,
        textposition="outside",
        textangle=0,
        constraintext="none",
        cliponaxis=False,
        hovertemplate="%{x}: %{y:.4g}<extra></extra>",
    )
    plain_layout(
        figure,
        "shares",
        380,
        bargap=0.35,
        xaxis={
            "type": "category",
            "tickvals": [*samples[:: -(-n // MAX_NAMED)], "Σ"],  # which is always named
            "showgrid": False,
            "fixedrange": True,
        },
        yaxis={"zeroline": True, "zerolinewidth": 2},
    )
    spread = number(float(np.abs(areas).max()))
    return (
        figure,
        f"What each sample adds to {TERMS['dweight'].symbol} = {number(whole, signed=True)}",
        f"Bars for {n} samples, the largest of size {spread}, and their sum "
        f"{number(whole, signed=True)}.",
    )
