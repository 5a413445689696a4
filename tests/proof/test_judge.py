"""Verdicts one can rely on: what is right, what is wrong, and what can’t be told."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import bnviz
from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from bnviz.proof.faults import wrongs
from bnviz.proof.judge import CHECKED, Pasted, checkable, diagnose, parse
from bnviz.proof.mistakes import MISTAKES, with_mistake
from bnviz.proof.rounding import FORMATS
from tests.kinds import Arguments, there

from .sweep_judge import sweep

S = PRESETS["puzzle"].scenario
T = run(S)


@pytest.mark.parametrize("name", MISTAKES)
def test_names_the_right_mistake(name: str) -> None:
    wrong = getattr(with_mistake(T, name), "dx" if name not in LAST else MISTAKES[name].term)
    term = "dx" if name not in LAST else MISTAKES[name].term
    for text in (repr(wrong), str(wrong.tolist())):
        found = diagnose(T, term, parse(text))
        assert found.matches[0] == name, found
        assert MISTAKES[name].title in found.claim
        assert not found.holds


LAST = ("beta", "not_added", "averaged")


@pytest.mark.parametrize("term", CHECKED)
def test_every_term_can_be_handed_in(term: str) -> None:
    t = run(PRESETS["layer"].scenario)
    value = getattr(t, term)
    assert diagnose(t, term, parse(str(value.tolist()))).holds
    bent = value.copy()
    bent.flat[0] += 0.05
    assert not diagnose(t, term, parse(str(bent.tolist()))).holds


def test_what_there_is_to_hand_in() -> None:
    assert checkable(run(PRESETS["layer"].scenario)) == list(CHECKED)
    assert "da" not in checkable(T)


def test_a_column_for_a_row_of_one_neuron() -> None:
    t = run(PRESETS["two"].scenario)
    assert diagnose(t, "dx", parse(str(t.dx[:, 0].tolist()))).holds


@pytest.mark.parametrize(
    ("bend", "what"),
    [
        (lambda v: -v, "The sign is turned around"),
        (lambda v: v * 6, "N times too large"),
        (lambda v: v / 6, "N times too small"),
        (lambda v: 0.37 * v, "It is multiplied by 0.370"),
        (lambda v: v.T, "transposed, and right but for that"),
        (lambda v: v[:, :1], r"These are the numbers of neuron 1 alone, and they are right."),
        (lambda v: v[:5], "10 numbers, and there should be 12"),
        (lambda v: v + np.eye(6, 2), "The difference is in samples 1, 2 alone."),
        (lambda v: v + [0, 0.5] * v**2, "Only neuron 2 is off."),
        (lambda v: v.T.reshape(6, 2), "laid out column by column"),
        (lambda v: np.clip(v, -0.5, 0.5), "It is clipped at 0.500"),
        (np.abs, "The signs are lost"),
        (lambda v: v * (T.y > 0), "0 wherever y is negative: the mask of a ReLU"),
        (lambda v: np.vstack([v[:5], [[0, 0]]]), "All of sample 6 is 0, and the rest is right"),
        (lambda v: v * [2, 3], "in front of the bracket: as if it were 0.324, 0.112"),
        (lambda v: v[[1, 0, 2, 3, 4, 5]], "The rows stand in another order: sample 2 stands first"),
    ],
)
def test_slips(bend: Callable[[Array], Array], what: str) -> None:
    found = diagnose(T, "dx", parse(str(bend(T.dx).tolist())))
    assert what in f"{found.claim} {found.why}", found
    assert not found.holds


def test_a_path_that_counts_otherwise_is_named_by_its_weight() -> None:
    for weights, told in (
        ((1, -2, 1), "② via σ² counts −2 times"),
        ((1, 0.5, 6), "② via σ² counts ½ times; ③ via μ counts N times"),
        ((1, 1, 0.37), "neuron 1: 1.00, 1.00, 0.370"),
        ((2, 1, 1), "① counts 2 times"),
    ):
        parts = (T.dx_direct, T.dx_via_var, T.dx_via_mean)
        dx = np.sum([c * part for c, part in zip(weights, parts, strict=True)], axis=0)
        found = diagnose(T, "dx", parse(str(dx.tolist())))
        assert told in found.claim, found
        p = there(found.paths)
        np.testing.assert_allclose(p.coefficients, [weights] * 2, atol=1e-9)
        assert p.exact.all()


def test_the_parts_of_a_wrong_gradient_add_up_to_it() -> None:
    rng = np.random.default_rng(0)
    dx = rng.normal(size=T.dx.shape)
    p = there(diagnose(T, "dx", Pasted(dx, np.zeros(dx.shape))).paths)
    np.testing.assert_allclose(p.direct + p.via_var + p.via_mean + p.rest, dx, atol=1e-12)
    # What is left over has nothing of the three in it.
    for part in (T.dx_direct, T.dx_via_var, T.dx_via_mean):
        assert np.abs((p.rest * part).sum(axis=0)).max() < 1e-12
    assert not p.exact.any()


def test_where_two_paths_are_parallel_the_fit_says_so() -> None:
    t = run(Scenario([[-1.0], [0.0], [1.0], [2.0]], [[1.0]] * 4))  # g is constant: ① and ③
    p = there(diagnose(t, "dx", Pasted(t.dx, np.zeros(t.dx.shape))).paths)
    assert not p.unique[0]
    np.testing.assert_allclose(p.coefficients, 1.0)


def test_another_eps_is_solved_for() -> None:
    for eps, told in ((1e-3, "1e−3, Keras’s default"), (0.25, "0.25"), (3.3e-6, "3.3e−6")):
        other = run(S.edit(eps=eps))
        for term in ("dx", "dgamma", "dweight"):
            found = diagnose(T, term, parse(str(getattr(other, term).tolist())))
            if eps != 1e-3 and term == "dgamma":
                continue  # two numbers, one unknown, and not a round one
            assert found.matches == ("eps",), (eps, term, found)
            assert told in found.claim


def test_running_statistics_are_told_by_their_variance() -> None:
    frozen = S.gamma * S.dy / np.sqrt(np.array([2.5, 0.3]) + S.eps)
    found = diagnose(T, "dx", parse(str(frozen.tolist())))
    assert "held fixed" in found.claim
    assert "2.50, 0.300" in found.claim


def test_two_things_at_once() -> None:
    found = diagnose(T, "dx", parse(str((with_mistake(T, "mean").dx / 6).tolist())))
    assert not found.holds
    assert "1/N" in found.claim


# ---- No false ✓ --------------------------------------------------------------------------


def handed(given: object, dtype: str = "") -> Pasted:
    values = np.asarray(given, dtype=np.float64)
    return Pasted(values, np.zeros(values.shape), dtype)


@pytest.mark.parametrize("term", ["dgamma", "dbeta", "dx", "dweight"])
@pytest.mark.parametrize("share", [1.234567891e-9, 1.234567891e-6, 1.2345e-4, 3.456789e-3])
def test_a_near_miss_with_all_digits_is_wrong(term: str, share: float) -> None:
    for t in (T, run(S.edit(eps=0.0))):
        right = getattr(t, term)
        bent = right.copy()
        bent.flat[0] += share
        for value in (right * (1 + share), bent):
            assert diagnose(t, term, parse(str(value.tolist()))).verdict == "wrong"


def test_a_neuron_far_out_gives_no_slack_to_its_neighbour() -> None:
    x = S.x.copy()
    x[:, 1] = 1e9
    t = run(S.edit(x=x))
    assert diagnose(t, "dx", handed(t.dx)).holds
    for share in (0.3, 1e-6):
        assert diagnose(t, "dx", handed(t.dx * [1 + share, 1])).verdict == "wrong"


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_coarse_format_is_believed_only_where_its_numbers_are(dtype: str) -> None:
    """Four decimals that no float16 has are no float16, whatever they are close to."""
    four = np.round(T.dx * 1.0015, 4)
    found = diagnose(T, "dx", parse(str(four.tolist())))
    assert found.verdict == "wrong"
    form = FORMATS[dtype]
    found = diagnose(T, "dx", handed(form.rounded(T.dx), dtype))
    assert found.holds
    assert dtype in found.claim


@pytest.mark.parametrize("name", FORMATS)
def test_the_formats_round_as_numpy_and_the_hardware_do(name: str) -> None:
    form = FORMATS[name]
    ones = np.array([1.0, 1 + 2 * form.u, 1 + 0.9 * form.u, 1 + 1.1 * form.u])
    np.testing.assert_array_equal(form.rounded(ones), [1.0, 1 + 2 * form.u, 1.0, 1 + 2 * form.u])


# ---- No false ✗ --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "print_",
    ["tensor([-1.1921e-07, -2.9802e-08])", "tensor([-1.1921e-07,  0.0000e+00])", "[0. 0.]"],
)
def test_what_rounding_leaves_of_a_bias_gradient_is_right(print_: str) -> None:
    assert diagnose(T, "dbias", parse(print_)).holds
    assert diagnose(T, "dbias", parse(print_.replace("-1.1921e-07", "-1.1921e-03"))).holds == (
        "1.1921" not in print_
    )


def test_the_puzzle_by_pytorch_in_bfloat16() -> None:
    """As torch 2.13 printed it, from inputs that were bfloat16 as well."""
    found = diagnose(
        T,
        "dx",
        parse(
            "tensor([[ 0.6680, -0.3906],\n [-0.7031,  0.2520],\n [ 0.1514,  0.3750],\n"
            " [ 1.0391, -0.8242],\n [-1.1328,  0.3164],\n [-0.0271,  0.2734]],"
            " dtype=torch.bfloat16)"
        ),
    )
    assert found.holds


def test_no_right_gradient_is_called_wrong_in_any_format() -> None:
    judged, wrong = sweep(25, seed=1)
    assert wrong == []
    assert min(judged.values()) > 30


def test_numbers_that_differ_are_shown_as_different() -> None:
    bent = T.dx.copy()
    bent[4, 0] += 1e-7
    found = diagnose(T, "dx", handed(bent))
    assert "yours is −1.1258352, right is −1.1258353" in found.why


# ---- What these numbers can't show -------------------------------------------------------


def test_with_gamma_1_and_beta_0_a_lost_gamma_would_have_passed() -> None:
    t = run(S.edit(gamma=[1.0, 1.0]))
    found = diagnose(t, "dx", handed(t.dx))
    assert {"gamma_lost", "gamma_twice", "y_for_x_hat", "gamma_direct"} <= set(found.hidden)
    assert "variance" not in found.hidden
    told = run(S.edit(beta=[0.3, -0.2]))
    assert diagnose(told, "dx", handed(told.dx)).hidden == ("gamma_abs",)  # no γ is negative


def test_what_is_hidden_is_what_would_have_passed() -> None:
    """Handed in themselves, the hidden ones are right and the others are wrong."""
    t = run(PRESETS["uncorrelated"].scenario)
    found = diagnose(t, "dx", handed(t.dx))
    made = {wrong.name: wrong.value for wrong in wrongs(t, "dx")}
    assert {"variance", "mean", "both"} <= set(found.hidden)
    for name, value in made.items():
        if value.shape == t.dx.shape:
            assert diagnose(t, "dx", handed(value)).holds == (name in found.hidden), name


# ---- The layout of W, and flat numbers ---------------------------------------------------


def test_pytorchs_layout_of_the_weights_is_read() -> None:
    found = diagnose(T, "dweight", handed(there(T.dweight).T))
    assert found.holds
    assert "PyTorch’s layout" in found.why
    square = run(Scenario(S.x, S.dy, S.gamma, a=there(S.a)[:, :2]))
    assert diagnose(square, "dweight", handed(there(square.dweight).T)).holds
    assert diagnose(T, "dweight", handed(there(T.dweight).T / 6)).matches[0] == "averaged"


def test_flat_numbers_are_read_in_rows_or_in_columns() -> None:
    assert diagnose(T, "dx", handed(T.dx.ravel())).holds
    assert diagnose(T, "dx", handed(T.dx.ravel(order="F"))).holds
    assert not diagnose(T, "dx", handed(T.dx.ravel()[::-1])).holds


# ---- From code ---------------------------------------------------------------------------


def test_from_code(capsys: pytest.CaptureFixture[str]) -> None:
    said = bnviz.judge(S.x, S.dy, T.dx, gamma=S.gamma)
    assert said
    assert said.verdict == "right"
    assert capsys.readouterr().out.startswith("✓ Your ∂L/∂x is right.")
    wrong = bnviz.judge(S.x, S.dy, T.dx_direct.astype(np.float32), gamma=S.gamma, eps=1e-5)
    assert not wrong
    assert wrong.diagnosis.matches == ("both",)
    out = capsys.readouterr().out
    for part in ("✗", "Mean and variance", "dx = dx_hat * inv_std", "1·① + 0·② + 0·③", "Adding up"):
        assert part in out, part
    assert bnviz.judge(S.x, S.dy, T.dgamma, gamma=S.gamma, term="dgamma")
    assert bnviz.judge(S.x, S.dy, there(T.dweight), S.gamma, a=S.a, term="dweight")
    assert repr(wrong).startswith("<bnviz.judge: wrong.")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"dx": [[np.nan] * 2] * 6}, "dx must be finite; at index (0, 0) it is nan"),
        ({"dx": "text"}, "dx must be numbers"),
        ({"dx": []}, "dx must hold numbers"),
        ({"x": [[np.inf] * 2] * 6}, "x must be finite"),
        ({"term": "loss"}, "term must be one of dx, "),
        ({"term": "dweight"}, "needs a."),
        ({"gamma": [1.0] * 3}, "gamma must be a number or have shape (2,)"),
    ],
)
def test_from_code_a_bad_argument_is_named(changes: Arguments, what: str) -> None:
    given: Arguments = {"x": S.x, "dy": S.dy, "dx": T.dx} | changes
    with pytest.raises(ValueError, match=re.escape(what)):
        bnviz.judge(**given)


@pytest.mark.parametrize("name", PRESETS)
def test_a_straightforward_program_is_right_in_every_term(name: str) -> None:
    """Textbook code, not this project's: rounding of its own must not be called wrong."""
    s = PRESETS[name].scenario.training()
    t = run(s)
    mean, var = s.x.mean(axis=0), s.x.var(axis=0)
    inv_std = 1 / np.sqrt(var + s.eps)
    x_hat = (s.x - mean) * inv_std
    g = s.gamma * s.dy
    dx = inv_std * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))
    mine = {
        "dx": dx,
        "dgamma": (s.dy * x_hat).sum(axis=0),
        "dbeta": s.dy.sum(axis=0),
        "dbias": dx.sum(axis=0),
        "dweight": there(s.a).T @ dx,
        "dmean": -(g * inv_std).sum(axis=0),
        "dvar": (g * (s.x - mean)).sum(axis=0) * -0.5 * inv_std**3,
    }
    for term, value in mine.items():
        found = diagnose(t, term, parse(str(value.tolist())))
        assert found.holds, (term, found)


