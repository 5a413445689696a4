"""Which numbers a norm takes together: the batch as a table, its groups numbered and shaded."""

from __future__ import annotations

import numpy as np

from bnviz.draw.figures.style import NEUTRAL, Figure, Picture, plain_layout
from bnviz.study.neighbours import Labels, images

MAX_SHOWN = 16


def groups(labels: Labels, title: str) -> Picture:
    """The labels of a norm's groups, (N, k); each cell says the number of its group."""
    n, k = labels.shape
    rows = min(n, MAX_SHOWN)
    count = int(labels.max()) + 1
    per_image = n // images(n)
    blocks = [(top, min(top + per_image, rows)) for top in range(0, rows, per_image)]
    figure = Figure()
    for i in range(rows):
        for j in range(k):
            figure.shape(
                "rect",
                x0=j - 0.46,
                x1=j + 0.46,
                y0=i - 0.42,
                y1=i + 0.42,
                fillcolor=NEUTRAL,  # by turns dark and light: which group it is, the number says
                opacity=0.45 if labels[i, j] % 2 else 0.16,
                line={"width": 0},
                layer="below",
            )
    figure.trace(
        "scatter",
        x=[j for _ in range(rows) for j in range(k)],
        y=[i for i in range(rows) for _ in range(k)],
        mode="text",
        text=[str(labels[i, j] + 1) for i in range(rows) for j in range(k)],
        hovertemplate="row %{y}, neuron %{x}: group %{text}<extra></extra>",
    )
    for top, _ in blocks[1:]:
        figure.across("y", top - 0.5, line={"width": 1.5, "color": "rgba(128,128,128,0.9)"})
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
            "tickvals": [(top + end - 1) / 2 for top, end in blocks],
            "ticktext": [f"image {m + 1}" for m in range(len(blocks))],
            "range": [rows - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
    )
    size = int(np.bincount(labels.ravel())[0])
    plural = "group" if count == 1 else "groups"
    alt = f"{title}: {n} rows by {k} neurons in {count} {plural} of {size} numbers."
    hidden = f" (the first {rows} of {n} rows)" if rows < n else ""
    return figure, f"{title}: {count} {plural} of {size}{hidden}", alt
