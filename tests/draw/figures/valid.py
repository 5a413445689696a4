"""Plotly itself checks the figures, which at run time are plain dictionaries."""

from __future__ import annotations

import json

import plotly.graph_objects as go

from bnviz.components.plot import encode
from bnviz.draw.figures.style import Picture


def valid(picture: Picture) -> tuple[go.Figure, str, str]:
    """The picture as Plotly reads it: every name and value allowed, and none of them changed."""
    figure, title, alt = picture
    read = go.Figure(figure)  # raises where a name or a value isn't Plotly's
    written = json.loads(read.to_json())
    written["layout"].pop("template", None)  # Plotly's own, which it adds
    assert json.loads(encode(figure)) == written
    return read, title, alt
