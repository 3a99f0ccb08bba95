"""Writing in Chromium: by keyboard alone, over a server that dies, with a file dropped; axe finds nothing serious."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.desk.browsing import open_page, serious_faults
from tests.world.desk import DeskWorld, desk_with_accounts, serving
from tests.world.simulator import QINGYUAN
from tests.world.station import with_a_fire
from tests.world.waiting import until
from yizhan.desk.accounts.model import Role
from yizhan.producers.draft_rows import DraftState
from yizhan.services.drafts import find_draft
from yizhan.services.home import Home
from yizhan.services.uploads import list_uploads

pytestmark = pytest.mark.browser
MOST_TABS = 150


def reach(page: Page, selector: str) -> None:
    """Press Tab until something has the focus."""
    for _press in range(MOST_TABS):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(selector)


def choose(page: Page, name: str, place: int = 0) -> None:
    """Choose one of a row of buttons with the keyboard."""
    reach(page, f'[name="f-{name}"]')
    page.keyboard.press("Space")
    for _press in range(place):
        page.keyboard.press("ArrowRight")


def write(page: Page, name: str, text: str) -> None:
    """Write into a field that the keyboard reaches."""
    reach(page, f'[id="f-{name}"]')
    page.keyboard.type(text)


def number_of(page: Page) -> int:
    """Return the number of the draft that is open."""
    return int(page.url.split("/drafts/")[1].partition("/")[0])


def test_a_fire_is_written_and_sent_by_keyboard_alone(desk: DeskWorld, chromium: Browser) -> None:
    """Tab, Space, arrows, letters and Enter are enough; Enter in a field sends nothing."""
    with open_page(chromium, desk, Role.DUTY) as page:
        page.goto(f"{desk.address}/new")
        assert serious_faults(page) == []
        reach(page, 'a[href="/new/forest_fire"]')
        page.keyboard.press("Enter")
        expect(page.locator("#form")).to_be_visible()
        choose(page, "header.what")
        choose(page, "header.how_bad")
        choose(page, "classification", 1)
        write(page, "place.position", "119°17′51″E 27°30′45″N")
        page.keyboard.press("Enter")
        reach(page, '[id="f-place.position-datum"]')
        page.keyboard.type("WGS")
        page.keyboard.press("Tab")
        expect(page.locator('[id="f-place.position"]')).to_have_value("119.2975,27.5125")
        write(page, "summary", "山场夜间起火，已出动35人。")
        choose(page, "ask")
        choose(page, "state")
        write(page, "dead", "三个")
        page.keyboard.press("Tab")
        expect(page.locator('[id="e-dead"]')).to_contain_text("应为整数")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Control+a")
        page.keyboard.type("0")
        write(page, "injured", "0")
        choose(page, "crossing", 2)
        write(page, "contact.phone", "0578-6120110")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.locator("[data-preview]")).to_be_visible()
        assert find_draft(desk.home, desk.county, number_of(page)).state is DraftState.WRITING
        assert serious_faults(page) == []
        reach(page, "[data-preview]")
        page.keyboard.press("Enter")
        expect(page.locator("#main h1")).to_contain_text("预览")
        assert serious_faults(page) == []
        reach(page, ".foot .pri")
        page.keyboard.press("Enter")
        expect(page.locator("#queued")).to_be_visible()
        stored = find_draft(desk.home, desk.county, number_of(page))
        assert stored.state is DraftState.QUEUED
        assert stored.content["payload"]["place"]["position"]["coordinates"] == [119.2975, 27.5125]


def test_what_is_typed_survives_the_death_of_the_server(chromium: Browser, tmp_path: Path) -> None:
    """The page says that it is not stored, keeps it through a reload, and stores it when the server is back."""
    home = Home(with_a_fire(tmp_path / "home").app.path)
    with desk_with_accounts(home, QINGYUAN) as desk, contextlib.ExitStack() as window:
        with serving(desk):
            page = window.enter_context(open_page(chromium, desk, Role.DUTY))
            page.goto(f"{desk.address}/new/forest_fire")
            page.locator('[id="f-summary"]').fill("死前写的")
            expect(page.locator("#saved")).to_contain_text("已存")
            n = number_of(page)
            until(lambda: find_draft(desk.home, desk.county, n).content["payload"].get("summary") == "死前写的")
        page.locator('[id="f-summary"]').fill("死前写的，死后又写的")
        expect(page.locator("#saved")).to_contain_text("没有存上", timeout=15_000)
        kept = page.evaluate("JSON.stringify(Object.values(sessionStorage))")
        assert any("死后又写的" in each for each in json.loads(kept))
        with serving(desk):
            page.reload()
            expect(page.locator('[id="f-summary"]')).to_have_value("死前写的，死后又写的")
            expected = "死前写的，死后又写的"
            until(lambda: find_draft(desk.home, desk.county, n).content["payload"].get("summary") == expected)
            window.close()


def test_two_officers_see_both_texts(desk: DeskWorld, chromium: Browser) -> None:
    """The second is shown what the first wrote beside his own, and takes one of them."""
    with open_page(chromium, desk, Role.DUTY) as one, open_page(chromium, desk, Role.LIAISON) as two:
        one.goto(f"{desk.address}/new/forest_fire")
        two.goto(one.url)
        one.locator('[id="f-summary"]').fill("甲写的")
        one.keyboard.press("Tab")
        expect(one.locator("#saved")).to_contain_text("已存")
        until(lambda: "summary" in find_draft(desk.home, desk.county, number_of(one)).content["payload"])
        two.locator('[id="f-summary"]').fill("乙写的")
        two.keyboard.press("Tab")
        clash = two.locator(".clash")
        expect(clash).to_contain_text("甲写的")
        expect(clash).to_contain_text("乙写的")
        clash.get_by_role("button", name="用我写的").press("Enter")
        until(lambda: find_draft(desk.home, desk.county, number_of(one)).content["payload"]["summary"] == "乙写的")
        expect(clash).to_have_count(0)


def test_a_file_is_added_and_a_row_filled(desk: DeskWorld, chromium: Browser, tmp_path: Path) -> None:
    """A photograph is sent in the background, a program is refused with a sentence; a row added has the focus."""
    photo, program = tmp_path / "现场.jpg", tmp_path / "a.jpg"
    photo.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(9_000_000))
    program.write_bytes(b"MZ" + bytes(5000))
    with open_page(chromium, desk, Role.LIAISON, english=True) as page:
        page.goto(f"{desk.address}/new/eco_crime")
        n = number_of(page)
        page.set_input_files("#pick", photo)
        expect(page.locator("#filelist")).to_contain_text("9000011 bytes")
        page.set_input_files("#pick", program)
        expect(page.locator("#files-err")).to_contain_text("a.jpg")
        assert [each.name for each in list_uploads(desk.home, desk.county, n)] == ["现场.jpg"]
        page.locator("details.more > summary").first.press("Enter")
        page.locator('[data-row-add="suspects"]').press("Enter")
        expect(page.locator('[id="f-suspects.0.name"]')).to_be_focused()
        page.keyboard.type("某某")
        page.keyboard.press("Tab")
        until(lambda: find_draft(desk.home, desk.county, n).content["payload"].get("suspects") == [{"name": "某某"}])
        assert serious_faults(page) == []
        for path in ("/drafts", "/tables"):
            page.goto(desk.address + path)
            assert serious_faults(page) == []
