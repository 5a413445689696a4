"""Your layer: a network that was captured, layer by layer and neuron by neuron."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from bnviz.captures import Capture, CaptureError, holds_in_csv, save_csv, save_npz
from bnviz.captures import excerpt as excerpts
from bnviz.captures.network import File, files_in_zip, layers_of
from bnviz.captures.npz import LARGEST
from bnviz.claims import layer as claims
from bnviz.claims.layer import Overview
from bnviz.claims.mine import of
from bnviz.claims.network import Network, open_network
from bnviz.components import neurons, stage
from bnviz.components.mine import mine
from bnviz.components.stage import Reply, Scene, Show
from bnviz.core.arrays import Array
from bnviz.core.columns import columns
from bnviz.core.scenario import MAX_ROWS
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.draw import layers
from bnviz.draw import neurons as table
from bnviz.proof import judge
from bnviz.screen import handed, mycode, session
from bnviz.screen.parts import escaped
from bnviz.words.glossary import TERMS

_SHIPPED = Path(__file__).parents[1] / "captures" / "digits.zip"
_LARGEST = 1024  # MB
_DX = TERMS["dx"].symbol
_HOW = """from bnviz.captures import capture

with capture(model, "captures"):  # one .npz a layer
    loss = criterion(model(inputs), targets)
    loss.backward()"""


@st.cache_resource(show_spinner=False)
def _shipped() -> Network:
    return open_network(_SHIPPED)


def _here() -> tuple[str, Network]:
    """The network on the page and what it is called: what was opened, or the one that ships."""
    opened: tuple[str, Network] | None = st.session_state.get("opened")
    if session.option("layer") or opened is None:
        return "a network that reads digits", _shipped()
    return opened


def _overview(network: Network, index: int) -> Overview:
    """One layer, looked over once for as long as it is on the page."""
    kept: tuple[Network, int, Overview] | None = st.session_state.get("layer_on_page")
    if kept is None or kept[0] is not network or kept[1] != index:
        kept = network, index, network.at(index).overview
        st.session_state.layer_on_page = kept
    return kept[2]


# ---- Opening -----------------------------------------------------------------------------


def _open_shipped() -> None:
    session.choose("layer", "digits")
    session.choose("which", 0)
    session.choose("look", 0)


def _open(name: str, files: Callable[[], list[File]]) -> None:
    """Read captures and look them over; what was there before goes only when that is done."""
    gc.collect()  # of what was opened before, hundreds of megabytes may wait for it
    bar = st.progress(0.0, f"Reading {escaped(name)}")

    def show(share: float, what: str) -> None:
        bar.progress(min(1.0, share), what)

    try:
        found = layers_of(files(), True, lambda s: show(0.4 * s, f"Reading {escaped(name)}"))
        network = Network(found, name, lambda s: show(0.4 + 0.6 * s, "Surveying it"))
    except CaptureError as error:
        session.say(f"{name}: {error}")
        return
    except MemoryError:
        session.say(f"{name}: it is too large for the memory of this machine.")
        return
    finally:
        bar.empty()
    st.session_state.opened = (name, network)
    st.session_state.files = _files() + 1
    session.choose("layer", "")
    session.choose("which", 0)
    session.choose("look", 0)


def _as_it_is(upload: IO[bytes]) -> IO[bytes]:
    """An upload, from its beginning."""
    upload.seek(0)
    return upload


def _open_upload(key: str) -> None:
    uploads = st.session_state[key]
    if not uploads:
        return
    name = uploads[0].name if len(uploads) == 1 else f"{len(uploads)} files"

    def files() -> list[File]:
        found: list[File] = []
        for upload in uploads:
            if upload.name.lower().endswith(".zip"):
                found += files_in_zip(upload)
            else:
                found.append(File(upload.name, upload.size, partial(_as_it_is, upload)))
        if sum(file.size for file in found) > LARGEST:
            raise CaptureError(f"Together they hold more than {LARGEST} bytes; open fewer.")
        return found

    _open(name, files)
    for upload in uploads:
        _let_go(upload.file_id)


def _open_pasted() -> None:
    text = st.session_state.capture_text or ""
    if text.strip():
        data = text.encode()
        _open("The pasted table", lambda: [File("pasted.csv", len(data), lambda: io.BytesIO(data))])


def _files() -> int:
    """How many files were opened."""
    return int(st.session_state.get("files", 0))


def _upload_key(what: str) -> str:
    return f"capture-{what}-{_files()}"


def _let_go(file_id: str) -> None:
    """Have the server forget an upload, which it would keep for as long as the window is open."""
    context = get_script_run_ctx()
    if context is not None:
        files: Any = context.uploaded_file_mgr
        files.remove_file(context.session_id, file_id)


def _ways_in() -> None:
    if session.option("layer") or st.session_state.get("opened"):
        st.button("Open the example", on_click=session.callback(_open_shipped))
    # With a name of its own after each file, so that it closes and forgets what was sent.
    with st.popover("Open your own", key=f"ways-in-{_files()}"):
        ways: tuple[tuple[str, str, bool | Literal["directory"]], ...] = (
            ("file", "Captures: .npz files, a .zip of them, or CSV", True),
            ("folder", "Or a folder that `capture` has written", "directory"),
        )
        for what, label, several in ways:
            key = _upload_key(what)
            st.file_uploader(
                label,
                type=["npz", "csv", "zip", "json"],
                key=key,
                accept_multiple_files=several,
                max_upload_size=_LARGEST,
                on_change=session.callback(_open_upload),
                args=(key,),
            )
        st.text_area(
            "Or the CSV itself: columns x_1 …, dy_1 …, a_1 …, dx_1 …",
            key="capture_text",
            max_chars=1_000_000,
            on_change=session.callback(_open_pasted),
        )
        st.markdown("A capture is one step of training, watched:")
        st.code(_HOW, None, wrap_lines=True)
        st.markdown(
            "Files stay on this server and are forgotten with the window; they are read as "
            "numbers, and nothing in them is executed."
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


# ---- The network -------------------------------------------------------------------------


def _on_layer() -> None:
    """A layer was chosen in the table; anything that isn't one is ignored."""
    index = session.heard(neurons.KEY, "look")
    if isinstance(index, int) and 0 <= index < len(_here()[1]):
        _go_to(index)


