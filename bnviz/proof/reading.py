"""Text that holds numbers -> the array in it: any print that people have, and nothing is executed.

Brackets are read by a grammar of a few lines: a number, a list of values in (), [] or {}, or
a known name with one value in it, such as array([…], dtype=float32). What stands without
brackets is read as a table of lines. Whatever is neither is refused, with its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bnviz.core.arrays import Array

LONGEST = 200_000
EXACT = 15  # so many digits, and a float64 is printed whole
_LARGEST = 1e200
_DEEPEST = 4  # (N, k, 1, 1)


class PasteError(ValueError):
    """A text that holds no usable array; the message says what is wrong with it."""


@dataclass(frozen=True)
class Pasted:
    """What was read: the values, half a unit of each one's last digit, and the stated dtype.

    given: half a unit of the digits that x and ∂L/∂y were given to, where these were read as
    well; what they stood for before they were printed may be off by so much.
    """

    values: Array
    resolution: Array
    dtype: str = ""
    given: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class _Number:
    value: float
    decimals: int
    exponent: int
    digits: int
    scientific: bool


# ---- One number -----------------------------------------------------------------------

_NUMBER = re.compile(r"[-+]?(?:\d+\.?(\d*)|\.(\d+))(?:[eEdD]([-+]?\d{1,4}))?[fF]?", re.ASCII)
_COMPLEX = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?[-+][\d.]+(e[-+]?\d+)?[ij]|[-+]?[\d.]+[ij]", re.I)
_MISSING = ("nan", "inf", "na", "null", "none", "infinity")


def _shown(text: str) -> str:
    return text if len(text) <= 20 else text[:19] + "…"


def _read(text: str, place: str) -> _Number:
    match = _NUMBER.fullmatch(text)
    if match is None:
        if text.lower().lstrip("+-") in _MISSING:
            raise PasteError(f"{place}: “{_shown(text)}” is not a number that can be judged.")
        if _COMPLEX.fullmatch(text[:200]):
            raise PasteError(
                f"{place}: “{_shown(text)}” is complex; a gradient of real numbers is real."
            )
        raise PasteError(f"{place}: “{_shown(text)}” is not a number.")
    mantissa = re.sub(r"[dD]", "e", text.rstrip("fF"))
    value = float(mantissa)
    if not np.isfinite(value) or abs(value) > _LARGEST:
        raise PasteError(f"{place}: {_shown(text)} is too large.")
    digits = re.sub(r"e.*|\D", "", mantissa.lower()).lstrip("0")
    decimals = len(match.group(1) or match.group(2) or "")
    power = match.group(3)
    return _Number(value, decimals, int(power or 0), len(digits), power is not None)


def _pack(numbers: list[_Number], shape: tuple[int, ...], unit: int = 0) -> Pasted:
    """unit: the power of ten that stood over the table, as MATLAB has it."""
    if not numbers:
        raise PasteError("There are no numbers in it.")
    values = np.array([x.value for x in numbers]) * 10.0**unit
    return Pasted(values.reshape(shape), _resolution(numbers, unit).reshape(shape))


def _resolution(numbers: list[_Number], unit: int) -> Array:
    """Half a unit of the last digit that each number was given to: (M,).

    NumPy and Python leave trailing zeros out, so the number with most decimals speaks for
    all: "0.7" beside "0.66779169" is 0.70000000. Nothing but "0" and "0." is exactly that.
    """
    most = max(x.decimals for x in numbers)
    digits = [x.digits for x in numbers]
    # Where all have as many decimals, a long number among short ones is only a large one.
    fixed = most >= 2 and all(x.decimals == most and not x.scientific for x in numbers)
    whole = max(digits) >= EXACT and not (fixed and min(digits) < EXACT)
    if whole or not (most or any(x.value for x in numbers)):
        return np.zeros(len(numbers))
    powers = np.array([float(x.exponent - most + unit) for x in numbers])
    halves: Array = 0.5 * 10.0 ** np.maximum(powers, -300.0)
    # A zero among powers of ten is a zero: it would have been printed with one of its own.
    zero = np.array([x.scientific and x.value == 0 for x in numbers])
    if zero.any() and not zero.all():
        halves[zero] = halves[~zero].min()
    return halves


# ---- What stands around ------------------------------------------------------------------

_BLANKS = dict.fromkeys(
    map(ord, "\u00a0\u1680\u2002\u2003\u2007\u2009\u200a\u202f\u205f\u3000"), " "
)
_SIGNS = dict.fromkeys(map(ord, "−–﹣－"), "-")
_NOTHING = dict.fromkeys(map(ord, "\ufeff\u200b\u2060"), None)
_ASKED = re.compile(
    r"\s*(>>>|In ?\[\d{0,6}\]:|julia>|octave(:\d{1,6})?>|> ?[A-Za-z]|\$ ).*", re.ASCII
)
_ANSWERED = re.compile(r"\s*Out ?\[\d{0,6}\]=?:?", re.ASCII)
_DTYPES = {
    "float64": ("float64", "double", "f64"),
    "float32": ("float32", "float", "f32", "single"),
    "float16": ("float16", "half", "f16"),
    "bfloat16": ("bfloat16", "bf16"),
}
_DTYPE = re.compile(
    r"(?:dtype\s{0,3}[=:]\s{0,3}['\"]?(?:\w{1,8}\.){0,2}|np\.|numpy\.|(?:Matrix|Vector|Array)\{|\],\s)"
    r"(b?float(?:16|32|64)?|double|half|single|[bf]{1,2}(?:16|32|64))\b",
    re.ASCII | re.I,
)
_DOTS = ("...", "…", "⋮", "⋯", "⋱", "reached getOption")
_WHOLE = (
    (("tensor(", "torch"), "PyTorch", "torch.set_printoptions(profile='full')"),
    (("tf.Tensor",), "TensorFlow", "np.set_printoptions(threshold=100000), which TensorFlow obeys"),
    (("⋮", "⋯", "⋱", "Matrix{"), "Julia", "show(stdout, dx)"),
    (("rows x", "columns]"), "pandas", "print(dx.to_string())"),
    (("getOption",), "R", "options(max.print = 100000)"),
)


def _stated(text: str) -> str:
    """The dtype that the print states; nothing where it states none."""
    found = _DTYPE.search(text)
    word = found[1].lower() if found else ""
    return next((name for name, words in _DTYPES.items() if word in words), "")


def _left_out(text: str) -> str:
    """What to say where a print has dots in the place of numbers."""
    at = min(place for sign in _DOTS if (place := text.find(sign)) >= 0)
    line = text.count("\n", 0, at) + 1
    library, how = "NumPy", "np.set_printoptions(threshold=100000)"
    for signs, name, told in _WHOLE:
        if any(sign in text for sign in signs):
            library, how = name, told
            break
    return (
        f"{library} left numbers out of this print, where line {line} has dots. Print it whole: "
        f"{how}."
    )


def _tidy(text: str) -> str:
    """One kind of blank, minus and line end; no prompts and no remarks."""
    text = text.translate(_BLANKS | _SIGNS | _NOTHING).replace("\r\n", "\n").replace("\r", "\n")
    lines = []
    for line in text.split("\n"):
        if _ASKED.fullmatch(line[:300]) or line.lstrip().startswith(("#", "%", "```")):
            continue
        lines.append(_ANSWERED.sub("", line, count=1) if "Out" in line[:12] else line)
    return "\n".join(lines)


def parse(text: str) -> Pasted:
    """The array in a text; PasteError says in a sentence why there is none."""
    if len(text) > LONGEST:
        raise PasteError(f"That is too long: the limit is {LONGEST} characters.")
    tidy = _tidy(text)
    if not tidy.strip():
        raise PasteError("There is nothing in it yet.")
    if any(sign in tidy for sign in _DOTS):
        raise PasteError(_left_out(tidy))
    dtype = _stated(text)  # in a remark as well
    lines = _without_heads([line.strip() for line in tidy.split("\n") if line.strip()])
    found = _Brackets(tidy).all() if lines is None else _table(lines)
    return Pasted(found.values, found.resolution, dtype)


def as_text(mine: Pasted) -> str:
    """Lines that are read back as the same numbers, to the same digits."""
    values = mine.values.reshape(-1, mine.values.shape[-1]) if mine.values.ndim else mine.values
    halves = mine.resolution.reshape(values.shape)
    lines = [
        " ".join(_written(float(v), float(h)) for v, h in zip(row, half, strict=True))
        for row, half in zip(values, halves, strict=True)
    ]
    head = [f"# dtype={mine.dtype}"] if mine.dtype else []
    return "\n".join([*head, *lines])


def _written(value: float, half: float) -> str:
    if half == 0:
        return repr(value)
    places = round(-np.log10(2 * half))
    if 0 <= places <= 12:
        return f"{value:.{places}f}"
    power = int(np.floor(np.log10(abs(value)))) if value else 0
    return f"{value:.{max(0, places + power)}e}"


# ---- Brackets ----------------------------------------------------------------------------

_TOKEN = re.compile(
    r"\s*(?:([\[\](){},;<>=:])|(\"[^\"\n]{0,60}\"|'[^'\n]{0,60}')|([^\s\[\](){},;<>=:\"']+)|(.))",
    re.DOTALL,
)
_CLOSES = {"[": "]", "(": ")", "{": "}"}
_MAKERS = frozenset(
    "array tensor Tensor Array asarray ndarray matrix mat DeviceArray Parameter Variable list "  # noqa: SIM905
    "tuple float float16 float32 float64 bfloat16 FloatTensor DoubleTensor HalfTensor "
    "EagerTensor single double".split()
)
_WORDS = frozenset(("Parameter", "containing", "tensor", "Out", "NDArray", "numpy"))
# What libraries write behind the numbers, as <NDArray 6x2 @cpu(0)> or Tensor[[6, 2], f32].
_BEHIND = re.compile(
    r"\s*(?:<(?:NDArray|torch)[^<>\[\]]{0,60}>"
    r"|(?:C?Tensor|CpuTensor)\s?\[\[[\d,\s]{1,40}\],[^\[\]]{1,40}\]"
    r"|,\s{0,9}shape=\[[\d,\s]{1,40}\],\s{0,9}strides=\[[-\d,\s]{1,40}\],[^\[\]]{1,80}"
    r"|[;,.])*\s*"
)
_NAME = re.compile(r"[A-Za-z_][\w.]{0,60}", re.ASCII)

Value = list["_Number | Value"]


class _Brackets:
    """A reader of one value, token by token."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.count = text, 0, 0
        self.token, self.after = "", 0
        self.next()

    def next(self) -> str:
        """Go on by a token; the empty one is the end."""
        was = self.token
        found = _TOKEN.match(self.text, self.after)
        self.at = self.after
        self.token = next(part for part in found.groups() if part) if found else ""
        self.after = found.end() if found else len(self.text)
        return was

    def all(self) -> Pasted:
        """The one array of the text."""
        first = min(
            (i for sign in "[({" if (i := self.text.find(sign)) >= 0), default=len(self.text)
        )
        if first == len(self.text):
            raise PasteError("A closing bracket has no opening one.")
        self.label()
        value = self.value(0)
        rest = self.text[self.at :]
        if self.token in ("]", ")", "}"):
            raise PasteError("A closing bracket has no opening one.")
        if len(rest) > 400 or not _BEHIND.fullmatch(rest):
            self.more(rest)
        return _rectangle(value)

    def more(self, rest: str) -> None:
        """Something stands behind the array: say what."""
        if re.search(r"[\[({]", rest[:400]) and re.search(r"\d", rest[:400]):
            raise PasteError("There is more than one array: paste one.")
        raise PasteError(f"“{rest.strip()[:20]}” stands outside the brackets.")

    def label(self) -> None:
        """Skip a name in front, as in dx =, x.grad: or Parameter containing:."""
        for _ in range(8):
            ahead = self.text[self.after : self.after + 60].lstrip()
            name = bool(_NAME.fullmatch(self.token))
            maker = name and self.token.split(".")[-1] in _MAKERS and ahead[:1] == "("
            if self.token in ("[", "(", "{") or maker or not self.token:
                return
            if self.token == "<":
                self.tensorflow()
                return
            named = name and (ahead[:1] in ("=", ":") or self.token in _WORDS)
            string = self.token[:1] in "\"'" and ahead[:1] in ("=", ":")
            # What a person types in front of a number, they may type in front of an array.
            phrase = name and re.match(r"[A-Za-z_.]+\s{0,3}[=:]|\[", ahead) is not None
            if not (named or string or phrase or self.token in ("=", ":")):
                break
            self.next()
        raise PasteError(f"“{self.text.strip()[:20]}” stands outside the brackets.")

    def tensorflow(self) -> None:
        """<tf.Tensor: shape=(6, 2), dtype=float64, numpy=…>."""
        at = self.text.find("numpy=", self.at, self.at + 200)
        if at < 0:
            raise PasteError(f"“{self.text.strip()[:20]}” stands outside the brackets.")
        end = self.text.rstrip().removesuffix(">")
        self.text, self.after = end, at + len("numpy=")
        self.next()

    def value(self, depth: int) -> _Number | Value:
        """A number, a list, or a known name with a value in it."""
        if depth > 60:
            closed = self.text.count("]") + self.text.count(")") >= 60
            raise PasteError(
                f"There are more than {_DEEPEST} brackets in one another."
                if closed
                else "A bracket is not closed."
            )
        if self.token in _CLOSES:
            return self.items(depth)
        name = self.token.split(".")[-1]
        ahead = self.text[self.after : self.after + 20].lstrip()
        if name in _MAKERS and ahead[:1] == "(" and _NAME.fullmatch(self.token):
            self.next()
            return self.called(depth)
        self.count += 1
        if self.token in ("", "]", ")", "}"):
            raise PasteError(
                "A bracket is not closed." if not self.token else "There are no numbers in it."
            )
        return _read(self.next(), f"Number {self.count}")

    def called(self, depth: int) -> _Number | Value:
        """array( value, name=… )."""
        self.next()
        if self.token == ")":
            raise PasteError("There are no numbers in it.")
        found = self.value(depth + 1)
        while self.token not in (")", ""):
            # dtype=torch.float64, grad_fn=<…>, shape=(6, 2): these are no numbers of the array.
            if self.token != ",":
                raise PasteError(f"“{self.token[:20]}” stands outside the brackets.")
            self.next()
            if self.token == ")":
                break
            if self.token and not _NAME.fullmatch(self.token):
                raise PasteError("There is more than one array: paste one.")
            self.attribute()
        if not self.token:
            raise PasteError("A bracket is not closed.")
        self.next()
        return found

    def attribute(self) -> None:
        """name=anything, up to the comma or the bracket that ends it."""
        open_ = 0
        for _ in range(40):
            if not self.token or (open_ == 0 and self.token in (",", ")")):
                return
            open_ += (self.token in _CLOSES) - (self.token in _CLOSES.values())
            self.next()
        raise PasteError("What stands behind the numbers can’t be read.")

    def items(self, depth: int) -> Value:
        """[ value, value ; value ], with or without commas."""
        opened = self.next()
        closes = _CLOSES[opened]
        found: Value = []
        rows: list[Value] = []
        while self.token != closes:
            if not self.token:
                raise PasteError("A bracket is not closed.")
            if self.token == ",":
                self.next()
            elif self.token == ";":
                self.next()
                rows.append(found)
                found = []
            elif self.token in _CLOSES.values():
                raise PasteError("A bracket is closed by another kind of bracket.")
            else:
                if opened == "{" and self.token[:1] in "\"'":
                    self.key(bool(found))
                found.append(self.value(depth + 1))
        self.next()
        if not rows:
            return found
        return [*rows, found] if found else [*rows]

    def key(self, second: bool) -> None:
        """The name of a value in JSON."""
        if second:
            raise PasteError("There is more than one array: paste one.")
        self.next()
        if self.token == ":":
            self.next()


