"""Your layer: numbers captured from a real network, neuron by neuron."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from bnviz.captures import (
    Capture,
    CaptureError,
    holds_in_csv,
    read_csv,
    read_npz,
    save_csv,
    save_npz,
)
from bnviz.captures import excerpt as excerpts
from bnviz.claims import layer as claims
from bnviz.claims.layer import Overview
from bnviz.claims.ledger import tell
from bnviz.components import neurons, stage
from bnviz.components.stage import Reply, Show
from bnviz.core.columns import Columns, columns
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.screen import session
from bnviz.screen.parts import escaped
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

_SHIPPED = Path(__file__).parents[1] / "captures" / "digits.npz"
_LARGEST = 1024  # MB
_DX = TERMS["dx"].symbol
_HOW = """from bnviz.captures import capture

with capture(model, "captures"):  # one .npz a layer
    loss = criterion(model(inputs), targets)
    loss.backward()"""


@st.cache_resource(show_spinner=False)
def _shipped() -> Overview:
    return claims.look_over(read_npz(_SHIPPED))


def _here() -> tuple[str, Overview] | None:
    """The layer on the page and what it is called: the one that ships, or what was opened."""
    if session.option("layer"):
        return "a layer of a network that reads digits", _shipped()
    opened: tuple[str, Overview] | None = st.session_state.get("opened")
    return opened


# ---- Opening -----------------------------------------------------------------------------


def _open_shipped() -> None:
    session.choose("layer", "digits")
    session.choose("look", 0)


def _open(name: str, read: Callable[[Callable[[float], None]], Capture]) -> None:
    """Read a capture and look it over; what was there before goes only when that is done."""
    gc.collect()  # of what was opened before, hundreds of megabytes may wait for it
    bar = st.progress(0.0, f"Reading {escaped(name)}")

    def show(share: float, what: str) -> None:
        bar.progress(share, what)

    try:
        capture = read(lambda share: show(0.4 * share, f"Reading {escaped(name)}"))
        look = claims.look_over(capture, lambda share: show(0.4 + 0.6 * share, "Surveying it"))
    except CaptureError as error:
        session.say(f"{name}: {error}")
        return
    except MemoryError:
        session.say(f"{name}: it is too large for the memory of this machine.")
        return
    finally:
        bar.empty()
    st.session_state.opened = (name, look)
    st.session_state.files = _files() + 1
    session.choose("layer", "")
    session.choose("look", 0)


def _open_upload() -> None:
    upload = st.session_state[_upload_key()]
    if upload is not None:
        csv = upload.name.lower().endswith(".csv")
        _open(upload.name, lambda told: _read_text(upload) if csv else read_npz(upload, told))
        _let_go(upload.file_id)


def _read_text(file: IO[bytes]) -> Capture:
    try:
        return read_csv(file.read().decode("utf-8"))
    except UnicodeDecodeError as error:
        raise CaptureError("this is not a text file.") from error


def _open_pasted() -> None:
    text = st.session_state.capture_text or ""
    if text.strip():
        _open("The pasted table", lambda _: read_csv(text))


def _files() -> int:
    """How many files were opened."""
    return int(st.session_state.get("files", 0))


def _upload_key() -> str:
    return f"capture-file-{_files()}"


def _let_go(file_id: str) -> None:
    """Have the server forget an upload, which it would keep for as long as the window is open."""
    context = get_script_run_ctx()
    if context is not None:
        files: Any = context.uploaded_file_mgr
        files.remove_file(context.session_id, file_id)


def _ways_in() -> None:
    st.button("Open the example layer", on_click=session.callback(_open_shipped))
    # With a name of its own after each file, so that it closes and forgets what was sent.
    with st.popover("Open a file, or paste a table", key=f"ways-in-{_files()}"):
        st.file_uploader(
            "A capture: .npz, or CSV with columns x_1 …, dy_1 …, a_1 …, dx_1 …",
            type=["npz", "csv"],
            key=_upload_key(),
            max_upload_size=_LARGEST,
            on_change=session.callback(_open_upload),
        )
        st.text_area(
            "Or the CSV itself",
            key="capture_text",
            max_chars=1_000_000,
            on_change=session.callback(_open_pasted),
        )


def _ways_out(capture: Capture) -> None:
    """The capture again, with what was computed of it."""

    def npz() -> bytes:
        out = io.BytesIO()
        save_npz(capture, out, excerpts.terms(capture))
        return out.getvalue()

    label = "All terms, .npz" if capture.x.size <= excerpts.MOST else "The capture again, .npz"
    st.download_button(label, npz, "bnviz_layer.npz", on_click="ignore")
    if holds_in_csv(capture):
        st.download_button(
            "All terms, CSV",
            lambda: save_csv(capture, excerpts.terms(capture)),
            "bnviz_layer.csv",
            "text/csv",
            on_click="ignore",
        )


# ---- The layer ---------------------------------------------------------------------------


def _look(neuron: int) -> None:
    session.choose("look", neuron + 1)


def _on_look() -> None:
    """A neuron was chosen in the table; anything that isn't one is ignored."""
    neuron = st.session_state[neurons.KEY].look
    here = _here()
    if here and isinstance(neuron, int) and 0 <= neuron < here[1].capture.shape[1]:
        _look(neuron)


