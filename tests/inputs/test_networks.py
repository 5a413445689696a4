"""Networks by link: settings come back as they were, and nothing hostile gets through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnviz.core.network.settings import CHOICES, REAL, WHOLE, Settings
from bnviz.inputs.datasets import NAMES, POINTS, dataset
from bnviz.inputs.link import ShareError, decode_options, encode_options
from bnviz.inputs.networks import PRESETS, TELLS, decode, encode, matching

settings = st.builds(
    Settings,
    **{name: st.sampled_from(values) for name, values in CHOICES.items()},
    **{name: st.integers(*bounds) for name, bounds in WHOLE.items()},
    **{name: st.floats(*bounds) for name, bounds in REAL.items()},
    skip=st.booleans(),
    bias=st.booleans(),
)


@given(settings, st.sampled_from(TELLS))
def test_a_link_brings_back_the_same_settings(s: Settings, tells: str) -> None:
    link = encode_options({"net": encode(s, tells), "at": "17"})
    options = decode_options(link)
    assert decode(options["net"]) == (s, tells)
    assert options["at"] == "17"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("depth.1000000", "depth must be a whole number from 1 to 30"),
        ("depth.1e400", "depth must be"),
        ("rate.nan", "rate must be a number from 0 to 1000"),
        ("rate.inf", "rate must be"),
        ("rate.-1", "rate must be"),
        ("skip.2", "skip must be True or False"),
        ("norm.<b>", "can’t be read"),
        ("norm.x", "norm must be one of"),
        ("__class__.1", "can’t be read"),
        ("nothing.1", "no setting nothing"),
        ("tells.nothing", "headline"),
        ("depth.5" * 100, "too long"),
        ("depth", "can’t be read"),
    ],
)
def test_a_link_that_cannot_be_read_says_why(text: str, why: str) -> None:
    with pytest.raises(ShareError, match=why):
        decode(decode_options({"net": text})["net"])


@given(st.text(max_size=200))
def test_no_text_gets_past_as_anything_but_settings(text: str) -> None:
    try:
        s, tells = decode(decode_options({"net": text})["net"])
    except ShareError:
        return
    assert isinstance(s, Settings)
    assert tells in TELLS


def test_every_preset_is_found_again() -> None:
    for name, preset in PRESETS.items():
        assert matching(preset.settings, preset.tells, preset.at) == name
    assert encode(PRESETS["explodes"].settings, "flow") == ""


@pytest.mark.parametrize("name", NAMES)
def test_data_are_the_same_by_seed_and_hold_every_class(name: str) -> None:
    inputs, labels = dataset(name, 3, 16)
    again = dataset(name, 3, 16)
    np.testing.assert_array_equal(inputs, again[0])
    np.testing.assert_array_equal(labels, again[1])
    assert inputs.shape == (POINTS, {"digits": 64, "noise": 16}.get(name, 2))
    assert set(labels) == set(range(10 if name == "digits" else 2))
    assert np.isfinite(inputs).all()
    if name != "digits":
        assert not np.array_equal(inputs, dataset(name, 4, 16)[0])
