"""What may be said of a network that was captured, layer by layer, and what goes wrong first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bnviz.captures import excerpt
from bnviz.captures.network import Layer, Layers, files_at, layers_of
from bnviz.captures.record import Capture, CaptureError, Fault, faults
from bnviz.claims import layer as claims
from bnviz.claims.layer import BATCH, Overview
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.words.claim import Claim
from bnviz.words.numbers import significant

KINDS = {
    "batch": "batch norm", "sync": "batch norm over all ranks", "layer": "layer norm",
    "group": "group norm", "rms": "RMS norm", "own": "not judged",
}  # fmt: skip
_ENTRIES = 2**22  # numbers, of a·∂L/∂x a sample


@dataclass(frozen=True)
class Row:
    """One layer of the network, in numbers; the more severe, the worse.

    dx_size: root mean square of ∂L/∂x over the layer. shares: what of |∂L/∂x̂|² is taken away
    along 1 and along x̂; None where nothing is. dead, constant, bad: how many neurons. words: what
    is said of the worst neuron, if anything; worst: which one, from 0. agrees: with the captured
    ∂L/∂x; None where that can't be told.
    """

    name: str
    kind: str
    rows: int
    neurons: int
    mode: str
    dx_size: float
    shares: tuple[float, float] | None
    dead: int
    constant: int
    stand_out: int
    words: str
    worst: int
    severity: float
    agrees: bool | None
    fault: Fault | None


def row_of(name: str, o: Overview) -> Row:
    """The sums of one layer."""
    c, seen = o.capture, o.seen
    with np.errstate(all="ignore"):
        weight = np.square(seen.g_size)
        whole = float(weight.sum())
        shares = None
        if c.kind in BATCH and c.mode == "train" and whole > 0 and np.isfinite(whole):
            along = (seen.removed_mean, seen.removed_x_hat)
            first, second = (float((weight * share).sum() / whole) for share in along)
            shares = first, second
        size = float(np.sqrt(np.square(seen.dx_size).mean()))
    found = faults(c)
    verdict = claims.agreement(seen)
    words = o.order[0].words
    return Row(
        name=name,
        kind=c.kind,
        rows=c.rows,
        neurons=c.shape[1],
        mode=c.mode,
        dx_size=size,
        shares=shares,
        dead=int((seen.g_size == 0).sum()) if c.backward else 0,
        constant=int((seen.var == 0).sum()) if c.kind in BATCH else 0,
        stand_out=sum(bool(f.words) for f in o.order),
        words="; ".join(words),
        worst=o.order[0].neuron,
        severity=o.order[0].severity,
        agrees=verdict[0] if verdict else None,
        fault=found[0] if found else None,
    )


@dataclass(frozen=True)
class Opened:
    """One layer of a network, ready to be looked at."""

    name: str
    overview: Overview

    @property
    def capture(self) -> Capture:
        """Its numbers."""
        return self.overview.capture

    def trace(self, neuron: int) -> Trace:
        """Every term of one neuron, from 0, over its whole batch; a `bnviz.Trace` with k = 1.

        With the input of the layer in front, a: all of it, or where that would be too large the
        one with the largest ∂L/∂W. CaptureError where the terms of training aren't its own.
        """
        c = self.capture
        if not 0 <= neuron < c.shape[1]:
            raise CaptureError(f"neuron must be from 0 to {c.shape[1] - 1}; it is {neuron}.")
        if c.kind not in BATCH or c.mode != "train" or not c.backward:
            what = KINDS[c.kind] if c.mode == "train" else "batch norm with fixed statistics"
            raise CaptureError(f"{self.name} has no such terms: it is {what}.")
        if c.whole is not None:
            raise CaptureError(
                f"{self.name} holds {c.shape[0]} of {c.rows} rows; capture all of them for a trace."
            )
        if c.a is None or c.a.size > _ENTRIES:
            return run(excerpt.whole(c, self.overview.seen, neuron))
        j = [neuron]
        return run(Scenario(c.x[:, j], c.dy[:, j], c.gamma[j], c.beta[j], c.eps, c.a))


class Network:
    """The layers of a network that was captured, in the order of the forward pass.

    rows: a summary of each. `network["layer3.0.bn2"]` opens one of them; str() is the table.
    """

    def __init__(self, found: Layers, name: str, progress: Callable[[float], None]) -> None:
        self.name, self.found = name, found
        self.rows: list[Row] = []
        self.refused = dict(found.refused)
        self._layers: list[Layer] = []
        for index, layer in enumerate(found.layers):
            try:
                self.rows.append(row_of(layer.name, claims.look_over(layer.read())))
                self._layers.append(layer)
            except CaptureError as error:
                self.refused[layer.name] = str(error)
            progress((index + 1) / len(found.layers))
        if not self.rows:
            raise CaptureError(next(iter(self.refused.values())))

    def __len__(self) -> int:
        return len(self.rows)

    def names(self) -> list[str]:
        """The layers, in order."""
        return [row.name for row in self.rows]

    def __getitem__(self, name: str) -> Opened:
        if name not in self.names():
            raise KeyError(f"{name}: the layers are {', '.join(self.names())[:300]}")
        return self.at(self.names().index(name))

    def at(self, index: int) -> Opened:
        """The layer at that place of the forward pass, from 0."""
        layer = self._layers[index]
        return Opened(layer.name, claims.look_over(layer.read()))

    def worst_first(self) -> list[int]:
        """The places of the layers, the worst first; before all, where it was not finite first."""
        rows, first = self.rows, self._first_fault()
        return sorted(
            range(len(rows)), key=lambda i: (i != first, -rows[i].severity, -rows[i].stand_out, i)
        )

    def _first_fault(self) -> int | None:
        """Forward comes before backward, and backward goes from the last layer to the first."""
        faulty = [(i, row.fault) for i, row in enumerate(self.rows) if row.fault]
        forward = [i for i, fault in faulty if fault.table not in {"dy", "dx"}]
        backward = [i for i, _ in reversed(faulty)]
        return next(iter(forward + backward), None)

    def headline(self, name: str) -> Claim:
        """How many layers have neurons that stand out, and what network this is."""
        many, sick = len(self), sum(bool(row.words) for row in self.rows)
        layers = f"{many} layer{'' if many == 1 else 's'}"
        have, first = "has" if sick == 1 else "have", self.rows[self.worst_first()[0]].name
        kinds = ", ".join(dict.fromkeys(KINDS[row.kind] for row in self.rows))
        return Claim(
            f"{sick} of {layers} {have} neurons that stand out; look at {first} first."
            if sick
            else f"No neuron stands out in {'this layer' if many == 1 else f'these {layers}'}.",
            f"This is {name}: {layers}, {kinds}. {self.found.said}".strip(),
        )

    def first_fault(self) -> str:
        """Which layer, table, row and neuron was not finite first; nothing where all are."""
        first = self._first_fault()
        fault = None if first is None else self.rows[first].fault
        return (
            ""
            if first is None or fault is None
            else (f"{self.rows[first].name}: {claims.said_of(fault)}")
        )

    def not_captured(self) -> str:
        """What is not among the rows, and why; nothing where all are."""
        groups: dict[str, list[str]] = {}
        for name, why in {**self.found.missed, **self.refused}.items():
            groups.setdefault(why, []).append(name)
        parts = [
            f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''}: {why.rstrip('.')}"
            for why, names in groups.items()
        ]
        whole = len(self) + len(self.found.missed) + len(self.refused)
        return f"{len(self)} of {whole} layers are here. {'; '.join(parts)}." if parts else ""

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self)} layers; print it for the table>"

    def __str__(self) -> str:
        heads = ("layer", "norm", "rows × neurons", "∂L/∂x rms", "along 1", "along x̂", "dead",
                 "constant", "what stands out")  # fmt: skip
        lines: list[tuple[str, ...]] = [heads]
        for r in self.rows:
            share = ("–", "–") if r.shares is None else tuple(f"{s:.0%}" for s in r.shares)
            said = f"{r.stand_out}: neuron {r.worst + 1} {r.words}" if r.words else ""
            if r.agrees is False:
                said = f"differs from the captured gradient. {said}"
            lines.append(
                (r.name, KINDS[r.kind] + (", evaluating" if r.mode == "eval" else ""),
                 f"{r.rows} × {r.neurons}", significant(r.dx_size), *share, str(r.dead),
                 str(r.constant), said)
            )  # fmt: skip
        width = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        text = [
            "  ".join(cell.ljust(width[i]) for i, cell in enumerate(line)).rstrip()
            for line in lines
        ]
        ends = [self.found.said, self.first_fault(), self.not_captured()]
        return "\n".join([*text, *(end for end in ends if end)])


def open_network(path: str | Path) -> Network:
    """A folder, a .zip or a file of captures; layers are read again when they are asked for."""
    found = layers_of(files_at(path), hold=False)
    return Network(found, str(path), lambda share: None)


def of_layer(c: Capture, name: str) -> Network:
    """A network of one layer, which is at hand."""
    return Network(Layers([Layer(name, lambda: c)]), name, lambda share: None)
