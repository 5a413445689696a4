"""Plotly figures that never blank: they keep their place, their zoom and their camera."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly

from bnviz.components.register import component, serve

_mount = component("plot", Path(__file__).parent, js="plot.js", css="plot.css")
_PLOTLY = Path(plotly.__file__).parent / "package_data"


# A figure as Plotly's JSON, its title, and one sentence for who can't see it.
Picture = tuple[dict[str, Any], str, str]


def _finite(value: Any) -> Any:
    """The same with null in the place of what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def encode(data: Any) -> bytes:
    """As JSON; a number that is none is left out of the picture, as Plotly does it."""
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return json.dumps(_finite(data), ensure_ascii=False).encode()


def plots(pictures: Sequence[Picture], *, key: str) -> None:
    """Draw figures side by side, each under its title."""
    serve("plotly", _PLOTLY)
    # Plotly.react draws into the picture that is there; st.plotly_chart mounts a new one.
    data = [{"figure": figure, "title": title, "alt": alt} for figure, title, alt in pictures]
    _mount()(key=key, data=encode(data))
