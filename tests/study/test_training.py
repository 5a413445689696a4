"""A run: its gradients against PyTorch at the same parameters, its shares, its way back."""

from __future__ import annotations

import importlib.util
import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bnviz
from bnviz.core.network import norm, optimisers
from bnviz.core.network.model import backward, forward, parameters
from bnviz.core.network.settings import Settings
from bnviz.study.training import Fault
from tests.study.record_pytorch_network import (
    NETWORKS,
    OUTPUT,
    STEPS,
    a_walk,
    made,
    own_gradients,
    torch_gradients,
)

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="recorded answers stand in for PyTorch"
)
RECORDED = json.loads(OUTPUT.read_text(encoding="utf-8"))


def same(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert mine.keys() == theirs.keys()
    for name, told in theirs.items():
        right = np.asarray(told)
        # Layer by layer: a deep net's gradients span many sizes.
        layers = zip(mine[name], right, strict=True) if right.ndim == 3 else [(mine[name], right)]
        for layer, (one, two) in enumerate(layers):
            scale = np.abs(two).max()
            if name == "bias" and scale < 1e-13:
                scale = 1.0  # 0 but for rounding in both
            np.testing.assert_allclose(
                one, two, rtol=0, atol=2e-10 * scale, err_msg=f"{name} {layer}"
            )


@needs_torch
@pytest.mark.parametrize("name", NETWORKS)
def test_every_gradient_is_pytorchs_at_the_same_parameters(name: str) -> None:
    run = made(**({"depth": 6, "width": 8, "batch": 32} | NETWORKS[name])).train(STEPS[-1])
    assert run.fault is None
    for step in STEPS:
        p, held = run.at(step)
        assert (held is not None) == (name.startswith("frozen") and step >= 5)
        right = torch_gradients(run.settings, p, *run.batch(step), held)
        same(own_gradients(run, step), right)
        assert run.losses[step] == pytest.approx(float(right["loss"]), rel=1e-12)
        dx = np.sqrt(np.square(right["dx"]).mean(axis=(1, 2)))
        np.testing.assert_allclose(run.quantity("dx")[step], dx, rtol=1e-6)


@pytest.mark.parametrize("number", range(len(RECORDED["networks"])))
def test_every_gradient_is_what_pytorch_was_recorded_to_give(number: int) -> None:
    case = RECORDED["networks"][number]
    s = Settings(**case["settings"])
    inputs, labels = np.array(case["inputs"]), np.array(case["labels"])
    p = parameters(s, inputs.shape[1], 2, np.array(case["vector"]))
    gradient = parameters(s, inputs.shape[1], 2)
    seen = forward(s, p, inputs, labels)
    backward(s, p, seen, labels, gradient, held=False)
    mine = {"loss": seen.loss, "da": np.stack(seen.da[1:]), "dinput": seen.da[0]}
    mine |= {name: getattr(seen, name) for name in ("dx", "dx_hat", "dy", "dz")}
    names = ("first", "weight", "bias", "gamma", "beta", "last", "offset")
    mine |= {name: g for name in names if (g := getattr(gradient, name)).size}
    same(mine, {k.removeprefix("torch_"): v for k, v in case.items() if k.startswith("torch_")})


@pytest.mark.parametrize("kind", RECORDED["moves"])
def test_optimisers_move_as_pytorchs(kind: str) -> None:
    w, gradients = a_walk()
    kept = optimisers.memory(kind, w.size)
    for step, (gradient, right) in enumerate(zip(gradients, RECORDED["moves"][kind], strict=True)):
        optimisers.move(kind, w, gradient, kept, step, 0.1, 0.01)
        np.testing.assert_allclose(w, right, rtol=1e-12)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.sampled_from([0, 1, 1e4, 1e12]),
    st.integers(-155, 155),
    st.integers(-155, 150),
)
def test_the_quick_norm_gives_the_digits_of_the_careful_one(
    seed: int, n: int, offset: float, size: int, steep: int
) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(n, 3)) + offset) * 10.0**size
    x[:, 1] = x[0, 1]
    dy = rng.normal(size=(n, 3)) * 10.0**steep
    with np.errstate(all="ignore"):
        x_hat, inv_std, mean, _ = norm.standardised(x)
        dx = norm.back(dy, x_hat, inv_std)
    t = bnviz.trace(x, dy, eps=norm.EPS)
    np.testing.assert_array_equal(x_hat, t.x_hat)
    np.testing.assert_array_equal(inv_std, t.inv_std)
    np.testing.assert_array_equal(mean, t.mean)
    np.testing.assert_array_equal(dx, bnviz.gradients(x, dy)[0])


