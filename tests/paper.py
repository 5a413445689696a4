"""Formulas on paper, worked out: LaTeX as the app writes it, evaluated on arrays.

An index i stays a column of samples; a sum over j takes in all factors that follow it.
Only for tests: it checks that what is set is what is computed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from bnviz.words.glossary import plain_latex

_TOKEN = re.compile(
    r"\\frac|\\tfrac|\\sqrt|\\sum_[ij]|\\operatorname\{mean\}|\\hat\{x\}(?:_[ij])?|\\[A-Za-z]+"
    r"|[A-Za-z](?:_[ij])?|\d|[-+()/^{}]"
)
_LETTERS = {
    r"\gamma": "gamma",
    r"\beta": "beta",
    r"\mu": "mean",
    r"\sigma": "std",
    r"\varepsilon": "eps",
    r"\hat{x}": "x_hat",
    "N": "n",
}
_GRADIENT = re.compile(r"\\frac\{\\partial L\}\{\\partial (\\?[A-Za-z]+(?:\{x\})?)(?:_[ij])?\}")
_GRADIENTS = {
    **{r"\beta": "dbeta", r"\gamma": "dgamma", r"\mu": "dmean", "y": "dy", "x": "dx"},
    r"\hat{x}": "dx_hat",
    r"\variance": "dvar",
}


class _Sum:
    """Σ, which multiplies what follows it and adds that up over the samples."""

    def __init__(self, outer: Any = 1.0, inner: Any = 1.0) -> None:
        self.outer, self.inner = outer, inner

    @property
    def value(self) -> Any:
        return self.outer * np.sum(self.inner, axis=0)


def _value(part: Any) -> Any:
    return part.value if isinstance(part, _Sum) else part


def evaluate(latex: str, letters: Mapping[str, Any]) -> Any:
    """The number, or the column of samples, that a formula stands for."""
    named = plain_latex(latex).replace(r"\sigma^2", r"\variance")
    named = _GRADIENT.sub(lambda found: rf"\grad{_GRADIENTS[found[1]].replace('_', '')} ", named)
    named = re.sub(r"\\(left|right|cdot|,)(?![a-z])", " ", named)
    tokens = _TOKEN.findall(named)
    known = {rf"\grad{name.replace('_', '')}": letters.get(name) for name in _GRADIENTS.values()}
    known |= {mark: letters.get(name) for mark, name in _LETTERS.items()}
    known |= {r"\variance": letters.get("var"), **letters}
    value = _value(_expression(tokens, known))
    assert not tokens, tokens
    return value


def _expression(tokens: list[str], known: Mapping[str, Any]) -> Any:
    total: Any = 0.0
    sign = 1.0
    while True:
        while tokens and tokens[0] in "+-":
            sign *= -1.0 if tokens.pop(0) == "-" else 1.0
        total = total + sign * _value(_product(tokens, known))
        if not tokens or tokens[0] not in "+-":
            return total
        sign = 1.0


def _product(tokens: list[str], known: Mapping[str, Any]) -> Any:
    product: Any = 1.0
    while tokens and tokens[0] not in "+-)}":
        if tokens[0] == "/":
            tokens.pop(0)
            product = _value(product) / _value(_power(tokens, known))
            continue
        factor = _power(tokens, known)
        if isinstance(factor, _Sum):
            sign = -1.0 if tokens[:1] == ["-"] and tokens.pop(0) else 1.0
            product = _Sum(_value(product), sign)
        elif isinstance(product, _Sum):
            product = _Sum(product.outer, product.inner * factor)
        else:
            product = product * factor
    return product


def _power(tokens: list[str], known: Mapping[str, Any]) -> Any:
    base = _atom(tokens, known)
    if tokens and tokens[0] == "^":
        tokens.pop(0)
        return _value(base) ** _atom(tokens, known)
    return base


def _atom(tokens: list[str], known: Mapping[str, Any]) -> Any:
    token = tokens.pop(0)
    if token in "({":
        inside = _expression(tokens, known)
        assert tokens.pop(0) == {"(": ")", "{": "}"}[token]
        return inside
    if token in (r"\frac", r"\tfrac"):
        top = _atom(tokens, known)
        return top / _atom(tokens, known)
    if token == r"\sqrt":
        return np.sqrt(_atom(tokens, known))
    if token.startswith(r"\sum"):
        return _Sum()
    if token.startswith(r"\operatorname"):
        return np.mean(_atom(tokens, known), axis=0)
    if token.isdigit():
        return float(token)
    found = known[re.sub(r"_[ij]$", "", token)]
    assert found is not None, token
    return found
