"""The figures of Weights and Check: every title, alternative text and note in a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mpmath import mp

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.draw.figures import geometry, invariance, outer
from bnviz.draw.figures.beside import beside
from bnviz.draw.figures.groups import groups
from bnviz.draw.figures.precision import residue_and_error
from bnviz.draw.figures.proof import headroom
from bnviz.draw.figures.style import Picture
from bnviz.proof import complex_step
from bnviz.proof.mistakes import MISTAKES, with_mistake
from bnviz.study import neighbours
from bnviz.study.invariance import as_computed, descend, scaled
from bnviz.study.precision import passes
from tests.harness.check import _errors, finite, wrong_dx
from tests.harness.exact import LARGE, SMALL, Exact, largest, read, shows
from tests.harness.norms import normed
from tests.harness.rules import always, rule
from tests.harness.weights import Layer, ruled, squares, steps_of

Text = tuple[str, str] | tuple[str, str, Exact]


class Upto(Exact):
    """The batch, of which so many samples have been added."""

    def __init__(self, s: Scenario, neuron: int, input: int, upto: int) -> None:
        super().__init__(s, neuron, input)
        self.upto = upto


class Beside(Exact):
    """∂L/∂x beside another one, which is known exactly; None where it is no number."""

    def __init__(self, s: Scenario, neuron: int, other: list[Any] | None, slack: Any) -> None:
        super().__init__(s, neuron, 0)
        self.other, self.slack = other, slack


def _all(name: str, picture: Picture, e: Exact | None = None) -> Iterator[Text]:
    figure, title, alt = picture
    notes = [note["text"] for note in figure["layout"].get("annotations", ())]
    for text in (title, alt, *(note for note in notes if "<" not in note)):
        yield (f"figure {name}", text) if e is None else (f"figure {name}", text, e)


def texts(s: Scenario, neuron: int, input: int) -> Iterator[Text]:
    if input:
        return  # of a neuron
    s = s.training()
    t, e = run(s), Exact(s, neuron, 0)
    for name, draw in (("energy", geometry.energy), ("jacobian", geometry.matrix)):
        yield from _all(name, draw(t, neuron), e)
    yield from _all("over eps", geometry.over_eps(s, neuron), e)
    if e.n == 3:
        yield from _all("space", geometry.space(t, neuron), e)
    if s.d:
        yield from _of_weights(s, neuron)
    yield from _of_check(s, neuron)


def _of_weights(s: Scenario, neuron: int) -> Iterator[Text]:
    t, n = run(s), s.shape[0]
    if not neuron:
        for upto in {1, (n + 1) // 2, n}:
            own = Upto(s, 0, 0, upto)
            names = ("outer", "outer sum", "ones", "ones sum")
            for name, made in zip(names, outer.outer_products(t, upto), strict=True):
                _, title, alt = made
                yield from _all(name, ({"layout": {}}, title, alt), own)  # type: ignore[arg-type]
    computed = as_computed(s)
    for power in (0.0, -2.0):
        own_layer = Exact(scaled(computed, 10.0**power), neuron, 0)
        own_layer.times = mp.mpf(10.0**power)  # type: ignore[attr-defined]
        yield from _all("along", invariance.along_weight(computed, neuron, power), own_layer)
    yield from _all(
        "growth", invariance.growth(descend(computed, neuron)), Exact(computed, neuron, 0)
    )


def _of_check(s: Scenario, neuron: int) -> Iterator[Text]:
    t, e = run(s), Exact(s, neuron, 0)
    if not neuron:
        compared = complex_step.against(t, complex_step.numeric(s))
        yield from _all("proof", headroom(compared), e)
        labels = neighbours.groupings(*s.shape)
        for key, norm in neighbours.NORMS.items():
            yield from _all("groups", groups(labels[norm.groups], key), e)
    found = passes(t, neuron)
    yield from _all("precision", residue_and_error(found), e)
    for name in MISTAKES:
        if MISTAKES[name].line not in ("dx", "inv_std", "dvar"):
            continue
        made = wrong_dx(e, name)
        wrong = with_mistake(t, name).dx[:, neuron]
        right = None if made is None else made[neuron]
        size = e.scale + (mp.mpf(0) if right is None else mp.fsum(map(abs, right)))
        size += _own_terms(e, name)
        yield from _beside(s, neuron, wrong, right, e.u * size * max(1, largest(e.x_hat)) * e.n)
    for p in found:
        own = [mp.mpf(float(v)) for v in p.dx] if np.isfinite(p.dx).all() else None
        yield from _beside(s, neuron, p.dx, own, e.bound)
    for name in neighbours.NORMS:
        dx, slack = normed(s, name)[1:]
        drawn = neighbours.neighbour(s, name).dx[:, neuron]
        yield from _beside(s, neuron, drawn, [row[neuron] for row in dx], slack)


def _own_terms(e: Exact, name: str) -> Any:
    """How large a wrong pass's own terms may be, however much of them cancels."""
    total = {"no_eps": e.var, "squared": e.var**2 + e.eps}.get(name, e.var + e.eps)
    inv, far = 1 / mp.sqrt(total) if total else mp.mpf(0), largest(e.away)
    g = mp.fsum(map(abs, e.g))
    return g * inv * (1 + (far * inv) ** 2) + (g * e.inv * far**2 if name == "power" else 0)


