"""The auditor's pages in Chromium: an event's life with its proofs, each page examined by axe in both languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.desk.browsing import open_page, serious_faults
from tests.world.desk import running_desk
from tests.world.quarter import closed_quarter
from yizhan.desk.accounts.model import Role
from yizhan.schemas.proofs import SUFFIX
from yizhan.services.proofs import check_proof


@pytest.mark.browser
def test_an_events_life_shows_its_proofs_and_gives_them(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Searched by the end of its id, by keyboard; a proof is carried away; nothing serious on any page."""
    station, _label = closed_quarter(tmp_path_factory.mktemp("trail") / "home")
    station.log()
    with running_desk(station) as desk:
        desk.browser(Role.DUTY).get("/duty")
        with open_page(chromium, desk, Role.AUDITOR) as page:
            page.goto(f"{desk.address}/audit/access")
            link = page.locator("td a", has_text="350924-").first
            event = link.inner_text()
            page.get_by_role("searchbox").or_(page.locator("#q")).first.fill(event[-8:])
            page.keyboard.press("Enter")
            life = page.locator(".life")
            expect(life.locator(".pf.log").first).to_contain_text("账上第")
            expect(life.locator(".pf.sig").first).to_contain_text("本人签名")
            expect(life.locator(".pf.own").first).to_contain_text("本县自述")
            with page.expect_download() as given:
                life.locator("a.pf.log").first.click()
            assert given.value.suggested_filename.endswith(SUFFIX)
            assert check_proof(desk.home, given.value.path().read_bytes()).checkpoint.final
        for english in (False, True):
            with open_page(chromium, desk, Role.AUDITOR, english=english) as page:
                for path in ("", f"/{event}", "/access", "/books"):
                    page.goto(f"{desk.address}/audit{path}")
                    assert serious_faults(page) == [], path
                for name in ("verify", "find", "reconcile", "report"):
                    page.goto(f"{desk.address}/audit/{name}")
                    page.locator(f"form[action='/audit/{name}'][method=post] button").click()
                    expect(page.locator(".hash").first).to_be_visible()
                    assert serious_faults(page) == [], name
