"""No sentence of the Weights page is false, on any preset; and a broken core turns it red."""

import numpy as np
import pytest

from bnviz.claims import weights as claims
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from bnviz.proof.losses import under
from bnviz.study.geometry import eigenvalues, spectrum
from bnviz.study.invariance import as_computed, descend
from bnviz.study.weight_gradient import VANISHING, Vanishing
from bnviz.words.claim import Claim
from tests.kinds import there

EVERYWHERE = [
    (name, j) for name, preset in PRESETS.items() for j in range(preset.scenario.shape[1])
]


def everything(s: Scenario, j: int) -> list[Claim]:
    t = run(s)
    computed = as_computed(s)
    return [
        claims.outer(t, j, 0),
        *(claims.vanishing(case, s, j, 0) for case in VANISHING),
        *(claims.scale(computed, j, power) for power in (-3.0, 0.0, 3.0)),
        claims.growth(computed, j),
        claims.geometry(t, j),
    ]


@pytest.mark.parametrize(("name", "j"), EVERYWHERE)
def test_every_check_holds_on_every_preset(name: str, j: int) -> None:
    for claim in everything(PRESETS[name].scenario.training(), j):
        assert claim.holds, claim
        assert claim.claim.endswith(".") or claim.claim in {c.title for c in VANISHING}
        assert claim.why.endswith(".")


@pytest.mark.parametrize(("name", "j"), EVERYWHERE)
def test_wordings_follow_the_numbers(name: str, j: int) -> None:
    s = PRESETS[name].scenario.training()
    t = run(s)
    size = float(t.inv_std[j] * np.abs(t.dx_hat[:, j]).sum() * np.abs(there(s.a)).max()) * 1e-12
    alive = abs(there(t.dweight)[0, j]) > size
    assert ("leaves its mark" in claims.outer(t, j, 0).claim) == alive

    computed = as_computed(s)
    across = "is perpendicular" in claims.scale(computed, j, 0.0).claim
    w, dw = there(computed.weight)[:, j], there(run(computed).dweight)[:, j]
    product = float(np.linalg.norm(w) * np.linalg.norm(dw))
    cosine = abs(float(w @ dw)) / product if product else 0.0
    noise = 1e-12 * float(run(computed).inv_std[j] * np.abs(run(computed).dx_hat[:, j]).sum())
    alive = np.linalg.norm(dw) > noise * np.abs(there(computed.a)).max()
    assert across == (product > 0 and cosine < 1e-3 and bool(alive) and computed.d > 1)

    geometry = claims.geometry(t, j).claim
    assert ("One sample" in geometry) == (s.shape[0] == 1)
    assert ("Two samples" in geometry) == (s.shape[0] == 2)
    assert ("x̂ is 0" in geometry) == (s.shape[0] > 1 and not t.x_hat[:, j].any())


def test_a_broken_backward_pass_is_not_called_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    t = run(PRESETS["puzzle"].scenario)
    object.__setattr__(t, "dx", t.dx_direct)  # the mean and variance paths forgotten
    claim = claims.outer(t, 0, 0)
    assert not claim.holds
    assert "should get nothing" in claim.claim


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("case", VANISHING, ids=lambda c: c.title)
def test_where_the_gradient_vanishes_nothing_is_read_into_rounding(
    name: str, case: Vanishing
) -> None:
    s = PRESETS[name].scenario.training()
    computed = as_computed(case.make(s, 0, 0))
    scale, growth = claims.scale(computed, 0, 0.0), claims.growth(computed, 0)
    assert growth.holds
    assert scale.holds
    if computed.eps == 0:
        assert "ε" not in scale.claim + growth.claim


@pytest.mark.parametrize("loss", ["sum", "squares"])
def test_a_loss_that_gives_nothing_makes_nothing_grow(loss: str) -> None:
    computed = under(PRESETS["layer"].scenario.edit(eps=0.0), loss)
    scale, growth = claims.scale(computed, 0, 0.0), claims.growth(computed, 0)
    # What rounding left is not called 0, and no direction is read from it.
    assert "no gradient at all" in scale.claim or "told from rounding" in scale.claim
    assert "keeps its length" in growth.claim or "No step is taken" in growth.claim
    assert "twice" not in scale.why


def test_a_w_of_zero_has_no_direction_and_no_length() -> None:
    computed = as_computed(PRESETS["constant"].scenario)
    assert not there(computed.weight).any()
    assert np.linalg.norm(there(run(computed).dweight)) > 700
    scale, growth = claims.scale(computed, 0, 0.0), claims.growth(computed, 0)
    assert scale.claim == "w is 0: it has no direction and no length to keep."
    assert "736.8" in scale.why
    assert "Without a gradient" not in growth.claim
    for said in (scale, growth):
        assert "perpendicular" not in said.claim + said.why
        assert "twice as long" not in said.why


@pytest.mark.parametrize("power", [-3.0, 0.0, 3.0])
def test_in_one_dimension_nothing_stands_across(power: float) -> None:
    said = claims.scale(as_computed(PRESETS["two"].scenario), 0, power)
    assert said.holds
    assert "single input" in said.claim
    assert "rules" not in said.claim


def test_that_the_growth_slows_down_is_said_only_where_it_does() -> None:
    for name, j in EVERYWHERE:
        computed = as_computed(PRESETS[name].scenario.training())
        steps = np.diff(descend(computed, j).length)
        said = claims.growth(computed, j)
        slower = bool((steps > 0).all() and (np.diff(steps) < 0).all())
        assert ("less than the one before" in said.why) == slower


