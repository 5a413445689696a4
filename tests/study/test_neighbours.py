"""The neighbours against automatic differentiation, PyTorch, and their own groups."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.presets import PRESETS
from bnviz.study import neighbours
from bnviz.study.neighbours import NORMS, group_sums, groupings, images, neighbour
from tests.kinds import Arguments, Traced

RECORD = json.loads(Path(__file__).with_name("pytorch_norms.json").read_text(encoding="utf-8"))


def scenario(seed: int, n: int, k: int, eps: float = 1e-3) -> Scenario:
    rng = np.random.default_rng(seed)
    return Scenario(
        rng.normal(0.5, 2, (n, k)),
        rng.normal(size=(n, k)),
        rng.normal(size=k),
        rng.normal(size=k),
        eps,
    )


def textbook(name: str, x: Traced, s: Scenario) -> Traced:
    """y of one normalisation, written out over its axes as its paper has it."""
    n, k = s.shape
    m = images(n)
    if name in ("frozen", "eval"):
        mean, var = s.x.mean(axis=0), s.x.var(axis=0)
        if name == "eval":
            mean, var = 0.1 * mean, 0.9 + 0.1 * var * n / (n - 1)
        return s.gamma * (x - mean) / np.sqrt(var + s.eps) + s.beta
    if name == "rms":
        return s.gamma * x / anp.sqrt(anp.mean(x**2, axis=1, keepdims=True) + s.eps) + s.beta
    groups = neighbours.channel_groups(k)
    shape, axes = {
        "batch": ((n, k), 0),
        "conv": ((m, n // m, k), (0, 1)),
        "layer": ((n, k), 1),
        "instance": ((m, n // m, k), 1),
        "group": ((m, n // m, groups, k // groups), (1, 3)),
    }[name]
    table = anp.reshape(x, shape)
    away = table - anp.mean(table, axis=axes, keepdims=True)
    x_hat = away / anp.sqrt(anp.mean(away**2, axis=axes, keepdims=True) + s.eps)
    return s.gamma * anp.reshape(x_hat, (n, k)) + s.beta


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("shape", [(6, 2), (6, 4), (8, 3), (5, 2), (2, 1)])
def test_against_automatic_differentiation(name: str, shape: tuple[int, int]) -> None:
    s = scenario(3, *shape)
    found = neighbour(s, name)
    np.testing.assert_allclose(found.y, textbook(name, s.x, s), rtol=1e-11, atol=1e-12)
    slope = grad(lambda x: anp.sum(s.dy * textbook(name, x, s)))(s.x)
    np.testing.assert_allclose(found.dx, slope, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("case", RECORD["cases"], ids=lambda c: f"{c['norm']} {c['shape']}")
def test_against_pytorch(case: Arguments) -> None:
    s = Scenario(**{name: case[name] for name in ("x", "dy", "gamma", "beta", "eps")})
    found = neighbour(s, case["norm"])
    np.testing.assert_allclose(found.y, case["y"], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.dx, case["dx"], rtol=1e-10, atol=1e-12)


def test_the_record_has_every_norm() -> None:
    assert {case["norm"] for case in RECORD["cases"]} == set(NORMS) - {"frozen"}


# By derivation: ∂L/∂x sums to 0 over the groups that share a mean, and unions of them.
ZERO = {
    "batch": {"batch"},
    "conv": {"batch"},
    "frozen": set(),
    "eval": set(),
    "layer": {"sample", "group"},
    "instance": {"image", "group", "batch"},
    "group": {"group"},
    "rms": set(),
}


@pytest.mark.parametrize("name", NORMS)
def test_which_sums_vanish(name: str) -> None:
    s = scenario(11, 6, 3)
    sums = group_sums(s, neighbour(s, name))
    assert {group for group, total in sums.items() if total.vanishes} == ZERO[name]
    for group, total in sums.items():
        assert abs(total.value) < 1e-13 or abs(total.value) > 1e-4, (group, total)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 4))
def test_each_norm_sums_to_zero_over_its_own_groups(seed: int, n: int, k: int) -> None:
    s = scenario(seed, n, k)
    for name in ("batch", "conv", "layer", "instance", "group"):
        assert group_sums(s, neighbour(s, name))[NORMS[name].groups].vanishes, name


def test_a_broken_norm_is_not_called_zero() -> None:
    s = scenario(5, 6, 4)
    right = neighbour(s, "group")
    bent = replace(right, dx=right.dx + 1e-9)
    assert not group_sums(s, bent)["group"].vanishes


def test_same_y_another_gradient() -> None:
    s = PRESETS["puzzle"].scenario
    train, frozen = neighbour(s, "batch"), neighbour(s, "frozen")
    np.testing.assert_array_equal(train.y, frozen.y)
    np.testing.assert_allclose(frozen.dx, run(s).dx_direct, rtol=1e-13)
    assert np.abs(train.dx - frozen.dx).max() > 0.1


def test_groups_are_equal_parts_of_everything() -> None:
    for n in range(1, 20):
        for k in range(1, 5):
            for name, labels in groupings(n, k).items():
                counts = np.bincount(labels.ravel())
                assert counts.sum() == n * k
                assert (counts == counts[0]).all(), (name, n, k)


def test_running_statistics_use_the_unbiased_variance() -> None:
    s = PRESETS["three"].scenario
    mean, var = neighbours.running(s)
    assert mean[0] == 0
    assert var[0] == pytest.approx(0.9 + 0.1 * 1.0)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", NORMS)
def test_every_preset_has_finite_neighbours(preset: str, name: str) -> None:
    s = PRESETS[preset].scenario.training()
    for case in (s, s.edit(eps=0.0)):
        found = neighbour(case, name)
        assert np.isfinite(found.y).all()
        assert np.isfinite(found.dx).all()


def of_neuron(x: Sequence[float], dy: Sequence[float], **more: float) -> Scenario:
    return Scenario(np.array(x, float)[:, None], np.array(dy, float)[:, None], **more)


def test_sums_are_judged_by_the_scale_the_norm_has_used() -> None:
    equal = of_neuron([0.1] * 3, [1, 2, 3], eps=0.0)
    assert not group_sums(equal, neighbour(equal, "eval"))["batch"].vanishes
    narrow = of_neuron([0.5, 0.5 + 1e-14, 0.5 - 1e-14], [1, 2, 3], eps=0.0)
    assert not group_sums(narrow, neighbour(narrow, "eval"))["batch"].vanishes
    far = Scenario(np.full((3, 2), 1e10), [[0.9, 0.4], [-0.6, 0.3], [0.3, 0.1]])
    assert not group_sums(far, neighbour(far, "rms"))["batch"].vanishes
    single = PRESETS["offset"].scenario.edit(eps=0.0)  # RMS of one number: ±1, no gradient
    assert all(total.vanishes for total in group_sums(single, neighbour(single, "rms")).values())


def test_one_sample_leaves_the_running_statistics_alone() -> None:
    mean, var = neighbours.running(PRESETS["one"].scenario)
    assert mean.tolist() == [0, 0]
    assert var.tolist() == [1, 1]


@pytest.mark.parametrize("name", PRESETS)
def test_the_sum_that_is_shown_is_the_largest_that_is_not_0(name: str) -> None:
    s = PRESETS[name].scenario.training()
    for norm in NORMS:
        result = neighbour(s, norm)
        for kind, shown in group_sums(s, result).items():
            labels = groupings(*s.shape)[kind]
            sums = [float(result.dx[labels == label].sum()) for label in range(labels.max() + 1)]
            if not shown.vanishes:
                assert abs(shown.value) == pytest.approx(max(map(abs, sums)), rel=1e-9)
