"""Pasted numbers: read as written, judged by what they are, and never executed."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.batches import random_scenario
from bnviz.inputs.presets import PRESETS
from bnviz.proof.judge import CHECKED, PasteError, checkable, diagnose, parse
from bnviz.proof.mistakes import MISTAKES, with_mistake
from tests.kinds import there

S = PRESETS["puzzle"].scenario
T = run(S)


def csv(values: np.ndarray) -> str:
    return "\n".join(",".join(repr(float(v)) for v in row) for row in values)


WRITTEN: dict[str, Callable[[Array], str]] = {
    "numpy": str,
    "repr": repr,
    "assigned": lambda v: f"dx = np.{v!r}",
    "list": lambda v: str(v.tolist()),
    "csv": csv,
    "csv with names": lambda v: "a,b\n" + csv(v),
    "pandas": lambda v: (
        ",a,b\n" + "\n".join(f"{i},{line}" for i, line in enumerate(csv(v).split("\n")))
    ),
    "tabs": lambda v: csv(v).replace(",", "\t"),
    "semicolons": lambda v: csv(v).replace(",", ";"),
    "blanks": lambda v: csv(v).replace(",", "  "),
    "typographic minus": lambda v: csv(v).replace("-", "−"),
    "torch": lambda v: "tensor(" + str(v.tolist()) + ", dtype=torch.float64)",
    "windows": lambda v: "\ufeff" + csv(v).replace("\n", "\r\n") + "\r\n",
}


@pytest.mark.parametrize("way", WRITTEN)
def test_reads_what_people_paste(way: str) -> None:
    text = WRITTEN[way](T.dx)
    found = parse(text)
    assert found.values.shape == (6, 2)
    np.testing.assert_allclose(found.values, T.dx, atol=1e-8)
    assert diagnose(T, "dx", found).holds


def test_resolution_is_half_of_the_last_digit() -> None:
    found = parse("[1.25 -3. 4e-3 .5]")
    np.testing.assert_allclose(found.resolution, [0.005, 0.005, 0.000005, 0.005])
    assert not parse("[1.25 -3. 4e-3 .5 0.1234567890123456]").resolution.any()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "nothing in it yet"),
        ("[[1, 2], [3]]", "differ in length"),
        ("[1, 2", "not closed"),
        ("1, 2]", "outside the brackets"),
        ("[1] [2]", "more than one array"),
        ("[[[[1]]]]", "three brackets"),
        ("[[1, [2]], [3, [4]]]", "deeper than others"),
        ("1,2\n3,nan", "Row 2, column 2: “nan”"),
        ("1,2\n3,inf", "Row 2, column 2: “inf”"),
        ("1,2\n3", "Row 2 has 1"),
        ("[1, two]", "Number 2: “two”"),
        ("[1, 1e999]", "too large"),
        ("[1. 2. ... 3.]", "left numbers out"),
        ("a,b\n", "no numbers"),
        ("[]", "no numbers"),
        ("<img src=x onerror=alert(1)>", "no numbers"),
        ("__import__('os').system('true')", "no numbers"),
        ("[__import__('os')]", "Number 1"),
        ("1_000", "no numbers"),
        ("١", "no numbers"),
        ("1 " * 150_000, "too long"),
        ("array(" + ",dtype=" * 20_000 + "[1]", "outside the brackets"),
        ("[1]" + ", a=" * 40_000, "outside the brackets"),
        ("[" * 100_000, "not closed"),
        ("]1[", "not closed"),
        ("[1]]", "no opening"),
    ],
)
def test_says_what_is_wrong(text: str, what: str) -> None:
    with pytest.raises(PasteError, match=what.replace("(", r"\(")):
        parse(text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet="[]0123456789.,-+eE \n\t;ax()=", max_size=60),
    )
)
def test_any_text_is_an_array_or_a_sentence(text: str) -> None:
    said = ""
    try:
        found = parse(text)
    except PasteError as error:
        said = str(error)
    if said:
        assert said.endswith(".")
        return
    assert np.isfinite(found.values).all()
    for term in ("dx", "dgamma", "dweight"):
        assert diagnose(T, term, found).claim.endswith(".")


@pytest.mark.parametrize("name", MISTAKES)
def test_names_the_right_mistake(name: str) -> None:
    wrong = getattr(with_mistake(T, name), "dx" if name not in LAST else MISTAKES[name].term)
    term = "dx" if name not in LAST else MISTAKES[name].term
    for text in (repr(wrong), str(wrong.tolist())):
        found = diagnose(T, term, parse(text))
        assert found.matches == (name,), found
        assert MISTAKES[name].title in found.claim
        assert not found.holds


LAST = ("beta", "not_added", "averaged")


@pytest.mark.parametrize("term", CHECKED)
def test_every_term_can_be_handed_in(term: str) -> None:
    t = run(PRESETS["layer"].scenario)
    value = getattr(t, term)
    assert diagnose(t, term, parse(str(value.tolist()))).holds
    bent = value.copy()
    bent.flat[0] += 0.05
    assert not diagnose(t, term, parse(str(bent.tolist()))).holds


def test_what_there_is_to_hand_in() -> None:
    assert checkable(run(PRESETS["layer"].scenario)) == list(CHECKED)
    assert "da" not in checkable(T)


def test_a_column_for_a_row_of_one_neuron() -> None:
    t = run(PRESETS["two"].scenario)
    assert diagnose(t, "dx", parse(str(t.dx[:, 0].tolist()))).holds


@pytest.mark.parametrize(
    ("bend", "what"),
    [
        (lambda v: -v, "sign is turned"),
        (lambda v: v * 6, "6 times too large"),
        (lambda v: v / 6, "6 times too small"),
        (lambda v: v.T, "transposed"),
        (lambda v: v[:, :1], r"It is (6, 1), and it must be (6, 2)."),
        (lambda v: v + np.eye(6, 2), "differs most at (1, 1)"),
    ],
)
def test_slips(bend: Callable[[Array], Array], what: str) -> None:
    found = diagnose(T, "dx", parse(str(bend(T.dx).tolist())))
    assert what in found.why
    assert not found.holds


def test_few_digits_are_told_from_wrong_ones() -> None:
    single = T.dx * (1 + 3e-7)
    found = diagnose(T, "dx", parse(str(single.tolist())))
    assert found.holds
    assert "float32" in found.claim
    t = run(S.edit(eps=0.5))  # with a large ε no mistake is as near as float16
    half = t.dx.astype(np.float16).astype(float)
    assert "right to float16" in diagnose(t, "dx", parse(str(half.tolist()))).claim
    # With a small one, dropping it is nearer than float16 can tell.
    half = T.dx.astype(np.float16).astype(float)
    found = diagnose(T, "dx", parse(str(half.tolist())))
    assert "too few digits" in found.claim
    assert "ε dropped" in found.why


@pytest.mark.parametrize("name", PRESETS)
def test_a_straightforward_program_is_right_in_every_term(name: str) -> None:
    """Textbook code, not this project's: rounding of its own must not be called wrong."""
    s = PRESETS[name].scenario.training()
    t = run(s)
    mean, var = s.x.mean(axis=0), s.x.var(axis=0)
    inv_std = 1 / np.sqrt(var + s.eps)
    x_hat = (s.x - mean) * inv_std
    g = s.gamma * s.dy
    dx = inv_std * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))
    mine = {
        "dx": dx,
        "dgamma": (s.dy * x_hat).sum(axis=0),
        "dbeta": s.dy.sum(axis=0),
        "dbias": dx.sum(axis=0),
        "dweight": there(s.a).T @ dx,
        "dmean": -(g * inv_std).sum(axis=0),
        "dvar": (g * (s.x - mean)).sum(axis=0) * -0.5 * inv_std**3,
    }
    for term, value in mine.items():
        found = diagnose(t, term, parse(str(value.tolist())))
        assert found.holds, (term, found)


