"""Batches as Hypothesis draws them: of all sizes, kinds and magnitudes."""

import numpy as np
from hypothesis import strategies as st

from bnviz.core.arrays import Array
from tests.kinds import Arguments

seeds = st.integers(0, 2**32 - 1)
magnitudes = st.floats(-6, 6)
epsilons = st.sampled_from([0.0, 1e-12, 1e-5, 1e-3, 1.0, 1e6])


def column(rng: np.random.Generator, n: int, kind: str, magnitude: float) -> Array:
    """n numbers of the given kind, none larger than about 1e6."""
    unit = rng.normal(size=n)
    scaled = unit * 10**magnitude
    kinds: dict[str, Array] = {
        "plain": scaled,
        "mixed": np.sign(unit) * 10 ** rng.uniform(-6, 6, n),
        "offset": scaled / 10**6 + 10**magnitude,
        "constant": np.full(n, scaled[0]),
        "two values": np.where(unit > 0, scaled[0], -scaled[-1]),
        "one outlier": np.where(np.arange(n) == n // 2, 10**magnitude, scaled * 1e-6),
        "zeros": np.where(unit > 0, scaled, 0.0),
    }
    return kinds[kind]


KINDS = ["plain", "mixed", "offset", "constant", "two values", "one outlier", "zeros"]


@st.composite
def tables(draw: st.DrawFn, n: int, k: int, kinds: list[str] = KINDS) -> Array:
    """An (n, k) array in which every column has a kind and a magnitude of its own."""
    rng = np.random.default_rng(draw(seeds))
    drawn = [(draw(st.sampled_from(kinds)), draw(magnitudes)) for _ in range(k)]
    return np.column_stack([column(rng, n, kind, magnitude) for kind, magnitude in drawn])


@st.composite
def batches(draw: st.DrawFn) -> Arguments:
    """The arguments of `trace`: from 1 × 1 to 64 × 8."""
    n, k = draw(st.integers(1, 64)), draw(st.integers(1, 8))
    return {
        "x": draw(tables(n, k)),
        "dy": draw(tables(n, k)),
        "gamma": draw(tables(1, k))[0],
        "beta": draw(tables(1, k))[0],
        "eps": draw(epsilons),
    }


@st.composite
def layers(draw: st.DrawFn) -> Arguments:
    """A batch that comes out of a layer x = aW + b."""
    batch = draw(batches())
    n, k = batch["x"].shape
    d = draw(st.integers(1, 5))
    return batch | {
        "x": None,
        "a": draw(tables(n, d)),
        "weight": draw(tables(d, k)),
        "bias": draw(tables(1, k))[0],
    }
