# ruff: noqa: E402  # threads are set before NumPy is loaded
"""A step of a network beside PyTorch's: `[THREADS=2] python -m tests.bench.network`.

10 layers of 32, batch 64, SGD, with every term kept and measured that the picture needs, beside
forward, backward and step of the same network in PyTorch on the CPU in float64 and in float32;
all take turns, and all may use that many threads (one, where THREADS is not set). Then the
memory of a run of 2,000 steps, and its way back to a step in its middle. Then 30 sessions that
train at once, each the deep network of another seed, over the app's own server: how many steps all
of them make, how long one answer takes, and how long one waits who drags on another page.
"""

from __future__ import annotations

import os

THREADS = int(os.environ.get("THREADS", "1"))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(THREADS)  # before NumPy reads them

import asyncio
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from bnviz.core.network.settings import MOST_STEPS, Settings
from bnviz.inputs.datasets import dataset
from bnviz.study.training import Run
from tests.bench.classroom import serving
from tests.bench.core import medians
from tests.bench.session import Session

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


async def beside(count: int = 30, seconds: float = 10.0) -> None:
    """So many sessions train, as browsers do, and one more drags on another page."""
    answers: list[float] = []
    async with serving("full") as server:
        training = [
            Session(server.port, "network", page="network", query=f"net=seed.{seed}")
            for seed in range(count)
        ]
        hand = Session(server.port)
        for session in (hand, *training):
            await session.follow()
        for _ in range(3):
            await hand.drag()
        alone = [took for _ in range(3) for took in await hand.drag()]
        before = [session.drawn["last"] for session in training]
        end = time.perf_counter() + seconds

        async def trains(session: Session) -> None:
            have = 0
            while time.perf_counter() < end:
                answers.append(await session.say({"kind": "goal", "to": MOST_STEPS, "have": have}))
                have = session.drawn["since"] + len(session.drawn["steps"])

        busy: list[float] = []

        async def drags() -> None:
            while time.perf_counter() < end:
                busy.extend(await hand.drag())

        await asyncio.gather(drags(), *map(trains, training))
        made = [s.drawn["last"] - b for s, b in zip(training, before, strict=True)]
    took = [1000 * sorted(found)[len(found) * 19 // 20] for found in (answers, alone, busy)]
    print(f"{count} sessions: {sum(made) / seconds:.0f} steps a second, {min(made)} to {max(made)}")
    print(
        f"p95 of an answer {took[0]:.0f} ms; of taking a number and letting go on another page "
        f"{took[1]:.0f} ms alone, {took[2]:.0f} ms beside them"
    )


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
    asyncio.run(beside())


if __name__ == "__main__":
    main()
