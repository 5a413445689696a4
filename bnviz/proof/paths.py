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
_NOTHING = 1e3  # times as much as a path brings: it would be off by so many times
MOST_OFF = 0.25  # a coefficient that may be off by more can't be told


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
        room = np.where(np.isfinite(allowed[:, j]), allowed[:, j], 1e300)
        back, null, spanned = _inverse(basis, room)
        away = dx[:, j] - t.dx[:, j]
        rest[:, j] = away - spanned @ (spanned.T @ away)
        for _ in range(2):  # the second time for what rounding left of the first
            step = back @ away
            coefficients[j] += _TO_PATHS @ step
            away -= basis @ step
        # Of what is open, stay near 1.
        coefficients[j] -= null @ (null.T @ (coefficients[j] - 1.0))
        large = np.array([np.abs(getattr(t, name)[:, j]).max() for name in PARTS])
        grown = float((np.abs(coefficients[j]) * large).max() / max(large.max(), 1e-300))
        room = room * max(1.0, grown)
        exact[j] = bool((np.abs(rest[:, j]) <= 4 * room).all())
        rank = 3 - null.shape[1]
        unique[j], checked[j] = rank == 3, n > rank
        off[j] = np.abs(_TO_PATHS @ back) @ room + 1e-10 * np.abs(coefficients[j])
        off[j][(np.abs(null) > 1e-3).any(axis=1)] = np.inf
    one, two, three = (coefficients[:, i] * getattr(t, name) for i, name in enumerate(PARTS))
    return Paths(coefficients, off, exact, unique, checked, one, two, three, rest)


def _inverse(basis: Array, room: Array) -> tuple[Array, Array, Array]:
    """From numbers to how often each column of the basis is in them, (3, N), with the least rest.

    And the directions, among the coefficients of the three paths, that they can't tell, (3, m):
    there one would be off by more than MOST_OFF for what the numbers may be off by, room. And
    directions at right angles of all that the basis makes, (N, rank).
    """
    size = np.abs(basis).max(axis=0)
    size *= np.linalg.norm(basis / np.where(size > 0, size, 1.0), axis=0)
    # What is nothing beside what the numbers may be off by must not be mixed up with the rest.
    unit = basis / np.where(size > 0, size, np.inf)
    live = np.abs(unit).T @ room < _NOTHING * size
    # All directions, even of fewer samples: then there are rows of nothing.
    n, m = len(basis), int(live.sum())
    padded = np.vstack([unit[:, live], np.zeros((max(0, m - n), m))])
    u, values, vt = np.linalg.svd(padded, full_matrices=False)
    u = u[:n]
    rank = int((values > 1e-14 * values.max(initial=0.0)).sum())
    back = np.zeros((3, n))
    back[live] = (vt[:rank].T / values[:rank]) @ u[:, :rank].T / size[live, None]
    directions = _TO_PATHS[:, live] @ (vt / size[live]).T  # a column for each
    off = np.abs(u).T @ room
    told = values * MOST_OFF > off * np.abs(directions).max(axis=0)
    null = np.hstack([_TO_PATHS[:, ~live], directions[:, ~told]])
    if null.size:
        null = np.linalg.qr(null / np.abs(null).max(axis=0))[0]
    return back, null, u[:, :rank]


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
