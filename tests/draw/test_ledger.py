"""What is sent to the ledger is what the trace says."""

import json

import numpy as np
import pytest

from bnviz.core.columns import MAX_SHOWN, columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw.ledger import payload, still
from bnviz.draw.river import payload as river
from bnviz.draw.scales import nice
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from tests.kinds import there


def test_cells_are_the_trace() -> None:
    t = run(PRESETS["puzzle"].scenario)
    data = payload(columns(t, View(1, 2)))
    s = t.scenario
    expected = {
        "a": there(s.a)[:, 2],
        "x": s.x[:, 1],
        "x_hat": t.x_hat[:, 1],
        "dy": s.dy[:, 1],
        "dx_hat": t.dx_hat[:, 1],
        "dx_direct": t.dx_direct[:, 1],
        "dx_via_var": t.dx_via_var[:, 1],
        "dx_via_mean": t.dx_via_mean[:, 1],
        "dx": t.dx[:, 1],
        "dweight": there(s.a)[:, 2] * t.dx[:, 1],
    }
    assert list(expected) == [c["term"] for group in still() for c in group["columns"]]
    for term, values in expected.items():
        assert data["cells"][term] == values.tolist()
        assert data["sums"][term]["v"] == pytest.approx(values.sum(), abs=1e-14)
    assert data["numbers"]["dx_via_var"]["v"] == t.dvar[1]
    assert data["numbers"]["dx_via_mean"]["v"] == t.dmean[1]
    assert data["numbers"]["dx_hat"]["v"] == 0.8


def tones(name: str, view: View) -> dict[str, str]:
    sums = payload(columns(run(PRESETS[name].scenario), view))["sums"]
    return {term: cell["tone"] for term, cell in sums.items() if cell["tone"] != "plain"}


def test_the_row_of_sums_says_what_is_true() -> None:
    zeros = {"x_hat": "zero", "dx_via_var": "zero", "dx": "zero"}
    assert tones("puzzle", View()) == zeros | {"dweight": "alive"}
    assert tones("uncorrelated", View()) == zeros | {"dweight": "zero"}
    sums = payload(columns(run(PRESETS["uncorrelated"].scenario), View()))["sums"]
    assert sums["dweight"]["note"] == "= ∂L/∂W, zero here"
    # Σ∂L/∂y is zero there as well, by the choice of numbers and not by algebra.
    assert sums["dy"]["note"] == "for these numbers"
    puzzle = payload(columns(run(PRESETS["puzzle"].scenario), View()))["sums"]
    assert puzzle["dx"]["zero"]
    assert abs(puzzle["dx"]["v"]) <= puzzle["dx"]["bound"] < 1e-13
    assert puzzle["dx_direct"]["note"] == "cancels ③"


def test_the_paths_share_a_scale() -> None:
    data = payload(columns(run(PRESETS["puzzle"].scenario), View()))
    paths = ("dx_direct", "dx_via_var", "dx_via_mean", "dx")
    assert len({data["scales"][term] for term in paths}) == 1
    for term, scale in data["scales"].items():
        assert np.abs(data["cells"][term]).max() <= scale


@pytest.mark.parametrize("size", [3e-7, 0.999, 1.0, 1.01, 7.3, 9.2, 4e12])
def test_a_scale_is_round_and_close(size: float) -> None:
    assert size <= nice(size) <= 1.7 * size


def test_a_large_batch_shows_the_rows_that_matter_and_sums_all() -> None:
    s = random_scenario(1, 40, 2, 2)
    t = run(s)
    data = payload(columns(t, View()))
    assert len(data["rows"]) == MAX_SHOWN
    assert data["n"] == 40
    assert data["hidden"].startswith("16 of 40 samples are shown")
    assert payload(columns(t, View()), rows=[3, 5])["rows"] == [3, 5]
    hidden = set(range(40)) - set(data["rows"])
    size = np.abs(t.dx[:, 0])
    assert size[data["rows"]].min() >= size[list(hidden)].max()
    assert data["sums"]["dy"]["v"] == pytest.approx(s.dy[:, 0].sum())


@pytest.mark.parametrize("x", [1e100, 1e-300, 0.0])
@pytest.mark.parametrize("eps", [0.0, 1e-5])
def test_json_at_the_edges(x: float, eps: float) -> None:
    s = Scenario([[x], [-x], [x / 2]], [[1e100], [2.0], [3.0]], eps=eps, a=[[1e100], [1.0], [2.0]])
    c = columns(run(s), View())
    json.dumps([payload(c), river(c)], allow_nan=False)
