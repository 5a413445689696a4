"""A view is of a neuron and an input that the scenario has, the nearest to those asked for."""

import numpy as np
import pytest

from bnviz.core.scenario import Scenario
from bnviz.core.view import View


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("d", [0, 1, 4])
def test_the_nearest_view_that_there_is(k: int, d: int) -> None:
    table = np.arange(2.0 * k).reshape(2, k)
    s = Scenario(table, table, a=np.ones((2, d)) if d else None)
    for neuron in range(-2, 6):
        for place in range(-2, 6):
            got = View(neuron, place).within(s)
            assert got.neuron == min(range(k), key=lambda j: abs(j - neuron))
            # Without a layer in front there is the one input of a bias.
            assert got.input == min(range(max(d, 1)), key=lambda p: abs(p - place))
    assert View() == View(0, 0)
