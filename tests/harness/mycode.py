"""Check, my code: verdict, diagnosis and what can't be shown, over right and wrong passes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
from mpmath import mp

from bnviz.claims.hidden import cannot_show
from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.proof.faults import FAULTS, wrongs
from bnviz.proof.judge import CHECKED, Diagnosis, checkable, diagnose
from bnviz.proof.reading import Pasted
from bnviz.proof.rounding import FORMATS
from bnviz.words.glossary import TERMS
from tests.harness.exact import Exact, largest, read, reals, shows
from tests.harness.rules import rule
from tests.proof.sweep_judge import WAYS, pasted

Text = tuple[str, str, Any]
Real = Any
PLACES = {"dweight": "(input, neuron)", "da": "(sample, input)"}


class Handed:
    """Numbers that were handed in for a term, and what the term is in many digits.

    was: "right", the name of a fault, or "other". room: what rounding may do to a right pass in
    the format it was made in, entry by entry, at most.
    """

    def __init__(self, s: Scenario, term: str, mine: Pasted, was: str, form: str) -> None:
        self.s, self.term, self.was, self.form = s, term, was, FORMATS[form]
        self.symbol = TERMS[term].symbol
        self.given = mine
        self.n, self.k = s.shape
        self.neurons = [Exact(s, j, 0) for j in range(self.k)]
        self.right = self._right()
        self.shape = np.shape(getattr(run(s), term))
        turned = mine.values.shape == self.shape[::-1] != self.shape and min(self.shape) > 1
        self.fits = mine.values.size == int(np.prod(self.shape)) and not turned
        if self.fits:
            self.mine, self.half = (
                _table(v.reshape(self.shape)) for v in (mine.values, mine.resolution)
            )

    def laid_out(self, said: str) -> None:
        """Read the numbers in the layout that the verdict says they are read in."""
        if "PyTorch’s layout" in said or "column by column" in said:
            self.mine, self.half = (
                _table(v.reshape(self.shape[::-1]).T)
                for v in (self.given.values, self.given.resolution)
            )
            self.fits = True

    def _right(self) -> list[list[Real]]:
        """The term as a table; a row of numbers where there is one a neuron."""
        o, s = self.neurons, self.s
        if self.term in ("dx", "dx_hat"):
            columns = [e.dx if self.term == "dx" else e.g for e in o]
            return [list(row) for row in zip(*columns, strict=True)]
        if self.term == "dweight":
            return [[Exact(s, j, p).weight for j in range(self.k)] for p in range(s.d)]
        if self.term == "da":
            assert s.weight is not None
            w = [reals(row) for row in s.weight]
            return [
                [mp.fsum(o[j].dx[i] * w[p][j] for j in range(self.k)) for p in range(s.d)]
                for i in range(self.n)
            ]
        one: dict[str, Callable[[Exact], Real]] = {
            "dvar": lambda e: e.dvar,
            "dmean": lambda e: e.dmean,
            "dgamma": lambda e: mp.fsum(a * b for a, b in zip(e.dy, e.x_hat, strict=True)),
            "dbeta": lambda e: mp.fsum(e.dy),
            "dbias": lambda e: mp.fsum(e.dx),
        }
        return [[one[self.term](e) for e in o]]

    @cached_property
    def sizes(self) -> list[Real]:
        """How large the numbers are that are added up in each neuron's entries."""
        found = []
        for e in self.neurons:
            x_hat, g = largest(e.x_hat) + 1, mp.fsum(map(abs, e.g))
            dy = mp.fsum(map(abs, e.dy))
            found.append(
                {
                    "dx_hat": g,
                    "dvar": e.inv**2 * g * x_hat,
                    "dgamma": dy * x_hat,
                    "dbeta": dy,
                    "dmean": e.scale * x_hat,
                    "dweight": e.scale * x_hat**2 * self._reach(),
                    "da": e.scale * x_hat**2,
                }.get(self.term, e.scale * x_hat**2)
            )
        if self.term == "da":
            assert self.s.weight is not None
            top = mp.mpf(float(np.abs(self.s.weight).max())) * self.k
            return [mp.fsum(found) * top] * self.s.d
        return found

    def _reach(self) -> Real:
        assert self.s.a is not None
        return mp.mpf(float(np.abs(self.s.a).sum(axis=0).max()))

    def room(self, form: Any = None) -> list[Real]:
        """What rounding in a format explains in each column, generously."""
        form = form or self.form
        unit = mp.mpf(form.u) * 64 * (self.n + 8)
        far = [1 + largest(e.x) * e.inv for e in self.neurons]
        far = [max(far)] * len(self.sizes) if self.term == "da" else far
        return [
            unit * size * reach + 64 * self.n * mp.mpf(form.least) * (1 + reach) ** 3
            for size, reach in zip(self.sizes, far, strict=True)
        ]

    def off(self) -> list[list[Real]]:
        """Each difference."""
        return [
            [abs(a - b) for a, b in zip(one, two, strict=True)]
            for one, two in zip(self.mine, self.right, strict=True)
        ]

    def column(self, table: list[list[Real]], j: int) -> list[Real]:
        return [row[j] for row in table]

    def explained(self, form: Any = None) -> bool:
        """Does what rounding and digits can do explain all of the difference?"""
        return all(
            off <= half + most
            for row, halves in zip(self.off(), self.half, strict=True)
            for off, half, most in zip(row, halves, self.room(form), strict=True)
        )

    @cached_property
    def most(self) -> Real:
        return max(largest(row) for row in self.right)

    def like(self, value: Callable[[int, int], Real], digits: float = 0.006) -> bool:
        """Are the numbers these, but for rounding, digits, and the digits of what was said?"""
        room = self.room()
        for i, row in enumerate(self.mine):
            for j, number in enumerate(row):
                told = value(i, j)
                allowed = 4 * self.half[i][j] + 2 * room[j] + digits * abs(told)
                if abs(number - told) > allowed + digits * self.most:
                    return False
        return True


