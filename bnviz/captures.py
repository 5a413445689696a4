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
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.floating[Any]]

LARGEST = 2 * 1024**3  # bytes, unpacked
_RATIO = 1000  # a member that unpacks to more is no array of measured numbers
_ARRAYS = ("x", "dy", "gamma", "beta", "a", "weight", "bias", "running_mean", "running_var", "dx")
_TEXTS = ("mode", "note")
_NUMBERS = {"eps": 1e-5, "roundoff": 0.0}
_MOST_NEURONS, _MOST_WEIGHTS = 2**16, 2**23  # a survey holds a few numbers for each
_COARSEST = 0.25
_PIECE = 2**24  # bytes read at a time
_PATCHES = 2**26  # numbers, of a convolution's input
_MODES = ("train", "eval")
_TERM = re.compile(r"term_[a-z_]{1,24}\.npy", re.ASCII)  # taken along, and computed anew
_COLUMN = re.compile(r"(x|dy|a|dx|gamma|beta|eps|term_[a-z_]{1,24}?)_?(\d{1,4})", re.ASCII)


class CaptureError(ValueError):
    """A file that holds no usable capture; the message says what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Capture:
    """One layer: x, dy (N, k); gamma, beta (k,); and what else was captured.

    a (N, d) and weight (d, k) of the Linear layer in front; running_mean, running_var (k,);
    dx (N, k), the gradient that the other program found. mode: train or eval. Arrays are
    float32 or float64. roundoff: the machine epsilon of the format that the other program
    worked in, where it was coarser than that of x. written: half of the last decimal place
    that dx was written to, where it was written as text.
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
    roundoff: float = 0.0
    written: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """(N, k)."""
        n, k = self.x.shape
        return n, k

    @property
    def precision(self) -> float:
        """The machine epsilon of the coarsest format that these numbers went through."""
        return max(self.roundoff, float(np.finfo(self.x.dtype).eps))

    def arrays(self) -> dict[str, Table]:
        """The arrays that there are, by name."""
        return {name: v for name in _ARRAYS if (v := getattr(self, name)) is not None}


# ---- Out of PyTorch ---------------------------------------------------------------------


def _numpy(tensor: Any) -> Table:
    """The tensor's numbers; formats that NumPy hasn't, or has no speed in, as float32."""
    tensor = tensor.detach().cpu()
    array: Table = (tensor.float() if tensor.element_size() < 4 else tensor).numpy()
    return array


def _rows(tensor: Any) -> Table:
    """(N, C, …) as one row for each position, (N · …, C)."""
    array = _numpy(tensor)
    return np.moveaxis(array, 1, -1).reshape(-1, array.shape[1])


@contextmanager
def capture(model: Any, folder: str | Path) -> Iterator[dict[str, Capture]]:
    """Watch every BatchNorm1d, 2d and 3d of a model through one forward and backward.

    On leaving, one file a layer is written into the folder, and the captures are in the
    dictionary that `with … as captures` gives, by the layer's name. Of a layer that is called
    several times, it is the last call that got a gradient.
    """
    import torch  # noqa: PLC0415  # needed here only

    found: dict[str, Capture] = {}
    seen: dict[str, dict[str, Any]] = {}  # the latest call of each layer
    done: dict[str, dict[str, Any]] = {}  # the latest that got a gradient
    fronts: list[tuple[Any, Any, Any]] = []  # output, input and layer, of this pass

    def on_front(layer: Any, given: Any, output: Any) -> None:
        fronts.append((output, given[0], layer))

    def before(name: str) -> Any:
        def hook(layer: Any, given: Any) -> Any:
            x = given[0]
            record = seen[name] = {
                "layer": layer,
                "x": x.detach(),
                "mode": "train" if layer.training or layer.running_mean is None else "eval",
                "front": next((f for f in fronts if f[0] is x), None),
                "calls": seen.get(name, {"calls": 0})["calls"] + 1,
            }
            if layer.running_mean is not None:
                record["running"] = (layer.running_mean.clone(), layer.running_var.clone())
            if not torch.is_grad_enabled():
                return None
            # Where x goes elsewhere too, as beside a skip connection, its gradient is of all
            # its uses; this name for it is used by the layer alone.
            alone = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
            alone.register_hook(lambda grad: record.__setitem__("dx", grad.detach()))
            return (alone, *given[1:])

        return hook

    def after(name: str) -> Any:
        def hook(layer: Any, given: Any, output: Any) -> None:
            record = seen[name]

            def on_gradient(grad: Any) -> None:
                record["dy"] = grad.detach()
                if record["calls"] >= done.get(name, record)["calls"]:
                    done[name] = record

            if output.requires_grad:
                output.register_hook(on_gradient)

        return hook

    norms = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
    handles = []
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            handles.append(layer.register_forward_hook(on_front))
        elif isinstance(layer, norms):
            handles.append(layer.register_forward_pre_hook(before(name or "norm")))
            handles.append(layer.register_forward_hook(after(name or "norm")))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
    for name, record in done.items():
        found[name] = _recorded(record, seen[name]["calls"])
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_npz(found[name], Path(folder) / f"{name}.npz")


