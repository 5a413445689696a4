"""Check, my code: numbers that were handed in, the verdict, what went wrong and where to look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from bnviz.captures import Capture, CaptureError, read_csv, read_npz
from bnviz.captures.record import checked
from bnviz.claims import mine as claims
from bnviz.claims.hidden import all_titles, cannot_show, telling
from bnviz.claims.network import of_layer
from bnviz.components.mine import KEY, mine
from bnviz.core.arrays import Array
from bnviz.core.scenario import MAX_NEURONS, MAX_ROWS, Scenario
from bnviz.core.trace import Trace, run
from bnviz.core.view import View
from bnviz.proof import judge
from bnviz.proof.judge import Diagnosis
from bnviz.proof.reading import Pasted, as_text
from bnviz.screen import handed, session
from bnviz.screen.parts import escaped, pick
from bnviz.words.glossary import TERMS

_DX = TERMS["dx"].symbol
_SIGNS = {"right": "✓", "wrong": "✗", "unclear": "?"}
_LARGEST = 200  # MB


# ---- What is said of the numbers ----------------------------------------------------------


def show(found: Diagnosis, *, top: bool = True) -> None:
    """The verdict, what went wrong with its lines, and the check that would have caught it."""
    st.markdown(f"{'#' if top else '##'} {_SIGNS[found.verdict]} {escaped(found.claim)}")
    st.markdown(escaped(found.why))
    show_lines(found)
    if found.caught_by and found.verdict == "wrong":
        st.markdown(escaped(found.caught_by))


def show_lines(found: Diagnosis) -> None:
    """For each cause the line of NumPy as it probably stands, and as it should be."""
    for cause in found.causes[:4]:
        if cause.wrong and cause.wrong != cause.right:
            lines = f"{cause.wrong}  # as it probably stands\n{cause.right}  # as it should be"
            st.code(lines, None, wrap_lines=True)


def _try_elsewhere(found: Diagnosis, term: str, s: Scenario) -> None:
    """What a right answer can't show, and a batch on which it can."""
    said = cannot_show(term, found.hidden)
    if said is None:
        return
    st.markdown(f"## {escaped(said.claim)}")
    st.markdown(escaped(said.why))
    if len(found.hidden) > 4:
        with st.expander("All of them"):
            st.markdown(escaped_lines(all_titles(found.hidden)))
    other, shown = telling(s, term, found.hidden)
    if other is None:
        st.markdown(f"No batch shows them in {TERMS[term].symbol}: hand in {_DX} as well.")
        return
    all_ = "all of them show" if len(shown) == len(found.hidden) else f"{len(shown)} of them show"
    if len(found.hidden) == 1:
        all_ = "it shows"
    st.button(
        f"Try a batch on which {all_}",
        key="elsewhere",
        on_click=session.callback(_open_elsewhere),
        args=(other,),
    )


def escaped_lines(text: str) -> str:
    """A list, each line of it plain text."""
    return "\n".join("- " + escaped(line.removeprefix("- ")) for line in text.split("\n"))


def _open_elsewhere(other: Scenario) -> None:
    session.change(other, view=View(), opened=True)
    handed.keep("")


# ---- Handing in -----------------------------------------------------------------------------


def _keep_text() -> None:
    handed.keep(st.session_state.mine or "")


def _keep_upload() -> None:
    upload = st.session_state.upload
    if upload is None:
        return
    try:
        text = upload.getvalue().decode("utf-8")
    except UnicodeDecodeError:
        session.say(f"{upload.name} is not a text file. What was here before is kept.")
        return
    if len(text) > judge.LONGEST:
        session.say(
            f"{upload.name} is too long: the limit is {judge.LONGEST} characters. What was here "
            "before is kept."
        )
        return
    handed.keep(text)


def _open_own() -> None:
    """A batch of one's own from three texts: it becomes the scenario, or a layer if it is large."""
    state = st.session_state
    found: dict[str, Array] = {}
    halves: dict[str, float] = {}
    names = {"x": "own_x", "dy": "own_dy", "dx": "own_dx", "gamma": "own_gamma"}
    for name, key in names.items():
        text = state.get(key) or ""
        if name == "gamma" and not text.strip():
            continue
        try:
            mine = judge.parse(text)
        except judge.PasteError as error:
            session.say(f"{TERMS[name].symbol}: {error}")
            return
        values = mine.values
        if name == "gamma":
            values = values.ravel()
        elif values.ndim != 2:
            values = values.reshape(values.shape[0], -1)
        found[name] = values
        halves[name] = float(mine.resolution.max())
    try:
        eps = float((state.get("own_eps") or "1e-5").replace("−", "-"))
        capture = checked(found, {"eps": eps, "roundoff": 0.0}, {"mode": "train"})
    except (CaptureError, ValueError) as error:
        text = str(error) if isinstance(error, CaptureError) else "ε is not a number."
        session.say(f"Your batch can’t be judged: {text}")
        return
    capture = replace(capture, written=halves["dx"])
    _take("your own batch", capture, state.own_dx, (halves["x"], halves["dy"]))


def _open_own_file() -> None:
    upload = st.session_state.own_file
    if upload is None:
        return
    try:
        if upload.name.lower().endswith(".npz"):
            capture = read_npz(upload)
        else:
            capture = read_csv(upload.getvalue().decode("utf-8"))
    except (CaptureError, UnicodeDecodeError) as error:
        text = str(error) if isinstance(error, CaptureError) else "this is not a text file."
        session.say(f"{upload.name}: {text}")
        return
    if capture.dx is None:
        session.say(
            f"{upload.name} has no dx: there is nothing in it to judge. On Your layer it opens as "
            "it is."
        )
        return
    dx = capture.dx.astype(np.float64)
    half = np.full(dx.shape, capture.written)
    dtype = "float32" if capture.dx.dtype == np.float32 and not capture.written else ""
    # A CSV is written to the same digits throughout.
    given = (capture.written, capture.written)
    _take(upload.name, capture, as_text(Pasted(dx, half, dtype)), given)


