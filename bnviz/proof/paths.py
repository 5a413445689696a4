"""Anyone's ∂L/∂x read by its three parts: c₁·① + c₂·② + c₃·③, neuron by neuron.

The right gradient has (1, 1, 1); most wrong ones of real projects have other numbers there,
and they say which: (1, 0, 1) a path forgotten, (1, −1, 1) a sign, (1, 1, N) a sum for a mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnviz.core.arrays import Array
from bnviz.core.trace import Trace

PARTS = ("dx_direct", "dx_via_var", "dx_via_mean")
_TELLING = 0.05  # a coefficient that may be off by more is not called whole
_TO_PATHS = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1]])  # of ∂L/∂x, ②, ③ -> of ①, ②, ③
_ALIKE = 1e-12  # paths that are so nearly parallel can't be told apart


@dataclass(frozen=True, eq=False)
class Paths:
    """What a ∂L/∂x is made of. parts: c·①, c·②, c·③ and the rest that none of them explains.

    coefficients (k, 3), and by how much each may be off (k, 3): inf where the numbers leave it
    open. exact (k,): are these three all of it? unique (k,): is there no other way to make it?
    checked (k,): are there more samples than it takes to make anything out of the three?
    """

    coefficients: Array
    off: Array
    exact: NDArray[np.bool_]
    unique: NDArray[np.bool_]
    checked: NDArray[np.bool_]
    direct: Array  # (N, k)
    via_var: Array
    via_mean: Array
    rest: Array

    def rounded(self) -> Array:
        """The coefficients, (k, 3): a whole number where no other can be told from it."""
        whole = np.round(self.coefficients)
        away = np.abs(self.coefficients - whole)
        near = (away <= self.off) | ((away <= 1e-9) & (whole != 0))
        return np.where(near & (self.off < _TELLING), whole, self.coefficients) + 0.0


@np.errstate(all="ignore")
def read_paths(t: Trace, dx: Array, allowed: Array) -> Paths:
    """Fit a ∂L/∂x, (N, k), by the three paths. allowed: what digits and rounding explain, (N, k).

    Where the fit isn't unique, what is open stays at 1, as far as it can.
    """
    n, k = t.dx.shape
    coefficients, off = np.ones((k, 3)), np.full((k, 3), np.inf)
    exact, unique, checked = (np.zeros(k, bool) for _ in range(3))
    rest = np.zeros((n, k))
    for j in range(k):
        # The paths may be large and nearly cancel. What is left of them, ② and ③ are nearly
        # at right angles: ② lies along x̂ and ③ along 1.
        basis = np.column_stack([t.dx[:, j], t.dx_via_var[:, j], t.dx_via_mean[:, j]])
        size = np.abs(basis).max(axis=0)
        size[size <= allowed[:, j].min()] = 0.0  # not to be told from nothing
        size *= np.linalg.norm(basis / np.where(size > 0, size, np.inf), axis=0)
        scaled = basis / np.where(size > 0, size, np.inf)
        # All three directions, even of fewer samples: in what no sample shows, a part is open.
        scaled = np.vstack([scaled, np.zeros((max(0, 3 - n), 3))])
        u, values, vt = np.linalg.svd(scaled, full_matrices=False)
        keep = values > _ALIKE * max(values[0], 1e-300)
        rank = int(keep.sum())
        back = (vt[:rank].T / values[:rank]) @ u[:n, :rank].T
        back /= np.where(size > 0, size, np.inf)[:, None]
        rest[:, j] = dx[:, j] - t.dx[:, j]
        for _ in range(2):  # the second time for what rounding left of the first
            step = back @ rest[:, j]
            coefficients[j] += _TO_PATHS @ step
            rest[:, j] -= basis @ step
        large = np.array([np.abs(getattr(t, name)[:, j]).max() for name in PARTS])
        grown = float((np.abs(coefficients[j]) * large).max() / max(large.max(), 1e-300))
        room = allowed[:, j] * max(1.0, grown)
        exact[j] = bool((np.abs(rest[:, j]) <= 4 * room).all())
        unique[j], checked[j] = rank == 3, n > rank
        # Of what is open, stay near 1.
        null = _TO_PATHS @ (vt[rank:] / np.where(size > 0, size, 1.0)).T
        if null.size:
            q = np.linalg.qr(null / np.abs(null).max(axis=0))[0]
            coefficients[j] -= q @ (q.T @ (coefficients[j] - 1.0))
        # A part is open where a direction was dropped in which it has a share.
        dropped = (np.abs(vt[~keep]) > 1e-6).any(axis=0) | (size == 0)
        open_ = (_TO_PATHS @ dropped) > 0
        bound = np.abs(_TO_PATHS @ back) @ np.where(np.isfinite(room), room, 1e300)
        off[j] = np.where(open_, np.inf, bound + 1e-10 * np.abs(coefficients[j]))
    one, two, three = (coefficients[:, i] * getattr(t, name) for i, name in enumerate(PARTS))
    return Paths(coefficients, off, exact, unique, checked, one, two, three, rest)


@np.errstate(all="ignore")
def factors(t: Trace) -> dict[str, Array]:
    """What a path may count, by how one would write it: each (k,), the simplest first."""
    n = float(t.x_hat.shape[0])
    one, gamma, inv = np.ones(t.x_hat.shape[1]), t.scenario.gamma, t.inv_std
    found = {
        "1": one,
        "0": 0 * one,
        "−1": -one,
        "2": 2 * one,
        "½": one / 2,
        "N": n * one,
        "1/N": one / n,
        "−2": -2 * one,
        "N/(N − 1)": one * n / (n - 1),
        "(N − 1)/N": one * (n - 1) / n,
        "1/γ": 1 / gamma,
        "γ": gamma,
        "1/√(σ²+ε)": inv,
        "√(σ²+ε)": 1 / inv,
        "1/(σ²+ε)": inv**2,
        "σ²+ε": inv**-2,
        "−N": -n * one,
        "−1/N": -one / n,
        "2/N": 2 * one / n,
        "N²": n * n * one,
        "1/N²": one / n / n,
        "−½": -one / 2,
        "4": 4 * one,
        "3": 3 * one,
        "¼": one / 4,
        "2·N": 2 * n * one,
        "N/2": n / 2 * one,
        "N·γ": n * gamma,
        "γ/N": gamma / n,
        "1/(N·γ)": 1 / gamma / n,
        "N/γ": n / gamma,
        "2·γ": 2 * gamma,
        "−γ": -gamma,
        "−1/γ": -1 / gamma,
    }
    return {name: value for name, value in found.items() if np.isfinite(value).all()}


def named(t: Trace, p: Paths) -> tuple[str | None, str | None, str | None]:
    """How each coefficient would be written, one way for all neurons; None where there is none.

    Only neurons whose gradient these three paths are all of have a say.
    """
    at = p.exact

    def name(i: int) -> str | None:
        off = p.off[at, i]
        return next(
            (
                name
                for name, value in factors(t).items()
                if (np.abs(p.coefficients[at, i] - value[at]) <= off).all()
            ),
            None,
        )

    return (name(0), name(1), name(2)) if at.any() else (None, None, None)
