"""Training beside others: the same run for all, a slice at a time, and it comes to its end."""

from __future__ import annotations

import threading
import time

import numpy as np

import bnviz
from bnviz.core.network.settings import Settings
from bnviz.screen import runs


def test_sessions_that_train_at_once_all_arrive_with_their_own_numbers() -> None:
    chosen = [Settings(depth=4, width=6, batch=8, seed=seed) for seed in range(4)] * 2
    most: list[int] = []

    def go(s: Settings) -> None:
        kept = runs.kept_run(s)
        while kept.drawn.run.steps < 60:
            before = kept.drawn.run.steps
            runs.train(kept, 60)
            most.append(kept.drawn.run.steps - before)

    threads = [threading.Thread(target=go, args=(s,)) for s in chosen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for s in chosen:
        kept = runs.kept_run(s)
        alone = bnviz.network(60, depth=4, width=6, batch=8, seed=s.seed)
        np.testing.assert_array_equal(kept.drawn.run.rows, alone.rows)
        assert kept.drawn.steps == list(range(61))


def test_only_the_latest_runs_are_kept() -> None:
    first = runs.kept_run(Settings(depth=1, width=2, seed=1))
    for seed in range(2, 2 + runs.KEPT):
        runs.kept_run(Settings(depth=1, width=2, seed=seed))
    assert runs.kept_run(Settings(depth=1, width=2, seed=1)) is not first


def test_of_those_that_wait_the_one_trains_whose_last_turn_is_longest_ago() -> None:
    turns, order = runs.Turns(), list[float]()
    kept = [
        runs.Kept(runs.kept_run(Settings(depth=1, width=2, seed=seed)).drawn, served=float(served))
        for seed, served in enumerate((3, 1, 2))
    ]
    first = runs.Kept(kept[0].drawn)
    assert turns.take(first, 0)
    assert not turns.take(kept[0], 0.01)

    def wait(one: runs.Kept) -> None:
        served = one.served
        assert turns.take(one, 30)
        order.append(served)
        turns.end(one)

    threads = [threading.Thread(target=wait, args=(one,)) for one in kept]
    for thread in threads:
        thread.start()
    while len(turns._waiting) < 3:
        time.sleep(0.001)
    turns.end(first)
    for thread in threads:
        thread.join(60)
    assert order == [1, 2, 3]
