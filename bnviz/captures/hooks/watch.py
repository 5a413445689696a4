"""A model watched while it trains: every norm that is called, without a hook on the model.

Calls are seen as functions (`torch.nn.functional.batch_norm` and its kin), with what they are
really given: so a subclass may do what it likes before and after. Which layer called is known
from hooks on all modules that are nobody's attribute: nothing is pickled, copied or compiled
with them.
"""

from __future__ import annotations

import re
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from bnviz.captures.hooks import graph
from bnviz.captures.hooks.calls import Call, norm_functions
from bnviz.captures.hooks.front import Fronts
from bnviz.captures.hooks.tensor import Handle, Module, Tensor, copied, torch
from bnviz.captures.record import CaptureError

Args = tuple[Any, ...]
_NORM = re.compile(r"norm(alization)?(\d[dD])?$", re.IGNORECASE)


@dataclass
class _Inside:
    """A module whose forward is running."""

    module: Module
    events: int = 0
    x: Tensor | None = None
    since: int = 0
    own: bool = False
    mode: Any = None


class Watch:
    """What is going on in a model: `called` is told of each norm's call, and of its gradients.

    on_call(call): may it be watched, and under what number. on_gradient(call, dy), then
    on_done(call, dx): of one and the same backward pass.
    """

    def __init__(
        self,
        model: Module,
        front: bool,
        wanted: Callable[[str], bool],
        on_call: Callable[[Call], bool],
        on_gradient: Callable[[Call, Tensor], None],
        on_done: Callable[[Call, Tensor | None], None],
    ) -> None:
        self.names = {
            id(module): name.replace("_orig_mod.", "").removesuffix("_orig_mod")
            for name, module in model.named_modules()
        }
        self.modules = [module for _, module in model.named_modules()]  # so that ids stay theirs
        self.wanted, self.on_call = wanted, on_call
        self.on_gradient, self.on_done = on_gradient, on_done
        self.fronts = Fronts() if front else None
        self.live: weakref.WeakSet[Call] = weakref.WeakSet()  # called, without a gradient so far
        self.called: set[str] = set()
        self.still: set[str] = set()  # called, and no gradient can come
        self.unrecorded: set[str] = set()  # called under no_grad
        self.failed: dict[str, str] = {}
        self.scale = 1.0
        self._here = threading.local()
        self._norms = norm_functions()
        self._back = (torch().Tensor.backward, torch().autograd.backward, torch().autograd.grad)
        self._deep = 0  # backward passes under way
        self._handles: list[Handle] = []  # none while paused

    def norms(self) -> dict[str, Module]:
        """The norms that the model has, by name."""
        nn = torch().nn
        kinds = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
        names = ("BatchNorm", "InstanceNorm", "GroupNorm", "LayerNorm", "RMSNorm")
        found = {}
        for module in self.modules:
            scripted = str(getattr(module, "original_name", ""))
            there = isinstance(module, kinds) or scripted.startswith(names)
            if there or _called_norm(module):
                found[self.names[id(module)] or "norm"] = module
        return found

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watch, in this thread; compiled parts run as they are written."""
        library = torch()
        with ExitStack() as stack:
            stance = getattr(library.compiler, "set_stance", None)
            if stance is not None and "torch._dynamo" in sys.modules:  # else nothing is compiled
                stack.enter_context(stance("force_eager"))
            stack.enter_context(_unsaid("Using `torch.compile\\(module\\)` when there are global"))
            self._hang()
            stack.callback(self._unhang)
            stack.enter_context(_scales(self))
            stack.enter_context(_mode(self._function))
            yield

    def _hang(self) -> None:
        modules = torch().nn.modules.module
        self._handles = [
            modules.register_module_forward_pre_hook(self._enter),
            modules.register_module_forward_hook(self._leave, always_call=True),
        ]

    def _unhang(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def pause(self, paused: bool) -> None:
        """Look away for a step that is not wanted, which then takes hardly longer than without."""
        if paused != bool(self._handles) or self._inside:
            return
        if paused:
            self._unhang()
        else:
            self._hang()

    # ---- Which module is running ---------------------------------------------------------

    @property
    def _inside(self) -> list[_Inside]:
        here: list[_Inside] | None = getattr(self._here, "stack", None)
        if here is None:
            here = self._here.stack = []
        return here

    def _enter(self, module: Any, args: Args) -> None:
        if id(module) not in self.names and not self._came_later(module):
            return
        inside = _Inside(module)
        if self._deep and not self._inside:  # what was checkpointed runs once more
            inside.mode = _mode(self._function)
            inside.mode.__enter__()
        self._inside.append(inside)
        if self._own(module):
            inside.own, inside.x, inside.since = True, args[0] if args else None, graph.now()

    def _came_later(self, module: Any) -> bool:
        """Has it been put into the model meanwhile, as where a norm is replaced by another?"""
        for inside in self._inside[-1:]:
            for key, child in inside.module._modules.items():
                if child is module:
                    self.names[id(module)] = f"{self.names[id(inside.module)]}.{key}".lstrip(".")
                    self.modules.append(module)
                    return True
        return False

    def _leave(self, module: Any, args: Args, output: Any) -> None:
        here = self._inside
        if not here or here[-1].module is not module:
            return
        inside = here.pop()
        if inside.mode is not None:
            inside.mode.__exit__(None, None, None)
        if inside.own and not inside.events and output is not None:
            inside.events = 1
            self._own_call(module, inside.x, output, inside.since)
        if here:
            here[-1].events += inside.events

    def _own(self, module: Any) -> bool:
        """A norm whose forward is its own, or goes over several processes."""
        nn = torch().nn
        plain = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
        kinds = (*plain, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
        if self._scripted(module):
            return False
        if not isinstance(module, kinds):
            return _called_norm(module)
        return type(module).forward not in {kind.forward for kind in kinds}

    def _scripted(self, module: Any) -> bool:
        return isinstance(module, torch().jit.ScriptModule)

    def _name(self, norm: str, given: Iterable[Any]) -> str | None:
        """The layer that is calling; None where it is no part of the model.

        A module that is no norm may call several, which their parameters tell apart.
        """
        if not self._inside:
            return None
        module: Any = self._inside[-1].module
        name = self.names[id(module)]
        if hasattr(module, "eps"):
            return name or "norm"
        tensors = {id(v) for v in given if isinstance(v, torch().Tensor)}
        if whose := self._whose(tensors):  # as where `bn.forward(x)` is called, or its weight used
            return whose
        called = f"{name}.{norm}_norm".lstrip(".")
        owned = {
            id(p): n for n, p in (module._parameters | module._buffers).items() if p is not None
        }
        mine = next((owned[id(v)] for v in given if id(v) in owned), "")
        return f"{called}.{mine}" if mine else called

    def _whose(self, tensors: set[int]) -> str | None:
        """The norm that has most of these as its parameters and buffers."""
        most, found = 0, None
        for other in self.modules:
            own: dict[str, Any] = other._parameters | other._buffers
            count = len(tensors & {id(v) for v in own.values()}) if hasattr(other, "eps") else 0
            if count > most:
                most, found = count, self.names[id(other)] or "norm"
        return found

    # ---- What is called ------------------------------------------------------------------

    def _function(self, func: Any, args: Args, named: dict[str, Any]) -> Any:
        if not self._handles:
            return func(*args, **named)
        if self.fronts is not None and self.fronts.knows(func):
            output = func(*args, **named)
            if torch().is_grad_enabled() and not output.is_inference():
                self.attempt("", partial(self.fronts.add, func, output, args, named))
            return output
        if func in self._back:
            # PyTorch sees to it that functions inside go unwatched; see `_enter`.
            self._deep += 1
            try:
                return func(*args, **named)
            finally:
                self._deep -= 1
        read = self._norms.get(func)
        name = self._name(read[0], (*args, *named.values())) if read else None
        if read is None or name is None:
            return func(*args, **named)
        for inside in self._inside[-1:]:
            inside.events += 1
        if graph.again():  # a checkpoint's, whose first run gets the gradient
            return func(*args, **named)
        call = self.attempt(name, lambda: self._call(name, self._read(read[1], args, named)))
        if call is None:
            return func(*args, **named)
        x = self._alone(call, args[0] if args else named["input"])
        if x is not None:
            if args:
                args = (x, *args[1:])
            else:
                named = named | {"input": x}
        since = graph.now()
        output = func(*args, **named)
        one = output[0] if isinstance(output, tuple) else output
        self.attempt(name, lambda: self._follow(call, x, one, since))
        return output

    def _read(self, read: Callable[..., Call], args: Args, named: dict[str, Any]) -> Call:
        """What the function was given, if it has numbers."""
        if any(graph.transformed(v) for v in (*args, *named.values())):
            raise CaptureError("torch.func runs it out of sight: capture a step that uses backward")
        return read(*args, **named)

    def _call(self, name: str, call: Call) -> Call | None:
        """Take the call up, if it is wanted and a gradient can come."""
        call.name = name
        if not self.wanted(name):
            return None
        self.called.add(name)
        if not torch().is_grad_enabled():
            self.unrecorded.add(name)
        if not self.on_call(call) or not torch().is_grad_enabled():
            return None
        if self.fronts is not None and call.x is not None:
            call.front = self.fronts.before(call.x)
        if call.x is not None:
            call.version = call.x._version
            call.x = call.x.detach()
        return call

    def _own_call(self, module: Any, x: Any, output: Any, since: int) -> None:
        """A norm that called none of the functions: kept, not judged."""
        name = self.names[id(module)] or "norm"
        if not self.wanted(name):
            return
        self.called.add(name)
        if not torch().is_grad_enabled():
            return
        tensor = torch().Tensor
        values = {n: v for n, v in (module._buffers | module._parameters).items() if v is not None}
        k = getattr(module, "num_features", None)
        written = k is None  # by someone who names nothing as PyTorch does
        k = next((len(v) for v in _rows(values.values())), None) if written else k
        same = isinstance(x, tensor) and isinstance(output, tensor) and output.shape == x.shape
        if not same or x.dim() < 2 or k not in (None, x.shape[1], x.shape[-1]):
            self.failed[name] = "its forward is its own, and not one table in and one out"
            return
        if not x.requires_grad:
            self.failed[name] = "its forward is its own, and what goes in gets no gradient"
            return
        scattered = isinstance(module, torch().nn.SyncBatchNorm) and _world() > 1
        second = k in (None, x.shape[1]) and not (x.dim() == 3 and k == x.shape[2] and written)
        flat = 0 if second or k is None else int(k)
        channel = flat or x.shape[1]
        # What people call a weight may be γ − 1, or anything.
        gamma, beta = (None if written else values.get(n) for n in ("weight", "bias"))
        right = [v if v is not None and v.numel() == channel else None for v in (gamma, beta)]
        call = Call(
            name,
            "sync" if scattered else "own",
            x,
            x._version,
            copied(right[0]),
            copied(right[1]),
            float(getattr(module, "eps", 0.0) or 0.0),
            flat=flat,
        )
        taken = self.attempt(name, lambda: self._call(name, call))
        if taken is not None:
            self.attempt(name, lambda: self._follow(call, x, output, since))

    def _alone(self, call: Call, x: Any) -> Any:
        """x, so that it gets a gradient where anything here does; else None."""
        if x.requires_grad:
            return x
        names = self._inside[-1].module
        if any(p.requires_grad for p in names.parameters()):
            return x.detach().requires_grad_()
        return None  # nothing here gets a gradient, and nothing may change that

    def _follow(self, call: Call, x: Any, output: Any, since: int) -> None:
        """Watch the gradients of one call; only the graph keeps it alive."""
        if not output.requires_grad or output.is_inference():
            self.still.add(call.name)
            return
        self.live.add(call)
        pair = x is not None and x.requires_grad
        if pair:
            call.again = weakref.ref(x)

        def on_input(dx: Any) -> None:
            self.attempt(call.name, lambda: self.on_done(call, dx))

        # A hook that knew a step of the graph would keep all of it for ever.
        way = graph.Pass(graph.leaving(output, x, since) if pair else {}, on_input)

        def on_output(dy: Any) -> None:
            call.scale = self.scale
            way.starts()
            self.attempt(call.name, lambda: self._came(call, dy, pair))

        graph.arriving(output, since, on_output)

    def _came(self, call: Call, dy: Any, pair: bool) -> None:
        self.live.discard(call)
        call.passes += 1
        self.on_gradient(call, dy)
        if not pair:
            self.on_done(call, None)

    def attempt(self, name: str, act: Callable[[], Any]) -> Any:
        """Whatever goes wrong in watching, training goes on."""
        try:
            with torch()._C.DisableTorchFunction():
                return act()
        except Exception as error:
            if name:
                own = isinstance(error, CaptureError)
                said = str(error) if own else f"{type(error).__name__}: {error}"
                self.failed[name] = said.splitlines()[0][:200]
            return None


def _rows(values: Iterable[Any]) -> list[Any]:
    """Of a module's numbers, those that may be one for each neuron."""
    lazy = torch().nn.parameter.UninitializedTensorMixin
    return [v for v in values if v is not None and not isinstance(v, lazy) and v.dim() == 1]


