"""Records PyTorch's other normalisations in tests/pytorch_norms.json, for test_norms.py.

PyTorch is needed here only, not by the tests:

    pip install torch==2.13.0
    python tests/record_pytorch_norms.py

Float64, loss Σ y·dy. Rows are (image, position), columns channels, so a table (N, k)
becomes (images, k, 1, positions) where a norm wants pictures.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

OUTPUT = Path(__file__).with_name("pytorch_norms.json")
SHAPES = [(6, 2), (6, 4), (8, 3)]
IMAGES = 2
GROUPS = {2: 1, 3: 1, 4: 2}


def differentiate(norm: str, case: dict[str, Any]) -> dict[str, list[list[float]]]:
    """y and ∂L/∂x of one case."""
    import torch  # noqa: PLC0415  # so that pytest can import this file without it
    from torch.nn import functional  # noqa: PLC0415

    def tensor(name: str) -> Tensor:
        return torch.tensor(case[name], dtype=torch.float64)

    x, dy, gamma, beta, eps = (*map(tensor, ("x", "dy", "gamma", "beta")), case["eps"])
    x.requires_grad_()
    n, k = x.shape
    picture = x.reshape(IMAGES, n // IMAGES, k).permute(0, 2, 1).unsqueeze(2)

    def table(y: Tensor) -> Tensor:
        return y.squeeze(2).permute(0, 2, 1).reshape(n, k)

    mean, var = torch.zeros(k, dtype=torch.float64), torch.ones(k, dtype=torch.float64)
    if norm == "eval":  # one training step moves the running statistics
        functional.batch_norm(x, mean, var, training=True, momentum=0.1, eps=eps)
    y = {
        "batch": lambda: functional.batch_norm(x, None, None, gamma, beta, True, eps=eps),
        "eval": lambda: functional.batch_norm(x, mean, var, gamma, beta, False, eps=eps),
        "conv": lambda: table(
            functional.batch_norm(picture, None, None, gamma, beta, True, eps=eps)
        ),
        "layer": lambda: functional.layer_norm(x, (k,), gamma, beta, eps),
        "instance": lambda: table(
            functional.instance_norm(picture, None, None, gamma, beta, True, eps=eps)
        ),
        "group": lambda: table(functional.group_norm(picture, GROUPS[k], gamma, beta, eps)),
        "rms": lambda: functional.rms_norm(x, (k,), gamma, eps) + beta,
    }[norm]()
    (dx,) = torch.autograd.grad(y, x, dy)
    return {"y": y.tolist(), "dx": dx.tolist()}


def main() -> None:
    """Writes the file, one case a line."""
    import torch  # noqa: PLC0415

    rng = random.Random(2018)
    lines = []
    for norm in ("batch", "eval", "conv", "layer", "instance", "group", "rms"):
        for n, k in SHAPES:

            def rows(count: int, width: int) -> list[list[float]]:
                return [[rng.gauss(0.3, 1.5) for _ in range(width)] for _ in range(count)]

            case = {
                "x": rows(n, k),
                "dy": rows(n, k),
                "gamma": rows(1, k)[0],
                "beta": rows(1, k)[0],
                "eps": 1e-3,
            }
            found = differentiate(norm, case)
            lines.append(json.dumps({"norm": norm, "shape": [n, k], **case, **found}))
    version = json.dumps(torch.__version__.split("+")[0])
    body = ",\n".join(lines)
    OUTPUT.write_text(f'{{"version": {version},\n"cases": [\n{body}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
