"""The independent proof: green on what is right, red on what is not, for every loss."""

from dataclasses import replace
from itertools import product

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.presets import PRESETS
from bnviz.proof import complex_step
from bnviz.proof.losses import LOSSES, under
from tests.kinds import Arguments, Traced
from tests.strategies import batches, layers


def checked(s: Scenario, loss: str = "given") -> dict[str, complex_step.Comparison]:
    return complex_step.against(run(under(s, loss)), complex_step.numeric(s, loss), loss)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", PRESETS)
def test_every_verdict_is_green_on_every_preset(name: str, loss: str) -> None:
    s = PRESETS[name].scenario.training()
    found = checked(s, loss)
    assert set(found) >= {"dx_hat", "dvar", "dmean", "dx", "dgamma", "dbeta", "dweight", "dbias"}
    assert ("da" in found) == s.computed
    for comparison in found.values():
        assert comparison.holds, (comparison.term, comparison.difference, comparison.bound)
        assert comparison.decided_by in ("absolute", "relative")


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.one_of(batches(), layers()))
def test_every_verdict_is_green_on_random_scenarios(arguments: Arguments) -> None:
    for comparison in checked(Scenario(**arguments)).values():
        assert comparison.holds, (comparison.term, comparison.difference / comparison.bound)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(LOSSES)), st.booleans())
def test_every_loss_is_green_on_random_scenarios(seed: int, loss: str, layer: bool) -> None:
    rng = np.random.default_rng(seed)
    n, k, d = rng.integers(1, 17), rng.integers(1, 5), rng.integers(1, 5)
    s = Scenario(
        None if layer else rng.normal(rng.normal(0, 100), 10 ** rng.uniform(-3, 3), (n, k)),
        rng.normal(size=(n, k)),
        rng.normal(size=k),
        rng.normal(size=k),
        10 ** rng.uniform(-12, 0),
        rng.normal(size=(n, d)),
        rng.normal(size=(d, k)) if layer else None,
    )
    for comparison in checked(s, loss).values():
        assert comparison.holds, (comparison.term, comparison.difference / comparison.bound)


@pytest.mark.parametrize(
    "term", ["dx_hat", "dvar", "dmean", "dx", "dgamma", "dbeta", "dweight", "dbias", "da"]
)
def test_a_term_that_is_a_little_wrong_is_red(term: str) -> None:
    s = PRESETS["layer"].scenario
    t = run(s)
    value = getattr(t, term).copy()
    value.flat[-1] += 1e-8
    verdicts = complex_step.against(replace(t, **{term: value}), complex_step.numeric(s))
    assert [name for name, verdict in verdicts.items() if not verdict.holds] == [term]
    assert verdicts[term].decided_by == "neither"
    assert verdicts[term].worst == tuple(np.array(value.shape) - 1)


def test_a_nan_and_a_wrong_shape_are_red() -> None:
    s = PRESETS["puzzle"].scenario
    t = run(s)
    for wrong in (np.full_like(t.dx, np.nan), t.dx.T, t.dx[:, :1]):
        verdict = complex_step.against(replace(t, dx=wrong), complex_step.numeric(s))["dx"]
        assert not verdict.holds


def test_which_tolerance_decides() -> None:
    one = np.array([1.0])
    near = complex_step.Comparison("dx", one * (1 + 5e-13), one, one * 1e-14)
    assert near.holds
    assert near.decided_by == "relative"
    zero = complex_step.Comparison("dx", one * 1e-15, one * 0, one * 1e-14)
    assert zero.decided_by == "absolute"


