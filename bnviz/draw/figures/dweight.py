"""∂L/∂W as a (d, k) table of bars with their numbers."""

from __future__ import annotations

import numpy as np

from bnviz.claims.ledger import blurred_dweight
from bnviz.core.columns import column_sums
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.draw.figures.style import Picture
from bnviz.draw.figures.table import table
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number


def dweight_bars(t: Trace, view: View) -> Picture:
    """The table, its title and its alt text; it needs a."""
    assert t.dweight is not None
    d, k = t.dweight.shape
    shown = np.array(
        [
            [0.0 if (s := column_sums(t, j, p)["dweight"]).vanishes else s.value for j in range(k)]
            for p in range(d)
        ]
    )
    lost = blurred_dweight(t)
    texts = [
        ["lost" if lost[p, j] else number(float(shown[p, j]), signed=True) for j in range(k)]
        for p in range(d)
    ]
    symbol = TERMS["dweight"].symbol
    columns = [f"neuron {j + 1}" for j in range(k)]
    rows = [f"input {p + 1}" for p in range(d)]
    figure = table(
        shown,
        texts,
        rows,
        columns,
        symbol,
        max(260, 36 + 46 * d),
        limit=float(np.abs(shown).max()) or 1.0,
        chosen=(view.input, view.neuron),
    )
    zeros, blurs = int(((shown == 0) & ~lost).sum()), int(lost.sum())
    largest = np.unravel_index(np.abs(shown).argmax(), shown.shape)
    alt = f"{symbol} as a table of {d} inputs by {k} neurons; the largest entry is " + (
        f"{texts[largest[0]][largest[1]]}, at {rows[largest[0]]} and {columns[largest[1]]}."
        if shown.any()
        else "lost in rounding."
        if blurs
        else "0."
    )
    title = f"All of {symbol}, shape ({d}, {k})"
    if zeros:
        title += f": {zeros} of {d * k} entries are 0" if zeros < d * k else ": all of it is 0"
    if blurs:
        title += f"{',' if zeros else ':'} {blurs} lost in rounding"
    return figure, title, alt
