"""Your layer: what stands out, the verdict, the excerpt, the table of layers and its notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
from mpmath import mp

from bnviz.captures import Capture
from bnviz.captures import excerpt as excerpts
from bnviz.captures.network import Layer, Layers, join
from bnviz.captures.record import CaptureError, Place, Whole, checked
from bnviz.claims import layer as claims
from bnviz.claims.layer import Overview
from bnviz.claims.network import KINDS, Network
from bnviz.core.columns import columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw import layers, neurons
from bnviz.draw.ledger import payload as ledger
from bnviz.proof.faults import wrongs
from tests.harness.exact import LARGE, SMALL, Exact, largest, read, reals, shows
from tests.harness.explore import H
from tests.harness.rules import RULES, always, rule

Text = tuple[str, str, Any]
Real = Any
BATCH = ("batch", "sync")


class Seen:
    """A capture and its sums in many digits, neuron by neuron. was: "right", or what is wrong."""

    def __init__(self, c: Capture, was: str, j: int = 0) -> None:
        self.c, self.was, self.j = c, was, j
        self.n, self.k = c.shape
        self.cut: Scenario | None = None  # what of it is set in Explore
        self.fine = all(
            np.isfinite(v).all() for name, v in c.arrays().items() if name != "dy" or c.backward
        )

    def at(self, j: int) -> Seen:
        return Seen(self.c, self.was, j)

    @property
    def dx_there(self) -> Any:
        """What was captured."""
        assert self.c.dx is not None
        return self.c.dx

    @cached_property
    def x(self) -> list[Real]:
        return reals(self.c.x[:, self.j])

    @cached_property
    def g(self) -> list[Real]:
        return [mp.mpf(float(self.c.gamma[self.j])) * v for v in reals(self.c.dy[:, self.j])]

    @property
    def eps(self) -> Real:
        return mp.mpf(self.c.eps)

    @cached_property
    def mean(self) -> Real:
        return mp.fsum(self.x) / self.n

    @cached_property
    def var(self) -> Real:
        w = self.c.whole
        if w is not None:
            return mp.mpf(float(w.var[self.j]))
        return mp.fsum((v - self.mean) ** 2 for v in self.x) / self.n

    @cached_property
    def used(self) -> Real:
        """The variance that it is divided by."""
        v = self.c.running_var
        return mp.mpf(float(v[self.j])) if self.c.mode == "eval" and v is not None else self.var

    @cached_property
    def inv(self) -> Real:
        total = self.used + self.eps
        return 1 / mp.sqrt(total) if total else mp.mpf(0)

    @cached_property
    def dx(self) -> list[Real]:
        """What training, or fixed statistics, make of a neuron of a batch norm."""
        if self.c.mode == "eval":
            return [self.inv * v for v in self.g]
        mean = self.mean
        x_hat = [(v - mean) * self.inv for v in self.x]
        along = mp.fsum(a * b for a, b in zip(self.g, x_hat, strict=True)) / self.n
        middle = mp.fsum(self.g) / self.n
        return [self.inv * (v - middle - h * along) for v, h in zip(self.g, x_hat, strict=True)]

    def shares(self) -> tuple[Real, Real]:
        """Of |g|² along 1, and along x̂ for what ε does not let through."""
        whole = mp.fsum(v * v for v in self.g)
        if not whole:
            return mp.mpf(0), mp.mpf(0)
        mean = self.mean
        away = [v - mean for v in self.x]
        size = mp.fsum(v * v for v in away)
        inner = mp.fsum(a * b for a, b in zip(self.g, away, strict=True))
        passed = (self.eps * self.inv**2) ** 2
        along = inner**2 / size / whole * (1 - passed) if size else mp.mpf(0)
        return mp.fsum(self.g) ** 2 / self.n / whole, along

    @property
    def slack(self) -> Real:
        """Of float64 sums, where x may lie far from 0."""
        unit = mp.mpf(2) ** -48 * (self.n + 8)
        return unit * (1 + (largest(self.x) * self.inv) ** 2)


# ---- What is opened --------------------------------------------------------------------


def captures(s: Scenario) -> Iterator[tuple[Capture, str]]:
    """Layers of these numbers, as one and another program would have written them."""
    rng = np.random.default_rng(crc32(s.x.tobytes() + s.dy.tobytes()) + 1)
    t, kind = run(s), np.float64 if rng.random() < 0.5 else np.float32
    with np.errstate(all="ignore"):
        tables = {"x": s.x, "dy": s.dy, "gamma": s.gamma, "beta": s.beta, "dx": t.dx}
        if s.d:
            tables["a"] = np.asarray(s.a)
        made = {name: values.astype(kind) for name, values in tables.items()}
        if not all(np.isfinite(v).all() for v in made.values()):
            return
    numbers = {"eps": s.eps, "roundoff": 0.0}
    try:
        c = checked(made, numbers, {"mode": "train"})
    except CaptureError:
        return  # larger or smaller than a capture may be
    # The other program worked on what it has written.
    own = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps))
    c = replace(c, dx=own.dx.astype(kind))
    k, n = s.shape[1], s.shape[0]
    yield c, "right"
    yield replace(c, dx=None), "right"
    var: Any = rng.uniform(0.5, 2, k).astype(kind)
    mean: Any = rng.normal(size=k).astype(kind)
    fixed: Any = (c.gamma * c.dy / np.sqrt(var + kind(c.eps))).astype(kind)
    yield replace(c, mode="eval", running_mean=mean, running_var=var, dx=fixed), "right"
    yield replace(c, running_mean=mean, running_var=var, dx=fixed), "running"
    all_ = list(wrongs(t, "dx"))
    if all_:
        wrong = all_[int(rng.integers(len(all_)))]
        if np.abs(wrong.value).max() < 1e30 and wrong.value.shape == s.shape:
            yield replace(c, dx=wrong.value.astype(kind)), "fault"
    other = ("layer", "rms", "group", "own", "sync")[int(rng.integers(5))]
    yield replace(c, dx=None, norm=other, groups=k if other == "group" else 1,
                  place=Place("a", ranks=2)), "right"  # fmt: skip
    if n > 3:
        yield _some(c), "right"
    bad = c.x.copy()
    bad[n // 2, k - 1] = np.inf if rng.random() < 0.5 else np.nan
    yield replace(c, x=bad, dx=None), "bad"
    dy = c.dy.copy()
    dy[0, 0] = np.nan
    yield replace(c, dy=dy), "bad"
    yield replace(c, dy=np.full_like(c.dy, np.nan), dx=None, backward=False), "none came"
    yield _large(rng)


def _large(rng: np.random.Generator) -> tuple[Capture, str]:
    """One of the layers that are too large for a page, or of another kind."""
    n, k, d = 96, 4, 6
    x, dy, a = rng.normal(1, 2, (n, k)), rng.normal(size=(n, k)), rng.normal(size=(n, d))
    gamma, beta = rng.normal(size=k), rng.normal(size=k)
    dx = run(Scenario(x, dy, gamma, beta)).dx
    var, mean = rng.uniform(0.5, 2, k), rng.normal(size=k)
    c = Capture(x, dy, gamma, beta, a=a, dx=dx)
    fixed = {"mode": "eval", "running_mean": mean, "running_var": var}
    bad = {name: getattr(c, name).copy() for name in ("a", "x", "gamma")}
    bad["a"][5, 2], bad["x"][7, 1], bad["gamma"][3] = np.inf, -np.inf, np.nan
    kinds: tuple[tuple[dict[str, Any], str], ...] = (
        ({}, "right"),
        ({"norm": "group", "groups": 2, "positions": 4, "dx": None}, "right"),
        ({"norm": "group", "groups": 1, "positions": 1, "dx": None}, "right"),
        ({**fixed}, "training"),
        ({**fixed, "dx": dx + rng.normal(size=dx.shape)}, "noise"),
        ({"dx": dx + rng.normal(size=dx.shape)}, "noise"),
        *(({name: values, "dx": None}, "bad") for name, values in bad.items()),
    )
    change, was = kinds[int(rng.integers(len(kinds)))]
    return replace(c, **change), was


def _some(c: Capture) -> Capture:
    """Half of the rows, with the sums of all."""
    x, dy = c.x.astype(np.float64), c.dy.astype(np.float64)
    dev = x - x.mean(axis=0)
    whole = Whole(
        len(x), x.mean(axis=0), np.square(dev).mean(axis=0), dy.sum(axis=0),
        (dy * dev).sum(axis=0), np.square(dy).sum(axis=0),
    )  # fmt: skip
    half = slice(0, None, 2)
    return replace(c, x=c.x[half], dy=c.dy[half], a=None if c.a is None else c.a[half], dx=None,
                   whole=whole)  # fmt: skip


def texts(s: Scenario, neuron: int, input: int) -> Iterator[Text]:
    if neuron or input or s.frozen:
        return
    made = list(captures(s))
    for c, was in made:
        o = claims.look_over(c)
        yield from _of_layer(o, Seen(c, was))
    if made:
        yield from _of_network(made)
        c = made[0][0]
        two = [replace(c, place=Place("a", rank=r, ranks=2)) for r in (0, 1)]
        yield "layer note", join(two).note, Seen(c, "right")


def _of_layer(o: Overview, e: Seen) -> Iterator[Text]:
    c = o.capture
    told = claims.whole_layer(o, "it")
    yield "layer", f"{told.claim} {told.why}", _Overview(e, o)
    yield "layer taken", claims.taken_away(c), e
    for text in (claims.first_fault(c), claims.what_kind(c, o.seen)):
        if text:
            yield "layer kind", text, e
    agrees = claims.agreement(o.seen)
    if agrees is not None:
        sign = {True: "✓", False: "✗", None: "–"}[agrees[0]]
        yield "layer verdict", f"{sign} {agrees[1]} {_title(o)}".strip(), e
    for finding in o.order:
        own = e.at(finding.neuron)
        for words in finding.words:
            yield "layer words", words, own
    yield from _table(o, e)
    for j in {0, c.shape[1] - 1}:
        why = claims.no_ledger(c, j)
        if why:
            yield "layer no ledger", why, e.at(j)
            continue
        seen = columns(run(excerpts.whole(c, o.seen, j)), View())
        head = claims.headline(o, j, seen)
        words = "; ".join(next(f.words for f in o.order if f.neuron == j))
        why = head.why.replace(f"It stands out: {words}.", "…") if words else head.why
        yield "layer headline", f"{head.claim} {why}", _Headline(e.at(j), seen.trace.scenario)
        hidden = ledger(seen, called=View(j, 0))["hidden"]
        if hidden:
            yield "layer hidden", hidden, e.at(j)
        cut, said = excerpts.excerpt(c, o.seen, j)
        if said:
            own = e.at(j)
            own.cut = cut
            yield "layer excerpt", said, own


def _table(o: Overview, e: Seen) -> Iterator[Text]:
    for row in neurons.payload(o)["rows"]:
        own = e.at(row["neuron"])
        for part in row["parts"] or [{"name": "nothing", "t": row["nothing"]}]:
            yield "layer part", f"{part['name']}: {part['t']}", own
        for name, cell in row["cells"].items():
            shown = f"{name}: {cell['t']}" + (f", {cell['small']}" if "small" in cell else "")
            if "nan" not in shown:
                yield "layer cell", shown, own


def _title(o: Overview) -> str:
    """Why it differs; the name of a mistake, which is judged as such on My code, stands as …"""
    if o.found is not None and o.found.causes:
        return o.why.replace(o.found.causes[0].title, "…")
    return o.why


class _Overview:
    def __init__(self, e: Seen, o: Overview) -> None:
        self.e, self.o = e, o


class _Headline(Exact):
    """The excerpt that the ledger shows, and the layer it is of."""

    def __init__(self, e: Seen, s: Scenario) -> None:
        super().__init__(s, 0, 0)
        self.layer = e


# ---- The whole layer ---------------------------------------------------------------------

L = "layer"


@rule(L, "# of # neurons stand out.", "# of # neurons stands out.")
def _stand_out(h: _Overview, bad: str, k: str) -> object:
    return 0 < int(bad) == sum(bool(f.words) for f in h.o.order) and int(k) == h.e.k


rule(L, "None of the # neurons stands out.")(
    lambda h, k: int(k) == h.e.k and not any(f.words for f in h.o.order)
)
rule(L, "This is it: # rows, # neurons, in training mode.")(
    lambda h, n, k: int(n) == h.e.c.rows and int(k) == h.e.k and h.e.c.mode == "train"
)
rule(L, "This is it: # rows, # neurons, in evaluation mode.")(
    lambda h, n, k: int(n) == h.e.c.rows and int(k) == h.e.k and h.e.c.mode == "eval"
)

T = "layer taken"
rule(T, "In evaluation mode nothing of ∂L/∂x̂ is taken away.")(lambda e: e.c.mode == "eval")
rule(T, "By neuron, nothing of ∂L/∂x̂ is taken away here.")(lambda e: e.c.kind not in BATCH)
rule(
    T,
    "Training takes away what of ∂L/∂x̂ lies along 1, its mean, and, as far as ε allows, what lies "
    "along x̂; the shares are of its square.",
)(lambda e: e.c.mode == "train" and e.c.kind in BATCH)
always(T, "Choose a neuron to see its ledger.")

# ---- Not finite, and what norm it is -----------------------------------------------------

Q = "layer kind"
CALLED = {"a": "a", "W": "weight", "the bias": "bias", "x": "x", "γ": "gamma", "β": "beta",
          "the running mean": "running_mean", "the running variance": "running_var",
          "∂L/∂y": "dy", "the captured ∂L/∂x": "dx"}  # fmt: skip


def _is(text: str, value: float) -> bool:
    return text == "nan" if np.isnan(value) else shows(text, mp.mpf(value), 1e-6 * abs(value))


def _first(c: Capture) -> tuple[str, int | None, int] | None:
    """The first number that is not finite, in the order of a step."""
    for name in CALLED.values():
        values = getattr(c, name)
        if values is None or (name in ("dy", "dx") and not c.backward):
            continue
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            return name, int(bad[0][0]) if values.ndim == 2 else None, int(bad[0][-1])
    return None


for _bad in ("nan", "∞", "−∞"):

    @rule(Q, f"Not finite first: @, neuron #, is {_bad}.")
    def _not_finite_number(e: Seen, called: str, j: str, bad: str = _bad) -> object:
        found = _first(e.c)
        return found == (CALLED[called], None, int(j) - 1) and _is(
            bad, float(getattr(e.c, found[0])[found[2]])
        )

    @rule(Q, f"Not finite first: @ of row #, neuron #, is {_bad}.",
          f"Not finite first: @ of row #, input #, is {_bad}.")  # fmt: skip
    def _not_finite(e: Seen, called: str, row: str, j: str, bad: str = _bad) -> object:
        found = _first(e.c)
        return found == (CALLED[called], int(row) - 1, int(j) - 1) and _is(
            bad, float(getattr(e.c, found[0])[found[1], found[2]])
        )

    @rule("layer words", f"not finite: @ of row # is {_bad}", f"not finite: @ is {_bad}")
    def _not_finite_there(e: Seen, called: str, row: str = "", bad: str = _bad) -> object:
        values = getattr(e.c, CALLED[called])
        value = values[int(row) - 1, e.j] if row else values[e.j]
        before = values[: int(row) - 1, e.j] if row else values[:0]
        return _is(bad, float(value)) and bool(np.isfinite(before).all())


rule(
    Q,
    "This layer is not judged. Its forward is its own, or its samples are not whole here. Shown is "
    "the gradient as it was captured.",
)(lambda e: e.c.norm == "own")
rule(
    Q,
    "This layer is not judged. It is taken over # ranks, and this is one: open the folder of all. "
    "Shown is the gradient as it was captured.",
)(lambda e, ranks: e.c.norm == "sync" and int(ranks) == e.c.place.ranks > 1)
rule(Q, "This is RMS norm: it takes no mean away, so no sum of ∂L/∂x has to be 0.")(
    lambda e: e.c.norm == "rms"
)


def _group_sums(e: Seen) -> list[tuple[Real, Real]]:
    """∂L/∂x added up over each of what the norm takes together, and the size of what is added."""
    c, found = e.c, []
    groups, positions = (1, 1) if c.norm == "layer" else (c.groups, c.positions)
    x, g = c.x.astype(np.float64), (c.gamma * c.dy).astype(np.float64)
    for top in range(0, e.n, positions):
        for left in range(0, e.k, e.k // groups):
            at = slice(top, top + positions), slice(left, left + e.k // groups)
            one = Scenario(x[at].reshape(-1, 1), g[at].reshape(-1, 1), eps=c.eps)
            own = Exact(one, 0, 0)
            found.append((mp.fsum(own.dx), own.scale))
    return found


for _name, _over in (
    ("layer norm", "the features of a sample"),
    ("instance norm", "the positions of a sample and # of its channels"),
    ("group norm", "the positions of a sample and # of its channels"),
):

    @rule(
        Q,
        f"This is {_name}: over {_over} ∂L/∂x adds up to 0, but for rounding (#); over the batch "
        "it need not.",
    )
    def _zero(e: Seen, *numbers: str, name: str = _name) -> object:
        kind = {"layer": "layer norm"}.get(
            e.c.norm, "instance norm" if e.c.groups == e.k else "group norm"
        )
        most = max(scale for _, scale in _group_sums(e))
        channels = len(numbers) == 1 or int(numbers[0]) == e.k // e.c.groups
        return name == kind and channels and abs(read(numbers[-1])) <= 1e-11 * most + SMALL


# ---- What stands out ---------------------------------------------------------------------

W = "layer words"
rule(W, "dead: nothing comes from upstream")(
    lambda e: largest(reals(e.c.dy[:, e.j])) == 0 or largest(e.g) <= SMALL
)
rule(W, "γ is 0: nothing passes")(lambda e: e.c.gamma[e.j] == 0 and e.c.dy[:, e.j].any())
rule(W, "constant: every x is the same")(lambda e: len(set(e.x)) == 1 and e.c.kind in BATCH)
rule(W, "tiny variance, #: ε has a say")(
    lambda e, var: shows(var, e.var, e.slack * e.var + e.slack * 1e-16 * largest(e.x) ** 2)
    and e.var < 100.1 * e.eps and e.c.mode == "train"
)  # fmt: skip


@rule(W, "1/σ is #: gradients explode")
def _explode(e: Seen, inv: str) -> object:
    size = mp.sqrt(mp.fsum(v * v for v in e.dx) / e.n)
    came = mp.sqrt(mp.fsum(v * v for v in e.g) / e.n)
    part = e.c.whole is not None  # which is of all rows
    return (
        shows(inv, e.inv, e.slack * e.inv + 1e-9 * e.inv)
        and e.inv > 99.9
        and (part or size > 9.99 * came)
    )


rule(W, "upstream along x̂: nearly all of it is taken away")(
    lambda e: e.c.whole is not None or e.shares()[1] > 0.9899
)
rule(W, "nearly all of the upstream is taken away")(
    lambda e: e.c.whole is not None or sum(e.shares()) > 0.9899
)


@rule(W, "∂L/∂x differs from the captured one by #")
def _differs(e: Seen, far: str) -> object:
    """Never of the right numbers of a batch norm in its own format."""
    return e.was not in ("right",) and _off(e, far)


def _off(e: Seen, far: str) -> bool:
    """Is there such a difference in this neuron?"""
    theirs = reals(e.dx_there[:, e.j])
    unit = e.slack * e.inv * (largest(e.g) + SMALL) * e.n
    return any(shows(far, abs(a - b), unit) for a, b in zip(e.dx, theirs, strict=True))


# ---- The verdict -------------------------------------------------------------------------

V = "layer verdict"
rule(V, "– Where numbers are not finite, no gradient can be judged.")(lambda e: not e.fine)


@rule(
    V,
    "✗ ∂L/∂x differs from the captured one: at neuron # by #, where rounding explains #.",
)
def _red(e: Seen, j: str, far: str, bound: str) -> object:
    return e.was != "right" and _off(e.at(int(j) - 1), far) and read(far) >= read(bound)


rule(
    V,
    "– Whether ∂L/∂x agrees with the captured one can’t be told: at neuron #, digits as coarse as "
    "these leave next to nothing of it.",
)(lambda e, j: _room(e.at(int(j) - 1)) > 0.02)


def _room(e: Seen) -> Real:
    """What rounding in the format may do, as a share of the size of a gradient; generously."""
    unit = mp.mpf(e.c.precision) * 16 * (e.n + 8)
    far = 1 + largest(e.x) * e.inv
    spread = 1 + largest([(v - e.mean) * e.inv for v in e.x])
    return unit * far**2 * spread**2


@rule(
    V,
    "✓ ∂L/∂x agrees with the captured one: at neuron #, nearest to its bound, they differ by # of "
    "#.",
)
def _green(e: Seen, j: str, far: str, bound: str) -> object:
    """Of wrong numbers only where what is wrong can't be told from rounding."""
    if e.was == "right":
        return read(far) <= read(bound) * mp.mpf("1.06")
    close = True
    for at in range(e.k):
        own = e.at(at)
        most = _room(own) * own.inv * largest(own.g) * (2 + own.n) + SMALL
        theirs = reals(e.dx_there[:, at])
        close &= all(abs(a - b) <= most for a, b in zip(own.dx, theirs, strict=True))
    return close


