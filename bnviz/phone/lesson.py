"""A step of the lesson as a phone shows it: the stage, and the words that stand over it.

A phone has no session: it says which numbers are on its screen, and what was done to them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from bnviz.claims.lesson import LEVER, STEPS, fits, reply, scenario_of
from bnviz.claims.reach import LANES, WEIGHT
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
from bnviz.study.lever import MOST_RATE, MOST_STEPS, Look, lever
from bnviz.study.weight_gradient import shifted
from bnviz.words.numbers import exact

Json = dict[str, Any]
# An empty query is the default scenario; the numbers that a step brings along are written so.
OWN = ""
_DEFAULT = "default"
_SHIFT = 10.0
# What is held like a number of the scenario, and only changes how the lever is looked at.
_HELD = {"mark": (-LARGEST, LARGEST), "rate": (0.0, MOST_RATE)}
# Positions on either side: fewer than in the app, for a class drags together; and all at once, for
# the few that a hand could have first would be most of these.
FAR = 20


@dataclass(frozen=True)
class Screen:
    """What a phone shows: a step, its numbers, and whether the answer is on the screen.

    look: how the lever is looked at, where there is one.
    """

    step: int
    scenario: Scenario
    view: View
    revealed: bool
    look: Look = field(default_factory=Look)

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


def read_look(sent: object) -> Look:
    """How a phone says that it looks at the lever; what can't be is as at first."""
    known = sent if isinstance(sent, Mapping) else {}
    mark, rate, steps = (known.get(name) for name in ("mark", "rate", "steps"))

    def within(value: object, low: float, high: float, home: float) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if number and low <= value <= high else home  # type: ignore[operator, arg-type]

    return Look(
        within(mark, -LARGEST, LARGEST, Look.mark),
        within(rate, 0.0, MOST_RATE, Look.rate),
        int(within(steps, 0, MOST_STEPS, Look.steps)),
    )


def open_link(step: int, link: str, revealed: bool) -> Screen:
    """The screen of a step with these numbers; ShareError (a ValueError) says why there is none."""
    own = STEPS[step]
    if link == OWN:
        return Screen(step, scenario_of(own), own.view, revealed)
    if link == _DEFAULT:
        return Screen(step, PRESETS[DEFAULT].scenario, PRESETS[DEFAULT].view, revealed)
    return Screen(step, *decode(dict(parse_qsl(link, max_num_fields=40))), revealed)


def _show(screen: Screen) -> Show:
    """Ledger, river and lever, as far as the story has got."""
    step = STEPS[screen.step]
    asked = fits(step, run(screen.scenario), screen.view)
    reach = step.reach(answered=screen.revealed or not asked)
    lever = screen.revealed and screen.step >= LEVER and WEIGHT in reach.river
    return Show(
        toolbar=False,
        river=LANES in reach.river,
        ledger=True,
        lever=screen.look if lever and screen.scenario.d and not screen.scenario.frozen else None,
        first="ledger",
        reach=reach,
        tab=step.tab,
    )


def _scene(s: Scenario, view: View, look: Look | None) -> Scene:
    c = columns(run(s), view)
    return Scene(c, lever=lever(c, look) if look else None)


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
    show = _show(screen)
    scene = _scene(screen.scenario, screen.view, show.lever)
    also = {"lesson": words(screen) | {"look": asdict(screen.look)}}
    return pack(scene, show, reply=Reply(seq, notice), take=take, also=also)


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


def _grid(event: Mapping[str, Any]) -> list[float]:
    value, step = float(event["value"]), float(event["step"])
    if not (abs(value) <= LARGEST and 0 < step <= LARGEST and abs(value) <= 1e12 * step):
        raise ValueError("no such positions")
    return grid(value, step, log=event.get("term") == "eps", count=FAR)


