"""Everyone: no axe violation, no clipped page, light and dark, laptop and phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .conftest import WINDOWS, App, link


@pytest.mark.parametrize(("width", "dark"), [*WINDOWS, (768, False)])
@pytest.mark.parametrize("preset", ["puzzle", "layer"])
def test_the_ledger_can_be_used_by_everyone(
    new_app: Callable[..., App], preset: str, width: int, dark: bool
) -> None:
    app = new_app(width, dark=dark).open(link(preset))
    app.assert_accessible()
    clipped = app.page.evaluate(
        """() => [...document.querySelectorAll('[data-ledger] *')].filter(e => {
               const shown = e.checkVisibility() && !e.closest('.bnl-hidden');
               const box = e.getBoundingClientRect();
               return shown && (box.right > innerWidth + 1 || box.left < -1);
           }).map(e => e.className + ': ' + e.textContent.slice(0, 30))"""
    )
    assert clipped == []


@pytest.mark.moving
def test_motion_is_left_out_where_it_is_not_wanted(app: App) -> None:
    def speed() -> str:
        bar = app.cell("x", 0).locator(".bnl-bar")
        return str(bar.evaluate("bar => getComputedStyle(bar).transitionDuration"))

    assert "0.14s" in speed()
    app.page.emulate_media(reduced_motion="reduce")
    assert speed() == "0s"


SCREENS = {
    "weights": ["/weights"],
    "check": ["/check"],
    "network": ["/network?net=depth.6&at=20", "/network?net=depth.4~norm.none~data.digits&at=3"],
    "lesson": [
        f"/lesson?{query}"
        for query in ("lesson=1", "lesson=7&said=------a", "lesson=10&said=---------c&notes=1")
    ],
}
PARTS = {  # of a page, beside the one that it opens with
    "weights": ["Outer products", "Where it vanishes", "Scale invariance", "Geometry"],
    "check": ["Mistakes", "My code", "Precision", "Neighbours"],
}


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
@pytest.mark.parametrize("page", SCREENS)
def test_every_screen_can_be_used_by_everyone(
    new_app: Callable[..., App], page: str, width: int, dark: bool
) -> None:
    app = new_app(width, dark=dark)
    for query in SCREENS[page]:
        app.open(query).assert_accessible()
    for number, part in enumerate(PARTS.get(page, []), 2):
        app.page.get_by_role("radio", name=part, exact=True).click()
        app.page.wait_for_url(re.compile(rf"(part|proof)={number}\b"))
        expect(app.page.get_by_role("radio", name=part, exact=True)).to_be_checked()
        app.idle().assert_accessible()


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
def test_sharing_can_be_used_by_everyone(
    new_app: Callable[..., App], width: int, dark: bool
) -> None:
    app = new_app(width, dark=dark).open("/lesson?lesson=3")
    app.page.get_by_role("button", name="Share").click()
    app.page.get_by_role("img", name="QR code of the link above").wait_for()
    app.idle().assert_accessible()
