"""Check: the proof, the mistakes, few digits and the neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mpmath import mp

from bnviz.claims import check as claims
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.proof import complex_step, mistakes
from bnviz.proof.losses import under
from bnviz.proof.mistakes import CHECKS, MISTAKES
from bnviz.study import neighbours
from bnviz.study.precision import Pass, passes
from bnviz.words.numbers import number
from tests.harness.exact import LARGE, SMALL, Exact, largest, read, shows
from tests.harness.norms import normed
from tests.harness.rules import always, rule

Text = tuple[str, str]
LOSSES = ("given", "sum", "squares")


def texts(s: Scenario, neuron: int, input: int) -> Iterator[Text]:
    if input:
        return  # of a neuron
    s = s.training()
    t = run(s)
    if not neuron:
        for loss in LOSSES:
            under_it = run(under(s, loss))
            compared = complex_step.against(under_it, complex_step.numeric(s, loss), loss)
            told = claims.proof(under_it, compared)
            yield f"proof {loss}", f"{told.claim} {told.why} {told.check}"
        caught = mistakes.catchers(t, complex_step.numeric(s))
        for name in MISTAKES:
            told = claims.mistake(name, caught[name])
            yield f"mistake {name}", f"{told.claim} {told.why} {told.check}"
        yield "mistakes", claims.lesson(caught)
        for norm in neighbours.NORMS:
            sums = neighbours.group_sums(s, neighbours.neighbour(s, norm))
            for kind, total in sums.items():
                if np.isfinite(total.value):
                    text = "✓ 0" if total.vanishes else number(total.value)
                    yield f"sums {norm} {kind}", text
    told = claims.precision(t, neuron, passes(t, neuron))
    yield "precision", f"{told.claim} {told.why} {told.check}"
    yield "precision verdict", "✓" if told.holds else "✗"
    train = neighbours.neighbour(s, "batch")
    for norm in neighbours.NORMS:
        told = claims.frozen(s, neuron, train, neighbours.neighbour(s, norm), "This")
        yield f"neighbour {norm}", f"{told.claim} {told.why}"
    yield "running", claims.running_variance(s, neuron)


def neurons(e: Exact) -> list[Exact]:
    trained = e.s.training()
    return [Exact(trained, j, 0) for j in range(trained.shape[1])]


def finite(e: Exact) -> bool:
    """May float64 hold all that is on the way?"""
    return not any(
        o.overflows
        or (o.inv and o.inv**3 < 1 / mp.mpf(LARGE))
        or largest([o.var, o.inv**3, o.dvar, o.scale * o.n]) > LARGE
        for o in neurons(e)
    )


# ---- The proof -------------------------------------------------------------------------

for _loss in LOSSES:

    @rule(
        f"proof {_loss}", "All # gradients agree with derivatives that never saw the six equations."
    )
    def _agree(e: Exact, count: str, loss: str = _loss) -> object:
        """∂L/∂x of the page's own trace, held against many digits."""
        made = run(under(e.s.training(), loss))
        for j in range(e.s.shape[1]):
            own = Exact(made.scenario, j, 0)
            if own.overflows:
                continue
            slack = 4 * own.bound * max(1, largest(own.x_hat))
            for mine, right in zip(made.dx[:, j], own.dx, strict=True):
                if abs(mp.mpf(float(mine)) - right) > slack:
                    return False
        return True

    # A derivative may be no float64, and then it can't be compared.
    rule(f"proof {_loss}", "# of # gradients disagree: @. ")(lambda e, *words: not finite(e))
    always(
        f"proof {_loss}",
        "The forward pass alone is evaluated at x + ih, a step of size 1e−30 into the complex "
        "plane; the imaginary part of L, divided by h, is the derivative. Nothing is subtracted, "
        "so it is right to rounding.",
    )
    rule(
        f"proof {_loss}",
        "In neuron @ all x are equal and ε is 0: there the gradient is 0 by definition, and there "
        "is nothing to differentiate.",
    )(
        lambda e, which: all(
            neurons(e)[int(word) - 1].undefined for word in which.replace(" and ", ", ").split(", ")
        )
    )
    rule(f"proof {_loss}", "# entries compared; the largest difference is # of its bound.")(
        lambda e, count, share: read(share) <= 1 or not finite(e)
    )

# ---- Mistakes --------------------------------------------------------------------------


