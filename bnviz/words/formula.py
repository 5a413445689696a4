"""Formulas as MathML: the glossary's LaTeX, turned once into what a browser sets by itself.

A part of a formula carries `data-part="dx_hat"`, so that it can be lit and have a number
under it; a place for a number carries `data-slot="x_hat"`. Every formula has an `aria-label`,
the same as plain text. The browser's side is `setMath` and `fillSlots` in dom.js.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from xml.etree import ElementTree as ET

from latex2mathml.converter import convert

from bnviz.words.glossary import TERMS, with_parts

_SPACE = "http://www.w3.org/1998/Math/MathML"

_SPACED = frozenset("=+−·⊗,≠")  # operators with room around them in plain text
_BREAKS = frozenset("=+−·⊗")  # operators that a formula may be taken apart at
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = str.maketrans("ij", "ᵢⱼ")
_OPEN = ("", *" (−√/")  # what plain text goes on from without a space
_CLOSE = {"lspace": "0", "rspace": "0"}  # an operator without room around it
_HATS = {"^": "\u0302", "ˆ": "\u0302", "‾": "\u0304", "―": "\u0304"}


@dataclass(frozen=True)
class Piece:
    """An operator or a factor of a formula, set by itself. part: the term that it shows."""

    mathml: str
    text: str
    part: str = ""
    operator: bool = False


@cache
def symbol(name: str, *, inline: bool = False) -> str:
    """A term's symbol, with fractions; inline: with slashes, for narrow places."""
    return mathml(TERMS[name].latex, inline=inline)


@cache
def equation(name: str) -> str:
    """A term's equation, as it stands in the paper."""
    return mathml(TERMS[name].marked)


@cache
def short(name: str, *, inline: bool = False) -> str:
    """The right side of one sample's equation, as it fits over a column; "" without one."""
    return mathml(TERMS[name].rule, inline=inline) if TERMS[name].rule else ""


@cache
def worked(name: str) -> str:
    """The same in letters and in numbers, which are slots to fill; "" without terms in it.

    x − μ is one number: of two large ones the difference would not be seen. After a digit it
    needs its ·, for 2 beside 1.95 reads as 21.95.
    """
    rule = TERMS[name].rule
    numbers = rule.replace(r"2 (\term{x}", r"2 \cdot (\term{x}")
    numbers = numbers.replace(r"(\term{x} - \term{mean})", r"\slot{deviation}")
    numbers = re.sub(r"\\term\{(\w+)\}", r"\\slot{\1}", numbers)
    if numbers == rule:
        return ""
    return mathml(rf"{rule} = {numbers} = \slot{{{name}}}")


@cache
def mathml(latex: str, *, inline: bool = False) -> str:
    """Any LaTeX with parts and slots, as one `<math>` element.

    >>> mathml(r"\\term{x}")  # doctest: +ELLIPSIS
    '<math xmlns="http://www.w3.org/1998/Math/MathML" ... aria-label="xᵢ"><mrow><mrow data-part=...
    """
    return _written([_tree(latex, inline)], inline)


@cache
def text(latex: str) -> str:
    """The same as plain text.

    >>> text(r"\\term{dx_hat} \\cdot \\frac{2 (x_i - \\mu)}{N}")
    '∂L/∂x̂ᵢ · 2(xᵢ − μ)/N'
    """
    return _plain(_tree(latex, inline=False))


@cache
def factors(latex: str) -> tuple[Piece, ...]:
    """A formula taken apart into its operators and what stands between them."""
    return tuple(
        Piece(
            _written(row, inline=False),
            _joined(row),
            next((key for e in row if (key := e.get("data-part"))), ""),
            _operator(row[0]),
        )
        for row in _runs(latex)
    )


@cache
def broken(latex: str) -> tuple[str, ...]:
    """A long formula in pieces that a narrow screen may set on lines of their own.

    Each begins with its =, + or −, as formulas are broken in print.
    """
    rows: list[list[ET.Element]] = []
    for run in _runs(latex):
        if rows and (_operator(rows[-1][-1]) or run[0].text in ("·", "⊗")):
            rows[-1] += run
        else:
            rows.append(run)
    return tuple(_written(row, inline=False) for row in rows)


def _runs(latex: str) -> list[list[ET.Element]]:
    """The outermost row, cut before and after each operator."""
    top = _tree(latex, inline=False)
    runs: list[list[ET.Element]] = []
    depth = 0
    for element in top:
        depth += {"(": 1, ")": -1}.get(element.text or "", 0)
        alone = depth == 0 and _operator(element)
        if alone:
            element.set("form", "infix")
        if alone or not runs or _operator(runs[-1][0]):
            runs.append([])
        runs[-1].append(element)
    return runs


def _operator(element: ET.Element) -> bool:
    infix = element.get("form") != "prefix"
    return element.tag == "mo" and element.text in _BREAKS and infix


