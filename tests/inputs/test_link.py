"""Links bring back exactly what was on the screen, and nothing else."""

from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bnviz.core.scenario import Scenario
from bnviz.core.view import View
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.link import ShareError, _checksum, decode, encode
from bnviz.inputs.presets import DEFAULT, PRESETS

sizes = st.tuples(st.integers(1, 16), st.integers(1, 4), st.integers(1, 4))
numbers = st.floats(-1e100, 1e100, allow_nan=False)


@given(sizes, st.booleans(), st.integers(0, 99), st.data())
def test_round_trip_to_the_last_bit(
    size: tuple[int, int, int], computed: bool, seed: int, data: st.DataObject
) -> None:
    n, k, d = size
    s = random_scenario(seed, n, k, d, computed=computed)
    odd = data.draw(st.lists(numbers, min_size=k, max_size=k))
    eps = data.draw(st.floats(0, 1e100))
    s = s.edit(gamma=odd, beta=odd[::-1], eps=eps, dy=np.tile(odd, (n, 1)))
    view = View(data.draw(st.integers(0, k - 1)), data.draw(st.integers(0, d - 1)))
    assert decode(encode(s, view)) == (s, view)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_travels(name: str) -> None:
    s = PRESETS[name].scenario
    assert decode(encode(s, View())) == (s, View())
    assert len(urlencode(encode(s, View()))) < 1500


def test_the_largest_page_fits_into_a_link() -> None:
    s = random_scenario(5, 16, 4, 4, computed=True)
    assert len(urlencode(encode(s, View(3, 3)))) < 1500


def test_the_bare_address_is_the_default() -> None:
    assert decode({}) == (PRESETS[DEFAULT].scenario, View(0, 1))
    assert decode({"utm_source": "a", "embed": "true"}) == (PRESETS[DEFAULT].scenario, View(0, 1))


GOOD = encode(PRESETS["losses"].scenario, View(2, 1))


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_part_is_noticed(key: str) -> None:
    with pytest.raises(ShareError, match="missing"):
        decode({k: v for k, v in GOOD.items() if k != key})


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_a_cut_or_mistyped_part_is_noticed(key: str, data: st.DataObject) -> None:
    text = GOOD[key]
    place = data.draw(st.integers(0, len(text) - 1))
    cut, typed = text[:place], data.draw(st.characters())
    for wrong in (cut, text[:place] + typed + text[place + 1 :]):
        if wrong != text:
            with pytest.raises(ShareError):
                decode(GOOD | {key: wrong})


def signed(params: dict[str, str]) -> dict[str, str]:
    """What an enemy who knows the checksum sends."""
    return params | {"check": _checksum(params)}


@pytest.mark.parametrize(
    "change",
    [
        {"x": "nan_1_1~1_1_1"},
        {"x": "1_1_1~1_1"},
        {"x": "1"},
        {"x": "1e999" + "_1" * 2 + "~1_1_1" * 5},
        {"x": "_".join(["1"] * 5)},
        {"x": "~".join(["1"] * 17)},
        {"x": "١_1_1" + "~1_1_1" * 5},
        {"x": "1__1_1" + "~1_1_1" * 5},
        {"x": "9" * 400 + "_1_1" + "~1_1_1" * 5},
        {"x": ""},
        {"eps": "-1"},
        {"eps": "1_1"},
        {"eps": "<script>"},
        {"gamma": "1_1"},
        {"gamma": "inf_1_1"},
        {"neuron": "4"},
        {"neuron": "0"},
        {"neuron": "²"},
        {"input": "99999999999999999999"},
        {"w": "1_1_1~1_1_1"},
        {"b": "1"},
        {"dy": "1" * 30_000},
    ],
)
def test_what_an_enemy_signs_is_still_refused(change: dict[str, str]) -> None:
    with pytest.raises(ShareError):
        decode(signed(GOOD | change))


def test_a_layer_that_overflows_is_refused() -> None:
    s = Scenario(None, [[1.0], [1.0]], a=[[1e200], [1.0]], weight=[[1.0]])
    params = encode(s, View())
    with pytest.raises(ShareError, match="too large"):
        decode(signed(params | {"w": "1e200"}))


@given(st.dictionaries(st.sampled_from([*GOOD, "w", "b", "other"]), st.text(max_size=60)))
@example({"check": ""})
def test_any_text_gives_a_scenario_or_a_sentence(params: dict[str, str]) -> None:
    for attempt in (params, signed({k: v for k, v in params.items() if k != "other"})):
        try:
            scenario, view = decode(attempt)
        except ShareError:
            continue
        else:
            assert np.isfinite(scenario.x).all()
            assert view == view.within(scenario)
