"""The computation graph of Derive: local derivatives, and the gradient that flows back."""

from __future__ import annotations

import numpy as np

from bnviz.draw.derive_numbers import Json, Numbers, equals, label
from bnviz.study.derivation import LOCAL
from bnviz.words import formula
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

# For each edge the term that flows back along it, or the rule that says so.
_FLOWS = {
    "y-loss": ("dy", r"\term{dy}"),
    "xhat-y": ("dx_hat", r"\term{dx_hat}"),
    "dev-xhat": ("dx_direct", r"\term{dx_direct}"),
    "var-invstd": ("dvar", r"\term{dvar}"),
    "dev-var": ("dx_via_var", r"\term{dx_via_var}"),
    "mean-dev": ("dmean", r"\term{dmean}"),
    "x-mean": ("dx_via_mean", r"\term{dx_via_mean}"),
    "w-x": ("dweight_per_sample", TERMS["dweight_per_sample"].rule),
    "a-x": ("da", r"\term{da}"),
}


def _edge(name: str, local: float | None, flow: Json, key: str) -> Json:
    """local: the number of the local derivative; None where it is a plain 1 or −1."""
    latex = LOCAL.get(name, "")
    return {
        "name": name,
        "local": label("", latex) if local is None else equals(latex, local),
        "flow": flow,
        "k": key,
    }


def _flowing(m: Numbers, name: str, local: float | None) -> Json:
    key, latex = _FLOWS[name]
    t = m.t
    value = float(t.da[m.sample, m.view.input]) if key == "da" and t.da is not None else m.one(key)
    return _edge(name, local, equals(latex, value), key)


def _adding(name: str, local: float | None, share: float, key: str) -> Json:
    """An edge at which each sample adds its share."""
    return _edge(name, local, label(f"adds {number(share)}", value=share), key)


def _edges(m: Numbers) -> list[Json]:
    n, s, dev = m.n, m.one("inv_std"), m.one("deviation")
    dy, dx_hat, x_hat = m.one("dy"), m.one("dx_hat"), m.one("x_hat")
    both = m.one("dx_direct") + m.one("dx_via_var")
    edges = [
        _flowing(m, "y-loss", None),
        _flowing(m, "xhat-y", m.one("gamma")),
        _adding("gamma-y", x_hat, dy * x_hat, "dgamma"),
        _adding("beta-y", None, dy, "dbeta"),
        _flowing(m, "dev-xhat", s),
        _adding("invstd-xhat", dev, dx_hat * dev, "product"),
        _flowing(m, "var-invstd", -0.5 * s * s * s),
        _flowing(m, "dev-var", 2 * dev / n),
        _flowing(m, "mean-dev", None),
        _edge("x-dev", None, equals(r"\term{dx_direct} + \term{dx_via_var}", both), "dx"),
        _flowing(m, "x-mean", 1 / n),
    ]
    if "a" in m.columns:
        edges.append(_flowing(m, "w-x", m.one("a")))
    if m.t.scenario.weight is not None:
        edges.append(_flowing(m, "a-x", m.one("weight")))
    return edges


def _node(name: str, value: float | None, gradient: float | None) -> Json:
    symbol = TERMS[name].symbol
    said = [] if value is None else [f"{symbol} = {number(value)}"]
    if gradient is not None:
        below = f"({symbol})" if name in ("deviation", "inv_std") else symbol
        said.append(f"∂L/∂{below} = {number(gradient)}")
    return {
        "name": name,
        "s": symbol,
        "m": formula.symbol(name, inline=True),
        "said": said,
        "sentence": TERMS[name].sentence,
    }


def _nodes(m: Numbers) -> list[Json]:
    t = m.t
    products = float((m.columns["dx_hat"] * m.columns["deviation"]).sum())
    given = t.scenario.weight is not None
    both = m.one("dx_direct") + m.one("dx_via_var")
    return [
        _node("a", m.one("a") if "a" in m.columns else None, None),
        _node(
            "weight",
            m.one("weight") if given else None,
            None if t.dweight is None else m.one("dweight"),
        ),
        _node("x", m.one("x"), m.one("dx")),
        _node("mean", m.one("mean"), m.one("dmean")),
        _node("deviation", m.one("deviation"), both),
        _node("var", m.one("var"), m.one("dvar")),
        _node("inv_std", m.one("inv_std"), products),
        _node("x_hat", m.one("x_hat"), m.one("dx_hat")),
        _node("gamma", m.one("gamma"), m.one("dgamma")),
        _node("beta", m.one("beta"), m.one("dbeta")),
        _node("y", float(t.y[m.sample, m.view.neuron]), m.one("dy")),
        {
            "name": "loss",
            "s": "L",
            "m": formula.mathml("L"),
            "said": ["the loss"],
            "sentence": "One number for the batch.",
        },
    ]


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def graph(m: Numbers) -> Json:
    """Edges with their local derivative and the gradient that flows back; nodes with values."""
    return {"edges": _edges(m), "nodes": _nodes(m)}
