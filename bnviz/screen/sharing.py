"""Share: a link to exactly this screen, its QR code, and everything to take home."""

from __future__ import annotations

from urllib.parse import urlencode

import segno
import streamlit as st

from bnviz.claims.lesson import STEPS, scenario_of
from bnviz.core.trace import run
from bnviz.inputs.link import HIDABLE
from bnviz.screen import session
from bnviz.screen import takeaway as export
from bnviz.screen.standalone import standalone
from bnviz.words.glossary import TERMS

_LONGEST = 1800  # characters; beyond, a phone's camera can't tell the dots apart
_MINE = ("room", "seat", "join", "present", "notes")  # of this window alone
_HIDE = {
    "sums": "the row of sums",
    "dW": TERMS["dweight"].symbol,
    "pages": "the other pages",
    "inputs": "everything to set",
}


def _link() -> str:
    """The address of this screen, with what the sharer wants left out."""
    left_out = [name for name in HIDABLE if name in st.session_state.get("left_out", [])]
    here = (st.context.url or "").rstrip("/")
    step = STEPS[int(session.option("lesson")) - 1]
    own = (session.scenario(), session.view()) == (scenario_of(step), step.view)
    # A step brings its own numbers along: the shorter a link, the larger the dots of its code.
    full = session.options_link() if own and here.endswith("/lesson") else session.link()
    query = {key: value for key, value in full.items() if key not in _MINE}
    query |= {"hide": ",".join(left_out)} if left_out else {}
    if st.session_state.get("embedded"):
        query["embed"] = "true"
    return f"{here}?{urlencode(query, safe='~,')}" if query else here


@st.dialog("This screen on your phone", width="large")
def _invite() -> None:
    """The code alone, as large as the screen allows."""
    link = _link()
    with st.container(key="qr"):
        _code(link)
    st.code(link, None, wrap_lines=True)


def _code(link: str) -> None:
    """The QR code of a link, or why there is none."""
    if len(link) <= _LONGEST:
        code = segno.make(link, error="l")
        st.image(code.svg_inline(scale=6, light="#fff", border=4), alt="QR code of the link above")
    else:
        st.markdown(
            f"These are too many numbers for a QR code: the link has {len(link)} characters, and "
            f"{_LONGEST} fit. It can be copied all the same."
        )
    if "//localhost" in link or "//127." in link:
        st.markdown("Phones can’t open localhost: open this page by your machine’s name first.")


def _contents() -> None:
    st.pills(
        "Leave out", HIDABLE, selection_mode="multi", format_func=_HIDE.__getitem__, key="left_out"
    )
    st.toggle("Embedded in a course page", key="embedded")
    link = _link()
    st.code(link, None, wrap_lines=True)
    _code(link)
    st.markdown("**To take home**")
    # A file is made when it is asked for, and then the session is out of reach.
    s, view = session.scenario(), session.view()
    with st.container(horizontal=True, key="downloads"):
        for label, name, mime, make in (
            ("All terms, CSV", "bnviz.csv", "text/csv", lambda: export.csv(run(s))),
            ("NumPy script", "bnviz_numpy.py", "text/x-python", lambda: export.numpy_script(s)),
            ("PyTorch script", "bnviz_torch.py", "text/x-python", lambda: export.pytorch_script(s)),
            ("Page, HTML", "bnviz.html", "text/html", lambda: standalone(s, view, link)),
        ):
            st.download_button(label, make, name, mime, on_click="ignore", key=f"save-{name}")


def sharing() -> None:
    """Draw the button; what is in it is made only once it is open."""
    if session.option("present") == "1":
        if st.button("Share", key="share-large"):
            _invite()
        return
    popover = st.popover("Share", key="share", on_change=session.callback(lambda: None))
    if popover.open:
        with popover:
            _contents()
