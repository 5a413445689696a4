"""Layers of real networks: captured, written, read as hostile and surveyed. Imports core alone.

    from bnviz.captures import capture
    with capture(model, "captures") as captured:  # one .npz for each norm
        loss = criterion(model(inputs), targets)
        loss.backward()
    print(captured)  # what was captured, what was not, and why

A capture holds x and ∂L/∂y, (N, k), γ, β, ε, the mode with its running statistics, where a
linear layer or convolution stands in front its input a and weight W, and PyTorch's own ∂L/∂x.
"""

from bnviz.captures.csv import holds_in_csv, read_csv, save_csv
from bnviz.captures.hooks import Captured, capture
from bnviz.captures.npz import read_npz, save_npz
from bnviz.captures.record import Capture, CaptureError

__all__ = [
    "Capture",
    "CaptureError",
    "Captured",
    "capture",
    "holds_in_csv",
    "read_csv",
    "read_npz",
    "save_csv",
    "save_npz",
]
