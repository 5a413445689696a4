"""Each preset's surprise is true of its numbers."""

import numpy as np
import pytest

from bnviz.core.scenario import MAX_INPUTS, MAX_NEURONS, MAX_ROWS
from bnviz.core.trace import Trace, run
from bnviz.inputs.link import encode
from bnviz.inputs.presets import DEFAULT, PRESETS, matching
from tests.kinds import there


def trace_of(name: str) -> Trace:
    return run(PRESETS[name].scenario)


@pytest.mark.parametrize("name", PRESETS)
def test_fits_the_page_and_is_found_again(name: str) -> None:
    s = PRESETS[name].scenario
    n, k = s.shape
    assert 1 <= n <= MAX_ROWS
    assert 1 <= k <= MAX_NEURONS
    assert 1 <= s.d <= MAX_INPUTS
    assert matching(s) == name
    assert matching(s.edit(eps=0.5)) is None
    assert bool(encode(s, PRESETS[name].view)) == (name != DEFAULT)
    assert PRESETS[name].view == PRESETS[name].view.within(s)


def test_puzzle() -> None:
    t = trace_of("puzzle")
    view = PRESETS["puzzle"].view
    assert abs(there(t.dweight)[view.input, view.neuron]) == np.abs(there(t.dweight)).max()
    assert (np.abs(t.dx) > 0.01).all()
    assert np.abs(t.dx.sum(axis=0)).max() < 1e-14
    assert (np.abs(there(t.dweight)) > 0.1).all()


def test_layer_in_front() -> None:
    t = trace_of("layer")
    assert t.scenario.computed
    assert np.abs(there(t.dbias)).max() < 1e-14
    assert (np.abs(there(t.dweight)) > 0.1).all()


def test_two_samples() -> None:
    t = trace_of("two")
    s = t.scenario
    # Half-gap h, g = (1, -1): -∂L/∂x₂ = ε/(h² + ε)^(3/2).
    assert t.dx[0, 0] == pytest.approx(1e-5 / (0.05**2 + 1e-5) ** 1.5, rel=1e-9)
    wide = run(s.edit(x=s.x * 10)).dx[0, 0]
    narrow = run(s.edit(x=s.x * 0)).dx[0, 0]
    assert wide < 1e-4
    assert narrow > 300
    assert (np.sign(t.x_hat) == np.sign(run(s.edit(x=s.x * 10)).x_hat)).all()
    np.testing.assert_allclose(np.abs(t.x_hat), 1.0, rtol=3e-3)


def test_one_sample() -> None:
    t = trace_of("one")
    assert not t.x_hat.any()
    assert not t.dx.any()
    assert not there(t.dweight).any()
    assert t.scenario.dy.all()


def test_losses() -> None:
    t = trace_of("losses")
    y = t.y
    np.testing.assert_array_equal(t.scenario.dy[:, 0], 1.0)
    np.testing.assert_allclose(t.scenario.dy[:, 1], 2 * y[:, 1], rtol=1e-15)
    np.testing.assert_allclose(t.scenario.dy[:, 2], 3 * y[:, 2] ** 2, rtol=1e-15)
    size = np.abs(t.dx).max(axis=0)
    assert size[0] < 1e-14
    assert size[1] < 1e-4
    assert size[2] > 0.1


def test_constant_column() -> None:
    t = trace_of("constant")
    g = t.scenario.dy
    assert (t.scenario.x == 0.1).all()
    assert not t.x_hat.any()
    np.testing.assert_allclose(t.dx, (g - g.mean(axis=0)) / np.sqrt(1e-5), rtol=1e-12)
    assert np.abs(t.dx).max() > 100 * np.abs(g).max()


def test_shifted_inputs() -> None:
    t, puzzle = trace_of("shifted"), trace_of("puzzle")
    np.testing.assert_allclose(there(t.scenario.a), there(puzzle.scenario.a) + 10)
    np.testing.assert_allclose(there(t.dweight), there(puzzle.dweight), atol=1e-12)
    largest = np.abs(there(t.dweight_per_sample)).max()
    assert largest > 4 * np.abs(there(puzzle.dweight_per_sample)).max()


def test_uncorrelated_upstream() -> None:
    t = trace_of("uncorrelated")
    assert np.abs(t.dx).min() > 0.3
    assert np.abs(there(t.dweight)).max() < 1e-14
    assert np.ptp(there(t.scenario.a), axis=0).min() > 1  # not for want of variety in a


def test_dead_bias() -> None:
    t = trace_of("dead")
    assert (there(t.scenario.a)[:, 0] == 1).all()
    assert np.abs(there(t.dweight)[0]).max() < 1e-14
    assert np.abs(there(t.dweight)[1:]).min() > 0.1
    np.testing.assert_array_equal(t.dx, trace_of("puzzle").dx)


def test_large_offset() -> None:
    t, puzzle = trace_of("offset"), trace_of("puzzle")
    np.testing.assert_allclose(t.scenario.x[:, 0] - 1e4, puzzle.scenario.x[:, 0], atol=1e-11)
    np.testing.assert_allclose(t.dx[:, 0], puzzle.dx[:, 0], atol=1e-11)
    # The rest of its surprise: test_precision.py.


def test_frozen_statistics() -> None:
    frozen = trace_of("frozen")
    s = frozen.scenario
    trained = run(s.training())
    np.testing.assert_allclose(frozen.y, trained.y, rtol=1e-13)
    # γ · s · ∂L/∂y, with the s of the statistics that are held.
    np.testing.assert_allclose(frozen.dx, s.dy / np.sqrt(s.x.var() + s.eps), rtol=1e-13)
    assert np.abs(trained.dx).max() < 0.15 * np.abs(frozen.dx).min()
    assert abs(frozen.dx.sum()) > 5
    assert np.abs(trained.dx.sum()) < 1e-14


def test_biased_or_unbiased() -> None:
    t = trace_of("three")
    assert t.var[0] == pytest.approx(2 / 3)
    assert t.scenario.x[:, 0].var(ddof=1) == 1
