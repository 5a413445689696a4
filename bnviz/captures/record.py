"""A capture of one layer, and what must hold of its arrays before they are believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.floating[Any]]
Terms = Mapping[str, NDArray[np.float64]]  # what bnviz has computed, to be taken along

ARRAYS = ("x", "dy", "gamma", "beta", "a", "weight", "bias", "running_mean", "running_var", "dx")
MOST_NEURONS, MOST_WEIGHTS = 2**16, 2**23  # a survey holds a few numbers for each
# What a norm is taken over: the batch, that of all ranks, a sample, a group of channels of a
# sample; rms takes no mean away; own is a forward of its own, which is not judged.
NORMS = ("batch", "sync", "layer", "group", "rms", "own")
_COARSEST = 0.25
_SIZE = 1e100  # of a number
_MODES = ("train", "eval")


class CaptureError(ValueError):
    """A file that holds no usable capture; the message says what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Whole:
    """Sums over all rows of a batch of which a capture holds some; (k,), float64.

    mean, var (biased) of x; dy: Σ∂L/∂y; dy_dev: Σ∂L/∂y (x − mean); dy_square: Σ(∂L/∂y)²;
    dx: Σ of the other program's ∂L/∂x. rows: how many there were.
    """

    rows: int
    mean: NDArray[np.float64]
    var: NDArray[np.float64]
    dy: NDArray[np.float64]
    dy_dev: NDArray[np.float64]
    dy_square: NDArray[np.float64]
    dx: NDArray[np.float64] | None = None


WHOLE = tuple(f"whole_{f.name}" for f in fields(Whole) if f.name != "rows")


@dataclass(frozen=True)
class Place:
    """Where a layer stands: its full name, its place in the forward pass, step and rank."""

    layer: str = ""
    order: int = 0
    step: int = 0
    rank: int = 0
    ranks: int = 1


@dataclass(frozen=True, eq=False)
class Capture:
    """One layer: x, dy (N, k); gamma, beta (k,); and what else was captured.

    a (N, d) and weight (d, k) of the Linear layer in front; running_mean, running_var (k,);
    dx (N, k), the gradient that the other program found. mode: train or eval. Arrays are
    float32 or float64. roundoff: the machine epsilon of the format that the other program
    worked in, where it was coarser than that of x. written: half of the last decimal place
    that dx was written to, where it was written as text. norm: what it was taken over, of
    NORMS; of a group norm, groups of channels over so many positions a sample. whole: the sums
    of all rows, where these are only some. backward: did a gradient come at all? Without, dy
    is nan.
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
    norm: str = "batch"
    groups: int = 1
    positions: int = 1
    whole: Whole | None = None
    place: Place = Place()
    backward: bool = True

    @property
    def rows(self) -> int:
        """The rows of the batch, of which x may hold some."""
        return self.shape[0] if self.whole is None else self.whole.rows

    @property
    def kind(self) -> str:
        """The norm, of NORMS; own where it was taken over ranks that aren't all here."""
        return "own" if self.norm == "sync" and self.place.ranks > 1 else self.norm

    @property
    def judged(self) -> bool:
        """Can a captured ∂L/∂x be held against one that is computed here?"""
        return self.backward and self.kind != "own"

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
        return {name: v for name in ARRAYS if (v := getattr(self, name)) is not None}


def working_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    """The format that numbers of a format are worked on in: float32 where that holds them."""
    short = kind.kind in "fiu" and (kind.itemsize <= 2 or kind == np.float32)
    return np.dtype(np.float32 if short else np.float64)


