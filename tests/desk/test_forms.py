"""Writing and sending: every type can be filled in from its description and queued, over plain HTTP."""

from __future__ import annotations

import json
import re
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.desk.writing import Writer
from tests.schemas.payloads.examples import EXAMPLES
from tests.world.desk import Browser, DeskWorld, running_desk
from tests.world.each import each
from tests.world.simulator import SHOUNING
from tests.world.station import FIRE, with_a_fire
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.consumers.items import InboxQuery
from yizhan.desk.accounts.model import Role
from yizhan.producers.draft_rows import DraftState
from yizhan.producers.drafts import parse_draft
from yizhan.schemas.header import NOTICE, RECEIPT
from yizhan.schemas.payloads.table import ECO_CRIME, FOREST_FIRE, TYPES
from yizhan.services.actor import Actor
from yizhan.services.drafts import find_draft, list_drafts
from yizhan.services.inbox import list_items
from yizhan.services.queue import result_of
from yizhan.services.sealing import seal_draft
from yizhan.services.stores import open_drafts, open_outbox

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202e'"


@pytest.fixture(scope="module")
def duty(desk: DeskWorld) -> Browser:
    """Return the browser of a duty officer."""
    return desk.browser(Role.DUTY)


@pytest.fixture(scope="module")
def received(desk: DeskWorld) -> str:
    """Return the id of the fire that came."""
    return list_items(desk.home, desk.county, InboxQuery(), Actor("test", "test")).items[0].id


def test_every_type_is_offered_with_its_use(duty: Browser) -> None:
    """The page names each type that an officer may write, and no receipt."""
    page = duty.get("/new").text
    for name, row in TYPES.items():
        assert (row.title in page) == (name != RECEIPT), name
    assert duty.get("/new/receipt").status == 400
    assert duty.get("/new/no-such").status == 404


def test_looking_at_a_link_begins_no_draft(desk: DeskWorld, duty: Browser) -> None:
    """A browser that fetches a page before anybody chose it, or asks for its head, begins nothing."""
    before = len(list_drafts(desk.home, desk.county))
    assert duty.send("HEAD", "/new/forest_fire").headers["location"] == "/new"
    assert duty.send("GET", "/new/forest_fire", Sec_Purpose="prefetch").headers["location"] == "/new"
    assert len(list_drafts(desk.home, desk.county)) == before


@each("kind", [each for each in EXAMPLES if each != RECEIPT])
def test_every_type_can_be_filled_in_and_queued(desk: DeskWorld, duty: Browser, received: str, kind: str) -> None:
    """Field by field, from the description of the type alone; then previewed, its doubts answered, and sent."""
    answers = TYPES[kind].model.answers_others
    writer = Writer.begins(duty, kind, f"?reply_to={received}" if answers else "")
    payload = {"text": "来人已到界碑。"} if kind == NOTICE else EXAMPLES[kind]
    state = writer.fills_in(kind, payload)
    what = "final" if answers else "seen" if TYPES[kind].happens else "over" if "minutes" in payload else "new"
    writer.enters("header.what", what)
    state = writer.enters("header.how_bad", "urgent")
    if not answers:
        state = writer.enters("header.touches", SHOUNING)
    assert state["faults"] == []
    assert "data-preview" in state["aside"], state["aside"]
    preview = duty.get(f"/drafts/{writer.n}/preview")
    assert preview.status == 200
    assert "寿宁县" in preview.text
    doubts = re.findall(r'name="doubt" value="([a-z_]+)"', preview.text)
    sent = writer.does("send", doubt=doubts)
    assert (sent.status, sent.headers.get("location")) == (303, f"/drafts/{writer.n}/preview"), sent.text
    stored = find_draft(desk.home, desk.county, writer.n)
    assert stored.state is DraftState.QUEUED
    for name, value in payload.items():
        assert alike(stored.content["payload"].get(name), value), (name, stored.content["payload"].get(name))