rule(
    V,
    "The digits are coarse: at neuron # rounding explains up to #% of the size of a gradient.",
)(lambda e, j, share: 1 <= read(share) <= 100 * _room(e.at(int(j) - 1)))
rule(V, "There, the captured gradient is that of training, with the batch’s own statistics.")(
    lambda e: e.c.mode == "eval" and e.was != "right"
)
rule(V, "There, the captured gradient is neither that of its mode nor that of training.")(
    lambda e: e.c.mode == "eval" and e.was != "right"
)


@rule(V, "There, the captured gradient is that of running statistics: eval mode.")
def _running(e: Seen) -> object:
    """g/√(running variance + ε), at a neuron that is off."""
    assert e.c.running_var is not None
    found = False
    for j in range(e.k):
        own = e.at(j)
        inv = 1 / mp.sqrt(mp.mpf(float(e.c.running_var[j])) + own.eps)
        theirs = reals(e.dx_there[:, j])
        room = 40 * _room(own) * inv * largest(own.g) + SMALL
        found |= all(abs(inv * g - v) <= room for g, v in zip(own.g, theirs, strict=True))
    return found


rule(V, "There, the captured gradient fits a known mistake: ….")(lambda e: e.was != "right")
rule(V, "There, the rounding of that format may explain it all the same.")(lambda e: True)
rule(V, "There, the captured gradient fits none of the known mistakes that can be seen in it.")(
    lambda e: e.was != "right"
)