def checked(
    found: Mapping[str, NDArray[Any]], numbers: Mapping[str, float], texts: Mapping[str, str]
) -> Capture:
    """The capture, once all of it fits together.

    x and dy may have one axis, or several of which one, `axis` or else the last if nothing says
    otherwise, is that of the neurons.
    """
    for name, values in found.items():
        if values.dtype.kind not in "fiu":
            raise CaptureError(f"{name} must hold numbers; it holds text.")
    backward = bool(numbers.get("backward", 1))
    if "x" not in found or ("dy" not in found and backward):
        missing = "x" if "x" not in found else "dy"
        others = ", ".join(sorted(set(found) - {"x", "dy"}))[:60]
        raise CaptureError(
            f"The file has no {missing}; a capture needs x and dy."
            + (f" Beside them it may have {others}." if others and missing == "x" else "")
        )
    notes = [texts.get("note", "")]
    check_numbers(numbers)
    found, said = _laid_out(dict(found), int(min(numbers.get("axis", 0), 99)))
    notes.append(said)
    x = found["x"]
    n, k = x.shape
    if not backward:
        found["dy"] = np.full((n, k), np.nan, x.dtype if x.dtype.kind == "f" else np.float64)
    if k > MOST_NEURONS:
        raise CaptureError(f"A layer of {k} neurons is too wide: the limit is {MOST_NEURONS}.")
    a = found.get("a")
    d = a.shape[1] if a is not None and a.ndim == 2 else 0
    if a is not None and d == 0:
        raise CaptureError("a must have two axes, (N, d), and at least one column.")
    if d * k > MOST_WEIGHTS:
        notes.append(f"The layer in front, {d} inputs to {k}, is too large: it is left out.")
        found = {name: v for name, v in found.items() if name not in {"a", "weight", "bias"}}
    shapes = {
        "dy": (n, k),
        "dx": (n, k),
        "a": (n, d),
        "weight": (d, k),
        **dict.fromkeys(("gamma", "beta", "bias", "running_mean", "running_var", *WHOLE), (k,)),
    }
    for name, values in found.items():
        if name != "x" and values.shape != shapes[name]:
            raise CaptureError(
                f"{name} must have shape {shapes[name]} beside x {x.shape}; its shape is "
                f"{values.shape}."
            )
    with np.errstate(over="ignore"):  # a longdouble may be larger than any float64
        arrays = {
            name: values.astype(working_type(values.dtype), copy=False)
            for name, values in found.items()
        }
    for name, values in arrays.items():
        _check_values(name, values)
    mode, norm = texts.get("mode") or "train", texts.get("norm") or "batch"
    _check_mode(mode, arrays)
    given: dict[str, Any] = {name: v for name, v in arrays.items() if name not in WHOLE}
    given.setdefault("gamma", np.ones(k))
    given.setdefault("beta", np.zeros(k))
    return Capture(
        **given,
        eps=numbers["eps"],
        mode=mode,
        note=" ".join(part for part in notes if part),
        roundoff=max(numbers["roundoff"], _coarsest(found.values())),
        backward=backward,
        whole=_whole(arrays, numbers, n),
        **_taken_over(norm, numbers, n, k),
        place=Place(
            texts.get("at_layer", ""),
            order=int(numbers.get("at_order", 0)),
            step=int(numbers.get("at_step", 0)),
            rank=int(numbers.get("at_rank", 0)),
            ranks=int(numbers.get("at_ranks", 1)),
        ),
    )  # fmt: skip


def _laid_out(found: dict[str, NDArray[Any]], axis: int) -> tuple[dict[str, NDArray[Any]], str]:
    """Each array as (N, k), (N, d) or (k,); and what was made of more axes, or of fewer.

    axis: that of the neurons, or 0 where the file doesn't say.
    """
    x = found["x"]
    if x.size == 0 or x.ndim == 0:
        raise CaptureError(f"x must have two axes, (N, k), and numbers; its shape is {x.shape}.")
    if x.ndim == 1:
        columns = ("x", "dy", "dx")
        return {n: v[:, None] if n in columns and v.ndim == 1 else v for n, v in found.items()}, ""
    for name in ("gamma", "beta", "bias", "running_mean", "running_var"):
        if name in found:
            found[name] = found[name].reshape(-1)
    said = ""
    if x.ndim > 2:
        k = found["gamma"].size if "gamma" in found else x.shape[-1]
        told = 0 < axis < x.ndim
        if not told:
            axis = x.ndim - 1 if x.shape[-1] == k or k not in x.shape[1:2] else 1
        for name in ("x", "dy", "dx"):
            if name in found and found[name].shape == x.shape:
                moved = np.moveaxis(found[name], axis, -1)
                found[name] = moved.reshape(-1, x.shape[axis])
        place = "last" if axis == x.ndim - 1 else "second"
        said = f"{x.shape} read as {found['x'].shape}: the {place} axis is that of the neurons."
        said = "" if told else said
    return found, said


