"""Weights: outer products, where it vanishes, scale, growth and geometry."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from mpmath import mp

from bnviz.claims import weights as claims
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.study.invariance import as_computed, scaled
from bnviz.study.weight_gradient import VANISHING
from bnviz.words.claim import Claim
from tests.harness.exact import SMALL, Exact, largest, read, reals, shows
from tests.harness.explore import no_weight, sum_dx, zero
from tests.harness.rules import always, rule

Text = tuple[str, str] | tuple[str, str, Exact]


def _all(place: str, claim: Claim, e: Exact | None = None) -> Iterator[Text]:
    for text in (f"{claim.claim} {claim.why} {claim.check}", "✓" if claim.holds else "✗"):
        where = f"weights {'verdict' if text in '✓✗' else place}"
        yield (where, text) if e is None else (where, text, e)


def texts(s: Scenario, neuron: int, input: int) -> Iterator[Text]:
    s = s.training()
    if not s.d:
        return
    e = Exact(s, neuron, input)
    yield from _all("outer", claims.outer(run(s), neuron, input), e)
    for case in VANISHING:
        made = case.make(s, neuron, input)
        p = min(input, made.d - 1)
        told = claims.vanishing(case, s, neuron, input)
        yield from _all("vanishing", told, Exact(made, neuron, p))
    yield from _all("geometry", claims.geometry(run(s), neuron), e)
    if input:
        return  # what follows is of a neuron and all its inputs
    computed = as_computed(s)
    for power in (-3.0, 0.0, 3.0):
        own = Exact(scaled(computed, 10.0**power), neuron, 0)
        yield from _all("scale", claims.scale(computed, neuron, power), own)
    yield from _all("growth", claims.growth(computed, neuron), Exact(computed, neuron, 0))


rule("weights verdict", "✓")(lambda e: True)
rule("weights verdict", "✗")(lambda e: False)  # the code is right: nothing may show red

# ---- Outer products --------------------------------------------------------------------

U = "weights outer"


def _marks(e: Exact, factor: float) -> int:
    """How many samples add something to some weight."""
    rows = [Exact(e.s, j, e.p) for j in range(e.s.shape[1])]
    a = e.s.a
    assert a is not None
    return sum(
        any(abs(r.dx[i]) > factor * r.bound for r in rows) and bool(a[i].any()) for i in range(e.n)
    )


rule(U, "Each sample leaves its mark on the weights. Added up, they leave none on the bias.")(
    lambda e: _marks(e, 0.4) == e.n and zero(sum_dx(e), e.bound) and e.weight != 0
)
rule(U, "# of # samples leave their mark on the weights. Added up, they leave none on the bias.")(
    lambda e, m, n: _marks(e, 2) <= read(m) <= _marks(e, 0.4) and read(n) == e.n and e.weight != 0
)
rule(U, "Here the bias gets nothing, and ∂L/∂W for input #, neuron # can’t be told from 0.")(
    lambda e, p, j: zero(e.weight, e.weight_bound)
)
rule(U, "Here the bias gets nothing, and ∂L/∂W for input #, neuron # is 0 as well.")(
    lambda e, p, j: no_weight(e)
)
always(
    U,
    "A gradient reaches W by way of the input that W was multiplied with: sample i adds the "
    "matrix aᵢ ⊗ ∂L/∂xᵢ, each entry of the one times each of the other. Replace every input by 1, "
    "and what is added is ∂L/∂x itself.",
    "A bound is what rounding alone can leave of a sum that is 0.",
)


@rule(U, "∂L/∂W for input #, neuron #: #. ∂L/∂b: #, bound #.")
def _both(e: Exact, p: str, j: str, weight: str, bias: str, bound: str) -> object:
    return (
        (int(p), int(j)) == (e.p + 1, e.j + 1)
        and shows(weight, e.weight, e.weight_bound)
        and shows(bias, sum_dx(e), e.bound)
        and shows(bound, e.bound, 0.05 * e.bound)
    )


# ---- Where it vanishes -----------------------------------------------------------------

N = "weights vanishing"


def _reason(case: int) -> str:
    return f"{VANISHING[case].title} {VANISHING[case].reason}"


rule(N, _reason(0))(lambda e: len(set(e.a)) == 1 and zero(e.weight, 1e-30 * e.weight_bound))
rule(N, _reason(1))(lambda e: len(set(e.a)) == 1 and zero(e.weight, 1e-30 * e.weight_bound))
rule(N, _reason(2))(lambda e: e.eps == 0 and e.s.d == 1 and zero(e.weight, e.weight_bound))
rule(N, _reason(3))(lambda e: e.eps == 0 and e.n <= 2 and e.no_gradient)
rule(N, _reason(4))(lambda e: len(set(e.dy)) == 1 and e.no_gradient)


@rule(N, _reason(5))
def _uncorrelated(e: Exact) -> object:
    """What is left of ∂L/∂y has no part along a − mean a, and neither has ∂L/∂x."""
    mean = mp.fsum(e.a) / e.n
    along = mp.fsum((v - mean) * d for v, d in zip(e.a, e.dy, strict=True))
    size = e.u * largest(e.a) * mp.fsum(map(abs, e.dy))
    return abs(along) <= 4 * size + SMALL and zero(e.weight, e.weight_bound)


rule(N, "Largest of this input’s row: #, bound #.", "Largest of this neuron’s column: #, bound #.")(
    lambda e, value, bound: abs(read(value)) <= read(bound) * mp.mpf("1.06") + SMALL
)

# ---- Scale -----------------------------------------------------------------------------

S = "weights scale"


class Layer:
    """w, ∂L/∂w and what they have in common; slack: what rounding may do to that."""

    def __init__(self, e: Exact) -> None:
        s = e.s
        assert s.weight is not None
        assert s.bias is not None
        rows = [Exact(s, e.j, p) for p in range(s.d)]
        self.w = [mp.mpf(float(v)) for v in s.weight[:, e.j]]
        self.dw = [r.weight for r in rows]
        self.inner = mp.fsum(w * d for w, d in zip(self.w, self.dw, strict=True))
        self.length, self.gradient = (mp.sqrt(mp.fsum(v * v for v in x)) for x in (self.w, self.dw))
        self.noise = mp.sqrt(mp.fsum(r.weight_bound**2 for r in rows))
        size = mp.fsum(largest(r.a) * abs(w) for r, w in zip(rows, self.w, strict=True))
        along = mp.fsum(abs(g * h) for g, h in zip(e.g, e.x_hat, strict=True))
        self.slack = 2 * e.u * ((size + abs(float(s.bias[e.j]))) * e.scale + along) + SMALL
        ruled = e.eps * e.inv**2
        self.formula = ruled * mp.fsum(g * h for g, h in zip(e.g, e.x_hat, strict=True))
        # The largest x̂, with twice the w, by how much larger?
        self.still = 2 / mp.sqrt(4 - 3 * ruled) - 1

    def cosine(self, sign: int) -> Any:
        """|cos| at least (−1) or at most (1), for what rounding may have done to it."""
        product = self.length * self.gradient
        if not product:
            return mp.mpf(0)
        return (abs(self.inner) + sign * self.slack) / product


rule(S, "The gradient is perpendicular to the weights: their length hardly matters.")(
    lambda e: Layer(e).cosine(-1) < 1.1e-3 and Layer(e).still < 0.011
)
rule(S, "The gradient is nearly perpendicular to the weights.")(
    lambda e: Layer(e).cosine(-1) < 0.11
)
rule(
    S,
    "Make w twice as long, and the norm divides by twice as much: y hardly changes, so the loss "
    "has next to no slope along w. Only ε breaks this, and less so as w grows.",
)(lambda e: Layer(e).still < 0.011)
rule(S, "The gradient is nearly perpendicular to the weights here, though ε rules.")(
    lambda e: Layer(e).cosine(-1) < 0.11 and Layer(e).still > 0.009
)
rule(
    S,
    "Make w twice as long, and y − β grows by # %: ε is too large beside σ² for the norm to undo "
    "it. The upstream happens to have little slope there.",
)(lambda e, grows: shows(grows, 100 * Layer(e).still, 1e-9))
rule(S, "Here ε rules: part of the gradient lies along the weights.")(
    lambda e: Layer(e).cosine(1) > 0.09 and e.eps > 0
)
rule(
    S,
    "Make w twice as long, and σ² grows fourfold while ε stays: y changes, so the loss has a slope "
    "along w. The longer w is, the less.",
)(lambda e: e.eps > 0 and e.var >= 0)
rule(S, "Too few digits to tell how the gradient stands to the weights.")(
    lambda e: Layer(e).slack > 0.02 * Layer(e).length * Layer(e).gradient
)
rule(S, "What w and its gradient have in common is smaller than the rounding of either.")(
    lambda e: Layer(e).slack > 0.02 * Layer(e).length * Layer(e).gradient
)
rule(S, "With a single input there is no across: what gradient there is lies along w.")(
    lambda e: e.s.d == 1
)
rule(
    S,
    "w is one number. The norm takes away all of its gradient but what ε lets through, here #.",
)(lambda e, g: e.eps > 0 and shows(g, Layer(e).gradient, 4 * Layer(e).noise))
rule(
    S,
    "This neuron’s weights get no gradient at all. There is nothing to lie along w or across it, "
    "and no step changes w.",
)(lambda e: Layer(e).gradient <= 4 * Layer(e).noise)


@rule(
    S,
    "What this neuron’s weights get can’t be told from rounding. ∂L/∂w is # long, and rounding "
    "alone explains #: no direction can be read from it.",
)
def _no_direction(e: Exact, length: str, noise: str) -> object:
    return Layer(e).gradient <= 8 * Layer(e).noise + SMALL


rule(S, "w is 0: it has no direction and no length to keep.")(lambda e: Layer(e).length == 0)
rule(
    S,
    "Its gradient is # long, but there is no direction for it to lie along or across. Scaling 0 "
    "gives 0.",
)(lambda e, g: shows(g, Layer(e).gradient, 4 * Layer(e).noise))


@rule(S, "⟨w, ∂L/∂w⟩ = #; ε/(σ²+ε) · γ · ∂L/∂γ = #; bound of the difference #.")
def _inner(e: Exact, inner: str, formula: str, bound: str) -> object:
    own = Layer(e)
    return shows(inner, own.inner, own.slack) and shows(formula, own.formula, own.slack)


def steps_of(e: Exact, steps: int = 10) -> list[Any] | None:
    """|w| after 0, 1 … steps at the page's rate, the upstream held; None where it is too much."""
    own, s = Layer(e), e.s
    lost = own.slack > 1e-9 * own.length * own.gradient or own.gradient <= 8 * own.noise
    if e.n * s.d > 12 or lost or not own.length or not own.gradient:
        return None
    half = own.length / own.gradient / 2
    rate = mp.mpf(10) ** mp.floor(mp.log10(half))
    if abs(mp.log10(half) - mp.nint(mp.log10(half))) < 1e-6:
        return None  # the rate may be either of two powers
    assert s.a is not None
    assert s.bias is not None
    a, w, found = [reals(row) for row in s.a], own.w, [own.length]
    for _ in range(steps):
        x = [mp.fsum(v * b for v, b in zip(row, w, strict=True)) for row in a]
        mean = mp.fsum(x) / e.n
        away = [v - mean for v in x]
        inv = 1 / mp.sqrt(mp.fsum(v * v for v in away) / e.n + e.eps)
        x_hat = [v * inv for v in away]
        along = mp.fsum(g * h for g, h in zip(e.g, x_hat, strict=True)) / e.n
        middle = mp.fsum(e.g) / e.n
        dx = [inv * (g - middle - h * along) for g, h in zip(e.g, x_hat, strict=True)]
        dw = [mp.fsum(row[p] * d for row, d in zip(a, dx, strict=True)) for p in range(s.d)]
        w = [v - rate * d for v, d in zip(w, dw, strict=True)]
        found.append(mp.sqrt(mp.fsum(v * v for v in w)))
    return found


