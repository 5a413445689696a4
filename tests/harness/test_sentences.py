"""A sample of what `python -m tests.harness --all` judges; and the judge itself can say no."""

from __future__ import annotations

from collections import Counter
from unittest.mock import patch

import numpy as np
import pytest
from mpmath import mp

from bnviz.inputs.presets import PRESETS
from tests.harness import explore, lesson, mycode
from tests.harness.__main__ import PAGES, over
from tests.harness.exact import Exact, digits
from tests.harness.reds import reds
from tests.harness.rules import judge
from tests.harness.scenes import CORNERS, scenes


@pytest.mark.parametrize("part", range(3))
def test_no_sentence_is_false_and_none_is_without_a_condition(part: int) -> None:
    """Presets and seeds: of the pages, each scene gets a third, the next one the next."""
    texts, seen = 0, Counter[str]()
    wrong: list[str] = []
    for index, scene in enumerate(scenes(0, 5)):
        if index % 3 != part:
            continue
        pages = PAGES[index // 3 % 3 :: 3]
        seen.update(page.__name__ for page in pages)
        count, found = over([scene], pages=pages)
        texts, wrong = texts + count, wrong + found
    assert not wrong, "\n".join(wrong)
    assert texts > 1000
    assert len(seen) == len(PAGES)


@pytest.mark.parametrize("name", CORNERS)
def test_no_sentence_is_false_where_one_stands_by_a_hair(name: str) -> None:
    _, wrong = over([(name, CORNERS[name])], pages=(explore, lesson, mycode))
    assert not wrong, "\n".join(wrong)


def test_no_check_is_red_on_right_code() -> None:
    for name, s in scenes(40, 8):  # seed 41 needs units of its own: 1e150
        assert not list(reds(s)), name


def test_a_check_that_fails_is_found() -> None:
    with patch("bnviz.core.identities.rounding", lambda n: 1e-19):
        assert any("core" in red for red in reds(PRESETS["offset"].scenario))


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
