"""Someone's own numbers -> an array, and whether it is the term, or which mistake it matches.

What comes in is text: a NumPy print, a Python list, or a table with commas, tabs or
blanks. It is read number by number; nothing of it is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.identities import rounding
from bnviz.core.trace import Trace
from bnviz.proof.complex_step import sizes
from bnviz.proof.mistakes import MISTAKES, with_mistake
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

LONGEST = 200_000
EXACT = 15  # so many digits, and a float64 is printed whole
Number = tuple[float, int, int, int]  # value, decimals, exponent, digits
_NUMBER = re.compile(r"[-+]?(?:\d+\.?(\d*)|\.(\d+))(?:[eE]([-+]?\d{1,4}))?", re.ASCII)
_TOKEN = re.compile(r"[\[\]]|[^\s,\[\]]+", re.ASCII)
# What NumPy, PyTorch and a script write around the brackets.
_BEFORE = re.compile(
    r"\s*([A-Za-z_]\w{0,30}\s{0,9}=)?\s{0,9}(((np|numpy|jnp|torch)\.)?(array|tensor|Array)\s?\()?\s*",
    re.ASCII,
)
_AFTER = re.compile(r"\s*(,\s{0,9}[a-z_]+=[^\[\]()]{1,60}){0,3}\)?;?\s*", re.ASCII)
_AROUND = 200  # characters


class PasteError(ValueError):
    """A text that holds no usable array; the message says what is wrong with it."""


@dataclass(frozen=True)
class Pasted:
    """What was read: the values, and half a unit of the last digit that each was given to."""

    values: Array
    resolution: Array


def _shown(text: str) -> str:
    return text if len(text) <= 20 else text[:19] + "…"


def _read(text: str, place: str) -> Number:
    """A number with its decimals, its exponent and its digits."""
    match = _NUMBER.fullmatch(text.replace("−", "-"))
    if match is None:
        raise PasteError(f"{place}: “{_shown(text)}” is not a number.")
    value = float(match.group(0))
    if not np.isfinite(value) or abs(value) > 1e200:
        raise PasteError(f"{place}: {_shown(text)} is too large.")
    digits = re.sub(r"[eE].*|\D", "", text).lstrip("0")
    decimals = len(match.group(1) or match.group(2) or "")
    return value, decimals, int(match.group(3) or 0), len(digits)


def _nested(text: str) -> Pasted:
    """Brackets in brackets, as NumPy prints them and Python writes them."""
    values: list[Number] = []
    counts: list[int] = []  # of the lists that are open
    widths: dict[int, int] = {}  # by depth
    depths: set[int] = set()  # where numbers stand
    for token in _TOKEN.findall(text):
        if token == "[":
            if not counts and widths:
                raise PasteError("There is more than one array: paste one.")
            if counts:
                counts[-1] += 1
            counts.append(0)
            if len(counts) > 3:
                raise PasteError("There are more than three brackets in one another.")
        elif token == "]":
            if not counts:
                raise PasteError("A closing bracket has no opening one.")
            depth, width = len(counts), counts.pop()
            if widths.setdefault(depth, width) != width:
                raise PasteError(f"The rows differ in length: {widths[depth]} and {width} numbers.")
        else:
            if not counts:
                raise PasteError(f"“{token[:20]}” stands outside the brackets.")
            counts[-1] += 1
            depths.add(len(counts))
            values.append(_read(token, f"Number {len(values) + 1}"))
    if counts:
        raise PasteError("A bracket is not closed.")
    shape = tuple(widths[depth] for depth in sorted(widths))
    if len(depths) > 1 or len(values) != int(np.prod(shape)):
        raise PasteError("The brackets don’t make a table: some rows are deeper than others.")
    return _pack(values, shape)


def _pack(values: list[Number], shape: tuple[int, ...]) -> Pasted:
    if not values:
        raise PasteError("There are no numbers in it.")
    table = np.array(values)
    return Pasted(table[:, 0].reshape(shape), _resolution(table).reshape(shape))


def _resolution(table: Array) -> Array:
    """Half a unit of the last digit that each number was given to: (M,).

    NumPy and Python leave trailing zeros out, so the number with most decimals speaks for
    all: "0.7" beside "0.66779169" is 0.70000000. Nothing but zeros is exactly that.
    """
    values, decimals, exponents, digits = table.T
    if digits.max() >= EXACT or not values.any():
        return np.zeros(values.size)
    halves: Array = 0.5 * 10.0 ** np.maximum(exponents - decimals.max(), -300.0)
    return halves


def _table(text: str) -> Pasted:
    """Lines of numbers; a first line of names, and a first column that counts, are left out."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    rows = [[c.strip().strip("\"'") for c in _split(line)] for line in lines]
    # Names, or what pandas writes: an empty corner and column numbers.
    if rows and (
        (len(rows[0]) > 1 and not rows[0][0])
        or not any(_NUMBER.fullmatch(c.replace("−", "-")) for c in rows[0])
    ):
        rows = rows[1:]
        named = True
    else:
        named = False
    if not rows:
        raise PasteError("There are no numbers in it.")
    width = len(rows[0])
    for i, row in enumerate(rows):
        if len(row) != width:
            raise PasteError(f"Row {i + 1} has {len(row)} numbers, and row 1 has {width}.")
    read = [
        [_read(cell, f"Row {i + 1}, column {j + 1}") for j, cell in enumerate(row)]
        for i, row in enumerate(rows)
    ]
    counting = [row[0][0] for row in read]
    if named and width > 1 and counting in ([*range(len(rows))], [*range(1, len(rows) + 1)]):
        read = [row[1:] for row in read]
        width -= 1
    return _pack([cell for row in read for cell in row], (len(read), width))


