"""The quick way through a large batch: taken where it may be, and right to float64 inside."""

from collections.abc import Callable

import numpy as np
import pytest

import bnviz
from bnviz.core import closed_form
from bnviz.core.arrays import Array
from bnviz.core.closed_form import _in_blocks
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run

GAMMA = np.array([1.5, -0.5, 0.25])


def batch(n: int, offset: float = 0.0, scale: float = 1.0) -> tuple[Array, Array]:
    """x and ∂L/∂y of which float32 holds every digit."""
    rng = np.random.default_rng(n)
    x = np.ldexp(rng.integers(-(2**10), 2**10, (n, 3)), -10) + offset
    return x * scale, np.ldexp(rng.integers(-(2**10), 2**10, (n, 3)), -9)


@pytest.mark.parametrize("eps", [1e-5, 0.0, 2.0])
@pytest.mark.parametrize("offset", [0.0, 0.25, 100.0, -4.0])
@pytest.mark.parametrize("n", [1, 63, 97, 2**7, 2**16 + 16, 90_001])
def test_it_is_the_trace_of_the_same_batch(n: int, offset: float, eps: float) -> None:
    """Folded by sixteen, by less and not at all; one block, many, and a last one of few rows."""
    x, dy = batch(n, offset)
    quick = _in_blocks(x.astype(np.float32), dy.astype(np.float32), GAMMA, eps)
    if n == 1:
        assert quick is None  # no spread
        return
    assert quick is not None
    t = run(Scenario(x, dy, GAMMA, eps=eps))
    dx, dgamma, dbeta = quick
    size = t.inv_std * np.abs(t.dx_hat).max(axis=0)
    assert (np.abs(dx - t.dx) <= 2.0**-24 * np.abs(t.dx) + 1e-12 * size * (1 + abs(offset))).all()
    np.testing.assert_allclose(dgamma, t.dgamma, rtol=0, atol=1e-12 * n)
    np.testing.assert_allclose(dbeta, t.dbeta, rtol=0, atol=1e-12 * n)


NEEDS_CARE: dict[str, Callable[[Array], Array]] = {
    "a nan": lambda x: np.where(np.arange(len(x))[:, None] == 5, np.nan, x),
    "an inf": lambda x: np.where(np.arange(len(x))[:, None] == 5, np.inf, x),
    "no spread in one column": lambda x: x * [1, 0, 1] + 0.125,
    "far from its first rows": lambda x: x + 1e3 * (np.arange(len(x)) >= 64)[:, None],
    "a variance below 1e-20": lambda x: x * [1, 1, 2.0**-40],
    "a variance above 1e20": lambda x: x * [1, 2.0**40, 1],
}


@pytest.mark.parametrize("case", NEEDS_CARE)
def test_what_needs_care_is_left_to_the_careful_way(case: str) -> None:
    x, dy = batch(700_000 if case == "far from its first rows" else 8192)
    bent, upstream = NEEDS_CARE[case](x).astype(np.float32), dy.astype(np.float32)
    with np.errstate(invalid="ignore"):
        assert _in_blocks(bent, upstream, GAMMA, 1e-5) is None
    dx, _, _ = bnviz.gradients(bent, upstream, GAMMA)
    t = run(Scenario(bent, dy, GAMMA))
    size = t.inv_std * np.abs(t.dx_hat).max(axis=0)
    sound = np.isfinite(t.dx)
    assert (np.abs(dx - t.dx) <= 2.0**-23 * size)[sound].all()
    assert np.isnan(dx[~sound]).all()


@pytest.mark.parametrize("gamma", [1e11, -1e11])
def test_a_scale_near_the_ends_of_float32_is_left_to_the_careful_way(gamma: float) -> None:
    x, dy = (v.astype(np.float32) for v in batch(8192))
    assert _in_blocks(x, dy, np.array([1.0, gamma, 1.0]), 1e-5) is None
    assert _in_blocks(x, dy, np.array([1.0, gamma / 100, 1.0]), 1e-5) is not None


def test_only_large_single_precision_goes_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def noted(x: Array, *rest: object) -> None:
        asked.append(len(x))

    monkeypatch.setattr(closed_form, "_in_blocks", noted)
    for n, x_type, dy_type, quick in [
        (8192, np.float32, np.float32, True),
        (8191, np.float32, np.float32, False),
        (8192, np.float64, np.float32, False),
        (8192, np.float32, np.float64, False),
        (8192, np.float64, np.float64, False),
    ]:
        x, dy = batch(n)
        asked.clear()
        dx, _, _ = bnviz.gradients(x.astype(x_type), dy.astype(dy_type))
        assert bool(asked) is quick
        assert dx.dtype == x_type
    asked.clear()
    x, dy = batch(8192)
    bnviz.gradients(x.astype(np.float32).tolist(), dy.astype(np.float32))
    assert not asked
    with pytest.raises(ValueError, match="dy must have shape"):
        bnviz.gradients(x.astype(np.float32), dy[:, :2].astype(np.float32))
    with pytest.raises(ValueError, match="x must have two axes"):
        bnviz.gradients(x[:, 0].astype(np.float32), dy[:, 0].astype(np.float32))


def test_in_a_large_batch_each_of_many_columns_is_its_own() -> None:
    """Wider than is laid side by side, and each column of another size and offset."""
    rng = np.random.default_rng(3)
    k, n = 600, 96
    x = (rng.normal(size=(n, k)) * 2.0 ** rng.integers(-8, 8, k) + rng.normal(size=k)).astype(
        np.float32
    )
    dy = rng.normal(size=(n, k)).astype(np.float32)
    quick = _in_blocks(x, dy, np.ones(k), 1e-5)
    assert quick is not None
    t = run(Scenario(x, dy))
    size = t.inv_std * np.abs(t.dx_hat).max(axis=0)
    reach = 1 + np.abs(t.mean) * t.inv_std
    assert (np.abs(quick[0] - t.dx) <= 2.0**-24 * np.abs(t.dx) + 1e-12 * size * reach).all()
