# ruff: noqa: E402  # threads are set before NumPy is loaded
"""How fast the core is, as ratios measured in one run: `python -m tests.bench.core`.

`bnviz.gradients` on float32 batches beside a copy of its two tables, beside the six
equations staged one after another in NumPy, and beside PyTorch's forward and backward on
the CPU where PyTorch is installed; all with one thread.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy reads them

import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np

import bnviz

SIZES = (65_536, 262_144, 1_000_000)
NEURONS = 64


def seconds(work: Callable[[], object], times: int) -> float:
    """The median of a few runs, after one to warm up."""
    work()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def staged(x: np.ndarray, dy: np.ndarray, gamma: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """The six equations as a student writes them, in the dtype of x."""
    n = len(x)
    mean, var = x.mean(axis=0), x.var(axis=0)
    inv_std = 1 / np.sqrt(var + eps)
    away = x - mean
    dx_hat = dy * gamma
    dvar = (dx_hat * away).sum(axis=0) * -0.5 * inv_std**3
    dmean = -(dx_hat * inv_std).sum(axis=0) + dvar * (-2 * away).sum(axis=0) / n
    return dx_hat * inv_std + dvar * 2 * away / n + dmean / n


def with_torch(x: np.ndarray, dy: np.ndarray) -> Callable[[], object] | None:
    """PyTorch's forward and backward on the same numbers; None where it isn't installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    upstream = torch.from_numpy(dy)

    def work() -> object:
        leaf = torch.from_numpy(x).requires_grad_()
        weight = torch.ones(x.shape[1], requires_grad=True)
        bias = torch.zeros(x.shape[1], requires_grad=True)
        y = torch.nn.functional.batch_norm(leaf, None, None, weight, bias, training=True)
        y.backward(upstream)
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
        times = 9 if n < 10**6 else 3
        ours = seconds(lambda x=x, dy=dy, gamma=gamma: bnviz.gradients(x, dy, gamma), times)
        copied = seconds(lambda x=x, dy=dy: (x.copy(), dy.copy()), times)
        plain = seconds(lambda x=x, dy=dy, gamma=gamma: staged(x, dy, gamma), times)
        other = with_torch(x, dy)
        theirs = f"{ours / seconds(other, times):.2f} ×" if other else "not installed"
        print(
            f"| {n:,} | {ours * 1e3:.0f} ms | {ours / copied:.1f} × | {ours / plain:.2f} × | "
            f"{theirs} | {ours / n * 1e9:.0f} ns |"
        )


if __name__ == "__main__":
    main()
