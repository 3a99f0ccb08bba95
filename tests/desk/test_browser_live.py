"""The duty page in Chromium while alarms come, the line is cut, and officers sign for what rings."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.desk.browsing import open_page, serious_faults
from tests.world.cutting import CuttingProxy
from tests.world.desk import Browser as Asker
from tests.world.desk import DeskWorld, running_desk, sends
from tests.world.station import with_a_fire
from tests.world.waiting import until
from yizhan.desk.accounts.model import Role
from yizhan.services.stores import read_inbox

pytestmark = pytest.mark.browser
CUTS: Final = 15
PAGES: Final = 8
SEED: Final = 20261201
STOPPED: Final = "断线，不能签收"
_references = (f"接-现场-{number}" for number in itertools.count(1))
_COUNT_CARDS: Final = """
window.__painted = {};
const count = node => {
  const id = node.dataset && node.dataset.id;
  if (id) { window.__painted[id] = (window.__painted[id] || 0) + 1; }
};
const observer = new MutationObserver(all => all.forEach(one => one.addedNodes.forEach(count)));
addEventListener('DOMContentLoaded', () => observer.observe(document.getElementById('alarms'), { childList: true }));
"""
_BLOCK_SOUND: Final = """
Object.defineProperty(BaseAudioContext.prototype, 'state', { get: () => 'suspended' });
AudioContext.prototype.resume = () => new Promise(() => {});
"""


@pytest.fixture(scope="module")
def line() -> Iterator[CuttingProxy]:
    """Return the line between browsers and the desk, for those who use it."""
    with CuttingProxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def desk(line: CuttingProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskWorld]:
    """Run a desk that browsers also reach through the line."""
    station = with_a_fire(tmp_path_factory.mktemp("desk") / "home")
    with running_desk(station, names=[f"127.0.0.1:{line.port}"]) as world:
        host, _colon, port = world.host.partition(":")
        line.target = host, int(port)
        yield world


@pytest.fixture(scope="module")
def colleague(desk: DeskWorld) -> Asker:
    """Sign in a leader elsewhere."""
    return desk.browser(Role.LEADER)


def signs(officer: Asker, event: str) -> None:
    """Let an officer sign for an alarm."""
    assert officer.post(f"/inbox/{event}/answer", {"stage": "acknowledged"}).status == 303


@pytest.fixture
def fire(desk: DeskWorld, colleague: Asker) -> str:
    """Let one alarm ring, and nothing else; return its id."""
    for each in desk.ringing():
        signs(colleague, each)
    return sends(desk.station, next(_references))


def duty_page(page: Page, desk: DeskWorld) -> list[str]:
    """Open the duty page and wait until its line is good; return the answers that it sends, as they are sent."""
    answers: list[str] = []
    page.on("request", lambda request: answers.append(request.url) if request.url.endswith("/answer") else None)
    page.goto(f"{desk.address}/duty")
    expect(page.locator("#lamp-line:not(.warn):not(.bad)")).to_be_visible()
    return answers


def card(page: Page, event: str) -> Locator:
    """Return the card of an alarm."""
    return page.locator(f"#alarm-{event}")


def answers_to(desk: DeskWorld, event: str) -> list[str]:
    """Return who answered an alarm, by name."""
    with read_inbox(desk.home, desk.county) as inbox:
        item = None if inbox is None else inbox.item(event)
    assert item is not None
    return [each.name for each in item.answers]


def test_an_alarm_is_painted_heard_and_spoken(chromium: Browser, desk: DeskWorld, fire: str) -> None:
    """What comes while the page is open is shown, with sound, and said to a screen reader."""
    with open_page(chromium, desk, Role.DUTY) as page:
        duty_page(page, desk)
        expect(card(page, fire)).to_be_visible()
        page.evaluate("document.documentElement.removeAttribute('data-last-sound')")
        page.evaluate("document.getElementById('announce').textContent = ''")
        new = sends(desk.station, next(_references), summary="毛竹林起火")
        expect(card(page, new)).to_contain_text("毛竹林起火")
        expect(page.locator("html")).to_have_attribute("data-last-sound", re.compile("^alarm "))
        expect(page.locator("#announce")).to_have_text(re.compile("^新报警：寿宁.+"))
        expect(page).to_have_title(re.compile(r"^\(2\) 响铃"))


def test_no_alarm_is_missing_where_a_script_comes_late(chromium: Browser, desk: DeskWorld, fire: str) -> None:
    """A page whose last script is slow shows what another page of the browser was told meanwhile."""
    held: list[Route] = []
    with open_page(chromium, desk, Role.DUTY) as page:
        duty_page(page, desk)
        late = page.context.new_page()
        late.route("**/alarms.js*", lambda route: held.append(route))
        late.goto(f"{desk.address}/duty", wait_until="commit")
        until(lambda: late.evaluate("Boolean(window.yz && window.yz.report)") and held, "all but the last script ran")
        new = sends(desk.station, next(_references))
        expect(card(page, new)).to_be_visible()
        held[0].continue_()
        for each in (fire, new):
            expect(card(late, each)).to_be_visible()


def test_two_clicks_sign(chromium: Browser, desk: DeskWorld, fire: str) -> None:
    """The first asks, the second sends one answer; the card says who signed."""
    with open_page(chromium, desk, Role.DUTY) as page:
        answers = duty_page(page, desk)
        card(page, fire).locator("[data-sign]").click()
        card(page, fire).locator("[data-confirm]").click()
        expect(page.locator(f"#alarm-{fire}.signed")).to_contain_text("周某")
        assert (answers_to(desk, fire), len(answers)) == (["周某"], 1)
        expect(page.locator("#ring")).not_to_have_class(re.compile(r"\bon\b"))


def test_a_double_click_signs_nothing_and_esc_goes_back(chromium: Browser, desk: DeskWorld, fire: str) -> None:
    """The confirmation is deaf at first: to a double click, and to A with Enter at once; Esc closes it."""
    with open_page(chromium, desk, Role.DUTY) as page:
        answers = duty_page(page, desk)
        sign, confirm = (card(page, fire).locator(each) for each in ("[data-sign]", "[data-confirm]"))
        sign.dblclick()
        expect(confirm).to_be_focused()
        page.keyboard.press("Escape")
        expect(confirm).to_be_hidden()
        expect(sign).to_be_focused()
        page.keyboard.press("a")
        page.keyboard.press("Enter")
        expect(confirm).to_be_focused()
        card(page, fire).locator("[data-back]").click()
        expect(sign).to_be_focused()
        assert (answers_to(desk, fire), answers) == ([], [])


def test_keys_sign_but_not_those_of_an_input_method(chromium: Browser, desk: DeskWorld, fire: str) -> None:
    """A and Enter of a composition, and Enter that is held down, sign nothing; A, then Enter signs."""
    with open_page(chromium, desk, Role.DUTY) as page:
        answers = duty_page(page, desk)
        sign, confirm = (card(page, fire).locator(each) for each in ("[data-sign]", "[data-confirm]"))
        sign.dispatch_event("keydown", {"key": "a", "isComposing": True})
        expect(confirm).to_be_hidden()
        sign.focus()
        page.keyboard.down("Enter")
        expect(confirm).to_be_focused()
        page.keyboard.down("Enter")  # again without a release: the keyboard repeats it
        page.keyboard.up("Enter")
        assert answers == []
        confirm.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
        input_method = page.context.new_cdp_session(page)
        pressed = {"windowsVirtualKeyCode": 229, "key": "Process", "code": "Enter"}
        for kind in ("rawKeyDown", "keyUp"):
            input_method.send("Input.dispatchKeyEvent", {"type": kind, **pressed})
        page.keyboard.press("Escape")
        expect(confirm).to_be_hidden()
        assert (answers_to(desk, fire), answers) == ([], [])
        page.keyboard.press("A")
        expect(confirm).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(f"#alarm-{fire}.signed")).to_contain_text("周某")
        assert (answers_to(desk, fire), len(answers)) == (["周某"], 1)


def test_another_officer_signs_meanwhile(chromium: Browser, desk: DeskWorld, fire: str, colleague: Asker) -> None:
    """Whoever was about to sign sees who did; his Enter sends nothing, and what came meanwhile takes its place."""
    with open_page(chromium, desk, Role.DUTY) as page:
        answers = duty_page(page, desk)
        card(page, fire).locator("[data-sign]").click()
        expect(card(page, fire).locator("[data-confirm]")).to_be_focused()
        late = sends(desk.station, next(_references))
        grave = sends(desk.station, next(_references), {"grade": 1})
        expect(page.locator("#alarms .alarm").last).to_have_id(f"alarm-{grave}")
        signs(colleague, fire)
        expect(page.locator(f"#alarm-{fire}.signed")).to_contain_text("林某")
        page.keyboard.press("Enter")
        shown = page.locator("#alarms .alarm").evaluate_all("all => all.map(each => each.dataset.id)")
        assert shown == [grave, late, fire]
        assert (answers_to(desk, fire), answers) == (["林某"], [])


def test_what_is_withdrawn_meanwhile_is_not_signed_for(chromium: Browser, desk: DeskWorld, fire: str) -> None:
    """The partner withdraws while the answer is on its way: it is refused, the card says so, nothing is entered."""

    def withdraw_first(route: Route) -> None:
        sends(desk.station, next(_references), {"withdraws": {"id": fire}})
        route.continue_()

    with open_page(chromium, desk, Role.DUTY) as page:
        duty_page(page, desk)
        page.route("**/answer", withdraw_first)
        card(page, fire).locator("[data-sign]").click()
        with page.expect_response("**/answer") as answered:
            card(page, fire).locator("[data-confirm]").click()
        assert answered.value.status == 409
        expect(page.locator(f"#alarm-{fire}.changed")).to_contain_text("情况已变，没有签出")
        expect(card(page, fire)).to_have_count(1)
        assert answers_to(desk, fire) == []


def test_no_alarm_is_missing_or_doubled_on_a_bad_line(
    chromium: Browser, desk: DeskWorld, line: CuttingProxy, fire: str
) -> None:
    """Through cuts and stalls each alarm is painted once; a line that stays down is said, and mended whole."""
    chance, events = random.Random(SEED), [fire]
    with open_page(chromium, replace(desk, host=f"127.0.0.1:{line.port}"), Role.DUTY) as page:
        page.add_init_script(_COUNT_CARDS)
        duty_page(page, replace(desk, host=f"127.0.0.1:{line.port}"))
        for number in range(CUTS):
            _disturb(line, chance)
            if number % 3 == 0:
                events.append(sends(desk.station, next(_references)))
            page.wait_for_timeout(chance.uniform(5, 200))
            line.mend()
            page.wait_for_timeout(chance.uniform(5, 200))
        for each in events:
            expect(card(page, each)).to_have_count(1)
        _goes_down(page, line)
        events.append(sends(desk.station, next(_references)))
        expect(card(page, events[-1])).to_have_count(0)
        page.keyboard.press("a")
        expect(page.locator(".ask-now")).to_have_count(0)
        assert serious_faults(page) == []
        line.mend()
        expect(page.locator("#lost")).to_be_hidden()
        expect(card(page, events[-1])).to_be_visible()
        expect(page.get_by_text("已补齐 1 件")).to_be_visible()
        expect(page).to_have_title(re.compile(rf"^\({len(events)}\) 响铃"))
        expect(page.locator("[data-sign]").filter(has_text=STOPPED)).to_have_count(0)
        assert page.evaluate("window.__painted") == dict.fromkeys(events, 1)
        card(page, fire).locator("[data-sign]").click()
        card(page, fire).locator("[data-confirm]").click()
        expect(page.locator(f"#alarm-{fire}.signed")).to_contain_text("周某")


def _disturb(line: CuttingProxy, chance: random.Random) -> None:
    kind = chance.choice(["cut", "stall", "refuse"])
    if kind == "stall":
        line.stall()
    else:
        line.cut(refuse=kind == "refuse")


def _goes_down(page: Page, line: CuttingProxy) -> None:
    """Cut the line for good, and check that the page says so everywhere."""
    line.cut(refuse=True)
    expect(page.locator("#lost")).to_be_visible()
    expect(page).to_have_title(re.compile("^断线"))
    buttons = page.locator("#alarms [data-sign]")
    expect(buttons).to_have_text([STOPPED] * buttons.count())
    for each in buttons.all():
        expect(each).to_be_disabled()


def test_sound_that_is_blocked_is_said(chromium: Browser, desk: DeskWorld, fire: str, colleague: Asker) -> None:
    """The lamp says it and what to do, nothing is called quiet, and the bell does not count on this page."""
    signs(colleague, fire)
    with open_page(chromium, desk, Role.DUTY) as page:
        page.add_init_script(_BLOCK_SOUND)
        with page.expect_request("**/console") as told:
            duty_page(page, desk)
        assert "audible=0" in (told.value.post_data or "")
        expect(page.locator("#lamp-sound.bad")).to_contain_text("声音 被挡")
        expect(page.locator("#lamp-sound")).to_contain_text("点这里打开声音")
        expect(page.locator("[data-quiet-why]")).to_contain_text("声音 被挡")
        expect(page.locator("[data-quiet=ok]")).to_be_hidden()


def test_every_page_of_a_browser_shows_the_alarm_and_one_sounds(chromium: Browser, desk: DeskWorld, fire: str) -> None:
    """Eight pages share one stream, more than a browser has connections to a host."""
    with open_page(chromium, desk, Role.DUTY) as first:
        pages = [first, *(first.context.new_page() for _ in range(PAGES - 1))]
        for page in pages:
            duty_page(page, desk)
            expect(card(page, fire)).to_be_visible()
        new = sends(desk.station, next(_references))
        for page in pages:
            expect(card(page, new)).to_be_visible()
        sounding = "document.documentElement.hasAttribute('data-last-sound')"
        until(lambda: sum(page.evaluate(sounding) for page in pages) == 1, "one page sounds")


@pytest.mark.parametrize("english", [False, True], ids=["zh", "en"])
def test_axe_finds_nothing_serious(chromium: Browser, desk: DeskWorld, fire: str, *, english: bool) -> None:
    """The pages of a shift can be read and used by everybody, while an alarm rings."""
    with open_page(chromium, desk, Role.DUTY, english=english, scheme="dark" if english else "light") as page:
        for path in ("/duty", "/due", "/calendar", "/shift", "/engine"):
            page.goto(desk.address + path)
            expect(page.locator("#lamp-line:not(.warn):not(.bad)")).to_be_visible()
            expect(card(page, fire) if path == "/duty" else page.locator("#ringing")).to_be_visible()
            assert serious_faults(page) == [], path