def _rectangle(value: _Number | Value) -> Pasted:
    """The tree as a table, if all of its branches are alike."""
    numbers: list[_Number] = []
    widths: dict[int, int] = {}
    depths: set[int] = set()

    def walk(node: _Number | Value, depth: int) -> None:
        if isinstance(node, _Number):
            depths.add(depth)
            numbers.append(node)
            return
        width = len(node)
        if widths.setdefault(depth, width) != width:
            raise PasteError(f"The rows differ in length: {widths[depth]} and {width} numbers.")
        for one in node:
            walk(one, depth + 1)

    walk(value, 0)
    # In one bracket more, as autograd.grad gives it.
    shape = [widths[depth] for depth in sorted(widths)]
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if not numbers:
        raise PasteError("There are no numbers in it.")
    if len(shape) > _DEEPEST:
        raise PasteError(f"There are more than {_DEEPEST} brackets in one another.")
    if len(depths) > 1 or len(numbers) != int(np.prod(shape)):
        raise PasteError("The brackets don’t make a table: some rows are deeper than others.")
    return _pack(numbers, tuple(shape))


# ---- Lines -------------------------------------------------------------------------------

_R_HEAD = re.compile(r"(\[,\d{1,4}\]\s*)+", re.ASCII)
_R_ROW = re.compile(r"\[\d{1,6},\]", re.ASCII)
_R_VECTOR = re.compile(r"\[\d{1,6}\](?=\s+[-+.\d])(?!.*\])", re.ASCII)
_SIZE = re.compile(r"\d{1,6}(×\d{1,6}|x\d{1,6}|-element)\s.{0,60}:", re.ASCII)
_ASSIGNED = re.compile(r"[A-Za-z_]\w{0,30}\s{0,9}[=:]", re.ASCII)
_SCALED = re.compile(r"1\.0+e([-+]?\d{1,3})\s{0,9}\*", re.ASCII | re.I)
_COUNTED = re.compile(r"\d{1,6}\s{0,3}:\s", re.ASCII)
_RULE = re.compile(r"[-|:+\s=]*", re.ASCII)
_GROUPS = re.compile(r"Columns? \d+ (through|and|to) \d+:?", re.ASCII | re.I)


