"""Check: proven while one watches, broken on purpose, and held against its neighbours."""

from __future__ import annotations

import numpy as np
import streamlit as st

from bnviz import findings, gradcheck, mistakes, norms, pasted
from bnviz.figures.beside import beside
from bnviz.figures.groups import groups
from bnviz.figures.precision import name_of, residue_and_error
from bnviz.figures.proof import headroom
from bnviz.losses import LOSSES, under
from bnviz.mistakes import CHECKS, MISTAKES
from bnviz.pages import session
from bnviz.pages.parts import choose_part, escaped, grid, pick, say
from bnviz.pages.toolbar import toolbar
from bnviz.plot import plots
from bnviz.precision import passes
from bnviz.scenario import Scenario
from bnviz.terms import TERMS
from bnviz.text import number
from bnviz.trace import Trace, run

PARTS = {
    "1": "Every term",
    "2": "Mistakes",
    "3": "My code",
    "4": "Precision",
    "5": "Neighbours",
}
_DX = TERMS["dx"].symbol


def _digits(value: float) -> str:
    return f"{value + 0.0:.8g}".replace("-", "−")  # −0 is 0


def _count(many: int, what: str) -> str:
    return f"{many} {what}{'' if many == 1 else 's'}"


def _allowed(c: gradcheck.Comparison) -> float:
    """The tolerance that decided the entry that is shown."""
    return float((c.absolute if c.decided_by == "absolute" else c.bound)[c.worst])


def _take_upstream(loss: str) -> None:
    session.change(under(session.scenario(), loss))
    session.choose("loss", "given")


def _proof() -> None:
    s = session.scenario()
    loss = session.option("loss")
    loss = loss if loss in LOSSES else "given"
    t = run(under(s, loss))
    compared = gradcheck.against(t, gradcheck.numeric(s, loss), loss)
    say(findings.proof(t, compared))
    with st.container(horizontal=True, vertical_alignment="bottom", key="losses"):
        pick("The loss behind the upstream", {k: v.title for k, v in LOSSES.items()}, "loss", 420)
        if loss != "given":
            st.button(
                f"Take this loss’s {TERMS['dy'].symbol} into the scenario",
                on_click=session.callback(_take_upstream),
                args=(loss,),
            )
    rows = []
    for term, c in compared.items():
        at = c.worst
        sign = "✓" if c.holds else "✗"
        rows.append(
            [
                f"{TERMS[term].symbol}\u00a0{findings.place(c)}",
                _digits(float(c.analytic[at])) if c.same_shape else "another shape",
                _digits(float(c.numeric[at])),
                f"{sign} {number(float(c.difference[at]))} of {number(_allowed(c))}, "
                + c.decided_by,
            ]
        )
    grid(["Term", "Six equations", "Complex step", "Difference, bound, decided by"], rows)
    st.markdown(
        "Each row shows the entry that comes nearest to its bound, by its place: (sample, neuron), "
        "(input, neuron) or neuron, counted from 1. A bound has an absolute part, the rounding "
        f"of what was added up, and a relative part, {number(gradcheck.RELATIVE)} of the value."
    )
    held = [f"- {TERMS[term].symbol}: {text}" for term, text in gradcheck.HELD.items()]
    st.markdown("What the paper holds fixed:\n" + "\n".join(held))
    plots([headroom(compared)], key="proof-picture")


def _mistakes() -> None:
    s, view = session.scenario(), session.view()
    t, found = run(s), gradcheck.numeric(s)
    name = session.option("mistake")
    name = name if name in MISTAKES else next(iter(MISTAKES))
    caught = mistakes.catchers(t, found)
    wrong = mistakes.with_mistake(t, name)
    say(findings.mistake(name, caught[name]), signed=False)
    pick("The mistake", {k: m.title for k, m in MISTAKES.items()}, "mistake", 420)
    st.code(
        f"{MISTAKES[name].wrong}  # wrong\n{MISTAKES[name].right}  # right", None, wrap_lines=True
    )
    j = view.neuron
    plots(
        [
            beside(
                t.dx[:, j],
                wrong.dx[:, j],
                ("right", "with the mistake"),
                _DX,
                f"{_DX}, neuron {j + 1}",
            )
        ],
        key="mistake-picture",
    )
    st.markdown("## What catches what, on these numbers")
    st.markdown(findings.lesson(caught))
    grid(
        ["Mistake", *CHECKS.values()],
        [
            [
                ("▸ " if other == name else "") + MISTAKES[other].title,
                *(
                    "–\u00a0missed" if verdicts[check].passes else "●\u00a0caught"
                    for check in CHECKS
                ),
            ]
            for other, verdicts in caught.items()
        ],
    )


def _keep_text() -> None:
    st.session_state.pasted = st.session_state.mine


def _keep_upload() -> None:
    upload = st.session_state.upload
    if upload is None:
        return
    try:
        text = upload.getvalue().decode("utf-8")
    except UnicodeDecodeError:
        session.say(f"{upload.name} is not a text file. What was here before is kept.")
        return
    if len(text) > pasted.LONGEST:
        session.say(
            f"{upload.name} is too long: the limit is {pasted.LONGEST} characters. What was here "
            "before is kept."
        )
        return
    st.session_state.pasted = text


def _verdict(t: Trace, term: str, text: str) -> pasted.Pasted | None:
    """What the pasted numbers are, in words; None where there are none."""
    try:
        values = pasted.parse(text)
    except pasted.PasteError as error:
        st.markdown("# Is your gradient right?")
        st.markdown(
            "Run your own backward pass on the numbers of this scenario, and paste what it gives: "
            "a NumPy print, a list, or a table. It is read as numbers; nothing of it is executed."
        )
        if text.strip():
            st.error(escaped(str(error)))
        return None
    found = pasted.diagnose(t, term, values)
    st.markdown(f"# {'✓' if found.right else '✗'} {found.claim}")
    st.markdown(found.why)
    return values


