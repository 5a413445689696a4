"""What a scale may end at, and how far one step on it goes."""

from __future__ import annotations

import numpy as np


def nice(size: float) -> float:
    """The next round number at or above the size: what a scale may end at."""
    if not (np.isfinite(size) and size > 0):
        return 1.0
    power = 10.0 ** np.floor(np.log10(size))
    return float(
        next((m * power for m in (1, 1.5, 2, 3, 4, 5, 6, 8) if m * power >= size), 10 * power)
    )


def step(scale: float) -> float:
    """How far one arrow key goes: 1, 2 or 5 of a decimal place, 20 to 50 to a scale."""
    most = scale / 20
    power = 10.0 ** np.floor(np.log10(most))
    return float(f"{max(m for m in (1, 2, 5) if m == 1 or m * power <= most * 1.0001) * power:.1g}")