def _without_heads(lines: list[str]) -> list[str] | None:
    """The lines of a table, without what languages write over and before them.

    None where brackets hold the numbers.
    """
    if any(_GROUPS.fullmatch(line) for line in lines):
        raise PasteError(
            "The columns of this print stand in groups, one below the other. Print it narrower, or "
            "as CSV: writematrix(dx, 'dx.csv')."
        )
    if lines and _R_HEAD.fullmatch(lines[0]):
        lines = lines[1:]
    if lines and (_SIZE.fullmatch(lines[0]) or _ASSIGNED.fullmatch(lines[0][:40])):
        kept = lines[1:]
        lines = kept if kept and not set("[({") & set("".join(kept)) else lines
    for row in (_R_ROW, _R_VECTOR):
        if lines and all(row.match(line) for line in lines):
            cut = [row.sub("", line, count=1).strip() for line in lines]
            # A vector goes on from line to line.
            lines = cut if row is _R_ROW else ["\n".join(" ".join(cut).split())]
            lines = lines if row is _R_ROW else lines[0].split("\n")
    if any(set("[](){}") & set(line) for line in lines):
        return None
    if lines and all("&" in line for line in lines):
        lines = [line.removesuffix("\\hline").strip().removesuffix("\\\\") for line in lines]
        lines = [line.replace("&", "\t") for line in lines]
    if lines and sum("|" in line for line in lines) == len(lines):
        lines = [line.strip("|").replace("|", "\t") for line in lines if not _RULE.fullmatch(line)]
    if len(lines) > 1 and all(_COUNTED.match(line) for line in lines):
        lines = [_COUNTED.sub("", line, count=1) for line in lines]
    elif len(lines) == 1:
        lines = [re.sub(r"^[A-Za-z_]\w{0,30}\s{0,9}[=:]\s", "", lines[0])]
    return lines


