"""A prediction that is a number: a bar to put where it will end, and the truth beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bnviz.components.register import component
from bnviz.draw.scales import nice, step
from bnviz.words.numbers import places_for, plain

_mount = component("guess", Path(__file__).parent, js="guess.js", css="guess.css")

KEY = "guess"


def axis(
    of: str,
    what: str,
    reach: float,
    truth: tuple[float, bool] | None,
    *,
    value: float | None = None,
    dots: Sequence[tuple[float, int]] | None = None,
    button: str = "Show",
) -> dict[str, Any]:
    """What the browser draws. of: what it is a prediction of, so that another begins anew.

    what: its name. reach: the size of what is added up, of which the scale is made. truth: the
    number and whether it is 0, once it may be shown. value: the prediction, once made. dots: those
    of a class, each with how many made it. button: what it says that sends the number off.
    """
    scale = nice(reach)
    return {
        "of": of,
        "what": what,
        "scale": scale,
        "step": step(scale),
        "places": places_for(scale),
        "value": value,
        "truth": truth and {"v": plain(truth[0]), "zero": truth[1]},
        "dots": dots,
        "button": button,
    }


def guess(drawn: dict[str, Any], *, on_show: Callable[[], None]) -> None:
    """Draw an `axis`. A number that is put on it, and shown, arrives as
    `st.session_state[KEY].show`, and on_show is called."""
    data = json.dumps(drawn, ensure_ascii=False).encode()
    _mount()(key=KEY, data=data, on_show_change=on_show)
