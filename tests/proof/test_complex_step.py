"""The independent proof: green on what is right, red on what is not, for every loss."""

from dataclasses import replace

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.presets import PRESETS
from bnviz.proof import complex_step
from bnviz.proof.losses import LOSSES, under
from tests.strategies import batches, layers


def checked(s: Scenario, loss: str = "given") -> dict[str, complex_step.Comparison]:
    return complex_step.against(run(under(s, loss)), complex_step.numeric(s, loss), loss)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", PRESETS)
def test_every_verdict_is_green_on_every_preset(name: str, loss: str) -> None:
    s = PRESETS[name].scenario.training()
    found = checked(s, loss)
    assert set(found) >= {"dx_hat", "dvar", "dmean", "dx", "dgamma", "dbeta", "dweight", "dbias"}
    assert ("da" in found) == s.layer
    for comparison in found.values():
        assert comparison.holds, (comparison.term, comparison.difference, comparison.bound)
        assert comparison.decided_by in ("absolute", "relative")


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.one_of(batches(), layers()))
def test_every_verdict_is_green_on_random_scenarios(arguments: dict) -> None:
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


def _values(anp_loss: str, y, target):
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
    np.testing.assert_allclose(LOSSES[loss].value(y, s.dy), _values(loss, y, s.dy), rtol=1e-13)

    def from_weight(weight):
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