def _take(name: str, capture: Capture, dx: str, given: tuple[float, float]) -> None:
    """Set it as the scenario where a page can hold it, and else open it on Your layer."""
    n, k = capture.shape
    small = n <= MAX_ROWS and k <= MAX_NEURONS and capture.mode == "train"
    if small:
        wide = capture.a is None or capture.a.shape[1] > 4
        a = np.ones((n, 1)) if wide or capture.a is None else capture.a
        session.change(
            Scenario(capture.x, capture.dy, capture.gamma, capture.beta, capture.eps, a),
            view=View(),
            opened=True,
        )
        session.choose("term", "dx")
        handed.keep(dx)
        handed.keep_given(*given)
        return
    st.session_state.opened = (name, of_layer(capture, name))
    session.choose("layer", "")
    session.choose("which", 0)
    session.choose("look", 0)
    st.session_state.to_layer = True


def _own_data() -> None:
    """The way of someone whose backward is wrong on a batch of his own."""
    with st.popover("Judge it on your own batch"):
        st.markdown(
            f"Paste x, {TERMS['dy'].symbol} and your {_DX}, as any print; up to {MAX_ROWS} samples "
            f"and {MAX_NEURONS} neurons become the scenario of all pages, more opens on Your layer."
        )
        for name, label in (("x", "x"), ("dy", TERMS["dy"].symbol), ("dx", f"your {_DX}")):
            st.text_area(label, key=f"own_{name}", height=80, max_chars=judge.LONGEST)
        left, right = st.columns(2)
        left.text_input("γ, one for each neuron (1 if left out)", key="own_gamma")
        right.text_input("ε (1e-5 if left out)", key="own_eps")
        st.button("Judge this batch", on_click=session.callback(_open_own))
        st.file_uploader(
            "Or all in one file: .npz, or CSV with columns x_1 …, dy_1 …, dx_1 …, gamma_1 …, eps_1",
            type=["npz", "csv"],
            key="own_file",
            max_upload_size=_LARGEST,
            on_change=session.callback(_open_own_file),
        )


def _verdict(t: Trace, term: str, text: str) -> Diagnosis | None:
    """What the pasted numbers are, in words; None where there are none."""
    try:
        values = judge.parse(text)
    except judge.PasteError as error:
        st.markdown("# Is your gradient right?")
        st.markdown(
            "Run your own backward pass on the numbers of this scenario, and paste what it gives, "
            "as any library prints it. It is read as numbers; nothing of it is executed."
        )
        if text.strip():
            st.error(escaped(str(error)))
        return None
    found = judge.diagnose(t, term, replace(values, given=handed.given(t.scenario)))
    show(found)
    return found


def my_code() -> None:
    """The whole part."""
    if st.session_state.pop("to_layer", False):
        st.switch_page("bnviz/pages/layer.py", query_params=session.link())
    s, view = session.trained(), session.view()
    t = run(s)
    terms = judge.checkable(t)
    term = session.option("term")
    term = term if term in terms else "dx"
    text = handed.text()
    with st.container(key="verdict"):
        found = _verdict(t, term, text)
    if found is not None and found.verdict == "right":
        with st.container(key="cannot-show"):
            _try_elsewhere(found, term, s)
    shape = "(" + ", ".join(map(str, np.shape(getattr(t, term)))) + ")"
    left, right = st.columns([3, 2], gap="large")
    with left:
        pick("What it is", {name: TERMS[name].symbol for name in terms}, "term", 160)
        st.session_state.mine = text
        st.text_area(
            f"Your {TERMS[term].symbol}, shape {shape}",
            key="mine",
            height=180,
            max_chars=judge.LONGEST,
            on_change=session.callback(_keep_text),
        )
        if not handed.survives():
            st.markdown("This is not in the link, and a reload forgets it.")
        with st.container(horizontal=True, key="hand-in"):
            with st.popover("Upload a file instead"):
                st.file_uploader(
                    "A text file: CSV or any print",
                    type=["csv", "txt", "json"],
                    key="upload",
                    max_upload_size=1,
                    on_change=session.callback(_keep_upload),
                )
            _own_data()
    with right:
        st.markdown("The numbers to run it on:")
        _to_run_on(s)
    beside = found and found.verdict == "wrong" and claims.of(t, found, view.neuron)
    if beside:
        with st.container(key="beside"):
            mine(beside, on_look=session.callback(_look))


def _look() -> None:
    """Another neuron was chosen under the picture; anything that isn't one is ignored."""
    neuron = session.heard(KEY, "look")
    if isinstance(neuron, int) and 0 <= neuron < session.trained().shape[1]:
        session.change(session.scenario(), view=View(neuron, session.view().input))


def _to_run_on(s: Scenario) -> None:
    """The scenario as NumPy, to be copied."""
    arrays = {"x": s.x, "dy": s.dy, "gamma": s.gamma, "beta": s.beta, "eps": s.eps, "a": s.a}
    lines = [
        f"{name} = "
        + (f"np.array({value.tolist()})" if isinstance(value, np.ndarray) else repr(value))
        for name, value in arrays.items()
    ]
    st.code(
        "\n".join(["import numpy as np", *lines]),
        None,  # in one colour: the highlighter’s are too faint to read
        wrap_lines=True,
        height=330,
    )
