"""What is drawn at every position of a held number, as one table of what differs.

A drag moves one number along a grid of steps. All of what Python would draw at each step is
computed here at once; the browser only looks it up, in the same frame and at any network delay.

The bytes, compressed (zlib) where they are many: a length (4 bytes, little-endian), JSON of that
length, and float64 numbers, an entry of `numbers` after the other, which lists all the places
where it stands, with its value at each position. Of all of them come first the first bytes, then
the second: side by side, what hardly differs compresses.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

POSITIONS = 36  # on either side of where the number is
_SMALLEST_EPS = -12  # a power of ten; below it a dragged ε is 0
_NUMBER = re.compile(r"([+−]?(?:\d+\.\d+(?:e−?\d+)?|∞))")

Path = tuple[str | int, ...]
Json = Mapping[str, Any]


def grid(value: float, step: float, *, log: bool, count: int = POSITIONS) -> list[float]:
    """The positions of a held number about its value, as the browser steps through them.

    log: steps of a tenth of `step` decades, with two digits; below the smallest it is 0.
    """
    if not log:
        centre = round(value / step)
        return [float(f"{(centre + i) * step:.12g}") + 0.0 for i in range(-count, count + 1)]
    centre = round(math.log10(value) / step) if value > 0 else round(_SMALLEST_EPS / step)
    powers = ((centre + i) * step for i in range(-count, count + 1))
    found = [float(f"{10.0**p:.1e}") if p > _SMALLEST_EPS else 0.0 for p in powers if p < 99]
    return sorted(set(found))


def _differing(path: Path, now: Any, column: list[Any]) -> Iterator[tuple[Path, list[Any]]]:
    """The places where something of a column is not as it is now, each with its values.

    All scenes are walked at once, and what is the same in all of them is not entered: nearly all
    of a scene is. Lists of texts are one.
    """
    if all(value == now for value in column):
        return
    first = column[0]
    if isinstance(first, dict):
        known = now if isinstance(now, dict) else {}
        for key in first:
            found = [value.get(key) if isinstance(value, dict) else None for value in column]
            yield from _differing((*path, key), known.get(key), found)
    elif isinstance(first, list) and first and not isinstance(first[0], str):
        for i in range(len(first)):
            found = [_entry(value, i) for value in column]
            yield from _differing((*path, i), _entry(now, i), found)
    else:
        yield path, column


def _entry(value: Any, i: int) -> Any:
    return value[i] if isinstance(value, list) and i < len(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _coded(values: Sequence[Any]) -> tuple[list[Any], list[int], list[list[str]]]:
    """The different texts, with gaps for their numbers; which is where; and the numbers."""
    kinds: dict[str, int] = {}
    which, numbers = [], []
    for value in values:
        pieces = _NUMBER.split(json.dumps(value, ensure_ascii=False))
        which.append(kinds.setdefault("\0".join(pieces[::2]), len(kinds)))
        numbers.append(pieces[1::2])
    return [kind.split("\0") for kind in kinds], which, numbers


def encode(
    held: Json,
    values: Sequence[float],
    drawn: Sequence[Json],
    here: Json,
    *,
    compressed: bool = True,
) -> bytes:
    """The table. held: what is held; drawn: what is drawn at each of the values.

    here: what is drawn now, which may be none of these; the browser changes it into each.
    A few positions are best sent as they are, since browsers take their time to unpack.
    """
    numbers: dict[tuple[float, ...], list[Path]] = {}  # the same number in two places goes once
    texts: list[Json] = []
    for path, column in _differing((), here, list(drawn)):
        if all(map(_is_number, column)):
            numbers.setdefault(tuple(float(v) for v in column if v is not None), []).append(path)
        else:
            kinds, which, inside = _coded(column)
            texts.append({"path": path, "kinds": kinds, "which": which, "numbers": inside})
    head = {**held, "values": list(values), "numbers": list(numbers.values()), "texts": texts}
    written = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    written += b" " * (-(len(written) + 4) % 8)  # the numbers begin at a multiple of eight
    table = np.array(list(numbers), dtype="<f8").reshape(-1, 1)
    planes = table.view(np.uint8).T.tobytes()
    table_of = len(written).to_bytes(4, "little") + written + planes
    return zlib.compress(table_of, 1) if compressed else table_of
