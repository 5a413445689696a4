"""The lesson: each step's story and the reply to each of its choices, on numbers of its size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from mpmath import mp

from bnviz.claims.lesson import STEPS, deep, fits, placed, reply
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from tests.harness.exact import Exact, largest, read, shows
from tests.harness.explore import H, no_weight, sum_dx, sum_dy_slack, sum_g, zero
from tests.harness.network import Facts, near
from tests.harness.rules import RULES, always, judge, rule

Text = tuple[str, str, Exact]


def texts(s: Scenario, neuron: int, input: int) -> Iterator[Text]:
    s = s.training()
    t, view, e = run(s), View(neuron, input), Exact(s, neuron, input)
    if e.overflows or not s.d:
        return
    for i, step in enumerate(STEPS):
        if not fits(step, t, view):
            continue
        told = step.shown(t, view)
        yield f"lesson {i + 1}", f"{told.claim} {told.why}", e
        if step.number:
            yield f"placed {i + 1}", placed(step, t, view, 0.5), e
        for key in step.choices:
            right, said = reply(step, t, view, key)
            yield f"reply {i + 1}", said, e
            if right:
                yield f"right {i + 1}", key, e


for _i in range(len(STEPS)):
    always(f"reply {_i + 1}", "So it is.")  # which is judged by its key, under “right”


def zero_or(e: Exact, text: str, value: object, bound: object) -> bool:
    """0 with what rounding left of it, or the number."""
    return zero(value, bound) if text.startswith("0") else shows(text.rstrip("."), value, bound)


def sum_x_hat(e: Exact) -> tuple[object, object]:
    return mp.fsum(e.x_hat), e.u * mp.fsum(map(abs, e.x_hat)) + 1e-300


def sum_x_hat_upstream(e: Exact) -> tuple[object, object]:
    return mp.fsum(e.g), e.u * mp.fsum(map(abs, e.g)) + 1e-300


def _weight(e: Exact) -> tuple[object, object]:
    return e.weight, e.weight_bound


for _i, _of in {
    1: sum_x_hat,
    2: lambda e: (sum_dx(e), e.bound),
    4: lambda e: (e.dvar * mp.fsum(e.away), e.bound),
    6: _weight,
    8: _weight,
    9: _weight,
}.items():
    rule(f"placed {_i}", "You put it at +0.50. It ends at @")(
        lambda e, v, of=_of: zero_or(e, v, *of(e))
    )

rule("right 1", "zero")(lambda e: zero(*sum_x_hat(e)))
rule("right 2", "zero")(lambda e: zero(sum_dx(e), e.bound))
rule("right 3", "shift")(lambda e: abs(mp.fsum(e.away)) <= 1e-30 * (largest(e.away) or 1))
rule("right 4", "zero")(lambda e: zero(e.dvar * mp.fsum(e.away), e.bound))
rule("right 5", "second")(lambda e: zero(mp.fsum(e.via_var), e.bound) and sum_g(e) != 0)
rule("right 5", "all")(lambda e: zero(mp.fsum(e.via_var), e.bound) and zero(sum_g(e), e.bound))
rule("right 6", "plus")(lambda e: e.weight > 0)
rule("right 6", "minus")(lambda e: e.weight < 0)
rule("right 6", "zero")(no_weight)
for _k in range(1, 7):
    rule("right 7", str(_k))(
        lambda e, k=_k: abs(e.products[k - 1]) >= largest(e.products) - 3 * e.weight_bound
    )
rule("right 8", "same")(lambda e: True)  # Σ∂L/∂x = 0, as “right 2” has it
rule("right 9", "zero")(lambda e: no_weight(e) and len(set(e.a)) == 1)
rule("right 10", "frozen")(lambda e: sum_g(e) != 0 and zero(sum_dx(e), e.bound))


@cache
def _early() -> float:
    """Of the network that is asked about, from its passes: ∂L/∂x at layer 2 over layer 30."""
    return Facts(deep()[0], 0).over(0)


rule("right 11", "explodes")(lambda e: _early() >= 10)
rule("right 11", "stays")(lambda e: 0.1 < _early() < 10)
rule("right 11", "vanishes")(lambda e: _early() <= 0.1)
rule("reply 11", "Not so: at layer # it is ×# of what it was.")(
    lambda e, layer, times: layer == "2" and near(times, _early())
)


@rule("lesson 11", "The gradient @ The page Network trains it, and shows whether that lasts.")
def _deep(e: Exact, said: str) -> object:
    return _told(said)


@cache
def _told(said: str) -> bool:
    return not judge("network", f"The gradient {said.replace('2. Before', '2 Before')}",
                     Facts(deep()[0], 0))  # fmt: skip


rule("lesson 1", "Σx̂ = @. ")(lambda e, v: zero_or(e, v, *sum_x_hat(e)))
always(
    "lesson 1",
    "The mean is taken away first, so what is left lies around 0. Remember it: a column that adds "
    "up to 0 is about to do all the work.",
)
rule("reply 1", "That is nearly Σx̂², #: it is the squares that add up to N.")(
    lambda e, v: shows(v, mp.fsum(h * h for h in e.x_hat), 1e-11) and abs(read(v) - e.n) < 0.07
)
rule("reply 1", "Not even the squares do here: Σx̂² = #.")(
    lambda e, v: shows(v, mp.fsum(h * h for h in e.x_hat), 1e-11)
)
always("reply 1", "The mean was taken away, and with it the sum.")

rule("lesson 2", "Σ∂L/∂x = @. ")(lambda e, v: zero_or(e, v, sum_dx(e), e.bound))
rule(
    "lesson 2",
    "Here the ∂L/∂x̂ add up to 0 already. Where they do not, the way back through the norm takes "
    "their sum away, for every loss and every upstream.",
)(lambda e: zero(*sum_x_hat_upstream(e)))
rule(
    "lesson 2",
    "The ∂L/∂x̂ add up to #. The way back through the norm takes that away, for every loss and "
    "every upstream.",
)(lambda e, v: shows(v, *sum_x_hat_upstream(e)))
rule(
    "reply 2",
    "Here the ∂L/∂x̂ add up to 0 too. Drag one ∂L/∂y: their sum moves, this one stays.",
)(lambda e: zero(sum_g(e), e.bound))
always(
    "reply 2",
    "So it would be if mean and variance were constants. They are made from x, so they move with "
    "it, and two more paths lead back.",
    "The loss sets ∂L/∂y. Drag the ∂L/∂y bars: the sum does not care.",
)


@rule("lesson 3", "Add # to every x, and y changes by #: nothing.")
def _nothing(e: Exact, step: str, change: str) -> object:
    return read(change) == 0


rule("lesson 3", "Add # to every x, and y changes by #: nothing but rounding.")(
    lambda e, step, change: read(change) <= mp.mpf("1e-6") * abs(e.gamma)
)
rule("lesson 3", "Add # to every x, and y changes by #: these digits can’t tell it from nothing.")(
    # Where y is small beside β, or x far from 0 beside its spread.
    lambda e, step, change: (
        e.gamma == 0
        or 100 * e.u * e.n * (largest(e.x) + read(step) + 1) * e.inv > mp.mpf("1e-7")
        or 100 * e.u * e.n * abs(e.beta) > mp.mpf("1e-7") * abs(e.gamma)
    )
)
always(
    "lesson 3",
    "The norm takes the mean away, so moving all x together moves no y and no loss. The slope in "
    "that direction is 0, and that slope is Σ∂L/∂x. The sum must be 0.",
)
always(
    "reply 3",
    "Each sample still has its own. Only their sum is 0, and the sum is the slope in one single "
    "direction: all x moving together.",
    "Drag what you like: it stays 0.",
)

rule("lesson 4", "The second term is @. ")(
    lambda e, v: zero_or(e, v, e.dvar * mp.fsum(e.away), e.bound)
)


@rule(
    "lesson 4",
    "It is ∂L/∂σ² = # times −2·Σ(x − μ)/N, and the deviations from a mean add up to 0, whatever "
    "the numbers. The first term is 0 here too.",
)
def _too(e: Exact, v: str) -> object:
    slack = e.inv * e.bound * max(1, largest(e.x_hat))
    return shows(v, e.dvar, slack) and zero(sum_g(e), e.bound)


@rule(
    "lesson 4",
    "It is ∂L/∂σ² = # times −2·Σ(x − μ)/N, and the deviations from a mean add up to 0, whatever "
    "the numbers. The first term is #: it stays.",
)
def _stays(e: Exact, v: str, first: str) -> object:
    slack = e.inv * e.bound * max(1, largest(e.x_hat))
    return shows(v, e.dvar, slack) and shows(first, e.dmean, e.bound)


rule(
    "reply 4",
    "Here that is no other answer, since the first is 0 too. It is 0 for any numbers.",
)(lambda e: zero(sum_g(e), e.bound))
always(
    "reply 4",
    "Then ∂L/∂μ would be 0, and nothing would be left to cancel ①.",
    "It is a product, and its other factor is 0: deviations from a mean add up to 0.",
)

rule("lesson 5", "Σ① = @, Σ② = @, Σ③ = @. ② is")(
    lambda e, one, two, three: (
        zero_or(e, one, sum_g(e), e.bound)
        and zero_or(e, two, mp.fsum(e.via_var), e.bound)
        and zero_or(e, three, mp.fsum(e.via_mean), e.bound)
    )
)
always(
    "lesson 5",
    "shared out by deviation from the mean, and deviations add up to 0. ③ hands every sample the "
    "same share of minus the whole of ①.",
)
always(
    "reply 5",
    "Then nothing would need to cancel.",
    "② does on its own: its shares go by deviation from the mean.",
)
rule("reply 5", "Not for these numbers.")(lambda e: zero(sum_g(e), e.bound))

rule("lesson 6", "∂L/∂W = @, and Σ∂L/∂x = @. ")(
    lambda e, weight, total: (
        zero_or(e, weight, e.weight, e.weight_bound) and zero_or(e, total, sum_dx(e), e.bound)
    )
)
rule(
    "lesson 6",
    "Before it reaches the weight, each sample’s gradient is multiplied by that sample’s own input "
    "a. Numbers that cancel need no longer cancel once each is multiplied by a number of its own.",
)(lambda e: e.weight != 0)
rule("reply 6", "They cancel when each counts the same. Here each is multiplied by its own a.")(
    lambda e: e.weight != 0
)
rule("reply 6", "Multiply a and ∂L/∂x row by row: the sign is another.")(lambda e: e.weight != 0)
rule("reply 6", "Multiply a and ∂L/∂x row by row: the sum is another.")(
    lambda e: zero(e.weight, e.weight_bound)
)

rule("lesson 7", "Sample # adds most: #.")(
    lambda e, i, v: (
        shows(v, e.products[int(i) - 1], e.weight_bound)
        and abs(e.products[int(i) - 1]) >= largest(e.products) - 3 * e.weight_bound
    )
)
rule("lesson 7", "Samples @ and # add most: # each, without the sign.")(
    lambda e, listed, last, v: shows(v, largest(e.products), 3 * e.weight_bound)
)
rule("lesson 7", "Its gradient is # and its input #: what counts is the product.")(
    lambda e, dx, a: any(shows(dx, v, e.bound) for v in e.dx) and any(shows(a, v) for v in e.a)
)
rule("lesson 7", "Sample # has the larger gradient, #, and adds #.")(
    lambda e, i, dx, v: (
        shows(dx, e.dx[int(i) - 1], e.bound)
        and shows(v, e.products[int(i) - 1], e.weight_bound)
        and abs(e.dx[int(i) - 1]) >= largest(e.dx) - 2 * e.bound
    )
)
always(
    "lesson 7",
    "Over all inputs and neurons each sample adds a whole table, aᵢ ⊗ ∂L/∂xᵢ.",
    "What counts is the product of input and gradient.",
)
rule("lesson 7", "No sample adds anything.")(
    lambda e: e.no_gradient or largest(e.products) <= 2 * e.weight_bound
)
rule("lesson 7", "What each sample adds can’t be told from 0.")(
    lambda e: largest(e.products) <= 2 * e.weight_bound
)
rule(
    "reply 7", "No sample adds anything here.", "Here no sample adds more than rounding explains."
)(lambda e: largest(e.products) <= 2 * e.weight_bound)
always("reply 7", "Multiply its input by its gradient: another sample’s product is larger.")


def _moved(e: Exact) -> list[object]:
    return [(a - 10) * d for a, d in zip(e.a, e.dx, strict=True)]


rule("lesson 8", "∂L/∂W is #, and with 10 taken from every a #.")(
    lambda e, here, there: (
        shows(here, e.weight, e.weight_bound) and shows(there, mp.fsum(_moved(e)), e.weight_bound)
    )
)
rule(
    "lesson 8",
    "The largest contribution is # here and # there. But a constant in a is multiplied with Σ∂L/∂x "
    "= 0. ∂L/∂W only sees how a varies: it is a covariance.",
)(
    lambda e, here, there: (
        shows(here, largest(e.products), e.weight_bound)
        and shows(there, largest(_moved(e)), e.weight_bound)
    )
)
always(
    "reply 8",
    "Ten times the sum of ∂L/∂x, and that sum is 0.",
    "Their sum does not, however large they are.",
)
rule("reply 8", "Most contributions do. Their sum does not.")(
    lambda e: 2 * sum(abs(v) > largest(_moved(e)) * 0.999 for v in e.products) > e.n
)

rule("lesson 9", "Its ∂L/∂W is @. An")(lambda e, v: zero_or(e, v, e.weight, e.weight_bound))
rule(
    "lesson 9",
    "input that is always the same weights all gradients alike, so it adds up Σ∂L/∂x. A bias is "
    "such an input: in front of a batch norm it gets no gradient, and β behind it does the job.",
)(lambda e: len(set(e.a)) == 1)
always(
    "reply 9",
    "The others vary from sample to sample. This one can’t tell samples apart.",
    "That is ∂L/∂β, the bias behind the norm. In front of it, what is added up is ∂L/∂x.",
)

rule("lesson 10", "With the mean held constant the bias gets ∂L/∂b = #.")(
    lambda e, v: shows(v, sum_g(e) + mp.fsum(e.via_var), e.bound)
)
rule("lesson 10", "Even with the mean held constant ∂L/∂b is @ here.")(
    lambda e, v: zero_or(e, v, sum_g(e) + mp.fsum(e.via_var), 4 * e.bound)
)
always(
    "lesson 10",
    "With ε = 1, or with twice the batch, the sum stays 0.",
    "So, in one sentence: batch norm takes away what all samples share, so their gradients add up "
    "to 0; the weights still learn, because each gradient is weighted by its own input before it "
    "is added.",
)
rule(
    "lesson 10",
    "Holding the variance as well, as frozen statistics do, leaves the sum as it is: Σ② is 0.",
)(lambda e: zero(mp.fsum(e.via_var), e.bound))
rule("lesson 10", "The ∂L/∂y of this neuron add up to 0, and the direct path with them.")(
    lambda e: zero(mp.fsum(e.dy), 4 * sum_dy_slack(e))
)
always(
    "reply 10",
    "ε changes the size of the gradients. They still cancel.",
    "More samples, and still all of them add up to 0.",
)
rule("reply 10", "Not for these numbers: here even the direct path adds up to 0.")(
    lambda e: zero(sum_g(e), 4 * e.bound)
)
# The reasons for a 0 are those of the headline.
for _rule in list(RULES[H]):
    for _place in ("lesson 6", "lesson 7", "lesson 10"):
        rule(_place, _rule.template)(_rule.holds)
