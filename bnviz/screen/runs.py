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
KEPT = 12  # runs


@dataclass
class Kept:
    """A run that people look at, and the picture of it; one of them trains it at a time."""

    drawn: draw.Drawn
    lock: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(show_spinner=False)
def _runs() -> tuple[OrderedDict[Settings, Kept], threading.Lock, threading.Lock]:
    """The runs of this server, the latest last: the same settings are the same numbers for all.

    With the lock of the table, and one that lets one session train at a time.
    """
    return OrderedDict(), threading.Lock(), threading.Lock()


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
        turn = _runs()[2]
        if run.steps < goal and turn.acquire(timeout=_SLICE):
            until = time.perf_counter() + _SLICE
            try:
                while run.steps < goal and not run.done and time.perf_counter() < until:
                    run.one_step()
                    kept.drawn.catch_up()
            finally:
                turn.release()
        kept.drawn.catch_up()
