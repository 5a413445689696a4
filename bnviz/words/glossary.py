"""The glossary: for each quantity its symbol, LaTeX, shape, equation and one sentence.

Every formula and every symbol on the screen is read from here. Equation numbers
count the displayed equations of Ioffe and Szegedy 2015 (arXiv 1502.03167): the
four lines of Algorithm 1 forward, the six equations of section 3 backward.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Term:
    """One quantity.

    `worked` is the equation of one sample with slots for numbers: "{x}" stands
    for this row's x, "{mean}" for this neuron's μ, "{n}" for N. `row_parts` names
    the quantities of the same row in it, `column_parts` those that it takes
    from all rows at once. `short` is the equation as it fits over a column, `total`
    what the column adds up to.
    """

    symbol: str
    latex: str
    shape: str
    equation: str
    source: str
    sentence: str
    worked: str = ""
    row_parts: tuple[str, ...] = ()
    column_parts: tuple[str, ...] = ()
    short: str = ""
    total: str = ""


def _forward(line: int) -> str:
    return f"Algorithm 1, line {line}"


def _backward(number: int) -> str:
    return f"section 3, equation {number} of 6"


_GIVEN = "given"
_FRONT = "the layer in front"

# Where x is not given: what stands over its column then.
LAYER_X = "= aW + b"

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
        r"\frac{\partial L}{\partial y_i}",
        _GIVEN,
        "The upstream gradient: how the loss changes with each output of the norm.",
        short="upstream",
        total="= ∂L/∂β",
    ),
    "gamma": Term("γ", r"\gamma", "(k,)", r"\gamma", _GIVEN, "The scale that the norm learns."),
    "beta": Term("β", r"\beta", "(k,)", r"\beta", _GIVEN, "The shift that the norm learns."),
    "eps": Term(
        "ε",
        r"\epsilon",
        "()",
        r"\epsilon",
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
    ),
    "inv_std": Term(
        "1/√(σ²+ε)",
        r"\frac{1}{\sqrt{\sigma^2 + \epsilon}}",
        "(k,)",
        r"s = \frac{1}{\sqrt{\sigma^2 + \epsilon}}",
        _forward(3),
        "One over the standard deviation: the factor that brings the batch to size 1.",
        column_parts=("x",),
    ),
    "x_hat": Term(
        "x̂",
        r"\hat{x}_i",
        "(N, k)",
        r"\hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}",
        _forward(3),
        "The normalised batch: its mean is taken away, then its size.",
        "(x − μ) · 1/√(σ²+ε) = ({x} − {mean}) · {inv_std} = {x_hat}",
        ("x",),
        ("x",),
        short="normalised",
    ),
    "y": Term(
        "y",
        r"y_i",
        "(N, k)",
        r"y_i = \gamma \hat{x}_i + \beta",
        _forward(4),
        "What leaves the norm.",
    ),
    # Backward.
    "dx_hat": Term(
        "∂L/∂x̂",
        r"\frac{\partial L}{\partial \hat{x}_i}",
        "(N, k)",
        r"\frac{\partial L}{\partial \hat{x}_i} = \frac{\partial L}{\partial y_i}\,\gamma",
        _backward(1),
        "The upstream gradient, taken back through the scale γ.",
        "γ · ∂L/∂y = {gamma} · {dy} = {dx_hat}",
        ("dy",),
        short="γ · ∂L/∂y",
    ),
    "dvar": Term(
        "∂L/∂σ²",
        r"\frac{\partial L}{\partial \sigma^2}",
        "(k,)",
        r"\frac{\partial L}{\partial \sigma^2} = \sum_i \frac{\partial L}{\partial \hat{x}_i}"
        r"\,(x_i - \mu)\left(-\tfrac12\right)(\sigma^2 + \epsilon)^{-3/2}",
        _backward(2),
        "One number for each neuron: every sample feels the variance, so it adds over all of them.",
        column_parts=("dx_hat", "x"),
    ),
    "dmean_direct": Term(
        "∂L/∂μ, direct",
        r"\left.\frac{\partial L}{\partial \mu}\right|_{\text{direct}}",
        "(k,)",
        r"\sum_i \frac{\partial L}{\partial \hat{x}_i}\,\frac{-1}{\sqrt{\sigma^2 + \epsilon}}",
        _backward(3) + ", first piece",
        "What μ does to the loss through x − μ, with the variance held fixed.",
        column_parts=("dx_hat",),
    ),
    "dmean_via_var": Term(
        "∂L/∂μ, via σ²",
        r"\left.\frac{\partial L}{\partial \mu}\right|_{\sigma^2}",
        "(k,)",
        r"\frac{\partial L}{\partial \sigma^2}\,\frac{\sum_i -2 (x_i - \mu)}{N}",
        _backward(3) + ", second piece",
        "What μ does to the loss through the variance: nothing, since the deviations add to zero.",
        column_parts=("dx_hat", "x"),
    ),
    "dmean": Term(
        "∂L/∂μ",
        r"\frac{\partial L}{\partial \mu}",
        "(k,)",
        r"\frac{\partial L}{\partial \mu} = \sum_i \frac{\partial L}{\partial \hat{x}_i}\,"
        r"\frac{-1}{\sqrt{\sigma^2 + \epsilon}} + \frac{\partial L}{\partial \sigma^2}\,"
        r"\frac{\sum_i -2 (x_i - \mu)}{N}",
        _backward(3),
        "One number for each neuron: every sample feels the mean.",
        column_parts=("dx_hat", "x"),
    ),
    "dx_direct": Term(
        "① direct",
        r"\text{①}",
        "(N, k)",
        r"\frac{\partial L}{\partial \hat{x}_i}\,\frac{1}{\sqrt{\sigma^2 + \epsilon}}",
        _backward(4) + ", first path",
        "The path from a sample's own x̂ to its own x, as if mean and variance were constants.",
        "∂L/∂x̂ · 1/√(σ²+ε) = {dx_hat} · {inv_std} = {dx_direct}",
        ("dx_hat",),
        ("x",),
        short="∂L/∂x̂ · 1/√(σ²+ε)",
    ),
    "dx_via_var": Term(
        "② via σ²",
        r"\text{②}",
        "(N, k)",
        r"\frac{\partial L}{\partial \sigma^2}\,\frac{2 (x_i - \mu)}{N}",
        _backward(4) + ", second path",
        "The path through the variance: ∂L/∂σ² is one number, and a sample's share of it grows "
        "with its distance from the mean.",
        "∂L/∂σ² · 2(x − μ)/N = {dvar} · 2 · ({x} − {mean}) / {n} = {dx_via_var}",
        ("x",),
        ("dx_hat", "x"),
        short="∂L/∂σ² · 2(x−μ)/N",
    ),
    "dx_via_mean": Term(
        "③ via μ",
        r"\text{③}",
        "(N, k)",
        r"\frac{\partial L}{\partial \mu}\,\frac{1}{N}",
        _backward(4) + ", third path",
        "The path through the mean: ∂L/∂μ is one number, shared out evenly.",
        "∂L/∂μ · 1/N = {dmean} / {n} = {dx_via_mean}",
        (),
        ("dx_hat",),
        short="∂L/∂μ · 1/N",
    ),
    "dx": Term(
        "∂L/∂x",
        r"\frac{\partial L}{\partial x_i}",
        "(N, k)",
        r"\frac{\partial L}{\partial x_i} = \frac{\partial L}{\partial \hat{x}_i}\,"
        r"\frac{1}{\sqrt{\sigma^2 + \epsilon}} + \frac{\partial L}{\partial \sigma^2}\,"
        r"\frac{2 (x_i - \mu)}{N} + \frac{\partial L}{\partial \mu}\,\frac{1}{N}",
        _backward(4),
        "The gradient of one sample: its three paths added.",
        "① + ② + ③ = {dx_direct} + {dx_via_var} + {dx_via_mean} = {dx}",
        ("dx_direct", "dx_via_var", "dx_via_mean"),
        short="① + ② + ③",
    ),
    "dx_simplified": Term(
        "∂L/∂x, simplified",
        r"\frac{\partial L}{\partial x_i}",
        "(N, k)",
        r"\frac{s}{N}\left(N g_i - \sum_j g_j - \hat{x}_i \sum_j g_j \hat{x}_j\right),"
        r"\quad g = \frac{\partial L}{\partial \hat{x}}",
        "from equations 1 to 4",
        "The same gradient in one line: take away the mean of g, and its part along x̂.",
    ),
    "dgamma": Term(
        "∂L/∂γ",
        r"\frac{\partial L}{\partial \gamma}",
        "(k,)",
        r"\frac{\partial L}{\partial \gamma} = \sum_i \frac{\partial L}{\partial y_i}\,\hat{x}_i",
        _backward(5),
        "The gradient of the scale.",
        column_parts=("dy", "x_hat"),
    ),
    "dbeta": Term(
        "∂L/∂β",
        r"\frac{\partial L}{\partial \beta}",
        "(k,)",
        r"\frac{\partial L}{\partial \beta} = \sum_i \frac{\partial L}{\partial y_i}",
        _backward(6),
        "The gradient of the shift: the upstream gradient, added up.",
        column_parts=("dy",),
    ),
    # The layer in front.
    "dweight_per_sample": Term(
        "a · ∂L/∂x",
        r"a_i \otimes \frac{\partial L}{\partial x_i}",
        "(N, d, k)",
        r"a_i \otimes \frac{\partial L}{\partial x_i}",
        _FRONT,
        "What one sample adds to the weight gradient: its gradient, weighted by its own input.",
        "a · ∂L/∂x = {a} · {dx} = {dweight}",
        ("a", "dx"),
        short="adds to ∂L/∂W",
        total="= ∂L/∂W",
    ),
    "dweight": Term(
        "∂L/∂W",
        r"\frac{\partial L}{\partial W}",
        "(d, k)",
        r"\frac{\partial L}{\partial W} = a^\top \frac{\partial L}{\partial x}"
        r" = \sum_i a_i \otimes \frac{\partial L}{\partial x_i}",
        _FRONT,
        "The weight gradient: each sample's gradient weighted by its own input, then added.",
        column_parts=("a", "dx"),
    ),
    "dbias": Term(
        "∂L/∂b",
        r"\frac{\partial L}{\partial b}",
        "(k,)",
        r"\frac{\partial L}{\partial b} = \sum_i \frac{\partial L}{\partial x_i}",
        _FRONT,
        "The bias gradient: the plain sum of ∂L/∂x, as if every input were 1.",
        column_parts=("dx",),
    ),
    "da": Term(
        "∂L/∂a",
        r"\frac{\partial L}{\partial a_i}",
        "(N, d)",
        r"\frac{\partial L}{\partial a_i} = \frac{\partial L}{\partial x_i} W^\top",
        _FRONT,
        "What goes on to the layer before that.",
    ),
}

TERMS = MappingProxyType(_TERMS)
