"""Layers watched while a model trains, each written at once; PyTorch is known here alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from bnviz.captures.folder import Run
from bnviz.captures.hooks.session import Session
from bnviz.captures.hooks.tensor import Module, torch
from bnviz.captures.hooks.watch import Watch
from bnviz.captures.npz import read_npz
from bnviz.captures.record import Capture, CaptureError

_CALLS = ("last", "all")


class Captured(Mapping[str, Capture]):
    """The layers that were captured, by name, read from their files; and what was not.

    folder: where they are. files: by layer. missed: why a layer is not there, by layer. With
    `call="all"` or several steps a layer has several files, of which this is the last.
    """

    def __init__(self, folder: Path, files: dict[str, Path]) -> None:
        self.folder, self.files = folder, files
        self.missed: dict[str, str] = {}

    def __getitem__(self, layer: str) -> Capture:
        return read_npz(self.files[layer])

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __str__(self) -> str:
        count = len(self.files) + len(self.missed)
        said = f"captured {len(self.files)} of {count}"
        reasons: dict[str, list[str]] = {}
        for layer, why in self.missed.items():
            reasons.setdefault(why, []).append(layer)
        parts = [f"{len(names)} ({_few(names)}): {why}" for why, names in reasons.items()]
        return said + (f": {'; '.join(parts)}" if parts else "") + f"; in {self.folder}"

    __repr__ = __str__


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _ranks() -> tuple[int, int]:
    """Which process of how many this is; nothing is asked of the others."""
    spread = torch().distributed
    if spread.is_available() and spread.is_initialized():
        return int(spread.get_rank()), int(spread.get_world_size())
    return 0, 1


def _why(watch: Watch, name: str, module: Any, live: Collection[str]) -> str:
    """Why a norm that the model has is not among what was captured."""
    if name in watch.failed:
        return watch.failed[name]
    if isinstance(module, torch().jit.ScriptModule):
        return "TorchScript runs it out of sight: capture before torch.jit.script"
    if name in watch.still and name not in live:
        return "no gradient reaches it: it is frozen, and nothing in front of it learns"
    if name in watch.unrecorded and name not in live:
        return "ran under torch.no_grad, where no gradient comes"
    if name in live or name in watch.called:
        return "saw no backward pass inside the `with`"
    return "was not called: is another copy of the model trained, or another thread?"


@contextmanager
def capture(
    model: Any,
    folder: str | Path,
    *,
    layers: str | Collection[str] | None = None,
    every: int = 1,
    steps: int | None = None,
    rows: int | None = None,
    front: bool = True,
    call: str | int = "last",
) -> Iterator[Captured]:
    """Watch the norms of a model while it trains; each is written as soon as it is known.

    layers: which ones, by name, as in "layer3.*.bn2", or several such. every, steps: of the
    optimiser's steps, each so-manieth, and so many in all; without them all that is done
    inside is one step. rows: at most so many rows a layer, and no more than 400 bytes for
    each, with the sums of the whole batch beside them. front: take along the input and the
    weight of a linear layer or convolution in front. call: "last", "all", or the number of
    the call that is kept of a layer that is called several times.

    What is given is a mapping from layers to captures that says what was captured and what
    was not, and why. CaptureError where nothing was, or where an argument makes no sense.
    """
    _check(call, every, steps, rows)
    patterns = None if layers is None else [layers] if isinstance(layers, str) else list(layers)

    def wanted(name: str) -> bool:
        return patterns is None or any(
            fnmatchcase(called, p)
            for p in patterns
            for called in (name, name.removeprefix("module."))
        )

    session = Session(rows, call, every, steps)
    watch = Watch(model, front, wanted, session.on_call, session.on_gradient, session.on_done)
    norms = {name: module for name, module in watch.norms().items() if wanted(name)}
    if patterns is not None and not norms:
        some = _few(list(watch.norms())) or "none"
        raise CaptureError(f"layers={layers!r} fits no norm of the model; it has {some}.")
    session.run = Run.join(folder, *_ranks())
    found = Captured(session.run.folder, session.files)
    ended: BaseException | None = None
    try:
        with ExitStack() as stack:
            stack.enter_context(watch.on())
            if every > 1 or steps is not None:

                def stepped() -> None:
                    session.next_step()
                    watch.pause(not session.active)

                stack.callback(_on_steps(model, stepped).remove)
            yield found
    except BaseException as error:
        ended = error
        raise
    finally:
        _finish(watch, session, found, norms, ended)


def _finish(
    watch: Watch,
    session: Session,
    found: Captured,
    norms: Mapping[str, Module],
    ended: BaseException | None,
) -> None:
    """Write what is left, and say what there is."""
    run = session.run
    live = {c.name for c in watch.live}
    try:
        watch.attempt("the last layer", session.flush)
        if ended is not None:
            for c in sorted(watch.live, key=lambda c: c.order):
                watch.attempt(c.name, partial(session.without_gradient, c))
        session.over = True
        watch.attempt("", session.settle)
        found.files = dict(sorted(found.files.items(), key=lambda f: session.orders[f[0]]))
        for name in dict.fromkeys((*norms, *watch.called)):
            if name not in found.files:
                found.missed[name] = _why(watch, name, norms.get(name), live)
        if found.files or found.missed:
            run.list(
                {
                    "captured": {
                        n: f.relative_to(run.folder).as_posix() for n, f in found.files.items()
                    },
                    "missed": found.missed,
                }
            )
    finally:
        run.leave()
    said = str(found) if found.files else _nothing(found)
    who = f"bnviz, rank {run.rank}: " if run.ranks > 1 else "bnviz: "
    if found.files or ended is not None:
        print(f"{who}{said}\n", end="", flush=True)  # in one piece, beside other processes
    else:
        raise CaptureError(said)


def _nothing(found: Captured) -> str:
    if not found.missed:
        return "Nothing was captured: no norm of this model was called."
    whys = "; ".join(dict.fromkeys(found.missed.values()))
    said = f"Nothing was captured of {len(found.missed)} ({_few(list(found.missed))}): {whys}"
    return said if said.endswith("?") else f"{said}."


def _check(call: str | int, every: int, steps: int | None, rows: int | None) -> None:
    if isinstance(call, str) and call not in _CALLS:
        raise CaptureError(f"call must be “last”, “all” or a number from 1; it is {call!r}.")
    for name, value in (("call", call), ("every", every), ("steps", steps), ("rows", rows)):
        if not isinstance(value, str | None) and (isinstance(value, bool) or int(value) < 1):
            raise CaptureError(f"{name} must be a number from 1; it is {value!r}.")


def _on_steps(model: Module, act: Callable[[], None]) -> Any:
    """Tell when an optimiser has moved the model's weights."""
    mine = {id(parameter) for parameter in model.parameters()}

    def stepped(optimiser: Any, args: Any, kwargs: Any) -> None:
        groups = optimiser.param_groups
        if any(id(p) in mine for group in groups for p in group["params"]):
            act()

    optimizer = import_module("torch.optim.optimizer")
    return optimizer.register_optimizer_step_post_hook(stepped)


__all__ = ["Captured", "capture"]
