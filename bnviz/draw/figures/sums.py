"""Two running sums over the samples: ∂L/∂x comes back to zero, a·∂L/∂x does not."""

from __future__ import annotations

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.columns import Sum, column_sums
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.draw.figures.style import NEUTRAL, Figure, Picture, plain_layout
from bnviz.draw.palette import sample_colors
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

MAX_LABELS = 8
_HEIGHT = 260
_LABEL = 20  # pixels a label needs


def _labels(starts: Array, ends: Array, pixel: float) -> tuple[list[float], list[str]]:
    """Where each bar's number stands: past its end, or before its start where 0 is in the way."""
    places, sides = [], []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        up = end >= start
        # Past its end it would be struck through by the line at 0.
        struck = (-_LABEL * pixel < end < 0) if up else (0 <= end < _LABEL * pixel)
        above = up != struck
        places.append((start if struck else end) + (3 if above else -3) * pixel)
        sides.append("top center" if above else "bottom center")
    return places, sides


def _steps(figure: Figure, values: Array, name: str) -> None:
    """A bar a sample from where the one before it ended, and dotted lines between them."""
    ends = np.cumsum(values)
    starts = ends - values
    samples = [str(i + 1) for i in range(values.size)]
    for i, level in enumerate(ends):
        figure.shape(
            "line",
            x0=i,
            x1=i + 1,
            y0=level,
            y1=level,
            line={"color": NEUTRAL, "width": 1, "dash": "dot"},
            layer="below",
        )
    figure.trace(
        "bar",
        x=samples,
        base=starts.tolist(),
        y=values.tolist(),
        marker={"color": sample_colors(values.size)},
        customdata=[
            [number(float(v), signed=True), number(float(e), signed=True)]
            for v, e in zip(values, ends, strict=True)
        ],
        hovertemplate=(
            f"sample %{{x}}: {name} = %{{customdata[0]}}<br>"
            "so far %{customdata[1]}<extra></extra>"
        ),
    )


def running_sum(values: Array, total: Sum, name: str) -> Figure:
    """A waterfall: each sample's bar starts where the one before it ended."""
    n = values.size
    ends = np.cumsum(values)
    starts = ends - values
    samples = [str(i + 1) for i in range(n)]
    end = 0.0 if total.vanishes else total.value
    margin = {"l": 46, "r": 10, "t": 16, "b": 34}
    # Room for the numbers at both ends.
    low, high = min(0.0, float(ends.min())), max(0.0, float(ends.max()))
    room = 0.12 * (high - low) or 1.0
    low, high = low - room, high + room
    figure = Figure()
    _steps(figure, values, name)
    if n <= MAX_LABELS:
        pixel = (high - low) / (_HEIGHT - margin["t"] - margin["b"])
        places, sides = _labels(starts, ends, pixel)
        figure.trace(
            "scatter",
            x=samples,
            y=places,
            mode="text",
            text=[number(float(v), signed=True) for v in values],
            textposition=sides,
            cliponaxis=False,
            hoverinfo="skip",
        )
    figure.trace(
        "scatter",
        x=["Σ"],
        y=[total.value],
        mode="markers+text",
        marker={"symbol": "diamond", "size": 12, "color": NEUTRAL},
        text=[f"<b>{number(end, signed=True)}</b>"],
        textposition="top center" if end >= 0 else "bottom center",
        cliponaxis=False,
        hovertemplate=f"Σ = {number(total.value, signed=True)}<extra></extra>",
    )
    return plain_layout(
        figure,
        name,
        _HEIGHT,
        margin=margin,
        bargap=0.35,
        xaxis={"type": "category", "showgrid": False, "fixedrange": True},
        # No range of its own: a new one would undo what someone has zoomed to.
        yaxis={
            "zeroline": True,
            "zerolinewidth": 2,
            "nticks": 6,
            "autorangeoptions": {"minallowed": low, "maxallowed": high},
        },
    )


def dx_sum(t: Trace, view: View) -> Picture:
    """The running sum of ∂L/∂x, with its title and its alt text."""
    total = column_sums(t, view.neuron, view.input)["dx"]
    symbol = TERMS["dx"].symbol
    title = (
        f"Added up, {symbol} comes back to 0"
        if total.vanishes
        else f"Added up, {symbol} ends at {number(total.value)}"
    )
    if not np.abs(t.dx[:, view.neuron]).max() > total.bound:
        title = f"{symbol} is 0 from the start"
    alt = (
        f"Running sum of {symbol} over {t.dx.shape[0]} samples, neuron {view.neuron + 1}: it ends "
        f"at {number(total.value)}; rounding allows {number(total.bound)}."
    )
    return running_sum(t.dx[:, view.neuron], total, symbol), title, alt


def dweight_sum(t: Trace, view: View) -> Picture:
    """The running sum of a·∂L/∂x, with its title and its alt text; it needs a."""
    products = t.dweight_per_sample
    assert products is not None
    total = column_sums(t, view.neuron, view.input)["dweight"]
    symbol, goal = TERMS["dweight_per_sample"].symbol, TERMS["dweight"].symbol
    values = products[:, view.input, view.neuron]
    ends = "0" if total.vanishes else number(total.value, signed=True)
    title = f"Weighted by a, it ends at {goal} = {ends}"
    alt = (
        f"Running sum of {symbol} over {values.size} samples for input {view.input + 1} and neuron "
        f"{view.neuron + 1}: it ends at {goal} = {number(total.value)}."
    )
    return running_sum(values, total, symbol), title, alt
