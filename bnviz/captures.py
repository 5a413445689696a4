"""Layers of real networks: captured from PyTorch, written and read as .npz or CSV, and judged.

    from bnviz.captures import capture
    with capture(model, "captures"):  # one .npz for each BatchNorm1d and BatchNorm2d
        loss = criterion(model(inputs), targets)
        loss.backward()

A capture holds x and ∂L/∂y, (N, k), γ, β, ε, the mode with its running statistics, where a
Linear layer stands in front its input a and weight W, and PyTorch's own ∂L/∂x. PyTorch is
imported by `capture` alone. What is opened is hostile until read: no pickle, no member that
isn't known, nothing larger than it says.
"""

from __future__ import annotations

import csv as csv_module
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.floating[Any]]

LARGEST = 2 * 1024**3  # bytes, unpacked
_RATIO = 1000  # a member that unpacks to more is no array of measured numbers
_ARRAYS = ("x", "dy", "gamma", "beta", "a", "weight", "bias", "running_mean", "running_var", "dx")
_TEXTS = ("mode", "note")
_MODES = ("train", "eval")
_TERM = re.compile(r"term_[a-z_]{1,24}\.npy", re.ASCII)  # taken along, and computed anew
_COLUMN = re.compile(r"(x|dy|a|dx|gamma|beta|eps|term_[a-z_]{1,24}?)_?(\d{1,4})", re.ASCII)


class CaptureError(ValueError):
    """A file that holds no usable capture; the message says what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Capture:
    """One layer: x, dy (N, k); gamma, beta (k,); and what else was captured.

    a (N, d) and weight (d, k) of the Linear layer in front; running_mean, running_var (k,);
    dx (N, k), the gradient that the other program found. mode: train or eval. Arrays keep
    the precision that they were captured in.
    """

    x: Table
    dy: Table
    gamma: Table
    beta: Table
    eps: float = 1e-5
    mode: str = "train"
    note: str = ""
    a: Table | None = None
    weight: Table | None = None
    bias: Table | None = None
    running_mean: Table | None = None
    running_var: Table | None = None
    dx: Table | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(N, k)."""
        n, k = self.x.shape
        return n, k

    def arrays(self) -> dict[str, Table]:
        """The arrays that there are, by name."""
        return {name: v for name in _ARRAYS if (v := getattr(self, name)) is not None}


# ---- Out of PyTorch ---------------------------------------------------------------------


def _rows(values: Any) -> tuple[Table, str]:
    """(N, C, H, W) or (N, C, L) as one row for each position, and a note that says so."""
    array = values.detach().cpu().numpy()
    if array.ndim == 2:
        return array, ""
    moved = np.moveaxis(array, 1, -1)
    rows = moved.reshape(-1, moved.shape[-1])
    return rows, f"{array.shape} read as {rows.shape}: a row for each position of each image"


@contextmanager
def capture(model: Any, folder: str | Path) -> Iterator[dict[str, Capture]]:
    """Watch every BatchNorm1d and BatchNorm2d of a model through one forward and backward.

    On leaving, one file a layer is written into the folder, and the captures are in the
    dictionary that `with … as captures` gives, by the layer's name.
    """
    import torch  # noqa: PLC0415  # needed here only

    found: dict[str, Capture] = {}
    seen: dict[str, dict[str, Any]] = {}
    fronts: list[tuple[Any, Any, Any]] = []  # output, input and layer, of this pass

    def on_linear(layer: Any, given: Any, output: Any) -> None:
        fronts.append((output, given[0], layer))

    def on_norm(name: str) -> Any:
        def hook(layer: Any, given: Any, output: Any) -> None:
            record: dict[str, Any] = {"layer": layer, "x": given[0].detach()}
            record["mode"] = "train" if layer.training or layer.running_mean is None else "eval"
            if layer.running_mean is not None and record["mode"] == "eval":
                record["running"] = (layer.running_mean.clone(), layer.running_var.clone())
            record["front"] = next((f for f in fronts if f[0] is given[0]), None)
            output.register_hook(lambda grad: record.__setitem__("dy", grad.detach()))
            if given[0].requires_grad:
                given[0].register_hook(lambda grad: record.__setitem__("dx", grad.detach()))
            seen[name] = record

        return hook

    norms = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
    handles = []
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear):
            handles.append(layer.register_forward_hook(on_linear))
        elif isinstance(layer, norms):
            handles.append(layer.register_forward_hook(on_norm(name or "norm")))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
    for name, record in seen.items():
        if "dy" in record:
            found[name] = _recorded(record)
            Path(folder).mkdir(parents=True, exist_ok=True)
            save_npz(found[name], Path(folder) / f"{name}.npz")


