"""What is used of PyTorch's tensors and modules, and how a tensor becomes rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from bnviz.captures.record import Table


def torch() -> ModuleType:
    """PyTorch itself, which only the hooks need."""
    return import_module("torch")


class Handle(Protocol):
    """What takes a hook away again."""

    def remove(self) -> None: ...


class Tensor(Protocol):
    """The little of `torch.Tensor` that is used here."""

    dtype: Any
    requires_grad: bool
    _version: int

    @property
    def shape(self) -> Sequence[int]: ...
    def __getitem__(self, index: Any) -> Tensor: ...
    def dim(self) -> int: ...
    def numel(self) -> int: ...
    def element_size(self) -> int: ...
    def flatten(self, start: int) -> Tensor: ...
    def detach(self) -> Tensor: ...
    def clone(self) -> Tensor: ...
    def cpu(self) -> Tensor: ...
    def float(self) -> Tensor: ...
    def double(self) -> Tensor: ...
    def numpy(self) -> Table: ...
    def movedim(self, source: int, target: int) -> Tensor: ...
    def reshape(self, *shape: int) -> Tensor: ...
    def is_inference(self) -> bool: ...
    def requires_grad_(self) -> Tensor: ...
    def register_hook(self, hook: Callable[[Tensor], None]) -> Handle: ...


class Module(Protocol):
    """The little of `torch.nn.Module` that is used here."""

    training: bool
    _parameters: dict[str, Tensor | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]

    def named_modules(self) -> Iterator[tuple[str, Module]]: ...
    def parameters(self) -> Iterable[Tensor]: ...


def numbers(tensor: Tensor) -> Table:
    """The tensor's numbers where they lie; formats that NumPy lacks or is slow in, as float32."""
    given = tensor.detach()
    return (given.float() if tensor.element_size() < 4 else given).cpu().numpy()


def copied(tensor: Tensor | None) -> Table | None:
    """The tensor's numbers as they are now."""
    return None if tensor is None else numbers(tensor.detach().clone())


def channels(tensor: Tensor, last: int) -> Tensor:
    """As (rows, channels): (N, C, …) a row for each position, or `last` numbers a row."""
    given = tensor.detach()
    if last:
        return given.reshape(-1, last)
    moved = given.movedim(1, -1)
    return moved.reshape(-1, moved.shape[-1])


def lying(tensor: Tensor, last: int) -> Any:
    """As (rows, channels) where it lies so, else (N, channels, positions): seldom a copy."""
    given: Any = tensor.detach()
    if last or given.dim() == 2 or given.movedim(1, -1).is_contiguous():
        return channels(tensor, last)
    return given.flatten(2)


def alike(tensors: Mapping[str, Tensor], last: int) -> dict[str, Any]:
    """Several as they lie where they all lie alike; else each as (rows, channels)."""
    laid = {name: lying(tensor, last) for name, tensor in tensors.items()}
    if len({tensor.dim() for tensor in laid.values()}) > 1:
        laid = {name: channels(tensor, last) for name, tensor in tensors.items()}
    return laid


def rows(tensor: Tensor, last: int, chosen: Any) -> Table:
    """The chosen rows of a tensor as a table of their own."""
    laid: Any = lying(tensor, last)
    if laid.dim() == 2:
        return numbers(laid[chosen])
    # By sample and position, since to lay all of it out anew takes as long as a layer.
    positions = laid.shape[2]
    return numbers(laid[chosen // positions, :, chosen % positions])
