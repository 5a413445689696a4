"""Scale invariance: ∂L/∂w stands across w, so a plain step makes w longer."""

from __future__ import annotations

import math

import numpy as np

from bnviz.core.scenario import Scenario
from bnviz.draw.figures.style import ACCENT, NEUTRAL, SECOND, Figure, Picture, plain_layout
from bnviz.study.invariance import Descent, Invariance, invariance, scaled
from bnviz.words.numbers import number

POWERS = np.linspace(-3, 3, 25)


def _share(found: Invariance, inner: float) -> float:
    """|inner| as a share of |w|·|∂L/∂w|; 0 where there is no gradient, or only rounding of it."""
    product = found.weight * found.gradient
    only_rounding = not found.learns or (found.formula == 0 and abs(inner) <= found.bound)
    return 0.0 if only_rounding or not product else abs(inner) / product


def along_weight(s: Scenario, neuron: int, power: float) -> Picture:
    """How much of ∂L/∂w lies along w, over six powers of ten of the size of w."""
    found = [invariance(scaled(s, 10.0**p), neuron) for p in POWERS]
    here = invariance(scaled(s, 10.0**power), neuron)
    xs = [float(10.0**p) for p in POWERS]
    foretold = [_share(f, f.formula) for f in found]
    computed = [_share(f, f.inner) for f in found]
    share = _share(here, here.inner)
    figure = Figure()
    figure.trace(
        "scatter",
        x=xs,
        y=[v or None for v in foretold],
        mode="lines",
        line={"color": NEUTRAL, "width": 3},
        hovertemplate="formula %{y:.3g}<extra></extra>",
    )
    figure.trace(
        "scatter",
        x=xs,
        y=[v or None for v in computed],
        mode="markers",
        marker={"size": 7, "color": SECOND},
        hovertemplate="%{x:.3g} · W: %{y:.3g}<extra></extra>",
    )
    figure.trace(
        "scatter",
        x=[float(10.0**power)],
        y=[share or None],
        mode="markers",
        marker={"size": 15, "color": ACCENT, "symbol": "diamond"},
        hovertemplate="here %{y:.3g}<extra></extra>",
    )
    drawn = [v for v in (*foretold, *computed, share) if v > 0]
    if not drawn:
        why = (
            "no gradient, so no share"
            if not any(f.gradient for f in found)
            else "what w gets is lost in rounding"
            if not any(f.learns for f in found)
            else "w is 0, so no share"
            if not here.weight
            else "ε is 0, so no share"
            if not s.eps
            else "nothing of it lies along w"
        )
        figure.note(xref="paper", yref="paper", x=0.5, y=0.5, text=why)
    # Never a smaller span than a factor of ten: what rounding does to 1 is no curve.
    lowest = min(-1, math.floor(math.log10(min(drawn, default=0.1))))
    plain_layout(
        figure,
        "along",
        320,
        xaxis={
            "type": "log",
            "title": {"text": "W multiplied by"},
            "range": [POWERS[0] - 0.2, POWERS[-1] + 0.2],
            "nticks": 7,
            "exponentformat": "power",
            "visible": bool(drawn),
        },
        yaxis={
            "type": "log",
            "range": [lowest - 0.3, 0.3],
            "dtick": math.ceil(-lowest / 5),
            "exponentformat": "power",
            "automargin": True,
            "visible": bool(drawn),
        },
    )
    lost = here.gradient > 0 and not here.learns
    told = "can’t be told" if lost else f"is {number(share)}"
    return (
        figure,
        "The share of ∂L/∂w that lies along w can’t be told here"
        if lost
        else f"The share of ∂L/∂w that lies along w: here {number(share)}"
        if drawn
        else "No share of ∂L/∂w lies along w",
        "Share of the gradient along the weights against their size; at "
        f"{number(10.0**power)} times W it {told}. Dots are computed, the line is the formula.",
    )


def growth(descent: Descent) -> Picture:
    """|w| over plain gradient steps, beside what the formula foretold."""
    steps = list(range(descent.length.size))
    figure = Figure()
    figure.trace(
        "scatter",
        x=steps,
        y=descent.foretold.tolist(),
        mode="lines",
        line={"color": NEUTRAL, "width": 3},
        hovertemplate="formula %{y:.6g}<extra></extra>",
    )
    figure.trace(
        "scatter",
        x=steps,
        y=descent.length.tolist(),
        mode="markers",
        marker={"size": 9, "color": SECOND},
        hovertemplate="step %{x}: |w| = %{y:.6g}<extra></extra>",
    )
    plain_layout(
        figure,
        "growth",
        320,
        xaxis={
            "title": {"text": "gradient steps"},
            "dtick": 1,
            "zeroline": False,
            "fixedrange": True,
        },
        yaxis={
            "title": {"text": "|w|"},
            "nticks": 5,
            "automargin": True,
            "rangemode": "nonnegative",
        },
    )
    first, last = float(descent.length[0]), float(descent.length[-1])
    if not descent.rate:
        still = f"No step is taken: |w| stays at {number(first)}"
        return figure, still, f"{still}."
    return (
        figure,
        f"|w| over {steps[-1]} plain steps: {number(first)} to {number(last)}",
        f"|w| goes from {number(first)} to {number(last)} in {steps[-1]} steps of rate "
        f"{number(descent.rate)}. Dots are computed, the line is the formula.",
    )
