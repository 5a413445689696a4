"""The house: who may import what, over the real edges."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "bnviz"
FILES = sorted(HOUSE.rglob("*.py"))
# From the roof to the ground; folders on one floor don't import each other.
FLOORS = (
    ("pages",),
    ("screen",),
    ("phone",),
    ("components",),
    ("draw",),
    ("claims",),
    ("captures", "proof", "study", "inputs", "rooms"),
    ("words", "core"),
)
FLOOR = {folder: height for height, floor in enumerate(reversed(FLOORS)) for folder in floor}
# Where each library may be known; a trailing slash means the whole folder.
LIBRARIES = {
    "streamlit": ("components/", "phone/", "screen/", "pages/"),
    "starlette": ("phone/", "components/files.py"),
    "anyio": ("phone/", "components/files.py"),
    "plotly": ("draw/figures/", "components/plot/"),
    "pandas": ("screen/",),
    "segno": ("screen/sharing.py", "screen/room.py"),
    "latex2mathml": ("words/formula.py",),
    "torch": ("captures/hooks/",),
    "redis": ("rooms/redis.py",),
    "numpy": (
        "core/",
        "inputs/",
        "study/",
        "proof/",
        "captures/",
        "claims/",
        "draw/",
        "screen/",
        "pages/",
    ),
}
HEAVY = ("streamlit", "plotly", "pandas", "torch")


def name_of(file: Path) -> str:
    """How the rules call a file: its path below bnviz/."""
    return file.relative_to(HOUSE).as_posix()


def edges(source: str, name: str) -> Iterator[str]:
    """The modules that a file imports, by their full names; `from a import b` gives a.b."""
    package = ["bnviz", *Path(name).parts[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def broken(source: str, name: str) -> list[str]:
    """The rules of the house that a file with this source would break there."""
    mine = Path(name).parts[0] if "/" in name else ""
    found = []
    for target in edges(source, name):
        library, *rest = target.split(".")
        if library == "bnviz":
            theirs = rest[0] if rest and rest[0] in FLOOR else ""
            if mine and not theirs:
                found.append(f"{name} imports {target}, which is for users of the package")
            elif mine and theirs != mine and FLOOR[theirs] >= FLOOR[mine]:
                found.append(f"{name} imports {target}, which is not below it")
        elif library in LIBRARIES:
            if not name.startswith(LIBRARIES[library]):
                found.append(f"{name} imports {library}")
        elif library not in sys.stdlib_module_names:
            found.append(f"{name} imports {library}, which no floor knows")
    return found


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_each_file_imports_only_what_is_below_it(file: Path) -> None:
    assert broken(file.read_text(encoding="utf-8"), name_of(file)) == []


def test_every_folder_has_a_floor_and_every_file_a_folder() -> None:
    assert {name_of(file).split("/")[0] for file in FILES if file.parent != HOUSE} == set(FLOOR)
    assert {file.name for file in FILES if file.parent == HOUSE} == {
        "__init__.py",
        "serve.py",
        "terms.py",
    }


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("claims/x.py", "from bnviz.draw.figures import style"),
        ("claims/x.py", "from bnviz.draw.figures.style import NEUTRAL"),
        ("study/x.py", "import bnviz.screen.parts"),
        ("study/x.py", "from bnviz.proof import losses"),
        ("study/x.py", "def f():\n    from bnviz.pages import explore"),
        ("core/x.py", "from bnviz.words.numbers import number"),
        ("words/x.py", "from bnviz.core import trace"),
        ("core/x.py", "from ..draw import ledger"),
        ("core/x.py", "import bnviz"),
        ("draw/x.py", "from bnviz import trace"),
        ("draw/x.py", "from bnviz import pages"),
        ("components/x.py", "from bnviz.screen import session"),
        ("draw/x.py", "import streamlit as st"),
        ("claims/x.py", "from plotly import graph_objects"),
        ("draw/ledger.py", "import plotly.graph_objects as go"),
        ("components/ledger/__init__.py", "import plotly"),
        ("captures/npz.py", "import torch"),
        ("core/x.py", "import pandas"),
        ("words/x.py", "import numpy as np"),
        ("core/x.py", "import scipy"),
    ],
)
def test_each_rule_is_noticed_when_it_is_broken(name: str, source: str) -> None:
    assert broken(source, name)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("claims/x.py", "from bnviz.study import neighbours\nfrom bnviz.core.trace import run"),
        ("draw/figures/x.py", "import plotly.graph_objects as go"),
        ("captures/hooks/", "def f():\n    import torch"),
        ("components/x/__init__.py", "from bnviz.components.register import component"),
        ("core/x.py", "from . import linear"),
    ],
)
def test_what_is_allowed_is_let_through(name: str, source: str) -> None:
    assert broken(source, name) == []


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_each_file_says_what_it_does_in_its_first_line(file: Path) -> None:
    first = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]
    assert first.endswith((".", ":")) or len(first) > 30


def test_the_readmes_table_of_places_is_the_listing_of_the_house() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    said = set(re.findall(r"^\| `bnviz/([\w.]+)/?` \|", readme, re.MULTILINE))
    assert said == {*FLOOR, "serve.py", "terms.py"}


def modules(folder: str) -> list[str]:
    """All modules of a folder, by their full names."""
    parts = [
        file.relative_to(ROOT).with_suffix("").parts for file in (HOUSE / folder).rglob("*.py")
    ]
    return sorted(".".join(p[:-1] if p[-1] == "__init__" else p) for p in parts)


@pytest.mark.parametrize(
    ("folder", "may"),
    [
        *(
            (f, ())
            for f in ("core", "words", "inputs", "study", "proof", "captures", "rooms", "claims")
        ),
        ("draw", ("plotly", "pandas")),  # Plotly looks for pandas by itself
        ("components", ("streamlit", "plotly", "pandas")),
    ],
)
def test_each_floor_loads_without_what_it_must_not_know(folder: str, may: tuple[str, ...]) -> None:
    names = modules(folder)
    if folder == "draw":
        alone = [name for name in names if ".figures" not in name]
        assert loaded(alone) == set(), "without the figures not even Plotly"
    assert loaded(names) <= set(may)


def loaded(names: list[str]) -> set[str]:
    """The heavy libraries that are there after importing these modules in a fresh interpreter."""
    code = f"import sys, {', '.join(names)}; print(*({set(HEAVY)!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_names_a_user_imports_are_where_they_were() -> None:
    code = (
        "import bnviz; from bnviz import Scenario, Trace, gradients, judge, terms, trace\n"
        "import bnviz.terms; from bnviz.terms import TERMS; from bnviz.captures import capture\n"
        "assert all(map(callable, (bnviz.trace, bnviz.gradients, judge, capture)))\n"
        "assert bnviz.terms.TERMS is TERMS and 'dx' in TERMS"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_no_mathematics_in_javascript() -> None:
    for script in HOUSE.rglob("*.js"):
        text = script.read_text(encoding="utf-8")
        assert "Math.sqrt" not in text
        assert "innerHTML" not in text, "text from users must never become HTML"


def test_every_formula_comes_from_the_glossary_or_the_derivation() -> None:
    for script in HOUSE.rglob("*.js"):
        code = re.sub(r"//.*", "", script.read_text(encoding="utf-8"))
        assert "∂L" not in code, script
        assert "mfrac" not in code, script
    commands = re.compile(r"\\\\?(frac|partial|sqrt|hat|tfrac|left)\b")
    for file in FILES:
        if not name_of(file).startswith(("words/", "study/derivation.py")):
            assert not commands.search(file.read_text(encoding="utf-8")), file


def test_the_look_of_formulas_comes_with_its_licence() -> None:
    common = HOUSE / "components" / "common"
    assert "GUST Font License" in (common / "math.LICENSE.txt").read_text(encoding="utf-8")
    assert (common / "math.woff2").stat().st_size < 40_000, "a font that every visitor loads"
