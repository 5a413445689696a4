"""What went wrong: which fault makes the numbers that were handed in, and where to look if none.

First the list of `bnviz.proof.faults`; then what has a number of its own that must be solved
for (a factor, another ε, another variance), what was moved or mixed up, the three paths with
other weights, and two things at once. Of several, the simplest stands first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import Array
from bnviz.core.trace import Trace, run
from bnviz.proof.faults import FAULTS, LINE, Wrong, wrongs
from bnviz.proof.paths import Paths, factors, named, read_paths
from bnviz.proof.reading import Pasted
from bnviz.proof.rounding import Format, bounds, sizes
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import significant


@dataclass(frozen=True)
class Cause:
    """One explanation: a name, a sentence, the line as it probably stands, and as it should."""

    name: str
    title: str
    wrong: str = ""
    right: str = ""


_MOST = 12  # causes
_SOLVED = 1.5
_MOST_SHARE = 0.1
_SMALL = 2**12  # numbers: what every fault makes of so many is kept


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
        return _columns(self.size)

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

    def allowed(self, value: Array) -> Array:
        """What digits and rounding explain, if this is what was computed; the shape of value."""
        if value.shape == self.bound.shape:
            # What is larger than the right numbers rounds as a share of itself.
            share = np.minimum(_columns(self.bound) / self.scale, _MOST_SHARE)
            nothing = 64 * self.form.u * len(self.t.x_hat) ** 0.5  # where nothing is added up
            share = np.where(self.scale > 1e-290, share, nothing)
            room = self.bound + share * _columns(np.abs(value))
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
        """Would these numbers have fitted less than half or twice of it? Else they name nothing."""
        mine = shaped(self.mine, value.shape)
        room = self.allowed(value) + mine.resolution
        large = _columns(np.abs(value))
        if value.shape == self.right.shape:
            # What is left of a sum that cancels is small beside what should stand there.
            large = np.maximum(large, _columns(np.abs(value - self.right)))
        return bool((room < 0.5 * large).any() or not (value - mine.values).any())


@lru_cache(maxsize=4)
def _kept(t: Trace, term: str) -> tuple[Wrong, ...]:
    return tuple(wrongs(t, term))


def _columns(values: Array) -> Array:
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


# ---- What there is to try ------------------------------------------------------------------


def _listed(case: Case) -> Iterator[Cause]:
    found = [w for w in case.wrongs() if case.fits(w.value) and case.tells(w.value)]
    # What is wrong in the term itself is simpler than what follows from a wrong ∂L/∂x.
    for wrong in sorted(found, key=lambda wrong: wrong.follows):
        yield cause(wrong.name)


def cause(name: str) -> Cause:
    """A fault of the list, as a cause."""
    fault = FAULTS[name]
    return Cause(name, fault.title, fault.wrong, fault.right)


def _pasted(case: Case) -> Iterator[Cause]:
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
        if not (room < 0.5 * _columns(np.abs(value))).any():
            continue  # 0, or twice of it, would fit as well
        if value.any() and not case.same(value, case.right) and case.fits(value):
            yield Cause(
                "pasted",
                f"This is {term.symbol}, not {TERMS[case.term].symbol}",
                f"print({name})",
                f"print({case.term})",
            )
        elif value.any() and case.fits(-value) and not case.same(-value, case.right):
            yield Cause(
                "pasted",
                f"This is {term.symbol} with its sign turned around, not {TERMS[case.term].symbol}",
                f"print(-{name})",
                f"print({case.term})",
            )


def _moved(case: Case) -> Iterator[Cause]:
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


def _factor(case: Case) -> Iterator[Cause]:
    """All of it times one number, or each neuron times its own."""
    mine, right = shaped(case.mine, case.right.shape), case.right
    few = right.size < 2 or np.count_nonzero(right) < 2
    if mine.values.shape != right.shape or few:
        return
    name = case.term
    whole = float((mine.values * right).sum() / np.square(right).sum())
    real = np.abs(right).max() > 10 * float(np.where(np.isfinite(case.bound), case.bound, 0).max())
    if not _says_more(case, 1.3 * whole * right):
        return
    if real and whole != 0 and case.fits(whole * right, _SOLVED):
        if whole < 0:
            yield Cause(
                "factor",
                f"It is multiplied by {significant(whole)}: this is the step of a descent with a "
                f"learning rate of {significant(-whole)}, not the gradient"
                if whole > -1
                else f"It is multiplied by {significant(whole)}",
                f"{name} = -{-whole:.6g} * {name}",
                f"{name} = {name}",
            )
        else:
            yield Cause(
                "factor",
                f"It is multiplied by {significant(whole)}",
                f"{name} = {whole:.6g} * {name}",
                f"{name} = {name}",
            )
        return
    if right.ndim != 2 or right.shape[0] < 2 or not real or name == "da":
        return
    square = np.square(right).sum(axis=0)
    each = np.divide(
        (mine.values * right).sum(axis=0), square, out=np.ones(len(square)), where=square > 0
    )
    if not each.all() or not case.fits(each * right, _SOLVED):
        return
    off = 4 * case.room.max(axis=0) / np.sqrt(np.where(square > 0, square, np.inf))
    for word, value in factors(case.t).items():
        if np.ptp(value) > 0 and (np.abs(each - value) <= off).all():
            yield Cause(
                "factor_each",
                f"It is multiplied by {word}, each neuron by its own",
                f"{name} = {name} * ({word})",
                f"{name} = {name}",
            )
            return
    if name == "dx":
        return  # its paths tell more
    told = ", ".join(significant(float(c)) for c in each[:8])
    yield Cause(
        "factor_each",
        f"Each neuron is multiplied by a number of its own: {told}. Another σ or another γ stands "
        "in front of the bracket",
        "dx = other_inv_std * (dx_hat - …)",
        LINE,
    )


_KNOWN_EPS = {1e-3: ", Keras’s default", 1e-5: ", PyTorch’s default"}


def _eps(case: Case) -> Iterator[Cause]:
    """Another ε, solved for."""
    s = case.t.scenario
    mine = shaped(case.mine, case.right.shape)
    if mine.values.shape != case.right.shape:
        return

    def with_eps(log: float) -> Array:
        return np.asarray(getattr(run(s.edit(eps=float(10.0**log))), case.term))

    def away(log: float) -> float:
        return float(np.abs(mine.values - with_eps(log)).max())

    found = _least(away, -12.0, 1.0)
    value = 10.0**found
    if abs(value - s.eps) <= 1e-6 * s.eps or not case.fits(with_eps(found), _SOLVED):
        return
    # With one or two numbers to go by, ε must be known to a hundredth.
    if not _says_more(case, with_eps(found + (0.3 if mine.values.size > 2 else 0.004))):
        return
    nice = _nice(value)
    if nice is not None and case.fits(with_eps(np.log10(nice))):
        value = nice
        # Coarse digits leave a range of ε; a known one within it is the likelier.
        for known in _KNOWN_EPS:
            if known != s.eps and case.fits(with_eps(np.log10(known))):
                value = known
    if nice is None and mine.values.size < 3:
        return  # one unknown, and no number left to check it by
    yield Cause(
        "eps",
        f"It is as if ε were {_as_power(value)}{_KNOWN_EPS.get(value, '')}, and not "
        f"{_as_power(s.eps)}",
        f"eps = {value:.3g}",
        f"eps = {s.eps:.3g}",
    )


def _nice(value: float) -> float | None:
    """The round number nearby, if there is one."""
    round_ = (float(f"{m}e{p}") for p in range(-12, 2) for m in (1, 2, 5))
    return next((e for e in round_ if abs(value / e - 1) < 0.02), None)


def _as_power(value: float) -> str:
    """An ε as one writes it."""
    text = f"{value:.3g}" if 1e-2 <= value < 1e3 else f"{value:.2e}"
    mantissa, _, power = text.partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(power)}".replace("-", "−") if power else mantissa


def _says_more(case: Case, other: Array) -> bool:
    """Would a slightly other number not have done? Else what was solved for means nothing."""
    return not case.fits(other)


def _least(away: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one number is least: on a grid, and then by the golden section."""
    grid = np.linspace(low, high, 27)
    at = int(np.argmin([away(float(v)) for v in grid]))
    a, b = float(grid[max(at - 1, 0)]), float(grid[min(at + 1, len(grid) - 1)])
    golden = (np.sqrt(5.0) - 1) / 2
    c, d = b - golden * (b - a), a + golden * (b - a)
    fc, fd = away(c), away(d)
    for _ in range(64):
        if fc < fd:
            b, d, fd = d, c, fc
            c = b - golden * (b - a)
            fc = away(c)
        else:
            a, c, fc = c, d, fd
            d = a + golden * (b - a)
            fd = away(d)
    return (a + b) / 2


