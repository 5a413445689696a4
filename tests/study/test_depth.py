"""Depth and time: what is found in the literature and on other seeds is found here."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import bnviz
from bnviz.claims.depth import budget, headline, ratios, times
from bnviz.core.network import Setting
from bnviz.draw.depth import MOST_FRAMES, frames, payload
from bnviz.inputs.clouds import batch
from bnviz.inputs.networks import SCENARIOS, Training, changed, read, write
from bnviz.study.depth import MEASURES, Run, before_training


def trained(s: Setting, steps: int, data: str = "spirals") -> tuple[Run, float]:
    made = partial(batch, data, s.seed)
    run = Run(s, made)
    run.go(steps)
    return run, before_training(s, made)


def test_batch_norm_explodes_and_the_first_steps_heal_it() -> None:
    """Eleven seeds of two spirals, 30 layers × 32, gave 515 to 1,350 and 6 to 13 after 20."""
    run, before = trained(Setting(depth=30), 45)
    assert 400 < before < 1700
    after = run.growth(slice(-20, None))
    assert 2 < after < 25
    said = headline(run, before)
    assert (
        said.claim == f"It heals: {times(before)} before the first step, {times(after)} after 45."
    )
    opening = headline(run, before, end=False)
    assert opening.claim == f"The gradient explodes: {times(before)} from layer 30 back to layer 2."
    # It is the turn of the early weights that does it.
    turn = run.measures[-1, :, MEASURES.index("turn")]
    assert turn[1] > 20
    assert turn[-1] < 10


def test_without_a_norm_it_neither_explodes_nor_arrives() -> None:
    run, before = trained(Setting(depth=30, norm="none"), 45)
    assert before < 2
    assert "explodes" not in headline(run, before).claim
    assert "hardly better than guessing" in headline(run, before).claim


def test_the_parts_of_what_arrives_add_up() -> None:
    """Stopped, along 1, along x̂ and what is left are all of it, in squares, by Pythagoras."""
    s = Setting(depth=4, width=16, batch=32)
    run = Run(s, partial(batch, "spirals", 0))
    seen = run.look()
    run.go(1)
    for one, measured in zip(seen.layers, run.measures[0], strict=True):
        found = dict(zip(MEASURES, measured, strict=True))
        arrives = (one.dout**2).sum()
        g, x_hat = one.dx_hat, one.x_hat
        unit = x_hat / np.sqrt((x_hat**2).sum(axis=0))
        rest = g - g.mean(axis=0) - unit * (g * unit).sum(axis=0)
        left = (rest**2).sum() / arrives
        assert found["stopped"] == pytest.approx(1 - (one.dy**2).sum() / arrives, abs=1e-12)
        lost = found["stopped"] + found["along_one"] + found["along_x_hat"]
        assert lost + left == pytest.approx(1.0, abs=1e-9)
        assert found["handed"] == pytest.approx((one.da**2).sum() / arrives)
        assert found["rms"] == pytest.approx(np.sqrt((one.dx**2).mean()))
    assert run.measures[0, :, MEASURES.index("turn")] == pytest.approx(0.0, abs=1e-5)
    of = budget(run, 0)
    assert 100 - of["stopped"] - of["along_one"] - of["along_x_hat"] + of["back"] == (
        pytest.approx(of["handed"])
    )


def test_a_rate_that_overflows_says_where_it_did_first() -> None:
    run, before = trained(Setting(depth=5, norm="none", rate=10.0, width=64), 300)
    assert run.broken
    step, layer = run.broken
    assert len(run.loss) == step
    assert f"at step {step}: numbers run out at layer {layer + 1}" in headline(run, before).claim
    assert not payload(run, before, 300)["training"]


def test_a_long_run_is_bounded_in_what_is_kept_and_sent() -> None:
    run, before = trained(Setting(depth=2, width=4, batch=4), 400)
    drawn = payload(run, before, 400)
    assert len(drawn["frames"]) <= MOST_FRAMES
    assert [one["step"] for one in drawn["frames"]] == frames(400)
    last = drawn["frames"][-1]
    assert last["rms"][0] == float(f"{ratios(run)[-1, 0]:.4g}")
    assert 2000 * 30 * len(MEASURES) * 32 < 64 * 2**20  # bytes of a run of 2,000 steps


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_survives_its_link(name: str) -> None:
    training = SCENARIOS[name][1]
    assert read(write(training)) == training
    other = changed(training, rate=0.25, seed=7, steps=50, data="xor", skip=True)
    assert read(write(other)) == other


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "1000000~32~64~relu~batch~0~0~sgd~0.1~0~0~0~spirals~300",
        "30~32~64~relu~batch~0~0~sgd~nan~0~0~0~spirals~300",
        "30~32~64~relu~batch~0~0~sgd~1e999~0~0~0~spirals~300",
        "30.5~32~64~relu~batch~0~0~sgd~0.1~0~0~0~spirals~300",
        "30~32~64~relu~batch~0~0~sgd~0.1~0~0~0~moons~300",
        "30~32~64~relu~batch~0~0~sgd~0.1~0~0~0~spirals~99999",
    ],
)
def test_a_hostile_link_gets_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        read(text)


def test_a_run_is_had_from_code() -> None:
    run = bnviz.network(depth=3, width=4, batch=8, steps=5, data="xor")
    assert run.measures.shape == (5, 3, len(MEASURES))
    assert len(run.loss) == 5
    with pytest.raises(ValueError, match="depth"):
        bnviz.network(depth=99)


def test_a_training_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="data"):
        Training(data="moons")
    with pytest.raises(ValueError, match="steps"):
        changed(Training(), steps=0)