def wrong_dx(e: Exact, name: str) -> list[list[Any]] | None:
    """∂L/∂x with the mistake, a list a neuron; None where it is no number."""
    columns = neurons(e)
    made = []
    for o in columns:
        n = o.n
        g_sum = mp.fsum(o.g)

        def paths(inv: Any, dvar: Any = None, o: Exact = o, n: int = n, g_sum: Any = g_sum) -> Any:
            if dvar is None:
                gd = mp.fsum(g * d for g, d in zip(o.g, o.away, strict=True))
                dvar = [-gd * inv**3 / 2] * n
            return [
                g * inv + v * 2 * d / n - inv * g_sum / n
                for g, d, v in zip(o.g, o.away, dvar, strict=True)
            ]

        def over_root(total: Any, o: Exact = o) -> Any:
            return 1 / mp.sqrt(total) if total else None

        if name == "mean":
            dx = [one + two for one, two in zip(o.direct, o.via_var, strict=True)]
        elif name == "variance":
            dx = [one + two for one, two in zip(o.direct, o.via_mean, strict=True)]
        elif name == "both":
            dx = o.direct
        elif name in ("unbiased", "no_eps", "squared"):
            if name == "unbiased" and n == 1:
                return None
            total = {
                "unbiased": o.var * n / max(1, n - 1) + o.eps,
                "no_eps": o.var,
                "squared": o.var**2 + o.eps,
            }[name]
            inv = over_root(total)
            if inv is None:
                return None
            dx = paths(inv)
        elif name == "power":
            gd = mp.fsum(g * d for g, d in zip(o.g, o.away, strict=True))
            dx = paths(o.inv, [-gd * o.inv / 2] * n)
        elif name == "axis":
            dx = paths(
                o.inv,
                [mp.fsum(-c.g[i] * c.away[i] * c.inv**3 / 2 for c in columns) for i in range(n)],
            )
        elif name == "keepdims":
            dx = paths(o.inv, [-d * g_sum * o.inv**3 / 2 for d in o.away])
        else:
            dx = o.dx
        made.append(dx)
    return made


def _noise(e: Exact, o: Exact, dx: list[Any]) -> Any:
    reach = max(mp.mpf(1), largest(o.x_hat))
    return o.u * (o.scale + mp.fsum(map(abs, dx))) * reach * o.n + mp.mpf(SMALL)


def _passes(e: Exact, name: str) -> bool | None:
    """Does the wrong sum vanish? None where it can't be told from rounding."""
    made = wrong_dx(e, name)
    if made is None:
        return False
    shares = [
        abs(mp.fsum(dx)) / (_noise(e, o, dx) or 1) for o, dx in zip(neurons(e), made, strict=True)
    ]
    worst = max(shares)
    return True if worst < mp.mpf("1e-2") / e.n else False if worst > 400 else None


for _name in MISTAKES:
    _title = MISTAKES[_name].title

    rule(f"mistake {_name}", f"{_title}: Σ∂L/∂x = 0 lets it through.")(
        lambda e, name=_name: _passes(e, name) is not False or not finite(e)
    )
    rule(f"mistake {_name}", f"{_title}: Σ∂L/∂x = 0 catches it.")(
        lambda e, name=_name: _passes(e, name) is not True or not finite(e)
    )

    @rule(
        f"mistake {_name}",
        f"{_title}: what comes out is no number. Some of ∂L/∂x is nan or infinite: that is seen "
        "without adding anything up.",
    )
    def _no_number(e: Exact, name: str = _name) -> object:
        made = wrong_dx(e, name)
        if made is None or not finite(e):
            return True
        roots = [o.var**2 for o in neurons(e)]
        tiny = any(o.var < 1e-140 for o in neurons(e))  # 1/σ³ is no float64
        return tiny or max(map(largest, made)) > LARGE or largest(roots) > LARGE

    @rule(f"mistake {_name}", f"{_title}: on these numbers no check can tell.")
    def _no_telling(e: Exact, name: str = _name) -> object:
        made = wrong_dx(e, name)
        if made is None:
            return False
        return all(
            abs(one - two) <= 40 * _noise(e, o, dx)
            for o, dx in zip(neurons(e), made, strict=True)
            for one, two in zip(dx, o.dx, strict=True)
        )

    always(
        f"mistake {_name}",
        "The wrong formula gives the right numbers here. A check is only as good as the numbers "
        "that it runs on: try others.",
        "No term differs by more than the gradient check allows.",
    )
    rule(f"mistake {_name}", "The sum over the batch is 0 all the same.")(
        lambda e, name=_name: _passes(e, name) is not False or not finite(e)
    )

    @rule(f"mistake {_name}", "Caught by: @.")
    def _caught(e: Exact, listed: str, name: str = _name) -> object:
        names = listed.replace(" and ", ", ").split(", ")
        return set(names) <= set(CHECKS.values()) and (
            "Σ∂L/∂x = 0" not in names or _passes(e, name) is not True or not finite(e)
        )

    rule(f"mistake {_name}", "Wrong on these numbers: @.")(lambda e, terms: "∂L/∂" in terms)


