"""Tables of float64: how an argument becomes one, or a sentence that says why it can't."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

DEFAULT_EPS = 1e-5
TINY = float(np.finfo(np.float64).tiny)  # below this, numbers no longer keep their digits


def within(value: Array | float, bound: Array | float) -> NDArray[np.bool_]:
    """Is it zero but for rounding? Entry by entry, and never true of a nan."""
    verdict: NDArray[np.bool_] = np.abs(value) <= bound
    return verdict


def real_array(name: str, value: ArrayLike) -> Array:
    """The value as a float64 array. Raises ValueError that names the argument."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{name} must be a table of numbers; its rows differ in length."
        ) from error
    if array.dtype.kind == "c":
        raise ValueError(f"{name} must be real; it is complex ({array.dtype}).")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be numbers; it holds {array.dtype}.")
    with np.errstate(over="ignore"):  # a longdouble may be larger than any float64
        return array.astype(np.float64)


def table(name: str, value: ArrayLike, rows: str, columns: str) -> Array:
    """The value as a float64 array with two axes, neither of them empty.

    Raises ValueError that names the argument, what it was and what it must be.
    """
    array = real_array(name, value)
    if array.ndim != 2:
        raise ValueError(
            f"{name} must have two axes, ({rows}, {columns}); its shape is {array.shape}."
        )
    if array.size == 0:
        raise ValueError(
            f"{name} must have at least one row and one column; its shape is {array.shape}."
        )
    return array


def eps_value(value: Any) -> float:
    """ε as a float. Raises ValueError unless it is one finite number, zero or more."""
    array = real_array("eps", value)
    if array.ndim != 0 or not np.isfinite(array) or array < 0:
        raise ValueError(f"eps must be one finite number, zero or more; it is {value!r}.")
    return float(array)


def per_neuron(name: str, value: ArrayLike | None, k: int, default: float) -> Array:
    """One finite number for each neuron, shape (k,); a single number serves all.

    Raises ValueError that names the argument.
    """
    array = real_array(name, default if value is None else value)
    if array.shape not in [(), (k,)]:
        raise ValueError(
            f"{name} must be a number or have shape ({k},); its shape is {array.shape}."
        )
    require_finite(name, array)
    return np.full(k, array) if array.ndim == 0 else array


def require_finite(name: str, array: Array) -> None:
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite; at index {where} it is {array[where]}.")


def require_shape(name: str, array: Array, shape: tuple[int, ...], why: str) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, {why}; its shape is {array.shape}.")
