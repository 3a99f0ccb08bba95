"""The duty page in Chromium: an alarm is painted and heard, signed for in two steps, and never lost or doubled."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.desk.browsing import open_page, serious_faults
from tests.world.cutting import CuttingProxy
from tests.world.desk import DeskWorld, desk_with_accounts, running_desk, sends, serving
from tests.world.simulator import QINGYUAN
from tests.world.station import Station, with_a_fire
from yizhan.desk.accounts.model import Role
from yizhan.runtime.heartbeat import Heartbeat
from yizhan.schemas.matters import Answer
from yizhan.services.home import Home
from yizhan.services.processes import home_processes
from yizhan.services.stores import read_inbox

pytestmark = pytest.mark.browser
CUTS = 30
TABS = 12


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """Return two counties where a fire rings at 庆元."""
    return with_a_fire(tmp_path / "home")


@pytest.fixture
def fresh(station: Station) -> Iterator[DeskWorld]:
    """Run a desk of its own for a test that signs."""
    with running_desk(station) as world:
        yield world


def duty_page(page: Page, desk: DeskWorld) -> Page:
    """Open the duty page, and wait until what rings is there."""
    page.goto(f"{desk.address}/duty")
    expect(page.locator("#alarms .alarm")).to_have_count(1)
    return page


def answers(desk: DeskWorld, item_id: str) -> tuple[Answer, ...]:
    """Return what officers answered to an event."""
    with read_inbox(desk.home, desk.county) as inbox:
        item = None if inbox is None else inbox.item(item_id)
    assert item is not None
    return item.answers


def shown(page: Page) -> list[str]:
    """Return the ids of the cards on a page."""
    found = page.locator("#alarms .alarm:not([data-signed])").evaluate_all("all => all.map(one => one.dataset.id)")
    return [str(each) for each in found]


def test_an_alarm_is_painted_heard_and_signed_by_two_keys(chromium: Browser, fresh: DeskWorld) -> None:
    """A committed alarm appears and sounds; A and Enter sign for it; the other officer is told who did."""
    with open_page(chromium, fresh, Role.DUTY) as page, open_page(chromium, fresh, Role.LIAISON) as other:
        duty_page(page, fresh)
        duty_page(other, fresh)
        fire = sends(fresh.station, "接-2", summary="界山北坡起火")
        expect(page.locator(f"#alarm-{fire}")).to_contain_text("界山北坡起火")
        expect(other.locator(f"#alarm-{fire}")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("data-last-sound", re.compile("^alarm "))
        expect(page.locator("#announce")).to_have_text(re.compile("^新报警：寿宁"))
        expect(page).to_have_title(re.compile(r"^\(2\)"))
        first = page.locator(".alarm[aria-current]").get_attribute("data-id")
        assert first is not None
        page.keyboard.press("a")
        expect(page.locator("[data-confirm]:focus")).to_be_enabled()
        page.keyboard.press("Enter")
        expect(page.locator(f"#alarm-{first}.signed")).to_contain_text("周某")
        expect(other.locator(f"#alarm-{first}")).to_contain_text("周某")
        assert [each.name for each in answers(fresh, first)] == ["周某"]


def test_two_clicks_sign_and_a_double_click_does_not(chromium: Browser, fresh: DeskWorld) -> None:
    """The button that confirms is deaf while a double click lasts; then one click signs."""
    with open_page(chromium, fresh, Role.DUTY) as page:
        (fire,) = shown(duty_page(page, fresh))
        page.locator("[data-sign]").dblclick()
        confirm = page.locator("[data-confirm]")
        expect(confirm).to_be_enabled()
        assert answers(fresh, fire) == ()
        confirm.click()
        expect(page.locator(f"#alarm-{fire}.signed")).to_be_visible()
        assert len(answers(fresh, fire)) == 1


def test_a_stale_page_is_told_what_the_state_is(chromium: Browser, fresh: DeskWorld) -> None:
    """Who confirms what has changed meanwhile gets the present state, and nothing is signed."""
    with open_page(chromium, fresh, Role.DUTY) as page:
        (fire,) = shown(duty_page(page, fresh))
        page.locator("input[name=seen]").evaluate("field => { field.value = 'another'; }")
        page.locator("[data-sign]").click()
        page.locator("[data-confirm]:enabled").click()
        expect(page.locator(f"#alarm-{fire}.changed [role=alert]")).to_be_visible()
        assert answers(fresh, fire) == ()


def test_nothing_is_lost_or_doubled_over_a_bad_line(chromium: Browser, station: Station) -> None:
    """The line is cut thirty times while alarms come: each is on the page once; then it is lost, said, and back."""
    chance, ids = random.Random(20261130), list[str]()
    with CuttingProxy() as proxy, desk_with_accounts(Home(station.app.path), QINGYUAN) as desk:
        desk.in_memory = station
        with serving(desk, f"127.0.0.1:{proxy.port}"):
            direct, desk.host = desk.host, f"127.0.0.1:{proxy.port}"
            proxy.target = ("127.0.0.1", int(direct.rpartition(":")[2]))
            with open_page(chromium, desk, Role.DUTY, line_fails=True) as page:
                before = shown(duty_page(page, desk))
                for number in range(CUTS):
                    proxy.cut(refuse=chance.random() < 1 / 3)
                    if number % 5 == 0:
                        ids.append(sends(station, f"断-{number}"))
                    page.wait_for_timeout(chance.uniform(5, 60))
                    proxy.mend()
                expect(page.locator("#alarms .alarm")).to_have_count(len(ids) + len(before))
                assert sorted(shown(page)) == sorted([*before, *ids])
                expect(page.locator("#lamp-line:not(.bad)")).to_be_visible()
                proxy.cut(refuse=True)
                expect(page.locator("#lost")).to_be_visible()
                expect(page.locator("#lost")).to_contain_text(re.compile(r"\d\d:\d\d:\d\d 之后的报警"))
                expect(page).to_have_title(re.compile("断线"))
                expect(page.locator("[data-sign]").first).to_be_disabled()
                late = sends(station, "断-最后")
                proxy.mend()
                expect(page.locator(f"#alarm-{late}")).to_be_visible()
                expect(page.locator("#lost")).to_be_hidden()
                expect(page.locator(".notice")).to_contain_text("已补齐 1 件")


def test_a_server_that_comes_back_finds_the_page_waiting(chromium: Browser, station: Station) -> None:
    """While the desk is down the page keeps what it has, greyed; when it is back, what came meanwhile is there."""
    with desk_with_accounts(Home(station.app.path), QINGYUAN) as desk, contextlib.ExitStack() as opened:
        desk.in_memory = station
        with serving(desk):
            page = opened.enter_context(open_page(chromium, desk, Role.DUTY, line_fails=True))
            before = shown(duty_page(page, desk))
        expect(page.locator("#lost")).to_be_visible()
        assert shown(page) == before
        missed = sends(station, "停-1")
        with serving(desk):
            expect(page.locator(f"#alarm-{missed}")).to_be_visible()
            expect(page.locator("#lost")).to_be_hidden()
            opened.close()


def test_quiet_is_proven(chromium: Browser, fresh: DeskWorld) -> None:
    """With nothing ringing the page says so only while the receiving process makes progress; else it is not known."""
    inbox = next(each for each in home_processes(fresh.home) if each.name == f"inbox-{fresh.county}")
    with open_page(chromium, fresh, Role.DUTY) as page:
        (fire,) = shown(duty_page(page, fresh))
        page.locator("[data-sign]").click()
        page.locator("[data-confirm]:enabled").click()
        expect(page.locator(f"#alarm-{fire}.signed")).to_be_visible()
        expect(page.locator("#lamp-in.bad")).to_be_visible()
        expect(page.locator('[data-quiet="unknown"]')).to_be_visible()
        heart = Heartbeat(inbox.lock)
        heart.beat()
        expect(page.locator('[data-quiet="ok"]')).to_be_visible()
        expect(page.locator("#lamp-in:not(.bad)")).to_be_visible()


def test_a_page_without_sound_says_so(chromium: Browser, desk: DeskWorld) -> None:
    """Where the browser gives no sound the lamp is red, with a button; quiet is not claimed."""
    with open_page(chromium, desk, Role.DUTY) as page:
        page.add_init_script("delete window.AudioContext; delete window.webkitAudioContext;")
        duty_page(page, desk)
        expect(page.locator("button#lamp-sound.bad")).to_contain_text("声音 被挡")


def test_twelve_tabs_share_one_stream(chromium: Browser, fresh: DeskWorld) -> None:
    """Twelve pages of one browser all show an alarm that comes: one stream serves them, and each can still be used."""
    with open_page(chromium, fresh, Role.DUTY) as page:
        pages = [page, *(page.context.new_page() for _each in range(TABS - 1))]
        for each in pages:
            each.goto(f"{fresh.address}/due")
        fire = sends(fresh.station, "接-12")
        for each in pages:
            expect(each.locator("#ring [data-ring-count]")).to_have_text("2")
        page.goto(f"{fresh.address}/duty")
        expect(page.locator(f"#alarm-{fire}")).to_be_visible()


@pytest.mark.parametrize("english", [False, True])
def test_pages_of_the_office_are_readable(chromium: Browser, desk: DeskWorld, *, english: bool) -> None:
    """Axe finds nothing serious on the pages of a shift, of the equipment and of the wall, in both languages."""
    with open_page(chromium, desk, Role.DUTY, english=english, scheme="dark" if english else "light") as page:
        for path in ("/duty", "/due", "/due?show=ended", "/calendar", "/shift", "/engine", "/duty/wall"):
            page.goto(desk.address + path)
            expect(page.locator("main")).to_be_visible()
            assert serious_faults(page) == [], path
