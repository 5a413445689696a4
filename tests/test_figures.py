"""The figures draw the numbers of the trace."""

import numpy as np
import pytest

from bnviz.figures.sums import dweight_sum, dx_sum
from bnviz.figures.weights import dweight_heatmap
from bnviz.palette import sample_colors
from bnviz.presets import PRESETS
from bnviz.share import View
from bnviz.trace import run


def bars(figure):
    return next(trace for trace in figure.data if trace.type == "bar")


def end(figure):
    return next(trace for trace in figure.data if trace.type == "scatter")


@pytest.mark.parametrize("name", PRESETS)
def test_waterfalls_add_up(name: str) -> None:
    t = run(PRESETS[name].scenario)
    a = t.scenario.a[:, 0]
    for draw, values in ((dx_sum, t.dx[:, 0]), (dweight_sum, a * t.dx[:, 0])):
        figure, _, alt = draw(t, View())
        bar = bars(figure)
        tops = np.asarray(bar.base) + np.asarray(bar.y)
        np.testing.assert_allclose(bar.y, values, rtol=1e-12)
        np.testing.assert_allclose(bar.base[1:], tops[:-1], atol=1e-12 * np.abs(values).max())
        assert abs(bar.base[0]) <= 1e-15 * np.abs(values).max()
        np.testing.assert_allclose(end(figure).y[0], tops[-1], atol=1e-10)
        assert list(bar.marker.color) == sample_colors(values.size)
        assert alt.endswith(".")


def test_titles_say_what_is_true() -> None:
    puzzle = run(PRESETS["puzzle"].scenario)
    assert dx_sum(puzzle, View())[1] == "Added up, ∂L/∂x comes back to 0"
    assert dweight_sum(puzzle, View())[1] == "Weighted by a, it ends at ∂L/∂W = +0.29"
    one = run(PRESETS["one"].scenario)
    assert dx_sum(one, View())[1] == "∂L/∂x is 0 from the start"
    assert dweight_heatmap(one, View())[1] == "All of ∂L/∂W, shape (2, 2): all of it is 0"
    uncorrelated = run(PRESETS["uncorrelated"].scenario)
    assert dweight_sum(uncorrelated, View())[1] == "Weighted by a, it ends at ∂L/∂W = 0"


def test_heatmap_holds_the_weight_gradient() -> None:
    t = run(PRESETS["puzzle"].scenario)
    figure, title, alt = dweight_heatmap(t, View(1, 2))
    heat = figure.data[0]
    np.testing.assert_allclose(np.array(heat.z, dtype=float), t.dweight)
    assert heat.text[1][0] == "+2.78"
    assert heat.zmax == -heat.zmin == pytest.approx(2.782, abs=1e-3)
    box = figure.layout.shapes[0]
    assert (box.x0, box.y0) == (0.5, 1.5)
    assert title == "All of ∂L/∂W, shape (3, 2)"
    assert "+2.78, at input 2 and neuron 1" in alt
