"""Derive: what each step says of the numbers, and its check."""

from __future__ import annotations

from collections.abc import Iterator

from mpmath import mp

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw.derive import WIDTHS
from bnviz.draw.derive_numbers import Numbers
from bnviz.draw.derive_steps import steps
from bnviz.study.derivation import MOVES
from tests.harness.check import finite
from tests.harness.exact import SMALL, Exact, Real, largest, read, shows
from tests.harness.explore import no_weight, sum_dx, sum_g, zero
from tests.harness.rules import always, rule

Text = tuple[str, str, Exact]
D = "derive"


def texts(s: Scenario, neuron: int, input: int) -> Iterator[Text]:
    s = s.training()
    e = Exact(s, neuron, input)
    yield "derive graph", WIDTHS, e
    if e.overflows:
        return
    for step in steps(Numbers(run(s), View(neuron, input), 0)):
        yield D, f"{step['heading']} {step['text']}", e
        if step["river"]:
            said = step["river"]["said"]["bias"]
            yield "derive river", f"{said['claim']}; {said['why']}", e
            yield "derive river", step["river"]["alt"], e
        if step["check"]:
            yield "derive verdict", "✓" if step["check"]["holds"] else "✗", e


always("derive graph", WIDTHS)
rule("derive verdict", "✓")(lambda e: True)
rule("derive verdict", "✗")(lambda e: False)  # the code is right: nothing may show red

always(
    D,
    "∂L/∂y is given: the layers above computed it.",
    "It says how the loss changes with each output of the norm. All that follows is the chain "
    "rule, walked backwards: at each edge multiply by the local derivative, and where paths meet, "
    "add.",
    "∂L/∂β adds the upstream gradient over the batch.",
    "β is added to every yᵢ, with local derivative 1.",
    "∂L/∂γ adds the upstream gradient, weighted by x̂.",
    "γ multiplies every x̂ᵢ, so its local derivative at sample i is x̂ᵢ.",
    "∂L/∂x̂ is the upstream gradient, times γ.",
    "yᵢ = γ x̂ᵢ + β: the only path from x̂ᵢ to the loss goes through its own yᵢ. γ is one number "
    "for the neuron and is spread over all rows.",
    "The last factor is the derivative of 1/√(σ²+ε).",
    "∂L/∂μ has two pieces. The direct one goes through x − μ.",
    "μ is taken from every xᵢ, so its local derivative in x̂ᵢ is −1/√(σ²+ε), the same for every "
    "sample. Here the variance is held fixed.",
    "μ also enters the variance, with local derivative Σ −2(xᵢ−μ)/N.",
    "If mean and variance were constants, this would be the whole gradient. They are not: xᵢ moves "
    "them too.",
    "∂L/∂σ² is one number for the neuron. Each sample takes a share in proportion to its own "
    "deviation, and",
    "Where paths meet, gradients add.",
)


@rule(
    D,
    "So # paths lead @, one for each sample: add them.",
    "Again # paths lead @, one for each sample: add them.",
)
def _paths(e: Exact, n: str, way: str) -> object:
    return int(n) == e.n > 1


rule(
    D,
    "So one path leads @, that of the only sample.",
    "Again one path leads @, that of the only sample.",
)(lambda e, way: e.n == 1)
rule(D, "∂L/∂σ² is one number: every sample feels the variance.")(lambda e: e.n > 1)
rule(D, "∂L/∂σ² is one number: the only sample feels the variance.")(lambda e: e.n == 1)
rule(D, "All # samples are divided by the same √(σ²+ε).")(lambda e, n: int(n) == e.n > 1)
rule(D, "The only sample is divided by √(σ²+ε).")(lambda e: e.n == 1)


def flat(e: Exact) -> bool:
    """Is no x̂ that float64 holds other than 0?"""
    return e.flat or largest(e.x_hat) <= SMALL


