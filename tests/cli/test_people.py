"""From one officer to another and back: nothing that a person wrote is left unseen at the other side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.schemas.payloads.examples import DISPUTE
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.cli.commands.inbox_run import Screen
from yizhan.consumers.arrivals import ReceiveOutcome
from yizhan.consumers.items import InboxQuery
from yizhan.producers.outbox_view import LOCK
from yizhan.runtime.file_lock import exclusive
from yizhan.services.actor import Actor
from yizhan.services.alarms import AlarmFeed
from yizhan.services.home import Home
from yizhan.services.stores import outbox_path, read_inbox

CASES = Path(__file__).parent / "cases"
OFFICER = ("--name", "李四", "--badge", "654321")


def shown(home: Home, county: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the screen of ``inbox run`` showed of everything that a county received."""
    with read_inbox(home, county) as inbox:
        assert inbox is not None
        feed = AlarmFeed(home, inbox, Screen(home, county), Actor("test (1000)", "inbox run"), all_content=False)
        capsys.readouterr()
        for item in inbox.items(InboxQuery(system=True)):
            feed.arrived([ReceiveOutcome("stored", item)])
    said = capsys.readouterr()
    return said.out + said.err


@pytest.fixture
def fire(station: Station, yizhan: Run) -> str:
    """Let a fire of 寿宁 arrive at 庆元; its id."""
    (event,) = publish(yizhan, SHOUNING, FIRE | {"grade": 1, "certainty": "Possible"})
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    return event


def exchange(station: Station, sender: str, recipient: str) -> None:
    """Carry what a county sent."""
    station.carry(sender)
    station.deliver(recipient)