def test_trailing_zeros_that_a_print_leaves_out_count() -> None:
    bent = np.round(T.dx, 8)
    bent[0, 0] = 0.7
    assert not diagnose(T, "dx", parse(str(bent))).holds


@pytest.mark.parametrize("name", [n for n in PRESETS if n != "one"])
@pytest.mark.parametrize("factor", [2.5, 0.99, 1e-300, 0.0])
def test_plainly_wrong_numbers_are_never_right(name: str, factor: float) -> None:
    t = run(PRESETS[name].scenario.training())
    found = diagnose(t, "dx", parse(str((factor * t.dx).tolist())))
    assert not found.holds, found
    assert "factor" not in found.claim


@pytest.mark.parametrize("name", ["puzzle", "two", "three", "frozen"])
def test_zeros_are_no_factor_of_anything(name: str) -> None:
    t = run(PRESETS[name].scenario.training())
    for text in ("\n".join(" ".join("0" for _ in row) for row in t.dx), str(np.zeros(t.dx.shape))):
        found = diagnose(t, "dx", parse(text))
        assert not found.holds
        assert "factor" not in found.claim


def test_a_mistake_in_float32_is_still_that_mistake() -> None:
    t = run(random_scenario(1, 64, 2, 2))
    wrong = with_mistake(t, "unbiased").dx.astype(np.float32).astype(float)
    assert diagnose(t, "dx", parse(str(wrong.tolist()))).matches[0] == "unbiased"


