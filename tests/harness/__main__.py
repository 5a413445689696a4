"""Every sentence, or every check, on many scenarios: `-m tests.harness --all`, or `--checks N`.

`--presets 10` holds the headline of every preset of Network against its numbers on ten other seeds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from types import ModuleType

import numpy as np
from mpmath import mp

from bnviz.core.scenario import Scenario
from tests.harness import (
    check,
    derive,
    explore,
    figures,
    held,
    layers,
    lesson,
    lever,
    mine,
    mycode,
    network,
    room,
    weights,
)
from tests.harness.exact import Exact, digits
from tests.harness.reds import reds
from tests.harness.rules import RULES, SEEN, judge
from tests.harness.scenes import CORNERS, scenes, views

Pages = tuple[ModuleType, ...]
PAGES: Pages = (explore, weights, lever, check, derive, lesson, figures, mycode, mine, layers)
PAGES += (held, room)
MANY = 240  # seeds of --all: 300,000 texts in some minutes


def judged(
    s: Scenario, pages: tuple[ModuleType, ...] = PAGES
) -> Iterator[tuple[str, str, list[str]]]:
    """Every text of every page on one scenario, at every neuron and input."""
    for neuron, input in views(s):
        with mp.workdps(digits(s)):
            e = Exact(s, neuron, input)
            for page in pages:
                with np.errstate(all="ignore"):
                    said = list(page.texts(s, neuron, input))
                for place, text, *own in said:
                    yield place, text, judge(place, text, own[0] if own else e)


def over(
    chosen: Iterable[tuple[str, Scenario]],
    most: int = 20,
    pages: Pages = PAGES,
) -> tuple[int, list[str]]:
    """How many texts were judged, and what is wrong, each kind of fault once or twice."""
    count, kinds = 0, Counter[str]()
    wrong: list[str] = []
    for name, s in chosen:
        for place, text, faults in judged(s, pages):
            count += 1
            for fault in faults:
                kind = place + fault[:40]
                kinds[kind] += 1
                if kinds[kind] <= 2 and len(wrong) < most:
                    wrong.append(f"{name}: {fault} in “{text}”")
    return count, wrong


def show_reds(start: int, count: int) -> int:
    """Every check on so many random scenarios; 1 where one of them shows red."""
    found = Counter[str]()
    first: dict[str, str] = {}
    since = time.perf_counter()
    for name, s in scenes(start, count):
        for red in reds(s):
            found[red] += 1
            first.setdefault(red, name)
    for red, many in found.most_common():
        print(f"{many:5d} × {red} (first {first[red]})")
    told = f"{count} scenarios from {start}, all checks: {sum(found.values())} red"
    print(f"{told}, {time.perf_counter() - since:.0f} s")
    return 1 if found else 0


def show_presets(seeds: int) -> int:
    """The headline of every preset of Network on so many other seeds; 1 where one is false."""
    since, wrong = time.process_time(), 0
    for n, (name, text, facts) in enumerate(network.presets(range(1, 1 + seeds))):
        if n % 2 == 0:
            print(f"{name}: {text}")
        for fault in judge("network", text, facts):
            wrong += 1
            print(f"  {fault}")
    told = f"all presets on {seeds} other seeds: {wrong} false"
    print(f"{told}, {time.process_time() - since:.0f} s of CPU")
    return 1 if wrong else 0


def main() -> int:
    """Judge, and say what was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--all", action="store_true", help=f"{MANY} seeds")
    options.add_argument("--page", help="of this module only")
    options.add_argument("--start", type=int, default=0, help="the first seed")
    options.add_argument("--count", type=int, default=40, help="seeds")
    options.add_argument("--checks", type=int, help="what of N scenarios shows red")
    options.add_argument("--presets", type=int, help="Network's presets on N other seeds")
    chosen = options.parse_args()
    if chosen.presets:
        return show_presets(chosen.presets)
    if chosen.checks:
        return show_reds(chosen.start, chosen.checks)
    pages = tuple(page for page in PAGES if (chosen.page or "") in page.__name__)
    count = MANY if chosen.all else chosen.count
    since = time.perf_counter()
    every = chain(CORNERS.items(), scenes(chosen.start, count))
    texts, wrong = over(every, most=60, pages=pages)
    if not chosen.page:
        for name, text, facts in network.runs(chosen.start, count // 8):
            texts += 1
            wrong += [f"{name}: {fault}" for fault in judge("network", text, facts)]
    print("\n".join(wrong))
    rules = [f"{r.place}: {r.template}" for found in RULES.values() for r in found]
    bare = sum("no condition for" in fault for fault in wrong)
    told = f"{texts} texts on {count} seeds and the presets: {len(wrong) - bare} false"
    print(f"{told}, {bare} without a condition, {time.perf_counter() - since:.0f} s")
    print(f"{len(rules)} conditions, {sum(name in SEEN for name in rules)} of them met")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
