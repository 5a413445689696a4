"""The glossary: for each quantity its symbol, LaTeX, shape, equation and one sentence.

Every formula and every symbol on the screen is read from here. In a formula, \\term{dx_hat}
stands for another term, and \\part{product}{...} is a part with a name of its own: what can be
lit and have its number under it (bnviz/words/formula.py sets them). Equation numbers
count the displayed equations of Ioffe and Szegedy 2015 (arXiv 1502.03167): the
four lines of Algorithm 1 forward, the six equations of section 3 backward.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Term:
    """One quantity.

    `marked` is the equation with its parts named, `equation` the same as plain LaTeX. `rule`
    is the right side for one sample where it is short: over a column, and with a number in
    the place of each \\term (`bnviz.words.formula.worked`). `row_parts` names
    the quantities of the same row in it, `column_parts` those that it takes
    from all rows at once. `short` is what stands over a column, `total`
    what the column adds up to. `numpy` is the line that computes it, from what is given,
    N and the terms before it.
    """

    symbol: str
    latex: str
    shape: str
    marked: str
    source: str
    sentence: str
    row_parts: tuple[str, ...] = ()
    column_parts: tuple[str, ...] = ()
    short: str = ""
    total: str = ""
    rule: str = ""
    numpy: str = ""

    @property
    def equation(self) -> str:
        """The equation in LaTeX that any setter of mathematics reads."""
        return plain_latex(self.marked)

    @property
    def number(self) -> str:
        """The paper's number of its equation: 4, or 3a for a piece of one; "" for what has none."""
        found = re.match(r"section 3, equation (\d) of 6(?:, (\w+) piece)?", self.source)
        return found[1] + {"first": "a", "second": "b"}.get(found[2], "") if found else ""


def with_parts(latex: str) -> str:
    """Each \\term{name} written out, as a part of that name."""

    def part(found: re.Match[str]) -> str:
        name = found[1]
        return rf"\part{{{name}}}{{{'N' if name == 'n' else TERMS[name].latex}}}"

    return re.sub(r"\\term\{(\w+)\}", part, latex)


def plain_latex(latex: str) -> str:
    """The same formula without the names of its parts.

    >>> plain_latex(r"\\term{y} = \\part{x_hat}{\\gamma \\hat{x}_i} + \\beta")
    '{y_i} = {\\\\gamma \\\\hat{x}_i} + \\\\beta'
    """
    return re.sub(r"\\part\{\w+\}", "", with_parts(latex))


def _forward(line: int) -> str:
    return f"Algorithm 1, line {line}"


def _backward(number: int) -> str:
    return f"section 3, equation {number} of 6"


_GIVEN = "given"
_FRONT = "the layer in front"

# Where x is not given: what stands over its column then.
COMPUTED_X = "= aW + b"

