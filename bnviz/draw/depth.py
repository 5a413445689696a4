"""A run -> the picture of it: a frame a step, for the browser to place and to scrub through."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnviz.claims.depth import THEORY, alt, budget, headline, ratios, times
from bnviz.core.arrays import Array
from bnviz.study.depth import MEASURES, Run
from bnviz.words.numbers import number

MOST_FRAMES, GROWING, MOST_LOSSES = 96, 24, 400


def frames(steps: int, most: int = MOST_FRAMES) -> list[int]:
    """The steps that are drawn: all at first, ever fewer later, and always the last.

    >>> frames(5), len(frames(2000)) <= MOST_FRAMES, frames(2000)[-1]
    ([0, 1, 2, 3, 4], True, 1999)
    """
    if steps <= most:
        return list(range(steps))
    spaced = np.expm1(np.linspace(0.0, np.log1p(steps - 1), most))
    return sorted({round(float(v)) for v in spaced})


def _short(value: float) -> float | None:
    """Four digits, as much as is seen; None for what is no number."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _rounded(values: Array) -> list[list[float | None]]:
    """The same of a table, at once."""
    with np.errstate(all="ignore"):
        unit = 10.0 ** (3 - np.floor(np.log10(np.abs(values))))
        near = np.where(values == 0, 0.0, np.round(values * unit) / unit)
    rows: list[list[float | None]] = near.tolist()
    if np.isfinite(near).all():
        return rows
    return [[v if v is not None and np.isfinite(v) else None for v in row] for row in rows]


def payload(run: Run, before: float, total: int) -> dict[str, Any]:
    """Everything that the picture shows, ready for JSON. total: the steps that are planned."""
    training = not run.broken and len(run.loss) < total
    said = (headline(run, before, end=end) for end in (False, True))
    # While it grows, a few are enough.
    steps = frames(len(run.loss), GROWING if training else MOST_FRAMES)
    relative, found = ratios(run), run.measures
    most = float(np.nanmax(relative)) if relative.size else 1.0
    columns = {name: found[:, :, i] for i, name in enumerate(MEASURES) if name != "rms"}
    lost = columns["stopped"] + columns["along_one"] + columns["along_x_hat"]
    columns["back"] = columns["handed"] - 1.0 + lost
    drawn = {name: _rounded(column[steps]) for name, column in columns.items()}
    drawn["rms"] = _rounded(relative[steps])
    losses = frames(len(run.loss), MOST_LOSSES)
    return {
        # What is said before the first steps, and after them.
        "headlines": [{"claim": one.claim, "why": one.why} for one in said],
        "depth": run.setting.depth,
        "done": len(run.loss),
        "total": total,
        "training": training,
        "most": _short(most),
        "theory": THEORY,
        "frames": [
            {
                "step": step,
                "loss": number(run.loss[step]),
                "right": f"{100 * run.right[step]:.0f} %",
                "root": number(float(found[step, -1, 0])),
                "early": times(float(relative[step, min(1, run.setting.depth - 1)])),
                "budget": {name: number(v, places=1) for name, v in budget(run, step).items()},
                "alt": alt(run, step),
            }
            | {name: rows[k] for name, rows in drawn.items()}
            for k, step in enumerate(steps)
        ],
        "losses": [[step, _short(run.loss[step])] for step in losses],
    }
