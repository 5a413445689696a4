"""Along the walk flow is kept: in every lit stretch and running sum, and where it leaks."""

import json
from typing import Any

import numpy as np
import pytest

from bnviz.core.columns import columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.core.view import View
from bnviz.draw import river
from bnviz.draw.derive import payload
from bnviz.draw.derive_river import PLACES
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS

SCENES: dict[str, Scenario] = {
    name: preset.scenario.training() for name, preset in PRESETS.items()
} | {"forty": random_scenario(1, 40, 2, 2)}


def walk(t: Trace, j: int = 0) -> dict[str, dict[str, Any]]:
    data = payload(t, View(j, 0), 0, 0)
    json.dumps(data, allow_nan=False)
    return {step["label"]: step for step in data["steps"]}


def lanes(flow: dict[str, Any], term: str) -> np.ndarray:
    """All lanes of a term, and the Σ lane under them."""
    rest = [flow["rest"][term]] if flow["rest"] else []
    return np.array([*flow["lanes"][term], *rest, flow["batch"][term]], dtype=float)


@pytest.mark.parametrize("name", SCENES)
def test_what_comes_into_a_lit_stretch_leaves_it(name: str) -> None:
    t = run(SCENES[name])
    for j in range(t.x_hat.shape[1]):
        own = river.payload(columns(t, View(j, 0)))
        for label, step in walk(t, j).items():
            flow = step["river"] or own
            lit = [PLACES[place] for place in step["lit"]["lanes"]]
            for comes, adds, leaves in (
                ("dx_direct", "dx_via_var", "after_var"),
                ("after_var", "dx_via_mean", "dx"),
            ):
                if not {comes, adds, leaves} <= set(lit):
                    continue
                size = np.abs(lanes(flow, "dx_direct")).sum() + np.abs(lanes(flow, adds)).sum()
                np.testing.assert_allclose(
                    lanes(flow, comes) + lanes(flow, adds),
                    lanes(flow, leaves),
                    atol=1e-12 * size + 1e-300,
                    err_msg=label,
                )
            # The Σ lane of what is lit is its lanes, added up.
            for term in {PLACES[place] for place in step["lit"]["sum"]} & set(flow["lanes"]):
                found = lanes(flow, term)
                assert found[:-1].sum() == pytest.approx(
                    found[-1], rel=1e-9, abs=1e-12 * np.abs(found).sum() + 1e-300
                ), (label, term)


def test_each_step_lights_what_it_is_about() -> None:
    found = walk(run(PRESETS["puzzle"].scenario))
    for label, terms in {
        "∂L/∂y": {"dy"},
        "① direct": {"dx_direct"},
        "② via σ²": {"dx_direct", "dx_via_var", "after_var"},
        "③ via μ": {"after_var", "dx_via_mean", "dx"},
        "∂L/∂x": {"dx_direct", "dx_via_var", "after_var", "dx_via_mean", "dx"},
        "∂L/∂W": {"dx", "dweight"},
    }.items():
        assert {PLACES[place] for place in found[label]["lit"]["lanes"]} - {""} == terms
    assert found["∂L/∂μ, direct"]["lit"]["nodes"] == ["mean"]
    assert found["∂L/∂σ²"]["lit"]["nodes"] == ["var"]