def _split(line: str) -> list[str]:
    for sign in (";", "\t", ","):
        if sign in line:
            return line.rstrip(sign).split(sign)
    return line.split()


def parse(text: str) -> Pasted:
    """The array in a text; PasteError says in a sentence why there is none."""
    if len(text) > LONGEST:
        raise PasteError(f"That is too long: the limit is {LONGEST} characters.")
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise PasteError("There is nothing in it yet.")
    if "..." in text:
        raise PasteError(
            "NumPy left numbers out of this print, where it has dots. Print it whole: "
            "np.set_printoptions(threshold=100000)."
        )
    first, last = text.find("["), text.rfind("]")
    if first < 0 and last < 0:
        return _table(text)
    if last < first:
        raise PasteError("A bracket is not closed.")
    before, inside, after = text[: max(first, 0)], text[max(first, 0) : last + 1], text[last + 1 :]
    for around, pattern in ((before, _BEFORE), (after, _AFTER)):
        if len(around) > _AROUND or not pattern.fullmatch(around):
            raise PasteError(f"“{around.strip()[:20]}” stands outside the brackets.")
    return _nested(inside)


# ---- What it is ---------------------------------------------------------------------

CHECKED = ("dx", "dx_hat", "dvar", "dmean", "dgamma", "dbeta", "dweight", "dbias", "da")


@dataclass(frozen=True)
class Diagnosis(Claim):
    """What is said of a gradient that was handed in, and the mistakes that it matches."""

    matches: tuple[str, ...] = ()


def checkable(t: Trace) -> list[str]:
    """The terms that one may hand in for this scenario."""
    return [term for term in CHECKED if getattr(t, term) is not None]


def _fits(mine: Pasted, other: Array, slack: Array | float) -> bool:
    """The same numbers, to the digits they were given in and the slack."""
    if mine.values.shape != other.shape or not np.isfinite(other).all():
        return False
    allowed = slack + mine.resolution * (1 + 1e-9) + 1e-12 * np.abs(other)
    return bool((np.abs(mine.values - other) <= allowed).all())


def _shaped(mine: Pasted, shape: tuple[int, ...]) -> Pasted:
    """The same numbers in the wanted shape, where only axes of length 1 differ."""
    given = mine.values.shape
    if given != shape and [n for n in given if n != 1] == [n for n in shape if n != 1]:
        return Pasted(mine.values.reshape(shape), mine.resolution.reshape(shape))
    return mine


def _size(values: Array) -> float:
    return float(np.abs(values).max(initial=0.0))


def _slack(t: Trace, term: str) -> Array:
    """What rounding may do to a straightforward program's numbers, entry by entry."""
    s = t.scenario
    offset = 1.0 + float((np.abs(s.x).max(axis=0) * t.inv_std).max())
    slack: Array = 16 * rounding(s.shape[0]) * offset * sizes(t)[term]
    return slack


def _wrongs(t: Trace, term: str, slack: Array) -> dict[str, Array]:
    """What each mistake makes of the term, where that is something else than the right one."""
    right = np.asarray(getattr(t, term))
    found = {}
    for name in MISTAKES:
        wrong = np.asarray(getattr(with_mistake(t, name), term))
        exact = Pasted(wrong, np.zeros(wrong.shape))
        if np.isfinite(wrong).all() and not _fits(exact, right, slack):
            found[name] = wrong
    return found


