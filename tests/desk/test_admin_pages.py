"""The pages of the security and the audit administrator, and who may open which page at all."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.world.desk import Answer, Browser, DeskWorld
from tests.world.each import each
from yizhan.desk.accounts.model import Role
from yizhan.desk.routes import PAGES
from yizhan.runtime.clock import utc_now

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def security(desk: DeskWorld) -> Browser:
    """Return the browser of the security administrator."""
    return desk.browser(Role.SECURITY)


def text_of(answer: Answer) -> str:
    """Return what a page says."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def test_a_page_opens_for_its_roles_only(desk: DeskWorld) -> None:
    """Each page of the table, asked for by each role: who is not named reads that it is not for him (403)."""
    browsers = {role: desk.browser(role) for role in Role}
    for page in PAGES:
        if page.public or page.stream:
            continue
        path = re.sub(r"\{\w+\}", "1", page.path)
        for role, browser in browsers.items():
            if role in page.roles:
                continue
            answer = browser.get(path) if "GET" in page.methods else browser.send(page.methods[0], path)
            assert answer.status == 403, (page.path, role)
            assert "您的角色不能打开这一页" in answer.text


def test_a_page_that_is_not_public_opens_for_nobody_outside(desk: DeskWorld) -> None:
    """Without a session every page leads to the door; no page has neither roles nor the word that it is public."""
    outside = desk.browser()
    for page in PAGES:
        assert page.public is (not page.roles), page.path
        path = re.sub(r"\{\w+\}", "1", page.path)
        if not page.public:
            answer = outside.get(path) if "GET" in page.methods else outside.send(page.methods[0], path)
            assert answer.headers["location"] == "/sign-in", page.path


def test_an_account_is_added_and_its_link_shown_once(desk: DeskWorld, security: Browser) -> None:
    """The link leads to the page that sets a password; the list names the account, and that the link was not used."""
    done = security.post("/admin/accounts", {"badge": "338101", "name": "沈某", "role": ["duty", "analyst"]})
    link = re.search(rf"http://{re.escape(desk.host)}(/link/[\w-]+)", done.text)
    assert link is not None
    assert "沈某（338101）" in text_of(desk.browser().get(link[1]))
    overview = security.get("/admin")
    assert link[1] not in overview.text
    assert "338101 沈某 值班员、研判员 链接未用" in text_of(overview)


@each(
    "fields, sentence",
    [
        ({"badge": "x", "name": "沈某", "role": "duty"}, "警号里没有数字"),
        ({"badge": "338102", "name": "3", "role": "duty"}, "姓名里有数字"),
        ({"badge": "338102", "name": HOSTILE, "role": "duty"}, "姓名里有"),
        ({"badge": "338102", "name": "沈某"}, "请至少选一个角色"),
        ({"badge": "338102", "name": "沈某", "role": "root"}, "请至少选一个角色"),
        ({"badge": "338102", "name": "沈某", "role": ["system", "duty"]}, "三员分立"),
        ({"badge": "331900", "name": "沈某", "role": "duty"}, "警号 331900 已有账户"),
    ],
)
def test_what_cannot_be_an_account_is_said_beside_its_field(
    fields: dict[str, object], sentence: str, desk: DeskWorld, security: Browser
) -> None:
    """Nothing is added, and what was typed stays in the form as text."""
    answer = security.post("/admin/accounts", fields)
    assert (answer.status, sentence in text_of(answer)) == (400, True)
    assert "<img" not in answer.text
    assert desk.accounts.accounts.find("338102") is None


def test_an_account_is_changed_and_its_owner_is_out(desk: DeskWorld, security: Browser) -> None:
    """Roles, disabling, enabling, resetting: each ends the session; nobody changes his own."""
    own = f"/admin/accounts/{desk.people[Role.SECURITY].badge}"
    page = f"/admin/accounts/{desk.people[Role.ANALYST].badge}"
    for step, fields in (
        ("roles", {"role": ["analyst", "liaison"]}),
        ("disable", {}),
        ("disable", {"again": "1"}),
        ("roles", {"role": ["analyst"]}),
    ):
        signed_in = None if fields == {"again": "1"} else desk.browser(Role.ANALYST)
        assert security.post(f"{page}/{step}", fields).headers["location"] == page
        if signed_in is not None:
            assert signed_in.get("/duty").headers["location"] == "/sign-in"
        refused = security.post(f"{own}/{step}", fields)
        assert (refused.status, "谁也不能管理自己的账户" in text_of(refused)) == (400, True)
    reset = security.post(f"{page}/reset")
    assert "/link/" in reset.text
    assert security.get("/admin/accounts/339999").status == 404


