"""Explore: the headline and the surprises, the river's words, the sums' notes, the figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
from mpmath import mp

from bnviz.claims.ledger import asked, tell
from bnviz.claims.reach import ALL, BIAS, LANES, SUM, WEIGHT, Reach
from bnviz.claims.river import Said, alt, say
from bnviz.claims.surprise import SURPRISES
from bnviz.core.columns import Columns, columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw.figures.dweight import dweight_bars
from bnviz.draw.figures.sums import dweight_sum, dx_sum
from bnviz.draw.ledger import _note
from bnviz.draw.river import _all_dweight
from bnviz.words.numbers import number
from tests.harness.exact import SMALL, Exact, Real, largest, read, shows
from tests.harness.rules import always, rule


def texts(s: Scenario, neuron: int, input: int) -> Iterator[tuple[str, str]]:
    t, view = run(s), View(neuron, input)
    c = columns(t, view)
    told = tell(c)
    yield "headline", f"{told.claim} {told.why}"
    if "learns all the same" in told.claim and "samples get a" not in told.why:
        yield "headline unsaid", "Every sample gets a gradient that can be told from 0."
    for name, make in SURPRISES.items():
        if made := make(c):
            yield f"surprise {name}", f"{made.claim} {made.why}"
    said = say(c)
    for place in ("gate", "var", "mean", "turned", "rule"):
        yield f"river {place}", " | ".join(getattr(said, place))
    yield "river bias", f"{said.bias.claim} | {said.bias.why}"
    if said.weight:
        yield "river weight", f"{said.weight.claim} | {said.weight.why}"
    for added in (said.bias_sum, said.weight_sum):
        if added:
            yield "river sum", " | ".join(added)
    yield "river alt", _repeats(alt(c, said), said, s.frozen)
    yield from _left_out(c, said)
    if s.d:
        entry = _all_dweight(c)[input][neuron]
        shown = "0" if entry["zero"] else number(float(entry["v"]), signed=True)
        if np.isfinite(float(entry["v"])):
            yield "river table", "lost in rounding" if entry["lost"] else shown
    for name, total in c.sums.items():
        yield f"note {name}", _note(name, total, c)
    figures = [("dx", dx_sum(t, view))]
    if s.d:
        figures += [("dweight", dweight_sum(t, view)), ("table", dweight_bars(t, view))]
    for name, (_, title, words) in figures:
        yield f"title {name}", title
        yield f"alt {name}", words


def _left_out(c: Columns, said: Said) -> Iterator[tuple[str, str]]:
    """What is said where a link or a lesson leaves a part out."""
    for river in ((LANES,), (LANES, SUM), {*ALL.river} - {BIAS, WEIGHT}):
        yield "river alt", alt(c, said, Reach(river=frozenset(river)))
    for hide in (["sums"], ["dW"]):
        if question := asked(c, ALL.without(hide)):
            yield "asked", f"{question.claim} {question.why}"


def _repeats(whole: str, said: Said, frozen: bool) -> str:
    """The river in one sentence: is each of its parts what stands at that place?"""
    parts = [" ".join(said.gate).rstrip(",")]
    if frozen:
        parts.append("mean and variance are constants")
    else:
        parts += [
            f"the variance {' '.join(said.var[:2])}",
            f"at the mean: {' '.join(said.mean[:2])}",
        ]
    parts += [claim.claim for claim in (said.bias, said.weight) if claim]
    told = "; ".join(part.rstrip(":, ") for part in parts if part)
    same = whole == f"The gradient flows from the loss to the weight: {told}."
    return "It repeats what stands at the places, which is judged there." if same else whole


def zero(value: Any, bound: Any) -> bool:
    """0 within the rounding of what was added up: what 0 means on this screen."""
    return bool(abs(value) <= 2 * bound)


def sum_dx(e: Exact) -> Any:
    return mp.fsum(e.dx)


def sum_g(e: Exact) -> Any:
    return mp.fsum(e.direct)


def sum_dy_slack(e: Exact) -> Any:
    return e.u * mp.fsum(abs(v) for v in e.dy) + SMALL


def no_weight(e: Exact) -> bool:
    """Is the weight's 0 one that these digits can tell?"""
    told = (
        len(set(e.a)) == 1
        or e.no_gradient
        or all(v == 0 for v in e.products)
        or largest(e.products) <= e.bound * SMALL
        or e.weight_bound <= 4e-9 * e.could_be
    )
    return zero(e.weight, e.weight_bound) and bool(told or e.frozen)


