"""The headline is true of the numbers, whatever they are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

from bnviz.claims.ledger import tell
from bnviz.core.columns import column_sums, columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from tests.kinds import there

PUZZLE = PRESETS["puzzle"].scenario


def claim(s: Scenario, neuron: int = 0, input: int = 0) -> str:
    return tell(columns(run(s), View(neuron, input))).claim


def why(s: Scenario, neuron: int = 0, input: int = 0) -> str:
    return tell(columns(run(s), View(neuron, input))).why


def test_the_default_tells_the_story() -> None:
    assert claim(PUZZLE, input=1) == (
        "The gradients add up to 0, and the weight learns all the same."
    )
    assert "the loss sends +0.50" in why(PUZZLE, input=1)
    assert why(PUZZLE, input=1).endswith("still adds up to +2.78.")


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        (PRESETS["one"].scenario, "its own mean"),
        (PRESETS["losses"].scenario, "the same ∂L/∂x̂"),
        (PUZZLE.edit(gamma=0), "Nothing comes from upstream"),
        (PUZZLE.edit(x=np.full((6, 2), 0.1), eps=0), "ε is 0"),
        (PRESETS["two"].scenario.edit(eps=0), "no directions but 1 and x̂"),
    ],
)
def test_no_gradient_and_why(scenario: Scenario, reason: str) -> None:
    assert claim(scenario) == "No sample gets a gradient here."
    assert reason in why(scenario)


def exact_weight(s: Scenario, neuron: int, input: int) -> float:
    """∂L/∂W of these float64 numbers, in 400 digits."""
    with mp.workdps(400):
        n = s.shape[0]
        x = [mp.mpf(float(v)) for v in s.x[:, neuron]]
        gamma = mp.mpf(float(s.gamma[neuron]))
        g = [gamma * mp.mpf(float(v)) for v in s.dy[:, neuron]]
        mean = sum(x) / n
        away = [v - mean for v in x]
        inv = 1 / mp.sqrt(sum(v * v for v in away) / n + mp.mpf(s.eps))
        x_hat = [v * inv for v in away]
        along = sum(b * h for b, h in zip(g, x_hat, strict=True)) / n
        dx = [inv * (b - sum(g) / n - h * along) for b, h in zip(g, x_hat, strict=True)]
        a = there(s.a)[:, input]
        return float(sum(mp.mpf(float(v)) * d for v, d in zip(a, dx, strict=True)))


@pytest.mark.parametrize(
    "s",
    [
        PUZZLE.edit(a=there(PUZZLE.a) + 1e13),
        PUZZLE.edit(a=there(PUZZLE.a) + 1e11),
        PUZZLE.edit(dy=PUZZLE.dy + 1e14),
        PUZZLE.edit(dy=PUZZLE.x, eps=0),
    ],
    ids=["a + 1e13", "a + 1e11", "dy + 1e14", "dy along x"],
)
def test_below_the_bound_is_not_zero(s: Scenario) -> None:
    """A reason for a zero is given only where the zero is one; else that digits are too few."""
    c = columns(run(s), View(0, 0))
    story = tell(c)
    assert "learns" not in story.claim or c.sums["dweight"].bound < abs(exact_weight(s, 0, 0))
    for reason in ("gets the same", "does not vary", "takes both away", "No sample gets"):
        assert reason not in story.claim + story.why
    if c.sums["dweight"].vanishes:
        assert "rounding" in story.claim


def test_a_constant_input_learns_nothing() -> None:
    s = PUZZLE.edit(a=np.column_stack([np.full(6, 2.5), there(PUZZLE.a)[:, 1]]))
    assert "so does what this weight gets" in claim(s)
    assert "the same for every sample" in why(s)
    assert "learns all the same" in claim(s, input=1)


def test_an_uncorrelated_upstream_is_not_called_constant() -> None:
    s = PRESETS["uncorrelated"].scenario
    assert "so does what this weight gets" in claim(s)
    assert "does not vary together" in why(s)


def test_an_input_that_is_0_where_a_gradient_is_is_not_called_uncorrelated() -> None:
    s = Scenario(
        [[-1.0], [1.0], [0.0], [0.0]], [[0.0], [0.0], [1.0], [-1.0]], a=[[1], [2], [0], [0]]
    )
    assert "so does what this weight gets" in claim(s)
    assert "Every product" in why(s)


def test_a_faint_gradient_is_not_called_learning() -> None:
    assert claim(PRESETS["losses"].scenario, neuron=1).startswith("Hardly any gradient")
    assert "learns all the same" in claim(PRESETS["losses"].scenario, neuron=2)


def test_some_samples_without_a_gradient_are_counted() -> None:
    s = Scenario(
        [[-1.0], [1.0], [0.0], [0.0]], [[0.0], [0.0], [1.0], [-1.0]], a=[[1], [2], [3], [5]]
    )
    assert why(s).startswith("2 of 4 samples get a gradient that")


def test_a_sum_that_should_be_zero_and_is_not_is_said_so() -> None:
    t = run(PUZZLE)
    broken = replace(t, dx=t.dx_direct + t.dx_via_var)
    assert "should cancel" in tell(columns(broken, View())).claim


@settings(deadline=None)  # the time on a busy machine says nothing
@given(st.integers(0, 10**6), st.integers(1, 16), st.integers(1, 4), st.sampled_from([0, 1e-5, 1]))
def test_no_claim_without_its_check(seed: int, n: int, k: int, eps: float) -> None:
    t = run(random_scenario(seed, n, k, 2).edit(eps=eps))
    for j in range(k):
        story = tell(columns(t, View(j, 1)))
        sums = column_sums(t, j, 1)
        size = np.abs(t.dx[:, j])
        if "add up to 0" in story.claim:
            assert abs(t.dx[:, j].sum()) <= sums["dx"].bound
        if "learns all the same" in story.claim:
            assert abs(there(t.dweight)[1, j]) > sums["dweight"].bound
        if "samples get a gradient" in story.why:
            assert not (size > sums["dx"].bound).all()
        if "No sample" in story.claim:
            assert (size <= sums["dx"].bound).all()
        if "samples get a gradient" in story.why:
            assert "told from 0" in story.why
        if n == 1:
            assert "No sample" in story.claim
