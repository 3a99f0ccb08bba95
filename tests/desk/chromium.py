"""A real Chromium for tests: pages of a desk, signed in, and what went wrong in them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.world.desk import DeskWorld
from yizhan.desk.accounts.model import Role

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
WAIT_MS: Final = 15_000.0


def find_chromium() -> str | None:
    """Return the path of a Chromium: ``CHROMIUM`` of the environment, else the system's; None where there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@contextlib.contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """Run a Chromium; as root it has no sandbox, which it would refuse."""
    arguments = ["--autoplay-policy=no-user-gesture-required", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with (
        sync_playwright() as playwright,
        contextlib.closing(playwright.chromium.launch(executable_path=path, args=arguments)) as browser,
    ):
        yield browser


@dataclass
class Windows:
    """Windows of one test. ``faults`` are errors of the console (a Content-Security-Policy report is one), errors of
    scripts, and requests to other hosts; a test that expects one takes it out.
    """

    browser: Browser
    faults: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(
        self,
        desk: DeskWorld,
        path: str,
        role: Role | None = None,
        *,
        language: Literal["zh", "en"] = "zh",
        scheme: Literal["light", "dark"] = "light",
        size: tuple[int, int] = (1366, 768),
    ) -> Page:
        """Open a page of a desk in a browser of its own, in which somebody of ``role`` is signed in."""
        width, height = size
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        context.add_cookies([{"name": "yz-lang", "value": language, "url": desk.address}])
        if role is not None:
            cookie = desk.browser(role)
            context.add_cookies([{"name": cookie.name, "value": cookie.cookie, "url": desk.address}])
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))
        context.on("request", lambda request: self._asked(request, desk.host))
        page = context.new_page()
        page.goto(f"{desk.address}{path}")
        return page

    def close(self) -> None:
        """Close all windows."""
        for each in self.contexts:
            each.close()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Request, host: str) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.netloc != host:
            self.faults.append(f"request to another host: {request.url}")
