"""Trace -> what the Derive page shows: each step with its numbers, and the graph.

Pure data, ready for JSON. The browser only places it. A sentence that claims a
zero or an equality is written beside its check, in derive_steps.
"""

from __future__ import annotations

import numpy as np

from bnviz.core.columns import PATHS
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.draw.derive_graph import graph
from bnviz.draw.derive_numbers import Json, Numbers
from bnviz.draw.derive_steps import last, steps
from bnviz.draw.derive_steps import step as one
from bnviz.draw.palette import sample_colors

WIDTHS = (
    "The blue arrows go back from the loss, each as wide as the size of its number, all on one "
    "scale; what is too little to see is a hairline."
)


def _picture(flow: str, n: int, k: int, d: int) -> Json:
    """What is added up and what is spread: one table of cells, or two with a sign between."""
    one, all_ = (1, k), (n, k)
    grids, sign, said = {
        "each": ([all_], "", f"({n}, {k}): a number for each sample and neuron"),
        "sum": ([all_, one], "Σ →", f"({n}, {k}), added over the {n} samples, gives ({k},)"),
        "spread": ([one, all_], "→", f"({k},), spread over the {n} rows, gives ({n}, {k})"),
        "outer": (
            [(n, d), all_, (d, k)],
            "",
            f"({d}, {n}) times ({n}, {k}): {n} outer products, added, give ({d}, {k})",
        ),
    }[flow]
    return {"grids": grids, "signs": ["⊗", "Σ →"] if flow == "outer" else [sign], "said": said}


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def payload(
    t: Trace,
    view: View,
    sample: int,
    step: int,
    rows: list[int] | None = None,
    *,
    alone: bool = False,
) -> Json:
    """All steps, so that walking them waits for nobody. step counts from 0.

    rows: the samples to show, where they must not change. alone: that step only, by its number:
    it is all that is on the screen while a number is held.
    """
    m = Numbers(t, view, sample, rows)
    n, k = t.x_hat.shape
    step = min(step, last(m))
    walk = {step: one(m, step)} if alone else dict(enumerate(steps(m)))
    for each in walk.values():
        each["picture"] = _picture(each["flow"], n, k, t.scenario.d)
    colors = sample_colors(n)
    return {
        "steps": walk if alone else list(walk.values()),
        "step": step,
        "parts": ["The six equations", "To one line"],
        "rows": m.rows,
        "colors": [colors[i] for i in m.rows],
        "sample": sample,
        "n": n,
        "k": k,
        "neuron": view.neuron,
        "hidden": f"{len(m.rows)} of {n} samples are shown; the sums are of all."
        if len(m.rows) < n
        else "",
        "graph": graph(m),
        "widths": WIDTHS,
        "paths": float(np.nan_to_num([np.abs(m.columns[name][m.rows]) for name in PATHS]).max()),
    }
