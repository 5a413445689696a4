"""A scenario is its arguments: equal where they are, and made again from them."""

from typing import Any

import numpy as np
import pytest

from bnviz.core.scenario import Scenario
from bnviz.inputs.batches import random_scenario

FREE = random_scenario(3, 5, 2, 3)
LAYER = random_scenario(3, 5, 2, 3, computed=True)
FROZEN = FREE.edit(running_mean=np.array([0.5, -1.0]), running_var=np.array([2.0, 0.25]))
ARGUMENTS = ["x", "dy", "gamma", "beta", "eps", "a", "weight", "bias"]
ARGUMENTS += ["running_mean", "running_var"]


@pytest.mark.parametrize("s", [FREE, LAYER, FROZEN, Scenario([[np.nan]], [[1.0]])])
def test_it_is_made_again_from_what_was_given(s: Scenario) -> None:
    again = Scenario(**s.given())
    assert again == s
    assert again is not s
    assert again.computed == s.computed
    assert list(s.given()) == ARGUMENTS
    assert (s.given()["x"] is None) == s.computed
    np.testing.assert_array_equal(again.x, s.x)


@pytest.mark.parametrize("s", [FREE, LAYER, FROZEN])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_each_argument_counts(s: Scenario, name: str) -> None:
    value = s.given()[name]
    if value is None:
        return
    other = s.edit(**{name: np.add(value, 1e-9)})
    assert other != s
    assert other.edit(**{name: value}) == s
    changed = [n for n in ARGUMENTS if not np.array_equal(getattr(s, n), getattr(other, n))]
    # In a layer x follows from a, W and b.
    follows = ["x"] if s.computed and name in ("a", "weight", "bias") else []
    assert set(changed) == {name, *follows} or (name, changed) == ("bias", ["bias"])


def test_what_is_there_and_what_is_not_are_not_the_same() -> None:
    without = FREE.edit(a=None)
    assert without != FREE
    assert without != FREE
    assert Scenario(LAYER.x, LAYER.dy, LAYER.gamma, LAYER.beta, LAYER.eps, LAYER.a) != LAYER
    assert FREE != "a scenario"


def test_another_shape_is_another_scenario_though_it_would_broadcast() -> None:
    one = Scenario(np.ones((1, 2)), np.ones((1, 2)))
    assert one != Scenario(np.ones((3, 2)), np.ones((3, 2)))


@pytest.mark.parametrize("name", ["gamma", "beta"])
def test_a_number_for_all_neurons_is_one_for_each(name: str) -> None:
    given: dict[str, Any] = {name: 2.5}
    assert getattr(FREE.edit(**given), name).tolist() == [2.5, 2.5]
    with pytest.raises(ValueError, match=rf"{name} must be a number or have shape \(2,\)"):
        FREE.edit(**{name: np.ones((1, 2))})


def test_its_sizes() -> None:
    assert (FREE.shape, FREE.d) == ((5, 2), 3)
    assert FREE.edit(a=None).d == 0