# ---- Growth ----------------------------------------------------------------------------

W = "weights growth"
always(
    W,
    "w is this neuron’s column of W, η the size of the step: |w′|² = |w|² − 2η⟨w, ∂L/∂w⟩ + "
    "η²|∂L/∂w|², where ⟨w, ∂L/∂w⟩ is what the formula above says. The upstream gradient is held as "
    "it is.",
    "The rate is chosen so that the first step is no longer than half of w.",
)


@rule(
    W,
    "η is #, the largest power of ten that moves w by no more than half of its length at first.",
)
def _rate(e: Exact, rate: str) -> object:
    own = Layer(e)
    share = read(rate) * own.gradient / own.length
    return 0.049 <= share <= 0.51 or own.gradient <= 8 * own.noise


@rule(W, "At this rate each of the # steps makes w longer.")
def _longer(e: Exact, steps: str) -> object:
    told = steps_of(e)
    longer = told is None or all(now < then for now, then in pairwise(told))
    return int(steps) == 10 and Layer(e).length > 0 and longer and _telling(e)


def _telling(e: Exact) -> bool:
    """Is the first step larger than what rounding does to the squares of lengths?"""
    own = Layer(e)
    rate = mp.mpf(10) ** mp.floor(mp.log10(own.length / own.gradient / 2))
    return bool(2 * rate * own.slack < mp.mpf("0.02") * own.length**2)


