"""The pictures of the Weights page draw the numbers of the trace."""

import numpy as np
import plotly.graph_objects as go
import pytest

from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw.figures import geometry, invariance, outer
from bnviz.draw.figures.style import NEUTRAL
from bnviz.draw.palette import sample_colors
from bnviz.inputs.batches import resized
from bnviz.inputs.presets import PRESETS
from bnviz.study.invariance import as_computed, descend
from tests.kinds import there

from .valid import valid

VIEW = View(0, 0)


@pytest.mark.parametrize("name", PRESETS)
def test_every_picture_draws_every_preset(name: str) -> None:
    s = PRESETS[name].scenario.training()
    t = run(s)
    n = s.shape[0]
    computed = as_computed(s)
    pictures = [
        *(p for upto in {1, n} for p in outer.outer_products(t, upto)),
        invariance.along_weight(computed, 0, 1.0),
        invariance.growth(descend(computed, 0)),
        geometry.energy(t, 0),
        geometry.matrix(t, 0),
        geometry.over_eps(s, 0),
        geometry.space(run(resized(s, 3, s.shape[1], s.d)), 0),
    ]
    for figure, title, alt in map(valid, pictures):
        assert title
        assert alt.endswith(".")
        assert "nan" not in title + alt
        assert figure.layout.uirevision


def drawn(figure: go.Figure) -> np.ndarray:
    """The values behind the bars of a table."""
    bars = next(trace for trace in figure.data if trace.type == "bar")
    return np.array(bars.customdata)


def test_the_small_matrices_are_the_outer_products() -> None:
    t = run(PRESETS["puzzle"].scenario)
    figure, _, _ = valid(outer.outer_products(t, 3)[0])
    a, dx = there(t.scenario.a), t.dx
    products = drawn(figure).reshape(6, 3, 2)
    np.testing.assert_allclose(products, a[:, :, None] * dx[:, None, :])
    fills = np.reshape(figure.data[1].marker.color, (6, 6))
    for i in range(6):
        # What is still to come has its outline, and no fill.
        assert (set(fills[i]) == {sample_colors(6)[i]}) == (i < 3)
        assert (figure.layout.shapes[i].line.dash == "solid") == (i < 3)
        assert figure.layout.shapes[i].line.color == NEUTRAL
        assert sample_colors(6)[i] in figure.layout.annotations[i].text
        assert figure.layout.annotations[i].font.color is None  # ink: it must be read


@pytest.mark.parametrize(("n", "d"), [(9, 3), (16, 1), (64, 4)])
def test_rows_of_small_matrices_leave_room_for_the_numbers(n: int, d: int) -> None:
    t = run(resized(PRESETS["puzzle"].scenario, n, 2, d))
    figure, _, _ = valid(outer.outer_products(t, n)[0])
    margin, (bottom, top) = figure.layout.margin, figure.layout.yaxis.range
    pixels = (figure.layout.height - margin.t - margin.b) / (bottom - top)
    boxes = figure.layout.shapes
    for above, below in zip(boxes, boxes[8:], strict=False):
        assert (below.y0 - above.y1) * pixels == pytest.approx(28, abs=1)
        tall = 44 * d if n <= 16 else max(90, 34 * d)
        assert (above.y1 - above.y0) * pixels == pytest.approx(tall, rel=0.02)
    # A number of six signs has its place in a cell, where numbers are written.
    texts = figure.data[2].text
    assert bool(texts) == (n <= 16)
    across = figure.layout.meta["least"] / (figure.layout.xaxis.range[1])
    assert across >= 36


@pytest.mark.parametrize("name", ["puzzle", "shifted"])
def test_what_is_added_and_the_sum_have_one_scale(name: str) -> None:
    pictures = [
        valid(p)[0] for p in outer.outer_products(run(PRESETS[name].scenario.training()), 2)
    ]
    for small, total in (pictures[:2], pictures[2:]):
        scales = []
        for figure in (small, total):
            values = drawn(figure)
            largest = np.abs(values).argmax()
            scales.append(figure.data[1].x[largest] / values[largest])
            assert np.abs(figure.data[1].x).max() <= 0.42 + 1e-12
        assert scales[0] == pytest.approx(scales[1])


def test_the_sum_so_far_and_the_bias_that_comes_back() -> None:
    t = run(PRESETS["puzzle"].scenario)
    a, dx = there(t.scenario.a), t.dx
    _, (total, _, _), _, (ones, title, _) = map(valid, outer.outer_products(t, 4))
    np.testing.assert_allclose(drawn(total), (a[:4].T @ dx[:4]).ravel(), atol=1e-12)
    np.testing.assert_allclose(drawn(ones), dx[:4].sum(axis=0), atol=1e-12)
    assert "is at" in title
    _, (total, _, _), _, (ones, title, _) = map(valid, outer.outer_products(t, 6))
    np.testing.assert_allclose(drawn(total), there(t.dweight).ravel(), atol=1e-12)
    assert drawn(ones).tolist() == [0.0, 0.0]
    assert title.endswith("is 0 again")


