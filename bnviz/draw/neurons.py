"""Overview of a capture -> what the table of neurons shows, ready for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnviz.claims.layer import BATCH, Finding, Overview
from bnviz.core.arrays import Array
from bnviz.words.formula import mathml
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number, plain, significant

MAX_SHOWN = 256  # what the browser gets doesn't grow beyond
FIRST = 12  # the rest comes when it is asked for


def _shares(values: Array) -> Array:
    """As parts of the largest; 0 where none is finite."""
    size = np.where(np.isfinite(values), np.abs(values), 0.0)
    most = float(size.max())
    return size / most if most > 0 else size


def heads(o: Overview) -> list[dict[str, str]]:
    """The columns, in order: formula, what it is, and the width that it asks for."""
    running = "spread" if o.capture.mode == "train" else "running"
    columns = [
        ("mean", r"\term{mean}", "mean", ""),
        ("std", r"\sigma", running, ""),
        ("parts", r"\term{dx_hat}", "where it goes", "wide"),
        ("dx", r"\term{dx}", "root mean square", "bar"),
        ("dx_sum", r"\sum_i \term{dx}", "over all rows", ""),
    ]
    if o.seen.dweight is not None:
        columns.append(("dweight", r"\term{dweight}", "length of its column", "bar"))
    return [
        {"name": name, "m": mathml(latex, inline=True), "short": short, "kind": kind}
        for name, latex, short, kind in columns
    ]


def payload(o: Overview) -> dict[str, Any]:
    """The rows, the worst first."""
    seen = o.seen
    lengths = seen.weight_size
    c = o.capture
    var = c.running_var if c.mode == "eval" and c.running_var is not None else seen.var
    bars = {"dx": _shares(seen.dx_size)}
    if lengths is not None:
        bars["dweight"] = _shares(lengths)

    def row(finding: Finding) -> dict[str, Any]:
        j = finding.neuron
        zero = c.kind in BATCH and bool(abs(seen.dx_sum[j]) <= seen.sum_bound[j])
        values = {
            "mean": seen.mean[j],
            "std": np.sqrt(var[j]),
            "dx": seen.dx_size[j],
            "dx_sum": seen.dx_sum[j],
        }
        if lengths is not None:
            values["dweight"] = lengths[j]
        cells = {
            name: {
                "v": plain(float(value)),
                "t": significant(float(value)),
                "bar": float(bars[name][j]) if name in bars else None,
            }
            for name, value in values.items()
        }
        if zero:
            small = "exactly 0" if seen.dx_sum[j] == 0 else f"rounding {number(seen.dx_sum[j])}"
            cells["dx_sum"] |= {"t": "✓ 0", "small": small}
        return {
            "neuron": j,
            "words": "; ".join(finding.words),
            "cells": cells,
            "nothing": f"no {TERMS['dx_hat'].symbol}" if seen.g_size[j] == 0 else "can’t be told",
            "parts": [
                {"name": name, "share": float(share), "t": f"{share:.0%}"}
                for name, share in seen.parts(j).items()
            ],
        }

    shown = o.order[:MAX_SHOWN]
    return {
        "heads": heads(o),
        "rows": [row(finding) for finding in shown],
        "first": max(FIRST, min(sum(bool(f.words) for f in shown), 2 * FIRST)),
        "count": len(o.order),
        "order": "worst first" if o.order[0].words else f"largest {TERMS['dx'].symbol} first",
    }
