"""A convolution as the linear layer that it is: one row of inputs for each position it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnviz.captures.record import MOST_WEIGHTS, CaptureError, Table

_MOST = 2**26  # numbers in all patches of a layer
_AXES = 3
_LONGEST = 2**20  # of an axis


@dataclass(frozen=True)
class Looks:
    """Where a convolution looks, (5, axes): a row for each of what it does, in this order.

    spread: the inputs are so far apart, with zeros between (in a transposed one). before, after:
    zeros at the ends; below 0, so many are cut off. stride, dilation: as in PyTorch.
    """

    table: NDArray[np.int64]

    @property
    def axes(self) -> int:
        """How many axes of space there are."""
        return int(self.table.shape[1])

    def positions(self, space: tuple[int, ...], sizes: tuple[int, ...]) -> list[int]:
        """How many positions it has along each axis of an input."""
        spread, before, after, stride, dilation = self.table.tolist()
        lengths = [s * (n - 1) + 1 + b + e
                   for s, n, b, e in zip(spread, space, before, after, strict=True)]  # fmt: skip
        spans = [r * (size - 1) for r, size in zip(dilation, sizes, strict=True)]
        return [(n - span - 1) // s + 1 if n > span else 0
                for n, span, s in zip(lengths, spans, stride, strict=True)]  # fmt: skip


def too_large(n: int, d: int, k: int) -> bool:
    """May n rows of d inputs to k neurons not be taken along?"""
    return d * k > MOST_WEIGHTS or n * d > _MOST


def read_looks(given: NDArray[np.generic], a: Table, weight: Table) -> Looks:
    """The settings in a file, which may hold anything; CaptureError where they make no sense."""
    axes = weight.ndim - 2
    fits = 1 <= axes <= _AXES and a.ndim == weight.ndim and given.shape == (5, axes)
    if not fits or given.dtype.kind != "i" or not weight.size or not a.size:
        raise CaptureError("a, weight and patches must be of one convolution.")
    table = given.astype(np.int64)
    if np.abs(table).max() > _LONGEST or (table[[0, 3, 4]] < 1).any():
        raise CaptureError("patches must hold what a convolution may do.")
    return Looks(table)


def as_linear(a: Table, weight: Table, looks: Looks, groups: int) -> tuple[Table, Table] | None:
    """The inputs (N, C, …) and the weight (k, C / groups, …) as a (n, d) and weight (d, k).

    None where that would be too large. CaptureError where they don't fit together.
    """
    k, own, *sizes = weight.shape
    space = a.shape[2:]
    if groups < 1 or k % groups or own * groups != a.shape[1]:
        raise CaptureError(f"weight {weight.shape} does not fit a {a.shape} in {groups} groups.")
    places = looks.positions(space, tuple(sizes))
    d = own * groups * int(np.prod(sizes))
    spread, before, after, stride, dilation = looks.table.tolist()
    wide = [n * s for n, s in zip(space, spread, strict=True)]
    padded = [n + max(b, 0) + max(e, 0) for n, b, e in zip(wide, before, after, strict=True)]
    cells = len(a) * a.shape[1] * np.prod([float(n) for n in padded])
    if too_large(len(a) * int(np.prod([float(p) for p in places])), d, k) or cells > _MOST:
        return None
    if 0 in places:
        raise CaptureError("weight is larger than what it looks at.")
    apart = (max(0, n - s + 1) for n, s in zip(wide, spread, strict=True))
    x: Any = np.zeros((*a.shape[:2], *apart), a.dtype)
    x[(..., *(slice(None, None, s) for s in spread))] = a
    ends = list(zip(before, after, strict=True))
    x = np.pad(x, [(0, 0), (0, 0), *((max(b, 0), max(e, 0)) for b, e in ends)])
    x = x[(..., *(slice(max(-b, 0), n - max(-e, 0))
                  for (b, e), n in zip(ends, x.shape[2:], strict=True)))]  # fmt: skip
    spans = [r * (size - 1) + 1 for r, size in zip(dilation, sizes, strict=True)]
    axes = tuple(range(2, x.ndim))
    seen: Any = np.lib.stride_tricks.sliding_window_view(x, spans, axis=axes)
    seen = seen[(..., *(slice(None, None, s) for s in (*stride, *(1,) * len(axes))))]
    seen = seen[(..., *(slice(None, None, r) for r in dilation))]
    order = (0, *axes, 1, *range(x.ndim, 2 * x.ndim - 2))
    rows = seen.transpose(order).reshape(-1, d)
    # Groups see their own inputs alone: zeros elsewhere.
    dense = np.zeros((d, k), weight.dtype)
    out, each = k // groups, d // groups
    for g in range(groups):
        mine = slice(g * out, (g + 1) * out)
        dense[g * each : (g + 1) * each, mine] = weight[mine].reshape(out, each).T
    return rows, dense
