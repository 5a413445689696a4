"""The colours of the samples: the same everywhere, and safe for the colour-blind.

After Okabe and Ito, without the yellow that white paper swallows. From the eighth
sample on they come round again; the row number is always there as well.
"""

from __future__ import annotations

_SAMPLES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8573B5")


def sample_color(i: int) -> str:
    """The colour of sample i, from 0."""
    return _SAMPLES[i % len(_SAMPLES)]


def sample_colors(n: int) -> list[str]:
    """One colour for each of n samples."""
    return [sample_color(i) for i in range(n)]
