"""The identities hold for every right trace, and turn red for wrong ones."""

import math
from collections.abc import Iterable
from dataclasses import fields, replace
from statistics import pvariance
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.core.columns import column_sums
from bnviz.core.identities import Check, identities, rounding
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from tests.kinds import there


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Batches of any size and magnitude, with and without a layer in front."""
    n, k, d = draw(st.integers(1, 64)), draw(st.integers(1, 8)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def table(rows: int, columns: int) -> np.ndarray:
        size = 10.0 ** rng.uniform(-6, 6, (1, columns))
        return rng.normal(rng.normal(0, 2, (1, columns)), 1.0, (rows, columns)) * size

    eps = draw(st.sampled_from([0.0, 1e-12, 1e-5, 1.0, 1e3]))
    gamma = rng.normal(0, 2, k)
    if draw(st.booleans()):
        return Scenario(
            None,
            table(n, k),
            gamma,
            eps=eps,
            a=table(n, d),
            weight=table(d, k),
            bias=rng.normal(size=k),
        )
    return Scenario(table(n, k), table(n, k), gamma, eps=eps, a=table(n, d))


@settings(deadline=None, derandomize=True)
@given(scenarios())
def test_every_identity_holds(scenario: Scenario) -> None:
    checks = identities(run(scenario))
    assert ("scale_invariance" in checks) == scenario.computed
    for check in checks.values():
        assert check.holds.all(), (check.statement, check.value, check.bound)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_satisfies_them(name: str) -> None:
    for check in identities(run(PRESETS[name].scenario)).values():
        assert check.holds.all(), check.statement


def red(**changes: Any) -> set[str]:
    """The identities that a trace with these terms breaks."""
    t = replace(run(random_scenario(3, 6, 2, 3, computed=True)), **changes)
    return {name for name, check in identities(t).items() if not check.holds.all()}


def test_a_right_trace_breaks_none() -> None:
    assert red() == set()


def test_each_identity_can_turn_red() -> None:
    t = run(random_scenario(3, 6, 2, 3, computed=True))
    nudge = np.zeros_like(t.dx)
    nudge[0] = 1e-9
    broken = [
        red(x_hat=t.x_hat + nudge),
        red(dmean_via_var=t.dmean_via_var + 1e-9),
        red(dx_via_mean=t.dx_via_mean + nudge),
        red(dx_via_var=t.dx_via_var + nudge),
        red(dx_simplified=t.dx_simplified + nudge),
        red(dx=t.dx + nudge),
        red(dweight=there(t.dweight) + 1e-9),
    ]
    assert set().union(*broken) == set(identities(t))
    assert "x_hat_sum" in broken[0]
    assert broken[1] == {"mean_via_var"}
    assert broken[2] == {"direct_and_mean"}
    assert broken[3] == {"var_path"}
    assert broken[4] == {"simplified"}
    assert {"dx_sum", "along_x_hat"} <= broken[5]
    assert {"covariance", "scale_invariance"} <= broken[6]


def test_the_sum_alone_does_not_prove_the_gradient() -> None:
    t = run(random_scenario(3, 6, 2, 3, computed=True))
    assert "dx_sum" not in red(dx=t.dx_direct + t.dx_via_mean)
    assert "along_x_hat" in red(dx=t.dx_direct + t.dx_via_mean)
    assert "dx_sum" in red(dx=t.dx_direct + t.dx_via_var)


def test_a_wrong_variance_is_caught_by_the_second_sum_only() -> None:
    s = random_scenario(3, 6, 2, 3)
    n = s.x.shape[0]
    unbiased = run(s.edit(x=s.x * np.sqrt((n - 1) / n)))  # its s is that of 1/(N − 1)
    wrong = replace(unbiased, scenario=s)
    checks = identities(wrong)
    assert checks["dx_sum"].holds.all()
    assert not checks["along_x_hat"].holds.any()


def test_a_nan_never_holds() -> None:
    t = run(Scenario([[1.0], [np.nan]], [[1.0], [2.0]]))
    assert not identities(t)["dx_sum"].holds.any()


def test_the_row_of_sums_adds_its_columns() -> None:
    t = run(PRESETS["puzzle"].scenario)
    sums = column_sums(t, 1, 2)
    assert sums["x"].value == pytest.approx(0.5 - 1.4 + 0.9 + 0.2 + 1.7 - 0.6)
    assert sums["a"].value == pytest.approx(-0.9 + 0.2 + 1.4 - 0.3 + 0.7 - 1.1)
    assert sums["dweight"].value == there(t.dweight)[2, 1]
    assert sums["dx"].vanishes
    assert {name for name, total in sums.items() if total.by_algebra} == {
        "x_hat",
        "dx_via_var",
        "dx",
    }
    assert not sums["dy"].vanishes


def test_without_a_layer_in_front_there_are_no_weight_sums() -> None:
    sums = column_sums(run(Scenario([[1.0], [2.0]], [[1.0], [0.0]])), 0, 0)
    assert "dweight" not in sums
    assert "a" not in sums


def noise(seed: int = 0) -> Trace:
    """A trace whose terms are all drawn at random: whatever should vanish doesn't."""
    rng = np.random.default_rng(seed)
    t = run(random_scenario(3, 7, 2, 3, computed=True).edit(eps=0.3))
    names = [f.name for f in fields(t) if f.name not in ("scenario", "inv_std")]
    return replace(t, **{name: rng.normal(1, 1, getattr(t, name).shape) for name in names})


