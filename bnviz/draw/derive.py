"""Trace -> what the Derive page shows: each step with its numbers, and the graph.

Pure data, ready for JSON. The browser only places it. A sentence that claims a
zero or an equality is written here, after its check.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.columns import PATHS, Sum, column_sums, shown_rows
from bnviz.core.identities import Check, identities, rounding
from bnviz.core.trace import Trace
from bnviz.core.view import View
from bnviz.draw.palette import sample_colors
from bnviz.study.derivation import MOVES, SNIPPETS, Line, OffCentre, lines, off_centre
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number, plain

Json = dict[str, Any]

# Columns that share one scale, so that their bars can be added by eye.
_SHARED = ("dx_direct", "dx_via_var", "dx_via_mean", "dx", "kept", "dropped")
_SIDES = ("left", "right", "difference")


def _symbol(name: str) -> str:
    return TERMS[name].symbol


def part(symbol: str, value: float | str | None = None, key: str = "") -> Json:
    """One factor of a formula: its symbol, the number under it, the term that it lights up."""
    text = "" if value is None else value if isinstance(value, str) else number(float(value))
    return {"s": symbol, "t": text, "k": key}


def op(sign: str) -> Json:
    """A sign between factors, repeated between their numbers."""
    return {"s": sign, "t": sign, "k": "", "op": True}


@dataclass
class _Numbers:
    """The numbers of one neuron, input and sample, by term."""

    t: Trace
    view: View
    sample: int
    checks: dict[str, Check] = field(init=False)
    sums: dict[str, Sum] = field(init=False)
    rows: list[int] = field(init=False)
    columns: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        t, j, p = self.t, self.view.neuron, self.view.input
        s = t.scenario
        self.checks = identities(t)
        self.sums = column_sums(t, j, p)
        shown = shown_rows(t, self.view)
        self.rows = sorted({*shown, self.sample})
        self.columns = {
            "x": s.x[:, j],
            "deviation": t.deviation[:, j],
            "x_hat": t.x_hat[:, j],
            "dy": s.dy[:, j],
            **{
                name: getattr(t, name)[:, j]
                for name in ("dx_hat", "dx_direct", "dx_via_var", "dx_via_mean", "dx")
            },
        }
        if s.a is not None and t.dweight_per_sample is not None:
            self.columns["a"] = s.a[:, p]
            self.columns["dweight_per_sample"] = t.dweight_per_sample[:, p, j]

    def holds(self, name: str) -> bool:
        """Does the identity hold for this neuron?"""
        return bool(self.checks[name].holds[self.view.neuron])

    def one(self, name: str) -> float:
        """The neuron's number, or that of the chosen sample."""
        if name in self.columns:
            return float(self.columns[name][self.sample])
        if name == "eps":
            return self.t.scenario.eps
        source = self.t.scenario if name in ("gamma", "beta") else self.t
        return float(getattr(source, name)[self.view.neuron])

    def factor(self, name: str, symbol: str = "") -> Json:
        """A factor that is a term."""
        indexed = f"{_symbol(name)}ᵢ" if name in self.columns else _symbol(name)
        return part(symbol or indexed, self.one(name), name)

    def column(self, name: str, total: bool = True) -> Json:
        """A column of the little table, with what it adds up to."""
        return self.given(_symbol(name), self.columns[name], name, total=total)

    def given(
        self,
        symbol: str,
        values: Array,
        key: str = "",
        *,
        total: bool = True,
        zero: bool = False,
    ) -> Json:
        """The same for any numbers. zero: the sum is zero by algebra, and was found to be."""
        whole = float(values.sum())
        known = self.sums.get({"dweight_per_sample": "dweight"}.get(key, key))
        if known is not None:
            vanishes = zero or known.vanishes
            zero = zero or (known.vanishes and known.by_algebra)
        else:
            added = float(np.abs(values).sum())
            vanishes = zero or abs(whole) <= rounding(values.size) * added
        return {
            "s": symbol,
            "k": key,
            "v": [plain(values[i]) for i in self.rows],
            "t": [number(float(values[i]), signed=True) for i in self.rows],
            "total": ("0" if vanishes else number(whole, signed=True)) if total else "",
            "zero": zero and total,
            "scale": "paths" if key in _SHARED else "sides" if key in _SIDES else symbol,
        }


