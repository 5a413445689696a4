"""A sweep holds, at every position, exactly what Python would draw there."""

import copy
import json
import zlib
from typing import Any

import numpy as np
import pytest

from bnviz.claims.ledger import tell
from bnviz.core.columns import columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw import ledger, river
from bnviz.draw.sweep import POSITIONS, encode, grid
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.cells import with_cell
from bnviz.inputs.presets import PRESETS

Json = dict[str, Any]


def put(scene: Json, path: list[Any], value: Any) -> None:
    place: Any = scene
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value


def looked_up(packed: bytes, scene: Json) -> list[Json]:
    """What a reader of the table would draw at each position, from one drawn scene."""
    raw = zlib.decompress(packed)
    length = int.from_bytes(raw[:4], "little")
    head = json.loads(raw[4 : 4 + length])
    planes = np.frombuffer(raw[4 + length :], np.uint8).reshape(8, -1)
    table = np.ascontiguousarray(planes.T).view("<f8").reshape(-1, len(head["values"])).T
    found = []
    for k, row in enumerate(table):
        here = copy.deepcopy(scene)
        for paths, value in zip(head["numbers"], row.tolist(), strict=True):
            for path in paths:
                put(here, path, value)
        for text in head["texts"]:
            pieces = text["kinds"][text["which"][k]]
            inside = [*text["numbers"][k], ""]
            joined = "".join(a + b for a, b in zip(pieces, inside, strict=True))
            put(here, text["path"], json.loads(joined))
        found.append(here)
    return found


def drawn_at(s: Scenario, view: View, rows: list[int]) -> Json:
    c = columns(run(s), view)
    story = tell(c)
    scene = {
        "headline": {"claim": story.claim, "why": story.why},
        "river": river.payload(c, rows),
        "ledger": ledger.payload(c, rows),
    }
    plain: Json = json.loads(json.dumps(scene))
    return plain


@pytest.mark.parametrize(
    ("s", "term", "row", "column", "step"),
    [
        (PRESETS["puzzle"].scenario, "dy", 4, 0, 0.05),
        (PRESETS["puzzle"].scenario, "x", 3, 0, 0.1),
        (PRESETS["puzzle"].scenario, "a", 1, 1, 0.05),
        (PRESETS["puzzle"].scenario, "gamma", 0, 0, 0.05),
        (PRESETS["puzzle"].scenario, "eps", 0, 0, 0.1),
        (PRESETS["layer"].scenario, "weight", 1, 0, 0.05),
        (PRESETS["layer"].scenario, "bias", 0, 0, 0.05),
        (PRESETS["layer"].scenario, "a", 2, 1, 0.1),
        (PRESETS["constant"].scenario, "x", 0, 0, 0.005),
        (PRESETS["frozen"].scenario, "dy", 0, 0, 0.05),
        (random_scenario(3, 40, 2, 2), "dy", 5, 0, 0.1),
    ],
)
def test_every_position_is_what_the_core_says(
    s: Scenario, term: str, row: int, column: int, step: float
) -> None:
    view = View(0, 1).within(s)
    rows = columns(run(s), view).rows
    given = s.given()[term]
    value = float(given if term == "eps" else given[row, column] if given.ndim > 1 else given[0])
    values = grid(value, step, log=term == "eps")
    drawn = [drawn_at(with_cell(s, term, row, column, v), view, rows) for v in values]
    here = drawn_at(s, view, rows)
    assert looked_up(encode({"term": term, "row": row}, values, drawn, here), here) == drawn
    # Far from where the number is now, what all positions share may differ from what is there.
    far = drawn[POSITIONS + 5 :]
    packed = encode({"term": term, "row": row}, values[POSITIONS + 5 :], far, here)
    assert looked_up(packed, here) == far


def test_the_grid_is_that_of_the_keys() -> None:
    values = grid(-1.1, 0.05, log=False)
    assert len(values) == 2 * POSITIONS + 1
    assert values[POSITIONS] == -1.1
    # Multiples of the step without the dust of binary fractions, as one types them.
    assert all(float(f"{v:.2f}") == v for v in values)
    assert 0.0 in grid(0.3, 0.1, log=False)
    decades = grid(1e-5, 0.1, log=True)
    assert {1e-5, 1e-4, 1e-6, 2e-5, 5e-5} <= set(decades)
    assert 0.0 in grid(1e-11, 0.1, log=True)
    assert grid(0.0, 0.1, log=True)[0] == 0.0


def test_a_sweep_is_small_enough_to_send() -> None:
    for s, most in ((PRESETS["puzzle"].scenario, 40_000), (random_scenario(1, 16, 2, 3), 100_000)):
        view = View(0, 1)
        rows = columns(run(s), view).rows
        values = grid(1.0, 0.05, log=False)
        drawn = [drawn_at(with_cell(s, "x", 2, 0, v), view, rows) for v in values]
        here = drawn_at(s, view, rows)
        assert len(encode({"term": "x", "row": 2}, values, drawn, here)) < most
