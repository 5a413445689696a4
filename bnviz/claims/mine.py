"""What may be said of one neuron of a ∂L/∂x that was handed in, beside the right one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import Array
from bnviz.core.trace import Trace
from bnviz.proof.judge import Diagnosis
from bnviz.proof.paths import MOST_OFF, PARTS, Paths, named
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

MARKS = ("①", "②", "③")
COEFFICIENTS = ("c₁", "c₂", "c₃")
_DX = TERMS["dx"].symbol
_COARSE = 0.25  # of what was added up: a sum that may be off by more is none
_FINE = 0.005  # and of one that is off by no more two decimals are right
_NEAR = 0.3  # of the difference: what may be left over of a fit that tells something
_FEW = 6  # samples that are named
_EQUAL = 1e-6  # of the furthest: as far
_PLAIN = {"−1": "turned round", "2": "twice", "½": "half"}
State = Literal["right", "missing", "other", "near", "open"]


@dataclass(frozen=True)
class Count:
    """How often a path counts: what is said of it, and the number, with its name if it has one.

    near: the nearest that it comes to, since the three paths are not all of the numbers. open:
    these numbers can't tell.
    """

    mark: str
    state: State
    value: float
    said: str  # of the station: "② twice"
    written: str  # "c₂ = 2.00"

    @property
    def alarms(self) -> bool:
        """Is it seen to be wrong?"""
        return self.state in ("missing", "other")


@dataclass(frozen=True, eq=False)
class Mine:
    """A ∂L/∂x that was handed in, (N, k), and one neuron of it.

    room: by how much each entry may differ, (N, k). called: the first neuron's number elsewhere,
    where it was cut out of a layer.
    """

    t: Trace
    neuron: int
    dx: Array
    room: Array
    paths: Paths
    called: int = 0

    @property
    def name(self) -> int:
        """The number of the neuron as people count, from 1."""
        return self.called + self.neuron + 1

    @property
    def yours(self) -> Array:
        """This neuron's, (N,)."""
        values: Array = self.dx[:, self.neuron]
        return values

    @property
    def right(self) -> Array:
        """The right one, (N,)."""
        values: Array = self.t.dx[:, self.neuron]
        return values

    @property
    def away(self) -> Array:
        """By how much it differs, (N,)."""
        return self.yours - self.right

    @cached_property
    def off(self) -> NDArray[np.bool_]:
        """Which entries differ by more than digits and rounding explain, (N,)."""
        return self.off_at(self.neuron)

    def off_at(self, neuron: int) -> NDArray[np.bool_]:
        """The same of another neuron."""
        wrong: NDArray[np.bool_] = np.abs(self.dx - self.t.dx)[:, neuron] > self.room[:, neuron]
        return wrong

    @property
    def furthest(self) -> NDArray[np.bool_]:
        """Which samples are furthest off, (N,); none where all are equally far."""
        far = np.where(self.off, np.abs(self.away), 0.0)
        most = self.off & (far >= (1 - _EQUAL) * far.max())
        return np.zeros_like(most) if most.all() else most

    @cached_property
    def whole(self) -> bool:
        """Are the three paths all of it, and not only since as few samples are always theirs?"""
        p = self.paths
        if not p.exact[self.neuron]:
            return False
        return bool(p.checked[self.neuron]) or None not in named(self.t, p)

    @cached_property
    def fitted(self) -> bool:
        """Do the three paths tell anything: are they all of it, or nearly, at most samples?"""
        if self.whole:
            return True
        most = float(np.abs(self.away).max())
        rest, away = (
            float(np.linalg.norm(v / most)) for v in (self.paths.rest[:, self.neuron], self.away)
        )
        return (
            bool(self.paths.checked[self.neuron])
            and rest < _NEAR * away
            and 2 * int(self.off.sum()) > len(self.off)
        )

    @property
    def parts(self) -> tuple[Array, Array, Array, Array]:
        """What ①, ② and ③ bring, as often as each comes, and what is left over, (N,) each.

        Where the fit tells nothing, they are the right ones, and the difference is left over.
        """
        j, p, t = self.neuron, self.paths, self.t
        if not self.fitted:
            return t.dx_direct[:, j], t.dx_via_var[:, j], t.dx_via_mean[:, j], self.away
        left = np.zeros_like(self.away) if self.whole else p.rest[:, j]
        return p.direct[:, j], p.via_var[:, j], p.via_mean[:, j], left

    @property
    def left(self) -> float:
        """How large what is left over is, at most."""
        return float(np.abs(self.parts[3]).max())

    @property
    def total_room(self) -> float:
        """What the sum may be off by."""
        return float(self.room[:, self.neuron].sum())

    @property
    def adds_up(self) -> bool:
        """Is Σ∂L/∂x of the numbers 0, as far as they tell?"""
        return bool(abs(self.yours.sum()) <= self.total_room)


def of(t: Trace, found: Diagnosis, neuron: int = 0, called: int = 0) -> Mine | None:
    """One neuron of what was judged; None where that is no wrong ∂L/∂x of the right shape."""
    if found.paths is None or found.mine is None or found.room is None:
        return None
    return Mine(t, neuron, found.mine, found.room, found.paths, called)


