"""Tables to type or paste all numbers of the scenario."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bnviz.core.scenario import Scenario
from bnviz.inputs.cells import CellError, cell, cell_name, parse_cell, with_cell
from bnviz.screen import session
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import exact

Place = tuple[str, int, int]  # term, row, column


def _batch_places(s: Scenario) -> tuple[list[str], list[str], list[list[Place]]]:
    """Row names, column names and cells of the batch: a row for each sample."""
    n, k = s.shape
    terms = [("a", s.d), *([] if s.computed else [("x", k)]), ("dy", k)]
    columns = [(term, c) for term, width in terms for c in range(width)]
    return (
        [str(i + 1) for i in range(n)],
        [f"{TERMS[term].symbol} {c + 1}" for term, c in columns],
        [[(term, i, c) for term, c in columns] for i in range(n)],
    )


def _neuron_places(s: Scenario) -> tuple[list[str], list[str], list[list[Place]]]:
    """The same for the parameters: a column for each neuron."""
    rows = [("gamma", 0), ("beta", 0)]
    if s.computed:
        rows += [("weight", p) for p in range(s.d)] + [("bias", 0)]
    k = s.shape[1]
    return (
        [TERMS[t].symbol + (f" {r + 1}" if t == "weight" else "") for t, r in rows],
        [f"neuron {j + 1}" for j in range(k)],
        [[(term, r, j) for j in range(k)] for term, r in rows],
    )


def _apply(key: str, columns: list[str], places: list[list[Place]]) -> None:
    """Take what was typed; a bad cell is named, and everything else is kept."""
    current = session.scenario()
    complaints = []
    for row, edits in st.session_state[key]["edited_rows"].items():
        for column, text in edits.items():
            place = places[int(row)][columns.index(column)]
            stays = exact(cell(current, *place))
            try:
                current = with_cell(current, *place, parse_cell(text, cell_name(*place), stays))
            except CellError as error:
                complaints.append(str(error))
    # A table with a refused text is drawn anew, so that it shows what is true.
    session.change(current, from_table=not complaints)
    if complaints:
        session.redraw_tables()
        session.say(" ".join(complaints[:3]))


def _table(name: str, corner: str, places: tuple[list[str], list[str], list[list[Place]]]) -> None:
    rows, columns, cells = places
    key = f"{name}-{session.revision()}"
    # The editor keeps what was typed as edits of the table it was first given.
    first: dict[str, pd.DataFrame] = st.session_state.setdefault("tables", {})
    if key not in first:
        s = session.scenario()
        texts = [[exact(cell(s, *place)) for place in line] for line in cells]
        st.session_state.tables = {k: v for k, v in first.items() if not k.startswith(name)} | {
            key: pd.DataFrame(texts, pd.Index(rows, name=corner), columns, dtype="str")
        }
    st.data_editor(
        st.session_state.tables[key],
        key=key,
        on_change=session.callback(_apply),
        args=(key, columns, cells),
        column_config={c: st.column_config.TextColumn(alignment="right") for c in columns},
        alt=f"Table of the {name}: {len(rows)} rows, {len(columns)} columns",
    )


def tables() -> None:
    """The batch, and the parameters of the neurons."""
    s = session.scenario()
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**The batch**: a row for each sample. Type, or paste from a spreadsheet.")
        _table("batch", "sample", _batch_places(s))
    with right:
        st.markdown("**The parameters**: a column for each neuron.")
        _table("parameters", "parameter", _neuron_places(s))
