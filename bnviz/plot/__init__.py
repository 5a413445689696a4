"""A Plotly figure that never blanks: it keeps its place, its zoom and its camera."""

from __future__ import annotations

import json
from pathlib import Path

import plotly
import plotly.graph_objects as go

from bnviz.assets import component, serve

_mount = component("plot", Path(__file__).parent, js="plot.js", css="plot.css")
_PLOTLY = Path(plotly.__file__).parent / "package_data"


def plot(figure: go.Figure, title: str, alt: str, *, key: str) -> None:
    """Draw the figure under its title. alt: one sentence for those who don't see it."""
    serve("plotly", _PLOTLY)
    # Plotly.react draws into the picture that is there; st.plotly_chart mounts a new one.
    data = {"figure": json.loads(figure.to_json()), "title": title, "alt": alt}
    _mount()(key=key, data=data)
