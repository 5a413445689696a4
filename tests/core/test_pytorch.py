"""bnviz beside PyTorch, whose answers record_pytorch.py wrote to pytorch.json."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import ArrayLike, NDArray

import bnviz
from bnviz.core.arrays import Array
from bnviz.core.trace import Trace
from tests.kinds import Arguments, there

Table = NDArray[np.floating]

RECORD = json.loads(Path(__file__).with_name("pytorch.json").read_text(encoding="utf-8"))
CASES = RECORD["cases"]
ROUNDING = 1e-13
pytestmark = pytest.mark.filterwarnings("error")


def in_front(case: Arguments) -> bool:
    return "a" in case["given"]


def traced(case: Arguments) -> Trace:
    return bnviz.trace(**{"x": None, **case["given"]})


def dx_scale(case: Arguments) -> Array:
    """s·Σ|∂L/∂x̂| for each column: what rounding in ∂L/∂x is measured by."""
    arrays = {n: np.array(v) for n, v in case["given"].items()}
    given: Arguments = {"gamma": 1.0, "eps": 1e-5, **arrays}
    x = given["x"] if "x" in given else given["a"] @ given["weight"] + given["bias"]
    s = 1 / np.sqrt(x.var(axis=0) + given["eps"])
    # With γ = 0 the answer is exactly 0, and so is the bound.
    scale: Array = s * np.abs(given["gamma"] * given["dy"]).sum(axis=0)
    return scale


def holds(got: Table, expected: ArrayLike, bound: Array) -> None:
    expected = np.array(expected)
    assert got.shape == expected.shape
    difference = np.abs(got - expected)
    assert (difference <= bound).all(), f"off by {difference}, the bound is {bound}"


def test_record_covers_what_it_says() -> None:
    assert len(CASES) >= 8
    assert 2 <= sum(map(in_front, CASES.values())) < len(CASES)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_forward(case: Arguments) -> None:
    assert_allclose(traced(case).y, case["pytorch"]["y"], rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_gradients_of_the_norm(case: Arguments) -> None:
    t, theirs = traced(case), case["pytorch"]
    upstream = np.abs(case["given"]["dy"]).sum(axis=0)
    holds(t.dx, theirs["dx"], ROUNDING * dx_scale(case))
    holds(t.dx_simplified, theirs["dx"], ROUNDING * dx_scale(case))
    holds(t.dgamma, theirs["dgamma"], ROUNDING * upstream)
    holds(t.dbeta, theirs["dbeta"], ROUNDING * upstream)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_lean_gradients(case: Arguments) -> None:
    if in_front(case):
        a, weight, bias = (np.array(case["given"][name]) for name in ("a", "weight", "bias"))
        x = a @ weight + bias
    else:
        x = case["given"]["x"]
    rest = {name: v for name, v in case["given"].items() if name in ("gamma", "eps")}
    dx, dgamma, dbeta = bnviz.gradients(x, case["given"]["dy"], **rest)
    upstream = np.abs(case["given"]["dy"]).sum(axis=0)
    holds(dx, case["pytorch"]["dx"], ROUNDING * dx_scale(case))
    holds(dgamma, case["pytorch"]["dgamma"], ROUNDING * upstream)
    holds(dbeta, case["pytorch"]["dbeta"], ROUNDING * upstream)


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=name) for name, c in CASES.items() if in_front(c)]
)
def test_gradients_of_the_layer_in_front(case: Arguments) -> None:
    t, theirs = traced(case), case["pytorch"]
    bound = ROUNDING * dx_scale(case)
    a, weight = np.array(case["given"]["a"]), np.array(case["given"]["weight"])
    holds(there(t.dweight), theirs["dweight"], bound * np.abs(a).max(axis=0)[:, None])
    holds(there(t.dbias), theirs["dbias"], bound)
    holds(there(t.da), theirs["da"], bound @ np.abs(weight).T)