def alive(e: Exact, factor: float) -> int:
    return sum(abs(v) > factor * e.bound for v in e.dx)


# ---- The headline ----------------------------------------------------------------------

H = "headline"
rule(H, "The gradients add up to 0.")(lambda e: zero(sum_dx(e), e.bound))
rule(H, "The gradients add up to 0, and the weight learns all the same.")(
    lambda e: zero(sum_dx(e), e.bound) and abs(e.weight) > 0.5 * e.weight_bound
)
rule(H, "The gradients add up to 0, and so does what this weight gets.")(
    lambda e: zero(sum_dx(e), e.bound) and no_weight(e)
)
rule(H, "The gradients add up to 0; what the weight gets is lost in rounding.")(
    lambda e: zero(sum_dx(e), e.bound) and zero(e.weight, e.weight_bound)
)
rule(H, "Hardly any gradient is left, and the weight learns next to nothing.")(
    lambda e: (
        largest(e.dx) < 1.001e-3 * e.scale / e.n
        and abs(e.weight) <= 1.001e-3 * largest(e.a) * e.scale
    )
)


rule("headline unsaid", "Every sample gets a gradient that can be told from 0.")(
    lambda e: alive(e, 0.4) == e.n
)


@rule(H, "∂L/∂x̂ is almost all mean and part along x̂, and the norm takes both away.")
def _almost_all(e: Exact) -> object:
    rest = largest(e.dx) / e.inv
    return rest <= 2e-3 * mp.fsum(abs(v) for v in e.g)


rule(H, "No sample gets a gradient here.")(lambda e: e.no_gradient)
rule(H, "Whatever gradient there is here is lost in rounding.")(
    lambda e: largest(e.dx) <= 2 * e.bound
)


@rule(
    H,
    "No ∂L/∂x is larger than #, and the rounding of what was added up explains #: it can’t be "
    "told from 0.",
)
def _lost(e: Exact, most: str, bound: str) -> object:
    allowed = read(bound) * mp.mpf("1.06") + SMALL
    return largest(e.dx) <= 2 * allowed and shows(bound, e.bound, 0.05 * e.bound)


rule(H, "These numbers are too large to work with. Some of ∂L/∂x is not finite.")(
    lambda e: e.overflows
)


@rule(H, "# of # samples get a gradient that can be told from 0.")
def _some(e: Exact, some: str, n: str) -> object:
    return read(n) == e.n and alive(e, 2) <= read(some) <= alive(e, 0.4)


def _weight(e: Exact, text: str) -> bool:
    return shows(text, e.weight, e.weight_bound) and read(text) * e.weight >= 0


@rule(
    H,
    "From the right: the loss sends #; the mean takes what all samples share, so the bias gets 0; "
    "each sample times its own input still adds up to #.",
)
def _sends(e: Exact, sent: str, weight: str) -> object:
    return shows(sent, mp.fsum(e.dy), sum_dy_slack(e)) and _weight(e, weight)


@rule(
    H,
    "From the right: what the loss sends adds up to 0 already, so the mean has nothing to take, "
    "and the bias gets 0; each sample times its own input still adds up to #.",
)
def _sends_nothing(e: Exact, weight: str) -> object:
    return zero(mp.fsum(e.dy), sum_dy_slack(e)) and _weight(e, weight)


rule(H, "Every ∂L/∂x is 0, and with it every product a · ∂L/∂x.")(lambda e: e.no_gradient)
rule(H, "The input a is the same for every sample, so it only multiplies a sum that is 0.")(
    lambda e: len(set(e.a)) == 1 and zero(sum_dx(e), e.bound)
)
rule(H, "Every product a · ∂L/∂x is 0: where one of the two is not, the other is.")(
    lambda e: largest(e.products) <= 2 * e.weight_bound
)
rule(H, "The input a does not vary together with ∂L/∂x, so the products cancel as well.")(
    lambda e: abs(e.weight) <= 4e-9 * e.could_be
)


