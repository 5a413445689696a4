"""A ∂L/∂x that was handed in: what is said of its paths, its sum and its samples.

Each is made from the trace with known coefficients of the three paths, or with something else in
it; what is said is held against these coefficients, and against sums in many digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mpmath import mp

from bnviz.claims import mine as claims
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.draw.mine import rows_of
from bnviz.proof.case import Case, paths_of
from bnviz.proof.reading import Pasted
from bnviz.proof.rounding import FORMATS
from tests.harness.exact import Exact, largest, read, reals, shows
from tests.harness.rules import always, rule

MARKS = "①②③"
Coefficients = tuple[float, ...]


class Handed(Exact):
    """The right numbers, and those handed in: with these coefficients, where they have any."""

    def __init__(self, m: claims.Mine, coefficients: Coefficients | None, shown: int) -> None:
        super().__init__(m.t.scenario, m.neuron, 0)
        self.mine = reals(m.yours)
        self.room = reals(m.room[:, m.neuron])
        found = m.paths.coefficients[m.neuron]
        self.coefficients = coefficients or (
            tuple(found) if m.whole and self.makes(found) else None
        )
        self.shown = shown
        self.wrong = [
            [abs(mp.mpf(float(v)) - mp.mpf(float(r))) > mp.mpf(float(room)) for v, r, room in rows]
            for rows in (
                zip(m.dx[:, j], m.t.dx[:, j], m.room[:, j], strict=True)
                for j in range(m.dx.shape[1])
            )
        ]

    def makes(self, coefficients: Any) -> bool:
        """Are these numbers so many times the three paths, and by chance so?"""
        parts = zip(self.direct, self.via_var, self.via_mean, self.mine, self.room, strict=True)
        most = 8 * max(1.0, float(np.abs(coefficients).max()))
        one, two, three = (mp.mpf(float(w)) for w in coefficients)
        return all(
            abs(one * a + two * b + three * c - v)
            <= most * room + mp.mpf(2) ** -40 * (abs(one * a) + abs(two * b) + abs(three * c))
            for a, b, c, v, room in parts
        )

    @property
    def faint(self) -> bool:
        """Is there a path that can't be told from nothing? Then it makes nothing either."""
        paths = (self.direct, self.via_var, self.via_mean)
        return bool(min(map(largest, paths)) <= 8 * largest(self.room))

    @property
    def off(self) -> list[bool]:
        return self.wrong[self.j]

    @property
    def total(self) -> Any:
        return mp.fsum(self.mine)

    @property
    def noise(self) -> Any:
        return mp.mpf(2) ** -48 * mp.fsum(map(abs, self.mine))

    @property
    def sums_to_zero(self) -> bool:
        return bool(abs(self.total) <= mp.fsum(self.room) + self.noise)


def made(t: Trace, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, Coefficients | None]]:
    """Wrong ∂L/∂x of all neurons, with the coefficients of the three paths where they have any."""
    n = float(len(t.dx))
    known = [
        *((1, -1, 1), (1, 1, 2), (1, 0, 1), (0, 1, 1), (1, n, n), (0.37, 1, 1)),
        *((2, 2, 2), (1, 1, 1), (0, 0, 1), (-1, -1, -1), (1, 0.5, 1 / n), (1, -n, 1)),
    ]
    for i in rng.choice(len(known), 3, replace=False):
        one, two, three = known[i]
        dx = one * t.dx_direct + two * t.dx_via_var + three * t.dx_via_mean
        yield (t.dx if known[i] == (1, 1, 1) else dx), known[i]
    size = float(np.abs(t.dx_direct).max()) or 1.0
    wrong = t.dx.copy()
    wrong[rng.integers(len(wrong)), 0] += size * rng.normal()
    yield wrong, None
    yield t.dx + size * rng.normal(0, 1, t.dx.shape), None
    yield t.dx_direct - t.dx_via_var + 1e-3 * size * rng.normal(0, 1, t.dx.shape), None