def test_too_few_digits_are_not_called_right() -> None:
    t = run(PRESETS["frozen"].scenario.training())  # ∂L/∂x up to 0.09
    found = diagnose(t, "dx", parse("0.1\n0.1\n-0.1\n0.0\n-0.1\n0.0"))
    assert not found.holds


def test_a_mistake_that_changes_nothing_is_not_named() -> None:
    x = np.array([[-1.2], [0.3], [-0.4], [2.1]])
    t = run(Scenario(x, [[0.5], [-0.5], [0.25], [-0.25]]))  # Σ∂L/∂x̂ = 0: no mean path
    found = diagnose(t, "dx", parse(str((t.dx * (1 + 5e-10)).tolist())))
    assert "mean" not in found.matches


@pytest.mark.parametrize("places", [2, 4, 8])
def test_inputs_of_few_digits_are_allowed_for(places: int) -> None:
    """Judged on x and ∂L/∂y as they were printed, of a gradient that saw them whole."""
    rng = np.random.default_rng(places)
    for _ in range(12):
        x, dy = rng.normal(2, 1, (8, 2)), rng.normal(0, 1, (8, 2))
        whole = run(Scenario(x, dy, [1.5, -0.5], eps=1e-3))
        t = run(Scenario(np.round(x, places), np.round(dy, places), [1.5, -0.5], eps=1e-3))
        half = 0.5 * 10.0**-places
        for term in ("dx", "dgamma", "dbeta", "dvar"):
            mine = replace(handed(getattr(whole, term)), given=(half, half))
            assert diagnose(t, term, mine).verdict != "wrong", term
            assert diagnose(t, term, handed(getattr(whole, term))).verdict == "wrong"
            if places > 2:
                assert not diagnose(t, term, replace(mine, values=1.3 * mine.values)).holds


