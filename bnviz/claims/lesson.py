"""The lesson: eleven steps from the student's puzzle to its answer, predict first, then see.

A step asks; its answer is found in the trace on the screen, never written down here. The
wrong answers on offer are what people do get wrong, each with a reply of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from bnviz.claims import training
from bnviz.claims.ledger import blurred, no_gradient, no_weight, nothing
from bnviz.claims.reach import BIAS, LANES, NORM, NOTHING, SUM, WEIGHT, Reach
from bnviz.core.arrays import Array
from bnviz.core.columns import THREE, column_sums, columns
from bnviz.core.identities import gradient_scale, identities, rounding
from bnviz.core.network.settings import Settings
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.core.view import View
from bnviz.inputs.datasets import dataset
from bnviz.inputs.presets import PRESETS
from bnviz.study.training import Run
from bnviz.study.weight_gradient import shifted
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

_DX, _DW = TERMS["dx"].symbol, TERMS["dweight"].symbol


@dataclass(frozen=True)
class Choice:
    """An answer on offer, and what is said to who chose it while it is not the right one.

    reply: a function where what is true of it depends on the numbers.
    """

    text: str
    reply: str | Callable[[Trace, View], str]

    def said(self, t: Trace, view: View) -> str:
        """The reply, for these numbers."""
        return self.reply if isinstance(self.reply, str) else self.reply(t, view)


@dataclass(frozen=True)
class Number:
    """A prediction that is a number, and so a bar that one can drag.

    what: its name. column: what is added up. total: the truth, and whether it is 0. near: the
    choice that a number comes nearest to.
    """

    what: str
    column: Callable[[Trace, View], Array]
    total: Callable[[Trace, View], tuple[float, bool]]
    near: Callable[[Trace, View, float], str]

    def reach(self, t: Trace, view: View) -> float:
        """The size of what is added up: it says nothing of the sum."""
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.abs(self.column(t, view)).sum())


@dataclass(frozen=True)
class Step:
    """One question about one scenario.

    truth: the key of the right choice for these numbers; also: those that are as right.
    shown: the claim and why, once predicted. premise: is what the question says of the
    numbers true? before, after: how far the story has got, until the prediction is made and
    then. tab: the group of columns that a phone opens it with. notes: for the teacher.
    number: the prediction as a number, where it is one.
    """

    title: str
    preset: str
    question: str
    choices: Mapping[str, Choice]
    truth: Callable[[Trace, View], str]
    shown: Callable[[Trace, View], Claim]
    notes: str
    before: Reach
    after: Reach
    view: View = field(default_factory=View)
    premise: Callable[[Trace, View], bool] = lambda t, view: True
    also: Callable[[Trace, View], Collection[str]] = lambda t, view: ()
    tab: int = 3
    number: Number | None = None

    def reach(self, *, answered: bool) -> Reach:
        """How much of ledger and river is on the screen."""
        return self.after if answered else self.before


def _sums(t: Trace, view: View) -> dict[str, float]:
    return {name: s.value for name, s in column_sums(t, view.neuron, view.input).items()}


def _vanishes(t: Trace, view: View, column: str) -> bool:
    return column_sums(t, view.neuron, view.input)[column].vanishes


def _is(value: float, vanishes: bool) -> str:
    """A sum as it may be written: 0 with what rounding left of it, if anything, or the number."""
    if vanishes and value:
        return f"0 (rounding left {number(value)})"
    return number(value, signed=True)


def _first_input(t: Trace, view: View) -> bool:
    """Is input 1, which the question names, on the screen, and has its ∂L/∂W a sign or is it 0?"""
    return view.input == 0 and not blurred(columns(t, view))


# ---- What is true, step by step ---------------------------------------------------------


def _squares(t: Trace, view: View) -> str:
    """What is said to who takes Σx̂ for Σx̂²."""
    n = t.x_hat.shape[0]
    squares = float(np.square(t.x_hat[:, view.neuron]).sum())
    if abs(squares - n) <= 0.01 * n:
        return f"That is nearly Σx̂², {number(squares)}: it is the squares that add up to N."
    return f"Not even the squares do here: Σx̂² = {number(squares)}."


def _x_hat_sum(t: Trace, view: View) -> str:
    return "zero" if _vanishes(t, view, "x_hat") else "other"


def _x_hat_story(t: Trace, view: View) -> Claim:
    return Claim(
        f"Σx̂ = {_is(_sums(t, view)['x_hat'], _vanishes(t, view, 'x_hat'))}.",
        "The mean is taken away first, so what is left lies around 0. Remember it: a column that "
        "adds up to 0 is about to do all the work.",
    )


def _dx_sum(t: Trace, view: View) -> str:
    return "zero" if _vanishes(t, view, "dx") else "other"


def _dx_story(t: Trace, view: View) -> Claim:
    sums = _sums(t, view)
    if not _vanishes(t, view, "dx"):
        return Claim(f"Σ{_DX} should be 0. Here it is {number(sums['dx'])}.", "")
    claim = f"Σ{_DX} = {_is(sums['dx'], True)}."
    if _vanishes(t, view, "dx_hat"):
        return Claim(
            claim,
            "Here the ∂L/∂x̂ add up to 0 already. Where they do not, the way back through the norm "
            "takes their sum away, for every loss and every upstream.",
        )
    return Claim(
        claim,
        f"The ∂L/∂x̂ add up to {number(sums['dx_hat'], signed=True)}. The way back through the norm "
        "takes that away, for every loss and every upstream.",
    )


def _not_direct(t: Trace, view: View) -> str:
    if _vanishes(t, view, "dx_direct"):
        return "Here the ∂L/∂x̂ add up to 0 too. Drag one ∂L/∂y: their sum moves, this one stays."
    return (
        "So it would be if mean and variance were constants. They are made from x, so they move "
        "with it, and two more paths lead back."
    )


@dataclass(frozen=True)
class _Moved:
    """What y does when `step` is added to every x, and what rounding explains of it."""

    step: float
    change: float
    bound: float
    size: float  # of what y could do

    @property
    def still(self) -> bool:
        return self.change <= self.bound

    @property
    def told(self) -> bool:
        """Could a change of y be seen in these digits?"""
        return self.bound < 1e-6 * self.size


def _moved(t: Trace, view: View) -> _Moved:
    s, j = t.scenario, view.neuron
    spread = float(np.ptp(s.x[:, j]))
    # A step of x's own size: beside one far larger, x would have no digits left.
    step = 1.0 if 1e-3 < spread < 1e3 or not spread else float(10.0 ** np.floor(np.log10(spread)))
    moved = run(Scenario(s.x + step, s.dy, s.gamma, s.beta, s.eps))
    change = float(np.abs(moved.y - t.y)[:, j].max())
    reach = (step + float(np.abs(s.x[:, j]).max())) * float(t.inv_std[j])
    size = float(np.abs(s.gamma[j]))
    bound = rounding(s.shape[0]) * (size * (reach + 1.0) + abs(float(s.beta[j]))) * s.shape[0]
    return _Moved(step, change, bound, size)


def _why_zero(t: Trace, view: View) -> str:
    return "shift" if _moved(t, view).still else "other"


def _why_zero_story(t: Trace, view: View) -> Claim:
    moved = _moved(t, view)
    claim = (
        f"Add {number(moved.step, places=0)} to every x, and y changes by {number(moved.change)}"
    )
    if not moved.still:
        return Claim(f"{claim}.", "")
    why = (
        "The norm takes the mean away, so moving all x together moves no y and no loss. The slope "
        f"in that direction is 0, and that slope is Σ{_DX}. The sum must be 0."
    )
    if not moved.told:
        return Claim(f"{claim}: these digits can’t tell it from nothing.", why)
    return Claim(f"{claim}: nothing{' but rounding' if moved.change else ''}.", why)


def _second_term(t: Trace, view: View) -> str:
    return "zero" if identities(t)["mean_via_var"].holds[view.neuron] else "other"


def _not_minus(t: Trace, view: View) -> str:
    if _vanishes(t, view, "dx_direct"):
        return "Here that is no other answer, since the first is 0 too. It is 0 for any numbers."
    return "Then ∂L/∂μ would be 0, and nothing would be left to cancel ①."


def _second_term_story(t: Trace, view: View) -> Claim:
    j = view.neuron
    value = float(t.dmean_via_var[j])
    first = (
        "The first term is 0 here too."
        if _vanishes(t, view, "dx_direct")  # the same sum, with the other sign
        else f"The first term is {number(float(t.dmean_direct[j]), signed=True)}: it stays."
    )
    return Claim(
        f"The second term is {_is(value, _second_term(t, view) == 'zero')}.",
        f"It is ∂L/∂σ² = {number(float(t.dvar[j]), signed=True)} times −2·Σ(x − μ)/N, and the "
        f"deviations from a mean add up to 0, whatever the numbers. {first}",
    )


def _paths(t: Trace, view: View) -> str:
    zero = [name for name in ("dx_direct", "dx_via_var", "dx_via_mean") if _vanishes(t, view, name)]
    return {(): "none", ("dx_via_var",): "second"}.get(tuple(zero), "all" if len(zero) == 3 else "")


def _paths_story(t: Trace, view: View) -> Claim:
    sums = _sums(t, view)
    first, second, third = (
        _is(sums[name], _vanishes(t, view, name))
        for name in ("dx_direct", "dx_via_var", "dx_via_mean")
    )
    return Claim(
        f"Σ① = {first}, Σ② = {second}, Σ③ = {third}.",
        "② is shared out by deviation from the mean, and deviations add up to 0. ③ hands every "
        "sample the same share of minus the whole of ①.",
    )


def _sign(t: Trace, view: View) -> str:
    total = column_sums(t, view.neuron, view.input)["dweight"]
    return "zero" if total.vanishes else "plus" if total.value > 0 else "minus"


def _other_sign(t: Trace, view: View) -> str:
    other = "sum" if _sign(t, view) == "zero" else "sign"
    return f"Multiply a and {_DX} row by row: the {other} is another."


def _sign_story(t: Trace, view: View) -> Claim:
    total = column_sums(t, view.neuron, view.input)["dweight"]
    claim = (
        f"{_DW} = {_is(total.value, total.vanishes)}, and Σ{_DX} = "
        f"{_is(_sums(t, view)['dx'], _vanishes(t, view, 'dx'))}."
    )
    if total.vanishes:
        return Claim(claim, no_weight(columns(t, view)))
    return Claim(
        claim,
        "Before it reaches the weight, each sample’s gradient is multiplied by that sample’s own "
        "input a. Numbers that cancel need no longer cancel once each is multiplied by a number "
        "of its own.",
    )


def _contributions(t: Trace, view: View) -> Array:
    products = t.dweight_per_sample
    assert products is not None
    return products[:, view.input, view.neuron]


def _most(t: Trace, view: View) -> list[int]:
    """The samples that add most, from 0: several where they tie, none where all add 0."""
    size = np.abs(_contributions(t, view))
    within = column_sums(t, view.neuron, view.input)["dweight"].bound
    if (size <= within).all():
        return []
    return [int(i) for i in np.flatnonzero(size >= size.max() - within)]


def _largest(t: Trace, view: View) -> str:
    most = _most(t, view)
    return str(most[0] + 1) if most else ""


def _as_large(t: Trace, view: View) -> list[str]:
    return [str(i + 1) for i in _most(t, view)]


def _not_largest(t: Trace, view: View) -> str:
    if not _most(t, view):
        return (
            "No sample adds anything here."
            if no_gradient(columns(t, view)) or not _contributions(t, view).any()
            else "Here no sample adds more than rounding explains."
        )
    return "Multiply its input by its gradient: another sample’s product is larger."


def _largest_story(t: Trace, view: View) -> Claim:
    added = _contributions(t, view)
    dx = t.dx[:, view.neuron]
    most = _most(t, view)
    whole = f"Over all inputs and neurons each sample adds a whole table, aᵢ ⊗ {_DX}ᵢ."
    if not most:
        c = columns(t, view)
        return Claim(
            "No sample adds anything."
            if no_gradient(c) or not _contributions(t, view).any()
            else "What each sample adds can’t be told from 0.",
            no_weight(c),
        )
    i, steepest = most[0], int(np.abs(dx).argmax())
    if len(most) > 1:
        names = ", ".join(str(k + 1) for k in most[:-1])
        return Claim(
            f"Samples {names} and {most[-1] + 1} add most: {number(abs(float(added[i])))} each, "
            "without the sign.",
            f"What counts is the product of input and gradient. {whole}",
        )
    a = t.scenario.a
    assert a is not None
    why = (
        f"Its gradient is {number(float(dx[i]), signed=True)} and its input "
        f"{number(float(a[i, view.input]), signed=True)}: what counts is the product. "
    )
    if abs(dx[steepest]) > abs(dx[i]) + column_sums(t, view.neuron, view.input)["dx"].bound:
        why += (
            f"Sample {steepest + 1} has the larger gradient, "
            f"{number(float(dx[steepest]), signed=True)}, and adds "
            f"{number(float(added[steepest]), signed=True)}. "
        )
    return Claim(f"Sample {i + 1} adds most: {number(float(added[i]), signed=True)}.", why + whole)


def _shift(t: Trace, view: View) -> str:
    """Is ∂L/∂W the same with 10 taken from every a?"""
    moved = run(shifted(t.scenario, -10.0))
    assert t.dweight is not None
    assert moved.dweight is not None
    reach = float(np.abs(t.scenario.a).max()) + 10.0 if t.scenario.a is not None else 10.0
    size = float(gradient_scale(t)[view.neuron]) * reach * rounding(t.dx.shape[0])
    here, there = (m[view.input, view.neuron] for m in (t.dweight, moved.dweight))
    return "same" if abs(here - there) <= size else "other"


def _shifted_inputs(t: Trace, view: View) -> bool:
    """Are the inputs those of the puzzle, and 10 larger, as the question says?"""
    a, own = t.scenario.a, PRESETS["shifted"].scenario.a
    return a is not None and own is not None and np.array_equal(a, own)


def _not_huge(t: Trace, view: View) -> str:
    before = np.abs(_contributions(run(shifted(t.scenario, -10.0)), view)).max()
    grown = int((np.abs(_contributions(t, view)) > before).sum())
    if 2 * grown > t.dx.shape[0]:
        return "Most contributions do. Their sum does not."
    return "Their sum does not, however large they are."


def _shift_story(t: Trace, view: View) -> Claim:
    moved = run(shifted(t.scenario, -10.0))
    assert t.dweight is not None
    assert moved.dweight is not None
    here, there = (float(m[view.input, view.neuron]) for m in (t.dweight, moved.dweight))
    largest = float(np.abs(_contributions(t, view)).max())
    smaller = float(np.abs(_contributions(moved, view)).max())
    same = _shift(t, view) == "same"
    return Claim(
        f"{_DW} is {number(here, signed=True)}, and with 10 taken from every a "
        f"{number(there, signed=True)}.",
        f"The largest contribution is {number(largest)} here and {number(smaller)} there. "
        + (
            f"But a constant in a is multiplied with Σ{_DX} = 0. {_DW} only sees how a varies: it "
            "is a covariance."
            if same
            else f"They should be the same, since Σ{_DX} should be 0."
        ),
    )


def _dead(t: Trace, view: View) -> str:
    return "zero" if _vanishes(t, view, "dweight") else "other"


def _dead_input(t: Trace, view: View) -> bool:
    """Is input 1 on the screen, and the same for every sample, as the question says?"""
    a = t.scenario.a
    return a is not None and view.input == 0 and not np.ptp(a[:, 0])


def _dead_story(t: Trace, view: View) -> Claim:
    total = column_sums(t, view.neuron, view.input)["dweight"]
    claim = f"Its {_DW} is {_is(total.value, total.vanishes)}."
    if not _dead_input(t, view):
        return Claim(claim, "This input is not the same for every sample.")
    if not total.vanishes:
        return Claim(claim, f"It should be 0, since Σ{_DX} should be 0.")
    return Claim(
        claim,
        f"An input that is always the same weights all gradients alike, so it adds up Σ{_DX}. A "
        "bias is such an input: in front of a batch norm it gets no gradient, and β behind it "
        "does the job.",
    )


def _held_mean(t: Trace) -> Array:
    """∂L/∂x with μ a constant: without ③. Σ② is 0 all the same, about the batch's own mean."""
    held: Array = t.dx_direct + t.dx_via_var
    return held


