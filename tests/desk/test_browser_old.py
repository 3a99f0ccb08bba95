"""The oldest browser that the desk promises: Chromium 88, of the class of 360 and other domestic browsers of 2021.

It comes in the npm package chrome-aws-lambda 5.5.0, kept in ``${XDG_CACHE_HOME:-~/.cache}/yizhan``; where the package
cannot be had, these tests are skipped. Playwright's own look for what is visible needs a later one: what is there is
asked for by selectors alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.desk.browsing import FLAGS, open_page
from tests.world.desk import DeskWorld
from tests.world.waiting import LIMIT_SECONDS
from yizhan.desk.accounts.model import Role

pytestmark = [pytest.mark.browser, pytest.mark.exhaustive]
PACKAGE: Final = "chrome-aws-lambda@5.5.0"
INTEGRITY: Final = "sha512-nYSDzTsVEVsvIFaUUAUN53ulXBLKSRXFS+eVYZOLZD5SA1If59rqBAiy4raMgorQwXWqjSsjK1SF4As+qzPLqA=="
_UNPACK: Final = """
const fs = require('fs'), zlib = require('zlib');
fs.writeFileSync(process.argv[2], zlib.brotliDecompressSync(fs.readFileSync(process.argv[1])), { mode: 0o755 });
"""


def old_chromium(scratch: Path) -> Path:
    """Return the program; fetched, checked and unpacked the first time (``OSError``, ``CalledProcessError``)."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    program = base / "yizhan" / "chromium-88" / "chromium"
    if program.exists():
        return program
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise FileNotFoundError("npm or node")
    packed = subprocess.run(
        [npm, "pack", PACKAGE, "--json"], check=True, capture_output=True, cwd=scratch, timeout=120
    ).stdout
    archive = scratch / json.loads(packed)[0]["filename"]
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert found == INTEGRITY, "another archive than the one that was tried"
    with tarfile.open(archive) as opened:
        opened.extract("package/bin/chromium.br", scratch, filter="data")
    whole = scratch / "chromium"
    subprocess.run([node, "-e", _UNPACK, scratch / "package/bin/chromium.br", whole], check=True, timeout=120)
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(whole, program.with_suffix(".new"))
    program.with_suffix(".new").replace(program)
    return program


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Run it for this file."""
    try:
        program = old_chromium(tmp_path_factory.mktemp("old"))
        blank = [str(program), "--headless", "--disable-gpu", *FLAGS, "--dump-dom", "about:blank"]
        subprocess.run(blank, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no Chromium 88: the npm package {PACKAGE} cannot be had or does not run here ({error})")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, "--disable-gpu"])
        yield browser
        browser.close()


def wait(page: Page, selector: str) -> None:
    """Wait until an element is there."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not page.evaluate("selector => document.querySelector(selector) !== null", selector):
        assert time.monotonic() < deadline, f"no {selector}:\n{page.content()[:3000]}"
        page.wait_for_timeout(50)


def test_the_self_test_passes(old: Browser, desk: DeskWorld) -> None:
    """Everything that the desk needs is there."""
    with open_page(old, desk, None) as page:
        page.goto(f"{desk.address}/self-test")
        wait(page, "#self-test[data-done='good']")
        assert old.version.startswith("88.")


def test_an_alarm_is_shown_and_signed_for(old: Browser, desk: DeskWorld) -> None:
    """The duty page shows what rings; A and Enter sign for it; no console error, no report of the policy."""
    with open_page(old, desk, Role.DUTY) as page:
        page.goto(f"{desk.address}/duty")
        wait(page, "#alarms .alarm[aria-current]")
        wait(page, "#lamp-line:not(.warn):not(.bad)")
        page.keyboard.press("a")
        wait(page, "[data-confirm]:not([disabled]):focus")
        page.keyboard.press("Enter")
        wait(page, "#alarms .alarm.signed")


@pytest.mark.parametrize("path", ["/inbox", "/new", "/due", "/bulletin"])
def test_pages_open(old: Browser, desk: DeskWorld, path: str) -> None:
    """Pages of other officers' work open without a fault of a script."""
    with open_page(old, desk, Role.LEADER) as page:
        answer = page.goto(f"{desk.address}{path}")
        assert answer is not None
        assert answer.status == 200
        wait(page, "#lamp-line:not(.warn)")
