"""Pages of a desk in a real Chromium: signed in, watched for errors, examined by axe."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.world.desk import DeskWorld
from yizhan.desk.accounts.model import Role


def chromium_path() -> str | None:
    """Return where Chromium is: Debian's, or the one that the environment names; None without one."""
    given = os.environ.get("CHROMIUM")
    return given or shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def open_page(browser: Browser, desk: DeskWorld, role: Role, *, english: bool = False) -> Iterator[Page]:
    """Open a window in which somebody of a role is signed in; at its end no script may have failed."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    cookies = {f"yz-{desk.county}": desk.cookie(role), "yz-lang": "en" if english else "zh"}
    context.add_cookies([{"name": name, "value": value, "url": desk.address} for name, value in cookies.items()])
    page, faults = context.new_page(), list[str]()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    try:
        yield page
    finally:
        context.close()
    assert faults == []


def serious_faults(page: Page) -> list[str]:
    """Return what axe finds serious or critical on a page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]
