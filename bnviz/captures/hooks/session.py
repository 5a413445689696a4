"""One capture under way: which call and pass of a layer is kept, and what is written of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bnviz.captures.folder import Run
from bnviz.captures.hooks.calls import Call
from bnviz.captures.hooks.kept import front_fits
from bnviz.captures.hooks.kept import tables as rows_of
from bnviz.captures.hooks.tensor import Tensor, torch
from bnviz.captures.record import Capture, CaptureError, Place, Table


@dataclass
class _Kept:
    """What is written of a layer in a step: its file, and which call and pass it is."""

    file: Path
    capture_note: str
    note: str
    number: int
    passes: int


@dataclass(eq=False)
class Session:
    """One `capture` under way."""

    rows: int | None
    call: str | int
    every: int
    steps: int | None
    run: Run = field(init=False)
    files: dict[str, Path] = field(default_factory=dict)  # the last of each layer
    seen: dict[tuple[int, str], int] = field(default_factory=dict)  # calls, by step and layer
    orders: dict[str, int] = field(default_factory=dict)
    kept: dict[tuple[int, str, str], _Kept] = field(default_factory=dict)
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
        # A gradient may come later than its optimiser's step: a generator's, after the other's.
        since = self.step - 1
        self.seen = {key: count for key, count in self.seen.items() if key[0] >= since}
        self.kept = {key: kept for key, kept in self.kept.items() if key[0] >= since}

    # ---- One layer -----------------------------------------------------------------------

    def on_call(self, call: Call) -> bool:
        """Number it, and say whether it is wanted."""
        if not self.active:
            return False
        self.orders.setdefault(call.name, len(self.orders))
        if not torch().is_grad_enabled():
            return False
        at = self.step, call.name
        self.seen[at] = self.seen.get(at, 0) + 1
        call.number, call.step = self.seen[at], self.step
        call.order = self.orders[call.name]
        return isinstance(self.call, str) or call.number == self.call

    def _wanted(self, call: Call) -> bool:
        if self.call == "all":
            return True
        kept = self.kept.get((call.step, call.name, ""))
        return kept is None or (call.number, call.passes) >= (kept.number, kept.passes)

    def on_gradient(self, call: Call, dy: Tensor) -> None:
        """∂L/∂y has come: it waits until ∂L/∂x of the same pass is there."""
        self.flush()
        if self.over or not self._wanted(call):
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
        if (call.step, call.name, "") not in self.kept and self.active:
            self._write(call, call.x, None, None)

    def _write(self, call: Call, x: Tensor, dy: Tensor | None, dx: Tensor | None) -> None:
        if not x.numel():
            raise CaptureError("there is nothing in its batch")
        k = call.flat or x.shape[1]
        full = x.numel() // k
        notes: list[str] = []
        tables, n, whole = rows_of(call, x, dy, dx, self.rows, notes)
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
            fits = n == full and front_fits(call.front, tables, self.rows)
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
            capture, note=self._note(capture.note, call.number, call.passes, call.step, call.name)
        )
        file = self.run.write(folder + self.names[key], capture, tables)
        self.files[call.name] = file
        self.kept[call.step, *key] = _Kept(
            file, " ".join(notes), capture.note, call.number, call.passes
        )

    def _note(self, note: str, number: int, passes: int, step: int, layer: str) -> str:
        parts = [note] if note else []
        calls = self.seen.get((step, layer), 1)
        if calls > 1:
            parts.append(f"This is call {number} of {calls}.")
        if passes > 1:
            parts.append(f"This is backward pass {passes}.")
        return " ".join(parts)

    def settle(self) -> None:
        """Notes that were written before all calls were made are put right."""
        for (step, layer, _), kept in self.kept.items():
            note = self._note(kept.capture_note, kept.number, kept.passes, step, layer)
            if note != kept.note:
                self.run.renote(kept.file, note)
                kept.note = note


def _per_channel(values: Table | None, k: int, usual: float, kind: Any) -> Table:
    if values is None or values.size != k:
        full: Table = np.full(k, usual, kind)
        return full
    return values.reshape(-1)
