"""Causes: another quantity in the place of the term, or the right numbers in other places."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bnviz.core.arrays import Array
from bnviz.proof.case import Case, Cause, columns, shaped
from bnviz.words.glossary import TERMS


def pasted(case: Case) -> Iterator[Cause]:
    """Another quantity in the place of the term."""
    s = case.t.scenario
    skip = {case.term, "dx_simplified", "deviation", "dweight_per_sample", "eps"}
    for name, term in TERMS.items():
        value = getattr(case.t, name, None)
        value = getattr(s, name, None) if value is None else value
        if name in skip or value is None or np.shape(value) != case.right.shape:
            continue
        value = np.asarray(value, dtype=np.float64)
        room = case.allowed(value) + shaped(case.mine, value.shape).resolution
        if not (room < 0.5 * columns(np.abs(value))).any():
            continue  # 0, or twice of it, would fit as well
        for sign, told in (("", ""), ("-", " with its sign turned around")):
            other = -value if sign else value
            if value.any() and not case.same(other, case.right) and case.fits(other):
                yield Cause(
                    "pasted",
                    f"This is {term.symbol}{told}, not {TERMS[case.term].symbol}",
                    f"print({sign}{name})",
                    f"print({case.term})",
                )
                break


def moved(case: Case) -> Iterator[Cause]:
    """The right numbers in the wrong places."""
    mine = shaped(case.mine, case.right.shape)
    right = case.right
    if mine.values.shape != right.shape:
        return
    name = case.term
    if right.ndim == 1:
        bound = case.bound[None, :]
        order = _order(mine.values[None, :], right[None, :], mine.resolution[None, :], bound)
        if order is not None:
            yield _neurons(name, order)
        return
    order = _order(mine.values, right, mine.resolution, case.bound)
    if order is not None:
        yield _neurons(name, order)
    rows = _order(mine.values.T, right.T, mine.resolution.T, case.bound.T)
    if rows is not None:
        back = rows == list(range(len(rows)))[::-1]
        what = "sample" if right.shape[0] == case.t.x_hat.shape[0] else "input"
        told = f"the {what}s stand in reverse" if back else f"{what} {rows[0] + 1} stands first"
        yield Cause(
            "rows",
            f"The rows stand in another order: {told}",
            f"{name} = {name}[order]  # sorted or shuffled",
            f"{name}[order] = {name}.copy()  # and back",
        )
    fortran = right.T.reshape(right.shape)
    if min(right.shape) > 1 and not case.same(fortran, right) and case.fits(fortran):
        yield Cause(
            "order",
            "The numbers were laid out column by column and read row by row",
            f"{name} = {name}.ravel(order='F').reshape({right.shape[0]}, {right.shape[1]})",
            f"{name} = {name}.reshape({right.shape[0]}, {right.shape[1]}, order='F')",
        )


def _order(mine: Array, right: Array, resolution: Array, bound: Array) -> list[int] | None:
    """For each column the one of the right table that stands there; None if there is no such."""
    count = right.shape[1]
    if count < 2 or count > 4096:
        return None
    room = np.where(np.isfinite(bound), bound, 0.0) + 1e-12 * np.abs(right)
    order = []
    for j in range(count):
        apart = np.abs(right - mine[:, [j]]) - resolution[:, [j]] * (1 + 1e-9)
        fits = np.flatnonzero((apart <= room).all(axis=0))
        if not fits.size:
            return None
        order.append(j if j in fits else int(fits[0]))
    return None if order == list(range(count)) else order


def _neurons(name: str, order: list[int]) -> Cause:
    listed = ", ".join(str(j + 1) for j in order)
    if sorted(order) == list(range(len(order))):
        return Cause(
            "neurons",
            f"The neurons stand in another order: {listed}",
            f"{name} = {name}[..., {order}]",
            f"{name} = {name}",
        )
    return Cause(
        "neuron_repeated",
        f"Every neuron has an index of its own, and here they are {listed}",
        f"{name}[..., j] = d[..., {order[0]}]",
        f"{name}[..., j] = d[..., j]",
    )
