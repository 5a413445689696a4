"""A handed-in gradient beside the right one: its lanes add up, and what is marked is off."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bnviz.claims.mine import Mine, counts, headline, of, total
from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.draw.mine import payload
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from bnviz.proof.judge import diagnose
from bnviz.proof.reading import Pasted
from tests.kinds import there

T = run(PRESETS["puzzle"].scenario)


def handed(dx: Array, neuron: int = 0, t: Trace = T, half: float = 0.0) -> Mine:
    """What the page makes of these numbers."""
    return there(of(t, diagnose(t, "dx", Pasted(dx, np.full(dx.shape, half))), neuron))


def made(one: float, two: float, three: float, t: Trace = T) -> Array:
    return one * t.dx_direct + two * t.dx_via_var + three * t.dx_via_mean


@pytest.mark.parametrize(
    ("coefficients", "said", "stations"),
    [
        ((1, -1, 1), "② is turned round.", ["①", "② turned round", "③"]),
        ((1, 1, 2), "③ comes twice.", ["①", "②", "③ twice"]),
        ((1, 0, 1), "② is missing.", ["①", "② is missing", "③"]),
        ((1, 0.5, 6), "② comes half; ③ comes N times.", ["①", "② half", "③ N times"]),
        ((2, 2, 2), "all three paths come twice.", ["① twice", "② twice", "③ twice"]),
        ((1, 1, 0.37), "③ comes 0.37 times.", ["①", "②", "③ 0.37 times"]),
    ],
)
def test_each_path_is_called_what_it_is(
    coefficients: tuple[float, float, float], said: str, stations: list[str]
) -> None:
    m = handed(made(*coefficients))
    assert headline(m) == f"Neuron 1: {said}"
    assert [c.said for c in counts(m)] == stations
    for count, coefficient, name in zip(counts(m), coefficients, ("c₁", "c₂", "c₃"), strict=True):
        shown = {1.0: "1", 0.0: "0"}.get(coefficient, f"{coefficient:.2f}".replace("-", "−"))
        assert count.written == f"{name} = {shown}"


def test_a_turned_path_has_the_other_sign_in_every_lane_and_a_doubled_one_twice_the_width() -> None:
    data = payload(handed(made(1, -1, 2)))
    mine, right = data["mine"]["lanes"], data["right"]["lanes"]
    np.testing.assert_allclose(mine["dx_via_var"], -T.dx_via_var[:, 0], rtol=1e-9)
    np.testing.assert_allclose(mine["dx_via_mean"], 2 * T.dx_via_mean[:, 0], rtol=1e-9)
    np.testing.assert_allclose(right["dx_via_var"], T.dx_via_var[:, 0])
    # The Σ lane does not run dry: twice −0.53 is taken of +0.53.
    assert data["mine"]["batch"]["dx"] == pytest.approx(T.dx_via_mean[:, 0].sum())
    assert not data["ledger"]["sums"]["mine"]["zero"]
    assert data["ledger"]["sums"]["mine"]["t"] == "✗ −0.53"
    assert total(handed(made(1, -1, 2))).startswith("Σ∂L/∂x is −0.53, and it must be 0.")


@pytest.mark.parametrize("many", [6, 40])
def test_lanes_add_up_to_what_was_handed_in(many: int) -> None:
    t = run(random_scenario(2, many, 2, 1))
    rng = np.random.default_rng(1)
    for dx in (made(1, -1, 3, t), t.dx + rng.normal(size=t.dx.shape), t.dx + np.eye(many, 2)):
        data = payload(handed(dx, 1, t))
        for river, whole in (("mine", dx[:, 1]), ("right", t.dx[:, 1])):
            lanes, rest = data[river]["lanes"], data[river]["rest"]
            paths = ("dx_direct", "dx_via_var", "dx_via_mean", "besides")
            total_of = np.sum([lanes[name] for name in paths], axis=0)
            np.testing.assert_allclose(total_of, whole[data["rows"]], atol=1e-12)
            np.testing.assert_allclose(lanes["dx"], whole[data["rows"]])
            hidden = np.setdiff1d(np.arange(many), data["rows"])
            assert (rest is None) == (hidden.size == 0)
            if rest:
                assert rest["dx"] == pytest.approx(whole[hidden].sum(), abs=1e-12)
        if many == 40:
            # The sixteen that are furthest off.
            far = np.abs(dx - t.dx)[:, 1]
            assert far[data["rows"]].min() >= np.delete(far, data["rows"]).max() - 1e-12


def test_one_wrong_entry_is_left_over_where_it_is_and_no_path_is_bent_for_it() -> None:
    dx = T.dx.copy()
    dx[3, 0] += 0.5
    m = handed(dx)
    data = payload(m)
    assert headline(m) == "Neuron 1 is right but for sample 4."
    np.testing.assert_allclose(data["mine"]["lanes"]["besides"], [0, 0, 0, 0.5, 0, 0], atol=1e-12)
    lines = data["ledger"]["lines"]
    assert [line["off"] for line in lines] == [False] * 3 + [True] + [False] * 2
    assert [line["furthest"] for line in lines] == [line["off"] for line in lines]
    assert headline(handed(dx, 1)) == "Neuron 2 is right; look at neuron 1."


def test_numbers_that_differ_are_shown_to_differ() -> None:
    dx = T.dx.copy()
    dx[:, 0] += 2e-5
    line = payload(handed(dx))["ledger"]["lines"][0]
    assert line["mine"]["t"] != line["right"]["t"]
    assert line["off"]
    # As far for all: none is furthest.
    assert not any(each["furthest"] for each in payload(handed(dx))["ledger"]["lines"])


def test_few_samples_are_made_of_three_paths_whatever_they_are() -> None:
    t = run(Scenario([[-1.0], [0.5], [2.0]], [[0.3], [1.0], [-0.4]]))
    rng = np.random.default_rng(3)
    anything = handed(t.dx + rng.normal(size=(3, 1)), t=t)
    assert not anything.fitted
    assert "comes" not in headline(anything)
    # A coefficient that one would write is told all the same.
    assert headline(handed(made(1, -1, 1, t), t=t)) == "Neuron 1: ② is turned round."
    one = run(Scenario([[2.0]], [[1.0]]))
    alone = handed(np.array([[0.4321987654321]]), t=one)
    assert all(count.state == "open" or count.value == 1 for count in counts(alone))


@pytest.mark.parametrize("coefficients", [(1, -1, 1), (2, 2, 2), (1, 6, 1)])
def test_a_large_common_upstream_hides_no_path(coefficients: tuple[float, float, float]) -> None:
    s = PRESETS["puzzle"].scenario
    t = run(s.edit(dy=np.asarray(s.dy) + 1e7))
    m = handed(made(*coefficients, t=t), t=t)
    np.testing.assert_allclose(m.paths.coefficients[0], coefficients, atol=1e-6)


def test_what_is_open_is_drawn_as_it_should_be() -> None:
    t = run(Scenario([[-1.0], [1.0]], [[0.7], [-0.2]], eps=1e-5))  # two samples: ε is all there is
    lanes = payload(handed(made(1, 0, 1, t), t=t))["mine"]["lanes"]
    for name in ("dx_direct", "dx_via_var", "dx_via_mean"):
        assert np.abs(lanes[name]).max() < 3 * np.abs(t.dx_direct).max()


def test_coarse_digits_write_no_more_than_they_know() -> None:
    coarse = np.round(made(1, -1, 1), 1)
    found = counts(handed(coarse, half=0.05))
    assert found[1].state != "right"
    assert "−1.00" not in found[1].written
    for count, coefficient in zip(found, (1, -1, 1), strict=True):
        assert count.state == "open" or abs(count.value - coefficient) < 0.3


def test_what_is_far_larger_is_drawn_on_a_part_of_the_scale() -> None:
    t = run(random_scenario(3, 16, 2, 2))
    assert payload(handed(made(1, 1, 2, t), t=t))["part"] == 1
    assert payload(handed(16 * t.dx, t=t))["part"] == 16
    assert payload(handed(t.dx / 64, t=t))["part"] == 1 / 64


def test_it_is_json_and_right_numbers_have_no_picture() -> None:
    json.dumps(payload(handed(made(1, 1, 2))), allow_nan=False)
    assert of(T, diagnose(T, "dx", Pasted(T.dx, np.zeros(T.dx.shape)))) is None
    wrong = diagnose(T, "dgamma", Pasted(T.dgamma + 1, np.zeros(2)))
    assert of(T, wrong) is None


def test_the_sum_of_the_right_one_is_a_check_and_no_promise() -> None:
    m = handed(made(1, 1, 2))
    assert payload(m)["ledger"]["sums"]["right"]["t"] == "✓ 0"
    off = replace(T, dx=T.dx + 0.25)  # as if the core were wrong
    sums = payload(replace(m, t=off))["ledger"]["sums"]
    assert sums["right"] == {"v": pytest.approx(1.5), "t": "✗ +1.50", "zero": False}
    assert sums["away"]["v"] == pytest.approx(m.yours.sum() - 1.5)
