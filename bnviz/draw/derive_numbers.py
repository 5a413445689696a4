"""The numbers of one neuron, input and sample, and the formulas and columns that show them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnviz.claims.ledger import blurred
from bnviz.core.arrays import Array
from bnviz.core.columns import Sum, columns
from bnviz.core.identities import Check, identities, rounding
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.words import formula
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import is_exact, number, plain

Json = dict[str, Any]

# Columns that share one scale, so that their bars can be added by eye.
_SHARED = ("dx_direct", "dx_via_var", "dx_via_mean", "dx", "kept", "dropped")
_SIDES = ("left", "right", "difference")


@dataclass
class Numbers:
    """The numbers of one neuron, input and sample, by term."""

    t: Trace
    view: View
    sample: int
    shown: list[int] | None = None  # the samples on the screen, where they must not change
    checks: dict[str, Check] = field(init=False)
    sums: dict[str, Sum] = field(init=False)
    rows: list[int] = field(init=False)
    columns: dict[str, Array] = field(init=False)
    blurred: bool = field(init=False)  # is a ∂L/∂W near 0 lost in rounding?

    def __post_init__(self) -> None:
        found = columns(self.t, self.view)
        self.checks = identities(self.t)
        self.sums = found.sums
        self.blurred = blurred(found)
        self.rows = sorted({*(self.shown or found.rows), self.sample})
        self.columns = found.values | {"deviation": self.t.deviation[:, self.view.neuron]}
        if "dweight" in self.columns:
            self.columns["dweight_per_sample"] = self.columns.pop("dweight")

    @property
    def n(self) -> int:
        """How many samples there are."""
        return int(self.t.x_hat.shape[0])

    def holds(self, name: str) -> bool:
        """Does the identity hold for this neuron?"""
        return bool(self.checks[name].holds[self.view.neuron])

    def one(self, name: str) -> float:
        """The neuron's number, or that of the chosen sample."""
        if name in self.columns:
            return float(self.columns[name][self.sample])
        if name in ("weight", "dweight"):
            source = self.t.scenario if name == "weight" else self.t
            return float(getattr(source, name)[self.view.input, self.view.neuron])
        source = self.t.scenario if name in ("gamma", "beta") else self.t
        return float(getattr(source, name)[self.view.neuron])

    def text(self, name: str) -> str:
        """The same as text."""
        return number(self.one(name))

    def sum_text(self, name: str) -> str:
        """What a column adds up to, 0 where that is all rounding."""
        total = self.sums[name]
        return "0" if total.vanishes else number(total.value, signed=True)

    def formula(self, latex: str, **numbers: float) -> list[Json]:
        """A formula, factor by factor, with its numbers; ≈ between them where one is rounded.

        numbers: those of the parts that are not the chosen sample's own.
        """
        pieces = formula.factors(latex)
        parts = {piece.part for piece in pieces if piece.part and not piece.operator}
        values = {
            part: float(numbers[part] if part in numbers else self.one(part)) for part in parts
        }
        equals = "=" if all(is_exact(number(v), v) for v in values.values()) else "≈"

        def under(piece: formula.Piece) -> str:
            if piece.operator:
                return equals if piece.text == "=" else piece.text
            return number(values[piece.part]) if piece.part else ""

        return [
            {
                "m": piece.mathml,
                "s": piece.text,
                "t": under(piece),
                "k": piece.part,
                "op": piece.operator,
            }
            for piece in pieces
        ]

    def equation(self, name: str, **numbers: float) -> list[Json]:
        """The equation of a term, as it stands in the paper."""
        return self.formula(TERMS[name].marked, **numbers)

    def rule(self, name: str, **numbers: float) -> list[Json]:
        """The equation of a term in terms of others."""
        return self.formula(rf"\term{{{name}}} = {TERMS[name].rule}", **numbers)

    def column(self, name: str, *, total: bool = True, zero: bool = False) -> Json:
        """A term as a column of the little table, with what it adds up to."""
        return self.given(
            rf"\term{{{name}}}", self.columns[name], name, total=total, zero=zero, latex=True
        )

    def given(
        self,
        head: str,
        values: Array,
        key: str = "",
        *,
        total: bool = True,
        zero: bool = False,
        latex: bool = False,
    ) -> Json:
        """The same for any numbers, under words or LaTeX.

        zero: the sum is zero by algebra, and was found to be.
        """
        whole = float(values.sum())
        vanishes = zero or self.vanishes(values, key)
        known = self.sums.get(key)
        zero = zero or (known is not None and known.vanishes and known.by_algebra)
        return {
            "s": formula.text(head) if latex else head,
            "m": formula.mathml(head) if latex else "",
            "k": key,
            "v": [plain(values[i]) for i in self.rows],
            "t": [number(float(values[i]), signed=True) for i in self.rows],
            "total": ("0" if vanishes else number(whole, signed=True)) if total else "",
            "zero": zero and total,
            "scale": "paths" if key in _SHARED else "sides" if key in _SIDES else head,
        }

    def vanishes(self, values: Array, key: str = "") -> bool:
        """Does a column add up to 0, within rounding?"""
        known = self.sums.get({"dweight_per_sample": "dweight"}.get(key, key))
        if known is not None:
            return known.vanishes
        return abs(float(values.sum())) <= rounding(values.size) * float(np.abs(values).sum())

    def verdict(self, name: str) -> Json:
        """An identity of this neuron: does it hold, and what by."""
        check, j = self.checks[name], self.view.neuron
        value, bound = float(check.value[j]), float(check.bound[j])
        return {
            "holds": bool(check.holds[j]),
            "text": f"{check.statement}: {number(value)}, bound {number(bound)}",
        }


def label(after: str, latex: str = "", value: float = 0.0) -> Json:
    """What stands at an edge of the graph: a formula on one line, then words or a number.

    value: what flows there, for the width of the arrow.
    """
    math = formula.mathml(latex, inline=True) if latex else ""
    return {"m": math, "t": after, "v": plain(value)}


def equals(latex: str, value: float) -> Json:
    """A formula and its number, at an edge."""
    return label(f" = {number(value)}", latex, value)
