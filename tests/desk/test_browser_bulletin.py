"""The editor of a bulletin in Chromium: figures are picked by keyboard, every change is kept."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.desk.browsing import open_page, serious_faults
from tests.world.desk import running_desk
from tests.world.quarter import closed_quarter, sign_elsewhere
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.desk.accounts.model import Role
from yizhan.services.bulletin_reading import BulletinKey, text_path


@pytest.mark.browser
def test_a_figure_is_picked_by_keyboard_and_what_is_typed_is_asked_about(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Ctrl K finds a figure, Enter puts it at the caret; the file has its name, the paper its value; axe is content."""
    station, label = closed_quarter(tmp_path_factory.mktemp("quarter") / "home")
    sign_elsewhere(station, label)
    with running_desk(station) as desk:
        path = f"{desk.address}/bulletin/{label}/{SHOUNING}"
        with open_page(chromium, desk, Role.ANALYST) as page:
            page.goto(path)
            part = page.locator("[data-part=judgement]")
            part.get_by_role("textbox").click()
            page.keyboard.type("清除猎套12副，互通")
            page.keyboard.press("Control+k")
            page.keyboard.type("互通文书")
            page.keyboard.press("Enter")
            page.keyboard.type("件。")
            expect(page.locator("#paper")).to_contain_text("清除猎套12副，互通3件。")
            expect(part.locator(".doubt")).to_contain_text("“12副”是手写的数字")
            assert "清除猎套12副，互通{{letters}}件。" in text_path(
                desk.home, BulletinKey(label, QINGYUAN, SHOUNING)
            ).read_text("utf-8")
            part.get_by_role("button", name="保留").focus()
            page.keyboard.press("Enter")
            expect(part.locator(".doubt")).to_have_count(0)
            assert serious_faults(page) == []
            for more in ("compare", "digest"):
                page.goto(f"{path}/{more}")
                assert serious_faults(page) == [], more
        with open_page(chromium, desk, Role.LEADER, english=True) as page:
            for each in ("/bulletin", f"/bulletin/{label}/{SHOUNING}"):
                page.goto(desk.address + each)
                assert serious_faults(page) == [], each
