"""Causes: another ε, solved for, throughout or in one place; or another variance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.trace import run
from bnviz.proof.case import SOLVED, Case, Cause, says_more, shaped
from bnviz.proof.faults import LINE
from bnviz.proof.paths import Paths
from bnviz.words.numbers import significant

_KNOWN_EPS = {1e-3: ", Keras’s default", 1e-5: ", PyTorch’s default"}


def eps(case: Case) -> Iterator[Cause]:
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
    if abs(value - s.eps) <= 1e-6 * s.eps or not case.fits(with_eps(found), SOLVED):
        return
    # With one or two numbers to go by, ε must be known to a hundredth.
    if not says_more(case, with_eps(found + (0.3 if mine.values.size > 2 else 0.004))):
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
    yield Cause("eps", _as_if(value, s.eps), f"eps = {value:.3g}", f"eps = {s.eps:.3g}")


def _nice(value: float) -> float | None:
    """The round number nearby, if there is one."""
    round_ = (float(f"{m}e{p}") for p in range(-12, 2) for m in (1, 2, 5))
    return next((e for e in round_ if abs(value / e - 1) < 0.02), None)


def _as_if(value: float, right: float, where: str = "") -> str:
    known = _KNOWN_EPS.get(value, "")
    return f"It is as if ε were {_as_power(value)}{known}{where}, and not {_as_power(right)}"


def _as_power(value: float) -> str:
    """An ε as one writes it."""
    text = f"{value:.3g}" if 1e-2 <= value < 1e3 else f"{value:.2e}"
    mantissa, _, power = text.partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(power)}".replace("-", "−") if power else mantissa


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


def other_std(case: Case, p: Paths) -> Iterator[Cause]:
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
    # Where paths are parallel the coefficients are open, and the numbers must tell.
    if fixed and (r > 0).all() and (front > 0).all() and case.fits(r * t.dx_direct, 2 * SOLVED):
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
        # Where paths are parallel the coefficients are open, and the numbers must tell.
        made = (parts * expected).sum(axis=2)
        fits = (np.abs(c - expected) <= room).all() and case.fits(made, 2 * SOLVED)
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
            _as_if(value, t.scenario.eps, f", {where}"),
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