def _values(anp_loss: str, y: Traced, target: Array) -> Traced:
    """Each loss once more, as one would write it for autograd."""
    picked = np.eye(target.shape[1])[target.argmax(axis=1)]
    return {
        "given": lambda: anp.sum(y * target),
        "sum": lambda: anp.sum(y),
        "squares": lambda: anp.sum(y**2),
        "cubes": lambda: anp.sum(y**3),
        "error": lambda: 0.5 * anp.sum((y - target) ** 2),
        "entropy": lambda: (
            -anp.sum(picked * (y - anp.log(anp.sum(anp.exp(y), axis=1, keepdims=True))))
        ),
    }[anp_loss]()


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_against_automatic_differentiation(loss: str) -> None:
    s = PRESETS["layer"].scenario
    y = run(s).y
    np.testing.assert_allclose(
        under(s, loss).dy, grad(lambda v: _values(loss, v, s.dy))(y), rtol=1e-12, atol=1e-13
    )
    value = LOSSES[loss].value(y.astype(complex), s.dy).real
    np.testing.assert_allclose(value, _values(loss, y, s.dy), rtol=1e-13, atol=1e-14)

    def from_weight(weight: Traced) -> Traced:
        x = anp.dot(s.a, weight) + s.bias
        away = x - anp.mean(x, axis=0)
        x_hat = away / anp.sqrt(anp.mean(away**2, axis=0) + s.eps)
        return _values(loss, s.gamma * x_hat + s.beta, s.dy)

    np.testing.assert_allclose(
        complex_step.numeric(s, loss)["dweight"], grad(from_weight)(s.weight), atol=1e-13
    )


def test_what_has_no_derivative_is_named() -> None:
    s = PRESETS["constant"].scenario
    assert complex_step.undefined(run(s)).size == 0
    assert complex_step.undefined(run(s.edit(eps=0.0))).tolist() == [0]


LAYER = PRESETS["layer"].scenario
TERMS = ["dx_hat", "dvar", "dmean", "dx", "dgamma", "dbeta", "dweight", "dbias"]


def same_in_units(
    s: Scenario, factors: dict[str, int], power: int, terms: list[str] = TERMS
) -> None:
    """Each term is the one of x, W, a or ∂L/∂y near 1, times a power of two, to the last digit.

    factors: by argument, how often it is multiplied by 2^power.
    """
    plain = complex_step.numeric(s)
    given = {name: np.ldexp(getattr(s, name), times * power) for name, times in factors.items()}
    found = complex_step.numeric(s.edit(**given))
    up, x, a = factors.get("dy", 0), factors.get("x", 0), factors.get("a", 0)
    power_of = {"dvar": up - 2 * x, "dweight": up - x + a}
    for term in terms:
        own = power_of.get(term, up if term in ("dx_hat", "dgamma", "dbeta") else up - x)
        expected = np.ldexp(plain[term], own * power)
        assert np.isfinite(expected).all()
        np.testing.assert_array_equal(found[term], expected, term)


@pytest.mark.parametrize("power", [-500, -60, 60, 500])
@pytest.mark.parametrize(
    "factors", [{"x": 1}, {"dy": 1}, {"a": 1}, {"dy": 1, "x": 1}, {"a": 1, "dy": 1, "x": 1}]
)
def test_units_change_no_digit(factors: dict[str, int], power: int) -> None:
    """At the ends of float64 σ² of x itself is 0 or inf, and so is what is built on it."""
    s = Scenario(LAYER.x, LAYER.dy, LAYER.gamma, LAYER.beta, 0.0, LAYER.a)
    same_in_units(s, factors, power)


def test_what_is_a_number_only_with_its_upstream_keeps_its_digits() -> None:
    """∂L/∂σ² has units of ∂L/∂y / x², and x⁻² alone is smaller than numbers go here."""
    s = Scenario(LAYER.x, LAYER.dy, LAYER.gamma, LAYER.beta, 0.0, LAYER.a)
    same_in_units(s, {"dy": 1, "x": 1}, 520)
    wide = s.edit(x=np.ldexp(s.x, 520), dy=np.ldexp(s.dy, 500), eps=1e-5)
    assert all(c.holds for c in checked(wide, "given").values())


