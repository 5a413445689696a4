"""A small network with a norm after every linear map: forward, backward and a step of training.

Hidden layers are x = a W (+ b), the norm of x, an activation, and maybe a skip; the last layer
is one number a sample, whose sign is the answer. The norm and its gradient are those of the rest
of bnviz: `centre` and the one-line form of Ioffe and Szegedy 2015 (arXiv 1502.03167).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from bnviz.core.arrays import DEFAULT_EPS, Array
from bnviz.core.centre import centre
from bnviz.core.closed_form import closed_form

Norm = Literal["batch", "layer", "none"]
Optimiser = Literal["sgd", "adam"]
# An activation, and beside it its local derivative, from what came out of it.
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (lambda y: np.maximum(y, 0.0), lambda out: (out > 0).astype(np.float64)),
    "tanh": (np.tanh, lambda out: 1.0 - out * out),
    "none": (lambda y: y, np.ones_like),
}
NORMS: tuple[Norm, ...] = ("batch", "layer", "none")
OPTIMISERS: tuple[Optimiser, ...] = ("sgd", "adam")
MAX_DEPTH, MAX_WIDTH, MAX_BATCH = 30, 64, 256


@dataclass(frozen=True)
class Setting:
    """What a network is and how it is trained. Raises ValueError that names what is out of range.

    depth: hidden layers. width: neurons a layer. batch: samples a step. norm: over the batch,
    over each sample's neurons, or none. bias: has x a bias in front of the norm? rate, momentum,
    decay: of the step; decay is |w|²'s share of the loss, as PyTorch's weight_decay. Adam's
    moments are 0.9 and 0.999, and 1e-8 stands beside the root.
    """

    depth: int = 10
    width: int = 32
    batch: int = 64
    activation: str = "relu"
    norm: Norm = "batch"
    skip: bool = False
    bias: bool = False
    optimiser: Optimiser = "sgd"
    rate: float = 0.1
    momentum: float = 0.0
    decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = {
            "depth": (1, MAX_DEPTH),
            "width": (2, MAX_WIDTH),
            "batch": (2, MAX_BATCH),
            "rate": (0.0, 10.0),
            "momentum": (0.0, 0.999),
            "decay": (0.0, 1.0),
            "seed": (0, 2**32 - 1),
        }
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            if not least <= value <= most:  # a nan is in no range
                raise ValueError(f"{name} must be between {least:g} and {most:g}; it was {value}.")
        for name, known in (
            ("activation", tuple(ACTIVATIONS)),
            ("norm", NORMS),
            ("optimiser", OPTIMISERS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}.")


@dataclass(frozen=True, eq=False)
class Weights:
    """All parameters: weight (d, k), bias, gamma and beta (k,), a layer; out (k, 1), shift (1,).

    bias is 0 and stays so where the setting has none; gamma is 1 and stays so without a norm.
    """

    weight: tuple[Array, ...]
    bias: tuple[Array, ...]
    gamma: tuple[Array, ...]
    beta: tuple[Array, ...]
    out: Array
    shift: Array

    def every(self) -> list[Array]:
        """All of them, in a fixed order."""
        return [*self.weight, *self.bias, *self.gamma, *self.beta, self.out, self.shift]

    @classmethod
    def of(cls, arrays: list[Array]) -> Weights:
        """From such a list."""
        depth = (len(arrays) - 2) // 4
        weight, bias, gamma, beta = (tuple(arrays[i * depth : (i + 1) * depth]) for i in range(4))
        return cls(weight, bias, gamma, beta, arrays[-2], arrays[-1])


def start(s: Setting, inputs: int) -> Weights:
    """As it begins: weights of variance 2/d for a ReLU, 1/d elsewhere (He et al. 2015)."""
    rng = np.random.default_rng(s.seed)
    gain = 2.0 if s.activation == "relu" else 1.0
    sizes = [inputs, *[s.width] * s.depth]
    weight = tuple(rng.normal(0.0, np.sqrt(gain / d), (d, k)) for d, k in pairwise(sizes))
    zeros, ones = ([np.full(s.width, v) for _ in weight] for v in (0.0, 1.0))
    out = rng.normal(0.0, np.sqrt(1.0 / s.width), (s.width, 1))
    return Weights(weight, tuple(zeros), tuple(ones), tuple(zeros), out, np.zeros(1))


@dataclass(frozen=True, eq=False)
class Layer:
    """One hidden layer in one pass: what came in, what the norm made of it, and the gradients.

    a (N, d), x, x_hat, y, out (N, k), inv_std as it broadcasts. dout is ∂L/∂out, what arrives
    from above; dy what the activation lets through; dx_hat = γ·dy; dx past the norm; da = dx Wᵀ
    what goes on, without what a skip carries past.
    """

    a: Array
    x: Array
    x_hat: Array
    inv_std: Array
    y: Array
    out: Array
    dout: Array
    dy: Array
    dx_hat: Array
    dx: Array
    da: Array


@dataclass(frozen=True, eq=False)
class Pass:
    """A forward and a backward pass: the loss, every layer, and ∂L/∂ of every parameter."""

    loss: float
    answer: Array  # (N,), its sign is the answer
    layers: tuple[Layer, ...]
    gradients: Weights


def _normalised(x: Array, norm: Norm) -> tuple[Array, Array]:
    """(x̂, 1/√(σ²+ε)) of a norm; of none, x itself and 1."""
    if norm == "none":
        return x, np.ones((1, 1))
    found = centre(x if norm == "batch" else x.T, DEFAULT_EPS)
    x_hat, inv_std = found.deviation * found.inv_std, np.ldexp(found.inv_std, -found.exponent)
    return (x_hat, inv_std) if norm == "batch" else (x_hat.T, inv_std[:, None])


def _through(norm: Norm, g: Array, x_hat: Array, inv_std: Array) -> Array:
    """∂L/∂x from g = ∂L/∂x̂."""
    if norm == "none":
        return g
    if norm == "batch":
        return closed_form(g, x_hat, inv_std)
    return closed_form(g.T, x_hat.T, inv_std[:, 0]).T


def forward(s: Setting, w: Weights, a: Array) -> Array:
    """The answers (N,) for inputs a (N, d)."""
    act, _ = ACTIVATIONS[s.activation]
    for level in range(s.depth):
        x_hat, _ = _normalised(a @ w.weight[level] + w.bias[level], s.norm)
        out = act(w.gamma[level] * x_hat + w.beta[level])
        a = out + a if s.skip and level else out
    answer: Array = (a @ w.out + w.shift)[:, 0]
    return answer


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def run_pass(s: Setting, w: Weights, a: Array, target: Array) -> Pass:
    """Forward and backward. a (N, d); target (N,), −1 or 1.

    The loss is the mean of log(1 + exp(−target · answer)).
    """
    act, local = ACTIVATIONS[s.activation]
    seen = []
    for level in range(s.depth):
        x = a @ w.weight[level] + w.bias[level]
        x_hat, inv_std = _normalised(x, s.norm)
        y = w.gamma[level] * x_hat + w.beta[level]
        out = act(y)
        seen.append((a, x, x_hat, inv_std, y, out))
        a = out + a if s.skip and level else out
    answer = (a @ w.out + w.shift)[:, 0]
    margin = -target * answer
    loss = float(np.logaddexp(0.0, margin).mean())
    # The local derivative of the loss: −target · sigmoid(margin) / N.
    danswer = (-target * np.exp(margin - np.logaddexp(0.0, margin)) / target.size)[:, None]

    layers: list[Layer] = []
    dout = danswer @ w.out.T
    for level in reversed(range(s.depth)):
        before, x, x_hat, inv_std, y, out = seen[level]
        dy = dout * local(out)
        g = w.gamma[level] * dy
        dx = _through(s.norm, g, x_hat, inv_std)
        da = dx @ w.weight[level].T
        layers.append(Layer(before, x, x_hat, inv_std, y, out, dout, dy, g, dx, da))
        dout = dout + da if s.skip and level else da
    layers.reverse()
    learns = s.norm != "none"
    gradients = Weights(
        tuple(one.a.T @ one.dx for one in layers),
        tuple(one.dx.sum(axis=0) if s.bias else np.zeros(s.width) for one in layers),
        tuple((one.dy * one.x_hat).sum(axis=0) if learns else np.zeros(s.width) for one in layers),
        tuple(one.dy.sum(axis=0) for one in layers),
        a.T @ danswer,
        danswer.sum(axis=0),
    )
    return Pass(loss, answer, tuple(layers), gradients)


@dataclass(frozen=True, eq=False)
class State:
    """Where training stands: the parameters, the optimiser's moments, and the steps taken."""

    weights: Weights
    first: tuple[Array, ...] = ()
    second: tuple[Array, ...] = ()
    steps: int = 0


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def step(s: Setting, state: State, gradients: Weights) -> State:
    """One step of SGD with momentum, or of Adam (Kingma and Ba 2015, arXiv 1412.6980)."""
    values = state.weights.every()
    slopes = gradients.every()
    if s.decay:
        slopes = [d + s.decay * v for d, v in zip(slopes, values, strict=True)]
    first, second = state.first, state.second
    if s.optimiser == "adam":
        count = state.steps + 1
        first = first or tuple(np.zeros_like(v) for v in values)
        second = second or first
        first = tuple(0.9 * m + 0.1 * d for m, d in zip(first, slopes, strict=True))
        second = tuple(0.999 * v + 0.001 * d * d for v, d in zip(second, slopes, strict=True))
        one, two = 1 - 0.9**count, 1 - 0.999**count
        ways = [m / one / (np.sqrt(v / two) + 1e-8) for m, v in zip(first, second, strict=True)]
    elif s.momentum:
        first = first or tuple(np.zeros_like(v) for v in values)
        first = tuple(s.momentum * m + d for m, d in zip(first, slopes, strict=True))
        ways = list(first)
    else:
        ways = slopes
    moved = [v - s.rate * way for v, way in zip(values, ways, strict=True)]
    return replace(
        state, weights=Weights.of(moved), first=first, second=second, steps=state.steps + 1
    )
