"""A convolution in front as a linear layer, by the definition; and files that lie about one."""

import itertools
from typing import Any

import numpy as np
import pytest

from bnviz.captures import CaptureError, patches
from bnviz.core.arrays import Array


def by_definition(a: Any, weight: Any, looks: Array, groups: int) -> Any:
    """Σ over inputs and kernel places, one output number at a time; (N, k, positions)."""
    spread, before, after, stride, dilation = looks.tolist()
    space, sizes = a.shape[2:], weight.shape[2:]
    k, own = weight.shape[:2]
    axes = range(len(space))
    wide = [(space[x] - 1) * spread[x] + 1 + before[x] + after[x] for x in axes]
    counts = [(wide[x] - dilation[x] * (sizes[x] - 1) - 1) // stride[x] + 1 for x in axes]
    y: Any = np.zeros((len(a), k, *counts))
    for place in itertools.product(*map(range, counts)):
        for tap in itertools.product(*map(range, sizes)):
            at = [place[x] * stride[x] + tap[x] * dilation[x] - before[x] for x in axes]
            cell = [at[x] // spread[x] for x in axes]
            if any(at[x] % spread[x] or not 0 <= cell[x] < space[x] for x in axes):
                continue
            seen = a[(slice(None), slice(None), *cell)]
            for j in range(k):
                g = j // (k // groups)
                mine = seen[:, g * own : (g + 1) * own]
                y[(slice(None), j, *place)] += mine @ weight[(j, slice(None), *tap)]
    return y


@pytest.mark.parametrize(
    ("shape", "kernel", "groups", "looks"),
    [
        ((2, 3, 7), (4, 3, 3), 1, [[1], [1], [1], [2], [1]]),
        ((2, 4, 5, 6), (6, 2, 3, 2), 2, [[1, 1], [2, 0], [1, 1], [1, 2], [2, 1]]),
        ((2, 2, 3, 4), (3, 2, 2, 3), 1, [[2, 3], [1, -1], [0, -2], [1, 1], [1, 1]]),
        ((1, 2, 3, 2, 3), (2, 1, 2, 2, 1), 2, [[1] * 3, [1, 0, 0], [0, 1, 0], [1] * 3, [1] * 3]),
    ],
)
def test_it_computes_what_the_convolution_does(
    shape: tuple[int, ...], kernel: tuple[int, ...], groups: int, looks: list[list[int]]
) -> None:
    rng = np.random.default_rng(0)
    a, weight, table = rng.normal(size=shape), rng.normal(size=kernel), np.array(looks)
    found = patches.as_linear(a, weight, patches.read_looks(table, a, weight), groups)
    assert found is not None
    expected = by_definition(a, weight, table, groups)
    rows = np.moveaxis(expected, 1, -1).reshape(-1, kernel[0])
    np.testing.assert_allclose(found[0] @ found[1], rows, atol=1e-12)


@pytest.mark.parametrize(
    ("looks", "groups"),
    [
        ([[1, 1]] * 4, 1),  # a row too few
        ([[1, 1, 1]] * 5, 1),  # an axis too many
        ([[1, 1], [0, 0], [0, 0], [0, 1], [1, 1]], 1),  # a stride of 0
        ([[1, 1], [2**40, 0], [0, 0], [1, 1], [1, 1]], 1),
        ([[1, 1], [-5, 0], [0, 0], [1, 1], [1, 1]], 1),  # nothing is left to look at
        ([[1, 1], [0, 0], [0, 0], [1, 1], [1, 1]], 2),  # other groups than the weight’s
        ([[1.0, 1], [0, 0], [0, 0], [1, 1], [1, 1]], 1),
    ],
)
def test_what_makes_no_sense_is_refused(looks: list[list[float]], groups: int) -> None:
    a, weight = np.ones((1, 2, 4, 4)), np.ones((2, 2, 3, 3))
    with pytest.raises(CaptureError):
        patches.as_linear(a, weight, patches.read_looks(np.array(looks), a, weight), groups)


def test_a_small_file_is_not_unfolded_into_a_huge_one() -> None:
    a, weight = np.ones((1, 1, 4, 4)), np.ones((2, 1, 3, 3))
    for looks in (
        [[1, 1], [2**19, 2**19], [0, 0], [1, 1], [1, 1]],
        [[2**19, 2**19], [0, 0], [0, 0], [2**19, 2**19], [1, 1]],
    ):
        wide = patches.read_looks(np.array(looks), a, weight)
        assert patches.as_linear(a, weight, wide, 1) is None
