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
from bnviz.phone.limits import Limit, asker
from bnviz.rooms import Full, NoRoom, Room, RoomError, Store, open_store
from bnviz.rooms.store import Counts
from bnviz.screen import session
from bnviz.screen.parts import escaped

_EVERY = 1.0  # seconds


@st.cache_resource
def shared_store() -> Store:
    """The store of this process."""
    return open_store()


@st.cache_resource
def _openings() -> tuple[Limit, Limit]:
    """From one address, which may be a school's, and from all of them: a room lasts a day, and
    there may be so many."""
    return Limit(10, 1 / 60), Limit(60, 0.5)


def visitor() -> str:
    """The address that this session is from."""
    return asker(st.context.ip_address, st.context.headers.get("X-Forwarded-For") or "")


def served() -> bool:
    """Does this server hand out the page for phones? A host that only runs app.py doesn't."""
    return "bnviz.phone.routes" in sys.modules


def code_and_key(option: str) -> tuple[str, str]:
    """The code of a room in the address, and what opens it: a secret, or a phone's token."""
    both = session.option(option)
    return both[:6], both[6:]


def _mine() -> tuple[str, str]:
    """The code and the secret of the room that this window steers."""
    return code_and_key("room")


def _here() -> tuple[int, str]:
    """The step on the screen, from 0, and the link of its numbers."""
    step = int(session.option("lesson")) - 1
    return step, link_of(step, session.scenario(), session.view())


def say(text: str) -> None:
    """Say it below the desk, once."""
    st.session_state.room_note = text


def _steer(**change: object) -> None:
    """Change the room, and remember that it was this window."""
    try:
        room = shared_store().steer(*_mine(), **change)
    except RoomError as error:
        say(str(error))
    else:
        seen = st.session_state.get("room_seen")
        told = seen[1] if seen and "link" not in change else _here()
        st.session_state.room_seen = (room.version, told)


def _open() -> None:
    try:
        # Who is over his own bound takes nothing from that of all.
        one, every = _openings()
        if not (one.take(visitor()) and every.take()):
            raise Full("Too many rooms were opened here just now. Try again in a minute.")
        code, secret = shared_store().open()
    except RoomError as error:
        say(str(error))
        return
    session.choose("room", code + secret)
    step, link = _here()
    _steer(step=step, link=link)


def _leave() -> None:
    session.choose("room", "")
    st.session_state.pop("room_seen", None)


def _end() -> None:
    try:
        shared_store().end(*_mine())
    except NoRoom:
        pass
    except RoomError as error:
        say(str(error))
        return
    _leave()


def adopt(room: Room) -> None:
    """Show what the teacher shows in another window."""
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
        room = shared_store().read(code)
        seen = state.get("room_seen")
        if seen is None and not shared_store().steers(code, secret):
            say("This link does not steer the room.")
            _leave()
            return None
        if seen is None or (here == seen[1] and room.version != seen[0]):
            adopt(room)
            here = _here()
        elif here != seen[1]:
            room = shared_store().steer(code, secret, step=here[0], link=here[1])
        # What has been told: the next run may have begun already, with other numbers.
        state.room_seen = (room.version, here)
    except NoRoom:
        say("The room has ended.")
        _leave()
        return None
    except RoomError as error:
        say(str(error))
        return None
    return room


def _address(code: str = "") -> str:
    """Where phones join."""
    here = urlsplit(st.context.url or "")
    above = here.path.rstrip("/").rsplit("/", 1)[0]
    if served():
        return urlunsplit((here.scheme, here.netloc, f"{above}/room/", "", code))
    query = f"join={code}" if code else ""
    return urlunsplit((here.scheme, here.netloc, f"{above}/lesson", query, ""))


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
        return counts_csv(shared_store().counts(code))
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
        seen = shared_store().see(code)
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


def answers(screen: Screen, code: str, chosen: str | None = None, put: float | None = None) -> None:
    """The answers on offer, and once shown those of the class. chosen, put: one's own."""
    seen = None
    if screen.revealed:
        try:
            seen = shared_store().see(code)
        except RoomError as error:
            st.markdown(escaped(str(error)))
        if seen is not None and seen.room.step != screen.step:
            seen = None  # of another step
    with st.container(key="dots"):
        drawn = number(screen, seen.values) if seen is not None else None
        if seen is not None and drawn is not None and (seen.values or put is not None):
            draw_guess(drawn | {"value": put}, on_show=lambda: None)
    draw_poll(offered(screen) | {"chosen": chosen}, None if seen is None else seen.counts)


def question(room: Room) -> None:
    """The answers on offer, and once shown what the class chose and what is true."""
    step = STEPS[room.step]
    screen = Screen(room.step, session.scenario(), session.view(), room.shown)
    st.markdown(f"# {escaped(step.title)}")
    st.markdown(escaped(step.question))
    answers(screen, _mine()[0])
    with st.container(key="reveal"):
        if not room.shown:
            show: Callable[..., None] = session.callback(lambda: _steer(reveal=True))
            st.button("Show the answers", type="primary", on_click=show)
