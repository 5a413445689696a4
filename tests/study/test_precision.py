"""Few digits: where the zero sum stays perfect while the gradient is wrong."""

import math

import numpy as np
import pytest

from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.presets import PRESETS
from bnviz.study.precision import DTYPES, VARIANCES, passes, textbook

OFFSET = PRESETS["offset"].scenario


@pytest.mark.parametrize("name", ["puzzle", "layer", "shifted", "uncorrelated"])
def test_ordinary_numbers_are_right_to_the_precision(name: str) -> None:
    for found in passes(run(PRESETS[name].scenario.training()), 0):
        assert found.error < 20 * found.digits
        assert found.residue < 20 * found.digits


def test_six_passes_in_order() -> None:
    found = passes(run(PRESETS["puzzle"].scenario), 1)
    assert [(p.dtype, p.variance) for p in found] == [(d, v) for d in DTYPES for v in VARIANCES]


def test_a_large_offset_ruins_float32_and_the_sum_does_not_notice() -> None:
    t = run(OFFSET)
    ruined = textbook(t, 0, "float32", "one")
    assert ruined.residue < 1e-5  # perfect, for float32
    assert ruined.error > 0.1  # garbage
    careful = textbook(t, 0, "float32", "two")
    assert careful.error < 0.01
    assert textbook(t, 0, "float64", "two").error < 1e-11


def test_the_variance_is_the_one_it_says() -> None:
    t = run(OFFSET)
    x = OFFSET.x[:, 0].astype(np.float32)
    one = np.float32((x * x).sum(dtype=np.float32) / 6) - np.float32(x.sum() / 6) ** 2
    assert textbook(t, 0, "float32", "one").var == pytest.approx(float(one), abs=16)
    exact = np.var(OFFSET.x[:, 0])
    assert textbook(t, 0, "float64", "two").var == pytest.approx(exact, rel=1e-9)


def test_overflow_is_nan_and_no_warning() -> None:
    found = textbook(run(Scenario([[1e30], [-1e30]], [[1.0], [2.0]])), 0, "float32", "two")
    assert found.var == np.inf
    assert not found.dx.any()
    half = textbook(
        run(Scenario([[1e6], [-1e6], [0.0]], [[1.0], [2.0], [0.0]])), 0, "float16", "two"
    )
    assert np.isnan(half.error)


def test_no_gradient_at_all() -> None:
    found = textbook(run(Scenario([[1.0], [2.0]], [[0.0], [0.0]])), 0, "float32", "two")
    assert found.residue == 0
    assert found.error == 0


def by_the_six(x: Array, dy: Array, gamma: float, eps: float) -> list[float]:
    """Equations 1 to 4 of the paper, number by number, as Python's own floats round."""
    n = len(x)
    mean = math.fsum(x) / n
    var = math.fsum((v - mean) ** 2 for v in x) / n
    s = 1 / math.sqrt(var + eps)
    g = [gamma * v for v in dy]
    dvar = math.fsum(b * (v - mean) for b, v in zip(g, x, strict=True)) * -0.5 * s**3
    via_var = dvar * math.fsum(-2 * (v - mean) for v in x) / n
    dmean = -s * math.fsum(g) + via_var
    return [b * s + dvar * 2 * (v - mean) / n + dmean / n for b, v in zip(g, x, strict=True)]


def test_what_is_named_six_equations_is_computed_by_six_equations() -> None:
    """About a mean that is rounded, the second piece of ∂L/∂μ repairs the sum.

    The one-line form has no such piece: on the large offset it is off in the second digit of
    its rounding, and its sum with it.
    """
    s = PRESETS["offset"].scenario
    t = run(s)
    found = textbook(t, 0, "float64", "two")
    ours = np.array(by_the_six(s.x[:, 0], s.dy[:, 0], float(s.gamma[0]), s.eps))
    g, x_hat = t.dx_hat[:, 0], (s.x[:, 0] - s.x[:, 0].mean()) * t.inv_std[0]
    line = t.inv_std[0] * (g - g.mean() - x_hat * (g * x_hat).mean())
    assert np.abs(found.dx - ours).max() < 0.3 * np.abs(line - ours).max()
