"""The corners of the input space: empty, single, constant, huge, tiny, offset, not finite.

Where a value is expected, it comes from algebra or from `decimal` with 700 digits.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from decimal import Decimal, localcontext

import numpy as np
import pytest
from numpy.typing import NDArray

import bnviz
from bnviz.core.arrays import Array
from bnviz.core.trace import Trace
from tests.kinds import Arguments, there

Column = Sequence[float] | NDArray[np.floating]
pytestmark = pytest.mark.filterwarnings("error")
ROUNDING = 1e-14
BATCH = np.array([[1.0, 0.5], [2.0, -1.0], [4.0, 0.25]])
UPSTREAM = np.array([[0.3, 1.0], [-0.2, 0.5], [0.7, -2.0]])
FORWARD = ["mean", "var", "inv_std", "x_hat", "y"]
LAYER = ["dweight", "dbias", "da"]
FIELDS = [f.name for f in fields(bnviz.Trace) if f.name not in ("scenario", *LAYER)]


def exact(
    x: Column, dy: Column, gamma: float = 1.0, eps: float = 0.0
) -> tuple[Array, float, float]:
    """(∂L/∂x, ∂L/∂γ, s·Σ|g|) of one column, from exact inputs and 700 digits.

    No backward formula: central differences of the textbook loss, with a step of
    10⁻³⁰⁰ standard deviations.
    """
    with localcontext(prec=700, Emin=-99999, Emax=99999):
        values, upstream = ([Decimal(float(v)) for v in column] for column in (x, dy))
        scale, epsilon, n = Decimal(float(gamma)), Decimal(float(eps)), len(values)

        def total(xs: Iterable[Decimal]) -> Decimal:
            return sum(xs, Decimal(0))

        def std(xs: list[Decimal]) -> Decimal:
            mean = total(xs) / n
            return (total((v - mean) ** 2 for v in xs) / n + epsilon).sqrt()

        def x_hat_dy(xs: list[Decimal]) -> Decimal:
            mean, root = total(xs) / n, std(xs)
            return total(u * (v - mean) / root for u, v in zip(upstream, xs, strict=True))

        step = std(values).scaleb(-300)

        def derivative(i: int) -> Decimal:
            up, down = ([*values[:i], values[i] + h, *values[i + 1 :]] for h in (step, -step))
            return scale * (x_hat_dy(up) - x_hat_dy(down)) / (2 * step)

        bound = total(abs(scale * u) for u in upstream) / std(values)
        dx = [float(derivative(i)) for i in range(n)]
        return np.array(dx), float(x_hat_dy(values)), float(bound)


def agrees_with_exact(x: Column, dy: Column, gamma: float = 1.0, eps: float = 0.0) -> Trace:
    """Both ∂L/∂x of the trace, and that of the lean form, for one column."""
    dx, dgamma, bound = exact(x, dy, gamma, eps)
    columns = np.reshape(x, (-1, 1)), np.reshape(dy, (-1, 1))
    t = bnviz.trace(*columns, gamma, eps=eps)
    lean = bnviz.gradients(*columns, gamma, eps=eps)
    for got in (t.dx, t.dx_simplified, lean[0]):
        assert np.isfinite(got).all()
        assert (np.abs(got.ravel() - dx) <= ROUNDING * bound).all(), (got.ravel(), dx)
    for got in (t.dgamma, lean[1]):
        # |x̂| is at most √N.
        assert abs(got - dgamma) <= ROUNDING * float(np.abs(dy).sum()) * np.sqrt(len(x))
    return t


# Wrong input


@pytest.mark.parametrize("run", [bnviz.trace, bnviz.gradients])
@pytest.mark.parametrize("name", ["x", "dy"])
@pytest.mark.parametrize(
    ("bad", "what"),
    [
        pytest.param(np.zeros((0, 2)), r"row and one column; .*\(0, 2\)", id="no rows"),
        pytest.param(np.zeros((3, 0)), r"row and one column; .*\(3, 0\)", id="no columns"),
        pytest.param([1.0, 2.0], r"two axes, \(N, k\); .*\(2,\)", id="one axis"),
        pytest.param(np.zeros((3, 2, 1)), r"two axes, \(N, k\); .*\(3, 2, 1\)", id="three axes"),
        pytest.param(1.0, r"two axes, \(N, k\); .*\(\)", id="a number"),
        pytest.param([["a", "b"]] * 3, "numbers; it holds", id="text"),
        pytest.param([[None, 1.0]] * 3, "numbers; it holds object", id="None inside"),
        pytest.param([[True, False]] * 3, "numbers; it holds bool", id="truth values"),
        pytest.param([[10**400, 1]] * 3, "numbers; it holds object", id="beyond float64"),
        pytest.param([[1.0, 2.0], [3.0]], "rows differ in length", id="ragged"),
        pytest.param([[1j, 2.0]] * 3, "real; it is complex", id="complex"),
    ],
)
def test_not_a_table_of_numbers(
    run: Callable[..., object], name: str, bad: object, what: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name} must .*{what}"):
        run(**{"x": BATCH, "dy": UPSTREAM, name: bad})


@pytest.mark.parametrize("run", [bnviz.trace, bnviz.gradients])
@pytest.mark.parametrize("shape", [(3, 1), (1, 2), (2, 2), (2, 3)])
def test_x_and_dy_of_different_shapes_are_not_broadcast(
    run: Callable[..., object], shape: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match=r"^(x|dy) must have shape \(.*, the shape of (dy|x); its"):
        run(np.ones(shape), UPSTREAM)


@pytest.mark.parametrize("run", [bnviz.trace, bnviz.gradients])
@pytest.mark.parametrize("bad", [-1e-9, np.nan, np.inf, -np.inf, [1e-5, 1e-5], None, "1", 1j])
def test_eps(run: Callable[..., object], bad: object) -> None:
    with pytest.raises(ValueError, match=r"^eps must be .*; it (is|holds) "):
        run(BATCH, UPSTREAM, eps=bad)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gamma": [1.0]}, r"^gamma must be a number or have shape \(2,\); its shape is \(1,\)"),
        ({"gamma": [[1.0, 2.0]]}, r"^gamma must .* its shape is \(1, 2\)"),
        ({"gamma": [1.0, np.nan]}, r"^gamma must be finite; at index \(1,\) it is nan"),
        ({"gamma": "1"}, "^gamma must be numbers"),
        ({"beta": [1.0] * 3}, r"^beta must be a number or have shape \(2,\); .*\(3,\)"),
        ({"beta": np.inf}, r"^beta must be finite"),
        ({"a": [1.0, 2.0, 3.0]}, r"^a must have two axes, \(N, d\); its shape is \(3,\)"),
        ({"a": np.ones((2, 4))}, r"^a must have shape \(3, 4\), .*; its shape is \(2, 4\)"),
        ({"a": [[1.0], [np.inf], [2.0]]}, r"^a must be finite; at index \(1, 0\) it is inf"),
        ({"a": BATCH, "weight": np.ones((3, 2))}, r"^weight must have shape \(2, 2\), .*\(3, 2\)"),
        ({"a": BATCH, "weight": np.full((2, 2), np.nan)}, "^weight must be finite"),
        ({"a": BATCH, "weight": np.ones(2)}, "^weight must have two axes"),
        ({"a": BATCH, "weight": np.eye(2), "bias": [1.0]}, r"^bias must be a number or have"),
        ({"a": BATCH, "weight": np.eye(2), "bias": np.nan}, "^bias must be finite"),
        ({"a": BATCH, "bias": 1.0}, "^bias .* needs a weight"),
        ({"weight": np.eye(2)}, "^weight and bias .* input a"),
        ({"x": None}, "^x may be left out only with a and weight"),
        ({"x": None, "a": BATCH}, "^x may be left out only with a and weight"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_parameters_and_the_layer_in_front(changes: Arguments, message: str) -> None:
    arguments: Arguments = {"x": BATCH, "dy": UPSTREAM} | changes
    with pytest.raises(ValueError, match=message):
        bnviz.trace(**arguments)


# Number types


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint64"])
def test_integers_are_taken_as_float64(dtype: str) -> None:
    x, dy = np.array([[1], [100], [7]], dtype), np.array([[3], [0], [1]], dtype)
    as_float = bnviz.trace(x.astype(float), dy.astype(float))
    for name in FIELDS:
        got = getattr(bnviz.trace(x, dy), name)
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, getattr(as_float, name))


def test_lists_are_taken() -> None:
    np.testing.assert_array_equal(
        bnviz.trace(BATCH.tolist(), UPSTREAM.tolist()).dx, bnviz.trace(BATCH, UPSTREAM).dx
    )


def test_float16_is_computed_wider() -> None:
    """A half holds 300 but not its square."""
    x = np.array([[-300], [100], [400], [7]], np.float16)
    dy = np.array([[1], [2], [-3], [0.5]], np.float16)
    t = agrees_with_exact(x.ravel(), dy.ravel(), eps=1e-5)
    assert t.var > np.finfo(np.float16).max / 2
    assert t.dx.dtype == np.float64


# One sample, constant columns


@pytest.mark.parametrize("eps", [0.0, 1e-5, 1.0])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e300])
def test_one_sample_has_no_gradient(value: float, eps: float) -> None:
    t = bnviz.trace([[value]], [[2.5]], gamma=3.0, beta=0.5, eps=eps, a=[[7.0]])
    for name in ("x_hat", "var", "dx", "dx_simplified", "dgamma", "dvar", "dweight", "dbias"):
        assert getattr(t, name).item() == 0, name
    assert (t.mean[0], t.y[0, 0], t.dbeta[0]) == (value, 0.5, 2.5)
    assert bnviz.gradients([[value]], [[2.5]], eps=eps)[0] == 0


@pytest.mark.parametrize("eps", [1e-5, 0.25, 1e-300])
@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, -1e8, 1e300, 1e-300])
@pytest.mark.parametrize("n", [2, 3, 10, 49, 1000])
def test_constant_column_is_centred_exactly(n: int, value: float, eps: float) -> None:
    """x̂ = 0 without rounding, so ∂L/∂x = (g − mean g)/√ε."""
    x, dy = np.full((n, 1), value), np.random.default_rng(n).normal(size=(n, 1))
    t = bnviz.trace(x, dy, gamma=-2.0, eps=eps)
    for name in ("x_hat", "var", "dgamma", "dvar", "dx_via_var"):
        assert (getattr(t, name) == 0).all(), name
    assert t.mean == value
    g = -2 * dy
    bound = ROUNDING * np.abs(g).sum() / np.sqrt(eps)
    for dx in (t.dx, t.dx_simplified, bnviz.gradients(x, dy, -2.0, eps)[0]):
        np.testing.assert_allclose(dx, (g - g.mean()) / np.sqrt(eps), rtol=0, atol=bound)
    assert not t.undefined


@pytest.mark.parametrize("value", [0.0, 0.1, 1e300])
def test_constant_column_without_eps_is_flagged(value: float) -> None:
    """Its gradient does not exist; it is 0 by definition, and the neighbour is untouched."""
    x = np.column_stack([np.full(3, value), BATCH[:, 0]])
    t = bnviz.trace(x, UPSTREAM, eps=0.0, a=BATCH, weight=np.eye(2))
    alone = bnviz.trace(BATCH[:, :1], UPSTREAM[:, 1:], eps=0.0)
    assert t.undefined.tolist() == [True, False]
    for name in [*FIELDS, *LAYER]:
        assert np.isfinite(getattr(t, name)).all(), name
    for name in ("x_hat", "dx", "dx_simplified", "dweight", "dgamma", "dvar"):
        assert (getattr(t, name)[..., 0] == 0).all(), name
    np.testing.assert_allclose(t.dx[:, 1], alone.dx[:, 0], rtol=1e-14)
    lean = bnviz.gradients(x, UPSTREAM, eps=0.0)
    assert (lean[0][:, 0] == 0).all()
    assert np.isfinite(lean[0]).all()


# Offset and size


@pytest.mark.parametrize("offset", [1e4, 1e8, -1e8, 1e12])
def test_offset_costs_no_digits(offset: float) -> None:
    rng = np.random.default_rng(3)
    x, dy = offset + rng.normal(size=12), rng.normal(size=12)
    t = agrees_with_exact(x, dy, eps=1e-5)
    assert abs(t.x_hat.sum()) < ROUNDING


@pytest.mark.parametrize("eps", [0.0, 1e-5])
@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e-12, 1e12, 1e150, 1e300])
def test_size_of_x(size: float, eps: float) -> None:
    rng = np.random.default_rng(4)
    agrees_with_exact(size * rng.normal(size=6), rng.normal(size=6), eps=eps)


@pytest.mark.parametrize("eps", [1e-300, 5e-324, 1e300])
def test_size_of_eps(eps: float) -> None:
    """x is brought near √ε, where ε matters most."""
    rng = np.random.default_rng(5)
    agrees_with_exact(np.sqrt(eps) * rng.normal(size=6), rng.normal(size=6), eps=eps)


@pytest.mark.parametrize(
    ("size", "upstream", "gamma"),
    [
        (1e300, 1e300, 1.0),
        (1e-300, 1e-300, 1.0),
        (1e150, 1e300, 1e-300),
        (1.0, 1e-300, 1e300),
        (1.0, 1e300, 1e-300),
    ],
)
def test_sizes_that_cancel(size: float, upstream: float, gamma: float) -> None:
    rng = np.random.default_rng(6)
    agrees_with_exact(size * rng.normal(size=6), upstream * rng.normal(size=6), gamma)


@pytest.mark.parametrize("p", [-1000, -500, -40, 40, 500, 1000])
def test_powers_of_two_change_no_digit(p: int) -> None:
    """x → 2ᵖx without ε: the same x̂ and ∂L/∂γ, and ∂L/∂x divided by 2ᵖ."""
    before = bnviz.trace(BATCH, UPSTREAM, gamma=[2.0, -0.3], eps=0.0)
    after = bnviz.trace(np.ldexp(BATCH, p), UPSTREAM, gamma=[2.0, -0.3], eps=0.0)
    for name in ("x_hat", "y", "dgamma", "dbeta", "dx_hat"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), name)
    for name in ("dmean", "dx_direct", "dx_via_var", "dx_via_mean", "dx", "dx_simplified"):
        unscaled = np.ldexp(getattr(after, name), p)
        # Below 2⁻¹⁰²² a float64 itself has fewer digits.
        np.testing.assert_allclose(unscaled, getattr(before, name), rtol=0, atol=2.0 ** (p - 1074))
    np.testing.assert_array_equal(after.inv_std, np.ldexp(before.inv_std, -p))


def test_the_whole_range_of_float64() -> None:
    """The largest numbers of both signs: their difference and squares overflow."""
    top = np.finfo(float).max
    t = bnviz.trace([[top], [-top], [top], [-top]], [[1.0], [0.0], [0.0], [0.0]], eps=0.0)
    assert t.x_hat.tolist() == [[1.0], [-1.0], [1.0], [-1.0]]
    assert t.mean == 0
    assert (t.dgamma[0], t.dbeta[0]) == (1, 1)


def test_a_result_beyond_float64_is_inf_of_the_right_sign() -> None:
    """∂L/∂x ≈ ±1e309 can't be held; nothing becomes nan, and no warning is given."""
    x = np.array([[1.0], [2.0], [4.0]])
    ordinary = bnviz.trace(x, UPSTREAM[:, :1], eps=0.0)
    t = bnviz.trace(x * 1e-300, UPSTREAM[:, :1] * 1e200, eps=0.0)
    lean = bnviz.gradients(x * 1e-300, UPSTREAM[:, :1] * 1e200, eps=0.0)
    for dx in (t.dx, t.dx_simplified, lean[0]):
        np.testing.assert_array_equal(dx, np.sign(ordinary.dx) * np.inf)
    np.testing.assert_allclose(t.x_hat, ordinary.x_hat, rtol=1e-15)
    np.testing.assert_allclose(t.dgamma / 1e200, ordinary.dgamma, rtol=1e-14)


