"""What right numbers can't show, and the batch on which it shows."""

from __future__ import annotations

import numpy as np
import pytest

from bnviz.claims.hidden import all_titles, cannot_show, telling
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.inputs.presets import PRESETS
from bnviz.proof.faults import FAULTS, wrongs
from bnviz.proof.judge import Pasted, checkable, diagnose


def handed(t: Trace, term: str) -> Pasted:
    right = np.asarray(getattr(t, term))
    return Pasted(right, np.zeros(right.shape))


def test_nothing_is_said_where_nothing_hides() -> None:
    assert cannot_show("dx", ()) is None


def test_the_sentence_counts_and_names() -> None:
    said = cannot_show("dx", ("gamma_lost", "gamma_twice", "y_for_x_hat"), most=2)
    assert said is not None
    assert "3 known mistakes" in said.claim
    assert FAULTS["gamma_lost"].title in said.why
    assert "and 1 more" in said.why
    assert all_titles(("mean", "both")).count("\n") == 1
    one = cannot_show("dgamma", ("swapped",))
    assert one is not None
    assert "1 known mistake would" in one.claim


def test_a_batch_that_tells_is_tried_on_its_own_numbers() -> None:
    plain = Scenario([[-1.2], [0.3], [-0.4], [2.1]], [[0.9], [-0.6], [0.3], [0.8]])
    hidden = diagnose(run(plain), "dx", handed(run(plain), "dx")).hidden
    assert {"gamma_lost", "gamma_twice", "y_for_x_hat"} <= set(hidden)
    other, shown = telling(plain, "dx", hidden)
    assert other is not None
    assert set(shown) == set(hidden)
    t = run(other)
    # Right there as well, and each of them wrong there.
    found = diagnose(t, "dx", handed(t, "dx"))
    assert found.holds
    assert not set(found.hidden) & set(shown)
    assert (other.gamma != 1).all()
    assert (other.beta != 0).all()


@pytest.mark.parametrize("name", [n for n in PRESETS if PRESETS[n].scenario.a is not None])
def test_on_every_preset_what_is_promised_to_show_shows(name: str) -> None:
    s = PRESETS[name].scenario.training()
    for term in set(checkable(run(s))) & {"dx", "dgamma", "dweight", "dbias"}:
        hidden = diagnose(run(s), term, handed(run(s), term)).hidden
        other, shown = telling(s, term, hidden)
        assert set(shown) <= set(hidden)
        if other is None:
            continue
        t = run(other)
        right = np.asarray(getattr(t, term))
        made = {wrong.name: wrong.value for wrong in wrongs(t, term)}
        for fault in shown:
            assert made[fault].shape != right.shape or np.abs(made[fault] - right).max() > 1e-4
