"""While a number is held: what the browser reads out of a sweep, at positions of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zlib import crc32

from bnviz.claims.ledger import tell
from bnviz.core.columns import columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw import ledger, lever, river
from bnviz.draw.sweep import encode, grid
from bnviz.inputs.cells import LARGEST, cell, place, with_cell
from bnviz.study.lever import Look
from bnviz.study.lever import lever as turned
from tests.draw.test_sweep import looked_up
from tests.harness.exact import Exact, largest
from tests.harness.lever import Rod
from tests.harness.rules import always, rule

Text = tuple[str, str, Exact]


class Shown(Exact):
    """The numbers at a position, and the samples that are on the screen."""

    def __init__(self, s: Scenario, neuron: int, input: int, rows: list[int]) -> None:
        super().__init__(s, neuron, input)
        self.rows = rows


def _drawn(s: Scenario, view: View, rows: list[int] | None) -> dict[str, Any]:
    c = columns(run(s), view)
    story = tell(c)
    scene = {
        "headline": {"claim": story.claim, "why": story.why},
        "river": river.payload(c, rows),
        "ledger": ledger.payload(c, rows),
    }
    if s.d:
        scene["lever"] = lever.payload(c, turned(c, Look()), rows)
    return scene


def _held(s: Scenario, view: View) -> Iterator[tuple[Scenario, dict[str, Any], list[int] | None]]:
    """As it is, and as the browser draws it at some positions of a number that is taken."""
    here = _drawn(s, view, None)
    yield s, here, None
    # Chosen by the numbers: any that can be taken.
    chosen = crc32(s.x.tobytes() + s.dy.tobytes()) + view.neuron + view.input
    terms = [*here["ledger"]["editable"], "gamma", "eps"]
    term = terms[chosen % len(terms)]
    at = place(s, view, term, chosen % s.shape[0] if term in ("a", "x", "dy") else 0)
    step = {"gamma": 0.05, "eps": 0.1}.get(term) or here["ledger"]["steps"][term]
    value = cell(s, *at)
    if not (abs(value) <= LARGEST and 0 < step <= LARGEST and abs(value) <= 1e12 * step):
        return
    rows = here["ledger"]["rows"]
    values = grid(value, step, log=term == "eps", count=36)[chosen % 7 :: 16]
    there = [with_cell(s, *at, v) for v in values]
    drawn = [_drawn(one, view, rows) for one in there]
    read = looked_up(encode({"term": term, "row": at[1]}, values, drawn, here), here)
    yield from ((one, scene, rows) for one, scene in zip(there, read, strict=True))


def texts(s: Scenario, neuron: int, input: int) -> Iterator[Text]:
    view = View(neuron, input)
    for at, (there, scene, rows) in enumerate(_held(s, view)):
        e = Shown(there, neuron, input, rows or scene["ledger"]["rows"])
        e.held = rows is not None  # type: ignore[attr-defined]
        if scene["ledger"]["hidden"]:
            yield "hidden", scene["ledger"]["hidden"], e
        if not at:
            continue  # the others of the numbers as they are stand under their own pages
        head, said = scene["headline"], scene["river"]["said"]
        yield "headline", f"{head['claim']} {head['why']}", e
        for name in ("gate", "var", "mean", "turned", "rule"):
            yield f"river {name}", " | ".join(said[name]), e
        for name in ("bias", "weight"):
            if said[name]:
                yield f"river {name}", f"{said[name]['claim']} | {said[name]['why']}", e
                if said[name]["sum"]:
                    yield "river sum", " | ".join(said[name]["sum"]), e
        for name, total in scene["ledger"]["sums"].items():
            yield f"note {name}", total["note"], e
        if "lever" in scene:
            rod = Rod(there, neuron, input, Look(), e)
            told = scene["lever"]["said"]
            for name in ("lift", "turn"):
                text = f"{told[name]['claim']} {told[name]['why']}".strip()
                yield f"lever {name}", text, rod
            for note in (told["mark"], told["caption"], told["stepped"], *told["notes"]):
                if note:
                    yield "lever note", note, rod


@rule(
    "hidden",
    "# of # samples are shown, those with the largest ∂L/∂x. The sums are of all #.",
)
def _largest(e: Shown, some: str, n: str, all_: str) -> object:
    left = [e.dx[i] for i in range(e.n) if i not in e.rows]
    least = min(abs(e.dx[i]) for i in e.rows)
    return _count(e, some, n, all_) and (largest(left) <= least + 2 * e.bound or e.overflows)


def _count(e: Shown, some: str, n: str, all_: str) -> bool:
    return int(some) == len(e.rows) < e.n == int(n) == int(all_)


rule("hidden", "# of # samples are shown, the same while one is held. The sums are of all #.")(
    lambda e, some, n, all_: _count(e, some, n, all_) and e.held
)
always(
    "hidden",
    "x stands for aW + b, what the layer in front puts out. Here it is set by hand; ∂L/∂W = Σ a · "
    "∂L/∂x is the same.",
)
