"""Pictures of the desk for docs/desk.md: the demonstration's day is played, officers sign in, pages are photographed.

    python docs/pictures.py [HOME]        # make pictures

Rule 1: what a picture shows is what the desk shows: nothing is drawn, nothing is made up beside the demonstration.
Rule 2: a page that cannot be photographed, or a file that is too large, is named, and the exit status is 1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, Error, Page, sync_playwright
from rich.console import Console

from docs.small_png import shrink
from tests.desk.browsing import FLAGS, chromium_path
from yizhan.demo.account import Account
from yizhan.demo.auditing import audit
from yizhan.demo.desks import OpenDesk, open_desks
from yizhan.demo.play import Day
from yizhan.demo.scenario import QINGYUAN, SHOUNING, unheard
from yizhan.demo.stage import Stage, exclusive_home
from yizhan.deploy.brokers import Brokers
from yizhan.desk.accounts.authority import Operator
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.sample import PASSWORD
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.desk import ACCOUNTS_FILE
from yizhan.runtime.clock import utc_now
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.sample import SIX

FOLDER: Final = Path(__file__).parent / "pictures"
LARGEST_BYTES: Final = 200 * 1024
DESKTOP: Final = (1366, 768)
PHONE: Final = (390, 844)
Scheme = Literal["light", "dark"]


@dataclass
class Studio:
    """The desk of 寿宁, a browser, and what went wrong."""

    desk: OpenDesk
    home: Path
    browser: Browser
    faults: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def window(self, role: Role | None, scheme: Scheme = "light", size: tuple[int, int] = DESKTOP) -> Iterator[Page]:
        """Open a window, in which somebody of a role signs in at the door; None: nobody does."""
        width, height = size
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(20_000)
        page = context.new_page()
        try:
            if role is not None:
                person = self.desk.people[role]
                page.goto(f"{self.desk.address}/sign-in")
                page.fill('input[name="badge"]', person.badge)
                page.fill('input[name="password"]', PASSWORD)
                page.fill('input[name="code"]', person.codes.pop())
                page.click('form[action="/sign-in"] button')
                page.wait_for_url(lambda address: not address.endswith("/sign-in"))
            yield page
        finally:
            context.close()

    def take(self, name: str, page: Page) -> None:
        """Photograph what a window shows."""
        page.wait_for_timeout(1500)  # the lamps say how things stand after the first beat
        path = FOLDER / f"{name}.png"
        path.write_bytes(shrink(page.screenshot(animations="disabled", caret="hide")))
        size = path.stat().st_size
        print(f"{path.name}  {size // 1024} KiB")
        if size > LARGEST_BYTES:
            self.faults.append(f"{path.name}: {size} bytes, more than {LARGEST_BYTES}")

    def photograph(
        self,
        name: str,
        role: Role | None,
        act: Callable[[Page], object],
        scheme: Scheme = "light",
        size: tuple[int, int] = DESKTOP,
    ) -> None:
        """Photograph one page; ``act`` opens it, and does what is to be seen."""
        try:
            with self.window(role, scheme, size) as page:
                act(page)
                self.take(name, page)
        except Error as error:
            self.faults.append(f"{name}: {str(error).splitlines()[0]}")

    def at(self, path: str, shows: str) -> Callable[[Page], None]:
        """Return what opens a path and waits until an element is there."""

        def act(page: Page) -> None:
            page.goto(f"{self.desk.address}{path}")
            page.locator(shows).first.wait_for(state="visible")

        return act


def write_fire(page: Page, address: str) -> None:
    """Begin a fire on the form, as far as an officer has come after half a minute."""
    page.goto(f"{address}/new/forest_fire")
    page.locator("#form").wait_for(state="visible")
    text = page.locator("#form textarea:visible").first
    text.fill("坑底乡界山北坡起火，火线约两百米，随阵风向省界蔓延。")
    text.blur()
    page.evaluate("window.scrollTo(0, 0)")


def quiet_pages(studio: Studio, day: Day, label: str) -> None:
    """Photograph what a day leaves behind."""
    fire = next(sent.id for _key, (county, sent) in day.sent.items() if (sent.id, SHOUNING) in day.expected)
    studio.photograph("quiet", Role.DUTY, studio.at("/duty", "#quiet"))
    studio.photograph("item", Role.DUTY, studio.at(f"/inbox/{fire}", "main"))
    studio.photograph("form", Role.LIAISON, lambda page: write_fire(page, studio.desk.address))
    studio.photograph("due", Role.LIAISON, studio.at("/due", "main"))
    studio.photograph("bulletin", Role.ANALYST, studio.at(f"/bulletin/{label}/{QINGYUAN}", "main"))
    studio.photograph("audit", Role.AUDITOR, studio.at(f"/audit/{fire}", "main h1"))


def ringing_pages(studio: Studio) -> None:
    """Photograph what rings."""
    with AccountStore(studio.home / "counties" / SHOUNING / ACCOUNTS_FILE) as accounts:
        screen = accounts.devices.add("值班室东墙", Operator("pictures"), utc_now())
    ringing = studio.at("/duty", "#alarms .alarm")
    studio.photograph("duty-ringing", Role.DUTY, ringing)
    studio.photograph("duty-ringing-dark", Role.DUTY, ringing, "dark")
    studio.photograph("phone", Role.DUTY, ringing, size=PHONE)
    studio.photograph("wall", None, studio.at(f"/screen/{screen}", ".wall"), "dark", (1920, 1080))


def ring(day: Day) -> None:
    """Send two fires that nobody answers."""
    first = unheard(datetime.now(UTC))
    day.take(first)
    payload = first.payload | {"summary": "江根乡与坑底乡交界处起火，火线约一公里，随西北风向寿宁境内烧来。"}
    payload |= {"border": {"distance_m": 1600.0, "bearing": 130.0}}
    attributes = first.attributes | {"grade": 2}
    day.take(dataclasses.replace(first, key="unheard-2", payload=payload, attributes=attributes))


def photograph_all(stage: Stage, console: Console) -> list[str]:
    """Play the day and take the pictures; return what went wrong."""
    stage.start()
    desk = next(each for each in open_desks(stage) if each.county == SHOUNING)
    day = Day(stage, Account(console, stage.charter))
    label = str(Quarter.containing(utc_now(), stage.charter.time_zone))
    day.play()
    day.close(label)
    audit(day)
    with (
        sync_playwright() as playwright,
        contextlib.closing(
            playwright.chromium.launch(executable_path=chromium_path(), args=[*FLAGS, "--force-color-profile=srgb"])
        ) as browser,
    ):
        studio = Studio(desk, stage.home, browser)
        quiet_pages(studio, day, label)
        ring(day)
        ringing_pages(studio)
    return day.problems + studio.faults


def main() -> int:
    """Play the day in a home that is made for it; return the exit status."""
    if chromium_path() is None:
        print("no Chromium on this machine: as root `make prerequisites` installs it", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        home = Path(sys.argv[1] if len(sys.argv) > 1 else made).absolute()
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        with exclusive_home(home, console.print):
            stage = Stage.build(home, SIX, lambda words: console.print(f"  {words}"))
            try:
                problems = photograph_all(stage, console)
            finally:
                stage.end()
                Brokers(home).stop()
    for each in problems:
        print(each, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
