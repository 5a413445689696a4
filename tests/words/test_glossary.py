"""The glossary covers every quantity, and its worked equations are true."""

import re
from dataclasses import fields

import numpy as np
import pytest

from bnviz.core.columns import GROUPS
from bnviz.core.trace import Trace, run
from bnviz.draw.ledger import term_of
from bnviz.inputs.presets import PRESETS
from bnviz.words.glossary import TERMS
from tests.kinds import there
from tests.paper import evaluate

T = run(PRESETS["layer"].scenario)
SIZES = dict(zip("Nkd", (*T.scenario.shape, T.scenario.d), strict=True))


def test_every_quantity_has_an_entry() -> None:
    computed = {f.name for f in fields(Trace)} - {"scenario"}
    assert computed | {"dweight_per_sample", "deviation"} | set(T.scenario.given()) == set(TERMS)


@pytest.mark.parametrize("name", TERMS)
def test_shapes_are_those_of_the_trace(name: str) -> None:
    held = name in ("running_mean", "running_var")
    t = run(T.scenario.edit(running_mean=[0.5, 1.0], running_var=[1.0, 2.0])) if held else T
    value = getattr(t if hasattr(t, name) else t.scenario, name)
    written = tuple(SIZES[letter] for letter in re.findall("[Nkd]", TERMS[name].shape))
    assert np.shape(value) == written


@pytest.mark.parametrize("name", TERMS)
def test_entries_are_complete(name: str) -> None:
    term = TERMS[name]
    assert term.sentence.endswith(".")
    assert term.latex
    assert term.equation.count("{") == term.equation.count("}")
    assert set(term.row_parts) | set(term.column_parts) <= set(TERMS)


WITH_LINE = [name for name, term in TERMS.items() if term.numpy]
# A line needs what others computed: in this order each has what it needs.
ORDER = (
    *("mean", "var", "inv_std", "x_hat", "y", "dbeta", "dgamma", "dx_hat", "dvar"),
    *("dmean_direct", "dmean_via_var", "dmean", "dx_direct", "dx_via_var", "dx_via_mean"),
    *("dx", "dweight", "dbias", "da"),
)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_line_of_numpy_gives_the_numbers_of_the_trace(preset: str) -> None:
    t = run(PRESETS[preset].scenario.training())
    space = {"np": np, "N": t.scenario.shape[0], **t.scenario.given(), "x": t.scenario.x}
    # The lines are the textbook's: with a large offset they have the textbook's rounding.
    loose = 1e-11 * (1 + float(np.abs(t.scenario.x).max()))
    size = float(max((t.inv_std * np.abs(t.dx_hat).sum(axis=0)).max(), 1.0))
    for name in ORDER:
        if name == "da" and t.da is None:
            continue
        exec(TERMS[name].numpy, {}, space)
        scale = size * max(1.0, float(np.abs(there(t.scenario.a)).max()))
        scale *= float(t.inv_std.max()) if name == "dvar" else 1.0
        np.testing.assert_allclose(
            space[name], getattr(t, name), rtol=1e-9, atol=loose * scale, err_msg=name
        )


ON_PAPER = [
    name
    for name, term in TERMS.items()
    if " = " in term.marked and name not in ("dweight", "da", "dx_simplified")
]


@pytest.mark.parametrize("name", ON_PAPER)
def test_every_equation_on_paper_gives_the_numbers_of_the_trace(name: str) -> None:
    j = 1
    known = {**T.scenario.given(), **{f.name: getattr(T, f.name) for f in fields(Trace)}}
    known |= {"x": T.scenario.x, "deviation": T.deviation}
    letters = {
        key: value[:, j] if value.ndim == 2 else value[j]
        for key, value in known.items()
        if isinstance(value, np.ndarray) and value.shape[-1] == T.scenario.shape[1]
    }
    letters |= {"eps": T.scenario.eps, "n": float(SIZES["N"]), "N": float(SIZES["N"])}
    found = evaluate(TERMS[name].marked.split(" = ")[-1], letters)
    np.testing.assert_allclose(found, letters[name], rtol=1e-12, atol=1e-14)


def test_the_second_piece_of_dmean_is_the_slope_of_the_variance() -> None:
    # About the mean it is 0 whatever its factor is, so here the centre is off.
    x, dvar = T.scenario.x, T.dvar
    space = {"x": x, "mean": T.mean + 0.3, "dvar": dvar, "N": x.shape[0]}
    exec(TERMS["dmean_via_var"].numpy, {}, space)
    above, below = (np.square(x - T.mean - 0.3 - step).mean(axis=0) for step in (1e-3, -1e-3))
    np.testing.assert_allclose(space["dmean_via_var"], dvar * (above - below) / 2e-3, rtol=1e-9)


def test_every_term_that_is_computed_has_its_line_but_for_other_forms_of_one() -> None:
    assert set(ORDER) == set(WITH_LINE)
    computed = {f.name for f in fields(Trace)} - {"scenario", "dx_simplified"}
    assert computed - {"dweight_per_sample"} == set(WITH_LINE)


COLUMNS = [name for _, names in GROUPS for name in names]


@pytest.mark.parametrize("name", [name for name in COLUMNS if term_of(name).rule])
@pytest.mark.parametrize("row", range(6))
def test_worked_equations_come_out(name: str, row: int) -> None:
    s, j, p = T.scenario, 1, 2
    known = {"n": 6.0, "a": there(s.a)[row, p]}
    for term in TERMS:
        value = getattr(T if hasattr(T, term) else s, term, None)
        if isinstance(value, np.ndarray) and value.shape in (s.shape, s.shape[1:]):
            known[term] = value[row, j] if value.ndim == 2 else value[j]
    expected = there(T.dweight_per_sample)[row, p, j] if name == "dweight" else known[name]
    said = re.sub(r"\\term\{(\w+)\}", lambda m: f"({float(known[m[1]])!r})", term_of(name).rule)
    said = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", said)
    arithmetic = said.replace(r"\cdot", "*").replace("2 (", "2 * (")
    assert re.fullmatch(r"[\d().e+*/ -]+", arithmetic)
    assert eval(arithmetic) == pytest.approx(expected, abs=1e-13)


def test_paths_feed_what_they_say() -> None:
    # Changing a named part of the row changes the cell; that is what lighting it up claims.
    s = T.scenario
    for name, part in (("dx_hat", "dy"), ("dx_direct", "dx_hat")):
        assert part in TERMS[name].row_parts
    dy = s.dy.copy()
    dy[2] += 1
    moved = run(s.edit(dy=dy))
    assert (moved.dx_hat[2] != T.dx_hat[2]).all()
    assert (moved.dx_hat[3] == T.dx_hat[3]).all()
    assert (moved.dx_via_mean[3] != T.dx_via_mean[3]).all()
