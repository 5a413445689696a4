"""The neighbours in many digits: y and ∂L/∂x of each norm, from what it is taken over."""

from __future__ import annotations

from typing import Any

from mpmath import mp

from bnviz.core.scenario import Scenario
from tests.harness.exact import SMALL, largest, reals

Table = list[list[Any]]
_KEPT: dict[tuple[int, str], tuple[Scenario, Any]] = {}


def taken_over(s: Scenario, name: str) -> list[list[tuple[int, int]]]:
    """The groups of places that a norm takes together; rows are images × positions."""
    n, k = s.shape
    images = next((m for m in range(2, n + 1) if n % m == 0), 1)
    channels = k // (2 if k % 2 == 0 and k >= 4 else 1)
    key: Any = {
        "layer": lambda i, j: i,
        "rms": lambda i, j: i,
        "instance": lambda i, j: (i // (n // images), j),
        "group": lambda i, j: (i // (n // images), j // channels),
    }.get(name, lambda i, j: j)
    found: dict[Any, list[tuple[int, int]]] = {}
    for i in range(n):
        for j in range(k):
            found.setdefault(key(i, j), []).append((i, j))
    return list(found.values())


def normed(s: Scenario, name: str) -> tuple[Table, Table, Any]:
    """y, ∂L/∂x (N, k), and what rounding may do to an entry of ∂L/∂x, at most."""
    kept = _KEPT.get((id(s), name))
    if kept is None or kept[0] is not s or kept[1][0] != mp.dps:
        if len(_KEPT) > 64:
            _KEPT.clear()
        _KEPT[id(s), name] = kept = s, (mp.dps, _normed(s, name))
    made: tuple[Table, Table, Any] = kept[1][1]
    return made


def _normed(s: Scenario, name: str) -> tuple[Table, Table, Any]:
    n, k = s.shape
    x, dy = [reals(row) for row in s.x], [reals(row) for row in s.dy]
    gamma, beta, eps = reals(s.gamma), reals(s.beta), mp.mpf(s.eps)
    y: Table = [[None] * k for _ in range(n)]
    dx: Table = [[None] * k for _ in range(n)]
    slack = mp.mpf(SMALL)
    for places in taken_over(s, name):
        values, g = [x[i][j] for i, j in places], [gamma[j] * dy[i][j] for i, j in places]
        many = len(places)
        mean = mp.mpf(0) if name == "rms" else mp.fsum(values) / many
        var = mp.fsum((v - mean) ** 2 for v in values) / many
        if name == "eval":  # after one step of momentum 0.1, from 0 and 1
            var = mp.mpf("0.9") + var * n / (n - 1) / 10 if n > 1 else mp.mpf(1)
            mean = mean / 10 if n > 1 else mp.mpf(0)
        total = var + eps
        inv = 1 / mp.sqrt(total) if total else mp.mpf(0)
        x_hat = [(v - mean) * inv for v in values]
        along = mp.fsum(a * b for a, b in zip(g, x_hat, strict=True)) / many
        middle = mp.fsum(g) / many
        if name in ("frozen", "eval"):
            along = middle = mp.mpf(0)
        if name == "rms":
            middle = mp.mpf(0)
        for (i, j), h, v in zip(places, x_hat, g, strict=True):
            y[i][j] = gamma[j] * h + beta[j]
            dx[i][j] = inv * (v - middle - h * along)
        unit = mp.mpf(4 * (many + 8)) * mp.mpf(2) ** -52
        size = inv * mp.fsum(map(abs, g)) * max(mp.mpf(1), largest(x_hat)) ** 2
        far = 1 + largest(values) * inv if name in ("rms", "eval") else 1
        slack = max(slack, unit * size * far)
    return y, dx, slack
