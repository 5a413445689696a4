"""The wiring of the app, without a browser."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from bnviz.claims.surprise import headline
from bnviz.core.columns import columns
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.link import OPTIONS, encode
from bnviz.inputs.presets import PRESETS
from tests.kinds import there

APP = str(Path(__file__).parents[2] / "app.py")


def start(query: dict[str, str] | None = None) -> AppTest:
    at = AppTest.from_file(APP, default_timeout=30)
    for key, value in (query or {}).items():
        at.query_params[key] = value
    return at.run()


def given(at: AppTest, component: str) -> dict[str, Any]:
    """What a component was given to draw."""
    assert not at.exception
    protos = [element.proto for element in at.get("bidi_component")]
    packed = next(p.bytes for p in protos if p.component_name == f"bnviz.{component}")
    found: dict[str, Any] = json.loads(packed[8 : 8 + int.from_bytes(packed[:8], "little")])
    return found


def stage(at: AppTest) -> dict[str, Any]:
    """What the stage was given to draw."""
    return given(at, "stage")


def ledger(at: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = stage(at)["ledger"]
    return found


def drawer(at: AppTest) -> AppTest:
    """The app with its drawer of numbers open."""
    at.session_state["drawer"] = True
    return at.run()


def test_the_first_screen() -> None:
    data = stage(start())
    assert data["headline"]["claim"].endswith("the weight learns all the same.")
    assert data["ledger"]["sums"]["dx"]["tone"] == "zero"
    assert data["ledger"]["sums"]["dweight"]["tone"] == "alive"
    assert data["river"]["said"]["weight"]["claim"] == "+2.78 for the weight"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_opens(name: str) -> None:
    preset = PRESETS[name]
    data = stage(start(encode(preset.scenario, preset.view)))
    assert data["ledger"]["n"] == preset.scenario.shape[0]
    assert data["toolbar"]["preset"] == name
    said = headline(columns(run(preset.scenario), preset.view), name)
    assert data["headline"] == {"claim": said.claim, "why": said.why}
    assert {preset["name"] for preset in data["presets"]} == set(PRESETS)


def test_sizes_keep_the_numbers_that_still_fit() -> None:
    at = drawer(start())
    before = ledger(at)["cells"]["x"]
    at.number_input(key="n").set_value(16).run()
    grown = ledger(at)["cells"]["x"]
    assert grown[:6] == before
    assert len(grown) == 16
    at.number_input(key="k").set_value(4).run()
    at.number_input(key="d").set_value(1).run()
    at.number_input(key="n").set_value(3).run()
    data = ledger(at)
    assert data["cells"]["x"] == before[:3]


def test_eps_may_be_zero() -> None:
    at = drawer(start())
    at.number_input(key="eps").set_value(0.0).run()
    assert ledger(at)["eps"] == "0"


def test_a_layer_and_back() -> None:
    at = drawer(start())
    x = ledger(at)["cells"]["x"]
    at.segmented_control(key="computed").set_value(True).run()
    data = ledger(at)
    assert data["editable"] == ["a", "dy"]
    assert "x" in data["locked"]
    computed = data["cells"]["x"]
    assert computed != x
    at.segmented_control(key="computed").set_value(False).run()
    data = ledger(at)
    assert data["editable"] == ["a", "x", "dy"]
    assert data["cells"]["x"] == computed


def test_the_same_seed_draws_the_same_batch() -> None:
    at, other = drawer(start()), drawer(start())
    for each in (at, other):
        each.number_input(key="seed").set_value(5).run()
        each.button[0].click().run()
    assert ledger(at)["cells"] == ledger(other)["cells"]
    other.number_input(key="seed").set_value(6).run()
    other.button[0].click().run()
    assert ledger(at)["cells"] != ledger(other)["cells"]


def test_a_link_opens_what_it_holds() -> None:
    s = PRESETS["shifted"].scenario.edit(gamma=[0.5, -2])
    data = ledger(start(encode(s, View(1, 2))))
    assert data["neuron"] == 1
    assert data["input"] == 2
    assert data["cells"]["a"] == there(s.a)[:, 2].tolist()
    assert data["gamma"] == "-2"


@pytest.mark.parametrize("query", [{"x": "1"}, {"check": "0"}, {"x": "<script>", "eps": "nan"}])
def test_a_bad_link_gives_the_default_and_a_sentence(query: dict[str, str]) -> None:
    data = stage(start(query))["ledger"]
    assert data["cells"]["x"] == PRESETS["puzzle"].scenario.x[:, 0].tolist()
    assert stage(start(query))["reply"]["notice"].startswith("This link can’t be opened: ")


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - {"net"}))  # which says what is wrong itself
def test_what_a_link_says_in_vain_is_named_and_the_rest_is_kept(name: str) -> None:
    s = PRESETS["shifted"].scenario
    data = stage(start(encode(s, View(1, 2)) | {name: "<nan>"}))
    assert data["reply"]["notice"] == f"In this link {name} can’t be read: it is left out."
    assert data["ledger"]["neuron"] == 1
    assert data["ledger"]["cells"]["a"] == there(s.a)[:, 2].tolist()


def test_two_that_are_said_in_vain_are_both_named() -> None:
    data = stage(start({"at": "-5", "deep": "nan", "step": "", "part": "1"}))
    assert data["reply"]["notice"] == "In this link at, deep can’t be read: they are left out."


def heading(at: AppTest) -> str:
    """The heading of a page: one of its own, or the claim of what is drawn there."""
    own = [text.value.removeprefix("# ") for text in at.markdown if text.value.startswith("# ")]
    if own:
        return str(own[0])
    if any(e.proto.component_name == "bnviz.network" for e in at.get("bidi_component")):
        return str(given(at, "network")["headline"]["claim"])
    drawn = stage(at)
    walk = drawn["walk"]
    return str(walk["steps"][walk["step"]]["heading"] if walk else drawn["headline"]["claim"])


def _teacher_links() -> list[tuple[str, str]]:
    """The rows of the README's table for teachers: a link, and what it promises."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(/[^`]*)` \| ([^|]+) \|", readme, re.MULTILINE)
    assert len(rows) >= 10
    return rows


@pytest.mark.parametrize(("link", "promised"), _teacher_links())
def test_a_teacher_link_opens_the_screen_that_the_plan_promises(link: str, promised: str) -> None:
    path, _, query = link.partition("?")
    at = start(dict(parse_qsl(query))).switch_page(f"bnviz/pages{path}.py").run()
    assert heading(at).replace("\u2060", "") == promised.strip()
