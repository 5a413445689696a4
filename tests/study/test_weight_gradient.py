"""Why ∂L/∂W survives, and where it doesn't: against the textbook and finite differences."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from bnviz.study.geometry import eigenvalues, eigenvalues_by_formula, jacobian, split
from bnviz.study.invariance import as_computed, descend, invariance, scaled
from bnviz.study.weight_gradient import (
    VANISHING,
    Vanishing,
    running_bias,
    running_outer,
    vanished,
)
from tests.kinds import there

scenarios = st.builds(
    lambda seed, n, k, d, computed, eps: random_scenario(seed, n, k, d, computed=computed).edit(
        eps=eps
    ),
    st.integers(0, 10_000),
    st.integers(2, 10),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([1e-5, 1e-2, 1.0]),
)


def loss(s: Scenario, x: np.ndarray) -> float:
    """L = Σ ∂L/∂y · y, whose gradient in y is the given one."""
    x_hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + s.eps)
    return float((s.dy * (s.gamma * x_hat + s.beta)).sum())


@given(scenarios)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_running_sums_end_at_the_gradients_of_the_layer(s: Scenario) -> None:
    t = run(s)
    h = 1e-5
    x = s.x
    for p in range(s.d):
        for j in range(s.shape[1]):
            moved = np.zeros((s.d, s.shape[1]))
            moved[p, j] = h
            slope = (loss(s, x + there(s.a) @ moved) - loss(s, x - there(s.a) @ moved)) / (2 * h)
            size = float(t.inv_std[j] * np.abs(t.dx_hat[:, j]).sum() + t.inv_std[j] ** 3)
            assert running_outer(t)[-1, p, j] == pytest.approx(slope, abs=1e-4 * max(size, 1))
    assert np.abs(running_bias(t)[-1]).max() <= 1e-11 * max(1.0, float(t.inv_std.max() * 50))


def test_running_sums_are_sums() -> None:
    t = run(PRESETS["puzzle"].scenario)
    a, dx = there(t.scenario.a), t.dx
    by_hand = np.sum([np.outer(a[i], dx[i]) for i in range(3)], axis=0)
    np.testing.assert_allclose(running_outer(t)[2], by_hand, atol=1e-14)
    np.testing.assert_allclose(running_bias(t)[2], dx[:3].sum(axis=0), atol=1e-14)


@pytest.mark.parametrize("case", VANISHING, ids=lambda c: c.title)
@pytest.mark.parametrize("name", PRESETS)
def test_it_vanishes_where_it_is_said_to(case: Vanishing, name: str) -> None:
    s = PRESETS[name].scenario.training()
    for j in range(s.shape[1]):
        made = case.make(s, j, 0)
        assert vanished(case, run(made), j, 0).holds.all()


@pytest.mark.parametrize("case", VANISHING, ids=lambda c: c.title)
def test_before_the_change_it_did_not_vanish(case: Vanishing) -> None:
    t = run(PRESETS["puzzle"].scenario)
    assert not vanished(case, t, 0, 0).holds.any()


@given(scenarios, st.sampled_from(VANISHING))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_it_vanishes_on_random_numbers(s: Scenario, case: Vanishing) -> None:
    t = run(s)
    assume((t.var > 1e-3).all())
    assert vanished(case, run(case.make(s, 0, 0)), 0, 0).holds.all()


def test_an_uncorrelated_upstream_still_moves_the_samples() -> None:
    s = PRESETS["puzzle"].scenario
    case = next(c for c in VANISHING if c.title == "An uncorrelated upstream")
    assert np.abs(run(case.make(s, 0, 0)).dx[:, 0]).max() > 0.1


@given(scenarios, st.floats(-2, 2))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_the_gradient_stands_across_the_weights(s: Scenario, power: float) -> None:
    computed = scaled(as_computed(s), 10.0**power)
    assert computed.computed
    for j in range(s.shape[1]):
        found = invariance(computed, j)
        assert found.holds
        w = there(computed.weight)[:, j]
        v = computed.x[:, j].var()
        x_hat = (computed.x[:, j] - computed.x[:, j].mean()) / np.sqrt(v + computed.eps)
        said = computed.eps / (v + computed.eps) * computed.gamma[j] * (computed.dy[:, j] @ x_hat)
        assert found.formula == pytest.approx(said, rel=1e-6, abs=1e-8)
        assert found.weight == pytest.approx(float(np.sqrt((w**2).sum())))


def test_a_wrong_weight_gradient_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = PRESETS["layer"].scenario
    assert invariance(computed, 0).holds
    # Averaged instead of added: the classic slip.
    monkeypatch.setattr("bnviz.core.linear.dweight", lambda a, dx: a.T @ (dx + 1) / a.shape[0])
    assert not invariance(computed, 0).holds


def test_plain_steps_make_the_weights_longer_as_foretold() -> None:
    way = descend(PRESETS["layer"].scenario, 0)
    assert way.holds
    assert (np.diff(way.length) > 0).all()
    # The first step by hand: |w'|² = |w|² − 2η⟨w, ∂L/∂w⟩ + η²|∂L/∂w|².
    t = run(PRESETS["layer"].scenario)
    w, dw = there(t.scenario.weight)[:, 0], there(t.dweight)[:, 0]
    assert way.length[1] == pytest.approx(np.linalg.norm(w - way.rate * dw), rel=1e-12)


def test_a_layer_near_the_numbers_set_by_hand() -> None:
    s = PRESETS["puzzle"].scenario
    computed = as_computed(s)
    design = np.column_stack([there(s.a), np.ones(6)])
    best = design @ np.linalg.pinv(design) @ s.x
    assert np.abs(computed.x - best).max() < 0.05
    assert as_computed(computed) is computed


@given(scenarios)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_three_parts_by_pythagoras(s: Scenario) -> None:
    t = run(s)
    for j in range(s.shape[1]):
        parts = split(t, j)
        g = t.dx_hat[:, j]
        np.testing.assert_allclose(parts.mean + parts.along + parts.rest, g, atol=1e-12)
        if g.any():
            assert sum(parts.shares) == pytest.approx(1.0)
        size = float(g @ g) * 1e-9 + 1e-15
        assert abs(parts.mean @ parts.along) <= size
        assert abs(parts.along @ parts.rest) <= size
        # What the norm makes of them is ∂L/∂x.
        dx = parts.gain_along * parts.along + parts.gain_rest * parts.rest
        scale = parts.gain_rest * max(float(np.abs(g).max()), 1e-300)
        np.testing.assert_allclose(dx, t.dx[:, j], atol=1e-9 * scale)


@given(scenarios)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_jacobian_is_the_derivative(s: Scenario) -> None:
    t = run(s)
    assume((t.var > 1e-2).all())
    found = jacobian(t, 0)
    x, h = s.x[:, 0], 1e-6

    def x_hat(v: Array) -> Array:
        normal: Array = (v - v.mean()) / np.sqrt(v.var() + s.eps)
        return normal

    for i in range(x.size):
        step = np.zeros_like(x)
        step[i] = h
        column = (x_hat(x + step) - x_hat(x - step)) / (2 * h)
        np.testing.assert_allclose(found[:, i], column, atol=1e-5 * float(t.inv_std[0]) ** 2 + 1e-6)
    scale = float(t.inv_std[0])
    np.testing.assert_allclose(
        eigenvalues(t, 0), eigenvalues_by_formula(t, 0), rtol=1e-9, atol=1e-13 * scale
    )


@pytest.mark.parametrize("name", PRESETS)
def test_eigenvalues_of_every_preset(name: str) -> None:
    t = run(PRESETS[name].scenario.training())
    for j in range(t.x_hat.shape[1]):
        scale = float(t.inv_std[j])
        np.testing.assert_allclose(
            eigenvalues(t, j), eigenvalues_by_formula(t, j), rtol=1e-9, atol=1e-13 * scale
        )


def test_a_gate_as_large_as_numbers_go_is_no_traceback() -> None:
    """1/σ of 1e150, whose cube is no float64: ε·s³ is 0 at ε = 0."""
    s = PRESETS["puzzle"].scenario
    assert split(run(s.edit(x=s.x * 1e-150, eps=0)), 0).gain_along == 0
