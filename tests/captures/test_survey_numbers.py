"""Every number of a survey once more: column by column, correctly rounded, without the survey."""

import dataclasses
import math
from statistics import fmean, pvariance

import numpy as np
import pytest

from bnviz.captures import Capture, survey
from bnviz.core.arrays import Array

from .test_captures import made


def bent(mode: str, seed: int = 0, eps: float = 0.5) -> Capture:
    """A capture with a large ε and running statistics of its own, so that each is seen."""
    rng = np.random.default_rng(seed)
    c = made(seed, n=31, k=4, dtype="float64")
    assert c.dx is not None
    return dataclasses.replace(
        c,
        eps=eps,
        mode=mode,
        dx=c.dx + rng.normal(size=c.dx.shape),
        running_mean=rng.normal(size=4),
        running_var=rng.uniform(0.5, 4, 4),
    )


def gradient(c: Capture, j: int) -> tuple[float, list[float]]:
    """1/σ and ∂L/∂x of a neuron, as one writes them down."""
    g = [float(c.gamma[j] * v) for v in c.dy[:, j]]
    x = c.x[:, j].tolist()
    if c.mode == "eval":
        assert c.running_var is not None
        s = 1 / math.sqrt(c.running_var[j] + c.eps)
        return s, [s * v for v in g]
    mean, s = fmean(x), 1 / math.sqrt(pvariance(x) + c.eps)
    x_hat = [(v - mean) * s for v in x]
    along = fmean(a * b for a, b in zip(g, x_hat, strict=True))
    return s, [s * (a - fmean(g) - h * along) for a, h in zip(g, x_hat, strict=True)]


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("block", [2**21, 12])
@pytest.mark.parametrize("seed", range(2))
def test_each_number_of_a_neuron(
    mode: str, block: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "BLOCK", block)
    c = bent(mode, seed)
    seen = survey.survey(c)
    assert c.a is not None
    assert c.dx is not None
    assert seen.dweight is not None
    assert seen.far is not None
    assert seen.weight_size is not None
    n, k = c.shape
    for j in range(k):
        x, g = c.x[:, j].tolist(), [float(c.gamma[j] * v) for v in c.dy[:, j]]
        s, dx = gradient(c, j)
        weights = [math.fsum(a * v for a, v in zip(column, dx, strict=True)) for column in c.a.T]
        expected = {
            "mean": fmean(x),
            "var": pvariance(x),
            "inv_std": s,
            "g_size": math.sqrt(math.fsum(v * v for v in g) / n),
            "dx_size": math.sqrt(math.fsum(v * v for v in dx) / n),
            "scale": s * max(map(abs, g)),
            "weight_size": math.sqrt(math.fsum(v * v for v in weights)),
        }
        for name, value in expected.items():
            assert getattr(seen, name)[j] == pytest.approx(value, rel=1e-12), name
        off = [abs(a - b) for a, b in zip(dx, c.dx[:, j].tolist(), strict=True)]
        assert min(abs(d - seen.far[j]) for d in off) <= 1e-12  # a difference that there is
        np.testing.assert_allclose(seen.dweight[:, j], weights, rtol=1e-10)
        assert seen.dx_sum[j] == pytest.approx(math.fsum(dx), rel=1e-12, abs=1e-13)


def test_what_training_takes_away_of_a_gradient() -> None:
    """Along 1 all of it; along x̂ what ε does not let through; and what is kept arrives at x."""
    c = bent("train")
    seen = survey.survey(c)
    for j in range(c.shape[1]):
        g = c.gamma[j] * c.dy[:, j]
        whole, away = math.fsum(g**2), c.x[:, j] - c.x[:, j].mean()
        along = math.fsum(g * away) ** 2 / math.fsum(away**2)
        through = c.eps / (pvariance(c.x[:, j].tolist()) + c.eps)
        parts = seen.parts(j)
        assert parts["along 1"] == pytest.approx(math.fsum(g) ** 2 / len(g) / whole, rel=1e-11)
        assert parts["along x̂"] == pytest.approx(along * (1 - through**2) / whole, rel=1e-11)
        s, dx = gradient(c, j)
        assert parts["kept"] == pytest.approx(math.fsum(v * v for v in dx) / (s**2 * whole))
        assert survey.survey(bent("eval")).parts(j) == {"along 1": 0, "along x̂": 0, "kept": 1}


def test_of_no_gradient_nothing_is_taken() -> None:
    c = Capture(np.eye(4, 2), np.zeros((4, 2)), np.ones(2), np.zeros(2))
    assert survey.survey(c).parts(1) == {}


def test_all_taken_away_leaves_nothing_and_not_less() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        x = rng.normal(seed, 1, (9, 1))
        c = Capture(x, 0.3 + 0.7 * x, np.ones(1), np.zeros(1), eps=0.0)
        assert 0 <= survey.survey(c).parts(0)["kept"] < 1e-12


