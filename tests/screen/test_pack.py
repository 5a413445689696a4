"""What goes to the stage: a new one gets all of it, whatever is held or taken."""

from __future__ import annotations

import json

import pytest

from bnviz.components.stage import Reply, Scene, Show, Take, pack
from bnviz.core.columns import columns
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.presets import PRESETS

SCENE = Scene(columns(run(PRESETS["puzzle"].scenario), View(0, 1)))
TAKE = Take("x", 0, False, True, [-1.2], [SCENE])


@pytest.mark.parametrize("held", [None, [0, 1]])
@pytest.mark.parametrize("take", [None, TAKE])
@pytest.mark.parametrize("whole", [False, True])
def test_a_run_of_the_whole_page_brings_what_never_changes(
    held: list[int] | None, take: Take | None, whole: bool
) -> None:
    show = Show(river=True, ledger=True)
    sent = pack(SCENE, show, reply=Reply(1), rows=held, take=take, whole=whole)
    length = int.from_bytes(sent[:8], "little")
    found = json.loads(sent[8 : 8 + length])
    still = {"presets", "heads", "formulas"}
    assert (
        still <= found.keys()
        if whole or (held is None and take is None)
        else (not still & found.keys())
    )
