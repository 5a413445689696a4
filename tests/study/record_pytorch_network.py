"""Records what PyTorch's autograd gives for small networks at given parameters.

PyTorch is needed here only:

    pip install torch==2.13.0
    python -m tests.study.record_pytorch_network
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.network import optimisers
from bnviz.core.network.model import Labels, Parameters, Statistics
from bnviz.core.network.settings import Settings
from bnviz.inputs.datasets import dataset
from bnviz.study.training import Run

OUTPUT = Path(__file__).with_name("pytorch_network.json")
STEPS = (0, 1, 10, 100)
NETWORKS = {
    "batch": {},
    "tanh, bias, momentum": {"activation": "tanh", "bias": True, "optimiser": "momentum"},
    "layer, Adam": {"norm": "layer", "optimiser": "adam", "rate": 0.01},
    "no norm, skip": {"norm": "none", "skip": True, "bias": True, "rate": 0.02},
    "frozen, linear, decay": {
        "norm": "frozen", "freeze": 5, "activation": "none", "data": "noise",
        "decay": 0.01, "rate": 0.01,
    },
    "skip, digits": {"skip": True, "data": "digits", "decay": 0.001, "optimiser": "adam"},
}  # fmt: skip


def made(**chosen: Any) -> Run:
    """A run of these settings."""
    s = Settings(**chosen)
    return Run(s, *dataset(s.data, s.seed, s.width))


def torch_gradients(
    s: Settings, p: Parameters, inputs: Array, labels: Labels, held: Statistics | None
) -> dict[str, Array]:
    """Loss and every gradient of every layer by autograd, in float64."""
    import torch  # noqa: PLC0415
    from torch.nn import functional as f  # noqa: PLC0415

    names = ("first", "weight", "bias", "gamma", "beta", "last", "offset")
    t = {name: torch.tensor(getattr(p, name), requires_grad=True) for name in names}
    a = torch.tensor(inputs, requires_grad=True)
    watched: dict[str, list[Any]] = {"da": [a], "dx": [], "dx_hat": [], "dy": [], "dz": []}

    def watch(name: str, value: Any) -> Any:
        value.retain_grad()
        watched[name].append(value)
        return value

    for layer in range(s.depth):
        x = a @ (t["weight"][layer - 1] if layer else t["first"])
        if s.bias:
            x = x + t["bias"][layer]
        watch("dx", x)
        y = x
        if s.norm != "none":
            if held is not None:
                mean, var = (torch.tensor(v[layer]) for v in held)
                x_hat = f.batch_norm(x, mean, var, training=False, eps=1e-5)
            elif s.norm == "layer":
                x_hat = f.layer_norm(x, x.shape[1:], eps=1e-5)
            else:
                x_hat = f.batch_norm(x, None, None, training=True, eps=1e-5)
            y = watch("dx_hat", x_hat) * t["gamma"][layer] + t["beta"][layer]
        watch("dy", y)
        activation: Any = {"relu": torch.relu, "tanh": torch.tanh, "none": torch.clone}[
            s.activation
        ]
        z = activation(y)
        watch("dz", z)
        a = watch("da", z + a if s.skip and layer else z * 1.0)
    loss = f.cross_entropy(a @ t["last"] + t["offset"], torch.tensor(labels))
    backward: Any = loss.backward
    backward()
    found = {"loss": loss.detach().numpy()}
    found |= {name: np.stack([v.grad.numpy() for v in all_[name == "da" :]])
              for name, all_ in watched.items() if all_}  # fmt: skip
    found["dinput"] = watched["da"][0].grad.numpy()
    leaves: dict[str, Any] = t
    found |= {name: value.grad.numpy() for name, value in leaves.items() if value.numel()}
    return found


def own_gradients(run: Run, step: int) -> dict[str, Array]:
    """The same from bnviz."""
    p, held = run.at(step)
    gradient = run._views()
    seen = run._look(p, step, gradient, held)
    found = {"loss": np.array(seen.loss), "da": np.stack(seen.da[1:]), "dinput": seen.da[0]}
    found |= {name: getattr(seen, name) for name in ("dx", "dy", "dz")}
    if run.settings.norm != "none":
        found["dx_hat"] = seen.dx_hat
    names = ("first", "weight", "bias", "gamma", "beta", "last", "offset")
    return found | {name: g for name in names if (g := getattr(gradient, name)).size}


def torch_moves(kind: str, w: Array, gradients: Array, rate: float, decay: float) -> Array:
    """Where PyTorch's optimiser takes w, given a gradient a step."""
    import torch  # noqa: PLC0415

    t = torch.tensor(w, requires_grad=True)
    optimiser: Any = (
        torch.optim.Adam([t], lr=rate, weight_decay=decay)
        if kind == "adam"
        else torch.optim.SGD(
            [t],
            lr=rate,
            weight_decay=decay,
            momentum=optimisers.MOMENTUM if kind == "momentum" else 0.0,
        )
    )
    path = []
    for gradient in gradients:
        t.grad = torch.tensor(gradient)
        optimiser.step()
        path.append(t.detach().numpy().copy())
    return np.stack(path)


def a_walk() -> tuple[Array, Array]:
    """Parameters, and gradients for five steps; one of them 0 throughout."""
    rng = np.random.default_rng(5)
    gradients = rng.normal(size=(5, 6)) * 10.0 ** np.arange(-6, 6, 2)
    gradients[:, 2] = 0.0
    return rng.normal(size=6), gradients


def main() -> None:
    """Trains for the parameters, asks PyTorch for the gradients, writes."""
    out: dict[str, Any] = {"moves": {}, "networks": []}
    for kind in ("sgd", "momentum", "adam"):
        out["moves"][kind] = torch_moves(kind, *a_walk(), 0.1, 0.01).tolist()
    for name in ("batch", "tanh, bias, momentum", "layer, Adam"):
        settings = NETWORKS[name] | {"depth": 3, "width": 3, "batch": 5}
        run = made(**settings).train(STEPS[-1])
        for step in STEPS[::3]:
            p, held = run.at(step)
            inputs, labels = run.batch(step)
            answers = torch_gradients(run.settings, p, inputs, labels, held)
            case = {"settings": settings, "vector": p.vector, "inputs": inputs, "labels": labels}
            out["networks"].append(
                {
                    key: v.tolist() if isinstance(v, np.ndarray) else v
                    for key, v in (case | {f"torch_{k}": v for k, v in answers.items()}).items()
                }
            )
    OUTPUT.write_text(json.dumps(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
