"""The figures draw the numbers of the trace."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw.figures.dweight import dweight_bars
from bnviz.draw.figures.style import ACCENT, NEUTRAL, SECOND
from bnviz.draw.figures.sums import dweight_sum, dx_sum
from bnviz.draw.palette import sample_colors
from bnviz.inputs.presets import PRESETS
from tests.kinds import there

from .valid import valid


def bars(figure: go.Figure) -> Any:
    return next(trace for trace in figure.data if trace.type == "bar")


def end(figure: go.Figure) -> Any:
    return next(trace for trace in figure.data if list(trace.x) == ["Σ"])


@pytest.mark.parametrize("name", PRESETS)
def test_waterfalls_add_up(name: str) -> None:
    t = run(PRESETS[name].scenario)
    a = there(t.scenario.a)[:, 0]
    for draw, values in ((dx_sum, t.dx[:, 0]), (dweight_sum, a * t.dx[:, 0])):
        figure, _, alt = valid(draw(t, View()))
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
    assert dweight_bars(one, View())[1] == "All of ∂L/∂W, shape (2, 2): all of it is 0"
    uncorrelated = run(PRESETS["uncorrelated"].scenario)
    assert dweight_sum(uncorrelated, View())[1] == "Weighted by a, it ends at ∂L/∂W = 0"


def test_the_table_holds_the_weight_gradient() -> None:
    t = run(PRESETS["puzzle"].scenario)
    figure, title, alt = valid(dweight_bars(t, View(1, 2)))
    drawn, numbers = bars(figure), figure.data[2]
    np.testing.assert_allclose(np.reshape(drawn.customdata, (3, 2)), there(t.dweight))
    # To the right for plus, to the left for minus, the largest as far as a cell has room.
    np.testing.assert_allclose(
        np.reshape(drawn.x, (3, 2)), there(t.dweight) * 0.42 / np.abs(there(t.dweight)).max()
    )
    assert numbers.text[2] == "+2.78"
    assert (numbers.x[2], drawn.base[2]) == (0, 0)
    box = next(shape for shape in figure.layout.shapes if shape.type == "rect")
    assert (box.x0, box.x1, box.y0, box.y1) == (0.52, 1.48, 1.52, 2.48)
    accents = [i for i, color in enumerate(drawn.marker.color) if color == ACCENT]
    assert accents == [5]  # input 3, neuron 2
    assert title == "All of ∂L/∂W, shape (3, 2)"
    assert "+2.78, at input 2 and neuron 1" in alt


@pytest.mark.parametrize("name", PRESETS)
def test_no_number_of_a_waterfall_is_struck_through(name: str) -> None:
    t = run(PRESETS[name].scenario)
    for draw in (dx_sum, dweight_sum):
        figure, _, _ = valid(draw(t, View()))
        options = figure.layout.yaxis.autorangeoptions
        low, high = options.minallowed, options.maxallowed
        ends = np.cumsum(bars(figure).y)
        room = 0.11 * (high - low) / 1.24
        assert low <= min(0.0, ends.min()) - room
        assert high >= max(0.0, ends.max()) + room
        numbers = [trace for trace in figure.data if trace["type"] == "scatter"][:-1]
        assert len(numbers) == (ends.size <= 8)
        for trace in numbers:
            pixel = (high - low) / 210
            for y, side in zip(trace.y, trace.textposition, strict=True):
                text = (y, y + 15 * pixel) if side == "top center" else (y - 15 * pixel, y)
                assert not text[0] < 0 < text[1]


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("color", [NEUTRAL, ACCENT, SECOND])
@pytest.mark.parametrize("page", ["#ffffff", "#14171f"])
def test_the_figures_have_colours_of_their_own(color: str, page: str) -> None:
    dark, light = sorted((luminance(color), luminance(page)))
    assert (light + 0.05) / (dark + 0.05) >= 3
    assert color.lower() not in {c.lower() for c in sample_colors(64)}
