"""Each classic mistake is the one it says, and the table of what catches it is true."""

from typing import Any

import numpy as np
import pytest

from bnviz.claims import check as claims
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.inputs.presets import DEFAULT, PRESETS
from bnviz.proof import complex_step, mistakes
from bnviz.proof.mistakes import MISTAKES, with_mistake
from bnviz.words.glossary import TERMS

S = PRESETS[DEFAULT].scenario
T = run(S)
FOUND = complex_step.numeric(S)


def names(t: Trace) -> dict[str, Any]:
    """What a student's script would hold when it comes to the line."""
    s = t.scenario
    return {
        "N": s.shape[0],
        "x": s.x,
        "dy": s.dy,
        "a": s.a,
        "eps": s.eps,
        "mean": s.x.mean(axis=0),
        "var": s.x.var(axis=0),
        "np": np,
        "inv_std": t.inv_std,
        "dx_hat": t.dx_hat,
        "dvar": t.dvar,
        "dmean": t.dmean,
        "dx": t.dx,
    }


def executed(line: str, t: Trace) -> dict[str, Any]:
    """The line, run, and the rest of the paper's equations after it."""
    space = names(t)
    target = line.partition(" = ")[0]
    exec(line, {}, space)  # the lines are ours, from mistakes.py
    dx_hat, away, n = space["dx_hat"], space["x"] - space["mean"], space["N"]
    if target == "inv_std":
        space["dvar"] = (dx_hat * away).sum(axis=0) * -0.5 * space["inv_std"] ** 3
        space["dmean"] = -(dx_hat * space["inv_std"]).sum(axis=0)
    if target in ("inv_std", "dvar"):
        dvar = space["dvar"]
        space["dx"] = dx_hat * space["inv_std"] + dvar * 2 * away / n + space["dmean"] / n
    return space


@pytest.mark.parametrize("name", [n for n in MISTAKES if n not in ("axis", "keepdims")])
def test_the_wrong_line_gives_the_wrong_numbers_and_the_right_line_the_right_ones(
    name: str,
) -> None:
    mistake, wrong = MISTAKES[name], with_mistake(T, name)
    for term in {"dx", mistake.term}:
        if term in (ours := executed(mistake.wrong, T)):
            np.testing.assert_allclose(ours[term], getattr(wrong, term), rtol=1e-12, atol=1e-14)
        if term in (right := executed(mistake.right, T)):
            np.testing.assert_allclose(right[term], getattr(T, term), rtol=1e-12, atol=1e-14)
    assert any(
        getattr(wrong, term).shape != getattr(T, term).shape
        or np.abs(getattr(wrong, term) - getattr(T, term)).max() > 1e-6
        for term in {"dx", mistake.term}
    )


BACKWARD = ("dvar", "dmean_direct", "dmean_via_var", "dmean", "dx")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_script_with_the_wrong_line_in_it_runs_and_gives_what_is_shown(name: str) -> None:
    """The glossary's lines in their order, this one in the place of the right one."""
    mistake = MISTAKES[name]
    space = names(T) | {"mean": T.mean, "x_hat": T.x_hat}
    for term in ("inv_std", *BACKWARD):
        exec(mistake.wrong if term == mistake.line else TERMS[term].numpy, {}, space)
    if mistake.line not in ("inv_std", *BACKWARD):
        exec(mistake.wrong, {}, space)
    wrong = with_mistake(T, name)
    for term in {"dx", mistake.term}:
        shown = np.asarray(getattr(wrong, term))
        assert space[term].shape == shown.shape
        np.testing.assert_allclose(space[term], shown, rtol=1e-12, atol=1e-14)


def test_the_hidden_axis_neuron_by_neuron() -> None:
    wrong = with_mistake(T, "keepdims")
    for j in range(2):
        one = run(Scenario(S.x[:, [j]], S.dy[:, [j]], S.gamma[[j]], eps=S.eps))
        space = {
            name: value[:, 0] if np.ndim(value) == 2 else value
            for name, value in names(one).items()
        }
        space |= {"mean": one.mean[0], "inv_std": one.inv_std[0]}
        exec(MISTAKES["keepdims"].wrong, {}, space)
        np.testing.assert_allclose(wrong.dvar[:, j], space["dvar"], rtol=1e-12)


def test_without_a_mistake_the_changed_equations_are_the_right_ones() -> None:
    for field, value in mistakes._paths(T, T.inv_std).items():
        np.testing.assert_allclose(value, getattr(T, field), rtol=1e-12, atol=1e-15)


def test_every_mistake_is_caught_on_the_default_scenario_and_the_right_one_passes() -> None:
    assert all(v.passes for v in mistakes.verdicts(T, FOUND).values())
    caught = mistakes.catchers(T, FOUND)
    assert list(caught) == list(MISTAKES)
    assert len(caught) >= 11
    for name, by_check in caught.items():
        assert list(by_check) == list(mistakes.CHECKS)
        assert not all(v.passes for v in by_check.values()), name


# By derivation (facts of the six equations), not from the table itself.
PASSES_SUM = {"variance", "unbiased", "no_eps", "squared", "power", "beta", "not_added", "averaged"}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_the_table_says_follows_from_the_algebra(name: str) -> None:
    said = mistakes.catchers(T, FOUND)[name]
    wrong = with_mistake(T, name)
    # Σ∂L/∂x is the sum of three paths; only a lost or bent ③ or a bent ② leaves something.
    assert said["sum"].passes == (name in PASSES_SUM)
    assert said["sum"].passes == (np.abs(wrong.dx.sum(axis=0)).max() < 1e-12)
    assert not said["gradient"].passes
    assert said["shapes"].passes == (name not in ("axis", "keepdims", "not_added"))
    # Along x̂ only ① and ② count, since Σx̂ = 0: the mean path alone goes unseen.
    assert said["x_hat"].passes == (name in ("mean", "beta", "not_added", "averaged"))


def test_a_mistake_can_hide_on_special_numbers() -> None:
    s = PRESETS["uncorrelated"].scenario
    caught = mistakes.catchers(run(s), complex_step.numeric(s))
    assert all(v.passes for v in caught["both"].values())


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_no_preset_makes_a_mistake_crash(name: str, mistake: str) -> None:
    s = PRESETS[name].scenario.training()
    mistakes.verdicts(with_mistake(run(s), mistake), complex_step.numeric(s))
    free = Scenario(s.x, s.dy)
    mistakes.verdicts(with_mistake(run(free), mistake), complex_step.numeric(free))


@pytest.mark.parametrize("name", ["one", "constant"])
def test_nan_is_caught_by_no_sum(name: str) -> None:
    s = PRESETS[name].scenario
    # N − 1 is 0, or σ² is: 1/0 and 0 · ∞.
    mistake = "unbiased" if name == "one" else "no_eps"
    said = mistakes.verdicts(with_mistake(run(s), mistake), complex_step.numeric(s))
    assert not said["sum"].catches
    assert not said["sum"].passes
    claim = claims.mistake(mistake, said)
    assert "no number" in claim.claim
    assert "catches it" not in claim.claim
    caught = mistakes.catchers(run(s), complex_step.numeric(s))
    assert "needs no check" in claims.lesson(caught)
