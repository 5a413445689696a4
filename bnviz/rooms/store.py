"""What a room is, what may be done to it, and the bounds; where it is kept is another file's.

A code lets a phone in; a secret, which is the teacher's alone, steers. Neither is a name, and
nothing personal is kept. Both kinds of store have the same rules, because they are only here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

STEPS = 11
DAY = 24 * 60 * 60  # seconds that a room lasts
MOST_ROOMS = 1000
# Where there are so many, one gives way in which nothing was done for so many seconds: first an
# empty one, that nobody came to.
IDLE_EMPTY = 30 * 60
IDLE = 3 * 60 * 60
MOST_PHONES = 600  # a room
LARGEST = 1e12  # a prediction that is a number is smaller
LONGEST = 20_000  # characters of the numbers on the teacher's screen
# Neither vowels, so that no words come about, nor what is mistaken for another when read aloud.
LETTERS = "bcdfghjkmnpqrstvwxz23456789"
_CODE = re.compile(rf"[{LETTERS}]{{6}}", re.ASCII)
_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)
_CHOICE = re.compile(r"[a-z0-9]{1,12}", re.ASCII)

Counts = dict[int, dict[str, int]]
Said = Mapping[
    str, int
]  # how many said what: a choice, and behind a colon the number, if it is one
Clock = Callable[[], float]


class RoomError(Exception):
    """Something that can't be done; the message is for the person who tried."""


class NoRoom(RoomError):
    """No such room: never opened, or ended."""

    def __init__(self) -> None:
        super().__init__("There is no room with this code. It may have ended.")


class Refused(RoomError):
    """Not this person's to do, or not now, or not a thing that can be done."""


class Full(RoomError):
    """A bound is reached."""


class Unreachable(RoomError):
    """The store itself is away."""

    def __init__(self) -> None:
        super().__init__("Rooms can’t be reached just now. The lesson goes on alone.")


@dataclass(frozen=True)
class Room:
    """What everyone in it may know.

    step: from 0. revealed: the steps whose answers have been shown, ascending. free: may phones
    leave the step? link: the query of the numbers on the teacher's screen, empty for the step's
    own. version: grows with each change. ends: seconds since 1970.
    """

    step: int = 0
    revealed: tuple[int, ...] = ()
    free: bool = False
    link: str = ""
    version: int = 1
    ends: float = 0.0

    @property
    def shown(self) -> bool:
        """Have the answers to the step at hand been shown?"""
        return self.step in self.revealed


@dataclass(frozen=True)
class Seen:
    """A room, and what is known of its phones: how many joined, and at the step at hand how many
    chose what, and each number that someone predicted with how many did, ascending."""

    room: Room
    joined: int
    counts: Mapping[str, int]
    values: tuple[tuple[float, int], ...]


def _counted(said: Said) -> dict[str, int]:
    """How many chose what."""
    found: dict[str, int] = {}
    for text, n in said.items():
        choice = text.partition(":")[0]
        found[choice] = found.get(choice, 0) + n
    return found


def _numbers(said: Said) -> tuple[tuple[float, int], ...]:
    """The numbers that were predicted, each with how many did."""
    found: dict[float, int] = {}
    for text, n in said.items():
        _, _, value = text.partition(":")
        if value:
            found[float(value)] = found.get(float(value), 0) + n
    return tuple(sorted(found.items()))


def tidy_code(text: object) -> str:
    """A code as it is kept, from what a person types; NoRoom where it can be none."""
    code = re.sub(r"[\s-]", "", text[:40]).lower() if isinstance(text, str) else ""
    if not _CODE.fullmatch(code):
        raise NoRoom
    return code


def _token(text: object) -> str:
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise Refused("This is not a link that steers a room.")
    return text


