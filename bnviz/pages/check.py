"""Check: proven while one watches, broken on purpose, and held against its neighbours."""

from __future__ import annotations

import numpy as np
import streamlit as st

from bnviz.claims import check as claims
from bnviz.components.plot import plots
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.draw.figures.beside import beside
from bnviz.draw.figures.groups import groups
from bnviz.draw.figures.precision import name_of, residue_and_error
from bnviz.draw.figures.proof import headroom
from bnviz.proof import complex_step, mistakes
from bnviz.proof.losses import LOSSES, under
from bnviz.proof.mistakes import CHECKS, MISTAKES
from bnviz.screen import session
from bnviz.screen.mycode import my_code
from bnviz.screen.parts import choose_part, escaped, grid, halves, pick, say
from bnviz.screen.presenter import presenting
from bnviz.screen.stage import toolbar
from bnviz.study import neighbours
from bnviz.study.precision import passes
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

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


def _allowed(c: complex_step.Comparison) -> float:
    """The tolerance that decided the entry that is shown."""
    return float((c.absolute if c.decided_by == "absolute" else c.bound)[c.worst])


def _take_upstream(loss: str) -> None:
    session.change(under(session.trained(), loss))
    session.choose("loss", "given")


def _proof() -> None:
    s = session.trained()
    loss = session.option("loss")
    loss = loss if loss in LOSSES else "given"
    t = run(under(s, loss))
    compared = complex_step.against(t, complex_step.numeric(s, loss), loss)
    say(claims.proof(t, compared))
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
                f"{TERMS[term].symbol}\u00a0{claims.place(c)}",
                _digits(float(c.analytic[at])) if c.same_shape else "another shape",
                _digits(float(c.numeric[at])),
                f"{sign} {number(float(c.difference[at]))} of {number(_allowed(c))}, "
                + c.decided_by,
            ]
        )
    left, right = halves("proof")
    with left:
        grid(["Term", "Six equations", "Complex step", "Difference, bound, decided by"], rows)
        st.markdown(
            "Each row shows the entry that comes nearest to its bound, by its place: (sample, "
            "neuron), (input, neuron) or neuron, counted from 1. A bound has an absolute part, the "
            "rounding of what was added up, and a relative part, "
            f"{number(complex_step.RELATIVE)} of the value."
        )
    held = [f"- ${TERMS[term].latex}$: {text}" for term, text in complex_step.HELD.items()]
    with right:
        plots([headroom(compared)], key="proof-picture")
        st.markdown("What the paper holds fixed:\n" + "\n".join(held))


def _row(here: bool, title: str, verdicts: dict[str, mistakes.Verdict]) -> list[str]:
    """Which checks catch a mistake, and which let it through."""
    found = (verdicts[check] for check in CHECKS)
    return [
        ("▸ " if here else "") + title,
        *(
            "–\u00a0missed" if v.passes else "●\u00a0caught" if v.catches else "no\u00a0number"
            for v in found
        ),
    ]


def _mistakes() -> None:
    s, view = session.trained(), session.view()
    t, found = run(s), complex_step.numeric(s)
    name = session.option("mistake")
    name = name if name in MISTAKES else next(iter(MISTAKES))
    caught = mistakes.catchers(t, found)
    wrong = mistakes.with_mistake(t, name)
    say(claims.mistake(name, caught[name]), signed=False)
    if not presenting():
        pick("The mistake", {k: m.title for k, m in MISTAKES.items()}, "mistake", 420)
    left, right = (st.container(), st.container()) if presenting() else halves("mistake")
    with left:
        st.code(
            f"{MISTAKES[name].wrong}  # wrong\n{MISTAKES[name].right}  # right",
            None,
            wrap_lines=True,
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
    if presenting():
        return
    with right:
        st.markdown("## What catches what, on these numbers")
        st.markdown(claims.lesson(caught))
        grid(
            ["Mistake", *CHECKS.values()],
            [_row(other == name, MISTAKES[other].title, v) for other, v in caught.items()],
        )


def _precision() -> None:
    s, view = session.trained(), session.view()
    t, j = run(s), session.view().neuron
    found = passes(t, j)
    say(claims.precision(t, j, found))
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
                f"{_DX}, neuron {view.neuron + 1}: "
                + (f"off by {number(p.error)}" if np.isfinite(p.error) else "no number"),
            ),
        ],
        key="precision-picture",
    )


def _sums_table(s: Scenario, results: dict[str, neighbours.Neighbour]) -> list[list[str]]:
    """A row a norm: each kind of sum, and the largest residue of those that are 0."""
    rows = []
    for key, norm in neighbours.NORMS.items():
        sums = neighbours.group_sums(s, results[key])
        residues = [abs(total.value) for total in sums.values() if total.vanishes]
        cells = ["✓ 0" if total.vanishes else number(total.value) for total in sums.values()]
        rows.append([norm.title, *cells, number(max(residues)) if residues else "–"])
    return rows


def _where_sums_vanish(s: Scenario, results: dict[str, neighbours.Neighbour]) -> None:
    n, m = s.shape[0], neighbours.images(s.shape[0])
    st.markdown(f"## Where {_DX} adds up to 0, and where not")
    st.markdown(
        f"The {_count(n, 'row')} {'is' if n == 1 else 'are'} read as {_count(m, 'image')} of "
        f"{_count(n // m, 'position')}, so that "
        "norms over height and width have something to run over. Of each kind of sum, the "
        "largest that is not 0 is shown, where there is one; the last column is what rounding left "
        "of those that are 0."
    )
    grid(["Norm", *neighbours.SUMS, "rounding"], _sums_table(s, results))
    kinds = [f"- {name}: {text}" for name, text in neighbours.SUMS.items()]
    st.markdown("The sums run\n" + "\n".join(kinds))


def _neighbours() -> None:
    s, j = session.trained(), session.view().neuron
    results = {name: neighbours.neighbour(s, name) for name in neighbours.NORMS}
    name = session.option("norm")
    name = name if name in results else "frozen"
    titles = {key: norm.title for key, norm in neighbours.NORMS.items()}
    say(claims.frozen(s, j, results["batch"], results[name], titles[name]), signed=False)
    pick("Beside batch norm in training", titles, "norm", 340)
    left, right = halves("norm")
    with left:
        st.markdown(escaped(neighbours.NORMS[name].why))
        plots(
            [
                beside(
                    results["batch"].dx[:, j],
                    results[name].dx[:, j],
                    ("training", titles[name]),
                    _DX,
                    f"{_DX}, neuron {j + 1}",
                )
            ],
            key="norm-picture",
        )
        st.markdown(claims.running_variance(s, j))
    with right:
        _where_sums_vanish(s, results)
    labels = neighbours.groupings(*s.shape)
    plots(
        [
            groups(labels[neighbours.NORMS[key].groups], called)
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


part = choose_part(PARTS, "proof")
toolbar(inputs=False)
{"1": _proof, "2": _mistakes, "3": my_code, "4": _precision, "5": _neighbours}[part]()