@rule(
    H,
    "What is left is #, and rounding alone explains #: too few digits are left to tell it from 0.",
)
def _blurred(e: Exact, left: str, bound: str) -> object:
    return shows(left, e.weight, e.weight_bound) and shows(
        bound, e.weight_bound, 0.05 * e.weight_bound
    )


rule(H, "A batch of one is its own mean, so x̂ is 0 whatever x is.")(lambda e: e.n == 1)
rule(H, "All x are equal and ε is 0: there is nothing to divide by, and ∂L/∂x is set to 0.")(
    lambda e: e.flat and e.eps == 0
)
rule(H, "Nothing comes from upstream: γ · ∂L/∂y is 0 for every sample.")(
    lambda e: largest(e.g) <= SMALL
)
rule(H, "Every sample gets the same ∂L/∂x̂, and the norm takes away what all samples share.")(
    lambda e: len(set(e.g)) == 1
)
rule(H, "Two samples have no directions but 1 and x̂, and at ε = 0 the norm takes both away.")(
    lambda e: e.n == 2 and e.eps == 0
)
rule(H, "The gate lets nothing through.")(lambda e: largest(e.direct) <= SMALL)
# A frozen norm.
rule(H, "Frozen statistics take nothing away: the bias gets #.")(
    lambda e, bias: e.frozen and shows(bias, sum_dx(e), e.bound) and e.dx == e.direct
)
rule(H, "Frozen statistics take nothing away; these gradients add up to 0 by themselves.")(
    lambda e: e.frozen and zero(sum_dx(e), e.bound)
)
rule(H, "Mean and variance are constants, nothing flows through them, and ① is all there is.")(
    lambda e: e.frozen and largest(e.via_var) == largest(e.via_mean) == 0
)
rule(H, "The weight gets #.")(lambda e, weight: shows(weight, e.weight, e.weight_bound))

# ---- The surprises ---------------------------------------------------------------------


def others(e: Exact) -> list[Exact]:
    """The same neuron with every input."""
    return [Exact(e.s, e.j, p) for p in range(e.s.d)]


@rule("surprise layer", "The bias gets no gradient at all, and every weight gets one.")
def _every(e: Exact) -> object:
    return zero(sum_dx(e), e.bound) and all(o.weight != 0 for o in others(e))


@rule(
    "surprise layer",
    "Here x = aW + b is computed. The weights of this neuron get @; what b gets is the plain sum "
    "of ∂L/∂x, and that is 0.",
)
def _entries(e: Exact, listed: str) -> object:
    entries = listed.split(", ")
    return e.s.computed and all(
        shows(text, o.weight, o.weight_bound) for text, o in zip(entries, others(e), strict=True)
    )


@rule("surprise dead", "An input that is always # learns nothing, like a bias.")
def _dead(e: Exact, a: str) -> object:
    return len(set(e.a)) == 1 and shows(a, e.a[0]) and zero(e.weight, e.weight_bound)


rule(
    "surprise dead",
    "Input # only multiplies a sum that is 0. Every other input has an entry of its own: look at "
    "one.",
)(lambda e, p: read(p) == e.p + 1 and zero(sum_dx(e), e.bound))
rule("surprise two", "Two samples always become +1 and −1, so hardly any gradient is left.")(
    lambda e: (
        e.n == 2
        and all(abs(abs(v) - 1) < 0.011 for v in e.x_hat)
        and largest(e.dx) < 0.011 * e.scale
    )
)


@rule(
    "surprise two",
    "However far apart they are, x̂ is # and #. Only ε lets something through; bring the two x "
    "together, and it explodes.",
)
def _two(e: Exact, one: str, two: str) -> object:
    return e.eps > 0 and shows(one, e.x_hat[0], 1e-12) and shows(two, e.x_hat[1], 1e-12)