# ---- The table of neurons ----------------------------------------------------------------

rule("layer part", "along 1: #%")(lambda e, share: e.c.whole is not None or _percent(e, share, 0))
rule("layer part", "along x̂: #%")(lambda e, share: e.c.whole is not None or _percent(e, share, 1))
rule("layer part", "kept: #%")(lambda e, share: e.c.whole is not None or _percent(e, share, 2))


rule("layer part", "nothing: no ∂L/∂x̂")(
    lambda e: e.c.backward and bool(np.isfinite(e.c.dy[:, e.j]).all()) and largest(e.g) <= 1e-150
)
rule("layer part", "nothing: can’t be told")(lambda e: not e.fine or not e.c.backward)


def _percent(e: Seen, text: str, which: int) -> bool:
    one, two = e.shares()
    takes = e.c.kind in BATCH and e.c.mode == "train"
    if not takes:
        one = two = mp.mpf(0)
    # Along x̂ is off by what a mean that is off by a rounding does.
    slack = 100 * min(mp.mpf(1), e.slack * 64)
    return bool(abs(read(text) - 100 * (one, two, 1 - one - two)[which]) <= 0.51 + slack)


C = "layer cell"


def _cell(e: Seen, text: str, value: Real, slack: Real) -> bool:
    return not e.fine or e.c.whole is not None or shows(text, value, slack)


