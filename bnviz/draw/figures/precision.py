"""What each precision leaves of the zero sum, and what of the gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnviz.draw.figures.style import ACCENT, NEUTRAL, SECOND, Figure, Picture, plain_layout
from bnviz.study.precision import VARIANCES, Pass
from bnviz.words.numbers import number

_FLOOR = 1e-18  # where an exact 0 is drawn


def name_of(found: Pass) -> str:
    """How a pass is called in pictures and lists."""
    return f"{found.dtype}, {VARIANCES[found.variance]}"


def residue_and_error(passes: Sequence[Pass]) -> Picture:
    """A line a pass: the circle is what Σ∂L/∂x shows, the diamond what is truly wrong."""
    names = [name_of(p).replace(", ", "<br>") for p in passes]
    figure = Figure()
    for p, name in zip(passes, names, strict=True):
        ends = [max(v, _FLOOR) for v in (p.residue, p.error) if np.isfinite(v)]
        if ends:
            figure.trace(
                "scatter",
                x=[min(ends), max(ends)],
                y=[name, name],
                mode="lines",
                line={"color": NEUTRAL, "width": 2},
                showlegend=False,
                hoverinfo="skip",
            )
    for label, symbol, color, values in (
        ("|Σ∂L/∂x|", "circle", SECOND, [p.residue for p in passes]),
        ("true error of ∂L/∂x", "diamond", ACCENT, [p.error for p in passes]),
    ):
        figure.trace(
            "scatter",
            x=[max(v, _FLOOR) if np.isfinite(v) else None for v in values],
            y=names,
            mode="markers",
            name=label,
            marker={"size": 13, "symbol": symbol, "color": color},
            customdata=[number(v) for v in values],
            hovertemplate=f"%{{y}}: {label} %{{customdata}}<extra></extra>",
        )
    broken = [name for p, name in zip(passes, names, strict=True) if np.isnan(p.error)]
    for name in broken:
        figure.note(
            x=-8,
            y=name,
            text="no number at all",
        )
    plain_layout(
        figure,
        "precision",
        height=110 + 42 * len(passes),
        margin={"l": 118, "r": 20, "t": 40, "b": 46},
        showlegend=True,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 13}},
        xaxis={
            "type": "log",
            "range": [-18.3, np.log10(max([1.0, *(p.error for p in passes if p.error > 0)])) + 0.5],
            "exponentformat": "power",
            "dtick": 6,
            "title": {"text": "share of Σ|∂L/∂x̂|/√(σ²+ε)"},
            "zeroline": False,
        },
        yaxis={"autorange": "reversed", "zeroline": False, "fixedrange": True},
    )
    worst = max(passes, key=lambda p: -1.0 if np.isnan(p.error) else p.error)
    alt = f"|Σ∂L/∂x| and the true error of ∂L/∂x in {len(passes)} precisions" + (
        ": none of them gives a number."
        if np.isnan(worst.error)
        else f"; the largest error is {number(worst.error)}, in {name_of(worst)}, where |Σ∂L/∂x| "
        f"is {number(worst.residue)}."
    )
    apart = any(p.error > 100 * max(p.residue, p.digits) for p in passes)
    title = (
        "A small Σ∂L/∂x (circle) says little about the error (diamond)"
        if apart
        else "Σ∂L/∂x (circle) and the true error (diamond)"
    )
    return figure, title, alt