@given(st.integers(0, 99), st.sampled_from(["relu", "tanh", "none"]),
       st.sampled_from(["batch", "none", "layer"]), st.booleans(), st.booleans())  # fmt: skip
def test_gradients_are_finite_differences(
    seed: int, activation: str, norm_: str, skip: bool, bias: bool
) -> None:
    run = made(depth=3, width=4, batch=8, seed=seed, activation=activation, norm=norm_, skip=skip,
               bias=bias)  # fmt: skip
    s, (inputs, labels) = run.settings, run.batch(0)
    rng = np.random.default_rng(seed)
    run.now.vector[:] += rng.normal(size=run.now.vector.shape) * 0.1
    way = rng.normal(size=run.now.vector.shape)
    backward(s, run.now, forward(s, run.now, inputs, labels), labels, run.gradient, held=False)
    slope = float(run.gradient.vector @ way)

    def loss(h: float) -> float:
        return forward(s, run._views(run.now.vector + h * way), inputs, labels).loss

    # A kink between the two points shows as a difference of halves; smaller steps get past it.
    off = min(abs((loss(h) - loss(-h)) / (2 * h) - slope) for h in (1e-4, 1e-5, 1e-6))
    assert off <= 2e-6 * (1 + abs(slope))


@pytest.mark.parametrize("norm_", ["batch", "layer", "none", "frozen"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_what_is_lost_adds_up_to_what_is_left(norm_: str, activation: str) -> None:
    run = made(depth=5, width=7, batch=9, norm=norm_, activation=activation, data="noise").train(3)
    _, seen = run.look(3)
    stopped, one, hat, handed = run.rows[3, 1:5]
    left = 1 - stopped - one - hat
    for layer in range(5):
        dy, dz, g = seen.dy[layer], seen.dz[layer], seen.dx_hat[layer]
        arrives = np.square(dz).sum()
        if norm_ in ("batch", "layer"):
            # The projection itself: onto the complement of span{1, x̂}, at ε = 0.
            columns = g if norm_ == "batch" else g.T
            hats = seen.x_hat[layer] if norm_ == "batch" else seen.x_hat[layer].T
            kept = 0.0
            for column, x_hat in zip(columns.T, hats.T, strict=True):
                basis, _ = np.linalg.qr(np.column_stack([np.ones_like(column), x_hat]))
                kept += np.square(column - basis @ (basis.T @ column)).sum()
            share = kept / np.square(g).sum()
        else:
            share = 1.0
        assert left[layer] == pytest.approx(
            np.square(dy).sum() / arrives * share, rel=2e-3, abs=1e-5
        )
        assert handed[layer] == pytest.approx(np.square(seen.da[layer]).sum() / arrives, rel=1e-5)
    if activation == "relu":
        assert stopped[0] == pytest.approx(
            np.square(seen.dz[0][seen.z[0] == 0]).sum() / np.square(seen.dz[0]).sum(), rel=1e-5
        )


def test_weights_are_measured_as_they_are() -> None:
    run = made(depth=3, width=5, batch=8).train(4)
    p, _ = run.look(4)
    for layer in range(3):
        w, w0 = p.weight_of(layer), run.start.weight_of(layer)
        cosines = (w * w0).sum(0) / np.linalg.norm(w, axis=0) / np.linalg.norm(w0, axis=0)
        assert run.quantity("length")[4, layer] == pytest.approx(np.linalg.norm(w))
        turn = np.degrees(np.arccos(cosines)).mean()
        assert run.quantity("turn")[4, layer] == pytest.approx(turn, rel=1e-5)
        # Given back: first directions at today's lengths, today's directions at first lengths.
        directions = run.given_back(p, "directions").weight_of(layer)
        np.testing.assert_allclose(np.linalg.norm(directions, axis=0), np.linalg.norm(w, axis=0))
        np.testing.assert_allclose(
            directions / np.linalg.norm(directions, axis=0), w0 / np.linalg.norm(w0, axis=0)
        )
        lengths = run.given_back(p, "lengths").weight_of(layer)
        np.testing.assert_allclose(np.linalg.norm(lengths, axis=0), np.linalg.norm(w0, axis=0))
        np.testing.assert_allclose(lengths / np.linalg.norm(lengths, axis=0),
                                   w / np.linalg.norm(w, axis=0))  # fmt: skip
    assert (run.quantity("turn")[0] == 0).all()
    growth = np.square(run.quantity("length")[1:]) - np.square(run.quantity("length")[:-1])
    paid = run.settings.rate**2 * run.quantity("dweight")[:-1]
    np.testing.assert_allclose(growth, paid, rtol=0.02, atol=1e-4)


def test_a_run_comes_back_to_any_step_digit_for_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"depth": 3, "width": 4, "batch": 8, "optimiser": "adam", "norm": "frozen"}
    whole = made(**chosen, freeze=9).train(33)
    monkeypatch.setattr("bnviz.study.training._CHECKPOINTS", 4000)
    thinned = made(**chosen, freeze=9).train(33)
    assert len(thinned._checkpoints) < len(whole._checkpoints)
    np.testing.assert_array_equal(whole.rows, thinned.rows)
    for step in (0, 7, 8, 9, 10, 32, 33):
        stopped = made(**chosen, freeze=9).train(step)
        for run in (whole, thinned):
            np.testing.assert_array_equal(run.at(step)[0].vector, stopped.now.vector)


@pytest.mark.parametrize(
    ("chosen", "way"),
    [
        (
            {"rate": 9.0, "norm": "none", "activation": "none", "depth": 8},
            {"forward", "back", "weights", "square"},
        ),
        ({"skip": True, "depth": 30, "rate": 10.0}, {"forward", "back", "weights", "square"}),
    ],
)
def test_an_overflow_is_named_where_it_was_first(chosen: dict[str, Any], way: set[str]) -> None:
    run = made(**chosen).train(400)
    assert isinstance(run.fault, Fault)
    assert run.fault.way in way
    assert run.fault.step == run.steps + 1
    assert np.isfinite(run.losses).all()
    assert np.isfinite(run.rows).all()
    assert run.done
    assert run.train(500).steps == run.fault.step - 1


def test_memory_stays_within_its_bound() -> None:
    run = made(depth=30, width=64, batch=8, optimiser="adam").train(3)
    state = run._checkpoints[0].size
    run.train(2 * (16 * 2**20 // state))
    assert len(run._checkpoints) * state <= 16 * 2**20
    tracemalloc.start()
    large = made(depth=30, width=64, batch=256, optimiser="adam", bias=True).train(2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    per_step = (large.rows.nbytes + 24 * 3) / 3
    # Growing, the rows are there once and a half; of the checkpoints three are in the peak.
    assert peak - 3 * state + 16 * 2**20 + 1.5 * 2048 * per_step <= 64 * 2**20


@pytest.mark.parametrize(
    ("name", "value"),
    [("depth", 10**6), ("depth", 2.5), ("depth", 10**400), ("rate", float("nan")), ("rate", "x"),
     ("rate", -1), ("norm", "x"), ("skip", 3), ("batch", 1), ("width", None), ("seed", True - 2)],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be "):
        Settings(**{name: value})


def test_the_last_step_before_an_overflow_is_looked_at_with_its_own_weights() -> None:
    run = bnviz.network(
        25, depth=6, width=12, batch=2, seed=5, norm="frozen", freeze=1, skip=True,
        optimiser="momentum", rate=0.1, data="xor",
    )  # fmt: skip
    assert run.fault is not None
    dx = run.look(run.steps)[1].dx
    sizes = [np.sqrt(np.square(layer).mean()) for layer in dx]
    np.testing.assert_allclose(sizes, run.quantity("dx")[run.steps], rtol=1e-9)