rule(D, "The second piece is 0: no x differs from the mean.")(flat)
rule(D, "The second piece is 0: what lies above the mean and below it cancels.")(
    lambda e: not e.flat and zero(e.dvar * mp.fsum(e.away), e.bound)
)
rule(D, "Here each deviation is 0 by itself. For other numbers they add up to 0.")(flat)
rule(D, "The deviations from a mean add up to 0: follow the running sum.")(
    lambda e: not e.flat and abs(mp.fsum(e.away)) <= 1e-30 * largest(e.away)
)
rule(D, "The sum vanishes; the samples' shares of it don't.")(lambda e: not e.flat and e.dvar != 0)
rule(D, "The sum vanishes; and so does each sample's share, as far as digits tell.")(
    lambda e: largest(e.via_var) <= 2 * e.bound
)
rule(D, "Why keep a zero? It keeps the sum at 0 even where the mean is off.")(
    lambda e: abs(_off_centre(e)[1]) > _off_centre(e)[2] / 8 or not finite(e)
)
rule(
    D,
    "Why keep a zero? These numbers are out of the experiment's reach. 1/√(σ²+ε)³ is larger or "
    "smaller than numbers can be.",
)(lambda e: not finite(e))
always(D, "Why keep a zero? For these numbers it would not matter.")


@rule(D, "An experiment: put the centre wrong by # (0.3 · @).")
def _wrong(e: Exact, shift: str, unit: str) -> object:
    if unit.startswith("1, since"):
        return e.undefined and shows(shift, mp.mpf("0.3"))
    size = 1 / e.inv
    told = unit == "√(σ²+ε)" or (flat(e) and unit == "√ε, since σ² is 0")
    return told and shows(shift, mp.mpf("0.3") * size, 1e-12 * size)


def _off_centre(e: Exact) -> tuple[Real, Real, Real]:
    """Σ∂L/∂x about a wrong centre: with the second piece, without it, and what rounding allows."""
    shift = mp.mpf("0.3") * (1 / e.inv if e.inv else 1)
    away = [v - shift for v in e.away]
    inv = 1 / mp.sqrt(mp.fsum(v * v for v in away) / e.n + e.eps)
    dvar = mp.fsum(g * v for g, v in zip(e.g, away, strict=True)) * -(inv**3) / 2
    without = 2 * dvar * mp.fsum(away) / e.n
    size = inv * mp.fsum(map(abs, e.g)) + abs(dvar) * mp.fsum(map(abs, away))
    return mp.mpf(0), without, 4 * e.u * size + SMALL


@rule(
    D,
    "With the second piece, Σ∂L/∂x is still 0. Without it, it is #. Both columns differ from the "
    "right gradient: the centre does.",
)
def _kept(e: Exact, dropped: str) -> object:
    _, without, slack = _off_centre(e)
    return shows(dropped, without, slack) or not finite(e)


@rule(D, "With the second piece Σ∂L/∂x is #, without it #.")
def _neither(e: Exact, kept: str, dropped: str) -> object:
    _, without, slack = _off_centre(e)
    # Of x whose cube is no float64 the experiment is not made in units of its own.
    told = shows(kept, mp.mpf(0), slack) and shows(dropped, without, slack)
    return told or not finite(e)


_LEAKS = "# leaks; the Σ lane does not run dry"
_DRY = "0 is left; the Σ lane runs dry all the same"


@rule("derive river", _LEAKS, f"The river about a wrong centre: {_LEAKS}.")
def _leaks(e: Exact, left: str) -> object:
    _, without, slack = _off_centre(e)
    return (shows(left, without, slack) and read(left) != 0) or not finite(e)


@rule("derive river", _DRY, f"The river about a wrong centre: {_DRY}.")
def _dry(e: Exact) -> object:
    _, without, slack = _off_centre(e)
    return abs(without) <= 2 * slack or not finite(e)


