"""One HTML page with river, table and lever, which lives without a network.

What Python would answer is in it: every neuron and input, the steps of the lever, and of each
number of the scenario all positions that a hand can drag it to.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from html import escape
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from bnviz.claims.surprise import headline
from bnviz.components.bundle import scripts, styles
from bnviz.components.stage import Reply, Scene, Show, Take, pack
from bnviz.components.theme import theme, typeface
from bnviz.core.columns import GROUPS, Columns, columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw import ledger
from bnviz.draw import lever as lever_picture
from bnviz.draw.sweep import grid
from bnviz.inputs.cells import CAN_BE_SET, with_cell
from bnviz.inputs.presets import matching
from bnviz.study.lever import MOST_STEPS, Look, lever
from bnviz.study.weight_gradient import shifted
from bnviz.words.numbers import exact, number

Json = dict[str, Any]
_FAR = 24  # positions on either side: each is in the page
_HELD = 10  # samples whose numbers can be dragged: a large batch is shown, and not held
_STYLE = """
*{box-sizing:border-box}
body{max-width:80rem;margin:0 auto;padding:1.2rem 1rem 3rem;color:var(--st-text-color);
background:var(--st-background-color);font:16px/1.5 "Source Sans 3","Source Sans Pro",system-ui,
sans-serif}
table.plain{border-collapse:collapse;font-variant-numeric:tabular-nums;display:block;overflow-x:auto}
table.plain :is(th,td){padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--st-border-color);
text-align:right}
summary{cursor:pointer;margin-top:1.5rem}footer{margin-top:1.5rem;overflow-wrap:anywhere}
a{color:var(--st-primary-color)}
"""


def _show(s: Scenario, look: Look | None, *, held: bool) -> Show:
    hide = () if held else ("inputs",)
    return Show(toolbar=False, river=True, ledger=True, lever=look, hide=hide)


def _scene(s: Scenario, view: View, look: Look | None) -> Scene:
    c = columns(run(s), view)
    return Scene(c, headline(c, matching(s)), lever(c, look) if look else None)


def _drawn(scene: Scene, show: Show, take: Take | None = None) -> tuple[Json, bytes]:
    """What the stage is sent, and the sweep behind it."""
    packed = pack(scene, show, reply=Reply(None), take=take, whole=take is None)
    end = 8 + int.from_bytes(packed[:8], "little")
    found: Json = json.loads(packed[8:end])
    return found, packed[end:]


def _sweeps(s: Scenario, view: View, scene: Scene, show: Show) -> dict[str, str]:
    """All positions of every number that can be held, by term and row."""
    look = show.lever
    steps = ledger.payload(scene.columns)["steps"]
    held = [
        (term, row, {"a": view.input}.get(term, view.neuron))
        for term in CAN_BE_SET[s.computed]
        if term in steps and (term != "a" or s.a is not None)
        for row in scene.columns.rows[:_HELD]
    ]
    found = {}
    for term, row, column in held:
        value = float(scene.columns.values[term][row])
        values = grid(value, steps[term], log=False, count=_FAR)
        scenes = [_scene(with_cell(s, term, row, column, v), view, look) for v in values]
        found[f"{term}:{row}"] = Take(term, row, False, False, values, scenes)
    if look and scene.lever:
        step = lever_picture.payload(scene.columns, scene.lever)["steps"]["mark"]
        marks = grid(0.0, step, log=False, count=_FAR)
        scenes = [_scene(s, view, replace(look, mark=mark)) for mark in marks]
        found["mark:0"] = Take("mark", 0, False, False, marks, scenes)
    return {
        name: base64.b64encode(_drawn(scene, show, take)[1]).decode()
        for name, take in found.items()
    }


def _kept(s: Scenario, view: View) -> Json:
    """Everything that the page can show."""
    look = Look() if s.d and not s.frozen else None
    show = _show(s, look, held=True)
    home = _scene(s, view, look)
    views = {}
    for j in range(s.shape[1]):
        for p in range(max(s.d, 1)):
            at = View(j, p)
            here = home if at == view else _scene(s, at, look)
            views[f"{j},{p}"] = _drawn(here, show if at == view else _show(s, look, held=False))[0]
    steps = []
    if look:
        for taken in range(1, MOST_STEPS + 1):
            stepped = _scene(s, view, replace(look, steps=taken))
            steps.append(_drawn(stepped, show)[0]["lever"])
    return {
        "home": f"{view.neuron},{view.input}",
        "views": views,
        "steps": steps,
        "shifted": _drawn(_scene(shifted(s, 10.0), view, look), _show(s, look, held=False))[0]
        if s.d
        else None,
        "sweeps": _sweeps(s, view, home, show),
    }


def _table(c: Columns) -> str:
    """The same numbers as plain text, for who has no scripts, or wants to copy them."""
    names = [name for _, group in GROUPS for name in group if name in c.values]
    head = "".join(f'<th scope="col">{escape(ledger.term_of(name).symbol)}</th>' for name in names)
    rows = [f'<tr><th scope="col">sample</th>{head}</tr>']
    for i in range(c.values["dx"].size):
        cells = "".join(
            f'<td title="{exact(float(values[i]))}">{number(float(values[i]), signed=True)}</td>'
            for values in (c.values[name] for name in names)
        )
        rows.append(f'<tr><th scope="row">{i + 1}</th>{cells}</tr>')
    total = "".join(
        f'<td title="{exact(c.sums[name].value)}"><b>'
        f"{'0' if c.sums[name].vanishes else number(c.sums[name].value, signed=True)}</b></td>"
        for name in names
    )
    rows.append(f'<tr><th scope="row">Σ</th>{total}</tr>')
    return f'<table class="plain">{"".join(rows)}</table>'


def reachable(link: str) -> bool:
    """Can a link be opened on another machine than the one that made it?"""
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))


def _back(link: str) -> str:
    """The way back to these numbers in the app."""
    if reachable(link):
        return f'<a href="{escape(link)}">These numbers, live</a>'
    query = urlsplit(link).query if "?" in link else ""
    if not query:
        return "To go on with these numbers open bnviz."
    return (
        "To go on with these numbers open bnviz, and put this behind its address: "
        f"<code>/?{escape(query)}</code>"
    )


def standalone(s: Scenario, view: View, link: str) -> str:
    """The page. link: where the app has these numbers; a link only where others can open it."""
    c = columns(run(s), view)
    story = headline(c, matching(s))
    text = json.dumps(_kept(s, view), ensure_ascii=False, separators=(",", ":")).encode()
    kept = base64.b64encode(zlib.compress(text, 9)).decode()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>bnviz: {escape(story.claim)}</title>"
        f'<style data-math="">{theme()}{typeface()}{_STYLE}{styles()}</style>'
        f'<script type="importmap">{scripts()}</script></head><body><main id="stage"></main>'
        f"<noscript><h1>{escape(story.claim)}</h1><p>{escape(story.why)}</p></noscript>"
        "<p>Neuron "
        f"{view.neuron + 1}, input {view.input + 1}. A number that is dragged here springs back "
        "when it is let go.</p>"
        f"<details><summary>The numbers as plain text</summary>{_table(c)}</details>"
        f'<footer>{_back(link)}</footer><script type="module">'
        'import { start } from "bnviz.stage/alone.js";'
        f'start(document.getElementById("stage"), "{kept}");</script></body></html>'
    )