rule("surprise one", "A batch of one gets no gradient, whatever the loss sends.")(
    lambda e: e.n == 1 and e.no_gradient
)
rule(
    "surprise one",
    "A batch of one is its own mean: x̂ is #, and # along ① is taken back along ③.",
)(lambda e, x, d: shows(x, e.x_hat[0]) and shows(d, e.direct[0], e.bound))
rule(
    "surprise losses",
    "The loss Σy sends every sample the same, and none of it comes through.",
)(lambda e: len(set(e.dy)) == 1 and e.no_gradient)
always(
    "surprise losses",
    "What all samples share is what the mean takes away. A test of a network that uses this loss "
    "tests nothing in front of the norm.",
)
rule("surprise losses", "The loss Σy² gives next to nothing: only ε lets something through.")(
    lambda e: largest(e.dx) < 1.01e-3 * e.scale
)
rule(
    "surprise losses",
    "Its ∂L/∂x̂ lies along x̂, which is what the variance takes away: of # in all, no sample keeps "
    "more than #.",
)(lambda e, all_, most: shows(all_, e.scale, e.bound) and shows(most, largest(e.dx), e.bound))
rule("surprise losses", "The loss Σy³ gets through, where Σy and Σy² do not.")(
    lambda e: largest(e.dx) > 0.009 * e.scale
)
always(
    "surprise losses",
    "It is bent: it sends more than a constant and a slope, and only those two are taken.",
)
rule("surprise constant", "All x are equal, and the gradient is # times as large.")(
    lambda e, f: e.flat and shows(f, e.inv, 1e-12 * e.inv)
)
rule(
    "surprise constant",
    "σ² is 0, so the norm divides by √ε: each sample gets its ∂L/∂x̂ without the mean of all, "
    "times #.",
)(lambda e, f: e.var == 0 and shows(f, 1 / mp.sqrt(e.eps), 1e-12 * e.inv))


@rule("surprise offset", "Take # from every x, and nothing changes.")
def _offset(e: Exact, lift: str) -> object:
    return largest(e.x) >= 1e3


always(
    "surprise offset",
    "Only x − μ counts. Few digits see it differently: in float32, with σ² = E[x²] − E[x]², "
    "Σ∂L/∂x looks perfect and the gradient is wrong: see Check, Precision.",
)
rule("surprise frozen", "Frozen statistics take nothing away: the bias gets #.")(
    lambda e, bias: e.frozen and shows(bias, sum_dx(e), e.bound)
)


@rule(
    "surprise frozen",
    "Mean and variance are constants: ① is all there is. In training y is the same, and no sample "
    "keeps more than #.",
    "Mean and variance are constants: ① is all there is. In training no sample keeps more than #.",
)
def _frozen(e: Exact, most: str) -> object:
    trained = Exact(e.s.training(), e.j, e.p)
    return e.frozen and shows(most, largest(trained.dx), trained.bound)


rule(
    "surprise three",
    "The norm divides by √(σ²+ε) with σ² over N; what PyTorch keeps for later is over N − 1.",
)(lambda e: e.n > 1)
rule(
    "surprise three",
    "Here σ² is #, and the running variance is fed with #: see Check, Neighbours.",
)(
    lambda e, var, fed: (
        shows(var, e.var, 1e-12 * e.var) and shows(fed, e.var * e.n / (e.n - 1), 1e-12 * e.var)
    )
)


@rule("surprise shifted", "Every input is # larger, and ∂L/∂W is what it was.")
def _shifted(e: Exact, shift: str) -> object:
    moved = mp.fsum((a - read(shift)) * d for a, d in zip(e.a, e.dx, strict=True))
    return zero(moved - e.weight, e.weight_bound)


@rule(
    "surprise shifted",
    "The largest contribution went from # to #; their sum is # with and without, since a constant "
    "only multiplies Σ∂L/∂x = 0.",
)
def _went(e: Exact, was: str, now: str, total: str) -> object:
    return shows(now, largest(e.products), e.weight_bound) and _weight(e, total)


@rule("surprise uncorrelated", "Every sample gets a gradient, and no weight of this neuron learns.")
def _none_learns(e: Exact) -> object:
    return min(abs(v) for v in e.dx) > 0 and all(no_weight(o) for o in others(e))


rule(
    "surprise uncorrelated",
    "None of the inputs varies together with ∂L/∂x, so each row of products cancels.",
)(lambda e: all(len(set(o.a)) == 1 or abs(o.weight) <= 4e-9 * o.could_be for o in others(e)))

# ---- The river -------------------------------------------------------------------------

G = "river gate"
rule(G, "nothing comes in")(lambda e: largest(e.dy) == 0)
rule(G, "the gate × # lets nothing through")(
    lambda e, gate: (
        shows(gate, e.gamma * e.inv, 1e-12 * abs(e.gamma * e.inv)) and largest(e.direct) <= SMALL
    )
)


