"""What watching costs a step of training: `python -m tests.bench.capture`, with PyTorch.

Two networks: one with the 53 norms of ResNet-50 on random images, and a small convolutional one
with four norms, batch 64. Each way in a process of its own, in which watched and plain steps take
turns. Per row: the fastest of the steps, the middle one of the ratios to the plain step before
each, of the time and of the processor's (which a busy machine disturbs less), the most memory of
the process, as a multiple of a plain one's too, and what is on disk afterwards. One
thread, unless `--threads` says more: what is written is written by one. `--size`, `--batch` and
`--steps` make it smaller, `--network` leaves one out.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bnviz.captures import capture

Ways = dict[str, dict[str, Any] | None]
WAYS: dict[str, Ways] = {
    "resnet": {
        "plain": None,
        "one stage": {"layers": "layer3.*"},
        "one stage, front=False": {"layers": "layer3.*", "front": False},
        "all, rows=4096": {"rows": 4096},
    },
    "small": {
        "plain": None,
        "all": {},
        "all, front=False": {"front": False},
        "all, rows=4096": {"rows": 4096},
        "the first": {"layers": "1"},
    },
}


def small() -> Any:
    """Four convolutions, each with a norm, for images of 32²."""
    from torch import nn  # noqa: PLC0415

    parts: list[Any] = []
    into = 3
    for out in (16, 32, 64, 64):
        parts += [nn.Conv2d(into, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)]
        parts += [nn.ReLU(inplace=True)] + [nn.MaxPool2d(2)] * (into > 3)
        into = out
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(into * 16, 1000))


def resnet() -> Any:
    """Bottlenecks as in ResNet-50: a stem of one norm, four stages, 53 norms in all."""
    from torch import nn  # noqa: PLC0415

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, into: int, width: int, stride: int) -> None:
            super().__init__()
            out = 4 * width
            self.conv1, self.bn1 = nn.Conv2d(into, width, 1, bias=False), nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3, self.bn3 = nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)
            self.relu = nn.ReLU(inplace=True)
            self.down = None
            if stride > 1 or into != out:
                self.down = nn.Sequential(
                    nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out)
                )

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
            y += x if self.down is None else self.down(x)
            return self.relu(y)

    model = nn.Sequential()
    model.add_module("conv1", nn.Conv2d(3, 64, 7, 2, 3, bias=False))
    model.add_module("bn1", nn.BatchNorm2d(64))
    model.add_module("relu", nn.ReLU(inplace=True))
    model.add_module("pool", nn.MaxPool2d(3, 2, 1))
    into = 64
    for stage, (depth, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True), 1):
        blocks = []
        for index in range(depth):
            blocks.append(Block(into, width, 2 if index == 0 and stage > 1 else 1))
            into = 4 * width
        model.add_module(f"layer{stage}", nn.Sequential(*blocks))
    model.add_module("mean", nn.AdaptiveAvgPool2d(1))
    model.add_module("flat", nn.Flatten())
    model.add_module("last", nn.Linear(into, 1000))
    return model


def measure(which: str, way: str, size: int, batch: int, steps: int, threads: int) -> None:
    """In a process of its own, whose peak is then this way's: prints times, memory and disk."""
    import resource  # noqa: PLC0415

    import torch  # noqa: PLC0415

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = {"resnet": resnet, "small": small}[which]()
    x = torch.randn(batch, 3, size, size)
    labels = torch.arange(batch) % 1000

    def step() -> None:
        model.zero_grad(set_to_none=True)
        loss: Any = torch.nn.functional.cross_entropy(model(x), labels)
        loss.backward()

    def timed(act: Any) -> tuple[float, float]:
        start, worked = time.perf_counter(), time.process_time()
        act()
        return time.perf_counter() - start, time.process_time() - worked

    step()  # warm
    given, took, ratios, worked, disk = WAYS[which][way], [], [], [], 0
    for _ in range(steps):
        plain = timed(step)
        with tempfile.TemporaryDirectory() as folder:

            def watched(folder: str = folder) -> None:
                if given is None:
                    return step()
                with contextlib.redirect_stdout(io.StringIO()), capture(model, folder, **given):
                    return step()

            there = timed(watched)
            took.append(there[0])
            ratios.append(there[0] / plain[0])
            worked.append(there[1] / plain[1])
            disk = sum(f.stat().st_size for f in Path(folder).rglob("*.npz"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(min(took), statistics.median(ratios), statistics.median(worked), peak, disk)


def table(which: str, size: int, batch: int, steps: int, threads: int) -> None:
    """Measure one network, and print its rows."""
    print(f"\n{which}, batch {batch}, {size}², {threads} threads\n")
    print("| watched | step | to plain | CPU to plain | memory at its peak | to plain | on disk |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    first = 0.0
    told = {"size": size, "batch": batch, "steps": steps, "threads": threads, "network": which}
    for way in WAYS[which]:
        options = [f"--{name}={value}" for name, value in told.items()]
        command = [sys.executable, "-m", "tests.bench.capture", f"--way={way}", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        took, ratio, worked, peak, disk = map(float, done.stdout.split())
        first = first or peak
        print(
            f"| {way} | {took:.2f} s | {ratio:.2f} × | {worked:.2f} × | {peak / 2**30:.2f} GiB | "
            f"{peak / first:.2f} × | {disk / 2**20:.0f} MiB |",
            flush=True,
        )


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--network", choices=WAYS)
    parser.add_argument("--way")
    given = parser.parse_args()
    usual = {"resnet": (224, 32, 3), "small": (32, 64, 15)}
    for which in [given.network] if given.network else WAYS:
        asked = (given.size, given.batch, given.steps)
        size, batch, steps = (a or u for a, u in zip(asked, usual[which], strict=True))
        if given.way:
            measure(which, given.way, size, batch, steps, given.threads)
        else:
            table(which, size, batch, steps, given.threads)


if __name__ == "__main__":
    main()
