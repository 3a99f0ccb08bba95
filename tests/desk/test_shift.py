"""The change of shift: what the page says, and who may take over."""

from __future__ import annotations

from dataclasses import replace

from tests.desk.people import PASSWORD as PEOPLES
from tests.desk.people import enter
from tests.world.desk import DeskWorld
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.sample import PASSWORD
from yizhan.runtime.clock import utc_now


def test_the_page_says_what_is_open(desk: DeskWorld) -> None:
    """The alarm that nobody acknowledged is the first part."""
    shown = desk.browser(Role.DUTY).get("/shift")
    assert shown.status == 200
    assert "还没有人签收的报警：1 件" in shown.text


def test_nobody_takes_over_from_himself_or_without_the_role(desk: DeskWorld) -> None:
    """Whoever is no other duty officer is refused beside the field, and the session of the one who goes stays."""
    browser = desk.browser(Role.DUTY)
    for role in (Role.DUTY, Role.AUDITOR):
        person = desk.people[role]
        refused = browser.post("/shift", {"badge": person.badge, "password": PASSWORD, "code": person.codes.pop()})
        assert (refused.status, "接班的应是另一名值班员" in refused.text) == (400, True)
    assert browser.post("/shift", {"badge": "nobody", "password": "x", "code": "1"}).status == 400
    assert browser.get("/duty").status == 200
    assert desk.accounts.shifts.newest(5) == []


def test_the_next_officer_takes_over(desk: DeskWorld) -> None:
    """The page goes on as the next officer's, the session of the one who went is over, and both are named."""
    now = utc_now()
    link = desk.accounts.accounts.add("331977", "接某", (Role.DUTY,), desk.people[Role.SECURITY].badge, now)
    person = enter(desk.accounts, link, now)
    before = desk.browser(Role.DUTY)
    code = person.codes.pop()
    taken = before.post("/shift", {"badge": person.badge, "password": PEOPLES, "code": code})
    assert (taken.status, taken.headers["location"]) == (303, "/duty")
    after = replace(before, cookie=taken.headers["set-cookie"].partition("=")[2].partition(";")[0])
    assert "接某（331977）" in after.get("/shift").text
    assert before.get("/duty").status == 303
    (change,) = desk.accounts.shifts.newest(5)
    assert (change.badge, change.next_badge) == (desk.people[Role.DUTY].badge, "331977")
