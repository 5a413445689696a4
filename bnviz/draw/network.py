"""A run as what is drawn: which steps, the numbers of each layer there, and the words over them."""

from __future__ import annotations

import base64
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bnviz.claims import training as claims
from bnviz.core.arrays import Array
from bnviz.core.network.settings import CHOICES, MOST_STEPS, SWITCHES, Settings
from bnviz.inputs.datasets import NAMES
from bnviz.inputs.networks import PRESETS
from bnviz.study.training import Run, surface
from bnviz.words.numbers import number, significant

# A layer at a step, in this order: doublings of ∂L/∂x over the last layer; of 100 that arrive at
# the activation what it stops, what leaves along 1 and along x̂, what comes back, what is handed
# on; |W| over the longest; turn in degrees; η/|W|² and σ over what they were at first.
CELLS = ("doublings", "stopped", "one", "hat", "back", "handed", "length", "turn", "pace", "sigma")
_LARGE = float(np.finfo(np.float32).max)
FLOOR = -40.0  # doublings: less is drawn as nothing

# Beyond so many steps only every second, then every fourth, is sent: it stays bounded.
_ALL, _SECOND = 400, 800
_SURFACES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 1000, 1500, 2000)


def is_sent(step: int) -> bool:
    """Does the browser get this step?"""
    return step % (1 if step <= _ALL else 2 if step <= _SECOND else 4) == 0


def nearest_sent(step: int, last: int) -> int:
    """The step that is sent at or before this one."""
    step = max(0, min(step, last))
    while not is_sent(step):
        step -= 1
    return step


@dataclass
class Drawn:
    """What has been drawn of a run so far: it only grows."""

    run: Run
    steps: list[int] = field(default_factory=list)
    cells: list[Array] = field(default_factory=list)
    words: list[dict[str, Any]] = field(default_factory=list)
    surfaces: dict[int, str] = field(default_factory=dict)

    def catch_up(self) -> None:
        """Draw the steps that are new."""
        since = self.steps[-1] + 1 if self.steps else 0
        for step in range(since, self.run.steps + 1):
            if is_sent(step):
                self.steps.append(step)
                self.cells.append(_cells(self.run, step))
                self.words.append(_words(self.run, step))
            if step in _SURFACES and self.run.inputs.shape[1] == 2:
                self.surfaces[step] = _bytes(surface(self.run, step))


def _cells(run: Run, step: int) -> Array:
    """(layers, CELLS) of a step, float32."""
    rows, first = run.rows[step], run.rows[0]
    dx, stopped, one, hat, handed, length, turn, sigma, _ = rows
    with np.errstate(divide="ignore", invalid="ignore"):
        doublings = np.where(dx > 0, np.log2(dx / dx[-1]), FLOOR) if dx[-1] > 0 else 0.0 * dx
        since = np.where(first[7] > 0, sigma / first[7], 1.0)
        pace = np.where(length > 0, np.square(first[5] / length), 0.0)
    left = 1.0 - stopped - one - hat
    table = [
        np.maximum(doublings, FLOOR),
        *(100 * v for v in (stopped, one, hat, handed - left, handed)),
        length,
        turn,
        pace,
        since,
    ]
    # On the way to an overflow squares leave float32: then they are as large as it can say.
    said: Array = np.clip(np.column_stack(table), -_LARGE, _LARGE).astype(np.float32)
    return said


def _words(run: Run, step: int) -> dict[str, Any]:
    """What stands in words beside a step."""
    s = run.settings
    told = claims.flow(run, step)
    ratio = float(claims.ratios(run)[step])
    means = claims.means(run, step) if s.depth > 3 else None
    return {
        "claim": told.claim,
        "why": told.why,
        "ratio": claims.times(ratio),
        "last": f"rms ∂L/∂x = {significant(float(run.quantity('dx')[step, -1]))}",
        "loss": number(float(run.losses[step])),
        "right": f"{100 * run.right[step]:.0f} % right",
        "theory": _theory(run) if claims.theory_applies(s, step) else None,
        "ledger": _ledger(means),
        "means": None if means is None else [_signed(v) for v in (means[3], -means[0], -means[1],
                                                                  -means[2])]
        + [claims.whole(float(means[4]))],
    }  # fmt: skip


