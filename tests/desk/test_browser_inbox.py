"""The list of the inbox and the page of an item in Chromium: axe is content, a word goes by preview."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.desk.browsing import open_page, serious_faults
from tests.services.access_world import MARKER, make_case
from tests.world.desk import DeskWorld, running_desk
from tests.world.station import Station
from yizhan.desk.accounts.model import Role


@pytest.mark.browser
def test_both_pages_are_readable_and_an_item_is_answered(chromium: Browser, tmp_path: Path) -> None:
    """In both languages nothing serious by axe; from the list to the item, a reply is previewed, then sent."""
    case = make_case(tmp_path)
    with running_desk(Station(case.home.path)) as desk:
        with open_page(chromium, desk, Role.DUTY, english=True, scheme="dark") as page:
            for path in ("/inbox", f"/inbox/{case.fire}", f"/inbox/{case.plan}"):
                page.goto(desk.address + path)
                expect(page.locator("main h1")).to_be_visible()
                assert serious_faults(page) == []
        with open_page(chromium, desk, Role.DUTY) as page:
            page.goto(f"{desk.address}/inbox")
            assert serious_faults(page) == []
            page.locator(f".cut a[href='/inbox/{case.fire}']").click()
            expect(page.locator(".thread")).to_contain_text(MARKER)
            assert serious_faults(page) == []
            page.locator("#say").fill("已派两支半专业扑火队")
            page.get_by_role("button", name="预览后发送").first.click()
            expect(page.locator(".kvtable")).to_contain_text("已派两支半专业扑火队")
            assert serious_faults(page) == []
            page.get_by_role("button", name="发送", exact=True).click()
            expect(page.get_by_role("status").filter(has_text="已提交")).to_be_visible()


@pytest.mark.browser
def test_an_item_opens_beside_the_duty_page(chromium: Browser, desk: DeskWorld) -> None:
    """The page stays loaded; the focus goes to the item's heading, and back by Esc."""
    with open_page(chromium, desk, Role.DUTY) as page:
        page.goto(f"{desk.address}/duty")
        link = page.locator("#alarms a[href^='/inbox/']").first
        link.click()
        expect(page.locator("#panel h1")).to_be_focused()
        expect(page.locator("#panel .thread")).to_contain_text("距界约800米起火")
        assert serious_faults(page) == []
        page.keyboard.press("Escape")
        expect(page.locator("#panel")).to_be_hidden()
        expect(link).to_be_focused()
        assert page.url.endswith("/duty")
