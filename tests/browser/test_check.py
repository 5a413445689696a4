"""Checking: choose a loss, a mistake, a norm, paste one's own numbers, and read the verdict."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.inputs.presets import PRESETS
from bnviz.proof.mistakes import MISTAKES, with_mistake

from .conftest import App, link

T = run(PRESETS["puzzle"].scenario)
NOTICE = "[data-stage] [role=alert]"


def headline(app: App) -> str:
    return app.page.locator("h1").inner_text().replace("\u2060", "")


def choose(app: App, label: str, option: str) -> None:
    """Pick from a list by keyboard."""
    box = app.page.get_by_role("combobox", name=re.compile(re.escape(label)))
    box.focus()
    box.press("ArrowDown")
    app.page.get_by_role("option", name=option, exact=True).click()
    app.idle()


def table(app: App) -> list[list[str]]:
    found: list[list[str]] = app.page.locator("table tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map("
        "cell => cell.innerText.replaceAll('\\u2060', '').replaceAll('\\u00a0', ' ')))"
    )
    return found


def paste(app: App, text: str) -> None:
    box = app.page.locator("textarea")
    box.fill(text)
    box.press("Control+Enter")


def test_every_term_is_proven_for_another_loss(app: App) -> None:
    app.follow("Check")
    expect(app.page.locator("h1")).to_contain_text("All 8 gradients agree")
    rows = table(app)
    assert len(rows) == 8
    assert all(row[3].startswith("✓") for row in rows)
    choose(app, "The loss behind the upstream", "L = Σ y³")
    app.page.wait_for_url(re.compile("loss=cubes"))
    app.idle()
    expect(app.page.locator("h1")).to_contain_text("All 8 gradients agree")
    # ∂L/∂β of Σy³ is 3Σy², by hand from what the page draws.
    beta = next(row for row in table(app) if row[0].startswith("∂L/∂β"))
    j = int(beta[0].split()[-1]) - 1
    assert float(beta[1].replace("−", "-")) == pytest.approx(3 * (T.y[:, j] ** 2).sum(), rel=1e-7)
    app.page.get_by_role("button", name=re.compile("Take this loss")).click()
    expect(app.page.get_by_role("combobox", name="Scenario")).to_have_value("")
    app.idle()
    assert "loss=" not in app.page.url


def test_a_mistake_and_what_catches_it(app: App) -> None:
    app.open("/check?proof=2")
    choose(app, "The mistake", MISTAKES["variance"].title)
    expect(app.page.locator("h1")).to_contain_text("lets it through")
    app.idle()
    alt = app.page.locator("[data-plot] [role=img]").get_attribute("aria-label") or ""
    apart = np.abs(T.dx - with_mistake(T, "variance").dx)[:, 0].max()
    assert f"differ by {apart:.2f} at most" in alt
    row = next(r for r in table(app) if "variance forgotten" in r[0])
    assert row == [row[0], "– missed", "● caught", "– missed", "● caught"]
    app.page.reload()
    app.idle()
    assert "The path through the variance forgotten" in headline(app)


def test_ones_own_numbers(app: App) -> None:
    app.open("/check?proof=3")
    paste(app, repr(T.dx))
    expect(app.page.locator("h1")).to_contain_text("is right.")
    paste(app, str(with_mistake(T, "mean").dx.tolist()))
    expect(app.page.locator("h1")).to_contain_text(MISTAKES["mean"].title)
    app.idle()
    paste(app, "<img src=x onerror=alert(1)> [1, 2")
    expect(app.page.get_by_test_id("stAlertContainer")).to_contain_text("outside the brackets")
    app.idle()
    assert app.page.locator("textarea").input_value().startswith("<img")
    # What was pasted outlives a look at another part.
    app.page.get_by_role("radio", name="Mistakes").click()
    expect(app.page.locator("h1")).to_contain_text("forgotten")
    app.idle()
    app.page.get_by_role("radio", name="My code").click()
    expect(app.page.locator("textarea")).to_have_value(re.compile("<img"))


def test_an_upload(app: App, tmp_path: Path) -> None:
    app.open("/check?proof=3")
    good, bad = tmp_path / "dx.csv", tmp_path / "dx.txt"
    good.write_text("\n".join(",".join(repr(float(v)) for v in row) for row in T.dx))
    bad.write_bytes(b"\x93NUMPY\xff\xfe")
    app.page.get_by_role("button", name="Upload a file instead").click()
    upload = app.page.locator("input[type=file]")
    upload.set_input_files(good)
    expect(app.page.locator("h1")).to_contain_text("is right.")
    app.idle()
    if not upload.count():  # the verdict above it may have closed its box
        app.page.get_by_role("button", name="Upload a file instead").click()
    upload.set_input_files(bad)
    expect(app.page.locator(NOTICE)).to_contain_text("dx.txt is not a text file")
    expect(app.page.locator("h1")).to_contain_text("is right.")


def test_a_large_offset_in_few_digits(app: App) -> None:
    app.open("/check" + link("offset") + "&proof=4")
    assert "looks perfect and the gradient is wrong" in headline(app)
    choose(app, "Look at", "float64, mean of (x − μ)²")
    # The six equations in float64 are right to float64's digits, about 1e-16 times a few terms.
    expect(app.page.locator("[data-plot] figcaption").nth(1)).to_contain_text(re.compile("e−1[45]"))


def test_a_neighbour(app: App) -> None:
    app.open("/check" + link("frozen") + "&proof=5")
    assert headline(app) == "Batch norm, frozen at this batch: the same y but another gradient."
    expect(app.page.get_by_text("(neuron 1) adds up to 5.27")).to_be_visible()
    rows = {row[0]: row[1:] for row in table(app)}
    assert rows["Batch norm, training"][0] == "✓ 0"
    assert rows["Batch norm, frozen at this batch"][0] == "5.27"
    assert rows["Instance norm"][2] == "✓ 0"
    choose(app, "Beside batch norm in training", "Batch norm on (N, C, H, W)")
    expect(app.page.locator("h1")).to_contain_text("the same y and the same gradient")


def test_a_refused_upload_changes_nothing_and_is_forgotten(app: App, tmp_path: Path) -> None:
    app.open("/check?proof=3")
    paste(app, repr(T.dx))
    expect(app.page.locator("h1")).to_contain_text("is right.")
    app.idle()
    long = tmp_path / "a**b**.csv"
    long.write_text("1,2\n" * 60_000)
    app.page.get_by_role("button", name="Upload a file instead").click()
    app.page.locator("input[type=file]").set_input_files(long)
    notice = app.page.locator(NOTICE)
    expect(notice).to_contain_text("a**b**.csv is too long")
    expect(app.page.locator("h1")).to_contain_text("is right.")
    app.idle()
    app.page.keyboard.press("Escape")
    app.page.get_by_text("Precision", exact=True).click()
    expect(app.page.locator("h1")).to_contain_text("every precision")
    expect(notice).to_be_empty()


HEADLINE = "h1:not(.bns-claim)"  # of the page, and not of the stage, which may have one


def test_a_wrong_gradient_is_explained_and_survives_a_reload(app: App) -> None:
    page = app.open("/check?proof=3").page
    wrong = T.dx_direct - T.dx_via_var + T.dx_via_mean
    paste(app, f"dx: {wrong}")
    expect(page.locator(HEADLINE)).to_contain_text("The sign of the path through the variance")
    app.idle()
    expect(page.get_by_test_id("stCode").first).to_contain_text("as it should be")
    expect(page.get_by_text("x̂ would have caught it")).to_be_visible()
    assert ["▸ neuron 1", "1", "−1.00", "1", "nothing"] in table(app)
    page.wait_for_url(re.compile("mine="))
    page.reload()
    app.idle()
    expect(page.locator(HEADLINE)).to_contain_text("The sign of the path through the variance")
    expect(page.locator("textarea").first).to_have_value(re.compile("1.0539966"))


def test_a_right_gradient_says_what_it_cant_show_and_where_it_would(app: App) -> None:
    s = PRESETS["two"].scenario
    app.open("/check" + link("two") + "&proof=3")
    page = app.page
    paste(app, str(run(s).dx.tolist()))
    expect(page.locator(HEADLINE)).to_contain_text("✓ Your")
    expect(page.get_by_text("would have passed as well")).to_be_visible()
    page.get_by_text("All of them", exact=True).click()
    expect(page.get_by_text("γ is lost", exact=True)).to_be_visible()
    app.idle()
    page.get_by_role("button", name=re.compile("Try a batch on which")).click()
    expect(page.locator(HEADLINE)).to_contain_text("Is your gradient right?")
    expect(page.locator("textarea").first).to_have_value("")
    app.idle()
    # The numbers to run it on are another batch, with γ and β that show.
    code = page.get_by_test_id("stCode").last.inner_text()
    assert re.search(r"gamma = np.array\(\[(?!1\.0)", code)
    assert "eps = 0.05" in code


def test_ones_own_batch_in_three_pastes(app: App) -> None:
    page = app.open("/check?proof=3").page
    rng = np.random.default_rng(4)
    x, dy = rng.normal(2, 1, (5, 2)), rng.normal(0, 1, (5, 2))
    gamma = np.array([1.5, -0.5])
    right = run(Scenario(x, dy, gamma, eps=1e-3)).dx
    page.get_by_role("button", name="Judge it on your own batch").click()
    boxes = {
        "x": repr(x),
        "∂L/∂y": str(dy.tolist()),
        "your ∂L/∂x": f"tensor({(right * gamma).tolist()}, dtype=torch.float64)",
    }
    for label, text in boxes.items():
        box = page.get_by_label(label, exact=True)
        box.fill(text)
        box.press("Control+Enter")
        app.idle()
    for label, text in (("γ, one for each", str(gamma)), ("ε (1e-5", "1e-3")):
        box = page.get_by_label(re.compile(re.escape(label)))
        box.fill(text)
        box.press("Enter")
        app.idle()
    page.get_by_role("button", name="Judge this batch").click()
    expect(page.locator(HEADLINE)).to_contain_text("γ counts twice")
    app.idle()
    assert "x=" in page.url
    assert "mine=" in page.url


def test_a_print_with_dots_says_how_to_print_all(app: App) -> None:
    app.open("/check?proof=3")
    paste(app, "tensor([[ 0.6678, -0.3285],\n        ...,\n        [-0.1000, 0.2000]])")
    alert = app.page.get_by_test_id("stAlertContainer")
    expect(alert).to_contain_text("PyTorch left numbers out")
    expect(alert).to_contain_text("set_printoptions")
