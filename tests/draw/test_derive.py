"""What the Derive page shows is what the trace says, and no sentence outruns its check."""

import json
import re
from typing import Any

import numpy as np
import pytest

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw.derive import payload
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from bnviz.words.numbers import number
from tests.kinds import there

EVERYWHERE = [
    (name, j, i)
    for name, preset in PRESETS.items()
    for j in range(preset.scenario.shape[1])
    for i in range(min(2, preset.scenario.shape[0]))
]


def steps(name: str, neuron: int = 0, sample: int = 0) -> dict[str, dict[str, Any]]:
    data = payload(run(PRESETS[name].scenario.training()), View(neuron, 0), sample, 0)
    json.dumps(data, allow_nan=False)
    return {step["label"]: step for step in data["steps"]}


def said(label: dict[str, Any]) -> str:
    """A label at an edge, as plain text."""
    return "".join([*re.findall('aria-label="([^"]*)"', label["m"]), label["t"]])


def shown(step: dict[str, Any], line: int = 0) -> list[str]:
    """The numbers under the factors of a formula; the first is the result."""
    return [factor["t"] for factor in step["formulas"][line] if not factor.get("op")]


@pytest.mark.parametrize(("name", "j", "i"), EVERYWHERE)
def test_results_are_those_of_the_trace(name: str, j: int, i: int) -> None:
    t = run(PRESETS[name].scenario.training())
    found = steps(name, j, i)
    for label, term in (
        ("∂L/∂β", "dbeta"),
        ("∂L/∂γ", "dgamma"),
        ("∂L/∂σ²", "dvar"),
        ("∂L/∂μ, direct", "dmean_direct"),
        ("∂L/∂μ, via σ²", "dmean_via_var"),
    ):
        assert shown(found[label])[0] == number(float(getattr(t, term)[j])), label
    for label, term in (
        ("∂L/∂x̂", "dx_hat"),
        ("① direct", "dx_direct"),
        ("② via σ²", "dx_via_var"),
        ("③ via μ", "dx_via_mean"),
        ("∂L/∂x", "dx"),
    ):
        values = getattr(t, term)[:, j]
        assert shown(found[label])[0] == number(float(values[i])), label
        column = next(c for c in found[label]["columns"] if c["k"] == term)
        assert column["v"] == values.tolist()
    assert shown(found["∂L/∂W"])[0] == number(float(there(t.dweight)[0, j]))


@pytest.mark.parametrize(("name", "j", "i"), EVERYWHERE)
def test_factors_multiply_to_the_result(name: str, j: int, i: int) -> None:
    t = run(PRESETS[name].scenario.training())
    s, n = t.scenario, t.x_hat.shape[0]
    found = steps(name, j, i)
    # Each second factor, computed here from the scenario alone.
    d = s.x[:, j] - s.x[:, j].mean()
    inv = (np.square(d).mean() + s.eps) ** -0.5
    for label, factor in (
        ("∂L/∂x̂", s.gamma[j]),
        ("∂L/∂σ²", -0.5 * inv**3),
        ("∂L/∂μ, direct", -inv),
        ("① direct", inv),
        ("③ via μ", 1 / n),
    ):
        assert shown(found[label])[-1] == number(float(factor)), label


@pytest.mark.parametrize("name", PRESETS)
def test_totals_say_zero_only_where_it_is_zero(name: str) -> None:
    t = run(PRESETS[name].scenario.training())
    for j in range(t.x_hat.shape[1]):
        size = float(t.inv_std[j] * np.abs(t.dx_hat[:, j]).sum())
        for step in steps(name, j).values():
            for column in step["columns"]:
                if column["total"]:
                    total = sum(column["v"])
                    scale = max(size, *map(abs, column["v"])) * 1e-12
                    assert (column["total"] == "0") == (abs(total) <= scale), step["label"]


@pytest.mark.parametrize("name", PRESETS)
def test_claims_in_headings_hold(name: str) -> None:
    t = run(PRESETS[name].scenario.training())
    for j in range(t.x_hat.shape[1]):
        found = steps(name, j)
        size = float(t.inv_std[j] * np.abs(t.dx_hat[:, j]).sum()) * 1e-12 + 1e-300
        says_zero = "is 0:" in found["∂L/∂μ, via σ²"]["heading"]
        assert says_zero == (abs(t.dmean_via_var[j]) <= size)
        learns = "the weights learn" in found["∂L/∂W"]["heading"]
        assert learns == (
            abs(there(t.dweight)[0, j]) > size * max(1.0, float(np.abs(there(t.scenario.a)).max()))
        )
        cancels = "cancels ①" in found["③ via μ"]["heading"]
        assert cancels == (abs(t.dx_direct[:, j].sum()) > size)


def test_a_broken_trace_is_not_called_zero() -> None:
    s = PRESETS["puzzle"].scenario
    x = s.x.copy()
    x[0, 0] = np.inf
    data = payload(run(s.edit(x=x)), View(), 0, 0)
    json.dumps(data, allow_nan=False)
    text = " ".join(step["heading"] for step in data["steps"])
    assert "is 0" not in text
    assert "add up to 0" not in text


def test_the_graph_multiplies_along_its_edges() -> None:
    t = run(PRESETS["puzzle"].scenario)
    graph = payload(t, View(), 2, 0)["graph"]
    edges = {edge["name"]: edge for edge in graph["edges"]}
    flow = number(float(t.dx_hat[2, 0] * t.inv_std[0]))
    assert said(edges["dev-xhat"]["flow"]) == f"① = {flow}"
    assert said(edges["x-mean"]["local"]) == f"1/N = {number(1 / 6)}"
    nodes = {node["name"]: node for node in graph["nodes"]}
    assert f"∂L/∂x = {number(float(t.dx[2, 0]))}" in nodes["x"]["said"]
    # What flows into x over its two edges is all of ∂L/∂x.
    assert t.dx[2, 0] == pytest.approx(
        t.dx_direct[2, 0] + t.dx_via_var[2, 0] + t.dx_via_mean[2, 0], abs=1e-15
    )


