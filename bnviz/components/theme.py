"""The colours of the app's own theme, for pages that Streamlit does not draw."""

from __future__ import annotations

import base64
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_COLOURS = (
    *("primaryColor", "backgroundColor", "secondaryBackgroundColor", "textColor", "borderColor"),
    *("greenBackgroundColor", "greenTextColor", "orangeBackgroundColor", "orangeTextColor"),
    *("redBackgroundColor", "redTextColor"),
)


@cache
def _shipped() -> dict[str, Any]:
    """The theme that comes along: Streamlit reads it where the app runs, a notebook doesn't."""
    file = Path(__file__).parents[2] / ".streamlit" / "config.toml"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    found: dict[str, Any] = tomllib.loads(text).get("theme", {})
    return found


def theme() -> str:
    """Light and dark as CSS, by the names under which Streamlit hands them out."""

    def colours(mode: str) -> str:
        shipped = _shipped().get(mode, {})
        named = {
            name: st.get_option(f"theme.{mode}.{name}") or shipped.get(name) for name in _COLOURS
        }
        kebab = {
            "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name): value
            for name, value in named.items()
            if value
        }
        return "".join(f"--st-{name}:{value};" for name, value in kebab.items())

    return (
        f":root{{color-scheme:light dark;{colours('light')}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{colours('dark')}}}}}"
    )


@cache
def typeface() -> str:
    """Streamlit's own typeface as CSS: what is written on a picture has its room in its widths."""
    media = Path(st.__file__).parent / "static" / "static" / "media"
    for file in media.glob("SourceSansVF-Upright*.woff2"):
        font = base64.b64encode(file.read_bytes()).decode()
        return (
            '@font-face{font-family:"Source Sans 3";font-weight:200 900;'
            f'src:url("data:font/woff2;base64,{font}")}}'
        )
    return ""
