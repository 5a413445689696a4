"""The page to take home: it fetches nothing, and holds what Python would have answered."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

import numpy as np
import pytest

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.presets import PRESETS
from bnviz.screen.standalone import reachable, standalone
from bnviz.study.lever import MOST_STEPS
from tests.kinds import there

PUZZLE = PRESETS["puzzle"]
LINK = "https://bnviz.example.org/?x=1&check=2"


def kept(page: str) -> dict[str, Any]:
    """What a page holds."""
    packed = re.findall(r'getElementById\("stage"\), "([^"]+)"', page)
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed[0])))
    return found


@pytest.fixture(scope="module")
def page() -> str:
    return standalone(PUZZLE.scenario, PUZZLE.view, LINK)


def test_it_fetches_nothing_and_is_light(page: str) -> None:
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["data:,", LINK.replace("&", "&amp;")]
    outside = [url for url in re.findall(r"""url\(["']?([^"')]+)""", page) if url[:5] != "data:"]
    assert outside == []
    modules = json.loads(re.findall(r'importmap">(.*?)</script>', page)[0])["imports"]
    for name, url in modules.items():
        code = base64.b64decode(url.split(",")[1]).decode()
        for taken in re.findall(r"""^(?:import|export).* from "([^"]+)";""", code, re.MULTILINE):
            assert taken in modules, (name, taken)
    assert "@import" not in page
    assert "prefers-color-scheme:dark" in page
    # What is written on the river has its room in the widths of this typeface.
    assert re.search('font-family:"Source Sans 3"[^}]*url."data:font/woff2;base64,.{200000}', page)
    assert len(page) < 2_500_000


def test_its_numbers_are_the_traces(page: str) -> None:
    t, found = run(PUZZLE.scenario), kept(page)
    dweight = there(t.dweight)
    assert set(found["views"]) == {f"{j},{p}" for j in range(2) for p in range(3)}
    for place, scene in found["views"].items():
        j, p = map(int, place.split(","))
        assert scene["ledger"]["cells"]["dx"] == t.dx[:, j].tolist()
        assert scene["ledger"]["sums"]["dweight"]["v"] == dweight[p, j]
        assert scene["river"]["lanes"]["dx"] == t.dx[:, j].tolist()
        # Only the numbers of one view can be held: the others have no sweeps.
        assert bool(scene["ledger"]["editable"]) == (place == found["home"])
    assert found["home"] == "0,1"
    assert len(found["steps"]) == MOST_STEPS
    assert found["steps"][0]["slope"] == pytest.approx(-0.2 * dweight[1, 0])
    held = {name.split(":")[0] for name in found["sweeps"]}
    assert held == {"a", "x", "dy", "mark"}
    for i in range(6):
        assert f'title="{float(t.dx[i, 0])!r}"' in page
    assert ">+2.78</b>" in page


def test_a_sweep_has_every_number_at_every_position(page: str) -> None:
    table = zlib.decompress(base64.b64decode(kept(page)["sweeps"]["dy:2"]))
    head = json.loads(table[4 : 4 + int.from_bytes(table[:4], "little")])
    assert (head["term"], head["row"]) == ("dy", 2)
    values = head["values"]
    numbers = np.frombuffer(
        np.frombuffer(table[4 + int.from_bytes(table[:4], "little") :], np.uint8)
        .reshape(8, -1).T.tobytes(), "<f8",
    ).reshape(-1, len(values))  # fmt: skip
    at = next(
        i for i, paths in enumerate(head["numbers"]) if ["ledger", "sums", "dweight", "v"] in paths
    )
    for value, weight in zip(values, numbers[at], strict=True):
        dy = PUZZLE.scenario.dy.copy()
        dy[2, 0] = value
        assert weight == there(run(PUZZLE.scenario.edit(dy=dy)).dweight)[1, 0]


@pytest.mark.parametrize("name", ["layer", "frozen", "one", "shifted"])
def test_other_scenarios_go_home_too(name: str) -> None:
    preset = PRESETS[name]
    found = kept(standalone(preset.scenario, preset.view, LINK))
    assert (found["views"][found["home"]]["lever"] is None) == preset.scenario.frozen


def test_without_inputs_there_is_no_lever() -> None:
    s = Scenario([[1.0], [2.0], [4.0]], [[1.0], [0.0], [2.0]])
    found = kept(standalone(s, View(), LINK))
    assert found["views"]["0,0"]["lever"] is None
    assert found["steps"] == []


@pytest.mark.parametrize(
    ("link", "works"),
    [
        (LINK, True),
        ("https://8.8.8.8/?x=1", True),
        ("http://localhost:8501/?x=1", False),
        ("http://127.0.0.1:8501/", False),
        ("http://[::1]:8501/?x=1", False),
        ("http://192.168.1.4:8501/?x=1", False),
        ("http://mymachine:8501/?x=1", False),
        ("http://mymachine.local/?x=1", False),
        ("javascript:alert(1)//a.b", False),
        ("", False),
    ],
)
def test_it_links_only_where_others_can_go(link: str, works: bool) -> None:
    assert reachable(link) == works
    page = standalone(Scenario([[1.0], [2.0]], [[1.0], [0.0]]), View(), link)
    outside = re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)
    assert ("<a href=" in outside) == works
    if not works:
        assert "localhost" not in outside
        assert "127.0.0.1" not in outside
    if "?" in link:
        assert "x=1" in outside, "the numbers themselves go along"


def test_a_link_is_text() -> None:
    s = Scenario([[1.0], [2.0]], [[1.0], [0.0]])
    page = standalone(s, View(), 'https://a.b/?a="><b>&c=1')
    assert 'href="https://a.b/?a=&quot;&gt;&lt;b&gt;&amp;c=1"' in page
