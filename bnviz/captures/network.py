"""All captures of a network: a folder, a .zip or several files, in the order of the forward pass.

The parts that several processes wrote are joined: a norm over all of them into one layer, a norm
of each process for itself into a layer each.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from bnviz.captures.csv import read_csv
from bnviz.captures.npz import LARGEST, read_npz
from bnviz.captures.record import Capture, CaptureError, Place, Whole
from bnviz.captures.survey import survey
from bnviz.core.arrays import Array
from bnviz.words.numbers import number

_MOST_FILES = 2000
_MANIFEST = 2**20  # bytes

Reader = Callable[[], Capture]
Part = tuple[Place, str, Reader]  # one rank's, with its norm


@dataclass(frozen=True)
class File:
    """One file that may be a capture: its name, with folders, and how to get at it."""

    name: str
    size: int
    get: Callable[[], Path | IO[bytes]]

    def read(self) -> Capture:
        """The capture in it, or CaptureError."""
        got = self.get()
        if not self.name.lower().endswith(".csv"):
            return read_npz(got)
        data = got.read_bytes() if isinstance(got, Path) else got.read()
        try:
            return read_csv(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise CaptureError("This is not a text file.") from error


@dataclass(frozen=True)
class Layer:
    """A layer that was captured; read gives it, anew from its files each time."""

    name: str
    read: Reader


@dataclass(frozen=True)
class Layers:
    """What files hold: layers in the order of the forward pass, and what is not among them.

    missed: why a layer was not captured, by name. refused: why a file was not read, by name.
    """

    layers: list[Layer]
    missed: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    said: str = ""


def _same(thing: Any) -> Any:
    return thing


def files_at(path: str | Path) -> list[File]:
    """The files of a folder, of a .zip, or the one that is named; of runs, those of the last."""
    root = Path(path)
    if root.is_dir():
        inside = sorted(p for p in root.rglob("*") if p.suffix in {".npz", ".json"})
        names = {p: p.relative_to(root).as_posix() for p in inside}
        return [File(names[p], p.stat().st_size, partial(_same, p)) for p in inside]
    if not root.is_file():
        raise CaptureError(f"There is no folder or file “{root}”.")
    if root.suffix.lower() == ".zip":
        return files_in_zip(io.BytesIO(root.read_bytes()))
    return [File(root.name, root.stat().st_size, lambda: root)]


def files_in_zip(archive: IO[bytes]) -> list[File]:
    """The files of a .zip, each unpacked when it is asked for; nothing is written to disk."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [m for m in opened.infolist() if not m.is_dir()]
    except Exception as error:  # damaged files raise errors of zipfile, zlib, struct, …
        raise CaptureError("This is no .zip file, or it is damaged.") from error
    if len(members) > _MOST_FILES:
        raise CaptureError(f"The .zip holds {len(members)} files; the limit is {_MOST_FILES}.")
    if sum(m.file_size for m in members) > LARGEST:
        raise CaptureError(f"The .zip unpacks to more than {LARGEST} bytes.")

    def unpacked(member: zipfile.ZipInfo) -> IO[bytes]:
        try:
            with zipfile.ZipFile(archive) as opened, opened.open(member) as file:
                return io.BytesIO(file.read(member.file_size + 1))
        except Exception as error:
            raise CaptureError("It can’t be unpacked.") from error

    wanted = [m for m in members if m.filename.lower().endswith((".npz", ".csv", ".json"))]
    return [File(m.filename, m.file_size, partial(unpacked, m)) for m in wanted]


