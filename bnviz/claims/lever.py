"""What may be said of the lever: why the bias stays, why the weight learns, each with its check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnviz.claims.ledger import blurred, lost, no_gradient
from bnviz.core.columns import Columns
from bnviz.study.lever import Lever
from bnviz.study.precision import leftover
from bnviz.words.claim import Claim
from bnviz.words.numbers import number, places_for

_ROD = (
    "One weight and one bias can move each x by aᵢ · δW + δb: a straight rod. "
    "Training pushes each x by −∂L/∂xᵢ, at the place of its own aᵢ."
)
_SHIFT = 10
_SEEN = 1e-12  # of the largest x: a way that x as a float64 still shows
_CLEAR = 1e-3  # of the largest: a push or a way too small for a sentence of its own


@dataclass(frozen=True)
class Said:
    """The words of the lever: its two results, what the mark does, and why it is so."""

    lift: Claim
    turn: Claim
    caption: str
    mark: str
    stepped: str
    notes: tuple[str, ...]


def _finite(v: Lever) -> bool:
    return bool(np.isfinite(v.pushes).all() and np.isfinite(v.moments).all())


def _steady(c: Columns, v: Lever) -> bool:
    """Do the pushes cancel because the norm takes what all samples share?"""
    return v.lift.vanishes and not c.trace.scenario.frozen


def _faint(v: Lever) -> bool:
    """Is next to nothing left of what the pushes do at their arms?"""
    return bool(abs(v.turn.value) < _CLEAR * np.abs(v.moments).sum())


def headline(c: Columns, v: Lever) -> Claim:
    """The lever in a sentence that is true of these numbers."""
    if not _finite(v):
        return Claim(
            "These numbers are too large for a lever.", "Some of the pushes are not finite."
        )
    if no_gradient(c) or not v.pushes.any():
        return Claim("Nothing pushes here, and the rod stays flat.", _ROD)
    if lost(c):
        return Claim("Whatever pushes here is lost in rounding.", _ROD)
    if not v.lift.vanishes:
        said = "lifts" if c.trace.scenario.frozen else "should not lift, and does"
        return Claim(f"The pushes don’t cancel: the rod {said}.", _ROD)
    if not v.turn.vanishes and _faint(v):
        return Claim("The pushes cancel, and hardly any turn is left.", _ROD)
    if not v.turn.vanishes:
        return Claim("The pushes cancel. The rod still turns.", _ROD)
    if blurred(c):
        return Claim("The pushes cancel; what turn there is can’t be told from rounding.", _ROD)
    if not np.ptp(v.a):
        return Claim("The pushes cancel, and they all act at one place: no turn either.", _ROD)
    return Claim("The pushes cancel, and so do their turns.", _ROD)


def _stays(c: Columns, v: Lever) -> Claim:
    value = number(v.lift.value, signed=True)
    if not np.isfinite(v.lift.value):
        return Claim("not finite", "", holds=False)
    if v.lift.vanishes:
        return Claim("no lift: 0", "the bias stays where it is")
    return Claim(f"a lift: {value}", "the bias learns", holds=False)


def _turns(c: Columns, v: Lever) -> Claim:
    if not np.isfinite(v.turn.value):
        return Claim("not finite", "", holds=False)
    if not v.turn.vanishes:
        learns = "the weight hardly learns" if _faint(v) else "the weight learns"
        return Claim(f"a turn: {number(v.turn.value, signed=True)}", learns)
    if blurred(c) or lost(c):
        return Claim("a turn?", "lost in rounding", holds=False)
    return Claim("no turn: 0", "the weight stays where it is", holds=False)


def _mark(c: Columns, v: Lever) -> str:
    if not _finite(v):
        return ""
    if v.lift.vanishes:
        return "arms are measured from here: drag it, the turn stays the same"
    return "arms are measured from here: with a lift, another mark is another turn"


def _stepped(v: Lever) -> str:
    look = v.look
    if not look.steps or not np.isfinite(v.moved).all():
        return ""
    steps = "one step" if look.steps == 1 else f"{look.steps} steps"
    lift = (
        "0"
        if abs(v.bias_step) <= look.steps * look.rate * v.lift.bound
        else number(v.bias_step, signed=True)
    )
    return (
        f"After {steps} at rate {number(look.rate)}: δW = {number(v.weight_step, signed=True)}, "
        f"δb = {lift}. ∂L/∂y is held; the pushes are those on the x of now."
    )


def _against(c: Columns, v: Lever) -> str:
    """Who was pushed one way and went the other, as the rod is straight."""
    push, way = v.first, v.moved
    clear = np.abs(push) > max(_CLEAR * np.abs(push).max(), c.sums["dx"].bound)
    far = max(_CLEAR * np.abs(way).max(), _SEEN * np.abs(c.values["x"]).max())
    rows = np.flatnonzero(clear & (np.abs(way) > far) & (push * way < 0))
    told = abs(v.weight_step) > v.look.steps * v.look.rate * v.turn.bound
    if not v.look.steps or not rows.size or not told:
        return ""
    i = int(rows[np.argmax(np.abs(push[rows]))])
    asked, went = ("up", "down") if push[i] > 0 else ("down", "up")
    return (
        f"Sample {i + 1} was pushed {asked} and went {went}: a straight rod can’t do what each "
        "sample asks."
    )


def _caption(c: Columns) -> str:
    """What is drawn, and of how many inputs this is one."""
    d = c.trace.scenario.d
    same = np.unique(c.values["a"]).size < c.values["a"].size
    return (
        "An arrow is the push −∂L/∂xᵢ: solid up, hatched down. The height of the rod is the change "
        f"in x that {'this one input of several' if d > 1 else 'this input'} can make; "
        "the lines under the axis are the arms."
        + (" Samples with the same a stand side by side." if same else "")
    )


def _alone(c: Columns) -> str:
    """What becomes of the turn where there is no other input."""
    s = c.trace.scenario
    if s.d > 1 or not s.computed or s.frozen:
        return ""
    return (
        "This input is the only one, so x̂ is a itself, normalised: turning the rod stretches x "
        "about its mean, and the norm takes that away too, but for what ε leaves."
    )


def _in_code(c: Columns, v: Lever) -> str:
    """What becomes of such a bias in practice."""
    left = leftover(c.trace, c.view.neuron)
    kept = "In code such a bias is left out, bias=False: β does its work."
    if not np.isfinite(left.residue):
        return kept
    if not left.residue:
        return f"In float32 the pushes add up to 0 to the last digit here. {kept}"
    return (
        f"In float32 rounding leaves {number(left.residue, signed=True)} of ∂L/∂b. SGD hardly "
        "moves the bias by it; Adam divides it by its own size, and its first step would be "
        f"{number(left.step)} of the rate. {kept}"
    )


def say(c: Columns, v: Lever) -> Said:
    """Every sentence of the lever, true of these numbers."""
    notes: list[str] = []
    if _finite(v) and v.pushes.any():
        if _steady(c, v):
            notes.append(
                "Why no lift? Lift every x alike, and the norm takes the lift away again: no y "
                "moves, so the loss has no say in it."
            )
        if not v.turn.vanishes and not _faint(v):
            notes.append(
                "Why a turn? It moves each x by a different amount, by its own a, and that changes "
                "what the norm sees."
                if _steady(c, v)
                else "Each x is moved by its own a, so its push counts by its own arm."
            )
        notes.extend(filter(None, [_alone(c)]))
        if _steady(c, v) and not blurred(c):
            notes.append(
                f"Add {_SHIFT} to every a: all arms grow by {_SHIFT}, and {_SHIFT} × (pushes that "
                "cancel) is 0. The turn is the same."
            )
        if _steady(c, v):
            notes.append(_in_code(c, v))
        notes.extend(filter(None, [_against(c, v)]))
    return Said(_stays(c, v), _turns(c, v), _caption(c), _mark(c, v), _stepped(v), tuple(notes))


def places(v: Lever) -> tuple[int, int]:
    """The decimals of the pushes and of the moments."""
    pushes, moments = (float(np.abs(values).max()) for values in (v.pushes, v.moments))
    return places_for(pushes), places_for(moments)


def alt(v: Lever, said: Said | None) -> str:
    """The lever in one sentence, for who can't see it; said: None where the results are hidden."""
    if said is None:
        return f"A rod over the inputs a, pushed at {v.a.size} places."
    parts = [said.lift.claim, said.lift.why, said.turn.claim, said.turn.why]
    return (
        f"A rod over the inputs a, pushed at {v.a.size} places: "
        + "; ".join(part for part in parts if part)
        + "."
    )
