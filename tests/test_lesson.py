"""The lesson's answers follow the numbers, and each wrong one has its reply."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.lesson import (
    STEPS,
    fits,
    read_predictions,
    reply,
    scenario_of,
    write_predictions,
)
from bnviz.presets import PRESETS
from bnviz.scenario import random_scenario
from bnviz.share import HIDABLE, OPTIONS, View
from bnviz.trace import run

# From the mathematics: what a teacher would write on the board, step by step.
RIGHT = [
    "zero",  # Σx̂
    "zero",  # Σ∂L/∂x
    "shift",
    "zero",  # the second term of ∂L/∂μ
    "second",
    "plus",  # 0.29, as the README's picture shows
    "4",
    "same",
    "zero",  # the dead bias
    "frozen",
]


def test_ten_steps_with_their_answers() -> None:
    found = [step.truth(run(scenario_of(step)), step.view) for step in STEPS]
    assert found == RIGHT
    t = run(PRESETS["puzzle"].scenario)
    assert t.dweight[0, 0] > 0.1
    assert int(np.abs(t.dweight_per_sample[:, 0, 0]).argmax()) == 3


@pytest.mark.parametrize("step", STEPS, ids=lambda s: s.title)
def test_every_answer_has_its_reply(step) -> None:
    t = run(scenario_of(step))
    assert len(step.choices) >= 3
    right = [key for key in step.choices if reply(step, t, step.view, key)[0]]
    assert right == [step.truth(t, step.view)]
    for key, choice in step.choices.items():
        said = reply(step, t, step.view, key)[1]
        assert said.endswith(".")
        assert (said == "So it is.") == (key in right)
        assert choice.text
    story = step.shown(t, step.view)
    assert story.claim.endswith(".")
    assert story.why.endswith(".")
    assert step.notes
    assert set(step.before) | set(step.hide) <= set(HIDABLE)


def test_the_numbers_in_the_answers() -> None:
    shown = [step.shown(run(scenario_of(step)), step.view) for step in STEPS]
    t = run(PRESETS["puzzle"].scenario)
    assert f"Σ① = +{t.dx_direct[:, 0].sum():.2f}" in shown[4].claim
    assert "∂L/∂W = +0.29" in shown[5].claim
    assert "Sample 4 adds most: +2.69" in shown[6].claim
    assert "∂L/∂W is +0.29, and with 10 taken from every a +0.29" in shown[7].claim
    assert f"∂L/∂b = +{t.dx_direct[:, 0].sum():.2f}" in shown[9].claim


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 8), st.booleans())
def test_on_any_numbers_the_answers_stay_true(seed: int, n: int, layer: bool) -> None:
    s = random_scenario(seed, n, 2, 3, layer=layer)
    t = run(s)
    for index in (0, 1, 2, 3):
        assert STEPS[index].truth(t, View()) == RIGHT[index]
    for step in STEPS:
        truth, story = step.truth(t, View()), step.shown(t, View())
        assert truth in {"other", "", *step.choices} or truth.isdigit()
        assert story.claim.endswith(".")
    weight = float(t.dweight[0, 0])
    scale = float(t.inv_std[0] * np.abs(t.dx_hat[:, 0]).sum() * np.abs(s.a).max())
    if abs(weight) > 1e-9 * scale:
        assert STEPS[5].truth(t, View()) == ("plus" if weight > 0 else "minus")


def test_a_column_that_varies_is_no_dead_bias() -> None:
    t = run(PRESETS["puzzle"].scenario)
    assert STEPS[8].truth(t, View()) == "other"
    assert "no longer the same" in STEPS[8].shown(t, View()).why
    assert reply(STEPS[8], t, View(), "zero") == (False, "Not for these numbers.")


def test_questions_fit_numbers_of_their_size() -> None:
    assert fits(STEPS[0], PRESETS["shifted"].scenario)
    assert not fits(STEPS[0], PRESETS["two"].scenario)


def test_predictions_travel_in_the_url() -> None:
    made = {0: "zero", 5: "minus", 6: "6", 9: "eps"}
    text = write_predictions(made)
    assert read_predictions(text) == made
    assert OPTIONS["said"][1].fullmatch(text)
    assert write_predictions({}) == ""
    assert read_predictions("") == {}
    assert read_predictions("ffffffffff") == {6: "6"}  # what isn't on offer is no answer
