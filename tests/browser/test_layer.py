"""A layer of a real network: opened, surveyed, and one of its neurons in the ledger."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from bnviz import captures, overview
from bnviz.captures import Capture, read_npz, save_npz
from bnviz.trace import run
from tests.network import Network

from .conftest import App

SHIPPED = Path(captures.__file__).with_name("digits.npz")


def upload(app: App, file: Path) -> None:
    button = app.page.get_by_role("button", name="Open a file, or paste a table")
    if not app.page.locator("input[type=file]").count():
        button.click()
    app.page.locator("input[type=file]").set_input_files(file)


def test_the_shipped_layer_opens_with_one_click(app: App) -> None:
    page = app.page
    page.get_by_role("link", name="Your layer").click()
    page.get_by_role("button", name="Open the layer that is here").click()
    expect(page.locator("h1")).to_contain_text("32 neurons")
    app.idle()
    c = read_npz(SHIPPED)
    expect(page.get_by_text(re.compile("✓ ∂L.*agrees with the captured one"))).to_be_visible()
    expect(page.locator("table tbody tr")).to_have_count(12)
    row = page.locator("table tbody tr").first.locator("td").all_inner_texts()
    j = int(row[0]) - 1
    assert row[1] == f"{c.x[:, j].astype(float).mean():.2f}".replace("-", "−")
    assert row[6] == "✓ 0"
    page.get_by_role("button", name="Into the ledger").click()
    page.wait_for_selector("[data-ledger] tfoot")
    app.idle()
    s, _ = overview.excerpt(c, j)
    t = run(s)
    shown = app.column("dx")
    assert shown.size == 16
    assert app.number("n") == 64
    np.testing.assert_allclose(np.sort(np.abs(shown)), np.sort(np.abs(t.dx[:, 0]))[-16:])
    np.testing.assert_allclose(app.total("dweight"), t.dweight[0, 0], rtol=1e-9)
    page.get_by_role("link", name="Your layer").click()
    expect(page.locator("h1")).to_contain_text("32 neurons")


def test_a_wrong_gradient_is_found_and_a_bad_file_keeps_what_was_open(
    app: App, tmp_path: Path
) -> None:
    c = read_npz(SHIPPED)
    x = c.x.astype(np.float64)
    s = 1 / np.sqrt(x.var(axis=0) + c.eps)
    wrong = Capture(c.x, c.dy, c.gamma, c.beta, dx=(c.gamma * c.dy * s).astype(np.float32))
    save_npz(wrong, tmp_path / "wrong.npz")
    app.open("/layer")
    upload(app, tmp_path / "wrong.npz")
    expect(app.page.locator("h1")).to_contain_text("32 of 32 neurons stand out.")
    expect(app.page.get_by_text("Mean and variance taken for constants")).to_be_visible()
    app.idle()
    (tmp_path / "bad.npz").write_bytes(SHIPPED.read_bytes()[:5000])
    upload(app, tmp_path / "bad.npz")
    expect(app.page.get_by_role("alert").first).to_contain_text("bad.npz: This is no .npz file")
    expect(app.page.locator("h1")).to_contain_text("32 of 32 neurons stand out.")


def test_what_is_saved_opens_again(app: App, tmp_path: Path) -> None:
    app.open("/layer")
    page = app.page
    page.get_by_role("button", name="Open the layer that is here").click()
    expect(page.locator("table tbody tr")).to_have_count(12)
    before = page.locator("table").inner_text()
    for label in ("All terms, .npz", "All terms, CSV"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=label).click()
        file = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(file)
        other = App(page.context.new_page(), app.server).open("/layer")
        upload(other, file)
        expect(other.page.locator("h1")).to_contain_text("32 neurons")
        expect(other.page.locator("table tbody tr")).to_have_count(12)
        assert other.page.locator("table").inner_text() == before


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_a_network_in_training_agrees_with_pytorch(app: App, tmp_path: Path) -> None:
    network = Network()
    with captures.capture(network.model, tmp_path) as found:
        network.backward()
    assert sorted(found) == ["1", "4"]
    app.open("/layer")
    for name, neurons in (("1", 4), ("4", 8)):
        upload(app, tmp_path / f"{name}.npz")
        expect(app.page.locator("h1")).to_contain_text(f"{neurons} neurons")
        expect(app.page.get_by_text(re.compile("✓ ∂L.*agrees with the captured"))).to_be_visible()
        app.idle()


def test_a_pasted_table(app: App) -> None:
    app.open("/layer")
    app.page.get_by_role("button", name="Open a file, or paste a table").click()
    box = app.page.get_by_role("textbox", name="Or the CSV itself")
    box.fill("x_1,dy_1\n1,=2\n")
    box.press("Control+Enter")
    expect(app.page.get_by_role("alert").first).to_contain_text("Line 2, dy_1: “=2”")
    box.fill("x_1,dy_1,a_1\n-1,1,2\n0,-0.5,1\n1,0.2,0\n")
    box.press("Control+Enter")
    expect(app.page.locator("h1")).to_contain_text("None of the 1 neurons stands out.")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everyone_can_use_it(new_app: Callable[..., App], width: int, dark: bool) -> None:
    app = new_app(width, dark=dark).open("/layer")
    app.assert_accessible()
    app.page.get_by_role("button", name="Open the layer that is here").click()
    expect(app.page.locator("h1")).to_contain_text("32 neurons")
    app.idle().assert_accessible()
