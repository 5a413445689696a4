"""The linear layer or convolution in front of a norm, as x = a @ weight + bias."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnviz.captures.hooks.tensor import Tensor, copied, torch
from bnviz.captures.record import MOST_WEIGHTS, Table

_PATCHES = 2**26  # numbers, of a convolution's input


@dataclass(frozen=True)
class Front:
    """One call in front: what went in, with what weight; its settings as they were called."""

    given: Tensor
    weight: Tensor
    bias: Tensor | None
    versions: tuple[int, int]
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    more: Any = 0  # output_padding, of a transposed convolution
    kind: str = "linear"

    def inputs(self, k: int) -> int:
        """How many inputs the layer has, as a linear one, for k outputs."""
        return self.weight.numel() // k * (self.groups if self.kind != "linear" else 1)

    def read(self, k: int, n: int, flat: int) -> tuple[dict[str, Table], str]:
        """a (N, d), weight (d, k) and bias (k,), or none of them and why not."""
        if (self.given._version, self.weight._version) != self.versions:
            return {}, "What went into the layer in front was changed in place: it is left out."
        shape = self.weight.shape
        out = shape[1] * self.groups if self.kind == "transposed" else shape[0]
        if out != k or (flat and self.kind != "linear"):
            return {}, ""
        d = self.inputs(k)
        if d * k > MOST_WEIGHTS or n * d > _PATCHES:
            return {}, f"The layer in front, {d} inputs to {k}, is too large to be taken along."
        weight = self.weight.detach()
        if self.kind == "linear":
            if self.given.dim() != 2 and not flat:
                return {}, ""
            a, w = self.given.detach().reshape(-1, d), copied(weight)
            said = ""
        else:
            a, w = self._patches(weight, k, d)
            said = f"The convolution in front is read as a linear layer on patches of {d}."
        a_, bias = copied(a), copied(self.bias)
        assert w is not None
        assert a_ is not None
        if len(a_) != n:
            return {}, ""
        zero = np.zeros(k, w.dtype)
        return {
            "a": np.ascontiguousarray(a_),
            "weight": np.ascontiguousarray(w.T),
            "bias": zero if bias is None else bias,
        }, said

    def _patches(self, weight: Any, k: int, d: int) -> tuple[Tensor, Table]:
        """A convolution is a linear layer that sees one patch for each position."""
        nn = torch().nn.functional
        x: Any = self.given.detach()
        axes = weight.dim() - 2
        x = x[None] if x.dim() == axes + 1 else x
        sizes = weight.shape[2:]
        strides, dilations = _each(self.stride, axes), _each(self.dilation, axes)
        spans = [r * (size - 1) for r, size in zip(dilations, sizes, strict=True)]
        if self.kind == "transposed":
            # Zeros between the inputs, and the kernel turned round, make it a plain one.
            wide = [s * (n - 1) + 1 for s, n in zip(strides, x.shape[2:], strict=True)]
            apart = x.new_zeros(*x.shape[:2], *wide)
            apart[(..., *(slice(None, None, s) for s in strides))] = x
            ends = zip(spans, _each(self.padding, axes), _each(self.more, axes), strict=True)
            pads = [(span - p, span - p + more) for span, p, more in ends]
            x, strides = apart, [1] * axes
            g, into = self.groups, weight.shape[0] // self.groups
            weight = weight.flip(tuple(range(2, axes + 2))).reshape(g, into, -1, *sizes)
            weight = weight.transpose(1, 2).reshape(k, into, *sizes)
        elif isinstance(self.padding, str):
            same = self.padding == "same"
            pads = [(s // 2, s - s // 2) if same else (0, 0) for s in spans]
        else:
            pads = [(p, p) for p in _each(self.padding, axes)]
        x = nn.pad(x, [p for pair in reversed(pads) for p in pair])
        for axis, (size, r, s) in enumerate(zip(sizes, dilations, strides, strict=True), 2):
            x = x.unfold(axis, r * (size - 1) + 1, s)[..., ::r]
        order = (0, *range(2, axes + 2), 1, *range(axes + 2, 2 * axes + 2))
        a = x.permute(order).reshape(-1, d)
        # Groups see their own inputs alone: zeros elsewhere.
        dense = weight.new_zeros(k, d)
        out, own = k // self.groups, d // self.groups
        for g in range(self.groups):
            mine = slice(g * out, (g + 1) * out)
            dense[mine, g * own : (g + 1) * own] = weight[mine].reshape(out, own)
        table = copied(dense)
        assert table is not None
        return a, table


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


def _conv(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Front:
    v = _versions(input, weight)
    kind = "conv"
    return Front(
        input.detach(), weight.detach(), bias, v, stride, padding, dilation, groups, 0, kind
    )


def _transposed(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Front:
    v = _versions(input, weight)
    return Front(
        input.detach(),
        weight.detach(),
        bias,
        v,
        stride,
        padding,
        dilation,
        groups,
        output_padding,
        "transposed",
    )
