# ruff: noqa: E402  # threads are set before NumPy is loaded
"""How fast the core is, as ratios measured in one run: `[THREADS=2] python -m tests.bench.core`.

`bnviz.gradients` on float32 batches beside a copy of its two tables, beside the six
equations staged one after another in NumPy, and beside PyTorch's forward and backward on
the CPU where PyTorch is installed; all take turns, and all may use that many threads (one,
where THREADS is not set).
"""

from __future__ import annotations

import os

THREADS = int(os.environ.get("THREADS", "1"))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(THREADS)  # before NumPy reads them

import importlib.util
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

import bnviz

SIZES = (65_536, 262_144, 1_000_000)
NEURONS = 64


def medians(works: Mapping[str, Callable[[], object]], times: int) -> dict[str, float]:
    """The median seconds of each, in turns, so that a slow minute is slow for all of them."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(times):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            found[name].append(time.perf_counter() - start)
    return {name: statistics.median(runs) for name, runs in found.items()}


def staged(x: np.ndarray, dy: np.ndarray, gamma: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """The six equations as a student writes them, in the dtype of x."""
    n = len(x)
    mean, var = x.mean(axis=0), x.var(axis=0)
    inv_std = 1 / np.sqrt(var + eps)
    away = x - mean
    dx_hat = dy * gamma
    dvar = (dx_hat * away).sum(axis=0) * -0.5 * inv_std**3
    dmean = -(dx_hat * inv_std).sum(axis=0) + dvar * (-2 * away).sum(axis=0) / n
    dx: np.ndarray = dx_hat * inv_std + dvar * 2 * away / n + dmean / n
    return dx


def copied(x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What reading and writing both tables takes."""
    return x.copy(), dy.copy()


def with_torch(x: np.ndarray, dy: np.ndarray) -> Callable[[], object] | None:
    """PyTorch's forward and backward on the same numbers; None where it isn't installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch  # noqa: PLC0415

    torch.set_num_threads(THREADS)
    upstream = torch.from_numpy(dy)

    def work() -> object:
        leaf = torch.from_numpy(x).requires_grad_()
        weight = torch.ones(x.shape[1], requires_grad=True)
        bias = torch.zeros(x.shape[1], requires_grad=True)
        y = torch.nn.functional.batch_norm(leaf, None, None, weight, bias, training=True)
        torch.autograd.backward(y, upstream)
        return leaf.grad

    return work


def main() -> None:
    """Measure and print the table."""
    rng = np.random.default_rng(0)
    print("| rows × 64, float32 | gradients | to copying | to staged | to PyTorch | a row |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n in SIZES:
        x = rng.normal(size=(n, NEURONS)).astype(np.float32)
        dy = rng.normal(size=(n, NEURONS)).astype(np.float32)
        gamma = np.ones(NEURONS, np.float32)
        works: dict[str, Callable[[], object]] = {
            "ours": partial(bnviz.gradients, x, dy, gamma),
            "copied": partial(copied, x, dy),
            "staged": partial(staged, x, dy, gamma),
        }
        if (other := with_torch(x, dy)) is not None:
            works["torch"] = other
        took = medians(works, 41 if n < 10**5 else 7)
        ours = took["ours"]
        theirs = f"{ours / took['torch']:.2f} ×" if "torch" in took else "not installed"
        print(
            f"| {n:,} | {ours * 1e3:.0f} ms | {ours / took['copied']:.1f} × | "
            f"{ours / took['staged']:.2f} × | {theirs} | {ours / n * 1e9:.0f} ns |"
        )


if __name__ == "__main__":
    main()
