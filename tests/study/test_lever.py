"""The lever: pushes that cancel, a turn that does not see the mark, and steps that turn it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.core.columns import columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from bnviz.study.lever import Lever, Look, lever
from bnviz.study.weight_gradient import shifted
from tests.kinds import there

PUZZLE = PRESETS["puzzle"].scenario
VIEW = View(0, 1)


def at(s: Scenario, view: View = VIEW, **look: float) -> Lever:
    return lever(columns(run(s), view), Look(**look))  # type: ignore[arg-type]


def textbook(x: np.ndarray, dy: np.ndarray, gamma: float, eps: float) -> np.ndarray:
    """∂L/∂x of one column, by the one-line form."""
    std = np.sqrt(x.var() + eps)
    x_hat, g = (x - x.mean()) / std, gamma * dy
    dx: np.ndarray = (g - g.mean() - x_hat * (g * x_hat).mean()) / std
    return dx


@given(st.integers(0, 2**32 - 1), st.booleans(), st.floats(-20, 20))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_pushes_cancel_and_no_mark_changes_the_turn(
    seed: int, computed: bool, mark: float
) -> None:
    s = random_scenario(seed, 7, 2, 3, computed=computed)
    v, t = at(s, View(1, 2), mark=mark), run(s)
    a, dx = there(s.a)[:, 2], t.dx[:, 1]
    np.testing.assert_array_equal(v.pushes, -dx)
    np.testing.assert_allclose(v.moments, -(a - mark) * dx, rtol=1e-15)
    assert v.lift.vanishes
    assert abs(v.turn.value - at(s, View(1, 2)).turn.value) <= v.turn.bound
    assert v.turn.value == pytest.approx(-float(a @ dx), abs=v.turn.bound)
    moved = at(shifted(s, 10.0), View(1, 2))
    assert moved.turn.value == pytest.approx(v.turn.value, abs=100 * v.turn.bound)


def test_a_frozen_norm_lifts_and_there_the_mark_matters() -> None:
    s = PRESETS["frozen"].scenario
    v = at(s)
    assert not v.lift.vanishes
    assert v.lift.value == pytest.approx(-(s.gamma[0] * run(s).inv_std[0] * s.dy[:, 0]).sum())
    assert at(s, mark=1.0).turn.value == pytest.approx(v.turn.value - v.lift.value)


@pytest.mark.parametrize("name", ["puzzle", "layer", "shifted"])
def test_steps_are_those_of_plain_descent_and_never_lift(name: str) -> None:
    s = PRESETS[name].scenario
    a, x, rate = there(s.a)[:, 1], s.x[:, 0].copy(), 0.15
    weight = 0.0
    for steps in range(1, 6):
        weight -= rate * float(a @ textbook(x, s.dy[:, 0], float(s.gamma[0]), s.eps))
        x = s.x[:, 0] + a * weight
        before, v = at(s, rate=rate, steps=steps - 1), at(s, rate=rate, steps=steps)
        assert before.next == (v.weight_step, v.bias_step)
        assert v.weight_step == pytest.approx(weight, rel=1e-9)
        np.testing.assert_allclose(v.moved, a * weight, rtol=1e-9, atol=1e-12)
        here = textbook(x, s.dy[:, 0], float(s.gamma[0]), s.eps)
        np.testing.assert_allclose(v.pushes, -here, rtol=1e-8, atol=1e-12)
        np.testing.assert_array_equal(v.first, -run(s).dx[:, 0])
        assert abs(v.bias_step) <= steps * rate * v.lift.bound * 4


def test_with_one_input_the_norm_takes_the_turn_too() -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=(8, 1))
    s = Scenario(None, rng.normal(size=(8, 1)), eps=0.0, a=a, weight=[[1.3]])
    assert at(s, View(0, 0)).turn.vanishes
    assert not at(s.edit(eps=0.1), View(0, 0)).turn.vanishes


def test_steps_too_large_for_numbers_end_where_they_are() -> None:
    s = PUZZLE.edit(x=PUZZLE.x * 1e-300, eps=0.0)
    v = at(s, rate=2.0, steps=3)
    assert np.isfinite(v.first).any() or not np.isfinite(v.pushes).all()