def _revived(t: Trace, view: View) -> dict[str, bool]:
    """Which change gives the bias in front a gradient: each is tried out on these numbers."""
    s, j = t.scenario, view.neuron
    frozen = _held_mean(t)[:, j]
    wide = run(Scenario(s.x, s.dy, s.gamma, s.beta, 1.0))
    twice = run(
        Scenario(
            np.vstack([s.x, 1.5 * s.x + 0.3]), np.vstack([s.dy, s.dy[::-1]]), s.gamma, s.beta, s.eps
        )
    )
    n = s.shape[0]
    limit = rounding(2 * n) * float(np.abs(frozen).sum() + np.abs(t.dx_direct[:, j]).sum())
    return {
        "frozen": abs(float(frozen.sum())) > limit,
        "eps": not column_sums(wide, j, 0)["dx"].vanishes,
        "batch": not column_sums(twice, j, 0)["dx"].vanishes,
    }


def _revive(t: Trace, view: View) -> str:
    alive = [name for name, works in _revived(t, view).items() if works]
    return alive[0] if len(alive) == 1 else ""


def _revive_story(t: Trace, view: View) -> Claim:
    total = float(_held_mean(t)[:, view.neuron].sum())
    works = _revived(t, view)
    if not works["frozen"]:
        return Claim(
            f"Even with the mean held constant ∂L/∂b is {_is(total, True)} here.",
            nothing(t, view.neuron)
            or "The ∂L/∂y of this neuron add up to 0, and the direct path with them.",
        )
    rest = (
        "With ε = 1, or with twice the batch, the sum stays 0. "
        if not works["eps"] and not works["batch"]
        else ""
    )
    return Claim(
        f"With the mean held constant the bias gets ∂L/∂b = {number(total, signed=True)}.",
        rest + "Holding the variance as well, as frozen statistics do, leaves the sum as it is: Σ② "
        "is 0. So, in one sentence: batch norm takes away what all samples share, so their "
        "gradients add up to 0; the weights still learn, because each gradient is weighted by its "
        "own input before it is added.",
    )


