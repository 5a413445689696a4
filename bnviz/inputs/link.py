"""Scenario and view <-> the query of a URL, in numbers that a person can read.

Numbers are joined by "_", rows by "~". A checksum over everything tells a link
that was cut or mistyped from one that wasn't; what it lets through is still
parsed as hostile.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.scenario import MAX_INPUTS, MAX_NEURONS, MAX_ROWS, Scenario
from bnviz.core.view import View
from bnviz.inputs.presets import DEFAULT, PRESETS

_TABLES = {"x": "x", "dy": "dy", "a": "a", "weight": "w"}
_ROWS = {
    "gamma": "gamma",
    "beta": "beta",
    "bias": "b",
    "running_mean": "rmean",
    "running_var": "rvar",
}
_CHECK = "check"
_KEYS = (*_TABLES.values(), *_ROWS.values(), "eps", "neuron", "input", _CHECK)
_NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)(e-?\d+)?", re.ASCII)
_LONGEST = 20_000

_WORD = re.compile(r"[a-z_]{2,12}", re.ASCII)  # the page knows which there are

# What a link may leave out: the row of sums, the weight column, the way to the other pages,
# and everything that sets a number.
HIDABLE = ("sums", "dW", "pages", "inputs")
_HIDE = "|".join(HIDABLE)

# What a page keeps in the URL beside the scenario: its default, and what it may be.
OPTIONS = {
    "sample": ("1", re.compile(r"[1-9]\d?", re.ASCII)),
    "step": ("1", re.compile(r"[1-9]\d?", re.ASCII)),
    "part": ("1", re.compile(r"[1-5]", re.ASCII)),
    "upto": ("64", re.compile(r"[1-9]\d?", re.ASCII)),
    # The lever: where arms are measured from, the rate of a step, and how many were taken.
    "mark": ("0", re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)),
    "rate": ("0.2", re.compile(r"[0-2](\.\d{1,4})?", re.ASCII)),
    "steps": ("0", re.compile(r"1?\d|20", re.ASCII)),
    "hide": ("", re.compile(rf"({_HIDE})(,({_HIDE})){{0,{len(HIDABLE) - 1}}}")),
    "lesson": ("1", re.compile(r"[1-9]|1[01]", re.ASCII)),
    "said": ("", re.compile(r"[a-f-]{1,11}", re.ASCII)),
    "guess": ("", re.compile(r"[-+.\de~]{1,160}", re.ASCII)),
    "present": ("0", re.compile(r"[01]", re.ASCII)),
    # The room that this window steers: its code, and the secret, which is never shared.
    "room": ("", re.compile(r"[a-z2-9]{6}[0-9a-f]{32}", re.ASCII)),
    # A room to join, and once joined its code and what this window is known by there.
    "join": ("", re.compile(r"[a-z2-9]{6}", re.ASCII)),
    "seat": ("", re.compile(r"[a-z2-9]{6}[0-9a-f]{32}", re.ASCII)),
    # The one picture of a page that is presented.
    "see": ("", re.compile(r"river|table|sums|lever")),
    "notes": ("0", re.compile(r"[01]", re.ASCII)),
    "proof": ("1", re.compile(r"[1-5]", re.ASCII)),
    "loss": ("given", _WORD),
    "mistake": ("mean", _WORD),
    "term": ("dx", _WORD),
    "pass": ("float32-one", re.compile(r"float\d\d-(one|two)", re.ASCII)),
    "norm": ("frozen", _WORD),
    "layer": ("", re.compile(r"digits", re.ASCII)),
    "sort": ("", re.compile(r"worst", re.ASCII)),
    "which": ("0", re.compile(r"[1-9]\d{0,3}", re.ASCII)),
    "look": ("0", re.compile(r"[1-9]\d{0,4}", re.ASCII)),
    # Numbers that were handed in: maybe their dtype, then rows, as in the tables.
    "mine": ("", re.compile(r"(b?float\d\d~)?-?[\d.][-\d._~e]{0,1500}", re.ASCII)),
    # The decimals that x and ∂L/∂y were given to, where they are not exact.
    "given": ("", re.compile(r"\d{1,2}_\d{1,2}", re.ASCII)),
    # The network: its settings, the step and the layer looked at; see `bnviz.inputs.networks`.
    "net": ("", re.compile(r".{1,2000}", re.DOTALL)),
    "at": ("", re.compile(r"\d{1,9}", re.ASCII)),
    "deep": ("0", re.compile(r"[1-9]\d?", re.ASCII)),
    "power": ("0", re.compile(r"-?[0-3](\.\d{1,2})?", re.ASCII)),
}


class ShareError(ValueError):
    """A link that can't be read; the message is for the person who opened it."""


