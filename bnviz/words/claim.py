"""What is said of the numbers on the screen: a headline, why it is so, and the check behind it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A headline and a sentence of why; check says in numbers what it rests on, holds whether."""

    claim: str
    why: str
    check: str = ""
    holds: bool = True
