"""Two counties' commands, with a station in memory between them: what one sends the other shows."""

from __future__ import annotations

import dataclasses
import io
import json
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.cli.item_view import item_panel
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.consumers.outbox_port import OutboxPort
from yizhan.producers.outbox_view import LOCK
from yizhan.producers.schedule import Patience
from yizhan.runtime.file_lock import exclusive
from yizhan.schemas.header import ReceiptRef
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.quarters import Quarter
from yizhan.services.home import Home
from yizhan.services.item_text import MOST_CHARACTERS, MOST_LINES
from yizhan.services.processes import home_processes
from yizhan.services.stores import open_inbox, open_outbox, outbox_path, read_inbox


def test_a_screen_shows_no_more_of_a_fire_than_a_person_can_read(station: Station, yizhan: Run, home: Path) -> None:
    """400,000 line breaks, or 800,000 characters, in a fire: its beginning is drawn, and how much was left out."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    app = Home(home)
    with read_inbox(app, QINGYUAN) as inbox:
        item = None if inbox is None else inbox.item(fire)
    assert item is not None
    for text in ("行\n" * 400_000, "字" * 800_000):
        payload = FIRE["payload"] | {"summary": text, "note": text, "others": [text[:1000]] * 290}
        large = dataclasses.replace(item, payload=json.dumps(payload).encode())
        drawn = io.StringIO()
        Console(file=drawn, width=100).print(item_panel(app, large, QINGYUAN))
        assert drawn.getvalue().count("\n") < 3 * MOST_LINES
        assert len(drawn.getvalue()) < 5 * MOST_CHARACTERS
        assert "字未列出" in drawn.getvalue()
        assert "规则 fire" in drawn.getvalue()


def test_a_fire_rings_is_acknowledged_and_its_sender_reads_by_whom(station: Station, yizhan: Run) -> None:
    """From publish to postings: delivered by the inbox, acknowledged by an officer, read back by the sender."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    assert station.deliver(QINGYUAN) == ["stored", "followup", "followup"]
    listed = yizhan("inbox", "list", "--county", QINGYUAN, "--state", "ringing")
    assert "森林火灾" in listed.out
    assert "待签收" in listed.out
    shown = yizhan("inbox", "show", fire, "--county", QINGYUAN)
    assert "距界约800米起火" in shown.out
    assert "南阳镇" in shown.out
    assert "规则 fire" in shown.out
    order = [
        shown.out.index(each) for each in ("距界约", "南阳镇", "核查", "燃烧", "13800000000", "内部", "350924000000")
    ]
    assert order == sorted(order)
    assert order[0] < shown.out.index("规则 fire")
    said = yizhan("inbox", "ack", fire, "--county", QINGYUAN, "--name", "李四", "--badge", "654321", "--note", "已派员")
    assert "签收人 李四（654321）" in said.out
    ack = ("inbox", "ack", fire, "--county", QINGYUAN, "--name", "李四", "--badge")
    again = yizhan(*ack, "654321", "--note", "已派员")
    assert (again.code, "没有再记" in again.out, "此前" in again.err) == (0, True, True)
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    (posting,) = json.loads(yizhan("postings", "list", "--county", SHOUNING, "--json").out)["postings"]
    assert posting["delivered"] is not None
    (word,) = posting["said"]["acknowledged"]
    assert word["payload"]["by"] == {"name": "李四", "badge": "654321"}
    told = yizhan("postings", "list", "--county", SHOUNING).out
    assert "已进收件箱" in told
    assert "已签收 李四（654321）" in told
    assert "已派员" in told
    assert "已签收" in yizhan("inbox", "list", "--county", QINGYUAN).out


def test_a_list_says_when_nobody_receives_any_more(station: Station, yizhan: Run) -> None:
    """An inbox that worked here and does not now: what is new is nowhere, and whoever looks is told so."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    looks = (("inbox", "list"), ("inbox", "show", fire), ("bell", "status"), ("due",))
    (inbox,) = (each for each in home_processes(station.app) if each.name == f"inbox-{QINGYUAN}")

    def told() -> set[bool]:
        return {"没有在接收" in yizhan(*words, "--county", QINGYUAN).err for words in looks}

    assert told() == {False}
    inbox.lock.touch()
    assert told() == {True}
    with exclusive(inbox.lock, "receiving"):
        assert told() == {False}


def test_an_officer_says_who_he_is_and_about_what(station: Station, yizhan: Run) -> None:
    """An acknowledgement without a name, or of an event that is not there, is refused."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    assert yizhan("inbox", "ack", fire, "--county", QINGYUAN, "--name", "李四").code == 2
    blank = yizhan("inbox", "ack", fire, "--county", QINGYUAN, "--name", " ", "--badge", "035003")
    assert blank.code == 1
    missing = yizhan("inbox", "ack", fire + "9", "--county", QINGYUAN, "--name", "李四", "--badge", "035003")
    assert missing.code == 1
    assert fire + "9" in missing.err


