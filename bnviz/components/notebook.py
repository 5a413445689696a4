"""The picture of a run outside the app: one page of HTML, which a notebook shows by itself."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bnviz.components.bundle import scripts, styles
from bnviz.components.network import packed
from bnviz.components.theme import theme
from bnviz.draw import network as draw
from bnviz.inputs import networks
from bnviz.study.training import Run

_TALL = 1000  # px, of the frame in a notebook
_STYLE = """
*{box-sizing:border-box}
body{max-width:80rem;margin:0 auto;padding:.8rem 1rem;color:var(--st-text-color);
background:var(--st-background-color);font:16px/1.5 "Source Sans 3","Source Sans Pro",system-ui,
sans-serif}
"""


@dataclass(frozen=True)
class Picture:
    """A page of HTML; as the last line of a notebook's cell it is shown."""

    html: str

    def save(self, path: str | Path) -> None:
        """Write it to a file, which any browser opens, without a network."""
        Path(path).write_text(self.html, encoding="utf-8")

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="A network in training" srcdoc="{escape(self.html)}" '
            f'style="width:100%;height:{_TALL}px;border:0"></iframe>'
        )


def picture(run: Run, step: int | None = None, about: str = "flow") -> Picture:
    """The figures of the page Network, of this run, at a step; all other steps are in it.

    step: the last one, where it is not said. about: what the headline tells, of `networks.TELLS`.
    Raises ValueError that says what can't be.
    """
    if about not in networks.TELLS:
        raise ValueError(f"about must be one of {', '.join(networks.TELLS)}; it is {about!r}.")
    if step is not None and not 0 <= step <= run.steps:
        raise ValueError(f"step must be from 0 to {run.steps}; it is {step!r}.")
    at = draw.nearest_sent(run.steps if step is None else step, run.steps)
    drawn = draw.Drawn(run)
    drawn.catch_up()
    s = run.settings
    gives = []
    if at > 0 and s.depth > 1:
        gives = [draw.given(run, at, what) for what in ("directions", "lengths")]
    data, table = draw.payload(
        drawn, 0, tells=about, preset=networks.matching(s, about, at), at=at, alone=True,
        run=networks.encode(s, "flow"), wanted=at, goal=run.steps, training=False,
        layer=s.depth // 2, width=s.width, gives=gives, notice="",
        given=gives[0] if gives and about == "why" else None,
    )  # fmt: skip
    kept = base64.b64encode(zlib.compress(packed(data, table), 9)).decode()
    told = data["headline"]
    return Picture(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>bnviz: {escape(told["claim"])}</title>'
        f'<style data-math="">{theme()}{_STYLE}{styles(("network",))}</style>'
        f'<script type="importmap">{scripts(("network",))}</script></head>'
        '<body><main id="network"></main>'
        f"<noscript><h1>{escape(told['claim'])}</h1><p>{escape(told['why'])}</p></noscript>"
        '<script type="module">import { start } from "bnviz.network/alone.js";'
        f'start(document.getElementById("network"), "{kept}");</script></body></html>'
    )
