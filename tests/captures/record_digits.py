"""Records bnviz/captures/digits.zip: a small network in mid-training, on real digits.

PyTorch and scikit-learn are needed here only:

    pip install torch==2.13.0 scikit-learn
    python -m tests.captures.record_digits

64 inputs (8 × 8 pixels) → four times Linear 32 → BatchNorm → ReLU, then Linear 10; 100 plain
steps with batches of 64, and then one more step watched. One neuron of the third norm was started
with β = −6, below anything that its ReLU lets through.
"""

import tempfile
import zipfile
from pathlib import Path
from typing import Any

from bnviz.captures import capture

OUTPUT = Path(__file__).parents[2] / "bnviz" / "captures" / "digits.zip"
STEPS, BATCH, WIDTH, DEPTH = 100, 64, 32, 4
SICK_LAYER, SICK_NEURON, BETA = 2, 20, -6.0


def main() -> None:
    """Trains, captures, writes."""
    import torch  # noqa: PLC0415
    from sklearn.datasets import load_digits  # noqa: PLC0415

    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.data / 16.0, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    parts: dict[str, Any] = {}
    for n in range(DEPTH):
        parts |= {
            f"linear{n + 1}": torch.nn.Linear(WIDTH if n else 64, WIDTH),
            f"norm{n + 1}": torch.nn.BatchNorm1d(WIDTH),
            f"relu{n + 1}": torch.nn.ReLU(),
        }
    parts["last"] = torch.nn.Linear(WIDTH, 10)
    model = torch.nn.Sequential()
    for name, part in parts.items():
        model.add_module(name, part)
    with torch.no_grad():
        parts[f"norm{SICK_LAYER + 1}"].bias[SICK_NEURON] = BETA
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_of = torch.nn.CrossEntropyLoss()
    order = torch.randperm(len(images))
    for step in range(STEPS):
        batch = order[step * BATCH % 1700 :][:BATCH]
        optimiser.zero_grad()
        loss_of(model(images[batch]), labels[batch]).backward()
        optimiser.step()
    batch = order[-BATCH:]
    with tempfile.TemporaryDirectory() as folder:
        with capture(model, folder) as found:
            loss_of(model(images[batch]), labels[batch]).backward()
        with zipfile.ZipFile(OUTPUT, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in found.files.values():
                # A date of its own would make each recording another file.
                archive.writestr(
                    zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED
                )


if __name__ == "__main__":
    main()