rule(C, "mean: #")(lambda e, v: _cell(e, v, e.mean, mp.mpf(2) ** -46 * largest(e.x)))
rule(C, "std: #")(
    lambda e, v: _cell(e, v, mp.sqrt(e.used), mp.sqrt(e.used) * e.slack
                       + mp.mpf(2) ** -40 * largest(e.x))
)  # fmt: skip


def _batch(e: Seen) -> bool:
    return e.c.kind in BATCH and e.c.backward


@rule(C, "dx: #")
def _size(e: Seen, v: str) -> object:
    size = mp.sqrt(mp.fsum(d * d for d in e.dx) / e.n) if _batch(e) else mp.mpf(0)
    slack = e.slack * 64 * e.inv * largest(e.g) + SMALL if _batch(e) else mp.mpf(0)
    return not _batch(e) or _cell(e, v, size, slack)


@rule(C, "dx_sum: ✓ 0, rounding #", "dx_sum: ✓ 0, exactly 0")
def _sum_zero(e: Seen, v: str = "0") -> object:
    if not _batch(e) or not e.fine or e.c.whole is not None:
        return True
    scale = e.inv * mp.fsum(map(abs, e.g))
    return abs(mp.fsum(e.dx)) <= e.slack * 64 * scale + SMALL


@rule(C, "dx_sum: #")
def _sum(e: Seen, v: str) -> object:
    scale = e.inv * mp.fsum(map(abs, e.g)) if _batch(e) else mp.mpf(0)
    return not _batch(e) or _cell(e, v, mp.fsum(e.dx), e.slack * 64 * scale + SMALL)


