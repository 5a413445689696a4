"""Every term of the layer, against automatic differentiation and the spectral form."""

import math
from collections.abc import Callable

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import elementwise_grad, grad
from numpy.typing import ArrayLike, NDArray

import bnviz
from bnviz.core.arrays import Array
from tests.kinds import Traced

Table = NDArray[np.floating]
Single = NDArray[np.float32]
SHAPES = [(2, 1), (3, 2), (5, 1), (6, 4), (16, 3), (64, 8)]
EPSILONS = [0.0, 1e-5, 0.1, 10.0]
GRADIENTS = ["dx", "dgamma", "dbeta"]
ROUNDING = 1e-13
pytestmark = pytest.mark.filterwarnings("error")


class Layer:
    """Random data, and the textbook forward pass that autograd differentiates."""

    def __init__(self, shape: tuple[int, ...], eps: float, seed: int = 0) -> None:
        rng = np.random.default_rng([*shape, seed])
        self.x = rng.normal(size=shape) * rng.uniform(0.5, 2, shape[1]) + rng.normal(size=shape[1])
        self.dy = rng.normal(size=shape)
        self.gamma, self.beta = rng.normal(size=(2, shape[1]))
        self.eps = eps
        self.mean, self.var = self.x.mean(axis=0), self.x.var(axis=0)
        self.trace = bnviz.trace(self.x, self.dy, self.gamma, self.beta, eps)

    def variance(self, x: Traced, mean: Traced) -> Traced:
        return anp.mean((x - mean) ** 2, axis=0)

    def x_hat(self, x: Traced, mean: Traced, var: Traced) -> Traced:
        return (x - mean) / anp.sqrt(var + self.eps)

    def loss_of_x_hat(self, x_hat: Traced, gamma: Traced, beta: Traced) -> Traced:
        return anp.sum(self.dy * (gamma * x_hat + beta))

    def loss_given(self, x: Traced, mean: Traced, var: Traced) -> Traced:
        """The loss as a function of three independent variables."""
        return self.loss_of_x_hat(self.x_hat(x, mean, var), self.gamma, self.beta)

    def loss(self, x: Traced, gamma: Traced, beta: Traced) -> Traced:
        """The whole layer."""
        mean = anp.mean(x, axis=0)
        return self.loss_of_x_hat(self.x_hat(x, mean, self.variance(x, mean)), gamma, beta)

    def bounds(self) -> Callable[[str], Array]:
        """What rounding may do to each term, from its own units."""
        s = 1 / np.sqrt(self.var + self.eps)
        upstream = np.abs(self.dy).sum(axis=0)
        largest = np.maximum(1, np.abs((self.x - self.mean) * s).max(axis=0))
        dx = s * np.abs(self.gamma) * upstream
        units = {"dvar": dx * s * largest, "dgamma": upstream * largest, "dbeta": upstream}
        units["dx_hat"] = np.abs(self.gamma) * upstream
        return lambda name: ROUNDING * units.get(name, dx)


def holds(got: Table, expected: ArrayLike, bound: Array | float, name: str) -> None:
    assert got.shape == np.shape(expected), name
    difference = np.abs(got - np.asarray(expected))
    assert (difference <= bound).all(), f"{name} is off by {difference.max()}, bound {bound}"


@pytest.fixture(params=EPSILONS, ids="eps={}".format)
def eps(request: pytest.FixtureRequest) -> float:
    return float(request.param)


@pytest.fixture(params=SHAPES, ids=str)
def layer(request: pytest.FixtureRequest, eps: float) -> Layer:
    return Layer(request.param, eps)


def test_forward(layer: Layer) -> None:
    t = layer.trace
    x_hat = layer.x_hat(layer.x, layer.mean, layer.var)
    for name, expected in {
        "mean": layer.mean,
        "var": layer.var,
        "inv_std": 1 / np.sqrt(layer.var + layer.eps),
        "x_hat": x_hat,
        "y": layer.gamma * x_hat + layer.beta,
    }.items():
        np.testing.assert_allclose(getattr(t, name), expected, rtol=1e-13, atol=1e-13, err_msg=name)


def test_end_to_end_gradients(layer: Layer) -> None:
    bound = layer.bounds()
    for i, name in enumerate(GRADIENTS):
        expected = grad(layer.loss, i)(layer.x, layer.gamma, layer.beta)
        holds(getattr(layer.trace, name), expected, bound(name), name)
    expected = grad(layer.loss)(layer.x, layer.gamma, layer.beta)
    holds(layer.trace.dx_simplified, expected, bound("dx"), "dx_simplified")


def test_intermediate_gradients(layer: Layer) -> None:
    """∂L/∂σ² and ∂L/∂μ as the paper means them: σ² depends on μ, x is held."""
    x, mean, var, given = layer.x, layer.mean, layer.var, layer.loss_given

    def of_mean(m: Traced) -> Traced:
        return given(x, m, layer.variance(x, m))

    x_hat = layer.x_hat(x, mean, var)
    bound = layer.bounds()
    for name, expected in {
        "dx_hat": grad(layer.loss_of_x_hat)(x_hat, layer.gamma, layer.beta),
        "dvar": grad(given, 2)(x, mean, var),
        "dmean_direct": grad(given, 1)(x, mean, var),
        "dmean_via_var": grad(lambda m: given(x, mean, layer.variance(x, m)))(mean),
        "dmean": grad(of_mean)(mean),
    }.items():
        holds(getattr(layer.trace, name), expected, bound(name), name)