def _word(m: Mine, i: int, value: float) -> str:
    """How a coefficient would be written: by the name that it has at all neurons."""
    name = named(m.t, m.paths)[i]
    return name or number(value)


def counts(m: Mine) -> tuple[Count, Count, Count]:
    """How often each of the three paths counts."""
    told, off = m.paths.rounded()[m.neuron], m.paths.off[m.neuron]

    def count(i: int) -> Count:
        mark, letter, value = MARKS[i], COEFFICIENTS[i], float(told[i])
        if not m.fitted:
            return Count(mark, "right", 1.0, mark, f"{letter} = 1")
        size = max(1.0, abs(value))
        if not off[i] <= MOST_OFF * size:
            flows = bool(np.abs(getattr(m.t, PARTS[i])[:, m.neuron]).any())
            said = "can’t be told" if flows else "nothing flows here"
            return Count(mark, "open", 1.0, f"{mark} {said}", f"{letter}: any")
        once = abs(value - 1) <= off[i] or value == 1
        if not m.whole or off[i] > _FINE * size:
            near = number(value)
            alarms = m.whole and not once
            said = f"{mark} about {near} times" if alarms else mark
            return Count(mark, "other" if alarms else "near", value, said, f"{letter} ≈ {near}")
        if once:
            return Count(mark, "right", 1.0, mark, f"{letter} = 1")
        if abs(value) <= off[i] or value == 0:
            return Count(mark, "missing", 0.0, f"{mark} is missing", f"{letter} = 0")
        word = _word(m, i, value)
        said = f"{mark} {_PLAIN.get(word, f'{word} times')}"
        return Count(mark, "other", value, said, f"{letter} = {number(value)}")

    return count(0), count(1), count(2)


def _verb(count: Count) -> str:
    """What a path does, in a sentence."""
    rest = count.said.removeprefix(count.mark + " ")
    if count.state == "missing":
        return f"{count.mark} is missing"
    if rest == "turned round":
        return f"{count.mark} is turned round"
    return f"{count.mark} comes {rest}"


def headline(m: Mine) -> str:
    """What is wrong with this neuron, by its paths."""
    here = f"Neuron {m.name}"
    if not m.off.any():
        others = [j for j in range(m.dx.shape[1]) if m.off_at(j).any()]
        if not others:
            return f"{here} is right."
        listed = ", ".join(str(m.called + j + 1) for j in others)
        return f"{here} is right; look at neuron {listed}."
    found = counts(m)
    wrong = [c for c in found if c.alarms]
    if m.paths.exact[m.neuron] and not m.whole:
        return f"{here} is wrong, and so few samples can’t tell which path it is."
    if not m.fitted:
        few = np.flatnonzero(m.off)
        if 2 * few.size > m.off.size or few.size > _FEW:
            return f"{here}: the difference isn’t made of the three paths."
        listed = ", ".join(str(int(i) + 1) for i in few)
        return f"{here} is right but for sample{'' if few.size == 1 else 's'} {listed}."
    if not m.whole:
        return (
            f"{here}: the three paths, as often as is written here, come near to these numbers; "
            f"up to {number(m.left)} is left over."
        )
    if not wrong:
        return f"{here} is wrong, and these numbers can’t tell which path it is."
    words = {_verb(c).removeprefix(c.mark) for c in wrong}
    if len(wrong) == 3 and len(words) == 1:
        return f"{here}: all three paths{_plural(words.pop())}."
    return f"{here}: {'; '.join(_verb(c) for c in wrong)}."


def _plural(verb: str) -> str:
    return verb.replace(" is ", " are ", 1).replace(" comes ", " come ", 1)


def total(m: Mine) -> str:
    """What the numbers add up to, where 0 must be."""
    value = float(m.yours.sum())
    size = float(np.abs(m.right).sum())
    if m.adds_up:
        if not m.total_room <= _COARSE * size:
            return f"Σ{_DX} may be 0: the digits are too few to tell."
        return (
            f"Σ{_DX} is 0 all the same: adding up does not show it."
            if m.off.any()
            else f"Σ{_DX} is 0."
        )
    one, _, three = counts(m)
    why = ""
    if m.whole and "open" not in (one.state, three.state) and one.value != three.value:
        why = " ③ doesn’t take what ① brings: they don’t come equally often."
    return f"Σ{_DX} is {number(value, signed=True)}, and it must be 0.{why}"


def legend(m: Mine) -> str:
    """How the picture is to be read."""
    dashed = " Dashed is where the right one runs." if m.off.any() else ""
    besides = " “?” is what is left over." if not m.whole else ""
    return f"Plus is solid, above its line; minus is hatched, below it.{dashed}{besides}"


def shown(m: Mine, count: int) -> str:
    """What is left out of the table; nothing where all samples are there."""
    n = len(m.yours)
    if count >= n:
        return ""
    return (
        f"{count} of {n} samples are shown, those that are furthest off. The sums are of all {n}."
    )


def alt(m: Mine) -> str:
    """The picture in a sentence, for who can't see it."""
    parts = ", ".join(c.written for c in counts(m))
    return f"Your {_DX} as a river, and the right one: {headline(m)} {parts}. {total(m)}"