def _step(name: str, heading: str, text: str, **more: Any) -> Json:
    return {
        "name": name,
        "label": _symbol(name),
        "heading": heading,
        "text": text,
        "source": TERMS[name].source,
        "shape": TERMS[name].shape,
        "code": SNIPPETS.get(name, ""),
        "formulas": [],
        "columns": [],
        "edges": [],
        "labels": {},  # by edge: what flows there, where it is not yet what the graph says
        "flow": "each",
        "check": None,
        "part": 0,
    } | more


def _picture(flow: str, n: int, k: int, d: int) -> Json:
    """What is added up and what is spread: one table of cells, or two with a sign between."""
    one, all_ = (1, k), (n, k)
    grids, sign, said = {
        "each": ([all_], "", f"({n}, {k}): a number for each sample and neuron"),
        "sum": ([all_, one], "Σ →", f"({n}, {k}), added over the {n} samples, gives ({k},)"),
        "spread": ([one, all_], "→", f"({k},), spread over the {n} rows, gives ({n}, {k})"),
        "outer": (
            [(n, d), all_, (d, k)],
            "",
            f"({d}, {n}) times ({n}, {k}): {n} outer products, added, give ({d}, {k})",
        ),
    }[flow]
    return {"grids": grids, "signs": ["⊗", "Σ →"] if flow == "outer" else [sign], "said": said}


def _verdict(check: Check, neuron: int) -> Json:
    value, bound = float(check.value[neuron]), float(check.bound[neuron])
    return {
        "holds": bool(check.holds[neuron]),
        "text": f"{check.statement}: {number(value)}, bound {number(bound)}",
    }


def _forward_steps(m: _Numbers) -> list[Json]:
    """From the upstream gradient to ∂L/∂x̂."""
    n = m.t.x_hat.shape[0]
    dy, x_hat = m.columns["dy"], m.columns["x_hat"]
    return [
        _step(
            "dy",
            f"{_symbol('dy')} is given: the layers above computed it.",
            "It says how the loss changes with each output of the norm. All that follows is the "
            "chain rule, walked backwards: at each edge multiply by the local derivative, and "
            "where paths meet, add.",
            formulas=[[m.factor("dy")]],
            columns=[m.column("dy", total=False)],
            edges=["y-loss"],
        ),
        _step(
            "dbeta",
            f"{_symbol('dbeta')} adds the upstream gradient over the batch.",
            f"β is added to every yᵢ, with local derivative 1. So {n} paths lead from β to the "
            "loss, one for each sample, and their gradients add.",
            formulas=[
                [m.factor("dbeta"), op("="), part(f"Σᵢ {_symbol('dy')}ᵢ", m.one("dbeta"), "dy")]
            ],
            columns=[m.column("dy")],
            edges=["y-loss", "beta-y"],
            flow="sum",
        ),
        _step(
            "dgamma",
            f"{_symbol('dgamma')} adds the upstream gradient, weighted by x̂.",
            "γ multiplies every x̂ᵢ, so its local derivative at sample i is x̂ᵢ. Again one path "
            "for each sample, and the sum over all.",
            formulas=[
                [
                    m.factor("dgamma"),
                    op("="),
                    part(f"Σᵢ {_symbol('dy')}ᵢ · x̂ᵢ", m.one("dgamma"), "dy"),
                ]
            ],
            columns=[
                m.column("dy", total=False),
                m.column("x_hat", total=False),
                m.given(f"{_symbol('dy')} · x̂", dy * x_hat, "product"),
            ],
            edges=["y-loss", "gamma-y"],
            flow="sum",
        ),
        _step(
            "dx_hat",
            f"{_symbol('dx_hat')} is the upstream gradient, times γ.",
            "yᵢ = γ x̂ᵢ + β: the only path from x̂ᵢ to the loss goes through its own yᵢ. γ is one "
            "number for the neuron and is spread over all rows.",
            formulas=[
                [m.factor("dx_hat"), op("="), m.factor("dy"), op("·"), m.factor("gamma")],
            ],
            columns=[m.column("dy", total=False), m.column("dx_hat", total=False)],
            edges=["xhat-y", "y-loss"],
            flow="spread",
        ),
    ]


