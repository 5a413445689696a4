"""How far a story has got: which columns, which sums and which stretch of the river are shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from bnviz.core.columns import GROUPS

COLUMNS = frozenset(name for _, names in GROUPS for name in names)
# The river: its lanes, what is inside of the norm, the Σ lane, and the piles of weight and bias.
LANES, NORM, SUM, WEIGHT, BIAS = RIVER = ("lanes", "norm", "sum", "weight", "bias")


@dataclass(frozen=True)
class Reach:
    """Columns of the ledger, those whose sum is shown, and parts of the river."""

    terms: frozenset[str] = COLUMNS
    totals: frozenset[str] = COLUMNS
    river: frozenset[str] = frozenset(RIVER)

    def without(self, hide: Collection[str]) -> Reach:
        """What is left where a link leaves out "sums", "dW" or both."""
        found = self
        if "sums" in hide:
            found = replace(found, totals=frozenset(), river=found.river - {SUM, WEIGHT, BIAS})
        if "dW" in hide:
            gone = {"dweight"}
            found = replace(
                found,
                terms=found.terms - gone,
                totals=found.totals - gone,
                river=found.river - {WEIGHT},
            )
        return found

    def add(self, terms: Collection[str] = (), totals: Collection[str] = (), *river: str) -> Reach:
        """So much further."""
        return Reach(
            self.terms.union(terms, totals), self.totals.union(totals), self.river.union(river)
        )


NOTHING = Reach(frozenset(), frozenset(), frozenset())
ALL = Reach()
