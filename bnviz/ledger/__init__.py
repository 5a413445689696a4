"""The gradient ledger as a Streamlit component."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bnviz.assets import component
from bnviz.ledger.view import heads, payload
from bnviz.share import View
from bnviz.trace import Trace

_mount = component("ledger", Path(__file__).parent, js="ledger.js", css="ledger.css")

KEY = "ledger"


def ledger(
    t: Trace,
    view: View,
    *,
    reply: dict[str, Any],
    on_event: Callable[[], None],
) -> None:
    """Draw the ledger of the trace. What people do to it arrives in the session
    state as `st.session_state[KEY].event`, and `on_event` is called. `reply` goes
    to the browser with the numbers: what they answer, and a notice if there is one.
    """
    data = payload(t, view) | {"heads": heads(t.scenario.layer), "reply": reply}
    _mount()(key=KEY, data=data, on_event_change=on_event)
