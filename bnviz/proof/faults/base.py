"""What a fault is: a change of the right backward pass, in pieces that can be replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.trace import Trace
from bnviz.proof.mistakes import MISTAKES, with_mistake
from bnviz.words.glossary import TERMS

Changes = dict[str, Any]
SIX = TERMS["dx"].numpy
LINE = "dx = inv_std * (dx_hat - dx_hat.mean(0) - x_hat * (dx_hat * x_hat).mean(0))"
X_HAT, DX_HAT, DVAR = (TERMS[term].numpy for term in ("x_hat", "dx_hat", "dvar"))
MOST = 2**22  # numbers that a fault may make of a term


@dataclass(frozen=True)
class Fault:
    """What goes wrong in a sentence, the line of NumPy as it probably stands, and as it should be.

    make: the terms that it changes. What follows from a wrong ∂L/∂x follows by itself.
    """

    title: str
    wrong: str
    right: str
    make: Callable[[Pass], Changes]


class Pass:
    """A backward pass in pieces, any of which can be replaced. Shapes as in `bnviz.Trace`."""

    def __init__(self, t: Trace) -> None:
        s = t.scenario
        self.t, self.s = t, s
        self.n, self.k = s.shape
        self.x, self.dy, self.gamma, self.beta, self.eps = s.x, s.dy, s.gamma, s.beta, s.eps
        self.g, self.x_hat, self.y = t.dx_hat, t.x_hat, t.y
        self.dev, self.inv, self.var = t.deviation, t.inv_std, t.var
        self.one, self.two, self.three = t.dx_direct, t.dx_via_var, t.dx_via_mean

    def paths(self, direct: Any = 1.0, var: Any = 1.0, mean: Any = 1.0) -> Changes:
        """c₁·① + c₂·② + c₃·③."""
        parts = {
            "dx_direct": direct * self.one,
            "dx_via_var": var * self.two,
            "dx_via_mean": mean * self.three,
        }
        return {"dx": sum(parts.values())} | parts

    def line(
        self,
        *,
        g: Array | None = None,
        outer: Array | None = None,
        inner: Array | None = None,
        inv: Array | None = None,
        mean: Callable[[Array], Array] | None = None,
    ) -> Changes:
        """The one-line form with pieces of it replaced; outer and inner stand for x̂."""
        g = self.g if g is None else g
        outer = self.x_hat if outer is None else outer
        inner = outer if inner is None else inner
        inv = self.inv if inv is None else inv
        mean = (lambda v: v.mean(axis=0)) if mean is None else mean
        return {"dx": inv * (g - mean(g) - outer * mean(g * inner))}

    def normalised(self, inv: Array, about: Array | float = 0.0) -> Changes:
        """All with another 1/σ, in x̂ as well, and about another mean."""
        dev = self.dev if np.ndim(about) == 0 else self.x - about
        x_hat = dev * inv
        return {"dgamma": (self.dy * x_hat).sum(axis=0)} | self.line(outer=x_hat, inv=inv)


def own(name: str, also: Callable[[Pass], Changes] = lambda p: {}) -> Fault:
    """One of the classic mistakes; also: what it does where it was made in the forward pass too."""
    m = MISTAKES[name]

    def make(p: Pass) -> Changes:
        if name == "not_added" and p.x.size * max(p.s.d, 1) > MOST:
            return {}
        wrong = with_mistake(p.t, name)
        terms = ("dx", "dvar", "dmean", "dgamma", "dbeta", "dweight")
        return {
            term: made
            for term in terms
            if (made := getattr(wrong, term)) is not getattr(p.t, term) and made is not None
        } | also(p)

    return Fault(m.title, m.wrong, m.right, make)


def path(title: str, wrong: str, direct: Any, var: Any, mean: Any, right: str = SIX) -> Fault:
    def make(p: Pass) -> Changes:
        weigh = [c(p) if callable(c) else c for c in (direct, var, mean)]
        return p.paths(*weigh)

    return Fault(title, wrong, right, make)


def by_n(p: Pass) -> float:
    return float(p.n)


def one_by_n(p: Pass) -> float:
    return 1.0 / p.n
