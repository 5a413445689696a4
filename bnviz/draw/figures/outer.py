"""The outer products aᵢ ⊗ ∂L/∂xᵢ one after another, and what they have added up to."""

from __future__ import annotations

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.trace import Trace
from bnviz.draw.figures.style import NEUTRAL, Figure, Picture, dot, plain_layout
from bnviz.draw.figures.table import cells, table
from bnviz.draw.palette import sample_colors
from bnviz.study.weight_gradient import inputs, running_bias, running_outer
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

_ROW = 8  # small matrices side by side


def _matrices(products: Array, upto: int, limit: float, name: str) -> Figure:
    """A small matrix for each sample, in its place; the later ones are only outlined."""
    n, d, k = products.shape
    lines, columns = -(-n // _ROW), min(n, _ROW)
    colors = sample_colors(n)
    # With its numbers where they have the room; on a phone the picture is scrolled.
    told = k <= 2 and n <= 2 * _ROW
    unit = 44 if told else max(90, 34 * d) / d  # pixels a cell is high
    gap = 28 / unit  # over each row of matrices, for its numbers
    bottom = lines * (d + gap) + 2 / unit  # with the last outline
    figure = Figure()
    left = np.array([(i % _ROW) * (k + 0.5) for i in range(n)])
    top = np.array([(i // _ROW) * (d + gap) + gap for i in range(n)])
    places = [(i, p, j) for i in range(n) for p in range(d) for j in range(k)]
    cells(
        figure,
        np.array([left[i] + j + 0.5 for i, _, j in places]),
        np.array([top[i] + p + 0.5 for i, p, _ in places]),
        products.ravel(),
        limit,
        [
            f"sample {i + 1}, input {p + 1}, neuron {j + 1}: "
            + number(float(products[i, p, j]), signed=True)
            for i, p, j in places
        ],
        unit,
        numbers=[number(float(products[i, p, j]), signed=True) for i, p, j in places]
        if told
        else None,
        color=[colors[i] for i, _, _ in places],
        filled=[i < upto for i, _, _ in places],
    )
    for i in range(n):
        box = {"x0": left[i], "x1": left[i] + k, "y0": top[i], "y1": top[i] + d}
        dash = "solid" if i < upto else "dot"
        figure.shape(
            "rect", line={"color": NEUTRAL, "width": 1, "dash": dash}, layer="below", **box
        )
        figure.note(
            x=left[i] + k / 2,
            y=top[i],
            yshift=10,
            text=f"{dot(colors[i])} <b>{i + 1}</b>",
            font={"size": 13},
        )
    bare = {"visible": False, "fixedrange": True}
    return plain_layout(
        figure,
        name,
        round(bottom * unit) + 12,
        margin={"l": 4, "r": 4, "t": 8, "b": 4},
        meta={"least": 47 * k * columns},
        xaxis=bare | {"range": [-0.05, columns * (k + 0.5) - 0.45]},
        yaxis=bare | {"range": [bottom, 0]},
    )


def _so_far(total: Array, bound: Array, rows: list[str], limit: float, name: str) -> Figure:
    """One matrix with its numbers."""
    d, k = total.shape
    shown = np.where(np.abs(total) <= bound, 0.0, total)
    texts = [[number(float(v), signed=True) for v in line] for line in shown]
    columns = [f"neuron {j + 1}" for j in range(k)]
    return table(shown, texts, rows, columns, name, 36 + max(90, 44 * d), limit=limit)


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
    # One scale for what is added and for what it adds up to.
    limit = float(max(np.abs(products).max(), np.abs(sums).max())) or 1.0
    ones_limit = float(max(np.abs(t.dx).max(), np.abs(bias).max())) or 1.0
    reach = np.abs(a).max(axis=0)
    matrices = _matrices(products, upto, limit, "outer")
    so_far = _so_far(
        total, np.outer(reach, scale), [f"input {p + 1}" for p in range(d)], limit, "outer-sum"
    )
    plain = _matrices(t.dx[:, None, :], upto, ones_limit, "ones")
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