def test_a_correction_names_its_original_by_the_desks_own_number(station: Station, yizhan: Run) -> None:
    """The command explain resolves a reference by external_ref from the county's outbox, and changes nothing in it."""
    publish(yizhan, SHOUNING, FIRE)
    officers = {name: {"name": "王五", "badge": "035003"} for name in ("drafted_by", "reviewed_by", "signed_off_by")}
    correction = {
        **FIRE,
        "stage": "update",
        "external_ref": "接-2",
        "supersedes": {"external_ref": "接-1"},
        "payload": {**FIRE["payload"], **officers, "summary": "更正：距界约900米"},
    }
    Path("correction.jsonl").write_text(json.dumps(correction, ensure_ascii=False), "utf-8")
    before = outbox_path(station.app, SHOUNING).read_bytes()
    explained = yizhan("explain", "correction.jsonl")
    assert explained.code == 0, explained.out
    assert "规则 answer" in explained.out
    again = yizhan("explain", "correction.jsonl", "--json")
    assert json.loads(again.out)["events"][0]["duplicate"] is False
    assert outbox_path(station.app, SHOUNING).read_bytes() == before
    assert not list(station.app.county_folder(SHOUNING).glob(".explain-*"))


def test_what_touches_no_recipient_is_warned_of(station: Station, yizhan: Run) -> None:
    """The agreement is about matters that touch both; --yes, or an empty list, says that it is meant."""
    nobody = {
        **{name: each for name, each in FIRE.items() if name != "touches"},
        "to": [QINGYUAN],
        "external_ref": "接-9",
    }
    given = json.dumps(nobody, ensure_ascii=False).encode()
    warned = yizhan("publish", "-", "--county", SHOUNING, given=given)
    assert warned.code == 0
    assert "没有写明涉及哪个收件县" in warned.err
    again = yizhan("publish", "-", "--county", SHOUNING, given=given)
    assert "没有写明涉及哪个收件县" not in again.err
    said = json.dumps(nobody | {"touches": [], "external_ref": "接-10"}, ensure_ascii=False).encode()
    assert "没有写明涉及哪个收件县" not in yizhan("publish", "-", "--county", SHOUNING, given=said).err
    meant = yizhan("publish", "-", "--county", SHOUNING, "--yes", given=given)
    assert "没有写明涉及哪个收件县" not in meant.err
    assert "以前已发过" in meant.out


def test_a_quarter_is_shown_in_both_directions(station: Station, yizhan: Run) -> None:
    """The command digest list tells the verdict; digest show has what came, proven, and what went."""
    publish(yizhan, SHOUNING, FIRE)
    answer = {"type": "yizhan.notice.v1", "payload": {"kind": "text", "text": "收到"}}
    publish(yizhan, QINGYUAN, answer, {**FIRE, "touches": [SHOUNING], "external_ref": "庆-1"})
    for county in (SHOUNING, QINGYUAN):
        station.carry(county)
    for county in (SHOUNING, QINGYUAN):
        station.deliver(county)
    station.close(QINGYUAN, "2026Q4")
    listed = yizhan("digest", "list", "--county", QINGYUAN)
    assert "2026Q4" in listed.out
    assert "与驿站清单一致" in listed.out
    sheet = json.loads(yizhan("digest", "show", "2026Q4", "--county", QINGYUAN, "--json").out)
    assert sheet["partner"] == SHOUNING
    assert [each["verdict"] for each in sheet["digests"]] == ["verified"]
    assert [each["way"] for each in sheet["in"]] == ["alarm"]
    assert [each["way"] for each in sheet["out"]] == ["alarm"]
    text = yizhan("digest", "show", "2026Q4", "--county", QINGYUAN, "--with", SHOUNING).out
    assert text.startswith("# 庆元县与寿宁县")
    assert yizhan("digest", "show", "2026Q9", "--county", QINGYUAN).code == 2
    assert yizhan("digest", "show", "2026Q4", "--county", QINGYUAN, "--with", QINGYUAN).code == 1