def _statistics_steps(m: _Numbers) -> list[Json]:
    """∂L/∂σ² and the two pieces of ∂L/∂μ."""
    t, j = m.t, m.view.neuron
    n = t.x_hat.shape[0]
    dx_hat, deviation = m.columns["dx_hat"], m.columns["deviation"]
    products = dx_hat * deviation
    zero = m.holds("mean_via_var")
    steps = [
        _step(
            "dvar",
            f"{_symbol('dvar')} is one number: every sample feels the variance.",
            f"All {n} samples are divided by the same √(σ²+ε). So {n} paths lead from σ² through "
            "every x̂ᵢ to the loss: add them. The last factor is the derivative of 1/√(σ²+ε).",
            formulas=[
                [
                    m.factor("dvar"),
                    op("="),
                    part(f"Σᵢ {_symbol('dx_hat')}ᵢ · (xᵢ−μ)", products.sum(), "product"),
                    op("·"),
                    part("−½ (σ²+ε)^{−3/2}", -0.5 * float(t.inv_std[j]) ** 3, "inv_std"),
                ]
            ],
            columns=[
                m.column("dx_hat", total=False),
                m.column("deviation", total=False),
                m.given(f"{_symbol('dx_hat')} · (x−μ)", products, "product"),
            ],
            edges=["xhat-y", "invstd-xhat", "var-invstd"],
            flow="sum",
        ),
        _step(
            "dmean_direct",
            "∂L/∂μ has two pieces. The direct one goes through x − μ.",
            "μ is taken from every xᵢ, so its local derivative in x̂ᵢ is −1/√(σ²+ε), the same for "
            "every sample. Here the variance is held fixed.",
            formulas=[
                [
                    m.factor("dmean_direct"),
                    op("="),
                    part(f"Σᵢ {_symbol('dx_hat')}ᵢ", dx_hat.sum(), "dx_hat"),
                    op("·"),
                    part(f"−{_symbol('inv_std')}", -float(t.inv_std[j]), "inv_std"),
                ]
            ],
            columns=[m.column("dx_hat")],
            edges=["mean-dev", "dev-xhat"],
            labels={
                "dev-xhat": f"∂L/∂x̂ · 1/√ = {number(m.one('dx_direct'))}",
                "mean-dev": f"adds {number(-m.one('dx_direct'))}",
            },
            flow="sum",
        ),
        _step(
            "dmean_via_var",
            "The second piece is 0: what lies above the mean and below it cancels."
            if zero
            else f"The second piece should be 0. Here it is {number(m.one('dmean_via_var'))}.",
            "μ also enters the variance, and the chain rule asks for that path too. Its local "
            "derivative is Σ −2(xᵢ−μ)/N, and the deviations from a mean add up to 0: follow the "
            "running sum down the table. The sum vanishes; each sample's share of it doesn't."
            if zero
            else "The deviations from a mean add up to 0, up to rounding.",
            formulas=[
                [
                    m.factor("dmean_via_var"),
                    op("="),
                    m.factor("dvar"),
                    op("·"),
                    part("Σᵢ −2(xᵢ−μ) / N", float((-2 * deviation).sum() / n), "deviation"),
                ],
                [
                    m.factor("dmean"),
                    op("="),
                    m.factor("dmean_direct", "direct"),
                    op("+"),
                    m.factor("dmean_via_var", "via σ²"),
                ],
            ],
            columns=[
                m.given("x − μ", deviation, "deviation", zero=m.holds("x_hat_sum")),
                m.given("running sum", np.cumsum(deviation), "", total=False),
            ],
            edges=["mean-dev", "dev-var"],
            labels={
                "dev-var": f"∂L/∂σ² · 2(x−μ)/N = {number(m.one('dx_via_var'))}",
                "mean-dev": f"adds {number(-m.one('dx_via_var'))}; all add up to "
                + ("0" if zero else number(m.one("dmean_via_var"))),
            },
            flow="sum",
            check=_verdict(m.checks["mean_via_var"], j),
        ),
    ]
    return [*steps, _centre_step(m, off_centre(t, j))]


