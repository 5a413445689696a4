"""The gradient ledger as a Streamlit component."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from bnviz.components.register import component
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.draw.ledger import payload, still
from bnviz.words.claim import Claim

_mount = component("ledger", Path(__file__).parent, js="ledger.js", css="ledger.css")

KEY = "ledger"


def ledger(
    t: Trace,
    view: View,
    *,
    reply: dict[str, Any],
    rows: list[int] | None,
    headline: Claim | None = None,
    hide: Collection[str] = (),
    called: View | None = None,
    tab: int = 3,
    on_event: Callable[[], None],
) -> None:
    """Draw the ledger of the trace.

    What people do to it arrives in the session state as
    `st.session_state[KEY].event`, and `on_event` is called. `reply` goes to the
    browser with the numbers: what they answer, and a notice if there is one.
    rows: the samples to show while one of them is held; None where none is.
    headline: what stands over the ledger; its own story where it is None.
    hide: of `bnviz.inputs.link.HIDABLE`, what is left out. called: see `bnviz.draw.ledger.payload`.
    tab: the group of columns that a phone shows when it is given, and until another is chosen.
    """
    data = payload(t, view, rows, headline, hide, called) | {"reply": reply, "tab": tab}
    if rows is None:
        data |= still(hide)  # the browser keeps it while a bar is held
    # Bytes pass through as they are; a dictionary is searched for tables first.
    _mount()(key=KEY, data=json.dumps(data, ensure_ascii=False).encode(), on_event_change=on_event)
