"""Numbers as people read them: a true minus sign, few digits, never a false zero."""

from __future__ import annotations

import math


def number(value: float, signed: bool = False) -> str:
    """Two decimals where they say something, a power of ten elsewhere.

    >>> number(-0.0272), number(2.2e-16), number(0.0), number(1, signed=True)
    ('−0.03', '2.2e−16', '0', '+1.00')
    """
    if math.isnan(value):
        return "nan"
    size = abs(value)
    if size == 0:
        return "0"
    if math.isinf(value):
        text = "∞"
    elif size < 0.005 or size >= 99_999.5:
        text = f"{size:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    else:
        text = f"{size:.{2 if size < 99.995 else 1 if size < 999.95 else 0}f}"
    sign = "-" if value < 0 else "+" if signed else ""
    return (sign + text).replace("-", "−")


def exact(value: float) -> str:
    """The shortest text that reads back as the same number, as one types it."""
    return repr(float(value)).removesuffix(".0")


def plain(value: float) -> float | str:
    """The number for JSON, which has no nan and no inf."""
    return float(value) if math.isfinite(value) else str(float(value))