def _centre_step(m: _Numbers, wrong: OffCentre) -> Json:
    kept, dropped = float(wrong.kept.sum()), float(wrong.dropped.sum())
    rescued = abs(kept) <= wrong.bound < abs(dropped)
    return _step(
        "dmean_via_var",
        "Why keep a zero? It keeps the sum at 0 even where the mean is off."
        if rescued
        else "Why keep a zero? For these numbers it would not matter.",
        f"An experiment: put the centre wrong by 0.3 standard deviations ({number(wrong.shift)}). "
        + (
            "With the second piece, Σ∂L/∂x is still 0. Without it, it is "
            f"{number(dropped)}. Both columns differ from the right gradient: the centre does."
            if rescued
            else f"With the second piece Σ∂L/∂x is {number(kept)}, without it {number(dropped)}."
        ),
        label="a wrong centre",
        code="",
        source="an experiment",
        shape="(N, k)",
        formulas=[],
        columns=[
            m.given("kept: ∂L/∂x", wrong.kept, "kept", zero=abs(kept) <= wrong.bound),
            m.given("dropped: ∂L/∂x", wrong.dropped, "dropped", zero=abs(dropped) <= wrong.bound),
        ],
        edges=["mean-dev", "dev-var"],
        labels={"mean-dev": "", "dev-var": ""},  # the graph's numbers are of the right centre
    )


def _path_steps(m: _Numbers) -> list[Json]:
    """The three paths to x, their sum, and the weight gradient."""
    t, j = m.t, m.view.neuron
    n = t.x_hat.shape[0]
    cancel = m.holds("direct_and_mean")
    direct, spread = m.sums["dx_direct"], m.sums["dx_via_mean"]
    total, weight = m.sums["dx"], m.sums.get("dweight")

    def reads(total: Sum) -> str:
        return "0" if total.vanishes else number(total.value, signed=True)

    steps = [
        _step(
            "dx_direct",
            f"Path ①: from x̂ᵢ straight to xᵢ. It adds up to {reads(direct)}.",
            "If mean and variance were constants, this would be the whole gradient. They are not: "
            "xᵢ moves them too.",
            formulas=[
                [
                    part("①", m.one("dx_direct"), "dx_direct"),
                    op("="),
                    m.factor("dx_hat"),
                    op("·"),
                    m.factor("inv_std"),
                ]
            ],
            columns=[m.column("dx_hat", total=False), m.column("dx_direct")],
            edges=["x-dev", "dev-xhat"],
            labels={"x-dev": f"① = {number(m.one('dx_direct'))}"},
            flow="spread",
        ),
        _step(
            "dx_via_var",
            "Path ②: through the variance. It adds up to 0."
            if m.holds("var_path")
            else f"Path ②: through the variance. It adds up to {reads(m.sums['dx_via_var'])}.",
            "∂L/∂σ² is one number for the neuron. Each sample takes a share in proportion to its "
            "own deviation, and the deviations add up to 0.",
            formulas=[
                [
                    part("②", m.one("dx_via_var"), "dx_via_var"),
                    op("="),
                    m.factor("dvar"),
                    op("·"),
                    part("2(xᵢ−μ) / N", 2 * m.one("deviation") / n, "deviation"),
                ]
            ],
            columns=[m.column("deviation", total=False), m.column("dx_via_var")],
            edges=["x-dev", "dev-var"],
            flow="spread",
            check=_verdict(m.checks["var_path"], j),
        ),
        _step(
            "dx_via_mean",
            f"Path ③: through the mean. It adds up to {reads(spread)}"
            + (", and cancels ①." if cancel and not spread.vanishes else "."),
            f"∂L/∂μ is one number, and each of the {n} samples moves the mean by 1/N. So each gets "
            "the same share, and the shares add up to ∂L/∂μ again.",
            formulas=[
                [
                    part("③", m.one("dx_via_mean"), "dx_via_mean"),
                    op("="),
                    m.factor("dmean"),
                    op("·"),
                    part("1 / N", 1 / n, ""),
                ]
            ],
            columns=[m.column("dx_via_mean")],
            edges=["x-mean", "mean-dev"],
            flow="spread",
            check=_verdict(m.checks["direct_and_mean"], j),
        ),
        _step(
            "dx",
            "The three paths meet at xᵢ. Over the batch they add up to 0."
            if total.vanishes
            else f"The three paths meet at xᵢ. Over the batch they add up to {reads(total)}.",
            "Where paths meet, gradients add. "
            + (
                "Σ② is 0 by itself, Σ① and Σ③ cancel. So the sum over the batch is 0, whatever "
                "the upstream gradient is: move all samples together, and the norm takes the move "
                "away again. No single sample’s gradient has to be 0."
                if total.vanishes and cancel
                else ""
            ),
            formulas=[
                [
                    m.factor("dx"),
                    op("="),
                    part("①", m.one("dx_direct"), "dx_direct"),
                    op("+"),
                    part("②", m.one("dx_via_var"), "dx_via_var"),
                    op("+"),
                    part("③", m.one("dx_via_mean"), "dx_via_mean"),
                ]
            ],
            columns=[
                m.given("①", m.columns["dx_direct"], "dx_direct"),
                m.given("②", m.columns["dx_via_var"], "dx_via_var"),
                m.given("③", m.columns["dx_via_mean"], "dx_via_mean"),
                m.column("dx"),
            ],
            edges=["x-dev", "dev-xhat", "dev-var", "x-mean", "mean-dev"],
            check=_verdict(m.checks["dx_sum"], j),
        ),
    ]
    if weight is not None:
        steps.append(_weight_step(m, total, weight))
    return steps


