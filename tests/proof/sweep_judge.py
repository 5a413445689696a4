"""Right gradients in few digits, in random scenarios: none may be called wrong.

`python -m tests.proof.sweep_judge 10000` runs them all; a seeded sample of it is a unit test.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import numpy as np

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.proof.case import Case
from bnviz.proof.judge import diagnose
from bnviz.proof.reading import Pasted, parse
from bnviz.proof.rounding import FORMATS, Format, formats

TERMS = ("dx", "dgamma", "dbeta", "dvar", "dmean", "dx_hat", "dweight", "dbias")


def scenario(rng: np.random.Generator) -> Scenario:
    """Any sizes, offsets and scales; few numbers, many, and now and then equal ones."""
    n, k, d = int(rng.integers(2, 65)), int(rng.integers(1, 5)), int(rng.integers(1, 4))
    offset = rng.choice([0.0, 1.0, 10.0 ** rng.uniform(0, 4)])
    x = rng.normal(0, 10.0 ** rng.uniform(-2, 2), (n, k)) + offset * rng.normal(0, 1, k)
    if rng.random() < 0.1:
        x = np.round(x)
    if rng.random() < 0.05:
        x[:, 0] = x[0, 0]
    dy = rng.normal(rng.choice([0.0, 1.0]), 1.0, (n, k)) * 10.0 ** rng.uniform(-3, 1)
    gamma = rng.normal(0, 1, k) if rng.random() < 0.7 else np.ones(k)
    eps = float(rng.choice([1e-5, 1e-3, 1e-12]))
    return Scenario(x, dy, gamma, rng.normal(0, 1, k), eps, rng.normal(0, 1, (n, d)))


@np.errstate(all="ignore")
def textbook(s: Scenario, form: Format) -> dict[str, np.ndarray]:
    """The six equations, with every single result rounded to the format."""
    r = form.rounded

    def add(values: np.ndarray) -> np.ndarray:
        if not form.adds:
            return r(values.sum(axis=0))
        total = np.zeros(values.shape[1])
        for row in values:
            total = r(total + row)
        return total

    n = s.shape[0]
    x, dy, gamma = r(s.x), r(s.dy), r(s.gamma)
    eps = float(r(np.array([s.eps]))[0])
    mean = r(add(x) / n)
    away = r(x - mean)
    var = r(add(r(away * away)) / n)
    std = r(np.sqrt(r(var + eps)))
    inv = r(1 / std)
    x_hat = r(away * inv)
    g = r(gamma * dy)
    dvar = r(r(add(r(g * away)) * -0.5) * r(r(inv * inv) * inv))
    dmean = r(-add(r(g * inv)) + r(r(dvar * add(r(-2 * away))) / n))
    dx = r(r(r(g * inv) + r(r(dvar * r(2 * away)) / n)) + r(dmean / n))
    out = {"dx_hat": g, "dvar": dvar, "dmean": dmean, "dx": dx}
    out["dgamma"], out["dbeta"], out["dbias"] = add(r(dy * x_hat)), add(dy), add(dx)
    if s.a is not None:
        a = r(s.a)
        out["dweight"] = np.array([add(r(np.multiply(a[:, [p]], dx))) for p in range(s.d)])
    return out


@np.errstate(all="ignore")
def one_line(s: Scenario, form: Format) -> dict[str, np.ndarray]:
    """The closed form with inner sums in float64 or float32, and what goes in and out rounded."""
    work: Any = np.float64 if form.name == "float64" else np.float32
    x, dy, gamma = (np.asarray(form.rounded(v), dtype=work) for v in (s.x, s.dy, s.gamma))
    inv = 1 / np.sqrt(x.var(axis=0) + work(s.eps))
    x_hat = (x - x.mean(axis=0)) * inv
    g = np.multiply(gamma, dy)
    dx = inv * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))
    out = {"dx": dx, "dgamma": (dy * x_hat).sum(axis=0), "dbeta": dy.sum(axis=0)}
    if s.a is not None:
        out |= {"dweight": s.a.astype(work).T @ dx, "dbias": dx.sum(axis=0)}
    return {name: form.rounded(v.astype(np.float64)) for name, v in out.items()}


def cast(s: Scenario, form: Format) -> dict[str, np.ndarray]:
    """All of it in float64, and rounded once."""
    t = run(s)
    return {name: form.rounded(np.asarray(getattr(t, name))) for name in TERMS}


WAYS = {"textbook": textbook, "one line": one_line, "cast": cast}


def pasted(value: np.ndarray, how: str) -> Pasted:
    """The numbers as they are printed: whole, as NumPy does, or to four decimals."""
    if how == "4 decimals":
        rows = "\n".join(" ".join(f"{v:.4f}" for v in row) for row in np.atleast_2d(value))
        found = parse(rows)
        return Pasted(found.values.reshape(value.shape), found.resolution.reshape(value.shape))
    if how == "whole":
        return parse(str(value.tolist()))
    with np.printoptions(threshold=10**6):
        return parse(repr(value.astype(how)))


def fits(s: Scenario, term: str, mine: Pasted) -> bool:
    """Is it right in one of the formats that it may be in? The verdict, without its reasons."""
    t = run(s)
    right = np.asarray(getattr(t, term))
    mine = Pasted(
        mine.values.reshape(right.shape), mine.resolution.reshape(right.shape), mine.dtype
    )
    return any(Case(t, term, mine, form).fits(right) for form, _ in formats(mine))


def sweep(many: int, seed: int) -> tuple[Counter[str], list[str]]:
    """How many right gradients were judged, by format, and which of them were called wrong."""
    rng = np.random.default_rng(seed)
    judged: Counter[str] = Counter()
    wrong: list[str] = []
    for i in range(many):
        s = scenario(rng)
        for name in (*FORMATS, "4 decimals"):
            way = str(rng.choice(list(WAYS)))
            form = FORMATS.get(name, FORMATS["float64"])
            values = WAYS[way](s, form)
            other = str(rng.choice([k for k in TERMS if k in values]))
            for term in ("dx", other):
                value = values[term]
                if not np.isfinite(value).all() or np.abs(value).max() > 1e150:
                    continue  # beyond the format: such a print is refused
                how = name if name == "4 decimals" else "whole"
                if name in ("float16", "float32") and rng.random() < 0.5:
                    how = name
                mine = pasted(value, how)
                judged[name] += 1
                if not fits(s, term, mine) and diagnose(run(s), term, mine).verdict == "wrong":
                    wrong.append(f"scenario {i}, {name}, {way}, {term}, {how}")
    return judged, wrong


if __name__ == "__main__":
    count, called_wrong = sweep(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, 0)
    print(dict(count))
    print(f"{len(called_wrong)} of them were called wrong.", *called_wrong[:20], sep="\n")
    sys.exit(bool(called_wrong))
