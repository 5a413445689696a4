"""The sums over all rows of a batch, where only some of them are kept; float64, in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnviz.captures.hooks.tensor import Tensor, alike, lying, torch
from bnviz.captures.record import Whole

_BLOCK = 2**16  # numbers: what is worked on stays near the processor


def _blocks(laid: Any) -> Any:
    """A tensor that was laid out, in blocks, each (n, channels, positions)."""
    laid = laid[..., None] if laid.dim() == 2 else laid
    step = max(1, _BLOCK // max(1, laid[0].numel()))
    for start in range(0, len(laid), step):
        yield laid[start : start + step]


def whole(x: Tensor, dy: Tensor, last: int) -> Whole:
    """The sums of x and ∂L/∂y; deviations are from about the mean, so that nothing is lost."""
    laid = alike({"x": x, "dy": dy}, last)
    first: Any = next(iter(_blocks(laid["x"]))).double()
    k = first.shape[1]
    near = first.mean(dim=(0, 2))
    near = near.new_zeros(k) if not near.isfinite().all() else near
    sums = near.new_zeros(5, k)
    rows = 0
    room = first.new_empty(2, *first.shape)  # to ask for it anew takes longer than the sums
    for a, b in zip(_blocks(laid["x"]), _blocks(laid["dy"]), strict=True):
        dev, g = room[0, : len(a)].copy_(a).sub_(near[:, None]), room[1, : len(a)].copy_(b)
        for index, (left, right) in enumerate(((dev, dev), (dev, g), (g, g))):
            sums[index] += torch().linalg.vecdot(left, right).sum(0)
        sums[3] += dev.sum(2).sum(0)
        sums[4] += g.sum(2).sum(0)
        rows += a.shape[0] * a.shape[2]
    square, up_dev, up_square, away, up = (np.asarray(v) for v in sums.cpu().numpy())
    with np.errstate(all="ignore"):
        mean = away / rows
        var = np.maximum(square / rows - mean**2, 0.0)
        return Whole(rows, near.cpu().numpy() + mean, var, up, up_dev - mean * up, up_square)


def total(dx: Tensor, last: int) -> Any:
    """Σ∂L/∂x over all rows, (k,)."""
    parts = [block.sum(2, dtype=torch().float64).sum(0) for block in _blocks(lying(dx, last))]
    added = sum(parts[1:], parts[0])
    return added.cpu().numpy()
