"""Every scenario has a headline of its own, which is true of it and gone when it isn't."""

import numpy as np
import pytest

from bnviz.claims.ledger import tell
from bnviz.claims.surprise import SURPRISES, headline
from bnviz.core.columns import Columns, columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS


def opened(name: str) -> Columns:
    preset = PRESETS[name]
    return columns(run(preset.scenario), preset.view)


def test_no_two_scenarios_share_their_headline() -> None:
    said = [headline(opened(name), name).claim for name in PRESETS]
    assert len(set(said)) == len(PRESETS)


@pytest.mark.parametrize("name", SURPRISES)
def test_the_surprise_is_said_of_its_scenario(name: str) -> None:
    c = opened(name)
    told = SURPRISES[name](c)
    assert told is not None
    assert headline(c, name) == told


@pytest.mark.parametrize("name", SURPRISES)
@pytest.mark.parametrize("seed", range(3))
def test_and_of_other_numbers_only_where_it_is_so(name: str, seed: int) -> None:
    s = random_scenario(seed, 7, 2, 2)
    c = columns(run(s), View())
    if name == "three":  # true of any batch
        return
    assert SURPRISES[name](c) is None
    assert headline(c, name) == tell(c)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("layer", PRESETS["dead"].scenario),
        ("dead", PRESETS["puzzle"].scenario),
        ("two", PRESETS["two"].scenario.edit(eps=1.0)),
        ("one", PRESETS["two"].scenario),
        ("constant", PRESETS["constant"].scenario.edit(x=np.arange(10.0)[:, None])),
        ("frozen", PRESETS["frozen"].scenario.training()),
        ("shifted", PRESETS["puzzle"].scenario),
        ("uncorrelated", PRESETS["puzzle"].scenario),
    ],
)
def test_a_change_takes_the_surprise_away(name: str, changed: Scenario) -> None:
    assert SURPRISES[name](columns(run(changed), View().within(changed))) is None