def _added(case: Case) -> Iterator[Cause]:
    """The same number added everywhere, or a share of the weights."""
    mine, right = shaped(case.mine, case.right.shape), case.right
    if mine.values.shape != right.shape or right.size < 3:
        return
    extra = mine.values - right
    mean = float(extra.mean())
    if case.fits(right + mean, _SOLVED) and np.abs(extra).min() > 2 * float(mine.resolution.max()):
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
        if share and case.fits(right + share * w, _SOLVED):
            yield Cause(
                "weight_decay",
                f"Weight decay is in it: {significant(share)} · W is added",
                f"dweight = a.T @ dx + {share:.6g} * weight",
                "dweight = a.T @ dx",
            )


def _cut(case: Case) -> Iterator[Cause]:
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
        f"All of {_counted(what, np.flatnonzero(rows))} is 0, and the rest is right"
        if whole or zero.ndim == 1
        else f"{int(zero.sum())} entries are 0 that should not be, and the rest is right"
    )
    return Cause(
        "zeroed", told, f"for i in range(1, N): {name}[i] = …", f"for i in range(N): {name}[i] = …"
    )


def _other_std(case: Case, p: Paths) -> Iterator[Cause]:
    """Another 1/σ, r times the right one: in some place, or with statistics held fixed."""
    t = case.t
    c = p.coefficients
    off = np.where(np.isfinite(p.off), p.off, 1e300)
    r, one = c[:, 0], np.ones(len(c))
    if not p.exact.all():
        return
    with np.errstate(all="ignore"):
        only = np.sqrt(c[:, 1])
        front = 1.0 / np.square(r * t.inv_std)  # σ² + ε, as it would be
    fixed = (np.abs(c[:, 1:]) <= np.where(np.isfinite(p.off[:, 1:]), p.off[:, 1:], 0)).all()
    parts = np.stack([t.dx_direct, t.dx_via_var, t.dx_via_mean], axis=2)
    if fixed and (r > 0).all() and (front > 0).all():
        told = ", ".join(significant(float(v)) for v in front[:8] - t.scenario.eps)
        yield Cause(
            "fixed_statistics",
            "Mean and variance are held fixed, as in evaluation mode with running statistics: as "
            f"if the variance were {told}",
            "dx = dx_hat / sqrt(running_var + eps)",
            LINE,
        )
        return
    places = (
        ("in front of the bracket", "dx = (dx_hat - …) * inv_std", r, (r, r, r)),
        ("in front of the bracket and in x̂", "inv_std", r, (r, r**3, r)),
        ("in x̂ alone", "x_hat = (x - mean) * inv_std", only, (one, only**2, one)),
    )
    for where, line, share, pattern in places:
        if not (np.isfinite(share) & (share > 0)).all():
            continue
        expected = np.column_stack(pattern)
        room = off + off[:, :1] * np.maximum(1, 3 * share**2)[:, None]
        # Where paths are parallel the weights are open, and the numbers must tell.
        made = (parts * expected).sum(axis=2)
        fits = (np.abs(c - expected) <= room).all() and case.fits(made, 2 * _SOLVED)
        if fits and (np.abs(share - 1) > 1e-9).any():
            yield _inverse(case, where, line, share)
            return