def _table(values: Array) -> list[list[Real]]:
    return [reals(row) for row in np.atleast_2d(values)]


# ---- What is handed in -------------------------------------------------------------------


def _slips(t: Trace, term: str, rng: np.random.Generator) -> Iterator[tuple[str, Array]]:
    """What people do to right numbers; the names say what it is."""
    v = np.asarray(getattr(t, term), dtype=np.float64)
    size = float(np.abs(v).max())
    yield "factor", v * float(rng.choice([-0.01, 0.37, 3.0, -2.5]))
    yield "added", v + 0.3 * size
    yield "noise", v + rng.normal(size=v.shape) * 0.2 * size
    yield "clipped", np.clip(v, -0.6 * size, 0.6 * size)
    yield "unsigned", np.abs(v)
    yield "one entry", np.where(np.arange(v.size).reshape(v.shape) == v.size // 2, v + size, v)
    yield "zeroed", np.where(np.arange(v.size).reshape(v.shape) == 0, 0.0, v)
    for eps in (1e-3, 0.03):
        yield "eps", np.asarray(getattr(run(t.scenario.edit(eps=eps)), term))
    if v.ndim == 2:
        yield "turned", v.T
        yield "row order", v[::-1]
        yield "short", v[:-1]
        yield "one neuron", v[:, :1]
        yield "neuron order", v[:, ::-1]
        yield "columns", v.T.ravel()
        yield "one column", np.where(np.arange(v.shape[1]) == 0, v, v + 0.3 * size)
    if term == "dx":
        for c in ((1, -2, 1), (1, 0.37, 1), (2, 1, 1), (0, 1, 1)):
            parts = (t.dx_direct, t.dx_via_var, t.dx_via_mean)
            yield "coefficients", np.sum([w * p for w, p in zip(c, parts, strict=True)], axis=0)
        yield "other std", t.dx * (1.0 + 0.5 * np.arange(1, v.shape[1] + 1))
    if term == "dweight" and t.scenario.weight is not None:
        yield "decay", v + 0.1 * t.scenario.weight
    yield "another term", np.asarray(t.scenario.dy if term == "dx" else getattr(t, term) * 0 + 1)


def handed(s: Scenario) -> Iterator[Handed]:
    """Some right and some wrong passes over these numbers, chosen by the numbers themselves."""
    t = run(s)
    rng = np.random.default_rng(crc32(s.x.tobytes() + s.dy.tobytes()))
    terms = checkable(t)
    made: list[tuple[str, str, Array, str, str]] = []
    for _ in range(2):
        term, form, way = (str(rng.choice(v)) for v in (terms, list(FORMATS), list(WAYS)))
        found = WAYS[way](s, FORMATS[form])
        if term in found:
            made.append((term, "right", found[term], form, str(rng.choice(["whole", form]))))
    plain = [name for name in CHECKED if name in terms]
    made.append(("dx", "right", t.dx, "float64", "4 decimals"))
    for term in ("dx", str(rng.choice(plain))):
        all_ = list(wrongs(t, term))
        for at in rng.integers(0, len(all_), 2) if all_ else ():
            how = str(rng.choice(["whole", "whole", "4 decimals"]))
            made.append((term, all_[at].name, all_[at].value, "float64", how))
        slips = list(_slips(t, term, rng))
        for at in rng.integers(0, len(slips), 3):
            made.append((term, slips[at][0], slips[at][1], "float64", "whole"))
    for term, was, value, form, how in made:
        if not np.isfinite(value).all() or value.size == 0 or np.abs(value).max() > 1e150:
            continue
        whole = how == "bfloat16" or value.ndim == 0 or (how == "4 decimals" and value.ndim > 2)
        yield Handed(s, term, pasted(value, "whole" if whole else how), was, form)


def texts(s: Scenario, neuron: int, input: int) -> Iterator[Text]:
    if neuron or input or s.frozen or not _sane(s):
        return  # of the batch
    for e in handed(s):
        found = diagnose(run(s), e.term, e.given)
        yield from said(e, found)


def _sane(s: Scenario) -> bool:
    with np.errstate(all="ignore"):
        t = run(s)
        return all(np.isfinite(getattr(t, n)).all() for n in ("dx", "dvar", "dmean", "dgamma"))


def said(e: Handed, found: Diagnosis) -> Iterator[Text]:
    """Every sentence of a verdict; a title in another sentence stands there as …"""
    claim, why = found.claim, found.why
    e.laid_out(why)
    for cause in found.causes:
        claim = claim.replace(f": {cause.title}.", ": ….")
        why = why.replace(f"“{cause.title}”", "“…”")
        place = "judge fault" if cause.name in FAULTS else "judge cause"
        place = "judge weights" if cause.title[0] in "①②③" else place
        yield place, cause.title, _Named(e, cause.name)
    yield "judge", f"{found.verdict}: {claim} {why}", e
    if found.caught_by:
        yield "judge caught", found.caught_by, e
    if told := cannot_show(e.term, found.hidden):
        why = told.why
        for name in found.hidden:
            why = why.replace(f"“{FAULTS[name].title}”", "“…”")
        yield "judge hidden", f"{told.claim} {why}", _Hidden(e, found.hidden)


class _Named:
    """Numbers, and the name of the cause that was given for them."""

    def __init__(self, e: Handed, name: str) -> None:
        self.e, self.name = e, name


class _Hidden:
    def __init__(self, e: Handed, names: tuple[str, ...]) -> None:
        self.e, self.names = e, names


# ---- The verdict -------------------------------------------------------------------------

M = "judge"


def _is_right(e: Handed, symbol: str, form: str) -> bool:
    return symbol == e.symbol and e.fits and e.explained(FORMATS[form])


def _but(e: Handed, symbol: str, form: str, word: str, listed: str) -> bool:
    """Right, but of some columns the digits, or the format, can't tell."""
    room, open_ = e.room(FORMATS[form]), [int(v) - 1 for v in listed.split(", ")]
    named = word == ("input" if e.term == "da" else "neuron")
    return named and _is_right(e, symbol, form) and all(_coarse(e, j, room[j]) for j in open_)


for _form in FORMATS:
    _to = "" if _form == "float64" else f" to {_form}"
    rule(M, f"right: Your @ is right{_to}.")(
        lambda e, symbol, form=_form: _is_right(e, symbol, form)
    )
    for _word in ("neuron", "input"):
        rule(M, f"right: Your @ is right{_to}, but at {_word} § these digits can’t tell.")(
            lambda e, symbol, listed, form=_form, word=_word: _but(e, symbol, form, word, listed)
        )


def _coarse(e: Handed, j: int, room: Real) -> bool:
    """May the digits, or rounding, be a good part of the numbers of a column?"""
    most = largest(e.column(e.right, j))
    half = largest(e.column(e.half, j))
    return bool(half > 0.09 * most or room > 0.2 * most or most <= e.sizes[j] * 1e-10)


@rule(M, "unclear: Your @ has too few digits to tell.")
def _too_few(e: Handed, symbol: str) -> object:
    coarsest = e.room(FORMATS["bfloat16"])
    return symbol == e.symbol and all(_coarse(e, j, coarsest[j]) for j in range(len(coarsest)))


def _half(e: Handed, half: str = "") -> bool:
    """Half a unit of the last digit, or none where all digits are given."""
    most = max(largest(row) for row in e.half)
    return shows(half, most) if half else most == 0


def _sizes(e: Handed, off: str, most: str) -> bool:
    room = max(e.room(FORMATS["float64"]))
    far = max(largest(row) for row in e.off())
    return (not off or shows(off, far, room)) and shows(most, e.most, room)


_COMPARED = [("all their digits", ""), ("half a unit of the last digit given, #", "")]
for _form in list(FORMATS)[1:]:
    _COMPARED += [(f"what {_form} can hold", _form)]
    _COMPARED += [(f"what {_form} can hold and #, half a unit of the last digit", _form)]
for _words, _form in _COMPARED:
    rule(M, f"The largest difference is #, of numbers up to #; they are compared to {_words}.")(
        lambda e, off, most, half="": _sizes(e, off, most) and _half(e, half)
    )
    _finer = ", or compute in a finer format" if _form else ""
    rule(
        M,
        f"It is compared to {_words}, and the right numbers are # at most. Print more digits"
        f"{_finer}.",
    )(lambda e, *said: _half(e, *said[:-1]) and _sizes(e, "", said[-1]))


rule(M, "It is read in PyTorch’s layout, (k, d).")(lambda e: e.term == "dweight")
rule(M, "The flat numbers are read column by column.")(
    lambda e: e.given.values.ndim == 1 and len(e.shape) == 2 and e.shape[0] > 1
)


@rule(
    M,
    "If these are numbers of @, they are right to its rounding; if not, they are off. Say which by "
    "printing the dtype along, or print more digits.",
)
def _maybe(e: Handed, form: str) -> object:
    return e.explained(FORMATS[form])


@rule(
    M,
    "wrong: Your @ is wrong: ….",
    "wrong: Your @ is wrong, and it is none of the # known mistakes.",
)
def _wrong(e: Handed, symbol: str, count: str = "") -> object:
    """Never of a right pass; and a known mistake with all of its digits is found."""
    if symbol != e.symbol or e.was == "right":
        return False
    if not count:
        return True
    plain = e.was in FAULTS and not largest([max(row) for row in e.half]) and not e.explained()
    plain = plain and max(largest(row) for row in e.mine) > mp.mpf("1e-6") * max(e.sizes)
    return int(count) == len(FAULTS) and not plain


rule(
    M,
    "If these are numbers of @, rounding may have done anything to them; if not, they are off. Say "
    "which by printing the dtype along, or print more digits.",
)(lambda e, form: form in ("float16", "bfloat16", "float32") and not _holds(e, FORMATS[form]))


def _holds(e: Handed, form: Any) -> bool:
    """Does the format hold all that is computed on the way?"""
    lost = False
    for o in e.neurons:
        sizes = [o.inv**3, mp.fsum(map(abs, o.x)), o.n / (o.inv or 1) ** 2, o.scale * o.inv**2]
        far = largest(o.x) * o.inv * form.u * (o.n + 8)
        lost |= max(sizes) > form.most / 64 or far > mp.mpf("0.01") or o.undefined
        lost |= form.least * o.inv**2 > mp.mpf("0.001")
    return not lost


@rule(M, "It is furthest off at @ (#, #): yours is #, right is #.",
      "It is furthest off at @ #: yours is #, right is #.")  # fmt: skip
def _furthest(e: Handed, axes: str, *numbers: str) -> object:
    *place, yours, right = numbers
    alone = axes == "sample"  # of a neuron whose number is its own affair
    where = [*place, "1"] if alone else place if len(place) == 2 else ["1", *place]
    i, j = (int(v) - 1 for v in where)
    named = axes == PLACES.get(e.term, "(sample, neuron)" if len(place) == 2 else "neuron")
    if not (e.term == "dx" and e.k == 1 if alone else named):
        return False
    off = e.off()
    room = e.room(FORMATS["float64"])
    told = shows(yours, e.mine[i][j]) and shows(right, e.right[i][j], room[j])
    # What rounding or digits explain in another entry is not off.
    others = [
        value
        for a, row in enumerate(off)
        for b, value in enumerate(row)
        if value > 64 * (e.half[a][b] + e.room()[b])
    ]
    return told and off[i][j] * mp.mpf("1.000001") + room[j] >= largest(others)


rule(M, "The same numbers would come from: @.")(
    lambda e, listed: all(v == "“…”" for v in listed.split("; "))
)


def _out(e: Handed, i: int, j: int, factor: float) -> bool:
    """Is an entry off beyond its digits, and so many times what rounding in float64 does?"""
    room = e.room(FORMATS["float64"])[j]
    return bool(e.off()[i][j] > (2 if factor > 1 else 0.5) * e.half[i][j] + factor * room)


def _only(e: Handed, listed: str, rows: bool) -> bool:
    """Are all that are clearly off among these, and each of these off at all?"""
    shown = {int(v) - 1 for v in listed.replace(" …", "").split(", ")}
    off, (n, k) = e.off(), (len(e.right), len(e.right[0]))
    if not rows and len(e.shape) == 1:
        n = 1
    bad = {(i if rows else j) for i in range(n) for j in range(k) if off[i][j] > 0
           and off[i][j] > e.half[i][j]}  # fmt: skip
    clear = {(i if rows else j) for i in range(n) for j in range(k) if _out(e, i, j, 64)}
    return shown <= bad and (clear <= shown or listed.endswith("…"))


for _word in ("neuron", "input"):
    for _s, _is in (("", "is"), ("s", "are")):
        rule(M, f"Only {_word}{_s} @ {_is} off.")(
            lambda e, listed, word=_word: (
                _only(e, listed, rows=False) and (word == "input") == (e.term == "da")
            )
        )
for _word in ("sample", "input"):
    for _s in ("", "s"):
        rule(M, f"The difference is in {_word}{_s} @ alone.")(
            lambda e, listed, word=_word: (
                _only(e, listed, rows=True) and (word == "input") == (e.term == "dweight")
            )
        )


def _difference_shares(e: Handed, j: int) -> tuple[Real, Real, Real]:
    away = [a - b for a, b in zip(e.column(e.mine, j), e.column(e.right, j), strict=True)]
    o = e.neurons[j]
    whole = mp.fsum(v * v for v in away)
    mean = mp.fsum(away) ** 2 / e.n / whole
    size = mp.fsum(v * v for v in o.x_hat)
    inner = mp.fsum(a * h for a, h in zip(away, o.x_hat, strict=True))
    along = inner**2 / size / whole if size else mp.mpf(0)
    return mean, along, 1 - mean - along


for _i, _told in enumerate(
    (
        "is the same for all samples: look at ③, the path through the mean",
        "lies along x̂: look at ②, the path through the variance",
        "lies along neither 1 nor x̂: look at ①, the direct path, and at γ",
    )
):
    rule(M, f"Of the difference at neuron #, #% {_told}.")(
        lambda e, j, share, i=_i: (
            abs(read(share) - 100 * _difference_shares(e, int(j) - 1)[i]) <= mp.mpf("0.51")
            and read(share) >= 60
        )
    )
    rule(M, f"Of the difference, #% {_told}.")(  # a neuron that is judged alone has no number
        lambda e, share, i=_i: (
            len(e.neurons) == 1
            and abs(read(share) - 100 * _difference_shares(e, 0)[i]) <= mp.mpf("0.51")
            and read(share) >= 60
        )
    )

# ---- Another shape -----------------------------------------------------------------------


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _two_shapes(e: Handed, given: str, wanted: str) -> bool:
    return given == _shape(e.given.values.shape) and wanted == _shape(e.shape) and given != wanted


rule(M, "wrong: Your @ has another shape.")(
    lambda e, symbol: symbol == e.symbol and e.given.values.shape != e.shape
)
rule(M, "It is @, and it must be @.")(_two_shapes)
rule(M, "It is @, and it must be @: it is transposed.")(
    lambda e, given, wanted: _two_shapes(e, given, wanted) and e.given.values.T.shape == e.shape
)
rule(M, "It is @, and it must be @: it is transposed, and right but for that.")(
    lambda e, given, wanted: (
        _two_shapes(e, given, wanted)
        and e.given.values.T.shape == e.shape
        and Handed(e.s, e.term, Pasted(e.given.values.T, e.given.resolution.T), "", "float64")
        .explained(FORMATS["bfloat16"])
    )
)  # fmt: skip
rule(M, "It is @, and it must be @: # numbers, and there should be #.")(
    lambda e, given, wanted, n, m: (
        _two_shapes(e, given, wanted)
        and int(n) == e.given.values.size
        and int(m) == int(np.prod(e.shape))
    )
)


@rule(
    M,
    "It is @, and it must be @. These are the numbers of neuron # alone, and they are right.",
)
def _alone(e: Handed, given: str, wanted: str, j: str) -> object:
    room = e.room(FORMATS["bfloat16"])[int(j) - 1]
    pairs = zip(reals(e.given.values.ravel()), e.column(e.right, int(j) - 1), strict=True)
    half = float(e.given.resolution.max())
    return _two_shapes(e, given, wanted) and all(abs(a - b) <= room + half for a, b in pairs)


# ---- The check that would have caught it ----------------------------------------------------

C = "judge caught"


def _column_sum(e: Handed, j: int) -> tuple[Real, Real]:
    """Σ of a column, and what its digits leave open."""
    values = e.column(e.mine, j)
    return mp.fsum(values), mp.fsum(e.column(e.half, j)) + mp.mpf("1e-15") * mp.fsum(
        map(abs, values)
    )


@rule(
    C,
    "Adding up would have caught it: Σ∂L/∂x must be 0, and at neuron # it is #.",
    "Adding up would have caught it: Σ∂L/∂x must be 0, and it is #.",
)
def _adding(e: Handed, *numbers: str) -> object:
    *neuron, total = numbers
    found, open_ = _column_sum(e, int(neuron[0]) - 1 if neuron else 0)
    named = bool(neuron) or e.k == 1
    return named and e.term == "dx" and shows(total, found, open_) and abs(found) > open_


def _lets_through(e: Handed) -> bool:
    """Is no sum clearly off?"""
    room = e.room()
    return all(
        abs(found) <= 16 * (open_ + e.n * room[j])
        for j in range(e.k)
        for found, open_ in [_column_sum(e, j)]
    )


def _along(e: Handed, j: int) -> tuple[Real, Real, Real]:
    """Σ∂L/∂x·x̂ as it is, as it must be, and what digits leave open."""
    o = e.neurons[j]
    have = mp.fsum(a * h for a, h in zip(e.column(e.mine, j), o.x_hat, strict=True))
    must = mp.fsum(g * h for g, h in zip(o.g, o.x_hat, strict=True)) * o.eps * o.inv**3
    size = mp.fsum(abs(a * h) for a, h in zip(e.column(e.mine, j), o.x_hat, strict=True))
    half = mp.fsum(e.column(e.half, j)) * max(1, largest(o.x_hat))
    whole = mp.fsum(map(abs, e.column(e.mine, j)))  # no check is stricter than that of the sum
    return have, must, half + 64 * o.u * (size + whole + o.scale * max(1, largest(o.x_hat)))


@rule(
    C,
    "Σ∂L/∂x = 0 lets it through. Σ∂L/∂x·x̂ would have caught it: it must be "
    "Σ(∂L/∂x̂·x̂)·ε/(σ²+ε)^(3/2), at neuron # #, and it is #.",
    "Σ∂L/∂x = 0 lets it through. Σ∂L/∂x·x̂ would have caught it: it must be "
    "Σ(∂L/∂x̂·x̂)·ε/(σ²+ε)^(3/2), #, and it is #.",
)
def _by_x_hat(e: Handed, *numbers: str) -> object:
    *neuron, must, have = numbers
    is_, should, open_ = _along(e, int(neuron[0]) - 1 if neuron else 0)
    return (
        (bool(neuron) or e.k == 1) and e.term == "dx" and _lets_through(e)
        and shows(must, should, open_) and shows(have, is_, open_) and is_ != should
    )  # fmt: skip


@rule(
    C,
    "Neither Σ∂L/∂x = 0 nor Σ∂L/∂x·x̂ catches it; a gradient check does: move one x, and see how "
    "the loss follows.",
)
def _neither(e: Handed) -> object:
    quiet = all(
        abs(have - must) <= 16 * (open_ + e.n * e.room()[j] * max(1, largest(o.x_hat)))
        for j, o in enumerate(e.neurons)
        for have, must, open_ in [_along(e, j)]
    )
    return e.term == "dx" and _lets_through(e) and quiet


MOVED = {
    "dx_hat": "x̂", "dvar": "σ²", "dmean": "μ", "dgamma": "γ", "dbeta": "β", "dweight": "W",
    "dbias": "b", "da": "a",
}  # fmt: skip
rule(
    C,
    "A gradient check would have caught it: move one entry of @, and see whether the loss follows "
    "@.",
)(lambda e, moved, symbol: moved == MOVED[e.term] and symbol == e.symbol)
rule(
    C,
    "Looking at the shape would have caught it: @ has @, one entry for each of what it belongs to.",
)(
    lambda e, symbol, shape: (
        symbol == e.symbol and shape == _shape(e.shape) and e.given.values.shape != e.shape
    )
)

# ---- What right numbers can't show -----------------------------------------------------------

Q = "judge hidden"


def _passing(e: Handed, factor: float) -> int:
    """How many faults give these numbers within so many times the digits and what rounding does."""
    t, count = run(e.s), 0
    coarse = zip(e.room(FORMATS["bfloat16"]), e.room(FORMATS["float16"]), strict=True)
    room = [one + two for one, two in coarse]
    for wrong in wrongs(t, e.term):
        if wrong.value.size != int(np.prod(e.shape)):
            continue
        made = _table(wrong.value.reshape(e.shape))
        near = all(
            abs(a - b) <= factor * half + (room[j] if factor > 1 else mp.mpf("1e-15") * abs(b))
            for row, mine, halves in zip(made, e.mine, e.half, strict=True)
            for j, (a, b, half) in enumerate(zip(row, mine, halves, strict=True))
        )
        count += near
    return count


rule(
    Q,
    "These numbers can’t show everything: # known mistakes would have passed as well.",
    "These numbers can’t show everything: # known mistake would have passed as well.",
)(
    lambda h, count: (
        int(count) == len(h.names) and _passing(h.e, 0.5) <= int(count) <= _passing(h.e, 1.5)
    )
)


@rule(Q, "The same @ would have come from @.", "The same @ would have come from @, and # more.")
def _from(h: _Hidden, symbol: str, listed: str, more: str = "0") -> object:
    shown = listed.split("; ")
    return symbol == h.e.symbol and set(shown) == {"“…”"} and len(shown) + int(more) == len(h.names)


# ---- The causes ------------------------------------------------------------------------------


@rule("judge fault", "@")
def _listed(h: _Named, title: str) -> object:
    """A fault of the list makes these numbers; each is written once more in tests/proof."""
    e, base = h.e, FAULTS[h.name].title
    times = re.fullmatch(re.escape(base) + "; and all of it is multiplied by (.+)", title)
    if title != base and not times:
        return False
    given = e.given
    for name, value, _ in wrongs(run(e.s), e.term):
        if name != h.name or given.values.size != value.size:
            continue
        turned = given.values.shape == value.shape[::-1] != value.shape
        mine = (given.values.T if turned else given.values).ravel()
        made, coarse = value.ravel(), float(max(e.room(FORMATS["bfloat16"])))
        if times:
            made = made * float(mine @ made / (made @ made))
        room = 2 * float(given.resolution.max()) + 1e-2 * float(np.abs(made).max()) + coarse
        if bool((np.abs(mine - made) <= room).all()):
            return True
    return False


K = "judge cause"
EXACT = 1e-9


def _right(e: Handed, i: int, j: int) -> Real:
    return e.right[i][j]


def _times(table: list[list[Real]], sign: int) -> Callable[[int, int], Real]:
    return lambda i, j: sign * table[i][j]


@rule(K, "This is @, not @", "This is @ with its sign turned around, not @")
def _another(h: _Named, what: str, symbol: str) -> object:
    """Whatever it is, it is no ∂L/∂ of this name: the numbers are those of that quantity."""
    e, t = h.e, run(h.e.s)
    for name, term in TERMS.items():
        value = getattr(t, name, None)
        value = getattr(e.s, name, None) if value is None else value
        if term.symbol == what and value is not None and np.shape(value) == e.shape:
            table = _table(np.asarray(value, dtype=np.float64))
            if any(e.like(_times(table, s), EXACT) for s in (1, -1)):
                return symbol == e.symbol and e.was != "right"
    return False


@rule(K, "The rows stand in another order: the @s stand in reverse")
def _reversed(h: _Named, what: str) -> object:
    e, n = h.e, len(h.e.right)
    return e.like(lambda i, j: e.right[n - 1 - i][j], EXACT) and _row_word(e, what)


def _row_word(e: Handed, what: str) -> bool:
    return what == ("input" if e.term == "dweight" and e.s.d != e.n else "sample")


@rule(K, "The rows stand in another order: @ # stands first")
def _order(h: _Named, what: str, first: str) -> object:
    e = h.e
    rows = [
        next((r for r, row in enumerate(e.right) if _near(e, mine, row)), None) for mine in e.mine
    ]
    return None not in rows and _near(e, e.mine[0], e.right[int(first) - 1]) and _row_word(e, what)


def _near(e: Handed, one: list[Real], two: list[Real]) -> bool:
    room, half = max(e.room()), max(largest(row) for row in e.half)
    return all(abs(a - b) <= 2 * half + 4 * room for a, b in zip(one, two, strict=True))


@rule(K, "The numbers were laid out column by column and read row by row")
def _by_column(h: _Named) -> object:
    e = h.e
    flat = [row[j] for j in range(len(e.right[0])) for row in e.right]
    return e.like(lambda i, j: flat[i * len(e.right[0]) + j], EXACT)


@rule(
    K,
    "The neurons stand in another order: §",
    "Every neuron has an index of its own, and here they are §",
)
def _neurons(h: _Named, listed: str) -> object:
    e, order = h.e, [int(v) - 1 for v in listed.split(", ")]
    there = all(
        _near(e, row, [right[j] for j in order]) for row, right in zip(e.mine, e.right, strict=True)
    )
    return there and order != list(range(len(order)))


rule(K, "It is multiplied by #")(lambda h, c: h.e.like(lambda i, j: read(c) * h.e.right[i][j]))
rule(
    K,
    "It is multiplied by #: this is the step of a descent with a learning rate of #, not the "
    "gradient",
)(
    lambda h, c, rate: (
        h.e.like(lambda i, j: read(c) * h.e.right[i][j]) and -1 < read(c) == -read(rate) < 0
    )
)


rule(K, "It is multiplied by #, a power of 2: the loss scale is still in it")(
    lambda h, c: (
        h.e.like(lambda i, j: read(c) * h.e.right[i][j], EXACT)
        and int(c) > 1
        and int(c) & (int(c) - 1) == 0
    )
)


@rule(K, "It is multiplied by #, so that its length is #: it was clipped or divided by its norm")
def _length(h: _Named, c: str, length: str) -> object:
    e = h.e
    norm = mp.sqrt(mp.fsum(v * v for row in e.mine for v in row))
    half = max(largest(row) for row in e.half) * len(e.mine) * len(e.mine[0])
    return e.like(lambda i, j: read(c) * e.right[i][j]) and shows(length, norm, half + norm / 1e5)


def _sample(h: _Named, listed: str) -> bool:
    """Is each row that is listed so many times the right one?"""
    e = h.e
    return all(
        abs(mine - read(c) * right) <= 0.01 * largest(e.mine[i]) + 4 * half + 4 * max(e.room())
        for i, c in enumerate(listed.split(", "))
        for mine, right, half in zip(e.mine[i], e.right[i], e.half[i], strict=True)
    )


for _more in ("", " …"):
    rule(
        K,
        f"Each sample is multiplied by a number of its own, §{_more}: weighed or masked sample by "
        "sample",
    )(lambda h, listed, more=bool(_more): _sample(h, listed) and more == (h.e.n > 6))

    @rule(
        K,
        f"Each sample is multiplied by a number of its own, §{_more}: each is divided by its own "
        "length",
    )
    def _own_length(h: _Named, listed: str, more: bool = bool(_more)) -> object:
        lengths = [mp.sqrt(mp.fsum(v * v for v in row)) for row in h.e.mine]
        alike = max(lengths) - min(lengths) <= mp.mpf("0.01") * max(lengths)
        return _sample(h, listed) and more == (h.e.n > 6) and alike


@rule(K, "γ was updated before it was used here: by a step with a learning rate of #")
def _stepped(h: _Named, rate: str) -> object:
    e = h.e
    gammas = [
        o.gamma - read(rate) * mp.fsum(a * b for a, b in zip(o.dy, o.x_hat, strict=True))
        for o in e.neurons
    ]
    return e.like(lambda i, j: e.right[i][j] * gammas[j] / e.neurons[j].gamma, 0.02)


@rule(K, "W was updated before it was used here: by a step with a learning rate of #")
def _stepped_weight(h: _Named, rate: str) -> object:
    e, s = h.e, h.e.s
    assert s.weight is not None
    w = [reals(row) for row in s.weight]
    moved = [[w[p][j] - read(rate) * Exact(s, j, p).weight for j in range(e.k)] for p in range(s.d)]
    return e.like(lambda i, p: mp.fsum(e.neurons[j].dx[i] * moved[p][j] for j in range(e.k)), 0.02)


rule(
    K,
    "The sums of the gradient are divided by # and not by N = #: images are counted, it may be, "
    "and not their positions",
)(
    lambda h, m, n: (
        int(n) == h.e.n
        and all(_made(h.e, j, [1, h.e.n // int(m), h.e.n // int(m)]) for j in range(h.e.k))
    )
)


@rule(K, "It is multiplied by @, each neuron by its own")
def _each(h: _Named, word: str) -> object:
    e = h.e
    one: dict[str, Callable[[Exact], Real]] = {
        "γ": lambda o: o.gamma, "1/γ": lambda o: 1 / o.gamma, "1/√(σ²+ε)": lambda o: o.inv,
        "√(σ²+ε)": lambda o: 1 / o.inv, "1/(σ²+ε)": lambda o: o.inv**2,
        "σ²+ε": lambda o: o.inv**-2, "N·γ": lambda o: o.n * o.gamma, "γ/N": lambda o: o.gamma / o.n,
        "1/(N·γ)": lambda o: 1 / o.gamma / o.n, "N/γ": lambda o: o.n / o.gamma,
        "2·γ": lambda o: 2 * o.gamma, "−γ": lambda o: -o.gamma, "−1/γ": lambda o: -1 / o.gamma,
    }  # fmt: skip
    return e.like(lambda i, j: one[word](e.neurons[j]) * e.right[i][j], 1e-3)


rule(
    K,
    "Each neuron is multiplied by a number of its own: §. Another σ or another γ stands in front "
    "of the bracket",
)(
    lambda h, listed: all(
        h.e.like(lambda i, j, c=c, at=at: read(c) * h.e.right[i][j] if j == at else h.e.mine[i][j])
        for at, c in enumerate(listed.split(", "))
    )
)


def _with_eps(e: Handed, eps: Real) -> Handed:
    """The same numbers beside the term with another ε."""
    return Handed(e.s.edit(eps=float(eps)), e.term, e.given, e.was, e.form.name)


@rule(K, "It is as if ε were #, and not #", "It is as if ε were #, @, and not #")
def _eps(h: _Named, eps: str, *rest: str) -> object:
    known = {"Keras’s default": "1e−3", "PyTorch’s default": "1e−5"}
    named = len(rest) == 1 or known.get(rest[0]) == eps
    other = _with_eps(h.e, read(eps))
    return (
        named
        and shows(rest[-1], mp.mpf(h.e.s.eps), mp.mpf("0.005") * mp.mpf(h.e.s.eps))
        and (other.like(lambda i, j: other.right[i][j], mp.mpf("0.02")))
    )


WHERE = ("in front of the bracket", "in front of the bracket and in x̂", "in x̂ alone")


def _other_inv(e: Handed, where: str, invs: list[Real]) -> bool:
    """∂L/∂x with another 1/σ in some place of the one line, of each neuron its own."""
    columns = []
    for o, inv in zip(e.neurons, invs, strict=True):
        front = o.inv if where == "in x̂ alone" else inv
        x_hat = o.x_hat if where == "in front of the bracket" else [v * inv for v in o.away]
        along = mp.fsum(g * v for g, v in zip(o.g, x_hat, strict=True)) / o.n
        middle = mp.fsum(o.g) / o.n
        columns.append([front * (g - middle - v * along) for g, v in zip(o.g, x_hat, strict=True)])
    return all(
        abs(e.mine[i][j] - column[i])
        <= mp.mpf("0.01") * largest(column) + 4 * (e.half[i][j] + e.room()[j])
        for j, column in enumerate(columns)
        for i in range(e.n)
    )


for _where in WHERE:

    @rule(K, f"It is as if ε were #, {_where}, and not #",
          f"It is as if ε were #, Keras’s default, {_where}, and not #",
          f"It is as if ε were #, PyTorch’s default, {_where}, and not #")  # fmt: skip
    def _eps_there(h: _Named, eps: str, own: str, where: str = _where) -> object:
        invs = [1 / mp.sqrt(o.var + read(eps)) for o in h.e.neurons]
        return _other_inv(h.e, where, invs)

    @rule(K, f"Another variance stands in 1/√(σ²+ε), {_where}: as if it were §")
    def _variance(h: _Named, listed: str, where: str = _where) -> object:
        e = h.e
        invs = [1 / mp.sqrt(read(v) + o.eps) for v, o in zip(listed.split(", "), e.neurons,
                                                             strict=True)]  # fmt: skip
        return _other_inv(e, where, invs)


@rule(
    K,
    "Mean and variance are held fixed, as in evaluation mode with running statistics: as if the "
    "variance were §",
)
def _fixed(h: _Named, listed: str) -> object:
    e = h.e
    invs = [1 / mp.sqrt(read(v) + o.eps) for v, o in zip(listed.split(", "), e.neurons,
                                                         strict=True)]  # fmt: skip
    return e.like(lambda i, j: e.neurons[j].g[i] * invs[j], 0.01)


rule(
    K,
    "The same number, #, is added to every entry",
    "The same number, #, is added to every entry (weight decay with all weights 1 does that)",
)(lambda h, c: h.e.like(lambda i, j: h.e.right[i][j] + read(c)))


@rule(K, "Weight decay is in it: # · W is added")
def _decay(h: _Named, share: str) -> object:
    assert h.e.s.weight is not None
    w = [reals(row) for row in h.e.s.weight]
    return h.e.like(lambda i, j: h.e.right[i][j] + read(share) * w[i][j])


@rule(K, "It is clipped at #")
def _clipped(h: _Named, most: str) -> object:
    limit = read(most)
    return h.e.like(lambda i, j: max(-limit, min(limit, h.e.right[i][j])))


rule(K, "The signs are lost")(lambda h: h.e.like(lambda i, j: abs(h.e.right[i][j]), EXACT))


def _zeros(e: Handed, count: int | None = None, rows: list[int] | None = None) -> bool:
    zero = {(i, j) for i, row in enumerate(e.mine) for j, v in enumerate(row) if v == 0}
    off = {(i, j) for i, j in zero if e.right[i][j] != 0}
    rest = e.like(lambda i, j: mp.mpf(0) if (i, j) in zero else e.right[i][j], EXACT)
    named = count is None or count == len(off)
    return rest and named and (rows is None or all({i for i, _ in off} <= set(rows) for _ in "1"))


@rule(K, "It is 0 wherever @ is negative: the mask of a ReLU is in it")
def _mask(h: _Named, symbol: str) -> object:
    e, t = h.e, run(h.e.s)
    known = {"y": t.y, "x": e.s.x, "x̂": t.x_hat, "∂L/∂y": e.s.dy}
    mask = known[symbol] <= 0
    return _zeros(e) and all(
        (e.mine[i][j] == 0) == bool(mask[i, j]) or e.right[i][j] == 0
        for i in range(e.n)
        for j in range(e.k)
    )


for _word in ("input", "sample", "neuron"):
    for _s in ("", "s"):
        rule(K, f"All of {_word}{_s} @ is 0, and the rest is right")(
            lambda h, listed: (
                _zeros(h.e, None, [int(v) - 1 for v in listed.replace(" …", "").split(", ")]
                       if len(h.e.shape) == 2 and not listed.endswith("…") else None)
            )
        )  # fmt: skip
rule(K, "# entries are 0 that should not be, and the rest is right")(
    lambda h, count: _zeros(h.e, int(count))
)

PATH = {"①": 0, "② via σ²": 1, "③ via μ": 2}


@rule(K, "It is made of the right three paths, with other coefficients than 1, 1, 1 – @")
def _weights(h: _Named, listed: str) -> object:
    for told in listed.split("; "):
        found = re.fullmatch(r"neuron (\d+): (.+)", told)
        if found is None or not _made(h.e, int(found[1]) - 1, [read(c) for c in
                                                              found[2].split(", ")]):  # fmt: skip
            return False
    return True


def _made(e: Handed, j: int, weights: list[Real]) -> bool:
    """Are the numbers of a neuron so many times its three paths?"""
    o = e.neurons[j]
    parts = (o.direct, o.via_var, o.via_mean)
    size = max(abs(c) * largest(part) for c, part in zip(weights, parts, strict=True))
    return all(
        abs(e.mine[i][j] - mp.fsum(c * part[i] for c, part in zip(weights, parts, strict=True)))
        <= mp.mpf("0.02") * size + 8 * (e.half[i][j] + e.room()[j])
        for i in range(e.n)
    )


def _counts(o: Exact, word: str) -> Real:
    n = mp.mpf(o.n)
    one = {
        "1": 1, "0": 0, "−1": -1, "2": 2, "½": mp.mpf("0.5"), "N": n, "1/N": 1 / n, "−2": -2,
        "−N": -n, "−1/N": -1 / n, "2/N": 2 / n, "N²": n * n, "1/N²": 1 / n / n,
        "−½": -mp.mpf("0.5"), "4": 4, "3": 3, "¼": mp.mpf("0.25"), "2·N": 2 * n, "N/2": n / 2,
        "γ": o.gamma, "N·γ": n * o.gamma, "γ/N": o.gamma / n, "2·γ": 2 * o.gamma, "−γ": -o.gamma,
        "1/√(σ²+ε)": o.inv, "√(σ²+ε)": 1 / o.inv, "1/(σ²+ε)": o.inv**2, "σ²+ε": o.inv**-2,
    }  # fmt: skip
    if o.n > 1:
        one |= {"N/(N − 1)": n / (n - 1), "(N − 1)/N": (n - 1) / n}
    if o.gamma:
        one |= {"1/γ": 1 / o.gamma, "−1/γ": -1 / o.gamma, "N/γ": n / o.gamma,
                "1/(N·γ)": 1 / o.gamma / n}  # fmt: skip
    return mp.mpf(one[word])


@rule("judge weights", "@")
def _paths(h: _Named, title: str) -> object:
    """Each path that is named counts so often, and the others once."""
    e, words = h.e, ["1", "1", "1"]
    for told in title.split("; "):
        found = re.fullmatch(r"(①|② via σ²|③ via μ) (?:is (forgotten)|counts (.+) times)", told)
        if found is None:
            return False
        words[PATH[found[1]]] = "0" if found[2] else found[3]
    return all(_made(e, j, [_counts(o, w) for w in words]) for j, o in enumerate(e.neurons))
