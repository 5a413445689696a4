"""Layers watched while a model trains, each written at once; PyTorch is known here alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bnviz.captures.folder import Run
from bnviz.captures.hooks import sums
from bnviz.captures.hooks.front import Front
from bnviz.captures.hooks.tensor import Module, Tensor, alike, channels, numbers, rows, torch
from bnviz.captures.hooks.watch import Call, Watch
from bnviz.captures.npz import LARGEST, read_npz
from bnviz.captures.record import MOST_NEURONS, Capture, CaptureError, Place, Table, Whole

_A_ROW = 400  # bytes a layer, for each row that was asked for
_MARGIN = 2**24  # bytes of a file that are not rows
_CALLS = ("last", "all")


class Captured(Mapping[str, Capture]):
    """The layers that were captured, by name, read from their files; and what was not.

    folder: where they are. files: by layer. missed: why a layer is not there, by layer. With
    `call="all"` or several steps a layer has several files, of which this is the last.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}
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


@dataclass
class _Kept:
    """What is written of a layer in a step: its file, and which call and pass it is."""

    file: Path
    capture_note: str
    number: int
    passes: int


@dataclass(eq=False)
class _Session:
    """One `capture` under way."""

    rows: int | None
    call: str | int
    every: int
    steps: int | None
    run: Run = field(init=False)
    found: Captured = field(init=False)
    seen: dict[str, int] = field(default_factory=dict)  # calls of each layer in this step
    orders: dict[str, int] = field(default_factory=dict)
    kept: dict[tuple[str, str], _Kept] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    pending: tuple[Call, Tensor, int] | None = None  # with ∂L/∂y and its version
    step: int = 0
    taken: int = 0
    over: bool = False  # a backward pass may come later, and is none of this one's

    @property
    def active(self) -> bool:
        """Is this a step to be watched?"""
        return self.step % self.every == 0 and (self.steps is None or self.taken < self.steps)

    def next_step(self) -> None:
        """The optimiser has moved the weights."""
        self.flush()
        self.settle()
        self.taken += self.active
        self.step += 1
        self.seen.clear()
        self.kept.clear()

    # ---- One layer -----------------------------------------------------------------------

    def on_call(self, call: Call) -> bool:
        """Number it, and say whether it is wanted."""
        if not self.active:
            return False
        self.orders.setdefault(call.name, len(self.orders))
        if not torch().is_grad_enabled():
            return False
        self.seen[call.name] = self.seen.get(call.name, 0) + 1
        call.number, call.step = self.seen[call.name], self.step
        call.order = self.orders[call.name]
        return isinstance(self.call, str) or call.number == self.call

    def _wanted(self, call: Call) -> bool:
        if self.call == "all":
            return True
        kept = self.kept.get((call.name, ""))
        return kept is None or (call.number, call.passes) >= (kept.number, kept.passes)

    def on_gradient(self, call: Call, dy: Tensor) -> None:
        """∂L/∂y has come: it waits until ∂L/∂x of the same pass is there."""
        self.flush()
        if self.over or call.step != self.step or not self._wanted(call):
            return
        call.x = call.x if call.x is not None else call.again()
        if call.x is None:
            return
        if tuple(call.x.shape) != tuple(dy.shape):
            raise CaptureError("its output has another shape than its input")
        self.pending = call, dy.detach(), dy._version

    def on_done(self, call: Call, dx: Tensor | None) -> None:
        """The pass is through the layer: write it, and let go of it."""
        if self.pending is None or self.pending[0] is not call:
            return
        _, dy, version = self.pending
        self.pending = None
        x, call.x = call.x, None  # from here on the graph alone keeps it
        assert x is not None
        if x._version != call.version or dy._version != version:
            raise CaptureError("its x or ∂L/∂y was changed in place during the backward pass")
        self._write(call, x, dy, dx)

    def flush(self) -> None:
        """A pass that never came to x, or ended in an error."""
        if self.pending is not None:
            self.on_done(self.pending[0], None)

    def without_gradient(self, call: Call) -> None:
        """What was seen of a call when the step ended in an error."""
        if call.x is None or call.x._version != call.version or call.step != self.step:
            return
        if (call.name, "") not in self.kept and self.active:
            self._write(call, call.x, None, None)

    def _room(self, x: Tensor, k: int) -> int:
        """How many rows may be kept."""
        if k > MOST_NEURONS:
            raise CaptureError(f"it is {k} numbers wide; the limit is {MOST_NEURONS}")
        a_row = 3 * max(4, x.element_size()) * k
        room = (LARGEST - _MARGIN) // a_row
        if self.rows is not None:
            room = min(room, self.rows, max(2, _A_ROW * self.rows // a_row))
        return room

    def _chosen(
        self, call: Call, x: Tensor, dy: Tensor, k: int, notes: list[str]
    ) -> tuple[Any, Whole | None]:
        """Which rows are kept, where not all are; then with the sums of all."""
        n, room = x.numel() // k, self._room(x, k)
        if n <= room:
            return None, None
        per = n // x.shape[0] if call.norm == "group" else 1  # its samples stay whole
        if room < per:
            notes.append(f"A sample of it has {per} rows, more than are kept: it is not judged.")
            call.norm, call.groups, per = "own", 1, 1
        over_rows = call.norm in {"batch", "sync", "own"}  # others are whole in each row or sample
        whole = sums.whole(x, dy, call.flat) if over_rows else None
        finite = (
            whole is not None and np.isfinite(whole.mean + whole.dy_dev + whole.dy_square).all()
        )
        # Chosen by a generator of its own, so that the training's random numbers stay as they are.
        any_ = np.random.default_rng(n).choice(n // per, room // per, replace=False)
        if per > 1:
            chosen = (np.sort(any_)[:, None] * per + np.arange(per)).ravel()
        else:
            first = [] if finite else _not_finite(x, dy, call.flat)[:room]
            rest = np.setdiff1d(any_, first)
            chosen = np.union1d(first, rest[: room - len(first)]).astype(np.int64)
        return torch().as_tensor(chosen, device=getattr(x, "device", None)), whole

    def _tables(
        self, call: Call, x: Tensor, dy: Tensor | None, dx: Tensor | None, notes: list[str]
    ) -> tuple[dict[str, Any], int, Whole | None]:
        """x, dy and dx as they go into the file, of so many rows; with the sums of all."""
        k = call.flat or x.shape[1]
        chosen, whole = self._chosen(call, x, x if dy is None else dy, k, notes)
        given = {"x": x, "dy": dy, "dx": dx}
        there = {name: tensor for name, tensor in given.items() if tensor is not None}
        if whole is not None and dx is not None:
            whole = replace(whole, dx=sums.total(dx, call.flat))
        if whole is not None and dy is None:
            nan = np.full(k, np.nan)
            whole = replace(whole, dy=nan, dy_dev=nan, dy_square=nan)
        if chosen is not None:
            tables = {name: rows(tensor, call.flat, chosen) for name, tensor in there.items()}
            return tables, len(chosen), whole
        laid = alike(there, call.flat)
        apart = {} if laid["x"].dim() == 2 else {"axis": np.array(1)}
        return {n: numbers(tensor) for n, tensor in laid.items()} | apart, x.numel() // k, None

    def _write(self, call: Call, x: Tensor, dy: Tensor | None, dx: Tensor | None) -> None:
        k = call.flat or x.shape[1]
        full = x.numel() // k
        notes: list[str] = []
        tables, n, whole = self._tables(call, x, dy, dx, notes)
        if x.dim() > 2 and not call.flat:
            notes.append(f"{tuple(x.shape)} read as {(full, k)}: a row for each position.")
        if n < full:
            notes.append(
                f"{n} of {full} rows are kept"
                + ("." if whole is None else ", with the sums of all.")
            )
        if call.scale != 1:
            notes.append(f"The gradients carry the loss scale of AMP, {call.scale:g}.")
        if dy is None:
            notes.append("No gradient came: the step ended before.")
        if call.front is not None:
            fits = n == full and self._has_room(call.front, tables)
            said = "The layer in front is left out: rows= leaves no room for it."
            more, said = call.front.read(k, n, call.flat) if fits else ({}, said)
            tables |= more
            notes += [said] if said else []
        kind = tables["x"].dtype
        none = np.empty((0, k), kind)
        capture = Capture(
            none, none, _per_channel(call.gamma, k, 1.0, kind),
            _per_channel(call.beta, k, 0.0, kind), call.eps, call.mode, " ".join(notes),
            running_mean=call.mean, running_var=call.var,
            roundoff=float(torch().finfo(x.dtype).eps),
            norm="batch" if call.norm == "instance" else call.norm, groups=call.groups,
            positions=full // x.shape[0] if call.norm == "group" else 1,
            whole=whole, backward=dy is not None,
            place=Place(call.name, call.order, call.step, self.run.rank, self.run.ranks),
        )  # fmt: skip
        which = ""
        if self.call == "all":
            which = f".call{call.number}" + (f".pass{call.passes}" if call.passes > 1 else "")
        several = self.every > 1 or self.steps not in (None, 1)
        key = (call.name, which)
        if key not in self.names:
            self.names[key] = self.run.name(call.name, which)
        folder = f"step-{call.step}/" if several else ""
        capture = replace(
            capture, note=self._note(capture.note, call.number, call.passes, call.name)
        )
        file = self.run.write(folder + self.names[key], capture, tables)
        self.found.files[call.name] = file
        self.kept[key] = _Kept(file, " ".join(notes), call.number, call.passes)

    def _has_room(self, front: Front, tables: Mapping[str, Table]) -> bool:
        """May the layer in front come along?"""
        size = sum(table.nbytes for table in tables.values()) + front.size()
        limit = LARGEST - _MARGIN
        return size <= (limit if self.rows is None else min(limit, _A_ROW * self.rows))

    def _note(self, note: str, number: int, passes: int, layer: str) -> str:
        parts = [note] if note else []
        if self.seen.get(layer, 1) > 1:
            parts.append(f"This is call {number} of {self.seen[layer]}.")
        if passes > 1:
            parts.append(f"This is backward pass {passes}.")
        return " ".join(parts)

    def settle(self) -> None:
        """Notes that were written before all calls were made are put right."""
        for (layer, _), kept in self.kept.items():
            note = self._note(kept.capture_note, kept.number, kept.passes, layer)
            self.run.renote(kept.file, note)


def _per_channel(values: Table | None, k: int, usual: float, kind: Any) -> Table:
    if values is None or values.size != k:
        full: Table = np.full(k, usual, kind)
        return full
    return values.reshape(-1)


def _not_finite(x: Tensor, dy: Tensor, last: int) -> list[int]:
    """The first rows that are not finite, of each table; at most two."""
    found: list[int] = []
    for table in (x, dy):
        laid: Any = channels(table, last)
        bad = (~laid.isfinite()).any(dim=1).nonzero()
        found += [int(v) for v in bad[:1].reshape(-1).tolist() if int(v) not in found]
    return found


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

    session = _Session(rows, call, every, steps)
    watch = Watch(model, front, wanted, session.on_call, session.on_gradient, session.on_done)
    norms = {name: module for name, module in watch.norms().items() if wanted(name)}
    if patterns is not None and not norms:
        some = _few(list(watch.norms())) or "none"
        raise CaptureError(f"layers={layers!r} fits no norm of the model; it has {some}.")
    session.run = Run.join(folder, *_ranks())
    session.found = Captured(session.run.folder)
    ended: BaseException | None = None
    try:
        with ExitStack() as stack:
            stack.enter_context(watch.on())
            if every > 1 or steps is not None:
                stack.callback(_on_steps(model, session.next_step).remove)
            yield session.found
    except BaseException as error:
        ended = error
        raise
    finally:
        _finish(watch, session, norms, ended)


def _finish(
    watch: Watch, session: _Session, norms: Mapping[str, Module], ended: BaseException | None
) -> None:
    """Write what is left, and say what there is."""
    run, found = session.run, session.found
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
        print(who + said, flush=True)
    else:
        raise CaptureError(said)


def _nothing(found: Captured) -> str:
    if not found.missed:
        return "Nothing was captured: no norm of this model was called."
    whys = "; ".join(dict.fromkeys(found.missed.values()))
    return f"Nothing was captured of {len(found.missed)} ({_few(list(found.missed))}): {whys}."


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
