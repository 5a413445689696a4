"""Which numbers a norm takes together: the batch as a table, its groups numbered and coloured."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from bnviz.figures.style import Picture, plain_layout
from bnviz.norms import Labels, images
from bnviz.palette import sample_colors

MAX_SHOWN = 16


def groups(labels: Labels, title: str) -> Picture:
    """The labels of a norm's groups, (N, k); each cell says the number of its group."""
    n, k = labels.shape
    rows = min(n, MAX_SHOWN)
    count = int(labels.max()) + 1
    per_image = n // images(n)
    colors = sample_colors(count)
    figure = go.Figure()
    for i in range(rows):
        for j in range(k):
            figure.add_shape(
                type="rect",
                x0=j - 0.46,
                x1=j + 0.46,
                y0=i - 0.42,
                y1=i + 0.42,
                fillcolor=colors[labels[i, j]],
                opacity=0.35,
                line={"width": 0},
                layer="below",
            )
    figure.add_scatter(
        x=[j for _ in range(rows) for j in range(k)],
        y=[i for i in range(rows) for _ in range(k)],
        mode="text",
        text=[str(labels[i, j] + 1) for i in range(rows) for j in range(k)],
        hovertemplate="row %{y}, neuron %{x}: group %{text}<extra></extra>",
    )
    for i in range(per_image, rows, per_image):
        figure.add_hline(y=i - 0.5, line={"width": 1.5, "color": "rgba(128,128,128,0.9)"})
    plain_layout(
        figure,
        title,
        height=60 + 20 * rows,
        margin={"l": 62, "r": 8, "t": 6, "b": 30},
        xaxis={
            "tickvals": list(range(k)),
            "ticktext": [f"neuron {j + 1}" if k <= 2 else f"n {j + 1}" for j in range(k)],
            "range": [-0.5, k - 0.5],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        yaxis={
            "tickvals": [m * per_image + (per_image - 1) / 2 for m in range(-(-rows // per_image))],
            "ticktext": [f"image {m + 1}" for m in range(-(-rows // per_image))],
            "range": [rows - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
    )
    size = int(np.bincount(labels.ravel())[0])
    plural = "group" if count == 1 else "groups"
    alt = f"{title}: {n} rows by {k} neurons in {count} {plural} of {size} numbers."
    return figure, f"{title}: {count} {plural} of {size}", alt
