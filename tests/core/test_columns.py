"""The row of sums is each column added up, and its bound is what rounding can leave of it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bnviz.core.columns import MAX_SHOWN, Sum, columns, shown_rows
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.batches import random_scenario
from tests.core.test_identities import noise

U = 2.0**-53  # one rounding


def test_each_sum_adds_the_column_that_it_stands_under() -> None:
    t = noise()
    s = t.scenario
    assert s.a is not None
    assert t.dweight is not None
    for j, p in np.ndindex(2, 3):
        c = columns(t, View(j, p))
        tables = {name: getattr(t, name) for name in c.values if name not in ("a", "x", "dy")}
        expected = {name: v[:, j] for name, v in tables.items() if name != "dweight"}
        expected |= {"x": s.x[:, j], "dy": s.dy[:, j], "a": s.a[:, p]}
        expected["dweight"] = s.a[:, p] * t.dx[:, j]
        assert c.sums.keys() == c.values.keys() == expected.keys()
        for name, column in expected.items():
            np.testing.assert_array_equal(c.values[name], column)
            total = t.dweight[p, j] if name == "dweight" else math.fsum(column)
            assert c.sums[name].value == pytest.approx(total, rel=1e-14)
            assert not c.sums[name].vanishes


def test_a_bound_is_a_few_roundings_of_what_is_added_up() -> None:
    """By N + 8 roundings of the sizes (Higham, eq. 4.4): no less, and not a hundred times it."""
    t = noise()
    s, n = t.scenario, len(t.dx)
    assert s.a is not None
    c = columns(t, View(1, 2))
    scale = t.inv_std[1] * math.fsum(np.abs(t.dx_hat[:, 1]))
    sizes = {name: math.fsum(np.abs(c.values[name])) for name in ("a", "x", "dy", "x_hat")}
    sizes["dx_hat"] = math.fsum(np.abs(t.dx_hat[:, 1]))
    sizes |= dict.fromkeys(("dx_direct", "dx_via_var", "dx_via_mean", "dx"), scale)
    sizes["dweight"] = max(np.abs(s.a[:, 2])) * scale
    assert sizes.keys() == c.sums.keys()
    for name, size in sizes.items():
        assert 1 <= c.sums[name].bound / ((n + 8) * U * size) < 100, name
    # The same for all of one size: none is left out of what it is measured by.
    shares = [c.sums[name].bound / size for name, size in sizes.items()]
    np.testing.assert_allclose(shares, shares[0], rtol=1e-12)


def test_zero_has_a_bound_of_its_own() -> None:
    sums = columns(run(Scenario(np.zeros((3, 1)), np.zeros((3, 1)))), View()).sums
    assert all(total.vanishes and 0 < total.bound < 1e-300 for total in sums.values())


@pytest.mark.parametrize(("value", "zero"), [(-1.0, True), (1.5, False), (np.nan, False)])
def test_a_sum_vanishes_up_to_its_bound(value: float, zero: bool) -> None:
    assert Sum(value, 1.0, by_algebra=True).vanishes is zero


def test_the_direct_path_and_that_of_the_mean_cancel_only_where_they_do() -> None:
    t = run(random_scenario(3, 7, 2, 3))
    assert columns(t, View(1, 0)).paths_cancel
    scale = t.inv_std[1] * np.abs(t.dx_hat[:, 1]).sum()
    for sign in (1, -1):
        bent = replace(t, dx_via_mean=t.dx_via_mean + sign * 1e-12 * scale)
        assert not columns(bent, View(1, 0)).paths_cancel


@pytest.mark.parametrize("n", [1, MAX_SHOWN, MAX_SHOWN + 1, 40])
def test_the_samples_shown_have_the_largest_gradients(n: int) -> None:
    t = run(random_scenario(3, n, 2, 2))
    for j in range(2):
        shown = shown_rows(t, View(j, 0))
        assert shown == columns(t, View(j, 0)).rows == sorted(set(shown))
        assert len(shown) == min(n, MAX_SHOWN)
        hidden = set(range(n)) - set(shown)
        size = np.abs(t.dx[:, j])
        assert all(size[i] <= size[shown].min() for i in hidden)
