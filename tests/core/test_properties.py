"""The identities of batch normalisation, on whatever batches Hypothesis finds.

Each is computed here from the trace; where it can be, one side is found without it
(`statistics.pvariance` sums in exact fractions).

Bounds. A sum of N terms costs at most N roundings of u = 2⁻⁵³, relative to the sum of
their sizes (Higham, Accuracy and Stability, eq. 4.4). Every identity compares things made
of at most two nested sums, with a few roundings beside them, so 2(N + 8)u times the
size; and sizes are in units of s·Σ|g| (times √N at most, the largest |x̂|, where x̂ is
a factor). For N = 6 and x̂ near 1 that is 3e-15.
"""

from collections.abc import Callable
from statistics import fmean, pvariance
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

import bnviz
from bnviz.core.arrays import Array
from bnviz.core.trace import Trace
from tests.kinds import Arguments, there
from tests.strategies import batches, layers, magnitudes, seeds

U = 2.0**-53
TINY = 1e-300  # below which products of results leave the normal range
pytestmark = pytest.mark.filterwarnings("error")


def holds_for(
    *strategies: st.SearchStrategy[Any],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`given`, with the same examples in every run."""
    same = settings(max_examples=100, deadline=None, derandomize=True)
    return lambda test: same(given(*strategies)(test))


def roundings(n: int) -> float:
    """Two nested sums of n terms and a few single operations, in units of 1."""
    return 2 * (n + 8) * U


def dx_scale(t: Trace) -> Array:
    """s·Σ|g| for each column."""
    scale: Array = t.inv_std * np.abs(t.scenario.gamma * t.scenario.dy).sum(axis=0)
    return scale


def largest_x_hat(t: Trace) -> Array:
    """1 ≤ max|x̂| ≤ √N: how much an error in a mean of g·x̂ is amplified."""
    largest: Array = np.maximum(1, np.abs(t.x_hat).max(axis=0))
    return largest


def bound(t: Trace) -> Array:
    """What rounding may do to an element of ∂L/∂x, for each column."""
    return roundings(len(t.x_hat)) * dx_scale(t) * largest_x_hat(t)


def exact_variance(x: Array) -> Array:
    return np.array([pvariance(column) for column in x.T.tolist()])


def near(got: NDArray[np.floating], expected: ArrayLike, bounds: ArrayLike) -> None:
    difference = np.abs(got - np.asarray(expected))
    assert (difference <= np.asarray(bounds) + TINY).all(), (
        f"off by {difference}, the bound is {bounds!r}"
    )


@holds_for(batches())
def test_1_forward(arguments: Arguments) -> None:
    """Σx̂ = 0 and Σx̂² = N·v/(v+ε), with v summed in fractions."""
    t = bnviz.trace(**arguments)
    n = len(t.x_hat)
    x, eps = arguments["x"], arguments["eps"]
    v = exact_variance(x)
    near(t.mean, [fmean(c) for c in x.T], roundings(n) * np.abs(x).max(axis=0))
    near(t.var, v, roundings(n) * v)
    near(t.x_hat.sum(axis=0), 0, roundings(n) * n)
    near(np.square(t.x_hat).sum(axis=0) * (v + eps), n * v, roundings(n) * n * (v + eps))
    near(t.y, arguments["gamma"] * t.x_hat + arguments["beta"], U * 4 * np.abs(t.y).max())
    near(t.inv_std * np.sqrt(v + eps), ~t.undefined, roundings(n))


@holds_for(batches())
def test_3_the_second_term_of_the_mean_is_zero(arguments: Arguments) -> None:
    t = bnviz.trace(**arguments)
    near(t.dmean_via_var, 0, bound(t))
    near(t.dmean, -t.inv_std * t.dx_hat.sum(axis=0), bound(t))


@holds_for(batches())
def test_4_dx_sums_to_zero(arguments: Arguments) -> None:
    """Whatever ε, γ and the upstream gradient; and ① cancels ③, ② itself."""
    t = bnviz.trace(**arguments)
    near(t.dx.sum(axis=0), 0, bound(t))
    near(t.dx_simplified.sum(axis=0), 0, bound(t))
    near(t.dx_via_var.sum(axis=0), 0, bound(t))
    near(t.dx_direct.sum(axis=0), -t.dx_via_mean.sum(axis=0), bound(t))


@holds_for(batches())
def test_5_simplified_form(arguments: Arguments) -> None:
    t = bnviz.trace(**arguments)
    near(t.dx, t.dx_simplified, bound(t))
    g = arguments["gamma"] * arguments["dy"]
    projected = g - g.mean(axis=0) - t.x_hat * (g * t.x_hat).mean(axis=0)
    near(t.dx_simplified, t.inv_std * projected, bound(t))


@holds_for(batches())
def test_6_the_nearly_zero_sum(arguments: Arguments) -> None:
    """Σ ∂L/∂x·x̂ = S·ε/(v+ε)^(3/2). A wrong variance is seen here, not in the sum of ∂L/∂x."""
    t = bnviz.trace(**arguments)
    total = exact_variance(arguments["x"]) + arguments["eps"]
    s3 = np.power(total, -1.5, out=np.zeros_like(total), where=total > 0)
    along = (arguments["gamma"] * arguments["dy"] * t.x_hat).sum(axis=0)
    got = (t.dx * t.x_hat).sum(axis=0)
    # Σ|x̂| ≤ N: each element of ∂L/∂x brings its own error.
    bounds = bound(t) * np.maximum(1, np.abs(t.x_hat).sum(axis=0))
    near(got, along * arguments["eps"] * s3, bounds)


@holds_for(layers(), magnitudes)
def test_8_weight_gradient(arguments: Arguments, shift: float) -> None:
    """∂L/∂W = Σ aᵢ⊗∂L/∂xᵢ = Σ (aᵢ−ā)⊗∂L/∂xᵢ, blind to a constant added to a."""
    t = bnviz.trace(**arguments)
    a, n = arguments["a"], len(t.dx)
    width = np.abs(a).max(axis=0)[:, None]
    bounds = width * bound(t) * n
    centred = a - a.mean(axis=0)
    near(there(t.dweight), there(t.dweight_per_sample).sum(axis=0), bounds)
    near(there(t.dweight), np.einsum("nd,nk->dk", centred, t.dx), bounds)
    near(there(t.dbias), 0, bound(t))
    shifted = bnviz.trace(**arguments | {"x": t.scenario.x, "a": a + 10**shift})
    near(there(shifted.dweight), there(t.dweight), (width + 10**shift) * bound(t) * n)
    ones = bnviz.trace(**arguments | {"x": t.scenario.x, "a": np.ones_like(a)})
    near(there(ones.dweight), np.tile(there(t.dbias), (len(width), 1)), bound(t))


@holds_for(layers())
def test_8_gradient_of_the_inputs(arguments: Arguments) -> None:
    t = bnviz.trace(**arguments)
    weight = arguments["weight"]
    expected = np.einsum("nk,dk->nd", t.dx, weight)
    near(there(t.da), expected, bound(t) @ np.abs(weight).T)


@holds_for(layers())
def test_9_scale_invariance(arguments: Arguments) -> None:
    """⟨w, ∂L/∂w⟩ = ε/(v+ε)·γ·∂L/∂γ: a weight gets no gradient along itself but through ε."""
    t = bnviz.trace(**arguments)
    a, weight, eps = arguments["a"], arguments["weight"], arguments["eps"]
    total = exact_variance(t.scenario.x) + eps
    through_eps = np.divide(eps, total, out=np.zeros_like(total), where=total > 0)
    n = len(a)
    # x itself is rounded, by the size of its largest product.
    size = np.abs(a).max(axis=0) @ np.abs(weight) + np.abs(arguments["bias"])
    g_along = arguments["gamma"] * t.dgamma
    g_size = np.abs(t.dx_hat).sum(axis=0) * largest_x_hat(t)
    bounds = n * bound(t) * size + roundings(n) * through_eps * g_size
    near((weight * t.dweight).sum(axis=0), through_eps * g_along, bounds)


# Equivariance


@holds_for(batches(), seeds)
def test_the_order_of_the_samples_does_not_matter(arguments: Arguments, seed: int) -> None:
    t = bnviz.trace(**arguments)
    order = np.random.default_rng(seed).permutation(len(t.dx))
    rows = {name: arguments[name][order] for name in ("x", "dy")}
    permuted = bnviz.trace(**arguments | rows)
    near(permuted.dx, t.dx[order], bound(t))
    near(permuted.dbeta, t.dbeta, roundings(len(t.dx)) * np.abs(arguments["dy"]).sum(axis=0))


@holds_for(batches())
def test_neurons_do_not_meet(arguments: Arguments) -> None:
    t = bnviz.trace(**arguments)
    for j in range(t.dx.shape[1]):
        alone = {name: arguments[name][..., j : j + 1] for name in ("x", "dy", "gamma", "beta")} | {
            "eps": arguments["eps"]
        }
        near(bnviz.trace(**alone).dx[:, 0], t.dx[:, j], bound(t)[j])


@holds_for(batches(), st.integers(-(2**20), 2**20))
def test_a_shift_of_x_changes_only_the_mean(arguments: Arguments, shift: float) -> None:
    """x on a grid of 1/1024, so that the shifted x is exact."""
    x = np.rint(np.clip(arguments["x"], -(2**20), 2**20) * 1024) / 1024
    t = bnviz.trace(**arguments | {"x": x})
    shifted = bnviz.trace(**arguments | {"x": x + shift})
    near(shifted.dx, t.dx, bound(t))
    near(shifted.x_hat, t.x_hat, roundings(len(x)) * largest_x_hat(t))
    near(shifted.mean, t.mean + shift, roundings(len(x)) * (np.abs(x).max() + abs(shift)))


@holds_for(batches(), st.integers(-60, 60))
def test_x_in_other_units(arguments: Arguments, p: int) -> None:
    """x → c·x, ε → c²·ε gives ∂L/∂x / c; with c a power of two, to the last digit."""
    t = bnviz.trace(**arguments)
    units = {"x": np.ldexp(arguments["x"], p), "eps": np.ldexp(arguments["eps"], 2 * p)}
    other = bnviz.trace(**arguments | units)
    for name in ("dx", "dx_simplified", "dx_via_var", "dmean"):
        np.testing.assert_array_equal(np.ldexp(getattr(other, name), p), getattr(t, name))
    np.testing.assert_array_equal(other.x_hat, t.x_hat)
    np.testing.assert_array_equal(np.ldexp(other.dvar, 2 * p), t.dvar)


@holds_for(batches(), st.sampled_from([3.0, 0.1, -7.5]))
def test_x_in_units_that_round(arguments: Arguments, c: float) -> None:
    """c no power of two: c·x is rounded, by up to max|x|·u, in units of √(v+ε)."""
    t = bnviz.trace(**arguments)
    other = bnviz.trace(**arguments | {"x": c * arguments["x"], "eps": c**2 * arguments["eps"]})
    condition = 1 + np.abs(arguments["x"]).max(axis=0) * t.inv_std
    near(abs(c) * other.dx, t.dx, bound(t) * condition)


@holds_for(batches())
def test_the_mirror_image(arguments: Arguments) -> None:
    """x → −x turns x̂ and ∂L/∂γ around and leaves ∂L/∂x; dy → −dy turns every gradient."""
    t = bnviz.trace(**arguments)
    mirrored = bnviz.trace(**arguments | {"x": -arguments["x"]})
    turned = bnviz.trace(**arguments | {"dy": -arguments["dy"]})
    for name, sign in {"dx": 1, "x_hat": -1, "dgamma": -1, "mean": -1, "var": 1}.items():
        np.testing.assert_array_equal(getattr(mirrored, name), sign * getattr(t, name))
    for name in ("dx", "dgamma", "dbeta", "dvar", "dmean"):
        np.testing.assert_array_equal(getattr(turned, name), -getattr(t, name))


@holds_for(batches())
def test_gradients_agrees_with_the_trace(arguments: Arguments) -> None:
    t = bnviz.trace(**arguments)
    dx, dgamma, dbeta = bnviz.gradients(*(arguments[n] for n in ("x", "dy", "gamma", "eps")))
    upstream = np.abs(arguments["dy"]).sum(axis=0)
    near(dx, t.dx, bound(t))
    near(dgamma, t.dgamma, roundings(len(dx)) * upstream * largest_x_hat(t))
    near(dbeta, t.dbeta, roundings(len(dx)) * upstream)
