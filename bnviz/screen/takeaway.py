"""A scenario to take home: all terms as CSV, and scripts that compute them anew.

The CSV has one number a line: `pandas.read_csv(file).pivot_table(...)` or
`numpy.genfromtxt(file, delimiter=",", names=True, dtype=None)` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace
from bnviz.words.glossary import TERMS

# What the script computes, in the order of the paper; frozen statistics are constants.
_FORWARD = ("mean", "var", "inv_std", "x_hat", "y")
_BACKWARD = ("dbeta", "dgamma", "dx_hat", "dvar", "dmean_direct", "dmean_via_var", "dmean", "dx")
_FROZEN = {
    "mean": "mean = running_mean  # a constant, as in evaluation",
    "var": "var = running_var",
    "dvar": "dvar = np.zeros_like(var)  # nothing flows through a constant",
    "dmean_direct": "dmean_direct = np.zeros_like(mean)",
}
_GIVEN = (
    *("x", "dy", "gamma", "beta", "eps", "a", "weight", "bias"),
    *("running_mean", "running_var"),
)


def _axes(t: Trace) -> dict[str, tuple[str, ...]]:
    """What the axes of each term count."""
    sample_neuron, neuron = ("sample", "neuron"), ("neuron",)
    n = t.x_hat.ndim
    known = {
        "eps": (),
        "a": ("sample", "input"),
        "da": ("sample", "input"),
        "weight": ("input", "neuron"),
        "dweight": ("input", "neuron"),
        "dweight_per_sample": ("sample", "input", "neuron"),
    }
    values = _values(t)
    return {
        name: known.get(name, sample_neuron if np.ndim(values[name]) == n else neuron)
        for name in values
    }


def _values(t: Trace) -> dict[str, np.ndarray | float]:
    """Everything given and everything computed that there is, in the order of the trace."""
    names = [f.name for f in fields(t) if f.name != "scenario"]
    found = {name: getattr(t.scenario, name) for name in _GIVEN}
    found |= {name: getattr(t, name) for name in [*names, "dweight_per_sample"]}
    return {name: value for name, value in found.items() if value is not None}


def csv(t: Trace) -> str:
    """One line a number: term, sample, input, neuron (counted from 1, or empty), value."""
    axes = _axes(t)
    lines = ["term,sample,input,neuron,value"]
    for name, values in _values(t).items():
        for index in np.ndindex(np.shape(values)):
            place = dict(zip(axes[name], index, strict=True))
            cells = [str(place[a] + 1) if a in place else "" for a in ("sample", "input", "neuron")]
            lines.append(",".join([name, *cells, repr(float(np.asarray(values)[index]))]))
    return "\n".join(lines) + "\n"


def _arrays(s: Scenario, make: str, tail: str = "") -> str:
    """The given numbers as assignments."""
    given = s.given()
    return "".join(
        f"{name} = {value!r}\n" if name == "eps" else f"{name} = {make}({value.tolist()}{tail})\n"
        for name, value in given.items()
        if value is not None
    )


def _printed(names: list[str]) -> str:
    return "\nfor name in " + repr(names) + ':\n    print(f"{name} =", globals()[name].tolist())\n'


def numpy_script(s: Scenario) -> str:
    """The six equations in NumPy on these numbers; it prints every term."""
    front = "x = a @ weight + bias  # the layer in front\n" if s.computed else ""
    names = [*_BACKWARD]
    if s.a is not None:
        names += ["dweight", "dbias"]
    if s.weight is not None:
        names.append("da")
    return (
        '"""Batch norm, forward and backward, by the equations of Ioffe and Szegedy (2015)."""\n\n'
        "import numpy as np\n\n"
        f"{_arrays(s, 'np.array')}\n{front}N = len(x)\n"
        f"{_lines(_FORWARD, s)}\n{_lines(names, s)}{_printed([*_FORWARD, *names])}"
    )


def _lines(names: Iterable[str], s: Scenario) -> str:
    constant = _FROZEN if s.frozen else {}
    return "".join(constant.get(name, TERMS[name].numpy) + "\n" for name in names)


def pytorch_script(s: Scenario) -> str:
    """The same gradients by PyTorch's own batch norm and automatic differentiation."""
    leaves = ["gamma", "beta"]
    statistics = (
        "running_mean, running_var, gamma, beta, training=False"
        if s.frozen
        else "None, None, gamma, beta, training=True"
    )
    front, names = "x.requires_grad_()\n", ["y", "dgamma", "dbeta", "dx"]
    behind = ""
    if s.computed:
        leaves += ["a", "weight", "bias"]
        front = "x = a @ weight + bias  # the layer in front\nx.retain_grad()\n"
        behind = "dweight, dbias, da = weight.grad, bias.grad, a.grad\n"
        names += ["dweight", "dbias", "da"]
    elif s.a is not None:
        behind = "dweight = a.T @ dx  # the sum of the outer products\ndbias = dx.sum(axis=0)\n"
        names += ["dweight", "dbias"]
    return (
        '"""Batch norm on the same numbers, differentiated by PyTorch."""\n\n'
        "import torch\n\n"
        f"{_arrays(s, 'torch.tensor', ', dtype=torch.float64')}\n"
        f"for leaf in ({', '.join(leaves)}):\n    leaf.requires_grad_()\n"
        f"{front}"
        f"y = torch.nn.functional.batch_norm(x, {statistics}, eps=eps)\n"
        "y.backward(dy)\n"
        "dx, dgamma, dbeta = x.grad, gamma.grad, beta.grad\n"
        f"{behind}{_printed(names)}"
    )
