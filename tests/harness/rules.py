"""Sentence -> condition: the registry, and the judge that reads a text by it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NUMBER = r"([−+]?(?:\d+(?:\.\d+)?(?:e−?\d+)?|∞))"
NUMBERS = "({0}(?:, {0})*)".format(NUMBER.replace("(", "(?:", 1))
Condition = Callable[..., object]  # (Exact, the numbers and words of the sentence) -> true?


@dataclass(frozen=True)
class Rule:
    """A sentence as it stands on a page, and when it is true."""

    place: str
    template: str
    pattern: re.Pattern[str]
    holds: Condition


RULES: dict[str, list[Rule]] = {}
SEEN: Counter[str] = Counter()


def rule(place: str, *templates: str) -> Callable[[Condition], Condition]:
    """Register a condition for sentences of a place.

    # stands for a number, § for several with commas between, @ for words.
    """

    def register(holds: Condition) -> Condition:
        for template in templates:
            escaped = re.escape(template).replace(r"\#", NUMBER).replace("§", NUMBERS)
            escaped = escaped.replace("@", "(.+?)")
            if escaped.endswith("(.+?)"):
                escaped = escaped[:-2] + ")"
            pattern = re.compile(escaped)
            RULES.setdefault(place, []).append(Rule(place, template, pattern, holds))
        return holds

    return register


def always(place: str, *templates: str) -> None:
    """Sentences that are so for all numbers: a definition, or algebra named in the code."""
    rule(place, *templates)(lambda e, *words: True)


def judge(place: str, text: str, e: Any) -> list[str]:
    """What is wrong with a text: sentences without a condition, and those that don't hold.

    e: what the conditions of that place are asked of, an Exact or the Facts of a network.
    """
    wrong: list[str] = []
    rest = text.strip()
    while rest:
        found = [(m.end(), r, m) for r in RULES.get(place, ()) if (m := r.pattern.match(rest))]
        if not found:
            return [*wrong, f"{place}: no condition for “{rest}”"]
        # Of several that read as far, the one that leaves fewest words open.
        end, chosen, match = max(found, key=lambda one: (one[0], len(one[1].template)))
        SEEN[f"{place}: {chosen.template}"] += 1
        try:
            holds = chosen.holds(e, *match.groups())
        except (ArithmeticError, LookupError, ValueError) as error:  # of words it doesn't know
            wrong.append(f"{place}: {error!r}: “{match[0]}”")
            holds = True
        if not holds:
            wrong.append(f"{place}: false: “{match[0]}”")
        rest = re.sub(r"^\s*(;\s*|\|\s+)?", "", rest[end:])
    return wrong