@rule(W, "Each adds less than the one before: the first #, the last #.")
def _less(e: Exact, first: str, last: str) -> object:
    told = steps_of(e)
    if told is None:
        return read(last) <= read(first)
    one, ten = told[1] - told[0], told[-1] - told[-2]
    size = mp.mpf("1e-9") * told[-1]
    return shows(first, one, size) and shows(last, ten, size) and ten < one


@rule(
    W,
    "The longer w is, the less a step of the same rate turns it: η/|w|² goes from # to #.",
)
def _effective(e: Exact, first: str, last: str) -> object:
    half = Layer(e).length / Layer(e).gradient / 2
    rate = mp.mpf(10) ** mp.floor(mp.log10(half))
    known = rate / Layer(e).length ** 2
    # A rate at the edge of a power of ten may be either.
    near = any(shows(first, known * f, known * f * mp.mpf("1e-6")) for f in (1, 10, mp.mpf("0.1")))
    return near and read(last) <= read(first)


rule(W, "At this rate w gets shorter at times: what ε leaves along w outweighs the step.")(
    lambda e: (
        e.eps > 0
        and ((told := steps_of(e)) is None or any(then < now for now, then in pairwise(told)))
    )
)
rule(W, "There is no gradient to follow: w keeps its length.")(
    lambda e: Layer(e).gradient <= 4 * Layer(e).noise
)
rule(W, "No step is taken: what w gets can’t be told from rounding.")(
    lambda e: Layer(e).gradient <= 8 * Layer(e).noise + SMALL
)
rule(W, "From a w of 0 no step is taken: no rate is small beside it.")(
    lambda e: Layer(e).length == 0
)
rule(W, "Here the steps lead out of what numbers can hold.")(lambda e: True)