def _all_neurons(name: str, o: Overview) -> None:
    c = o.capture
    n, k = c.shape
    bad = sum(bool(finding.words) for finding in o.order)
    verb = "stands" if bad == 1 else "stand"
    st.markdown(
        f"# {bad} of {k} neurons {verb} out." if bad else f"# None of the {k} neurons stands out."
    )
    mode = "training" if c.mode == "train" else "evaluation"
    st.markdown(escaped(f"This is {name}: {n} rows, {k} neurons, in {mode} mode. {c.note}"))
    agrees = claims.agreement(o.seen)
    if agrees is not None:
        good, said = agrees
        sign, colour = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "orange")}[good]
        st.markdown(f":{colour}[{sign} {escaped(said)}] {escaped(o.why)}")
    neurons.neurons(o, on_look=session.callback(_on_look))
    st.markdown(
        escaped(
            f"Training takes away what of {TERMS['dx_hat'].symbol} lies along 1, its mean, and, as "
            f"far as ε allows, what lies along {TERMS['x_hat'].symbol}; the shares are of its "
            "square. Choose a neuron to see its ledger."
            if c.mode == "train"
            else f"In evaluation mode nothing of {TERMS['dx_hat'].symbol} is taken away. Choose a "
            "neuron to see its ledger."
        )
    )
    with st.container(horizontal=True, key="ways"):
        _ways_in()
        _ways_out(c)


# ---- One neuron --------------------------------------------------------------------------


def _headline(o: Overview, neuron: int, seen: Columns) -> Claim:
    """What the ledger of this neuron says, and what stands out of it."""
    c = o.capture
    words = "; ".join(next(f.words for f in o.order if f.neuron == neuron))
    found = f"It stands out: {words}." if words else ""
    if c.mode == "eval" and c.running_var is not None:
        own = float(o.seen.dx_sum[neuron])
        return Claim(
            f"This layer was evaluating: its own {_DX} adds up to {number(own)}.",
            f"There, mean and variance are constants, and ① with σ² = "
            f"{number(float(c.running_var[neuron]))} is the only path. The ledger shows what "
            f"training would do with the same numbers. {found}",
        )
    story = tell(seen)
    return Claim(story.claim, f"{found} {story.why}".strip())


def _on_stage_event() -> None:
    """There is nothing to set here, but what is asked gets an answer."""
    event = st.session_state[stage.KEY].event
    if isinstance(event, dict):
        st.session_state.answered = event.get("seq")


def _into_explore(neuron: int) -> None:
    here = _here()
    if here:
        session.change(
            excerpts.excerpt(here[1].capture, here[1].seen, neuron)[0], view=View(), opened=True
        )
        st.session_state.to_explore = True


def _one_neuron(o: Overview, neuron: int) -> None:
    c = o.capture
    inputs = excerpts.best_inputs(o.seen, neuron)
    order = [finding.neuron for finding in o.order]
    place = order.index(neuron)
    called = f"**Neuron {neuron + 1}** of {len(order)}"
    if c.a is not None:
        called += f", input {inputs[0] + 1} of {c.a.shape[1]}, where {TERMS['dweight'].symbol} is "
        called += "largest"
    with st.container(horizontal=True, vertical_alignment="center", key="walk-neurons"):
        for label, to in (
            ("‹ All neurons", -1),
            ("Previous", order[place - 1] if place else None),
            ("Next", order[place + 1] if place + 1 < len(order) else None),
        ):
            st.button(label, on_click=session.callback(_look), args=(to,), disabled=to is None)
        st.markdown(called.replace("/∂", "/\u2060∂"))
    seen = columns(run(excerpts.whole(o.capture, o.seen, neuron)), View())
    seen_as = View(neuron, inputs[0] if inputs else 0)
    stage.stage(
        seen,
        Show(ledger=True, hide=session.hidden() | {"inputs"}, called=seen_as),
        reply=Reply(st.session_state.get("answered"), back=session.back()),
        headline=_headline(o, neuron, seen),
        on_event=session.callback(_on_stage_event),
    )
    if c.a is None:
        st.markdown("No layer in front was captured: a is 1 for every sample, as for a bias.")
    scenario, said = excerpts.excerpt(o.capture, o.seen, neuron)
    with st.container(horizontal=True, vertical_alignment="center", key="to-explore"):
        st.button(
            f"Set these {scenario.shape[0]} samples in Explore",
            on_click=session.callback(_into_explore),
            args=(neuron,),
        )
        if said:
            st.markdown(escaped(said))


def _page() -> None:
    state = st.session_state
    if state.pop("to_explore", False):
        st.switch_page("bnviz/pages/explore.py")
    with st.container(key="notice"):
        if session.notice():
            st.error(escaped(session.notice()))
    here = _here()
    if here is not None:
        name, o = here
        neuron = int(session.option("look")) - 1
        if 0 <= neuron < o.capture.shape[1]:
            _one_neuron(o, neuron)
        else:
            _all_neurons(name, o)
        return
    st.markdown("# Look at a layer of your own network.")
    st.markdown(
        "It doesn’t learn, or your backward pass is wrong? Capture what went through a batch norm, "
        "open it here, and see neuron by neuron where the gradient goes."
    )
    with st.container(horizontal=True, key="ways"):
        _ways_in()
    st.markdown("A capture is one step of training, watched:")
    st.code(_HOW, None, wrap_lines=True)
    st.markdown(
        "A file stays on this server and is forgotten with the window; it is read as numbers, and "
        "nothing of it is executed. Of a large batch, the ledger shows the samples with the "
        "largest gradients; sums are always of all."
    )


_page()