@rule(
    "mistakes",
    "Of # mistakes, Σ∂L/∂x = 0 catches #, the sum along x̂ #, the shapes #, and the gradient check "
    "#.",
)
def _counts(e: Exact, all_: str, by_sum: str, along: str, shapes: str, gradient: str) -> object:
    if not finite(e):
        return True
    told = [_passes(e, name) if wrong_dx(e, name) is not None else True for name in MISTAKES]
    least = sum(one is False for one in told)
    most = sum(one is not True for one in told)
    tiny = any(o.var < 1e-90 for o in neurons(e))
    return read(all_) == len(MISTAKES) and (tiny or least <= read(by_sum) <= most)


rule("mistakes", "# give no number at all, which needs no check.")(
    lambda e, n: (
        not finite(e)
        or any(o.var < 1e-90 or o.var > 1e150 for o in neurons(e))
        or read(n) == sum(wrong_dx(e, name) is None for name in MISTAKES)
    )
)
always(
    "mistakes",
    "A sum of zero is a property of the right gradient, not a proof of it.",
)

# ---- Precision -------------------------------------------------------------------------

P = "precision"


def _errors(e: Exact) -> dict[str, tuple[Pass, Any, Any, Any]]:
    """Each pass: its residue and its error beside what was added up, and beside ∂L/∂x."""
    unit = e.scale or mp.mpf(1)
    found = {}
    for p in passes(run(e.s.training()), e.j):
        if np.isfinite(p.dx).all():
            dx = [mp.mpf(float(v)) for v in p.dx]
            off = largest([one - two for one, two in zip(dx, e.dx, strict=True)])
            own = off / largest(e.dx) if largest(e.dx) else mp.inf if off else mp.mpf(0)
            found[claims.called(p)] = p, abs(mp.fsum(dx)) / unit, off / unit, own
        else:
            found[claims.called(p)] = p, mp.inf, mp.inf, mp.inf
    return found


def _trained(e: Exact) -> Exact:
    return Exact(e.s.training(), e.j, e.p)


rule("precision verdict", "✓")(lambda e: True)
rule("precision verdict", "✗")(lambda e: not finite(e) or largest(e.x) > LARGE**0.5)
rule(
    P,
    "All x are equal and ε is 0: no precision has anything to divide by. The gradient is 0 by "
    "definition; what a textbook pass makes of 0/0 means nothing. Nothing to compare.",
)(lambda e: _trained(e).undefined)


@rule(
    P,
    "Σ∂L/∂x looks perfect and the gradient is wrong: @. The sum is off by # of what was added up, "
    "and ∂L/∂x by #.",
)
def _perfect(e: Exact, called: str, residue: str, error: str) -> object:
    o = _trained(e)
    _, left, off, _ = _errors(o)[called]
    return (
        left <= 1.01e-4 and off >= 0.099 and shows(residue, left, 1e-6) and shows(error, off, 1e-9)
    )


@rule(P, "@: no number at all.")
def _none(e: Exact, listed: str) -> object:
    found = _errors(_trained(e))
    return all(mp.isinf(found[name][2]) for name in found if name in listed)


@rule(
    P,
    "Digits are lost where numbers of different size meet: @. Its ∂L/∂x is off by # of what was "
    "added up, and its sum by #.",
)
def _poor(e: Exact, called: str, error: str, residue: str) -> object:
    p, left, off, _ = _errors(_trained(e))[called]
    return off > 15.9 * p.digits and shows(error, off, 1e-9) and shows(residue, left, 1e-6)