@rule(G, "# comes in, | # after the gate × #")
def _comes(e: Exact, sent: str, after: str, gate: str) -> object:
    return (
        shows(sent, mp.fsum(e.dy), sum_dy_slack(e))
        and shows(after, sum_g(e), e.bound)
        and shows(gate, e.gamma * e.inv, 1e-12 * abs(e.gamma * e.inv))
    )


V = "river var"
rule(V, "σ² is a constant here: | nothing flows through it")(lambda e: e.frozen)
rule(V, "moves nothing: | no x differs from the mean")(
    # x̂ of what float64 can tell apart: below 1e-300 of √ε it is 0.
    lambda e: largest(e.x_hat) <= 1e-290 or e.flat
)
rule(V, "moves nothing: | what comes in does not | go with x − μ")(
    lambda e: (
        largest(e.via_var) <= 2 * e.bound
        and (
            len(set(e.g)) == 1
            or e.bound <= 4e-9 * e.inv * mp.fsum(abs(v - mp.fsum(e.g) / e.n) for v in e.g)
        )
    )
)
rule(V, "may move something: | what it moves is lost in rounding")(
    lambda e: largest(e.via_var) <= 2 * e.bound
)
rule(
    V,
    "moves # from some to others: | the sum stays"
    " | ② goes by xᵢ − μ, and deviations from a mean add up to 0",
)(
    lambda e, moved: (
        shows(moved, mp.fsum(v for v in e.via_var if v > 0), e.bound)
        and zero(mp.fsum(e.via_var), e.bound)
        and any(v > 0 for v in e.via_var)
        and any(v < 0 for v in e.via_var)
    )
)


M = "river mean"
rule(M, "μ is a constant here: | nothing flows through it")(lambda e: e.frozen)
rule(M, "takes nothing: | what comes in | adds up to 0 already")(lambda e: zero(sum_g(e), e.bound))


@rule(M, "move all x together: μ goes along, | no y moves, so the sum must be 0")
def _together(e: Exact) -> object:
    moved = [v + 1 for v in e.x]
    mean = mp.fsum(moved) / e.n
    still = all(abs((v - mean) * e.inv - h) <= 1e-40 for v, h in zip(moved, e.x_hat, strict=True))
    return still and zero(sum_dx(e), e.bound)


rule(M, "μ takes back the # that came: # each")(
    lambda e, came, each: (
        zero(sum_dx(e), e.bound)
        and shows(came, sum_dx(e) - mp.fsum(e.via_mean), e.bound)
        and all(shows(each, v, e.bound) for v in e.via_mean)
    )
)
rule(M, "μ takes back all that came: #")(
    lambda e, total: e.n == 1 and zero(sum_dx(e), e.bound) and shows(total, e.via_mean[0], e.bound)
)


def _both_minus(e: Exact, listed: str) -> object:
    rows = [int(word) - 1 for word in listed.replace(" and ", ", ").split(", ")]
    return all(e.a[i] < 0 and e.dx[i] < 0 for i in rows) and e.weight > 0


rule(
    "river turned",
    "@ turns over: | minus × minus = plus",
    "@ turn over: | minus × minus = plus",
)(_both_minus)
rule(
    "river rule",
    "each weighed by its own a, | they no longer cancel"
    " | were a the same for all: | a × 0 = 0, as for the bias",
)(lambda e: zero(sum_dx(e), e.bound) and abs(e.weight) > 0.5 * e.weight_bound)


def _adds_up(shown: str, terms: list[Real], total: Real, bound: Real) -> bool:
    """A sum written out: right on a calculator, and each number that of its sample."""
    left, _, right = shown.replace("\u00a0", "").replace(" | ", " ").rpartition(" = ")
    found = re.findall(r"[+−]?\d+(?:\.\d+)?", left.replace(" ", ""))
    if len(found) != len(terms):  # of many, plus and minus
        terms = [mp.fsum(v for v in terms if v > 0), mp.fsum(v for v in terms if v < 0)]
    added = sum(Decimal(text.replace("−", "-")) for text in found)
    return (
        added == Decimal(right.replace("−", "-"))
        and shows(right, total, bound)
        and all(shows(text, value, bound) for text, value in zip(found, terms, strict=True))
    )


