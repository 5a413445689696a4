"""Two processes that train together, for the test that asks PyTorch."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any


def train(rank: int, folder: str, port: int) -> None:
    """One of two processes: a norm of its own, and a norm over both."""
    import torch  # noqa: PLC0415
    from torch import distributed, nn  # noqa: PLC0415

    from bnviz.captures import capture  # noqa: PLC0415

    all_reduce: Any = import_module("torch.distributed.nn.functional").all_reduce

    class Over(nn.BatchNorm1d):  # type: ignore[misc]
        """Synchronised by hand, since PyTorch's own runs on graphics cards alone."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            sums = all_reduce(torch.cat([x.sum(0), x.square().sum(0), x.new_tensor([len(x)])]))
            n, k = sums[-1], x.shape[1]
            mean = sums[:k] / n
            var = sums[k : 2 * k] / n - mean.square()
            y: torch.Tensor = (x - mean) * (var + self.eps).rsqrt() * self.weight + self.bias
            return y

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 5), Over(5)).double()
    spread = nn.parallel.DistributedDataParallel(model)
    torch.manual_seed(10 + rank)
    x = torch.randn(20 + 10 * rank, 3).double() + rank
    with capture(spread, folder) as got:
        (spread(x) ** 3).sum().backward()
    assert list(got) == ["module.1", "module.3"]
    distributed.destroy_process_group()


if __name__ == "__main__":
    train(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