@rule(C, "dweight: #")
def _weights(e: Seen, v: str) -> object:
    if not _batch(e) or e.c.a is None or not e.fine:
        return True
    a = [reals(column) for column in e.c.a.T]
    found = [mp.fsum(p * d for p, d in zip(column, e.dx, strict=True)) for column in a]
    reach = max(mp.fsum(map(abs, column)) for column in a)
    slack = e.slack * 64 * e.inv * mp.fsum(map(abs, e.g)) * reach + SMALL
    return _cell(e, v, mp.sqrt(mp.fsum(v * v for v in found)), slack)


# ---- One neuron --------------------------------------------------------------------------

N = "layer no ledger"
rule(N, "No gradient came, so there is no ledger")(lambda e: not e.c.backward)
rule(N, "Numbers that are not finite leave no ledger to draw")(
    lambda e: not e.fine and e.c.backward
)
D = "layer headline"
always(D, "…")
for _rule in list(RULES[H]):
    rule(D, _rule.template)(
        lambda e, *words, holds=_rule.holds: (
            e.layer.c.kind in BATCH
            and (e.frozen if e.layer.c.mode == "eval" else e.layer.c.whole is None)
            and holds(e, *words)
        )
    )  # fmt: skip
rule(D, "This layer was evaluating, with a σ² of #.")(
    lambda e, var: e.layer.c.mode == "eval" and shows(var, e.var)
)
rule(D, "These are # of # rows.")(
    lambda e, some, all_: int(some) == e.n < e.layer.c.rows == int(all_)
)
rule(D, "The ledger shows what batch norm would do with these numbers.")(
    lambda e: e.layer.c.kind not in BATCH
)
for _rule in list(RULES[Q]):
    rule(D, _rule.template)(lambda e, *words, holds=_rule.holds: holds(e.layer, *words))