# ---- Predictions that are numbers -------------------------------------------------------


def _total(column: str) -> Callable[[Trace, View], tuple[float, bool]]:
    def total(t: Trace, view: View) -> tuple[float, bool]:
        found = column_sums(t, view.neuron, view.input)[column]
        return found.value, found.vanishes

    return total


def _nearest(
    truth: str, values: Callable[[Trace, View], Mapping[str, float]]
) -> Callable[[Trace, View, float], str]:
    """The choice whose number is nearest; where two are, the one that is right as a rule."""

    def near(t: Trace, view: View, value: float) -> str:
        away = {key: abs(number - value) for key, number in values(t, view).items()}
        return min(away, key=lambda key: (away[key], key != truth))

    return near


def _added(name: str) -> Callable[[Trace, View], Array]:
    def column(t: Trace, view: View) -> Array:
        return columns(t, view).values[name]

    return column


def _second_terms(t: Trace, view: View) -> Array:
    """What each sample adds to the second term of ∂L/∂μ."""
    shares: Array = -t.dx_via_var[:, view.neuron]  # as x goes into x − μ, and −μ with it
    return shares


_CENTRE = Number(
    "Σx̂",
    _added("x_hat"),
    _total("x_hat"),
    _nearest(
        "zero",
        lambda t, view: {"zero": 0.0, "n": float(len(t.x_hat)), "x": _sums(t, view)["x"]},
    ),
)
_BACK = Number(
    f"Σ{_DX}",
    _added("dx"),
    _total("dx"),
    _nearest("zero", lambda t, view: {"zero": 0.0, "direct": _sums(t, view)["dx_hat"]}),
)
_SECOND = Number(
    "the second term",
    _second_terms,
    lambda t, view: (
        float(t.dmean_via_var[view.neuron]),
        bool(identities(t)["mean_via_var"].holds[view.neuron]),
    ),
    _nearest("zero", lambda t, view: {"zero": 0.0, "minus": -float(t.dmean_direct[view.neuron])}),
)
_LEARNS = Number(
    _DW,
    _added("dweight"),
    _total("dweight"),
    lambda t, view, value: "plus" if value > 0 else "minus" if value < 0 else "zero",
)
_KEPT = Number(
    _DW,
    _added("dweight"),
    _total("dweight"),
    _nearest(
        "same",
        lambda t, view: {
            "same": _total("dweight")(t, view)[0],
            "explodes": float(np.abs(_contributions(t, view)).max()),
        },
    ),
)
_NONE = Number(
    _DW,
    _added("dweight"),
    _total("dweight"),
    _nearest("zero", lambda t, view: {"zero": 0.0, "beta": _sums(t, view)["dy"]}),
)


