"""What rounding does to an upstream gradient is what its noise says."""

import numpy as np
import pytest

from bnviz.core.arrays import Array
from bnviz.proof.losses import LOSSES

RNG = np.random.default_rng(4)
GIVEN = RNG.normal(size=(5, 3))
CASES = {
    "plain": RNG.normal(size=(5, 3)),
    "large": 30 * RNG.normal(size=(5, 3)),
    "nearly zero": 1e-9 * RNG.normal(size=(5, 3)),
    "zero": np.zeros((5, 3)),
}


def moved(loss: str, y: Array, size: Array, share: float) -> Array:
    """How far the upstream gradient moves at most where y moves by that share of size."""
    upstream = LOSSES[loss].upstream
    rng = np.random.default_rng(1)
    signs = [rng.choice([-1.0, 1.0], y.shape) for _ in range(64)]
    far = [np.abs(upstream(y + share * size * s, GIVEN) - upstream(y, GIVEN)) for s in signs]
    most: Array = np.max(far, axis=0)
    return most


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("loss", LOSSES)
def test_noise_is_how_far_the_upstream_moves_with_y(loss: str, case: str) -> None:
    y = CASES[case]
    size = np.abs(y) + RNG.uniform(0, 2, y.shape)
    noise, share = LOSSES[loss].noise(y, size, GIVEN), 1e-6
    # To first order, and the second order is a share of a share.
    second = 4 * share**2 * (1 + size) ** 2
    assert (moved(loss, y, size, share) <= share * noise + second).all()


@pytest.mark.parametrize("loss", ["squares", "cubes", "error"])
def test_noise_is_no_larger_than_that(loss: str) -> None:
    y = CASES["plain"]
    size, share = np.abs(y) + 1, 1e-6
    noise = LOSSES[loss].noise(y, size, GIVEN)
    np.testing.assert_allclose(moved(loss, y, size, share) / share, noise, rtol=1e-3, atol=1e-5)


def test_the_noise_of_probabilities_is_their_movement_and_a_rounding_of_each() -> None:
    y = CASES["plain"]
    size, share = np.abs(y) + 1, 1e-6
    noise = LOSSES["entropy"].noise(y, size, GIVEN)
    p = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    own = p * (1 - np.log(p)) + (GIVEN.max(axis=1, keepdims=True) == GIVEN)
    most = np.max([moved("entropy", y, size, share) / share], axis=0)
    # 64 draws of signs don't always find the worst of three.
    np.testing.assert_allclose(noise, most + own, rtol=1e-3)


@pytest.mark.parametrize("loss", ["given", "sum"])
def test_an_upstream_that_does_not_look_at_y_has_no_noise(loss: str) -> None:
    y = CASES["plain"]
    assert not LOSSES[loss].noise(y, np.abs(y), GIVEN).any()
    assert not moved(loss, y, np.abs(y), 0.1).any()


def test_a_flat_cube_still_rounds() -> None:
    """Where y ends at 0 it is off by a rounding of what it was made of, and y² by its square."""
    zero, size = np.zeros((1, 1)), np.full((1, 1), 1e3)
    u = 2.0**-53
    assert 3 * (u * size) ** 2 <= u * LOSSES["cubes"].noise(zero, size, zero)
    assert LOSSES["cubes"].noise(zero, 0 * size, zero) > 0
