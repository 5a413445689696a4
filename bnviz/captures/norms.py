"""Norms over a sample rather than the batch: their ∂L/∂x, and over what it adds up to 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnviz.captures.record import Capture
from bnviz.core.arrays import Array
from bnviz.core.batchnorm import batchnorm
from bnviz.core.rms import rms_norm


def sample_rows(c: Capture) -> int:
    """How many rows of a capture are one sample, which a norm over samples takes together."""
    return c.positions if c.kind == "group" else 1


@dataclass(frozen=True)
class Part:
    """Some whole samples of a capture: ∂L/∂x and what it is made of, (n, k).

    size: its terms; means: the means among them, by the sizes of what was added up; moved:
    what a mean of x that is off by itself would do. sums, sum_sizes: ∂L/∂x added up over what
    the norm is taken over, and what that was made of.
    """

    dx: Array
    size: Array
    means: Array
    moved: Array
    sums: Array
    sum_sizes: Array


@np.errstate(all="ignore")
def over_samples(c: Capture, x: Array, dy: Array) -> Part:
    """The gradient of a layer, group, instance or RMS norm on whole samples, (n, k)."""
    g = c.gamma.astype(np.float64) * dy
    n, k = x.shape
    if c.kind == "rms":
        x_hat, dx, s = rms_norm(x, g, c.eps)
        size = s * (np.abs(g) + np.abs(x_hat * (g * x_hat).mean(axis=1, keepdims=True)))
        means = s * np.abs(x_hat) * np.abs(g * x_hat).mean(axis=1, keepdims=True)
        return Part(dx, size, means, 0 * dx, dx.sum(axis=1), size.sum(axis=1))
    shape = (n // c.positions, c.positions, c.groups, k // c.groups)
    if c.kind == "layer":
        shape = (n, 1, 1, k)

    def columns(values: Array) -> Array:
        """A column for each group of numbers that is normalised together."""
        laid: Array = values.reshape(shape).transpose(1, 3, 0, 2)
        return laid.reshape(shape[1] * shape[3], -1)

    def back(values: Array) -> Array:
        laid = values.reshape(shape[1], shape[3], shape[0], shape[2]).transpose(2, 0, 3, 1)
        return laid.reshape(n, k)

    one = np.ones(shape[0] * shape[2])
    t = batchnorm(columns(x), columns(g), one, 0 * one, c.eps)
    s, x_hat = t.inv_std, np.abs(t.x_hat)
    size = np.abs(t.dx_direct) + np.abs(t.dx_via_var) + np.abs(t.dx_via_mean)
    mean_g, mean_gx = np.abs(t.dx_hat).mean(axis=0), np.abs(t.dx_hat * t.x_hat).mean(axis=0)
    means = s * (mean_g + x_hat * mean_gx)
    moved = np.abs(t.mean) * s * s * (mean_gx + x_hat * mean_g)
    return Part(
        back(t.dx), back(size), back(means), back(moved), t.dx.sum(axis=0), size.sum(axis=0)
    )
