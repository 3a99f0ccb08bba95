"""The list of the inbox and the page of an item, over real HTTP, without a look at Chromium."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import pytest

from tests.services.access_world import MARKER, OFFICER, Case, make_case
from tests.world.desk import Browser, DeskWorld, running_desk
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, with_a_fire
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.desk.accounts.model import Role
from yizhan.desk.guard import DOWNLOAD_POLICY
from yizhan.desk.pages.inbox import ROWS
from yizhan.producers.draft_rows import DraftState, StoredDraft
from yizhan.producers.drafts import parse_draft
from yizhan.runtime import access_log
from yizhan.services.queue import queued
from yizhan.services.stores import open_outbox, read_inbox

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;</p>"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """庆元 received a fire with a file, a plan, and minutes of 寿宁."""
    return make_case(tmp_path_factory.mktemp("inbox"))


@pytest.fixture(scope="module")
def desk(case: Case) -> Iterator[DeskWorld]:
    """Run the desk of 庆元."""
    with running_desk(Station(case.home.path)) as world:
        yield world


@pytest.fixture(scope="module")
def duty(desk: DeskWorld) -> Browser:
    """Return the duty officer's browser."""
    return desk.browser(Role.DUTY)


def links(text: str) -> list[str]:
    """Return the events that a list links to, in its order."""
    return re.findall(r'<td class="cut">.*?href="/inbox/([^"]+)"', text)


def address(text: str, rel: str) -> str:
    """Return where a list's link to newer (``prev``) or older (``next``) events leads."""
    found = re.search(rf'href="([^"]+)" rel="{rel}"', text)
    return "" if found is None else found[1].replace("&amp;", "&")


def test_the_list_is_filtered_by_its_address(case: Case, duty: Browser) -> None:
    """Type, county, state, day and exercises; a value that means nothing is left out."""
    assert {case.fire, case.plan, case.minutes} <= set(links(duty.get("/inbox").text))
    assert links(duty.get("/inbox?type=yizhan.patrol.plan.v1").text) == [case.plan]
    assert case.fire in links(duty.get(f"/inbox?county={SHOUNING}&way=alarm&since=2026-01-01&drills=no").text)
    assert links(duty.get("/inbox?since=2999-01-01").text) == []
    assert links(duty.get("/inbox?drills=yes").text) == []
    assert case.fire in links(duty.get("/inbox?type=x&way=x&state=x&since=0001-01-01&before=x&county=%00").text)


