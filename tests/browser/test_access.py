"""Everyone: no axe violation, no clipped page, light and dark, laptop and phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe

from .conftest import App


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(new_app: Callable[..., App], width: int, dark: bool) -> None:
    app = new_app(width, dark=dark).open()
    results = Axe().run(app.page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_nothing_is_wider_than_the_screen(new_app: Callable[..., App], width: int) -> None:
    app = new_app(width).open()
    assert app.page.evaluate("document.documentElement.scrollWidth") <= width
    clipped = app.page.evaluate(
        """() => [...document.querySelectorAll('[data-ledger] *')].filter(e => {
               const shown = e.checkVisibility() && !e.closest('.bnl-hidden');
               const box = e.getBoundingClientRect();
               return shown && (box.right > innerWidth + 1 || box.left < -1);
           }).map(e => e.className + ': ' + e.textContent.slice(0, 30))"""
    )
    assert clipped == []
