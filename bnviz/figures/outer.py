"""The outer products aᵢ ⊗ ∂L/∂xᵢ one after another, and what they have added up to."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnviz.figures.style import Picture, plain_layout
from bnviz.figures.weights import SCALE
from bnviz.identities import gradient_scale, rounding
from bnviz.palette import sample_colors
from bnviz.scenario import Array
from bnviz.terms import TERMS
from bnviz.text import number
from bnviz.trace import Trace
from bnviz.weights import inputs, running_bias, running_outer

_ROW = 8  # small matrices side by side


def _matrices(t: Trace, products: Array, upto: int, name: str) -> go.Figure:
    """A small matrix for each sample, in its place; the later ones are only outlined."""
    n, d, k = products.shape
    rows, columns = -(-n // _ROW), min(n, _ROW)
    limit = float(np.abs(products).max()) or 1.0
    colors = sample_colors(n)
    figure = make_subplots(
        rows,
        columns,
        horizontal_spacing=0.03,
        vertical_spacing=0.25 / rows,
        subplot_titles=[f"<b>{i + 1}</b>" for i in range(n)],
    )
    for i in range(n):
        row, column = i // _ROW + 1, i % _ROW + 1
        figure.add_heatmap(
            z=products[i].tolist(),
            x=list(range(1, k + 1)),
            y=list(range(1, d + 1)),
            colorscale=SCALE,
            zmin=-limit,
            zmax=limit,
            xgap=2,
            ygap=2,
            showscale=False,
            opacity=1.0 if i < upto else 0.2,
            customdata=[[number(float(v), signed=True) for v in line] for line in products[i]],
            hovertemplate=f"sample {i + 1}, input %{{y}}, neuron %{{x}}: %{{customdata}}"
            "<extra></extra>",
            row=row,
            col=column,
        )
        figure.layout.annotations[i].font = {"color": colors[i], "size": 15}
    figure.update_xaxes(
        type="category", showticklabels=False, ticks="", showgrid=False, zeroline=False
    )
    figure.update_yaxes(
        type="category",
        showticklabels=False,
        ticks="",
        showgrid=False,
        zeroline=False,
        autorange="reversed",
    )
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        axis.fixedrange = True
    return plain_layout(
        figure, name, 40 + rows * max(70, 34 * d), margin={"l": 8, "r": 8, "t": 30, "b": 8}
    )


def _so_far(total: Array, bound: Array, rows: list[str], limit: float, name: str) -> go.Figure:
    """One matrix with its numbers."""
    d, k = total.shape
    shown = np.where(np.abs(total) <= bound, 0.0, total)
    figure = go.Figure(
        go.Heatmap(
            z=shown.tolist(),
            x=[f"neuron {j + 1}" for j in range(k)],
            y=rows,
            text=[[number(float(v), signed=True) for v in line] for line in shown],
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
    flat = {"type": "category", "showgrid": False, "zeroline": False, "fixedrange": True}
    return plain_layout(
        figure,
        name,
        40 + max(70, 34 * d),
        margin={"l": 66, "r": 8, "t": 8, "b": 30},
        xaxis=flat,
        yaxis=flat | {"autorange": "reversed"},
    )


def outer_products(t: Trace, upto: int) -> list[Picture]:
    """Each sample's matrix and the sum so far: with its own input, and with every input 1."""
    a = inputs(t.scenario)
    n, d, _ = a.shape[0], a.shape[1], t.dx.shape[1]
    products = a[:, :, None] * t.dx[:, None, :]
    sums, bias = running_outer(t), running_bias(t)
    scale = rounding(n) * gradient_scale(t)
    symbol, bias_symbol = TERMS["dweight"].symbol, TERMS["dbias"].symbol
    done = upto == n

    total, ones = sums[upto - 1], bias[upto - 1][None, :]
    limit = float(np.abs(sums).max()) or 1.0
    ones_limit = float(np.abs(bias).max()) or 1.0
    reach = np.abs(a).max(axis=0)
    matrices = _matrices(t, products, upto, "outer")
    so_far = _so_far(
        total, np.outer(reach, scale), [f"input {p + 1}" for p in range(d)], limit, "outer-sum"
    )
    plain = _matrices(t, t.dx[:, None, :], upto, "ones")
    plain_so_far = _so_far(ones, scale[None, :], ["bias"], ones_limit, "ones-sum")
    back = bool((np.abs(bias[-1]) <= scale).all())

    first = f"the first {upto} of {n} samples" if not done else f"all {n} samples"
    largest = number(float(total.flat[np.abs(total).argmax()]), signed=True)
    ends = "is 0 again" if back and done else "is at"
    shown = ", ".join(
        number(0.0 if abs(v) <= b else float(v), signed=True)
        for v, b in zip(ones[0], scale, strict=True)
    )
    return [
        (
            matrices,
            f"Each sample adds its own matrix {TERMS['dweight_per_sample'].symbol}",
            f"{n} matrices of {d} inputs by {t.dx.shape[1]} neurons, one for each sample; "
            f"{first} are added.",
        ),
        (
            so_far,
            f"So far: {'this is ' + symbol if done else f'{upto} of {n} added'}",
            f"Sum of {first}; the largest entry is {largest}.",
        ),
        (
            plain,
            f"The same with every a set to 1: only {TERMS['dx'].symbol}",
            f"{n} rows of ∂L/∂x, one for each sample; {first} are added.",
        ),
        (
            plain_so_far,
            f"So far: {bias_symbol} {ends} {'' if back and done else shown}".strip(),
            f"Sum of {first} with every a set to 1: {shown}.",
        ),
    ]
