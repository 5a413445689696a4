# ruff: noqa: E402  # threads are set before NumPy is loaded
"""A step of the network beside PyTorch's: `[THREADS=2] python -m tests.bench.network`.

The same network, 10 layers × 32, batch 64, with all terms measured that the picture needs; both
in turns, both with that many threads (one, where THREADS is not set).
"""

from __future__ import annotations

import os

THREADS = int(os.environ.get("THREADS", "1"))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(THREADS)  # before NumPy reads them

import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from bnviz.core.network import Setting, start
from bnviz.inputs.clouds import batch
from bnviz.study.depth import Run
from tests.bench.core import medians

STEPS, TIMES = 20, 15


def theirs(s: Setting) -> Callable[[], None]:
    """STEPS steps of PyTorch's own layers and SGD, float32 as it is used."""
    layers: list[torch.nn.Module] = []
    for d in [2, *[s.width] * (s.depth - 1)]:
        layers += [
            torch.nn.Linear(d, s.width, bias=False),
            torch.nn.BatchNorm1d(s.width),
            torch.nn.ReLU(),
        ]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(s.width, 1))
    optimiser = torch.optim.SGD(model.parameters(), lr=s.rate)

    def go() -> None:
        for number in range(STEPS):
            a, target = batch("spirals", s.seed, number, s.batch)
            answer = model(torch.tensor(a, dtype=torch.float32))[:, 0]
            loss = torch.nn.functional.softplus(-torch.tensor(target) * answer).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    return go


def ours(s: Setting) -> Callable[[], None]:
    """The same here, measures included."""

    def go() -> None:
        Run(s, partial(batch, "spirals", s.seed)).go(STEPS)

    return go


def main() -> None:
    """Measure, and print one table."""
    torch.set_num_threads(THREADS)
    s = Setting(depth=10, width=32, batch=64)
    found = medians({"bnviz": ours(s), "PyTorch": theirs(s)}, TIMES)
    print("| 10 layers × 32, batch 64 | a step | to PyTorch |\n| --- | --- | --- |")
    for name, seconds in found.items():
        ratio = f"{seconds / found['PyTorch']:.2f} ×"
        print(f"| {name} | {1000 * seconds / STEPS:.2f} ms | {ratio} |")
    tracemalloc.start()
    run = Run(Setting(depth=30, width=32, batch=64), partial(batch, "spirals", 0))
    before = tracemalloc.get_traced_memory()[0]
    run.go(100)
    kept = (tracemalloc.get_traced_memory()[0] - before) * 20 / 2**20
    print(f"\nkept of a run of 2,000 steps, 30 layers: {kept:.0f} MB")
    assert np.isfinite(start(s, 2).out).all()


if __name__ == "__main__":
    main()