rule("river sum", "Σ ∂L/∂x = | @")(lambda e, sum: _adds_up(sum, e.dx, sum_dx(e), e.bound))
rule("river sum", "Σ a·∂L/∂x = | @")(
    lambda e, sum: _adds_up(sum, e.products, e.weight, e.weight_bound)
)
rule("river bias", "# for the bias | b moves all x together")(
    lambda e, value: shows(value, sum_dx(e), e.bound)
)
rule("river bias", "nothing finite for the bias")(lambda e: e.overflows)
rule("river bias", "|")(lambda e: True)


@rule("river weight", "# for the weight")
def _for_weight(e: Exact, value: str) -> object:
    told = no_weight(e) if value == "0" else read(value) * e.weight >= 0
    return told and shows(value, e.weight, e.weight_bound)


rule("river weight", "w moves each x by its own a")(lambda e: len(set(e.a)) > 1)
rule("river weight", "here every a is the same")(lambda e: len(set(e.a)) == 1)
rule("river weight", "too few digits to tell | what the weight gets is lost in rounding")(
    lambda e: zero(e.weight, e.weight_bound)
)
rule("river weight", "nothing finite for the weight")(
    lambda e: e.overflows or largest(e.a) * e.scale > 1e300
)


always("river alt", "It repeats what stands at the places, which is judged there.")


rule("river alt", "The gradient flows from the loss back: @")(lambda e, words: "nan" not in words)
_ENDS = "The gradient goes from ∂L/∂y, at the right, to ∂L/∂x, at the left, "
for _lanes, _many in (("one lane", False), ("a lane for each of # samples", True)):
    rule("river alt", f"{_ENDS}{_lanes}.")(
        lambda e, n="1", many=_many: int(n) == e.n and (e.n > 1) == many
    )
    rule("river alt", f"{_ENDS}{_lanes}; at the left they add up to 0.")(
        lambda e, n="1", many=_many: (
            int(n) == e.n and (e.n > 1) == many and zero(sum_dx(e), e.bound)
        )
    )

rule("asked", "What do the # ∂L/∂x add up to?")(lambda e, n: int(n) == e.n > 1)
rule("asked", "What ∂L/∂x has a batch of one?")(lambda e: e.n == 1)
rule("asked", "The gradients add up to 0. What does the weight get?")(
    lambda e: zero(sum_dx(e), e.bound)
)
rule("asked", "What does the weight get?")(lambda e: not zero(sum_dx(e), e.bound / 4))
always(
    "asked",
    "Predict it first: the sums are left out here.",
    "Predict it first: ∂L/∂W is left out here.",
)


# ---- The notes under the sums, and the figures -----------------------------------------


def _sum(e: Exact, name: str) -> tuple[Any, Any]:
    column = {
        "x": e.x, "x_hat": e.x_hat, "dy": e.dy, "dx_hat": e.g, "dx_direct": e.direct,
        "dx_via_var": e.via_var, "dx_via_mean": e.via_mean, "dx": e.dx,
    }  # fmt: skip
    values = e.a if name == "a" else column[name]
    size = e.scale if name.startswith("dx") and name != "dx_hat" else mp.fsum(map(abs, values))
    return mp.fsum(values), e.u * size + SMALL


for _name in ("a", "x", "x_hat", "dy", "dx_hat", "dx_direct", "dx_via_var", "dx_via_mean", "dx"):
    rule(f"note {_name}", "for these numbers")(lambda e, _name=_name: zero(*_sum(e, _name)))
    always(f"note {_name}", "= N · μ", "= ∂L/∂β")
rule("note dx_direct", "cancels ③")(lambda e: zero(sum_g(e) + mp.fsum(e.via_mean), e.bound))
rule("note dx_via_mean", "cancels ①")(lambda e: zero(sum_g(e) + mp.fsum(e.via_mean), e.bound))
rule("note dweight", "= ∂L/∂W, zero here")(no_weight)
rule("note dweight", "= ∂L/∂W, lost in rounding")(lambda e: zero(e.weight, e.weight_bound))
rule("note dweight", "= ∂L/∂W ≠ 0")(
    lambda e: (e.weight != 0 and abs(e.weight) > 0.5 * e.weight_bound) or e.overflows
)

