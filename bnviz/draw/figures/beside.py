"""Two columns of numbers side by side, a pair of bars a sample, and what each adds up to."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnviz.core.arrays import Array
from bnviz.draw.figures.style import CLEAR, NEUTRAL, Figure, Picture, plain_layout
from bnviz.draw.palette import sample_colors
from bnviz.words.numbers import number

MAX_SHOWN = 16


def _shown(first: Array, second: Array) -> list[int]:
    """The rows on the picture: all, or those that differ most."""
    if first.size <= MAX_SHOWN:
        return list(range(first.size))
    apart = np.nan_to_num(np.abs(first - second), nan=np.inf)
    return sorted(int(i) for i in np.argsort(-apart, kind="stable")[:MAX_SHOWN])


def _make_room(figure: Figure) -> None:
    """Room for the numbers at the ends of the bars."""
    ends = [0.0, *(x for bar in figure["data"] for x in bar["x"] if x is not None)]
    low, high = min(ends), max(ends)
    room = 0.2 * (high - low) or 1.0
    ends = [low - (room if low < 0 else 0), high + (room if high > 0 else 0)]
    figure["layout"]["xaxis"]["range"] = ends


def beside(
    first: Array, second: Array, names: tuple[str, str], quantity: str, title: str
) -> Picture:
    """Column first, filled, and column second, striped; (N,) each, sums at the bottom.

    What is not finite is left out of the picture and said in its number.
    """
    n = first.size
    rows = _shown(first, second)
    labels = [f"sample {i + 1}" for i in rows] + ["Σ"]
    colors = [sample_colors(n)[i] for i in rows] + [NEUTRAL]
    figure = Figure()
    for values, name, pattern in zip((first, second), names, ("", "/"), strict=True):
        with np.errstate(all="ignore"):
            bars = [*values[rows].tolist(), float(values.sum())]
        look = {"shape": pattern, "fgcolor": colors, "bgcolor": CLEAR}
        striped: dict[str, Any] = {"pattern": look} if pattern else {}
        figure.trace(
            "bar",
            orientation="h",
            y=labels,
            x=[v if np.isfinite(v) else None for v in bars],
            name=name,
            marker={
                "color": colors,
                "line": {"color": colors, "width": 1.5},
            }
            | striped,
            text=[number(v, signed=True) for v in bars],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"%{{y}}, {name}: %{{text}}<extra></extra>",
        )
    plain_layout(
        figure,
        quantity,
        height=90 + 44 * len(labels),
        margin={"l": 74, "r": 40, "t": 34, "b": 26},
        barmode="group",
        bargap=0.3,
        showlegend=True,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 13}},
        xaxis={"zeroline": True, "zerolinewidth": 2, "nticks": 5},
        yaxis={"autorange": "reversed", "showgrid": False, "zeroline": False, "fixedrange": True},
    )
    _make_room(figure)
    with np.errstate(all="ignore"):
        sums = [number(float(values.sum())) for values in (first, second)]
        apart = float(np.abs(first - second).max())
    alt = f"{quantity} of {n} samples, {names[0]} beside {names[1]}: " + (
        f"they add up to {sums[0]} and {sums[1]}, and differ by {number(apart)} at most."
        if np.isfinite([first, second]).all()
        else "some of these are no numbers."
    )
    hidden = f" (the {len(rows)} of {n} samples that differ most)" if len(rows) < n else ""
    return figure, title + hidden, alt
