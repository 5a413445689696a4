"""The lesson's answers follow the numbers, and each wrong one has its reply."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.claims.lesson import (
    STEPS,
    Step,
    fits,
    placed,
    read_guesses,
    read_predictions,
    reply,
    scenario_of,
    write_guesses,
    write_predictions,
)
from bnviz.claims.reach import BIAS, COLUMNS, LANES, NORM, RIVER, SUM, WEIGHT
from bnviz.core.columns import GROUPS, THREE, columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.link import OPTIONS
from bnviz.inputs.presets import PRESETS
from tests.kinds import there

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
    "explodes",  # Yang et al. 2019; 515–1,350 on eleven seeds
]


def test_eleven_steps_with_their_answers() -> None:
    found = [step.truth(run(scenario_of(step)), step.view) for step in STEPS]
    assert found == RIGHT
    t = run(PRESETS["puzzle"].scenario)
    assert there(t.dweight)[0, 0] > 0.1
    assert int(np.abs(there(t.dweight_per_sample)[:, 0, 0]).argmax()) == 3


@pytest.mark.parametrize("step", STEPS, ids=lambda s: s.title)
def test_every_answer_has_its_reply(step: Step) -> None:
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


def test_the_story_shows_what_it_has_reached_and_no_more() -> None:
    first, last = STEPS[0], STEPS[-1]
    assert first.before.terms == first.after.terms == {"a", "x", "x_hat"}
    assert not first.after.river
    assert last.after.terms == last.after.totals == COLUMNS
    assert last.after.river == set(RIVER)
    before = first.before
    for step in STEPS:
        for reach in (step.before, step.after):
            assert reach.totals <= reach.terms
            assert reach.river <= {LANES} or LANES in reach.river
            assert not reach.river & {WEIGHT, BIAS} or {NORM, SUM} <= reach.river
            # Nothing inside of the norm is seen before it is opened.
            assert (NORM in reach.river) == (set(THREE) <= reach.terms)
        assert step.before.terms <= step.after.terms
        assert step.before.totals <= step.after.totals
        assert step.before.river <= step.after.river
        assert step.after.terms >= before.terms, "a column that was shown stays"
        before = step.after
        tabs = {min(i, 3) for i, (_, names) in enumerate(GROUPS) if step.before.terms & {*names}}
        assert step.tab in tabs, "a phone opens a step on columns that it has"


@pytest.mark.parametrize(
    ("number", "asked"),
    [(1, ["x_hat"]), (2, ["dx"]), (5, [*THREE]), (6, ["dweight"]), (8, ["dweight"]),
     (9, ["dweight"])],
)  # fmt: skip
def test_no_sum_that_is_asked_for_is_there_before(number: int, asked: list[str]) -> None:
    step = STEPS[number - 1]
    assert not step.before.totals.intersection(asked)
    assert step.after.totals.issuperset(asked)
    assert not step.before.river & {WEIGHT, BIAS}
    # The Σ lane has Σ∂L/∂x at its one end, and Σ①, Σ②, Σ③ on its way.
    assert SUM not in step.before.river or not {"dx", *THREE}.intersection(asked)


def test_the_products_are_not_there_before_the_weight_is_asked_for() -> None:
    for step in STEPS[:7]:
        assert "dweight" not in step.before.terms


NUMBERS = [step for step in STEPS if step.number]


def test_six_predictions_are_numbers() -> None:
    assert [STEPS.index(step) + 1 for step in NUMBERS] == [1, 2, 4, 6, 8, 9]


@pytest.mark.parametrize("step", NUMBERS, ids=lambda s: s.title)
def test_a_bar_at_the_truth_is_right_and_its_column_adds_up_to_it(step: Step) -> None:
    t = run(scenario_of(step))
    number = there(step.number)
    value, zero = number.total(t, step.view)
    column = number.column(t, step.view)
    assert column.shape == (6,)
    assert value == pytest.approx(column.sum(), abs=1e-13)
    assert abs(value) <= number.reach(t, step.view), "the truth is on the scale"
    truth = step.truth(t, step.view)
    assert number.near(t, step.view, 0.0 if zero else value) == truth
    assert placed(step, t, step.view, 0.5).startswith("You put it at +0.50. It ends at ")


def test_a_bar_elsewhere_is_what_people_take_for_the_sum() -> None:
    t, view = run(PUZZLE), View()
    c = columns(t, view)

    def near(number: int, value: float) -> str:
        return there(STEPS[number - 1].number).near(t, view, value)

    assert near(1, 5.5) == "n"
    assert near(1, float(PUZZLE.x[:, 0].sum())) == "x"
    assert near(2, float(c.values["dx_hat"].sum()) + 0.1) == "direct"
    assert near(2, -3.0) == "zero"  # on the other side of 0 it is nearer to 0
    assert near(4, -float(t.dmean_direct[0])) == "minus"
    assert [near(6, v) for v in (-0.1, 0.0, 2.0)] == ["minus", "zero", "plus"]
    assert near(9, float(PUZZLE.dy[:, 0].sum())) == "beta"
    shifted = run(PRESETS["shifted"].scenario)
    for value, said in ((0.0, "same"), (-2.0, "same"), (12.0, "explodes")):
        assert there(STEPS[7].number).near(shifted, view, value) == said


def test_numbers_that_were_predicted_travel_in_the_url() -> None:
    made = {0: -1.5, 3: 0.0, 8: 2e-05}
    text = write_guesses(made)
    assert read_guesses(text) == made
    assert OPTIONS["guess"][1].fullmatch(text)
    assert write_guesses({}) == ""
    assert read_guesses("nan~inf~1~x~~-2") == {5: -2.0}  # steps 3 and 4 of these: none, no number


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
def test_on_any_numbers_the_answers_stay_true(seed: int, n: int, computed: bool) -> None:
    s = random_scenario(seed, n, 2, 3, computed=computed)
    t = run(s)
    for index in (0, 1, 2, 3):
        assert STEPS[index].truth(t, View()) == RIGHT[index]
    for step in STEPS:
        truth, story = step.truth(t, View()), step.shown(t, View())
        assert truth in {"other", "", *step.choices} or truth.isdigit()
        assert story.claim.endswith(".")
    weight = float(there(t.dweight)[0, 0])
    scale = float(t.inv_std[0] * np.abs(t.dx_hat[:, 0]).sum() * np.abs(there(s.a)).max())
    if abs(weight) > 1e-9 * scale:
        assert STEPS[5].truth(t, View()) == ("plus" if weight > 0 else "minus")


def test_a_column_that_varies_is_no_dead_bias() -> None:
    t = run(PRESETS["puzzle"].scenario)
    assert STEPS[8].truth(t, View()) == "other"
    assert "is not the same" in STEPS[8].shown(t, View()).why
    assert reply(STEPS[8], t, View(), "zero") == (False, "Not for these numbers.")


PUZZLE = PRESETS["puzzle"].scenario


def asked(number: int, s: Scenario, view: View | None = None) -> bool:
    return fits(STEPS[number - 1], run(s), view or View())


def test_questions_fit_numbers_of_their_size() -> None:
    assert asked(1, PRESETS["shifted"].scenario)
    assert not asked(1, PRESETS["two"].scenario)


@pytest.mark.parametrize("step", STEPS, ids=lambda s: s.title)
def test_every_question_fits_its_own_numbers(step: Step) -> None:
    assert fits(step, run(scenario_of(step)), step.view)


def test_a_question_is_not_asked_where_what_it_says_is_false() -> None:
    dead, shifted = PRESETS["dead"].scenario, PRESETS["shifted"].scenario
    assert not asked(6, PUZZLE, View(0, 2))  # it names input 1
    assert asked(6, PUZZLE, View(1, 0))
    assert not asked(8, PUZZLE)  # its inputs are not 10 larger
    assert asked(8, shifted.edit(dy=PUZZLE.dy * 2), View(0, 1))
    assert not asked(9, PUZZLE)  # its input 1 varies
    assert not asked(9, dead, View(0, 1))
    assert asked(9, dead.edit(dy=PUZZLE.dy * 2))
    for number in (1, 2, 3, 4, 5, 7, 10, 11):
        assert asked(number, PUZZLE.edit(dy=PUZZLE.dy * 2), View(1, 2))


def said(number: int, s: Scenario, chosen: str = "") -> tuple[bool, str, str, str]:
    """Was the choice right, its reply, and the claim and the why that are shown."""
    step, t = STEPS[number - 1], run(s)
    story = step.shown(t, View())
    return (*(reply(step, t, View(), chosen) if chosen else (False, "")), story.claim, story.why)


SILENT = PUZZLE.edit(gamma=[0, 0])
EVEN = PUZZLE.edit(dy=np.ones((6, 2)))  # every sample the same ∂L/∂y


def test_the_sum_of_x_hat_is_not_taken_for_that_of_its_squares_unseen() -> None:
    assert "Σx̂², 6.00:" in said(1, PUZZLE, "n")[1]
    wide = PUZZLE.edit(eps=1.0)
    assert f"Σx̂² = {np.square(run(wide).x_hat[:, 0]).sum():.2f}" in said(1, wide, "n")[1]
    assert said(1, wide, "n")[1].startswith("Not even")


def test_a_residue_is_no_value() -> None:
    centred = PUZZLE.edit(dy=PUZZLE.dy - PUZZLE.dy.mean(axis=0))
    for s in (centred, SILENT):
        assert "The first term is 0 here too." in said(4, s)[3]
        assert "Here the ∂L/∂x̂ add up to 0 already." in said(2, s)[3]
        assert "add up to 0 too" in said(2, s, "direct")[1]
        assert "the first is 0 too" in said(4, s, "minus")[1]
    assert f"{(1.2 * PUZZLE.dy[:, 0]).sum():+.2f}" in said(2, PUZZLE)[3]
    assert "if mean and variance were constants" in said(2, PUZZLE, "direct")[1]
    assert "nothing would be left to cancel" in said(4, PUZZLE, "minus")[1]
    assert "−0.53: it stays" in said(4, PUZZLE)[3]
    assert said(4, SILENT)[2] == "The second term is 0."  # exactly: rounding left nothing
    assert said(2, SILENT)[2] == "Σ∂L/∂x = 0."


@pytest.mark.parametrize(
    ("s", "reason"),
    [
        (SILENT, "Every ∂L/∂x is 0"),
        (EVEN, "Every ∂L/∂x is 0"),
        (PRESETS["dead"].scenario, "the same for every sample"),
    ],
)
def test_a_zero_weight_gradient_and_why(s: Scenario, reason: str) -> None:
    for chosen in ("plus", "minus"):
        assert said(6, s, chosen)[1].endswith("the sum is another.")
    assert said(6, s, "zero")[0]
    assert reason in said(6, s)[3]
    assert said(6, PUZZLE, "minus")[1].endswith("the sign is another.")


def test_a_tie_has_more_right_answers_than_one() -> None:
    x = np.column_stack([[-3, -2, -1, 1, 2, 3], PUZZLE.x[:, 1]])
    dy = np.column_stack([[1, -1, 0, 0, 1, -1], PUZZLE.dy[:, 1]])
    a = np.column_stack([np.ones((6, 1)), there(PUZZLE.a)[:, 1:]])
    tied = PUZZLE.edit(x=x, dy=dy, a=a)
    size = np.abs(there(run(tied).dweight_per_sample)[:, 0, 0])
    most = [str(i + 1) for i in np.flatnonzero(size > size.max() - 1e-12)]
    assert len(most) == 2
    right = [key for key in STEPS[6].choices if said(7, tied, key)[0]]
    assert right == most
    assert said(7, tied)[2].startswith(f"Samples {most[0]} and {most[1]} add most")
    assert "another sample’s product is larger" in said(7, tied, "3")[1]


@pytest.mark.parametrize("s", [SILENT, EVEN], ids=["silent", "even"])
def test_where_no_sample_adds_anything_none_adds_most(s: Scenario) -> None:
    for key in STEPS[6].choices:
        assert said(7, s, key)[:2] == (False, "No sample adds anything here.")
    assert said(7, s)[2] == "No sample adds anything."


def test_contributions_are_called_huge_only_where_most_are() -> None:
    shifted = PRESETS["shifted"].scenario
    assert said(8, shifted, "explodes")[1].startswith("Most contributions do.")
    assert not said(8, shifted.edit(gamma=[0, 0]), "explodes")[1].startswith("Most")


def test_what_a_frozen_norm_can_not_revive_has_its_own_reason() -> None:
    centred = PUZZLE.edit(dy=PUZZLE.dy - PUZZLE.dy.mean(axis=0))
    assert "add up to 0" in said(10, centred)[3]
    assert "γ · ∂L/∂y is 0" in said(10, SILENT)[3]
    flat = PUZZLE.edit(x=np.full((6, 2), 0.1), eps=0)
    assert "ε is 0" in said(10, flat)[3]


def test_predictions_travel_in_the_url() -> None:
    made = {0: "zero", 5: "minus", 6: "6", 9: "eps"}
    text = write_predictions(made)
    assert read_predictions(text) == made
    assert OPTIONS["said"][1].fullmatch(text)
    assert write_predictions({}) == ""
    assert read_predictions("") == {}
    assert read_predictions("ffffffffff") == {6: "6"}  # what isn't on offer is no answer


def test_a_move_that_digits_can_not_hold_is_not_called_nothing() -> None:
    """1 beside x·1e-20 leaves nothing of x: the step is one of x's own size."""
    tiny = PUZZLE.edit(x=PUZZLE.x * 1e-20, eps=0)
    claim = said(3, tiny)[2]
    assert "Add 1 " not in claim
    assert float(claim.split("changes by ")[1].split(":")[0].replace("−", "-")) < 1e-12
    far = said(3, PUZZLE.edit(x=PUZZLE.x + 1e13))[2]
    assert "nothing but" not in far


def test_the_mean_alone_makes_the_sum_0() -> None:
    """Held constant by itself it leaves a sum; the variance held by itself leaves none."""
    t = run(PUZZLE)
    held_mean = t.dx_direct + t.dx_via_var
    held_var = t.dx_direct + t.dx_via_mean
    assert abs(held_var[:, 0].sum()) < 1e-12 < abs(held_mean[:, 0].sum())
    assert "and variance" not in STEPS[9].choices["frozen"].text
    assert f"{held_mean[:, 0].sum():+.2f}" in said(10, PUZZLE)[2]