ROUNDED = [
    PRESETS["layer"].scenario.edit(eps=eps, a=a, weight=np.ones((a.shape[1], 2)) * 0.7)
    for eps in (0.0, 1e-12, 1e-5, 1.0, 1e6)
    for a in (np.asarray(PRESETS["layer"].scenario.a)[:, :d] for d in (1, 2, 3))
]


@pytest.mark.parametrize("s", ROUNDED)
def test_no_right_code_is_red(s: Scenario) -> None:
    for seed in range(12):
        r = random_scenario(seed, 6, 2, s.d, computed=True).edit(eps=s.eps)
        for computed in (r, s.edit(dy=r.dy)):
            for j in range(2):
                for claim in everything(computed, j):
                    assert claim.holds, claim


def test_what_is_left_of_an_uncorrelated_upstream_is_uncorrelated() -> None:
    for name in ("puzzle", "layer"):
        s = PRESETS[name].scenario.edit(eps=1e-12)
        made = VANISHING[5].make(s, 0, 0)
        dy, a = made.dy[:, 0], there(made.a)
        for p in range(made.d):
            away = a[:, p] - a[:, p].mean()
            assert abs(away @ dy) <= 1e-12 * np.abs(away).sum() * np.abs(s.dy).max()


def test_steps_are_said_to_lengthen_at_the_rate_that_was_taken() -> None:
    said = claims.growth(PRESETS["layer"].scenario, 0)
    assert said.claim == "At this rate each of the 10 steps makes w longer."
    assert "held as it is" in said.why
    assert "η is" in said.why


def test_the_length_that_is_said_not_to_matter_does_not() -> None:
    """With a large ε, y follows w, even where the gradient happens to stand across it."""
    computed = PRESETS["layer"].scenario
    for eps in (1e-5, 0.1, 1.0, 1e6):
        for seed in range(40):
            s = computed.edit(eps=eps, dy=random_scenario(seed, 6, 2, 1).dy)
            said = claims.scale(s, 0, 0.0)
            doubled = run(s.edit(weight=2 * there(s.weight)))
            y, there_y = run(s).y[:, 0], doubled.y[:, 0]
            grows = np.abs(there_y - y).max() / np.abs(y).max()
            if "hardly changes" in said.why:
                assert grows < 0.02


def test_what_comes_through_of_a_squared_length_is_a_square() -> None:
    t = run(PRESETS["puzzle"].scenario.edit(eps=1.0))
    said = claims.geometry(t, 0).why
    passed = 1 / (t.var[0] + 1)
    assert f"of that part’s length {passed:.2f} comes" in said
    assert f"of its square {passed**2:.2f}" in said


def test_a_sample_without_an_input_leaves_no_mark() -> None:
    s = PRESETS["puzzle"].scenario
    a = np.maximum(there(s.a), 0) * np.array([1, 1, 1, 0, 1, 1])[:, None]
    assert claims.outer(run(s.edit(a=a)), 0, 1).claim.startswith("5 of 6 samples leave their mark")


@pytest.mark.parametrize("factor", [1e-3, 1e-12, 1e6])
def test_no_unit_of_x_rounds_the_weights_away(factor: float) -> None:
    s = PRESETS["puzzle"].scenario
    near = as_computed(s.edit(x=s.x * factor))
    np.testing.assert_allclose(there(near.weight), there(as_computed(s).weight) * factor, rtol=0.02)


DEGENERATE = [
    *((PRESETS[name].scenario.training(), j) for name, j in EVERYWHERE),
    (PRESETS["constant"].scenario.edit(eps=0.0), 0),  # undefined
    (PRESETS["two"].scenario.edit(x=np.ones((2, 1))), 0),  # two samples, equal x
    (PRESETS["two"].scenario.edit(eps=0.0), 0),
    (PRESETS["puzzle"].scenario.edit(eps=1.0), 0),
]


@pytest.mark.parametrize(("s", "j"), DEGENERATE)
def test_the_eigenvalues_named_are_those_found(s: Scenario, j: int) -> None:
    t = run(s)
    found, named = eigenvalues(t, j), spectrum(t, j)
    near = 1e-12 * max(float(t.inv_std[j]), 1e-300)
    for value in named.values():  # none is made up
        assert np.abs(found - value).min() <= near
    for value in found:  # and none is left out
        assert min(abs(value - said) for said in named.values()) <= near
    check = claims.geometry(t, j).check
    for name in ("ε·s³", "s"):
        assert (f" {name} = " in check) == (name in named)
    # A direction exists where the samples leave room for it.
    n, apart = s.shape[0], bool(np.ptp(s.x[:, j]))
    assert ("ε·s³" in named) == (n > 1 and apart)
    assert ("s" in named) == (n - 1 - apart > 0 and not t.undefined[j])


def test_no_gradient_is_not_split() -> None:
    s = PRESETS["puzzle"].scenario
    assert "nothing to take away" in claims.geometry(run(s.edit(dy=np.zeros_like(s.dy))), 0).why


def test_huge_numbers_are_no_crash() -> None:
    r = random_scenario(3, 3, 2, 2)
    s = Scenario(r.x, r.dy * 1e100, np.array([-1e100, 1e100]), a=np.asarray(r.a) * 1e100)
    computed = as_computed(s)
    for claim in (
        claims.scale(computed, 0, 0.0),
        claims.growth(computed, 0),
        claims.geometry(run(s), 0),
    ):
        assert "nan" not in claim.claim + claim.why


def test_inputs_in_units_of_their_own() -> None:
    s = PRESETS["puzzle"].scenario
    a = np.asarray(s.a).copy()
    a[:, 1] *= 1e-10
    assert claims.vanishing(VANISHING[5], s.edit(a=a), 0, 0).holds