# ---- The steps -------------------------------------------------------------------------


@cache
def deep() -> tuple[Run, float]:
    """The network that Network opens with, before its first step, and ∂L/∂x there: early to late.

    The step asks about it, and not about the numbers on the screen.
    """
    chosen = Settings()
    made = Run(chosen, *dataset(chosen.data, chosen.seed, chosen.width)).train(0)
    return made, training.typical(made, 0)[0]


def _deep(t: Trace, view: View) -> str:
    ratio = deep()[1]
    return "explodes" if ratio >= 10 else "vanishes" if ratio <= 0.1 else "stays"


def _not_so(t: Trace, view: View) -> str:
    made, ratio = deep()
    return f"Not so: at layer {made.near + 1} it is {training.times(ratio)} of what it was."


def _deep_story(t: Trace, view: View) -> Claim:
    told = training.flow(deep()[0], 0)
    return Claim(
        f"{told.claim}.",
        f"{told.why} The page Network trains it, and shows whether that lasts.",
    )


# How far the story has got: what a step asks for is only in the one after it.
_FORWARD = NOTHING.add(("a", "x", "x_hat"), ("x",))
_CENTRED = _FORWARD.add((), ("x_hat",))
_GRADIENT = _CENTRED.add(("dx",), ("dy", "dx_hat"), LANES)
_CANCELLED = _GRADIENT.add((), ("dx",), SUM)
_PATHS = Reach(_CANCELLED.terms.union(THREE), _CANCELLED.totals, frozenset((LANES, NORM)))
_OPENED = _PATHS.add((), THREE, SUM)
_PRODUCTS = _OPENED.add(("dweight",))
_WEIGHED = _PRODUCTS.add((), ("a", "dweight"), WEIGHT)
_ALL = _WEIGHED.add((), (), BIAS)

