"""A layer of a real network: opened, surveyed, and one of its neurons in the ledger."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from bnviz import captures
from bnviz.captures import Capture, save_npz
from bnviz.captures.record import Place
from bnviz.claims.network import open_network
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.words.numbers import number
from tests.captures.network import Network

from .conftest import WINDOWS, App, box

SHIPPED = Path(captures.__file__).with_name("digits.zip")
NETWORK = "/layer?layer=digits"
FIRST = f"{NETWORK}&which=1"


def first_layer() -> Capture:
    """The first norm of the network that ships."""
    return open_network(SHIPPED).at(0).capture


def open_shipped(app: App) -> App:
    """From the network that the page opens with into its first layer."""
    app.page.get_by_role("button", name="Layer norm1: open its neurons").click()
    expect(app.page.locator("h1")).to_contain_text("32 neurons")
    return app.idle()


def upload(app: App, file: Path) -> None:
    if not app.page.locator("input[type=file]").count():
        app.page.get_by_role("button", name="Open your own").click()
    app.page.locator("input[type=file]").nth(1 if file.is_dir() else 0).set_input_files(file)


def rows(app: App) -> Locator:
    return app.page.locator("[data-neurons] tr[data-neuron]")


def value_of(row: Locator, column: str) -> float:
    """A number of the table, to all its digits."""
    return float(row.locator(f"td[data-column={column}]").get_attribute("data-value") or "nan")


def table(app: App) -> str:
    """What the table says, but for what rounding left, which the order of adding decides."""
    return re.sub(r"rounding \S+|exactly 0", "", app.page.locator("[data-neurons]").inner_text())


def test_a_layer_of_the_shipped_network_opens_with_one_click(app: App) -> None:
    page = app.follow("Your layer").page
    open_shipped(app)
    c = first_layer()
    expect(page.get_by_text(re.compile("✓ ∂L.*agrees with the captured one"))).to_be_visible()
    expect(rows(app)).to_have_count(12)
    page.get_by_role("button", name="Show all 32").click()
    expect(rows(app)).to_have_count(32)
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    assert t.dweight is not None
    for j in (0, 21):
        row = page.locator(f"[data-neurons] tr[data-neuron='{j}']")
        for name, value in (
            ("mean", t.mean[j]),
            ("dx", np.sqrt((t.dx[:, j] ** 2).mean())),
            ("dweight", np.linalg.norm(t.dweight[:, j])),
        ):
            np.testing.assert_allclose(value_of(row, name), value, rtol=1e-9)
        expect(row.locator("td[data-column=dx_sum]")).to_contain_text("✓ 0")


def test_from_a_neuron_into_its_ledger_and_into_explore(app: App) -> None:
    page = app.open("/layer").page
    open_shipped(app)
    rows(app).first.locator("td").nth(2).click()  # anywhere in the row
    page.wait_for_selector("[data-ledger] tfoot")
    app.idle()
    c = first_layer()
    j = int(app.number("neuron"))
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    assert t.dweight is not None
    p = int(np.argmax(np.abs(t.dweight[:, j])))
    expect(page.get_by_text(f"Neuron {j + 1} of 32, input {p + 1} of 64")).to_be_visible()
    shown = app.column("dx")
    np.testing.assert_allclose(np.sort(np.abs(shown)), np.sort(np.abs(t.dx[:, j]))[-16:])
    assert app.number("n") == 64
    np.testing.assert_allclose(app.total("dweight"), t.dweight[p, j], rtol=1e-9)
    expect(page.locator("[data-ledger] [role=slider]")).to_have_count(0)

    here = page.url  # which holds the layer and the neuron
    page.get_by_role("button", name="Next").click()
    expect(page.locator(f"[data-ledger]:not([data-neuron='{j}'])")).to_be_visible()
    app.idle()
    other = app.number("neuron")
    page.reload()
    app.idle()
    assert app.number("neuron") == other
    page.go_back()
    expect(page.locator(f"[data-ledger][data-neuron='{j}']")).to_be_visible()
    assert page.url == here

    page.get_by_role("button", name="Set these 64 samples in Explore").click()
    expect(page.locator("[data-ledger] [role=slider]").first).to_be_visible()
    app.idle()
    np.testing.assert_allclose(np.sort(np.abs(app.column("dx"))), np.sort(np.abs(shown)))
    app.follow("Your layer")
    expect(page.locator(f"[data-ledger][data-neuron='{j}']")).to_be_visible()
    page.get_by_role("button", name="All neurons").click()
    expect(rows(app)).to_have_count(12)
    expect(page.locator("[data-ledger]")).to_have_count(0)
    expect(page.locator("h1")).to_contain_text("32 neurons")


def test_by_keyboard_alone(app: App) -> None:
    page = app.open(FIRST).page
    button = page.get_by_role("button", name="Neuron 10: open its ledger")
    button.focus()
    button.press("Enter")
    expect(page.locator("[data-ledger][data-neuron='9']")).to_be_visible()


def test_a_wrong_gradient_is_found_and_a_bad_file_keeps_what_was_open(
    app: App, tmp_path: Path
) -> None:
    c = first_layer()
    x = c.x.astype(np.float64)
    s = 1 / np.sqrt(x.var(axis=0) + c.eps)
    wrong = Capture(c.x, c.dy, c.gamma, c.beta, dx=(c.gamma * c.dy * s).astype(np.float32))
    save_npz(wrong, tmp_path / "wrong.npz")
    app.open("/layer")
    upload(app, tmp_path / "wrong.npz")
    expect(app.page.locator("h1")).to_contain_text("32 of 32 neurons stand out.")
    expect(app.page.get_by_text("Mean and variance taken for constants")).to_be_visible()
    expect(app.page.locator("[data-neurons]")).to_contain_text("differs from the captured one")
    app.idle()
    (tmp_path / "bad.npz").write_bytes((tmp_path / "wrong.npz").read_bytes()[:5000])
    upload(app, tmp_path / "bad.npz")
    expect(app.page.get_by_role("alert").first).to_contain_text("bad.npz: This is no .npz file")
    expect(app.page.locator("h1")).to_contain_text("32 of 32 neurons stand out.")
    # What was opened stays beside what ships, for as long as the window is open.
    app.page.reload()
    app.idle()
    expect(app.page.locator("h1")).to_contain_text("look at norm3 first")


def test_an_evaluating_layer_has_a_frozen_river_and_ledger(app: App, tmp_path: Path) -> None:
    c = first_layer()
    running = {"running_mean": c.x.mean(axis=0), "running_var": np.full(32, 4.0, np.float32)}
    frozen = Capture(c.x, c.dy, c.gamma, c.beta, mode="eval", **running)
    save_npz(frozen, tmp_path / "eval.npz")
    app.open("/layer")
    upload(app, tmp_path / "eval.npz")
    expect(app.page.locator("h1")).to_contain_text("None of the 32 neurons stands out.")
    expect(app.page.get_by_text("32 neurons, in evaluation mode")).to_be_visible()
    row = app.idle().page.locator("[data-neurons] tr[data-neuron='4']")
    own = float((c.gamma[4] * c.dy[:, 4].astype(float)).sum() / np.sqrt(4 + c.eps))
    np.testing.assert_allclose(value_of(row, "dx_sum"), own, rtol=1e-6)
    row.click()
    head = app.page.locator("[data-stage] h1")
    expect(head).to_contain_text(f"take nothing away: the bias gets {number(own, signed=True)}")
    expect(app.page.get_by_text("This layer was evaluating, with a σ² of 4.")).to_be_visible()
    expect(app.page.locator("[data-river]")).to_be_visible()
    np.testing.assert_allclose(app.total("dx"), own, rtol=1e-6)
    assert not app.column("dx_via_var").any()
    np.testing.assert_array_equal(app.column("dx"), app.column("dx_direct"))


def test_what_is_saved_opens_again(app: App, tmp_path: Path) -> None:
    page = app.open(FIRST).page
    before = table(app)
    for label in ("All terms, .npz", "All terms, CSV"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=label).click()
        file = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(file)
        other = App(page.context.new_page(), app.server).open("/layer")
        upload(other, file)
        expect(rows(other)).to_have_count(12)
        other.idle()
        expect(other.page.get_by_text(f"This is {file.name}")).to_be_visible()
        expect(other.page.get_by_text(re.compile("✓ ∂L.*agrees with the captured"))).to_be_visible()
        assert table(other) == before


def test_twelve_layers_of_a_folder_lead_to_the_sick_neuron_in_three_clicks(
    app: App, tmp_path: Path
) -> None:
    """Open your own, the layer, the neuron."""
    c = first_layer()
    rng = np.random.default_rng(0)
    for n in range(12):
        dy = rng.normal(size=c.dy.shape).astype(np.float32) * 2.0**n
        if n == 7:
            dy[:, 19] = 0
        place = Place(f"blocks.{n}.norm", n)
        layer = Capture(c.x, dy, c.gamma, c.beta, place=place)
        save_npz(layer, tmp_path / f"{place.layer}.npz")
    page = app.open("/layer").page
    upload(app, tmp_path)
    expect(page.locator("h1")).to_contain_text("1 of 12 layers")
    expect(page.locator("h1")).to_contain_text("look at blocks.7.norm first")
    expect(rows(app)).to_have_count(12)
    expect(rows(app).first).to_contain_text("blocks.0.norm")
    bars = page.locator("[data-neurons] td[data-column=dx] .bnn-bar")
    widths = [box(bar)["width"] for bar in bars.all()]
    assert widths == sorted(widths)
    app.idle()
    page.get_by_role("button", name="Layer blocks.7.norm: open its neurons").click()
    expect(page.locator("h1")).to_contain_text("1 of 32 neurons stands out.")
    app.idle()
    rows(app).first.click()
    expect(page.locator("[data-ledger][data-neuron='19']")).to_be_visible()
    expect(page.get_by_text("dead: nothing comes from upstream")).to_be_visible()
    app.idle()
    page.get_by_role("button", name="All neurons").click()
    page.get_by_role("button", name="All layers").click()
    expect(rows(app)).to_have_count(12)
    app.idle()
    page.get_by_text("Worst first", exact=True).click()
    expect(rows(app).first).to_contain_text("blocks.7.norm")
    app.idle()
    page.goto(page.url.replace("sort=worst", "layer=digits&sort=worst"))
    expect(rows(app).first).to_contain_text("norm3")


def test_where_it_was_not_finite_is_said_first(app: App, tmp_path: Path) -> None:
    c = first_layer()
    x = c.x.copy()
    x[4, 11] = np.inf
    save_npz(Capture(x, c.dy, c.gamma, c.beta, dx=c.dx), tmp_path / "bad.npz")
    app.open("/layer")
    upload(app, tmp_path / "bad.npz")
    said = "Not finite first: x of row 5, neuron 12, is ∞."
    expect(app.page.get_by_text(said)).to_be_visible()
    expect(app.page.locator("h1")).to_contain_text("1 of 32 neurons stands out.")
    app.idle()
    rows(app).first.click()
    expect(app.page.locator("h1")).to_contain_text("not finite: x of row 5 is ∞.")
    expect(app.page.locator("[data-ledger]")).to_have_count(0)


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
    app.page.get_by_role("button", name="Open your own").click()
    box = app.page.get_by_role("textbox", name=re.compile("Or the CSV itself"))
    box.fill("x_1,dy_1\n1,=2\n")
    box.press("Control+Enter")
    expect(app.page.get_by_role("alert").first).to_contain_text("Line 2, dy_1: “=2”")
    box.fill("x_1,dy_1,a_1\n-1,1,2\n0,-0.5,1\n1,0.2,0\n")
    box.press("Control+Enter")
    expect(app.page.locator("h1")).to_contain_text("None of the 1 neurons stands out.")


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
def test_everyone_can_use_it(new_app: Callable[..., App], width: int, dark: bool) -> None:
    app = new_app(width, dark=dark).open("/layer")
    expect(rows(app)).to_have_count(4)
    app.idle().assert_accessible()
    open_shipped(app).assert_accessible()
    rows(app).first.click()
    app.page.wait_for_selector("[data-ledger] tfoot", state="attached")
    app.idle().assert_accessible()


def test_a_captured_gradient_gets_the_diagnosis_and_others_can_be_handed_in(
    app: App, tmp_path: Path
) -> None:
    c = first_layer()
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    wrong = (t.dx_direct + t.dx_via_var * len(c.x) + t.dx_via_mean).astype(np.float32)
    save_npz(Capture(c.x, c.dy, c.gamma, c.beta, a=c.a, dx=wrong), tmp_path / "n.npz")
    page = app.open("/layer").page
    upload(app, tmp_path / "n.npz")
    expect(page.get_by_text("The path through the variance is not divided by N")).to_be_visible()
    expect(page.get_by_test_id("stCode").first).to_contain_text("as it should be")
    app.idle()
    page.get_by_role("button", name=re.compile("Hand in")).click()
    box = page.get_by_role("textbox", name="Its numbers, as any print")
    box.fill(str((2 * t.dgamma).tolist()))
    box.press("Control+Enter")
    expect(page.get_by_text(re.compile("γ is wrong: It is twice"))).to_be_visible()
    app.idle()
    page.keyboard.press("Escape")
    rows(app).first.locator("td").nth(2).click()
    page.wait_for_selector("[data-ledger] tfoot")
    app.idle()
    expect(page.get_by_text("not divided by N").first).to_be_visible()
    expect(page.get_by_role("cell", name="64.00", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Set these 64 samples in Explore").click()
    page.wait_for_url(re.compile("mine="))
