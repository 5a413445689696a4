"""My code: a verdict of each kind, the river beside the right one, and a batch of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from bnviz.core.arrays import Array
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run

from .conftest import WINDOWS, App
from .test_check import HEADLINE, T, paste

PICTURE = "[data-mine]"


def strands(app: App, panel: str, term: str) -> dict[str, str]:
    """How each sample's strand is drawn: plus, minus or missing."""
    found = app.page.locator(f"{PICTURE} [data-panel={panel}] [data-strand={term}]")
    kinds: dict[str, str] = found.evaluate_all(
        "all => Object.fromEntries(all.map(one => [one.dataset.row, one.dataset.kind]))"
    )
    return kinds


def column(app: App, name: str) -> Array:
    """A column of the ledger of what was handed in, to all its digits."""
    cells = app.page.locator(f"{PICTURE} td[data-cell={name}]")
    return np.array(cells.evaluate_all("cells => cells.map(cell => +cell.dataset.value)"))


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
def test_a_path_that_is_turned_round_is_seen(
    new_app: Callable[..., App], width: int, dark: bool
) -> None:
    app = new_app(width, dark).open("/check?proof=3")
    page = app.page
    paste(app, str((T.dx_direct - T.dx_via_var + 2 * T.dx_via_mean).tolist()))
    expect(page.locator(HEADLINE)).to_contain_text("✗ Your")
    picture = page.locator(PICTURE)
    expect(picture.locator("h2")).to_have_text("Neuron 1: ② is turned round; ③ comes twice.")
    app.idle()
    # ② has the other sign in each lane; ③ the same, and twice the width.
    mine, right = strands(app, "mine", "dx_via_var"), strands(app, "right", "dx_via_var")
    other = {"plus": "minus", "minus": "plus"}
    assert {row: other[kind] for row, kind in mine.items()} == right
    assert len(right) == 6
    assert strands(app, "mine", "dx_via_mean") == strands(app, "right", "dx_via_mean")
    widths = [
        float(
            picture.locator(
                f"[data-panel={panel}] [data-strand=dx_via_mean][data-row='0'] rect"
            ).first.get_attribute("width")
            or "nan"
        )
        for panel in ("mine", "right")
    ]
    assert widths[0] > 1.4 * widths[1]
    # The Σ lane does not run dry: −0.53 is left, as ③ takes it twice.
    left = picture.locator("[data-total=mine]").get_attribute("data-value")
    assert float(left or "nan") == pytest.approx(T.dx_via_mean[:, 0].sum())
    expect(picture.locator("td[data-sum=mine]")).to_have_text("✗ −0.53")
    expect(picture.locator("td[data-sum=right]")).to_have_text("✓ 0")
    np.testing.assert_allclose(column(app, "right"), T.dx[:, 0])
    np.testing.assert_allclose(column(app, "mine") - column(app, "right"), column(app, "away"))
    assert picture.locator("tr", has_text="furthest off").count() == 1
    app.assert_accessible()
    # The other neuron, by its name in the table.
    picture.get_by_role("button", name="neuron 2").click()
    expect(picture.locator("h2")).to_contain_text("Neuron 2:")
    app.idle()
    np.testing.assert_allclose(column(app, "right"), T.dx[:, 1])


def test_a_path_that_is_missing_leaves_its_outline(app: App) -> None:
    app.open("/check?proof=3")
    paste(app, str((T.dx_direct + T.dx_via_mean).tolist()))
    expect(app.page.locator(f"{PICTURE} h2")).to_have_text("Neuron 1: ② is missing.")
    app.idle()
    assert set(strands(app, "mine", "dx_via_var").values()) == {"missing"}
    expect(app.page.locator(f"{PICTURE} [data-ghost]").first).to_be_attached()
    expect(app.page.locator(f"{PICTURE} figcaption")).to_contain_text("Dashed is where the right")
    # Pointing at a row lights its lane.
    app.page.locator(f"{PICTURE} tr[data-row='3']").hover()
    expect(app.page.locator(f"{PICTURE} .bnm-lane.bnm-lit")).to_have_count(2)


def test_wrong_and_none_of_the_known_mistakes_says_where(app: App) -> None:
    page = app.open("/check?proof=3").page
    wrong = T.dx.copy()
    wrong[3, 0] += 0.5
    paste(app, str(wrong.tolist()))
    expect(page.locator(HEADLINE)).to_contain_text("none of the")
    expect(page.get_by_text("The difference is in sample 4 alone.")).to_be_visible()
    expect(page.locator(f"{PICTURE} h2")).to_have_text("Neuron 1 is right but for sample 4.")
    app.idle()
    marked = page.locator(f"{PICTURE} tbody tr", has_text="✗")
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text("furthest off")
    assert len(strands(app, "mine", "besides")) == 1


