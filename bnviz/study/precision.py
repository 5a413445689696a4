"""The textbook pass in few digits: what rounding does to ∂L/∂x, and what Σ∂L/∂x shows of it.

No shift, no scaling, no wider sums: this is what a straightforward program computes in
float64, float32 or float16, with σ² as the mean of (x − μ)² or as E[x²] − E[x]².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.identities import gradient_scale
from bnviz.core.trace import Trace

DTYPES = ("float64", "float32", "float16")
VARIANCES = {"two": "mean of (x − μ)²", "one": "E[x²] − E[x]²"}


@dataclass(frozen=True)
class Pass:
    """One neuron in one precision. residue and error are shares of s·Σ|∂L/∂x̂|.

    residue: |Σ∂L/∂x|. error: the largest |∂L/∂x − the careful answer|; own: the same as a
    share of the largest |∂L/∂x|. All are nan where the pass ended in nan or inf.
    var: the variance that it found.
    """

    dtype: str
    variance: str
    var: float
    dx: Array
    residue: float
    error: float
    own: float

    @property
    def digits(self) -> float:
        """The relative size of one rounding in this precision."""
        return float(np.finfo(self.dtype).eps)


@np.errstate(all="ignore")
def textbook(t: Trace, neuron: int, dtype: str, variance: str) -> Pass:
    """The forward pass and the six equations of neuron j, every step rounded to the dtype."""
    s = t.scenario
    x, dy = s.x[:, neuron].astype(dtype), s.dy[:, neuron].astype(dtype)
    gamma, eps = s.gamma[neuron].astype(dtype), np.asarray(s.eps, dtype)
    n = np.asarray(x.size, dtype)
    mean = x.sum(dtype=dtype) / n
    away = x - mean
    var = (
        (away * away).sum(dtype=dtype) / n
        if variance == "two"
        else (x * x).sum(dtype=dtype) / n - mean * mean
    )
    inv_std = 1 / np.sqrt(var + eps)
    # The six equations in their order, each a line; ∂L/∂γ and ∂L/∂β don't enter ∂L/∂x.
    g = dy * gamma
    half, two = np.asarray(-0.5, dtype), np.asarray(2, dtype)
    dvar = (g * away).sum(dtype=dtype) * half * inv_std**3
    dmean = (g * -inv_std).sum(dtype=dtype) + dvar * (-two * away).sum(dtype=dtype) / n
    dx = g * inv_std + dvar * two * away / n + dmean / n
    wide = dx.astype(np.float64)
    scale = float(gradient_scale(t)[neuron])
    unit = scale if scale > 0 else 1.0
    broken = not np.isfinite(wide).all()
    error = np.nan if broken else float(np.abs(wide - t.dx[:, neuron]).max())
    size = float(np.abs(t.dx[:, neuron]).max())
    return Pass(
        dtype,
        variance,
        float(var),
        wide,
        np.nan if broken else abs(float(wide.sum())) / unit,
        error / unit,
        error / size if size else 0.0 if error == 0 else np.inf if error > 0 else np.nan,
    )


def passes(t: Trace, neuron: int) -> list[Pass]:
    """All precisions, each with both variances."""
    return [textbook(t, neuron, dtype, v) for dtype in DTYPES for v in VARIANCES]


ADAM_EPS = 1e-8  # what Adam adds to the size of a gradient, in PyTorch and in its paper


@dataclass(frozen=True)
class Leftover:
    """What a float32 program hands to the bias in front of a norm, where 0 is right.

    residue: Σ∂L/∂x of the textbook pass, added up in float32. step: the first step of Adam
    from it, as a share of the rate (Kingma and Ba 2015, arXiv 1412.6980: m̂/(√v̂ + 1e-8)).
    """

    residue: float

    @property
    def step(self) -> float:
        """A share of the rate, 0 to 1."""
        return abs(self.residue) / (abs(self.residue) + ADAM_EPS)


def leftover(t: Trace, neuron: int) -> Leftover:
    """Of neuron j; its residue is nan where float32 can't hold the pass."""
    return Leftover(
        float(textbook(t, neuron, "float32", "two").dx.astype(np.float32).sum(dtype=np.float32))
    )


@np.errstate(all="ignore")
def mean_errors(t: Trace, neuron: int) -> dict[str, float]:
    """How far the mean of x is off when it is taken in fewer digits; nan where it overflows."""
    x = t.scenario.x[:, neuron]
    exact = float(t.mean[neuron])
    return {
        dtype: abs(float(x.astype(dtype).mean(dtype=dtype)) - exact)
        for dtype in ("float16", "float32")
    }
