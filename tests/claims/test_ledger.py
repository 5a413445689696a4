"""The headline is true of the numbers, whatever they are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.claims.ledger import tell
from bnviz.core.columns import column_sums
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS

PUZZLE = PRESETS["puzzle"].scenario


def claim(s: Scenario, neuron: int = 0, input: int = 0) -> str:
    return tell(run(s), neuron, input).claim


def why(s: Scenario, neuron: int = 0, input: int = 0) -> str:
    return tell(run(s), neuron, input).why


def test_the_default_tells_the_story() -> None:
    assert claim(PUZZLE) == (
        "Every sample gets a gradient. Together they cancel. The weights still learn."
    )


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        (PRESETS["one"].scenario, "its own mean"),
        (PRESETS["losses"].scenario, "the same ∂L/∂x̂"),
        (PUZZLE.edit(gamma=0), "Nothing comes from upstream"),
        (PUZZLE.edit(x=np.full((6, 2), 0.1), eps=0), "ε is 0"),
        (PUZZLE.edit(dy=PUZZLE.x, eps=0), "no part but its mean and its part along x̂"),
    ],
)
def test_no_gradient_and_why(scenario: Scenario, reason: str) -> None:
    assert claim(scenario) == "No sample gets a gradient here."
    assert reason in why(scenario)


def test_a_constant_input_learns_nothing() -> None:
    s = PUZZLE.edit(a=np.column_stack([np.full(6, 2.5), PUZZLE.a[:, 1]]))
    assert "this weight gets nothing" in claim(s)
    assert "the same for every sample" in why(s)
    assert "still learn" in claim(s, input=1)


def test_an_uncorrelated_upstream_is_not_called_constant() -> None:
    s = PRESETS["uncorrelated"].scenario
    assert "this weight gets nothing" in claim(s)
    assert "does not vary together" in why(s)


def test_an_input_that_is_0_where_a_gradient_is_is_not_called_uncorrelated() -> None:
    s = Scenario(
        [[-1.0], [1.0], [0.0], [0.0]], [[0.0], [0.0], [1.0], [-1.0]], a=[[1], [2], [0], [0]]
    )
    assert "this weight gets nothing" in claim(s)
    assert "Every product" in why(s)


def test_a_faint_gradient_is_not_called_learning() -> None:
    assert claim(PRESETS["losses"].scenario, neuron=1).startswith("Hardly any gradient")
    assert "still learn" in claim(PRESETS["losses"].scenario, neuron=2)


def test_some_samples_without_a_gradient_are_counted() -> None:
    s = Scenario(
        [[-1.0], [1.0], [0.0], [0.0]], [[0.0], [0.0], [1.0], [-1.0]], a=[[1], [2], [3], [5]]
    )
    assert claim(s).startswith("2 of 4 samples get a gradient.")


def test_a_sum_that_should_be_zero_and_is_not_is_said_so() -> None:
    t = run(PUZZLE)
    broken = replace(t, dx=t.dx_direct + t.dx_via_var)
    assert "should cancel" in tell(broken, 0, 0).claim


@settings(deadline=None)  # the time on a busy machine says nothing
@given(st.integers(0, 10**6), st.integers(1, 16), st.integers(1, 4), st.sampled_from([0, 1e-5, 1]))
def test_no_claim_without_its_check(seed: int, n: int, k: int, eps: float) -> None:
    t = run(random_scenario(seed, n, k, 2).edit(eps=eps))
    for j in range(k):
        story = tell(t, j, 1)
        sums = column_sums(t, j, 1)
        size = np.abs(t.dx[:, j])
        if "cancel" in story.claim:
            assert abs(t.dx[:, j].sum()) <= sums["dx"].bound
        if "still learn" in story.claim:
            assert abs(t.dweight[1, j]) > sums["dweight"].bound
        if "Every sample" in story.claim:
            assert (size > sums["dx"].bound).all()
        if "No sample" in story.claim:
            assert (size <= sums["dx"].bound).all()
        if n == 1:
            assert "No sample" in story.claim