def test_an_upstream_of_few_digits_is_allowed_for_on_its_own() -> None:
    rng = np.random.default_rng(2)
    x, dy = rng.normal(0, 1, (8, 2)), rng.normal(0, 1, (8, 2))
    whole, t = run(Scenario(x, dy)), run(Scenario(x, np.round(dy, 4)))
    for term in ("dx", "dx_hat", "dgamma", "dbeta"):
        mine = replace(handed(getattr(whole, term)), given=(0.0, 5e-5))
        assert diagnose(t, term, mine).verdict == "right"


def test_digits_that_end_before_the_numbers_begin_tell_nothing() -> None:
    t = run(S.edit(dy=S.dy * 1e-3))  # ∂L/∂x up to 0.0011
    rows = "\n".join(" ".join(f"{v:.3f}" for v in row) for row in t.dx)
    found = diagnose(t, "dx", parse(rows))
    assert found.verdict == "unclear"
    assert "too few digits" in found.claim
    found = diagnose(run(S.edit(dy=S.dy * 1e-6)), "dx", parse("0.0000 0.0000\n" * 6))
    assert found.verdict == "unclear"


def test_where_a_format_loses_everything_nothing_is_called_wrong() -> None:
    t = run(Scenario(S.x + 1e4, S.dy))
    found = diagnose(t, "dx", handed(FORMATS["float16"].rounded(T.dx), "float16"))
    assert found.verdict == "unclear"
    # σ² = 2e5 is no float16: with it goes the whole gradient.
    t = run(Scenario(400 * S.x, S.dy))
    assert diagnose(t, "dx", handed(np.zeros(t.dx.shape), "float16")).verdict == "unclear"


