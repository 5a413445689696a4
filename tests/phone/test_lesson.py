"""What a phone shows of a step, from numbers that anyone may have sent."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnviz.claims.lesson import STEPS, reply, scenario_of
from bnviz.claims.reach import BIAS, WEIGHT
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.presets import PRESETS
from bnviz.phone import lesson
from bnviz.study.lever import Look


def read(packed: bytes) -> dict[str, Any]:
    """The JSON of a frame."""
    found: dict[str, Any] = json.loads(packed[8 : 8 + int.from_bytes(packed[:8], "little")])
    return found


def test_all_steps_travel_at_once_and_are_light() -> None:
    steps = json.loads(lesson.whole())
    assert len(steps) == len(STEPS)
    for step, (before, after) in zip(STEPS, steps, strict=True):
        t = run(scenario_of(step))
        told = after["lesson"]["poll"]["choices"]
        right = [choice["key"] for choice in told if choice["right"]]
        assert step.truth(t, step.view) in right
        assert [c["said"] for c in told] == [
            "" if c["right"] else reply(step, t, step.view, c["key"])[1] for c in told
        ]
        assert "story" not in before["lesson"]
        assert not any({"right", "said"} & set(c) for c in before["lesson"]["poll"]["choices"])
        assert (before["lesson"]["number"] is None) == (step.number is None)
        if step.number:
            truth, zero = step.number.total(t, step.view)
            assert before["lesson"]["number"]["truth"] is None
            assert after["lesson"]["number"]["truth"] == {"v": truth, "zero": zero}
            assert abs(truth) <= after["lesson"]["number"]["scale"]
        for seen, reach in ((before, step.before), (after, step.after)):
            assert set(seen["ledger"]["cells"]) == reach.terms
            assert set(seen["ledger"]["sums"]) == reach.totals
            assert (seen["river"] is None) == (not reach.river)
            if not reach.river:
                continue
            river = seen["river"]
            assert set(river["parts"]) == reach.river
            # What is not reached does not even travel.
            told = [river["lanes"], river["batch"], river["zero"]]
            assert all(("dweight" in part) == (WEIGHT in reach.river) for part in told)
            assert ("weight" in river["piles"]) == (WEIGHT in reach.river)
            assert (river["said"]["bias"] is None) == (BIAS not in reach.river)
        if "dx" not in step.after.terms:
            continue
        np.testing.assert_allclose(
            after["ledger"]["cells"]["dx"], t.dx[:, step.view.neuron], rtol=1e-12
        )
    assert len(gzip.compress(lesson.whole())) < 40_000


def test_numbers_go_to_a_link_and_come_back() -> None:
    for name in ("puzzle", "shifted", "large_offset") if "large_offset" in PRESETS else ("puzzle",):
        scenario = PRESETS[name].scenario
        link = lesson.link_of(8, scenario, View())
        screen = lesson.open_link(8, link, True)
        assert screen.scenario == scenario
        assert screen.link == link
    assert lesson.link_of(0, scenario_of(STEPS[0]), STEPS[0].view) == lesson.OWN


def test_a_drag_is_answered_with_its_numbers_and_with_what_is_true_of_them() -> None:
    screen = lesson.open_link(5, lesson.OWN, True)
    event = {"kind": "set", "term": "dy", "row": 0, "value": -4.0, "seq": 7}
    found = read(lesson.played(screen, event))
    dy = screen.scenario.dy.copy()
    dy[0, 0] = -4.0
    t = run(screen.scenario.edit(dy=dy))
    assert t.dweight is not None
    assert found["reply"]["seq"] == 7
    assert found["ledger"]["cells"]["dy"][0] == -4.0
    assert math.isclose(found["ledger"]["sums"]["dweight"]["v"], t.dweight[0, 0], rel_tol=1e-12)
    assert f"{abs(t.dweight[0, 0]):.2f}" in found["lesson"]["story"]["claim"]
    again = lesson.open_link(5, found["lesson"]["link"], True)
    np.testing.assert_array_equal(again.scenario.dy, dy)
    home = read(lesson.played(again, {"kind": "home", "term": "dy", "row": 0, "seq": 8}))
    assert home["lesson"]["link"] == lesson.OWN


def test_a_number_that_is_taken_brings_its_sweep() -> None:
    screen = lesson.open_link(1, lesson.OWN, False)
    event = {"kind": "take", "term": "dy", "row": 2, "value": 0.3, "step": 0.05, "seq": 1}
    packed = lesson.played(screen, event)
    assert len(packed) > 8 + int.from_bytes(packed[:8], "little")


def test_the_lever_comes_with_the_answer_and_is_played_with() -> None:
    before, after = (lesson.open_link(5, lesson.OWN, shown) for shown in (False, True))
    assert read(lesson.frame(before))["lever"] is None
    flat = read(lesson.frame(after))["lever"]
    found = read(lesson.played(after, {"kind": "step", "seq": 1}))
    assert found["lesson"]["look"]["steps"] == found["lever"]["taken"] == 1
    assert flat["slope"] == 0 > found["lever"]["slope"], "against ∂L/∂W, which is more than 0"
    marked = replace(after, look=lesson.read_look(found["lesson"]["look"]))
    assert marked.look.steps == 1
    found = read(lesson.played(marked, {"kind": "set", "term": "mark", "row": 0, "value": 2.5}))
    assert found["lesson"]["look"] == {"mark": 2.5, "rate": 0.2, "steps": 1}
    found = read(lesson.played(marked, {"kind": "set", "term": "dy", "row": 0, "value": 2.5}))
    assert found["lesson"]["look"]["steps"] == 0, "a step is of the numbers that it was taken from"
    found = read(lesson.played(marked, {"kind": "shift"}))
    a = scenario_of(STEPS[5]).a
    assert a is not None
    np.testing.assert_array_equal(found["ledger"]["cells"]["a"], a[:, 0] + 10)
    assert math.isclose(found["lever"]["turn"]["v"], flat["turn"]["v"], rel_tol=1e-12)
    packed = lesson.played(after, {"kind": "take", "term": "mark", "row": 0, "value": 0, "step": 1})
    assert len(packed) > 8 + int.from_bytes(packed[:8], "little")


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        {"mark": "1", "rate": True, "steps": -1},
        {"mark": math.nan, "steps": 10**9},
        {"mark": 10**400, "rate": math.inf, "steps": {}},
    ],
    ids=lambda sent: repr(sent)[:40],
)
def test_no_look_of_an_attacker_is_taken(sent: object) -> None:
    assert lesson.read_look(sent) == Look()


def test_another_neuron_is_not_asked_about_where_the_question_is_wrong_of_it() -> None:
    screen = lesson.open_link(5, lesson.OWN, True)
    found = read(lesson.played(screen, {"kind": "view", "neuron": 0, "input": 1, "seq": 1}))
    assert "poll" not in found["lesson"]
    assert "other numbers" in found["lesson"]["other"]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"kind": "take"},
        {"kind": "take", "term": "dy", "row": 0, "value": "x", "step": 1},
        {"kind": "take", "term": "dy", "row": 0, "value": 1e300, "step": 1e-300},
        {"kind": "take", "term": "dy", "row": 0, "value": 1, "step": 0},
        {"kind": "take", "term": "dy", "row": 0, "value": 1, "step": 1, "count": 10**9},
        {"kind": "take", "term": "dy", "row": 0, "value": 1, "step": 1, "count": "nan"},
        {"kind": "take", "term": "eps", "row": 0, "value": 1e-5, "step": 1e-9},
        {"kind": "take", "term": ["dy"], "row": 0, "value": 1, "step": 1},
        {"kind": "set", "term": "dy", "row": 10**9, "value": 1},
        {"kind": "set", "term": "dy", "row": -1, "value": 1},
        {"kind": "set", "term": "__class__", "row": 0, "value": 1},
        {"kind": "set", "term": "dy", "row": 0, "value": "nan"},
        {"kind": "set", "term": "dy", "row": 0, "value": "1" * 10**6},
        {"kind": "type", "term": "dy", "row": 0, "text": "<script>"},
        {"kind": "view", "neuron": 10**9, "input": -(10**9)},
        {"kind": "view", "neuron": float("inf"), "input": 0},
        {"kind": {"$": 1}, "seq": [1]},
        {"kind": "take", "term": "mark", "row": 0, "value": 1e300, "step": 1},
        {"kind": "take", "term": "rate", "row": 0, "value": 1e5, "step": 0.1},
        {"kind": "set", "term": "mark", "row": 0, "value": "nan"},
        {"kind": "home", "term": ["mark"], "row": 0},
    ],
    ids=lambda event: json.dumps(event)[:60],
)
def test_no_event_of_an_attacker_raises_or_changes_the_numbers(event: dict[str, Any]) -> None:
    for step in (1, 5):
        screen = lesson.open_link(step, lesson.OWN, True)
        packed = lesson.played(screen, event)
        assert len(packed) < 200_000
        found = read(packed)["lesson"]
        assert found["link"] == lesson.OWN or event.get("kind") == "view"
        assert found["look"] == {"mark": 0.0, "rate": 0.2, "steps": 0}


@pytest.mark.parametrize("link", ["x=1", "dy=1&check=00000000", "&" * 100, "a=" + "1_" * 30_000])
def test_a_link_that_cannot_be_opened_is_a_value_error(link: str) -> None:
    with pytest.raises(ValueError, match=r".") if link.strip("&") else _opens():
        lesson.open_link(1, link, True)


def _opens() -> Any:
    """An empty query is the default scenario."""
    return pytest.raises(ValueError, match="fields")
