"""Your layer: numbers captured from a real network, neuron by neuron."""

from __future__ import annotations

import io
from pathlib import Path

import streamlit as st

from bnviz import overview
from bnviz.captures import Capture, CaptureError, read_csv, read_npz, save_csv, save_npz
from bnviz.figures.layer import taken
from bnviz.overview import Finding, Neurons
from bnviz.pages import session
from bnviz.pages.parts import escaped, grid
from bnviz.plot import plots
from bnviz.share import View
from bnviz.text import number

_SHIPPED = Path(__file__).parents[1] / "digits.npz"
_LARGEST = 700  # MB
_SHOWN = 12  # neurons in the table
_HOW = """from bnviz.captures import capture

with capture(model, "captures"):  # one .npz a layer
    loss = criterion(model(inputs), targets)
    loss.backward()"""


def _take(capture: Capture, name: str) -> None:
    """Put a capture on the page; what was there before goes only now."""
    bar = st.progress(0.0, f"Reading {name}")

    def progress(share: float) -> None:
        bar.progress(share)

    seen = overview.survey(capture, progress)
    bar.empty()
    st.session_state.capture = (name, capture, seen)


def _open_shipped() -> None:
    _take(read_npz(_SHIPPED), "a layer of a network that reads digits")


def _open_upload() -> None:
    upload = st.session_state.capture_file
    if upload is None:
        return
    try:
        if upload.name.lower().endswith(".csv"):
            capture = read_csv(upload.getvalue().decode("utf-8"))
        else:
            capture = read_npz(upload)
    except UnicodeDecodeError:
        session.say(f"{upload.name} is not a text file.")
    except CaptureError as error:
        session.say(f"{upload.name}: {error}")
    else:
        _take(capture, upload.name)


def _open_pasted() -> None:
    text = st.session_state.capture_text or ""
    if not text.strip():
        return
    try:
        _take(read_csv(text), "the pasted table")
    except CaptureError as error:
        session.say(str(error))


def _into_the_ledger(neuron: int) -> None:
    _, capture, _ = st.session_state.capture
    scenario, _ = overview.excerpt(capture, neuron)
    session.change(scenario, view=View(), opened=True)
    st.session_state.to_ledger = True


def _ways_in() -> None:
    with st.container(horizontal=True, key="ways-in"):
        st.button("Open the layer that is here", on_click=session.callback(_open_shipped))
        with st.popover("Open a file, or paste a table"):
            st.file_uploader(
                "A capture: .npz, or CSV with columns x_1 …, dy_1 …, a_1 …, dx_1 …",
                type=["npz", "csv"],
                key="capture_file",
                max_upload_size=_LARGEST,
                on_change=session.callback(_open_upload),
            )
            st.text_area(
                "Or the CSV itself",
                key="capture_text",
                max_chars=1_000_000,
                on_change=session.callback(_open_pasted),
            )


def _npz(capture: Capture) -> bytes:
    out = io.BytesIO()
    save_npz(capture, out, overview.terms(capture))
    return out.getvalue()


def _ways_out(capture: Capture) -> None:
    """The capture again, with what was computed of it."""
    with st.container(horizontal=True, key="ways-out"):
        st.download_button(
            "All terms, .npz", lambda: _npz(capture), "bnviz_layer.npz", on_click="ignore"
        )
        if capture.x.size <= overview.MOST:
            st.download_button(
                "All terms, CSV",
                lambda: save_csv(capture, overview.terms(capture)),
                "bnviz_layer.csv",
                "text/csv",
                on_click="ignore",
            )


def _table(seen: Neurons, order: list[Finding]) -> None:
    heads = ["neuron", "μ", "σ²", "|∂L/∂x|", "along 1", "along x̂", "Σ∂L/∂x"]
    if seen.dweight is not None:
        heads.append("|∂L/∂w|")
    rows = []
    for finding in order[:_SHOWN]:
        j = finding.neuron
        zero = abs(seen.dx_sum[j]) <= seen.sum_bound[j]
        row = [
            str(j + 1),
            number(float(seen.mean[j])),
            number(float(seen.var[j])),
            number(float(seen.dx_size[j])),
            f"{seen.removed_mean[j]:.0%}",
            f"{seen.removed_x_hat[j]:.0%}",
            "✓ 0" if zero else number(float(seen.dx_sum[j])),
        ]
        if seen.dweight is not None:
            row.append(number(float(seen.dweight[j])))
        rows.append(row)
    grid(heads, rows)


def _show(name: str, capture: Capture, seen: Neurons) -> None:
    n, k = capture.shape
    order = overview.findings(capture, seen)
    bad = [finding for finding in order if finding.words]
    if bad:
        st.markdown(f"# {len(bad)} of {k} neurons stand out.")
    else:
        st.markdown(f"# None of the {k} neurons stands out.")
    mode = "training" if capture.mode == "train" else "evaluation"
    st.markdown(escaped(f"This is {name}: {n} rows, {k} neurons, in {mode} mode. {capture.note}"))
    agrees = overview.agreement(seen)
    if agrees is not None:
        good, said = agrees
        sign, colour = ("✓", "green") if good else ("✗", "red")
        st.markdown(f":{colour}[{sign} {escaped(said)}]")
        if not good:
            worst = bad[0].neuron
            st.markdown(escaped(overview.explain(capture, worst)))
    for finding in bad[:_SHOWN]:
        st.markdown(escaped(f"Neuron {finding.neuron + 1}: {'; '.join(finding.words)}."))
    names = {f.neuron: f"neuron {f.neuron + 1}" for f in order}
    with st.container(horizontal=True, vertical_alignment="bottom", key="choose"):
        if st.session_state.get("capture_neuron") not in names:
            st.session_state.capture_neuron = order[0].neuron
        st.selectbox(
            "Look at", list(names), format_func=names.__getitem__, key="capture_neuron", width=200
        )
        neuron = st.session_state.capture_neuron
        st.button("Into the ledger", on_click=session.callback(_into_the_ledger), args=(neuron,))
    _, said = overview.excerpt(capture, neuron)
    if said:
        st.markdown(escaped(said))
    plots([taken(seen, [f.neuron for f in order])], key="taken")
    shown = min(k, _SHOWN)
    st.markdown(
        "## Neuron by neuron"
        if shown == k
        else f"## Neuron by neuron: the {shown} "
        + ("that stand out most" if bad else "with the largest gradients")
    )
    _table(seen, order)
    st.markdown(
        "|∂L/∂x| is the root mean square over the rows. “Along 1” and “along x̂” are the shares of "
        "|∂L/∂x̂|² that training takes away."
    )


def _page() -> None:
    state = st.session_state
    if state.pop("to_ledger", False):
        st.switch_page("bnviz/pages/explore.py")
    if session.notice():
        st.error(escaped(session.notice()))
    if "capture" in state:
        _show(*state.capture)
        _ways_out(state.capture[1])
        _ways_in()
        return
    st.markdown("# Look at a layer of your own network.")
    st.markdown(
        "It doesn’t learn, or your backward pass is wrong? Capture what went through a batch norm, "
        "open it here, and see neuron by neuron where the gradient goes."
    )
    _ways_in()
    st.markdown("A capture is one step of training, watched:")
    st.code(_HOW, None, wrap_lines=True)
    st.markdown(
        "A file stays on this server and is forgotten with the window; it is read as numbers, and "
        "nothing of it is executed."
    )


_page()
