"""Which rows of a layer go into its file, as they lie; where not all do, with the sums of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bnviz.captures.hooks import sums
from bnviz.captures.hooks.calls import Call
from bnviz.captures.hooks.front import Front
from bnviz.captures.hooks.tensor import Tensor, alike, channels, numbers, rows, torch
from bnviz.captures.npz import LARGEST
from bnviz.captures.record import MOST_NEURONS, CaptureError, Table, Whole

_A_ROW = 400  # bytes a layer, for each row that was asked for
_MARGIN = 2**24  # bytes of a file that are not rows


def _room(x: Tensor, k: int, most: int | None) -> int:
    """How many rows may be kept."""
    if k > MOST_NEURONS:
        raise CaptureError(f"it is {k} numbers wide; the limit is {MOST_NEURONS}")
    a_row = 3 * max(4, x.element_size()) * k
    room = (LARGEST - _MARGIN) // a_row
    if most is not None:
        room = min(room, most, max(2, _A_ROW * most // a_row))
    return room


def _chosen(
    call: Call, x: Tensor, dy: Tensor, k: int, most: int | None, notes: list[str]
) -> tuple[Any, Whole | None]:
    """Which rows are kept, where not all are; then with the sums of all."""
    n, room = x.numel() // k, _room(x, k, most)
    if n <= room:
        return None, None
    per = n // x.shape[0] if call.norm == "group" else 1  # its samples stay whole
    if room < per:
        notes.append(f"A sample of it has {per} rows, more than are kept: it is not judged.")
        call.norm, call.groups, per = "own", 1, 1
    over_rows = call.norm in {"batch", "sync", "own"}  # others are whole in each row or sample
    whole = sums.whole(x, dy, call.flat) if over_rows else None
    finite = whole is not None and np.isfinite(whole.mean + whole.dy_dev + whole.dy_square).all()
    # Chosen by a generator of its own, so that the training's random numbers stay as they are.
    any_ = np.random.default_rng(n).choice(n // per, room // per, replace=False)
    if per > 1:
        chosen = (np.sort(any_)[:, None] * per + np.arange(per)).ravel()
    else:
        first = [] if finite else _not_finite(x, dy, call.flat)[:room]
        rest = any_[(any_[:, None] != np.array(first, int)).all(axis=1)][: room - len(first)]
        chosen = np.sort(np.append(rest, first).astype(np.int64))
    return torch().as_tensor(chosen, device=getattr(x, "device", None)), whole


def tables(
    call: Call,
    x: Tensor,
    dy: Tensor | None,
    dx: Tensor | None,
    most: int | None,
    notes: list[str],
) -> tuple[dict[str, Any], int, Whole | None]:
    """x, dy and dx as they go into the file, how many rows they have, and the sums of all.

    most: see `capture(rows=…)`. notes gets what is to be said of it.
    """
    k = call.flat or x.shape[1]
    chosen, whole = _chosen(call, x, x if dy is None else dy, k, most, notes)
    given = {"x": x, "dy": dy, "dx": dx}
    there = {name: tensor for name, tensor in given.items() if tensor is not None}
    if whole is not None and dx is not None:
        whole = replace(whole, dx=sums.total(dx, call.flat))
    if whole is not None and dy is None:
        nan = np.full(k, np.nan)
        whole = replace(whole, dy=nan, dy_dev=nan, dy_square=nan)
    if chosen is not None:
        some = {name: rows(tensor, call.flat, chosen) for name, tensor in there.items()}
        return some, len(chosen), whole
    laid = alike(there, call.flat)
    apart = {} if laid["x"].dim() == 2 else {"axis": np.array(1)}
    return {n: numbers(tensor) for n, tensor in laid.items()} | apart, x.numel() // k, None


def front_fits(front: Front, there: Mapping[str, Table], most: int | None) -> bool:
    """May the layer in front come along?"""
    size = sum(table.nbytes for table in there.values()) + front.size()
    limit = LARGEST - _MARGIN
    return size <= (limit if most is None else min(limit, _A_ROW * most))


def _not_finite(x: Tensor, dy: Tensor, last: int) -> list[int]:
    """The first rows that are not finite, of each table; at most two."""
    found: list[int] = []
    for table in (x, dy):
        laid: Any = channels(table, last)
        bad = (~laid.isfinite()).any(dim=1).nonzero()
        found += [int(v) for v in bad[:1].reshape(-1).tolist() if int(v) not in found]
    return found