def _theory(run: Run) -> dict[str, Any]:
    """The line of theory: doublings of each layer from the near one to the last, and its name."""
    doublings = 0.5 * math.log2(claims.THEORY)
    each = claims.times(math.sqrt(claims.THEORY))
    return {
        "doublings": [round(doublings * up, 4) for up in range(run.settings.depth - run.near)][
            ::-1
        ],
        "said": f"line: theory for wide layers, {each} a layer (Yang et al. 2019)",
        "short": f"line: theory, {each} a layer",
    }


def _ledger(means: Array | None) -> str:
    """The title of the row of losses and gains."""
    where = "Where it is lost, where it grows"
    if means is None:
        return where
    where += ", in squares"
    lost = float(means[0] + means[1] + means[2])
    back = claims.whole(abs(float(means[3])))
    if means[3] < 0:
        return f"{where}: of 100 a layer loses {lost:.0f}, and what is left shrinks by {back}"
    return f"{where}: of 100 a layer loses {lost:.0f} and gets back {back}"


def _signed(value: float) -> str:
    if abs(value) >= 1e5:
        return ("+" if value > 0 else "") + claims.whole(value)
    text = f"{value:+.0f}" if abs(value) >= 9.95 else f"{value:+.1f}"
    return "0" if not value else text.replace("-", "−")


def _bytes(values: Array) -> str:
    return base64.b64encode((np.clip(values, 0, 1) * 255).astype(np.uint8).tobytes()).decode()


def still(run: Run) -> dict[str, Any]:
    """What stays as it is for all of a run."""
    s = run.settings
    points = None
    if run.inputs.shape[1] == 2:
        shown = run.inputs[:128] / 1.25
        points = {
            "at": [[round(float(v), 3) for v in p] for p in shown],
            "label": run.labels[:128].tolist(),
        }
    images = None
    if s.data == "digits":
        images = [[round(float(v), 2) for v in p] for p in run.inputs[:16]]
    guess = math.log(run.classes)
    return {
        "depth": s.depth,
        "near": run.near,
        "cells": CELLS,
        "floor": FLOOR,
        "data": NAMES[s.data],
        "points": points,
        "images": images,
        "guess": round(guess, 4),
        "guessing": f"guessing {number(guess)}",
        "stops": {"relu": "the ReLU stops", "tanh": "tanh stops", "none": "no activation"}[
            s.activation
        ],
        "gives": "γ/σ and Wᵀ" if s.norm != "none" else "Wᵀ",
        "normed": s.norm != "none",
        "opens": s.norm in ("batch", "frozen"),
        "rates": [float(v) for v in _rates(run)],
        "most": MOST_STEPS,
    }


def _rates(run: Run) -> Array:
    """η/|W|² of each layer at the start."""
    square = np.square(run.rows[0, 5])
    none = np.zeros_like(square)
    found: Array = np.divide(run.settings.rate, square, out=none, where=square > 0)
    return found