def test_a_column_without_spread_and_without_eps_has_no_gradient() -> None:
    x = np.array([[3.0, 1.0], [3.0, 2.0], [3.0, 4.0]])
    c = Capture(x, x + np.eye(3, 2), np.ones(2), np.zeros(2), eps=0.0)
    seen = survey.survey(c)
    assert (seen.inv_std[0], seen.dx_size[0], seen.scale[0]) == (0, 0, 0)
    assert seen.inv_std[1] > 0


@pytest.mark.parametrize("turn", [1, -1])
def test_the_zero_sum_is_known_where_one_sample_lies_far_out(turn: int) -> None:
    """Two of a million samples are 700 σ out: x̂ amplifies what rounding does to a mean."""
    n = 1_000_000
    x, dy = np.zeros((n, 2)), np.zeros((n, 2))
    x[:2] = [[turn], [-turn]]
    dy[0] = 1
    seen = survey.survey(Capture(x, dy, np.ones(2), np.zeros(2), eps=0.0))
    assert (seen.dx_sum != 0).all()
    assert (np.abs(seen.dx_sum) <= seen.sum_bound).all()
    # And it stays a small share of what was added up, s·Σ|g|.
    assert (seen.sum_bound < 1e-8 * seen.inv_std).all()


@pytest.mark.parametrize("power", [-40, 40])
def test_what_is_zero_does_not_depend_on_units(power: int) -> None:
    """∂L/∂y in other units takes each bound along, and so does x, to the last digit."""
    c = bent("train", eps=0.0)
    seen = survey.survey(c)
    assert seen.bound is not None
    unit = 2.0**power
    assert c.dx is not None
    upstream = survey.survey(dataclasses.replace(c, dy=c.dy * unit, dx=c.dx * unit))
    inputs = survey.survey(dataclasses.replace(c, x=c.x * unit, dx=c.dx / unit))
    for other, factor in ((upstream, unit), (inputs, 1 / unit)):
        for name in ("dx_size", "scale", "dx_sum", "sum_bound", "far", "bound"):
            np.testing.assert_array_equal(getattr(other, name), getattr(seen, name) * factor, name)
        np.testing.assert_array_equal(other.removed_x_hat, seen.removed_x_hat)


def rounded(c: Capture) -> Array:
    """∂L/∂x of a capture, each entry rounded once to float32."""
    dx = np.column_stack([gradient(c, j)[1] for j in range(c.shape[1])])
    return dx.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_one_rounding_is_explained_and_a_thousand_are_not(offset: float) -> None:
    c = bent("train")
    x, dy = (v.astype(np.float32) for v in (c.x + offset, c.dy))
    single = dataclasses.replace(c, x=x, dy=dy)
    seen = survey.survey(dataclasses.replace(single, dx=rounded(single)))
    assert seen.far is not None
    assert seen.bound is not None
    assert (seen.far > 0).all()
    assert (seen.far <= seen.bound).all()
    # By the size of what is added up, and by the digits that an offset costs.
    condition = 1 + np.abs(seen.mean) * seen.inv_std
    assert (seen.bound < 1000 * 2.0**-24 * seen.scale * condition).all()


def test_a_coarser_format_explains_one_rounding_of_its_own() -> None:
    c = bent("train")
    right = np.column_stack([gradient(c, j)[1] for j in range(c.shape[1])])
    for share, explained in ((0.5, True), (20.0, False)):
        off = dataclasses.replace(c, roundoff=2.0**-7, dx=right * (1 + share * 2.0**-7))
        seen = survey.survey(off)
        assert seen.far is not None
        assert seen.bound is not None
        assert (seen.far <= seen.bound).all() == explained
        assert not survey_agrees(dataclasses.replace(off, roundoff=0.0))


def survey_agrees(c: Capture) -> bool:
    """Is every difference explained?"""
    seen = survey.survey(c)
    assert seen.far is not None
    assert seen.bound is not None
    return bool((seen.far <= seen.bound).all())


def test_numbers_written_to_a_few_places_may_be_off_by_what_these_hide() -> None:
    """Every x, ∂L/∂y and ∂L/∂x off by half of the last place, in the worst direction."""
    rng = np.random.default_rng(5)
    for eps in (0.01, 1.0):
        c = dataclasses.replace(bent("train", eps=eps), written=0.0005)
        right = rounded(c)
        for _ in range(50):
            x, dy = (v + 0.0005 * rng.choice([-1, 1], v.shape) for v in (c.x, c.dy))
            far_bound = survey.survey(dataclasses.replace(c, x=x, dy=dy, dx=right + 0.0005))
            assert far_bound.far is not None
            assert far_bound.bound is not None
            assert (far_bound.far <= far_bound.bound).all()
            assert (far_bound.bound < 100 * 0.0005 * (1 + far_bound.scale)).all()


def test_progress_is_told_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    c = bent("train")  # 31 rows, six inputs: eight rows a block of 48 numbers
    monkeypatch.setattr(survey, "BLOCK", 48)
    heard: list[float] = []
    survey.survey(c, heard.append)
    np.testing.assert_allclose(heard, np.arange(1, 13) / 12)