def layers_of(
    files: Iterable[File], hold: bool, progress: Callable[[float], None] = lambda share: None
) -> Layers:
    """Read every file once; CaptureError where none of them is a capture.

    hold: keep the numbers, where the files won't be there again.
    """
    listed, last = _last_run(list(files))
    tables = [f for f in listed if not f.name.lower().endswith(".json")]
    if not tables:
        raise CaptureError("There is no capture in it: no .npz file.")
    if len(tables) > _MOST_FILES:
        raise CaptureError(f"There are {len(tables)} files; the limit is {_MOST_FILES}.")
    refused: dict[str, str] = {}
    found: dict[tuple[int, int, str, str], list[Part]] = {}
    steps: set[int] = set()
    for index, file in enumerate(tables):
        progress(index / len(tables))
        try:
            c = file.read()
        except CaptureError as error:
            refused[file.name] = str(error)
            continue
        place, read = c.place, partial(_same, c) if hold else file.read
        steps.add(place.step)
        stem = PurePosixPath(file.name).stem.removesuffix(f".rank{place.rank}")
        key = (place.step, place.order, place.layer or stem, stem)
        found.setdefault(key, []).append((place, c.norm, read))
        del c
    if not found:
        raise CaptureError(next(iter(refused.values())))
    said = [last] if last else []
    newest = max(steps)
    last_of = {name: step for step, _, name, _ in sorted(found)}
    if len(steps) > 1:
        others = ", ".join(str(step) for step in sorted(steps - {newest}))
        said.append(f"This is step {newest}; captured were also {others}.")
        said += [f"{n} is of step {step}." for n, step in last_of.items() if step < newest]
    keys = sorted((key for key in found if key[0] == last_of[key[2]]), key=lambda key: key[1:])
    layers: list[Layer] = []
    for key in keys:
        layers += _joined(key[2], sorted(found[key], key=lambda p: p[0].rank))
    alone = {p[0].ranks for parts in found.values() for p in parts[:1] if p[1] == "batch"}
    if max(alone, default=1) > 1:
        said.append(f"Each of {max(alone)} ranks takes a mean and a variance of its own.")
    layers = _told_apart(layers, keys)
    progress(1.0)
    return Layers(layers, _missed(listed), refused, " ".join(said))


def _last_run(files: list[File]) -> tuple[list[File], str]:
    """Of several runs in one folder, the files of the last."""

    def run(file: File) -> int:
        for part in PurePosixPath(file.name).parts[:-1]:
            number = part.removeprefix("run-")
            if number != part and number.isdecimal() and len(number) < 6:
                return int(number)
        return 1

    runs = {run(file) for file in files}
    if len(runs) < 2:
        return files, ""
    last = max(runs)
    return [f for f in files if run(f) == last], f"This is run {last} of {len(runs)} in the folder."


def _told_apart(layers: list[Layer], keys: list[tuple[int, int, str, str]]) -> list[Layer]:
    """Names that no two layers share: the name of its file beside one that is there twice."""
    count: dict[str, int] = {}
    for layer in layers:
        count[layer.name] = count.get(layer.name, 0) + 1
    seen: dict[str, int] = {}
    found = []
    stems = {name: [k[3] for k in keys if k[2] == name] for name in count}
    for layer in layers:
        name = layer.name
        if count[name] > 1:
            index = seen[name] = seen.get(name, -1) + 1
            stem = stems[name][index] if index < len(stems[name]) else str(index + 1)
            name = f"{name} ({stem})" if stem != name else name
        found.append(Layer(name, layer.read))
    return found


def _missed(files: Iterable[File]) -> dict[str, str]:
    """What the manifests say was not captured; they are as hostile as anything else."""
    missed: dict[str, str] = {}
    for file in files:
        if not file.name.lower().endswith(".json") or file.size > _MANIFEST:
            continue
        try:
            got = file.get()
            data = got.read_bytes() if isinstance(got, Path) else got.read()
            for part in json.loads(data)["parts"]:
                for name, why in part["missed"].items():
                    missed[_plain(name)] = _plain(why)
        except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError):
            continue
        except CaptureError:
            continue
    return missed


def _plain(text: Any) -> str:
    return "".join(c for c in str(text)[:200] if c.isprintable())


# ---- Several processes -------------------------------------------------------------------


