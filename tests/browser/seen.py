"""What the stage shows at one moment, and whether all of it is of one scenario."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bnviz

from .conftest import App

# Everything that the stage shows, at one moment.
SEEN = """() => {
    const all = (selector, name) => [...document.querySelectorAll(selector)].map(e =>
        [e.dataset[name], e.dataset.row ?? '', e.dataset.value, name === 'pile' ? ''
         : (e.querySelector('.bns-number') ?? e).textContent]);
    const stage = document.querySelector('[data-stage]');
    const set = (root) => ['n', 'gamma', 'eps', 'neuron', 'input'].map(name =>
        document.querySelector(root).getAttribute(`data-${name}`));
    return {
        lanes: all('[data-river] g[data-term]', 'term'),
        strands: all('[data-river] g[data-strand]:not([data-sum])', 'strand'),
        sums: all('[data-river] g[data-sum]:not([data-strand])', 'sum'),
        piles: all('[data-river] g[data-pile][data-value]', 'pile'),
        cells: all('[data-ledger] td[data-term]', 'term'),
        totals: all('[data-ledger] td[data-sum]', 'sum'),
        set: [set('[data-river]'), set('[data-ledger]')],
        cards: [...document.querySelectorAll('[data-river] .bnr-card')].map(e => e.textContent),
        claim: stage.querySelector('h1').textContent,
        why: stage.querySelector('.bns-why').textContent,
        busy: stage.hasAttribute('data-busy'),
    };
}"""
LEVELS = ("dy", "dx_direct", "after_var", "dx", "dweight")
Seen = dict[str, Any]
Table = dict[str, dict[str, float]]


def seen(app: App) -> Seen:
    found: Seen = app.page.evaluate(SEEN)
    return found


def table(rows: list[list[str]]) -> Table:
    """Numbers by term and row; what is written must be the number, to the places it has."""
    found: Table = {}
    for term, row, value, _ in rows:
        assert row not in found.setdefault(term, {}), (term, row)
        found[term][row] = float(value)
    return found


def _written(rows: list[list[str]]) -> None:
    """The text of a number is that number, rounded."""
    for term, row, value, text in rows:
        shown = text.replace("−", "-").replace("\u00a0", "")
        places = len(shown.partition(".")[2]) if "e" not in shown else 0
        off = 0.5000001 * 10.0**-places
        if "e" in shown:
            off = abs(float(value)) * 0.06
        near = float(shown.removeprefix("≈ "))  # what rounding alone explains is nearly 0
        assert abs(near - float(value)) <= off, (term, row, value, text)


def _core(cells: Table, gamma: float, eps: float) -> dict[str, np.ndarray]:
    """The core's answer to the numbers that the ledger shows as given."""
    given = {term: np.array(list(cells[term].values()))[:, None] for term in ("x", "dy", "a")}
    t = bnviz.trace(given["x"], given["dy"], gamma, eps=eps, a=given["a"])
    terms = ("dy", "dx_direct", "dx_via_var", "dx_via_mean", "dx", "x_hat", "dx_hat")
    whole = given | {term: getattr(t, term) for term in terms if term != "dy"}
    found: dict[str, np.ndarray] = {term: whole[term][:, 0] for term in terms}
    found["after_var"] = found["dx_direct"] + found["dx_via_var"]
    assert t.dweight_per_sample is not None
    found["dweight"] = t.dweight_per_sample[:, 0, 0]
    return found


def assert_one_truth(found: Seen) -> dict[str, np.ndarray]:
    """River, ledger and headline show what the core makes of one scenario; what it makes."""
    assert found["set"][0] == found["set"][1]
    lanes, cells = table(found["lanes"]), table(found["cells"])
    core = _core(cells, float(found["set"][0][1]), float(found["set"][0][2]))
    size = float(np.abs(core["dx_direct"]).sum()) * 1e-12
    rows = [str(i) for i in range(len(core["dx"]))]
    for term in LEVELS:
        assert list(lanes[term]) == rows, term
    for term, values in core.items():
        if term in cells:
            np.testing.assert_allclose(list(cells[term].values()), values, rtol=1e-11, atol=size)
        for shown in (lanes, table(found["strands"])):
            for row, value in shown.get(term, {}).items():
                assert value == pytest.approx(values[int(row)], rel=1e-11, abs=size), (term, row)
                assert term not in cells or value == cells[term][row], (term, row)
    sums = table(found["sums"])
    # A phone has no room for what σ² and μ change of the sum.
    wanted = {*LEVELS} - {"dweight"}
    assert wanted <= set(sums) <= wanted | {"dx_via_var", "dx_via_mean"}
    for term, added in (sums | table(found["totals"])).items():
        known = core.get(term, np.array(list(cells.get(term, {}).values())))
        assert added[""] == pytest.approx(known.sum(), rel=1e-11, abs=size), term
    strands = table(found["strands"])
    for term in ("dx_via_var", "dx_via_mean"):
        large = np.abs(core[term]) > 0.02 * np.abs(core["dx_direct"]).max()
        assert set(np.flatnonzero(large)) <= {int(row) for row in strands.get(term, {})}, term
    for pile, blocks in table(found["piles"]).items():
        assert blocks == {row: value for row, value in lanes[pile].items() if value}, pile
    weight = f"{core['dweight'].sum():+.2f}".replace("-", "−")
    assert any(weight in card for card in found["cards"]), (weight, found["cards"])
    if "learns all the same" in found["claim"]:
        assert found["why"].endswith(f"still adds up to {weight}.")
        sent = f"{core['dy'].sum():+.2f}".replace("-", "−")
        assert f"the loss sends {sent};" in found["why"] or "adds up to 0 already" in found["why"]
    if not found["busy"]:
        _written(found["lanes"])
        _written(found["cells"])
    return core
