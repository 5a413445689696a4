"""The teacher's side of a room: open it, see who has answered, show, call back, end.

A window that steers has the room's secret in its address. What it shows is written to the room;
where another window of the teacher has turned on, it follows.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import segno
import streamlit as st

from bnviz.claims.lesson import STEPS, reply, scenario_of
from bnviz.components.guess import guess as draw_guess
from bnviz.components.poll import poll as draw_poll
from bnviz.core.trace import run
from bnviz.phone.lesson import Screen, link_of, number, open_link
from bnviz.phone.lesson import poll as offered
from bnviz.phone.limits import Limit
from bnviz.rooms import Full, NoRoom, Room, RoomError, Store, open_store
from bnviz.rooms.store import Counts
from bnviz.screen import session
from bnviz.screen.parts import escaped

_EVERY = 1.0  # seconds


@st.cache_resource
def _store() -> Store:
    return open_store()


@st.cache_resource
def _openings() -> Limit:
    """All visitors of this process together: a room lasts a day, and there may be so many."""
    return Limit(30, 0.1)


def served() -> bool:
    """Does this server hand out the page for phones? A host that only runs app.py doesn't."""
    return "bnviz.phone.routes" in sys.modules


def _mine() -> tuple[str, str]:
    """The code and the secret of the room that this window steers."""
    both = session.option("room")
    return both[:6], both[6:]


def _here() -> tuple[int, str]:
    """The step on the screen, from 0, and the link of its numbers."""
    step = int(session.option("lesson")) - 1
    return step, link_of(step, session.scenario(), session.view())


def _say(text: str) -> None:
    st.session_state.room_note = text


def _steer(**change: object) -> None:
    """Change the room, and remember that it was this window."""
    try:
        room = _store().steer(*_mine(), **change)
    except RoomError as error:
        _say(str(error))
    else:
        st.session_state.room_seen = (room.version, _here())


def _open() -> None:
    try:
        if not _openings().take():
            raise Full("Too many rooms were opened here just now. Try again in a minute.")
        code, secret = _store().open()
    except RoomError as error:
        _say(str(error))
        return
    session.choose("room", code + secret)
    step, link = _here()
    _steer(step=step, link=link)


def _leave() -> None:
    session.choose("room", "")
    st.session_state.pop("room_seen", None)


def _end() -> None:
    try:
        _store().end(*_mine())
    except NoRoom:
        pass
    except RoomError as error:
        _say(str(error))
        return
    _leave()


def _adopt(room: Room) -> None:
    """Show what another window of the teacher shows."""
    try:
        screen = open_link(room.step, room.link, room.shown)
    except ValueError:
        screen = open_link(room.step, "", room.shown)
    session.choose("lesson", room.step + 1)
    if (screen.scenario, screen.view) != (session.scenario(), session.view()):
        session.change(screen.scenario, view=screen.view, opened=True)


def sync() -> Room | None:
    """Once a run, first: bring the room and this window together. None where there is no room,
    or it is out of reach; then the lesson goes on alone."""
    if not session.option("room"):
        return None
    state, here, (code, secret) = st.session_state, _here(), _mine()
    try:
        room = _store().read(code)
        seen = state.get("room_seen")
        if seen is None and not _store().steers(code, secret):
            _say("This link does not steer the room.")
            _leave()
            return None
        if seen is None or (here == seen[1] and room.version != seen[0]):
            _adopt(room)
        elif here != seen[1]:
            room = _store().steer(code, secret, step=here[0], link=here[1])
        state.room_seen = (room.version, _here())
    except NoRoom:
        _say("The room has ended.")
        _leave()
        return None
    except RoomError as error:
        _say(str(error))
        return None
    return room


def _address(code: str = "") -> str:
    """Where phones join."""
    here = urlsplit(st.context.url or "")
    path = here.path.rstrip("/").rsplit("/", 1)[0] + "/room/"
    return urlunsplit((here.scheme, here.netloc, path, "", code))


def _linked(address: str) -> str:
    """The address for Markdown; one that could be more than an address is no link."""
    return f"<{address}>" if re.fullmatch(r"[\w:/.\[\]-]+", address) else escaped(address)


def _spoken(code: str) -> str:
    return f"{code[:3]} {code[3:]}"