def _joined(name: str, parts: list[Part]) -> list[Layer]:
    """One layer of a norm over all ranks; else one for each.

    A forward of its own may go over all ranks as well: it does if its gradients say so.
    """
    ranks = parts[0][0].ranks
    if ranks == 1:
        return [Layer(name, read) for _, _, read in parts]
    if len({place.rank for place, _, _ in parts}) == ranks == len(parts):
        reads = [read for _, _, read in parts]

        def together() -> Capture:
            return join([read() for read in reads])

        if parts[0][1] == "sync" or (parts[0][1] == "own" and _agrees(together())):
            return [Layer(name, together)]
    return [Layer(f"{name} · rank {place.rank}", read) for place, _, read in parts]


def _agrees(c: Capture) -> bool:
    seen = survey(c)
    return seen.far is not None and seen.bound is not None and bool((seen.far <= seen.bound).all())


def join(parts: list[Capture]) -> Capture:
    """A norm over several processes as the one layer that it is: the rows of all, one by one."""
    first = parts[0]
    if len({c.shape[1] for c in parts}) > 1:
        raise CaptureError("The parts of this layer differ in their neurons.")
    rows: dict[str, Any] = {
        name: np.concatenate([getattr(c, name) for c in parts])
        for name in ("x", "dy", "dx", "a")
        if all(getattr(c, name) is not None for c in parts)
    }
    sampled = any(c.whole is not None for c in parts)
    whole = _together([_sums(c) for c in parts]) if sampled else None
    alone = [np.abs(s) for c in parts if (s := _dx_sum(c)) is not None]
    said = f"Joined from {len(parts)} ranks."
    if alone and np.isfinite(alone).all():
        rank, neuron = np.unravel_index(int(np.argmax(alone)), np.shape(alone))
        said += (
            f" Over rank {rank} alone the captured ∂L/∂x adds up to "
            f"{number(float(alone[rank][neuron]))} in size, at neuron {neuron + 1}."
        )
    kept: dict[str, Any] = {"weight": first.weight, "bias": first.bias} if "a" in rows else {}
    return Capture(
        gamma=first.gamma, beta=first.beta, eps=first.eps, mode=first.mode,
        note=f"{said} {first.note}".strip(), running_mean=first.running_mean,
        running_var=first.running_var, roundoff=max(c.roundoff for c in parts), norm="sync",
        whole=whole, backward=all(c.backward for c in parts),
        place=replace(first.place, rank=0, ranks=1), **rows, **kept,
    )  # fmt: skip


def _dx_sum(c: Capture) -> Array | None:
    if c.whole is not None:
        return c.whole.dx
    return None if c.dx is None else c.dx.sum(axis=0, dtype=np.float64)


@np.errstate(all="ignore")
def _sums(c: Capture) -> Whole:
    """The sums of all rows of a capture, where it has all."""
    if c.whole is not None:
        return c.whole
    x, dy = c.x.astype(np.float64), c.dy.astype(np.float64)
    mean = x.mean(axis=0)
    dev = x - mean
    return Whole(
        len(x), mean, np.square(dev).mean(axis=0), dy.sum(axis=0), (dy * dev).sum(axis=0),
        np.square(dy).sum(axis=0), _dx_sum(c),
    )  # fmt: skip


@np.errstate(all="ignore")
def _together(parts: list[Whole]) -> Whole:
    """Sums about the mean of all, from sums about the mean of each."""
    rows = sum(w.rows for w in parts)
    mean = sum((w.rows * w.mean for w in parts), np.zeros(())) / rows
    square = sum((w.rows * (w.var + (w.mean - mean) ** 2) for w in parts), np.zeros(()))
    dy_dev = sum((w.dy_dev + (w.mean - mean) * w.dy for w in parts), np.zeros(()))
    dx = [w.dx for w in parts if w.dx is not None]
    return Whole(
        rows, mean, square / rows, sum((w.dy for w in parts), np.zeros(())), dy_dev,
        sum((w.dy_square for w in parts), np.zeros(())),
        sum(dx[1:], dx[0]) if len(dx) == len(parts) else None,
    )  # fmt: skip
