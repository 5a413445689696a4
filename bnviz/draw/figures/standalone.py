"""One HTML page with the ledger and the figures, which opens without a network."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go

from bnviz.claims.ledger import tell
from bnviz.core.columns import GROUPS, columns
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.draw.figures.style import Picture
from bnviz.draw.ledger import term_of
from bnviz.words.numbers import exact, number

_STYLE = """
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #12161f; background: #fff;
       font: 16px/1.5 system-ui, sans-serif; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #dfe3ec; text-align: right; }
figure { margin: 2rem 0; } figcaption { font-weight: 650; }
"""


def _table(t: Trace, view: View) -> str:
    c = columns(t, view)
    names = [name for _, group in GROUPS for name in group if name in c.values]
    head = "".join(f'<th scope="col">{escape(term_of(name).symbol)}</th>' for name in names)
    rows = [f'<tr><th scope="col">sample</th>{head}</tr>']
    for i in range(t.x_hat.shape[0]):
        cells = "".join(
            f'<td title="{exact(float(values[i]))}">{number(float(values[i]), signed=True)}</td>'
            for values in (c.values[name] for name in names)
        )
        rows.append(f'<tr><th scope="row">{i + 1}</th>{cells}</tr>')
    total = "".join(
        f'<td title="{exact(c.sums[name].value)}"><b>'
        f"{'0' if c.sums[name].vanishes else number(c.sums[name].value, signed=True)}</b></td>"
        for name in names
    )
    rows.append(f'<tr><th scope="row">Σ</th>{total}</tr>')
    return f"<table>{''.join(rows)}</table>"


def standalone(t: Trace, view: View, pictures: list[Picture], link: str) -> str:
    """The page: its story, the ledger of the view, the pictures, and a link back."""
    story = tell(columns(t, view))
    parts = []
    for index, (figure, title, alt) in enumerate(pictures):
        drawn = go.Figure(figure).to_html(
            full_html=False,
            include_plotlyjs=index == 0,
            config={"displaylogo": False, "responsive": True},
        )
        parts.append(
            f'<figure aria-label="{escape(alt)}"><figcaption>{escape(title)}</figcaption>'
            f"{drawn}</figure>"
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>bnviz: {escape(story.claim)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(story.claim)}</h1><p>{escape(story.why)}</p>"
        f"<p>Neuron {view.neuron + 1}, input {view.input + 1}. Point at a number for its digits."
        f"</p>{_table(t, view)}{''.join(parts)}"
        f'<p><a href="{escape(link)}">These numbers, live</a></p></body></html>'
    )