def _recorded(record: Mapping[str, Any], calls: int) -> Capture:
    """A capture from what the hooks have seen."""
    import torch  # noqa: PLC0415

    layer, given = record["layer"], record["x"]
    x = _rows(given)
    k = x.shape[1]
    notes = []
    if given.dim() > 2:
        notes.append(f"{tuple(given.shape)} read as {x.shape}: a row for each position.")
    if calls > 1:
        notes.append(f"This is call {record['calls']} of {calls}.")
    front, said = _front(record["front"], len(x))
    if said:
        notes.append(said)

    mean, var = record.get("running", (None, None))
    return Capture(
        x=x,
        dy=_rows(record["dy"]),
        gamma=np.ones(k, x.dtype) if layer.weight is None else _numpy(layer.weight),
        beta=np.zeros(k, x.dtype) if layer.bias is None else _numpy(layer.bias),
        eps=float(layer.eps),
        mode=record["mode"],
        note=" ".join(notes),
        roundoff=float(torch.finfo(given.dtype).eps),
        running_mean=None if mean is None else _numpy(mean),
        running_var=None if var is None else _numpy(var),
        dx=_rows(record["dx"]) if "dx" in record else None,
        **front,
    )


def _front(front: Any, rows: int) -> tuple[dict[str, Any], str]:
    """a, weight and bias of the layer in front with x = a @ weight + bias, and what to say."""
    if front is None:
        return {}, ""
    import torch  # noqa: PLC0415

    _, given, layer = front
    said = ""
    if isinstance(layer, torch.nn.Linear):
        if given.dim() != 2:
            return {}, ""
        a = _numpy(given)
    else:
        plain = layer.groups == 1 and layer.padding_mode == "zeros"
        if not plain or isinstance(layer.padding, str):
            return {}, "The convolution in front is of a kind that is not taken along."
        if rows * layer.weight[0].numel() > _PATCHES:
            return {}, "The convolution in front has too many patches to be taken along."
        # A convolution is a linear layer that sees one patch for each position.
        patches = torch.nn.functional.unfold(
            given.detach(), layer.kernel_size, layer.dilation, layer.padding, layer.stride
        )
        a = _rows(patches)
        said = f"The convolution in front is read as a linear layer on patches of {a.shape[1]}."
    weight = _numpy(layer.weight).reshape(len(layer.weight), -1).T.copy()
    bias = np.zeros(weight.shape[1], weight.dtype) if layer.bias is None else _numpy(layer.bias)
    return {"a": a, "weight": weight, "bias": bias}, said


# ---- .npz ------------------------------------------------------------------------------


Terms = Mapping[str, NDArray[np.float64]]  # what bnviz has computed, to be taken along


