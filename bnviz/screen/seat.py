"""A place in a room for who has no page for phones: the lesson itself, which asks now and then.

A host that runs the app without its routes has nothing lighter. Code and token are in the
address of the window, so that a reload is the same phone.
"""

from __future__ import annotations

import streamlit as st

from bnviz.components import join as box
from bnviz.phone.lesson import Screen
from bnviz.phone.limits import Limit
from bnviz.rooms import NoRoom, Refused, Room, RoomError, Unreachable
from bnviz.screen import session
from bnviz.screen.room import (
    adopt,
    answered,
    answers,
    code_and_key,
    say,
    served,
    shared_store,
    visitor,
)

_EVERY = 4.0  # seconds: each is a run of a fragment, for each of a class


@st.cache_resource
def _guesses() -> Limit:
    """Codes tried from one address: a class's mistakes, and too few to go through all codes."""
    return Limit(60, 1)


def _mine() -> tuple[str, str]:
    """The code of the room, and the token by which this window is known there."""
    return code_and_key("seat")


def _leave() -> None:
    session.choose("seat", "")
    st.session_state.pop("seat_seen", None)


def _join() -> None:
    code = str(session.heard(box.KEY, "code") or "")
    try:
        if not _guesses().take(visitor()):
            raise Refused("That was too often. Wait a moment, and try again.")
        phone = shared_store().join(code)
    except RoomError as error:
        say(str(error))
        return
    for name in ("join", "said", "guess"):  # what was predicted alone is no answer here
        session.choose(name, "")
    session.choose("seat", code + phone)


def door() -> None:
    """The box for a code, beside the steps."""
    if "inputs" in session.hidden() or session.option("room") or session.option("seat"):
        return
    box.join(session.option("join"), served=served(), on_join=session.callback(_join))


def answer(step: int, choice: str, value: float | None = None) -> bool:
    """Give an answer where this window sits in a room; False if it was not taken."""
    if not session.option("seat"):
        return True
    code, phone = _mine()
    try:
        shared_store().answer(code, phone, step, choice, value)
    except Unreachable as error:
        say(str(error))  # and the lesson goes on alone
    except RoomError as error:
        say(str(error))
        return False
    return True


def results(step: int, chosen: str | None, put: float | None) -> None:
    """What the class chose, with this window's own answer."""
    screen = Screen(step, session.scenario(), session.view(), revealed=True)
    answers(screen, _mine()[0], chosen, put)


def sync() -> Room | None:
    """Once a run, first: show what the teacher shows, unless phones are free, or once what is
    held has been let go. None where there is no room, or it is out of reach; then the lesson goes
    on alone."""
    if not session.option("seat"):
        return None
    state = st.session_state
    try:
        room = shared_store().read(_mine()[0])
    except NoRoom:
        say("The room has ended.")
        _leave()
        return None
    except RoomError as error:
        say(str(error))
        return None
    if state.get("seat_seen") != room.version and not session.held():
        if not room.free or "seat_seen" not in state:
            adopt(room)
        state.seat_seen = room.version
    return room


def following(room: Room) -> str:
    """Who leads."""
    if room.free:
        return f"Explore freely. The teacher is at step {room.step + 1}."
    return "Following the teacher."


@st.fragment(run_every=_EVERY)
def _watch(asked: bool) -> None:
    """Ask what the teacher shows, and how many have answered."""
    if not session.option("seat"):
        return
    try:
        seen = shared_store().see(_mine()[0])
    except NoRoom:
        st.rerun()
    except RoomError:
        return  # it is said already, and may come back
    if seen.room.version != st.session_state.get("seat_seen") and not session.held():
        st.rerun()
    there = answered(sum(seen.counts.values()), seen.joined, asked)
    st.markdown(f"{following(seen.room)} {there}.", width="content")


def desk(room: Room | None, asked: bool) -> None:
    """Where this window stands in the room, in a line. asked: is there an open question?"""
    with st.container(horizontal=True, vertical_alignment="center", key="seat"):
        if not session.option("seat"):
            return
        if room is not None:
            here = room.step == int(session.option("lesson")) - 1
            _watch(asked and here and not room.shown)
        else:
            _again()
        st.space("stretch")
        st.button("Leave the room", on_click=session.callback(_leave))


@st.fragment(run_every=_EVERY)
def _again() -> None:
    """The room is out of reach: is it back?"""
    try:
        shared_store().read(_mine()[0])
    except NoRoom:
        st.rerun()
    except RoomError:
        return
    st.rerun()