def _beside(s: Scenario, neuron: int, drawn: Any, exact: list[Any] | None, slack: Any) -> Any:
    names = ("right", "other")
    picture = beside(run(s).dx[:, neuron], drawn, names, "∂L/∂x", f"∂L/∂x, neuron {neuron + 1}")
    yield from _all("beside", picture, Beside(s, neuron, exact, slack))


# ---- Geometry --------------------------------------------------------------------------


def _undefined(e: Exact) -> bool:
    return e.flat and e.eps == 0


def _whole_percent(text: str, share: Any) -> bool:
    return bool(abs(read(text) - 100 * share) <= mp.mpf("0.501"))


rule("figure energy", "∂L/∂x̂ is 0: there is nothing to split")(lambda e: largest(e.g) <= SMALL)
rule("figure energy", "All x are equal and ε is 0: by definition nothing is left")(_undefined)
rule("figure energy", "Of |∂L/∂x̂|², #% is left for ∂L/∂x")(
    lambda e, rest: (
        _whole_percent(rest, squares(e)[2]) and (ruled(e) < 1.01e-3 or e.flat) and not _undefined(e)
    )
)
rule("figure energy", "Of |∂L/∂x̂|², #% is kept whole")(
    lambda e, rest: _whole_percent(rest, squares(e)[2]) and ruled(e) > 0.99e-3
)
rule(
    "figure energy",
    "Shares of the squared length of ∂L/∂x̂: #% along 1, #% along x̂, #% the rest.",
)(
    lambda e, *shares: all(
        abs(read(text) - 100 * share) <= mp.mpf("0.0501")
        for text, share in zip(shares, squares(e), strict=True)
    )
)


def _eigenvalues(e: Exact) -> list[Any]:
    """From small to large: 0 on 1, ε·s³ on x̂, s on what is left."""
    if _undefined(e):
        return [mp.mpf(0)] * e.n
    known = [mp.mpf(0)] + ([e.eps * e.inv**3] if e.n > 1 and not e.flat else [])
    return sorted(known + [e.inv] * (e.n - len(known)))


def _listed(e: Exact, listed: str, all_: int) -> bool:
    right = _eigenvalues(e)
    told = listed.split(", ")
    return len(right) == all_ and all(
        shows(text, value, 1e-12 * value) for text, value in zip(told, right, strict=False)
    )


for _signs in ("", ", plus in red, minus in olive"):
    _jacobian = f"The Jacobian ∂x̂/∂x{_signs}"
    rule("figure jacobian", f"{_jacobian}; eigenvalue #")(
        lambda e, one, large=bool(_signs): e.n == 1 and _listed(e, one, 1) and not large
    )
    rule("figure jacobian", f"{_jacobian}; eigenvalues §")(
        lambda e, listed, large=bool(_signs): 1 < e.n <= 4 and _listed(e, listed, e.n) and not large
    )
    rule("figure jacobian", f"{_jacobian}; eigenvalues §, … (# in all)")(
        lambda e, listed, n, large=bool(_signs): (
            e.n > 4 and _listed(e, listed, int(n)) and large == (e.n > 8)
        )
    )
rule("figure jacobian", "Symmetric table of # by #; eigenvalue #.")(
    lambda e, n, m, one: int(n) == int(m) == e.n == 1 and _listed(e, one, 1)
)
rule("figure jacobian", "Symmetric table of # by #; eigenvalues §, … (# in all).")(
    lambda e, n, m, listed, all_: int(n) == int(m) == e.n > 4 and _listed(e, listed, int(all_))
)


@rule("figure jacobian", "Symmetric table of # by #; eigenvalues §.")
def _small_table(e: Exact, n: str, m: str, listed: str) -> object:
    return int(n) == int(m) == e.n <= 4 and _listed(e, listed, e.n)