def save_npz(capture: Capture, target: str | Path | IO[bytes], terms: Terms | None = None) -> None:
    """Write it; `numpy.load(file)["dx"]` reads an array of it again, and ["term_dx"] a term."""
    arrays: dict[str, NDArray[Any]] = {
        "eps": np.array(capture.eps),
        "roundoff": np.array(capture.roundoff),
        "mode": np.array(capture.mode),
        "note": np.array(capture.note),
        **capture.arrays(),
        **{f"term_{name}": values for name, values in (terms or {}).items()},
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(values), allow_pickle=False)


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, told: Callable[[int], None]
) -> NDArray[Any]:
    """One array of an .npz, after its header has said what is coming."""
    name = info.filename
    file: Any  # a binary stream that can read into memory, which typeshed doesn't say
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
        count = math.prod(int(length) for length in shape)
        if count * dtype.itemsize > info.file_size or len(shape) > 2 or min(shape, default=0) < 0:
            raise CaptureError(f"{name} says that its shape is {shape}, and the file is another.")
        values = np.empty(count, dtype)
        rest = memoryview(cast(Any, values.view(np.uint8))) if count else memoryview(b"")
        while rest:
            read = file.readinto(rest[:_PIECE])
            if not read:
                raise CaptureError(f"{name} ends too early: the file is cut off.")
            rest = rest[read:]
            told(read)
    return values.reshape(shape, order="F" if fortran else "C")


def read_npz(
    source: str | Path | IO[bytes], progress: Callable[[float], None] = lambda share: None
) -> Capture:
    """Read what `capture` or `save_npz` wrote; CaptureError says in a sentence why not.

    progress is told the share that has been read.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            found = _members(archive, progress)
    except CaptureError:
        raise
    except Exception as error:  # damaged files raise errors of zipfile, zlib, struct, …
        raise CaptureError("This is no .npz file, or it is damaged.") from error
    texts = dict.fromkeys(_TEXTS, "")
    for name in set(_TEXTS) & set(found):
        texts[name] = "".join(map(str, found.pop(name).reshape(-1)[:1]))[:400]
    numbers = {}
    for name, default in _NUMBERS.items():
        value = found.pop(name, np.array(default))
        if value.size != 1 or value.dtype.kind not in "fiu":
            raise CaptureError(f"{name} must be one number.")
        numbers[name] = float(value.reshape(-1)[0])
    return _checked(found, numbers, texts["mode"] or "train", texts["note"])


def _members(
    archive: zipfile.ZipFile, progress: Callable[[float], None]
) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz that a capture may have, by name."""
    known = {f"{name}.npy": name for name in (*_ARRAYS, *_TEXTS, *_NUMBERS)}
    members = [info for info in archive.infolist() if not _TERM.fullmatch(info.filename)]
    strange = [info.filename for info in members if info.filename not in known]
    if strange:
        raise CaptureError(f"The file holds “{strange[0][:40]}”, which no capture has.")
    if len({info.filename for info in members}) < len(members):
        raise CaptureError("The file holds an array twice.")
    whole = sum(info.file_size for info in members)
    if whole > LARGEST:
        raise CaptureError(f"The file unpacks to {whole} bytes; the limit is {LARGEST}.")
    done = 0

    def told(read: int) -> None:
        nonlocal done
        done += read
        progress(min(1.0, done / whole))

    found = {}
    for info in members:
        if info.file_size > _RATIO * max(info.compress_size, 1024):
            raise CaptureError(f"{info.filename} unpacks to far more than it can hold.")
        found[known[info.filename]] = _member(archive, info, told)
    return found


def _checked(
    found: Mapping[str, NDArray[Any]], numbers: Mapping[str, float], mode: str, note: str
) -> Capture:
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
    if k > _MOST_NEURONS or d * k > _MOST_WEIGHTS:
        raise CaptureError(
            f"A layer of {k} neurons" + (f" with {d} inputs" if d else "") + " is too wide: the "
            f"limits are {_MOST_NEURONS} neurons and {_MOST_WEIGHTS} weights."
        )
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
    with np.errstate(over="ignore"):  # a longdouble may be larger than any float64
        arrays = {
            name: values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
            for name, values in found.items()
        }
    for name, values in arrays.items():
        if not _finite(values):
            where = np.argwhere(~np.isfinite(values))[0]
            place = ", ".join(str(int(i) + 1) for i in where)
            raise CaptureError(f"{name} holds a nan or an inf, first at ({place}) from 1.")
    _check_numbers(numbers)
    _check_mode(mode, arrays)
    arrays.setdefault("gamma", np.ones(k))
    arrays.setdefault("beta", np.zeros(k))
    given: dict[str, Any] = {
        **arrays,
        "roundoff": max(numbers["roundoff"], _coarsest(found.values())),
    }
    return Capture(eps=numbers["eps"], mode=mode, note=note, **given)


