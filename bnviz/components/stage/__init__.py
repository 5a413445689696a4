"""The stage: toolbar, headline, river, walk and ledger of a scenario, as one Streamlit component.

They are one, so that what is held is the same in all of them, and so that one answer from
Python draws them all in one frame.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streamlit.runtime.scriptrunner import get_script_run_ctx

from bnviz.claims.reach import ALL, SUM, WEIGHT, Reach
from bnviz.components.register import component, serve
from bnviz.core.columns import Columns
from bnviz.core.scenario import Scenario
from bnviz.core.view import View
from bnviz.draw import derive, ledger, lever, river, sweep, toolbar
from bnviz.study.lever import Lever, Look
from bnviz.words.claim import Claim

_HERE = Path(__file__).parent
PARTS = ("toolbar", "river", "lever", "derive", "ledger")  # whose files the stage's script takes in
_mount = component("stage", _HERE, js="stage.js", css="stage.css")

KEY = "stage"


@dataclass(frozen=True)
class Reply:
    """What goes to the browser with the numbers: the event it answers, and what went wrong.

    link: the query that brings all of it back; None while a number is held. back: the token of
    the browser's last return; see `bnviz.components.line`. more: does the whole page follow, with
    another answer?
    """

    seq: int | None
    notice: str = ""
    undo: bool = False
    redo: bool = False
    link: dict[str, str] | None = None
    back: int | None = None
    more: bool = False


@dataclass(frozen=True)
class Walk:
    """Where the walk along the equations stands: its step and its sample, from 0."""

    step: int = 0
    sample: int = 0


@dataclass(frozen=True)
class Show:
    """What of the stage is on the page. A walk comes with the river that it walks along.

    hide: of `bnviz.inputs.link.HIDABLE`, what is left out. reach: how much of ledger and river
    there is without that. called: see `bnviz.draw.ledger`.
    tab: the group of columns that a phone shows when it is given, and until another is chosen.
    first: which of river and ledger stands above the other.
    """

    toolbar: bool = True
    inputs: bool = True
    river: bool = False
    ledger: bool = False
    lever: Look | None = None
    walk: Walk | None = None
    hide: Collection[str] = ()
    reach: Reach = ALL
    called: View | None = None
    tab: int = 3
    first: str = "river"

    @property
    def far(self) -> Reach:
        """How much of ledger and river is on the screen."""
        return self.reach.without(self.hide)


@dataclass(frozen=True)
class Scene:
    """What is drawn of one scenario: its columns, what stands over them, and its lever.

    given: what the toolbar sets, where the columns are of the same in training.
    """

    columns: Columns
    headline: Claim | None = None
    lever: Lever | None = None
    given: Scenario | None = None


@dataclass(frozen=True)
class Take:
    """A number that someone takes: everything is to be drawn at each of these values of it.

    scenes: what is drawn at each value. fine: is the grid the finer one? few: are these the
    nearest values only, for a hand that does not wait?
    """

    term: str
    row: int
    fine: bool
    few: bool
    values: list[float]
    scenes: Sequence[Scene]


def _lever(scene: Scene, show: Show, rows: list[int] | None) -> Any:
    if scene.lever is None:
        return None
    # Beside a ledger the page has words of its own.
    whole = {SUM, WEIGHT} <= show.far.river
    return lever.payload(
        scene.columns, scene.lever, rows, show.hide, brief=show.ledger, whole=whole
    )


def _scene(
    scene: Scene, show: Show, rows: list[int] | None, *, held: bool = False
) -> dict[str, Any]:
    """All that changes with a number. held: of a walk, its step alone."""
    c, headline, walk = scene.columns, scene.headline, show.walk
    if walk is not None:
        rows = sorted({*(c.rows if rows is None else rows), walk.sample})
    return {
        "headline": headline and {"claim": headline.claim, "why": headline.why},
        "toolbar": toolbar.payload(
            scene.given or c.trace.scenario, c.view, show.hide, inputs=show.inputs
        )
        if show.toolbar
        else None,
        "river": river.payload(c, rows, show.called, show.far) if show.river or walk else None,
        "lever": _lever(scene, show, rows),
        "walk": walk and derive.payload(c.trace, c.view, walk.sample, walk.step, rows, alone=held),
        # What a hand takes hold of in the river is kept to the steps of the ledger.
        "ledger": ledger.payload(c, rows, show.hide, show.called, show.far)
        if show.ledger or show.river or walk
        else None,
        "table": show.ledger,
    }


def pack(
    scene: Scene,
    show: Show,
    *,
    reply: Reply,
    rows: list[int] | None = None,
    take: Take | None = None,
    whole: bool = False,
    also: Mapping[str, Any] | None = None,
) -> bytes:
    """What the browser gets: a length (8 bytes), JSON of that length, and a sweep, if there is one.

    rows: the samples to show while one of them is held; None where none is. take: what has been
    taken, if something has. whole: is it a run of the whole page, after which the browser may have
    a new stage? also: what goes along, for another script than the stage's.
    """
    held = not whole and (rows is not None or take is not None)
    here = _scene(scene, show, rows, held=held)
    data = {"reply": asdict(reply), "tab": show.tab, "first": show.first} | here
    # What never changes the browser keeps while a number is held.
    if not held:
        data |= {"presets": toolbar.titles(), "heads": ledger.still(show.far)}
        formulas = river.formulas() if show.river or show.walk else {}
        data["formulas"] = formulas | (lever.formulas() if scene.lever else {})
    table = b""
    if take is not None:
        taken = {"term": take.term, "row": take.row, "fine": take.fine}
        kept = scene.columns.rows if rows is None else rows
        drawn = [_scene(at, show, kept, held=True) for at in take.scenes]
        data["few"] = take.few
        table = sweep.encode(taken, take.values, drawn, here, compressed=not take.few)
    data |= also or {}
    # Bytes pass through as they are; a dictionary is searched for tables first.
    encoded = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded + table


def stage(
    scene: Scene,
    show: Show,
    *,
    reply: Reply,
    rows: list[int] | None = None,
    take: Take | None = None,
    on_event: Callable[[], None],
) -> None:
    """Draw what is shown of a scene; see `pack`.

    What people do to it arrives in the session state as `st.session_state[KEY].event`, and
    `on_event` is called.
    """
    for part in PARTS:
        serve(part, _HERE.parent / part)
    context = get_script_run_ctx()
    whole = context is None or not context.fragment_ids_this_run
    packed = pack(scene, show, reply=reply, rows=rows, take=take, whole=whole)
    _mount()(key=KEY, data=packed, on_event_change=on_event)