@rule(
    P,
    "What is left of ∂L/∂x is rounding, in every precision. All that is added up cancels, as far "
    "as float64 can tell. What a format leaves of it says how it rounds, and nothing else.",
)
def _rounding(e: Exact) -> object:
    o = _trained(e)
    return largest(o.dx) <= 40 * o.bound


@rule(
    P,
    "Nearly all cancels, and few digits lose what is left: @. Beside what was added up its ∂L/∂x "
    "is off by #, which is no more than rounding. Beside the largest ∂L/∂x itself that is #.",
)
def _cancels(e: Exact, called: str, error: str, own: str) -> object:
    o = _trained(e)
    p, _, off, beside = _errors(o)[called]
    least = o.bound / largest(o.dx)  # the rounding of the careful answer itself
    slack = beside * min(mp.mpf(1), least) + 2 * least
    return off <= 16.1 * p.digits and (shows(error, off, 1e-12) and shows(own, beside, slack))


@rule(
    P,
    "On these numbers every precision is right to its own digits. Errors are counted as shares of "
    "what was added up. Move x far away from 0, as in “A large offset”, to see them part.",
)
def _right(e: Exact) -> object:
    o = _trained(e)
    least = 3 * o.bound / largest(o.dx) if largest(o.dx) else mp.inf
    return all(
        off <= 16.1 * p.digits + 2 * o.u and own <= 16.2 * p.digits + least
        for p, _, off, own in _errors(o).values()
    )


def _any(e: Exact, test: Any) -> bool:
    return any(test(p) for p, *_ in _errors(_trained(e)).values())


rule(P, "The variance is too large for the format.")(lambda e: _any(e, lambda p: np.isinf(p.var)))
rule(P, "σ² + ε is 0 there, and 0 can’t be divided by.")(
    lambda e: _any(e, lambda p: p.var + float(np.asarray(e.s.eps, p.dtype)) == 0)
)
rule(P, "The variance came out as #, below 0.")(
    lambda e, var: _any(e, lambda p: p.var < 0 and shows(var, mp.mpf(p.var)))
)
rule(P, "The variance came out as # in place of #, and the zero sum holds for any variance.")(
    lambda e, var, right: (
        shows(right, _trained(e).var, 1e-9 * _trained(e).var)
        and _any(e, lambda p: np.isfinite(p.var) and shows(var, mp.mpf(p.var)))
    )
)
rule(P, "Something in it is too small or too large for the format, and 0 came out.")(
    lambda e: _any(e, lambda p: not p.dx.any())
)
rule(P, "Something in it is too small or too large for the format.")(
    lambda e: _any(e, lambda p: not np.isfinite(p.dx).all() or not p.dx.any() or p.error > 0.05)
)
rule(
    P,
    "The six equations as printed, in float64, are off by # of what was added up from the careful "
    "answer.",
)(lambda e, off: shows(off, _errors(_trained(e))["float64 with σ² as mean of (x − μ)²"][2], 1e-13))
always(P, "The six equations as printed, in float64, give no number there.")

# ---- Neighbours ------------------------------------------------------------------------


def _apart(e: Exact, norm: str) -> tuple[Any, Any, Any]:
    """Beside training: by how much y and ∂L/∂x differ, as shares of their sizes; and of what."""
    s = e.s.training()
    (y, dx, slack), (y_, dx_, slack_) = normed(s, "batch"), normed(s, norm)
    j = e.j
    beta = mp.mpf(float(s.beta[j]))
    size = largest([row[j] - beta for row in y_]) + mp.mpf("1e-3") * abs(beta) + SMALL
    one = largest([a[j] - b[j] for a, b in zip(y, y_, strict=True)]) / size
    two = largest([a[j] - b[j] for a, b in zip(dx, dx_, strict=True)]) / (slack + slack_)
    return one, two, size