def test_large_batches_show_the_chosen_sample_and_say_how_many() -> None:
    t = run(random_scenario(3, 50, 1, 1))
    for sample in (0, 49):
        data = payload(t, View(), sample, 0)
        assert sample in data["rows"]
        assert re.match(r"1[67] of 50 samples", data["hidden"])
        assert len(data["colors"]) == len(data["rows"])


def test_no_path_is_named_before_its_step() -> None:
    t = run(PRESETS["puzzle"].scenario)
    data = payload(t, View(), 0, 0)
    flows = {edge["name"]: edge["flow"] for edge in data["graph"]["edges"]}
    seen = {"①": 8, "②": 9, "③": 10}  # the steps that bring them, from 0
    for index, step in enumerate(data["steps"][:12]):
        for edge in step["edges"]:
            label = said(step["labels"].get(edge) or flows.get(edge) or {"m": "", "t": ""})
            for sign, first in seen.items():
                assert sign not in label or index >= first, (index, edge, label)


@pytest.mark.parametrize("name", PRESETS)
def test_every_factor_has_its_number_and_every_formula_is_set(name: str) -> None:
    for step in steps(name).values():
        for factors in step["formulas"]:
            assert [f["s"] for f in factors if not f["t"]] == [], step["label"]
            assert all(f["m"].startswith("<math") for f in factors)
        for move in step.get("moves", []):
            assert all(piece.startswith("<math") for piece in move["m"])


@pytest.mark.parametrize(("name", "j", "i"), EVERYWHERE)
def test_the_numbers_multiply_as_the_formula_says(name: str, j: int, i: int) -> None:
    # Under "·" stand factors, under "+" summands: what is shown comes out, as far as it is shown.
    for step in steps(name, j, i).values():
        for factors in step["formulas"]:
            row = "".join(f["t"] for f in factors).replace("−", "-")
            sides = row.replace("≈", "=").split("=")
            if "nan" in sides[0] or "∞" in "".join(sides):
                continue
            value = float(sides[0])
            for side in sides[1:]:
                terms = [[float(f) for f in part.split("·")] for part in side.split("+")]
                found = sum(float(np.prod(term)) for term in terms)
                if "≈" not in row:
                    assert found == pytest.approx(value, rel=1e-12, abs=1e-300), row
                # Each factor is rounded to half of its last shown place.
                slack = sum(
                    float(np.prod([abs(f) + 0.006 for f in term]) - np.prod(np.abs(term)))
                    for term in terms
                )
                assert found == pytest.approx(value, abs=slack + 0.006 + 0.06 * abs(value))


@pytest.mark.parametrize(("name", "j", "i"), EVERYWHERE)
def test_what_flows_along_an_edge_is_its_derivative_times_what_comes(
    name: str, j: int, i: int
) -> None:
    t = run(PRESETS[name].scenario.training())
    s = t.scenario
    edges = {e["name"]: e for e in payload(t, View(j, 0), i, 0)["graph"]["edges"]}
    dy, dx_hat = s.dy[i, j], t.dx_hat[i, j]
    comes = {"xhat-y": dy, "gamma-y": dy, "beta-y": dy, "dev-xhat": dx_hat, "invstd-xhat": dx_hat}
    comes |= {"var-invstd": (t.dx_hat * t.deviation)[:, j].sum(), "dev-var": t.dvar[j]}
    comes |= {"x-mean": t.dmean[j]} | ({"w-x": t.dx[i, j]} if s.a is not None else {})
    for edge, upstream in comes.items():
        labels = (said(edges[edge][part]) for part in ("local", "flow"))
        local, flow = (float(label.split()[-1].replace("−", "-")) for label in labels)
        slack = 0.006 * (1 + abs(upstream)) + 0.06 * abs(flow)
        assert local * upstream == pytest.approx(flow, abs=slack), edge


def texts(s: Scenario, eps: float | None = None) -> str:
    t = run(s if eps is None else s.edit(eps=eps))
    walk = payload(t, View(), 0, 0)["steps"]
    return " ".join(step["heading"] + " " + step["text"] for step in walk)


def test_a_constant_column_has_nothing_to_cancel() -> None:
    flat = texts(PRESETS["constant"].scenario)
    assert "what lies above the mean" not in flat
    assert "running sum" not in flat
    assert "standard deviations" not in flat
    assert "√ε" in flat


def test_one_sample_is_not_spoken_of_as_many() -> None:
    one = texts(PRESETS["one"].scenario)
    for words in ("All 1", "1 paths", "No single sample", "1 samples", "for each sample"):
        assert words not in one
    assert "its gradient is 0" in one
    assert "No single sample" in texts(PRESETS["puzzle"].scenario)
    assert "No single sample" not in texts(PRESETS["two"].scenario, eps=0.0)


def test_inputs_that_repeat_are_not_called_different() -> None:
    s = PRESETS["puzzle"].scenario
    a = np.array(s.a)
    a[1] = a[0]
    assert "different for" not in texts(s.edit(a=a))


def test_a_weight_gradient_lost_in_rounding_is_not_0_in_the_last_step() -> None:
    s = PRESETS["puzzle"].scenario
    assert "is 0 as well" not in texts(s.edit(a=np.asarray(s.a) + 1e13))


def test_a_gate_whose_cube_is_no_float64_is_no_traceback() -> None:
    s = PRESETS["puzzle"].scenario
    assert texts(s.edit(x=s.x * 1e-120), eps=0.0)
