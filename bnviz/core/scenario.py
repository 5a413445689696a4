"""Every input of the app: one frozen, validated value.

A scenario is *free* (x is given) or its x is *computed* by a linear layer in front,
x = a @ weight + bias, and then a, weight and bias are what one sets.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bnviz.core import linear
from bnviz.core.arrays import (
    DEFAULT_EPS,
    Array,
    eps_value,
    per_neuron,
    require_finite,
    require_shape,
    table,
)


@dataclass(frozen=True, eq=False)
class Scenario:
    """What is put into one batch norm, and into the linear layer in front of it.

    x (N, k): the batch, or None where it is computed from a, weight and bias.
    dy (N, k): the upstream gradient ∂L/∂y. gamma, beta (k,): scale and shift.
    eps: the number added to the variance. a (N, d): the inputs of the linear layer in
    front. weight (d, k), bias (k,): its parameters. running_mean,
    running_var (k,): the statistics of a frozen norm, which are constants then;
    without them the norm is training, and takes the batch's own.

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
    running_mean: Array | None
    running_var: Array | None
    computed: bool = field(init=False)

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
        running_mean: ArrayLike | None = None,
        running_var: ArrayLike | None = None,
    ) -> None:
        if a is None and (weight is not None or bias is not None):
            raise ValueError("weight and bias belong to the layer in front: they need its input a.")
        if weight is None and bias is not None:
            raise ValueError("bias belongs to the layer in front: it needs a weight.")
        if x is None and weight is None:
            raise ValueError("x may be left out only with a and weight, from which it is computed.")
        if (running_mean is None) != (running_var is None):
            raise ValueError("running_mean and running_var belong together: give both or neither.")

        dy_ = table("dy", dy, "N", "k")
        n, k = dy_.shape
        a_ = weight_ = bias_ = None
        if a is not None:
            a_ = table("a", a, "N", "d")
            require_shape("a", a_, (n, a_.shape[1]), f"one row for each of the {n} samples of dy")
            require_finite("a", a_)
        if weight is not None and a_ is not None:
            weight_ = table("weight", weight, "d", "k")
            require_shape("weight", weight_, (a_.shape[1], k), "(columns of a, columns of dy)")
            require_finite("weight", weight_)
            bias_ = per_neuron("bias", bias, k, 0.0)
        if x is not None:
            x_ = table("x", x, "N", "k")
            require_shape("x", x_, (n, k), "the shape of dy")
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
            "running_mean": None,
            "running_var": None,
            "computed": x is None,
        }
        if running_mean is not None and running_var is not None:
            variance = per_neuron("running_var", running_var, k, 1.0)
            if (variance < 0).any():
                raise ValueError("running_var must be zero or more; it is a variance.")
            values["running_mean"] = per_neuron("running_mean", running_mean, k, 0.0)
            values["running_var"] = variance
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    @property
    def frozen(self) -> bool:
        """Are mean and variance constants, as in evaluation?"""
        return self.running_mean is not None

    def training(self) -> Scenario:
        """The same numbers under a norm that takes the batch's own statistics."""
        return self.edit(running_mean=None, running_var=None) if self.frozen else self

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
        """The arguments that make this scenario again: where x is computed, it is None."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        if self.computed:
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
