"""Numbers that a visitor handed in: kept in the session, and in the link where they fit it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from bnviz.core.scenario import Scenario
from bnviz.inputs.link import decode_options
from bnviz.proof.reading import Pasted, PasteError, as_text, parse
from bnviz.screen import session


def text() -> str:
    """What was handed in, as text; after a reload, what the link has of it."""
    state = st.session_state
    here = session.option("mine")
    if state.get("pasted_as", "") != here:
        state.pasted, state.pasted_as = _from_link(here), here
    return str(state.get("pasted", ""))


def keep(new: str) -> None:
    """Hand in another text."""
    link = _to_link(new)
    st.session_state.pasted, st.session_state.pasted_as = new, link
    session.choose("mine", link)


def survives() -> bool:
    """Will it still be there after a reload?"""
    return not text().strip() or bool(session.option("mine"))


def _to_link(new: str) -> str:
    """The numbers as an option of the link; nothing where they can't be read or don't fit."""
    try:
        mine = parse(new)
    except PasteError:
        return ""
    if mine.values.ndim > 2 and mine.values.size != mine.values.shape[0] * mine.values.shape[1]:
        return ""
    flat = (
        mine.values.reshape(mine.values.shape[:2]),
        mine.resolution.reshape(mine.values.shape[:2]),
    )
    rows = as_text(Pasted(*flat))
    short = rows.replace("e+", "e").replace(" ", "_").replace("\n", "~")
    link = f"{mine.dtype}~{short}" if mine.dtype else short
    return link if decode_options({"mine": link})["mine"] == link else ""


def _from_link(link: str) -> str:
    dtype, _, rest = link.partition("~") if link.startswith(("float", "bfloat")) else ("", "", link)
    lines = rest.replace("~", "\n").replace("_", " ")
    return f"# dtype={dtype}\n{lines}" if dtype else lines


def given(s: Scenario) -> tuple[float, float]:
    """Half a unit of the digits that x and ∂L/∂y were given to, if they are still such numbers."""
    option = session.option("given")
    if not option:
        return 0.0, 0.0
    halves = []
    for values, places in zip((s.x, s.dy), map(int, option.split("_")), strict=True):
        held = bool((np.abs(values - np.round(values, places)) <= 1e-15 * np.abs(values)).all())
        halves.append(0.5 * 10.0**-places if held and places else 0.0)
    return halves[0], halves[1]


def keep_given(x: float, dy: float) -> None:
    """Remember half a unit of the digits that x and ∂L/∂y were given to; 0 where they are exact."""
    places = [round(-np.log10(2 * half)) if half > 0 else 0 for half in (x, dy)]
    held = any(places) and all(0 <= p <= 15 for p in places)
    session.choose("given", "_".join(map(str, places)) if held else "")