E = "figure over eps"


def _x_hat(e: Exact, value: str) -> bool:
    return not e.flat and e.n > 1 and shows(value, e.eps * e.inv**3, 1e-12 * e.inv)


def _rest(e: Exact, value: str) -> bool:
    left = e.n - 1 - (not e.flat)
    return left > 0 and not _undefined(e) and shows(value, e.inv, 1e-12 * e.inv)


rule(E, "Eigenvalues along x̂ #, for the rest #")(
    lambda e, one, two: _x_hat(e, one) and _rest(e, two)
)
rule(E, "Eigenvalue along x̂ #")(lambda e, one: _x_hat(e, one) and e.n == 2)
rule(E, "Eigenvalue for the rest #")(lambda e, two: _rest(e, two) and e.flat)
rule(E, "The only eigenvalue is 0")(lambda e: largest(_eigenvalues(e)) == 0)
rule(E, "The only eigenvalue is 0 at ε = #.")(
    lambda e, eps: largest(_eigenvalues(e)) == 0 and shows(eps, e.eps)
)
rule(E, "Eigenvalues against ε: along x̂ #, for the rest # at ε = #; along 1 it is 0 throughout.")(
    lambda e, one, two, eps: _x_hat(e, one) and _rest(e, two) and shows(eps, e.eps)
)
rule(E, "Eigenvalues against ε: along x̂ # at ε = #; along 1 it is 0 throughout.")(
    lambda e, one, eps: _x_hat(e, one) and shows(eps, e.eps) and e.n == 2
)
rule(E, "Eigenvalues against ε: for the rest # at ε = #; along 1 it is 0 throughout.")(
    lambda e, two, eps: _rest(e, two) and shows(eps, e.eps) and e.flat
)
rule(E, "x̂: ε·s³")(lambda e: not e.flat and e.n > 1)
rule(E, "the rest: s")(lambda e: e.n > (1 if e.flat else 2))
rule(E, "0 for every ε")(lambda e: e.n == 1)


def _lengths(e: Exact) -> tuple[Any, Any]:
    """|∂L/∂x̂| and the length of what lies neither along 1 nor along x̂."""
    whole = mp.sqrt(mp.fsum(v * v for v in e.g))
    return whole, whole * mp.sqrt(max(squares(e)[2], mp.mpf(0)))


def _left(e: Exact, left: str) -> bool:
    whole, kept = _lengths(e)
    return shows(left, kept, 1e-13 * whole)


rule("figure space", "Three samples: of |∂L/∂x̂| = #, # is left")(
    lambda e, whole, left: (
        shows(whole, _lengths(e)[0], 1e-13 * _lengths(e)[0])
        and _left(e, left)
        and not _undefined(e)
    )
)
rule("figure space", "Three samples: ∂L/∂x̂ is 0, and nothing is left")(
    lambda e: largest(e.g) <= SMALL
)
rule("figure space", "Three samples: by definition nothing is left")(_undefined)
rule(
    "figure space",
    "Three axes, one for each sample: the gradient, the direction 1, the plane across it, x̂ in "
    "the plane, and the one direction left, along which # remains.",
)(lambda e, left: _left(e, left) and not e.flat)
rule(
    "figure space",
    "Three axes, one for each sample: the gradient, the direction 1, and the plane across it, in "
    "which # remains.",
)(lambda e, left: _left(e, left) and e.flat and e.eps > 0)
rule("figure space", "Three axes, one for each sample: the gradient and the direction 1.")(
    _undefined
)

# ---- Outer products --------------------------------------------------------------------


def _first(e: Upto, words: str) -> bool:
    n = f"all {e.n} samples" if e.upto == e.n else f"the first {e.upto} of {e.n} samples"
    return words == n


def _sums(e: Upto, bias: bool = False) -> list[tuple[Any, Any]]:
    """Of each entry so far the sum and its bound: of the bias, or of all inputs and neurons."""
    found = []
    for j in range(e.s.shape[1]):
        for p in range(1 if bias else e.s.d):
            own = Exact(e.s, j, p)
            terms = own.dx if bias else own.products
            bound = own.bound if bias else own.weight_bound
            found.append((mp.fsum(terms[: e.upto]), 2 * bound))
    return found


always("figure outer", "Each sample adds its own matrix a · ∂L/∂x")
rule("figure outer", "# matrices of # inputs by # neurons, one for each sample; @ are added.")(
    lambda e, n, d, k, words: (
        (int(n), int(d), int(k)) == (e.n, e.s.d, e.s.shape[1]) and _first(e, words)
    )
)
rule("figure outer sum", "So far: this is ∂L/∂W")(lambda e: e.upto == e.n)
rule("figure outer sum", "So far: # of # added")(lambda e, m, n: int(m) == e.upto < e.n == int(n))