def test_one_number_of_two_digits_is_no_proof_of_another_eps() -> None:
    t = run(Scenario(S.x[:, [0]], S.dy[:, [0]]))
    assert abs(t.dgamma[0] + 0.93) < 0.01
    assert "eps" not in diagnose(t, "dgamma", parse("[-0.7]")).matches
    whole = run(t.scenario.edit(eps=1.0)).dgamma
    assert diagnose(t, "dgamma", handed(whole)).matches == ("eps",)


def test_a_mistake_is_named_only_where_another_number_would_not_have_fitted() -> None:
    # γ of neuron 1 is 0, so its gradient is 0, and of nothing no rounding is a share.
    t = run(Scenario(S.x, S.dy, [0.0, 0.8], eps=1e6))
    swapped = diagnose(t, "dx", handed(t.dx[:, ::-1]))
    assert not {"gamma_other", "gamma_rolled"} & set(swapped.matches)
    assert swapped.matches[0] == "neurons"
    # In float32 the rounding of a sum of millions is as large as any γ.
    t = run(S.edit(dy=S.dy * 1e7))
    assert "pasted" not in diagnose(t, "dgamma", parse("[1.0, 1.0]")).matches


def test_parallel_paths_leave_it_to_the_numbers_which_line_was_wrong() -> None:
    s = Scenario(S.x, run(S).x_hat * 1e-8, eps=0.0)  # ② takes all of ① away
    t = run(s)
    bent = t.dx_direct + 0.37 * t.dx_via_var
    found = diagnose(t, "dx", handed(bent))
    assert "other_variance" not in found.matches
    assert found.verdict == "wrong"