rule(D, "These are # of # rows, as a batch of their own.")(
    lambda e, some, all_: int(some) == e.n < e.layer.c.rows == int(all_)
)
rule(D, "The ledger takes their own mean and variance; the table of neurons counts all #.")(
    lambda e, all_: int(all_) == e.layer.c.rows
)
rule(
    "layer hidden",
    "# of # samples are shown, those with the largest ∂L/∂x. The sums are of all #.",
)(lambda e, some, n, all_: int(some) < int(n) == int(all_) == e.n)


@rule(
    "layer excerpt",
    "There, the # of # samples with the largest gradients are a batch of their own, with a mean "
    "and a variance of their own.",
)
def _own_batch(e: Seen, some: str, n: str) -> object:
    return e.c.mode == "train" and _largest_go(e, some, n)


@rule(
    "layer excerpt",
    "There go the # of # samples with the largest gradients, under the same constants.",
)
def _same_constants(e: Seen, some: str, n: str) -> object:
    return e.c.mode == "eval" and _largest_go(e, some, n)


def _largest_go(e: Seen, some: str, n: str) -> bool:
    """Are those that are left out no larger than those that are taken?"""
    assert e.cut is not None
    taken = set(zip(e.cut.x[:, 0].tolist(), e.cut.dy[:, 0].tolist(), strict=True))
    of = Scenario(e.c.x[:, [e.j]], e.c.dy[:, [e.j]], e.c.gamma[[e.j]], eps=e.c.eps)
    if e.c.mode == "eval" and e.c.running_mean is not None and e.c.running_var is not None:
        of = of.edit(running_mean=e.c.running_mean[[e.j]], running_var=e.c.running_var[[e.j]])
    whole = Exact(of, 0, 0)
    rows = zip(e.c.x[:, e.j].tolist(), e.c.dy[:, e.j].tolist(), whole.dx, strict=True)
    inside: list[Real] = []
    outside: list[Real] = []
    for x, dy, dx in rows:
        (inside if (x, dy) in taken else outside).append(abs(dx))
    largest_left = min(inside) + 2 * whole.bound >= largest(outside)
    return bool(int(some) == 64 == len(inside) and int(n) == e.n and largest_left)