def _go_to(index: int | None) -> None:
    session.choose("which", 0 if index is None else index + 1)
    session.choose("look", 0)


def _on_sort() -> None:
    """The worst first, or in the order of the forward pass."""
    session.choose("sort", "worst" if st.session_state.layers_sort else "")


def _network(name: str, network: Network) -> None:
    told = network.headline(name)
    st.markdown(f"# {escaped(told.claim)}")
    st.markdown(escaped(told.why))
    for said in (network.first_fault(), network.not_captured()):
        if said:
            st.markdown(f":orange[{escaped(said)}]")
    worst = session.option("sort") == "worst"
    st.session_state.layers_sort = worst
    st.toggle("Worst first", key="layers_sort", on_change=session.callback(_on_sort))
    inputs = _shipped_images() if network is _shipped() else None
    neurons.neurons(layers.payload(network, worst, inputs), on_look=session.callback(_on_layer))
    with st.container(horizontal=True, key="ways"):
        _ways_in()


@st.cache_resource(show_spinner=False)
def _shipped_images() -> Array | None:
    """What goes into the network that comes along, (N, 64): digits of 8 × 8 pixels."""
    a = _shipped().at(0).capture.a
    return None if a is None else a.astype(np.float64)


# ---- The layer ---------------------------------------------------------------------------


def _look(neuron: int) -> None:
    session.choose("look", neuron + 1)


def _on_look() -> None:
    """A neuron was chosen in the table; anything that isn't one is ignored."""
    neuron = session.heard(neurons.KEY, "look")
    here = _layer_here()
    if here and isinstance(neuron, int) and 0 <= neuron < here[1].capture.shape[1]:
        _look(neuron)


def _layer_here() -> tuple[str, Overview] | None:
    """The layer on the page and what it is called; None on the page of all layers."""
    name, network = _here()
    index = 0 if len(network) == 1 else int(session.option("which")) - 1
    if not 0 <= index < len(network):
        return None
    if len(network) > 1:
        name = f"{network.rows[index].name} of {name}"
    return name, _overview(network, index)


def _walk_layers() -> None:
    """From layer to layer, in the order of the forward pass."""
    network = _here()[1]
    if len(network) == 1:
        return
    index = int(session.option("which")) - 1
    with st.container(horizontal=True, key="walk-layers"):
        for label, to, where in (
            ("‹ All layers", None, True),
            ("Layer before", index - 1, index > 0),
            ("Layer after", index + 1, index + 1 < len(network)),
        ):
            st.button(label, on_click=session.callback(_go_to), args=(to,), disabled=not where)


def _all_neurons(name: str, o: Overview) -> None:
    c = o.capture
    _walk_layers()
    told = claims.whole_layer(o, name)
    st.markdown(f"# {escaped(told.claim)}")
    st.markdown(escaped(told.why))
    for said in (claims.first_fault(c), claims.what_kind(c, o.seen)):
        if said:
            st.markdown(escaped(said))
    agrees = claims.agreement(o.seen)
    if agrees is not None:
        good, said = agrees
        sign, colour = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "orange")}[good]
        st.markdown(f":{colour}[{sign} {escaped(said)}] {escaped(o.why)}")
    if o.found is not None and o.found.causes:
        mycode.show_lines(o.found)
    neurons.neurons(table.payload(o), on_look=session.callback(_on_look))
    st.markdown(escaped(claims.taken_away(c)))
    with st.container(horizontal=True, key="ways"):
        _ways_in()
        _ways_out(c)
    _hand_in(c)


