"""Small rivers side by side, each of a scenario of its own, to compare and to open."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnviz.components.register import component, serve
from bnviz.components.stage import PARTS
from bnviz.core.columns import Columns
from bnviz.draw import ledger, river
from bnviz.words.claim import Claim

_HERE = Path(__file__).parent
_mount = component("rivers", _HERE, js="rivers.js", css="rivers.css")

KEY = "rivers"
# What the river takes from the ledger's payload; nothing of it can be set here.
_TAKEN = ("n", "gamma", "eps", "neuron", "input", "rows", "places")


@dataclass(frozen=True)
class Small:
    """One of them: what flows, its title and why it is so, and the check that it rests on."""

    columns: Columns
    claim: Claim


def _payload(small: Small) -> dict[str, Any]:
    c, claim = small.columns, small.claim
    whole = ledger.payload(c)
    return {
        "title": claim.claim,
        "why": claim.why,
        "check": claim.check,
        "holds": claim.holds,
        "river": river.payload(c),
        "ledger": {name: whole[name] for name in _TAKEN} | {"editable": []},
    }


def rivers(chosen: Sequence[Small], *, on_open: Callable[[], None]) -> None:
    """Draw them. The place of the one that is opened arrives as `st.session_state[KEY].open`."""
    for part in (*PARTS, "stage"):
        serve(part, _HERE.parent / part)
    data = json.dumps([_payload(small) for small in chosen], ensure_ascii=False)
    _mount()(key=KEY, data=data.encode(), on_open_change=on_open)
