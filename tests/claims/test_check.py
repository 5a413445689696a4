"""No sentence of the Check page is false, on any preset; and each follows the numbers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bnviz.claims import check as claims
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.presets import PRESETS
from bnviz.proof import complex_step, mistakes
from bnviz.proof.losses import LOSSES, under
from bnviz.proof.mistakes import MISTAKES
from bnviz.study import neighbours
from bnviz.study.precision import passes

EVERYWHERE = [
    (name, j) for name, preset in PRESETS.items() for j in range(preset.scenario.shape[1])
]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", PRESETS)
def test_the_proof_says_what_was_compared(name: str, loss: str) -> None:
    s = PRESETS[name].scenario.training()
    t = run(under(s, loss))
    compared = complex_step.against(t, complex_step.numeric(s, loss), loss)
    claim = claims.proof(t, compared)
    assert claim.holds
    assert claim.claim.startswith(f"All {len(compared)} gradients agree")
    assert claim.check.startswith(f"{sum(c.numeric.size for c in compared.values())} entries")


def test_the_proof_of_a_wrong_pass_names_what_is_wrong() -> None:
    s = PRESETS["layer"].scenario
    t = run(s)
    bent = replace(t, dvar=t.dvar * 1.001)
    claim = claims.proof(bent, complex_step.against(bent, complex_step.numeric(s)))
    assert not claim.holds
    assert claim.claim == "1 of 9 gradients disagree: ∂L/∂σ²."


def test_a_place_is_one_word_in_a_table() -> None:
    t = run(PRESETS["puzzle"].scenario)
    for comparison in complex_step.against(t, complex_step.numeric(t.scenario)).values():
        place = claims.place(comparison)
        assert place.split(" ") == [place]
        assert place.count("\u00a0") == comparison.numeric.ndim - 1


def test_the_proof_says_where_there_is_nothing_to_differentiate() -> None:
    s = PRESETS["constant"].scenario.edit(eps=0.0)
    t = run(s)
    claim = claims.proof(t, complex_step.against(t, complex_step.numeric(s)))
    assert claim.holds
    assert "In neuron 1 all x are equal and ε is 0" in claim.why


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", PRESETS)
def test_a_mistake_is_described_as_it_is_on_these_numbers(name: str, mistake: str) -> None:
    s = PRESETS[name].scenario.training()
    t, found = run(s), complex_step.numeric(s)
    wrong = mistakes.with_mistake(t, mistake)
    claim = claims.mistake(mistake, mistakes.verdicts(wrong, found)).claim
    with np.errstate(all="ignore"):
        size = float((t.inv_std * np.abs(t.dx_hat).sum(axis=0)).max())
        zero = np.abs(wrong.dx.sum(axis=0)).max() <= 1e-11 * size  # nan is not
    assert ("no check can tell" in claim) or ("lets it through" in claim) == bool(zero)
    if "no check can tell" in claim:
        for term in found:
            right = getattr(t, term)
            np.testing.assert_allclose(getattr(wrong, term), right, rtol=1e-9, atol=1e-9 * size)


def test_the_lesson_counts() -> None:
    s = PRESETS["puzzle"].scenario
    text = claims.lesson(mistakes.catchers(run(s), complex_step.numeric(s)))
    # mean, both, axis, keepdims leave a sum; all but four bend ∂L/∂x along x̂.
    assert "Of 12 mistakes, Σ∂L/∂x = 0 catches 4, the sum along x̂ 8, the shapes 3" in text
    assert "gradient check 12" in text


@pytest.mark.parametrize(("name", "j"), EVERYWHERE)
def test_what_is_said_of_the_precisions_is_true(name: str, j: int) -> None:
    t = run(PRESETS[name].scenario.training())
    found = passes(t, j)
    claim = claims.precision(t, j, found)
    assert claim.holds
    perfect = [p for p in found if p.residue < 1e-4]
    assert ("looks perfect" in claim.claim) == any(p.error >= 0.1 for p in perfect)
    if "right to its own digits" in claim.claim:
        assert all(p.error <= 16 * p.digits for p in found)
        for p in found:  # beside ∂L/∂x itself, and not only beside what was added up
            off = np.abs(p.dx - t.dx[:, j]).max()
            assert off <= 16 * p.digits * np.abs(t.dx[:, j]).max()


def test_the_large_offset_deceives() -> None:
    t = run(PRESETS["offset"].scenario)
    claim = claims.precision(t, 0, passes(t, 0))
    assert (
        "looks perfect and the gradient is wrong: float32 with σ² as E[x²] − E[x]²" in claim.claim
    )
    assert "in place of 1.30" in claim.why


@pytest.mark.parametrize("norm", neighbours.NORMS)
@pytest.mark.parametrize(("name", "j"), EVERYWHERE)
def test_what_is_said_of_a_neighbour_is_true(name: str, j: int, norm: str) -> None:
    s = PRESETS[name].scenario.training()
    train, other = neighbours.neighbour(s, "batch"), neighbours.neighbour(s, norm)
    claim = claims.frozen(s, j, train, other, "This").claim
    near = np.abs(train.y - other.y)[:, j].max() < 1e-9 * max(1.0, np.abs(other.y).max())
    assert ("the same y" in claim) == bool(near)
    same = np.allclose(train.dx[:, j], other.dx[:, j], rtol=1e-9, atol=1e-12)
    assert ("the same gradient" in claim) == same


def test_the_frozen_preset() -> None:
    s = PRESETS["frozen"].scenario.training()
    found = claims.frozen(
        s, 0, neighbours.neighbour(s, "batch"), neighbours.neighbour(s, "frozen"), "Frozen"
    )
    assert found.claim == "Frozen: the same y but another gradient."
    assert "adds up to 5.27" in found.why  # Σ ∂L/∂y / √(1.2958 + ε) = 6/1.1383


def test_running_variance() -> None:
    text = claims.running_variance(PRESETS["three"].scenario, 0)
    assert "σ² = Σ(x − μ)²/N = 0.667" in text
    assert "N/(N − 1) = 1.00" in text
    assert "brings it to 1.00." in text
    assert "0/0" in claims.running_variance(PRESETS["one"].scenario, 0)


def of_neuron(x: Sequence[float], dy: Sequence[float], **more: float) -> Scenario:
    return Scenario(np.array(x, float)[:, None], np.array(dy, float)[:, None], **more)


def test_the_variance_is_not_blamed_for_what_it_did_not_do() -> None:
    base = PRESETS["puzzle"].scenario
    for s in (base.edit(dy=base.dy * 1e-8), base.edit(eps=1e5), base.edit(gamma=[1e-9, 1e-9])):
        claim = claims.precision(run(s), 0, passes(run(s), 0))
        assert "variance came out" not in claim.why


@pytest.mark.parametrize("x", [[0.5] * 4, [0.1] * 3, [0.7]])
def test_nothing_to_divide_by_is_said_as_such(x: list[float]) -> None:
    t = run(of_neuron(x, range(len(x)), eps=0.0))
    claim = claims.precision(t, 0, passes(t, 0))
    assert claim.holds
    assert "no precision has anything to divide by" in claim.claim


def test_a_sum_off_by_a_twentieth_is_not_perfect() -> None:
    t = run(of_neuron([31.1, 29.1, 31.4], [0.6, -1.4, 0.4]))
    assert "looks perfect" not in claims.precision(t, 0, passes(t, 0)).claim


def test_a_tiny_scale_and_a_large_shift_do_not_hide_another_y() -> None:
    s = of_neuron([-1.2, 0.3, -0.4, 2.1], [0.9, -0.6, 0.3, 0.8])
    for case in (s.edit(gamma=[1e-13]), s.edit(beta=[1e10])):
        train, other = neighbours.neighbour(case, "batch"), neighbours.neighbour(case, "eval")
        assert "another y" in claims.frozen(case, 0, train, other, "This").claim


def test_a_large_wrong_path_is_not_blamed_for_its_rounding() -> None:
    puzzle = PRESETS["puzzle"].scenario
    s = puzzle.edit(x=puzzle.x * 100)
    said = mistakes.verdicts(mistakes.with_mistake(run(s), "power"), complex_step.numeric(s))
    assert said["sum"].passes
    assert not said["gradient"].passes


def test_digits_that_are_lost_by_cancelling_are_not_called_right() -> None:
    for name, j in (("losses", 1), ("two", 0)):
        t = run(PRESETS[name].scenario)
        found = passes(t, j)
        claim = claims.precision(t, j, found)
        assert "right to its own digits" not in claim.claim
        half = max(
            np.abs(p.dx - t.dx[:, j]).max() / np.abs(t.dx[:, j]).max()
            for p in found
            if p.dtype == "float16"
        )
        assert half > 0.01  # 75 times its size, and 1.9 %


def test_no_nan_in_a_sentence_and_infinity_is_not_a_variance() -> None:
    puzzle = PRESETS["puzzle"].scenario
    for x in (puzzle.x + 1e8, puzzle.x * 1e25):
        t = run(puzzle.edit(x=x))
        claim = claims.precision(t, 0, passes(t, 0))
        said = claim.claim + claim.why + claim.check
        assert "nan" not in said
        assert "∞" not in said


def test_a_small_variance_is_told_from_its_unbiased_one() -> None:
    """0.005 · 2/1 is 0.01, and 0.0025 · 2 is 0.005: two decimals can't say so."""
    text = claims.running_variance(of_neuron([-0.05, 0.05], [1, -1]), 0)
    assert "/N = 0.00250" in text
    assert "N/(N − 1) = 0.00500" in text


def test_what_frameworks_do_is_said_of_the_framework_that_does_it() -> None:
    one, many = (claims.running_variance(PRESETS[name].scenario, 0) for name in ("one", "puzzle"))
    assert "PyTorch refuses" in one
    assert "Frameworks" not in one
    assert "in PyTorch" in many