def test_three_paths_into_x(layer: Layer) -> None:
    """Each path is the gradient when the two others are held."""
    x, mean, var, given = layer.x, layer.mean, layer.var, layer.loss_given

    def of_mean(x_: Traced) -> Traced:
        m = anp.mean(x_, axis=0)
        return given(x, m, layer.variance(x, m))

    bound = layer.bounds()
    for name, path in {
        "dx_direct": lambda x_: given(x_, mean, var),
        "dx_via_var": lambda x_: given(x, mean, layer.variance(x_, mean)),
        "dx_via_mean": of_mean,
    }.items():
        holds(getattr(layer.trace, name), grad(path)(x), bound(name), name)


@pytest.mark.parametrize("power", [2, 3])
def test_a_loss_that_depends_on_y(layer: Layer, power: int) -> None:
    """The upstream gradient of L = Σyᵖ belongs to this y: a whole backward pass."""
    y = layer.trace.y
    t = bnviz.trace(layer.x, power * y ** (power - 1), layer.gamma, layer.beta, layer.eps)

    def output(x: Traced) -> Traced:
        mean = anp.mean(x, axis=0)
        x_hat = layer.x_hat(x, mean, layer.variance(x, mean))
        return (layer.gamma * x_hat + layer.beta) ** power

    bound = ROUNDING * t.inv_std * np.abs(t.dx_hat).sum(axis=0)
    holds(t.dx, elementwise_grad(output)(layer.x), bound, "dx")


