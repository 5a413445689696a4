"""The house: who may import what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "bnviz").rglob("*.py"))
# Folders and files that may know Streamlit; figures/ and plot/ know Plotly.
STREAMLIT = ("pages", "plot", "assets.py")
PLOTLY = ("figures", "plot")
PANDAS = ("pages",)
SEGNO = ("pages",)
TORCH = ("captures.py",)


def imports(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_each_file_imports_only_what_is_its_own(file: Path) -> None:
    name = str(file.relative_to(ROOT / "bnviz"))
    allowed = {"numpy", "bnviz", "__future__"} | set(sys.stdlib_module_names)
    for library, places in (
        ("streamlit", STREAMLIT),
        ("plotly", PLOTLY),
        ("pandas", PANDAS),
        ("segno", SEGNO),
        ("torch", TORCH),
    ):
        if name.startswith(places):
            allowed.add(library)
    assert imports(file) <= allowed


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_each_file_says_what_it_does_in_its_first_line(file: Path) -> None:
    first = (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0]
    assert first.endswith((".", ":")) or len(first) > 30


def test_the_core_loads_without_streamlit_and_plotly() -> None:
    core = "bnviz, bnviz.identities, bnviz.presets, bnviz.share, bnviz.story, bnviz.cells"
    code = (
        f"import sys, {core}; print(sorted({{'streamlit','plotly','pandas'}} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_no_mathematics_in_javascript() -> None:
    for script in (ROOT / "bnviz").rglob("*.js"):
        text = script.read_text()
        assert "Math.sqrt" not in text
        assert "innerHTML" not in text, "text from users must never become HTML"
