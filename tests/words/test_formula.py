"""Formulas: every one of the glossary is set, says the same as plain text, and adds no letter."""

import re
from xml.etree import ElementTree as ET

import pytest

from bnviz.words.formula import broken, equation, factors, mathml, short, symbol, text, worked
from bnviz.words.glossary import TERMS, plain_latex

WITH_RULE = [name for name, term in TERMS.items() if term.rule]
NS = "{http://www.w3.org/1998/Math/MathML}"


def marks(mathml: str, kind: str) -> list[str]:
    return re.findall(rf'data-{kind}="(\w+)"', mathml)


@pytest.mark.parametrize("name", TERMS)
def test_every_formula_of_the_glossary_is_set(name: str) -> None:
    forms = [symbol(name), symbol(name, inline=True), equation(name), short(name), worked(name)]
    for formula in filter(None, forms):
        root = ET.fromstring(formula)
        assert root.tag == f"{NS}math"
        assert root.get("aria-label")
        assert "\\" not in formula, "a command that the converter did not know"
        assert not root.findall(".//*[@href]")


@pytest.mark.parametrize("name", TERMS)
def test_plain_text_is_the_symbol_that_the_sentences_use(name: str) -> None:
    said = text(TERMS[name].latex).replace("ᵢ", "").replace(" ⊗ ", " · ")
    spoken = {"①": "① direct", "②": "② via σ²", "③": "③ via μ"}.get(said, said)
    wanted = TERMS[name].symbol.removesuffix(", simplified").removesuffix(", held")
    assert spoken.replace(" + ", "+") == wanted


@pytest.mark.parametrize("name", TERMS)
def test_latex_for_others_has_no_names_of_ours(name: str) -> None:
    assert not re.search(r"\\(part|term|slot)\b", TERMS[name].equation)
    assert mathml(TERMS[name].equation).count("<mi>") == equation(name).count("<mi>")


@pytest.mark.parametrize("name", [name for name in WITH_RULE if worked(name)])
def test_a_worked_formula_has_a_slot_for_every_part(name: str) -> None:
    formula = worked(name)
    parts = [p for p in marks(short(name), "part") if p != "mean"]
    # The difference itself stands in the place of two numbers that may be large.
    expected = ["deviation" if p == "x" else p for p in parts]
    assert marks(formula, "slot") == [*expected, name]
    assert set(marks(formula, "slot")) <= {*TERMS, "n"}


def test_factors_are_the_equation_taken_apart() -> None:
    found = factors(TERMS["dvar"].marked)
    assert [piece.part for piece in found] == ["dvar", "", "product", "", "inv_std"]
    assert [piece.text for piece in found if piece.operator] == ["=", "·"]
    assert found[-1].text == "(−1/2) (σ² + ε)^(−3/2)"


def test_a_long_formula_breaks_before_its_operators() -> None:
    latex = r"g s - \frac{s}{N} (a + b) \cdot c"
    pieces = [ET.fromstring(piece).get("aria-label") for piece in broken(latex)]
    assert pieces == ["gs", "− s/N (a + b) · c"]


@pytest.mark.parametrize(
    ("latex", "inline"),
    [
        (r"\frac{a + b}{N}", "(a + b)/N"),
        (r"\frac{2 (a + b)}{N}", "2(a + b)/N"),
        (r"\frac{-1}{\sqrt{a + b}}", "−1/√(a + b)"),
        (r"\frac{a}{b - c}", "a/(b − c)"),
    ],
)
def test_a_slash_keeps_what_belongs_together(latex: str, inline: str) -> None:
    formula = mathml(latex, inline=True)
    assert "mfrac" not in formula
    assert ET.fromstring(formula).get("aria-label") == inline == text(latex)


def test_a_minus_in_front_is_a_sign_and_between_two_an_operator() -> None:
    formula = mathml(r"\sum_i -2 (-x - \mu)")
    assert formula.count('form="prefix"') == 2
    assert text(r"\sum_i -2 (-x - \mu)") == "Σᵢ −2(−x − μ)"


def test_plain_latex_keeps_everything_else() -> None:
    assert plain_latex(r"\term{y} + \part{n}{\frac{1}{N}}") == r"{y_i} + {\frac{1}{N}}"