def _weight_step(m: _Numbers, total: Sum, weight: Sum) -> Json:
    p, j = m.view.input, m.view.neuron
    entry = f"∂L/∂W for input {p + 1}, neuron {j + 1}"
    if weight.vanishes:
        heading = "For these numbers this ∂L/∂W is 0 as well."
        text = (
            f"{entry} weights each gradient by its own a, and here the weighted sum vanishes too."
        )
    else:
        heading = f"And yet ∂L/∂W is {number(weight.value, signed=True)}: the weights learn."
        text = (
            "W meets sample i through its own input: the local derivative is aᵢ, different for "
            "each sample. The same gradients"
            + (" that add up to 0" if total.vanishes else "")
            + ", weighted differently, don’t cancel. With all aᵢ equal they would, and "
            "that is the bias."
        )
    return _step(
        "dweight",
        heading,
        text,
        formulas=[
            [
                part("∂L/∂W", weight.value, "dweight"),
                op("="),
                part(f"Σᵢ aᵢ · {_symbol('dx')}ᵢ", weight.value, "dweight_per_sample"),
            ]
        ],
        columns=[
            m.column("a", total=False),
            m.column("dx"),
            m.column("dweight_per_sample"),
        ],
        edges=["w-x"],
        flow="outer",
    )


def _move_step(m: _Numbers, index: int, line: Line) -> Json:
    move = MOVES[index]
    before = MOVES[index - 1].right if index else "① + ② + ③"
    verdict = "Left and right agree" if line.holds else "Left and right do not agree"
    return _step(
        "dx_simplified",
        f"To one line, move {index + 1}: {move.title}.",
        move.why,
        label=move.title,
        source=f"move {index + 1} of {len(MOVES)}",
        code=f"# g = dx_hat, d = x - mean, h = x_hat, s = inv_std, n = len(x)\ndx = {move.code}",
        moves=[
            {"s": before, "t": number(float(line.left[m.sample]))},
            {"s": move.right, "t": number(float(line.right[m.sample]))},
        ],
        columns=[
            m.given("line before", line.left, "left", total=False),
            m.given("this line", line.right, "right", total=False),
            m.given("difference", line.left - line.right, "difference", total=False),
        ],
        edges=["x-dev", "dev-xhat", "dev-var", "x-mean", "mean-dev"],
        check={
            "holds": line.holds,
            "text": f"{verdict} on all {line.left.size} samples: largest difference "
            f"{number(line.difference)}, bound {number(line.bound)}",
        },
        part=1,
    )


def _edge(name: str, local: str, value: float, flow: str, gradient: float, key: str) -> Json:
    return {
        "name": name,
        "local": f"{local} = {number(value)}",
        "flow": f"{flow} {number(gradient)}" if flow == "adds" else f"{flow} = {number(gradient)}",
        "k": key,
    }


