"""The change of shift: what the page says, and who may take over."""

from __future__ import annotations

from tests.world.desk import DeskWorld
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.sample import PASSWORD


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
