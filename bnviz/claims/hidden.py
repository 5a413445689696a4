"""What right numbers can’t show: the faults that would have passed, and where they would not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.batches import random_scenario
from bnviz.proof.faults import FAULTS, wrongs
from bnviz.proof.rounding import sizes
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS

_PLAIN = 1e-3  # a fault shows where it moves an entry by such a share of what is added up
_SEEDS = range(1, 9)


def telling(
    s: Scenario, term: str, names: Sequence[str]
) -> tuple[Scenario | None, tuple[str, ...]]:
    """A drawn batch of about this size on which most of these faults show, and those that do.

    Each is tried on the numbers of that batch. None where no batch shows any.
    """
    best: Scenario | None = None
    shown: tuple[str, ...] = ()
    n, k, d = max(6, s.shape[0]), max(2, s.shape[1]), max(2, s.d)
    for seed in _SEEDS:
        drawn = random_scenario(seed, n, k, d, computed=s.computed)
        # A mean other than 0, and an ε that can be seen.
        drawn = drawn.edit(eps=0.05) if s.computed else drawn.edit(x=drawn.x + 0.7, eps=0.05)
        t = run(drawn)
        right = np.asarray(getattr(t, term))
        size = float(sizes(t)[term].max())  # ∂L/∂b is 0: measured by what was added up
        told = {
            wrong.name
            for wrong in wrongs(t, term)
            if wrong.value.shape != right.shape
            or float(np.abs(wrong.value - right).max()) > _PLAIN * size
        }
        here = tuple(name for name in names if name in told)
        if len(here) > len(shown):
            best, shown = drawn, here
        if len(shown) == len(names):
            break
    return best, shown


def _titles(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield FAULTS[name].title


def cannot_show(term: str, names: Sequence[str], most: int = 4) -> Claim | None:
    """Which known faults would have given the same numbers; None where none would."""
    if not names:
        return None
    symbol = TERMS[term].symbol
    count = len(names)
    listed = "; ".join(f"“{title}”" for title in _titles(names[:most]))
    rest = f", and {count - most} more" if count > most else ""
    faults = "known mistake" if count == 1 else "known mistakes"
    return Claim(
        f"These numbers can’t show everything: {count} {faults} would have passed as well.",
        f"The same {symbol} would have come from {listed}{rest}.",
        holds=False,
    )


def all_titles(names: Sequence[str]) -> str:
    """All of them, as a list."""
    return "\n".join(f"- {title}" for title in _titles(names))