_SHORT: dict[str, dict[Any, str]] = {
    "data": NAMES,
    "activation": {"relu": "ReLU", "tanh": "tanh", "none": "no activation"},
    "norm": {"batch": "batch norm", "none": "no norm", "layer": "layer norm", "frozen": "frozen"},
    "optimiser": {"sgd": "SGD", "momentum": "momentum", "adam": "Adam"},
    "skip": {False: "no skip", True: "skip"},
    "bias": {False: "no bias", True: "bias"},
}
_LADDER: dict[str, tuple[float, ...]] = {
    "depth": (1, 2, 3, 5, 8, 10, 15, 20, 25, 30),
    "width": (2, 4, 8, 16, 32, 64),
    "batch": (2, 4, 8, 16, 32, 64, 128, 256),
    "rate": (0, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
    "decay": (0, 1e-4, 1e-3, 0.01, 0.1),
    "seed": tuple(range(12)),
    "freeze": (0, 1, 5, 20, 50, 100, 150, 200),
}
_ORDER = (
    ("depth", "layers"), ("width", "wide"), ("batch", "batch"), ("activation", ""), ("norm", ""),
    ("freeze", "from step"), ("optimiser", ""), ("rate", "rate"), ("decay", "decay"),
    ("skip", ""), ("bias", ""), ("data", ""), ("seed", "seed"),
)  # fmt: skip
_CALLED = {"activation": "activation", "norm": "norm", "optimiser": "optimiser", "data": "data",
           "skip": "skip connections", "bias": "bias in front of the norm"}  # fmt: skip


def chips(s: Settings) -> list[dict[str, Any]]:
    """Every setting with its choices; the one at hand is among them, whatever it is."""
    found = []
    for name, unit in _ORDER:
        if name == "freeze" and s.norm != "frozen":
            continue
        here = getattr(s, name)
        if name in _LADDER:
            values = sorted({*_LADDER[name], here})
            shown = [f"{v:g}" for v in values]
        else:
            values = [False, True] if name in SWITCHES else list(CHOICES[name])
            shown = [_SHORT[name][v] for v in values]
        found.append(
            {
                "name": name,
                "unit": unit,
                "label": _CALLED.get(name, f"{unit}"),
                "at": values.index(here),
                "shown": shown,
            }
        )
    return found


def chosen(s: Settings, name: str, index: int) -> Any:
    """The value that the chip's entry of this index stands for; KeyError if there is none."""
    here = getattr(s, name)
    values: list[Any] = (
        sorted({*_LADDER[name], here})
        if name in _LADDER
        else [False, True]
        if name in SWITCHES
        else list(CHOICES[name])
    )
    return values[index]


def presets() -> list[dict[str, str]]:
    """The presets by name and title."""
    return [{"name": name, "title": p.title} for name, p in PRESETS.items()]


def fault(run: Run) -> dict[str, Any] | None:
    """Where a number overflowed first, and in words."""
    return None if run.fault is None else asdict(run.fault) | {"said": claims.fault(run)}


def outline(other: Array) -> list[float] | None:
    """Doublings a layer of root mean squares (L,), as the river draws them; none of overflows."""
    if not np.isfinite(other).all():
        return None
    if not other[-1] > 0:
        return [0.0] * len(other)
    with np.errstate(divide="ignore"):
        found = np.where(other > 0, np.log2(other / other[-1]), FLOOR)
    return [round(float(v), 3) for v in np.maximum(found, FLOOR)]


def given(run: Run, step: int, what: str) -> dict[str, Any]:
    """The river at a step with the first directions or lengths of the weights back, both told."""
    p, held = run.at(step)
    size = run.sizes(run.given_back(p, what), held, step)
    _, directions, lengths = claims.given_back(run, step)
    told = {"directions": claims.times(directions), "lengths": claims.times(lengths)}
    return {"what": what, "at": step, "told": told, "doublings": outline(size)}


def payload(
    drawn: Drawn, since: int, *, tells: str, preset: str | None, at: int, **more: Any
) -> tuple[dict[str, Any], bytes]:
    """What goes to the browser, with the steps from the since-th on: words, and a table float32.

    tells: what the headline is about at the step at hand. more: goes along as it is.
    """
    run = drawn.run
    since = since if 0 <= since <= len(drawn.steps) else 0
    told = claims.TELL[tells](run, at)
    data = {
        "still": still(run),
        "chips": chips(run.settings),
        "presets": presets(),
        "preset": preset,
        "since": since,
        "steps": drawn.steps[since:],
        "words": drawn.words[since:],
        "losses": [round(float(run.losses[step]), 4) for step in drawn.steps[since:]],
        "surfaces": drawn.surfaces,
        "headline": {"at": at, "claim": told.claim, "why": told.why},
        "last": run.steps,
        "fault": fault(run),
    } | more
    table = np.stack(drawn.cells[since:]) if drawn.cells[since:] else np.zeros(0, np.float32)
    return data, table.astype("<f4").tobytes()
