"""What each function of a norm is given in a call of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bnviz.captures.hooks.front import Front
from bnviz.captures.hooks.tensor import Tensor, copied, torch
from bnviz.captures.record import Table


@dataclass(eq=False)
class Call:
    """One call of a norm: what it was given, and what came back.

    flat: how many numbers are normalised together in a row, for norms over a sample; else 0,
    and the second axis is that of the channels.
    """

    name: str
    norm: str
    x: Tensor | None
    version: int
    gamma: Table | None
    beta: Table | None
    eps: float
    mode: str = "train"
    mean: Table | None = None
    var: Table | None = None
    groups: int = 1
    flat: int = 0
    front: Front | None = None
    number: int = 0
    order: int = 0
    step: int = 0
    passes: int = 0
    scale: float = 1.0
    again: Callable[[], Tensor | None] = field(default=lambda: None)


def norm_functions() -> dict[Any, tuple[str, Callable[..., Call]]]:
    """What each function of a norm was given, by the function."""
    nn = torch().nn.functional

    def batch(
        input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
        bias: Any = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
    ) -> Call:  # fmt: skip
        return Call(
            "", "batch", input, 0, copied(weight), copied(bias), float(eps),
            "train" if training else "eval", copied(running_mean), copied(running_var),
        )  # fmt: skip

    def builtin(
        input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
        momentum: float, eps: float, cudnn_enabled: bool = True,
    ) -> Call:  # fmt: skip
        return batch(input, running_mean, running_var, weight, bias, training, momentum, eps)

    def instance(
        input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
        bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
    ) -> Call:  # fmt: skip
        if not use_input_stats:
            return batch(input, running_mean, running_var, weight, bias, False, momentum, eps)
        return group(input, input.shape[1], weight, bias, eps)

    def group(
        input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5,
        cudnn_enabled: bool = True,
    ) -> Call:  # fmt: skip
        return Call(
            "", "group", input, 0, copied(weight), copied(bias), float(eps), groups=int(num_groups)
        )

    def grouped(
        input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any,
        use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool = True,
    ) -> Call:  # fmt: skip
        return instance(
            input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
        )

    def layer(
        input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5,
        cudnn_enable: bool = True,
    ) -> Call:  # fmt: skip
        return over_sample("layer", input, normalized_shape, weight, bias, float(eps))

    def rms(
        input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None
    ) -> Call:
        usual = float(torch().finfo(input.dtype).eps)
        return over_sample(
            "rms", input, normalized_shape, weight, None, usual if eps is None else eps
        )

    def over_sample(norm: str, input: Any, shape: Any, weight: Any, bias: Any, eps: float) -> Call:
        flat = 1
        for length in shape:
            flat *= int(length)
        g, b = (None if v is None else v.reshape(-1) for v in (weight, bias))
        return Call("", norm, input, 0, copied(g), copied(b), eps, flat=flat)

    return {
        nn.batch_norm: ("batch", batch),
        torch().batch_norm: ("batch", builtin),
        nn.instance_norm: ("instance", instance),
        nn.group_norm: ("group", group),
        nn.layer_norm: ("layer", layer),
        nn.rms_norm: ("rms", rms),
        # As they stand below those: some call them so.
        torch().native_batch_norm: ("batch", builtin),
        torch().instance_norm: ("instance", grouped),
        torch().group_norm: ("group", group),
        torch().layer_norm: ("layer", layer),
        torch().rms_norm: ("rms", rms),
    }
