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
_MOST_MEMBERS = 100
_SIZE = 1e100  # of a number
_LONGEST_CSV, _MOST_COLUMNS = 2**25, 20_000
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
    fronts: dict[
        Any, tuple[Any, int, Any]
    ] = {}  # by layer: its output, with its version, and input

    def on_front(layer: Any, given: Any, named: Any, output: Any) -> None:
        fronts[layer] = (output, output._version, given[0] if given else named["input"])

    def in_front(x: Any) -> tuple[Any, Any, Any, Any] | None:
        for layer, (output, version, given) in fronts.items():
            if output is x and x._version == version:  # and not changed in place since
                return layer, *map(_copied, (given, layer.weight, layer.bias))
        return None

    def before(name: str) -> Any:
        def hook(layer: Any, given: Any, named: Any) -> Any:
            x = given[0] if given else named["input"]
            # Copies, since a step of the optimiser may come before the end.
            seen[name] = {
                "x": _copied(x),
                "gamma": _copied(layer.weight),
                "beta": _copied(layer.bias),
                "eps": float(layer.eps),
                "mode": "train" if layer.training or layer.running_mean is None else "eval",
                "running": (_copied(layer.running_mean), _copied(layer.running_var)),
                "front": in_front(x),
                "calls": seen.get(name, {"calls": 0})["calls"] + 1,
                "passes": 0,
            }
            alone = _alone(layer, x, seen[name]) if torch.is_grad_enabled() else None
            if alone is None:
                return None
            return ((alone, *given[1:]), named) if given else ((), named | {"input": alone})

        return hook

    def after(name: str) -> Any:
        def hook(layer: Any, given: Any, output: Any) -> None:
            record = seen[name]

            def on_gradient(grad: Any) -> None:
                record["passes"] += 1
                record.setdefault("dy", _copied(grad))
                if record["calls"] >= done.get(name, record)["calls"]:
                    done[name] = record

            if output.requires_grad:
                output.register_hook(on_gradient)

        return hook

    norms = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
    handles = []
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            handles.append(layer.register_forward_hook(on_front, with_kwargs=True))
        elif isinstance(layer, norms):
            called = re.sub(r"[/\\]", "_", name) or "norm"
            handles.append(layer.register_forward_pre_hook(before(called), with_kwargs=True))
            handles.append(layer.register_forward_hook(after(called)))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
    for name, record in done.items():
        found[name] = _recorded(record, seen[name]["calls"])
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_npz(found[name], Path(folder) / f"{name}.npz")


def _copied(tensor: Any) -> Any:
    return None if tensor is None else tensor.detach().clone()


def _alone(layer: Any, x: Any, record: dict[str, Any]) -> Any:
    """x under a name that this layer alone uses, watched for its gradient; None without one.

    Where x goes elsewhere too, as beside a skip connection, its own gradient is of all its uses.
    """
    if x.requires_grad:
        alone = x.view_as(x)
    elif any(parameter.requires_grad for parameter in layer.parameters()):
        alone = x.detach().requires_grad_()
    else:
        return None  # nothing here gets a gradient, and nothing may change that

    def on_gradient(grad: Any) -> None:
        record.setdefault("dx", _copied(grad))

    alone.register_hook(on_gradient)
    return alone


