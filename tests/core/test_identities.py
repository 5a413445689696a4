"""The identities hold for every right trace, and turn red for wrong ones."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.core.columns import column_sums
from bnviz.core.identities import identities
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS


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


@given(scenarios())
def test_every_identity_holds(scenario: Scenario) -> None:
    checks = identities(run(scenario))
    assert ("scale_invariance" in checks) == scenario.layer
    for check in checks.values():
        assert check.holds.all(), (check.statement, check.value, check.bound)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_satisfies_them(name: str) -> None:
    for check in identities(run(PRESETS[name].scenario)).values():
        assert check.holds.all(), check.statement


def red(**changes: np.ndarray) -> set[str]:
    """The identities that a trace with these terms breaks."""
    t = replace(run(random_scenario(3, 6, 2, 3, layer=True)), **changes)
    return {name for name, check in identities(t).items() if not check.holds.all()}


def test_a_right_trace_breaks_none() -> None:
    assert red() == set()


def test_each_identity_can_turn_red() -> None:
    t = run(random_scenario(3, 6, 2, 3, layer=True))
    nudge = np.zeros_like(t.dx)
    nudge[0] = 1e-9
    broken = [
        red(x_hat=t.x_hat + nudge),
        red(dmean_via_var=t.dmean_via_var + 1e-9),
        red(dx_via_mean=t.dx_via_mean + nudge),
        red(dx_via_var=t.dx_via_var + nudge),
        red(dx_simplified=t.dx_simplified + nudge),
        red(dx=t.dx + nudge),
        red(dweight=t.dweight + 1e-9),
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
    t = run(random_scenario(3, 6, 2, 3, layer=True))
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
    assert sums["dweight"].value == t.dweight[2, 1]
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