def test_a_reply_is_seen_at_once_and_is_no_second_fire(
    station: Station, yizhan: Run, fire: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shown with its priority, listed, shown under what it answers at both sides, told in the story; nothing rings."""
    said = yizhan("reply", fire, "请速回电，我方队伍已出发", "--county", QINGYUAN, *OFFICER, "--json")
    assert said.code == 0, said.err
    reply = json.loads(said.out)["id"]
    assert json.loads(said.out)["decisions"][SHOUNING]["way"] == "notice"
    assert (json.loads(said.out)["priority"], json.loads(said.out)["rings"]) == ("flash", True)
    exchange(station, QINGYUAN, SHOUNING)
    screen = shown(station.app, SHOUNING, capsys)
    for each in ("通知", "特急", "请速回电", "李四", fire, f"yizhan reply {reply}"):
        assert each in screen
    listed = yizhan("inbox", "list", "--county", SHOUNING).out
    assert (reply in listed, "请速回电" in listed, "特急" in listed) == (True, True, True)
    assert yizhan("inbox", "list", "--county", SHOUNING, "--state", "ringing", "--json").out.count(reply) == 0
    under = yizhan("inbox", "show", fire, "--county", QINGYUAN)
    assert ("请速回电" in under.out, reply in under.out) == (True, True)
    answered = yizhan("inbox", "show", reply, "--county", SHOUNING).out
    assert "所答复的" in answered
    assert "距界约800米起火" in answered
    for county in (SHOUNING, QINGYUAN):
        story = yizhan("story", fire, "--county", county).out
        assert ("请速回电" in story, "李四" in story) == (True, True)
    back = yizhan("reply", reply, "收到", "--county", SHOUNING, "--priority", "routine", *OFFICER)
    assert back.code == 0, back.err
    assert "平急：到达后列在对方收件里" in back.out
    exchange(station, SHOUNING, QINGYUAN)
    assert "收到" in yizhan("inbox", "list", "--county", QINGYUAN).out


def test_the_end_of_an_id_is_enough_where_one_event_has_it(station: Station, yizhan: Run, fire: str) -> None:
    """A number or the end of an id, for what came and what was sent; an end of two events names both."""
    number, longer = fire.rpartition("-")[2], fire[-7:]
    assert json.loads(yizhan("inbox", "show", number, "--county", QINGYUAN, "--json").out)["id"] == fire
    assert json.loads(yizhan("inbox", "show", fire[-7:].upper(), "--county", QINGYUAN, "--json").out)["id"] == fire
    assert json.loads(yizhan("inbox", "show", fire.upper(), "--county", QINGYUAN, "--json").out)["id"] == fire
    book = fire.rpartition("-")[0]
    assert json.loads(yizhan("inbox", "show", book[-6:], "--county", QINGYUAN, "--json").out)["id"] == fire
    for nothing in ("", "-", book[-1], book[-3:]):  # a variable of a script that is not set acknowledges no alarm
        assert yizhan("inbox", "ack", nothing, "--county", QINGYUAN, *OFFICER).code == 1, nothing
    (ringing,) = json.loads(yizhan("inbox", "list", "--county", QINGYUAN, "--state", "待签收", "--json").out)["items"]
    assert ringing["id"] == fire
    ran = yizhan("reply", longer, "请速回电", "--county", QINGYUAN, *OFFICER)
    assert (ran.code, "特急：到达后对方的铃立即响一次" in ran.out) == (0, True)
    assert yizhan("inbox", "ack", longer, "--county", QINGYUAN, *OFFICER).code == 0
    assert json.loads(yizhan("outbox", "show", number, "--county", SHOUNING, "--json").out)["id"] == fire
    (posting,) = json.loads(yizhan("postings", "list", "--id", number, "--county", SHOUNING, "--json").out)["postings"]
    assert posting["id"] == fire
    other = yizhan("inbox", "show", "7" + number, "--county", QINGYUAN)
    assert (other.code, f"没有 7{number}" in other.err) == (1, True)
    for n in range(8):  # its number is to be above those of the other county, which writes receipts
        yizhan("reply", fire, f"第 {n} 次催问", "--county", QINGYUAN, *OFFICER)
    exchange(station, QINGYUAN, SHOUNING)
    letter = json.loads(yizhan("inbox", "list", "--county", SHOUNING, "--json").out)["items"][-1]
    (own,) = publish(yizhan, SHOUNING, *[FIRE | {"external_ref": "接-2"}])
    while not own.endswith("-" + letter["id"].rpartition("-")[2]):
        (own,) = publish(yizhan, SHOUNING, FIRE | {"external_ref": own})
    several = yizhan("outbox", "show", book, "--county", SHOUNING)
    assert (several.code, fire in several.err, own in several.err) == (1, True, True)
    both = yizhan("story", letter["id"].rpartition("-")[2], "--county", SHOUNING)
    assert (both.code, letter["id"] in both.err, own in both.err) == (1, True, True)


def test_a_reply_says_who_writes_it_and_to_what(yizhan: Run, fire: str) -> None:
    """A reply without a name, to an unknown event, or without text is refused, each time with what to do."""
    nobody = yizhan("reply", fire, "收到", "--county", QINGYUAN)
    assert (nobody.code, "--name" in nobody.err) == (2, True)
    nothing = yizhan("reply", fire + "9", "收到", "--county", QINGYUAN, *OFFICER)
    assert (nothing.code, "yizhan inbox list" in nothing.err) == (1, True)
    assert yizhan("reply", fire, " ", "--county", QINGYUAN, *OFFICER).code == 1


def test_a_panel_and_a_list_say_how_grave_it_is_and_what_to_do(
    station: Station, yizhan: Run, fire: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """特急, 1 级, how certain, which report; acknowledgement and reply beside each other."""
    facts = "特急 1 级 有可能 首报"
    panel = yizhan("inbox", "show", fire, "--county", QINGYUAN).out
    for text in (panel, shown(station.app, QINGYUAN, capsys)):
        assert facts in text
        assert f"yizhan inbox ack {fire}" in text
        assert f"yizhan reply {fire}" in text
    assert facts in yizhan("inbox", "list", "--county", QINGYUAN).out


def test_a_final_report_says_on_the_screens_line_what_happened(
    station: Station, yizhan: Run, fire: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which report it is, where the fire stands, and the beginning of what was written."""
    officers = {name: {"name": "王五", "badge": "035003"} for name in ("drafted_by", "reviewed_by", "signed_off_by")}
    said = {"state": "明火扑灭", "summary": "明火已扑灭，留守看护"}
    for number, stage in enumerate(("update", "final")):
        payload = FIRE["payload"] | officers | said
        more = {"stage": stage, "subject": fire, "priority": "routine", "external_ref": f"接-9{number}"}
        publish(yizhan, SHOUNING, FIRE | more | {"payload": payload})
    exchange(station, SHOUNING, QINGYUAN)
    lines = [each for each in shown(station.app, QINGYUAN, capsys).splitlines() if "发来" in each]
    assert "森林火灾 已核实 续报 1 明火扑灭" in lines[0]
    assert "森林火灾 已核实 终报 明火扑灭" in lines[1]
    assert all(each.endswith("明火已扑灭，留守看护") for each in lines)


def test_an_acknowledgement_is_read_by_its_sender_as_it_was_given(
    station: Station, yizhan: Run, fire: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Name, badge and note on the sender's screen, in the story, in the postings and beside what is due."""
    yizhan("inbox", "ack", fire, "--county", QINGYUAN, *OFFICER, "--note", "已派二十人")
    exchange(station, QINGYUAN, SHOUNING)
    texts = [shown(station.app, SHOUNING, capsys)]
    texts += [yizhan("story", fire, "--county", SHOUNING).out, yizhan("postings", "list", "--county", SHOUNING).out]
    for text in texts:
        for each in ("已签收", "李四", "654321", "已派二十人"):
            assert each in text


def test_who_writes_is_told_loudly_that_nobody_sends(station: Station, yizhan: Run, fire: str) -> None:
    """publish, reply and ack all say that nothing is being sent, until a publisher runs."""
    hint = f"请运行 yizhan outbox run --county {QINGYUAN}"

    def said() -> list[str]:
        given = json.dumps({**FIRE, "touches": [SHOUNING], "external_ref": f"庆-{len(done)}"}).encode()
        done.append("")
        runs = (
            yizhan("publish", "-", "--county", QINGYUAN, given=given),
            yizhan("reply", fire, f"收到{len(done)}", "--county", QINGYUAN, *OFFICER),
            yizhan("inbox", "ack", fire, "--county", QINGYUAN, *OFFICER, "--note", f"{len(done)}"),
        )
        return [each.err for each in runs]

    done: list[str] = []
    assert all("还没有送出" in each and hint in each for each in said())
    path = outbox_path(station.app, QINGYUAN)
    with exclusive(path.with_name(path.name + LOCK), "publishes this outbox"):
        assert not any("还没有送出" in each for each in said())


def test_a_mistyped_county_is_named_and_a_fire_that_rings_nowhere_stays(yizhan: Run, home: Path) -> None:
    """The table as it was typed: only the right code and 无 go; the reason names the code that was meant."""
    assert home.exists()
    ran = yizhan("import", "csv", str(CASES / "county-typo.csv"), "forest_fire", "--county", SHOUNING, "--bad",
                 "bad.csv", "--json")  # fmt: skip
    found: dict[str, Any] = json.loads(ran.out)
    assert ran.code == 1
    assert [each["row"] for each in found["sent"]] == [2, 6]
    said = {each["row"]: " ".join(each["said"]) for each in found["doubts"]}
    assert "331162（331126?）" in said[3]
    assert "不会响铃" in said[3]
    assert ("330000" in said[4], "不会响铃" in said[4]) == (True, True)
    assert ("331162（331126?）" in said[5], "不会响铃" in said[5]) == (True, False)
    assert found["kept_back"] == [3, 4, 5, 7]


def test_a_file_without_a_person_keeps_back_a_fire_that_would_ring_nowhere(yizhan: Run, home: Path) -> None:
    """The other lines of the file are sent; ``--yes`` sends the fire too."""
    assert home.exists()
    typo = {**FIRE, "touches": ["331162"], "external_ref": "接-8"}
    given = b"\n".join(json.dumps(each, ensure_ascii=False).encode() for each in (typo, FIRE))
    ran = yizhan("publish", "-", "--county", SHOUNING, given=given)
    assert ran.code == 1
    assert "331162（331126?）" in ran.err
    assert "决定不发 1 件" in ran.err
    assert yizhan("publish", "-", "--county", SHOUNING, "--yes", given=given).code == 0


def test_an_update_without_a_first_report_is_asked_about(yizhan: Run, home: Path) -> None:
    """Both lines of the case: one names a report that nobody has, one names none. They go, since they would ring."""
    assert home.exists()
    ran = yizhan("publish", str(CASES / "fire-update.jsonl"), "--county", SHOUNING)
    assert ran.code == 0
    assert ran.err.count("本县没有这起森林火灾的首报") == 2
    assert yizhan("explain", str(CASES / "fire-update.jsonl")).out.count("没有这起森林火灾的首报") == 0  # sent before


@pytest.mark.parametrize(
    ("change", "asked"),
    [({"risk": "中"}, True), ({"risk": "高"}, True), ({"risk": "低"}, False), ({"risk": "低", "ask": ["回复"]}, True)],
)
def test_a_dispute_that_may_escalate_is_asked_about_before_it_waits_for_the_quarter(
    yizhan: Run, home: Path, change: dict[str, Any], *, asked: bool
) -> None:
    """The priority 加急 is proposed; a dispute that is urgent already raises no question."""
    assert home.exists()
    payload = DISPUTE | {"ask": ["知悉"], "state": "发现"} | change
    payload.pop("external_ref", None)
    draft = {"type": "yizhan.dispute.case.v1", "stage": "first", "touches": [QINGYUAN], "payload": payload}
    given = json.dumps(draft, ensure_ascii=False)
    Path("dispute.jsonl").write_text(given + "\n", "utf-8")
    assert ("改为加急" in yizhan("explain", "dispute.jsonl", "--county", SHOUNING).out) == asked
    urgent = json.dumps(draft | {"priority": "urgent"}, ensure_ascii=False)
    Path("dispute.jsonl").write_text(urgent + "\n", "utf-8")
    assert "改为加急" not in yizhan("explain", "dispute.jsonl", "--county", SHOUNING).out