def test_a_result_beyond_float64_goes_through_the_layer_without_a_warning() -> None:
    """Only the neuron that overflows loses its weight gradient."""
    dy = UPSTREAM * [1e200, 1]
    t = bnviz.trace(BATCH * [1e-300, 1], dy, eps=0.0, a=BATCH, weight=np.eye(2))
    assert not np.isfinite(there(t.dweight)[:, 0]).any()
    assert np.isfinite(there(t.dweight)[:, 1]).all()
    assert abs(there(t.dbias)[1]) < ROUNDING * 10


def test_a_layer_that_overflows_spoils_its_own_neuron_only() -> None:
    t = bnviz.trace(None, UPSTREAM, a=BATCH * 1e200, weight=np.diag([1e200, 1e-200]))
    assert np.isnan(t.dx[:, 0]).all()
    alone = bnviz.trace(BATCH[:, 1:], UPSTREAM[:, 1:])
    np.testing.assert_allclose(t.dx[:, 1:], alone.dx, rtol=1e-13)


def test_columns_of_very_different_scale_do_not_touch() -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(8, 3)) * [1e-12, 1.0, 1e12]
    dy = rng.normal(size=(8, 3)) * [1e12, 1.0, 1e-12]
    together = bnviz.trace(x, dy, eps=1e-26)
    lean = bnviz.gradients(x, dy, eps=1e-26)[0]
    for j in range(3):
        dx, _, bound = exact(x[:, j], dy[:, j], eps=1e-26)
        for got in (together.dx, together.dx_simplified, lean):
            assert (np.abs(got[:, j] - dx) <= ROUNDING * bound).all()


