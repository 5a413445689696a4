"""Numbers as people read them: a true minus sign, few digits, never a false zero."""

from __future__ import annotations

import math


def number(value: float, signed: bool = False, places: int = 2) -> str:
    """So many decimals where they say something, a power of ten elsewhere.

    >>> number(-0.0272), number(2.2e-16), number(0.0), number(1, signed=True)
    ('−0.03', '2.2e−16', '0', '+1.00')
    >>> number(-0.0272, places=4), number(0.00003, places=4)
    ('−0.0272', '3.0e−5')
    """
    if math.isnan(value):
        return "nan"
    size = abs(value)
    if size == 0:
        return "0"
    if math.isinf(value):
        text = "∞"
    elif size < 0.5 * 10.0**-places or size >= 99_999.5:
        text = f"{size:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    else:
        text = f"{size:.{places if size < 99.995 else 1 if size < 999.95 else 0}f}"
    sign = "-" if value < 0 else "+" if signed else ""
    return (sign + text).replace("-", "−")


def places_for(scale: float) -> int:
    """The decimals of a column whose largest number is about so large: three digits of it.

    >>> places_for(4.0), places_for(0.06), places_for(1e-9)
    (2, 4, 2)
    """
    if not 1e-4 <= scale < 0.3:
        return 2
    return 2 - math.floor(math.log10(scale))


def significant(value: float) -> str:
    """Three significant digits, for columns of numbers of any size.

    >>> significant(0.01234), significant(-12.3456), significant(1.2e-7), significant(0)
    ('0.0123', '−12.3', '1.20e−7', '0')
    """
    if value == 0 or not math.isfinite(value):
        return number(value)
    power = math.floor(math.log10(abs(float(f"{value:.2e}"))))
    if not -3 <= power < 5:
        return f"{value:.2e}".replace("e-0", "e-").replace("e+0", "e").replace("-", "−")
    return f"{value:.{max(0, 2 - power)}f}".replace("-", "−")


def exact(value: float) -> str:
    """The shortest text that reads back as the same number, as one types it."""
    return repr(float(value)).removesuffix(".0")


def plain(value: float) -> float | str:
    """The number for JSON, which has no nan and no inf."""
    return float(value) if math.isfinite(value) else str(float(value))
