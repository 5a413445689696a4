"""The pictures of the Check page draw the numbers they are given."""

from dataclasses import replace

import numpy as np
import pytest

from bnviz.core.trace import run
from bnviz.draw.figures.beside import beside
from bnviz.draw.figures.groups import groups
from bnviz.draw.figures.precision import name_of, residue_and_error
from bnviz.draw.figures.proof import headroom
from bnviz.draw.palette import sample_colors
from bnviz.inputs.batches import resized
from bnviz.inputs.presets import PRESETS
from bnviz.proof import complex_step
from bnviz.study import neighbours
from bnviz.study.precision import passes

from .valid import valid

S = PRESETS["puzzle"].scenario
T = run(S)


@pytest.mark.parametrize("name", PRESETS)
def test_every_picture_draws_every_preset(name: str) -> None:
    s = PRESETS[name].scenario.training()
    t = run(s)
    labels = neighbours.groupings(*s.shape)
    pictures = [
        headroom(complex_step.against(t, complex_step.numeric(s))),
        residue_and_error(passes(t, 0)),
        beside(t.dx[:, 0], t.dx_direct[:, 0], ("right", "wrong"), "∂L/∂x", "A title"),
        *(groups(labels[norm.groups], norm.title) for norm in neighbours.NORMS.values()),
    ]
    for figure, title, alt in map(valid, pictures):
        assert title
        assert alt.endswith(".")
        assert figure.layout.uirevision


def test_pairs_of_bars() -> None:
    wrong = T.dx[:, 0] + [0, 0, np.nan, 0, 0.5, 0]
    figure, title, alt = valid(beside(T.dx[:, 0], wrong, ("right", "wrong"), "∂L/∂x", "A title"))
    first, second = figure.data
    assert list(first.x[:-1]) == T.dx[:, 0].tolist()
    assert first.x[-1] == T.dx[:, 0].sum()
    assert second.x[2] is None  # nan is left out of the picture, not out of the text
    assert second.text[2] == "nan"
    assert list(first.marker.color[:6]) == sample_colors(6)
    assert title == "A title"
    assert "some of these are no numbers" in alt  # and no sum of a nan


def test_of_many_samples_those_that_differ_most() -> None:
    many = run(resized(S, 40, 2, 3))
    wrong = many.dx[:, 0].copy()
    wrong[30] += 1
    figure, title, _ = valid(beside(many.dx[:, 0], wrong, ("right", "wrong"), "∂L/∂x", "A title"))
    assert len(figure.data[0].x) == 17
    assert "sample 31" in figure.data[0].y
    assert title.endswith("(the 16 of 40 samples that differ most)")
    assert figure.data[1].x[-1] == wrong.sum()  # the sum is of all


def test_headroom_marks_what_lies_outside() -> None:
    found = complex_step.numeric(S)
    figure, title, _ = valid(headroom(complex_step.against(T, found)))
    assert title == "All 40 entries lie within their bound"
    assert {symbol for line in figure.data for symbol in line.marker.symbol} == {"circle"}
    bent = replace(T, dgamma=T.dgamma + np.array([0, 1e-3]))
    figure, title, _ = valid(headroom(complex_step.against(bent, found)))
    assert title == "Crosses lie outside their bound"
    line = next(trace for trace in figure.data if trace.y[0] == "∂L/∂γ")
    assert list(line.marker.symbol) == ["circle", "x"]


def test_groups_are_numbered() -> None:
    labels = neighbours.groupings(6, 2)["image"]
    figure, title, _ = valid(groups(labels, "Instance norm"))
    assert title == "Instance norm: 4 groups of 3"
    assert list(figure.data[0].text) == ["1", "2"] * 3 + ["3", "4"] * 3


@pytest.mark.parametrize("name", neighbours.NORMS)
def test_of_many_rows_the_first_are_shown_and_so_it_says(name: str) -> None:
    figure, title, _ = valid(
        groups(neighbours.groupings(64, 2)[neighbours.NORMS[name].groups], "A norm")
    )
    assert title.endswith("(the first 16 of 64 rows)")
    assert all(-0.5 < at < 15.5 for at in figure.layout.yaxis.tickvals)
    assert not {shape.fillcolor for shape in figure.layout.shapes} & set(sample_colors(64))


def test_residue_and_error() -> None:
    found = passes(run(PRESETS["offset"].scenario), 0)
    figure, _, alt = valid(residue_and_error(found))
    circles, diamonds = figure.data[-2:]
    assert list(circles.x[:4]) == [p.residue for p in found[:4]]
    assert list(diamonds.x[:4]) == [p.error for p in found[:4]]
    # float16: all x of the offset round to one number, and 0 · ∞ is none; and so it says.
    assert list(circles.x[4:]) == [None, None]
    assert any("no number" in note.text for note in figure.layout.annotations)
    assert name_of(found[3]) in alt


@pytest.mark.parametrize("name", PRESETS)
def test_the_title_of_the_precisions_claims_no_more_than_the_headline(name: str) -> None:
    t = run(PRESETS[name].scenario.training())
    found = passes(t, 0)
    _, title, _ = valid(residue_and_error(found))
    apart = any(p.error > 100 * max(p.residue, p.digits) for p in found)
    assert ("says little" in title) == apart
    assert "of a size" not in title
