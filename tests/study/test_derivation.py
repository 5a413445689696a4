"""The way to one line: every move is true, on paper and in NumPy."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from bnviz.study import derivation
from bnviz.study.derivation import LOCAL, MOVES, lines, off_centre
from tests.paper import evaluate


def textbook(s: Scenario) -> np.ndarray:
    """∂L/∂x by the Jacobian, N × N for each neuron: no sum of the six equations is used."""
    n = s.shape[0]
    dx = np.empty_like(s.x)
    for j in range(s.shape[1]):
        deviation = s.x[:, j] - s.x[:, j].mean()
        inv_std = (np.square(deviation).mean() + s.eps) ** -0.5
        x_hat = deviation * inv_std
        jacobian = inv_std * (np.eye(n) - 1 / n - np.outer(x_hat, x_hat) / n)
        dx[:, j] = jacobian @ (s.gamma[j] * s.dy[:, j])
    return dx


scenarios = st.builds(
    lambda seed, n, k, gamma, eps: random_scenario(seed, n, k, 2).edit(gamma=gamma, eps=eps),
    st.integers(0, 10_000),
    st.integers(2, 12),
    st.integers(1, 3),
    st.floats(-3, 3),
    st.sampled_from([1e-5, 1e-3, 0.1, 1.0]),
)


@given(scenarios)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_every_line_is_the_gradient(s: Scenario) -> None:
    expected = textbook(s)
    t = run(s)
    for j in range(s.shape[1]):
        for line in lines(t, j):
            assert line.holds
            np.testing.assert_allclose(line.right, expected[:, j], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", PRESETS)
def test_every_line_holds_on_every_preset(name: str) -> None:
    t = run(PRESETS[name].scenario.training())
    assert all(line.holds for j in range(t.x_hat.shape[1]) for line in lines(t, j))


@pytest.mark.parametrize("index", range(len(MOVES)))
def test_a_wrong_line_is_noticed(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    code = MOVES[index].code
    wrong = code.replace(" - ", " + ", 1) if " - " in code else code.replace("-s *", "s *")
    assert wrong != code
    moves = [*MOVES]
    moves[index] = replace(moves[index], code=wrong)
    monkeypatch.setattr(derivation, "MOVES", tuple(moves))
    assert not lines(run(PRESETS["puzzle"].scenario), 0)[index].holds


def test_a_nan_never_holds() -> None:
    s = PRESETS["puzzle"].scenario
    x = s.x.copy()
    x[0, 0] = np.nan
    assert not any(line.holds for line in lines(run(s.edit(x=x)), 0))


@given(scenarios)
def test_the_zero_term_rescues_a_wrong_centre(s: Scenario) -> None:
    wrong = off_centre(run(s), 0)
    assert abs(wrong.kept.sum()) <= wrong.bound
    d = s.x[:, 0] - s.x[:, 0].mean()
    assert wrong.shift == pytest.approx(0.3 * np.sqrt(np.square(d).mean() + s.eps))
    # What is missing without it is the term itself: ∂L/∂σ² · Σ −2(x − centre)/N.
    centre = s.x[:, 0].mean() + wrong.shift
    away = s.x[:, 0] - centre
    v = np.square(away).mean() + s.eps
    dvar = (s.gamma[0] * s.dy[:, 0] * away).sum() * -0.5 * v**-1.5
    missing = dvar * -2 * away.sum() / away.size
    assert (wrong.kept - wrong.dropped).sum() == pytest.approx(missing, rel=1e-7, abs=1e-9)


def test_without_the_term_the_sum_is_not_zero() -> None:
    wrong = off_centre(run(PRESETS["puzzle"].scenario), 0)
    assert abs(wrong.dropped.sum()) > 0.1


@pytest.mark.parametrize("name", PRESETS)
def test_every_move_is_also_numpy_that_runs(name: str) -> None:
    t = run(PRESETS[name].scenario.training())
    for j, move in ((j, move) for j in range(t.x_hat.shape[1]) for move in MOVES):
        value = eval(move.code, {}, dict(derivation.names(t, j)))
        assert np.shape(value) == (t.x_hat.shape[0],)


@pytest.mark.parametrize("name", PRESETS)
def test_every_move_on_paper_is_the_gradient(name: str) -> None:
    t = run(PRESETS[name].scenario.training())
    expected = textbook(t.scenario)
    scale = max(float(np.abs(expected).max()), float((t.inv_std * np.abs(t.dx_hat)).max()))
    for j, move in ((j, move) for j in range(t.x_hat.shape[1]) for move in MOVES):
        letters = derivation.names(t, j)
        letters |= {"N": letters["n"], "x": t.scenario.x[:, j], "mean": float(t.mean[j])}
        found = evaluate(move.latex, letters | {"x_hat": t.x_hat[:, j]})
        np.testing.assert_allclose(
            found, expected[:, j], rtol=1e-9, atol=1e-9 * scale + 1e-300, err_msg=move.title
        )


# Each node of the graph as a function of those that it is computed from.
NODES: dict[str, tuple[str, Callable[[dict[str, float]], float]]] = {
    "xhat-y": ("x_hat", lambda v: v["gamma"] * v["x_hat"] + v["beta"]),
    "gamma-y": ("gamma", lambda v: v["gamma"] * v["x_hat"] + v["beta"]),
    "beta-y": ("beta", lambda v: v["gamma"] * v["x_hat"] + v["beta"]),
    "dev-xhat": ("deviation", lambda v: v["deviation"] * v["inv_std"]),
    "invstd-xhat": ("inv_std", lambda v: v["deviation"] * v["inv_std"]),
    "var-invstd": ("var", lambda v: (v["var"] + v["eps"]) ** -0.5),
    "dev-var": ("deviation", lambda v: (v["deviation"] ** 2 + v["others"]) / v["N"]),
    "mean-dev": ("mean", lambda v: v["x"] - v["mean"]),
    "x-dev": ("x", lambda v: v["x"] - v["mean"]),
    "x-mean": ("x", lambda v: (v["x"] + v["others"]) / v["N"]),
    "w-x": ("weight", lambda v: v["a"] * v["weight"] + v["others"]),
    "a-x": ("a", lambda v: v["a"] * v["weight"] + v["others"]),
}


@pytest.mark.parametrize("edge", LOCAL)
def test_local_derivatives_on_paper_are_those_of_the_edges(edge: str) -> None:
    v = {"x": 1.7, "mean": 0.4, "var": 0.8, "eps": 0.1, "N": 6.0, "n": 6.0, "gamma": 1.2}
    v |= {"beta": 0.3, "a": -0.7, "weight": 0.9, "W": 0.9, "others": 2.0}
    v |= {"deviation": v["x"] - v["mean"], "inv_std": (v["var"] + v["eps"]) ** -0.5}
    v |= {"x_hat": v["deviation"] * v["inv_std"]}
    moved, value = NODES[edge]
    step = 1e-6
    slope = value(v | {moved: v[moved] + step}) - value(v | {moved: v[moved] - step})
    assert evaluate(LOCAL[edge], v) == pytest.approx(slope / (2 * step), rel=1e-8)
