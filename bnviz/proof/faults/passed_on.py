"""What goes wrong on the way to γ and β, and to the layer in front: ∂L/∂W, ∂L/∂b and ∂L/∂a."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bnviz.core.arrays import Array
from bnviz.proof.faults.base import Changes, Fault, Pass, by_n, one_by_n, own
from bnviz.words.glossary import TERMS

_DGAMMA, _DBETA, _DW = (TERMS[term].numpy for term in ("dgamma", "dbeta", "dweight"))


_DBIAS, _DA = TERMS["dbias"].numpy, TERMS["da"].numpy


def _factor(name: str, factor: Callable[[Pass], Any]) -> Callable[[Pass], Changes]:
    """One term times a factor; what was computed from it before stays."""

    def make(p: Pass) -> Changes:
        value = getattr(p.t, name)
        return {} if value is None else {name: value * factor(p)}

    return make


def _of_weight(make: Callable[[Pass, Array], Any]) -> Callable[[Pass], Changes]:
    return lambda p: {} if p.s.a is None else {"dweight": make(p, p.s.a)}


def _of_bias(make: Callable[[Pass], Any]) -> Callable[[Pass], Changes]:
    return lambda p: {} if p.t.dbias is None else {"dbias": make(p)}


def _da_untransposed(p: Pass) -> Changes:
    w = p.s.weight
    return {} if w is None or w.shape[0] != w.shape[1] else {"da": p.t.dx @ w}


def _da_from(pick: Callable[[Pass], Array]) -> Callable[[Pass], Changes]:
    return lambda p: {} if p.s.weight is None else {"da": pick(p) @ p.s.weight.T}


def _corrupted(x_hat: Callable[[Pass], Array]) -> Callable[[Pass], Changes]:
    return lambda p: {"dgamma": (p.dy * x_hat(p)).sum(axis=0)}


PASSED_ON: Mapping[str, Fault] = {
    # ∂L/∂γ and ∂L/∂β.
    "swapped": Fault(
        "∂L/∂γ and ∂L/∂β are exchanged",
        "return dx, dbeta, dgamma",
        "return dx, dgamma, dbeta",
        lambda p: {"dgamma": p.t.dbeta, "dbeta": p.t.dgamma},
    ),
    "dgamma_g": Fault(
        "∂L/∂x̂ stands for ∂L/∂y: γ counts where it shouldn't",
        "dgamma = (dx_hat * x_hat).sum(axis=0)",
        _DGAMMA,
        lambda p: {"dgamma": (p.g * p.x_hat).sum(axis=0)},
    ),
    "dbeta_g": Fault(
        "∂L/∂x̂ stands for ∂L/∂y: γ counts where it shouldn't",
        "dbeta = dx_hat.sum(axis=0)",
        _DBETA,
        lambda p: {"dbeta": p.g.sum(axis=0)},
    ),
    "dgamma_over_gamma": Fault(
        "∂L/∂γ is divided by γ",
        "dgamma = (dy * x_hat).sum(axis=0) / gamma",
        _DGAMMA,
        _factor("dgamma", lambda p: 1 / p.gamma),
    ),
    "dgamma_turned": Fault(
        "It is multiplied by √(σ²+ε) in the place of divided",
        "dgamma = (dy * (x - mean)).sum(axis=0) * np.sqrt(var + eps)",
        "dgamma = (dy * (x - mean)).sum(axis=0) / np.sqrt(var + eps)",
        _factor("dgamma", lambda p: p.inv**-2),
    ),
    "dgamma_no_inv": Fault(
        "x − μ stands for x̂: it is not divided by √(σ²+ε)",
        "dgamma = (dy * (x - mean)).sum(axis=0)",
        _DGAMMA,
        _factor("dgamma", lambda p: p.inv**-1),
    ),
    "dgamma_inv_twice": Fault(
        "It is divided by √(σ²+ε) twice",
        "dgamma = (dy * x_hat).sum(axis=0) * inv_std",
        _DGAMMA,
        _factor("dgamma", lambda p: p.inv),
    ),
    "dgamma_overwritten": Fault(
        "x̂ is overwritten before ∂L/∂γ: it has the mean of ∂L/∂x̂·x̂ in it",
        "x_hat *= (dx_hat * x_hat).mean(0); dgamma = (dy * x_hat).sum(axis=0)",
        _DGAMMA + "  # before x_hat is used up",
        _corrupted(lambda p: p.x_hat * (p.g * p.x_hat).mean(axis=0)),
    ),
    "dgamma_overwritten_sum": Fault(
        "x̂ is overwritten before ∂L/∂γ: it has the sum of ∂L/∂x̂·x̂ in it",
        "x_hat *= (dx_hat * x_hat).sum(0); dgamma = (dy * x_hat).sum(axis=0)",
        _DGAMMA + "  # before x_hat is used up",
        _corrupted(lambda p: p.x_hat * (p.g * p.x_hat).sum(axis=0)),
    ),
    "dgamma_overwritten_dx": Fault(
        "x̂ is overwritten with ∂L/∂x before ∂L/∂γ",
        "x_hat[:] = dx; dgamma = (dy * x_hat).sum(axis=0)",
        _DGAMMA + "  # before x_hat is used up",
        _corrupted(lambda p: p.t.dx),
    ),
    "dgamma_overwritten_gamma": Fault(
        "x̂ is overwritten with γ·x̂ before ∂L/∂γ",
        "x_hat *= gamma; dgamma = (dy * x_hat).sum(axis=0)",
        _DGAMMA + "  # before x_hat is used up",
        _corrupted(lambda p: p.x_hat * p.gamma),
    ),
    "dgamma_dx": Fault(
        "∂L/∂x stands for ∂L/∂y in ∂L/∂γ",
        "dgamma = (dx * x_hat).sum(axis=0)",
        _DGAMMA,
        lambda p: {"dgamma": (p.t.dx * p.x_hat).sum(axis=0)},
    ),
    "dgamma_not_summed": Fault(
        "It is not added up over the batch",
        "dgamma = dy * x_hat",
        _DGAMMA,
        lambda p: {"dgamma": p.dy * p.x_hat},
    ),
    "dbeta_not_summed": Fault(
        "It is not added up over the batch", "dbeta = dy", _DBETA, lambda p: {"dbeta": p.dy}
    ),
    "sums_axis": Fault(
        "It is added up over the neurons, axis 1, and not over the batch",
        "dgamma = (dy * x_hat).sum(axis=1); dbeta = dy.sum(axis=1)",
        f"{_DGAMMA}; {_DBETA}",
        lambda p: {"dgamma": (p.dy * p.x_hat).sum(axis=1), "dbeta": p.dy.sum(axis=1)},
    ),
    "sums_all": Fault(
        "It is added up over batch and neurons: the axis is missing",
        "dgamma = (dy * x_hat).sum(); dbeta = dy.sum()",
        f"{_DGAMMA}; {_DBETA}",
        lambda p: (
            {
                "dgamma": np.full(p.k, (p.dy * p.x_hat).sum()),
                "dbeta": np.full(p.k, p.dy.sum()),
            }
            if p.k > 1
            else {}
        ),
    ),
    "beta": own("beta"),
    "dbeta_y": Fault(
        "∂L/∂β is added up from the outputs",
        "dbeta = y.sum(axis=0)",
        _DBETA,
        lambda p: {"dbeta": p.y.sum(axis=0)},
    ),
    "dbeta_dx": Fault(
        "∂L/∂β is added up from ∂L/∂x, whose sum is 0",
        "dbeta = dx.sum(axis=0)",
        _DBETA,
        lambda p: {"dbeta": p.t.dx.sum(axis=0)},
    ),
    "dbeta_dgamma_x": Fault(
        "∂L/∂β is weighted with x",
        "dbeta = (dy * x).sum(axis=0)",
        _DBETA,
        lambda p: {"dbeta": (p.dy * p.x).sum(axis=0)},
    ),
    # ∂L/∂W, ∂L/∂b and ∂L/∂a.
    "not_added": own("not_added"),
    "averaged": own("averaged"),
    "dweight_sum": Fault(
        "∂L/∂W is N times too large: a sum over the batch where the loss is a mean",
        "dweight = a.T @ dx * N",
        _DW,
        _factor("dweight", by_n),
    ),
    "dweight_sign": Fault(
        "The sign of ∂L/∂W is turned around: this is the step, not the gradient",
        "dweight = -(a.T @ dx)",
        _DW,
        _factor("dweight", lambda p: -1.0),
    ),
    "dweight_twice": Fault(
        "∂L/∂W is twice what it should be: added to what was there, or handed on by two workers",
        "weight.grad += dweight  # without zero_grad",
        "weight.grad = dweight",
        _factor("dweight", lambda p: 2.0),
    ),
    "dweight_dy": Fault(
        "∂L/∂y stands for ∂L/∂x: the norm is left out on the way back",
        "dweight = a.T @ dy",
        _DW,
        _of_weight(lambda p, a: a.T @ p.dy),
    ),
    "dweight_g": Fault(
        "∂L/∂x̂ stands for ∂L/∂x: the norm is left out on the way back",
        "dweight = a.T @ dx_hat",
        _DW,
        _of_weight(lambda p, a: a.T @ p.g),
    ),
    "dweight_x": Fault(
        "x stands for a: the output of the layer for its input",
        "dweight = x.T @ dx",
        _DW,
        lambda p: {} if p.s.a is None or p.s.d != p.k else {"dweight": p.x.T @ p.t.dx},
    ),
    "dweight_abs": Fault(
        "Means are taken in the place of sums: a and ∂L/∂x are averaged before they are multiplied",
        "dweight = np.outer(a.sum(0), dx.sum(0))",
        _DW,
        _of_weight(lambda p, a: np.outer(a.sum(axis=0), p.t.dx.sum(axis=0))),
    ),
    "dweight_centred": Fault(
        "a is normalised as well: its own mean and deviation are taken out",
        "dweight = ((a - a.mean(0)) / a.std(0)).T @ dx",
        _DW,
        _of_weight(lambda p, a: ((a - a.mean(axis=0)) / a.std(axis=0)).T @ p.t.dx),
    ),
    "dweight_relu": Fault(
        "a is cut off at 0: a ReLU in front that isn’t there",
        "dweight = np.maximum(a, 0).T @ dx",
        _DW,
        _of_weight(lambda p, a: np.maximum(a, 0).T @ p.t.dx),
    ),
    "dweight_late": Fault(
        "Each ∂L/∂x meets the a of the sample before it",
        "dweight = np.roll(a, 1, axis=0).T @ dx",
        _DW,
        _of_weight(lambda p, a: np.roll(a, 1, axis=0).T @ p.t.dx),
    ),
    "dweight_early": Fault(
        "Each ∂L/∂x meets the a of the sample after it",
        "dweight = np.roll(a, -1, axis=0).T @ dx",
        _DW,
        _of_weight(lambda p, a: np.roll(a, -1, axis=0).T @ p.t.dx),
    ),
    "dweight_x_hat": Fault(
        "x̂ stands for a: the output of the layer, normalised, for its input",
        "dweight = x_hat.T @ dx",
        _DW,
        lambda p: {} if p.s.a is None or p.s.d != p.k else {"dweight": p.x_hat.T @ p.t.dx},
    ),
    "dbias_dy": Fault(
        "∂L/∂y is added up: the bias is taken for β, behind the norm",
        "dbias = dy.sum(axis=0)",
        _DBIAS,
        _of_bias(lambda p: p.dy.sum(axis=0)),
    ),
    "dbias_dy_mean": Fault(
        "∂L/∂y is averaged: the bias is taken for β, behind the norm, and the loss for a mean",
        "dbias = dy.mean(axis=0)",
        _DBIAS,
        _of_bias(lambda p: p.dy.mean(axis=0)),
    ),
    "dbias_g": Fault(
        "∂L/∂x̂ is added up: the norm is left out on the way back",
        "dbias = dx_hat.sum(axis=0)",
        _DBIAS,
        _of_bias(lambda p: p.g.sum(axis=0)),
    ),
    "dbias_x": Fault(
        "∂L/∂b is added up from the inputs",
        "dbias = x.sum(axis=0)",
        _DBIAS,
        _of_bias(lambda p: p.x.sum(axis=0)),
    ),
    "dbias_dmean": Fault(
        "∂L/∂μ stands for ∂L/∂b: only the path through the mean is there",
        "dbias = dmean",
        _DBIAS,
        _of_bias(lambda p: p.t.dmean),
    ),
    "da_untransposed": Fault("W is not transposed", "da = dx @ weight", _DA, _da_untransposed),
    "da_dy": Fault(
        "∂L/∂y stands for ∂L/∂x: the norm is left out on the way back",
        "da = dy @ weight.T",
        _DA,
        _da_from(lambda p: p.dy),
    ),
    "da_g": Fault(
        "∂L/∂x̂ stands for ∂L/∂x: the norm is left out on the way back",
        "da = dx_hat @ weight.T",
        _DA,
        _da_from(lambda p: p.g),
    ),
    "da_averaged": Fault(
        "∂L/∂a is divided by N",
        "da = dx @ weight.T / N",
        _DA,
        _factor("da", one_by_n),
    ),
}
