"""Numbers that were handed in for a term, beside the right ones: do they fit what one makes?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import Array
from bnviz.core.trace import Trace
from bnviz.proof.faults import Wrong, wrongs
from bnviz.proof.paths import Paths, read_paths
from bnviz.proof.reading import Pasted
from bnviz.proof.rounding import Format, bounds, sizes

SOLVED = 1.5
_MOST_SHARE = 0.1
_SMALL = 2**12  # numbers: what every fault makes of so many is kept


@dataclass(frozen=True)
class Cause:
    """One explanation: a name, a sentence, the line as it probably stands, and as it should."""

    name: str
    title: str
    wrong: str = ""
    right: str = ""


class Case:
    """Numbers that were handed in for a term, beside the right ones, in a format."""

    def __init__(self, t: Trace, term: str, mine: Pasted, form: Format) -> None:
        self.t, self.term, self.mine, self.form = t, term, mine, form
        self.right = np.asarray(getattr(t, term), dtype=np.float64)
        self.bound = bounds(t, form, mine.given)[term]

    @cached_property
    def size(self) -> Array:
        """How large the numbers are that are added up in each entry."""
        return sizes(self.t)[self.term]

    @cached_property
    def scale(self) -> Array:
        """The largest size of each neuron."""
        return columns(self.size)

    def wrongs(self) -> Iterator[Wrong]:
        """What each fault makes of the term, where that isn't the right thing."""
        for wrong in self.every():
            if not self.same(wrong.value, self.right):
                yield wrong

    def every(self) -> Iterator[Wrong]:
        """What each fault makes of the term, and be it the right thing."""
        small = self.right.size <= _SMALL
        yield from _kept(self.t, self.term) if small else wrongs(self.t, self.term)

    def same(self, value: Array, other: Array) -> bool:
        """Equal but for rounding in float64."""
        if value.shape != other.shape:
            return False
        tight = 1e-12 * np.maximum(np.abs(value), np.abs(other)) + 1e-13 * float(
            self.size.max(initial=0.0)
        )
        return bool((np.abs(value - other) <= tight).all())

    @np.errstate(over="ignore")  # a share beyond all numbers is _MOST_SHARE
    def allowed(self, value: Array) -> Array:
        """What digits and rounding explain, if this is what was computed; the shape of value."""
        if value.shape == self.bound.shape:
            # What is larger than the right numbers rounds as a share of itself.
            share = np.minimum(columns(self.bound) / self.scale, _MOST_SHARE)
            nothing = 64 * self.form.u * len(self.t.x_hat) ** 0.5  # where nothing is added up
            share = np.where(self.scale > 1e-290, share, nothing)
            room = self.bound + share * columns(np.abs(value))
        else:
            share = (self.bound / np.where(self.size > 0, self.size, np.inf)).max(initial=0.0)
            room = np.full(value.shape, share * float(np.abs(value).max(initial=0.0)))
        exact: Array = room + 1e-12 * np.abs(value) + self.form.least
        return exact

    @cached_property
    def room(self) -> Array:
        """By how much each entry may differ from the right one, for its digits and rounding."""
        return self.allowed(self.right) + self.mine.resolution * (1 + 1e-9)

    def fits(self, value: Array, slack: float = 1.0) -> bool:
        """Are these the numbers that were handed in, as far as digits and rounding tell?

        slack: on the digits, where a number in value was solved for from such digits.
        """
        mine = shaped(self.mine, value.shape)
        if mine.values.shape != value.shape or not np.isfinite(value).all():
            return False
        allowed = self.allowed(value) + mine.resolution * (slack + 1e-9)
        if value is not self.right and not np.isfinite(allowed).any():
            return False  # where rounding may do anything, nothing can be named
        return bool((np.abs(mine.values - value) <= allowed).all())

    def tells(self, value: Array) -> bool:
        """Would half or twice of it not have fitted as well? Else these numbers name nothing."""
        mine = shaped(self.mine, value.shape)
        room = self.allowed(value) + mine.resolution
        large = columns(np.abs(value))
        if value.shape == self.right.shape:
            # What is left of a sum that cancels is small beside what should stand there.
            large = np.maximum(large, columns(np.abs(value - self.right)))
        return bool((room < 0.5 * large).any() or not (value - mine.values).any())


@lru_cache(maxsize=4)
def _kept(t: Trace, term: str) -> tuple[Wrong, ...]:
    return tuple(wrongs(t, term))


def columns(values: Array) -> Array:
    """The largest of each neuron."""
    most: Array = values.max(axis=0) if values.ndim > 1 else values
    return np.where(most > 0, most, np.finfo(float).tiny)


def shaped(mine: Pasted, shape: tuple[int, ...]) -> Pasted:
    """The same numbers in the wanted shape: axes of length 1 are nothing, and flat is in rows."""
    given = mine.values.shape
    if given == shape:
        return mine
    same = [n for n in given if n != 1] == [n for n in shape if n != 1]
    flat = len([n for n in given if n != 1]) == 1 and mine.values.size == int(np.prod(shape))
    if same or flat:
        values, half = mine.values.reshape(shape), mine.resolution.reshape(shape)
        return replace(mine, values=values, resolution=half)
    return mine


def turned(mine: Pasted) -> Pasted:
    """Transposed."""
    return replace(mine, values=mine.values.T, resolution=mine.resolution.T)


def says_more(case: Case, other: Array) -> bool:
    """Would a slightly other number not have done? Else what was solved for means nothing."""
    return not case.fits(other)


def counted(word: str, index: NDArray[np.intp]) -> str:
    shown = ", ".join(str(int(i) + 1) for i in index[:6])
    return f"{word}{'' if len(index) == 1 else 's'} {shown}{' …' if len(index) > 6 else ''}"


def paths_of(case: Case) -> Paths:
    """The three paths in a ∂L/∂x that was handed in."""
    mine = shaped(case.mine, case.right.shape)
    bound = np.where(np.isfinite(case.bound), case.bound, 1e300)
    return read_paths(case.t, mine.values, bound + mine.resolution)