_TERMS = ("dgamma", "dbeta", "dweight")


def _hand_in(c: Capture) -> None:
    """∂L/∂γ, ∂L/∂β or ∂L/∂W of all neurons, judged on this batch."""
    if c.mode != "train" or c.x.size > excerpts.MOST:
        return
    state = st.session_state
    terms = [term for term in _TERMS if term != "dweight" or c.a is not None]
    label = "Hand in " + " or ".join(TERMS[term].symbol for term in terms)
    with st.popover(label, key="hand-in"):
        term = st.segmented_control(
            "What it is",
            terms,
            default=terms[0],
            required=True,
            format_func=lambda name: TERMS[name].symbol,
            key="layer_term",
            on_change=session.callback(lambda: None),
        )
        st.text_area(
            "Its numbers, as any print",
            key="layer_text",
            max_chars=judge.LONGEST,
            on_change=session.callback(lambda: None),
        )
    text = state.get("layer_text") or ""
    if not text.strip():
        return
    try:
        mine = judge.parse(text)
    except judge.PasteError as error:
        st.error(escaped(str(error)))
        return
    mycode.show(claims.judged(c, range(c.shape[1]), term or terms[0], mine), top=False)


# ---- One neuron --------------------------------------------------------------------------


def _on_stage_event() -> None:
    """There is nothing to set here, but what is asked gets an answer."""
    event = session.heard(stage.KEY, "event")
    if isinstance(event, dict):
        st.session_state.answered = event.get("seq")


def _into_explore(neuron: int) -> None:
    here = _layer_here()
    if here:
        session.change(
            excerpts.excerpt(here[1].capture, here[1].seen, neuron)[0], view=View(), opened=True
        )
        st.session_state.to_explore = True
        c = here[1].capture
        if c.dx is not None and c.mode == "train" and len(c.dx) <= MAX_ROWS:
            # The whole batch goes along, and with it the ∂L/∂x to judge under Check, My code.
            session.choose("term", "dx")
            handed.keep(claims.as_pasted(c, neuron))


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
    why = claims.no_ledger(c, neuron)
    if why:
        words = next(f.words for f in o.order if f.neuron == neuron)
        st.markdown(f"# {escaped('; '.join(words) or why)}.")
        st.markdown(f"{escaped(why)}.")
        return
    seen = columns(run(excerpts.whole(o.capture, o.seen, neuron)), View())
    seen_as = View(neuron, inputs[0] if inputs else 0)
    stage.stage(
        Scene(seen, claims.headline(o, neuron, seen)),
        Show(river=True, ledger=True, hide=session.hidden() | {"inputs"}, called=seen_as),
        reply=Reply(st.session_state.get("answered"), back=session.back()),
        on_event=session.callback(_on_stage_event),
    )
    if c.a is None:
        st.markdown("No layer in front was captured: a is 1 for every sample, as for a bias.")
    if o.differs(neuron) and c.dx is not None and c.mode == "train":
        found = claims.judged(c, [neuron])
        mycode.show(found, top=False)
        beside = of(seen.trace, found, called=neuron)
        if found.verdict == "wrong" and beside is not None:
            mine(beside)
    scenario, said = excerpts.excerpt(o.capture, o.seen, neuron)
    with st.container(horizontal=True, vertical_alignment="center", key="to-explore"):
        st.button(
            f"Set these {scenario.shape[0]} samples in Explore",
            on_click=session.callback(_into_explore),
            args=(neuron,),
        )
        if c.dx is not None and c.mode == "train":
            said += (
                f" The captured {_DX} goes along to Check, My code."
                if len(c.dx) <= MAX_ROWS
                else f" The captured {_DX} belongs to the whole batch, and stays here."
            )
        if said:
            st.markdown(escaped(said))


def _page() -> None:
    state = st.session_state
    if state.pop("to_explore", False):
        st.switch_page("bnviz/pages/explore.py", query_params=session.link())
    with st.container(key="notice"):
        if session.notice():
            st.error(escaped(session.notice()))
    here = _layer_here()
    if here is None:
        _network(*_here())
        return
    name, o = here
    neuron = int(session.option("look")) - 1
    if 0 <= neuron < o.capture.shape[1]:
        _one_neuron(o, neuron)
    else:
        _all_neurons(name, o)


_page()
