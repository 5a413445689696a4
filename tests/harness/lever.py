"""The lever: its headline, its two results, the mark, the steps, and why it is so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mpmath import mp

from bnviz.claims import lever as claims
from bnviz.core.columns import columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.study.lever import Look, lever
from tests.harness.exact import LARGE, Exact, largest, read, shows
from tests.harness.explore import no_weight, zero
from tests.harness.rules import always, rule

LOOKS = (Look(), Look(mark=1.5), Look(rate=0.5, steps=2))


class Rod(Exact):
    """The batch as the steps have left it, seen from a mark."""

    def __init__(self, s: Scenario, neuron: int, input: int, look: Look, before: Exact) -> None:
        super().__init__(s, neuron, input)
        self.look, self.before = look, before

    @property
    def lift(self) -> Any:
        return -mp.fsum(self.dx)

    @property
    def turn(self) -> Any:
        mark = mp.mpf(self.look.mark)
        return -mp.fsum((a - mark) * d for a, d in zip(self.a, self.dx, strict=True))

    @property
    def turn_bound(self) -> Any:
        return 2 * (self.weight_bound + abs(mp.mpf(self.look.mark)) * self.bound)


def texts(s: Scenario, neuron: int, input: int) -> Iterator[tuple[str, str, Exact]]:
    if not s.d:
        return
    c, before = columns(run(s), View(neuron, input)), Exact(s, neuron, input)
    for look in LOOKS:
        v = lever(c, look)
        x = s.x.copy()
        x[:, neuron] += v.moved
        if not np.isfinite(x).all():
            continue
        now = s.edit(x=x, weight=None, bias=None) if look.steps else s
        e = Rod(now, neuron, input, look, before)
        said = claims.say(c, v)
        head = claims.headline(c, v)
        yield "lever", f"{head.claim} {head.why}", e
        yield "lever lift", f"{said.lift.claim} {said.lift.why}".strip(), e
        yield "lever turn", f"{said.turn.claim} {said.turn.why}".strip(), e
        for text in (said.caption, said.mark, said.stepped, *said.notes):
            if text:
                yield "lever note", text, e
        whole = claims.alt(v, said)
        assert said.lift.claim in whole
        assert said.turn.claim in whole


def _pushed(e: Rod) -> bool:
    return largest(e.dx) > 0 and not e.no_gradient


def _no_turn(e: Rod) -> bool:
    return bool(zero(e.turn, e.turn_bound))


def _left(e: Rod) -> Any:
    """What is left of all moments."""
    mark = mp.mpf(e.look.mark)
    moments = mp.fsum(abs((a - mark) * d) for a, d in zip(e.a, e.dx, strict=True))
    return abs(e.turn) / moments if moments else mp.mpf(0)


H = "lever"
always(
    H,
    "One weight and one bias can move each x by aᵢ · δW + δb: a straight rod. Training pushes "
    "each x by −∂L/∂xᵢ, at the place of its own aᵢ.",
)
rule(H, "These numbers are too large for a lever. Some pushes are not finite.")(
    lambda e: e.overflows or e.before.overflows or largest(e.a) * largest(e.dx) > LARGE / 100
)
rule(H, "Nothing pushes here, and the rod stays flat.")(
    lambda e: e.before.no_gradient or largest(e.dx) < 1e-300
)
rule(H, "Whatever pushes here is lost in rounding.")(
    lambda e: all(abs(d) <= 2 * e.before.bound for d in e.before.dx)
)
rule(H, "The pushes don’t cancel: the rod lifts.")(lambda e: e.frozen and e.lift != 0)
rule(H, "The pushes cancel. The rod still turns.")(
    lambda e: zero(e.lift, e.bound) and e.turn != 0 and _left(e) > 0.0009
)
rule(H, "The pushes cancel, and hardly any turn is left.")(
    lambda e: zero(e.lift, e.bound) and _left(e) < 0.0011
)
rule(H, "The pushes cancel; what turn there is can’t be told from rounding.")(
    lambda e: zero(e.lift, e.bound) and _no_turn(e)
)
rule(H, "The pushes cancel, and they all act at one place: no turn either.")(
    lambda e: zero(e.lift, e.bound) and len(set(e.a)) == 1
)
rule(H, "The pushes cancel, and so do their turns.")(
    lambda e: zero(e.lift, e.bound) and _no_turn(e) and (e.look.mark or no_weight(e))
)

rule("lever lift", "no lift: 0 the bias stays where it is")(lambda e: zero(e.lift, e.bound))
rule("lever lift", "a lift: # the bias learns")(
    lambda e, value: e.lift != 0 and shows(value, e.lift, e.bound)
)
rule("lever lift", "not finite")(lambda e: e.overflows or e.before.overflows)
rule("lever turn", "not finite")(
    lambda e: e.overflows or e.before.overflows or largest(e.a) * largest(e.dx) > LARGE / 100
)
rule("lever turn", "a turn: # the weight learns")(
    lambda e, value: _left(e) > 0.0009 and shows(value, e.turn, e.turn_bound)
)
rule("lever turn", "a turn: # the weight hardly learns")(
    lambda e, value: 0 < _left(e) < 0.0011 and shows(value, e.turn, e.turn_bound)
)
rule("lever turn", "a turn? lost in rounding")(_no_turn)
rule("lever turn", "no turn: 0 the weight stays where it is")(
    lambda e: _no_turn(e) and (e.look.mark or no_weight(e))
)

N = "lever note"
rule(
    N,
    "An arrow is the push −∂L/∂xᵢ: solid up, hatched down. The height of the rod is the change "
    "in x that this one input of several can make; the lines under the axis are the arms.",
)(lambda e: e.s.d > 1)
rule(
    N,
    "An arrow is the push −∂L/∂xᵢ: solid up, hatched down. The height of the rod is the change "
    "in x that this input can make; the lines under the axis are the arms.",
)(lambda e: e.s.d == 1)
rule(N, "Samples with the same a stand side by side.")(lambda e: len(set(e.a)) < e.n)
rule(
    N,
    "arms are measured from here: drag it, the turn stays the same",
    "arms are measured from here: with a lift, another mark is another turn",
)(lambda e: True if not e.frozen else e.lift == 0 or True)
rule(
    N,
    "Why no lift? Lift every x alike, and the norm takes the lift away again: no y moves, so "
    "the loss has no say in it.",
)(lambda e: not e.frozen and zero(e.lift, e.bound))
rule(
    N,
    "Why a turn? It moves each x by a different amount, by its own a, and that changes what the "
    "norm sees.",
)(lambda e: not e.frozen and e.turn != 0 and len(set(e.a)) > 1)
rule(N, "Each x is moved by its own a, so its push counts by its own arm.")(
    lambda e: e.frozen and e.turn != 0
)
rule(
    N,
    "Add # to every a: all arms grow by #, and # × (pushes that cancel) is 0. The turn is the "
    "same.",
)(lambda e, *tens: {read(ten) for ten in tens} == {10} and zero(e.lift, e.bound))
rule(
    N,
    "This input is the only one, so x̂ is a itself, normalised: turning the rod stretches x "
    "about its mean, and the norm takes that away too, but for what ε leaves.",
)(lambda e: e.s.d == 1 and not e.frozen)


@rule(N, "Sample # was pushed @ and went @: a straight rod can’t do what each sample asks.")
def _against(e: Rod, sample: str, asked: str, went: str) -> object:
    i = int(sample) - 1
    push, way = -e.before.dx[i], e.x[i] - e.before.x[i]
    return (asked, went) == ("up" if push > 0 else "down", "up" if way > 0 else "down") and (
        asked != went
    )


@rule(
    N,
    "After one step at rate #: δW = #, δb = #. ∂L/∂y is held; the pushes are those on the x of "
    "now.",
    "After # steps at rate #: δW = #, δb = #. ∂L/∂y is held; the pushes are those on the x of now.",
)
def _stepped(e: Rod, *numbers: str) -> object:
    rate, weight, bias = numbers[-3:]
    wide = mp.mpf(10) ** -9
    # What the steps made of x is what the weight and the bias did to it.
    i = max(range(e.n), key=lambda i: abs(e.a[i]))
    moved = [now - before for now, before in zip(e.x, e.before.x, strict=True)]
    size = largest(e.x) + largest(e.before.x)
    by = read(weight) * e.a[i] + read(bias)
    digits = abs(e.a[i]) * mp.mpf("0.051") * max(abs(read(weight)), mp.mpf("0.1"))
    return (
        shows(rate, mp.mpf(e.look.rate))
        and int(numbers[0]) == e.look.steps
        and abs(by - moved[i])
        <= digits + wide * size + abs(moved[i]) * mp.mpf("0.051") + 8 * (e.bound + e.before.bound)
    )


@rule(
    N,
    "In float32 rounding leaves # of ∂L/∂b. SGD hardly moves the bias by it; Adam divides it by "
    "its own size, and its first step would be # of the rate. In code such a bias is left out, "
    "bias=False: β does its work.",
)
def _leftover(e: Rod, residue: str, step: str) -> object:
    found = abs(read(residue))
    # The six equations in float32: each of their roundings counts once for each sample.
    flat = e.before
    spread = largest(flat.x) * flat.inv + 1
    most = mp.mpf(2) ** -23 * 64 * (flat.n + 8) * flat.scale * (1 + spread) ** 3 + mp.mpf(2) ** -120
    share = found / (found + mp.mpf("1e-8"))
    return 0 < found <= most and shows(step, share, mp.mpf("0.06") * share)


rule(
    N,
    "In code such a bias is left out, bias=False: β does its work.",
    "In float32 the pushes add up to 0 to the last digit here. In code such a bias is left out, "
    "bias=False: β does its work.",
)(lambda e: not e.frozen and zero(e.lift, e.bound))
