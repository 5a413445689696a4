"""The colours of the app's own theme, for pages that Streamlit does not draw."""

from __future__ import annotations

import streamlit as st

_COLOURS = (
    *("primaryColor", "backgroundColor", "secondaryBackgroundColor", "textColor", "borderColor"),
    *("greenBackgroundColor", "greenTextColor", "orangeBackgroundColor", "orangeTextColor"),
    *("redBackgroundColor", "redTextColor"),
)


def theme() -> str:
    """Light and dark as CSS, by the names under which Streamlit hands them out."""

    def colours(mode: str) -> str:
        named = {name: st.get_option(f"theme.{mode}.{name}") for name in _COLOURS}
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
