"""How far each entry of each gradient is from its derivative found another way."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnviz.draw.figures.style import ACCENT, SECOND, Figure, Picture, plain_layout
from bnviz.proof.complex_step import Comparison
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

_LEFT, _RIGHT = 1e-6, 1e6  # where "exactly the same" and "far off" are drawn


def headroom(comparisons: Mapping[str, Comparison]) -> Picture:
    """A line a term, a point an entry: left of 1 is within the bound."""
    figure = Figure()
    entries, worst = 0, 0.0
    for term, comparison in comparisons.items():
        found = comparison.shares.ravel()
        entries, worst = entries + found.size, max(worst, float(found.max()))
        good = found <= 1
        figure.trace(
            "scatter",
            x=np.clip(found, _LEFT, _RIGHT).tolist(),
            y=[TERMS[term].symbol] * found.size,
            mode="markers",
            marker={
                "size": 9,
                "color": [SECOND if g else ACCENT for g in good],
                "symbol": ["circle" if g else "x" for g in good],
                "opacity": 0.6,
            },
            customdata=[number(float(f)) for f in found],
            hovertemplate="%{y}: %{customdata} of the bound<extra></extra>",
        )
    figure.across("x", 1, line={"color": ACCENT, "width": 2, "dash": "dash"})
    plain_layout(
        figure,
        "proof",
        height=70 + 30 * len(comparisons),
        margin={"l": 66, "r": 24, "t": 10, "b": 46},
        xaxis={
            "type": "log",
            "range": [np.log10(_LEFT) - 0.3, max(1.0, np.log10(min(worst, _RIGHT)) + 0.5)],
            "tickvals": [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6],
            "ticktext": ["same", "10⁻⁴", "0.01", "bound", "100×", "10⁴×", "10⁶×"],
            "title": {"text": "difference, as a share of its bound"},
            "zeroline": False,
        },
        yaxis={"autorange": "reversed", "zeroline": False, "fixedrange": True},
    )
    title = (
        f"All {entries} entries lie within their bound"
        if worst <= 1
        else "Crosses lie outside their bound"
    )
    alt = (
        f"Difference between both derivatives of {entries} entries as a share of the bound: the "
        f"largest is {number(worst)}."
    )
    return figure, title, alt