@pytest.mark.parametrize("power", [-490, 490])
def test_units_of_eps_are_those_of_x_squared(power: int) -> None:
    s = Scenario(LAYER.x, LAYER.dy, LAYER.gamma, LAYER.beta, 0.25, LAYER.a)
    plain = complex_step.numeric(s)
    found = complex_step.numeric(s.edit(x=np.ldexp(s.x, power), eps=np.ldexp(0.25, 2 * power)))
    for term in ("dx_hat", "dgamma", "dbeta"):
        np.testing.assert_array_equal(found[term], plain[term])
    for term in ("dx", "dmean", "dweight", "dbias"):
        np.testing.assert_array_equal(found[term], np.ldexp(plain[term], -power))
    np.testing.assert_array_equal(found["dvar"], np.ldexp(plain["dvar"], -2 * power))


@pytest.mark.parametrize("power", [-490, 490])
@pytest.mark.parametrize("side", ["weight", "a"])
def test_units_of_a_layer_change_no_digit(side: str, power: int) -> None:
    """x = aW: with W in other units ∂L/∂a stays; with a in other units it is divided by them."""
    assert LAYER.weight is not None
    s = LAYER.edit(eps=0.0, bias=np.zeros(LAYER.shape[1]))
    plain = complex_step.numeric(s)
    found = complex_step.numeric(s.edit(**{side: np.ldexp(getattr(s, side), power)}))
    times = {"weight": (0, -1), "a": (-1, 0)}[side]
    for term, by in zip(("da", "dweight"), times, strict=True):
        np.testing.assert_array_equal(found[term], np.ldexp(plain[term], by * power), term)


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "entropy"])
@pytest.mark.parametrize("gamma", [-1e60, -1e30, 1e30, 1e60])
def test_a_steep_scale_moves_no_loss_too_far(gamma: float, loss: str) -> None:
    """γ of any size and sign: the step in x̂ is as much smaller as y is steeper."""
    for c in checked(LAYER.edit(gamma=np.array([gamma, 1.0])), loss).values():
        assert c.holds, (c.term, c.difference, c.bound)


def signed(s: Scenario) -> list[dict[str, np.ndarray]]:
    """Each term for each way to choose the signs of ∂L/∂y, neuron by neuron."""
    found = []
    for signs in product((-1.0, 1.0), repeat=s.shape[0]):
        t = run(s.edit(dy=np.abs(s.dy) * np.array(signs)[:, None]))
        found.append({term: np.abs(getattr(t, term)) for term in complex_step.sizes(t)})
    return found


@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_a_size_is_the_largest_that_a_term_can_be(spread: float) -> None:
    """Over all signs of ∂L/∂y: no term exceeds its size, and no size is far from its term."""
    s = LAYER.edit(x=None, eps=1e-5 + spread, gamma=np.array([0.4, -3.0]))
    t = run(s)
    worst = {term: np.max([f[term] for f in signed(s)], axis=0) for term in complex_step.sizes(t)}
    widest = np.maximum(np.abs(t.x_hat).max(axis=0), 1.0)
    for term, size in complex_step.sizes(t).items():
        assert size.shape == worst[term].shape
        assert (worst[term] <= size * (1 + 1e-12)).all(), term
    sizes = complex_step.sizes(t)
    np.testing.assert_allclose(sizes["dx_hat"], worst["dx_hat"], rtol=1e-14)
    np.testing.assert_allclose(sizes["dbeta"], worst["dbeta"], rtol=1e-14)
    np.testing.assert_allclose(sizes["dmean"], worst["dmean"] * widest, rtol=1e-12)
    np.testing.assert_allclose(sizes["dvar"], 2 * worst["dvar"] * widest, rtol=1e-12)
    assert (sizes["dgamma"] <= 3 * widest * worst["dgamma"]).all()
    assert (sizes["dx"].max(axis=0) <= 4 * widest * worst["dx"].max(axis=0)).all()
    assert s.a is not None
    assert s.weight is not None
    # ∂L/∂W and ∂L/∂a are made of ∂L/∂x and the largest a, or all W.
    np.testing.assert_allclose(
        sizes["dweight"], np.abs(s.a).max(axis=0)[:, None] * sizes["dx"][0], rtol=1e-14
    )
    np.testing.assert_allclose(sizes["da"], sizes["dx"] @ np.abs(s.weight).T, rtol=1e-14)
    np.testing.assert_allclose(sizes["dbias"], sizes["dx"][0], rtol=1e-14)


