"""The line to the server: watched in the browser, and taken up again where it broke.

It is mounted outside of any fragment: a fragment's events die with its session, and what
comes back to a server without that session is a run of the whole page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bnviz.components.register import component

_mount = component("line", Path(__file__).parent, js="line.js")

KEY = "line"


def line() -> dict[str, Any] | None:
    """What the browser says when it comes back, in the run that this asks for; else None.

    token: a number that the answer repeats. link: the query of what was on the screen, where
    the URL doesn't hold it yet. Both are the browser's word, to be parsed as hostile.
    """
    back = _mount()(key=KEY, data=b"", on_back_change=lambda: None).back
    return back if isinstance(back, dict) else None
