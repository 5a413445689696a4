"""The picture of a run: what it draws is what the run has, and it stays bounded."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import bnviz
from bnviz.claims import training as claims
from bnviz.claims.training import times
from bnviz.core.network.settings import CHOICES, MOST_STEPS, Settings
from bnviz.draw import network as draw
from bnviz.inputs.datasets import dataset
from bnviz.study.training import Run


def drawn(steps: int, **chosen: Any) -> draw.Drawn:
    s = Settings(**({"depth": 5, "width": 6, "batch": 16} | chosen))
    made = draw.Drawn(Run(s, *dataset(s.data, s.seed, s.width)).train(steps))
    made.catch_up()
    return made


def sent(made: draw.Drawn, since: int = 0, at: int = 0) -> tuple[dict[str, Any], np.ndarray]:
    data, table = draw.payload(made, since, tells="flow", preset=None, at=at)
    again = json.loads(json.dumps(data, allow_nan=False))
    shape = (len(data["steps"]), made.run.settings.depth, len(draw.CELLS))
    return again, np.frombuffer(table, "<f4").reshape(shape)


def test_every_cell_is_the_runs_own_number() -> None:
    made = drawn(6, bias=True, skip=True)
    data, table = sent(made)
    cells = {name: table[:, :, n].astype(float) for n, name in enumerate(draw.CELLS)}
    for step in range(7):
        p, seen = made.run.look(step)
        for layer in range(5):
            arrives = np.square(seen.dz[layer]).sum()
            size = np.square(seen.dx[layer]).mean() / np.square(seen.dx[-1]).mean()
            assert 2.0 ** cells["doublings"][step, layer] == pytest.approx(size**0.5, rel=1e-5)
            handed = 100 * np.square(seen.da[layer]).sum() / arrives
            assert cells["handed"][step, layer] == pytest.approx(handed, rel=1e-5)
            # It adds: what arrives, less what is lost, with what comes back, is handed on.
            lost = sum(cells[name][step, layer] for name in ("stopped", "one", "hat"))
            on = 100 - lost + cells["back"][step, layer]
            assert on == pytest.approx(handed, abs=1e-4 * max(1, handed))
            first = made.run.start.weight_of(layer)
            ratio = np.square(first).sum() / np.square(p.weight_of(layer)).sum()
            assert cells["pace"][step, layer] == pytest.approx(ratio, rel=1e-5)
            sigma = (1 / seen.inv_std[layer]).mean() / (
                1 / made.run.look(0)[1].inv_std[layer]
            ).mean()
            assert cells["sigma"][step, layer] == pytest.approx(sigma, rel=1e-5)
            rate = data["still"]["rates"][layer]
            assert rate == pytest.approx(0.1 / np.square(first).sum())
    assert data["headline"]["claim"] == data["words"][0]["claim"]
    assert sent(made, since=4)[0]["steps"] == [4, 5, 6]
    assert sent(made, since=99)[0]["steps"] == list(range(7))


def test_a_surface_is_what_the_network_says_there() -> None:
    made = drawn(2, norm="layer")
    table = np.frombuffer(__import__("base64").b64decode(made.surfaces[2]), np.uint8)
    p, _ = made.run.at(2)
    side, reach = 28, 1.25
    for row, column in ((0, 0), (3, 20), (27, 5)):
        a = np.array([[(column + 0.5) / side * 2 * reach - reach,
                       reach - (row + 0.5) / side * 2 * reach]])  # fmt: skip
        for layer in range(5):
            x = a @ p.weight_of(layer)
            x = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
            a = np.maximum(p.gamma[layer] * x + p.beta[layer], 0)
        two = np.exp(a @ p.last + p.offset)[0]
        assert abs(table.reshape(side, side)[row, column] / 255 - two[1] / two.sum()) < 0.01


def test_what_the_browser_gets_is_bounded_whatever_the_steps() -> None:
    steps = [step for step in range(MOST_STEPS + 1) if draw.is_sent(step)]
    assert len(steps) <= 901
    assert steps[-1] == MOST_STEPS
    assert len(steps) * 30 * len(draw.CELLS) * 4 < 1.1 * 2**20
    assert draw.nearest_sent(403, 2000) == 402
    assert draw.nearest_sent(9, 4) == 4


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("norm", CHOICES["norm"])
def test_every_kind_of_network_can_be_drawn(depth: int, norm: str) -> None:
    for data in ("noise", "digits"):
        words, table = sent(drawn(1, depth=depth, norm=norm, data=data))
        assert np.isfinite(table).all()
        assert len(words["words"]) == 2


def test_dead_gradients_are_drawn_as_nothing() -> None:
    made = drawn(3, norm="none", rate=1000.0, depth=8)
    _, table = sent(made)
    assert np.isfinite(table).all()
    assert table[:, :, 0].min() >= draw.FLOOR


def test_the_line_of_theory_stands_where_theory_holds_and_nowhere_else() -> None:
    wide = {"depth": 6, "width": 32, "batch": 64, "data": "noise"}
    words = sent(drawn(1, **wide))[0]["words"]
    line = words[0]["theory"]["doublings"]
    assert words[1]["theory"] is None
    # Layers 6 back to 2: π/(π − 1) a layer, in squares; the river's doublings are of sizes.
    grown = (math.pi / (math.pi - 1)) ** np.arange(4, -1, -1)
    np.testing.assert_allclose(4.0 ** np.array(line), grown, rtol=2e-4)
    assert "Yang et al. 2019" in words[0]["theory"]["said"]
    assert "×1.21 a layer" in words[0]["theory"]["said"]
    for other in (
        {"data": "spirals"}, {"activation": "tanh"}, {"norm": "layer"}, {"norm": "none"},
        {"skip": True}, {"width": 16}, {"batch": 16}, {"norm": "frozen"},
    ):  # fmt: skip
        assert sent(drawn(0, **wide | other))[0]["words"][0]["theory"] is None, other


def test_what_is_given_back_is_drawn_with_both_numbers() -> None:
    run = bnviz.network(8, depth=6, width=8, batch=16)
    given = draw.given(run, 8, "lengths")
    other = run.sizes(run.given_back(run.at(8)[0], "lengths"), None, 8)
    np.testing.assert_allclose(2.0 ** np.array(given["doublings"]), other / other[-1], rtol=1e-3)
    _, directions, lengths = claims.given_back(run, 8)
    assert given["told"] == {"directions": times(directions), "lengths": times(lengths)}
    assert draw.outline(np.array([1.0, np.inf])) is None


def test_every_setting_has_a_chip_that_leads_to_it() -> None:
    s = Settings(depth=7, rate=0.25, norm="frozen")
    for chip in draw.chips(s):
        assert draw.chosen(s, chip["name"], chip["at"]) == getattr(s, chip["name"])
        for index in range(len(chip["shown"])):
            value = draw.chosen(s, chip["name"], index)
            Settings(**{chip["name"]: value})
    assert {chip["name"] for chip in draw.chips(s)} == set(Settings.__dataclass_fields__)


def test_on_the_way_to_an_overflow_every_number_can_be_drawn() -> None:
    made = drawn(40, skip=True, rate=10.0, depth=30, width=32, batch=64)
    assert made.run.fault is not None
    _, table = sent(made)  # without a warning, which would be an error here
    assert np.isfinite(table).all()