def total(values: Iterable[float]) -> float:
    """Σ, correctly rounded, and no function of NumPy's."""
    return math.fsum(values)


@pytest.mark.parametrize("seed", range(3))
def test_each_value_is_the_two_sides_of_its_statement(seed: int) -> None:
    """On terms that break every identity, so that a wrong factor or sign can be seen."""
    t = noise(seed)
    s = t.scenario
    assert s.a is not None
    assert s.weight is not None
    assert t.dweight is not None
    n, k = t.dx.shape
    found = identities(t)
    for j in range(k):
        x, x_hat, dx = s.x[:, j].tolist(), t.x_hat[:, j], t.dx[:, j]
        total_var = pvariance(x) + s.eps
        share = s.eps / total_var
        left_minus_right = {
            "x_hat_sum": total(x_hat),
            "x_hat_energy": total(x_hat**2) - n * (pvariance(x) / total_var),
            "mean_via_var": t.dmean_via_var[j],
            "direct_and_mean": total(t.dx_direct[:, j]) + total(t.dx_via_mean[:, j]),
            "var_path": total(t.dx_via_var[:, j]),
            "dx_sum": total(dx),
            "simplified": max(abs(dx - t.dx_simplified[:, j])),
            # Of 1/(σ²+ε)^(3/2) one power is the trace's own 1/√(σ²+ε).
            "along_x_hat": total(dx * x_hat) - total(t.dx_hat[:, j] * x_hat) * share * t.inv_std[j],
            "scale_invariance": total(s.weight[:, j] * t.dweight[:, j])
            - share * s.gamma[j] * t.dgamma[j],
        }
        for name, value in left_minus_right.items():
            assert found[name].value[j] == pytest.approx(value, rel=1e-12), name
        for p in range(s.d):
            a = s.a[:, p]
            covariance = total((a - total(a) / n) * (dx - total(dx) / n))
            assert found["covariance"].value[p, j] == pytest.approx(
                t.dweight[p, j] - covariance, rel=1e-12
            )
    assert found.keys() == {*left_minus_right, "covariance"}


@pytest.mark.parametrize("side", [1, -1])
def test_a_bound_is_a_few_roundings_of_what_is_added_up(side: int) -> None:
    """By 2 (N + 8) roundings of the sizes (Higham, eq. 4.4): no less, not twenty times it."""
    t = noise()
    t = replace(t, x_hat=side * t.x_hat)
    s = t.scenario
    assert s.a is not None
    assert s.weight is not None
    assert s.bias is not None
    n, k = t.dx.shape
    found = identities(t)
    one = 2 * (n + 8) * 2.0**-53
    for j in range(k):
        g, x_hat = np.abs(t.dx_hat[:, j]), np.abs(t.x_hat[:, j])
        scale = t.inv_std[j] * total(g)
        along = total(t.dx_hat[:, j] * t.x_hat[:, j])
        reach = [max(abs(s.a[:, p])) for p in range(s.d)]
        pulled = total(r * abs(w) for r, w in zip(reach, s.weight[:, j], strict=True))
        sizes = {
            "x_hat_sum": total(x_hat),
            "x_hat_energy": n,
            **dict.fromkeys(
                ("mean_via_var", "direct_and_mean", "var_path", "dx_sum", "simplified"), scale
            ),
            "along_x_hat": scale * max(1.0, *x_hat),
            "scale_invariance": (pulled + abs(s.bias[j])) * scale + abs(along),
        }
        shares = [found[name].bound[j] / (one * size) for name, size in sizes.items()]
        shares += [found["covariance"].bound[p, j] / (one * r * scale) for p, r in enumerate(reach)]
        assert 1 <= min(shares) < 20
        # All by the same number of roundings, so nothing is left out of a size.
        np.testing.assert_allclose(shares, shares[0], rtol=1e-12)


def test_x_hat_below_one_amplifies_nothing() -> None:
    t = noise()
    small = identities(replace(t, x_hat=t.x_hat * 1e-3))["along_x_hat"].bound
    np.testing.assert_allclose(small, identities(t)["dx_sum"].bound, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 6, 10**6])
def test_the_rounding_of_a_sum_grows_with_its_terms(n: int) -> None:
    """Two nested sums of n terms and a few single operations; 1.2e-14 for six, as it says."""
    derived = 2 * (n + 8) * 2.0**-53
    assert derived <= rounding(n) <= 8 * derived
    assert rounding(6) == pytest.approx(1.2e-14, rel=0.05, abs=0)


def test_only_a_layer_of_the_scenario_has_the_identities_of_a_layer() -> None:
    s = random_scenario(3, 6, 2, 3)
    assert not s.computed
    assert "covariance" in identities(run(s))
    assert "scale_invariance" not in identities(run(s))
    assert "covariance" not in identities(run(Scenario(s.x, s.dy)))


def test_a_check_holds_up_to_its_bound_and_no_further() -> None:
    one = np.array([1.0, -1.0, np.nan, np.nextafter(1.0, 2)])
    assert Check("", one, np.ones(4)).holds.tolist() == [True, True, False, False]