def graph(m: _Numbers) -> Json:
    """Edges with their local derivative and the gradient that flows back; nodes with values."""
    t, j = m.t, m.view.neuron
    n, i = t.x_hat.shape[0], m.sample
    s, dev = float(t.inv_std[j]), m.one("deviation")
    dy, dx_hat, x_hat = m.one("dy"), m.one("dx_hat"), m.one("x_hat")
    edges = [
        {"name": "y-loss", "local": "", "flow": f"∂L/∂y = {number(dy)}", "k": "dy"},
        _edge("xhat-y", "γ", m.one("gamma"), "∂L/∂x̂", dx_hat, "dx_hat"),
        _edge("gamma-y", "x̂", x_hat, "adds", dy * x_hat, "dgamma"),
        _edge("beta-y", "1", 1.0, "adds", dy, "dbeta") | {"local": "1"},
        _edge("dev-xhat", "1/√", s, "①", m.one("dx_direct"), "dx_direct"),
        _edge("invstd-xhat", "x−μ", dev, "adds", dx_hat * dev, "product"),
        _edge("var-invstd", "−½(σ²+ε)^{−3/2}", -0.5 * s**3, "∂L/∂σ²", m.one("dvar"), "dvar"),
        _edge("dev-var", "2(x−μ)/N", 2 * dev / n, "②", m.one("dx_via_var"), "dx_via_var"),
        _edge("mean-dev", "−1", -1.0, "∂L/∂μ", m.one("dmean"), "dmean") | {"local": "−1"},
        _edge("x-dev", "1", 1.0, "①+②", m.one("dx_direct") + m.one("dx_via_var"), "dx")
        | {"local": "1"},
        _edge("x-mean", "1/N", 1 / n, "③", m.one("dx_via_mean"), "dx_via_mean"),
    ]
    if "a" in m.columns:
        edges.append(
            _edge(
                "w-x", "a", m.one("a"), "a·∂L/∂x", m.one("dweight_per_sample"), "dweight_per_sample"
            )
        )
    w = t.scenario.weight
    if w is not None and t.da is not None:
        p = m.view.input
        edges.append(_edge("a-x", "W", float(w[p, j]), "∂L/∂a", float(t.da[i, p]), "da"))

    def node(name: str, label: str, value: float | None, gradient: float | None) -> Json:
        said = [] if value is None else [f"{label} = {number(value)}"]
        if gradient is not None:
            said.append(f"∂L/∂{label} = {number(gradient)}")
        return {"name": name, "s": label, "said": said, "sentence": TERMS[name].sentence}

    ds = float((m.columns["dx_hat"] * m.columns["deviation"]).sum())
    nodes = [
        node("a", "a", m.one("a") if "a" in m.columns else None, None),
        node(
            "weight",
            "W",
            None if w is None else float(w[m.view.input, j]),
            None if t.dweight is None else float(t.dweight[m.view.input, j]),
        ),
        node("x", "x", m.one("x"), m.one("dx")),
        node("mean", "μ", m.one("mean"), m.one("dmean")),
        node("deviation", "x−μ", dev, m.one("dx_direct") + m.one("dx_via_var")),
        node("var", "σ²", m.one("var"), m.one("dvar")),
        node("inv_std", "1/√", s, ds),
        node("x_hat", "x̂", x_hat, dx_hat),
        node("gamma", "γ", m.one("gamma"), m.one("dgamma")),
        node("beta", "β", m.one("beta"), m.one("dbeta")),
        node("y", "y", float(t.y[i, j]), dy),
        {"name": "loss", "s": "L", "said": ["the loss"], "sentence": "One number for the batch."},
    ]
    return {"edges": edges, "nodes": nodes}


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def payload(t: Trace, view: View, sample: int, step: int) -> Json:
    """All steps, so that walking them waits for nobody. step counts from 0."""
    m = _Numbers(t, view, sample)
    steps = [*_forward_steps(m), *_statistics_steps(m), *_path_steps(m)]
    steps += [_move_step(m, index, line) for index, line in enumerate(lines(t, view.neuron))]
    n, k = t.x_hat.shape
    for each in steps:
        each["picture"] = _picture(each["flow"], n, k, t.scenario.d)
    colors = sample_colors(n)
    return {
        "steps": steps,
        "step": min(step, len(steps) - 1),
        "parts": ["The six equations", "To one line"],
        "rows": m.rows,
        "colors": [colors[i] for i in m.rows],
        "sample": sample,
        "n": n,
        "k": k,
        "neuron": view.neuron,
        "hidden": f"{len(m.rows)} of {n} samples are shown; the sums are of all."
        if len(m.rows) < n
        else "",
        "graph": graph(m),
        "paths": float(np.nan_to_num([np.abs(m.columns[name][m.rows]) for name in PATHS]).max()),
    }