rule("title dx", "Added up, ∂L/∂x comes back to 0")(lambda e: zero(sum_dx(e), e.bound))
rule("title dx", "Added up, ∂L/∂x ends at #")(lambda e, end: shows(end, sum_dx(e), e.bound))
rule("title dx", "∂L/∂x is 0 from the start")(lambda e: largest(e.dx) <= 2 * e.bound)
rule(
    "alt dx",
    "Running sum of ∂L/∂x over # samples, neuron #: it ends at #; rounding allows #.",
)(
    lambda e, n, j, end, bound: (
        read(n) == e.n
        and read(j) == e.j + 1
        and shows(end, sum_dx(e), 2 * e.bound)
        and shows(bound, e.bound, 0.05 * e.bound)
    )
)
rule("title dweight", "Weighted by a, it ends at ∂L/∂W = #")(
    lambda e, end: shows(end, e.weight, e.weight_bound)
)
rule(
    "alt dweight",
    "Running sum of a · ∂L/∂x over # samples for input # and neuron #: it ends at ∂L/∂W = #.",
)(lambda e, n, p, j, end: shows(end, e.weight, e.weight_bound) and read(p) == e.p + 1)


def _table(e: Exact) -> list[Exact]:
    return [Exact(e.s, j, p) for p in range(e.s.d) for j in range(e.s.shape[1])]


def _zeros(e: Exact, shape: str, zeros: int, lost: int) -> bool:
    """Are so many entries 0 for a reason or with digits to spare, and so many within rounding?"""
    told = [no_weight(o) for o in _table(e)]
    near = [zero(o.weight, o.weight_bound) for o in _table(e)]
    blurs = [n and not t for n, t in zip(near, told, strict=True)]
    least = sum(abs(o.weight) <= o.weight_bound / 2 for o in _table(e))
    return (
        shape == f"{e.s.d}, {e.s.shape[1]}"
        and zeros <= sum(told)
        and lost <= sum(near)
        and (zeros + lost >= least)
        and bool(lost or not any(blurs) or zeros + lost < sum(near))
    )


rule("title table", "All of ∂L/∂W, shape (§)")(lambda e, shape: _zeros(e, shape, 0, 0))
rule("title table", "All of ∂L/∂W, shape (§): # lost in rounding")(
    lambda e, shape, lost: _zeros(e, shape, 0, int(lost))
)
rule("title table", "All of ∂L/∂W, shape (§): all of it is 0")(
    lambda e, shape: _zeros(e, shape, e.s.d * e.s.shape[1], 0)
)
rule("title table", "All of ∂L/∂W, shape (§): # of # entries are 0")(
    lambda e, shape, zeros, all_: (
        _zeros(e, shape, int(zeros), 0) and int(all_) == e.s.d * e.s.shape[1]
    )
)
rule("title table", "All of ∂L/∂W, shape (§): # of # entries are 0, # lost in rounding")(
    lambda e, shape, zeros, all_, lost: (
        _zeros(e, shape, int(zeros), int(lost)) and int(all_) == e.s.d * e.s.shape[1]
    )
)
for _all, _blur in (("0", False), ("lost in rounding", True)):
    rule(
        "alt table",
        f"∂L/∂W as a table of # inputs by # neurons; the largest entry is {_all}.",
    )(
        lambda e, d, k, lost=_blur: (
            all(zero(o.weight, o.weight_bound) for o in _table(e))
            and (lost or all(no_weight(o) for o in _table(e)))
        )
    )


@rule("river table", "#")
def _cell(e: Exact, value: str) -> object:
    told = value != "0" or no_weight(e)
    return told and shows(value, e.weight, e.weight_bound)


rule("river table", "lost in rounding")(lambda e: zero(e.weight, e.weight_bound))


@rule(
    "alt table",
    "∂L/∂W as a table of # inputs by # neurons; the largest entry is #, at input # and neuron #.",
)
def _largest(e: Exact, d: str, k: str, most: str, p: str, j: str) -> object:
    there = Exact(e.s, int(j) - 1, int(p) - 1)
    table = _table(e)
    bound = max(o.weight_bound for o in table)
    size = max(abs(o.weight) for o in table)
    return shows(most, there.weight, bound) and abs(there.weight) >= size * 0.999999 - 2 * bound