@pytest.mark.parametrize("name", SCENES)
def test_a_running_sum_adds_what_each_sample_brings_and_ends_at_the_whole(name: str) -> None:
    t = run(SCENES[name])
    s = t.scenario
    for j in range(t.x_hat.shape[1]):
        d = s.x[:, j] - s.x[:, j].mean()
        g = s.gamma[j] * s.dy[:, j]
        whole = {
            "∂L/∂β": s.dy[:, j],
            "∂L/∂γ": s.dy[:, j] * t.x_hat[:, j],
            "∂L/∂σ²": g * d,
            "∂L/∂μ, direct": g,
            "∂L/∂μ, via σ²": d,
            "① direct": t.dx_direct[:, j],
            "② via σ²": t.dx_via_var[:, j],
            "③ via μ": t.dx_via_mean[:, j],
            "∂L/∂x": t.dx[:, j],
        }
        for label, values in whole.items():
            sum_ = walk(t, j)[label]["running"]
            brings, partial = np.array(sum_["brings"]), np.array(sum_["partial"])
            near = 1e-9 * np.abs(values).sum() + 1e-12 * t.inv_std[j] * np.abs(g).sum() + 1e-300
            near += 1e-12 * np.abs(s.x[:, j]).sum() if label in ("∂L/∂σ²", "∂L/∂μ, via σ²") else 0
            assert brings.sum() == pytest.approx(values.sum(), abs=near), label
            np.testing.assert_allclose(np.cumsum(brings), partial, atol=near, err_msg=label)
            assert sum_["others"] == values.size - len(walk_rows(t, j))
            if abs(values.sum()) > near:
                assert not sum_["zero"], label
                assert sum_["total"] != "0"
        assert walk(t, j)["∂L/∂μ, via σ²"]["running"]["total"] == "0"


def walk_rows(t: Trace, j: int) -> list[int]:
    rows: list[int] = payload(t, View(j, 0), 0, 0)["rows"]
    return rows


def test_about_a_wrong_centre_the_sum_leaks_what_the_second_piece_would_bring() -> None:
    t = run(PRESETS["puzzle"].scenario)
    s = t.scenario
    flow = walk(t)["a wrong centre"]["river"]
    # By hand: the six equations about a centre that is 0.3 √(σ²+ε) off, without the second piece.
    d = s.x[:, 0] - s.x[:, 0].mean()
    d = d - 0.3 * np.sqrt(np.square(d).mean() + s.eps)
    inv = (np.square(d).mean() + s.eps) ** -0.5
    g = s.gamma[0] * s.dy[:, 0]
    dvar = -0.5 * inv**3 * (g * d).sum()
    missing = dvar * (-2 * d).sum() / 6
    assert flow["batch"]["dx"] == pytest.approx(-missing)
    assert abs(missing) > 0.2
    assert flow["batch"]["dx_via_var"] == pytest.approx(2 * dvar * d.sum() / 6)
    assert flow["numbers"]["dvar"] == pytest.approx(dvar)
    assert not flow["zero"]["dx"]
    assert flow["said"]["bias"]["claim"] == "−0.30 leaks"


def test_a_step_alone_is_the_same_as_among_all() -> None:
    t = run(PRESETS["puzzle"].scenario)
    whole = payload(t, View(0, 1), 2, 0)
    for at, step in enumerate(whole["steps"]):
        alone = payload(t, View(0, 1), 2, at, alone=True)
        assert alone["steps"] == {at: step}
    assert payload(t, View(0, 1), 2, 99)["step"] == len(whole["steps"]) - 1


def test_the_steps_have_the_papers_numbers() -> None:
    found = {label: step["number"] for label, step in walk(run(PRESETS["puzzle"].scenario)).items()}
    assert list(found.items())[:13] == [
        ("∂L/∂y", ""),
        ("∂L/∂β", "6"),
        ("∂L/∂γ", "5"),
        ("∂L/∂x̂", "1"),
        ("∂L/∂σ²", "2"),
        ("∂L/∂μ, direct", "3a"),
        ("∂L/∂μ, via σ²", "3b"),
        ("a wrong centre", ""),
        ("① direct", "4"),
        ("② via σ²", "4"),
        ("③ via μ", "4"),
        ("∂L/∂x", "4"),
        ("∂L/∂W", ""),
    ]
    assert set(list(found.values())[13:]) == {""}


def test_the_arrows_of_the_graph_are_as_wide_as_their_numbers() -> None:
    t = run(PRESETS["puzzle"].scenario)
    data = payload(t, View(), 2, 0)
    sizes = {edge["name"]: edge["flow"]["v"] for edge in data["graph"]["edges"]}
    assert sizes["y-loss"] == t.scenario.dy[2, 0]
    assert sizes["dev-xhat"] == t.dx_direct[2, 0]
    assert sizes["dev-var"] == t.dx_via_var[2, 0]
    assert sizes["beta-y"] == t.scenario.dy[2, 0]
    assert "as wide as the size of its number" in data["widths"]
