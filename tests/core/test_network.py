"""The network's gradients, against PyTorch at the same parameters and against differences."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from bnviz.core.network import ACTIVATIONS, Setting, State, Weights, forward, run_pass, start, step
from bnviz.inputs.clouds import batch

SETTINGS = {
    "usual": Setting(depth=4, width=8, batch=16),
    "tanh-layer": Setting(depth=3, width=6, batch=8, activation="tanh", norm="layer"),
    "skip-adam": Setting(depth=4, width=8, batch=8, skip=True, optimiser="adam", rate=0.01),
    "none-bias": Setting(depth=3, width=8, batch=8, norm="none", bias=True, momentum=0.9),
    "decay": Setting(depth=2, width=5, batch=6, bias=True, decay=0.01, momentum=0.5, seed=3),
    "linear": Setting(depth=3, width=4, batch=4, activation="none"),
}


def points(s: Setting, at: int) -> tuple[np.ndarray, np.ndarray]:
    return batch("spirals", s.seed, at, s.batch)


def torch_gradients(s: Setting, w: Weights, a: np.ndarray, target: np.ndarray) -> tuple[float, Any]:
    """The loss and every gradient by PyTorch's own layers and autograd, in float64."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    every = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in w.every()]
    parts = [every[i * s.depth : (i + 1) * s.depth] for i in range(4)]
    h, act = torch.tensor(a), {"relu": torch.relu, "tanh": torch.tanh, "none": lambda v: v}
    for level, (weight, bias, gamma, beta) in enumerate(zip(*parts, strict=True)):
        x = h @ weight + (bias if s.bias else 0)
        if s.norm == "batch":
            y = F.batch_norm(x, None, None, gamma, beta, training=True)
        elif s.norm == "layer":
            y = F.layer_norm(x, (s.width,), gamma, beta)
        else:
            y = x + beta
        out = act[s.activation](y)
        h = out + h if s.skip and level else out
    answer = (h @ every[-2] + every[-1])[:, 0]
    loss = F.softplus(-torch.tensor(target) * answer).mean()
    loss.backward()
    return float(loss.detach()), [
        np.zeros(v.shape) if v.grad is None else v.grad.numpy() for v in every
    ]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_gradient_is_pytorchs_at_the_same_parameters(name: str) -> None:
    s = SETTINGS[name]
    state = State(start(s, 2))
    for at in range(101):
        a, target = points(s, at)
        seen = run_pass(s, state.weights, a, target)
        if at in (0, 1, 10, 100):
            loss, right = torch_gradients(s, state.weights, a, target)
            assert seen.loss == pytest.approx(loss, rel=1e-12)
            for mine, theirs in zip(seen.gradients.every(), right, strict=True):
                size = max(np.abs(theirs).max(), 1e-12)
                np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-11 * size + 1e-14)
        state = step(s, state, seen.gradients)


@pytest.mark.parametrize("name", ["skip-adam", "decay", "none-bias"])
def test_a_step_is_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    s = SETTINGS[name]
    state = State(start(s, 2))
    theirs = [
        torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in state.weights.every()
    ]
    if s.optimiser == "adam":
        optimiser = torch.optim.Adam(theirs, lr=s.rate, weight_decay=s.decay)
    else:
        optimiser = torch.optim.SGD(theirs, lr=s.rate, momentum=s.momentum, weight_decay=s.decay)
    rng = np.random.default_rng(1)
    for _ in range(4):
        slopes = [rng.normal(size=v.shape) for v in state.weights.every()]
        for value, slope in zip(theirs, slopes, strict=True):
            value.grad = torch.tensor(slope)
        optimiser.step()
        state = step(s, state, Weights.of(slopes))
        for mine, value in zip(state.weights.every(), theirs, strict=True):
            np.testing.assert_allclose(mine, value.detach().numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize("skip", [False, True])
def test_every_gradient_is_the_slope_of_the_loss(norm: Any, skip: bool) -> None:
    s = Setting(depth=3, width=4, batch=6, activation="tanh", norm=norm, skip=skip, bias=True)
    w = start(s, 2)
    a, target = points(s, 5)
    found = run_pass(s, w, a, target).gradients.every()
    rng, h = np.random.default_rng(2), 1e-6

    def loss(values: list[np.ndarray]) -> float:
        answer = forward(s, Weights.of(values), a)
        return float(np.log1p(np.exp(-target * answer)).mean())

    frozen_gamma = range(2 * s.depth, 3 * s.depth) if norm == "none" else ()
    for index, values in enumerate(w.every()):
        if index in frozen_gamma:
            continue
        way = rng.normal(size=values.shape)
        up, down = ([v.copy() for v in w.every()] for _ in range(2))
        up[index] += h * way
        down[index] -= h * way
        slope = (loss(up) - loss(down)) / (2 * h)
        assert float((found[index] * way).sum()) == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_the_bias_in_front_of_a_norm_gets_nothing() -> None:
    s = replace(SETTINGS["usual"], bias=True)
    seen = run_pass(s, start(s, 2), *points(s, 0))
    for one, bias in zip(seen.layers, seen.gradients.bias, strict=True):
        assert np.abs(bias).max() <= 1e-13 * np.abs(one.dx).sum()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"depth": 10**6}, "depth"),
        ({"depth": 0}, "depth"),
        ({"width": 1}, "width"),
        ({"rate": float("nan")}, "rate"),
        ({"rate": float("inf")}, "rate"),
        ({"activation": "gelu"}, "activation"),
        ({"norm": "group"}, "norm"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_is_out_of_range_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Setting(**wrong)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_stands_beside_its_derivative(name: str) -> None:
    act, local = ACTIVATIONS[name]
    y, h = np.array([-2.0, -0.3, 0.4, 1.7]), 1e-6
    np.testing.assert_allclose(local(act(y)), (act(y + h) - act(y - h)) / (2 * h), atol=1e-8)


def test_the_same_seed_is_the_same_run() -> None:
    s = SETTINGS["usual"]
    made = [partial(batch, "circles", s.seed)(3, 8) for _ in range(2)]
    np.testing.assert_array_equal(made[0][0], made[1][0])
    np.testing.assert_array_equal(start(s, 2).out, start(s, 2).out)
    assert not np.array_equal(batch("circles", 1, 3, 8)[0], made[0][0])
