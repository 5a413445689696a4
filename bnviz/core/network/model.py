"""The network: its parameters in one vector, one pass forward and back with every term kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import Array
from bnviz.core.network import activations, norm
from bnviz.core.network.settings import Settings

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Parameters:
    """Views into one vector, so that an optimiser moves all of them at once.

    first (d, k), the first weight; weight (L − 1, k, k), the others; bias, gamma, beta (L, k), of
    no rows where the network has none; last (k, c) and offset (c,), of the logits.
    """

    vector: Array
    first: Array
    weight: Array
    bias: Array
    gamma: Array
    beta: Array
    last: Array
    offset: Array

    def weight_of(self, layer: int) -> Array:
        """W of a layer, from 0."""
        return self.weight[layer - 1] if layer else self.first


def shapes(s: Settings, inputs: int, classes: int) -> dict[str, tuple[int, ...]]:
    """The shape of each parameter."""
    k, depth = s.width, s.depth
    normed = depth if s.norm != "none" else 0
    return {
        "first": (inputs, k),
        "weight": (depth - 1, k, k),
        "bias": (depth if s.bias else 0, k),
        "gamma": (normed, k),
        "beta": (normed, k),
        "last": (k, classes),
        "offset": (classes,),
    }


def parameters(s: Settings, inputs: int, classes: int, vector: Array | None = None) -> Parameters:
    """Parameters over a vector, or over a new one of zeros."""
    wanted = shapes(s, inputs, classes)
    if vector is None:
        vector = np.zeros(sum(int(np.prod(shape)) for shape in wanted.values()))
    views, at = {}, 0
    for name, shape in wanted.items():
        size = int(np.prod(shape))
        views[name] = vector[at : at + size].reshape(shape)
        at += size
    return Parameters(vector, **views)


def started(s: Settings, inputs: int, classes: int) -> Parameters:
    """Parameters before the first step: weights as He et al. 2015, arXiv 1502.01852, γ = 1.

    He's 2/d pays for what a ReLU stops; without a ReLU it is 1/d.
    """
    p, rng = parameters(s, inputs, classes), np.random.default_rng([s.seed, 1])
    gain = 2.0 if s.activation == "relu" else 1.0
    for layer in range(s.depth):
        w = p.weight_of(layer)
        w[:] = rng.normal(size=w.shape) * np.sqrt(gain / len(w))
    p.last[:] = rng.normal(size=p.last.shape) / np.sqrt(s.width)
    p.gamma[:] = 1.0
    return p


@dataclass(eq=False)
class Pass:
    """One pass. Tables a layer: a list over layers, or an array (L, N, k).

    a[l] is what goes into layer l, a[L] what goes into the logits; da likewise, its gradient.
    inv_std, mean and var are over the batch, (k,), or of each sample, (N,), for layer norm.
    """

    a: list[Array]
    x: Array
    x_hat: Array
    z: Array
    inv_std: list[Array]
    mean: list[Array]
    var: list[Array]
    log_p: Array
    loss: float
    right: float
    da: list[Array] = field(default_factory=list)
    dz: Array = field(default_factory=lambda: np.empty(0))
    dy: Array = field(default_factory=lambda: np.empty(0))
    dx_hat: Array = field(default_factory=lambda: np.empty(0))
    dx: Array = field(default_factory=lambda: np.empty(0))


Statistics = tuple[Array, Array]  # mean and var, (L, k) each: held as constants


def forward(
    s: Settings, p: Parameters, inputs: Array, labels: Labels, held: Statistics | None = None
) -> Pass:
    """inputs (N, d), labels (N,). held: statistics that a frozen norm takes for constants."""
    n, depth, k = len(inputs), s.depth, s.width
    x, x_hat, z = np.empty((depth, n, k)), np.empty((depth, n, k)), np.empty((depth, n, k))
    a, inv_stds, means, vars_ = [inputs], [], [], []
    normed = s.norm != "none"
    for layer in range(depth):
        mine = x[layer]
        np.matmul(a[-1], p.weight_of(layer), mine)
        if s.bias:
            mine += p.bias[layer]
        if held is not None:
            mean, var = held[0][layer], held[1][layer]
            inv_std = 1.0 / np.sqrt(var + norm.EPS)
            hat = (mine - mean) * inv_std
        elif s.norm == "layer":
            hat, inv_std, mean, var = norm.standardised(mine.T)
            hat = hat.T
        elif normed:
            hat, inv_std, mean, var = norm.standardised(mine)
        if normed:
            x_hat[layer] = hat
            y = hat * p.gamma[layer]
            y += p.beta[layer]
            inv_stds.append(inv_std)
            means.append(mean)
            vars_.append(var)
        else:
            y = mine
        out = activations.forward(s.activation, y)
        z[layer] = out
        a.append(out + a[-1] if s.skip and layer else z[layer])
    logits = a[-1] @ p.last + p.offset
    log_p = logits - logits.max(axis=1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    loss = -float(log_p[np.arange(n), labels].mean())
    right = float((logits.argmax(axis=1) == labels).mean())
    return Pass(a, x, x_hat, z, inv_stds, means, vars_, log_p, loss, right)


def backward(
    s: Settings, p: Parameters, seen: Pass, labels: Labels, gradient: Parameters, *, held: bool
) -> None:
    """Fill in the gradients of a pass, and those of the parameters into gradient.

    L is the mean of −log softmax(logits) at the labels, so ∂L/∂logits = (softmax − 1 at the
    label) / N.
    """
    depth, n, _ = seen.x.shape
    dlogits = np.exp(seen.log_p)
    dlogits[np.arange(n), labels] -= 1.0
    dlogits /= n
    np.matmul(seen.a[-1].T, dlogits, gradient.last)
    np.add.reduce(dlogits, 0, out=gradient.offset)
    seen.dz, seen.dy, seen.dx_hat, seen.dx = (np.empty_like(seen.x) for _ in range(4))
    upstream = dlogits @ p.last.T
    da = [upstream]
    normed = s.norm != "none"
    for layer in range(depth - 1, -1, -1):
        seen.dz[layer] = upstream
        dy = activations.backward(s.activation, upstream, seen.z[layer])
        seen.dy[layer] = dy
        dx = seen.dx[layer]
        if normed:
            g = np.multiply(dy, p.gamma[layer], seen.dx_hat[layer])
            if held:
                np.multiply(g, seen.inv_std[layer], dx)
            elif s.norm == "layer":
                dx[:] = norm.back(g.T, seen.x_hat[layer].T, seen.inv_std[layer]).T
            else:
                dx[:] = norm.back(g, seen.x_hat[layer], seen.inv_std[layer])
        else:
            seen.dx_hat[layer] = dy
            dx[:] = dy
        np.matmul(seen.a[layer].T, dx, gradient.weight_of(layer))
        below = dx @ p.weight_of(layer).T
        if s.skip and layer:
            below += upstream
        upstream = below
        da.append(upstream)
    # Over all layers at once: one call in place of one a layer.
    if s.bias:
        np.add.reduce(seen.dx, 1, out=gradient.bias)
    if normed:
        np.add.reduce(seen.dy, 1, out=gradient.beta)
        np.einsum("lnk,lnk->lk", seen.dy, seen.x_hat, out=gradient.gamma)
    seen.da = da[::-1]
