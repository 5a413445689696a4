"""Numbers as people read them: a true minus sign, few digits, never a false zero."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal

_EXACT = Context(prec=800)  # holds every float64 to its last digit


def _fixed(size: Decimal, places: int) -> Decimal:
    """So many decimals, a half upwards: as people round, and as JavaScript does."""
    return size.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _EXACT)


def _scientific(size: Decimal) -> str:
    """One decimal and a power of ten: 2.2e-16."""
    power = size.adjusted()
    digits = _fixed(size.scaleb(-power, _EXACT), 1)
    if digits >= 10:
        power, digits = power + 1, _fixed(digits.scaleb(-1), 1)
    return f"{digits}e{power}"


def number(value: float, signed: bool = False, places: int = 2) -> str:
    """So many decimals where they say something, a power of ten elsewhere.

    `numbers.js` does the same in the browser.

    >>> number(-0.0272), number(2.2e-16), number(0.0), number(1, signed=True)
    ('−0.03', '2.2e−16', '0', '+1.00')
    >>> number(-0.0272, places=4), number(0.00003, places=4), number(0.125)
    ('−0.0272', '3.0e−5', '0.13')
    """
    if math.isnan(value):
        return "nan"
    size = abs(value)
    if size == 0:
        return "0"
    if math.isinf(value):
        text = "∞"
    elif size < float(f"5e-{places + 1}") or size >= 99_999.5:
        text = _scientific(Decimal(size))
    else:
        places = places if size < 99.995 else 1 if size < 999.95 else 0
        text = str(_fixed(Decimal(size), places))
    sign = "-" if value < 0 else "+" if signed else ""
    return (sign + text).replace("-", "−")


def is_exact(text: str, value: float) -> bool:
    """Is the text all of the number? Then an equals sign may stand before it.

    >>> is_exact("0.50", 0.5), is_exact("−0.33", -1 / 3)
    (True, False)
    """
    return math.isfinite(value) and Decimal(text.replace("−", "-")) == Decimal(repr(float(value)))


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

    >>> significant(0.01234), significant(-12.3456), significant(1.2e-7), significant(3e123)
    ('0.0123', '−12.3', '1.20e−7', '3.00e123')
    """
    if value == 0 or not math.isfinite(value):
        return number(value)
    power = math.floor(math.log10(abs(float(f"{value:.2e}"))))
    if not -3 <= power < 5:
        text = f"{value:.2e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
        return text.replace("-", "−")
    return f"{value:.{max(0, 2 - power)}f}".replace("-", "−")


def exact(value: float) -> str:
    """The shortest text that reads back as the same number, as one types it."""
    return repr(float(value)).removesuffix(".0")


def plain(value: float) -> float | str:
    """The number for JSON, which has no nan and no inf."""
    return float(value) if math.isfinite(value) else str(float(value))


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they differ, three at least.

    >>> told_apart(-1.1328125, -1.1258353163)
    ('−1.133', '−1.126')
    >>> told_apart(0.25, 0.25)
    ('0.250', '0.250')
    """
    for digits in range(2, 17):
        texts = [f"{value:.{digits}e}" for value in (one, other)]
        if texts[0] != texts[1] or digits == 16:
            break
    if one == other:
        digits = 2
    size = max(abs(one), abs(other))
    power = math.floor(math.log10(size)) if size > 0 and math.isfinite(size) else 0
    if -4 <= power < 5:
        places = max(0, digits - power)
        shown = [f"{value:.{places}f}" for value in (one, other)]
    else:
        shown = [
            f"{value:.{digits}e}".replace("e-0", "e-").replace("e+0", "e") for value in (one, other)
        ]
        shown = [text.replace("e+", "e") for text in shown]
    # Of two sizes the smaller must not read as 0; and a zero has no sign and no power.
    values = (one, other)
    shown = [t if float(t) else number(v) for t, v in zip(shown, values, strict=True)]
    return shown[0].replace("-", "−"), shown[1].replace("-", "−")
