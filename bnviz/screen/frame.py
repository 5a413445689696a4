"""What every page has: the way to the other pages, and the session around it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from bnviz.components.line import line
from bnviz.screen import presenter, reruns, session
from bnviz.screen.sharing import sharing

if TYPE_CHECKING:
    from streamlit.navigation.page import Page


def show(current: Page, pages: Sequence[Page]) -> None:
    """Run the current page, under links that take the scenario along."""
    reruns.settle()
    session.start(line())
    st.html(Path(__file__).with_name("frame.css"))
    if "pages" not in session.hidden():
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key="pages"):
            link = session.link()
            for page in pages:
                st.page_link(page, query_params=link)
            presenter.toggle()
            sharing()
    presenter.dress(current.url_path)
    current.run()
    session.save()
    session.settle_memory()