rule(D, "Path ①: from x̂ᵢ straight to xᵢ. It adds up to #.")(
    lambda e, v: shows(v, sum_g(e), e.bound)
)
rule(D, "Path ②: through the variance. It adds up to #.")(
    lambda e, v: shows(v, mp.fsum(e.via_var), e.bound)
)
rule(D, "no x differs from the mean.")(flat)
rule(D, "the deviations add up to 0.")(lambda e: True)
rule(D, "Path ③: through the mean. It adds up to #.")(
    lambda e, v: shows(v, mp.fsum(e.via_mean), e.bound)
)
rule(D, "Path ③: through the mean. It adds up to #, and cancels ①.")(
    lambda e, v: (
        shows(v, mp.fsum(e.via_mean), e.bound)
        and zero(sum_g(e) + mp.fsum(e.via_mean), e.bound)
        and abs(sum_g(e)) > e.bound / 2
    )
)
rule(
    D,
    "∂L/∂μ is one number, and each of the # samples moves the mean by 1/N. So each gets the same "
    "share, and the shares add up to ∂L/∂μ again.",
)(lambda e, n: int(n) == e.n > 1)
rule(D, "The only sample is the mean: it gets all of ∂L/∂μ.")(lambda e: e.n == 1)
rule(D, "The three paths meet at xᵢ. Over the batch they add up to #.")(
    lambda e, v: shows(v, sum_dx(e), e.bound)
)
rule(
    D,
    "Σ② is 0 by itself, Σ① and Σ③ cancel. So the sum over the batch is 0, whatever the upstream "
    "gradient is: move all samples together, and the norm takes the move away again.",
)(
    lambda e: (
        zero(mp.fsum(e.via_var), e.bound)
        and zero(sum_g(e) + mp.fsum(e.via_mean), e.bound)
        and zero(sum_dx(e), e.bound)
    )
)
rule(D, "No single sample’s gradient has to be 0.")(
    lambda e: e.n > 2 or (e.n == 2 and e.eps > 0 and not e.flat)
)
rule(D, "Two samples have no direction left at ε = 0, so each gradient is 0.")(
    lambda e: e.n == 2 and e.eps == 0 and e.no_gradient
)
rule(D, "A batch of one is its own sum: its gradient is 0.")(lambda e: e.n == 1 and e.no_gradient)
rule(D, "And yet ∂L/∂W is #: the weights learn.")(
    lambda e, v: shows(v, e.weight, e.weight_bound) and e.weight != 0
)
rule(
    D,
    "W meets sample i through its own input: the local derivative is aᵢ, that sample’s own. The "
    "same gradients that add up to 0, weighted by it, don’t cancel. With all aᵢ equal they would, "
    "and that is the bias.",
)(lambda e: e.weight != 0 and len(set(e.a)) > 1)
rule(D, "For these numbers this ∂L/∂W is 0 as well.")(no_weight)
rule(
    D,
    "∂L/∂W for input #, neuron # weights each gradient by its own a, and here the weighted sum "
    "vanishes too.",
)(lambda e, p, j: int(p) == e.p + 1 and no_weight(e))
rule(D, "What ∂L/∂W is can’t be told from 0 in these digits.")(
    lambda e: zero(e.weight, e.weight_bound)
)
rule(D, "Rounding alone explains #: too few digits are left of a, or of the gradients.")(
    lambda e, bound: abs(e.weight) <= read(bound) * mp.mpf("1.06") + SMALL
)
for _i, _move in enumerate(MOVES):
    always(D, f"To one line, move {_i + 1}: {_move.title}. {_move.why}")


always(D, "Centres do get wrong: in few digits, or when the mean comes from elsewhere.")


@rule(
    D,
    "Centres do get wrong: taken in float16 this mean is off by #, in float32 by #; or it comes "
    "from elsewhere.",
)
def _centres(e: Exact, half: str, single: str) -> object:
    size = 2 * e.n * largest(e.x)
    allowed = [size * mp.mpf(2) ** -p + mp.mpf(2) ** -t for p, t in ((10, 24), (23, 149))]
    return all(0 < read(v) <= most for v, most in zip((half, single), allowed, strict=True))
