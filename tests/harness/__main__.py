"""Every sentence on many scenarios: `python -m tests.harness [--all] [--start 0] [--count 400]`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from types import ModuleType

import numpy as np
from mpmath import mp

from bnviz.core.scenario import Scenario
from tests.harness import check, derive, explore, lesson, lever, mine, weights
from tests.harness.exact import Exact, digits
from tests.harness.rules import RULES, SEEN, judge
from tests.harness.scenes import scenes, views

PAGES: tuple[ModuleType, ...] = (explore, weights, lever, check, derive, lesson, mine)
MANY = 3000  # seeds of --all


def judged(s: Scenario) -> Iterator[tuple[str, str, list[str]]]:
    """Every text of every page on one scenario, at every neuron and input."""
    for neuron, input in views(s):
        with mp.workdps(digits(s)):
            e = Exact(s, neuron, input)
            for page in PAGES:
                with np.errstate(all="ignore"):
                    said = list(page.texts(s, neuron, input))
                for place, text, *own in said:
                    yield place, text, judge(place, text, own[0] if own else e)


def over(chosen: Iterable[tuple[str, Scenario]], most: int = 20) -> tuple[int, list[str]]:
    """How many texts were judged, and what is wrong, each kind of fault once or twice."""
    count, kinds = 0, Counter[str]()
    wrong: list[str] = []
    for name, s in chosen:
        for place, text, faults in judged(s):
            count += 1
            for fault in faults:
                kind = place + fault[:40]
                kinds[kind] += 1
                if kinds[kind] <= 2 and len(wrong) < most:
                    wrong.append(f"{name}: {fault} in “{text}”")
    return count, wrong


def main() -> int:
    """Judge, and say what was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--all", action="store_true", help=f"{MANY} seeds")
    options.add_argument("--start", type=int, default=0)
    options.add_argument("--count", type=int, default=400)
    chosen = options.parse_args()
    count = MANY if chosen.all else chosen.count
    since = time.perf_counter()
    texts, wrong = over(scenes(chosen.start, count), most=60)
    print("\n".join(wrong))
    rules = [f"{r.place}: {r.template}" for found in RULES.values() for r in found]
    print(f"{texts} texts on {count} seeds and the presets, {time.perf_counter() - since:.0f} s")
    print(f"{len(rules)} conditions, {sum(name in SEEN for name in rules)} of them met")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