def test_right_and_what_cant_be_told_have_no_picture(app: App) -> None:
    page = app.open("/check?proof=3").page
    paste(app, str(T.dx.tolist()))
    expect(page.locator(HEADLINE)).to_contain_text("is right.")
    app.idle()
    expect(page.locator(PICTURE)).to_have_count(0)
    paste(app, "\n".join(" ".join(f"{v:.0f}." for v in row) for row in T.dx))
    expect(page.locator(HEADLINE)).to_contain_text("? Your")
    expect(page.locator(HEADLINE)).to_contain_text("too few digits")
    app.idle()
    expect(page.locator(PICTURE)).to_have_count(0)


def own_batch(n: int, k: int) -> tuple[Scenario, Array]:
    """A batch of one's own, and its ∂L/∂x with γ lost."""
    rng = np.random.default_rng(n)
    gamma = np.linspace(0.5, 2.0, k)
    s = Scenario(rng.normal(1, 2, (n, k)), rng.normal(0, 1, (n, k)), gamma, eps=1e-3)
    return s, run(s).dx / gamma


def as_csv(s: Scenario, dx: Array, file: Path) -> Path:
    """All of it in one table, as one exports it."""
    n, k = s.shape
    columns = {"x": s.x, "dy": s.dy, "dx": dx, "gamma": np.broadcast_to(s.gamma, (n, k))}
    heads = [f"{name}_{j + 1}" for name in columns for j in range(k)]
    table = np.hstack([*columns.values(), np.full((n, 1), s.eps)])
    lines = [",".join([*heads, "eps_1"]), *(",".join(map(repr, row)) for row in table.tolist())]
    file.write_text("\n".join(lines))
    return file


def upload_own(app: App, file: Path) -> None:
    app.page.get_by_role("button", name="Judge it on your own batch").click()
    app.page.locator("input[type=file]").set_input_files(file)


def test_ones_own_batch_in_one_file(app: App, tmp_path: Path) -> None:
    page = app.open("/check?proof=3").page
    s, dx = own_batch(7, 2)
    upload_own(app, as_csv(s, dx, tmp_path / "mine.csv"))
    expect(page.locator(HEADLINE)).to_contain_text("γ is lost")
    expect(page.locator(f"{PICTURE} h2")).to_have_text("Neuron 1: all three paths come 1/γ times.")
    app.idle()
    np.testing.assert_allclose(column(app, "mine"), dx[:, 0])
    np.testing.assert_allclose(column(app, "right"), run(s).dx[:, 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
def test_a_large_batch_opens_on_your_layer_with_its_picture(
    new_app: Callable[..., App], tmp_path: Path, width: int, dark: bool
) -> None:
    app = new_app(width, dark).open("/check?proof=3")
    page = app.page
    s, dx = own_batch(200, 3)
    upload_own(app, as_csv(s, dx, tmp_path / "large.csv"))
    expect(page.locator("h1")).to_contain_text("3 of 3 neurons stand out.")
    expect(page.get_by_text("γ is lost").first).to_be_visible()
    app.idle()
    page.locator("[data-neurons] tr[data-neuron='2'] button").click()
    expect(page.locator(f"{PICTURE} h2")).to_contain_text("Neuron 3: all three paths come")
    app.idle()
    rows = column(app, "right")
    assert len(rows) == 16
    t = run(s)
    far = np.sort(np.abs(dx - t.dx)[:, 2])[-16:]
    np.testing.assert_allclose(np.sort(np.abs(column(app, "away"))), far, rtol=1e-6)
    expect(page.get_by_text("16 of 200 samples are shown, those that are furthest")).to_be_visible()
    app.assert_accessible()


def test_the_picture_of_a_link_is_there_again_after_a_reload(app: App) -> None:
    page = app.open("/check?proof=3").page
    paste(app, str((T.dx_direct + T.dx_via_var).tolist()))
    expect(page.locator(f"{PICTURE} h2")).to_have_text("Neuron 1: ③ is missing.")
    page.wait_for_url(lambda url: "mine=" in url)
    page.reload()
    expect(page.locator(f"{PICTURE} h2")).to_have_text("Neuron 1: ③ is missing.")
    app.idle()
    assert len(column(app, "mine")) == 6
