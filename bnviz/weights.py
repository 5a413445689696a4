"""Why ∂L/∂W survives: what it is made of, when it vanishes, and the geometry behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bnviz.identities import Check, column_sums, gradient_scale, rounding
from bnviz.scenario import Array, Scenario
from bnviz.trace import Trace, run

_TINY = float(np.finfo(np.float64).tiny)


def inputs(s: Scenario) -> Array:
    """a, (N, d); ValueError where the scenario has none."""
    if s.a is None:
        raise ValueError("a must be given: the weight gradient needs the inputs of the layer.")
    return s.a


# ---- Outer products and covariance ------------------------------------------------


def running_outer(t: Trace) -> Array:
    """The sum of the first 1 … N outer products aᵢ ⊗ ∂L/∂xᵢ, (N, d, k)."""
    products = inputs(t.scenario)[:, :, None] * t.dx[:, None, :]
    sums: Array = np.cumsum(products, axis=0)
    return sums


def running_bias(t: Trace) -> Array:
    """The same with every input 1, (N, k): it ends at ∂L/∂b."""
    sums: Array = np.cumsum(t.dx, axis=0)
    return sums


def contributions(t: Trace, neuron: int, unit: int, *, centred: bool) -> Array:
    """What each sample adds to ∂L/∂W[p, j], (N,); centred: with a measured from its mean."""
    a = inputs(t.scenario)[:, unit]
    products: Array = (a - a.mean() if centred else a) * t.dx[:, neuron]
    return products


def shifted(s: Scenario, amount: float) -> Scenario:
    """The scenario with a constant added to all inputs a."""
    return s.edit(a=inputs(s) + amount)


@np.errstate(over="ignore", invalid="ignore")
def shift_check(s: Scenario, amount: float) -> Check:
    """Adding a constant to a changes nothing in ∂L/∂W, (d, k)."""
    here, there = run(s), run(shifted(s, amount))
    assert here.dweight is not None
    assert there.dweight is not None
    reach = np.abs(inputs(s)).max(axis=0) + abs(amount)
    # In a layer x moves along with a, and rounds anew at its larger size.
    sizes = np.abs(there.scenario.x).max(axis=0) + np.abs(s.x).max(axis=0)
    rerounded = 1.0 + sizes * here.inv_std if s.layer else np.ones(s.shape[1])
    bound = rounding(s.shape[0]) * np.outer(reach, gradient_scale(here) * rerounded)
    return Check("∂L/∂W stays the same", there.dweight - here.dweight, bound + _TINY)


# ---- Where it vanishes --------------------------------------------------------------


@dataclass(frozen=True)
class Vanishing:
    """A change of the scenario after which a part of ∂L/∂W is 0, and why."""

    title: str
    reason: str
    make: Callable[[Scenario, int, int], Scenario]
    whole_row: bool = False  # all neurons of one input; else all of one neuron


def _constant_column(s: Scenario, neuron: int, unit: int) -> Scenario:
    a = inputs(s).copy()
    a[:, unit] = np.round(a[:, unit].mean(), 1) or 1.0
    return Scenario(s.x, s.dy, s.gamma, s.beta, s.eps, a)


def _identical_rows(s: Scenario, neuron: int, unit: int) -> Scenario:
    return Scenario(s.x, s.dy, s.gamma, s.beta, s.eps, np.tile(inputs(s)[0], (s.shape[0], 1)))


def _one_feature(s: Scenario, neuron: int, unit: int) -> Scenario:
    a = inputs(s)[:, [unit]]
    return Scenario(None, s.dy, s.gamma, s.beta, 0.0, a, np.ones((1, s.shape[1])))


def _two_samples(s: Scenario, neuron: int, unit: int) -> Scenario:
    n = min(2, s.shape[0])
    return Scenario(s.x[:n], s.dy[:n], s.gamma, s.beta, 0.0, inputs(s)[:n])


def _same_for_all(s: Scenario, neuron: int, unit: int) -> Scenario:
    return s.edit(dy=np.ones_like(s.dy))


def _uncorrelated(s: Scenario, neuron: int, unit: int) -> Scenario:
    """The upstream without what the weights of this neuron can see."""
    t = run(s)
    a = inputs(s)
    seen = jacobian(t, neuron) @ (a - a.mean(axis=0))
    lengths = np.linalg.norm(seen, axis=0)
    # Inputs may have units of their own; what is constant leaves only dust.
    real = lengths > 1e-12 * np.abs(a).max(axis=0) * t.inv_std[neuron]
    seen = np.where(real, seen / np.where(real, lengths, 1.0), 0.0)
    basis, sizes, _ = np.linalg.svd(seen, full_matrices=False)
    basis = basis[:, sizes > 1e-9 * max(float(sizes.max(initial=0.0)), _TINY)]
    dy = s.dy.copy()
    for _ in range(2):  # once more for what rounding left
        dy[:, neuron] -= basis @ (basis.T @ dy[:, neuron])
    dust = 1e-14 * float(np.abs(s.dy[:, neuron]).max())
    dy[np.abs(dy[:, neuron]) <= dust, neuron] = 0.0
    return s.edit(dy=dy)


VANISHING = (
    Vanishing(
        "A constant input",
        "An input that is the same for every sample only multiplies a sum that is 0. A bias "
        "is an input that is always 1, so in front of a batch norm it is dead.",
        _constant_column,
        whole_row=True,
    ),
    Vanishing(
        "Identical rows",
        "If all samples enter the layer alike, no weight can tell them apart.",
        _identical_rows,
    ),
    Vanishing(
        "One input, ε = 0",
        "With a single input, x̂ is that input, normalised. ∂L/∂x has no part along x̂ at ε = 0, "
        "so it has none along a.",
        _one_feature,
    ),
    Vanishing(
        "Two samples, ε = 0",
        "Two samples have two directions, 1 and x̂, and the norm takes both away.",
        _two_samples,
    ),
    Vanishing(
        "The same upstream for all",
        "What all samples share is taken away by the mean, whatever it is.",
        _same_for_all,
    ),
    Vanishing(
        "An uncorrelated upstream",
        "The part of the upstream that varies with any input is taken out. Samples may still get "
        "gradients; this neuron’s weights get none.",
        _uncorrelated,
    ),
)


def vanished(case: Vanishing, t: Trace, neuron: int, unit: int) -> Check:
    """∂L/∂W where the case says that it is 0: an entry for each neuron, or for each input."""
    assert t.dweight is not None
    d, k = t.dweight.shape
    places = [(unit, j) for j in range(k)] if case.whole_row else [(p, neuron) for p in range(d)]
    sums = [column_sums(t, j, p)["dweight"] for p, j in places]
    return Check("∂L/∂W = 0", np.array([s.value for s in sums]), np.array([s.bound for s in sums]))


# ---- Scale invariance -----------------------------------------------------------------


def as_layer(s: Scenario) -> Scenario:
    """The scenario itself, or the layer whose x comes nearest to the x set by hand."""
    if s.layer:
        return s
    a = inputs(s)
    design = np.column_stack([a, np.ones(a.shape[0])])
    fit = np.round(np.linalg.lstsq(design, s.x, rcond=None)[0], 2)
    return Scenario(None, s.dy, s.gamma, s.beta, s.eps, a, fit[:-1], fit[-1])


def scaled(layer: Scenario, factor: float) -> Scenario:
    """The layer with its weights multiplied by a factor."""
    assert layer.weight is not None
    return layer.edit(weight=layer.weight * factor)


@dataclass(frozen=True)
class Invariance:
    """⟨w, ∂L/∂w⟩ of one neuron, what the formula says, and the sizes of both vectors."""

    inner: float
    formula: float
    bound: float
    weight: float
    gradient: float
    rounding: float  # of the gradient: below it there is none

    @property
    def learns(self) -> bool:
        """Is there a gradient, and not only what rounding left of 0?"""
        return bool(np.isfinite(self.gradient)) and self.gradient > self.rounding

    @property
    def holds(self) -> bool:
        """Never true of a nan."""
        return abs(self.inner - self.formula) <= self.bound


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def invariance(layer: Scenario, neuron: int) -> Invariance:
    """⟨w, ∂L/∂w⟩ = ε/(σ²+ε) · γ · ∂L/∂γ, since x̂ hardly changes when w is scaled."""
    t = run(layer)
    assert layer.weight is not None
    assert layer.bias is not None
    assert t.dweight is not None
    w, dw = layer.weight[:, neuron], t.dweight[:, neuron]
    share = float(layer.eps * t.inv_std[neuron] ** 2)
    size = np.abs(inputs(layer)).max(axis=0) @ np.abs(w) + abs(layer.bias[neuron])
    along = float(np.abs(t.dx_hat[:, neuron] * t.x_hat[:, neuron]).sum())
    return Invariance(
        inner=float(w @ dw),
        formula=share * float(layer.gamma[neuron] * t.dgamma[neuron]),
        bound=rounding(layer.shape[0]) * float(size * gradient_scale(t)[neuron] + along) + _TINY,
        weight=float(np.linalg.norm(w)),
        gradient=float(np.linalg.norm(dw)),
        rounding=4
        * rounding(layer.shape[0])
        * float(np.linalg.norm(np.abs(inputs(layer)).max(axis=0)) * gradient_scale(t)[neuron])
        + _TINY,
    )


@dataclass(frozen=True)
class Descent:
    """Plain gradient steps: |w| as it was reached, and as the formula foretold it."""

    rate: float
    length: Array  # (steps + 1,)
    foretold: Array  # (steps + 1,)

    @property
    def holds(self) -> bool:
        """To a part in 10¹⁰, at every step."""
        return bool(np.allclose(self.length, self.foretold, rtol=1e-10, atol=0))


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def descend(layer: Scenario, neuron: int, steps: int = 10) -> Descent:
    """Steps w ← w − η ∂L/∂w for one neuron, with the upstream gradient held as it is.

    |w'|² = |w|² − 2η⟨w, ∂L/∂w⟩ + η²|∂L/∂w|², with the formula for the inner product.
    The rate is a power of ten at which the first step is no longer than half of w.
    """
    first = invariance(layer, neuron)
    usable = first.learns and first.weight > 0 and np.isfinite(first.weight / first.gradient)
    rate = 10.0 ** np.floor(np.log10(0.5 * first.weight / first.gradient)) if usable else 0.0
    length, foretold = [first.weight], [first.weight]
    for _ in range(steps):
        now = invariance(layer, neuron)
        if not rate or not now.learns:
            length.append(length[-1])
            foretold.append(length[-1])
            continue
        t = run(layer)
        assert layer.weight is not None
        assert t.dweight is not None
        grown = now.weight**2 - 2 * rate * now.formula + rate**2 * now.gradient**2
        foretold.append(float(np.sqrt(grown)))
        weight = layer.weight.copy()
        weight[:, neuron] -= rate * t.dweight[:, neuron]
        layer = layer.edit(weight=weight)
        length.append(float(np.linalg.norm(weight[:, neuron])))
    return Descent(float(rate), np.array(length), np.array(foretold))


# ---- Geometry ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """g = ∂L/∂x̂ of one neuron in three orthogonal parts, (N,) each, and what each becomes."""

    mean: Array  # along 1: removed
    along: Array  # along x̂: removed up to ε/(σ²+ε)
    rest: Array  # kept, times 1/√(σ²+ε)
    gain_along: float  # ε·s³
    gain_rest: float  # s

    @property
    def shares(self) -> tuple[float, float, float]:
        """Squared lengths over that of g: they add to 1, by Pythagoras; 0 where g is 0."""
        parts = (self.mean, self.along, self.rest)
        largest = max(float(np.abs(part).max()) for part in parts) or 1.0
        squares = [float((part / largest) @ (part / largest)) for part in parts]
        whole = sum(squares)
        one, two, three = (square / whole if whole else 0.0 for square in squares)
        return one, two, three


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def split(t: Trace, neuron: int) -> Split:
    """g along 1, along x̂ and the rest."""
    g, x_hat = t.dx_hat[:, neuron], t.x_hat[:, neuron]
    size = float(np.linalg.norm(x_hat))
    unit = x_hat / size if size > 0 else np.zeros_like(x_hat)
    mean = np.full_like(g, g.mean())
    along = unit * float(unit @ (g - mean))
    s = float(t.inv_std[neuron])
    return Split(mean, along, g - mean - along, t.scenario.eps * s**3, s)


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def jacobian(t: Trace, neuron: int) -> Array:
    """∂x̂/∂x = s (I − 11ᵀ/N − x̂x̂ᵀ/N), (N, N), symmetric."""
    x_hat = t.x_hat[:, neuron]
    n = x_hat.size
    matrix: Array = t.inv_std[neuron] * (np.eye(n) - 1.0 / n - np.outer(x_hat, x_hat) / n)
    return matrix


def eigenvalues(t: Trace, neuron: int) -> Array:
    """Of the Jacobian, from small to large, (N,); found numerically, not by the formula."""
    return np.asarray(np.linalg.eigvalsh(jacobian(t, neuron)), dtype=np.float64)


def eigenvalues_by_formula(t: Trace, neuron: int) -> Array:
    """0 on 1, ε·s³ on x̂, s on the N − 2 that are left; sorted, (N,)."""
    n = t.x_hat.shape[0]
    parts = split(t, neuron)
    flat = not t.x_hat[:, neuron].any()
    known = [0.0] if flat or n < 2 else [0.0, parts.gain_along]
    return np.sort(np.array(known + [parts.gain_rest] * (n - len(known))))
