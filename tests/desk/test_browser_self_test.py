"""The self-test of a browser, in a browser."""

from __future__ import annotations

import os
import subprocess

import pytest
from playwright.sync_api import expect

from tests.desk.chromium import WAIT_MS, Windows, find_chromium
from tests.world.desk import DeskWorld

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_browser_of_today_can_use_the_desk(desk: DeskWorld, windows: Windows, language: str) -> None:
    """Whoever is not signed in opens the page, and each thing that the desk needs is there."""
    page = windows.open(desk, "/self-test", language="en" if language == "en" else "zh")
    expect(page.locator("#self-test[data-done=good]")).to_be_visible(timeout=WAIT_MS)
    assert page.locator("#self-test li.bad").count() == 0
    assert page.locator("#verdict").text_content() == page.locator("#verdict").get_attribute("data-good")
    page.close()


def test_it_can_be_read_without_a_screen(desk: DeskWorld, windows: Windows) -> None:
    """A browser that only prints the page, as an old one is tried, says the same in words."""
    path = find_chromium()
    assert path is not None
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    flags = ["--headless", *as_root, "--autoplay-policy=no-user-gesture-required", "--virtual-time-budget=6000"]
    command = [path, *flags, "--dump-dom", f"{desk.address}/self-test"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    assert 'data-done="good"' in printed
    assert "✓ 可用</b> <span>响铃" in printed


def test_without_what_it_needs_it_says_so(desk: DeskWorld, windows: Windows) -> None:
    """A browser without WebAudio is told that it will not ring, and what else it lacks is no obstacle."""
    page = windows.open(desk, "/sign-in")
    page.context.add_init_script("delete window.AudioContext; delete window.SharedWorker; delete navigator.wakeLock;")
    page.goto(f"{desk.address}/self-test")
    expect(page.locator("#self-test[data-done=bad]")).to_be_visible(timeout=WAIT_MS)
    assert page.locator("#self-test li.bad").evaluate_all("all => all.map(each => each.dataset.check)") == ["sound"]
    assert page.locator("#self-test li[data-check=worker].less").count() == 1
    assert "响铃" in (page.locator("#verdict").text_content() or "")
    page.close()
