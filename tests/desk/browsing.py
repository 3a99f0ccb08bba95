"""Pages of a desk in a real Chromium: signed in, watched for errors, examined by axe."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Final, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.world.desk import DeskWorld
from yizhan.desk.accounts.model import Role

FLAGS: Final = ("--autoplay-policy=no-user-gesture-required", *(["--no-sandbox"] if os.geteuid() == 0 else []))
"""Sound without a click, as a duty room's browser is set; as root Chromium refuses its sandbox."""
WAIT_MS: Final = 30_000.0
"""The one limit of what a page must show: generous, as the machine may be busy."""
expect.set_options(timeout=WAIT_MS)


def chromium_path() -> str | None:
    """Return where Chromium is: Debian's, or the one that the environment names; None without one."""
    given = os.environ.get("CHROMIUM")
    return given or shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def open_page(
    browser: Browser,
    desk: DeskWorld,
    role: Role | None,
    *,
    english: bool = False,
    scheme: Literal["light", "dark"] = "light",
    size: tuple[int, int] = (1366, 768),
    line_fails: bool = False,
) -> Iterator[Page]:
    """Open a window in which somebody of a role is signed in, or nobody.

    At its end no script may have failed, the console have no error (a Content-Security-Policy report is one), and no
    other host have been asked. Answers of 4xx and 5xx are the test's business.
    ``line_fails``: what htmx says of requests that did not arrive is expected.
    """
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    context.set_default_timeout(WAIT_MS)
    cookies = {"yz-lang": "en" if english else "zh"}
    if role is not None:
        cookies[f"yz-{desk.county}"] = desk.cookie(role)
    context.add_cookies([{"name": name, "value": value, "url": desk.address} for name, value in cookies.items()])
    expected = ("Failed to load resource", *(["htmx:"] if line_fails else []))
    page, faults = context.new_page(), list[str]()
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on(
        "console",
        lambda line: (
            faults.append(f"console: {line.text}")
            if line.type == "error" and not line.text.startswith(expected)
            else None
        ),
    )
    context.on("request", lambda request: faults.extend(elsewhere(request.url, desk.host)))
    try:
        yield page
    finally:
        context.close()
    assert faults == [], faults


def elsewhere(address: str, host: str) -> list[str]:
    """Return what is wrong with asking an address: that it is another host's."""
    parts = urlsplit(address)
    is_ours = parts.netloc == host or parts.scheme not in {"http", "https", "ws", "wss"}
    return [] if is_ours else [f"request to another host: {address}"]


def serious_faults(page: Page) -> list[str]:
    """Return what axe finds serious or critical on a page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]
