"""Present: every screen of a teacher's plan fills a projector, and its code can be scanned."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect

from .conftest import App, box

PROJECTORS = [(1024, 768), (1920, 1080), (2560, 1440)]
# One of each kind of screen that the README's table for teachers links to, and what stands on it.
SCREENS = [
    ("/lesson?lesson=8&said=-------b", "[data-guess], [data-ledger] tfoot"),
    ("/lesson?lesson=6&said=-----b&see=river", "[data-river] > svg"),
    ("/derive?step=7", "[data-derive]"),
    ("/weights", "[data-lever] svg"),
    ("/weights?part=2", "[data-plot]"),
    ("/network?net=depth.6&at=20", "[data-network]"),
    ("/check?proof=2&mistake=variance", "[data-plot]"),
]


def drawn(app: App) -> np.ndarray:
    """Where something is on the screen, pixel by pixel; as JPEG, in half the time."""
    shot = app.page.screenshot(type="jpeg", quality=80)
    seen = np.asarray(Image.open(io.BytesIO(shot)).convert("L"), dtype=np.int16)
    found: np.ndarray = np.abs(seen - seen[-1, 0]) > 12
    return found


def fits(app: App, width: int, height: int) -> None:
    """Nothing to scroll, no third of the screen empty, and letters that a class can read."""
    app.page.set_viewport_size({"width": width, "height": height})
    app.page.wait_for_function("document.querySelector('[data-fit][data-busy]')")
    app.idle()
    main = app.page.get_by_test_id("stMain")
    tall, wide = main.evaluate("m => [m.scrollHeight, m.scrollWidth]")
    assert tall <= height + 1
    assert wide <= width + 1
    dots = drawn(app)
    for axis in (0, 1):
        for third in np.array_split(dots, 3, axis=axis):
            assert third.mean() > 0.004, (width, height, axis)
    rows = np.flatnonzero(dots.any(axis=1))
    assert rows[-1] > 0.85 * height, "as large as the window allows"
    zoom = float(app.page.locator("[data-fit]").get_attribute("data-zoom") or "nan")
    assert zoom >= 0.62 * height / 768


@pytest.mark.parametrize(("link", "shows"), SCREENS, ids=[link for link, _ in SCREENS])
def test_a_screen_fills_the_projector(app: App, link: str, shows: str) -> None:
    app.open(f"{link}{'&' if '?' in link else '?'}present=1")
    expect(app.page.get_by_role("link", name="Explore")).to_be_hidden()
    for width, height in PROJECTORS:
        fits(app, width, height)
        for part in app.page.locator(shows).all():
            at = box(part)
            assert at["x"] >= 0
            assert at["x"] + at["width"] <= width + 1
            assert at["y"] + at["height"] <= height + 1


def test_a_page_is_as_it_was_when_the_switch_is_off_again(app: App) -> None:
    page = app.open("/weights?part=2").page
    wide = box(page.locator("[data-plot]").first)["width"]
    page.get_by_text("Present", exact=True).click()
    expect(page.get_by_role("link", name="Explore")).to_be_hidden()
    expect(page.locator("[data-fit]")).to_have_attribute("data-zoom", re.compile(r"\d"))
    app.idle()
    # A figure is drawn larger, not zoomed: the pointer finds its numbers.
    picture = app.see(page.locator("[data-plot]").first)
    assert picture.locator(".js-plotly-plot, [role=img]").first.evaluate(
        "p => p.currentCSSZoom"
    ) == pytest.approx(1, abs=0.01)
    page.keyboard.press("PageDown")
    expect(page.get_by_role("heading", name="Six ways")).to_be_visible()
    app.idle()
    page.keyboard.press("PageUp")
    expect(page.get_by_text("Samples added")).to_be_visible()
    page.get_by_text("Present", exact=True).click()
    expect(page.get_by_role("link", name="Explore")).to_be_visible()
    whole = page.get_by_test_id("stMainBlockContainer")
    expect(whole).not_to_have_attribute("style", re.compile("zoom: "))
    app.idle()
    assert box(page.locator("[data-plot]").first)["width"] == pytest.approx(wide, abs=1)


def test_a_bar_follows_the_hand_in_a_page_that_is_zoomed(app: App) -> None:
    page = app.open("/lesson?present=1&lesson=2").page
    app.page.set_viewport_size({"width": 1920, "height": 1080})
    app.page.wait_for_function("document.querySelector('[data-fit][data-busy]')")
    app.idle()
    bar = page.locator("td[data-term=dy][data-row='0'] .bnl-bar")
    before = box(bar)["width"]
    x, y = app.take(app.slider("dy", 0))
    page.mouse.move(x - 40, y, steps=4)
    grew = box(bar)["width"] - before
    page.mouse.up()
    app.idle()
    assert grew == pytest.approx(-40, abs=8)


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (1920, 1080)])
def test_the_code_is_as_large_as_the_screen_allows(app: App, width: int, height: int) -> None:
    app.open("/lesson?present=1&notes=1&lesson=3")
    app.page.set_viewport_size({"width": width, "height": height})
    app.page.get_by_role("button", name="Share").click()
    code = app.page.get_by_role("dialog").get_by_role("img")
    expect(code).to_be_visible()
    app.idle()
    at = box(code)
    assert min(at["width"], at["height"]) > 0.7 * height
    assert at["y"] + at["height"] < height
    shot = Image.open(io.BytesIO(app.page.screenshot()))
    read = [found.text for found in zxingcpp.read_barcodes(shot)]
    assert read == [f"{app.server}/lesson?lesson=3"]