LEVER = 5  # the step, from 0, from which on the lever is shown once its question is answered

STEPS: tuple[Step, ...] = (
    Step(
        "The norm",
        "puzzle",
        "Batch norm takes the mean away from x and divides by √(σ²+ε): that is x̂. What do the six "
        "x̂ add up to?",
        {
            "n": Choice("6, one for each sample", _squares),
            "zero": Choice("0", "Not for these numbers."),
            "x": Choice("The same as the x", "The mean was taken away, and with it the sum."),
        },
        _x_hat_sum,
        _x_hat_story,
        "Let them say what x̂ is before anyone computes. Ask: where does 0 lie among the bars?",
        _FORWARD,
        _CENTRED,
        tab=0,
        number=_CENTRE,
    ),
    Step(
        "Add up the gradients",
        "puzzle",
        f"Each sample has its gradient {_DX}. What do the six of them add up to?",
        {
            "direct": Choice("Something, as the ∂L/∂x̂ do", _not_direct),
            "zero": Choice("0", "Not for these numbers."),
            "loss": Choice(
                "It depends on the loss",
                "The loss sets ∂L/∂y. Drag the ∂L/∂y bars: the sum does not care.",
            ),
        },
        _dx_sum,
        _dx_story,
        "Collect guesses by a show of hands first. Then drag one ∂L/∂y, and watch the sum.",
        _GRADIENT,
        _CANCELLED,
        tab=1,
        number=_BACK,
    ),
    Step(
        "So is the algebra wrong?",
        "puzzle",
        f"Σ{_DX} is 0. A student thinks that the derivation must be wrong. Is it?",
        {
            "wrong": Choice(
                "Yes: a gradient can’t cancel itself",
                "Each sample still has its own. Only their sum is 0, and the sum is the slope in "
                "one single direction: all x moving together.",
            ),
            "shift": Choice("No: moving all x together moves no y", "Not for these numbers."),
            "chance": Choice(
                "No, but it is chance: other numbers would do otherwise",
                "Drag what you like: it stays 0.",
            ),
        },
        _why_zero,
        _why_zero_story,
        "The question of the whole lesson. Let someone defend “yes”. Then ask what happens to y "
        "if everyone in the batch gains 1.",
        _CANCELLED,
        _CANCELLED,
    ),
    Step(
        "The second term of ∂L/∂μ",
        "puzzle",
        "∂L/∂μ has two terms: Σ ∂L/∂x̂ · (−1/√(σ²+ε)), and ∂L/∂σ² · Σ −2(x − μ)/N. What is the "
        "second one?",
        {
            "minus": Choice("Minus the first", _not_minus),
            "depends": Choice(
                "It depends on ∂L/∂σ²",
                "It is a product, and its other factor is 0: deviations from a mean add up to 0.",
            ),
            "zero": Choice("0, always", "Not for these numbers."),
        },
        _second_term,
        _second_term_story,
        "This is the question as students ask it: “shouldn’t the second term vanish?” Yes. The "
        "page Derive has it as a running sum.",
        _CANCELLED,
        _CANCELLED,
        number=_SECOND,
    ),
    Step(
        "Three paths",
        "puzzle",
        "① is the direct path, ② goes through σ², ③ through μ. Which of them add up to 0, each "
        "on its own?",
        {
            "all": Choice("All three", "Then nothing would need to cancel."),
            "second": Choice("Only ②: ① and ③ cancel each other", "Not for these numbers."),
            "none": Choice(
                "None: only the total does",
                "② does on its own: its shares go by deviation from the mean.",
            ),
        },
        _paths,
        _paths_story,
        "Point at ③: every bar is the same length. Why must it be minus the mean of ①?",
        _PATHS,
        _OPENED,
        tab=2,
    ),
    Step(
        "So nothing learns?",
        "puzzle",
        f"The weight gradient is Σ a · {_DX}, with a the input of the layer in front. Given that "
        f"Σ{_DX} = 0, what is it for the weight from input 1 (column a)?",
        {
            "zero": Choice(
                "0, since the gradients cancel",
                "They cancel when each counts the same. Here each is multiplied by its own a.",
            ),
            "plus": Choice("More than 0", _other_sign),
            "minus": Choice("Less than 0", _other_sign),
        },
        _sign,
        _sign_story,
        "Have three students each do two products by hand. The class adds them up.",
        _OPENED,
        _WEIGHED,
        premise=_first_input,
        number=_LEARNS,
    ),
    Step(
        "Outer products",
        "puzzle",
        f"Which sample adds most to this {_DW}, counted without its sign?",
        {str(i): Choice(f"Sample {i}", _not_largest) for i in range(1, 7)},
        _largest,
        _largest_story,
        "The steepest gradient need not win. On the page Weights the tables can be played one by "
        "one.",
        _OPENED,
        _WEIGHED,
        also=_as_large,
    ),
    Step(
        "Shift the inputs",
        "shifted",
        f"Now every input a is 10 larger. What happens to {_DW}?",
        {
            "larger": Choice(
                "It grows by ten times the gradient",
                f"Ten times the sum of {_DX}, and that sum is 0.",
            ),
            "same": Choice("Nothing", "Not for these numbers."),
            "explodes": Choice("It gets huge, as the contributions do", _not_huge),
        },
        _shift,
        _shift_story,
        "Look at the last column before the sum is shown: no one believes it stays.",
        _PRODUCTS,
        _WEIGHED,
        premise=_shifted_inputs,
        number=_KEPT,
    ),
    Step(
        "The dead bias",
        "dead",
        "Input 1 is the same for every sample, as for a bias. What is its gradient?",
        {
            "alive": Choice(
                "About as large as the others",
                "The others vary from sample to sample. This one can’t tell samples apart.",
            ),
            "zero": Choice("0", "Not for these numbers."),
            "beta": Choice(
                "Σ∂L/∂y, as for any bias",
                "That is ∂L/∂β, the bias behind the norm. In front of it, what is added up is "
                f"{_DX}.",
            ),
        },
        _dead,
        _dead_story,
        "Ask where the bias of a convolution in front of a batch norm has gone in the networks "
        "that they know: bias=False.",
        _PRODUCTS,
        _ALL,
        premise=_dead_input,
        number=_NONE,
    ),
    Step(
        "The answer",
        "puzzle",
        "What would give the bias in front of the norm a gradient again?",
        {
            "eps": Choice("A larger ε", "ε changes the size of the gradients. They still cancel."),
            "batch": Choice("A larger batch", "More samples, and still all of them add up to 0."),
            "frozen": Choice(
                "The mean held as a constant",
                "Not for these numbers: here even the direct path adds up to 0.",
            ),
        },
        _revive,
        _revive_story,
        "With this batch’s mean held constant, y is the same as in training, and the gradient is "
        "another; frozen statistics, as in evaluation, hold the variance as well. Let them say the "
        "answer in one sentence before it is shown.",
        _ALL,
        _ALL,
    ),
    Step(
        "And in a deep network?",
        "puzzle",
        "Thirty layers, each a linear layer, batch norm and a ReLU, before the first step of "
        f"training. {_DX} goes back from layer 30 to layer 2. What becomes of its size?",
        {
            "vanishes": Choice("It vanishes: each norm takes some", _not_so),
            "stays": Choice("It stays about the same", _not_so),
            "explodes": Choice("It explodes: more than ten times as large", _not_so),
        },
        _deep,
        _deep_story,
        "Nearly everyone says that batch norm keeps gradients in check. Then open Network, and "
        "press Play.",
        _ALL,
        _ALL,
    ),
)