def test_the_outbox_is_the_desk_that_the_inbox_asks_for(station: Station, yizhan: Run) -> None:
    """What consumers ask of a desk, producers answer; a person's receipt carries name and badge."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    with open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox:
        port: OutboxPort = outbox
        assert port.audience(fire) == (QINGYUAN,)
        assert port.audience("350924-none-1") is None
        ever = [datetime(year, 1, 1, tzinfo=UTC) for year in (2000, 3000)]
        (sent,) = outbox.sent(*ever)
        assert (sent.header.id, list(sent.decisions)) == (fire, [QINGYUAN])
    with open_inbox(station.app, QINGYUAN, TerminalPassphrase()) as inbox:
        assert inbox.outbox is not None
        receipt = ReceiptRef.model_validate({"stage": "acted", "event": {"id": fire, "hash": sent.hash.hex()}})
        inbox.outbox.send_receipt(receipt, Person(name="李四", badge="654321"), "已处置")
    (row,) = json.loads(yizhan("outbox", "list", "--county", QINGYUAN, "--json").out)["events"]
    assert (row["type"], row["to"]) == ("yizhan.receipt.v1", [SHOUNING])


def test_receipts_do_not_push_events_out_of_the_list(station: Station, yizhan: Run) -> None:
    """However many receipts an outbox holds, the newest events are listed."""
    (first, second) = publish(yizhan, SHOUNING, FIRE, {**FIRE, "external_ref": "接-3"})
    with open_inbox(station.app, SHOUNING, TerminalPassphrase()) as inbox:
        assert inbox.outbox is not None
        lane = {"stage": "delivered", "source": QINGYUAN, "book": "2026book", "lane": "prompt"}
        for number in range(20):
            inbox.outbox.send_receipt(ReceiptRef.model_validate({**lane, "up_to": number}), None, None)

    def listed(*words: str) -> list[str]:
        found = json.loads(yizhan("postings", "list", "--county", SHOUNING, "--json", *words).out)["postings"]
        return [each["id"] for each in found]

    assert listed("--limit", "1") == [second]
    assert listed("--limit", "2") == listed() == listed("--limit", "0") == [first, second]
    assert len(listed("--limit", "3", "--system")) == 3


def test_a_lost_tail_shows(station: Station, yizhan: Run) -> None:
    """The last event of a lane is lost; the sender's announcement of its lane heads lets the recipient see it."""
    _first, second = publish(yizhan, SHOUNING, FIRE, {**FIRE, "external_ref": "接-4"})
    station.sent.add(second)
    station.carry(SHOUNING)
    with open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox:
        outbox.announce_lane_heads()
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    ran = yizhan("inbox", "list", "--county", QINGYUAN, "--json")
    (gap,) = json.loads(ran.out)["gaps"]
    assert (gap["source"], gap["first"], gap["last"]) == (SHOUNING, 2, 2)
    assert "有 1 处顺序号断缺" in yizhan("inbox", "list", "--county", QINGYUAN).err


def test_an_outbox_that_waits_says_why(station: Station, yizhan: Run) -> None:
    """It is said whether no publisher runs, no broker answers, or the station has not answered."""
    publish(yizhan, SHOUNING, FIRE)

    def why() -> str:
        return yizhan("outbox", "list", "--county", SHOUNING).out

    assert f"请运行 yizhan outbox run --county {SHOUNING}" in why()
    path = outbox_path(station.app, SHOUNING)
    with exclusive(path.with_name(path.name + LOCK), "publishes this outbox"):
        assert "正在送出" in why()
        with open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox, outbox.dispatch() as dispatch:
            dispatch.note_line(answers=False)
            assert "连不上 Kafka" in why()
            dispatch.note_line(answers=True)
            assert "正在送出" in why()
            (sent,) = dispatch.queue(prompt=True, limit=9)
            dispatch.acknowledged([sent.seq], Patience(60.0, 60.0), {})
        assert "驿站还没有答复" in why()


def test_a_quarter_is_not_closed_before_its_time(home: Path, yizhan: Run) -> None:
    """One that has not begun is refused; one that runs wants --early, whatever else is wrong."""
    assert home.is_dir()
    now = str(Quarter.containing(datetime.now(UTC), "Asia/Shanghai"))
    for label, said in ((str(Quarter.parse(now).next()), "还没有开始"), (now, "--early")):
        ran = yizhan("digest", "close", "--all", "--label", label)
        assert ran.code == 1
        assert said in ran.err
    assert "还没有开始" in yizhan("digest", "close", "--label", "2199Q1", "--early", "--interim").err


def test_an_instant_is_local_and_a_list_is_one_row(station: Station, yizhan: Run) -> None:
    """What a payload says of time is told in the alliance's time; longitude and latitude stand in one row."""
    position = {"coordinates": [119.5, 27.25]}
    payload = {
        **FIRE["payload"],
        "found_at": "2026-11-23T08:05:00Z",
        "ask": ["核查", "支援"],
        "place": {**FIRE["payload"]["place"], "position": position},
    }
    (fire,) = publish(yizhan, SHOUNING, {**FIRE, "payload": payload})
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    shown = yizhan("inbox", "show", fire, "--county", QINGYUAN).out
    assert "2026-11-23 16:05:00" in shown
    assert "119.5、27.25" in shown
    assert "核查、支援" in shown
    assert shown.count("经度、纬度") == 1
