"""The upstream gradient in three directions: 1, x̂, and what is left."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.draw.figures.style import ACCENT, NEUTRAL, SECOND, Figure, Picture, fading, plain_layout
from bnviz.draw.figures.table import table
from bnviz.draw.palette import sample_colors
from bnviz.study.geometry import eigenvalues_by_formula, jacobian, spectrum, split
from bnviz.words.numbers import number

MAX_TABLE = 8  # samples on a side, with their numbers
EPS_POWERS = np.linspace(-12, 0, 25)


def energy(t: Trace, neuron: int) -> Picture:
    """Where the squared length of ∂L/∂x̂ goes: three shares that add to 1."""
    parts, exist = split(t, neuron), spectrum(t, neuron)
    shares = parts.shares
    passed = exist.get("ε·s³", 0.0) / parts.gain_rest if parts.gain_rest else 0.0
    nearly = "nearly removed" if passed < 1e-3 else "partly removed"
    # A direction that doesn't exist here gets no bar of 0%.
    bars = [
        (name, share, color, pattern)
        for key, name, share, color, pattern in (
            ("0", "along 1<br>removed", shares[0], NEUTRAL, ""),
            ("ε·s³", f"along x̂<br>{nearly}", shares[1], SECOND, "/"),
            ("s", "the rest<br>kept", shares[2], ACCENT, ""),
        )
        if key in exist
    ]
    names, heights, colors, patterns = zip(*bars, strict=True)
    figure = Figure()
    figure.trace(
        "bar",
        x=names,
        y=heights,
        marker={"color": colors, "pattern": {"shape": patterns}},
        text=[f"{100 * share:.1f}%" for share in heights],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{text}<extra></extra>",
    )
    plain_layout(
        figure,
        "energy",
        320,
        bargap=0.45,
        xaxis={"fixedrange": True, "showgrid": False},
        yaxis={"range": [0, 1.12], "tickformat": ".0%", "fixedrange": True, "nticks": 5},
    )
    return (
        figure,
        "∂L/∂x̂ is 0: there is nothing to split"
        if not any(shares)
        else "All x are equal and ε is 0: by definition nothing is left"
        if t.undefined[neuron]
        else f"Of |∂L/∂x̂|², {100 * shares[2]:.0f}% is "
        + ("left for ∂L/∂x" if passed < 1e-3 else "kept whole"),
        f"Shares of the squared length of ∂L/∂x̂: {100 * shares[0]:.1f}% along 1, "
        f"{100 * shares[1]:.1f}% along x̂, {100 * shares[2]:.1f}% the rest.",
    )


def matrix(t: Trace, neuron: int) -> Picture:
    """The Jacobian ∂x̂/∂x as a table, with its eigenvalues in the title.

    They are those of the formula: found numerically, a small one is lost beside the others.
    """
    values = jacobian(t, neuron)
    n = values.shape[0]
    limit = float(np.abs(values).max()) or 1.0
    found = eigenvalues_by_formula(t, neuron)
    if n <= MAX_TABLE:
        figure = _small_matrix(values, limit)
        signs = ""
    else:
        figure = _large_matrix(values, limit)
        signs = ", plus in red, minus in olive"
    shown = ", ".join(number(float(v)) for v in found[:4])
    more = f", … ({n} in all)" if n > 4 else ""
    word = "eigenvalue" if n == 1 else "eigenvalues"
    return (
        figure,
        f"The Jacobian ∂x̂/∂x{signs}; {word} {shown}{more}",
        f"Symmetric table of {n} by {n}; {word} {shown}{more}.",
    )


def _small_matrix(values: Array, limit: float) -> Figure:
    """Bars and numbers."""
    samples = [str(i + 1) for i in range(values.shape[0])]
    texts = [[number(float(v)) for v in row] for row in values]
    figure = table(
        values,
        texts,
        samples,
        samples,
        "jacobian",
        340,
        limit=limit,
        hover="∂x̂{row}/∂x{column} = {text}",
    )
    figure["layout"]["margin"]["l"] = 30
    return figure


def _large_matrix(values: Array, limit: float) -> Figure:
    """Too many for numbers: ink for plus, another for minus, and where it is 0 the bare page."""
    n = values.shape[0]
    figure = Figure()
    figure.trace(
        "heatmap",
        z=values.tolist(),
        x=list(range(1, n + 1)),
        y=list(range(1, n + 1)),
        colorscale=[[0, SECOND], [0.5, fading(SECOND)], [0.5, fading(ACCENT)], [1, ACCENT]],
        zmin=-limit,
        zmax=limit,
        xgap=0 if n > 16 else 1,
        ygap=0 if n > 16 else 1,
        showscale=False,
        hovertemplate="∂x̂%{y}/∂x%{x} = %{z:.3g}<extra></extra>",
    )
    # The same samples are named on both sides.
    side = {
        "tick0": 1,
        "dtick": 1 if n <= 16 else 4 if n <= 32 else 8,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    return plain_layout(
        figure,
        "jacobian",
        340,
        margin={"l": 30, "r": 8, "t": 24, "b": 8},
        xaxis=side | {"side": "top"},
        yaxis=side | {"autorange": "reversed"},
    )


def _eigenvalue_lines(figure: Figure, s: Scenario, neuron: int, here: dict[str, float]) -> None:
    """A line an eigenvalue that is not 0, over twelve powers of ten of ε, and where ε is now."""
    powers = [float(10.0**p) for p in EPS_POWERS]
    found = [spectrum(run(s.edit(eps=eps)), neuron) for eps in powers]
    # Where both meet, one label stands above its line and the other below.
    for key, name, color, dash, shift in (
        ("s", "the rest: s", ACCENT, "solid", 14),
        ("ε·s³", "x̂: ε·s³", SECOND, "dash", -14),
    ):
        if key not in found[0]:
            continue
        values = [eigenvalues[key] for eigenvalues in found]
        figure.trace(
            "scatter",
            x=powers,
            y=values,
            mode="lines",
            line={"color": color, "width": 3, "dash": dash},
            hovertemplate=f"{name} = %{{y:.3g}}<extra></extra>",
        )
        if s.eps > 0 and here.get(key, 0) > 0:
            figure.trace(
                "scatter",
                x=[s.eps],
                y=[here[key]],
                mode="markers",
                marker={"size": 13, "color": color, "symbol": "diamond"},
                hovertemplate=f"here {name} = %{{y:.3g}}<extra></extra>",
            )
        figure.note(
            x=-9,
            y=float(np.log10(values[6])) if values[6] > 0 else 0,
            text=name,
            yshift=shift,
            font={"size": 14},
            xanchor="left",
        )


def over_eps(s: Scenario, neuron: int) -> Picture:
    """The eigenvalues of the Jacobian that are not 0, against ε."""
    here = spectrum(run(s), neuron)
    figure = Figure()
    _eigenvalue_lines(figure, s, neuron, here)
    if not figure["data"]:
        figure.note(xref="paper", yref="paper", x=0.5, y=0.5, text="0 for every ε")
    plain_layout(
        figure,
        "over-eps",
        320,
        xaxis={
            "type": "log",
            "title": {"text": "ε"},
            "exponentformat": "power",
            "nticks": 7,
            "range": [-12.3, 0.3],
            "visible": bool(figure["data"]),
        },
        yaxis={
            "type": "log",
            "title": {"text": "eigenvalue"},
            "exponentformat": "power",
            "nticks": 6,
            "automargin": True,
            "visible": bool(figure["data"]),
        },
    )
    said = ", ".join(
        f"{where} {number(here[key])}"
        for key, where in (("ε·s³", "along x̂"), ("s", "for the rest"))
        if key in here
    )
    word = "Eigenvalues" if len(here) > 2 else "Eigenvalue"
    title = f"{word} {said}" if said else "The only eigenvalue is 0"
    alt = (
        f"Eigenvalues against ε: {said} at ε = {number(s.eps)}; along 1 it is 0 throughout."
        if said
        else f"The only eigenvalue is 0 at ε = {number(s.eps)}."
    )
    return figure, title, alt


def space(t: Trace, neuron: int) -> Picture:
    """Three samples, so three axes: the plane across 1, x̂ in it, and the one direction left."""
    g, x_hat = t.dx_hat[:, neuron], t.x_hat[:, neuron]
    parts = split(t, neuron)
    one = np.ones(3) / np.sqrt(3.0)
    size = float(np.linalg.norm(x_hat))
    reach = max(float(np.linalg.norm(g)), 1e-12)
    figure = Figure()
    if size > 0:
        unit = x_hat / size
        left = np.cross(one, unit)
        corners = np.array([p * unit + q * left for p, q in ((1, 1), (1, -1), (-1, -1), (-1, 1))])
        corners = corners * reach * 1.1
        figure.trace(
            "mesh3d",
            x=corners[:, 0].tolist(),
            y=corners[:, 1].tolist(),
            z=corners[:, 2].tolist(),
            i=[0, 0],
            j=[1, 2],
            k=[2, 3],
            color=NEUTRAL,
            opacity=0.18,
            hoverinfo="skip",
        )
        _arrow(figure, unit * reach, "x̂", SECOND, dash="dash")
        # What is kept lies along it, and its name would lie on this one's.
        _arrow(figure, left * reach, "the direction left", ACCENT, dash="dash", named=False)
    _arrow(figure, one * reach, "1", NEUTRAL, dash="dash")
    _arrow(figure, g, "∂L/∂x̂", NEUTRAL, place="middle right")
    if not t.undefined[neuron]:
        _arrow(figure, parts.rest, "kept", ACCENT, place="middle left")
    colors = sample_colors(3)

    def axis(i: int) -> dict[str, Any]:
        return {
            "title": {"text": f"sample {i + 1}"},
            "showline": True,
            "linecolor": colors[i],
            "linewidth": 5,
            "showgrid": False,
            "zerolinecolor": NEUTRAL,
            "range": [-1.2 * reach, 1.2 * reach],
            "showbackground": False,
            "nticks": 4,
        }

    plain_layout(
        figure,
        "space",
        440,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        scene={
            "xaxis": axis(0),
            "yaxis": axis(1),
            "zaxis": axis(2),
            "aspectmode": "cube",
            "camera": {"eye": {"x": 1.7, "y": -1.5, "z": 0.9}},
        },
    )
    kept = number(float(np.linalg.norm(parts.rest)))
    axes = "Three axes, one for each sample: the gradient"
    if t.undefined[neuron]:
        return (
            figure,
            "Three samples: by definition nothing is left",
            f"{axes} and the direction 1.",
        )
    return (
        figure,
        f"Three samples: of |∂L/∂x̂| = {number(float(np.linalg.norm(g)))}, {kept} is left"
        if g.any()
        else "Three samples: ∂L/∂x̂ is 0, and nothing is left",
        f"{axes}, the direction 1, the plane across it, x̂ in the plane, and the one direction "
        f"left, along which {kept} remains."
        if size > 0
        else f"{axes}, the direction 1, and the plane across it, in which {kept} remains.",
    )


def _arrow(
    figure: Figure,
    tip: Array,
    name: str,
    color: str,
    *,
    dash: str = "solid",
    place: str = "top center",
    named: bool = True,
) -> None:
    figure.trace(
        "scatter3d",
        x=[0, float(tip[0])],
        y=[0, float(tip[1])],
        z=[0, float(tip[2])],
        mode="lines+markers+text" if named else "lines+markers",
        line={"color": color, "width": 6 if dash == "solid" else 4, "dash": dash},
        marker={"size": [0, 5], "color": color},
        name=name,
        text=["", name] if named else None,
        textposition=place,
        textfont={"size": 14},  # in ink; the point beside it has the colour
        hovertemplate=f"{name}<extra></extra>",
    )
