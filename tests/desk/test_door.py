"""The door of the desk: what somebody outside sees, and how one gets in."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.world.desk import Answer, Browser, DeskWorld
from tests.world.each import each
from yizhan.desk.accounts.authority import Operator
from yizhan.desk.accounts.credentials import code_at
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.sample import PASSWORD
from yizhan.desk.request import own_path
from yizhan.runtime.clock import utc_now


@contextlib.contextmanager
def listening(browser: Browser) -> Iterator[http.client.HTTPResponse]:
    """Open the stream of a browser's session."""
    connection = http.client.HTTPConnection(browser.host, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", "/live", headers={"Cookie": f"{browser.name}={browser.cookie}"})
        yield connection.getresponse()


def next_event(stream: http.client.HTTPResponse, name: str) -> dict[str, Any]:
    """Return the data of the next event of a name."""
    found = ""
    while line := stream.readline().decode():
        word, _colon, value = line.strip().partition(": ")
        if word == "event":
            found = value
        elif word == "data" and found == name:
            data: dict[str, Any] = json.loads(value)
            return data
    pytest.fail(f"the stream ended without {name}")


def cookie_of(answer: Answer) -> str:
    """Return the session's cookie that an answer sets."""
    found = re.match(r"yz-331126=([\w-]+);", answer.headers.get("set-cookie", ""))
    assert found is not None, answer
    return found[1]


def text_of(answer: Answer) -> str:
    """Return what a page says."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def submit(desk: DeskWorld, role: Role, **fields: str) -> Answer:
    """Send the form of the door."""
    given = {"badge": desk.people[role].badge, "password": PASSWORD, "code": desk.people[role].codes[-1]} | fields
    return desk.browser().post("/sign-in", given)


def test_outside_one_sees_that_something_rings_and_no_more(desk: DeskWorld) -> None:
    """Kind, county and age of the fire; no word of its content, not even its place."""
    page = desk.browser().get("/sign-in")
    assert page.status == 200
    said = text_of(page)
    assert re.search(r"正在响铃 1 寿宁县 森林火灾 ?，已响 \d+ 分钟", said), said
    with_content = desk.browser(Role.DUTY).get("/duty")
    assert with_content.status == 200
    assert "119." not in said


def test_one_signs_in_and_out(desk: DeskWorld) -> None:
    """The cookie is HttpOnly and Strict, opens the first page of the role, and is worth nothing after leaving."""
    answer = submit(desk, Role.DUTY)
    desk.people[Role.DUTY].codes.pop()
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    browser = Browser(desk.host, cookie_of(answer))
    assert browser.get("/").headers["location"] == "/duty"
    left = browser.post("/sign-out")
    assert left.headers["location"] == "/sign-in"
    assert browser.get("/duty").headers["location"] == "/sign-in"


@each(
    "fields",
    [
        {"code": "000000"},
        {"password": "wrong wrong wrong"},
        {"badge": "339999"},
        {"badge": "<script>alert(1)</script>"},
    ],
)
def test_whoever_is_refused_reads_a_sentence_beside_the_field(fields: dict[str, str], desk: DeskWorld) -> None:
    """The badge stays in its field as text, the password does not, and nothing says what was wrong."""
    answer = submit(desk, Role.LIAISON, **fields)
    assert answer.status == 400
    assert "set-cookie" not in answer.headers
    assert "警号、口令或动态码不对" in text_of(answer)
    assert PASSWORD not in answer.text
    assert "wrong wrong" not in answer.text
    assert "<script>alert" not in answer.text
    assert 'aria-describedby="password-error"' in answer.text


@each("cookie", ["x", "0" * 43, "%00", "../..", '"><b>'])
def test_a_forged_cookie_leads_to_the_door(cookie: str, desk: DeskWorld) -> None:
    """A page sends there; a part of a page is refused, and sends the whole page there."""
    browser = Browser(desk.host, cookie)
    assert browser.get("/duty").headers["location"] == "/sign-in"
    part = browser.get("/duty/notices", **{"HX-Request": "true"})
    assert (part.status, part.headers["hx-redirect"]) == (401, "/sign-in")
    changed = browser.post("/password", {"password": PASSWORD, "new": "x", "again": "x"})
    assert changed.headers["location"] == "/sign-in"


def test_other_cookies_are_nothing(desk: DeskWorld) -> None:
    """Cookies that somebody else set beside ours change nothing."""
    browser = Browser(desk.host, desk.cookie(Role.DUTY), {})
    browser.cookie += "; yz-lang=%00; a=b; yz-screen=x; __Host-yz=y; =; ;"
    assert browser.get("/duty").status == 200


def test_a_locked_screen_shows_no_content_and_opens_by_password(desk: DeskWorld) -> None:
    """Every page leads to the lock, which says kind and county; a wrong password says so; the right one goes on."""
    browser = desk.browser(Role.DUTY)
    assert browser.post("/lock").headers["location"] == "/locked"
    assert browser.get("/").headers["location"] == "/locked"
    for path in ("/duty", "/duty/notices", "/password?x=1"):
        assert browser.get(path).headers["location"] == f"/locked?{urlencode({'back': path})}"
    assert "119." not in text_of(browser.get("/locked"))
    with listening(browser) as stream:
        (alarm,) = next_event(stream, "state")["new"]
    assert (alarm["say"], sorted(alarm)) == ("350924 寿宁县 森林火灾", ["at", "drill", "id", "say"])
    wrong = browser.post("/locked", {"password": "wrong wrong wrong"})
    assert (wrong.status, "口令不对。还可试 4 次" in text_of(wrong)) == (400, True)
    assert browser.get("/duty").status == 303
    opened = browser.post("/locked", {"password": PASSWORD, "back": "//evil.example"})
    assert opened.headers["location"] == "/"
    assert browser.get("/duty").status == 200


def test_a_locked_screen_leads_back_to_its_page(desk: DeskWorld) -> None:
    """The page of the lock's button is opened again by the password, also after a slip."""
    browser = desk.browser(Role.DUTY)
    locked = browser.post("/lock", {}, Referer=f"{desk.address}/password?x=1")
    assert locked.headers["location"] == "/locked?back=%2Fpassword%3Fx%3D1"
    for answer in (
        browser.get(locked.headers["location"]),
        browser.post("/locked", {"password": "wrong wrong wrong", "back": "/password?x=1"}),
    ):
        assert 'name="back" value="/password?x=1"' in answer.text
    part = browser.get("/duty/notices", **{"HX-Request": "true", "HX-Current-URL": f"{desk.address}/duty"})
    assert (part.status, part.headers["hx-redirect"]) == (401, "/locked?back=%2Fduty")
    opened = browser.post("/locked", {"password": PASSWORD, "back": "/password?x=1"})
    assert opened.headers["location"] == "/password?x=1"


def test_locking_and_unlocking_end_the_stream(desk: DeskWorld) -> None:
    """A page that is open loads itself anew at once: with content before, without it while locked, with it again."""
    browser = desk.browser(Role.DUTY)
    for change, fields, content in (
        ("/lock", {}, True),
        ("/locked", {"password": PASSWORD}, False),
        ("/sign-out", {}, True),
    ):
        with listening(browser) as stream:
            (alarm,) = next_event(stream, "state")["new"]
            assert ("html" in alarm) is content
            browser.post(change, fields)
            assert next_event(stream, "end") == {"why": "session"}


def test_what_a_page_asks_for_by_itself_keeps_no_screen_open(desk: DeskWorld) -> None:
    """After 15 minutes of polling and no person the screen is locked."""
    browser = desk.browser(Role.DUTY)
    session = desk.accounts.session(browser.cookie, utc_now())
    assert session is not None
    ago = utc_now() - timedelta(minutes=14)
    with desk.accounts._database.writing() as conn:  # noqa: SLF001 -- as if time had passed
        conn.execute("UPDATE sessions SET seen = ? WHERE key = ?", (f"{ago:%Y-%m-%dT%H:%M:%S}.000Z", session.key))
    assert browser.get("/duty/notices").status == 200
    later = utc_now() + timedelta(minutes=2)
    found = desk.accounts.session(browser.cookie, later, person=False)
    assert found is not None
    assert found.locked


def test_a_link_makes_an_account_of_its_own(desk: DeskWorld) -> None:
    """The officer sees the secret, sets a password, gets ten codes once; faults stand beside their fields."""
    token = desk.accounts.accounts.add("338001", "沈某", [Role.ANALYST], Operator("test"), utc_now())
    browser, path = desk.browser(), f"/link/{token}"
    page = browser.get(path)
    assert "沈某（338001）" in text_of(page)
    secret = desk.accounts.link(token, utc_now()).secret
    right = {"password": "梅子黄时日日晴 umbrella", "again": "梅子黄时日日晴 umbrella"}
    faults = {
        "至少 12 个字符": {"password": "short", "again": "short"},
        "两次写的口令不一样": {**right, "again": "x"},
        "动态码不对": {**right, "code": "000000"},
    }
    for sentence, fields in faults.items():
        answer = browser.post(path, {"code": code_at(secret, utc_now()), **fields})
        assert (answer.status, sentence in text_of(answer)) == (400, True), sentence
        assert right["password"] not in answer.text
    done = browser.post(path, {**right, "code": code_at(secret, utc_now())})
    codes = re.findall(r"<code>([\w-]+)</code>", done.text)
    assert (done.status, len(codes)) == (200, 10)
    used = browser.get(path)
    assert (used.status, "已用过" in text_of(used)) == (400, True)
    entered = browser.post("/sign-in", {"badge": "338001", "password": right["password"], "code": codes[3]})
    assert entered.status == 303


def test_a_password_is_changed_by_its_owner(desk: DeskWorld) -> None:
    """The old one is asked for; a session from before is out."""
    browser, other = desk.browser(Role.ANALYST), desk.browser(Role.ANALYST)
    new = {"new": "小楼一夜听春雨 lantern", "again": "小楼一夜听春雨 lantern"}
    wrong = browser.post("/password", {"password": "wrong wrong wrong", **new})
    assert (wrong.status, "口令不对" in text_of(wrong)) == (400, True)
    poor = browser.post("/password", {"password": PASSWORD, "new": "short", "again": "short"})
    assert 'aria-describedby="new-error"' in poor.text
    done = browser.post("/password", {"password": PASSWORD, **new})
    assert "口令已改" in text_of(done)
    assert browser.get("/duty").status == 200
    assert other.get("/duty").headers["location"] == "/sign-in"


def test_the_language_is_chosen_by_a_cookie(desk: DeskWorld) -> None:
    """The switch leads back to the page, and to no other host."""
    browser = desk.browser()
    chosen = browser.post("/language", {"language": "en", "back": "/sign-in"})
    assert (chosen.status, chosen.headers["location"]) == (303, "/sign-in")
    assert chosen.headers["set-cookie"].startswith("yz-lang=en; ")
    assert ">Sign in<" in browser.get("/sign-in", Cookie="yz-lang=en").text
    assert browser.post("/language", {"language": "en", "back": "//evil.example"}).headers["location"] == "/"
    assert "set-cookie" not in browser.post("/language", {"language": "fr", "back": "/"}).headers


@each("path", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "/a\r\nb"])
def test_no_way_leads_elsewhere(path: str) -> None:
    """What is not a path of this desk becomes its first page."""
    assert own_path(path) == "/"