rule(W, "These digits can’t tell what the steps do to the length of w.")(
    lambda e: Layer(e).slack > 1e-9 * Layer(e).length * Layer(e).gradient
)


@rule(W, "|w| after # steps of rate #: #; the formula says #.")
def _after(e: Exact, steps: str, rate: str, length: str, told: str) -> object:
    one, two = read(length), read(told)
    right = steps_of(e)
    if right is not None and not shows(length, right[-1], mp.mpf("1e-6") * right[-1]):
        return False
    lost = Layer(e).slack > 1e-9 * Layer(e).length * Layer(e).gradient
    return lost or abs(one - two) <= mp.mpf("1e-2") * max(one, two)


# ---- Geometry --------------------------------------------------------------------------

G = "weights geometry"


def squares(e: Exact) -> tuple[Any, Any, Any]:
    """The shares of |g|² along 1, along x̂ and the rest."""
    mean = mp.fsum(e.g) / e.n
    away = [v - mean for v in e.g]
    size = mp.fsum(v * v for v in e.x_hat)
    whole = mp.fsum(v * v for v in e.g)
    if not whole:
        return mp.mpf(0), mp.mpf(0), mp.mpf(0)
    inner = mp.fsum(v * h for v, h in zip(away, e.x_hat, strict=True))
    one, two = e.n * mean**2 / whole, (inner**2 / size / whole if size else mp.mpf(0))
    return one, two, 1 - one - two


