"""The scripts and styles of components as text that a page carries within itself."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from pathlib import Path

from bnviz.components.stage import PARTS

_HERE = Path(__file__).parent
STAGE = ("stage", *PARTS)
_IMPORT = re.compile(r"""(from|import) "(\.\.?/[^"]+)";""")
_FONT = re.compile(r'url\("(math\.woff2)"\)')


def _named(folder: str, path: str) -> str:
    """The name of a script that another one of this folder takes in."""
    return path.removeprefix("../") if path.startswith("../") else f"bnviz.{folder}/{path[2:]}"


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@cache
def scripts(folders: tuple[str, ...] = STAGE) -> str:
    """An import map in which every script of some components stands itself: nothing is fetched."""
    found = {}
    for folder in ("common", *folders):
        for file in sorted((_HERE / folder).glob("*.js")):
            code = file.read_text(encoding="utf-8")
            for word, path in _IMPORT.findall(code):
                code = code.replace(f'{word} "{path}";', f'{word} "{_named(folder, path)}";')
            found[f"bnviz.{folder}/{file.name}"] = _data("text/javascript", code.encode())
    return json.dumps({"imports": found})


@cache
def styles(folders: tuple[str, ...] = (*PARTS, "stage")) -> str:
    """The styles of some components, and the font of formulas."""
    parts = [_HERE / "common" / "math.css"]
    parts += [_HERE / part / f"{part}.css" for part in folders]
    text = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    text = re.sub(r"@import[^;]*;", "", text)
    font = (_HERE / "common" / "math.woff2").read_bytes()
    return _FONT.sub(f'url("{_data("font/woff2", font)}")', text)
