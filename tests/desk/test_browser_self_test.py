"""The self-test of a browser, in a browser."""

from __future__ import annotations

import subprocess

import pytest
from playwright.sync_api import Browser, expect

from tests.desk.browsing import FLAGS, WAIT_MS, chromium_path, open_page, serious_faults
from tests.world.desk import DeskWorld

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("english", [False, True])
def test_a_browser_of_today_can_use_the_desk(desk: DeskWorld, chromium: Browser, english: bool) -> None:  # noqa: FBT001
    """Whoever is not signed in opens the page, and each thing that the desk needs is there."""
    with open_page(chromium, desk, None, english=english) as page:
        page.goto(f"{desk.address}/self-test")
        expect(page.locator("#self-test[data-done=good]")).to_be_visible(timeout=WAIT_MS)
        assert page.locator("#self-test li.bad").count() == 0
        verdict = page.locator("#verdict")
        assert verdict.text_content() == verdict.get_attribute("data-good")
        assert serious_faults(page) == []


def test_it_can_be_read_without_a_screen(desk: DeskWorld, chromium: Browser) -> None:
    """A browser that only prints the page, as an old one is tried, says the same in words."""
    path = chromium_path()
    assert path is not None
    command = [path, "--headless", *FLAGS, "--virtual-time-budget=6000", "--dump-dom", f"{desk.address}/self-test"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    assert 'data-done="good"' in printed
    assert "✓ 可用</b> <span>响铃" in printed


def test_without_what_it_needs_it_says_so(desk: DeskWorld, chromium: Browser) -> None:
    """A browser without WebAudio is told that it will not ring, and what else it lacks is no obstacle."""
    with open_page(chromium, desk, None) as page:
        page.add_init_script("delete window.AudioContext; delete window.SharedWorker; delete navigator.wakeLock;")
        page.goto(f"{desk.address}/self-test")
        expect(page.locator("#self-test[data-done=bad]")).to_be_visible(timeout=WAIT_MS)
        assert page.locator("#self-test li.bad").evaluate_all("all => all.map(each => each.dataset.check)") == ["sound"]
        assert page.locator("#self-test li[data-check=worker].less").count() == 1
        assert "响铃" in (page.locator("#verdict").text_content() or "")