@rule("layer excerpt", "Of # inputs come those with the largest ∂L/∂W: §.")
def _inputs(e: Seen, d: str, listed: str) -> object:
    assert e.c.a is not None
    shown = {int(v) - 1 for v in listed.split(", ")}
    one = Scenario(e.c.x[:, [e.j]], e.c.dy[:, [e.j]], e.c.gamma[[e.j]], eps=e.c.eps, a=e.c.a)
    weights = [Exact(one, 0, p) for p in range(one.d)]
    least = min(abs(weights[p].weight) for p in shown)
    left = [w.weight for p, w in enumerate(weights) if p not in shown]
    whole = e.c.mode == "train" and e.c.kind in BATCH and e.c.whole is None
    return int(d) == one.d > len(shown) and (
        not whole or least + 4 * weights[0].weight_bound >= largest(left)
    )


@rule(
    "layer note",
    "Joined from # ranks. Over rank # alone the captured ∂L/∂x adds up to # in size, at neuron #.",
)
def _joined(e: Seen, ranks: str, rank: str, total: str, j: str) -> object:
    assert e.c.dx is not None
    theirs = reals(e.c.dx[:, int(j) - 1])
    size = mp.mpf(2) ** -48 * mp.fsum(map(abs, theirs))
    return int(ranks) == 2 and shows(total, abs(mp.fsum(theirs)), size)


rule("layer note", "Joined from # ranks.")(lambda e, ranks: int(ranks) == 2)

# ---- The network -------------------------------------------------------------------------


def _of_network(made: list[tuple[Capture, str]]) -> Iterator[Text]:
    chosen = [(f"layer{i}", c) for i, (c, _) in enumerate(made)]
    found = Layers(
        [Layer(name, lambda c=c: c) for name, c in chosen],  # type: ignore[misc]
        missed={"head": "was not called"},
        said="This is step 3; captured were also 1, 2.",
    )
    network = Network(found, "it", lambda share: None)
    own = _Network(network, made)
    told = network.headline("it")
    yield "network table", f"{told.claim} {told.why}", own
    for text in (network.first_fault(), network.not_captured()):
        if text:
            yield "network table", text, own
    for worst in (False, True):
        shown = layers.payload(network, worst)
        yield "network order", shown["order"], own
        for row in shown["rows"]:
            at = _Row(own, row["neuron"])
            if row["words"]:
                yield "network row", row["words"], at
            for name, cell in row["cells"].items():
                if "nan" not in cell["t"]:
                    yield "network cell", f"{name}: {cell['t']}", at
            for part in row["parts"] or [{"name": "nothing", "t": row["nothing"]}]:
                yield "network cell", f"{part['name']}: {part['t']}", at


class _Network:
    def __init__(self, network: Network, made: list[tuple[Capture, str]]) -> None:
        self.network, self.made = network, made
        self.captures = [c for c, _ in made]


class _Row:
    def __init__(self, of: _Network, index: int) -> None:
        self.of, self.c, self.was = of, of.captures[index], of.made[index][1]
        self.row = of.network.rows[index]

    def neurons(self) -> list[Seen]:
        return [Seen(self.c, self.was, j) for j in range(self.c.shape[1])]


TABLE = "network table"


@rule(TABLE, "# of # layers have neurons that stand out; look at @ first.",
      "# of # layers has neurons that stand out; look at @ first.")  # fmt: skip
def _sick(e: _Network, some: str, all_: str, name: str) -> object:
    bad = [c for c in e.captures if _first(c)]
    first = e.captures[int(name.removeprefix("layer"))]
    told = sum(bool(row.words) for row in e.network.rows)
    forward = [c for c in bad if _first(c)[0] not in ("dy", "dx")]  # type: ignore[index]
    sought = forward[0] if forward else bad[-1] if bad else first
    return int(some) == told and int(all_) == len(e.captures) and first is sought