def _called_norm(module: Any) -> bool:
    """A norm that people wrote themselves, by its name, with a number for each neuron."""
    kind = type(module)
    if not _NORM.search(kind.__name__) or kind.__module__.startswith("torch."):
        return False
    return bool(_rows((*module._parameters.values(), *module._buffers.values())))


def _world() -> int:
    """How many processes train together."""
    spread = torch().distributed
    return int(spread.get_world_size()) if spread.is_available() and spread.is_initialized() else 1


def _mode(act: Callable[[Any, Args, dict[str, Any]], Any]) -> Any:
    """A context in which every function of PyTorch goes through `act`."""

    def function(
        self: Any, func: Any, types: Any, args: Args = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return act(func, args, kwargs or {})

    base = torch().overrides.TorchFunctionMode
    return type("Watched", (base,), {"__torch_function__": function})()


@contextmanager
def _unsaid(warning: str) -> Iterator[None]:
    """Without one warning, which is about these very hooks; any other filter stays as it is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", warning)
        mine = warnings.filters[0]
    warnings.filters.insert(0, mine)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if mine in warnings.filters:
            warnings.filters.remove(mine)  # type: ignore[attr-defined]


@contextmanager
def _scales(watch: Watch) -> Iterator[None]:
    """Know by what a GradScaler multiplies the loss."""
    scaler = torch().amp.GradScaler
    plain = scaler.scale

    def scale(self: Any, outputs: Any) -> Any:
        scaled = plain(self, outputs)
        watch.scale = float(self.get_scale()) if self.is_enabled() else 1.0
        return scaled

    scaler.scale = scale
    try:
        yield
    finally:
        scaler.scale = plain