_TERMS = {
    # What is given.
    "x": Term(
        "x",
        r"x_i",
        "(N, k)",
        r"x_i",
        _GIVEN,
        "The batch: one row for each sample, one column for each neuron.",
        short="the batch",
        total="= N · μ",
    ),
    "dy": Term(
        "∂L/∂y",
        r"\frac{\partial L}{\partial y_i}",
        "(N, k)",
        r"\term{dy}",
        _GIVEN,
        "The upstream gradient: how the loss changes with each output of the norm.",
        short="upstream",
        total="= ∂L/∂β",
    ),
    "gamma": Term("γ", r"\gamma", "(k,)", r"\gamma", _GIVEN, "The scale that the norm learns."),
    "beta": Term("β", r"\beta", "(k,)", r"\beta", _GIVEN, "The shift that the norm learns."),
    "eps": Term(
        "ε",
        r"\varepsilon",
        "()",
        r"\varepsilon",
        _GIVEN,
        "A small number added to the variance, so that nothing is divided by zero.",
    ),
    "a": Term(
        "a",
        r"a_i",
        "(N, d)",
        r"a_i",
        _GIVEN,
        "What enters the layer in front: one row for each sample, one column for each input.",
        short="layer input",
    ),
    "weight": Term("W", "W", "(d, k)", "W", _GIVEN, "The weights of the layer in front."),
    "bias": Term("b", "b", "(k,)", "b", _GIVEN, "The bias of the layer in front."),
    "running_mean": Term(
        "μ, held",
        r"\mu",
        "(k,)",
        r"\mu",
        _GIVEN,
        "The mean of a frozen norm: a constant, kept from training.",
    ),
    "running_var": Term(
        "σ², held",
        r"\sigma^2",
        "(k,)",
        r"\sigma^2",
        _GIVEN,
        "The variance of a frozen norm: a constant, kept from training.",
    ),
    # Forward.
    "mean": Term(
        "μ",
        r"\mu",
        "(k,)",
        r"\mu = \frac{1}{N} \sum_i x_i",
        _forward(1),
        "The mean of the batch, one number for each neuron.",
        column_parts=("x",),
        numpy="mean = x.mean(axis=0)",
    ),
    "deviation": Term(
        "x − μ",
        r"x_i - \mu",
        "(N, k)",
        r"x_i - \mu",
        _forward(2),
        "How far a sample lies from the mean. Over the batch these add up to 0.",
    ),
    "var": Term(
        "σ²",
        r"\sigma^2",
        "(k,)",
        r"\sigma^2 = \frac{1}{N} \sum_i (x_i - \mu)^2",
        _forward(2),
        "The variance of the batch, divided by N and not by N − 1.",
        column_parts=("x",),
        numpy="var = x.var(axis=0)",
    ),
    "inv_std": Term(
        "1/√(σ²+ε)",
        r"\frac{1}{\sqrt{\sigma^2 + \varepsilon}}",
        "(k,)",
        r"s = \frac{1}{\sqrt{\sigma^2 + \varepsilon}}",
        _forward(3),
        "One over the standard deviation: the factor that brings the batch to size 1.",
        column_parts=("x",),
        numpy="inv_std = 1 / np.sqrt(var + eps)",
    ),
    "x_hat": Term(
        "x̂",
        r"\hat{x}_i",
        "(N, k)",
        r"\hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}}",
        _forward(3),
        "The normalised batch: its mean is taken away, then its size.",
        ("x",),
        ("x",),
        short="normalised",
        rule=r"(\term{x} - \term{mean}) \cdot \term{inv_std}",
        numpy="x_hat = (x - mean) * inv_std",
    ),
    "y": Term(
        "y",
        r"y_i",
        "(N, k)",
        r"\term{y} = \term{gamma} \term{x_hat} + \term{beta}",
        _forward(4),
        "What leaves the norm.",
        numpy="y = gamma * x_hat + beta",
    ),
    # Backward.
    "dx_hat": Term(
        "∂L/∂x̂",
        r"\frac{\partial L}{\partial \hat{x}_i}",
        "(N, k)",
        r"\term{dx_hat} = \term{dy} \cdot \term{gamma}",
        _backward(1),
        "The upstream gradient, taken back through the scale γ.",
        ("dy",),
        rule=r"\term{gamma} \cdot \term{dy}",
        numpy="dx_hat = dy * gamma",
    ),
    "dvar": Term(
        "∂L/∂σ²",
        r"\frac{\partial L}{\partial \sigma^2}",
        "(k,)",
        r"\term{dvar} = \part{product}{\sum_i \frac{\partial L}{\partial \hat{x}_i}\,(x_i - \mu)}"
        r" \cdot \part{inv_std}{\left(-\tfrac12\right)(\sigma^2 + \varepsilon)^{-3/2}}",
        _backward(2),
        "One number for each neuron: every sample feels the variance, so it adds over all of them.",
        column_parts=("dx_hat", "x"),
        numpy="dvar = (dx_hat * (x - mean)).sum(axis=0) * -0.5 * inv_std**3",
    ),
    "dmean_direct": Term(
        "∂L/∂μ, direct",
        r"\left.\frac{\partial L}{\partial \mu}\right|_{\text{direct}}",
        "(k,)",
        r"\term{dmean_direct} = \part{dx_hat}{\sum_i \frac{\partial L}{\partial \hat{x}_i}}"
        r" \cdot \part{inv_std}{\frac{-1}{\sqrt{\sigma^2 + \varepsilon}}}",
        _backward(3) + ", first piece",
        "What μ does to the loss through x − μ, with the variance held fixed.",
        column_parts=("dx_hat",),
        numpy="dmean_direct = (dx_hat * -inv_std).sum(axis=0)",
    ),
    "dmean_via_var": Term(
        "∂L/∂μ, via σ²",
        r"\left.\frac{\partial L}{\partial \mu}\right|_{\text{via }\sigma^2}",
        "(k,)",
        r"\term{dmean_via_var} = \term{dvar}"
        r" \cdot \part{deviation}{\frac{\sum_i -2 (x_i - \mu)}{N}}",
        _backward(3) + ", second piece",
        "What μ does to the loss through the variance: nothing, since the deviations add to zero.",
        column_parts=("dx_hat", "x"),
        numpy="dmean_via_var = dvar * (-2 * (x - mean)).sum(axis=0) / N",
    ),
    "dmean": Term(
        "∂L/∂μ",
        r"\frac{\partial L}{\partial \mu}",
        "(k,)",
        r"\term{dmean} = \part{dx_hat}{\sum_i \frac{\partial L}{\partial \hat{x}_i}}"
        r" \cdot \part{inv_std}{\frac{-1}{\sqrt{\sigma^2 + \varepsilon}}}"
        r" + \term{dvar} \cdot \part{deviation}{\frac{\sum_i -2 (x_i - \mu)}{N}}",
        _backward(3),
        "One number for each neuron: every sample feels the mean.",
        column_parts=("dx_hat", "x"),
        rule=r"\term{dmean_direct} + \term{dmean_via_var}",
        numpy="dmean = dmean_direct + dmean_via_var",
    ),
    "dx_direct": Term(
        "① direct",
        r"\text{①}",
        "(N, k)",
        r"\term{dx_direct} = \term{dx_hat} \cdot \term{inv_std}",
        _backward(4) + ", first path",
        "The path from a sample's own x̂ to its own x, as if mean and variance were constants.",
        ("dx_hat",),
        ("x",),
        rule=r"\term{dx_hat} \cdot \term{inv_std}",
        numpy="dx_direct = dx_hat * inv_std",
    ),
    "dx_via_var": Term(
        "② via σ²",
        r"\text{②}",
        "(N, k)",
        r"\term{dx_via_var} = \term{dvar} \cdot \part{deviation}{\frac{2 (x_i - \mu)}{N}}",
        _backward(4) + ", second path",
        "The path through the variance: ∂L/∂σ² is one number, and a sample's share of it grows "
        "with its distance from the mean.",
        ("x",),
        ("dx_hat", "x"),
        rule=r"\term{dvar} \cdot \frac{2 (\term{x} - \term{mean})}{\term{n}}",
        numpy="dx_via_var = dvar * 2 * (x - mean) / N",
    ),
    "dx_via_mean": Term(
        "③ via μ",
        r"\text{③}",
        "(N, k)",
        r"\term{dx_via_mean} = \term{dmean} \cdot \part{n}{\frac{1}{N}}",
        _backward(4) + ", third path",
        "The path through the mean: ∂L/∂μ is one number, shared out evenly.",
        (),
        ("dx_hat",),
        rule=r"\term{dmean} \cdot \frac{1}{\term{n}}",
        numpy="dx_via_mean = np.broadcast_to(dmean / N, x.shape)",
    ),
    "dx": Term(
        "∂L/∂x",
        r"\frac{\partial L}{\partial x_i}",
        "(N, k)",
        r"\term{dx} = \term{dx_hat} \cdot \term{inv_std}"
        r" + \term{dvar} \cdot \part{deviation}{\frac{2 (x_i - \mu)}{N}}"
        r" + \term{dmean} \cdot \part{n}{\frac{1}{N}}",
        _backward(4),
        "The gradient of one sample: its three paths added.",
        ("dx_direct", "dx_via_var", "dx_via_mean"),
        rule=r"\term{dx_direct} + \term{dx_via_var} + \term{dx_via_mean}",
        numpy="dx = dx_hat * inv_std + dvar * 2 * (x - mean) / N + dmean / N",
    ),
    "dx_simplified": Term(
        "∂L/∂x, simplified",
        r"\frac{\partial L}{\partial x_i}",
        "(N, k)",
        r"\frac{s}{N}\left(N g_i - \sum_j g_j - \hat{x}_i \sum_j g_j \hat{x}_j\right),"
        r"\quad g = \frac{\partial L}{\partial \hat{x}}",
        "from equations 1 to 4",
        "The same gradient in one line: take away the mean of g, and its part along x̂; all of it "
        "only at ε = 0.",
    ),
    "dgamma": Term(
        "∂L/∂γ",
        r"\frac{\partial L}{\partial \gamma}",
        "(k,)",
        r"\term{dgamma} = \part{product}{\sum_i \frac{\partial L}{\partial y_i}\,\hat{x}_i}",
        _backward(5),
        "The gradient of the scale.",
        column_parts=("dy", "x_hat"),
        numpy="dgamma = (dy * x_hat).sum(axis=0)",
    ),
    "dbeta": Term(
        "∂L/∂β",
        r"\frac{\partial L}{\partial \beta}",
        "(k,)",
        r"\term{dbeta} = \part{dy}{\sum_i \frac{\partial L}{\partial y_i}}",
        _backward(6),
        "The gradient of the shift: the upstream gradient, added up.",
        column_parts=("dy",),
        numpy="dbeta = dy.sum(axis=0)",
    ),
    # The layer in front.
    "dweight_per_sample": Term(
        "a · ∂L/∂x",
        r"a_i \otimes \frac{\partial L}{\partial x_i}",
        "(N, d, k)",
        r"a_i \otimes \frac{\partial L}{\partial x_i}",
        _FRONT,
        "What one sample adds to the weight gradient: its gradient, weighted by its own input.",
        ("a", "dx"),
        short="adds to ∂L/∂W",
        total="= ∂L/∂W",
        rule=r"\term{a} \cdot \term{dx}",
    ),
    "dweight": Term(
        "∂L/∂W",
        r"\frac{\partial L}{\partial W}",
        "(d, k)",
        r"\term{dweight} = a^\top \frac{\partial L}{\partial x}"
        r" = \part{dweight_per_sample}{\sum_i a_i \otimes \frac{\partial L}{\partial x_i}}",
        _FRONT,
        "The weight gradient: each sample's gradient weighted by its own input, then added.",
        column_parts=("a", "dx"),
        rule=r"\part{dweight_per_sample}{\sum_i a_i \cdot \frac{\partial L}{\partial x_i}}",
        numpy="dweight = a.T @ dx",
    ),
    "dbias": Term(
        "∂L/∂b",
        r"\frac{\partial L}{\partial b}",
        "(k,)",
        r"\term{dbias} = \part{dx}{\sum_i \frac{\partial L}{\partial x_i}}",
        _FRONT,
        "The bias gradient: the plain sum of ∂L/∂x, as if every input were 1.",
        column_parts=("dx",),
        numpy="dbias = dx.sum(axis=0)",
    ),
    "da": Term(
        "∂L/∂a",
        r"\frac{\partial L}{\partial a_i}",
        "(N, d)",
        r"\term{da} = \term{dx} W^\top",
        _FRONT,
        "What goes on to the layer before that.",
        numpy="da = dx @ weight.T",
    ),
}

TERMS = MappingProxyType(_TERMS)

# What is written at the stations of the river and is no term by itself.
STATIONS = MappingProxyType(
    {
        "gate": r"\frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}}",
        "times_a": r"\times a_i",
        "share": r"a_i\, \frac{\partial L}{\partial x_i}",
        "away": r"x_i - \mu",
        "forward": r"x = a W + b, \quad"
        r" y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta",
    }
)

# What is written beside the lever.
LEVER = MappingProxyType(
    {
        "rod": r"\delta x_i = a_i\, \delta W + \delta b",
        "push": r"-\frac{\partial L}{\partial x_i}",
        "lift": r"-\frac{\partial L}{\partial b} = \sum_i -\frac{\partial L}{\partial x_i}",
        "turn": r"-\frac{\partial L}{\partial W}"
        r" = \sum_i -a_i \frac{\partial L}{\partial x_i}",
        "turn_at": r"\sum_i -(a_i - p) \frac{\partial L}{\partial x_i}",
    }
)