def test_a_bias_that_does_not_come_back_is_not_called_zero() -> None:
    t = run(PRESETS["puzzle"].scenario)
    object.__setattr__(t, "dx", t.dx_direct)
    assert "again" not in outer.outer_products(t, 6)[3][1]


def test_growth_draws_what_was_reached_and_what_was_foretold() -> None:
    way = descend(PRESETS["layer"].scenario, 0)
    figure, _, _ = valid(invariance.growth(way))
    line, dots = figure.data
    assert list(dots.y) == way.length.tolist()
    assert list(line.y) == way.foretold.tolist()


def test_energy_adds_to_one_and_the_matrix_is_symmetric() -> None:
    t = run(PRESETS["puzzle"].scenario)
    figure, _, _ = valid(geometry.energy(t, 0))
    assert sum(figure.data[0].y) == pytest.approx(1)
    figure, _, _ = valid(geometry.matrix(t, 0))
    z = drawn(figure).reshape(6, 6)
    np.testing.assert_allclose(z, z.T)
    np.testing.assert_allclose(z @ t.dx_hat[:, 0], t.dx[:, 0], atol=1e-12)


def test_in_space_the_kept_part_lies_in_the_one_direction_left() -> None:
    t = run(resized(PRESETS["puzzle"].scenario, 3, 2, 3))
    figure, _, _ = valid(geometry.space(t, 0))
    tips = {d.name: np.array([d.x[1], d.y[1], d.z[1]]) for d in figure.data if d.name}
    left, kept = tips["the direction left"], tips["kept"]
    assert abs(left.sum()) < 1e-12
    assert abs(left @ t.x_hat[:, 0]) < 1e-9
    np.testing.assert_allclose(np.cross(left, kept), 0, atol=1e-9)
    np.testing.assert_allclose(tips["∂L/∂x̂"], t.dx_hat[:, 0])
    # Both lie on one line: only one of them is named.
    named = [d.name for d in figure.data if d.text]
    assert named == ["x̂", "1", "∂L/∂x̂", "kept"]
    assert not {d.line.color for d in figure.data if d.name} & set(sample_colors(7))


@pytest.mark.parametrize("n", [12, 64])
def test_a_large_jacobian_fades_to_nothing_at_zero(n: int) -> None:
    t = run(resized(PRESETS["puzzle"].scenario, n, 2, 3))
    figure, title, _ = valid(geometry.matrix(t, 0))
    heat = figure.data[0]
    np.testing.assert_allclose(np.array(heat.z) @ t.dx_hat[:, 0], t.dx[:, 0], atol=1e-12)
    assert all(color.endswith(", 0)") for at, color in heat.colorscale if at == 0.5)
    assert heat.zmax == -heat.zmin
    assert "plus in red, minus in olive" in title
    assert figure.layout.xaxis.dtick == figure.layout.yaxis.dtick
    assert (heat.xgap == 0) == (n > 16)


@pytest.mark.parametrize(
    ("name", "names"), [("puzzle", 2), ("two", 1), ("constant", 1), ("one", 0)]
)
def test_only_directions_that_exist_have_a_curve(name: str, names: int) -> None:
    figure, title, alt = valid(geometry.over_eps(PRESETS[name].scenario.training(), 0))
    assert sum(curve.mode == "lines" for curve in figure.data) == names
    assert ("along x̂" in title) == (name in {"puzzle", "two"})
    assert ("for the rest" in alt) == (name in {"puzzle", "constant"})
    assert title.startswith("Eigenvalues ") == (name == "puzzle")
    bars = valid(geometry.energy(run(PRESETS[name].scenario.training()), 0))[0].data[0]
    assert len(bars.x) == 1 + names  # and one along 1
    assert sum(bars.y) == pytest.approx(1)


def test_the_labels_of_both_curves_stand_apart() -> None:
    figure, _, _ = valid(geometry.over_eps(PRESETS["puzzle"].scenario, 0))
    above, below = figure.layout.annotations
    assert above.yshift > 0 > below.yshift


def test_rounding_is_no_curve() -> None:
    figure, title, _ = valid(invariance.along_weight(as_computed(PRESETS["two"].scenario), 0, 0.0))
    low, high = figure.layout.yaxis.range
    assert high - low >= 1
    assert low < min(np.log10([v for curve in figure.data for v in curve.y if v])) < high
    assert title.endswith("here 1.00")  # one input: all of it lies along w


@pytest.mark.parametrize(
    ("name", "eps", "why"),
    [
        ("constant", 1e-5, "w is 0"),
        ("uncorrelated", 1e-5, "no gradient"),
        ("puzzle", 0.0, "ε is 0"),
    ],
)
def test_an_empty_picture_says_why(name: str, eps: float, why: str) -> None:
    computed = as_computed(PRESETS[name].scenario.training().edit(eps=eps))
    figure, title, _ = valid(invariance.along_weight(computed, 0, 0.0))
    assert not any(v for curve in figure.data for v in curve.y)
    assert figure.layout.annotations[0].text == f"{why}, so no share"
    assert title.startswith("No share")


def test_steps_have_no_line_at_zero() -> None:
    figure, _, _ = valid(invariance.growth(descend(PRESETS["layer"].scenario, 0)))
    assert figure.layout.xaxis.zeroline is False
