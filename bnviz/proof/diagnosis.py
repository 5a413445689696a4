"""What went wrong: which fault makes the numbers that were handed in, and where to look if none.

First the list of `bnviz.proof.faults`; then what has a number of its own that must be solved
for (a factor, another ε, another variance), what was moved or mixed up, the three paths with
other coefficients, and two things at once. Of several, the simplest stands first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bnviz.proof.case import Case, Cause, counted, shaped
from bnviz.proof.causes.altered import added, cut
from bnviz.proof.causes.coefficients import reweighed, weighed
from bnviz.proof.causes.displaced import moved, pasted
from bnviz.proof.causes.eps import eps
from bnviz.proof.causes.factor import factor, stepped
from bnviz.proof.faults import FAULTS
from bnviz.proof.paths import factors

_MOST = 12  # causes


def _listed(case: Case) -> Iterator[Cause]:
    found = [w for w in case.wrongs() if case.fits(w.value) and case.tells(w.value)]
    # What is wrong in the term itself is simpler than what follows from a wrong ∂L/∂x.
    for wrong in sorted(found, key=lambda wrong: wrong.follows):
        yield cause(wrong.name)


def cause(name: str) -> Cause:
    """A fault of the list, as a cause."""
    fault = FAULTS[name]
    return Cause(name, fault.title, fault.wrong, fault.right)


def _two(case: Case) -> Iterator[Cause]:
    """A fault of the list, and all of it times a factor."""
    mine = case.mine
    for name, value, _ in case.wrongs():
        at = shaped(mine, value.shape)
        square = float(np.square(value).sum())
        if at.values.shape != value.shape or square == 0 or value.size < 3:
            continue
        factor = float((at.values * value).sum()) / square
        for word, known in factors(case.t).items():
            constant = np.ptp(known) == 0 and known[0] not in (0.0, 1.0)
            near = constant and abs(factor / known[0] - 1) < 0.05
            if near and case.fits(value * known[0]):
                first = cause(name)
                yield Cause(
                    name,
                    f"{first.title}; and all of it is multiplied by {word}",
                    f"{first.wrong}; {case.term} = ({word}) * {case.term}",
                    first.right,
                )
                break


_STAGES: tuple[tuple[Callable[[Case], Iterator[Cause]], ...], ...] = (
    (_listed,),
    (pasted, moved, stepped, factor, added, cut, eps),
    (weighed,),
    (reweighed,),
    (_two,),
)


def causes(cases: Sequence[Case]) -> list[Cause]:
    """What makes these numbers, the simplest first; nothing where nothing is known.

    cases: the same numbers, in each format that they may be in.
    """
    for stage in _STAGES:
        for case in cases:
            found = [one for tried in stage for one in tried(case)]
            if found:
                return found[:_MOST]
    return []


def residual(case: Case) -> str:
    """Which neurons, samples and path the difference lies in."""
    mine, right = shaped(case.mine, case.right.shape), case.right
    away = mine.values - right
    wrong = np.abs(away) > case.room
    if not wrong.any():
        return ""
    if right.ndim == 1:
        bad = counted("neuron", np.flatnonzero(wrong))
        return "" if wrong.all() else f"Only {bad} {'is' if wrong.sum() == 1 else 'are'} off."
    said = []
    columns, rows = np.asarray(wrong.any(axis=0)), np.asarray(wrong.any(axis=1))
    row, column = ("sample", "input") if case.term == "da" else ("sample", "neuron")
    row = "input" if case.term == "dweight" else row
    if not columns.all():
        bad = counted(column, np.flatnonzero(columns))
        said.append(f"Only {bad} {'is' if columns.sum() == 1 else 'are'} off.")
    if rows.sum() <= len(rows) // 2:
        bad = counted(row, np.flatnonzero(rows))
        said.append(f"The difference is in {bad} alone.")
    elif case.term == "dx":
        off = np.where(wrong, np.abs(away), 0.0)
        j = int(np.argmax((off / np.maximum(case.size, np.finfo(float).tiny)).max(axis=0)))
        away = away / off[:, j].max()
        whole = float(np.square(away[:, j]).sum())
        x_hat = case.t.x_hat[:, j]
        square = float(np.square(x_hat).sum())
        mean = float(away[:, j].sum()) ** 2 / len(away) / whole
        along = float((away[:, j] * x_hat).sum()) ** 2 / square / whole if square else 0.0
        for share, told in (
            (mean, "is the same for all samples: look at ③, the path through the mean"),
            (along, "lies along x̂: look at ②, the path through the variance"),
            (1 - mean - along, "lies along neither 1 nor x̂: look at ①, the direct path, and at γ"),
        ):
            if share > 0.6:
                at = f" at neuron {j + 1}" if right.shape[1] > 1 else ""
                said.append(f"Of the difference{at}, {share:.0%} {told}.")
    return " ".join(said)