def test_certificates_are_registered_and_removed(desk: DeskWorld, security: Browser) -> None:
    """One certificate is one account's; what the gateway writes is shown as text."""
    page = f"/admin/accounts/{desk.people[Role.LIAISON].badge}"
    given = {"issuer": HOSTILE, "serial": "0A"}
    assert security.post(f"{page}/certificate", given).status == 303
    shown = security.get(page)
    assert "<img" not in shown.text
    assert HOSTILE in text_of(shown)
    other = security.post(f"/admin/accounts/{desk.people[Role.DUTY].badge}/certificate", given)
    assert f"这张证书已归警号 {desk.people[Role.LIAISON].badge}" in text_of(other)
    assert security.post(f"{page}/certificate", {**given, "remove": "1"}).status == 303
    assert HOSTILE not in text_of(security.get(page))


def test_a_session_is_ended_from_the_list(desk: DeskWorld, security: Browser) -> None:
    """The administrator sees who is signed in, and ends it; the list holds nothing that opens a session."""
    duty = desk.browser(Role.DUTY)
    session = desk.accounts.session(duty.cookie, utc_now())
    assert session is not None
    overview = security.get("/admin")
    assert session.key in overview.text
    assert duty.cookie not in overview.text
    assert security.post("/admin/sessions/end", {"key": session.key}).status == 303
    assert duty.get("/duty").headers["location"] == "/sign-in"


def test_a_screen_is_registered_and_revoked(desk: DeskWorld, security: Browser) -> None:
    """Its link is shown once; after revoking it opens nothing."""
    link = re.search(r"(/screen/[\w-]+)", security.post("/admin/screens", {"place": "值班室东墙"}).text)
    assert link is not None
    assert desk.browser().get(link[1]).status == 303
    number = re.search(r'name="number" value="(\d+)"', security.get("/admin").text)
    assert number is not None
    security.post("/admin/screens/revoke", {"number": number[1]})
    assert desk.browser().get(link[1]).status == 400
    assert "请写明这块屏在哪里" in text_of(security.post("/admin/screens", {"place": " "}))


def test_the_audit_administrator_reads_every_change(desk: DeskWorld, security: Browser) -> None:
    """What the security administrator did stands there with both badges; pages go back to the first event."""
    audit = desk.browser(Role.AUDIT)
    security.post("/admin/accounts", {"badge": "338103", "name": "郑某", "role": ["liaison"]})
    assert audit.get("/admin").headers["location"] == "/admin/events"
    assert f"新建账户 338103 {desk.people[Role.SECURITY].badge} 联络员" in text_of(audit.get("/admin/events"))
    assert "新建账户" in text_of(audit.get("/admin/events?before=3"))
    for odd in ("0", "x", "-1", "9" * 30):
        assert audit.get(f"/admin/events?before={odd}").status == 200


def test_a_screen_shows_kind_county_and_age_only(desk: DeskWorld, security: Browser) -> None:
    """Its cookie opens the wall and nothing else; without it there is the door; once revoked it is out."""
    made = re.search(r"/screen/([\w-]+)", security.post("/admin/screens", {"place": "大厅"}).text)
    assert made is not None
    screen = Browser(desk.host, made[1], name="yz-screen")
    for path in ("/duty/wall", "/duty/wall/rings"):
        shown = screen.get(path)
        assert shown.status == 200
        assert re.search(r"森林火灾 寿宁县 \d+:\d\d", text_of(shown)), text_of(shown)
        assert "119." not in shown.text
    for page in PAGES:
        if not page.public:
            path = re.sub(r"\{\w+\}", "1", page.path)
            answer = screen.get(path) if "GET" in page.methods else screen.send(page.methods[0], path)
            assert answer.headers["location"] == "/sign-in", path
    outside = desk.browser()
    assert outside.get("/duty/wall").headers["location"] == "/sign-in"
    assert outside.get("/duty/wall/rings").status == 401
    number = re.search(r'name="number" value="(\d+)"', security.get("/admin").text)
    assert number is not None
    security.post("/admin/screens/revoke", {"number": number[1]})
    assert screen.get("/duty/wall/rings").status == 401
