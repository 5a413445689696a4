"""Pasted numbers: read as written, judged by what they are, and never executed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.mistakes import MISTAKES, with_mistake
from bnviz.pasted import CHECKED, PasteError, checkable, diagnose, parse
from bnviz.presets import PRESETS
from bnviz.trace import run

S = PRESETS["puzzle"].scenario
T = run(S)


def csv(values: np.ndarray) -> str:
    return "\n".join(",".join(repr(float(v)) for v in row) for row in values)


WRITTEN = {
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
    assert diagnose(T, "dx", found).right


def test_resolution_is_half_of_the_last_digit() -> None:
    found = parse("[1.25 -3. 4e-3 .5]")
    np.testing.assert_allclose(found.resolution, [0.005, 0.5, 0.0005, 0.05])
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
        if name == "no_eps" and text.startswith("array"):
            assert name in found.matches or found.right  # eight digits may not tell
        else:
            assert found.matches == (name,), found
            assert MISTAKES[name].title in found.claim
            assert not found.right


LAST = ("beta", "not_added", "averaged")


@pytest.mark.parametrize("term", CHECKED)
def test_every_term_can_be_handed_in(term: str) -> None:
    t = run(PRESETS["layer"].scenario)
    value = getattr(t, term)
    assert diagnose(t, term, parse(str(value.tolist()))).right
    bent = value.copy()
    bent.flat[0] += 0.05
    assert not diagnose(t, term, parse(str(bent.tolist()))).right


def test_what_there_is_to_hand_in() -> None:
    assert checkable(run(PRESETS["layer"].scenario)) == list(CHECKED)
    assert "da" not in checkable(T)


def test_a_column_for_a_row_of_one_neuron() -> None:
    t = run(PRESETS["two"].scenario)
    assert diagnose(t, "dx", parse(str(t.dx[:, 0].tolist()))).right


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
def test_slips(bend, what: str) -> None:
    found = diagnose(T, "dx", parse(str(bend(T.dx).tolist())))
    assert what in found.why
    assert not found.right


def test_few_digits_are_told_from_wrong_ones() -> None:
    single = T.dx * (1 + 3e-7)
    found = diagnose(T, "dx", parse(str(single.tolist())))
    assert found.right
    assert "float32" in found.claim
    half = diagnose(T, "dx", parse(str(T.dx.astype(np.float16).astype(float).tolist())))
    assert "float16" in half.claim
