"""What came and went, in Chromium: the panel beside the duty page, the map, each page examined by axe."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.desk.browsing import open_page, serious_faults
from tests.world.desk import DeskWorld, running_desk
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, with_a_fire
from tests.world.waiting import until
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.desk.accounts.model import Role
from yizhan.producers.drafts import parse_draft
from yizhan.services.stores import open_outbox

SPOT = {"type": "Point", "coordinates": [119.35, 27.63], "datum": "WGS84"}
HOSTILE = "<script>window.bad=1</script><img src=x onerror=window.bad=1>\"'`"


def report(station: Station, number: int, words: str) -> str:
    """Let 寿宁 report another fire that rings in 庆元; return its id."""
    fire = copy.deepcopy(FIRE)
    fire["external_ref"] = f"接-{number}"
    fire["grade"] = 2
    fire["payload"]["summary"] = words
    fire["payload"]["place"]["position"] = SPOT
    with open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox:
        event = outbox.publish(parse_draft(fire)).id
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    return event


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DeskWorld, str, str]]:
    """Run a desk with a fire on the map, whose words are hostile, and an event of its own: (desk, theirs, ours)."""
    station = with_a_fire(tmp_path_factory.mktemp("inbox") / "home")
    theirs = report(station, 2, HOSTILE)
    own = {**copy.deepcopy(FIRE), "touches": [SHOUNING]}
    own["payload"]["place"]["county"] = QINGYUAN
    with open_outbox(station.app, QINGYUAN, TerminalPassphrase()) as outbox:
        ours = outbox.publish(parse_draft(own)).id
    with running_desk(station) as desk:
        yield desk, theirs, ours


@pytest.mark.browser
def test_a_detail_opens_beside_the_duty_page_and_alarms_go_on(
    chromium: Browser, world: tuple[DeskWorld, str, str]
) -> None:
    """Nothing is unloaded: an alarm that comes meanwhile is painted, an answer is given, Esc closes."""
    desk, theirs, _ours = world
    with open_page(chromium, desk, Role.DUTY) as page:
        page.goto(f"{desk.address}/duty")
        page.evaluate("window.same = true")
        page.locator(f"#alarm-{theirs} a", has_text="全文与地图").click()
        panel = page.locator("#panel")
        expect(panel.locator("h1")).to_be_focused()
        expect(page).to_have_url(f"{desk.address}/inbox/{theirs}")
        expect(panel.locator(".leaflet-marker-icon")).to_be_visible()
        expect(panel.locator(".thread .tx").first).to_contain_text("<script>window.bad=1</script>")
        assert serious_faults(page) == []
        later = report(desk.station, 3, "又一处起火")
        expect(page.locator(f"#alarm-{later}")).to_be_visible()
        panel.locator("summary", has_text="已处置").click()
        panel.locator("#note-acted").fill("已派一队")
        panel.locator("details[open] button").click()
        expect(panel.locator(".thread")).to_contain_text("已派一队")
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(page).to_have_url(f"{desk.address}/duty")
        assert page.evaluate("window.same === true && window.bad === undefined")


@pytest.mark.browser
@pytest.mark.parametrize("english", [False, True], ids=["zh", "en"])
def test_pages_of_what_came_and_went_have_no_serious_fault(
    chromium: Browser, world: tuple[DeskWorld, str, str], *, english: bool
) -> None:
    """Lists, items, searching, matters: axe finds nothing serious or critical, and no hostile word runs."""
    desk, theirs, ours = world
    paths = ("/inbox", f"/inbox/{theirs}", "/outbox", f"/outbox/{ours}", f"/matters/{theirs}", "/search?q=script")
    with open_page(chromium, desk, Role.LIAISON, english=english) as page:
        for path in paths:
            answer = page.goto(desk.address + path)
            assert answer is not None, path
            assert answer.status == 200, path
            assert serious_faults(page) == [], path
            assert page.evaluate("window.bad === undefined"), path


@pytest.mark.browser
def test_a_page_without_sound_keeps_no_other_page_silent(chromium: Browser, desk: DeskWorld) -> None:
    """Of two pages in one browser the second sounds where the first cannot."""
    with open_page(chromium, desk, Role.DUTY) as silent:
        silent.add_init_script("delete window.AudioContext; delete window.webkitAudioContext")
        silent.goto(f"{desk.address}/duty")
        silent.locator("#lamp-sound.bad").wait_for()
        second = silent.context.new_page()
        second.goto(f"{desk.address}/duty")
        sounds = "yz.sound.audible() && yz.ring('drill') && document.documentElement.hasAttribute('data-last-sound')"
        until(lambda: second.evaluate(sounds))
