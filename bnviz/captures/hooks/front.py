"""The linear layer or convolution in front of a norm, as x = a @ weight + bias."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnviz.captures.hooks.tensor import Tensor, numbers, torch
from bnviz.captures.patches import too_large
from bnviz.captures.record import Table


@dataclass(frozen=True)
class Front:
    """One call in front: what went in, with what weight; its settings as they were called."""

    given: Tensor
    weight: Tensor
    bias: Tensor | None
    versions: tuple[int, int]
    kind: str = "linear"
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    more: Any = 0  # output_padding, of a transposed convolution

    def inputs(self, k: int) -> int:
        """How many inputs the layer has, as a linear one, for k outputs."""
        return self.weight.numel() // k * (self.groups if self.kind != "linear" else 1)

    def size(self) -> int:
        """The bytes that it takes in a file."""
        return sum(max(4, t.element_size()) * t.numel() for t in (self.given, self.weight))

    def read(self, k: int, n: int, flat: int) -> tuple[dict[str, NDArray[Any]], str]:
        """What a file holds of it, for n rows of k neurons: or nothing, and why not."""
        if (self.given._version, self.weight._version) != self.versions:
            return {}, "What went into the layer in front was changed in place: it is left out."
        shape = self.weight.shape
        out = shape[1] * self.groups if self.kind == "transposed" else shape[0]
        if out != k or (flat and self.kind != "linear"):
            return {}, ""
        d = self.inputs(k)
        if too_large(n, d, k):
            return {}, f"The layer in front, {d} inputs to {k}, is too large to be taken along."
        if self.kind != "linear":
            return self._convolution(k), (
                f"The convolution in front is read as a linear layer on patches of {d}."
            )
        if self.given.numel() != n * d or (self.given.dim() != 2 and not flat):
            return {}, ""
        a, weight = numbers(self.given.reshape(-1, d)), numbers(self.weight)
        return {"a": a, "weight": weight.T, "bias": self._bias(k, weight)}, ""

    def _bias(self, k: int, weight: Table) -> Table:
        return np.zeros(k, weight.dtype) if self.bias is None else numbers(self.bias)

    def _convolution(self, k: int) -> dict[str, NDArray[Any]]:
        """Its input as it lies, the weight (k, inputs of a group, …), and where it looks."""
        a, weight, groups = numbers(self.given), numbers(self.weight), self.groups
        axes = weight.ndim - 2
        a = a[None] if a.ndim == axes + 1 else a
        sizes = weight.shape[2:]
        strides, dilations = _each(self.stride, axes), _each(self.dilation, axes)
        spans = [r * (size - 1) for r, size in zip(dilations, sizes, strict=True)]
        spread = [1] * axes
        if self.kind == "transposed":
            # Zeros between the inputs, and the kernel turned round, make it a plain one.
            ends = zip(spans, _each(self.padding, axes), _each(self.more, axes), strict=True)
            pads = [(span - p, span - p + more) for span, p, more in ends]
            spread, strides = strides, spread
            into = weight.shape[0] // groups
            weight = np.flip(weight, tuple(range(2, axes + 2)))
            weight = weight.reshape(groups, into, -1, *sizes)
            weight = weight.swapaxes(1, 2).reshape(k, into, *sizes)
        elif isinstance(self.padding, str):
            same = self.padding == "same"
            pads = [(s // 2, s - s // 2) if same else (0, 0) for s in spans]
        else:
            pads = [(p, p) for p in _each(self.padding, axes)]
        before, after = zip(*pads, strict=True)
        return {
            "a": a,
            "weight": weight,
            "bias": self._bias(k, weight),
            "patches": np.array([spread, before, after, strides, dilations], np.int64),
            "patch_groups": np.array(groups),
        }


def _each(value: Any, axes: int) -> list[int]:
    """A setting for each axis; one number serves all."""
    values = list(value) if isinstance(value, tuple | list) else [value]
    return [int(v) for v in (values * axes if len(values) == 1 else values)]


class Fronts:
    """The calls whose outputs are still alive; none of them is kept alive by this."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[weakref.ref[Any], int, Front]] = {}
        nn = torch().nn.functional
        self._read: dict[object, Callable[..., Front]] = {nn.linear: _linear}
        for axes in (1, 2, 3):
            self._read[getattr(nn, f"conv{axes}d")] = _conv
            self._read[getattr(nn, f"conv_transpose{axes}d")] = _transposed

    def knows(self, func: object) -> bool:
        """Is that function such a layer?"""
        return func in self._read

    def add(self, func: object, output: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Remember what made this output, for as long as there is one."""
        key = id(output)
        made = self._read[func](*args, **named)
        gone = weakref.ref(output, lambda _: self._made.pop(key, None))
        self._made[key] = gone, output._version, made

    def before(self, x: Any) -> Front | None:
        """What made x, and nothing has changed it in place since."""
        reference, version, made = self._made.get(id(x), (None, 0, None))
        there = reference is not None and x is not None and reference() is x
        return made if there and x._version == version else None


def _versions(given: Tensor, weight: Tensor) -> tuple[int, int]:
    return given._version, weight._version


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Front:
    return Front(input.detach(), weight.detach(), bias, _versions(input, weight))


def _conv(input: Tensor, weight: Tensor, bias: Any = None, *more: Any, **named: Any) -> Front:
    names = ("stride", "padding", "dilation", "groups")
    return _convolved("conv", input, weight, bias, dict(zip(names, more, strict=False)) | named)


def _transposed(input: Tensor, weight: Tensor, bias: Any = None, *more: Any, **named: Any) -> Front:
    names = ("stride", "padding", "output_padding", "groups", "dilation")
    given = dict(zip(names, more, strict=False)) | named
    given["more"] = given.pop("output_padding", 0)
    return _convolved("transposed", input, weight, bias, given)


def _convolved(kind: str, input: Tensor, weight: Tensor, bias: Any, how: dict[str, Any]) -> Front:
    versions = _versions(input, weight)
    return Front(input.detach(), weight.detach(), bias, versions, kind, **how)
