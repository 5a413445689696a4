"""A captured network -> what its table of layers shows, ready for JSON."""

from __future__ import annotations

import math
from typing import Any

from bnviz.claims.layer import BATCH
from bnviz.claims.network import KINDS, Network, Row
from bnviz.core.arrays import Array
from bnviz.words.formula import mathml
from bnviz.words.numbers import plain, significant

IMAGES = 16


def heads() -> list[dict[str, str]]:
    """The columns, in order: symbol, what it is, and the width that it asks for."""
    columns = (
        ("kind", r"\text{Norm}", "rows × neurons", ""),
        ("dx", r"\term{dx}", "root mean square, in powers of ten", "bar"),
        ("parts", r"\term{dx_hat}", "where it goes", "wide"),
        ("silent", r"\text{Silent}", "dead, constant", ""),
    )
    return [
        {"name": name, "m": mathml(latex, inline=True), "short": short, "kind": kind}
        for name, latex, short, kind in columns
    ]


def depths(rows: list[Row]) -> list[float | None]:
    """The size of ∂L/∂x as a bar a layer: its place between the least and the largest power."""
    sizes = [r.dx_size for r in rows]
    powers = [math.log10(s) if math.isfinite(s) and s > 0 else None for s in sizes]
    known = [p for p in powers if p is not None]
    if not known:
        return [0.0] * len(rows)
    low, high = math.floor(min(known) - 0.2), max(known)
    return [0.0 if p is None else (p - low) / (high - low) for p in powers]


def images(inputs: Array) -> dict[str, Any]:
    """The first inputs as square images, (N, side²): of each pixel that has ink, how much."""
    side = math.isqrt(inputs.shape[1])
    shown = inputs[:IMAGES].clip(0, 1)
    ink = [
        [[p % side, p // side, round(float(v), 2)] for p, v in enumerate(image) if v > 0]
        for image in shown
    ]
    caption = f"{len(shown)} of the {len(inputs)} images of this batch"
    return {"side": side, "ink": ink, "caption": caption}


def payload(network: Network, worst_first: bool, inputs: Array | None = None) -> dict[str, Any]:
    """A row a layer, in the order of the forward pass or the worst first.

    inputs: what goes in, where it is images to be shown.
    """
    bars = depths(network.rows)

    def cell(value: float, text: str, bar: float | None = None) -> dict[str, Any]:
        return {"v": plain(value), "t": text, "bar": bar}

    def row(index: int) -> dict[str, Any]:
        r = network.rows[index]
        kind = KINDS[r.kind] + (", evaluating" if r.mode == "eval" else "")
        said = ""
        if r.words:
            others = f", and {r.stand_out - 1} more" if r.stand_out > 1 else ""
            said = f"neuron {r.worst + 1}{others}: {r.words}"
        if r.agrees is False:
            said = f"✗ differs from the captured ∂L/∂x. {said}".strip()
        shares = r.shares
        parts = []
        if shares is not None:
            kept = max(0.0, 1.0 - sum(shares))
            named = zip(("along 1", "along x̂", "kept"), (*shares, kept), strict=True)
            parts = [{"name": n, "share": s, "t": f"{s:.0%}"} for n, s in named]
        cells = {
            "kind": cell(r.rows, f"{kind}, {r.rows} × {r.neurons}"),
            "dx": cell(r.dx_size, significant(r.dx_size), bars[index]),
            "silent": cell(r.dead + r.constant, f"{r.dead}, {r.constant}"),
        }
        nothing = "taken whole"
        if r.kind in BATCH and r.mode == "train":
            nothing = "no ∂L/∂x̂" if r.dead == r.neurons else "can’t be told"
        return {
            "nothing": nothing,
            "neuron": index,
            "name": r.name,
            "called": f"Layer {r.name}: open its neurons",
            "words": said,
            "cells": cells,
            "parts": parts,
        }

    order = network.worst_first() if worst_first else list(range(len(network)))
    return {
        "heads": heads(),
        "rows": [row(index) for index in order],
        "first": len(order),
        "count": len(order),
        "order": "worst first" if worst_first else "in the order of the forward pass",
        "what": "Layer",
        "images": None if inputs is None else images(inputs),
    }