def scenario_of(step: Step) -> Scenario:
    """The numbers that a step is about."""
    return PRESETS[step.preset].scenario


def reply(step: Step, t: Trace, view: View, chosen: str) -> tuple[bool, str]:
    """Was it right, for these numbers, and what is said to it."""
    if chosen == step.truth(t, view) or chosen in step.also(t, view):
        return True, "So it is."
    return False, step.choices[chosen].said(t, view)


def placed(step: Step, t: Trace, view: View, value: float) -> str:
    """Where a bar was put, and where it ends in truth."""
    assert step.number is not None
    truth, zero = step.number.total(t, view)
    put = number(value, signed=True)
    return f"You put it at {put}. It ends at {_is(truth, zero)}."


def fits(step: Step, t: Trace, view: View) -> bool:
    """Can the question be asked of these numbers? As many, and what it says of them is true."""
    s, own = t.scenario, scenario_of(step)
    return s.shape == own.shape and s.d == own.d and step.premise(t, view)


def read_predictions(text: str) -> dict[int, str]:
    """The choices that were made, by step from 0; "-" stands for none yet."""
    made = {}
    for i, (step, letter) in enumerate(zip(STEPS, text, strict=False)):
        place = ord(letter) - ord("a")
        if 0 <= place < len(step.choices):
            made[i] = list(step.choices)[place]
    return made


def write_predictions(made: Mapping[int, str]) -> str:
    """The same as a short text, for the URL."""
    letters = [
        chr(ord("a") + list(step.choices).index(made[i])) if i in made else "-"
        for i, step in enumerate(STEPS)
    ]
    return "".join(letters).rstrip("-")


def read_guesses(text: str) -> dict[int, float]:
    """The numbers that were predicted, by step from 0."""
    made = {}
    for i, (step, part) in enumerate(zip(STEPS, text.split("~"), strict=False)):
        try:
            value = float(part)
        except ValueError:
            continue
        if step.number is not None and abs(value) < 1e12:
            made[i] = value
    return made


def write_guesses(made: Mapping[int, float]) -> str:
    """The same as a short text, for the URL."""
    parts = [f"{made[i]:.6g}" if i in made else "" for i in range(len(STEPS))]
    return "~".join(parts).rstrip("~")
