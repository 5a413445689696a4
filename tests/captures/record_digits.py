"""Records bnviz/digits.npz: a layer of a small network in mid-training, on real digits.

PyTorch and scikit-learn are needed here only:

    pip install torch==2.13.0 scikit-learn
    python -m tests.record_digits

64 inputs (8 × 8 pixels) → Linear 32 → BatchNorm → ReLU → Linear 10; 100 plain steps with
batches of 64, and then one more step watched.
"""

import tempfile
from pathlib import Path

from bnviz.captures import capture, save_npz

OUTPUT = Path(__file__).parents[2] / "bnviz" / "captures" / "digits.npz"
STEPS, BATCH = 100, 64


def main() -> None:
    """Trains, captures, writes."""
    import torch  # noqa: PLC0415
    from sklearn.datasets import load_digits  # noqa: PLC0415

    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.data / 16.0, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 32),
        torch.nn.BatchNorm1d(32),
        torch.nn.ReLU(),
        torch.nn.Linear(32, 10),
    )
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_of = torch.nn.CrossEntropyLoss()
    order = torch.randperm(len(images))
    for step in range(STEPS):
        batch = order[step * BATCH % 1700 :][:BATCH]
        optimiser.zero_grad()
        loss_of(model(images[batch]), labels[batch]).backward()
        optimiser.step()
    batch = order[-BATCH:]
    with tempfile.TemporaryDirectory() as folder, capture(model, folder) as found:
        loss_of(model(images[batch]), labels[batch]).backward()
    save_npz(found["1"], OUTPUT)


if __name__ == "__main__":
    main()
