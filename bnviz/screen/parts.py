"""What the pages of pictures are made of: a choice of part, a claim, a control that is kept."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from bnviz.screen import session
from bnviz.words.claim import Claim


def _keep(name: str) -> None:
    session.choose(name, st.session_state[name])


def keep(name: str, value: object) -> dict[str, Any]:
    """The arguments that tie a widget to an option of the URL."""
    st.session_state[name] = value
    return {"key": name, "on_change": session.callback(_keep), "args": (name,)}


def near(option: str, low: float, high: float, step: float) -> float:
    """The number of an option, as a slider can show it: a link may say anything."""
    value = min(max(float(session.option(option)), low), high)
    return round(value / step) * step + 0.0


def choose_part(parts: Mapping[str, str], option: str = "part") -> str:
    """A row of parts; the one chosen, by name."""
    here = session.option(option)
    here = here if here in parts else next(iter(parts))
    st.segmented_control(
        "Part",
        list(parts),
        format_func=parts.__getitem__,
        required=True,
        label_visibility="collapsed",
        **keep(option, here),
    )
    return here


def halves(name: str) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Two columns side by side, where there is room for a table in each; else one under another."""
    with st.container(key=f"halves-{name}"):
        left, right = st.columns(2, gap="large")
    return left, right


def pick(label: str, choices: Mapping[str, str], option: str, width: int) -> None:
    """A list to choose from, tied to an option of the URL; the first if that isn't there."""
    here = session.option(option)
    here = here if here in choices else next(iter(choices))
    st.selectbox(
        label, list(choices), format_func=choices.__getitem__, width=width, **keep(option, here)
    )


_NUMBER = re.compile(r"([−+]?\d+)((?:\.\d+)?(?:e[−+]?\d+)?)")


def _cells(column: Sequence[str]) -> list[str]:
    """The cells of a column as HTML; where it has numbers, they stand with points below points."""
    parts = [_NUMBER.fullmatch(text) for text in column]
    before, after = (max((len(part[i]) for part in parts if part), default=0) for i in (1, 2))
    return [
        f'<td class="number"><span style="min-width:{before}ch">{part[1]}</span>'
        f'<span style="min-width:{after}ch">{part[2]}</span></td>'
        if part
        else f"<td>{_html(text)}</td>"
        for text, part in zip(column, parts, strict=True)
    ]


def _html(text: str) -> str:
    return html.escape(text).replace("/∂", "/\u2060∂")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table as HTML; the first column names the row."""
    top = "".join(f'<th scope="col">{_html(head)}</th>' for head in heads)
    names = [f'<th scope="row">{_html(row[0])}</th>' for row in rows]
    columns = [_cells([row[c] for row in rows]) for c in range(1, len(heads))]
    lines = ("".join(line) for line in zip(names, *columns, strict=True))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Draw a plain table."""
    st.markdown(table(heads, rows), unsafe_allow_html=True)


# What Markdown would make an emoji, an icon, a link or an address of.
_TEMPTING = re.compile(r":(?=[\w+/-]+:)|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)


def escaped(text: str) -> str:
    """Plain text for Markdown: numbers, symbols and foreign words must not turn into markup."""
    text = _TEMPTING.sub(lambda found: found[0] + "\u2060", " ".join(text.split()))
    for sign in "\\*_$[]<>`~#|&":
        text = text.replace(sign, "\\" + sign)
    return text.replace("/∂", "/\u2060∂")


def say(claim: Claim, *, top: bool = True, signed: bool = True) -> None:
    """The claim first, then why, then the check in numbers, with its sign if it is one."""
    st.markdown(f"{'#' if top else '##'} {escaped(claim.claim)}")
    st.markdown(escaped(claim.why))
    if signed:
        verdict(claim)
    else:
        st.markdown(escaped(claim.check))


def verdict(claim: Claim) -> None:
    """The check with its sign: never by colour alone."""
    sign, colour = ("✓", "green") if claim.holds else ("✗", "red")
    st.markdown(f":{colour}[{sign} {escaped(claim.check)}]")
