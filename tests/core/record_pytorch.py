"""Records PyTorch's batch-norm gradients in tests/pytorch.json, for test_pytorch.py.

PyTorch is needed here only, not by the tests:

    pip install torch==2.13.0
    python tests/record_pytorch.py

Float64, training=True, loss Σ y·dy. The numbers are written so that they read back exactly.
"""

import json
import random
from pathlib import Path
from typing import Any

Rows = list[list[float]]
Case = dict[str, Any]  # the arguments of `bnviz.trace`, as lists

OUTPUT = Path(__file__).with_name("pytorch.json")


def normal(
    rng: random.Random, rows: int, columns: int, scale: float = 1.0, centre: float = 0.0
) -> Rows:
    """A table of Gaussian numbers, as lists."""
    return [[rng.gauss(centre, scale) for _ in range(columns)] for _ in range(rows)]


def layer(rng: random.Random, n: int, d: int, k: int) -> Case:
    """The layer in front: its input, weight and bias."""
    return {"a": normal(rng, n, d), "weight": normal(rng, d, k), "bias": normal(rng, 1, k)[0]}


def cases(rng: random.Random) -> dict[str, Case]:
    """Name -> the arguments of `bnviz.trace`."""
    scales = [1e-3, 1.0, 1e3]
    with_constant = normal(rng, 6, 2)
    for row in with_constant:
        row[0] = 0.1
    dead_input = layer(rng, 5, 3, 2)
    for row in dead_input["a"]:
        row[1] = 1.0
    return {
        "defaults": {"x": normal(rng, 6, 1), "dy": normal(rng, 6, 1)},
        "two samples": {"x": normal(rng, 2, 3), "dy": normal(rng, 2, 3), "eps": 1e-3},
        "gamma positive, zero, negative": {
            "x": normal(rng, 7, 3),
            "dy": normal(rng, 7, 3),
            "gamma": [1.5, 0.0, -0.75],
            "beta": [0.5, -1.0, 2.0],
        },
        "columns of different scale": {
            "x": [[v * s for v, s in zip(row, scales, strict=True)] for row in normal(rng, 16, 3)],
            "dy": normal(rng, 16, 3),
            "gamma": normal(rng, 1, 3)[0],
        },
        "one column constant": {"x": with_constant, "dy": normal(rng, 6, 2)},
        "a layer in front": {
            "dy": normal(rng, 6, 2),
            "gamma": [1.25, -2.0],
            "beta": [0.1, 0.2],
            **layer(rng, 6, 3, 2),
        },
        "a layer, one input constant": {"dy": normal(rng, 5, 2), "eps": 0.1, **dead_input},
        "a layer, eps above the variance": {
            "dy": normal(rng, 12, 4),
            "gamma": normal(rng, 1, 4)[0],
            "eps": 100.0,
            **layer(rng, 12, 2, 4),
        },
    }


def differentiate(case: Case) -> dict[str, Any]:
    """PyTorch's forward and backward pass of one case."""
    import torch  # noqa: PLC0415  # so that pytest can import this file without it

    given = {
        name: torch.tensor(value, dtype=torch.float64)
        for name, value in case.items()
        if name != "eps"
    }
    k = given["dy"].shape[1]
    given.setdefault("gamma", torch.ones(k, dtype=torch.float64))
    given.setdefault("beta", torch.zeros(k, dtype=torch.float64))
    leaves = {name: tensor for name, tensor in given.items() if name != "dy"}
    for tensor in leaves.values():
        tensor.requires_grad_()

    x = given["x"] if "x" in given else given["a"] @ given["weight"] + given["bias"]
    y = torch.nn.functional.batch_norm(
        x,
        running_mean=None,
        running_var=None,
        weight=given["gamma"],
        bias=given["beta"],
        training=True,
        eps=case.get("eps", 1e-5),
    )
    dx = torch.autograd.grad(y, x, given["dy"], retain_graph=True)[0]
    gradients = torch.autograd.grad(y, list(leaves.values()), given["dy"])
    terms = {"gamma": "dgamma", "beta": "dbeta", "weight": "dweight", "bias": "dbias", "a": "da"}
    result = {"y": y, "dx": dx}
    result |= {terms[n]: g for n, g in zip(leaves, gradients, strict=True) if n in terms}
    return {name: tensor.tolist() for name, tensor in result.items()}


def main() -> None:
    """Writes the file, one array a line."""
    import torch  # noqa: PLC0415

    blocks = []
    for name, case in cases(random.Random(2015)).items():
        given = ",\n".join(f"   {json.dumps(n)}: {json.dumps(v)}" for n, v in case.items())
        result = ",\n".join(
            f"   {json.dumps(n)}: {json.dumps(v)}" for n, v in differentiate(case).items()
        )
        blocks.append(
            f'  {json.dumps(name)}: {{\n  "given": {{\n{given}}},\n  "pytorch": {{\n{result}}}}}'
        )
    version = json.dumps(torch.__version__.split("+")[0])
    body = ",\n".join(blocks)
    OUTPUT.write_text(f'{{\n "version": {version},\n "cases": {{\n{body}}}\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
