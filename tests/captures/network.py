"""A small network in mid-training, for the tests that ask PyTorch."""

from __future__ import annotations

from typing import Any


class Network:
    """A convolution and two linear layers with two batch norms, after a few plain steps.

    Its batch norms are the layers "1", on (16, 4, 6, 6), and "4", behind 144 inputs.
    """

    def __init__(self, steps: int = 5) -> None:
        import torch  # noqa: PLC0415

        torch.manual_seed(1)
        self.model: Any = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3),
            torch.nn.BatchNorm2d(4),
            torch.nn.Flatten(),
            torch.nn.Linear(4 * 36, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.Linear(8, 3),
        )
        self.images, self.labels = torch.randn(16, 1, 8, 8), torch.randint(3, (16,))
        optimiser = torch.optim.SGD(self.model.parameters(), lr=0.1)
        for _ in range(steps):
            optimiser.zero_grad()
            self.backward()
            optimiser.step()

    def backward(self) -> None:
        """One forward and backward."""
        import torch  # noqa: PLC0415

        loss: Any = torch.nn.functional.cross_entropy(self.model(self.images), self.labels)
        loss.backward()