def ruled(e: Exact) -> Any:
    return e.eps * e.inv**2


rule(
    G,
    "All x are equal and ε is 0: there is no direction, and no gradient by definition. Nothing "
    "can be divided by a standard deviation of 0.",
)(lambda e: e.flat and e.eps == 0)
rule(
    G,
    "One sample has one direction, 1, and it is taken away: nothing is left. A batch of one is "
    "its own mean.",
)(lambda e: e.n == 1 and e.no_gradient)
rule(G, "All x are equal: x̂ is 0, and only the direction 1 is taken away.")(
    lambda e: largest(e.x_hat) <= SMALL
)
rule(G, "All else comes through, divided by √ε: # times as large.")(
    lambda e, f: shows(f, 1 / mp.sqrt(e.eps), 1e-12 * e.inv)
)
rule(G, "Two samples have two directions, 1 and x̂: next to nothing is left.")(
    lambda e: e.n == 2 and ruled(e) < 1.01e-3
)
rule(G, "Two samples have two directions, 1 and x̂: only ε lets something through.")(
    lambda e: e.n == 2 and ruled(e) > 0.99e-3
)
rule(G, "The norm takes away two directions of #: (1, …, 1), and nearly all of x̂.")(
    lambda e, n: read(n) == e.n and ruled(e) < 1.01e-3
)
rule(G, "The norm takes away two directions of #: (1, …, 1), and a part of x̂.")(
    lambda e, n: read(n) == e.n and ruled(e) > 0.99e-3
)
rule(G, "Here ∂L/∂x̂ is 0 for every sample, so there is nothing to take away.")(
    lambda e: largest(e.g) <= SMALL
)


def _percent(text: str, share: Any) -> bool:
    return bool(abs(read(text) - 100 * share) <= mp.mpf("0.0501"))


@rule(
    G,
    "Of |∂L/∂x̂|², #% lies along 1, the same for all samples, and is removed. #% lies along x̂; "
    "of that part’s length # comes through, ε/(σ²+ε), and of its square #.",
)
def _shares(e: Exact, one: str, two: str, length: str, square: str) -> object:
    first, second, _ = squares(e)
    return (
        _percent(one, first)
        and _percent(two, second)
        and shows(length, ruled(e), 1e-12)
        and shows(square, ruled(e) ** 2, 1e-12)
    )


rule(G, "The other #% is kept.")(lambda e, rest: _percent(rest, squares(e)[2]))


@rule(
    G,
    "Eigenvalues @: found numerically as well.",
    "The only eigenvalue is 0: found numerically as well.",
)
def _eigenvalues(e: Exact, listed: str = "0") -> object:
    ok = True
    for part in listed.replace(" and ", ", ").split(", "):
        name, _, value = part.partition(" = ")
        if name == "ε·s³":
            ok &= shows(value, e.eps * e.inv**3, 1e-11 * e.inv)
        elif name == "s":
            ok &= shows(value, e.inv, 1e-11 * e.inv)
    return ok


@rule(G, "Move x along −∂L/∂x, by whatever rate: its mean stays at #, since Σ∂L/∂x is 0.")
def _mean_stays(e: Exact, mean: str) -> object:
    return zero(sum_dx(e), e.bound) and shows(mean, e.mean, e.u * largest(e.x))