def _tree(latex: str, inline: bool) -> ET.Element:
    """The outermost row, tidied."""
    marked = re.sub(r"\\slot\{(\w+)\}", r"\\href{slot:\1}{\\text{\1}}", with_parts(latex))
    marked = re.sub(r"\\part\{(\w+)\}", r"\\href{part:\1}", marked)
    root = ET.fromstring(convert(marked).replace(f' xmlns="{_SPACE}"', ""))
    for element in root.iter():
        _tidy(element)
    if inline:
        small = {id(child) for style in root.iter("mstyle") for child in style}  # \tfrac
        for fraction in [e for e in root.iter("mfrac") if id(e) not in small]:
            _slash(fraction)
    return root[0]


def _tidy(element: ET.Element) -> None:
    """Names for parts and slots; what the converter takes for operators and is none."""
    kind, _, name = element.attrib.pop("href", "").partition(":")
    if kind:
        element.set(f"data-{kind}", name)
    if kind == "slot":
        element[:] = [ET.Element("mn")]
        element[0].text = name
    for blank in [e for e in element if e.tag == "mo" and not e.text]:
        element.remove(blank)  # the side of \left. that is not drawn
    content = element.text or ""
    if element.tag == "mo" and content == "/":
        element.attrib |= _CLOSE
    if element.tag == "mo" and (content == "∂" or (content.isalpha() and len(content) > 1)):
        element.tag = "mi"  # a letter to set in italics, a word to set upright
    before: ET.Element | None = None
    for child in element:
        if child.text == "−" and (before is None or _awaits(before)):
            child.set("form", "prefix")
        before = child
    if element.tag == "mover" and element[1].text in _HATS:
        element[1].set("stretchy", "false")
        element[1].text = "ˆ" if element[1].text == "^" else element[1].text


def _awaits(element: ET.Element) -> bool:
    """Does a minus after this belong to what follows it?"""
    core = element[0] if element.tag == "msub" else element
    return core.tag == "mo" and core.text not in (")", "|")


def _slash(fraction: ET.Element) -> None:
    """One line in the place of two."""
    top, bottom = fraction
    fraction.tag = "mrow"
    fraction[:] = [*_bracketed(top), _sign("/", _CLOSE), *_bracketed(bottom)]


def _sign(content: str, attributes: dict[str, str] | None = None) -> ET.Element:
    sign = ET.Element("mo", attributes or {})
    sign.text = content
    return sign


def _bracketed(side: ET.Element) -> list[ET.Element]:
    """One side of a slash, in parentheses where it is a sum."""
    return [_sign("("), side, _sign(")")] if _adds(side) else [side]


def _adds(side: ET.Element) -> bool:
    """Is this a sum, outside of all parentheses?"""
    depth = 0
    for element in side.iter():
        if element.tag == "msqrt":
            return False
        depth += {"(": 1, ")": -1}.get(element.text or "", 0)
        plus = element.text in ("+", "−") and element.get("form") != "prefix"
        if depth == 0 and (plus or element.text == "∑"):
            return True
    return False


def _written(row: list[ET.Element], inline: bool) -> str:
    root = ET.Element(
        "math",
        {
            "xmlns": _SPACE,
            "displaystyle": "false" if inline else "true",
            "aria-label": _joined(row),
        },
    )
    root.extend(row)
    return ET.tostring(root, encoding="unicode")


def _plain(element: ET.Element) -> str:
    """An element as plain text; operators between two sides have room around them."""
    content, sides = element.text or "", [_plain(child) for child in element]
    match element.tag:
        case "mo":
            infix = content in _SPACED and element.get("form") != "prefix"
            return f" {content} " if infix else {"∑": "Σ", "⊤": "ᵀ"}.get(content, content)
        case "mspace":
            return " "
        case "mfrac":
            return "/".join(
                f"({text})" if _adds(side) else text
                for side, text in zip(element, sides, strict=True)
            )
        case "msqrt":
            return f"√({''.join(sides)})"
        case "mover":
            return sides[0] + _HATS.get(element[1].text or "", sides[1])
        case "msub":
            base, low = sides
            if base.endswith("|"):
                return f"{base[:-1]}, {low}"
            lowered = low.translate(_LOWERED) if len(low) == 1 else f"_{low}"
            return f"{base}{lowered} " if base == "Σ" else base + lowered
        case "msup":
            high = sides[1].strip()
            raised = high.translate(_RAISED)
            return sides[0] + (raised if len(high) == 1 else f"^({high})")
        case "mrow" | "mstyle":
            return _joined(element)
        case _:
            return content


def _joined(row: Iterable[ET.Element]) -> str:
    """Side by side; what stands beside a slash is kept apart from it."""
    written = before = ""
    for text in map(_plain, row):
        apart = "/" in before + text and before[-1:] not in _OPEN and text[:1] not in ("", *" )/")
        written += f" {text}" if apart else text
        before = text or before
    return re.sub(r"[ \xa0]+", " ", written).replace(" ,", ",").strip()