def _whole(arrays: Mapping[str, Any], numbers: Mapping[str, float], n: int) -> Whole | None:
    """The sums of all rows, where the file has them."""
    rows = int(numbers.get("whole_rows", 0))
    if not rows:
        return None
    if rows < n or not set(WHOLE) - {"whole_dx"} <= set(arrays):
        raise CaptureError("The sums of the whole batch are not complete.")
    sums = {f.removeprefix("whole_"): arrays[f].astype(np.float64) for f in WHOLE if f in arrays}
    if (sums["var"] < 0).any() or (sums["dy_square"] < 0).any():
        raise CaptureError("whole_var and whole_dy_square must be zero or more.")
    return Whole(rows, **sums)


def _taken_over(norm: str, numbers: Mapping[str, float], n: int, k: int) -> dict[str, Any]:
    """What kind of norm it is, and over what."""
    if norm not in NORMS:
        raise CaptureError(f"norm must be one of {', '.join(NORMS)}.")
    groups, positions = int(numbers.get("groups", 1)), int(numbers.get("positions", 1))
    if norm == "group" and (groups < 1 or positions < 1 or k % groups or n % positions):
        raise CaptureError(
            f"A group norm needs groups that divide {k} neurons and positions that divide {n} rows."
        )
    return {"norm": norm, "groups": groups, "positions": positions}


def check_numbers(numbers: Mapping[str, float]) -> None:
    """Are these sizes, counts and formats? CaptureError names what is not."""
    for name, value in numbers.items():
        if not (np.isfinite(value) and 0 <= value < 2**53):
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
    """Of a size whose square is a float64, or not finite, which is what one may look for."""
    step = max(1, 2**22 // max(1, int(np.prod(values.shape[1:]))))
    for i in range(0, len(values), step):
        size = np.abs(values[i : i + step]).ravel()
        size = size[np.isfinite(size) & (size > 0)]
        if size.size and (float(size.max()) > _SIZE or float(size.min()) < 1 / _SIZE):
            raise CaptureError(
                f"{name} must be 0 or between {1 / _SIZE:.0e} and {_SIZE:.0e} in size."
            )


@dataclass(frozen=True)
class Fault:
    """The first number of a table that is not finite; row and neuron from 0."""

    table: str
    row: int | None
    neuron: int | None
    value: float


def faults(c: Capture) -> list[Fault]:
    """The first number of each table that is not finite, in the order of a step of training.

    What is computed forward, then ∂L/∂y and ∂L/∂x; a row of W is an input of the layer.
    """
    found = []
    order = ("a", "weight", "bias", "x", "gamma", "beta", "running_mean", "running_var")
    for name in (*order, *(("dy", "dx") if c.backward else ())):
        values = getattr(c, name)
        if values is None:
            continue
        step = max(1, 2**22 // max(1, int(np.prod(values.shape[1:]))))
        for i in range(0, len(values), step):
            good = np.isfinite(values[i : i + step])
            if not good.all():
                place = np.argwhere(~good)[0]
                row = int(place[0]) + i if values.ndim == 2 else None
                neuron = int(place[-1]) + (i if values.ndim == 1 else 0)
                value = float(values[neuron] if row is None else values[row, neuron])
                found.append(Fault(name, row, neuron, value))
                break
    return found
