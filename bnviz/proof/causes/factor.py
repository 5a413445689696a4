"""Causes: all of it times one number, or each neuron or sample times its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bnviz.core.arrays import Array
from bnviz.proof.case import SOLVED, Case, Cause, says_more, shaped
from bnviz.proof.faults import LINE
from bnviz.proof.paths import factors
from bnviz.words.numbers import number, significant

_LENGTHS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)  # that people clip by
_LEAST_SCALE = 8  # as a power of 2, of what mixed precision multiplies the loss with


def factor(case: Case) -> Iterator[Cause]:
    """All of it times one number, or each neuron or sample times its own."""
    mine, right = shaped(case.mine, case.right.shape), case.right
    few = right.size < 2 or np.count_nonzero(right) < 2
    if mine.values.shape != right.shape or few:
        return
    whole = float((mine.values * right).sum() / np.square(right).sum())
    real = np.abs(right).max() > 10 * float(np.where(np.isfinite(case.bound), case.bound, 0).max())
    if not says_more(case, 1.3 * whole * right):
        return
    if real and whole != 0 and case.fits(whole * right, SOLVED):
        yield _whole(case, whole)
        return
    if right.ndim != 2 or right.shape[0] < 2 or not real or case.term == "da":
        return
    yield from _each_neuron(case, mine.values)
    if case.term in ("dx", "dx_hat") and right.shape[1] > 1:
        yield from _each_sample(case, mine.values)


def _whole(case: Case, whole: float) -> Cause:
    """One number, and what it is known as."""
    name, said = case.term, f"It is multiplied by {significant(whole)}"
    right = f"{name} = {name}"
    mine = shaped(case.mine, case.right.shape)
    length = float(np.linalg.norm(mine.values))
    near = 1e-6 + 2 * float(np.linalg.norm(mine.resolution)) / length
    power = int(np.round(np.log2(abs(whole))))
    clipped = next((v for v in _LENGTHS if abs(length / v - 1) < near), None)
    if power >= _LEAST_SCALE and abs(whole / 2.0**power - 1) < near:
        said = f"It is multiplied by {2**power}, a power of 2: the loss scale is still in it"
        return Cause("loss_scale", said, "scaler.step(optimizer)", "scaler.unscale_(optimizer)")
    if whole > 0 and clipped is not None:
        said += f", so that its length is {number(clipped)}: it was clipped or divided by its norm"
        line = f"{name} *= {clipped:g} / np.linalg.norm({name})"
        return Cause("clipped_norm", said, line, right)
    if -1 < whole < 0:
        said += (
            f": this is the step of a descent with a learning rate of {significant(-whole)}, not "
            "the gradient"
        )
    return Cause("factor", said, f"{name} = {whole:.6g} * {name}", right)


def _shares(mine: Array, right: Array, axis: int) -> Array:
    """By how much each column, or each row, was multiplied; 1 where the right one is 0."""
    square = np.square(right).sum(axis=axis, keepdims=True)
    shares: Array = np.divide(
        (mine * right).sum(axis=axis, keepdims=True),
        square,
        out=np.ones(square.shape),
        where=square > 0,
    )
    return shares


def _alike(values: Array) -> bool:
    """Are they as good as one number?"""
    return values.size > 1 and bool(np.ptp(values) <= 1e-3 * np.abs(values).max())


def _each_neuron(case: Case, mine: Array) -> Iterator[Cause]:
    right, name = case.right, case.term
    each = _shares(mine, right, 0)[0]
    if not each.all() or _alike(each) or not case.fits(each * right, SOLVED):
        return
    size = np.linalg.norm(right, axis=0)
    off = 4 * case.room.max(axis=0) / np.where(size > 0, size, np.inf)
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


def _each_sample(case: Case, mine: Array) -> Iterator[Cause]:
    right, name = case.right, case.term
    each = _shares(mine, right, 1)
    if not case.fits(each * right, SOLVED) or not says_more(case, np.roll(each, 1) * right):
        return
    if np.isin(each, (0.0, 1.0)).all() or _alike(each):
        return  # some of them are cut out, or it is one number for all
    told = ", ".join(significant(float(c)) for c in each[:6, 0]) + (" …" if len(each) > 6 else "")
    alike = _alike(np.linalg.norm(mine, axis=1))
    why = "each is divided by its own length" if alike else "weighed or masked sample by sample"
    yield Cause(
        "factor_sample",
        f"Each sample is multiplied by a number of its own, {told}: {why}",
        f"{name} = {name} * weight_of_sample[:, None]",
        f"{name} = {name}",
    )


def stepped(case: Case) -> Iterator[Cause]:
    """A parameter that was updated before it was used: γ, or W on the way to ∂L/∂a."""
    mine, right, t = shaped(case.mine, case.right.shape), case.right, case.t
    if mine.values.shape != right.shape or not right.any():
        return
    gamma, word = t.scenario.gamma, ("γ", "gamma")
    if case.term == "da" and t.dweight is not None:
        way, word = t.dx @ t.dweight.T, ("W", "weight")
    elif case.term in ("dx", "dx_hat", "dweight") and gamma.all() and gamma.size > 1:
        way = right * t.dgamma / gamma
    else:
        return
    square = float(np.square(way).sum())
    rate = -float(((mine.values - right) * way).sum()) / square if square else 0.0
    if rate <= 0 or not case.fits(right - rate * way, SOLVED):
        return
    if case.fits(right - 1.3 * rate * way):
        return
    yield Cause(
        "stepped",
        f"{word[0]} was updated before it was used here: by a step with a learning rate of "
        f"{significant(rate)}",
        f"{word[1]} -= {rate:.3g} * d{word[1]}; {case.term} = …",
        f"{case.term} = …; {word[1]} -= {rate:.3g} * d{word[1]}",
    )
