"""A capture as .npz, written and read: no pickle, no member that isn't known, nothing too large."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from bnviz.captures.patches import as_linear, read_looks
from bnviz.captures.record import (
    ARRAYS,
    WHOLE,
    Capture,
    CaptureError,
    Terms,
    check_numbers,
    checked,
    working_type,
)

LARGEST = 2 * 1024**3  # bytes, unpacked
_RATIO, _FREE = 1000, 2**28  # beyond, a member that unpacks to so much more must be smaller
_TEXTS = ("mode", "note", "norm", "at_layer")
_NUMBERS = {
    "eps": 1e-5,
    "roundoff": 0.0,
    "groups": 1.0,
    "positions": 1.0,
    "whole_rows": 0.0,
    "backward": 1.0,
    "axis": 0.0,
    "patch_groups": 1.0,
    "at_order": 0.0,
    "at_step": 0.0,
    "at_rank": 0.0,
    "at_ranks": 1.0,
}
_PIECE = 2**24  # bytes read at a time
_MOST_MEMBERS, _AXES = 100, 5
_TERM = re.compile(r"term_[a-z_]{1,24}\.npy", re.ASCII)  # taken along, and computed anew


def save_npz(
    capture: Capture,
    target: str | Path | IO[bytes],
    terms: Terms | None = None,
    lying: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Write it; `numpy.load(file)["dx"]` reads an array of it again, and ["term_dx"] a term.

    lying: members of the file as they lie in another program's memory, so that nothing need be
    laid out anew while that is training; they stand in the place of the capture's own.
    """
    plain = Capture(capture.x, capture.dy, capture.gamma, capture.beta)
    said: dict[str, Any] = {
        **{name: getattr(capture, name) for name in ("norm", "groups", "positions", "backward")},
        **{f"at_{name}": value for name, value in vars(capture.place).items()},
    }
    usual = {name: getattr(plain, name, None) for name in said}
    usual |= {f"at_{name}": value for name, value in vars(plain.place).items()}
    arrays: dict[str, NDArray[Any]] = {
        "eps": np.array(capture.eps),
        "roundoff": np.array(capture.roundoff),
        "mode": np.array(capture.mode),
        "note": np.array(capture.note),
        **{name: np.array(v) for name, v in said.items() if v != usual[name]},
        **capture.arrays(),
        **{f"term_{name}": values for name, values in (terms or {}).items()},
    }
    if not capture.backward:
        del arrays["dy"]
        arrays["backward"] = np.array(0)
    if capture.whole is not None:
        sums = {f"whole_{name}": v for name, v in vars(capture.whole).items() if v is not None}
        arrays |= {name: np.asarray(v) for name, v in sums.items()}
    write_members(target, arrays | dict(lying or {}))


def write_members(target: str | Path | IO[bytes], arrays: Mapping[str, NDArray[Any]]) -> None:
    """As `numpy.savez`, which copies all that it writes, does."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            own = np.ascontiguousarray(values).reshape(np.shape(values))
            header = np.lib.format.header_data_from_array_1_0(own)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array_header_1_0(file, header)
                file.write(own.reshape(-1).view(np.uint8).data)


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
        if dtype.hasobject or dtype.kind not in "fiuUb" or dtype.itemsize > 4096:
            raise CaptureError(f"{name} must hold numbers; it holds {str(dtype)[:40]}.")
        count = math.prod(int(length) for length in shape)
        ends = file.tell() + count * dtype.itemsize
        if ends != info.file_size or len(shape) > _AXES or min(shape, default=0) < 0:
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
            found, left = _members(archive, progress)
    except CaptureError:
        raise
    except Exception as error:  # damaged files raise errors of zipfile, zlib, struct, …
        raise CaptureError("This is no .npz file, or it is damaged.") from error
    texts = {name: _text(found.pop(name)) for name in set(_TEXTS) & set(found)}
    if left:
        texts["note"] = f"{texts.get('note', '')} Not read: {', '.join(left)}.".strip()
    numbers = {}
    for name, default in _NUMBERS.items():
        value = found.pop(name, np.array(default))
        if value.size != 1 or value.dtype.kind not in "fiub":
            raise CaptureError(f"{name} must be one number.")
        numbers[name] = float(value.reshape(-1)[0])
    check_numbers(numbers)
    said = _unfold(found, int(numbers["patch_groups"]))
    texts["note"] = f"{texts.get('note', '')} {said}".strip()
    try:
        return checked(found, numbers, texts)
    except CaptureError as error:
        if left and "has no" in str(error):
            raise CaptureError(f"{error} Not read: {', '.join(left)}.") from error
        raise


def _unfold(found: dict[str, NDArray[Any]], groups: int) -> str:
    """Of a convolution in front, what makes it a linear layer; else what there is to say."""
    looks = found.pop("patches", None)
    if looks is None:
        return ""
    if not {"a", "weight"} <= set(found):
        raise CaptureError("patches needs a and weight, of the convolution in front.")
    a, weight = found.pop("a"), found.pop("weight")
    linear = as_linear(a, weight, read_looks(looks, a, weight), groups)
    if linear is None:
        found.pop("bias", None)
        return "The convolution in front is too large: it is left out."
    found["a"], found["weight"] = linear
    return ""


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
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The arrays of an .npz that a capture may have, by name; and what else it holds."""
    known = {f"{name}.npy": name for name in (*ARRAYS, *WHOLE, *_TEXTS, *_NUMBERS, "patches")}
    members = [info for info in archive.infolist() if not _TERM.fullmatch(info.filename)]
    if any(info.filename.endswith("data.pkl") for info in members):
        raise CaptureError("The file was written by torch.save; numpy.savez writes what opens.")
    strange = [info.filename for info in members if info.filename not in known]
    for name in strange:
        if not name.endswith(".npy"):
            raise CaptureError(f"The file holds “{name[:40]}”, which no capture has.")
    members = [info for info in members if info.filename in known]
    if len({info.filename for info in members}) < len(members):
        raise CaptureError("The file holds an array twice.")
    whole = sum(info.file_size for info in members)
    if whole > LARGEST:
        raise CaptureError(f"The file unpacks to {whole} bytes; the limit is {LARGEST}.")
    tight = [m for m in members if m.file_size > _RATIO * max(m.compress_size, 1024)]
    if sum(info.file_size for info in tight) > _FREE:
        raise CaptureError(
            f"{tight[0].filename} unpacks to over {_RATIO} times its size; save it uncompressed."
        )
    done = 0

    def told(read: int) -> None:
        nonlocal done
        done += read
        progress(min(1.0, done / whole))

    found = {}
    unpacked = 0
    for info in members:
        values = found[known[info.filename]] = _member(archive, info, told)
        unpacked += values.size * working_type(values.dtype).itemsize
        if unpacked > LARGEST:
            raise CaptureError(f"Unpacked, the numbers take more than {LARGEST} bytes.")
    left = ["".join(c for c in name[:-4] if c.isprintable())[:20] for name in strange[:5]]
    return found, left
