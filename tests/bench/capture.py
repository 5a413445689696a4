"""What watching costs a step of training: `python -m tests.bench.capture`, with PyTorch.

A network with the 53 norms of ResNet-50 and random images, each way in a process of its own, in
which watched and plain steps take turns. Per row: the fastest of the steps, the middle one of the
ratios to the plain step before each, the most memory of the process, as a multiple of a plain one's
too, and what is on disk afterwards. `--size`, `--batch` and `--steps` make it smaller.
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

WAYS: dict[str, dict[str, Any] | None] = {
    "plain": None,
    "one stage": {"layers": "layer3.*"},
    "one stage, front=False": {"layers": "layer3.*", "front": False},
    "all, rows=4096": {"rows": 4096},
}


def network() -> Any:
    """Bottlenecks as in ResNet-50: a stem of one norm, four stages, 53 norms in all."""
    import torch  # noqa: PLC0415
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

    torch.manual_seed(0)
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


def measure(way: str, size: int, batch: int, steps: int) -> None:
    """In a process of its own, whose peak is then this way's: prints times, memory and disk."""
    import resource  # noqa: PLC0415

    import torch  # noqa: PLC0415

    model = network()
    x = torch.randn(batch, 3, size, size)
    labels = torch.arange(batch) % 1000

    def step() -> None:
        model.zero_grad(set_to_none=True)
        loss: Any = torch.nn.functional.cross_entropy(model(x), labels)
        loss.backward()

    step()  # warm
    given, took, ratios, disk = WAYS[way], [], [], 0
    for _ in range(steps):
        start = time.perf_counter()
        step()
        plain = time.perf_counter() - start
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            if given is None:
                step()
            else:
                with contextlib.redirect_stdout(io.StringIO()), capture(model, folder, **given):
                    step()
            took.append(time.perf_counter() - start)
            ratios.append(took[-1] / plain)
            disk = sum(f.stat().st_size for f in Path(folder).rglob("*.npz"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(min(took), statistics.median(ratios), peak, disk)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--way", choices=WAYS)
    given = parser.parse_args()
    if given.way:
        measure(given.way, given.size, given.batch, given.steps)
        return
    print("| watched | step | to plain | memory at its peak | to plain | on disk |")
    print("| --- | --- | --- | --- | --- | --- |")
    plain = 0.0
    for way in WAYS:
        options = [f"--{name}={getattr(given, name)}" for name in ("size", "batch", "steps")]
        command = [sys.executable, "-m", "tests.bench.capture", f"--way={way}", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        took, ratio, peak, disk = map(float, done.stdout.split())
        plain = plain or peak
        print(
            f"| {way} | {took:.1f} s | {ratio:.2f} × | {peak / 2**30:.2f} GiB | "
            f"{peak / plain:.2f} × | {disk / 2**20:.0f} MiB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