def _write_number(value: float) -> str:
    text = repr(float(value)).replace("e+", "e")
    text = text.removesuffix(".0")
    return re.sub(r"^(-?)0\.", r"\1.", text)


def _write_row(values: Array) -> str:
    return "_".join(_write_number(v) for v in values)


def _checksum(params: Mapping[str, str]) -> str:
    text = "&".join(f"{key}={params[key]}" for key in sorted(params) if key != _CHECK)
    return f"{zlib.crc32(text.encode(errors='surrogatepass')):08x}"


def encode(scenario: Scenario, view: View) -> dict[str, str]:
    """The query parameters; none for the default scenario, seen as it opens."""
    if view == PRESETS[DEFAULT].view and scenario == PRESETS[DEFAULT].scenario:
        return {}
    given = scenario.given()
    params = {
        key: "~".join(_write_row(row) for row in given[name])
        for name, key in _TABLES.items()
        if given[name] is not None
    }
    params |= {
        key: _write_row(given[name]) for name, key in _ROWS.items() if given[name] is not None
    }
    params["eps"] = _write_number(scenario.eps)
    params["neuron"] = str(view.neuron + 1)
    params["input"] = str(view.input + 1)
    return params | {_CHECK: _checksum(params)}


def own(params: Mapping[str, str]) -> dict[str, str]:
    """Of all parameters of a URL, those that are this codec's."""
    return {key: params[key] for key in (*_KEYS, *OPTIONS) if key in params}


def encode_options(options: Mapping[str, str]) -> dict[str, str]:
    """The query parameters of what differs from its default."""
    return {
        key: options[key]
        for key, (default, _) in OPTIONS.items()
        if options.get(key, default) != default
    }


def decode_options(params: Mapping[str, str]) -> dict[str, str]:
    """Every option, by name; one that is missing or can't be read has its default."""
    return {
        key: params[key] if pattern.fullmatch(params.get(key, "")) else default
        for key, (default, pattern) in OPTIONS.items()
    }


def unreadable_options(params: Mapping[str, str]) -> list[str]:
    """The options of a link that can't be read, by name."""
    return [
        key
        for key, (default, pattern) in OPTIONS.items()
        if params.get(key, "") not in ("", default) and not pattern.fullmatch(params[key])
    ]


def _read_number(text: str) -> float:
    # 32 characters hold every float64; the pattern has no nan, inf or underscore.
    if len(text) > 32 or not _NUMBER.fullmatch(text) or not np.isfinite(float(text)):
        raise ShareError("it holds something that is not a number")
    return float(text)


def _read_table(text: str, rows: int, columns: int) -> Array:
    lines = [line.split("_") for line in text.split("~")]
    if len(lines) > rows or any(len(line) != len(lines[0]) for line in lines):
        raise ShareError("one of its tables has the wrong shape")
    if len(lines[0]) > columns:
        raise ShareError("one of its tables is too wide")
    return np.array([[_read_number(cell) for cell in line] for line in lines])


def _read_index(text: str) -> int:
    if not re.fullmatch(r"[1-9]", text, re.ASCII):
        raise ShareError("it names a neuron or an input that isn't there")
    return int(text) - 1


def decode(params: Mapping[str, str]) -> tuple[Scenario, View]:
    """The scenario and the view of a link; ShareError says why there is none."""
    mine = {key: params[key] for key in _KEYS if key in params}
    if not mine:
        return PRESETS[DEFAULT].scenario, PRESETS[DEFAULT].view
    if sum(map(len, mine.values())) > _LONGEST:
        raise ShareError("it is too long")
    if mine.get(_CHECK) != _checksum(mine):
        raise ShareError("a part of it is missing or was changed")
    if not {"dy", "a", "gamma", "beta", "eps", "neuron", "input"} <= set(mine):
        raise ShareError("a part of it is missing")
    if ("x" in mine) == ("w" in mine):
        raise ShareError("it must give either x or W")

    widths = {"x": MAX_NEURONS, "dy": MAX_NEURONS, "a": MAX_INPUTS, "weight": MAX_NEURONS}
    given: dict[str, Any] = {"x": None, "eps": _read_number(mine["eps"])}
    for name, key in _TABLES.items():
        if key in mine:
            given[name] = _read_table(mine[key], MAX_ROWS, widths[name])
    for name, key in _ROWS.items():
        if key in mine:
            given[name] = _read_table(mine[key], 1, MAX_NEURONS)[0]
    try:
        scenario = Scenario(**given)
    except ValueError as error:
        raise ShareError("its tables don't fit together") from error
    if not np.isfinite(scenario.x).all():
        raise ShareError("its numbers are too large")
    view = View(_read_index(mine["neuron"]), _read_index(mine["input"]))
    if view != view.within(scenario):
        raise ShareError("it names a neuron or an input that isn't there")
    return scenario, view
