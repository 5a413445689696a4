"""What the figures share: how one is put together, margins, neutral ink, a line and a point."""

from __future__ import annotations

from typing import Any

# At least 3 : 1 on the page, light or dark, and none of them a sample's colour.
NEUTRAL = "#7d8492"
ACCENT = "#d6336c"  # what the current claim is about; never the only sign
SECOND = "#857a00"
HAIRLINE = "rgba(128, 128, 128, 0.35)"  # between rows: a rule, not a sign
CLEAR = "rgba(0, 0, 0, 0)"


class Figure(dict[str, Any]):
    """A Plotly figure as the plain dictionary that its JSON is: its traces and its layout.

    Plotly's own classes check every value, which takes longer than everything else that a
    change costs the server; a test has them check all figures instead.
    """

    def __init__(self) -> None:
        super().__init__(data=[], layout={})

    def trace(self, kind: str, **values: Any) -> None:
        """One more trace: scatter, bar, heatmap …"""
        given = {name: value for name, value in values.items() if value is not None}
        self["data"].append({"type": kind} | given)

    def _into(self, place: str, values: dict[str, Any]) -> None:
        self["layout"].setdefault(place, []).append(values)

    def shape(self, kind: str, **values: Any) -> None:
        """A line or a rectangle, in the units of the axes."""
        self._into("shapes", {"type": kind} | values)

    def note(self, **values: Any) -> None:
        """A text without an arrow."""
        self._into("annotations", {"showarrow": False} | values)

    def across(self, axis: str, at: float, **values: Any) -> None:
        """A line through the whole picture where this axis, x or y, has this value."""
        other = {"x": "y", "y": "x"}[axis]
        ends = {f"{axis}0": at, f"{axis}1": at, f"{axis}ref": axis}
        whole = {f"{other}0": 0, f"{other}1": 1, f"{other}ref": f"{other} domain"}
        self.shape("line", **ends, **whole, **values)


Picture = tuple[Figure, str, str]


def fading(color: str, left: float = 0.0) -> str:
    """So much of a colour over the page; at 0 it is still itself, so none on the way is grey."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {left:g})"


def dot(color: str) -> str:
    """A coloured point before a text: the text itself stays in ink, which one can read."""
    return f'<span style="color:{color}">●</span>'


def plain_layout(figure: Figure, name: str, height: int = 300, **more: Any) -> Figure:
    """No legend, room for labels; name keeps zoom and camera between numbers."""
    figure["layout"] |= {
        "height": height,
        "margin": {"l": 58, "r": 16, "t": 20, "b": 46},
        "showlegend": False,
        "uirevision": name,
    } | more
    return figure
