"""The steps of Derive, in order: what each says of the numbers, and what it shows of them.

A sentence that claims a zero or an equality stands beside its check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bnviz.core.arrays import Array
from bnviz.draw.derive_numbers import Json, Numbers, equals, label
from bnviz.draw.derive_river import leak, running, stretch
from bnviz.study.derivation import MOVES, Line, OffCentre, lines, off_centre
from bnviz.study.precision import mean_errors
from bnviz.words import formula
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

_BACK_TO_X = ["x-dev", "dev-xhat", "dev-var", "x-mean", "mean-dev"]


def steps(m: Numbers) -> list[Json]:
    """The six equations, then the moves to one line."""
    walk = [make(m) for make in _makers(m)]
    moves = enumerate(lines(m.t, m.view.neuron))
    return walk + [_move(m, index, line) for index, line in moves]


def step(m: Numbers, at: int) -> Json:
    """One of them alone, counted from 0."""
    makers = _makers(m)
    if at < len(makers):
        return makers[at](m)
    index = at - len(makers)
    return _move(m, index, lines(m.t, m.view.neuron)[index])


def last(m: Numbers) -> int:
    """The number of the last step, from 0."""
    return len(_makers(m)) + len(MOVES) - 1


def _makers(m: Numbers) -> list[Callable[[Numbers], Json]]:
    return [*_SIX, *([_dweight] if "dweight" in m.sums else [])]


def _step(name: str, heading: str, text: str, **more: Any) -> Json:
    return {
        "name": name,
        "label": TERMS[name].symbol,
        "short": TERMS[name].symbol.split(",")[0].split(" ")[0],
        "heading": heading,
        "text": text,
        "source": TERMS[name].source,
        "shape": TERMS[name].shape,
        "code": TERMS[name].numpy,
        "number": TERMS[name].number,
        "formulas": [],
        "columns": [],
        "edges": [],
        "labels": {},  # by edge: what flows there, where it has no name yet (local derivative · …)
        "flow": "each",
        "check": None,
        "part": 0,
        "lit": stretch("direct..x", "direct..x", "var mean"),
        "running": None,  # what is added up, as a little river
        "river": None,  # what flows in place of the river, where the step is about other numbers
    } | more


def _paths(m: Numbers, way: str, so: str) -> str:
    """How many paths lead there; a sum of one needs no adding."""
    if m.n == 1:
        return f"{so} one path leads {way}, that of the only sample."
    return f"{so} {m.n} paths lead {way}, one for each sample: add them."


def _all(m: Numbers) -> str:
    return "The only sample is" if m.n == 1 else f"All {m.n} samples are"


def _flat(m: Numbers) -> bool:
    """Is no x away from the mean, so that there is no deviation to speak of?"""
    return not m.columns["deviation"].any()


def _sum(m: Numbers, name: str) -> Json:
    """A term, added up over the batch."""
    values = m.columns[name]
    return running(m, rf"\term{{{name}}}", values, zero=m.vanishes(values, name))


def _product(m: Numbers, left: str, right: str) -> Json:
    """The product of two columns, as a column."""
    values = m.columns[left] * m.columns[right]
    other = rf"(\term{{{right}}})" if right == "deviation" else rf"\term{{{right}}}"
    return m.given(rf"\term{{{left}}} \cdot {other}", values, "product", latex=True)


# ---- From the upstream gradient to ∂L/∂x̂ ---------------------------------------------


def _dy(m: Numbers) -> Json:
    forward = [TERMS[name].numpy for name in ("mean", "var", "inv_std", "x_hat")]
    return _step(
        "dy",
        f"{TERMS['dy'].symbol} is given: the layers above computed it.",
        "It says how the loss changes with each output of the norm. All that follows is the "
        "chain rule, walked backwards: at each edge multiply by the local derivative, and "
        "where paths meet, add.",
        code="\n".join(["N = len(x)", *forward]),
        formulas=[m.equation("dy")],
        columns=[m.column("dy", total=False)],
        edges=["y-loss"],
        lit=stretch("mouth"),
    )


def _dbeta(m: Numbers) -> Json:
    return _step(
        "dbeta",
        f"{TERMS['dbeta'].symbol} adds the upstream gradient over the batch.",
        "β is added to every yᵢ, with local derivative 1. " + _paths(m, "from β to the loss", "So"),
        formulas=[m.equation("dbeta", dy=m.one("dbeta"))],
        columns=[m.column("dy")],
        edges=["y-loss", "beta-y"],
        flow="sum",
        lit=stretch("mouth", "mouth"),
        running=_sum(m, "dy"),
    )


def _dgamma(m: Numbers) -> Json:
    return _step(
        "dgamma",
        f"{TERMS['dgamma'].symbol} adds the upstream gradient, weighted by x̂.",
        "γ multiplies every x̂ᵢ, so its local derivative at sample i is x̂ᵢ. "
        + _paths(m, "from γ to the loss", "Again"),
        formulas=[m.equation("dgamma", product=m.one("dgamma"))],
        columns=[
            m.column("dy", total=False),
            m.column("x_hat", total=False),
            _product(m, "dy", "x_hat"),
        ],
        edges=["y-loss", "gamma-y"],
        flow="sum",
        lit=stretch("mouth"),
        running=running(m, r"\term{dy} \cdot \term{x_hat}", m.columns["dy"] * m.columns["x_hat"]),
    )


def _dx_hat(m: Numbers) -> Json:
    return _step(
        "dx_hat",
        f"{TERMS['dx_hat'].symbol} is the upstream gradient, times γ.",
        "yᵢ = γ x̂ᵢ + β: the only path from x̂ᵢ to the loss goes through its own yᵢ. γ is one "
        "number for the neuron and is spread over all rows.",
        formulas=[m.equation("dx_hat")],
        columns=[m.column("dy", total=False), m.column("dx_hat", total=False)],
        edges=["xhat-y", "y-loss"],
        flow="spread",
        lit=stretch("mouth gate"),
    )


# ---- ∂L/∂σ² and the two pieces of ∂L/∂μ ----------------------------------------------


def _dvar(m: Numbers) -> Json:
    s = m.one("inv_std")
    products = m.columns["dx_hat"] * m.columns["deviation"]
    return _step(
        "dvar",
        f"{TERMS['dvar'].symbol} is one number: "
        + ("every sample feels" if m.n > 1 else "the only sample feels")
        + " the variance.",
        f"{_all(m)} divided by {'the same ' if m.n > 1 else ''}√(σ²+ε). "
        + _paths(m, "from σ² through x̂ to the loss", "So")
        + " The last factor is the derivative of 1/√(σ²+ε).",
        formulas=[m.equation("dvar", product=products.sum(), inv_std=-0.5 * s * s * s)],
        columns=[
            m.column("dx_hat", total=False),
            m.column("deviation", total=False),
            _product(m, "dx_hat", "deviation"),
        ],
        edges=["xhat-y", "invstd-xhat", "var-invstd"],
        flow="sum",
        lit=stretch("gate..var", nodes="var"),
        running=running(m, r"\term{dx_hat} \cdot (\term{deviation})", products),
    )


def _dmean_direct(m: Numbers) -> Json:
    return _step(
        "dmean_direct",
        "∂L/∂μ has two pieces. The direct one goes through x − μ.",
        "μ is taken from every xᵢ, so its local derivative in x̂ᵢ is −1/√(σ²+ε), the same for "
        "every sample. Here the variance is held fixed.",
        formulas=[
            m.equation("dmean_direct", dx_hat=m.columns["dx_hat"].sum(), inv_std=-m.one("inv_std"))
        ],
        columns=[m.column("dx_hat")],
        edges=["mean-dev", "dev-xhat"],
        labels={
            "dev-xhat": equals(r"\cdot \term{dx_hat}", m.one("dx_direct")),
            "mean-dev": label(f"adds {number(-m.one('dx_direct'))}", value=-m.one("dx_direct")),
        },
        flow="sum",
        lit=stretch("gate direct", "gate direct", "mean"),
        running=_sum(m, "dx_hat"),
    )


def _dmean_via_var(m: Numbers) -> Json:
    deviation = m.columns["deviation"]
    zero, found = m.holds("mean_via_var"), m.text("dmean_via_var")
    share = m.one("dx_via_var")
    return _step(
        "dmean_via_var",
        "The second piece is 0: no x differs from the mean."
        if zero and _flat(m)
        else "The second piece is 0: what lies above the mean and below it cancels."
        if zero
        else f"The second piece should be 0. Here it is {found}.",
        "μ also enters the variance, with local derivative Σ −2(xᵢ−μ)/N. "
        + (
            "Here each deviation is 0 by itself. For other numbers they add up to 0."
            if _flat(m)
            else "The deviations from a mean add up to 0: follow the running sum. "
            "The sum vanishes; "
            + (
                "and so does each sample's share, as far as digits tell."
                if (np.abs(m.columns["dx_via_var"]) <= m.sums["dx_via_var"].bound).all()
                else "the samples' shares of it don't."
            )
        )
        if zero
        else "The deviations from a mean add up to 0, up to rounding.",
        code=f"{TERMS['dmean_via_var'].numpy}\n{TERMS['dmean'].numpy}",
        formulas=[
            m.equation("dmean_via_var", deviation=float((-2 * deviation).sum() / m.n)),
            m.rule("dmean"),
        ],
        columns=[
            m.column("deviation", zero=m.holds("x_hat_sum")),
            m.given("running sum", np.cumsum(deviation), total=False),
        ],
        edges=["mean-dev", "dev-var"],
        labels={
            "dev-var": equals(r"\cdot \term{dvar}", share),
            "mean-dev": label(
                f"adds {number(-share)}; all sum to {'0' if zero else found}", value=-share
            ),
        },
        flow="sum",
        check=m.verdict("mean_via_var"),
        lit=stretch("var", nodes="var mean"),
        running=running(m, r"(\term{deviation})", deviation, zero=m.holds("x_hat_sum")),
    )


def _centre(m: Numbers) -> Json:
    wrong = off_centre(m.t, m.view.neuron)
    if m.t.undefined[m.view.neuron]:
        unit = "0.3 · 1, since all x are equal and ε is 0"
    elif _flat(m):
        unit = "0.3 · √ε, since σ² is 0"
    else:
        unit = "0.3 · √(σ²+ε)"
    kept, dropped = float(wrong.kept.sum()), float(wrong.dropped.sum())
    told = bool(np.isfinite(kept) and np.isfinite(dropped))
    rescued = abs(kept) <= wrong.bound < abs(dropped)
    return _step(
        "dmean_via_var",
        "Why keep a zero? These numbers are out of the experiment's reach."
        if not told
        else "Why keep a zero? It keeps the sum at 0 even where the mean is off."
        if rescued
        else "Why keep a zero? For these numbers it would not matter.",
        "1/√(σ²+ε)³ is larger or smaller than numbers can be."
        if not told
        else f"An experiment: put the centre wrong by {number(wrong.shift)} ({unit}). "
        + (
            "With the second piece, Σ∂L/∂x is still 0. Without it, it is "
            f"{number(dropped)}. Both columns differ from the right gradient: the centre does."
            if rescued
            else f"With the second piece Σ∂L/∂x is {number(kept)}, without it {number(dropped)}."
        )
        + _happens(m),
        label="a wrong centre",
        code="",
        source="an experiment",
        shape="(N, k)",
        columns=[_off(m, wrong, "kept"), _off(m, wrong, "dropped")],
        edges=["mean-dev", "dev-var"],
        # The graph's numbers are of the right centre.
        labels={"mean-dev": label(""), "dev-var": label("")},
        number="",
        short="wrong centre",
        lit=stretch("direct..x", "direct..bias", "var mean"),
        river=leak(m, wrong) if told else None,
    )


def _happens(m: Numbers) -> str:
    """That a centre does get wrong, and by how much in few digits."""
    off = mean_errors(m.t, m.view.neuron)
    if not all(np.isfinite(error) and error > 0 for error in off.values()):
        return " Centres do get wrong: in few digits, or when the mean comes from elsewhere."
    return (
        f" Centres do get wrong: taken in float16 this mean is off by {number(off['float16'])}, in "
        f"float32 by {number(off['float32'])}; or it comes from elsewhere."
    )


def _off(m: Numbers, wrong: OffCentre, name: str) -> Json:
    values: Array = getattr(wrong, name)
    zero = abs(float(values.sum())) <= wrong.bound
    return m.given(rf"\text{{{name}: }}\term{{dx}}", values, name, zero=zero, latex=True)


# ---- The three paths, their sum, and the weight gradient ------------------------------


def _direct(m: Numbers) -> Json:
    return _step(
        "dx_direct",
        f"Path ①: from x̂ᵢ straight to xᵢ. It adds up to {m.sum_text('dx_direct')}.",
        "If mean and variance were constants, this would be the whole gradient. They are not: "
        "xᵢ moves them too.",
        formulas=[m.equation("dx_direct")],
        columns=[m.column("dx_hat", total=False), m.column("dx_direct")],
        edges=["x-dev", "dev-xhat"],
        labels={"x-dev": equals(r"\term{dx_direct}", m.one("dx_direct"))},
        flow="spread",
        lit=stretch("gate direct", "gate direct"),
        running=_sum(m, "dx_direct"),
    )


def _via_var(m: Numbers) -> Json:
    total = "0" if m.holds("var_path") else m.sum_text("dx_via_var")
    return _step(
        "dx_via_var",
        f"Path ②: through the variance. It adds up to {total}.",
        "∂L/∂σ² is one number for the neuron. Each sample takes a share in proportion to its "
        "own deviation, and "
        + ("no x differs from the mean." if _flat(m) else "the deviations add up to 0."),
        formulas=[m.equation("dx_via_var", deviation=2 * m.one("deviation") / m.n)],
        columns=[m.column("deviation", total=False), m.column("dx_via_var")],
        edges=["x-dev", "dev-var"],
        flow="spread",
        check=m.verdict("var_path"),
        lit=stretch("direct..after", "direct..after", "var"),
        running=_sum(m, "dx_via_var"),
    )


def _via_mean(m: Numbers) -> Json:
    cancels = m.holds("direct_and_mean") and not m.sums["dx_via_mean"].vanishes
    return _step(
        "dx_via_mean",
        f"Path ③: through the mean. It adds up to {m.sum_text('dx_via_mean')}"
        + (", and cancels ①." if cancels else "."),
        (
            f"∂L/∂μ is one number, and each of the {m.n} samples moves the mean by 1/N. So each "
            "gets the same share, and the shares add up to ∂L/∂μ again."
        )
        if m.n > 1
        else "The only sample is the mean: it gets all of ∂L/∂μ.",
        formulas=[m.equation("dx_via_mean", n=1 / m.n)],
        columns=[m.column("dx_via_mean")],
        edges=["x-mean", "mean-dev"],
        flow="spread",
        check=m.verdict("direct_and_mean"),
        lit=stretch("after..x", "after..x", "mean"),
        running=_sum(m, "dx_via_mean"),
    )


def _dx(m: Numbers) -> Json:
    zero = m.sums["dx"].vanishes
    why = (
        "Σ② is 0 by itself, Σ① and Σ③ cancel. So the sum over the batch is 0, whatever "
        "the upstream gradient is: move all samples together, and the norm takes the move "
        "away again. "
        + (
            "No single sample’s gradient has to be 0."
            if m.n > 2 or (m.n == 2 and not _flat(m) and m.t.scenario.eps > 0)
            else "Two samples have no direction left at ε = 0, so each gradient is 0."
            if m.n == 2 and not _flat(m)
            else "A batch of one is its own sum: its gradient is 0."
            if m.n == 1
            else ""
        )
    ).rstrip()
    return _step(
        "dx",
        f"The three paths meet at xᵢ. Over the batch they add up to {m.sum_text('dx')}.",
        "Where paths meet, gradients add. " + (why if zero and m.holds("direct_and_mean") else ""),
        formulas=[m.rule("dx")],
        columns=[m.column(name) for name in ("dx_direct", "dx_via_var", "dx_via_mean", "dx")],
        edges=_BACK_TO_X,
        check=m.verdict("dx_sum"),
        running=_sum(m, "dx"),
    )


def _dweight(m: Numbers) -> Json:
    weight = m.sums["dweight"]
    heading = f"And yet ∂L/∂W is {m.sum_text('dweight')}: the weights learn."
    text = (
        "W meets sample i through its own input: the local derivative is aᵢ, that sample’s own. "
        "The same gradients"
        + (" that add up to 0" if m.sums["dx"].vanishes else "")
        + ", weighted by it, don’t cancel. With all aᵢ equal they would, and "
        "that is the bias."
    )
    if m.blurred:
        heading = "What ∂L/∂W is can’t be told from 0 in these digits."
        text = (
            f"Rounding alone explains {number(weight.bound)}: too few digits are left of a, or of "
            "the gradients."
        )
    elif weight.vanishes:
        heading = "For these numbers this ∂L/∂W is 0 as well."
        text = (
            f"∂L/∂W for input {m.view.input + 1}, neuron {m.view.neuron + 1} weights each gradient "
            "by its own a, and here the weighted sum vanishes too."
        )
    return _step(
        "dweight",
        heading,
        text,
        formulas=[m.rule("dweight", dweight=weight.value, dweight_per_sample=weight.value)],
        columns=[m.column("a", total=False), m.column("dx"), m.column("dweight_per_sample")],
        edges=["w-x"],
        flow="outer",
        lit=stretch("x..weight", "x..weight"),
        running=running(
            m,
            r"\term{a} \cdot \term{dx}",
            m.columns["dweight_per_sample"],
            zero=weight.vanishes,
        ),
    )


_SIX = (
    *(_dy, _dbeta, _dgamma, _dx_hat),
    *(_dvar, _dmean_direct, _dmean_via_var, _centre),
    *(_direct, _via_var, _via_mean, _dx),
)


def _move(m: Numbers, index: int, line: Line) -> Json:
    move = MOVES[index]
    before = MOVES[index - 1].latex if index else TERMS["dx"].rule
    verdict = "Left and right agree" if line.holds else "Left and right do not agree"
    return _step(
        "dx_simplified",
        f"To one line, move {index + 1}: {move.title}.",
        move.why,
        label=move.title,
        short=move.title,
        number="",
        source=f"move {index + 1} of {len(MOVES)}",
        code=f"# g = dx_hat, d = x - mean, h = x_hat, s = inv_std, n = len(x)\ndx = {move.code}",
        moves=[_side(before, line.left[m.sample]), _side(move.latex, line.right[m.sample])],
        columns=[
            m.given("line before", line.left, "left", total=False),
            m.given("this line", line.right, "right", total=False),
            m.given("difference", line.left - line.right, "difference", total=False),
        ],
        edges=_BACK_TO_X,
        check={
            "holds": line.holds,
            "text": f"{verdict} on all {line.left.size} samples: largest difference "
            f"{number(line.difference)}, bound {number(line.bound)}",
        },
        part=1,
    )


def _side(latex: str, value: float) -> Json:
    """A line of the algebra, in pieces that may stand on lines of their own, and its number."""
    return {
        "m": formula.broken(latex),
        "s": formula.text(latex),
        "t": number(float(value)),
    }
