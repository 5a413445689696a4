"""The gradient that one call sends to its input, read where it leaves; the graph stays as it is.

x may go elsewhere too, as beside a skip connection: its own gradient is of all uses. A view put
between would tell them apart, but then contributions are added in another order, and the last
bits of training change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bnviz.captures.hooks.tensor import torch

_MOST = 1000  # steps of one call


def now() -> int:
    """A number that every step of the graph from here on reaches."""
    return int(torch().autograd._get_sequence_nr())


def again() -> bool:
    """Is a checkpoint running its part once more, only for what was not kept of the first run?

    The older kind, `use_reentrant=True`, keeps nothing of the first: its second run is the one.
    """
    hooks = getattr(torch()._C._autograd, "_top_saved_tensors_default_hooks", lambda ignore: None)
    pack = (hooks(False) or (None,))[0]
    return getattr(pack, "__qualname__", "").startswith("_recomputation_hook")


def transformed(value: Any) -> bool:
    """Is it a tensor of torch.func, which stands for many, or for none yet?"""
    functions = getattr(torch()._C, "_functorch", None)
    wrapped = getattr(functions, "is_functorch_wrapped_tensor", lambda tensor: False)
    return isinstance(value, torch().Tensor) and bool(wrapped(value))


def arriving(output: Any, since: int, done: Callable[[Any], None]) -> None:
    """Tell ∂L/∂y as it enters the call, whatever hooks of other people's have made of it.

    An output that is a view, as instance norm's, leaves the graph where it is changed in place,
    as by a ReLU: what it is a view of stays in it.
    """
    base = output._base
    whole = base is None or base.grad_fn is None or base.grad_fn._sequence_nr() < since
    base = output if whole else base
    step, place = base.grad_fn, base.output_nr
    lies = output.shape, output.stride(), output.storage_offset() - base.storage_offset()
    under = base.shape, base.stride()

    def enters(gradients: Any) -> None:
        dy = gradients[place]
        if dy is None:
            return
        if not whole:
            with torch()._C.DisableTorchFunction(), torch().no_grad():
                laid = dy.new_empty_strided(*under).copy_(dy)
                dy = laid.as_strided(*lies)
        done(dy)

    if step is None:
        output.register_hook(done)
    else:
        step.register_prehook(enters)


def leaving(output: Any, x: Any, since: int) -> dict[Any, list[int]]:
    """The steps made since then that lead from output into x, each with where in its results."""
    goal = torch().autograd.graph.get_gradient_edge(x)
    found: dict[Any, list[int]] = {}
    seen, todo = set(), [output.grad_fn]
    while todo:
        step = todo.pop()
        if step is None or step in seen or step._sequence_nr() < since:
            continue
        seen.add(step)
        if len(seen) > _MOST:
            raise ValueError(f"its forward takes more than {_MOST} steps")
        for index, (after, number) in enumerate(step.next_functions):
            if after is goal.node and number == goal.output_nr:
                found.setdefault(step, []).append(index)
            else:
                todo.append(after)
    return found


class Pass:
    """Of one backward pass after the other, the gradient that leaves; done is told the sum."""

    def __init__(self, steps: dict[Any, list[int]], done: Callable[[Any], None]) -> None:
        self.count, self.done = len(steps), done
        self.parts: list[Any] = []
        self.came = 0
        for step, places in steps.items():
            step.register_hook(self._hook(places))

    def starts(self) -> None:
        """∂L/∂y has come: what an earlier pass left behind is none of this one's."""
        self.parts, self.came = [], 0

    def _hook(self, places: list[int]) -> Callable[[Any, Any], None]:
        def leaves(inputs: Any, outputs: Any) -> None:
            self.parts += [inputs[i] for i in places if inputs[i] is not None]
            self.came += 1
            if self.came == self.count and self.parts:
                parts, self.parts = self.parts, []
                with torch()._C.DisableTorchFunction(), torch().no_grad():
                    self.done(sum(parts[1:], parts[0].detach()))

        return leaves