def test_the_bound_is_a_few_roundings_of_the_size() -> None:
    """Four sums of N terms, each 2 (N + 8) roundings times the margin of an identity."""
    t = run(LAYER)
    one = 2 * (LAYER.shape[0] + 8) * 2.0**-53
    sizes = complex_step.sizes(t)
    for term, c in complex_step.against(t, complex_step.numeric(LAYER)).items():
        share = c.absolute / (one * sizes[term])
        assert ((share > 4) & (share < 40)).all(), term


def test_where_a_gradient_is_zero_only_rounding_is_allowed() -> None:
    """Two samples at ε = 0: ∂L/∂x is 0, and 1e-12 of what was added up is not."""
    s = Scenario([[1.0], [4.0]], [[0.5], [-2.0]], eps=0.0)
    t, found = run(s), complex_step.numeric(s)
    scale = t.inv_std * np.abs(t.dx_hat).sum(axis=0)
    for share, holds in ((1e-15, True), (1e-12, False), (-1e-12, False)):
        bent = replace(t, dx=t.dx + share * scale)
        assert complex_step.against(bent, found)["dx"].holds is holds


@pytest.mark.parametrize(
    ("analytic", "numeric", "holds"),
    [
        (1.0 + 9e-13, 1.0, True),
        (1.0 + 3e-12, 1.0, False),
        (5e-15, 0.0, True),
        (2e-14, 0.0, False),
        (np.inf, np.inf, True),
        (np.inf, -np.inf, False),
        (1.0, np.inf, False),
        (np.inf, 1.0, False),
        (np.nan, 1.0, False),
        (1.0, np.nan, False),
    ],
)
def test_one_number_beside_another(analytic: float, numeric: float, holds: bool) -> None:
    c = complex_step.Comparison("dx", *(np.array([v]) for v in (analytic, numeric, 1e-14)))
    assert c.holds is holds
    assert (c.shares <= 1).all() == holds
    assert not np.isnan(c.shares).any()


def test_the_worst_entry_is_that_nearest_to_its_own_bound() -> None:
    numeric = np.array([1e6, 1.0, 0.0])
    c = complex_step.Comparison(
        "dx", numeric + np.array([1e-7, 8e-13, 2e-15]), numeric, np.array([1e-14, 1e-14, 1e-14])
    )
    assert c.worst == (1,)
    np.testing.assert_allclose(c.shares, [0.1, 0.79, 0.2], rtol=0.05)


@pytest.mark.parametrize("gamma", [1e30, -1e30, 1e-30])
def test_equal_probabilities_have_their_slope_however_steep_y_is(gamma: float) -> None:
    """At x̂ = 0 three classes are as likely, and ∂L/∂x̂ is γ (⅓ − 1) or γ ⅓."""
    x = np.array([[-1.0] * 3, [0.0] * 3, [1.0] * 3])
    s = Scenario(x, np.eye(3), gamma)
    found = complex_step.numeric(s, "entropy")["dx_hat"]
    np.testing.assert_allclose(found[1] / gamma, [1 / 3, -2 / 3, 1 / 3], rtol=1e-12)


def test_an_upstream_only_where_x_hat_is_0_is_no_disagreement() -> None:
    """Σg·(x − μ) is then all rounding of x̂, which is that of the widest x̂ and not its own."""
    x = np.array([[0.1], [0.7], [0.4]])  # the last is the mean, to the last bit or nearly
    s = Scenario(x, np.array([[0.0], [0.0], [1.3]]))
    compared = complex_step.against(run(s), complex_step.numeric(s))
    assert all(c.holds for c in compared.values())
