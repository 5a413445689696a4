"""The contract of `trace`: names, shapes, what is read-only, and how the pieces add up."""

from dataclasses import FrozenInstanceError, fields

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from numpy.typing import ArrayLike

import bnviz
from bnviz.core.trace import Trace
from tests.kinds import Arguments, Traced, there

N, D, K = 7, 3, 4
EPS = 1e-3
FIELDS = {
    "mean": (K,),
    "var": (K,),
    "inv_std": (K,),
    "x_hat": (N, K),
    "y": (N, K),
    "dbeta": (K,),
    "dgamma": (K,),
    "dx_hat": (N, K),
    "dvar": (K,),
    "dmean_direct": (K,),
    "dmean_via_var": (K,),
    "dmean": (K,),
    "dx_direct": (N, K),
    "dx_via_var": (N, K),
    "dx_via_mean": (N, K),
    "dx": (N, K),
    "dx_simplified": (N, K),
    "dweight": (D, K),
    "dbias": (K,),
    "da": (N, D),
}
ROUNDING = 1e-13
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def given() -> Arguments:
    """The arguments of a computed scenario."""
    rng = np.random.default_rng(7)
    return {
        "x": None,
        "dy": rng.normal(size=(N, K)),
        "gamma": rng.normal(size=K),
        "beta": rng.normal(size=K),
        "eps": EPS,
        "a": rng.normal(size=(N, D)),
        "weight": rng.normal(size=(D, K)),
        "bias": rng.normal(size=K),
    }


@pytest.fixture
def t(given: Arguments) -> Trace:
    return bnviz.trace(**given)


def close(got: Traced, expected: Traced, scale: ArrayLike = 1.0) -> None:
    """Within rounding of numbers of this scale."""
    np.testing.assert_allclose(got, expected, rtol=0, atol=ROUNDING * np.max(scale))


def loss(
    dy: Traced, a: Traced, weight: Traced, bias: Traced, gamma: Traced, beta: Traced
) -> Traced:
    """Σ y·dy of the layer and the norm, written out for autograd."""
    x = anp.dot(a, weight) + bias
    centred = x - anp.mean(x, axis=0)
    x_hat = centred / anp.sqrt(anp.mean(centred**2, axis=0) + EPS)
    return anp.sum(dy * (gamma * x_hat + beta))


def test_fields_in_the_order_of_the_derivation(t: Trace) -> None:
    assert [f.name for f in fields(t)] == [*FIELDS, "scenario"]


@pytest.mark.parametrize("name", FIELDS)
def test_shape_and_dtype(t: Trace, name: str) -> None:
    value = getattr(t, name)
    assert (value.shape, value.dtype) == (FIELDS[name], np.float64)


@pytest.mark.parametrize("name", FIELDS)
def test_frozen_and_read_only(t: Trace, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(t, name, None)
    with pytest.raises(ValueError, match="read-only"):
        getattr(t, name)[...] = 0


@pytest.mark.parametrize("name", ["x", "dy", "gamma", "beta", "a", "weight", "bias"])
def test_scenario_keeps_a_read_only_copy(given: Arguments, name: str) -> None:
    if name == "x":
        given |= {"x": given["dy"] ** 2, "weight": None, "bias": None}
    mine = given[name]
    kept = getattr(bnviz.trace(**given).scenario, name)
    assert kept is not mine
    assert not np.shares_memory(kept, mine)
    assert mine.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        kept[...] = 0


def test_inputs_are_left_as_they_were(given: Arguments) -> None:
    before = {name: np.copy(v) for name, v in given.items() if isinstance(v, np.ndarray)}
    bnviz.trace(**given)
    for name, value in before.items():
        np.testing.assert_array_equal(given[name], value)


def test_x_is_computed_from_the_layer(given: Arguments, t: Trace) -> None:
    x = np.array([[np.dot(row, w) for w in given["weight"].T] for row in given["a"]])
    close(t.scenario.x, x + given["bias"], 10)
    assert t.scenario.computed


def test_bias_is_zero_if_left_out(given: Arguments) -> None:
    del given["bias"]
    close(bnviz.trace(**given).scenario.x, given["a"] @ given["weight"], 10)


def test_x_beside_the_layer_is_taken_as_given(given: Arguments) -> None:
    x = np.random.default_rng(8).normal(size=(N, K))
    t = bnviz.trace(**given | {"x": x})
    np.testing.assert_array_equal(t.scenario.x, x)
    np.testing.assert_array_equal(t.dx, bnviz.trace(x, *list(given.values())[1:5]).dx)
    assert not t.scenario.computed


@pytest.mark.parametrize(
    ("with_a", "missing"), [(False, ["dweight", "dbias", "da"]), (True, ["da"])]
)
def test_layer_terms_need_their_inputs(
    given: Arguments, t: Trace, with_a: bool, missing: list[str]
) -> None:
    given |= {"x": t.scenario.x, "weight": None, "bias": None}
    if not with_a:
        given["a"] = None
    t = bnviz.trace(**given)
    assert [name for name in FIELDS if getattr(t, name) is None] == missing
    assert (t.dweight_per_sample is None) is not with_a


@pytest.mark.parametrize("name", ["gamma", "beta"])
def test_a_number_serves_every_neuron(given: Arguments, name: str) -> None:
    one, many = (bnviz.trace(**given | {name: v}) for v in (-1.5, np.full(K, -1.5)))
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(one, field), getattr(many, field))


