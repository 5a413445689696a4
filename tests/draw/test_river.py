"""What flows into a station flows out of it, in every lane and over the batch."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.core.arrays import Array
from bnviz.core.columns import Columns, columns
from bnviz.core.identities import gradient_scale, rounding
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw.river import LANES, Flow, flow, payload
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS


def all_lanes(f: Flow, term: str) -> Array:
    """Every lane of a term, the one of all others included."""
    return f.lanes[term] if f.rest is None else np.append(f.lanes[term], f.rest[term])


def assert_conserved(c: Columns) -> None:
    f, t, j = flow(c), c.trace, c.view.neuron
    n = t.x_hat.shape[0]
    near = 4 * rounding(n) * float(gradient_scale(t)[j]) + 1e-300

    def same(one: object, two: object) -> None:
        np.testing.assert_allclose(np.asarray(one), np.asarray(two), atol=near, rtol=1e-12)

    lane = {term: all_lanes(f, term) for term in LANES if term in f.lanes}
    # Lane by lane: what σ² and μ bring is what changes.
    same(lane["dx_direct"] + lane["dx_via_var"], lane["after_var"])
    same(lane["after_var"] + lane["dx_via_mean"], lane["dx"])
    # Through the gate goes one factor, and the gate × a multiplies with the sample's own input.
    factor = t.scenario.gamma[j] * t.inv_std[j]
    same(lane["dx_direct"], factor * lane["dy"])
    if f.a is not None:
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(f.a * f.lanes["dx"], f.lanes["dweight"], rtol=1e-15)
    # Over the batch: the Σ lane is all lanes, and so are the piles.
    for term, values in lane.items():
        np.testing.assert_allclose(
            values.sum(), f.batch[term], rtol=1e-9, atol=1e-12 * (1e-290 + np.abs(values).sum())
        )
    same(f.batch["dx_direct"] + f.batch["dx_via_var"] + f.batch["dx_via_mean"], f.batch["dx"])
    same(sum(f.piles["bias"]), f.batch["dx"])
    if not t.scenario.frozen:
        same(f.batch["dx_via_var"], 0.0)
        same(f.batch["dx"], 0.0)
        # μ brings every lane the same; what σ² brings goes by x − μ.
        assert np.ptp(f.lanes["dx_via_mean"]) == 0
        same(f.lanes["dx_via_var"], 2 * t.dvar[j] / n * f.deviation)
        same(f.moved, np.abs(t.dx_via_var[:, j]).sum() / 2)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_conserved(name: str) -> None:
    s = PRESETS[name].scenario
    for j in range(s.shape[1]):
        for p in range(s.d):
            assert_conserved(columns(run(s), View(j, p)))


@settings(deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 40),
    st.sampled_from([0.0, 1e-5, 1.0]),
    st.booleans(),
)
def test_any_batch_is_conserved(seed: int, n: int, eps: float, computed: bool) -> None:
    s = random_scenario(seed, n, 2, 2, computed=computed).edit(eps=eps, gamma=[-1.5, 0.25])
    assert_conserved(columns(run(s), View(seed % 2, seed % 2)))


def test_more_than_sixteen_are_one_lane() -> None:
    t = run(random_scenario(1, 40, 1, 1))
    data = payload(columns(t, View()))
    assert len(data["rows"]) == 16
    assert data["others"] == 24
    shown = data["rows"]
    hidden = np.setdiff1d(np.arange(40), shown)
    assert data["rest"]["dx"] == pytest.approx(t.dx[hidden, 0].sum(), abs=1e-14)
    assert data["batch"]["dy"] == pytest.approx(t.scenario.dy[:, 0].sum(), abs=1e-12)


def test_the_numbers_are_those_of_the_trace() -> None:
    t = run(PRESETS["puzzle"].scenario)
    data = payload(columns(t, View(1, 2)))
    assert data["lanes"]["dx_via_var"] == t.dx_via_var[:, 1].tolist()
    assert data["numbers"]["gate"] == pytest.approx(0.8 / np.sqrt(t.var[1] + 1e-5))
    assert data["numbers"]["dvar"] == t.dvar[1]
    shown = [[entry["v"] for entry in row] for row in data["all_dweight"]]
    np.testing.assert_array_equal(shown, t.dweight)


def test_without_a_layer_in_front_there_is_no_weight() -> None:
    data = payload(columns(run(Scenario([[1.0], [2.0]], [[1.0], [0.0]])), View()))
    assert data["a"] is None
    assert data["all_dweight"] == []
    assert "weight" not in data["piles"]
    assert data["said"]["weight"] is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_json_all_the_same(bad: float) -> None:
    s = Scenario([[bad], [2.0], [1.0]], [[1.0], [0.0], [2.0]], a=[[1], [2], [3]])
    data = payload(columns(run(s), View()))
    json.dumps(data, allow_nan=False)
    assert data["said"]["bias"]["claim"] == "nothing finite for the bias"
    assert data["said"]["weight"]["claim"] == "nothing finite for the weight"