for _norm in neighbours.NORMS:
    for _y in ("the same y", "another y"):
        for _dx in ("the same gradient", "another gradient"):
            for _word in ("and", "but", "and yet"):

                @rule(f"neighbour {_norm}", f"This: {_y} {_word} {_dx}.")
                def _beside(
                    e: Exact, norm: str = _norm, y: str = _y, dx: str = _dx, word: str = _word
                ) -> object:
                    if _trained(e).undefined or not finite(e):
                        return True
                    same_y, same_dx = y == "the same y", dx == "the same gradient"
                    one, two, _ = _apart(e, norm)
                    joined = {(True, True): "and", (False, False): "and", (True, False): "but"}
                    right = joined.get((same_y, same_dx), "and yet") == word
                    told_y = one < mp.mpf("1e-9") if same_y else one > mp.mpf("1e-15")
                    # The slack of float64 is some 4 · (n + 8) ulps: 1e-12 lies above it.
                    told_dx = two < 2e4 if same_dx else two > 0
                    return right and told_y and told_dx

    @rule(f"neighbour {_norm}", "Over the batch its ∂L/∂x (neuron #) adds up to 0.")
    def _adds_nothing(e: Exact, j: str, norm: str = _norm) -> object:
        _, dx, slack = normed(e.s.training(), norm)
        total = mp.fsum(row[e.j] for row in dx)
        far = norm in ("batch", "conv") or not finite(e)
        return int(j) == e.j + 1 and (far or abs(total) <= 2e4 * e.n * slack)

    @rule(
        f"neighbour {_norm}",
        "Over the batch its ∂L/∂x (neuron #) adds up to #, so a bias in front of it would get a "
        "gradient.",
    )
    def _adds(e: Exact, j: str, total: str, norm: str = _norm) -> object:
        _, dx, slack = normed(e.s.training(), norm)
        if norm in ("batch", "conv"):
            return _trained(e).overflows
        told = shows(total, mp.fsum(row[e.j] for row in dx), e.n * slack)
        return int(j) == e.j + 1 and (told or not finite(e))


def _group_sums(e: Exact, norm: str, kind: str) -> tuple[list[Any], Any]:
    """∂L/∂x of a norm added up over each group of a kind, and what rounding may do to one."""
    s = e.s.training()
    n, k = s.shape
    _, dx, slack = normed(s, norm)
    images = next((m for m in range(2, n + 1) if n % m == 0), 1)
    channels, positions = k // (2 if k % 2 == 0 and k >= 4 else 1), n // images
    key: Any = {
        "batch": lambda i, j: j,
        "sample": lambda i, j: i,
        "image": lambda i, j: (i // positions, j),
        "group": lambda i, j: (i // positions, j // channels),
        "place": lambda i, j: (i % positions, j),
    }[kind]
    found: dict[Any, list[Any]] = {}
    for i in range(n):
        for j in range(k):
            found.setdefault(key(i, j), []).append(dx[i][j])
    return [mp.fsum(v) for v in found.values()], slack * n * k


for _norm in neighbours.NORMS:
    for _kind in neighbours.SUMS:

        @rule(f"sums {_norm} {_kind}", "✓ 0")
        def _all_zero(e: Exact, norm: str = _norm, kind: str = _kind) -> object:
            sums, slack = _group_sums(e, norm, kind)
            return not finite(e) or largest(sums) <= 64 * slack

        @rule(f"sums {_norm} {_kind}", "#")
        def _not_zero(e: Exact, value: str, norm: str = _norm, kind: str = _kind) -> object:
            sums, slack = _group_sums(e, norm, kind)
            own = {"batch": "batch", "conv": "batch", "layer": "sample", "instance": "image",
                   "group": "group"}.get(norm)  # fmt: skip
            there = any(shows(value, total, slack) for total in sums)
            return not finite(e) or (there and own != kind)


R = "running"
rule(
    R,
    "With one sample the variance over N − 1 is 0/0. PyTorch refuses to train on one value a "
    "neuron; not every framework does. Here the running statistics stay at mean 0 and variance 1.",
)(lambda e: e.n == 1)


@rule(
    R,
    "Training normalises with σ² = Σ(x − μ)²/N = # (neuron #). The running variance, which "
    "evaluation uses, moves in PyTorch towards the unbiased one, σ² · N/(N − 1) = #: one step from "
    "1, with momentum 0.1, brings it to #. Other frameworks keep the biased one.",
)
def _running(e: Exact, var: str, j: str, unbiased: str, kept: str) -> object:
    o = _trained(e)
    full = o.var * o.n / (o.n - 1)
    slack = 1e-12 * full
    return (
        shows(var, o.var, slack)
        and shows(unbiased, full, slack)
        and shows(kept, mp.mpf("0.9") + full / 10, slack + 1e-12)
    )