@rule("figure outer sum", "Sum of @; the largest entry is #.")
def _largest(e: Upto, words: str, value: str) -> object:
    sums = _sums(e)
    most = max(abs(total) for total, _ in sums)
    return _first(e, words) and any(
        shows(value, total, bound) and abs(total) + 2 * bound >= most * mp.mpf("0.999999")
        for total, bound in sums
    )


always("figure ones", "The same with every a set to 1: only ∂L/∂x")
rule("figure ones", "# rows of ∂L/∂x, one for each sample; @ are added.")(
    lambda e, n, words: int(n) == e.n and _first(e, words)
)


def _biases(e: Upto, listed: str) -> bool:
    told = listed.split(", ")
    return all(
        shows(text, total, bound)
        for text, (total, bound) in zip(told, _sums(e, bias=True), strict=True)
    )


rule("figure ones sum", "So far: ∂L/∂b is 0 again")(
    lambda e: e.upto == e.n and all(abs(v) <= b for v, b in _sums(e, bias=True))
)
rule("figure ones sum", "So far: ∂L/∂b is at §")(_biases)
rule("figure ones sum", "Sum of @ with every a set to 1: §.")(
    lambda e, words, listed: _first(e, words) and _biases(e, listed)
)

# ---- Scale -----------------------------------------------------------------------------

A = "figure along"


def _lost(e: Exact) -> bool:
    """Is the gradient of w no more than rounding?"""
    return bool(Layer(e).gradient <= 8 * Layer(e).noise + SMALL)


def _along(e: Exact, share: str) -> object:
    own = Layer(e)
    product = own.length * own.gradient
    return not product or shows(share, abs(own.inner) / product, own.slack / product + 1e-12)


rule(A, "The share of ∂L/∂w that lies along w: here #")(
    lambda e, share: _along(e, share) and Layer(e).gradient > 0.4 * Layer(e).noise
)
rule(A, "The share of ∂L/∂w that lies along w can’t be told here")(_lost)
rule(A, "No share of ∂L/∂w lies along w")(
    lambda e: (
        Layer(e).length == 0 or Layer(e).gradient <= SMALL or abs(Layer(e).inner) <= Layer(e).slack
    )
)
rule(
    A,
    "Share of the gradient along the weights against their size; at # times W it is #. Dots are "
    "computed, the line is the formula.",
)(lambda e, times, share: shows(times, e.times) and _along(e, share))
rule(
    A,
    "Share of the gradient along the weights against their size; at # times W it can’t be told. "
    "Dots are computed, the line is the formula.",
)(lambda e, times: shows(times, e.times) and _lost(e))
rule(A, "no gradient, so no share")(
    lambda e: Layer(e).gradient <= SMALL + mp.mpf("1e-30") * Layer(e).noise
)
rule(A, "what w gets is lost in rounding")(_lost)
rule(A, "w is 0, so no share")(lambda e: Layer(e).length == 0)
rule(A, "ε is 0, so no share")(lambda e: e.eps == 0)
rule(A, "nothing of it lies along w")(lambda e: abs(Layer(e).inner) <= Layer(e).slack)


@rule("figure growth", "|w| over # plain steps: # to #")
def _grown(e: Exact, steps: str, first: str, last: str) -> object:
    return int(steps) == 10 and _from_to(e, first, last)


def _from_to(e: Exact, first: str, last: str) -> bool:
    own = Layer(e)
    told = steps_of(e)
    end = told is None or shows(last, told[-1], mp.mpf("1e-6") * told[-1] + own.noise)
    return shows(first, own.length, 1e-12 * own.length) and end


rule(
    "figure growth",
    "|w| goes from # to # in # steps of rate #. Dots are computed, the line is the formula.",
)(lambda e, first, last, steps, rate: int(steps) == 10 and _from_to(e, first, last))
rule("figure growth", "No step is taken: |w| stays at #", "No step is taken: |w| stays at #.")(
    lambda e, size: (
        shows(size, Layer(e).length, 1e-12 * Layer(e).length)
        and (_lost(e) or Layer(e).length == 0 or Layer(e).gradient > LARGE / 1e10
             or Layer(e).length / Layer(e).gradient < 1e-290)
    )
)  # fmt: skip

# ---- Check -----------------------------------------------------------------------------

P = "figure proof"