rule(TABLE, "No neuron stands out in these # layers.")(
    lambda e, n: int(n) == len(e.captures) and not any(row.words for row in e.network.rows)
)
rule(TABLE, "This is it: # layers, @. This is step #; captured were also §.")(
    lambda e, n, kinds, step, others: (
        int(n) == len(e.captures)
        and set(kinds.split(", ")) == {KINDS[c.kind] for c in e.captures}
        and (step, others) == ("3", "1, 2")
    )
)


for _bad in ("nan", "∞", "−∞"):

    @rule(TABLE, f"layer#: Not finite first: @ of row #, neuron #, is {_bad}.")
    def _network_fault(
        e: _Network, layer: str, called: str, row: str, j: str, bad: str = _bad
    ) -> object:
        c = e.captures[int(layer)]  # the large one, which may be bad in another way, comes last
        return _first(c) == (CALLED[called], int(row) - 1, int(j) - 1) and _is(
            bad, float(getattr(c, CALLED[called])[int(row) - 1, int(j) - 1])
        )


rule(TABLE, "# of # layers are here. head: was not called.")(
    lambda e, here, all_: int(here) == len(e.captures) == int(all_) - 1
)
always("network order", "worst first", "in the order of the forward pass")


@rule("network row", "@")
def _row_words(h: _Row, text: str) -> object:
    """What the worst neuron is said to be, which is judged on its own layer, and how many more."""
    found = re.fullmatch(
        r"(✗ differs from the captured ∂L/∂x\.)? ?(?:neuron (\d+)(?:, and (\d+) more)?: (.+))?",
        text,
    )
    if found is None:
        return False
    cross, j, more, words = found.groups()
    order = claims.look_over(h.c).order
    sick = sum(bool(f.words) for f in order)
    told = not j or (
        order[0].neuron + 1 == int(j)
        and words == "; ".join(order[0].words)
        and int(more or 0) == sick - 1
    )
    return told and (not cross or h.was != "right")


CELL = "network cell"
rule(CELL, "nothing: taken whole")(lambda h: h.c.mode == "eval" or h.c.kind not in BATCH)
rule(CELL, "nothing: no ∂L/∂x̂")(
    lambda h: h.c.backward and all(largest(e.g) <= 1e-150 for e in h.neurons())
)
rule(CELL, "nothing: can’t be told")(lambda h: not h.neurons()[0].fine or not h.c.backward)
for _kind in KINDS.values():
    for _eval in ("", ", evaluating"):
        rule(CELL, f"kind: {_kind}{_eval}, # × #")(
            lambda h, n, k, kind=_kind, mode=_eval: (
                int(n) == h.c.rows
                and int(k) == h.c.shape[1]
                and KINDS[h.c.kind] == kind
                and (h.c.mode == "eval") == bool(mode)
            )
        )


@rule(CELL, "dx: #")
def _layer_size(h: _Row, size: str) -> object:
    own = h.neurons()
    if not _batch(own[0]) or not own[0].fine or h.c.whole is not None:
        return True
    square = mp.fsum(mp.fsum(d * d for d in e.dx) / e.n for e in own) / len(own)
    slack = max(e.slack * 64 * e.inv * largest(e.g) for e in own) + SMALL
    return shows(size, mp.sqrt(square), slack)


@rule(CELL, "silent: #, #")
def _silent(h: _Row, dead: str, constant: str) -> object:
    own = h.neurons()
    if not own[0].fine or h.c.whole is not None:
        return True
    silent = sum(largest(e.g) <= 1e-150 for e in own) if h.c.backward else 0
    fixed = sum(e.var <= 1e-290 for e in own) if h.c.kind in BATCH else 0
    exactly = sum(e.var == 0 for e in own) if h.c.kind in BATCH else 0
    zero = sum(largest(e.g) == 0 for e in own) if h.c.backward else 0
    return zero <= int(dead) <= silent and exactly <= int(constant) <= fixed


for _i, _name in enumerate(("along 1", "along x̂", "kept")):

    @rule(CELL, f"{_name}: #%")
    def _layer_share(h: _Row, share: str, i: int = _i) -> object:
        own = h.neurons()
        if h.c.whole is not None or not own[0].fine:
            return True
        weight = [mp.fsum(v * v for v in e.g) for e in own]
        whole = mp.fsum(weight)
        if whole < 1e-290 or whole > LARGE:
            return True
        two = [mp.fsum(w * e.shares()[at] for w, e in zip(weight, own, strict=True)) / whole
               for at in (0, 1)]  # fmt: skip
        slack = 100 * min(mp.mpf(1), max(e.slack * 64 for e in own))
        return abs(read(share) - 100 * (*two, 1 - sum(two))[i]) <= 0.51 + slack
