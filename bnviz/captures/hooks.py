"""Layers watched through one forward and one backward pass; PyTorch is imported here alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bnviz.captures.npz import save_npz
from bnviz.captures.record import Capture, Table

_PATCHES = 2**26  # numbers, of a convolution's input


def _numpy(tensor: Any) -> Table:
    """The tensor's numbers; formats that NumPy hasn't, or has no speed in, as float32."""
    tensor = tensor.detach().cpu()
    array: Table = (tensor.float() if tensor.element_size() < 4 else tensor).numpy()
    return array


def _rows(tensor: Any) -> Table:
    """(N, C, …) as one row for each position, (N · …, C)."""
    array = _numpy(tensor)
    return np.moveaxis(array, 1, -1).reshape(-1, array.shape[1])


@contextmanager
def capture(model: Any, folder: str | Path) -> Iterator[dict[str, Capture]]:
    """Watch every BatchNorm1d, 2d and 3d of a model through one forward and backward.

    On leaving, one file a layer is written into the folder, and the captures are in the
    dictionary that `with … as captures` gives, by the layer's name. Of a layer that is called
    several times, it is the last call that got a gradient.
    """
    import torch  # noqa: PLC0415  # needed here only

    found: dict[str, Capture] = {}
    seen: dict[str, dict[str, Any]] = {}  # the latest call of each layer
    done: dict[str, dict[str, Any]] = {}  # the latest that got a gradient
    fronts: dict[
        Any, tuple[Any, int, Any]
    ] = {}  # by layer: its output, with its version, and input

    def on_front(layer: Any, given: Any, named: Any, output: Any) -> None:
        fronts[layer] = (output, output._version, given[0] if given else named["input"])

    def in_front(x: Any) -> tuple[Any, Any, Any, Any] | None:
        for layer, (output, version, given) in fronts.items():
            if output is x and x._version == version:  # and not changed in place since
                return layer, *map(_copied, (given, layer.weight, layer.bias))
        return None

    def before(name: str) -> Any:
        def hook(layer: Any, given: Any, named: Any) -> Any:
            x = given[0] if given else named["input"]
            # Copies, since a step of the optimiser may come before the end.
            seen[name] = {
                "x": _copied(x),
                "gamma": _copied(layer.weight),
                "beta": _copied(layer.bias),
                "eps": float(layer.eps),
                "mode": "train" if layer.training or layer.running_mean is None else "eval",
                "running": (_copied(layer.running_mean), _copied(layer.running_var)),
                "front": in_front(x),
                "calls": seen.get(name, {"calls": 0})["calls"] + 1,
                "passes": 0,
            }
            alone = _alone(layer, x, seen[name]) if torch.is_grad_enabled() else None
            if alone is None:
                return None
            return ((alone, *given[1:]), named) if given else ((), named | {"input": alone})

        return hook

    def after(name: str) -> Any:
        def hook(layer: Any, given: Any, output: Any) -> None:
            record = seen[name]

            def on_gradient(grad: Any) -> None:
                record["passes"] += 1
                record.setdefault("dy", _copied(grad))
                if record["calls"] >= done.get(name, record)["calls"]:
                    done[name] = record

            if output.requires_grad:
                output.register_hook(on_gradient)

        return hook

    norms = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
    handles = []
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            handles.append(layer.register_forward_hook(on_front, with_kwargs=True))
        elif isinstance(layer, norms):
            called = re.sub(r"[/\\]", "_", name) or "norm"
            handles.append(layer.register_forward_pre_hook(before(called), with_kwargs=True))
            handles.append(layer.register_forward_hook(after(called)))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
    for name, record in done.items():
        found[name] = _recorded(record, seen[name]["calls"])
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_npz(found[name], Path(folder) / f"{name}.npz")


def _copied(tensor: Any) -> Any:
    return None if tensor is None else tensor.detach().clone()


def _alone(layer: Any, x: Any, record: dict[str, Any]) -> Any:
    """x under a name that this layer alone uses, watched for its gradient; None without one.

    Where x goes elsewhere too, as beside a skip connection, its own gradient is of all its uses.
    """
    if x.requires_grad:
        alone = x.view_as(x)
    elif any(parameter.requires_grad for parameter in layer.parameters()):
        alone = x.detach().requires_grad_()
    else:
        return None  # nothing here gets a gradient, and nothing may change that

    def on_gradient(grad: Any) -> None:
        record.setdefault("dx", _copied(grad))

    alone.register_hook(on_gradient)
    return alone


def _recorded(record: Mapping[str, Any], calls: int) -> Capture:
    """A capture from what the hooks have seen."""
    import torch  # noqa: PLC0415

    given = record["x"]
    x = _rows(given)
    k = x.shape[1]
    notes = []
    if given.dim() > 2:
        notes.append(f"{tuple(given.shape)} read as {x.shape}: a row for each position.")
    if calls > 1:
        notes.append(f"This is call {record['calls']} of {calls}.")
    if record["passes"] > 1:
        notes.append(f"Of {record['passes']} backward passes, this is the first.")
    front, said = _front(record["front"], len(x))
    if said:
        notes.append(said)

    mean, var = record["running"]
    gamma, beta = record["gamma"], record["beta"]
    return Capture(
        x=x,
        dy=_rows(record["dy"]),
        gamma=np.ones(k, x.dtype) if gamma is None else _numpy(gamma),
        beta=np.zeros(k, x.dtype) if beta is None else _numpy(beta),
        eps=record["eps"],
        mode=record["mode"],
        note=" ".join(notes),
        roundoff=float(torch.finfo(given.dtype).eps),
        running_mean=None if mean is None else _numpy(mean),
        running_var=None if var is None else _numpy(var),
        dx=_rows(record["dx"]) if "dx" in record else None,
        **front,
    )


def _front(front: Any, rows: int) -> tuple[dict[str, Any], str]:
    """a, weight and bias of the layer in front with x = a @ weight + bias, and what to say."""
    if front is None:
        return {}, ""
    import torch  # noqa: PLC0415

    layer, given, weights, bias_ = front
    said = ""
    if isinstance(layer, torch.nn.Linear):
        if given.dim() != 2:
            return {}, ""
        a = _numpy(given)
    else:
        plain = layer.groups == 1 and layer.padding_mode == "zeros"
        if not plain or isinstance(layer.padding, str):
            return {}, "The convolution in front is of a kind that is not taken along."
        if rows * weights[0].numel() > _PATCHES:
            return {}, "The convolution in front has too many patches to be taken along."
        # A convolution is a linear layer that sees one patch for each position.
        patches = torch.nn.functional.unfold(
            given, layer.kernel_size, layer.dilation, layer.padding, layer.stride
        )
        a = _rows(patches)
        said = f"The convolution in front is read as a linear layer on patches of {a.shape[1]}."
    weight = _numpy(weights).reshape(len(weights), -1).T.copy()
    bias = np.zeros(weight.shape[1], weight.dtype) if bias_ is None else _numpy(bias_)
    return {"a": a, "weight": weight, "bias": bias}, said
