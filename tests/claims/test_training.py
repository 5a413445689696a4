"""What is said of a run is so: every sentence of every headline, on many networks and steps."""

from __future__ import annotations

from typing import Any

import pytest

import bnviz
from bnviz.claims import training as claims
from bnviz.inputs.networks import PRESETS
from tests.harness.network import Facts, presets
from tests.harness.rules import judge

# Small networks of every kind, and two of the presets as they are.
RUNS: tuple[tuple[dict[str, Any], tuple[int, ...]], ...] = (
    ({"depth": 8, "width": 12, "batch": 16}, (0, 1, 7, 30)),
    ({"depth": 8, "width": 12, "batch": 4, "seed": 1}, (0, 30)),
    ({"depth": 30}, (0, 22)),
    ({"depth": 6, "width": 32, "data": "noise", "seed": 2}, (0,)),
    ({"depth": 8, "width": 12, "norm": "none", "bias": True, "seed": 3}, (0, 25)),
    ({"depth": 20, "width": 4, "norm": "none", "rate": 3.0}, (0, 30)),
    ({"depth": 6, "width": 8, "norm": "layer", "activation": "tanh"}, (1, 25)),
    ({"depth": 5, "width": 8, "norm": "frozen", "freeze": 22, "optimiser": "momentum",
      "rate": 0.01}, (21, 22, 45)),
    ({"depth": 6, "width": 8, "bias": True, "optimiser": "adam", "rate": 0.01}, (0, 30)),
    ({"depth": 6, "width": 8, "bias": True, "decay": 0.01, "seed": 5}, (25,)),
    ({"depth": 5, "width": 8, "activation": "none"}, (3, 25)),
    ({"depth": 5, "width": 8, "activation": "none", "norm": "none"}, (3,)),
    ({"depth": 4, "width": 8, "skip": True, "data": "digits"}, (0, 21)),
    ({"depth": 1, "width": 4}, (0, 5)),
    ({"depth": 2, "width": 4, "data": "xor"}, (0, 1, 25)),
    ({"depth": 3, "width": 4, "data": "circles"}, (0, 2, 25)),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_every_sentence_of_a_headline_is_so(number: int) -> None:
    chosen, steps = RUNS[number]
    run = bnviz.network(max(steps), **chosen)
    for step in steps:
        facts = Facts(run, step)
        for name, tell in claims.TELL.items():
            told = tell(run, step)
            wrong = [*judge("network", told.claim, facts), *judge("network", told.why, facts)]
            assert not wrong, (name, step, wrong)


def test_a_false_sentence_is_found() -> None:
    run = bnviz.network(30, depth=8, width=12)
    for step in (0, 30):
        facts = Facts(run, step)
        right = claims.flow(run, step).claim
        for wrong in (
            right.replace("layer 8", "layer 7"),
            right.replace("×", "×1"),
            right.replace("grows", "explodes").replace("stays about as large as it was", "shrinks"),
            "It heals: ×900 before the first step, ×2.0 after 30",
            "A sentence that nobody wrote a condition for",
        ):
            assert wrong == right or judge("network", wrong, facts), wrong


def test_the_headlines_of_the_presets_are_so_on_another_seed_too() -> None:
    """All of them on ten seeds, at their own steps: `python -m tests.harness --presets 10`."""
    told: dict[str, str] = {}
    for name, text, facts in presets(range(11, 12), most=40):
        told.setdefault(name.split(",")[0], text)
        assert not judge("network", text, facts), name
    assert told.keys() == PRESETS.keys()
    assert told["explodes"].startswith("The gradient explodes: ")
    assert told["heals"].startswith("It heals: ")
    assert told["why"].startswith("It is the turn that heals: ")


def test_decay_and_gradient_balance_or_it_is_said_that_they_do_not() -> None:
    run = bnviz.network(330, depth=5, data="noise", decay=0.1, seed=1)
    for step, word in ((1, "No balance: "), (330, "Nearly a balance: ")):
        told = claims.growth(run, step)
        assert told.claim.startswith(word)
        facts = Facts(run, step)
        assert not [*judge("network", told.claim, facts), *judge("network", told.why, facts)]
        assert judge("network", told.claim.replace(word, "A balance: "), facts)


def test_an_overflow_is_said_with_its_step_and_layer() -> None:
    run = bnviz.network(300, depth=8, norm="none", activation="none", rate=9)
    assert run.fault is not None
    said = claims.fault(run)
    assert said.startswith(f"Overflow at step {run.fault.step}: going ")
    assert f"in layer {run.fault.layer}" in said
    assert claims.fault(bnviz.network(0, depth=2)) == ""


def test_every_preset_tells_something_that_exists() -> None:
    assert {preset.tells for preset in PRESETS.values()} == set(claims.TELL)
