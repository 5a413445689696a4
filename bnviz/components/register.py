"""Streamlit components whose files the page's own server hands out.

Given as text, a component's script would travel again with every answer; given
as a file of a registered folder, it travels once. Streamlit finds such folders
in installed packages; bnviz is run from its checkout, so it registers its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

_PROJECT = "bnviz"
_COMMON = Path(__file__).parent / "common"  # what the components' scripts import


def serve(name: str, folder: Path) -> None:
    """Hand out the files of a folder, at ../bnviz.<name>/ from any component's script."""
    manager = get_bidi_component_manager()
    if manager.get_component_path(f"{_PROJECT}.{name}") is None:
        manifest = ComponentManifest(
            name=_PROJECT,
            version="1",
            components=[ComponentConfig(name=name, asset_dir=folder.name)],
        )
        manager.register_from_manifest(manifest, folder.parent)


def component(name: str, folder: Path, **files: Any) -> Callable[[], ComponentRenderer]:
    """A function that gives the component's mount call; js and css are file names."""

    @cache
    def register(_runtime: int) -> ComponentRenderer:
        return st.components.v2.component(f"{_PROJECT}.{name}", isolate_styles=False, **files)

    def mount() -> ComponentRenderer:
        serve("common", _COMMON)
        serve(name, folder)
        # A test starts one runtime after another; each needs its own registration.
        return register(id(get_bidi_component_manager()))

    return mount
