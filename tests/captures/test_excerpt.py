"""What of a capture goes to the other pages, and that what is said of it is so."""

import dataclasses
import re

import numpy as np
import pytest

from bnviz.captures import excerpt, survey
from bnviz.core.scenario import MAX_INPUTS, MAX_ROWS, Scenario
from bnviz.core.trace import run

from .test_captures import made


@pytest.mark.parametrize("seed", range(3))
def test_the_inputs_that_are_named_are_those_that_come(seed: int) -> None:
    """Named from 1; they have the largest ∂L/∂W, found here without the survey."""
    c = made(seed, d=7, dtype="float64")
    assert c.a is not None
    seen = survey.survey(c)
    dx = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps)).dx
    for j in range(c.shape[1]):
        s, said = excerpt.excerpt(c, seen, j)
        names = re.search(r"Of 7 inputs come those with the largest ∂L/∂W: ([\d, ]+)\.", said)
        assert names is not None, said
        inputs = [int(name) - 1 for name in names.group(1).split(", ")]
        size = np.abs(sum(np.outer(a, g) for a, g in zip(c.a, dx, strict=True)))[:, j]
        assert inputs == sorted(size.argsort()[::-1][:MAX_INPUTS])
        np.testing.assert_array_equal(s.a, c.a[:, inputs])
        assert excerpt.best_inputs(seen, j)[0] == size.argmax()


@pytest.mark.parametrize("n", [MAX_ROWS, MAX_ROWS + 1])
@pytest.mark.parametrize("d", [MAX_INPUTS, MAX_INPUTS + 1])
def test_nothing_is_said_to_be_left_out_where_nothing_is(n: int, d: int) -> None:
    c = made(n=n, d=d, dtype="float64")
    s, said = excerpt.excerpt(c, survey.survey(c), 1)
    assert s.shape == (MAX_ROWS, 1)
    assert s.d == MAX_INPUTS
    assert (f"{MAX_ROWS} of {n} samples" in said) == (n > MAX_ROWS)
    assert (f"Of {d} inputs" in said) == (d > MAX_INPUTS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_terms_are_those_of_the_layer(dtype: str) -> None:
    c = made(dtype=dtype)
    terms = excerpt.terms(c)
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    assert "scenario" not in terms
    assert "da" not in terms  # there is no weight
    for name, value in terms.items():
        np.testing.assert_array_equal(value, getattr(t, name))
    assert {"dx", "x_hat", "dweight", "dbias"} <= terms.keys()


def test_an_evaluating_layer_keeps_its_statistics() -> None:
    rng = np.random.default_rng(3)
    c = made(n=MAX_ROWS + 1, dtype="float64")
    k = c.shape[1]
    mean, var = rng.normal(size=k), rng.uniform(0.5, 4, k)
    frozen = dataclasses.replace(c, mode="eval", running_mean=mean, running_var=var)
    terms, seen = excerpt.terms(frozen), survey.survey(frozen)
    dx, x_hat = c.gamma * c.dy / (var + c.eps) ** 0.5, (c.x - mean) / (var + c.eps) ** 0.5
    np.testing.assert_allclose(terms["dx"], dx, rtol=1e-14)
    np.testing.assert_allclose(terms["x_hat"], x_hat, rtol=1e-14)
    for j in range(k):
        one = run(excerpt.whole(frozen, seen, j))
        np.testing.assert_allclose(one.dx[:, 0], dx[:, j], rtol=1e-14)
        part, said = excerpt.excerpt(frozen, seen, j)
        largest = np.sort(np.argsort(-np.abs(dx[:, j]), kind="stable")[:MAX_ROWS])
        np.testing.assert_allclose(run(part).dx[:, 0], dx[largest, j], rtol=1e-14)
        assert "under the same constants" in said
    # In training mode the running statistics are only kept, and not used.
    training = dataclasses.replace(frozen, mode="train")
    np.testing.assert_array_equal(excerpt.terms(training)["dx"], excerpt.terms(c)["dx"])


def test_of_too_large_a_capture_no_terms_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    c = made()
    monkeypatch.setattr(excerpt, "MOST", c.x.size)
    assert excerpt.terms(c)
    monkeypatch.setattr(excerpt, "MOST", c.x.size - 1)
    assert excerpt.terms(c) == {}
