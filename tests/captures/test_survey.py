"""What is said of a capture is true of its numbers."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bnviz import captures
from bnviz.captures import Capture, survey
from bnviz.captures import excerpt as excerpts
from bnviz.claims import layer as claims
from bnviz.claims.network import open_network
from bnviz.core.columns import columns
from bnviz.core.scenario import MAX_INPUTS, MAX_ROWS, Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw.ledger import payload
from bnviz.draw.neurons import payload as table
from bnviz.proof.mistakes import MISTAKES, with_mistake
from tests.kinds import Arguments, there

from .test_captures import made

SHIPPED = Path(captures.__file__).with_name("digits.zip")


@pytest.mark.parametrize("seed", range(4))
def test_the_survey_agrees_with_the_core(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "BLOCK", 40)  # many blocks
    c = made(seed, n=53, k=4, dtype="float64")
    heard: list[float] = []
    seen = survey.survey(c, heard.append)
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    np.testing.assert_allclose(seen.mean, t.mean, rtol=1e-12)
    np.testing.assert_allclose(seen.var, t.var, rtol=1e-12)
    np.testing.assert_allclose(seen.dx_size, np.sqrt((t.dx**2).mean(axis=0)), rtol=1e-11)
    np.testing.assert_allclose(there(seen.dweight), there(t.dweight), rtol=1e-9, atol=1e-12)
    assert (np.abs(seen.dx_sum) <= seen.sum_bound).all()
    kept = 1 - seen.removed_mean - seen.removed_x_hat
    g = t.dx_hat
    unit = t.x_hat / np.linalg.norm(t.x_hat, axis=0)
    rest = g - g.mean(axis=0) - unit * (unit * g).sum(axis=0)
    np.testing.assert_allclose(kept, (rest**2).sum(axis=0) / (g**2).sum(axis=0), rtol=1e-9)
    assert there(claims.agreement(seen))[0]
    assert heard == sorted(heard)
    assert heard[-1] == 1


def test_what_stands_out() -> None:
    c = made(n=40, k=8, dtype="float64")
    x, dy = c.x.copy(), c.dy.copy()
    dy[:, 0] = 0.0
    x[:, 1] = 0.3
    x[:, 2] = 1.0 + 1e-3 * x[:, 2]
    x_hat = (x[:, 3] - x[:, 3].mean()) / x[:, 3].std()
    dy[:, 3] = x_hat
    dy[:, 4] = 1.0
    bent = Capture(x, dy, np.ones(8), np.zeros(8))
    by_neuron = {f.neuron: " ".join(f.words) for f in claims.findings(bent, survey.survey(bent))}
    assert "dead" in by_neuron[0]
    assert "constant" in by_neuron[1]
    assert "tiny variance" in by_neuron[2]
    assert "explode" in by_neuron[2]
    assert "along x̂" in by_neuron[3]
    assert "nearly all of the upstream is taken away" in by_neuron[4]
    assert by_neuron[5] == by_neuron[6] == by_neuron[7] == ""


def test_frozen_statistics_are_named() -> None:
    c = made(dtype="float64")
    k = c.shape[1]
    running: Arguments = {"running_mean": np.zeros(k), "running_var": np.full(k, 4.0)}
    dx = c.gamma * c.dy / np.sqrt(4.0 + 1e-5)
    frozen = Capture(c.x, c.dy, c.gamma, c.beta, mode="eval", dx=dx, **running)
    seen = survey.survey(frozen)
    assert there(claims.agreement(seen))[0]
    assert not any(f.words for f in claims.findings(frozen, seen))  # a normal way to train
    mistaken = Capture(c.x, c.dy, c.gamma, c.beta, dx=dx, **running)
    seen = survey.survey(mistaken)
    assert not there(claims.agreement(seen))[0]
    assert "eval mode" in claims.explain(mistaken, 0)[0]


@pytest.mark.parametrize("name", ["mean", "variance", "both", "unbiased", "squared", "power"])
def test_a_wrong_gradient_is_traced_to_its_mistake(name: str) -> None:
    c = made(dtype="float64", n=20)
    wrong = with_mistake(run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps)), name).dx
    bent = Capture(c.x, c.dy, c.gamma, c.beta, dx=wrong)
    assert not there(claims.agreement(survey.survey(bent)))[0]
    assert MISTAKES[name].title in claims.explain(bent, 0)[0]


def test_the_ledger_of_a_neuron_is_of_all_its_rows() -> None:
    c = made(n=500, k=5, d=6)
    o = claims.look_over(c)
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    for j in range(5):
        here = run(excerpts.whole(o.capture, o.seen, j))
        p = int(np.argmax(np.abs(there(t.dweight)[:, j])))
        assert excerpts.best_inputs(o.seen, j)[0] == p
        np.testing.assert_allclose(here.dx[:, 0], t.dx[:, j], rtol=1e-12)
        np.testing.assert_allclose(there(here.dweight)[0, 0], there(t.dweight)[p, j], rtol=1e-9)
        data = payload(columns(here, View()), called=View(j, p))
        assert (data["n"], data["neuron"], data["input"]) == (500, j, p)
        assert data["rows"] == sorted(np.argsort(-np.abs(t.dx[:, j]))[:16].tolist())
        assert data["sums"]["dweight"]["v"] == pytest.approx(there(t.dweight)[p, j], rel=1e-9)


def test_without_a_layer_in_front_a_is_one() -> None:
    c = dataclasses.replace(made(), a=None)
    o = claims.look_over(c)
    assert excerpts.best_inputs(o.seen, 0) == []
    assert (there(excerpts.whole(o.capture, o.seen, 0).a) == 1).all()
    assert excerpts.excerpt(o.capture, o.seen, 0)[0].d == 1


def test_what_explore_can_hold() -> None:
    small, large = (claims.look_over(made(n=n)) for n in (30, 500))
    s, said = excerpts.excerpt(small.capture, small.seen, 2)
    assert s.shape == (30, 1)
    assert s.d == MAX_INPUTS
    np.testing.assert_array_equal(s.x[:, 0], small.capture.x[:, 2].astype(float))
    assert said.startswith("Of 6 inputs")
    s, said = excerpts.excerpt(large.capture, large.seen, 1)
    assert s.shape == (MAX_ROWS, 1)
    assert "64 of 500 samples" in said
    c = large.capture
    dx = np.abs(run(Scenario(c.x, c.dy, c.gamma)).dx[:, 1])
    best = np.sort(np.argsort(-dx, kind="stable")[:64])
    np.testing.assert_array_equal(s.x[:, 0], c.x[best, 1].astype(float))


def test_the_table_of_neurons_is_the_survey() -> None:
    c = made(n=40, k=20, dtype="float64")
    dy = c.dy.copy()
    dy[:, 3] = 0.0
    bent = dataclasses.replace(c, dy=dy, dx=None)
    o = claims.look_over(bent)
    data = table(o)
    t = run(Scenario(bent.x, bent.dy, bent.gamma, bent.beta, bent.eps, bent.a))
    assert data["count"] == len(data["rows"]) == 20
    assert data["rows"][0]["neuron"] == 3
    assert "dead" in data["rows"][0]["words"]
    assert data["rows"][0]["parts"] == []
    for row in data["rows"][1:]:
        j = row["neuron"]
        cells = row["cells"]
        assert cells["mean"]["v"] == pytest.approx(t.mean[j])
        assert cells["std"]["v"] == pytest.approx(t.scenario.x[:, j].std())
        assert cells["dx"]["v"] == pytest.approx(np.sqrt((t.dx[:, j] ** 2).mean()))
        assert cells["dweight"]["v"] == pytest.approx(np.linalg.norm(there(t.dweight)[:, j]))
        assert cells["dx_sum"]["t"] == "✓ 0"
        assert cells["dx_sum"]["v"] == pytest.approx(0, abs=1e-12)
        assert sum(part["share"] for part in row["parts"]) == pytest.approx(1)
    assert max(row["cells"]["dx"]["bar"] for row in data["rows"]) == 1


def test_of_a_wide_layer_the_browser_gets_those_that_stand_out() -> None:
    rng = np.random.default_rng(0)
    c = Capture(
        rng.normal(size=(8, 3000)), rng.normal(size=(8, 3000)), np.ones(3000), np.zeros(3000)
    )
    data = table(claims.look_over(c))
    assert len(data["rows"]) == 256
    assert data["count"] == 3000


def test_where_it_differs_is_explained_at_the_neuron_that_differs_most() -> None:
    c = made(dtype="float64", n=20)
    x, dx = c.x.copy(), there(c.dx).copy()
    x[:, 0] = 2.0  # stands out as well, and agrees
    t = run(Scenario(x, c.dy, c.gamma, c.beta, c.eps))
    dx = t.dx.copy()
    dx[:, 3] = with_mistake(t, "variance").dx[:, 3]
    o = claims.look_over(dataclasses.replace(c, x=x, dx=dx))
    assert MISTAKES["variance"].title in o.why


def test_the_shipped_network_is_real_and_one_neuron_of_it_is_sick() -> None:
    network = open_network(SHIPPED)
    assert network.names() == ["norm1", "norm2", "norm3", "norm4"]
    assert [row.stand_out for row in network.rows] == [0, 0, 1, 0]
    sick = network["norm3"].overview
    assert sick.order[0].words == ("dead: nothing comes from upstream",)
    assert not sick.capture.dy[:, sick.order[0].neuron].any()
    assert all(row.agrees for row in network.rows)
    c = network["norm1"].capture
    assert c.shape == (64, 32)
    assert SHIPPED.stat().st_size < 150_000
    np.testing.assert_allclose(there(c.a) @ there(c.weight) + there(c.bias), c.x, atol=1e-5)
    seen = survey.survey(c)
    assert there(claims.agreement(seen))[0]
    s, _ = excerpts.excerpt(c, survey.survey(c), 0)
    np.testing.assert_allclose(run(s).dx[:, 0], there(c.dx)[:, 0], atol=1e-7)


def test_a_wrong_gradient_of_a_large_capture_is_explained_in_memory_of_its_size() -> None:
    """The mistake that broadcasts (N,) beside (N, 1) would need 80 GB here."""
    rng = np.random.default_rng(0)
    n = 100_000
    x, dy = rng.normal(size=(n, 1)), rng.normal(size=(n, 1))
    t = run(Scenario(x, dy))
    wrong = Capture(x, dy, np.ones(1), np.zeros(1), dx=1.5 * t.dx)
    assert claims.look_over(wrong).why.endswith("It is multiplied by 1.50.")
    bent = dataclasses.replace(wrong, dx=with_mistake(t, "keepdims").dx)
    assert claims.look_over(bent).why.endswith(f"{MISTAKES['keepdims'].title}.")


@pytest.mark.parametrize("offset", [0.0, 10.0, 100.0])
@pytest.mark.parametrize("n", [64, 5000])
def test_the_bound_tells_a_gradient_that_is_off_by_a_hundredth(offset: float, n: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(offset, 1, (n, 3)).astype(np.float32)
    dy = rng.normal(size=(n, 3)).astype(np.float32)
    dx = run(Scenario(x, dy)).dx.astype(np.float32)
    right = Capture(x, dy, np.ones(3), np.zeros(3), dx=dx)
    assert there(claims.agreement(survey.survey(right)))[0] is True
    for wrong in (1.01 * dx, np.zeros_like(dx), -dx):
        bent = dataclasses.replace(right, dx=wrong.astype(np.float32))
        assert there(claims.agreement(survey.survey(bent)))[0] is False


@pytest.mark.parametrize("n", [64, 20_000])
def test_half_precision_is_judged_by_one_rounding(n: int) -> None:
    rng = np.random.default_rng(1)
    x, dy = (rng.normal(size=(n, 3)).astype(np.float32) for _ in range(2))
    dx = run(Scenario(x, dy)).dx
    short = dx.astype(np.float32).view(np.uint32) + 0x8000  # bfloat16: the upper 16 bits
    half = (short & np.uint32(0xFFFF0000)).view(np.float32)
    c = Capture(x, dy, np.ones(3), np.zeros(3), dx=half, roundoff=2.0**-7)
    good, said = there(claims.agreement(survey.survey(c)))
    assert good, said
    for wrong in (0 * dx, -dx, 2 * dx):
        bent = dataclasses.replace(c, dx=wrong.astype(np.float32))
        assert there(claims.agreement(survey.survey(bent)))[0] is False


def test_where_digits_are_too_coarse_nothing_is_claimed() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(3e7, 1, (64, 1)).astype(np.float32)
    dy = rng.normal(size=(64, 1)).astype(np.float32)
    dx = run(Scenario(x, dy)).dx.astype(np.float32)
    c = Capture(x, dy, np.ones(1), np.zeros(1), dx=dx)
    good, said = there(claims.agreement(survey.survey(c)))
    assert good is None
    assert "can’t be told" in said


@pytest.mark.parametrize(("ratio", "taken"), [(1.0, 0.75), (0.1, 1 - (1 / 1.1) ** 2)])
def test_along_x_hat_only_what_eps_does_not_let_through_is_taken(
    ratio: float, taken: float
) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 1))
    x = (x - x.mean()) / x.std() * np.sqrt(ratio * 1e-5)
    c = Capture(x, x / x.std(), np.ones(1), np.zeros(1))
    seen = survey.survey(c)
    np.testing.assert_allclose(seen.removed_x_hat, taken, rtol=1e-9)
    t = run(Scenario(c.x, c.dy))
    kept = (t.dx**2).sum() / (t.inv_std**2 * (t.dx_hat**2).sum())
    np.testing.assert_allclose(1 - seen.removed_x_hat[0], kept, rtol=1e-9)


def test_what_is_not_so_is_not_said() -> None:
    c = made(n=40, k=3, dtype="float64")
    gamma = np.array([0.0, 1.0, 1.0])
    dy = c.dy.copy()
    dy[:, 1] = 2.0
    x = 1e-3 * c.x
    bent = Capture(x, dy, gamma, np.zeros(3))
    found = claims.findings(bent, survey.survey(bent))
    words = [" ".join(f.words) for f in sorted(found, key=lambda f: f.neuron)]
    assert "γ is 0" in words[0]
    assert "dead" not in words[0]
    assert "explode" not in words[1]  # nothing is left to explode
    assert "explode" in words[2]
    one = Capture(x[:1], dy[:1], np.ones(3), np.zeros(3))
    assert not any(
        "explode" in w for f in claims.findings(one, survey.survey(one)) for w in f.words
    )


def test_a_zero_sum_is_known_at_a_large_offset() -> None:
    rng = np.random.default_rng(3)
    c = Capture(rng.normal(1e6, 1, (100, 4)), rng.normal(size=(100, 4)), np.ones(4), np.zeros(4))
    seen = survey.survey(c)
    assert (np.abs(seen.dx_sum) <= seen.sum_bound).all()
    assert (seen.sum_bound < 1e-6).all()


def test_an_evaluating_layer_with_the_gradient_of_training_is_explained() -> None:
    c = made(dtype="float64")
    running: Arguments = {"running_mean": np.zeros(5), "running_var": np.full(5, 4.0)}
    assert (
        "that of training" in claims.look_over(dataclasses.replace(c, mode="eval", **running)).why
    )
