"""Searching, what was sent, and matters, over real HTTP, with what a hostile partner wrote."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.world.desk import DeskWorld, running_desk
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, with_a_fire
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.desk.accounts.model import Role
from yizhan.producers.drafts import parse_draft
from yizhan.runtime import access_log
from yizhan.schemas.payloads.common import Person
from yizhan.services.actor import Actor
from yizhan.services.queue import queue_content, queued
from yizhan.services.stores import open_inbox, open_outbox

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;</p>"
REVERSED = "\u202e"
OFFICER = Actor("周某 (331902)", "test", Person(name="周某", badge="331902"))


@dataclass
class Sent:
    """A desk that sent events: ``fire`` was received and acknowledged by a hostile partner, ``other`` waits."""

    desk: DeskWorld
    fire: str
    other: str
    theirs: str
    answer: str


def publish(station: Station, county: str, reference: str, **attributes: Any) -> str:  # noqa: ANN401 -- of any attribute
    """Let a county send a fire to the other; return its id."""
    other = SHOUNING if county == QINGYUAN else QINGYUAN
    payload = {**FIRE["payload"], "place": {"county": county}, **attributes.pop("payload", {})}
    draft = {**FIRE, "external_ref": reference, "touches": [other], **attributes, "payload": payload}
    with open_outbox(station.app, county, TerminalPassphrase()) as outbox:
        return outbox.publish(parse_draft(draft)).id


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    """Run a desk with both books full of hostile text, and drafts on their way."""
    station = with_a_fire(tmp_path_factory.mktemp("sent") / "home")
    theirs = publish(station, SHOUNING, "接-9", payload={"summary": f"松林 {HOSTILE}"})
    fire = publish(station, QINGYUAN, "庆-1", payload={"summary": f"百山祖 {HOSTILE}"})
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    with open_inbox(station.app, SHOUNING, TerminalPassphrase()) as inbox:
        item = inbox.item(fire)
        assert item is not None
        reply = {
            "type": "yizhan.notice.v1", "to": [QINGYUAN], "subject": fire,
            "reply_to": {"id": fire, "hash": item.hash.hex()},
            "payload": {"kind": "text", "text": f"已派人 {HOSTILE}", "by": {"name": "张三", "badge": "123456"}},
        }  # fmt: skip
        inbox.acknowledge(fire, "张三", "123456", note=f"马上去 {HOSTILE}")
    with open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox:
        answer = outbox.publish(parse_draft(reply)).id
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    station.answer(QINGYUAN)
    other = publish(station, QINGYUAN, "庆-2", payload={"summary": "还没有送出"})
    notice = {
        "type": "yizhan.notice.v1", "to": [SHOUNING],
        "payload": {"kind": "text", "text": f"待发的话 {HOSTILE}", "by": {"name": "周某", "badge": "331902"}},
    }  # fmt: skip
    queue_content(station.app, QINGYUAN, notice, OFFICER)
    with running_desk(station) as desk:
        yield Sent(desk, fire, other, theirs, answer)


def harmless(text: str) -> bool:
    """Whether nothing that the partner wrote is markup, and no direction override is in the page."""
    return "<script>alert" not in text and "<img src=x" not in text and "\u202e" not in text


def test_the_list_says_who_acknowledged_and_what_waits(sent: Sent) -> None:
    """Drafts on their way stand before what was sent; each event says how far it came, and who said what."""
    page = sent.desk.browser(Role.DUTY).get("/outbox")
    assert page.status == 200
    assert harmless(page.text)
    assert page.text.index("待发的话") < page.text.index(sent.other) < page.text.index(sent.fire)
    assert "待发送" in page.text
    row = next(each for each in page.text.split("<tr>") if f"/outbox/{sent.fire}" in each)
    assert "已签收" in row
    assert "张三" in row
    assert "马上去" in row
    assert "待发" in next(each for each in page.text.split("<tr>") if f"/outbox/{sent.other}" in each)


def test_an_event_says_who_has_it_who_opened_it_and_what_was_answered(sent: Sent) -> None:
    """Every step has its time; the answer of the partner stands below; nothing of it is markup."""
    page = sent.desk.browser(Role.LIAISON).get(f"/outbox/{sent.fire}")
    assert page.status == 200
    assert harmless(page.text)
    for words in ("百山祖", "已封好", "驿站已接收", "已进收件箱", "已签收", "张三", "马上去", "已派人"):
        assert words in page.text
    for path in (f"/new/forest_fire?updates={sent.fire}", f"/new/forest_fire?withdraws={sent.fire}"):
        assert path in page.text
    assert f"/inbox/{sent.answer}" in page.text
    assert "打印，调阅记录有据" in page.text
    log = sent.desk.home.county_folder(QINGYUAN) / access_log.FILE
    entries, breaks = access_log.check(access_log.read(log))
    assert breaks == []
    named = {each for entry in entries if entry.command == "desk outbox show" for each in entry.what}
    assert {sent.fire, sent.answer} <= named


def test_what_is_not_there_is_a_sentence(sent: Sent) -> None:
    """An id that nobody sent is 404, whatever stands in it."""
    browser = sent.desk.browser(Role.DUTY)
    for path in (
        "/outbox/331126-20260101aaaaaa-9",
        f"/outbox/{quote('<script>alert(1)</script>', safe='')}",
        "/matters/x",
    ):
        page = browser.get(path)
        assert page.status == 404
        assert harmless(page.text)


def test_pages_of_the_list_have_every_event_once(sent: Sent) -> None:
    """From the newest page to the last by the links, and back."""
    browser, station = sent.desk.browser(Role.DUTY), sent.desk.station
    made = [
        publish(station, QINGYUAN, f"演-{n}", status="Exercise", payload={"summary": f"第{n}次"}) for n in range(53)
    ]
    seen, path = [], "/outbox"
    while path:
        page = browser.get(path).text
        assert len(page.split('rel="next"')) <= 2
        seen.append(re.findall(r'<a href="/outbox/([^"]+)" title', page))
        found = re.search(r'href="([^"]+)" rel="next"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert [len(each) for each in seen] == [50, len(made) + 2 - 50]
    listed = [each for page in seen for each in page]
    assert listed == [*reversed(made), sent.other, sent.fire]
    back = re.search(r'href="([^"]+)" rel="prev"', page)
    assert back is not None
    newer = browser.get(back[1].replace("&amp;", "&")).text
    assert re.findall(r'<a href="/outbox/([^"]+)" title', newer) == seen[0]
    assert sent.fire in browser.get("/outbox?state=accepted").text
    assert sent.other not in browser.get("/outbox?state=accepted").text
    assert browser.get("/outbox?state=%00&type=x&since=9999-99-99&before=abc&after=-1").status == 200


def test_a_matter_has_both_sides_in_the_order_of_time(sent: Sent) -> None:
    """The report, who acknowledged it, and the answer, as text, with the ids that open them."""
    page = sent.desk.browser(Role.LEADER).get(f"/matters/{sent.fire}")
    assert page.status == 200
    assert harmless(page.text)
    assert page.text.index("百山祖") < page.text.index("张三（123456） 已签收")
    assert page.text.index("百山祖") < page.text.index("已派人")
    assert f'href="/outbox/{sent.fire}"' in page.text
    assert f'href="/inbox/{sent.answer}"' in page.text


def test_another_event_is_linked_to_a_matter(sent: Sent) -> None:
    """The link is a notice to the partner that waits to be sealed; the same request again gives no second one."""
    browser = sent.desk.browser(Role.DUTY)
    form = {"other": sent.theirs, "note": f"同一场火 {HOSTILE}", "once": "link-1"}
    first = browser.post(f"/matters/{sent.fire}/link", form)
    again = browser.post(f"/matters/{sent.fire}/link", form)
    assert (first.status, again.status) == (303, 303)
    assert first.headers["location"] == again.headers["location"]
    drafts = [each for each in queued(sent.desk.home, QINGYUAN) if each.content.get("reply_to")]
    assert [each.content["reply_to"]["id"] for each in drafts] == [sent.theirs]
    for wrong in ("", "x", sent.fire, "350924-20260101aaaaaa-9"):
        refused = browser.post(f"/matters/{sent.fire}/link", {"other": wrong})
        assert refused.status in {400, 404}
        assert harmless(refused.text)


def test_one_box_searches_both_books(sent: Sent) -> None:
    """Hits of both books with the word marked; what a partner wrote around it is text."""
    page = sent.desk.browser(Role.ANALYST).get(f"/search?q={quote('alert')}")
    assert page.status == 200
    assert harmless(page.text)
    assert "<mark>alert</mark>" in page.text
    assert {f"/inbox/{sent.theirs}", f"/outbox/{sent.fire}"} <= set(re.findall(r'href="([^"]+)"', page.text))
    filtered = sent.desk.browser(Role.ANALYST).get("/search?q=alert&type=yizhan.patrol.plan.v1")
    assert sent.theirs not in filtered.text
    nothing = sent.desk.browser(Role.ANALYST).get(f"/search?q={quote(REVERSED + HOSTILE + ' 无此词')}")
    assert nothing.status == 200
    assert harmless(nothing.text)


def test_hits_are_taken_along_as_a_table(sent: Sent) -> None:
    """CSV, as a download."""
    answer = sent.desk.browser(Role.ANALYST).get(f"/search.csv?q={quote('松林')}")
    assert answer.headers["content-disposition"].startswith("attachment")
    _heading, row = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline=""))
    assert row[-1] == sent.theirs


def test_an_officer_keeps_searches_that_nobody_else_sees(sent: Sent) -> None:
    """A name is text; a search is opened by its link, and deleted by its officer alone."""
    mine, other = sent.desk.browser(Role.DUTY), sent.desk.browser(Role.LIAISON)
    kept = mine.post(
        "/search/kept", {"name": f"松{REVERSED} {HOSTILE}"[:40], "query": "q=松林&evil=1&type=yizhan.patrol.plan.v1"}
    )
    assert kept.status == 303
    page = mine.get("/search").text
    assert harmless(page)
    links = re.findall(r'<li><a href="(/search\?[^"]+)"', page)
    assert [each.replace("&amp;", "&") for each in links] == [f"/search?q={quote('松林')}&type=yizhan.patrol.plan.v1"]
    (number,) = re.findall(r"/search/kept/(\d+)/forget", page)
    assert "/search/kept/" not in other.get("/search").text.replace("/search/kept?", "")
    other.post(f"/search/kept/{number}/forget")
    assert re.findall(r"/search/kept/(\d+)/forget", mine.get("/search").text) == [number]
    assert mine.post("/search/kept", {"name": " ", "query": "q=x"}).status == 400
    assert mine.post("/search/kept", {"name": "空", "query": "evil=1"}).status == 400
    mine.post(f"/search/kept/{number}/forget")
    assert re.findall(r"/search/kept/(\d+)/forget", mine.get("/search").text) == []