def _recorded(record: Mapping[str, Any], calls: int) -> Capture:
    """A capture from what the hooks have seen."""
    import torch  # noqa: PLC0415

    given = record["x"]
    x = _rows(given)
    k = x.shape[1]
    notes = []
    if given.dim() > 2:
        notes.append(f"{tuple(given.shape)} read as {x.shape}: a row for each position.")
    if calls > 1:
        notes.append(f"This is call {record['calls']} of {calls}.")
    if record["passes"] > 1:
        notes.append(f"Of {record['passes']} backward passes, this is the first.")
    front, said = _front(record["front"], len(x))
    if said:
        notes.append(said)

    mean, var = record["running"]
    gamma, beta = record["gamma"], record["beta"]
    return Capture(
        x=x,
        dy=_rows(record["dy"]),
        gamma=np.ones(k, x.dtype) if gamma is None else _numpy(gamma),
        beta=np.zeros(k, x.dtype) if beta is None else _numpy(beta),
        eps=record["eps"],
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

    layer, given, weights, bias_ = front
    said = ""
    if isinstance(layer, torch.nn.Linear):
        if given.dim() != 2:
            return {}, ""
        a = _numpy(given)
    else:
        plain = layer.groups == 1 and layer.padding_mode == "zeros"
        if not plain or isinstance(layer.padding, str):
            return {}, "The convolution in front is of a kind that is not taken along."
        if rows * weights[0].numel() > _PATCHES:
            return {}, "The convolution in front has too many patches to be taken along."
        # A convolution is a linear layer that sees one patch for each position.
        patches = torch.nn.functional.unfold(
            given, layer.kernel_size, layer.dilation, layer.padding, layer.stride
        )
        a = _rows(patches)
        said = f"The convolution in front is read as a linear layer on patches of {a.shape[1]}."
    weight = _numpy(weights).reshape(len(weights), -1).T.copy()
    bias = np.zeros(weight.shape[1], weight.dtype) if bias_ is None else _numpy(bias_)
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
            raise CaptureError(f"{name} must hold numbers; it holds {str(dtype)[:40]}.")
        count = math.prod(int(length) for length in shape)
        if count * dtype.itemsize > info.file_size or len(shape) > 2 or min(shape, default=0) < 0:
            raise CaptureError(
                f"{name} says that its shape is {str(shape)[:40]}, and the file is another."
            )
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
        _check_count(source)
        with zipfile.ZipFile(source) as archive:
            found = _members(archive, progress)
    except CaptureError:
        raise
    except Exception as error:  # damaged files raise errors of zipfile, zlib, struct, …
        raise CaptureError("This is no .npz file, or it is damaged.") from error
    texts = dict.fromkeys(_TEXTS, "")
    for name in set(_TEXTS) & set(found):
        texts[name] = _text(found.pop(name))
    numbers = {}
    for name, default in _NUMBERS.items():
        value = found.pop(name, np.array(default))
        if value.size != 1 or value.dtype.kind not in "fiu":
            raise CaptureError(f"{name} must be one number.")
        numbers[name] = float(value.reshape(-1)[0])
    return _checked(found, numbers, texts["mode"] or "train", texts["note"])


def _check_count(source: str | Path | IO[bytes]) -> None:
    """Few members, by the last record of the file: a million names take minutes to list."""
    if isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            return _check_count(file)
    start = source.tell()
    size = source.seek(0, io.SEEK_END)
    source.seek(max(0, size - 2**16 - 22))
    tail = source.read()
    source.seek(start)
    place = tail.rfind(b"PK\x05\x06")
    count = int.from_bytes(tail[place + 10 : place + 12], "little") if place >= 0 else 0
    if count > _MOST_MEMBERS:
        raise CaptureError("The file holds too many arrays for a capture.")
    return None


def _text(array: NDArray[Any]) -> str:
    """What can be printed of a text in a file; its bytes may be anything."""
    if array.dtype.kind != "U" or not array.size:
        return ""
    codes = array.astype(array.dtype.newbyteorder("=")).reshape(-1)[:1].view(np.uint32)[:400]
    letters = (chr(code) if 0 < code < 0x110000 else " " for code in codes.tolist())
    return " ".join("".join(c if c.isprintable() else " " for c in letters).split())


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
    unpacked = 0
    for info in members:
        if info.file_size > _RATIO * max(info.compress_size, 1024):
            raise CaptureError(f"{info.filename} unpacks to far more than it can hold.")
        values = found[known[info.filename]] = _member(archive, info, told)
        unpacked += values.size * _working_type(values.dtype).itemsize
        if unpacked > LARGEST:
            raise CaptureError(f"Unpacked, the numbers take more than {LARGEST} bytes.")
    return found


def _working_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    """The format that numbers of a format are worked on in: float32 where that holds them."""
    short = kind.kind in "fiu" and (kind.itemsize <= 2 or kind == np.float32)
    return np.dtype(np.float32 if short else np.float64)


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
    if a is not None and d == 0:
        raise CaptureError("a must have two axes, (N, d), and at least one column.")
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
            name: values.astype(_working_type(values.dtype), copy=False)
            for name, values in found.items()
        }
    for name, values in arrays.items():
        _check_values(name, values)
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


def _check_values(name: str, values: NDArray[Any]) -> None:
    """Finite, and of a size whose square is a float64; in blocks, so that no copy is made."""
    step = max(1, 2**22 // max(1, int(np.prod(values.shape[1:]))))
    largest = np.zeros(values.shape[1:])
    for i in range(0, len(values), step):
        largest = np.maximum(largest, np.abs(values[i : i + step]).max(axis=0))
    if not np.isfinite(largest).all():
        where = np.argwhere(~np.isfinite(values))[0]
        place = ", ".join(str(int(i) + 1) for i in where)
        raise CaptureError(f"{name} holds a nan or an inf, first at ({place}) from 1.")
    if (largest > _SIZE).any() or ((largest < 1 / _SIZE) & (largest > 0)).any():
        raise CaptureError(f"{name} must be 0 or between {1 / _SIZE:.0e} and {_SIZE:.0e} in size.")


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


def holds_in_csv(capture: Capture) -> bool:
    """Would a CSV of it, with its terms, open again as the same? It has no room for modes."""
    plain = capture.mode == "train" and capture.precision == np.finfo(capture.x.dtype).eps
    return plain and capture.shape[1] <= 1000 and capture.x.size <= 2**20


def _cells(text: str) -> tuple[list[str], NDArray[np.float64], float]:
    """The names of the columns, the numbers below them (lines, columns), and `written`."""
    reader = csv_module.reader(io.StringIO(text.lstrip("\ufeff")))
    rows, places = [], [0]
    try:
        heads = [head.strip() for head in next(reader, [])]
        if len(heads) > _MOST_COLUMNS:
            raise CaptureError(f"The file has {len(heads)} columns; the limit is {_MOST_COLUMNS}.")
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
                places.append(max((_places(cells[c]) for c in dx if rows[-1][c]), default=0))
    except csv_module.Error as error:
        raise CaptureError("This is no CSV file.") from error
    if not rows:
        raise CaptureError("There are no numbers in it.")
    most = max(places)
    return heads, np.array(rows), 0.5 * 10.0**-most if most > 0 else 0.0


def _places(text: str) -> int:
    """How many decimal places a number was written with: 0.25 has 2, 2.5e-3 has 4."""
    mantissa, _, power = text.strip().lower().partition("e")
    if len(power) > 4:
        return 0
    return min(len(mantissa.partition(".")[2]) - int(power or 0), 300)


def read_csv(text: str) -> Capture:
    """Read columns x_1 …, dy_1 … and, if there are, a_1 …, dx_1 …, gamma_1 …, beta_1 …, eps_1.

    What the last three say must be the same in every line. CaptureError says why not.
    """
    if len(text) > _LONGEST_CSV:
        raise CaptureError(f"A CSV may have {_LONGEST_CSV} characters; take .npz for more.")
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
