"""Each sentence of the river is said where it is so, and something true elsewhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.claims.river import Said, alt, say
from bnviz.core.columns import Columns, columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS

PUZZLE = PRESETS["puzzle"].scenario


def seen(s: Scenario, neuron: int = 0, input: int = 1) -> tuple[Columns, Said]:
    c = columns(run(s), View(neuron, input).within(s))
    return c, say(c)


def test_the_puzzle() -> None:
    c, said = seen(PUZZLE)
    # By hand: Σ∂L/∂y = 0.9 − 0.6 + 0.3 + 0.8 − 1.1 + 0.2; σ² = 1.3658, so the gate is
    # 1.2/√1.3658 = 1.0268 … and the rest follows from the columns.
    assert said.gate[0] == "+0.50 comes in,"
    moved = np.abs(c.values["dx_via_var"]).sum() / 2
    assert said.var == (
        f"moves {moved:.2f} from some to others:",
        "the sum stays",
        "② goes by xᵢ − μ, and deviations from a mean add up to 0",
    )
    taken = c.values["dx_direct"].sum()
    assert said.mean == (
        "move all x together: μ goes along,",
        "no y moves, so the sum must be 0",
        f"μ takes back the +{taken:.2f} that came: −{taken / 6:.2f} each",
    )
    assert said.turned == ("2 and 5 turn over:", "minus × minus = plus")
    assert said.bias.claim == "0 for the bias"
    assert said.weight is not None
    assert said.weight.claim == "+2.78 for the weight"
    assert "+2.78 for the weight" in alt(c, said)


@pytest.mark.parametrize(
    ("scenario", "place", "words"),
    [
        (PUZZLE.edit(dy=np.zeros((6, 2))), "gate", "nothing comes in"),
        (PUZZLE.edit(gamma=0), "gate", "lets nothing through"),
        (PRESETS["two"].scenario, "gate", "0 comes in"),
        (PRESETS["constant"].scenario, "var", "no x differs from the mean"),
        (PRESETS["one"].scenario, "var", "no x differs from the mean"),
        (PRESETS["losses"].scenario, "var", "does not go with x − μ"),
        (PRESETS["uncorrelated"].scenario, "var", "does not go with x − μ"),
        (PRESETS["two"].scenario, "mean", "takes nothing"),
        (PRESETS["frozen"].scenario, "var", "constant"),
        (PRESETS["frozen"].scenario, "mean", "constant"),
    ],
)
def test_what_is_said_where_it_is_otherwise(scenario: Scenario, place: str, words: str) -> None:
    _, said = seen(scenario)
    assert words in " ".join(getattr(said, place))


def test_frozen_statistics_give_the_bias_its_sum() -> None:
    c, said = seen(PRESETS["frozen"].scenario)
    total = float(c.values["dx"].sum())
    assert total > 5
    assert said.bias.claim == f"+{total:.2f} for the bias"
    assert not said.bias.holds


def test_what_rounding_hides_is_not_called_zero() -> None:
    assert PUZZLE.a is not None
    _, said = seen(PUZZLE.edit(a=PUZZLE.a + 1e14))
    assert said.weight is not None
    assert said.weight.claim == "too few digits to tell"


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20), st.sampled_from([0.0, 1e-5, 1.0, 1e6]))
def test_no_sentence_without_its_condition(seed: int, n: int, eps: float) -> None:
    c, said = seen(random_scenario(seed, n, 2, 2).edit(eps=eps), seed % 2, seed % 2)
    direct, via_var = c.values["dx_direct"], c.values["dx_via_var"]
    if "moves nothing" not in said.var[0]:
        assert np.abs(via_var).max() > 0
        assert abs(via_var.sum()) <= 1e-12 * np.abs(direct).sum()
    if said.mean[1].endswith("so the sum must be 0"):
        assert abs(direct.sum()) > 0
        np.testing.assert_allclose(n * c.values["dx_via_mean"], -direct.sum(), rtol=1e-9)
    if said.rule:
        same = c.trace.scenario.edit(a=np.full((n, 2), 3.0))
        equal = columns(run(same), c.view).sums["dweight"]
        assert abs(equal.value) <= 1e-12 * max(np.abs(direct).sum(), 1e-300)
    if said.bias.claim == "0 for the bias":
        assert abs(c.values["dx"].sum()) <= 1e-12 * max(np.abs(direct).sum(), 1e-300)
    if said.turned:
        a, dx = c.values["a"], c.values["dx"]
        named = [
            int(word) - 1 for word in said.turned[0].replace(",", " ").split() if word.isdigit()
        ]
        assert named
        assert all(a[i] < 0 and dx[i] < 0 for i in named)