def _my_code() -> None:
    s, view = session.scenario(), session.view()
    t = run(s)
    terms = pasted.checkable(t)
    term = session.option("term")
    term = term if term in terms else "dx"
    text = st.session_state.get("pasted", "")
    with st.container(key="verdict"):
        values = _verdict(t, term, text)
    shape = "(" + ", ".join(map(str, np.shape(getattr(t, term)))) + ")"
    left, right = st.columns([3, 2], gap="large")
    with left:
        pick("What it is", {name: TERMS[name].symbol for name in terms}, "term", 160)
        st.session_state.mine = text
        st.text_area(
            f"Your {TERMS[term].symbol}, shape {shape}",
            key="mine",
            height=180,
            max_chars=pasted.LONGEST,
            on_change=session.callback(_keep_text),
        )
        with st.popover("Upload a file instead"):
            st.file_uploader(
                "A text file: CSV or a NumPy print",
                type=["csv", "txt"],
                key="upload",
                max_upload_size=1,
                on_change=session.callback(_keep_upload),
            )
    with right:
        st.markdown("The numbers to run it on:")
        arrays = {"x": s.x, "dy": s.dy, "gamma": s.gamma, "beta": s.beta, "eps": s.eps, "a": s.a}
        st.code(
            "import numpy as np\n"
            + "\n".join(
                f"{name} = "
                + (f"np.array({value.tolist()})" if isinstance(value, np.ndarray) else repr(value))
                for name, value in arrays.items()
            ),
            None,  # in one colour: the highlighter’s are too faint to read
            wrap_lines=True,
            height=330,
        )
    mine = values.values if values is not None else None
    if term == "dx" and mine is not None and mine.shape == t.dx.shape:
        j = view.neuron
        plots(
            [beside(t.dx[:, j], mine[:, j], ("right", "yours"), _DX, f"{_DX}, neuron {j + 1}")],
            key="mine-picture",
        )


def _precision() -> None:
    s, view = session.scenario(), session.view()
    t, j = run(s), session.view().neuron
    found = passes(t, j)
    say(findings.precision(t, j, found))
    names = {f"{p.dtype}-{p.variance}": p for p in found}
    chosen = session.option("pass")
    chosen = chosen if chosen in names else "float32-one"
    pick("Look at", {key: name_of(p) for key, p in names.items()}, "pass", 340)
    p = names[chosen]
    plots(
        [
            residue_and_error(found),
            beside(
                t.dx[:, j],
                p.dx,
                ("careful", name_of(p)),
                _DX,
                f"{_DX}, neuron {view.neuron + 1}: off by {number(p.error)}",
            ),
        ],
        key="precision-picture",
    )


def _sums_table(s: Scenario, results: dict[str, norms.Neighbour]) -> list[list[str]]:
    """A row a norm: each kind of sum, and the largest residue of those that are 0."""
    rows = []
    for key, norm in norms.NORMS.items():
        sums = norms.group_sums(s, results[key])
        residues = [abs(total.value) for total in sums.values() if total.vanishes]
        cells = ["✓ 0" if total.vanishes else number(total.value) for total in sums.values()]
        rows.append([norm.title, *cells, number(max(residues)) if residues else "–"])
    return rows


def _neighbours() -> None:
    s, j = session.scenario(), session.view().neuron
    results = {name: norms.neighbour(s, name) for name in norms.NORMS}
    name = session.option("norm")
    name = name if name in results else "frozen"
    title = norms.NORMS[name].title
    say(findings.frozen(s, j, results["batch"], results[name], title), signed=False)
    pick("Beside batch norm in training", {k: n.title for k, n in norms.NORMS.items()}, "norm", 340)
    st.markdown(escaped(norms.NORMS[name].why))
    plots(
        [
            beside(
                results["batch"].dx[:, j],
                results[name].dx[:, j],
                ("training", title),
                _DX,
                f"{_DX}, neuron {j + 1}",
            )
        ],
        key="norm-picture",
    )
    st.markdown(f"## Where {_DX} adds up to 0, and where not")
    n, m = s.shape[0], norms.images(s.shape[0])
    st.markdown(
        f"The {_count(n, 'row')} {'is' if n == 1 else 'are'} read as {_count(m, 'image')} of "
        f"{_count(n // m, 'position')}, so that "
        "norms over height and width have something to run over. Of each kind of sum, the one "
        "furthest from 0 is shown; the last column is what rounding left of those that are 0."
    )
    grid(["Norm", *norms.SUMS, "rounding"], _sums_table(s, results))
    kinds = [f"- {name}: {text}" for name, text in norms.SUMS.items()]
    st.markdown("The sums run\n" + "\n".join(kinds))
    st.markdown(findings.running_variance(s, j))
    labels = norms.groupings(*s.shape)
    plots(
        [
            groups(labels[norms.NORMS[key].groups], called)
            for key, called in (
                ("batch", "Batch norm, also on (N, C, H, W)"),
                ("layer", "Layer norm"),
                ("instance", "Instance norm"),
                ("group", "Group norm"),
                ("rms", "RMS norm, without the mean"),
            )
        ],
        key="groups-picture",
    )


toolbar(inputs=False)
{"1": _proof, "2": _mistakes, "3": _my_code, "4": _precision, "5": _neighbours}[
    choose_part(PARTS, "proof")
]()