_COMMA = re.compile(r"[-+]?\d+(,\d+)?([eE][-+]?\d+)?", re.ASCII)


def _decimal_commas(lines: list[str]) -> bool:
    """Do commas stand for decimal points here?"""
    text = "\n".join(lines)
    if "." in text or "," not in text:
        return False
    cells = [cell for line in lines for cell in re.split(r"[;\s]+", line) if cell]
    if not all(_COMMA.fullmatch(cell[:60]) for cell in cells):
        return False
    # One pair to a line may be two whole numbers; "0,05" or "0,6678" hardly.
    several = any(len([c for c in re.split(r"[;\s]+", line) if c]) > 1 for line in lines)
    fractions = [cell.partition(",")[2] for cell in cells]
    return several or any(len(f) > 3 or f.startswith("0") for f in fractions)


def _table(lines: list[str]) -> Pasted:
    """Lines of numbers; a first line of names, and a first column that counts, are left out."""
    unit = 0
    if lines and (scaled := _SCALED.fullmatch(lines[0])):
        unit, lines = int(scaled[1]), lines[1:]
        if abs(unit) > 100:
            raise PasteError("The factor over the table is too large.")
    if lines and _decimal_commas(lines):
        lines = [line.replace(",", ".") for line in lines]
    rows = [[c.strip().strip("\"'") for c in _split(line)] for line in lines]
    names = _names(rows)
    rows = rows[1:] if names else rows
    if not rows:
        raise PasteError("There are no numbers in it.")
    width = len(rows[0])
    for i, row in enumerate(rows):
        if len(row) != width:
            raise PasteError(f"Row {i + 1} has {len(row)} numbers, and row 1 has {width}.")
    first = [row[0] for row in rows]
    counts = first in ([str(i) for i in range(len(rows))], [str(i + 1) for i in range(len(rows))])
    if names and width > 1 and counts:
        rows = [row[1:] for row in rows]
    numbers = [
        _read(cell, f"Row {i + 1}, column {j + 1}")
        for i, row in enumerate(rows)
        for j, cell in enumerate(row)
    ]
    return _pack(numbers, (len(rows), len(rows[0])), unit)


def _names(rows: list[list[str]]) -> bool:
    """Is the first line one of names, or of the column numbers that pandas writes?"""
    if not rows:
        return False
    first = rows[0]
    if len(first) > 1 and not first[0]:
        return True
    if not any(_NUMBER.fullmatch(cell) for cell in first):
        return True
    counts = first == [str(i) for i in range(len(first))]
    return counts and len(rows) > 1 and len(rows[1]) == len(first) + 1


def _split(line: str) -> list[str]:
    splits: list[tuple[str, Callable[[str], list[str]]]] = [
        (sign, lambda text, sign=sign: text.strip(" ").removesuffix(sign).split(sign))  # type: ignore[misc]
        for sign in (";", "\t", ",")
    ]
    for sign, cut in splits:
        if sign in line:
            return cut(line)
    return line.split()