def _check_numbers(numbers: Mapping[str, float]) -> None:
    for name, value in numbers.items():
        if not (np.isfinite(value) and value >= 0):
            raise CaptureError(f"{name} must be a finite number, zero or more.")
    if numbers["roundoff"] > _COARSEST:
        raise CaptureError(f"roundoff must be at most {_COARSEST}, as of the coarsest formats.")


def _check_mode(mode: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    if mode not in _MODES:
        raise CaptureError("mode must be train or eval.")
    if mode == "eval" and not {"running_mean", "running_var"} <= set(arrays):
        raise CaptureError("In eval mode a capture needs running_mean and running_var.")
    if "running_var" in arrays and (arrays["running_var"] < 0).any():
        raise CaptureError("running_var must be zero or more.")


def _coarsest(tables: Iterable[NDArray[Any]]) -> float:
    """The machine epsilon of the shortest floating-point format among them; 0 without one."""
    kinds = {values.dtype for values in tables if values.dtype.kind == "f"}
    return max((float(np.finfo(kind).eps) for kind in kinds), default=0.0)


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


def _cells(text: str) -> tuple[list[str], NDArray[np.float64], float]:
    """The names of the columns, the numbers below them (lines, columns), and `written`."""
    reader = csv_module.reader(io.StringIO(text.lstrip("\ufeff")))
    rows, places = [], [0]
    try:
        heads = [head.strip() for head in next(reader, [])]
        if len(heads) > 4096:
            raise CaptureError(f"The file has {len(heads)} columns; the limit is 4096.")
        for head in heads:
            if not _COLUMN.fullmatch(head):
                raise CaptureError(
                    f"Column “{head[:30]}” is not known: columns are x_1 …, dy_1 …, a_1 …, dx_1 …."
                )
        dx = [c for c, head in enumerate(heads) if head.startswith("dx")]
        for line, cells in enumerate(reader, 2):
            if cells and len(cells) != len(heads):
                raise CaptureError(f"Line {line} has {len(cells)} cells; there are {len(heads)}.")
            if cells:
                rows.append([_cell(cell, line, heads[c]) for c, cell in enumerate(cells)])
                places += [_places(cells[c]) for c in dx]
    except csv_module.Error as error:
        raise CaptureError("This is no CSV file.") from error
    if not rows:
        raise CaptureError("There are no numbers in it.")
    most = max(places)
    return heads, np.array(rows), 0.5 * 10.0**-most if most > 0 else 0.0


def _places(text: str) -> int:
    """How many decimal places a number was written with: 0.25 has 2, 2.5e-3 has 4."""
    mantissa, _, power = text.strip().lower().partition("e")
    return len(mantissa.partition(".")[2]) - int(power or 0)


def read_csv(text: str) -> Capture:
    """Read columns x_1 …, dy_1 … and, if there are, a_1 …, dx_1 …, gamma_1 …, beta_1 …, eps_1.

    What the last three say must be the same in every line. CaptureError says why not.
    """
    heads, table, written = _cells(text)
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
    with np.errstate(over="ignore"):
        short = {name: values.astype(np.float32) for name, values in found.items()}
    if all(np.array_equal(short[name], values) for name, values in found.items()):
        found = dict(short)  # numbers of float32, written out
    return replace(
        _checked(found, {"eps": float(eps[0]), "roundoff": 0.0}, "train", ""), written=written
    )


def _cell(text: str, line: int, head: str) -> float:
    try:
        value = float(text.strip()) if "_" not in text else np.nan
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        shown = text.strip()[:20]
        raise CaptureError(f"Line {line}, {head}: “{shown}” is not a number.")
    return value
