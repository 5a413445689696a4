"""Causes: the three paths of ∂L/∂x, with other coefficients."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bnviz.proof.case import Case, Cause, paths_of, shaped
from bnviz.proof.causes.eps import other_std
from bnviz.proof.paths import Paths, named
from bnviz.words.numbers import significant


def weighed(case: Case) -> Iterator[Cause]:
    """The three paths of ∂L/∂x, with other coefficients, as one would write them."""
    mine = shaped(case.mine, case.right.shape)
    if case.term != "dx" or mine.values.shape != case.right.shape:
        return
    p = paths_of(case)
    n = case.right.shape[0]
    yield from _fewer(p, n)
    names = named(case.t, p)
    if p.exact.all() and None not in names and names != ("1", "1", "1") and n >= 3:
        symbols = ("①", "② via σ²", "③ via μ")
        parts = [
            f"{symbol} is forgotten" if word == "0" else f"{symbol} counts {word} times"
            for symbol, word in zip(symbols, names, strict=True)
            if word != "1"
        ]
        yield Cause(
            "coefficients",
            "; ".join(parts),
            f"dx = ({names[0]}) * direct + ({names[1]}) * via_var + ({names[2]}) * via_mean",
            "dx = direct + via_var + via_mean",
        )
        return
    yield from other_std(case, p)


def reweighed(case: Case) -> Iterator[Cause]:
    """The same with any coefficients."""
    mine = shaped(case.mine, case.right.shape)
    if case.term != "dx" or mine.values.shape != case.right.shape or case.right.shape[0] <= 3:
        return
    p = paths_of(case)
    telling = bool((p.off <= 0.1 * np.maximum(1.0, np.abs(p.coefficients))).all())
    if p.exact.all() and p.unique.all() and telling:
        told = "; ".join(
            f"neuron {j + 1}: " + ", ".join(significant(float(v)) for v in row)
            for j, row in enumerate(p.rounded()[:4])
        )
        yield Cause(
            "coefficients",
            f"It is made of the right three paths, with other coefficients than 1, 1, 1 – {told}",
            "dx = c1 * direct + c2 * via_var + c3 * via_mean",
            "dx = direct + via_var + via_mean",
        )


def _fewer(p: Paths, n: int) -> Iterator[Cause]:
    """The means of the gradient divided by fewer than N: (1, r, r), where r is a part of N."""
    c, off = p.coefficients, p.off
    if not (p.exact.all() and np.isfinite(off).all()):
        return
    r = int(np.round(c[0, 1]))
    if not 2 < r < n or n % r:
        return
    if (np.abs(c - [1, r, r]) <= off + 1e-9 * r).all():
        yield Cause(
            "fewer",
            f"The sums of the gradient are divided by {n // r} and not by N = {n}: images are "
            "counted, it may be, and not their positions",
            f"mean_dx_hat = dx_hat.sum(0) / {n // r}",
            f"mean_dx_hat = dx_hat.sum(0) / {n}",
        )
