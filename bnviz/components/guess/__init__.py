"""A prediction that is a number: a bar to put where it will end, and the truth beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from bnviz.components.register import component
from bnviz.draw.scales import nice, step
from bnviz.words.numbers import places_for, plain

_mount = component("guess", Path(__file__).parent, js="guess.js", css="guess.css")

KEY = "guess"


def guess(
    of: str,
    what: str,
    reach: float,
    value: float | None,
    truth: tuple[float, bool] | None,
    *,
    on_show: Callable[[], None],
) -> None:
    """Draw the bar. of: what it is a prediction of, so that another begins anew.

    what: its name. reach: the size of what is added up, of which the scale is made. value: the
    prediction, once made. truth: the number and whether it is 0, once it may be shown.

    The number arrives as `st.session_state[KEY].show`, and on_show is called.
    """
    scale = nice(reach)
    data = {
        "of": of,
        "what": what,
        "scale": scale,
        "step": step(scale),
        "places": places_for(scale),
        "value": value,
        "truth": truth and {"v": plain(truth[0]), "zero": truth[1]},
    }
    _mount()(key=KEY, data=json.dumps(data, ensure_ascii=False).encode(), on_show_change=on_show)
