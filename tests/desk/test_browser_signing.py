"""The duty page in Chromium when an officer signs: what is one press, and what changed meanwhile."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.desk.browsing import open_page
from tests.world.desk import Browser as Asker
from tests.world.desk import DeskWorld, sends
from tests.world.waiting import until
from yizhan.desk.accounts.model import Role
from yizhan.services.stores import read_inbox

pytestmark = pytest.mark.browser
_references = (f"接-现场-{number}" for number in itertools.count(1))


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


def test_no_alarm_is_missing_where_a_script_comes_late(chromium: Browser, desk: DeskWorld, fire: str) -> None:
    """A page whose last script is slow shows what another page of the browser was told meanwhile."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with open_page(chromium, desk, Role.DUTY) as page:
        duty_page(page, desk)
        late = page.context.new_page()
        late.route("**/alarms.js*", hold)
        late.goto(f"{desk.address}/duty", wait_until="commit")
        until(lambda: late.evaluate("Boolean(window.yz && window.yz.report)") and held, "all but the last script ran")
        new = sends(desk.station, next(_references))
        expect(card(page, new)).to_be_visible()
        held[0].continue_()
        for each in (fire, new):
            expect(card(late, each)).to_be_visible()


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
