"""A page as large as its window allows, for a projector: nothing to scroll, nothing left empty."""

from __future__ import annotations

from pathlib import Path

from bnviz.components.register import component

_mount = component("fit", Path(__file__).parent, js="fit.js")


def fit(shown: str) -> None:
    """Fit the page into the window. shown: what is on it; where that changes it is fitted anew."""
    _mount()(key="fit", data=shown.encode())