def _inverse(case: Case, where: str, line: str, share: Array) -> Cause:
    """Another 1/σ there: by one other ε for all neurons, or by another variance."""
    t = case.t
    eps = 1.0 / np.square(share * t.inv_std) - t.var
    mean = float(eps.mean())
    name = line.partition(" = ")[0]
    if eps.size > 1 and mean > 0 and np.ptp(eps) <= 1e-3 * mean + 1e-9 * float(t.var.max()):
        nice = _nice(mean)
        value = mean if nice is None else nice
        return Cause(
            "eps_there",
            f"It is as if ε were {_as_power(value)}{_KNOWN_EPS.get(value, '')}, {where}, and not "
            f"{_as_power(t.scenario.eps)}",
            f"{name} = … / sqrt(var + {value:.3g})",
            f"{name} = … / sqrt(var + eps)",
        )
    told = ", ".join(significant(float(v)) for v in (eps + t.var - t.scenario.eps)[:8])
    return Cause(
        "other_variance",
        f"Another variance stands in 1/√(σ²+ε), {where}: as if it were {told}",
        f"{name} = … / sqrt(other_var + eps)",
        f"{name} = … / sqrt(x.var(axis=0) + eps)",
    )


def _weighed(case: Case) -> Iterator[Cause]:
    """The three paths of ∂L/∂x, with other weights."""
    mine = shaped(case.mine, case.right.shape)
    if case.term != "dx" or mine.values.shape != case.right.shape:
        return
    p = paths_of(case)
    n = case.right.shape[0]
    names = named(case.t, p)
    if p.exact.all() and None not in names and names != ("1", "1", "1") and n >= 3:
        symbols = ("①", "② via σ²", "③ via μ")
        parts = [
            f"{symbol} is forgotten" if word == "0" else f"{symbol} counts {word} times"
            for symbol, word in zip(symbols, names, strict=True)
            if word != "1"
        ]
        yield Cause(
            "weights",
            "; ".join(parts),
            f"dx = ({names[0]}) * direct + ({names[1]}) * via_var + ({names[2]}) * via_mean",
            "dx = direct + via_var + via_mean",
        )
        return
    other = list(_other_std(case, p))
    yield from other
    telling = bool((p.off <= 0.1 * np.maximum(1.0, np.abs(p.coefficients))).all())
    if not other and n > 3 and p.exact.all() and p.unique.all() and telling:
        told = "; ".join(
            f"neuron {j + 1}: " + ", ".join(significant(float(v)) for v in row)
            for j, row in enumerate(p.rounded()[:4])
        )
        yield Cause(
            "weights",
            f"It is made of the right three paths, with other weights than 1, 1, 1 – {told}",
            "dx = c1 * direct + c2 * via_var + c3 * via_mean",
            "dx = direct + via_var + via_mean",
        )


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


