"""∂L/∂W as a (d, k) picture with its numbers."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from bnviz.identities import column_sums
from bnviz.share import View
from bnviz.terms import TERMS
from bnviz.text import number
from bnviz.trace import Trace

# Blue to orange, apart for every kind of colour vision, and pale enough for dark numbers.
SCALE = [[0.0, "#7db8e0"], [0.5, "#f4f4f4"], [1.0, "#f0a36b"]]


def dweight_heatmap(t: Trace, view: View) -> tuple[go.Figure, str, str]:
    """The heatmap, its title and its alt text; it needs a."""
    assert t.dweight is not None
    d, k = t.dweight.shape
    shown = np.array(
        [
            [0.0 if (s := column_sums(t, j, p)["dweight"]).vanishes else s.value for j in range(k)]
            for p in range(d)
        ]
    )
    texts = [[number(float(v), signed=True) for v in row] for row in shown]
    limit = float(np.abs(shown).max()) or 1.0
    symbol = TERMS["dweight"].symbol
    columns = [f"neuron {j + 1}" for j in range(k)]
    rows = [f"input {p + 1}" for p in range(d)]
    figure = go.Figure(
        go.Heatmap(
            z=shown.tolist(),
            x=columns,
            y=rows,
            text=texts,
            texttemplate="%{text}",
            textfont={"color": "#1b2030", "size": 14},
            colorscale=SCALE,
            zmin=-limit,
            zmax=limit,
            xgap=3,
            ygap=3,
            showscale=False,
            hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
        )
    )
    j, p = view.neuron, view.unit
    figure.add_shape(
        type="rect",
        x0=j - 0.5,
        x1=j + 0.5,
        y0=p - 0.5,
        y1=p + 0.5,
        line={"width": 3, "color": "rgba(128, 128, 128, 1)"},
    )
    figure.update_layout(
        template="none",
        height=260,
        margin={"l": 58, "r": 10, "t": 16, "b": 34},
        xaxis={"type": "category", "fixedrange": True, "showgrid": False, "zeroline": False},
        yaxis={
            "type": "category",
            "autorange": "reversed",
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
        },
        uirevision=symbol,
    )
    largest = np.unravel_index(np.abs(shown).argmax(), shown.shape)
    alt = (
        f"{symbol} as a table of {d} inputs by {k} neurons; the largest entry is "
        f"{texts[largest[0]][largest[1]]}, at {rows[largest[0]]} and {columns[largest[1]]}."
    )
    zeros = int((shown == 0).sum())
    title = f"All of {symbol}, shape ({d}, {k})"
    if zeros:
        title += f": {zeros} of {d * k} entries are 0" if zeros < d * k else ": all of it is 0"
    return figure, title, alt
