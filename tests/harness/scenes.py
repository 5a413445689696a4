"""The numbers that sentences are tried on: the presets, drawn ones, and adversarial ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS

_EPS = (0.0, 1e-12, 1e-5, 1e-5, 1e-5, 1e-3, 1.0, 1e6)
_SIZES = (1, 2, 2, 3, 4, 5, 6, 6, 8, 16, 17, 64)


def _table(rng: np.random.Generator, n: int, k: int, kind: str) -> Array:
    unit = rng.normal(size=(n, k))
    tables: dict[str, Array] = {
        "plain": unit,
        "short": np.round(unit, 1),
        "constant": np.broadcast_to(unit[0], (n, k)).copy(),
        "zero": np.zeros((n, k)),
        "one": np.ones((n, k)),
        "pairs": unit[rng.integers(0, max(1, n // 2), n)],
        "sparse": np.where(rng.random((n, k)) < 0.5, 0.0, unit),
        "positive": np.maximum(unit, 0.0),
        "offset": unit + 10.0 ** rng.integers(1, 15),
        "scaled": unit * 10.0 ** rng.integers(-20, 21),
        "mixed": unit * 10.0 ** rng.uniform(-8, 8, (n, k)),
        "tiny": unit * 1e-150,
        "huge": unit * 1e150,
    }
    return tables[kind]


_X = ("plain",) * 6 + ("short", "constant", "pairs", "offset", "scaled", "mixed", "tiny", "huge")
_DY = ("plain",) * 6 + (
    *("short", "constant", "zero", "one", "pairs", "sparse"),
    *("offset", "scaled", "mixed", "tiny", "huge", "along", "near"),
)
_A = ("plain",) * 6 + (
    *("short", "constant", "zero", "one", "pairs", "sparse", "positive"),
    *("offset", "scaled", "mixed", "tiny", "huge"),
)


def adversarial(seed: int) -> Scenario:
    """N 1–64, k 1–2, d 1–3; each table of a kind of its own, γ 0 and negative, ε 0 to 1e6."""
    rng = np.random.default_rng(seed)
    n, k, d = int(rng.choice(_SIZES)), int(rng.integers(1, 3)), int(rng.integers(1, 4))
    x = _table(rng, n, k, str(rng.choice(_X)))
    kind = str(rng.choice(_DY))
    if kind in ("along", "near"):
        dy = x * 1.5 - 0.25 + (rng.normal(size=(n, k)) * 1e-9 if kind == "near" else 0.0)
    else:
        dy = _table(rng, n, k, kind)
    a = _table(rng, n, d, str(rng.choice(_A)))
    gamma = rng.choice([0.0, -1.3, 0.8, 1.0, 1.2, 1e-8, -1e8], k)
    beta = rng.choice([0.0, 0.5, -3.0, 1e6], k)
    eps = float(rng.choice(_EPS))
    if rng.random() < 0.3:
        weight = _table(rng, d, k, str(rng.choice(("plain", "short", "scaled"))))
        return Scenario(None, dy, gamma, beta, eps, a, weight, rng.normal(size=k))
    return Scenario(x, dy, gamma, beta, eps, a)


def drawn(seed: int) -> Scenario:
    """A batch as the app draws one."""
    rng = np.random.default_rng(seed)
    sizes = int(rng.choice(_SIZES)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
    return random_scenario(seed, *sizes, computed=bool(rng.random() < 0.5))


def of_the_lesson(seed: int) -> Scenario:
    """Other numbers in the tables of a preset that the lesson asks about."""
    rng = np.random.default_rng(seed)
    own = PRESETS[str(rng.choice(["puzzle", "shifted", "dead"]))].scenario
    x, dy = (_table(rng, *own.shape, str(rng.choice(kinds))) for kinds in (_X, _DY[:-2]))
    gamma = rng.choice([0.0, -1.3, 0.8, 1.2, 1e-8], 2)
    return own.edit(x=x, dy=dy, gamma=gamma, eps=float(rng.choice(_EPS)))


_PUZZLE = PRESETS["puzzle"].scenario
# Where a sentence stands by a hair, and hardly any seed comes.
CORNERS = {
    # Weights that do learn, and rounding swallows it (as seeds 206 and 7): nothing is asked.
    "far upstream": _PUZZLE.edit(dy=_PUZZLE.dy + 1e14),
    "far inputs": _PUZZLE.edit(a=np.asarray(_PUZZLE.a) + 1e14),
    "no upstream": _PUZZLE.edit(dy=np.ones(_PUZZLE.shape)),
    "alone": PRESETS["constant"].scenario,  # one neuron, which the judge gives no number
    # The first half alone gets a gradient, and no weight learns; the second, and one does.
    "halves": Scenario(
        np.tile([[-1.0], [0.0], [1.0]], (2, 2)),
        np.array([[1.0, -2.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, -2.0, 1.0]]).T,
        eps=0.0,
        a=np.array([[1.0], [1.0], [1.0], [2.0], [3.0], [5.0]]),
    ),
}


def views(s: Scenario) -> Iterator[tuple[int, int]]:
    """Every neuron and input."""
    yield from ((j, p) for j in range(s.shape[1]) for p in range(max(1, s.d)))


def scenes(start: int, count: int) -> Iterator[tuple[str, Scenario]]:
    """All presets, then so many seeds: drawn, of the lesson, and twice as many adversarial."""
    if not start:
        yield from ((name, preset.scenario) for name, preset in PRESETS.items())
    for seed in range(start, start + count):
        made = (drawn, of_the_lesson, adversarial, adversarial)[seed % 4]
        yield f"seed {seed}", made(seed)