def _taken(screen: Screen, event: Mapping[str, Any]) -> Take:
    s, view = screen.scenario, screen.view
    term, row, column = place(s, view, event.get("term"), event.get("row"))
    values = _grid(event)
    look = _show(screen).lever
    look = look and replace(look, steps=0)  # a step is of the numbers that it was taken from
    drawn = [_scene(with_cell(s, term, row, column, number), view, look) for number in values]
    return Take(term, row, bool(event.get("fine")), False, values, drawn)


def _looks(screen: Screen, event: Mapping[str, Any]) -> Take:
    """All positions of what is held like a number, and only changes how the lever is seen."""
    term, look = str(event.get("term")), _show(screen).lever
    if look is None:
        raise ValueError("no lever")
    low, high = _HELD[term]
    values = [v for v in _grid(event) if low <= v <= high]
    s, view = screen.scenario, screen.view
    drawn = [_scene(s, view, _looked(look, term, value)) for value in values]
    return Take(term, 0, bool(event.get("fine")), False, values, drawn)


def _looked(look: Look, term: str, value: float) -> Look:
    return replace(look, mark=value) if term == "mark" else replace(look, rate=value)


def _number(screen: Screen, event: Mapping[str, Any], text: object) -> Screen:
    term, s = event.get("term"), screen.scenario
    if term in _HELD:
        low, high = _HELD[term]
        home = dict(zip(_HELD, (screen.look.mark, screen.look.rate), strict=True))[term]
        value = min(max(parse_cell(text, f"the {term}", exact(home)), low), high)
        return replace(screen, look=_looked(screen.look, term, value))
    at = place(s, screen.view, event.get("term"), event.get("row"))
    new = with_cell(s, *at, parse_cell(text, cell_name(*at), exact(cell(s, *at))))
    return _changed(screen, new)


def _changed(screen: Screen, new: Scenario, view: View | None = None) -> Screen:
    """Other numbers: the steps that were taken were of those before."""
    look = replace(screen.look, steps=0)
    return replace(screen, scenario=new, view=view or screen.view, look=look)


def _home(screen: Screen, event: Mapping[str, Any]) -> Screen:
    own, term = scenario_of(STEPS[screen.step]), event.get("term")
    if term in _HELD:
        return replace(screen, look=_looked(screen.look, term, getattr(Look(), term)))
    at = place(screen.scenario, screen.view, event.get("term"), event.get("row"))
    if own.shape != screen.scenario.shape or own.computed != screen.scenario.computed:
        return screen
    return _changed(screen, with_cell(screen.scenario, *at, cell(own, *at)))


def _turned(screen: Screen, kind: object) -> Screen:
    """What the buttons of the lever do: a step, none, or ten more on every a."""
    if kind == "shift":
        return _changed(screen, shifted(screen.scenario, _SHIFT))
    steps = min(screen.look.steps + 1, MOST_STEPS) if kind == "step" else 0
    return replace(screen, look=replace(screen.look, steps=steps))


def played(screen: Screen, event: Mapping[str, Any]) -> bytes:
    """What a phone's stage did, done: the frame that answers it. Other events change nothing."""
    kind, seq, notice, take = event.get("kind"), event.get("seq"), "", None
    seq = seq if isinstance(seq, int) else None
    try:
        if kind == "take":
            take = (_looks if event.get("term") in _HELD else _taken)(screen, event)
        elif kind in ("set", "move", "type"):
            screen = _number(screen, event, event.get("text" if kind == "type" else "value"))
        elif kind == "home":
            screen = _home(screen, event)
        elif kind == "view":
            view = View(int(event["neuron"]), int(event["input"])).within(screen.scenario)
            screen = _changed(screen, screen.scenario, view)
        elif kind in ("step", "flat", "shift") and _show(screen).lever:
            screen = _turned(screen, kind)
    except CellError as error:
        notice = str(error)
    except (ValueError, TypeError, KeyError, OverflowError):
        pass
    return _packed(screen, seq=seq, notice=notice, take=take)