def test_defaults(given: Arguments) -> None:
    given |= {"gamma": np.ones(K), "beta": np.zeros(K), "eps": 1e-5}
    explicit = bnviz.trace(**given)
    for name in ("gamma", "beta", "eps"):
        del given[name]
    default = bnviz.trace(**given)
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(default, field), getattr(explicit, field))


def test_the_pieces_add_up(given: Arguments, t: Trace) -> None:
    """Each staged quantity is the sum, or the multiple, that its equation says."""
    np.testing.assert_array_equal(t.dx_hat, given["gamma"] * given["dy"])
    np.testing.assert_array_equal(t.dmean, t.dmean_direct + t.dmean_via_var)
    np.testing.assert_array_equal(t.dx, t.dx_direct + t.dx_via_var + t.dx_via_mean)
    scale = t.inv_std * np.abs(t.dx_hat).sum(axis=0)
    close(t.y, given["gamma"] * t.x_hat + given["beta"], 10)
    close(t.dx_direct, t.dx_hat * t.inv_std, scale)
    close(t.dx_via_var, t.dvar * 2 * t.x_hat / t.inv_std / N, scale)
    close(t.dx_via_mean, np.tile(t.dmean / N, (N, 1)), scale)
    close(t.dx_simplified, t.dx, scale)
    close(t.dbeta, sum(given["dy"]), N)
    close(t.dgamma, sum(given["dy"] * t.x_hat), N)


def test_what_is_zero_by_algebra_is_computed_nonetheless() -> None:
    """With Σg = 0 exactly, ∂L/∂μ is the residue of its second term, and is not set to 0."""
    rng = np.random.default_rng(10)
    x, a = rng.normal(size=(6, 200)), np.ones((6, 1))
    half = rng.normal(size=(3, 200))
    t = bnviz.trace(x, np.stack([half, -half], axis=1).reshape(6, 200), a=a)
    assert not t.dmean_direct.any()
    assert t.dmean_via_var.any()
    np.testing.assert_array_equal(t.dmean, t.dmean_via_var)
    assert there(t.dbias).any()
    np.testing.assert_array_equal(t.dbias, sum(t.dx))


def test_the_residue_of_the_second_term_is_that_of_its_own_numbers() -> None:
    """With σ² + ε = 1, x̂ is x − μ itself, and equation 3 can be done to the last digit."""
    rng = np.random.default_rng(2)
    residues = 0
    for _ in range(50):
        x, dy = 0.5 * rng.normal(size=(6, 1)), rng.normal(size=(6, 1))
        t = bnviz.trace(x, dy, eps=1.0 - float(bnviz.trace(x, dy).var[0]))
        if t.inv_std[0] == 1:
            expected = t.dvar * (-2 * t.x_hat).sum(axis=0) / 6
            np.testing.assert_array_equal(t.dmean_via_var, expected)
            residues += expected[0] != 0
    assert residues > 10


def test_only_a_constant_column_without_eps_is_undefined(t: Trace) -> None:
    assert t.undefined.tolist() == [False] * K
    constant = np.column_stack([np.full(3, 0.1), [1, 2, 3]])
    assert bnviz.trace(constant, constant, eps=0.0).undefined.tolist() == [True, False]
    assert bnviz.trace(constant, constant, eps=1e-5).undefined.tolist() == [False, False]


def test_weight_gradient_is_a_sum_of_outer_products(given: Arguments, t: Trace) -> None:
    per_sample = there(t.dweight_per_sample)
    assert per_sample.shape == (N, D, K)
    for i in range(N):
        np.testing.assert_array_equal(per_sample[i], np.outer(given["a"][i], t.dx[i]))
    scale = t.inv_std * np.abs(t.dx_hat).sum(axis=0)
    close(per_sample.sum(axis=0), there(t.dweight), scale)
    close(t.dbias, sum(t.dx), scale)


def test_layer_gradients_against_autograd(given: Arguments, t: Trace) -> None:
    arguments = [given[name] for name in ("dy", "a", "weight", "bias", "gamma", "beta")]
    scale = t.inv_std * np.abs(t.dx_hat).sum(axis=0)
    for i, name in enumerate(["da", "dweight", "dbias", "dgamma", "dbeta"], start=1):
        expected = grad(loss, i)(*arguments)
        assert getattr(t, name).shape == expected.shape
        close(getattr(t, name), expected, scale)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_the_deviation_is_x_minus_its_mean(scale: float) -> None:
    x = np.array([[3.0, 1.0], [5.0, 1.0], [10.0, 1.0]]) * scale
    t = bnviz.trace(x, np.ones((3, 2)), eps=0.0)
    np.testing.assert_allclose(t.deviation[:, 0], np.array([-3, -1, 4]) * scale, rtol=1e-14)
    assert (t.deviation[:, 1] == 0).all()
