"""A step of the lesson as a phone shows it: the stage, and the words that stand over it.

A phone has no session: it says which numbers are on its screen, and what was done to them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from bnviz.claims.lesson import STEPS, fits, reply, scenario_of
from bnviz.claims.reach import LANES
from bnviz.components.guess import axis
from bnviz.components.stage import Reply, Scene, Show, Take, pack
from bnviz.core.columns import columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw.sweep import grid
from bnviz.inputs.cells import LARGEST, CellError, cell, cell_name, parse_cell, place, with_cell
from bnviz.inputs.link import decode, encode
from bnviz.inputs.presets import DEFAULT, PRESETS
from bnviz.rooms import Refused
from bnviz.words.numbers import exact

Json = dict[str, Any]
# An empty query is the default scenario; the numbers that a step brings along are written so.
OWN = ""
_DEFAULT = "default"
# Positions on either side: fewer than in the app, for a class drags together; and all at once, for
# the few that a hand could have first would be most of these.
FAR = 20


@dataclass(frozen=True)
class Screen:
    """What a phone shows: a step, its numbers, and whether the answer is on the screen."""

    step: int
    scenario: Scenario
    view: View
    revealed: bool

    @property
    def link(self) -> str:
        """The query of these numbers; empty where they are the step's own."""
        return link_of(self.step, self.scenario, self.view)


def link_of(step: int, scenario: Scenario, view: View) -> str:
    """The query of numbers on the screen of a step; empty where they are its own."""
    own = STEPS[step]
    if scenario == scenario_of(own) and view == own.view:
        return OWN
    return urlencode(encode(scenario, view), safe="~") or _DEFAULT


def open_link(step: int, link: str, revealed: bool) -> Screen:
    """The screen of a step with these numbers; ShareError (a ValueError) says why there is none."""
    own = STEPS[step]
    if link == OWN:
        return Screen(step, scenario_of(own), own.view, revealed)
    if link == _DEFAULT:
        return Screen(step, PRESETS[DEFAULT].scenario, PRESETS[DEFAULT].view, revealed)
    return Screen(step, *decode(dict(parse_qsl(link, max_num_fields=40))), revealed)


def _show(screen: Screen) -> Show:
    """Ledger and river, as far as the story has got."""
    step = STEPS[screen.step]
    asked = fits(step, run(screen.scenario), screen.view)
    reach = step.reach(answered=screen.revealed or not asked)
    river = LANES in reach.river
    return Show(toolbar=False, river=river, ledger=True, first="ledger", reach=reach, tab=step.tab)


def poll(screen: Screen) -> Json:
    """The answers on offer; once revealed, which are right and what is said to each other."""
    step, t = STEPS[screen.step], run(screen.scenario)
    offered = []
    for key, choice in step.choices.items():
        right, said = reply(step, t, screen.view, key)
        known = {"right": right, "said": "" if right else said} if screen.revealed else {}
        offered.append({"key": key, "text": choice.text} | known)
    return {"choices": offered, "revealed": screen.revealed}


def number(screen: Screen, dots: Sequence[tuple[float, int]] | None = None) -> Json | None:
    """The axis on which the prediction of a step can be put, where it is a number; once revealed,
    with the truth on it, and the dots of the class where they are known."""
    asked, t = STEPS[screen.step].number, run(screen.scenario)
    if asked is None:
        return None
    truth = asked.total(t, screen.view) if screen.revealed else None
    return axis(f"{screen.step}", asked.what, asked.reach(t, screen.view), truth, dots=dots)


def nearest(step: int, link: str, value: float) -> str:
    """The choice that a number predicted for these numbers comes nearest to."""
    asked = STEPS[step].number
    if asked is None:
        raise Refused("This step asks for no number.")
    screen = open_link(step, link, False)
    return asked.near(run(screen.scenario), screen.view, value)


def words(screen: Screen) -> Json:
    """What stands over the numbers, as far as it is true of them."""
    step, t = STEPS[screen.step], run(screen.scenario)
    found: Json = {"step": screen.step, "title": step.title, "link": screen.link}
    if not fits(step, t, screen.view):
        return found | {"other": "These are other numbers than those that this step asks about."}
    found |= {"question": step.question, "poll": poll(screen), "number": number(screen)}
    if screen.revealed:
        story = step.shown(t, screen.view)
        found["story"] = {"claim": story.claim, "why": story.why}
    return found


def _packed(
    screen: Screen, *, seq: int | None = None, notice: str = "", take: Take | None = None
) -> bytes:
    scene = Scene(columns(run(screen.scenario), screen.view))
    answer = Reply(seq, notice)
    return pack(scene, _show(screen), reply=answer, take=take, also={"lesson": words(screen)})


def frame(screen: Screen) -> bytes:
    """A screen, packed as for the stage, with its words as `lesson`."""
    return _packed(screen)


@lru_cache(maxsize=1)
def whole() -> bytes:
    """All steps, before and after the answer, as one JSON: nobody asks for the next one later."""
    steps = [
        [_json(open_link(i, OWN, after)) for after in (False, True)] for i in range(len(STEPS))
    ]
    return json.dumps(steps, ensure_ascii=False, separators=(",", ":")).encode()


def _json(screen: Screen) -> Json:
    packed = frame(screen)
    found: Json = json.loads(packed[8 : 8 + int.from_bytes(packed[:8], "little")])
    return found


def _taken(screen: Screen, event: Mapping[str, Any]) -> Take:
    s, view = screen.scenario, screen.view
    term, row, column = place(s, view, event.get("term"), event.get("row"))
    value, step = float(event["value"]), float(event["step"])
    if not (abs(value) <= LARGEST and 0 < step <= LARGEST and abs(value) <= 1e12 * step):
        raise ValueError("no such positions")
    values = grid(value, step, log=term == "eps", count=FAR)
    drawn = [
        Scene(columns(run(with_cell(s, term, row, column, number)), view)) for number in values
    ]
    return Take(term, row, bool(event.get("fine")), False, values, drawn)


def _number(screen: Screen, event: Mapping[str, Any], text: object) -> Screen:
    s = screen.scenario
    at = place(s, screen.view, event.get("term"), event.get("row"))
    new = with_cell(s, *at, parse_cell(text, cell_name(*at), exact(cell(s, *at))))
    return Screen(screen.step, new, screen.view, screen.revealed)


def _home(screen: Screen, event: Mapping[str, Any]) -> Screen:
    own = scenario_of(STEPS[screen.step])
    at = place(screen.scenario, screen.view, event.get("term"), event.get("row"))
    if own.shape != screen.scenario.shape or own.layer != screen.scenario.layer:
        return screen
    new = with_cell(screen.scenario, *at, cell(own, *at))
    return Screen(screen.step, new, screen.view, screen.revealed)


def played(screen: Screen, event: Mapping[str, Any]) -> bytes:
    """What a phone's stage did, done: the frame that answers it. Other events change nothing."""
    kind, seq, notice, take = event.get("kind"), event.get("seq"), "", None
    seq = seq if isinstance(seq, int) else None
    try:
        if kind == "take":
            take = _taken(screen, event)
        elif kind in ("set", "move", "type"):
            screen = _number(screen, event, event.get("text" if kind == "type" else "value"))
        elif kind == "home":
            screen = _home(screen, event)
        elif kind == "view":
            view = View(int(event["neuron"]), int(event["input"])).within(screen.scenario)
            screen = Screen(screen.step, screen.scenario, view, screen.revealed)
    except CellError as error:
        notice = str(error)
    except (ValueError, TypeError, KeyError, OverflowError):
        pass
    return _packed(screen, seq=seq, notice=notice, take=take)