def alike(stored: Any, given: Any) -> bool:  # noqa: ANN401 -- JSON is any
    """Return whether what is stored says what was given: defaults may be left out, times are written another way."""
    if isinstance(given, dict):
        return all(alike(stored.get(name), value) for name, value in given.items() if name not in {"type", "datum"})
    if isinstance(given, list | tuple):
        return len(stored) == len(given) and all(map(alike, stored, given))
    if isinstance(given, str) and re.match(r"\d{4}-\d\d-\d\dT", given):
        return datetime.fromisoformat(stored) == datetime.fromisoformat(given)
    return bool(stored == given)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("dead", "三", "应为整数"),
        ("dead", "-1", "不小于 0"),
        ("started_at", "昨天上午", "应为日期和时刻"),
        ("place.position", "很远的地方", "应为经度和纬度"),
        ("place.position", "119.3,27.5", "请写明坐标系"),
        ("place.position", "10,10", "不在中国境内"),
        ("contact.phone", "打电话", "phone"),
        ("drafted_by.badge", "没有", "数字"),
        ("wind_force", "99", "17"),
        ("org_code", "x", ""),
        ("summary", "机密★10年 名单", "国家秘密"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_kept(duty: Browser, name: str, value: str, said: str) -> None:
    """The answer names the field and what would be right; what was written is there when the page is opened again."""
    writer = Writer.begins(duty, FOREST_FIRE)
    state = writer.enters(name, value)
    (fault,) = [each for each in state["faults"] if each[0] == name]
    assert said in fault[1] or said == "phone"
    page = unescape(duty.get(f"/drafts/{writer.n}").text)
    assert fault[1] in page
    assert value in page
    assert duty.get(f"/drafts/{writer.n}/preview").headers["location"] == f"/drafts/{writer.n}?check=1"


def test_a_position_proposes_whom_it_touches_and_how_far_the_border_is(duty: Browser) -> None:
    """A point of another map is converted; county, distance and bearing follow from it, and follow it when it moves."""
    writer = Writer.begins(duty, FOREST_FIRE)
    state = writer.enters("place.position", "119.2975,27.5125", datum="WGS84")
    assert state["values"]["header.touches"] == [SHOUNING]
    assert "响铃直到有人签收" in state["aside"]
    near = float(state["values"]["border.distance_m"][0])
    state = writer.enters("place.position", "119°17′51″E 27°30′45″N", datum="GCJ-02")
    assert state["values"]["place.position"] != ["119.2975,27.5125"]
    assert any("WGS84" in note for note in state["notes"])
    assert float(state["values"]["border.distance_m"][0]) != near
    assert "GCJ-02" in state["values"]["place.spot"][0]


def test_the_grade_is_proposed_with_its_clause_and_an_officer_decides(duty: Browser) -> None:
    """Figures propose a grade with the article; another one is doubted; a case has a basis besides."""
    writer = Writer.begins(duty, FOREST_FIRE)
    writer.enters("dead", "0")
    writer.enters("injured", "0")
    state = writer.enters("forest_ha", "0.3")
    assert "第四十条" in state["grade"]
    assert 'data-grade="4"' in state["grade"]
    state = writer.enters("header.grade", "1")
    assert any(name == "header.grade" for name, _said in state["doubts"])
    case = Writer.begins(duty, ECO_CRIME)
    case.enters("header.grade", "3", grade_basis="按本县掌握的情况")
    page = duty.get(f"/drafts/{case.n}").text
    assert "按本县掌握的情况" in page


def test_hostile_text_stays_text(duty: Browser) -> None:
    """Markup, a template and a character that turns the line: shown as written, on every page of the draft."""
    writer = Writer.begins(duty, FOREST_FIRE)
    for name in ("summary", "place.township", "contact.name", "external_ref", "cause"):
        state = writer.enters(name, HOSTILE)
        for part in (state["aside"], state["grade"]):
            assert "<script>alert" not in part
            assert "<img" not in part
    for path in (f"/drafts/{writer.n}", f"/drafts/{writer.n}/form", "/drafts"):
        page = duty.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert ">49" not in page


def test_two_officers_in_one_draft_lose_nothing(desk: DeskWorld, duty: Browser) -> None:
    """Different fields are kept both; of one field the second sees both texts, and decides."""
    writer = Writer.begins(duty, FOREST_FIRE)
    other = Writer.opens(desk.browser(Role.LIAISON), writer.n)
    writer.enters("summary", "甲写的")
    state = other.told(other.posts("cause", "乙写的原因", seen=()))
    assert state["values"]["summary"] == ["甲写的"]
    writer.enters("place.village", "林山村")
    other.version -= 1
    answer = other.posts("summary", "乙写的", seen=("旧的",))
    assert answer.status == 409
    said = json.loads(answer.text)
    assert (said["name"], said["theirs"]) == ("summary", ["甲写的"])
    other.version = said["version"]
    assert other.told(other.posts("summary", "乙写的", seen=("甲写的",)))["values"]["summary"] == ["乙写的"]
    assert find_draft(desk.home, desk.county, writer.n).content["payload"]["place"]["village"] == "林山村"


def test_rows_are_added_and_taken_out(duty: Browser) -> None:
    """A row that was left empty does not go; one that is taken out leaves the others."""
    writer = Writer.begins(duty, ECO_CRIME)
    for name in ("甲", "乙"):
        writer.adds_row("suspects")
        row = "suspects.0.name" if name == "甲" else "suspects.1.name"
        writer.enters(row, name)
    state = writer.told(duty.post(f"/drafts/{writer.n}/rows", {"remove": "suspects.0"}))
    assert state["values"]["suspects.0.name"] == ["乙"]
    assert "suspects.1.name" not in state["values"]
    assert writer.posts("suspects.5000.name", "丙").status == 404  # no page has that row; a list is as long as its rows


def ready(browser: Browser, **payload: object) -> Writer:
    """Return a fire that is filled in."""
    writer = Writer.begins(browser, FOREST_FIRE)
    writer.fills_in(FOREST_FIRE, {**EXAMPLES[FOREST_FIRE], "external_ref": f"接-{writer.n}", **payload})
    writer.enters("header.what", "seen")
    writer.enters("header.how_bad", "urgent")
    writer.enters("header.touches", SHOUNING)
    return writer


def test_a_doubt_must_be_answered_before_it_goes(desk: DeskWorld, duty: Browser) -> None:
    """Without the tick nothing is queued, and the page says so; with each tick it is."""
    writer = ready(duty)
    refused = writer.does("send")
    assert refused.status == 400
    assert "还有疑问没有确认" in refused.text
    assert find_draft(desk.home, desk.county, writer.n).state is DraftState.WRITING
    doubts = re.findall(r'name="doubt" value="([a-z_]+)"', refused.text)
    assert writer.does("send", doubt=doubts).status == 303


def test_one_submit_is_one_event(desk: DeskWorld, duty: Browser) -> None:
    """The same form sent twice queues one draft once; a stale page changes nothing."""
    writer = ready(duty, place={"county": desk.county})
    page = duty.get(f"/drafts/{writer.n}/preview").text
    version = re.findall(r'name="version" value="(\d+)"', page)[0]
    doubts = re.findall(r'name="doubt" value="([a-z_]+)"', page)
    answers = [duty.post(f"/drafts/{writer.n}/send", {"version": version, "doubt": doubts}) for _n in range(3)]
    assert [each.status for each in answers] == [303] * 3
    stored = find_draft(desk.home, desk.county, writer.n)
    assert (stored.state, stored.version) == (DraftState.QUEUED, int(version) + 1)
    assert duty.get(f"/drafts/{writer.n}").headers["location"].endswith("/preview")


def test_a_draft_is_submitted_given_back_and_approved_by_another(desk: DeskWorld, duty: Browser) -> None:
    """The leader gives it back with a remark, then approves it; its author cannot, nor who is no leader."""
    leader = desk.browser(Role.LEADER)
    writer = ready(duty, place={"county": desk.county})
    assert writer.does("submit").status == 303
    assert duty.get(f"/drafts/{writer.n}/review").status == 403
    assert duty.post(f"/drafts/{writer.n}/approve", {"version": "1"}).status == 403
    approver = Writer(leader, writer.n)
    assert approver.does("return").status == 400
    assert approver.does("return", remark="请补火势").headers["location"] == f"/drafts/{writer.n}"
    assert "请补火势" in duty.get(f"/drafts/{writer.n}").text
    assert "请补火势" in duty.get("/drafts").text
    writer.version = Writer.opens(duty, writer.n).version
    writer.enters("trend", "向西北")
    assert writer.does("submit").status == 303
    doubts = re.findall(r'name="doubt" value="([a-z_]+)"', leader.get(f"/drafts/{writer.n}/review").text)
    assert approver.does("approve", doubt=doubts).status == 303
    stored = find_draft(desk.home, desk.county, writer.n)
    assert stored.state is DraftState.QUEUED
    assert stored.content["payload"]["signed_off_by"]["name"] == "林某"
    own = ready(leader, place={"county": desk.county})
    assert own.does("submit").status == 303
    assert "另一位民警签发" in own.does("approve").text


@pytest.fixture(scope="module")
def own(desk: DeskWorld) -> str:
    """Return the id of a fire that this county has sent."""
    payload = {**FIRE["payload"], "org_code": "331126000000", "place": {"county": desk.county, "township": "岭头乡"}}
    content = {**FIRE, "touches": [SHOUNING], "external_ref": "接-自", "payload": payload}
    with open_outbox(desk.home, desk.county, TerminalPassphrase()) as outbox:
        return outbox.publish(parse_draft(content)).id


def test_an_update_begins_with_the_last_report(desk: DeskWorld, duty: Browser, own: str) -> None:
    """The matter is named, only later reports are offered, and what was reported last stands there."""
    writer = Writer.begins(duty, FOREST_FIRE, f"?updates={own}")
    page = duty.get(f"/drafts/{writer.n}").text
    assert 'value="goes_on"' in page
    assert 'value="seen"' not in page
    state = writer.enters("header.what", "goes_on")
    assert state["values"]["place.township"] == ["岭头乡"]
    page = duty.get(f"/drafts/{writer.n}").text
    assert own in page
    assert "比上次报告更严重" in page
    assert any("比上次报告更严重" in line for line in re.findall("<li.*?</li>", state["aside"]))
    state = writer.enters("header.what", "goes_on", subject=own, worse="true")
    assert "比上次报告更严重" not in state["aside"]
    content = find_draft(desk.home, desk.county, writer.n).content
    assert (content["subject"], content["worse"], content["stage"]) == (own, True, "update")


def test_a_matter_to_go_on_with_is_chosen(desk: DeskWorld, duty: Browser, own: str) -> None:
    """Without a reference the earlier matters are listed; the one that is chosen brings its report."""
    writer = Writer.begins(duty, FOREST_FIRE)
    state = writer.enters("header.what", "over")
    assert "接着哪一件" in state["aside"]
    state = writer.enters("header.what", "over", subject=own)
    assert state["values"]["place.township"] == ["岭头乡"]
    assert find_draft(desk.home, desk.county, writer.n).content["subject"] == own


@pytest.mark.parametrize(("how", "word"), [("supersedes", "所更正的"), ("withdraws", "所撤回的")])
def test_what_was_sent_is_corrected_and_withdrawn(
    desk: DeskWorld, duty: Browser, own: str, how: str, word: str
) -> None:
    """It begins with what was sent, names what it is about, and goes to whoever has that."""
    writer = Writer.begins(duty, FOREST_FIRE, f"?{how}={own}")
    page = duty.get(f"/drafts/{writer.n}").text
    assert f"{word} <code>{own}</code>" in page
    assert "岭头乡" in page
    preview = duty.get(f"/drafts/{writer.n}/preview")
    assert preview.status == 200, preview.headers
    doubts = re.findall(r'name="doubt" value="([a-z_]+)"', preview.text)
    assert writer.does("send", doubt=doubts).status == 303
    assert duty.get(f"/new/forest_fire?{how}=331126-20200101aaaa-1").status == 404


def test_where_approval_is_required_nobody_sends_his_own(tmp_path: Path) -> None:
    """The setting takes the button to send away, and a request that sends nevertheless is refused with a sentence."""
    station = with_a_fire(tmp_path / "home")
    settings = tmp_path / "home" / "yizhan.toml"
    before = settings.read_text("utf-8") if settings.exists() else ""
    settings.write_text(f"{before}\ndesk_requires_approval = true\n", "utf-8")
    with running_desk(station) as world:
        writer = ready(world.browser(Role.DUTY), place={"county": world.county})
        page = writer.browser.get(f"/drafts/{writer.n}/preview").text
        assert 'action="/drafts/1/submit"' in page
        assert "/send" not in page
        doubts = re.findall(r'name="doubt" value="([a-z_]+)"', page)
        assert "另一位民警签发" in writer.does("send", doubt=doubts).text
        assert writer.does("submit").status == 303
        approver = Writer(world.browser(Role.LEADER), writer.n)
        assert approver.does("approve", doubt=doubts).status == 303
        assert find_draft(world.home, world.county, writer.n).state is DraftState.QUEUED


def test_what_was_sent_is_listed_with_its_event(desk: DeskWorld, duty: Browser) -> None:
    """Once it is sealed, the draft's pages lead to the event; who signed is proposed the next time."""
    writer = ready(duty, place={"county": desk.county})
    doubts = re.findall(r'name="doubt" value="([a-z_]+)"', duty.get(f"/drafts/{writer.n}/preview").text)
    assert writer.does("send", doubt=doubts).status == 303
    with (
        open_outbox(desk.home, desk.county, TerminalPassphrase()) as outbox,
        open_drafts(desk.home, desk.county) as drafts,
    ):
        seal_draft(desk.home, outbox, drafts, find_draft(desk.home, desk.county, writer.n))
    sent = result_of(desk.home, desk.county, writer.n)
    assert sent is not None
    for path in ("/drafts", f"/drafts/{writer.n}", f"/drafts/{writer.n}/preview"):
        assert f"/outbox/{sent.event}" in duty.get(path).text
    page = Writer.begins(duty, FOREST_FIRE).page()
    signer = EXAMPLES[FOREST_FIRE]["signed_off_by"]
    assert f"采用上次的 {signer['name']} {signer['badge']}" in page
