"""A room: a teacher and three phones through two steps, one phone away and the server restarted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bnviz.claims.lesson import STEPS, reply, scenario_of
from bnviz.core.trace import run

from .conftest import App, free_port, served
from .test_connection import expect_away, expect_back
from .test_lesson import shown


def join(browser: Browser, address: str, code: str) -> Page:
    """A phone that types the code."""
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True).new_page()
    phone.goto(f"{address}/room")
    phone.get_by_label("The code on the teacher’s screen").fill(code.upper())
    phone.get_by_role("button", name="Join").click()
    return phone


def choose(page: Page, key: str, step: int) -> None:
    text = STEPS[step].choices[key].text
    page.get_by_role("radio", name=shown(text), exact=True).check()


def bars(page: Page) -> dict[str, str | None]:
    """How many chose what, as it is drawn."""
    rows = page.locator("[data-choice]")
    return {
        row.get_attribute("data-choice") or "": row.locator(".bnp-line").get_attribute("data-count")
        for row in rows.all()
    }


def sees(page: Page, step: int) -> None:
    expect(page.locator("h1:visible")).to_have_text(shown(STEPS[step].title))


def row(page: Page, key: str) -> Locator:
    return page.locator(f"[data-choice='{key}']")


Phones = list[Page]


def predicts_together(app: App, phones: Phones) -> None:
    """The first step: two answer, one of them twice; the third is in a pocket when it is shown."""
    teacher, (one, two, three) = app.page, phones
    for phone in phones:
        sees(phone, 0)
    one.locator(".bng-track").click()  # in its middle: a prediction of 0
    expect(row(one, "zero").get_by_role("radio")).to_be_checked()
    choose(two, "zero", 0)
    with two.expect_response(lambda r: '"n"' in (r.request.post_data or "")):
        choose(two, "n", 0)  # at once, and it is the one that counts
    expect(teacher.locator(".st-key-room")).to_contain_text("2 of 3 phones answered")
    expect(one.locator(".ph-status")).to_contain_text("2 of 3 have answered")
    assert bars(one) == dict.fromkeys(STEPS[0].choices, "0")
    expect(two.locator(".bng-dot")).to_have_count(0)
    three.context.set_offline(True)

    teacher.get_by_role("button", name="Show the answers").click()
    t = run(scenario_of(STEPS[0]))
    said = reply(STEPS[0], t, STEPS[0].view, "n")[1]
    claim = STEPS[0].shown(t, STEPS[0].view).claim
    for page in (teacher, one, two):
        expect(row(page, "n").locator(".bnp-said")).to_have_text(shown(said))
        assert bars(page) == {"n": "1", "zero": "1", "x": "0"}
        expect(row(page, "zero")).to_contain_text("(right)")
        expect(page.locator(".bng-dot")).to_have_count(1)
        expect(page.locator(".bng-dots")).to_have_accessible_name("1 prediction of Σx̂, at 0")
        expect(page.locator("h2").first).to_have_text(shown(claim))
    expect(two.get_by_role("radio").first).to_be_disabled()
    app.idle()


def goes_on(app: App, phones: Phones) -> None:
    """The second step, with numbers of the teacher's own; the third phone is taken out again."""
    teacher, three = app.page, phones[2]
    teacher.get_by_role("button", name="Next").click()
    for page in (teacher, *phones[:2]):
        sees(page, 1)
    three.context.set_offline(False)
    sees(three, 1)
    app.idle()
    app.type_into("dy", 0, "-2")
    for phone in phones:
        upstream = phone.locator("td[data-term=dy][data-row='0']")
        expect(upstream).to_have_attribute("data-value", "-2")
        expect(phone.locator("[data-ledger] [data-sum=dx]")).to_have_count(0)
    choose(three, "zero", 1)
    expect(teacher.locator(".st-key-room")).to_contain_text("1 of 3 phones answered")


def plays(app: App, phone: Page) -> None:
    """Who plays keeps his numbers; free phones go where they like, until they are called back."""
    teacher = app.page
    slider = phone.locator("td[data-term=dy][data-row='1'] [role=slider]")
    slider.focus()
    slider.press("ArrowRight")
    moved = phone.locator("td[data-term=dy][data-row='1']")
    expect(moved).to_have_attribute("data-value", "-0.5")
    teacher.get_by_role("button", name="Let phones explore").click()
    phone.get_by_role("button", name="Next").click()
    sees(phone, 2)
    app.idle()
    teacher.get_by_role("button", name="Back to me").click()
    sees(phone, 1)
    expect(moved).to_have_attribute("data-value", "-0.6")
    app.idle()


def test_a_class_goes_through_two_steps_together(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNVIZ_ROOMS", str(tmp_path / "rooms.sqlite3"))
    port, log = free_port(), tmp_path / "log.txt"
    address = f"http://localhost:{port}"
    with served(port, log):
        app = App(browser.new_context().new_page(), address).open("/lesson")
        teacher = app.page
        teacher.evaluate("window.mark = true")  # which a reload would lose
        teacher.get_by_role("button", name="Open a room").click()
        desk = teacher.locator(".st-key-room")
        expect(desk).to_contain_text("/room/")
        code = re.sub(r"\s", "", desk.locator("strong").inner_text())
        app.idle()
        phones = [join(browser, address, code) for _ in range(3)]
        predicts_together(app, phones)
    expect(phones[0].locator(".ph-status")).to_contain_text("The line is down")
    expect_away(app)
    with served(port, log):
        expect_back(app)
        goes_on(app, phones)
        plays(app, phones[0])
        teacher.get_by_role("button", name="End the room").click()
        expect(phones[0].locator(".ph-status")).to_contain_text("The room has ended")
        expect(teacher.get_by_role("button", name="Open a room")).to_be_visible()
        app.idle()
        # The code can be typed on the lesson as well; this one is of a room that is no more.
        teacher.get_by_label("The code on the teacher’s screen").fill(code.upper())
        teacher.get_by_role("button", name="Join").click()
        expect(teacher).to_have_url(f"{address}/room/#{code}")
        expect(teacher.get_by_role("alert")).to_contain_text("There is no room with this code")
    assert "Traceback" not in log.read_text()
    assert app.errors == []
    for page in (teacher, *phones):
        page.context.close()