def test_a_certificate_from_a_port_is_not_believed(desk: DeskWorld) -> None:
    """The desk listens on TCP here: whoever writes the gateway's headers himself gets nowhere."""
    desk.accounts.accounts.add_certificate(
        desk.people[Role.DUTY].badge, "CN=CA", "01", desk.people[Role.SECURITY].badge, utc_now()
    )
    headers = {"X-Client-Issuer": "CN=CA", "X-Client-Serial": "01"}
    answer = desk.browser().post("/sign-in/certificate", {}, **headers)
    assert (answer.status, "set-cookie" in answer.headers) == (400, False)
    assert "没有收到证书" in text_of(answer)


def test_a_screen_gets_its_cookie_by_its_link(desk: DeskWorld) -> None:
    """A link that was revoked says so."""
    token = desk.accounts.devices.add("东墙", desk.people[Role.SECURITY].badge, utc_now())
    answer = desk.browser().get(f"/screen/{token}")
    assert (answer.headers["location"], answer.headers["set-cookie"].startswith(f"yz-screen={token}")) == (
        "/duty/wall",
        True,
    )
    device = desk.accounts.devices.find(token)
    assert device is not None
    desk.accounts.devices.revoke(device.number, desk.people[Role.SECURITY].badge, utc_now())
    assert desk.browser().get(f"/screen/{token}").status == 400
