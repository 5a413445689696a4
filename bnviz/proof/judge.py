"""Anyone's numbers for a term -> right, wrong or can't be told, and what went wrong.

Each entry is judged on its own: by the digits it was given to, and by what rounding explains in
the format that the numbers are in (`bnviz.proof.rounding`), from what is added up in it. What is
wrong is explained by `bnviz.proof.diagnosis`; of what is right it is said which known faults would
have given the same numbers here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnviz.core.arrays import DEFAULT_EPS, Array, real_array
from bnviz.core.trace import Trace, trace
from bnviz.proof.case import Case, Cause, paths_of, shaped, turned
from bnviz.proof.diagnosis import cause, causes, residual
from bnviz.proof.faults import FAULTS
from bnviz.proof.paths import Paths
from bnviz.proof.reading import EXACT, LONGEST, Pasted, PasteError, parse
from bnviz.proof.rounding import FORMATS, formats
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number, told_apart

__all__ = [
    "CHECKED",
    "EXACT",
    "FAULTS",
    "LONGEST",
    "Cause",
    "Diagnosis",
    "PasteError",
    "Pasted",
    "checkable",
    "diagnose",
    "judge",
    "parse",
]

CHECKED = ("dx", "dx_hat", "dvar", "dmean", "dgamma", "dbeta", "dweight", "dbias", "da")
Verdict = Literal["right", "wrong", "unclear"]
_COARSE_DIGITS, _COARSE_ROUNDING = 0.1, 0.5  # of the right numbers: beyond, nothing is told


@dataclass(frozen=True)
class Diagnosis(Claim):
    """What is said of numbers that were handed in; holds only where they are right.

    matches: the names of the causes. hidden: the faults that would have passed on these numbers
    as well. paths: a ∂L/∂x by its three parts. mine: the numbers, in the shape of the term, and
    room: by how much each may differ from the right one.
    """

    verdict: Verdict = "wrong"
    causes: tuple[Cause, ...] = ()
    hidden: tuple[str, ...] = ()
    caught_by: str = ""
    paths: Paths | None = field(default=None, compare=False, repr=False)
    mine: Array | None = field(default=None, compare=False, repr=False)
    room: Array | None = field(default=None, compare=False, repr=False)

    @property
    def matches(self) -> tuple[str, ...]:
        """What it is, by name, the simplest first."""
        return tuple(c.name for c in self.causes)


def checkable(t: Trace) -> list[str]:
    """The terms that one may hand in for this scenario."""
    return [term for term in CHECKED if getattr(t, term) is not None]


def _shape(values: Array) -> str:
    return "(" + ", ".join(map(str, values.shape)) + ("," if values.ndim == 1 else "") + ")"


@np.errstate(all="ignore")
def diagnose(t: Trace, term: str, mine: Pasted) -> Diagnosis:
    """Is it that term of the trace? If not, what went wrong?"""
    right = np.asarray(getattr(t, term), dtype=np.float64)
    given, mine = mine, shaped(mine, right.shape)
    swap = term == "dweight" and mine.values.ndim == 2 and mine.values.T.shape == right.shape
    if swap and mine.values.shape != right.shape:
        return _judged(t, term, turned(mine), "It is read in PyTorch’s layout, (k, d).")
    if mine.values.shape != right.shape:
        return _other_shape(t, term, mine)
    found = _judged(t, term, mine, "")
    if swap and found.verdict == "wrong":
        other = _judged(t, term, turned(mine), "It is read in PyTorch’s layout, (k, d).")
        return other if other.holds or (other.causes and not found.causes) else found
    if (
        given.values.ndim == 1
        and right.ndim == 2
        and found.verdict == "wrong"
        and min(right.shape) > 1
    ):
        # Flat numbers may have been laid out column by column; then nothing else is wrong.
        columns = replace(
            given,
            values=given.values.reshape(right.T.shape).T,
            resolution=given.resolution.reshape(right.T.shape).T,
        )
        other = _judged(t, term, columns, "The flat numbers are read column by column.")
        return other if other.holds else found
    return found


def _judged(t: Trace, term: str, mine: Pasted, note: str) -> Diagnosis:
    """The verdict on numbers of the right shape."""
    tried = [(Case(t, term, mine, form), known) for form, known in formats(mine)]
    right = [(case, known) for case, known in tried if case.fits(case.right)]
    for case, known in right:
        if known:
            return _right(case, note)
    found = _wrong([case for case, known in tried if known], note)
    return _maybe(right[0][0]) if right and not found.causes else found


# ---- Right --------------------------------------------------------------------------------


def _told(case: Case) -> NDArray[np.bool_]:
    """Of which neurons (entries, where there is one for each) the numbers tell anything, (k,)."""
    right, mine = case.right, case.mine
    plain = (
        case if case.form.name == "float64" else Case(case.t, case.term, mine, FORMATS["float64"])
    )

    def most(values: Array) -> Array:
        top: Array = np.abs(values).max(axis=0) if values.ndim > 1 else np.abs(values)
        return top

    def all_of(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(flags.all(axis=0) if flags.ndim > 1 else flags)

    # A zero by algebra is measured by what was added up to it.
    zero = most(right) <= 4 * most(plain.bound)
    base = np.where(zero, most(case.size), most(right))
    exact = (np.abs(mine.values - right) <= plain.bound) & np.isfinite(plain.bound)
    fine = (most(mine.resolution) <= _COARSE_DIGITS * base) & (
        most(case.bound) <= _COARSE_ROUNDING * base
    )
    told: NDArray[np.bool_] = fine | all_of(exact)
    return told


def _compared(case: Case) -> str:
    """What the numbers are compared to."""
    half = float(case.mine.resolution.max(initial=0.0))
    if any(case.mine.given):
        return "what the digits of x, ∂L/∂y and your own explain"
    if case.form.name != "float64":
        return f"what {case.form.name} can hold" + (
            f" and {number(half)}, half a unit of the last digit" if half else ""
        )
    return f"half a unit of the last digit given, {number(half)}" if half else "all their digits"


def _right(case: Case, note: str) -> Diagnosis:
    symbol = TERMS[case.term].symbol
    told = _told(case)
    size = float(np.abs(case.right).max(initial=0.0))
    if not told.any():
        return Diagnosis(
            f"Your {symbol} has too few digits to tell.",
            f"It is compared to {_compared(case)}, and the right numbers are {number(size)} at "
            "most. "
            "Print more digits"
            + (", or compute in a finer format." if case.form.name != "float64" else "."),
            holds=False,
            verdict="unclear",
            mine=case.mine.values,
        )
    far = float(np.abs(case.mine.values - case.right).max(initial=0.0))
    coarse = f" to {case.form.name}" if case.form.name != "float64" else ""
    open_ = [str(int(j) + 1) for j in np.flatnonzero(~told)]
    word = "input" if case.term == "da" else "neuron"
    but = f", but at {word} {', '.join(open_[:6])} these digits can’t tell" if open_ else ""
    same = hidden(case)
    return Diagnosis(
        f"Your {symbol} is right{coarse}{but}.",
        f"The largest difference is {number(far)}, of numbers up to {number(size)}; they are "
        f"compared to {_compared(case)}." + (f" {note}" if note else ""),
        holds=True,
        verdict="right",
        hidden=same,
        paths=paths_of(case) if case.term == "dx" else None,
        mine=case.mine.values,
    )


def hidden(case: Case) -> tuple[str, ...]:
    """The faults that would have given these numbers as well."""
    return tuple(wrong.name for wrong in case.every() if case.fits(wrong.value))


def _maybe(case: Case) -> Diagnosis:
    """Right only if the numbers are of a format that nothing proves."""
    symbol, name = TERMS[case.term].symbol, case.form.name
    so = (
        "they are right to its rounding"
        if np.isfinite(case.bound).all()
        else "rounding may have done anything to them"
    )
    return Diagnosis(
        f"Your {symbol} has too few digits to tell.",
        f"If these are numbers of {name}, {so}; if not, they are off. Say which by printing the "
        f"dtype along, or print more digits. {_apart(case)}",
        holds=False,
        verdict="unclear",
        mine=case.mine.values,
    )


# ---- Wrong --------------------------------------------------------------------------------


def _apart(case: Case) -> str:
    """Where the numbers differ most, with as many digits as show it."""
    mine, right = case.mine.values, case.right
    away = np.abs(mine - right)
    off = away > case.room
    away = np.where(off, away, 0.0) if off.any() else away
    worst = tuple(int(i) for i in np.unravel_index(int(away.argmax()), right.shape))
    place = ", ".join(str(i + 1) for i in worst)
    axes = {"dweight": "(input, neuron)", "da": "(sample, input)"}.get(
        case.term, "(sample, neuron)" if right.ndim == 2 else "neuron"
    )
    yours, theirs = told_apart(float(mine[worst]), float(right[worst]))
    at = f"{axes} ({place})" if right.ndim == 2 else f"{axes} {place}"
    return f"It is furthest off at {at}: yours is {yours}, right is {theirs}."


def _wrong(tried: list[Case], note: str) -> Diagnosis:
    case, found = tried[0], causes(tried)
    symbol = TERMS[case.term].symbol
    paths = paths_of(tried[-1]) if case.term == "dx" else None
    extra = f" {note}" if note else ""
    if not found:
        return Diagnosis(
            f"Your {symbol} is wrong, and it is none of the {len(FAULTS)} known mistakes.",
            f"{_apart(tried[0])} {residual(tried[0])}".strip() + extra,
            holds=False,
            verdict="wrong",
            caught_by=_caught(case),
            paths=paths,
            mine=case.mine.values,
            room=tried[-1].room,
        )
    said = _known(case, found, f"{_apart(case)}{extra}", paths, _caught(case))
    return replace(said, room=tried[-1].room)


def _known(case: Case, found: list[Cause], why: str, paths: Paths | None, caught: str) -> Diagnosis:
    symbol = TERMS[case.term].symbol
    first, others = found[0], found[1:]
    also = (
        " The same numbers would come from: " + "; ".join(f"“{c.title}”" for c in others[:6]) + "."
        if others
        else ""
    )
    return Diagnosis(
        f"Your {symbol} is wrong: {first.title}.",
        why + also,
        holds=False,
        verdict="wrong",
        causes=tuple(found),
        caught_by=caught,
        paths=paths,
        mine=case.mine.values,
    )


def _caught(case: Case) -> str:
    """The simplest check that these numbers would not have passed."""
    dx = TERMS["dx"].symbol
    if case.term == "dx":
        mine = case.mine.values
        # Wrong numbers may be far larger than right ones, and so is what adding them rounds.
        room = (case.allowed(mine) + case.mine.resolution).sum(axis=0)
        x_hat = case.t.x_hat
        total = np.abs(mine.sum(axis=0)) - 2 * room
        if (total > 0).any():
            j = int(np.argmax(total))
            return (
                f"Adding up would have caught it: Σ{dx} must be 0, and at neuron {j + 1} it is "
                f"{number(float(mine[:, j].sum()))}."
            )
        # Σ∂L/∂x·x̂ follows from the right gradient's own identity.
        off = np.abs(((mine - case.right) * x_hat).sum(axis=0)) - 2 * room * np.maximum(
            np.abs(x_hat).max(axis=0), 1
        )
        if (off > 0).any():
            j = int(np.argmax(off))
            must, have = (float((v[:, j] * x_hat[:, j]).sum()) for v in (case.right, mine))
            yours, theirs = number(have), number(must)
            if yours == theirs:
                yours, theirs = told_apart(have, must)
            return (
                f"Σ{dx} = 0 lets it through. Σ{dx}·x̂ would have caught it: it must be "
                f"Σ(∂L/∂x̂·x̂)·ε/(σ²+ε)^(3/2), at neuron {j + 1} {theirs}, and it is {yours}."
            )
        return (
            f"Neither Σ{dx} = 0 nor Σ{dx}·x̂ catches it; a gradient check does: move one x, and see "
            "how the loss follows."
        )
    symbol, moved = TERMS[case.term].symbol, TERMS[_MOVED[case.term]].symbol
    return (
        f"A gradient check would have caught it: move one entry of {moved}, and see whether the "
        f"loss follows {symbol}."
    )


_MOVED = {
    "dx_hat": "x_hat",
    "dvar": "var",
    "dmean": "mean",
    "dgamma": "gamma",
    "dbeta": "beta",
    "dweight": "weight",
    "dbias": "bias",
    "da": "a",
}


def _other_shape(t: Trace, term: str, mine: Pasted) -> Diagnosis:
    """Numbers that are no table of the right shape."""
    right = np.asarray(getattr(t, term), dtype=np.float64)
    symbol = TERMS[term].symbol
    tried = [Case(t, term, mine, form) for form, known in formats(mine) if known]
    caught = (
        f"Looking at the shape would have caught it: {symbol} has {_shape(right)}, "
        f"one entry for each of what it belongs to."
    )
    for case in tried:
        found = [cause(wrong.name) for wrong in case.wrongs() if case.fits(wrong.value)]
        if found:
            why = f"It is {_shape(mine.values)}, and it must be {_shape(right)}."
            return _known(case, found, why, None, caught)
    why = f"It is {_shape(mine.values)}, and it must be {_shape(right)}"
    if mine.values.T.shape == right.shape:
        flipped = _judged(t, term, turned(mine), "")
        why += ": it is transposed" + (", and right but for that." if flipped.holds else ".")
    elif (
        mine.values.size == right.shape[0] and right.ndim == 2 and _column(tried, mine) is not None
    ):
        j = _column(tried, mine)
        why += f". These are the numbers of neuron {(j or 0) + 1} alone, and they are right."
    else:
        why += f": {mine.values.size} numbers, and there should be {right.size}."
    return Diagnosis(
        f"Your {symbol} has another shape.", why, holds=False, verdict="wrong", caught_by=caught
    )


def _column(tried: list[Case], mine: Pasted) -> int | None:
    """The one neuron that these numbers are right for."""
    values, half = mine.values.ravel(), mine.resolution.ravel()
    for case in tried:
        room = case.allowed(case.right) + half[:, None] * (1 + 1e-9)
        fits = (np.abs(values[:, None] - case.right) <= room).all(axis=0)
        if fits.any():
            return int(np.flatnonzero(fits)[0])
    return None


# ---- From code ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Judgement:
    """A verdict and its diagnosis; true in a test only where the gradient is right."""

    verdict: Verdict
    diagnosis: Diagnosis

    def __bool__(self) -> bool:
        return self.verdict == "right"

    def __str__(self) -> str:
        d = self.diagnosis
        sign = {"right": "✓", "wrong": "✗", "unclear": "?"}[self.verdict]
        lines = [f"{sign} {d.claim}", f"  {d.why}"]
        for c in d.causes[:4]:
            lines += [f"  {c.title}:", f"    - {c.wrong}", f"    + {c.right}"]
        if d.paths is not None and self.verdict == "wrong":
            for j, row in enumerate(d.paths.rounded()[:8]):
                sums = " + ".join(f"{c:.4g}·{p}" for c, p in zip(row, "①②③", strict=True))
                rest = "" if d.paths.exact[j] else " + a rest"
                lines.append(f"  neuron {j + 1}: {sums}{rest}")
        if d.caught_by:
            lines.append(f"  {d.caught_by}")
        if d.hidden:
            lines.append(
                f"  On these numbers {len(d.hidden)} known mistakes would have passed as well:"
            )
            lines += [f"    {FAULTS[name].title}" for name in d.hidden[:6]]
            lines += ["    …"] if len(d.hidden) > 6 else []
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<bnviz.judge: {self.verdict}. {self.diagnosis.claim}>"


def judge(
    x: ArrayLike,
    dy: ArrayLike,
    dx: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    eps: float = DEFAULT_EPS,
    *,
    a: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    term: str = "dx",
) -> Judgement:
    """Is dx the gradient ∂L/∂x of batch norm in training mode? If not, what went wrong?

    x, dy, dx: (N, k), the batch, the upstream gradient and the one to judge; arrays, or tensors
    that NumPy can read. gamma, beta: (k,) or a number. term: another one of bnviz.terms to judge in
    the place of ∂L/∂x, such as "dgamma", or "dweight", which needs a (N, d). Prints the verdict and
    the diagnosis, and returns both. The rounding that is allowed is that of the dtype of dx.
    Raises ValueError with a sentence that names the argument.
    """
    t = trace(x, dy, gamma, beta, eps, a=a, weight=weight)
    if term not in CHECKED:
        raise ValueError(f"term must be one of {', '.join(CHECKED)}; it is {term!r}.")
    if getattr(t, term) is None:
        raise ValueError(f"term {term!r} needs a" + (" and weight." if term == "da" else "."))
    for name, value in (("x", t.scenario.x), ("dy", t.scenario.dy)):
        if not np.isfinite(value).all():
            raise ValueError(f"{name} must be finite to be judged by.")
    raw = np.asarray(dx)
    values = real_array("dx", dx)
    if not np.isfinite(values).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f"dx must be finite; at index {where} it is {values[where]}.")
    if values.size == 0:
        raise ValueError(f"dx must hold numbers; its shape is {values.shape}.")
    dtype = raw.dtype.name if raw.dtype.name in FORMATS else ""
    found = diagnose(t, term, Pasted(values, np.zeros(values.shape), dtype))
    said = Judgement(found.verdict, found)
    print(said)
    return said
