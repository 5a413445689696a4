"""A capture of one layer, and what must hold of its arrays before they are believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.floating[Any]]
Terms = Mapping[str, NDArray[np.float64]]  # what bnviz has computed, to be taken along

ARRAYS = ("x", "dy", "gamma", "beta", "a", "weight", "bias", "running_mean", "running_var", "dx")
_MOST_NEURONS, _MOST_WEIGHTS = 2**16, 2**23  # a survey holds a few numbers for each
_COARSEST = 0.25
_SIZE = 1e100  # of a number
_MODES = ("train", "eval")


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
        return {name: v for name in ARRAYS if (v := getattr(self, name)) is not None}


def working_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    """The format that numbers of a format are worked on in: float32 where that holds them."""
    short = kind.kind in "fiu" and (kind.itemsize <= 2 or kind == np.float32)
    return np.dtype(np.float32 if short else np.float64)


def checked(
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
            name: values.astype(working_type(values.dtype), copy=False)
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