@st.dialog("Join the lesson", width="large")
def _invite(code: str) -> None:
    address = _address(code)
    with st.container(horizontal_alignment="center", key="invite"):
        st.markdown(f"# {_spoken(code)}", text_alignment="center")
        qr = segno.make(address, error="m").svg_inline(scale=15, light="#fff", border=3)
        st.image(qr, alt="QR code of the address below")
        said = f"Scan it, or open **{_linked(_address())}** and type the code."
        if "//localhost" in address or "//127." in address:
            said += " Phones can’t open localhost: open the app by your machine’s name first."
        st.markdown(said, text_alignment="center")


def counts_csv(counts: Counts) -> str:
    """The counts of all steps: a line for each answer on offer; which is right, for the step's
    own numbers."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(("step", "question", "answer", "right", "count"))
    for i, step in enumerate(STEPS):
        t = run(scenario_of(step))
        for key, choice in step.choices.items():
            right = reply(step, t, step.view, key)[0]
            n = counts.get(i, {}).get(key, 0)
            lines.writerow((i + 1, step.question, choice.text, "yes" if right else "no", n))
    return out.getvalue()


def _csv(code: str) -> str:
    try:
        return counts_csv(_store().counts(code))
    except RoomError as error:
        return f"{error}\n"


def answered(said: int, phones: int, asked: bool) -> str:
    """How many phones there are, and of those how many have answered."""
    there = f"{phones} {'phone' if phones == 1 else 'phones'}"
    return f"{said} of {there} answered" if asked else there


@st.fragment(run_every=_EVERY)
def _tally(asked: bool) -> None:
    """How many are there and have answered; it asks by itself, and follows another window."""
    if not session.option("room"):
        return
    code, _ = _mine()
    try:
        seen = _store().see(code)
    except RoomError:
        st.rerun()
    if seen.room.version != st.session_state.room_seen[0]:
        st.rerun()
    said = sum(seen.counts.values())
    st.markdown(answered(said, seen.joined, asked), width="content")


def door() -> None:
    """The way to open a room, beside the steps."""
    if not session.option("room") and "inputs" not in session.hidden():
        st.button(
            "Open a room",
            on_click=session.callback(_open),
            disabled=not served(),
            help=None if served() else "This host does not run the page for phones.",
        )


def desk(room: Room | None, asked: bool) -> None:
    """What one does with an open room, in a line. asked: is there a question on the screen?"""
    # Always there, so that nothing below is built anew.
    with st.container(horizontal=True, vertical_alignment="center", key="room"):
        if room is not None:
            _desk(room, asked)
    note = st.session_state.pop("room_note", "")
    with st.container(key="room-note"):
        if note:
            st.markdown(escaped(note))


def _desk(room: Room, asked: bool) -> None:
    code, _ = _mine()
    st.markdown(f"**{_spoken(code)}** at {_linked(_address())}", width="content")
    if st.button("QR code"):
        _invite(code)
    _tally(asked and not room.shown)
    st.space("stretch")
    label = "Back to me" if room.free else "Let phones explore"
    st.button(label, on_click=session.callback(lambda: _steer(free=not room.free)), key="free")
    if session.option("present") == "1":
        return
    st.download_button(
        "Counts, CSV", lambda: _csv(code), "bnviz_room.csv", "text/csv", on_click="ignore"
    )
    st.button("End the room", on_click=session.callback(_end))


def question(room: Room) -> None:
    """The answers on offer, and once shown what the class chose and what is true."""
    step = STEPS[room.step]
    screen = Screen(room.step, session.scenario(), session.view(), room.shown)
    st.markdown(f"# {escaped(step.title)}")
    st.markdown(escaped(step.question))
    seen = None
    if room.shown:
        try:
            seen = _store().see(_mine()[0])
        except RoomError as error:
            st.markdown(escaped(str(error)))
    with st.container(key="dots"):
        if seen is not None and seen.values:
            drawn = number(screen, seen.values)
            if drawn is not None:
                draw_guess(drawn, on_show=lambda: None)
    draw_poll(offered(screen), None if seen is None else seen.counts)
    with st.container(key="reveal"):
        if not room.shown:
            show: Callable[..., None] = session.callback(lambda: _steer(reveal=True))
            st.button("Show the answers", type="primary", on_click=show)
