"""Every input of the app: one frozen, validated value.

A scenario is *free* (x is given) or a *layer* (x = a @ weight + bias is
computed, and then a, weight and bias are what one sets).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnviz import linear

Array = NDArray[np.float64]

DEFAULT_EPS = 1e-5


def real_array(name: str, value: ArrayLike) -> Array:
    """The value as a float64 array, or ValueError that names the argument."""
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
    """The value as a float64 array with two axes, neither of them empty."""
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
    """ε as a float: finite and not negative."""
    array = real_array("eps", value)
    if array.ndim != 0 or not np.isfinite(array) or array < 0:
        raise ValueError(f"eps must be one finite number, zero or more; it is {value!r}.")
    return float(array)


def per_neuron(name: str, value: ArrayLike | None, k: int, default: float) -> Array:
    """One finite number for each neuron, shape (k,); a single number serves all."""
    array = real_array(name, default if value is None else value)
    if array.shape not in [(), (k,)]:
        raise ValueError(
            f"{name} must be a number or have shape ({k},); its shape is {array.shape}."
        )
    _require_finite(name, array)
    return np.full(k, array) if array.ndim == 0 else array


def _require_finite(name: str, array: Array) -> None:
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite; at index {where} it is {array[where]}.")


def _require_shape(name: str, array: Array, shape: tuple[int, ...], why: str) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, {why}; its shape is {array.shape}.")


@dataclass(frozen=True, eq=False)
class Scenario:
    """What is put into one batch-norm layer, and the layer in front of it.

    x (N, k): the batch, or None in a layer scenario, where it is computed.
    dy (N, k): the upstream gradient ∂L/∂y. gamma, beta (k,): scale and shift.
    eps: the number added to the variance. a (N, d): the inputs of the layer in
    front. weight (d, k), bias (k,): that layer's parameters.

    x and dy may hold nan or inf (the column then becomes nan); everything else
    must be finite. Raises ValueError that names the argument. The arrays are
    float64 copies and read-only.
    """

    x: Array
    dy: Array
    gamma: Array
    beta: Array
    eps: float
    a: Array | None
    weight: Array | None
    bias: Array | None
    layer: bool = field(init=False)

    def __init__(
        self,
        x: ArrayLike | None,
        dy: ArrayLike,
        gamma: ArrayLike | None = None,
        beta: ArrayLike | None = None,
        eps: float = DEFAULT_EPS,
        a: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        bias: ArrayLike | None = None,
    ) -> None:
        if a is None and (weight is not None or bias is not None):
            raise ValueError("weight and bias belong to the layer in front: they need its input a.")
        if weight is None and bias is not None:
            raise ValueError("bias belongs to the layer in front: it needs a weight.")
        if x is None and weight is None:
            raise ValueError("x may be left out only with a and weight, from which it is computed.")

        dy_ = table("dy", dy, "N", "k")
        n, k = dy_.shape
        a_ = weight_ = bias_ = None
        if a is not None:
            a_ = table("a", a, "N", "d")
            _require_shape("a", a_, (n, a_.shape[1]), f"one row for each of the {n} samples of dy")
            _require_finite("a", a_)
        if weight is not None and a_ is not None:
            weight_ = table("weight", weight, "d", "k")
            _require_shape("weight", weight_, (a_.shape[1], k), "(columns of a, columns of dy)")
            _require_finite("weight", weight_)
            bias_ = per_neuron("bias", bias, k, 0.0)
        if x is not None:
            x_ = table("x", x, "N", "k")
            _require_shape("x", x_, (n, k), "the shape of dy")
        else:
            assert a_ is not None
            assert weight_ is not None
            assert bias_ is not None
            x_ = linear.forward(a_, weight_, bias_)

        values = {
            "x": x_,
            "dy": dy_,
            "gamma": per_neuron("gamma", gamma, k, 1.0),
            "beta": per_neuron("beta", beta, k, 0.0),
            "eps": eps_value(eps),
            "a": a_,
            "weight": weight_,
            "bias": bias_,
            "layer": x is None,
        }
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, k)."""
        n, k = self.x.shape
        return n, k

    @property
    def d(self) -> int:
        """The number of inputs of the layer in front; 0 without one."""
        return 0 if self.a is None else self.a.shape[1]

    def given(self) -> dict[str, Any]:
        """The arguments that make this scenario again: in a layer, x is None."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        if self.layer:
            values["x"] = None
        return values

    def edit(self, **changes: Any) -> Scenario:
        """This scenario with some arguments changed, validated again."""
        return Scenario(**(self.given() | changes))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scenario):
            return NotImplemented
        mine, theirs = self.given(), other.given()
        return all(
            (mine[name] is None) == (theirs[name] is None)
            and (
                mine[name] is None
                or (
                    np.shape(mine[name]) == np.shape(theirs[name])
                    and np.array_equal(mine[name], theirs[name], equal_nan=True)
                )
            )
            for name in mine
        )

    __hash__ = None  # type: ignore[assignment]  # compared by value, never a key


# What the app accepts; the core itself has no such limits.
MAX_ROWS, MAX_NEURONS, MAX_INPUTS = 64, 4, 4


def _filler(shape: tuple[int, int]) -> Array:
    """Numbers for new cells, the same ones each time a cell comes and goes."""
    pool = np.random.default_rng(7).normal(0.0, 1.0, (max(MAX_ROWS, shape[0]), max(8, shape[1])))
    return np.round(pool[: shape[0], : shape[1]], 1) + 0.0


def resized(scenario: Scenario, n: int, k: int, d: int) -> Scenario:
    """The scenario with N samples, k neurons and d inputs, keeping what still fits.

    New cells get arbitrary numbers, new neurons γ = 1, β = 0 and b = 0.
    """

    def fit(old: Array | None, rows: int, columns: int) -> Array | None:
        if old is None:
            return None
        new = _filler((rows, columns))
        r, c = min(rows, old.shape[0]), min(columns, old.shape[1])
        new[:r, :c] = old[:r, :c]
        return new

    def fit_row(old: Array | None, default: float) -> Array | None:
        if old is None:
            return None
        return np.concatenate([old[:k], np.full(max(0, k - old.size), default)])

    s = scenario
    return Scenario(
        x=None if s.layer else fit(s.x, n, k),
        dy=cast(Array, fit(s.dy, n, k)),
        gamma=fit_row(s.gamma, 1.0),
        beta=fit_row(s.beta, 0.0),
        eps=s.eps,
        a=fit(s.a, n, d),
        weight=fit(s.weight, d, k),
        bias=fit_row(s.bias, 0.0),
    )


def random_scenario(seed: int, n: int, k: int, d: int, layer: bool = False) -> Scenario:
    """A batch drawn with a seed, in numbers short enough to read: one decimal."""
    rng = np.random.default_rng(seed)

    def draw(rows: int, columns: int) -> Array:
        return np.round(rng.normal(0.0, 1.0, (rows, columns)), 1) + 0.0

    a, dy, x, weight = draw(n, d), draw(n, k), draw(n, k), draw(d, k)
    if layer:
        return Scenario(None, dy, a=a, weight=weight)
    return Scenario(x, dy, a=a)
