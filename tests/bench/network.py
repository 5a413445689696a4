# ruff: noqa: E402  # threads are set before NumPy is loaded
"""A step of a network beside PyTorch's: `[THREADS=2] python -m tests.bench.network`.

10 layers of 32, batch 64, SGD, with every term kept and measured that the picture needs, beside
forward, backward and step of the same network in PyTorch on the CPU in float64 and in float32;
all take turns, and all may use that many threads (one, where THREADS is not set). Then the
memory of a run of 2,000 steps, and its way back to a step in its middle. Then 30 sessions that
train at once, each the deep network of another seed, as the page lets them: how many steps all
of them make, how long one answer takes, and what a session beside them waits for a drag's numbers.
"""

from __future__ import annotations

import os

THREADS = int(os.environ.get("THREADS", "1"))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(THREADS)  # before NumPy reads them

import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from bnviz.core.network.settings import MOST_STEPS, Settings
from bnviz.core.trace import run as trace
from bnviz.inputs.datasets import dataset
from bnviz.inputs.presets import PRESETS
from bnviz.screen import runs
from bnviz.study.training import Run
from tests.bench.core import medians

CHOSEN = {"depth": 10, "width": 32, "batch": 64}
AT_A_TIME = 10


def run_of(**chosen: Any) -> Run:
    """A run of these settings."""
    s = Settings(**chosen)
    return Run(s, *dataset(s.data, s.seed, s.width))


def own() -> Callable[[], object]:
    """So many steps at a time; from the start again before they run out."""
    here = [run_of(**CHOSEN)]

    def work() -> None:
        if here[0].steps > 1000:
            here[0] = run_of(**CHOSEN)
        here[0].train(here[0].steps + AT_A_TIME)

    return work


def with_torch(dtype_name: str) -> Callable[[], object]:
    """The same network, trained by PyTorch."""
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    torch.set_num_threads(THREADS)
    dtype, width = getattr(torch, dtype_name), CHOSEN["width"]
    parts: list[Any] = []
    for layer in range(CHOSEN["depth"]):
        parts += [
            nn.Linear(width if layer else 2, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        ]
    model: Any = nn.Sequential(*parts, nn.Linear(width, 2)).to(dtype)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, labels = (torch.from_numpy(v) for v in run_of(**CHOSEN).batch(0))
    inputs, loss_of = inputs.to(dtype), nn.CrossEntropyLoss()

    def work() -> None:
        for _ in range(AT_A_TIME):
            optimiser.zero_grad()
            loss_of(model(inputs), labels).backward()
            optimiser.step()

    return work


def beside(sessions: int = 30, seconds: float = 10.0) -> None:
    """So many sessions train, and one more drags."""
    made = [0] * sessions
    answers: list[float] = []

    def trains(seed: int) -> None:
        kept = runs.kept_run(Settings(seed=seed))
        while time.perf_counter() < end:
            since, before = time.perf_counter(), kept.drawn.run.steps
            runs.train(kept, MOST_STEPS)
            answers.append(time.perf_counter() - since)
            made[seed] += kept.drawn.run.steps - before

    def drags() -> list[float]:
        found, s = [], PRESETS["puzzle"].scenario
        while time.perf_counter() < end:
            since = time.perf_counter()
            trace(s)
            found.append(time.perf_counter() - since)
            time.sleep(0.03)
        return sorted(found)

    end = time.perf_counter() + 2
    quiet, end = drags(), time.perf_counter() + seconds
    threads = [threading.Thread(target=trains, args=(seed,)) for seed in range(sessions)]
    for thread in threads:
        thread.start()
    busy = drags()
    for thread in threads:
        thread.join()
    answers.sort()
    took = [1000 * found[len(found) * 19 // 20] for found in (answers, quiet, busy)]
    print(
        f"{sessions} sessions: {sum(made) / seconds:.0f} steps a second, {min(made)} to {max(made)}"
    )
    print(f"p95 of an answer {took[0]:.0f} ms; of a drag's trace {took[1]:.1f} ms alone, "
          f"{took[2]:.1f} ms beside them")  # fmt: skip


def main() -> None:
    """Measure, and print a table."""
    works = {"bnviz, all terms": own()}
    works |= {f"PyTorch, {d}": with_torch(d) for d in ("float64", "float32")}
    found = medians(works, 60)
    base = found["PyTorch, float32"]
    print(f"{THREADS} threads\n| a step | ms | to PyTorch, float32 |\n| --- | --- | --- |")
    for name, seconds in found.items():
        print(f"| {name} | {1000 * seconds / AT_A_TIME:.2f} | {seconds / base:.2f} × |")
    tracemalloc.start()
    run = run_of(**CHOSEN).train(2000)
    kept, peak = (size / 2**20 for size in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    print(f"2,000 steps: {kept:.0f} MiB kept, {peak:.0f} MiB at the peak")
    start = time.perf_counter()
    run.at(1015)
    print(f"back to step 1015: {time.perf_counter() - start:.2f} s")
    beside()


if __name__ == "__main__":
    main()
