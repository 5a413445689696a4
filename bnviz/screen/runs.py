"""The runs of this server: a session trains a slice at a time, and none waits long for another."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

import streamlit as st

from bnviz.core.network.settings import Settings
from bnviz.draw import network as draw
from bnviz.inputs.datasets import dataset
from bnviz.study.training import Run

_SLICE = 0.06  # seconds of training an answer; then others have their turn
# Seconds that an answer waits for its turn: one without a step costs as much as half a turn.
_PATIENCE = 0.5
KEPT = 12  # runs


@dataclass(eq=False)
class Kept:
    """A run that people look at, and the picture of it; one of them trains it at a time.

    served: when it was trained last.
    """

    drawn: draw.Drawn
    lock: threading.Lock = field(default_factory=threading.Lock)
    served: float = 0.0


class Turns:
    """Lets one run train at a time; of those that wait, the one whose last turn is longest ago.

    Who ends a turn wakes the next, and nobody else: thirty that wake to look cost more than one
    that trains.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Kept, threading.Event]] = []
        self._free = True

    def take(self, kept: Kept, patience: float) -> bool:
        """Wait for the turn of a run, but not for ever; is it its turn?"""
        mine = threading.Event()
        with self._lock:
            if self._free:
                self._free = False
                return True
            self._waiting.append((kept, mine))
        if mine.wait(patience):
            return True
        with self._lock:
            if mine.is_set():  # just now
                return True
            self._waiting.remove((kept, mine))
            return False

    def end(self, kept: Kept) -> None:
        """Leave it to the others."""
        with self._lock:
            kept.served = time.monotonic()
            self._free = not self._waiting
            if self._waiting:
                following = min(self._waiting, key=lambda waiting: waiting[0].served)
                self._waiting.remove(following)
                following[1].set()


@st.cache_resource(show_spinner=False)
def _runs() -> tuple[OrderedDict[Settings, Kept], threading.Lock, Turns]:
    """The runs of this server, the latest last: the same settings are the same numbers for all.

    With the lock of the table, and the turns in which they are trained.
    """
    return OrderedDict(), threading.Lock(), Turns()


def kept_run(s: Settings) -> Kept:
    """The run of these settings, of this server or a new one."""
    runs, table, _ = _runs()
    with table:
        if s not in runs:
            runs[s] = Kept(draw.Drawn(Run(s, *dataset(s.data, s.seed, s.width))))
            while len(runs) > KEPT:
                runs.popitem(last=False)
        runs.move_to_end(s)
        return runs[s]


def train(kept: Kept, goal: int) -> None:
    """Go towards a step, for a slice of time; the first step at once."""
    run = kept.drawn.run
    with kept.lock:
        if run.steps < 0:
            run.train(0)
        turns = _runs()[2]
        if run.steps < goal and turns.take(kept, _PATIENCE):
            until = time.perf_counter() + _SLICE
            try:
                while run.steps < goal and not run.done and time.perf_counter() < until:
                    run.one_step()
                    kept.drawn.catch_up()
            finally:
                turns.end(kept)
        kept.drawn.catch_up()