def _entries(e: Exact) -> int:
    n, k, d = *e.s.shape, e.s.d
    return 2 * n * k + 4 * k + (d * k + k if d else 0) + (n * d if e.s.computed else 0)


rule(P, "All # entries lie within their bound")(lambda e, many: int(many) == _entries(e))
rule(P, "Crosses lie outside their bound")(lambda e: not finite(e))
rule(
    P, "Difference between both derivatives of # entries as a share of the bound: the largest is #."
)(lambda e, many, worst: int(many) == _entries(e) and (0 <= read(worst) <= 1 or not finite(e)))

D = "figure precision"
rule(D, "A small Σ∂L/∂x (circle) says little about the error (diamond)")(
    lambda e: any(off > 99 * max(left, p.digits) for p, left, off, _ in _errors(e).values())
)
always(D, "Σ∂L/∂x (circle) and the true error (diamond)", "no number at all")


@rule(
    D,
    "|Σ∂L/∂x| and the true error of ∂L/∂x in # precisions; the largest error is #, in @, where "
    "|Σ∂L/∂x| is #.",
)
def _worst(e: Exact, many: str, error: str, name: str, residue: str) -> object:
    found = _errors(e)
    worst = max((off for *_, off, _ in found.values() if not mp.isinf(off)), default=mp.mpf(0))
    _, left, off, _ = found[name.replace(", ", " with σ² as ")]
    return (
        int(many) == len(found) == 6
        and off >= worst * mp.mpf("0.999999") - 1e-9
        and shows(error, off, 1e-9)
        and shows(residue, left, 1e-6)
    )


rule(D, "|Σ∂L/∂x| and the true error of ∂L/∂x in # precisions: none of them gives a number.")(
    lambda e, many: all(mp.isinf(off) for *_, off, _ in _errors(e).values())
)
rule(D, "# of them give no number.", "One of them gives no number.")(
    lambda e, many="1": int(many) == sum(bool(mp.isinf(off)) for *_, off, _ in _errors(e).values())
)

B = "figure beside"


def _two_sums(e: Beside) -> tuple[Any, Any, Any]:
    assert e.other is not None
    apart = largest([a - b for a, b in zip(e.dx, e.other, strict=True)])
    return mp.fsum(e.dx), mp.fsum(e.other), apart


@rule(B, "∂L/∂x of # samples, right beside other: they add up to # and #, and differ by # at most.")
def _pair(e: Beside, n: str, one: str, two: str, apart: str) -> object:
    if int(n) != e.n:
        return False
    if not finite(e) or e.other is None or largest(e.other) > LARGE:
        return True
    first, second, most = _two_sums(e)
    slack = e.slack + e.bound
    return (
        shows(one, first, e.bound) and shows(two, second, slack * e.n) and shows(apart, most, slack)
    )


rule(B, "∂L/∂x of # samples, right beside other: some of these are no numbers.")(
    lambda e, n: (
        int(n) == e.n
        and (e.other is None or not finite(e) or largest(e.other) > LARGE / e.n or e.var < 1e-140)
    )
)
rule(B, "∂L/∂x, neuron #")(lambda e, j: int(j) == e.j + 1 and e.n <= 16)
rule(B, "∂L/∂x, neuron # (the # of # samples that differ most)")(
    lambda e, j, m, n: int(j) == e.j + 1 and int(m) == 16 < e.n == int(n)
)

# ---- Groups ----------------------------------------------------------------------------


def _groups(e: Exact, key: str) -> tuple[int, int]:
    """How many groups, and how many numbers in each."""
    n, k = e.s.shape
    images = next((m for m in range(2, n + 1) if n % m == 0), 1)
    channels = 2 if k % 2 == 0 and k >= 4 else 1
    many = {"layer": n, "rms": n, "instance": images * k, "group": images * channels}.get(key, k)
    return many, n * k // many


for _key in neighbours.NORMS:
    for _s in ("", "s"):
        rule("figure groups", f"{_key}: # group{_s} of #")(
            lambda e, many, size, key=_key: (int(many), int(size)) == _groups(e, key) and e.n <= 16
        )
        rule("figure groups", f"{_key}: # group{_s} of # (the first # of # rows)")(
            lambda e, many, size, m, n, key=_key: (
                (int(many), int(size)) == _groups(e, key) and int(m) == 16 < e.n == int(n)
            )
        )
        rule("figure groups", f"{_key}: # rows by # neurons in # group{_s} of # numbers.")(
            lambda e, n, k, many, size, key=_key: (
                (int(n), int(k)) == e.s.shape and (int(many), int(size)) == _groups(e, key)
            )
        )
