"""Plotly figures that never blank: they keep their place, their zoom and their camera."""

from __future__ import annotations

import json
from pathlib import Path

import plotly
import plotly.graph_objects as go

from bnviz.components.register import component, serve

_mount = component("plot", Path(__file__).parent, js="plot.js", css="plot.css")
_PLOTLY = Path(plotly.__file__).parent / "package_data"


Picture = tuple[go.Figure, str, str]  # with its title, and one sentence for who can't see it


def plots(pictures: list[Picture], *, key: str) -> None:
    """Draw figures side by side, each under its title."""
    serve("plotly", _PLOTLY)
    # Plotly.react draws into the picture that is there; st.plotly_chart mounts a new one.
    data = [
        {"figure": json.loads(figure.to_json()), "title": title, "alt": alt}
        for figure, title, alt in pictures
    ]
    _mount()(key=key, data=json.dumps(data, ensure_ascii=False).encode())
