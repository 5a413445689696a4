"""What rounding may do to a gradient that another program computed, entry by entry.

A program that is right still rounds: its inputs, every product, every sum, and once more where
the number is printed. The bounds follow these errors to first order through the six equations,
for the unit roundoff u of the format it worked in, from what is added up in each entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bnviz.core.arrays import TINY, Array
from bnviz.core.trace import Trace
from bnviz.proof.reading import Pasted


@dataclass(frozen=True)
class Format:
    """A floating-point format: its unit roundoff u, its smallest and its largest number.

    adds: are sums of it rounded at every step? Of bfloat16 every library adds in float32.
    """

    name: str
    u: float
    least: float
    most: float
    adds: bool = True

    def rounded(self, values: Array) -> Array:
        """The nearest numbers of the format."""
        if self.name == "float64":
            return values
        if self.name == "bfloat16":
            # The upper half of a float32, rounded to even.
            with np.errstate(over="ignore"):
                bits = np.atleast_1d(values).astype(np.float32).view(np.uint32)
            up = ((bits >> 16) & 1) + np.uint32(0x7FFF)
            short = ((bits + up) & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)
            return short.reshape(np.shape(values))
        with np.errstate(over="ignore", under="ignore"):
            return values.astype(self.name).astype(np.float64)


FORMATS: Mapping[str, Format] = {
    "float64": Format("float64", 2.0**-53, TINY, 1e300),
    "float32": Format("float32", 2.0**-24, 2.0**-149, 3e38),
    "float16": Format("float16", 2.0**-11, 2.0**-24, 65504.0),
    "bfloat16": Format("bfloat16", 2.0**-8, 2.0**-133, 3e38, adds=False),
}


def _spacing(form: Format, values: Array) -> Array:
    """From one number of the format to the next."""
    power = np.floor(np.log2(np.maximum(np.abs(values), form.least)))
    gaps: Array = np.maximum(2.0 * form.u * 2.0**power, form.least)
    return gaps


def _could_be(mine: Pasted, form: Format) -> tuple[bool, float]:
    """Could all of these be numbers of the format; and in how many of 10^n cases by chance."""
    values = mine.values.ravel()
    half = mine.resolution.ravel()
    near = form.rounded(values)
    if not np.isfinite(near).all():
        return False, 0.0
    if form.name in ("float16", "float32"):
        # NumPy prints the shortest text that reads back as the same number, or some decimals of it.
        short = np.array([float(str(v)) for v in near.astype(form.name)])
    else:
        short = near
    slack = half * (1 + 1e-9) + 1e-15 * np.abs(values)
    fits = (np.abs(near - values) <= slack) | (np.abs(short - values) <= slack)
    told = values != 0
    unit = np.maximum(2 * half, 1e-15 * np.abs(values))[told]
    gaps = _spacing(form, values[told])
    evidence = float(np.log10(np.maximum(gaps / unit, 1.0)).sum()) if told.any() else 0.0
    return bool(fits.all()), evidence


def formats(mine: Pasted) -> list[tuple[Format, bool]]:
    """The formats that the numbers may have been computed in, the finest first.

    And of each whether that is known: it was stated, or chance is unlikely to make all of them
    numbers of that format. float32 is what frameworks compute in; it needs no proof.
    """
    found = [(FORMATS["float64"], True)]
    for name in ("float32", "float16", "bfloat16"):
        form = FORMATS[name]
        possible, evidence = _could_be(mine, form)
        if mine.dtype == name or (possible and (name == "float32" or evidence >= 1)):
            found.append((form, True))
        elif possible and not mine.dtype:
            found.append((form, False))
    if mine.dtype in ("float16", "bfloat16"):
        return [(form, known) for form, known in found if form.name in ("float64", mine.dtype)]
    return found


@np.errstate(all="ignore")
def bounds(t: Trace, form: Format, given: tuple[float, float] = (0.0, 0.0)) -> dict[str, Array]:
    """What rounding in the format may do to each term, entry by entry; inf where all is lost.

    given: by how much x and ∂L/∂y themselves may be off, as they were written to few digits.
    """
    s = t.scenario
    n = s.shape[0]
    u, least = form.u, form.least
    # Errors of a sum of n numbers grow as √n; where blocks are long, somewhat faster.
    many = 4.0 + np.sqrt(n) + n / 512 if form.adds else 2.0
    inv, x_hat = t.inv_std, np.abs(t.x_hat)
    g, dy = np.abs(t.dx_hat), np.abs(s.dy)

    size_x = np.abs(s.x)
    if s.computed and s.a is not None and s.weight is not None and s.bias is not None:
        size_x = size_x + (np.abs(s.a) @ np.abs(s.weight) + np.abs(s.bias)) * (s.d + 1)
    off_mean = u * many * size_x.mean(axis=0)
    off_x, off_dy = given
    off_dev = 2 * u * size_x + off_mean + 2 * off_x + least
    spread = 1.0 / inv**2  # σ² + ε
    off_var = (
        2 * (np.abs(t.deviation) * off_dev).mean(axis=0) + np.square(off_dev).mean(axis=0)
    ) / spread
    off_var = off_var + u * (many + 4) + 4 * least / spread
    off_inv = off_var / 2 + 4 * u + least / inv**3
    off_x_hat = inv * off_dev + x_hat * off_inv
    largest = np.maximum(size_x.sum(axis=0), n * spread) + np.maximum(inv, inv**3)
    lost = ~((off_var < 0.25) & ((inv * off_dev).max(axis=0) < 0.25) & (largest < form.most))

    off_g = 4 * u * g + np.abs(s.gamma) * off_dy + 2 * least
    dy = dy + off_dy
    mean_g, gx = g.mean(axis=0), (g * x_hat).mean(axis=0)
    along = np.abs((t.dx_hat * t.x_hat).mean(axis=0))
    off_along = (g * off_x_hat + off_g * x_hat).mean(axis=0) + gx * u * (many + 4) + least
    parts = g + mean_g + x_hat * gx
    # Errors of many roundings rarely all add up: this is still twice what was ever seen.
    dx = (1.0 if any(given) else 0.5 if u < 1e-6 else 0.3) * inv * (
        off_g
        + off_g.mean(axis=0)
        + u * (many + 4) * mean_g
        + off_x_hat * (along + off_along)
        + x_hat * off_along
        + parts * 3 * off_inv
    ) + least * (4 + 4 * inv + 4 * x_hat * inv**2 + 4 * np.abs(t.deviation))
    found = {
        "dx_hat": off_g,
        "dgamma": 2 * (dy * off_x_hat).sum(axis=0)
        + (dy * x_hat).sum(axis=0) * u * (many + 4)
        + x_hat.sum(axis=0) * off_dy
        + n * least,
        "dbeta": dy.sum(axis=0) * u * (many + 2) + n * (off_dy + least),
        "dvar": inv**2 * n * (off_along + gx * (3 * off_inv + 4 * u)) + least,
        "dmean": inv * n * mean_g * (u * (many + 4) + off_inv)
        + inv * (along + off_along) * 2 * (off_x_hat.sum(axis=0) + n * u * many)
        + n * least * (1 + inv),
        "dx": dx,
    }
    if s.a is not None:
        a = np.abs(s.a)
        off = dx + u * (many + 4) * np.abs(t.dx)
        found["dweight"] = 2 * np.sqrt(np.square(a).T @ np.square(off)) + least
        found["dbias"] = off.sum(axis=0) + n * least  # an error of the mean is shared by all
        if s.weight is not None:
            w = np.abs(s.weight).T
            found["da"] = (dx + u * (s.shape[1] + 4) * np.abs(t.dx)) @ w + least
    for term in ("dgamma", "dvar", "dmean", "dx", "dweight", "dbias"):
        if term in found:
            found[term] = np.where(lost, np.inf, found[term])
    if "da" in found and lost.any():
        found["da"] = np.full(found["da"].shape, np.inf)
    return {term: np.where(np.isnan(value), 0.0, value) + TINY for term, value in found.items()}


@np.errstate(all="ignore")
def sizes(t: Trace) -> dict[str, Array]:
    """How large the numbers are that are added up in each term: what a zero is measured by."""
    s = t.scenario
    g, dy, x_hat = np.abs(t.dx_hat), np.abs(s.dy), np.abs(t.x_hat)
    dx = t.inv_std * (g + g.mean(axis=0) + x_hat * (g * x_hat).mean(axis=0))
    found = {
        "dx_hat": g,
        "dx": dx,
        "dgamma": (dy * x_hat).sum(axis=0),
        "dbeta": dy.sum(axis=0),
        "dvar": t.inv_std**2 * (g * x_hat).sum(axis=0) / 2,
        "dmean": t.inv_std * g.sum(axis=0),
    }
    if s.a is not None:
        found["dweight"] = np.abs(s.a).T @ dx
        found["dbias"] = dx.sum(axis=0)
        if s.weight is not None:
            found["da"] = dx @ np.abs(s.weight).T
    return found