# Not finite


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["x", "dy"])
def test_not_finite_stays_in_its_column(name: str, bad: float) -> None:
    arguments: Arguments = {"x": BATCH.copy(), "dy": UPSTREAM.copy()}
    clean = bnviz.trace(**arguments, a=BATCH)
    arguments[name][1, 0] = bad
    t = bnviz.trace(**arguments, a=BATCH)
    untouched = ["dbeta", "dx_hat"] if name == "x" else FORWARD
    for field in [*FIELDS, "dweight", "dbias"]:
        got, want = getattr(t, field), getattr(clean, field)
        np.testing.assert_array_equal(got[..., 1], want[..., 1], field)
        if field in untouched:
            np.testing.assert_array_equal(got, want, field)
        else:
            assert np.isnan(got[..., 0]).all(), field
    assert not t.undefined.any()

    lean, lean_clean = bnviz.gradients(**arguments), bnviz.gradients(BATCH, UPSTREAM)
    for got, want in zip(lean, lean_clean, strict=True):
        np.testing.assert_array_equal(got[..., 1], want[..., 1])
    assert np.isnan(lean[0][:, 0]).all()


# γ


@pytest.mark.parametrize("eps", [0.0, 1e-5, 2.0])
def test_gamma_zero_stops_the_gradient_but_not_its_own(eps: float) -> None:
    t = bnviz.trace(BATCH, UPSTREAM, gamma=0.0, beta=3.0, eps=eps, a=BATCH)
    for name in ("dx_hat", "dvar", "dmean", "dx", "dx_simplified", "dweight"):
        assert (getattr(t, name) == 0).all(), name
    assert (t.y == 3).all()
    for j in range(2):
        _, dgamma, _ = exact(BATCH[:, j], UPSTREAM[:, j], eps=eps)
        assert abs(t.dgamma[j] - dgamma) < ROUNDING
        assert dgamma != 0


def test_negative_gamma_flips_the_sign() -> None:
    plus, minus = (bnviz.trace(BATCH, UPSTREAM, gamma=[s * 1.7, s * 0.2]) for s in (1, -1))
    for name in ("dx_hat", "dvar", "dmean", "dx_direct", "dx_via_var", "dx", "dx_simplified"):
        np.testing.assert_array_equal(getattr(minus, name), -getattr(plus, name), name)
        assert getattr(plus, name).any()
    for name in ("x_hat", "dgamma", "dbeta"):
        np.testing.assert_array_equal(getattr(minus, name), getattr(plus, name), name)
    for j, gamma in enumerate([-1.7, -0.2]):
        agrees_with_exact(BATCH[:, j], UPSTREAM[:, j], gamma, eps=1e-5)