def test_the_rounding_of_a_sum_of_wrong_numbers_is_that_of_these() -> None:
    dx = 1e18 * (T.dx - T.dx.mean(axis=0))
    dx[0] -= dx.sum(axis=0)  # to the last digit 0, of numbers like 1e18
    dx[1:3, 0] += [64.0, -128.0]
    assert "Adding up" not in diagnose(T, "dx", handed(dx)).caught_by


def test_a_difference_where_nothing_should_be_is_still_told() -> None:
    t = run(Scenario(S.x, S.dy, [0.8, 0.0]))
    bent = t.dx + [0.0, 1.0] * np.array([[0.3], [-0.9], [0.7], [1.1], [-0.2], [0.4]])
    found = diagnose(t, "dx", handed(bent))
    assert "Only neuron 2 is off." in found.why
    # As far below what float64 can square.
    t = run(S.edit(dy=S.dy * 1e-170))
    assert "Of the difference" in diagnose(t, "dx", handed(t.dx + 1e-171 * bent[:, [1]])).why


def test_a_long_number_among_fixed_decimals_does_not_make_the_others_exact() -> None:
    t = run(Scenario(S.x, S.dy, [1e9, 1.0]))
    rows = "\n".join(" ".join(f"{v:.6f}" for v in row) for row in t.dx)
    assert any(len(word.strip("-").replace(".", "")) >= 15 for word in rows.split())
    assert diagnose(t, "dx", parse(rows)).verdict == "right"


def test_a_neuron_that_is_judged_alone_has_no_number() -> None:
    s = S.edit(x=S.x[:, :1], dy=S.dy[:, :1], gamma=S.gamma[:1], beta=S.beta[:1])
    t = run(s)
    rng = np.random.default_rng(2)
    for dx in (t.dx_direct + t.dx_via_var, t.dx - t.dx_via_var, t.dx + rng.normal(size=(6, 1))):
        found = diagnose(t, "dx", parse(str(dx.tolist())))
        assert "furthest off at sample " in found.why
        assert "neuron" not in f"{found.why} {found.caught_by}"