def paths_of(case: Case) -> Paths:
    """The three paths in a ∂L/∂x that was handed in."""
    mine = shaped(case.mine, case.right.shape)
    bound = np.where(np.isfinite(case.bound), case.bound, 1e300)
    return read_paths(case.t, mine.values, bound + mine.resolution)


_STAGES: tuple[tuple[Callable[[Case], Iterator[Cause]], ...], ...] = (
    (_listed,),
    (_pasted, _moved, _factor, _added, _cut, _eps),
    (_weighed,),
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


# ---- Where to look, if nothing is known ----------------------------------------------------


def residual(case: Case) -> str:
    """Which neurons, samples and path the difference lies in."""
    mine, right = shaped(case.mine, case.right.shape), case.right
    away = mine.values - right
    wrong = np.abs(away) > case.room
    if not wrong.any():
        return ""
    if right.ndim == 1:
        bad = _counted("neuron", np.flatnonzero(wrong))
        return "" if wrong.all() else f"Only {bad} {'is' if wrong.sum() == 1 else 'are'} off."
    said = []
    columns, rows = np.asarray(wrong.any(axis=0)), np.asarray(wrong.any(axis=1))
    row, column = ("sample", "input") if case.term == "da" else ("sample", "neuron")
    row = "input" if case.term == "dweight" else row
    if not columns.all():
        bad = _counted(column, np.flatnonzero(columns))
        said.append(f"Only {bad} {'is' if columns.sum() == 1 else 'are'} off.")
    if rows.sum() <= len(rows) // 2:
        bad = _counted(row, np.flatnonzero(rows))
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
                said.append(f"Of the difference at neuron {j + 1}, {share:.0%} {told}.")
    return " ".join(said)


def _counted(word: str, index: NDArray[np.intp]) -> str:
    shown = ", ".join(str(int(i) + 1) for i in index[:6])
    return f"{word}{'' if len(index) == 1 else 's'} {shown}{' …' if len(index) > 6 else ''}"