def predicted(value: object) -> float:
    """A number that was predicted; Refused where it is none."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) < LARGEST:  # type: ignore[arg-type]
        raise Refused("This is no number that can be predicted.")
    return float(value) + 0.0  # type: ignore[arg-type]  # no −0


def digest(secret: str) -> str:
    """What is kept of a secret: it can be known again, and not be read."""
    return hashlib.sha256(secret.encode()).hexdigest()


def changed(room: Room, change: Mapping[str, object]) -> Room:
    """The room with some of step, link, free and reveal set; Refused where they make no sense."""
    step, link, free = (change.get(name) for name in ("step", "link", "free"))
    new = room
    if step is not None:
        if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < STEPS:
            raise Refused("There is no such step.")
        new = replace(new, step=step)
    if link is not None:
        if not isinstance(link, str) or len(link) > LONGEST:
            raise Refused("These are too many numbers for phones.")
        new = replace(new, link=link)
    if free is not None:
        new = replace(new, free=bool(free))
    if change.get("reveal"):
        new = replace(new, revealed=tuple(sorted({*new.revealed, new.step})))
    return new if new == room else replace(new, version=room.version + 1)


def as_fields(room: Room) -> dict[str, object]:
    """The room as it is written down."""
    return asdict(room)


def from_fields(fields: Mapping[str, object]) -> Room:
    """The room as it was written down."""
    known: dict[str, object] = dict(fields)
    known["revealed"] = tuple(fields["revealed"])  # type: ignore[arg-type]
    return Room(**known)  # type: ignore[arg-type]


class Store(ABC):
    """Rooms, kept somewhere; every method may raise RoomError."""

    def __init__(self, clock: Clock = time.time) -> None:
        self.clock = clock

    def open(self) -> tuple[str, str]:
        """A new room: its code and the secret that steers it."""
        secret = secrets.token_hex(16)
        for _ in range(20):
            code = "".join(secrets.choice(LETTERS) for _ in range(6))
            if self._create(code, digest(secret), Room(ends=self.clock() + DAY)):
                return code, secret
        raise Full("No room could be opened. Try again.")

    def read(self, code: object) -> Room:
        """The room of a code."""
        return self._read(tidy_code(code))[0]

    def steer(self, code: object, secret: object, **change: object) -> Room:
        """Set step (int), link (str) or free (bool), or reveal=True; only with the secret."""
        code, secret = tidy_code(code), _token(secret)

        def act(room: Room, kept: str) -> Room:
            _same(secret, kept)
            return changed(room, change)

        return self._change(code, act)

    def end(self, code: object, secret: object) -> None:
        """End a room at once; all of it is forgotten."""
        code, secret = tidy_code(code), _token(secret)
        _same(secret, self._read(code)[1])
        self._forget(code)

    def steers(self, code: object, secret: object) -> bool:
        """Is this the secret of that room?"""
        try:
            _same(_token(secret), self._read(tidy_code(code))[1])
        except Refused:
            return False
        return True

    def join(self, code: object) -> str:
        """Let a phone in; the token by which it is known from here on."""
        phone = secrets.token_hex(16)
        self._join(tidy_code(code), phone)
        return phone

    def answer(
        self, code: object, phone: object, step: object, choice: object, value: object = None
    ) -> None:
        """What a phone predicts for a step; a later answer takes the place of an earlier.

        value: the number, where it was a number that is nearest to the choice.
        """
        if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < STEPS:
            raise Refused("There is no such step.")
        if not isinstance(choice, str) or not _CHOICE.fullmatch(choice):
            raise Refused("There is no such answer.")
        if not isinstance(phone, str) or not _TOKEN.fullmatch(phone):
            raise Refused("This phone is not in the room.")
        said = choice if value is None else f"{choice}:{predicted(value):.6g}"
        self._answer(tidy_code(code), phone, step, said)

    def counts(self, code: object) -> Counts:
        """How many chose what, by step; an answer that nobody chose is not in it."""
        every = self._every(tidy_code(code))
        return {step: _counted(said) for step, said in every.items()}

    def see(self, code: object) -> Seen:
        """The room and its phones, as one look finds them."""
        room, joined, said = self._see(tidy_code(code))
        return Seen(room, joined, _counted(said), _numbers(said))

    @abstractmethod
    def _every(self, code: str) -> dict[int, Said]:
        """What was said at each step."""

    @abstractmethod
    def _see(self, code: str) -> tuple[Room, int, Said]:
        """The room, how many phones were let in, and what was said at the step at hand."""

    @abstractmethod
    def _create(self, code: str, kept: str, room: Room) -> bool:
        """Write a new room down; False if the code is taken, Full if there are too many and none
        gives way."""

    @abstractmethod
    def _read(self, code: str) -> tuple[Room, str]:
        """A room that has not ended, and the digest of its secret; else NoRoom."""

    @abstractmethod
    def _change(self, code: str, act: Callable[[Room, str], Room]) -> Room:
        """Read, act and write, with nobody in between."""

    @abstractmethod
    def _forget(self, code: str) -> None: ...

    @abstractmethod
    def _join(self, code: str, phone: str) -> None:
        """Full beyond MOST_PHONES."""

    @abstractmethod
    def _answer(self, code: str, phone: str, step: int, said: str) -> None:
        """Refused where the phone is not in the room, or the step has been shown."""


def _same(secret: str, kept: str) -> None:
    if not hmac.compare_digest(digest(secret), kept):
        raise Refused("This link does not steer this room.")


def full_house() -> Full:
    """Too many rooms."""
    return Full("Too many rooms are open here. Try again later.")


def full_room() -> Full:
    """Too many phones."""
    return Full(f"This room is full: {MOST_PHONES} phones are in it.")


def not_in() -> Refused:
    """A phone that was never let in."""
    return Refused("This phone is not in the room.")


def too_late() -> Refused:
    """An answer after the answers were shown."""
    return Refused("The answer has been shown: what you chose before counts.")
