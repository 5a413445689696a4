"""The look that the figures share: margins, neutral ink, a line and a point."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

# At least 3 : 1 on the page, light or dark, and none of them a sample's colour.
NEUTRAL = "#7d8492"
ACCENT = "#d6336c"  # what the current claim is about; never the only sign
SECOND = "#857a00"
HAIRLINE = "rgba(128, 128, 128, 0.35)"  # between rows: a rule, not a sign
CLEAR = "rgba(0, 0, 0, 0)"

Picture = tuple[go.Figure, str, str]


def fading(color: str, left: float = 0.0) -> str:
    """So much of a colour over the page; at 0 it is still itself, so none on the way is grey."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {left:g})"


def dot(color: str) -> str:
    """A coloured point before a text: the text itself stays in ink, which one can read."""
    return f'<span style="color:{color}">●</span>'


def plain_layout(figure: go.Figure, name: str, height: int = 300, **more: Any) -> go.Figure:
    """No template, no legend, room for labels; name keeps zoom and camera between numbers."""
    figure.update_layout(
        **(
            {
                "template": "none",
                "height": height,
                "margin": {"l": 58, "r": 16, "t": 20, "b": 46},
                "showlegend": False,
                "uirevision": name,
            }
            | more
        )
    )
    return figure
