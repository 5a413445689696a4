"""The look that the figures share: margins, neutral ink, a line and a point."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

NEUTRAL = "rgba(128, 128, 128, 0.75)"
ACCENT = "#D55E00"  # what the current claim is about; never the only sign
SECOND = "#0072B2"

Picture = tuple[go.Figure, str, str]


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
