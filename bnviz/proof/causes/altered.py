"""Causes: something added to the right numbers, or cut off from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bnviz.proof.case import SOLVED, Case, Cause, counted, shaped
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import significant


def added(case: Case) -> Iterator[Cause]:
    """The same number added everywhere, or a share of the weights."""
    mine, right = shaped(case.mine, case.right.shape), case.right
    if mine.values.shape != right.shape or right.size < 3:
        return
    extra = mine.values - right
    mean = float(extra.mean())
    if case.fits(right + mean, SOLVED) and np.abs(extra).min() > 2 * float(mine.resolution.max()):
        decay = " (weight decay with all weights 1 does that)" if case.term == "dweight" else ""
        yield Cause(
            "added",
            f"The same number, {significant(mean)}, is added to every entry{decay}",
            f"{case.term} = {case.term} + {mean:.6g}",
            f"{case.term} = {case.term}",
        )
    w = case.t.scenario.weight
    if case.term == "dweight" and w is not None and w.any():
        share = float((extra * w).sum() / np.square(w).sum())
        if share and case.fits(right + share * w, SOLVED):
            yield Cause(
                "weight_decay",
                f"Weight decay is in it: {significant(share)} · W is added",
                f"dweight = a.T @ dx + {share:.6g} * weight",
                "dweight = a.T @ dx",
            )


def cut(case: Case) -> Iterator[Cause]:
    """Right but where something was cut off: clipped, or set to 0."""
    mine, right = shaped(case.mine, case.right.shape), case.right
    if mine.values.shape != right.shape or right.size < 4:
        return
    name = case.term
    most = float(np.abs(mine.values).max())
    if most and case.fits(np.clip(right, -most, most)):
        yield Cause(
            "clipped",
            f"It is clipped at {significant(most)}",
            f"{name} = np.clip({name}, -{most:.6g}, {most:.6g})",
            f"{name} = {name}",
        )
    if most and (mine.values >= 0).all() and case.fits(np.abs(right)):
        yield Cause("unsigned", "The signs are lost", f"{name} = abs({name})", f"{name} = {name}")
    zero = (mine.values == 0) & (right != 0)
    if zero.any() and not zero.all() and case.fits(np.where(zero, 0.0, right)):
        yield _zeroed(case, zero)


def _zeroed(case: Case, zero: NDArray[np.bool_]) -> Cause:
    """Which entries are 0, and what they have in common."""
    t, name = case.t, case.term
    masks = {"y": t.y, "x": t.scenario.x, "x_hat": t.x_hat, "dy": t.scenario.dy}
    for other, values in masks.items():
        if values.shape == zero.shape and (zero == (values <= 0)).all():
            return Cause(
                "zeroed",
                f"It is 0 wherever {TERMS[other].symbol} is negative: the mask of a ReLU is in it",
                f"{name} = {name} * ({other} > 0)",
                f"{name} = {name}",
            )
    rows = np.asarray(zero.all(axis=1)) if zero.ndim == 2 else zero
    whole = zero.ndim == 2 and (zero == rows[:, None]).all()
    what = "input" if name == "dweight" else "sample" if zero.ndim == 2 else "neuron"
    told = (
        f"All of {counted(what, np.flatnonzero(rows))} is 0, and the rest is right"
        if whole or zero.ndim == 1
        else f"{int(zero.sum())} entries are 0 that should not be, and the rest is right"
    )
    return Cause(
        "zeroed", told, f"for i in range(1, N): {name}[i] = …", f"for i in range(N): {name}[i] = …"
    )
