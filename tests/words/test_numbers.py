"""Numbers as text: what is not 0 never reads as 0."""

import pytest

from bnviz.words.numbers import told_apart


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (-0.0038, -379.5, ("−3.8e−3", "−380")),
        (0.0, 1.5e20, ("0", "1.50e20")),
        (-0.0, -379.5, ("0", "−380")),
        (-1.1328125, -1.1258353163, ("−1.133", "−1.126")),
    ],
)
def test_two_numbers_are_told_apart(one: float, other: float, told: tuple[str, str]) -> None:
    assert told_apart(one, other) == told
