"""A run in a notebook: the figures of the page, with every step in them, and nothing fetched."""

from __future__ import annotations

import base64
import html
import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import bnviz
from bnviz.claims import training as claims
from bnviz.draw.network import CELLS

ROOT = Path(__file__).parents[2]


def test_a_notebook_gets_the_figures_of_the_page_with_every_step() -> None:
    run = bnviz.network(6, depth=5, width=6, batch=16)
    page = bnviz.picture(run, 4, about="heals").html
    packed = re.findall(r'getElementById\("network"\), "([^"]+)"', page)
    raw = zlib.decompress(base64.b64decode(packed[0]))
    end = 8 + int.from_bytes(raw[:8], "little")
    data = json.loads(raw[8:end])
    table = np.frombuffer(raw[end:], "<f4").reshape(7, 5, len(CELLS))
    sizes = run.quantity("dx")
    np.testing.assert_allclose(2.0 ** table[:, :, 0], sizes / sizes[:, -1:], rtol=1e-5)
    assert data["headline"]["claim"] == claims.heals(run, 4).claim
    assert [given["what"] for given in data["gives"]] == ["directions", "lengths"]
    assert data["wanted"] == data["gives"][0]["at"] == 4
    # Nothing is fetched: every script that one takes in is in the page.
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["data:,"]
    modules = json.loads(re.findall(r'importmap">(.*?)</script>', page)[0])["imports"]
    for name, url in modules.items():
        code = base64.b64decode(url.split(",")[1]).decode()
        for taken in re.findall(r"""^(?:import|export).* from "([^"]+)";""", code, re.MULTILINE):
            assert taken in modules, (name, taken)
    frame = bnviz.picture(run)._repr_html_()
    assert html.unescape(re.findall(r'srcdoc="([^"]*)"', frame)[0]) == bnviz.picture(run).html


@pytest.mark.parametrize(
    ("chosen", "says"), [({"step": 9}, "from 0 to 2"), ({"about": "x"}, "about must be one of")]
)
def test_what_cannot_be_drawn_is_said(chosen: dict[str, object], says: str) -> None:
    run = bnviz.network(2, depth=1, width=2, batch=4)
    with pytest.raises(ValueError, match=says):
        bnviz.picture(run, **chosen)  # type: ignore[arg-type]


def test_it_works_from_any_folder_in_the_colours_of_the_app(tmp_path: Path) -> None:
    code = (
        "import bnviz; run = bnviz.network(3, depth=4, width=4, batch=8)\n"
        "bnviz.picture(run).save('run.html')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "--st-primary-color:#1f5fbf" in page
    assert "--st-background-color:#14171f" in page