@np.errstate(all="ignore")
def diagnose(t: Trace, term: str, mine: Pasted) -> Diagnosis:
    """Is it that term of the trace? If not: which mistake, or which slip, does it match?"""
    right = np.asarray(getattr(t, term))
    symbol = TERMS[term].symbol
    mine = _shaped(mine, right.shape)
    slack = _slack(t, term)
    wrongs = _wrongs(t, term, slack)
    names = tuple(
        name
        for name, wrong in wrongs.items()
        if _fits(_shaped(mine, wrong.shape), wrong, float(slack.max()) + 1e-12 * _size(wrong))
    )
    half = float(mine.resolution.max())
    digits = f"half a unit of the last digit given, {number(half)}" if half else "all their digits"

    if _fits(mine, right, slack):
        real = max(_size(right), float(slack.max()))
        if half > 0.1 * real:
            return Diagnosis(
                f"Your {symbol} has too few digits to tell.",
                f"It is given to {digits}, and the right numbers are {number(_size(right))} at "
                "most. Print more digits.",
                holds=False,
            )
        far = float(np.abs(mine.values - right).max())
        also = f" To so few digits it might also be {_titles(names)}." if names else ""
        return Diagnosis(
            f"Your {symbol} is right.",
            f"The largest difference is {number(far)}; your numbers are compared to {digits}."
            + also,
            holds=True,
        )
    if names:
        return _known(symbol, names, f"It fits to {digits}.")
    if mine.values.shape != right.shape:
        turned = mine.values.T.shape == right.shape and _fits(_turned(mine), right, slack)
        return Diagnosis(
            f"Your {symbol} has another shape.",
            f"It is {_shape(mine.values)}, and it must be {_shape(right)}"
            + (": it is transposed." if turned else "."),
            holds=False,
        )
    return _slip(t, symbol, mine, right, float(slack.max()), wrongs)


def _titles(names: Sequence[str]) -> str:
    return " or ".join(f"“{MISTAKES[name].title}”" for name in names)


def _known(symbol: str, names: tuple[str, ...], fits: str) -> Diagnosis:
    line = MISTAKES[names[0]]
    return Diagnosis(
        f"Your {symbol} is wrong in a way that is known: {_titles(names)}.",
        f"{fits} It would come from `{line.wrong}`; right is `{line.right}`.",
        holds=False,
        matches=names,
    )


def _turned(mine: Pasted) -> Pasted:
    return Pasted(mine.values.T, mine.resolution.T)


def _shape(values: Array) -> str:
    return "(" + ", ".join(map(str, values.shape)) + ("," if values.ndim == 1 else "") + ")"


def _far(mine: Pasted, other: Array) -> float:
    """How far apart, beyond the digits given, as a share of the other's largest number."""
    if mine.values.shape != other.shape or not _size(other):
        return np.inf
    return float((np.abs(mine.values - other) - mine.resolution).max()) / _size(other)


def _slip(
    t: Trace,
    symbol: str,
    mine: Pasted,
    right: Array,
    slack: float,
    wrongs: Mapping[str, Array],
) -> Diagnosis:
    """The right shape and not exactly a mistake: a factor, few digits, or something new."""
    n = t.x_hat.shape[0]
    factors = {
        -1.0: "The sign is turned around: you have −1 times the right numbers.",
        float(n): f"It is N = {n} times too large: is the loss a mean, and you took its sum?",
        1.0 / n: f"It is N = {n} times too small: is the loss a sum, and you took its mean?",
    }
    for factor, text in factors.items():
        made = right * factor
        real = factor != 1 and _size(right) > slack and _size(made) > 10 * mine.resolution.max()
        if real and _fits(mine, made, max(slack, slack * abs(factor))):
            return Diagnosis(f"Your {symbol} is off by a factor.", text, holds=False)

    here = _far(mine, right)
    near = {name: _far(_shaped(mine, wrong.shape), wrong) for name, wrong in wrongs.items()}
    best = min(near, key=lambda name: near[name], default="")
    for share, name in ((2e-6, "float32"), (4e-3, "float16")):
        if best and near[best] <= share and near[best] < 0.2 * here:
            return _known(symbol, (best,), f"It fits to {name}, and is further from the right one.")
        if here <= share:
            close = tuple(m for m, far in near.items() if far <= 5 * max(here, share / 10))
            if close:
                return Diagnosis(
                    f"Your {symbol} has too few digits to tell.",
                    f"It is right to {name}; but to so few digits it might also be "
                    f"{_titles(close)}.",
                    holds=False,
                )
            return Diagnosis(
                f"Your {symbol} is right to {name}, and no further.",
                f"The largest difference is {number(float(np.abs(mine.values - right).max()))}, of "
                f"numbers up to {number(_size(right))}.",
                holds=True,
            )
    difference = np.abs(mine.values - right)
    worst = tuple(int(i) for i in np.unravel_index(difference.argmax(), right.shape))
    place = ", ".join(str(i + 1) for i in worst)
    return Diagnosis(
        f"Your {symbol} is wrong, and it is none of the known mistakes.",
        f"It differs most at ({place}), counted from 1: yours is "
        f"{number(float(mine.values[worst]))}, right is {number(float(right[worst]))}.",
        holds=False,
    )
