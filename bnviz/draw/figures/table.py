"""Signed numbers as a table in the ledger's language: a bar to the right is plus, left minus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnviz.core.arrays import Array
from bnviz.draw.figures.style import ACCENT, CLEAR, HAIRLINE, NEUTRAL, Figure, plain_layout

_REACH = 0.42  # of a cell, for the largest number
_TOP, _BOTTOM = 30, 6  # pixels around a table


def cells(
    figure: Figure,
    x: Array,
    y: Array,
    values: Array,
    limit: float,
    hover: Sequence[str],
    pixels: float,
    *,
    numbers: Sequence[str] | None = None,
    color: str | Sequence[str] = NEUTRAL,
    filled: Sequence[bool] | None = None,
) -> None:
    """Bars from the middles x, y of cells of size 1, as long as values / limit; one text a cell.

    A cell is so many pixels high, and a bar the same in all. With numbers these stand below
    the bars. What is not filled is only outlined.
    """
    lift, thick = (9 / pixels if numbers else 0.0), 10 / pixels
    colors = [color] * values.size if isinstance(color, str) else list(color)
    fills = [
        c if full else CLEAR for c, full in zip(colors, filled or [True] * values.size, strict=True)
    ]
    middle = thick / 2 + 3 / pixels
    figure.trace(
        "scatter",
        x=[v for at in x.tolist() for v in (at, at, None)],
        y=[v for at in (y - lift).tolist() for v in (at - middle, at + middle, None)],
        mode="lines",
        line={"color": NEUTRAL, "width": 1},
        hoverinfo="skip",
    )
    figure.trace(
        "bar",
        orientation="h",
        base=x.tolist(),
        x=(values * (_REACH / limit)).tolist(),
        y=(y - lift).tolist(),
        width=thick,
        marker={"color": fills, "line": {"color": colors, "width": 1}},
        customdata=values.tolist(),
        hoverinfo="skip",
    )
    figure.trace(
        "scatter",
        x=x.tolist(),
        y=(y + lift).tolist(),
        mode="text" if numbers else "markers",
        text=list(numbers) if numbers else None,
        marker={"opacity": 0},
        customdata=list(hover),
        cliponaxis=False,
        hovertemplate="%{customdata}<extra></extra>",
    )
    figure["layout"] |= {"hovermode": "closest", "hoverdistance": -1}  # all of a cell answers


def table(
    values: Array,
    texts: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    name: str,
    height: int,
    *,
    limit: float,
    hover: str = "{row}, {column}: {text}",
    chosen: tuple[int, int] | None = None,
) -> Figure:
    """One table (rows, columns) with its numbers; the chosen cell is outlined."""
    d, k = values.shape
    places = [(i, j) for i in range(d) for j in range(k)]
    figure = Figure()
    cells(
        figure,
        np.array([float(j) for _, j in places]),
        np.array([float(i) for i, _ in places]),
        values.ravel(),
        limit,
        [hover.format(row=rows[i], column=columns[j], text=texts[i][j]) for i, j in places],
        (height - _TOP - _BOTTOM) / d,
        numbers=[texts[i][j] for i, j in places],
        color=[ACCENT if place == chosen else NEUTRAL for place in places],
    )
    for i in range(1, d):
        figure.across("y", i - 0.5, line={"color": HAIRLINE, "width": 1}, layer="below")
    if chosen:
        i, j = chosen
        figure.shape(
            "rect",
            x0=j - 0.48,
            x1=j + 0.48,
            y0=i - 0.48,
            y1=i + 0.48,
            line={"width": 2, "color": ACCENT},
        )
    bare = {"showgrid": False, "zeroline": False, "showline": False, "fixedrange": True}
    return plain_layout(
        figure,
        name,
        height,
        margin={"l": 66, "r": 8, "t": _TOP, "b": _BOTTOM},
        xaxis=bare
        | {
            "tickvals": list(range(k)),
            "ticktext": list(columns),
            "range": [-0.5, k - 0.5],
            "side": "top",
        },
        yaxis=bare | {"tickvals": list(range(d)), "ticktext": list(rows), "range": [d - 0.5, -0.5]},
    )