def _recorded(record: Mapping[str, Any]) -> Capture:
    """A capture from what the hooks have seen."""
    layer = record["layer"]
    x, note = _rows(record["x"])
    k = x.shape[1]

    def own(values: Any, default: float) -> Table:
        return np.full(k, default, x.dtype) if values is None else values.detach().cpu().numpy()

    mean, var = record.get("running", (None, None))
    front = record["front"]
    given: dict[str, Any] = {}
    if front is not None and front[1].dim() == 2:
        _, inputs, linear = front
        given = {
            "a": _rows(inputs)[0],
            "weight": linear.weight.detach().cpu().numpy().T.copy(),
            "bias": own(linear.bias, 0.0),
        }
    return Capture(
        x=x,
        dy=_rows(record["dy"])[0],
        gamma=own(layer.weight, 1.0),
        beta=own(layer.bias, 0.0),
        eps=float(layer.eps),
        mode=record["mode"],
        note=note,
        running_mean=None if mean is None else mean.cpu().numpy(),
        running_var=None if var is None else var.cpu().numpy(),
        dx=_rows(record["dx"])[0] if "dx" in record else None,
        **given,
    )


# ---- .npz ------------------------------------------------------------------------------


Terms = Mapping[str, NDArray[np.float64]]  # what bnviz has computed, to be taken along


def save_npz(capture: Capture, target: str | Path | IO[bytes], terms: Terms | None = None) -> None:
    """Write it; `numpy.load(file)["dx"]` reads an array of it again, and ["term_dx"] a term."""
    arrays: dict[str, NDArray[Any]] = {
        "eps": np.array(capture.eps),
        "mode": np.array(capture.mode),
        "note": np.array(capture.note),
        **capture.arrays(),
        **{f"term_{name}": values for name, values in (terms or {}).items()},
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(values), allow_pickle=False)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """One array of an .npz, after its header has said what is coming."""
    name = info.filename
    with archive.open(info) as file:
        try:
            version = np.lib.format.read_magic(file)
            reader = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if reader is None:
                raise ValueError("unknown version")
            shape, fortran, dtype = reader(file, max_header_size=4096)
        except (ValueError, SyntaxError, TypeError, OverflowError, RecursionError) as error:
            raise CaptureError(f"{name} in the file is no NumPy array.") from error
        if dtype.hasobject or dtype.kind not in "fiuU" or dtype.itemsize > 4096:
            raise CaptureError(f"{name} must hold numbers; it holds {dtype.kind!r} ({dtype}).")
        count = 1
        for length in shape:
            count *= int(length)
        if count * dtype.itemsize > info.file_size or len(shape) > 2 or min(shape, default=0) < 0:
            raise CaptureError(f"{name} says that its shape is {shape}, and the file is another.")
        data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise CaptureError(f"{name} ends too early: the file is cut off.")
    values = np.frombuffer(data, dtype=dtype, count=count)
    return values.reshape(shape, order="F" if fortran else "C")