def test_trailing_zeros_that_a_print_leaves_out_count() -> None:
    bent = np.round(T.dx, 8)
    bent[0, 0] = 0.7
    assert not diagnose(T, "dx", parse(str(bent))).holds


@pytest.mark.parametrize("name", [n for n in PRESETS if n != "one"])
@pytest.mark.parametrize("factor", [2.5, 0.99, 1e-300, 0.0])
def test_plainly_wrong_numbers_are_never_right(name: str, factor: float) -> None:
    t = run(PRESETS[name].scenario.training())
    found = diagnose(t, "dx", parse(str((factor * t.dx).tolist())))
    assert not found.holds, found
    assert "factor" not in found.claim


@pytest.mark.parametrize("name", ["puzzle", "two", "three", "frozen"])
def test_zeros_are_no_factor_of_anything(name: str) -> None:
    t = run(PRESETS[name].scenario.training())
    for text in ("\n".join(" ".join("0" for _ in row) for row in t.dx), str(np.zeros(t.dx.shape))):
        found = diagnose(t, "dx", parse(text))
        assert not found.holds
        assert "factor" not in found.claim


def test_a_mistake_in_float32_is_still_that_mistake() -> None:
    t = run(random_scenario(1, 64, 2, 2))
    wrong = with_mistake(t, "unbiased").dx.astype(np.float32).astype(float)
    assert diagnose(t, "dx", parse(str(wrong.tolist()))).matches == ("unbiased",)


def test_too_few_digits_are_not_called_right() -> None:
    t = run(PRESETS["frozen"].scenario.training())  # ∂L/∂x up to 0.09
    found = diagnose(t, "dx", parse("0.1\n0.1\n-0.1\n0.0\n-0.1\n0.0"))
    assert not found.holds


def test_a_mistake_that_changes_nothing_is_not_named() -> None:
    x = np.array([[-1.2], [0.3], [-0.4], [2.1]])
    t = run(Scenario(x, [[0.5], [-0.5], [0.25], [-0.25]]))  # Σ∂L/∂x̂ = 0: no mean path
    found = diagnose(t, "dx", parse(str((t.dx * (1 + 5e-10)).tolist())))
    assert "mean" not in found.matches


def test_a_pandas_file_without_names() -> None:
    text = ",0,1\n" + "\n".join(f"{i},{line}" for i, line in enumerate(csv(T.dx).split("\n")))
    assert diagnose(T, "dx", parse(text)).holds