def texts(s: Scenario, neuron: int, input: int) -> Iterator[tuple[str, str, Exact]]:
    if input:
        return  # of a neuron
    t = run(s.training())
    for dx, coefficients in made(t, np.random.default_rng([s.shape[0], neuron])):
        if not np.isfinite(dx).all():
            continue
        case = Case(t, "dx", Pasted(dx, np.zeros(dx.shape)), FORMATS["float64"])
        m = claims.Mine(t, neuron, dx, case.room, paths_of(case))
        if not np.isfinite(m.room).all():
            continue  # nothing is wrong there, and no picture of it is drawn
        e = Handed(m, coefficients, len(rows_of(m)))
        head, _, said = claims.headline(m).partition(": ")
        for clause in said.split("; ") if said[:1] in MARKS else [said]:
            yield "mine", f"{head}: {clause.removesuffix('.')}." if clause else head, e
        yield "mine sum", claims.total(m), e
        yield "mine legend", claims.legend(m), e
        if m.off.any():
            for i, count in enumerate(claims.counts(m)):
                yield f"mine {i}", f"{count.said} {count.written}", e
        if claims.shown(m, e.shown):
            yield "mine shown", claims.shown(m, e.shown), e
        assert claims.headline(m) in claims.alt(m)
        assert claims.total(m) in claims.alt(m)


def coefficient_of(e: Handed, word: str) -> Any:
    """What a name of a coefficient is, in numbers."""
    for name, letter in (("√(σ²+ε)", "S"), ("(σ²+ε)", "V"), ("σ²+ε", "V"), ("γ", "G")):
        word = word.replace(name, letter)
    word = word.replace("N²", "(N*N)").replace("·", "*").replace("−", "-")
    word = word.replace("½", "0.5").replace("¼", "0.25")
    values = {"N": mp.mpf(e.n), "G": e.gamma}
    if e.inv:
        values |= {"S": 1 / e.inv, "V": 1 / e.inv**2}
    return eval(word, {"__builtins__": {}}, values)


def is_coefficient(e: Handed, i: int, word: str) -> bool:
    """Does path i count so often, by what it was made of?"""
    if e.coefficients is None:
        return False
    coefficient, word = mp.mpf(e.coefficients[i]), word.removeprefix("is ")
    plain = {"turned round": -1, "twice": 2, "half": mp.mpf("0.5"), "missing": 0}
    if word in plain:
        return bool(coefficient == plain[word])
    word = word.removesuffix(" times")
    if word.startswith("about "):
        return bool(
            abs(read(word.removeprefix("about ")) - coefficient) <= 0.27 * max(1, abs(coefficient))
        )
    if word.replace("−", "").replace(".", "").replace("e", "").isdigit():
        return shows(word, coefficient)
    return bool(coefficient and abs(coefficient_of(e, word) / coefficient - 1) < mp.mpf("1e-6"))


for _i, _mark in enumerate(MARKS):
    for _said, _word in (
        ("is missing", "missing"),
        ("is turned round", "turned round"),
        ("comes twice", "twice"),
        ("comes half", "half"),
    ):
        rule("mine", f"{_mark} {_said}.")(lambda e, i=_i, word=_word: is_coefficient(e, i, word))
    rule("mine", f"{_mark} comes @ times.")(lambda e, word, i=_i: is_coefficient(e, i, word))

    def _station(e: Handed, word: str, number: str, i: int = _i) -> bool:
        """The word and the number say the same, and both are so."""
        return (
            is_coefficient(e, i, word)
            and e.coefficients is not None
            and shows(number, e.coefficients[i])
        )

    def _once(e: Handed, i: int = _i) -> object:
        """Once, by what it was made of, or too near for the numbers to tell."""
        if e.coefficients is None or e.n <= 3:
            return True  # the right paths, and the difference is left over
        part = (e.direct, e.via_var, e.via_mean)[i]
        apart = abs(mp.mpf(e.coefficients[i]) - 1) * largest(part)
        return apart <= 50 * mp.fsum(e.room) * max(1, *map(abs, e.coefficients)) + e.bound

    _c = claims.COEFFICIENTS[_i]
    rule(f"mine {_i}", f"{_mark} {_c} = 1")(_once)
    rule(f"mine {_i}", f"{_mark} @ {_c} = #")(_station)
    rule(f"mine {_i}", f"{_mark} {_c} ≈ #")(
        lambda e, number, i=_i: e.coefficients is None or is_coefficient(e, i, f"about {number}")
    )
    rule(f"mine {_i}", f"{_mark} about # times {_c} ≈ #")(
        lambda e, one, other, i=_i: one == other and is_coefficient(e, i, f"about {one}")
    )
    rule(f"mine {_i}", f"{_mark} nothing flows here {_c}: any")(
        lambda e, i=_i: largest((e.direct, e.via_var, e.via_mean)[i]) <= 4 * e.bound
    )
    always(f"mine {_i}", f"{_mark} can’t be told {_c}: any")