def test_a_long_list_has_pages_that_new_events_do_not_move(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Older and newer, by place in the order of arrival: no event twice, none left out."""
    station = with_a_fire(tmp_path_factory.mktemp("long") / "home")
    _report(station, *[f"第{number}起" for number in range(ROWS + 5)])
    with running_desk(station) as world:
        browser = world.browser(Role.ANALYST)
        first = browser.get("/inbox").text
        _report(station, "后来的")
        second = browser.get(address(first, "next")).text
        seen = links(first) + links(second)
        assert len(links(first)) == ROWS
        assert len(seen) == len(set(seen)) == ROWS + 6
        assert address(second, "next") == ""
        back = browser.get(address(second, "prev")).text
        assert len(links(back)) == ROWS
        newest = links(browser.get(address(back, "prev")).text)
        assert len(newest) == 1
        assert newest[0] not in seen


def _report(station: Station, *summaries: str) -> None:
    with open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox:
        for each in summaries:
            fire = {**FIRE, "external_ref": each, "payload": {**FIRE["payload"], "summary": each}}
            outbox.publish(parse_draft(fire))
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)


def test_the_table_holds_no_formula_and_is_in_the_access_log(case: Case, duty: Browser) -> None:
    """What the filters leave, as UTF-8 with its mark; whoever takes it along is named."""
    answer = duty.get("/inbox.csv?type=yizhan.incident.forest_fire.v1")
    assert answer.status == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    heading, *rows = csv.reader(io.StringIO(answer.text.lstrip("\ufeff")))
    assert heading[0] == "编号"
    assert [row[0] for row in rows] == [case.fire]
    assert MARKER in rows[0]
    assert not [cell for row in rows for cell in row if cell[:1] in {"=", "+", "@"}]
    entry = access_log.check(access_log.read(case.log()))[0][-1]
    assert (entry.how, entry.command, "周某" in entry.who) == ("exported", "desk inbox csv", True)


def test_an_item_shows_its_matter_rule_and_file(case: Case, duty: Browser) -> None:
    """Beside another page only its main part comes; printed, it names who printed."""
    text = duty.get(f"/inbox/{case.fire}").text
    for said in (MARKER, "map.txt", "双方往来", "规则 fire", "森林火灾涉及两地", f"/inbox/{case.fire}/cap"):
        assert said in text, said
    part = duty.get(f"/inbox/{case.fire}", **{"HX-Request": "true"}).text
    assert MARKER in part
    assert "<html" not in part
    printed = duty.get(f"/inbox/{case.fire}/print").text
    assert "data-print-now" in printed
    assert "打印，调阅记录有据" in printed
    assert duty.get("/inbox/350924-nothing-1").status == 404


def test_hostile_text_is_text_in_every_field(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a partner wrote can be read on both pages and does nothing."""
    station = with_a_fire(tmp_path_factory.mktemp("hostile") / "home")
    payload = {
        **FIRE["payload"], "summary": HOSTILE, "contact": {"name": HOSTILE[:60], "phone": "13800000000"},
        "place": {"county": SHOUNING, "township": HOSTILE[:60], "spot": HOSTILE[:60]},
    }  # fmt: skip
    with open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox:
        fire = outbox.publish(parse_draft({**FIRE, "external_ref": HOSTILE[:50], "payload": payload})).id
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    with running_desk(station) as world:
        browser = world.browser(Role.DUTY)
        for path in ("/inbox", f"/inbox/{fire}", f"/inbox/{fire}/print"):
            text = browser.get(path).text
            assert "&lt;script&gt;alert(1)" in text
            assert "<script>alert" not in text
            assert "<img" not in text


def test_a_file_is_given_to_be_stored_and_never_shown(case: Case, duty: Browser) -> None:
    """As an attachment, in a sandbox, with a safe name; another name is not found."""
    answer = duty.get(f"/inbox/{case.fire}/file?name=map.txt")
    assert (answer.status, answer.text) == (200, MARKER)
    assert answer.headers["content-disposition"].startswith('attachment; filename="map.txt"')
    assert answer.headers["content-security-policy"] == DOWNLOAD_POLICY
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-length"] == str(len(MARKER))
    assert duty.get(f"/inbox/{case.fire}/file?name=../../etc/passwd").status == 404


def test_an_item_is_given_as_cap(case: Case, duty: Browser) -> None:
    """The standard form for other systems, to be stored."""
    answer = duty.get(f"/inbox/{case.fire}/cap")
    assert answer.status == 200
    assert "urn:oasis:names:tc:emergency:cap:1.2" in answer.text


def test_an_answer_is_given_on_the_page(case: Case, desk: DeskWorld, duty: Browser) -> None:
    """What was done goes with a note, and the thread shows it; text of the note is text."""
    given = {"stage": "acted", "note": f"已派46人{HOSTILE}", "seen": ""}
    assert duty.post(f"/inbox/{case.fire}/answer", given).status == 303
    with read_inbox(desk.home, QINGYUAN) as inbox:
        item = None if inbox is None else inbox.item(case.fire)
    assert item is not None
    assert [each.stage for each in item.answers] == ["acted"]
    text = duty.get(f"/inbox/{case.fire}").text
    assert "已派46人&lt;script&gt;" in text


def test_a_reply_is_shown_and_then_queued_once(case: Case, desk: DeskWorld, duty: Browser) -> None:
    """First to whom it goes and how; confirmed, it waits to be sealed; the same request again queues nothing."""
    path, given = f"/inbox/{case.fire}/reply", {"text": "已派两支半专业扑火队", "once": "a1"}
    seen = duty.post(path, given)
    assert seen.status == 200
    for said in ("已派两支半专业扑火队", SHOUNING, "到达后响一次铃"):
        assert said in seen.text
    assert _queued(desk, "yizhan.notice.v1") == []
    for _time in range(2):
        sent = duty.post(path, {**given, "confirmed": "1"})
        assert sent.status == 303
    (draft,) = _queued(desk, "yizhan.notice.v1")
    assert draft.content["payload"]["by"]["badge"] == desk.people[Role.DUTY].badge
    assert "已提交" in duty.get(sent.headers["location"]).text
    assert duty.post(path, {"text": "  "}).status == 400
    assert desk.browser(Role.ANALYST).post(path, given).status == 403


def _queued(desk: DeskWorld, kind: str) -> list[StoredDraft]:
    return [each for each in queued(desk.home, QINGYUAN) if (each.type, each.state) == (kind, DraftState.QUEUED)]


def test_a_link_and_a_decision_that_is_done_are_queued(case: Case, desk: DeskWorld) -> None:
    """Each is one notice, in the name of the officer who confirmed it."""
    liaison = desk.browser(Role.LIAISON)
    before = len(_queued(desk, "yizhan.notice.v1"))
    link = {"own": case.own, "note": "同一起火"}
    assert "同一起火" in liaison.post(f"/inbox/{case.fire}/link", link).text
    assert liaison.post(f"/inbox/{case.fire}/link", {**link, "confirmed": "1"}).status == 303
    assert len(_queued(desk, "yizhan.notice.v1")) == before + 1
    assert liaison.post(f"/inbox/{case.fire}/link", {"own": case.plan}).status == 404
    assert liaison.post(f"/inbox/{case.minutes}/complete", {"number": "99"}).status == 404
    assert liaison.post(f"/inbox/{case.minutes}/complete", {"number": "x"}).status == 400


def test_a_plan_is_countersigned_in_the_names_of_our_officers(case: Case, desk: DeskWorld) -> None:
    """Who signs is asked for where it is not known; the plan is shown; confirmed twice, it is queued once."""
    liaison, path = desk.browser(Role.LIAISON), f"/inbox/{case.plan}/countersign"
    assert f'href="{path}"' in liaison.get(f"/inbox/{case.plan}").text
    assert "由谁签" in liaison.get(path).text
    people = {
        f"{name}.{part}": value
        for name in ("reviewed_by", "signed_off_by", "drafted_by")
        for part, value in (("name", OFFICER.name), ("badge", OFFICER.badge))
    }
    given = {"org_code": "331126000000", "contact.name": "李四", "contact.phone": "0578-6122110", **people}
    shown = liaison.post(path, given)
    assert shown.status == 200
    assert "界碑 12 号" in shown.text
    assert liaison.post(path, {**given, "contact.phone": "x"}).status == 400
    for _time in range(2):
        assert liaison.post(path, {**given, "confirmed": "1"}).status == 303
    assert len([each for each in queued(desk.home, QINGYUAN) if each.type == "yizhan.patrol.plan.v1"]) == 1
    assert liaison.get(f"/inbox/{case.fire}/countersign").status == 400
