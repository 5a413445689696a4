"""A sample of what `python -m tests.harness --all` judges; and the judge itself can say no."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from mpmath import mp

from bnviz.inputs.presets import PRESETS
from tests.harness.__main__ import over
from tests.harness.exact import Exact, digits
from tests.harness.rules import judge
from tests.harness.scenes import scenes


@pytest.mark.parametrize("start", range(0, 16, 8))
def test_no_sentence_is_false_and_none_is_without_a_condition(start: int) -> None:
    texts, wrong = over(scenes(start, 8))
    assert not wrong, "\n".join(wrong)
    assert texts > 1000


@pytest.mark.parametrize(
    "text",
    [
        "The gradients add up to 0, and so does what this weight gets.",
        "No sample gets a gradient here.",
        "A batch of one is its own mean, so x̂ is 0 whatever x is.",
        "5 of 6 samples get a gradient that can be told from 0.",
        "A sentence that nobody wrote a condition for.",
    ],
)
def test_what_is_false_of_the_puzzle_is_found(text: str) -> None:
    s = PRESETS["puzzle"].scenario
    with mp.workdps(digits(s)):
        assert judge("headline", text, Exact(s, 0, 1))


def test_a_blurred_zero_that_is_called_zero_is_found() -> None:
    s = PRESETS["puzzle"].scenario
    far = s.edit(a=np.asarray(s.a) + 1e14)
    with patch("bnviz.claims.ledger.BLURRED", 1e30), patch("bnviz.claims.river.BLURRED", 1e30):
        _, wrong = over([("far", far)])
    assert any("does not vary together" in fault for fault in wrong)