rule("mine", "Neuron #: ")(lambda e, neuron: read(neuron) == e.j + 1)
for _all, _word in (
    ("are missing", "missing"),
    ("are turned round", "turned round"),
    ("come twice", "twice"),
    ("come half", "half"),
):
    rule("mine", f"all three paths {_all}.")(
        lambda e, word=_word: all(is_coefficient(e, i, word) for i in range(3))
    )
rule("mine", "all three paths come @ times.")(
    lambda e, word: all(is_coefficient(e, i, word) for i in range(3))
)


@rule("mine", "Neuron # is right.")
def _right(e: Handed, neuron: str) -> object:
    return read(neuron) == e.j + 1 and not any(map(any, e.wrong))


@rule("mine", "Neuron # is right; look at neuron @.")
def _elsewhere(e: Handed, neuron: str, others: str) -> object:
    there = [str(j + 1) for j, wrong in enumerate(e.wrong) if any(wrong)]
    return read(neuron) == e.j + 1 and not any(e.off) and others == ", ".join(there) != ""


@rule("mine", "Neuron # is right but for sample @.", "Neuron # is right but for samples @.")
def _but_for(e: Handed, neuron: str, samples: str) -> object:
    there = [str(i + 1) for i, wrong in enumerate(e.off) if wrong]
    return read(neuron) == e.j + 1 and samples == ", ".join(there) != ""


rule("mine", "Neuron # is wrong, and these numbers can’t tell which path it is.")(
    lambda e, neuron: any(e.off)
)
rule("mine", "Neuron # is wrong, and so few samples can’t tell which path it is.")(
    lambda e, neuron: any(e.off) and e.n <= 3
)
rule("mine", "the difference isn’t made of the three paths.")(
    # A path that can't be told from nothing makes nothing.
    lambda e: (
        e.coefficients is None
        or min(map(largest, (e.direct, e.via_var, e.via_mean))) <= 8 * largest(e.room)
    )
)


@rule(
    "mine",
    "the three paths, as often as is written here, come near to these numbers; up to # is left "
    "over.",
)
def _near(e: Handed, left: str) -> object:
    away = [v - r for v, r in zip(e.mine, e.dx, strict=True)]
    if e.coefficients is not None:  # of rounding something may be left
        return read(left) <= 100 * largest(e.room) * max(map(abs, e.coefficients))
    return any(e.off) and read(left) <= largest(away) * e.n


@rule("mine sum", "Σ∂L/∂x is #, and it must be 0.")
def _total(e: Handed, value: str) -> object:
    return shows(value, e.total, e.noise) and abs(e.total) > mp.fsum(e.room) - e.noise


rule("mine sum", "③ doesn’t take what ① brings: they don’t come equally often.")(
    lambda e: e.coefficients is not None and e.coefficients[0] != e.coefficients[2]
)
rule("mine sum", "Σ∂L/∂x is 0.")(lambda e: e.sums_to_zero and not any(e.off))
rule("mine sum", "Σ∂L/∂x is 0 all the same: adding up does not show it.")(
    lambda e: e.sums_to_zero and any(e.off)
)
rule("mine sum", "Σ∂L/∂x may be 0: the digits are too few to tell.")(
    lambda e: mp.fsum(e.room) >= mp.fsum(map(abs, e.dx)) / 5
)
always("mine legend", "Plus is solid, above its line; minus is hatched, below it.")
rule("mine legend", "Dashed is where the right one runs.")(lambda e: any(e.off))
rule("mine legend", "“?” is what is left over.")(
    lambda e: e.coefficients is None or e.n <= 3 or e.faint or not e.makes(e.coefficients)
)
rule(
    "mine shown",
    "# of # samples are shown, those that are furthest off. The sums are of all #.",
)(lambda e, shown, n, all_: read(shown) == e.shown < e.n == read(n) == read(all_))
