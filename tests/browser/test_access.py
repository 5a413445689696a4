"""Everyone: no axe violation, no clipped page, light and dark, laptop and phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import App, link


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("preset", ["puzzle", "layer"])
def test_axe_finds_nothing(
    new_app: Callable[..., App], preset: str, width: int, dark: bool
) -> None:
    app = new_app(width, dark=dark).open(link(preset))
    app.assert_accessible()


def test_motion_is_left_out_where_it_is_not_wanted(new_app: Callable[..., App]) -> None:
    speed = "bar => getComputedStyle(bar).transitionDuration"
    moving, still = new_app().open(), new_app(reduced_motion="reduce").open()
    assert "0.14s" in moving.cell("x", 0).locator(".bnl-bar").evaluate(speed)
    assert still.cell("x", 0).locator(".bnl-bar").evaluate(speed) == "0s"


@pytest.mark.parametrize("width", [1280, 768, 390])
@pytest.mark.parametrize("preset", ["puzzle", "layer"])
def test_nothing_is_wider_than_the_screen(
    new_app: Callable[..., App], preset: str, width: int
) -> None:
    app = new_app(width).open(link(preset))
    assert app.page.evaluate("document.documentElement.scrollWidth") <= width
    clipped = app.page.evaluate(
        """() => [...document.querySelectorAll('[data-ledger] *')].filter(e => {
               const shown = e.checkVisibility() && !e.closest('.bnl-hidden');
               const box = e.getBoundingClientRect();
               return shown && (box.right > innerWidth + 1 || box.left < -1);
           }).map(e => e.className + ': ' + e.textContent.slice(0, 30))"""
    )
    assert clipped == []


SCREENS = {
    "weights": [f"/weights?part={part}" for part in range(1, 6)],
    "check": [f"/check?proof={part}" for part in range(1, 6)],
    "lesson": [
        f"/lesson?{query}"
        for query in ("lesson=1", "lesson=7&said=------a", "lesson=10&said=---------c&notes=1")
    ],
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", SCREENS)
def test_every_screen_can_be_used_by_everyone(
    new_app: Callable[..., App], page: str, width: int, dark: bool
) -> None:
    app = new_app(width, dark=dark)
    for query in SCREENS[page]:
        app.open(query).assert_accessible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_sharing_can_be_used_by_everyone(new_app: Callable[..., App], dark: bool) -> None:
    app = new_app(390, dark=dark).open("/lesson?lesson=3")
    app.page.get_by_role("button", name="Share").click()
    app.page.get_by_role("img", name="QR code of the link above").wait_for()
    app.idle().assert_accessible()