@pytest.mark.parametrize("gap", [1e-9, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("eps", [0.0, 1e-5, 0.1])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_spectral_form(n: int, eps: float, gap: float) -> None:
    """∂L/∂x = s·[g⊥ + ε/(v+ε)·u⟨u,g⟩], where g⊥ is what 1 and u don't span.

    With N = 2 there is no g⊥, and the simplified form subtracts nearly equal numbers.
    """
    rng = np.random.default_rng(n)
    x, g = gap * rng.normal(size=(n, 1)), rng.normal(size=(n, 1))
    centred = (x - x.mean()) - (x - x.mean()).mean()
    v = (centred**2).mean()
    u = centred / np.linalg.norm(centred)
    along = (u * g).sum()
    perpendicular = g - g.mean() - u * along if n > 2 else np.zeros_like(g)
    s = 1 / np.sqrt(v + eps)
    expected = s * (perpendicular + eps / (v + eps) * u * along)
    bound = ROUNDING / 10 * s * np.abs(g).sum()
    t = bnviz.trace(x, g, eps=eps)
    holds(t.dx, expected, bound, "dx")
    holds(t.dx_simplified, expected, bound, "dx_simplified")
    holds(bnviz.gradients(x, g, eps=eps)[0], expected, bound, "gradients")


def test_two_samples_by_hand() -> None:
    """Half-gap 1 and ε = 3: s = 1/2, ∂L/∂x₂ = −∂L/∂x₁ = ½(g₂−g₁)·3/4^(3/2) = −3/8."""
    t = bnviz.trace([[1.0], [3.0]], [[1.0], [-1.0]], eps=3.0)
    assert (t.mean[0], t.var[0], t.inv_std[0]) == (2, 1, 0.5)
    assert t.x_hat.tolist() == [[-0.5], [0.5]]
    assert t.dvar == 1 / 8
    assert t.dx_direct.tolist() == [[0.5], [-0.5]]
    assert t.dx_via_mean.tolist() == [[0], [0]]
    assert t.dx_via_var.tolist() == [[-0.125], [0.125]]
    assert t.dx.tolist() == t.dx_simplified.tolist() == [[0.375], [-0.375]]
    assert (t.dgamma[0], t.dbeta[0]) == (-1, 0)


def test_gradients_is_the_trace_without_the_terms(layer: Layer) -> None:
    bound = layer.bounds()
    lean = bnviz.gradients(layer.x, layer.dy, layer.gamma, layer.eps)
    for name, got in zip(GRADIENTS, lean, strict=True):
        assert got.dtype == np.float64
        holds(got, getattr(layer.trace, name), bound(name) / 10, name)


def test_gradients_defaults_are_those_of_trace() -> None:
    layer = Layer((6, 4), 1e-5)
    t = bnviz.trace(layer.x, layer.dy)
    for name, got in zip(GRADIENTS, bnviz.gradients(layer.x, layer.dy), strict=True):
        holds(got, getattr(t, name), layer.bounds()("dbeta"), name)
    np.testing.assert_array_equal(t.dx, bnviz.trace(layer.x, layer.dy, 1.0, 0.0, 1e-5).dx)


@pytest.mark.parametrize(
    ("x_dtype", "dy_dtype", "expected"),
    [
        ("float32", "float32", "float32"),
        ("float32", "float64", "float32"),
        ("float64", "float32", "float64"),
        ("float16", "float16", "float64"),
        ("int64", "float64", "float64"),
    ],
)
def test_gradients_dtype_is_that_of_x(x_dtype: str, dy_dtype: str, expected: str) -> None:
    x, dy = np.array([[1], [2], [4]], x_dtype), np.array([[1], [0], [2]], dy_dtype)
    for got in bnviz.gradients(x, dy):
        assert got.dtype == expected


def test_a_million_float32_rows() -> None:
    """Sums are float64: each result is the exact one rounded to float32.

    Judged with correctly rounded sums (math.fsum). A float32 accumulation over so
    many rows around 10 would be off by 5e-4.
    """
    n = 10**6
    rng = np.random.default_rng(1)
    x = rng.normal(10, 1, (n, 2)).astype(np.float32)
    dy = rng.normal(1, 1, (n, 2)).astype(np.float32)
    gamma, eps = np.array([1.5, -0.5]), 1e-5
    dx, dgamma, dbeta = bnviz.gradients(x, dy, gamma, eps)
    assert {dx.dtype, dgamma.dtype, dbeta.dtype} == {np.dtype(np.float32)}

    half_ulp = 2.0**-24
    for j in range(2):
        column, upstream = x[:, j].astype(np.float64), dy[:, j].astype(np.float64)
        deviation = column - math.fsum(column) / n
        s = 1 / math.sqrt(math.fsum(deviation**2) / n + eps)
        x_hat = deviation * s
        want_dgamma, want_dbeta = math.fsum(upstream * x_hat), math.fsum(upstream)
        want_dx = gamma[j] * s * (upstream - want_dbeta / n - x_hat * want_dgamma / n)
        # Beside float32's own rounding: n·2⁻⁵³ relative to each mean, about 1e-10.
        slack = n * 2.0**-53
        holds(dx[:, j], want_dx, half_ulp * np.abs(want_dx) + 20 * slack, f"dx {j}")
        holds(dgamma[j], want_dgamma, half_ulp * abs(want_dgamma) + slack * n, f"dgamma {j}")
        holds(dbeta[j], want_dbeta, half_ulp * abs(want_dbeta) + slack * n, f"dbeta {j}")


def large(kind: str) -> tuple[Single, Single]:
    """A float32 batch of 20 000 rows."""
    rng = np.random.default_rng(7)
    n = 20_000
    x = {
        "plain": rng.normal(0, 1, (n, 3)),
        "offset": rng.normal(100, 1, (n, 3)),
        "drifting": rng.normal(0, 1, (n, 3)) + np.linspace(0, 1000, n)[:, None],
        "a late start": rng.normal(0, 1, (n, 3)) + 1e4 * (np.arange(n) > 64)[:, None],
        "a constant column": rng.normal(0, 1, (n, 3)) * [1, 0, 1] + 0.1,
        "tiny": rng.normal(0, 1e-40, (n, 3)),
        "huge": rng.normal(0, 1e37, (n, 3)),
    }[kind].astype(np.float32)
    return x, rng.normal(0.5, 1, (n, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "kind",
    ["plain", "offset", "drifting", "a late start", "a constant column", "tiny", "huge"],
)
@pytest.mark.parametrize("eps", [1e-5, 0.0])
def test_large_float32_batches_are_right_to_float32(kind: str, eps: float) -> None:
    x, dy = large(kind)
    gamma = np.array([1.5, -0.5, 0.0])
    t = bnviz.trace(x, dy, gamma, eps=eps)
    scale = t.inv_std * np.abs(t.dx_hat).max(axis=0)
    for got, want, size in zip(
        bnviz.gradients(x, dy, gamma, eps),
        (t.dx, t.dgamma, t.dbeta),
        (scale, np.abs(dy).sum(axis=0), np.abs(dy).sum(axis=0)),
        strict=True,
    ):
        assert got.dtype == np.float32
        with np.errstate(over="ignore"):
            wanted = want.astype(np.float32)
        finite = np.isfinite(wanted)
        assert (np.isfinite(got) == finite).all()
        reach = 1 + np.abs(x.astype(np.float64)).max(axis=0) * t.inv_std
        allowed = 7e-8 * np.abs(want) + 1e-11 * size * reach + 2.0**-149  # subnormals
        assert (np.abs(got - want) <= np.where(finite, allowed, np.inf))[finite].all()


def test_a_nan_in_a_large_batch_stays_in_its_column() -> None:
    x, dy = large("plain")
    x[12_345, 1] = np.nan
    dx, dgamma, _ = bnviz.gradients(x, dy)
    assert np.isnan(dx[:, 1]).all()
    assert np.isfinite(dx[:, [0, 2]]).all()
    assert np.isnan(dgamma[1])


@pytest.mark.parametrize(("shape", "gamma"), [((20_000, 2), [1.0, np.inf]), ((20_000, 2), [1.0])])
def test_a_large_batch_with_a_bad_gamma_is_refused(
    shape: tuple[int, int], gamma: list[float]
) -> None:
    x = np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match="gamma"):
        bnviz.gradients(x, x, gamma)
