"""A county's desk that runs, for all tests of a file; a store of accounts for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.desk.browsing import FLAGS, chromium_path
from tests.desk.people import CHEAP, Counting, Human, first, officer
from tests.world.desk import DeskWorld, running_desk
from tests.world.station import with_a_fire
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.store import AccountStore


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskWorld]:
    """Run the desk of 庆元, where a fire rings, with an account for each role."""
    with running_desk(with_a_fire(tmp_path_factory.mktemp("desk") / "home")) as world:
        yield world


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Run one Chromium for a file: Playwright keeps an event loop, beside which no test with its own could run."""
    if (path := chromium_path()) is None:
        pytest.skip("no Chromium on this machine: as root `make prerequisites` installs it; or name one in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AccountStore]:
    """Return an empty store."""
    with AccountStore(tmp_path / "desk.sqlite3", Counting(CHEAP)) as opened:
        yield opened


@pytest.fixture
def duty(store: AccountStore) -> Human:
    """Return a duty officer, with a security administrator beside."""
    first(store)
    return officer(store, "331902", "周某", Role.DUTY)
