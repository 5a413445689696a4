"""What is taken home holds the numbers on the screen, and runs."""

import contextlib
import csv
import importlib.util
import io
from typing import Any

import numpy as np
import pytest

from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.inputs.presets import PRESETS
from bnviz.screen import takeaway as export
from tests.kinds import there

TERMS = ("mean", "var", "x_hat", "y", "dbeta", "dgamma", "dx_hat", "dvar", "dmean", "dx")


def executed(script: str) -> tuple[dict[str, Any], str]:
    space: dict[str, Any] = {}
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(script, space)  # our own, from export.py
    return space, out.getvalue()


def size(t: Trace) -> float:
    return float((t.inv_std**2 * np.abs(t.dx_hat).sum(axis=0)).max()) + 1.0


@pytest.mark.parametrize("name", PRESETS)
def test_the_csv_holds_every_number(name: str) -> None:
    t = run(PRESETS[name].scenario)
    rows = list(csv.DictReader(io.StringIO(export.csv(t))))
    for term in (*TERMS, "dweight", "dweight_per_sample", "dx_via_var"):
        mine = [float(row["value"]) for row in rows if row["term"] == term]
        np.testing.assert_array_equal(mine, np.ravel(getattr(t, term)))
    for term in ("x", "dy", "a", "gamma"):
        mine = [float(row["value"]) for row in rows if row["term"] == term]
        np.testing.assert_array_equal(mine, np.ravel(getattr(t.scenario, term)))


def test_the_csv_says_where_each_number_stands() -> None:
    t = run(PRESETS["layer"].scenario)
    rows = {
        (r["term"], r["sample"], r["input"], r["neuron"]): float(r["value"])
        for r in csv.DictReader(io.StringIO(export.csv(t)))
    }
    assert rows["dx", "2", "", "1"] == t.dx[1, 0]
    assert rows["dweight", "", "3", "2"] == there(t.dweight)[2, 1]
    assert rows["dweight_per_sample", "4", "3", "2"] == there(t.dweight_per_sample)[3, 2, 1]
    assert rows["gamma", "", "", "2"] == t.scenario.gamma[1]
    assert rows["da", "1", "2", ""] == there(t.da)[0, 1]
    assert rows["weight", "", "1", "2"] == there(t.scenario.weight)[0, 1]
    assert rows["eps", "", "", ""] == t.scenario.eps


@pytest.mark.parametrize("name", PRESETS)
def test_the_numpy_script_runs_and_prints_these_numbers(name: str) -> None:
    t = run(PRESETS[name].scenario)
    space, printed = executed(export.numpy_script(t.scenario))
    terms = [*TERMS, "dweight", "dbias", *(["da"] if t.scenario.computed else [])]
    # The script is the textbook's: with a large offset it has the textbook's rounding.
    loose = 1e-11 * size(t) * (1 + np.abs(t.scenario.x).max())
    for term in terms:
        np.testing.assert_allclose(space[term], getattr(t, term), atol=loose, rtol=1e-9)
        assert f"{term} = {space[term].tolist()}" in printed


def test_a_scenario_without_inputs() -> None:
    s = Scenario([[1.0], [2.0], [4.0]], [[1.0], [0.0], [2.0]])
    space, _ = executed(export.numpy_script(s))
    np.testing.assert_allclose(space["dx"], run(s).dx, atol=1e-14)
    assert "dweight" not in space


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("name", [n for n in PRESETS if n != "one"])  # PyTorch refuses one sample
def test_the_pytorch_script_runs_and_prints_these_numbers(name: str) -> None:
    t = run(PRESETS[name].scenario)
    space, printed = executed(export.pytorch_script(t.scenario))
    loose = 1e-10 * size(t) * (1 + np.abs(t.scenario.x).max())
    for term in ["y", "dgamma", "dbeta", "dx", "dweight", "dbias"]:
        np.testing.assert_allclose(
            space[term].detach().numpy(), getattr(t, term), atol=loose, rtol=1e-7
        )
        assert f"{term} = [" in printed


def test_the_pytorch_script_is_python() -> None:
    for name in PRESETS:
        compile(export.pytorch_script(PRESETS[name].scenario), name, "exec")