def read_npz(source: str | Path | IO[bytes]) -> Capture:
    """Read what `capture` or `save_npz` wrote; CaptureError says in a sentence why not."""
    known = {f"{name}.npy": name for name in (*_ARRAYS, *_TEXTS, "eps")}
    found: dict[str, NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(source) as archive:
            members = archive.infolist()
            members = [info for info in members if not _TERM.fullmatch(info.filename)]
            strange = [info.filename for info in members if info.filename not in known]
            if strange:
                raise CaptureError(f"The file holds “{strange[0][:40]}”, which no capture has.")
            if len({info.filename for info in members}) < len(members):
                raise CaptureError("The file holds an array twice.")
            whole = sum(info.file_size for info in members)
            if whole > LARGEST:
                raise CaptureError(f"The file unpacks to {whole} bytes; the limit is {LARGEST}.")
            for info in members:
                if info.file_size > _RATIO * max(info.compress_size, 1024):
                    raise CaptureError(f"{info.filename} unpacks to far more than it can hold.")
                found[known[info.filename]] = _member(archive, info)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise CaptureError("This is no .npz file, or it is damaged.") from error
    except (zipfile.LargeZipFile, OverflowError, MemoryError, ValueError) as error:
        if isinstance(error, CaptureError):
            raise
        raise CaptureError("This is no .npz file, or it is damaged.") from error
    except Exception as error:  # zlib and lzma have errors of their own
        raise CaptureError("This is no .npz file, or it is damaged.") from error
    texts = {}
    for name in _TEXTS:
        if name in found:
            text = found.pop(name)
            texts[name] = str(text.reshape(-1)[0])[:200] if text.size else ""
    eps = found.pop("eps", np.array(1e-5))
    if eps.size != 1 or eps.dtype.kind not in "fiu":
        raise CaptureError("eps must be one number.")
    return _checked(
        found, float(eps.reshape(-1)[0]), texts.get("mode", "train"), texts.get("note", "")
    )


def _checked(found: Mapping[str, NDArray[Any]], eps: float, mode: str, note: str) -> Capture:
    """The capture, once all of it fits together."""
    for name, values in found.items():
        if values.dtype.kind not in "fiu":
            raise CaptureError(f"{name} must hold numbers; it holds text.")
    if "x" not in found or "dy" not in found:
        missing = "x" if "x" not in found else "dy"
        raise CaptureError(f"The file has no {missing}; a capture needs x and dy.")
    x = found["x"]
    if x.ndim != 2 or x.size == 0:
        raise CaptureError(f"x must have two axes, (N, k), and numbers; its shape is {x.shape}.")
    n, k = x.shape
    a = found.get("a")
    d = a.shape[1] if a is not None and a.ndim == 2 else 0
    shapes = {
        "dy": (n, k),
        "dx": (n, k),
        "gamma": (k,),
        "beta": (k,),
        "bias": (k,),
        "running_mean": (k,),
        "running_var": (k,),
        "a": (n, d),
        "weight": (d, k),
    }
    for name, values in found.items():
        if name != "x" and values.shape != shapes[name]:
            raise CaptureError(
                f"{name} must have shape {shapes[name]} beside x {x.shape}; its shape is "
                f"{values.shape}."
            )
    for name, values in found.items():
        if values.dtype.kind == "f" and not _finite(values):
            where = np.argwhere(~np.isfinite(values))[0]
            place = ", ".join(str(int(i) + 1) for i in where)
            raise CaptureError(f"{name} holds a nan or an inf, first at ({place}) from 1.")
    if not (np.isfinite(eps) and eps >= 0):
        raise CaptureError("eps must be a finite number, zero or more.")
    if mode not in _MODES:
        raise CaptureError("mode must be train or eval.")
    if mode == "eval" and not {"running_mean", "running_var"} <= set(found):
        raise CaptureError("In eval mode a capture needs running_mean and running_var.")
    if mode == "eval" and (found["running_var"] < 0).any():
        raise CaptureError("running_var must be zero or more.")
    arrays = {
        name: values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
        for name, values in found.items()
    }
    arrays.setdefault("gamma", np.ones(k))
    arrays.setdefault("beta", np.zeros(k))
    return Capture(eps=eps, mode=mode, note=note, **arrays)


def _finite(values: NDArray[Any]) -> bool:
    """Are all finite? Row by row of blocks, so that a large table is not copied."""
    step = max(1, 2**22 // max(1, int(np.prod(values.shape[1:]))))
    return all(bool(np.isfinite(values[i : i + step]).all()) for i in range(0, len(values), step))


# ---- CSV -------------------------------------------------------------------------------


def save_csv(capture: Capture, terms: Terms | None = None) -> str:
    """One line a sample: x_1 …, dy_1 …, a_1 …, dx_1 …; in each line also γ, β and ε.

    Of the terms, those with a row for each sample; `pandas.read_csv(file)["term_dx_1"]`.
    """
    n, k = capture.shape
    tables = {name: getattr(capture, name) for name in ("x", "dy", "a", "dx")}
    for name, row in (("gamma", capture.gamma), ("beta", capture.beta)):
        tables[name] = np.broadcast_to(row, (n, k))
    tables["eps"] = np.full((n, 1), capture.eps)
    for name, values in (terms or {}).items():
        if values.ndim == 2 and len(values) == n:
            tables[f"term_{name}"] = values
    tables = {name: values for name, values in tables.items() if values is not None}
    heads = [f"{name}_{c + 1}" for name, values in tables.items() for c in range(values.shape[1])]
    rows = np.hstack([np.asarray(values, np.float64) for values in tables.values()])
    lines = [",".join(repr(float(v)) for v in row) for row in rows]
    return "\n".join([",".join(heads), *lines]) + "\n"


def _cells(text: str) -> tuple[list[str], NDArray[np.float64]]:
    """The names of the columns and the numbers below them, (lines, columns)."""
    reader = csv_module.reader(io.StringIO(text.lstrip("\ufeff")))
    rows = []
    try:
        heads = [head.strip() for head in next(reader, [])]
        if len(heads) > 4096:
            raise CaptureError(f"The file has {len(heads)} columns; the limit is 4096.")
        for head in heads:
            if not _COLUMN.fullmatch(head):
                raise CaptureError(
                    f"Column “{head[:30]}” is not known: columns are x_1 …, dy_1 …, a_1 …, dx_1 …."
                )
        for line, cells in enumerate(reader, 2):
            if cells and len(cells) != len(heads):
                raise CaptureError(f"Line {line} has {len(cells)} cells; there are {len(heads)}.")
            if cells:
                rows.append([_cell(cell, line, heads[c]) for c, cell in enumerate(cells)])
    except csv_module.Error as error:
        raise CaptureError("This is no CSV file.") from error
    if not rows:
        raise CaptureError("There are no numbers in it.")
    return heads, np.array(rows)


def read_csv(text: str) -> Capture:
    """Read columns x_1 …, dy_1 … and, if there are, a_1 …, dx_1 …, gamma_1 …, beta_1 …, eps_1.

    What the last three say must be the same in every line. CaptureError says why not.
    """
    heads, table = _cells(text)
    places: dict[str, list[tuple[int, int]]] = {}
    for column, head in enumerate(heads):
        match = _COLUMN.fullmatch(head)
        if match:
            places.setdefault(match[1], []).append((int(match[2]), column))
    found: dict[str, NDArray[Any]] = {}
    for name in ("x", "dy", "a", "dx", "gamma", "beta", "eps"):
        mine = sorted(places.get(name, []))
        if [number for number, _ in mine] != list(range(1, len(mine) + 1)):
            raise CaptureError(f"The columns of {name} must be {name}_1, {name}_2 and so on.")
        if mine:
            found[name] = table[:, [column for _, column in mine]]
    for name in {"gamma", "beta", "eps"} & set(found):
        if np.ptp(found[name], axis=0).any():
            raise CaptureError(f"{name} must be the same in every line.")
        found[name] = found[name][0]
    eps = found.pop("eps", np.array([1e-5]))
    if eps.size != 1:
        raise CaptureError("eps must be one number.")
    return _checked(found, float(eps[0]), "train", "")


def _cell(text: str, line: int, head: str) -> float:
    try:
        value = float(text.strip()) if "_" not in text else np.nan
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        shown = text.strip()[:20]
        raise CaptureError(f"Line {line}, {head}: “{shown}” is not a number.")
    return value
