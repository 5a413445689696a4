"""A run -> the picture of it: a frame a step, for the browser to place and to scrub through."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnviz.claims.depth import THEORY, alt, budget, headline, ratios, times
from bnviz.study.depth import MEASURES, Run
from bnviz.words.numbers import number

MOST_FRAMES, MOST_LOSSES = 96, 400


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


def payload(run: Run, before: float, total: int) -> dict[str, Any]:
    """Everything that the picture shows, ready for JSON. total: the steps that are planned."""
    said, steps = (headline(run, before, end=end) for end in (False, True)), frames(len(run.loss))
    relative, found = ratios(run), run.measures
    most = float(np.nanmax(relative)) if relative.size else 1.0
    columns = {name: found[:, :, i] for i, name in enumerate(MEASURES) if name != "rms"}
    lost = columns["stopped"] + columns["along_one"] + columns["along_x_hat"]
    columns["back"] = columns["handed"] - 1.0 + lost
    losses = frames(len(run.loss), MOST_LOSSES)
    return {
        # What is said before the first steps, and after them.
        "headlines": [{"claim": one.claim, "why": one.why} for one in said],
        "depth": run.setting.depth,
        "done": len(run.loss),
        "total": total,
        "most": _short(most),
        "theory": THEORY,
        "frames": [
            {
                "step": step,
                "loss": number(run.loss[step]),
                "right": f"{100 * run.right[step]:.0f} %",
                "rms": [_short(v) for v in relative[step]],
                "root": number(float(found[step, -1, 0])),
                "early": times(float(relative[step, min(1, run.setting.depth - 1)])),
                "budget": {name: number(v, places=1) for name, v in budget(run, step).items()},
                "alt": alt(run, step),
            }
            | {name: [_short(v) for v in column[step]] for name, column in columns.items()}
            for step in steps
        ],
        "losses": [[step, _short(run.loss[step])] for step in losses],
    }
