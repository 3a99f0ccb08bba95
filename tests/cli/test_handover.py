"""What a county sent, shown whole; what the next duty officer must know; what a sending process does."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.cli.test_story import exchange
from tests.services.access_world import NoPassphrase
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.producers.drafts import parse_draft
from yizhan.runtime.clock import utc_now
from yizhan.runtime.process import StopSignal
from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import speaking
from yizhan.services.actor import Actor
from yizhan.services.drafts import NewDraft, begin_draft
from yizhan.services.event_text import sending_lines
from yizhan.services.handover import OPEN_FOR, hand_over
from yizhan.services.handover_text import handover_lines
from yizhan.services.home import Home
from yizhan.services.sending_news import SendingMonitor, SendingNews
from yizhan.services.stores import open_outbox

ACTOR = Actor("test (1000)", "handover")


def shown(yizhan: Run, event_id: str) -> dict[str, Any]:
    """Return what ``outbox show --json`` says of an event of 寿宁."""
    found: dict[str, Any] = json.loads(yizhan("outbox", "show", event_id, "--county", SHOUNING, "--json").out)
    return found


def listed(yizhan: Run) -> tuple[str, dict[str, str]]:
    """Return the state of the only event of 寿宁 as ``outbox list`` tells it: in words, and by recipient."""
    words = ("outbox", "list", "--county", SHOUNING)
    (row,) = json.loads(yizhan(*words, "--json").out)["events"]
    return yizhan(*words).out.splitlines()[2].split()[-1], row["progress"]


def test_an_own_event_is_shown_whole_and_how_far_it_came(yizhan: Run, home: Path, station: Station) -> None:
    """Step by step: queued, received by the station, delivered and opened, acknowledged by name; each with its time."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)

    def step() -> tuple[str, set[str]]:
        (to,) = shown(yizhan, fire)["recipients"]
        steps = ("sealed", "sent", "received", "delivered", "opened", "acknowledged")
        return to["state"], {name for name in steps if to[name] is not None}

    assert step() == ("queued", {"sealed"})
    station.carry(SHOUNING)
    station.answer(SHOUNING)
    assert step() == ("received", {"sealed", "received"})
    station.deliver(QINGYUAN)
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    assert step() == ("opened", {"sealed", "received", "delivered", "opened"})
    assert listed(yizhan) == ("已进收件箱", {QINGYUAN: "opened"})
    named = ("--name", "李四", "--badge", "654321", "--note", "已派员")
    yizhan("inbox", "ack", fire, "--county", QINGYUAN, *named)
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    assert step()[0] == "acknowledged"
    assert listed(yizhan) == ("已签收", {QINGYUAN: "acknowledged"})
    found = shown(yizhan, fire)
    assert found["payload"] == FIRE["payload"] | found["payload"]
    assert (found["header"]["id"], found["event"]["state"]) == (fire, "accepted")
    page = yizhan("outbox", "show", fire, "--county", SHOUNING).out
    for said in (FIRE["payload"]["summary"], "森林火灾", "331126 庆元县", "已签收 李四（654321）", "已派员"):
        assert said in page
    log = (home / "counties" / SHOUNING / "access.jsonl").read_text("utf-8")
    assert "outbox show" in log


def test_what_was_not_sent_is_named(yizhan: Run, home: Path) -> None:
    """An id that is not in the outbox is refused with exit status 1, and the list of events is named."""
    ran = yizhan("outbox", "show", f"{QINGYUAN}-2026abcd-1", "--county", SHOUNING)
    assert ran.code == 1
    assert f"请运行 yizhan outbox list --county {SHOUNING}" in ran.err


def test_the_next_officer_is_told_what_stands_open(yizhan: Run, home: Path, fires: list[str]) -> None:
    """Two alarms ring, one is acknowledged and goes on, one event did not arrive, one draft waits; nothing is lost."""
    app, now = Home(home), utc_now()
    begin_draft(app, QINGYUAN, NewDraft("yizhan.incident.forest_fire.v1"))
    place = {"place": {"county": QINGYUAN}}
    with open_outbox(app, QINGYUAN, NoPassphrase()) as outbox:
        own = outbox.publish(parse_draft(FIRE | {"touches": [SHOUNING], "payload": FIRE["payload"] | place})).id
    found = hand_over(app, QINGYUAN, ACTOR, now)
    assert [item.id for item in found.ringing] == fires[1:3]
    assert [each.latest.id for each in found.open_alarms] == fires[:1]
    assert [posting.id for posting in found.undelivered] == [own]
    assert [draft.n for draft in found.drafts] == [1]
    assert {"process_down", "no_bell"} <= {problem.code for problem in found.problems}
    ran = yizhan("handover", "--county", "庆元")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("交接班：331126 庆元县，")
    assert lines[1].startswith("！！有程序没有运行")
    heads = [line for line in lines[2:] if not line.startswith("   ")]
    assert [head.partition("：")[2] for head in heads] == [
        "2 件", "1 件", "没有", "没有", "没有", "没有", "1 件", "3 件", "3 件", "1 件",
        f"{len(found.problems)} 件", "1 件",
    ]  # fmt: skip
    said = json.loads(yizhan("handover", "--county", QINGYUAN, "--json").out)
    assert [item["id"] for item in said["ringing"]] == fires[1:3]
    assert said["lines"][1:] == lines[1:]
    with speaking("en"):
        assert next(iter(handover_lines(app, found))).startswith("Handover: 331126 Qingyuan")
    log = (home / "counties" / QINGYUAN / "access.jsonl").read_text("utf-8")
    assert json.loads(log.splitlines()[-1])["what"] == [*fires[1:3], fires[0]]


@pytest.mark.parametrize("final", ["final", ""])
def test_an_alarm_that_is_over_is_not_handed_over(yizhan: Run, home: Path, station: Station, final: str) -> None:
    """After the final report, or some days later, an acknowledged alarm is no matter of the next shift."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    over = {key: value for key, value in FIRE.items() if key != "external_ref"} | {"stage": "final", "subject": fire}
    officers = {each: {"name": "李四", "badge": "654321"} for each in ("reviewed_by", "signed_off_by")}
    for part in (None, over) if final else (None,):
        if part is not None:
            publish(
                yizhan,
                SHOUNING,
                part | {"payload": FIRE["payload"] | officers | {"state": "明火扑灭", "summary": "明火已扑灭"}},
            )
        station.carry(SHOUNING)
        station.deliver(QINGYUAN)
    for item in hand_over(Home(home), QINGYUAN, ACTOR, utc_now()).ringing:
        yizhan("inbox", "ack", item.id, "--county", QINGYUAN, "--name", "李四", "--badge", "654321")
    later = utc_now() + (timedelta() if final else OPEN_FOR)
    found = hand_over(Home(home), QINGYUAN, ACTOR, later)
    assert (found.ringing_count, found.open_alarms) == (0, ())


@pytest.mark.parametrize("how", ["withdraws", "supersedes"])
def test_a_fire_whose_final_report_was_taken_back_is_handed_over(
    yizhan: Run, home: Path, station: Station, how: str
) -> None:
    """It burns: its final report was wrong, and was withdrawn or corrected to one that goes on."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    report = {key: value for key, value in FIRE.items() if key != "external_ref"} | {"subject": fire}
    officers = {each: {"name": "李四", "badge": "654321"} for each in ("reviewed_by", "signed_off_by")}
    content = (
        {key: value for key, value in FIRE["payload"].items() if key != "external_ref"} | officers | {"state": "看守"}
    )
    (final,) = publish(yizhan, SHOUNING, report | {"stage": "final", "payload": content})
    stage = {"withdraws": "final", "supersedes": "update"}[how]
    publish(yizhan, SHOUNING, report | {"stage": stage, how: {"id": final}, "payload": content})
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    for item in hand_over(Home(home), QINGYUAN, ACTOR, utc_now()).ringing:
        yizhan("inbox", "ack", item.id, "--county", QINGYUAN, "--name", "李四", "--badge", "654321")
    found = hand_over(Home(home), QINGYUAN, ACTOR, utc_now())
    assert (found.ringing_count, [each.alarm.thread for each in found.open_alarms]) == (0, [fire])


def test_an_urgent_letter_that_has_not_arrived_is_handed_over(yizhan: Run, home: Path, station: Station) -> None:
    """Until the other county's inbox has confirmed it, whoever sent it must not believe that help is on its way."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    exchange(station)
    yizhan(
        "reply",
        fire,
        "火已逼近省界",
        "--priority",
        "flash",
        "--county",
        QINGYUAN,
        "--name",
        "李四",
        "--badge",
        "654321",
    )
    station.carry(QINGYUAN)
    (waiting,) = hand_over(Home(home), QINGYUAN, ACTOR, utc_now()).undelivered
    assert waiting.recipient == SHOUNING
    exchange(station)
    exchange(station)
    assert hand_over(Home(home), QINGYUAN, ACTOR, utc_now()).undelivered == ()


def test_a_letter_is_handed_over_until_it_is_answered_and_an_own_fire_until_its_final_report(
    yizhan: Run, home: Path, station: Station
) -> None:
    """寿宁 reported a fire; 庆元 asks whether it burns. An answer ends the one, a final report the other."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    exchange(station)
    yizhan("reply", fire, "火还在烧吗？", "--county", QINGYUAN, "--name", "李四", "--badge", "654321")
    exchange(station)
    (letter,) = hand_over(Home(home), SHOUNING, ACTOR, utc_now()).letters
    shown = yizhan("handover", "--county", SHOUNING)
    page = shown.out.partition("来信，还没有答复的：1 件")[2]
    assert "火还在烧吗？" in page, shown.err
    assert fire in page.partition("本县报出、还没有结束的：1 件")[2].splitlines()[1]
    log = (home / "counties" / SHOUNING / "access.jsonl").read_text("utf-8")
    assert letter.id in json.loads(log.splitlines()[-1])["what"]
    said = json.loads(yizhan("handover", "--county", SHOUNING, "--json").out)
    assert ([each["id"] for each in said["letters"]], [each["event"]["id"] for each in said["own_open"]]) == (
        [letter.id], [fire]
    )  # fmt: skip
    yizhan("reply", letter.id, "还在烧", "--county", SHOUNING, "--name", "张三", "--badge", "123456")
    officers = {each: {"name": "李四", "badge": "654321"} for each in ("reviewed_by", "signed_off_by")}
    content = (
        {key: value for key, value in FIRE["payload"].items() if key != "external_ref"} | officers | {"state": "看守"}
    )
    over = {key: value for key, value in FIRE.items() if key != "external_ref"} | {"stage": "final", "subject": fire}
    (final,) = publish(yizhan, SHOUNING, over | {"payload": content})
    found = hand_over(Home(home), SHOUNING, ACTOR, utc_now())
    assert (found.letters, found.own_open) == ((), ())
    publish(yizhan, SHOUNING, over | {"withdraws": {"id": final}, "payload": content})
    (own,) = hand_over(Home(home), SHOUNING, ACTOR, utc_now()).own_open
    assert own.header.id == fire


def test_a_letter_that_was_taken_back_is_not_handed_over(yizhan: Run, home: Path, station: Station) -> None:
    """Neither the letter nor its withdrawal waits for an answer."""
    letter = {"type": NOTICE, "to": [SHOUNING], "payload": {"kind": "text", "text": "火还在烧吗？"}}
    (asked,) = publish(yizhan, QINGYUAN, letter)
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    assert [each.id for each in hand_over(Home(home), SHOUNING, ACTOR, utc_now()).letters] == [asked]
    publish(yizhan, QINGYUAN, letter | {"withdraws": {"id": asked}})
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    assert hand_over(Home(home), SHOUNING, ACTOR, utc_now()).letters == ()


def test_an_empty_county_hands_over_nothing(home: Path) -> None:
    """Where there is no store yet, each part of the handover says that there is nothing."""
    found = hand_over(Home(home), QINGYUAN, ACTOR, datetime.now(UTC))
    assert sum(line.endswith("：没有") for line in handover_lines(Home(home), found)) == 11


def test_what_a_sending_process_does_is_told_from_its_outbox(yizhan: Run, home: Path, station: Station) -> None:
    """What was done before is no news; then each event once in its new state, with what waits; then nothing."""
    app = Home(home)
    before = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.answer(SHOUNING)
    monitor = SendingMonitor(app, SHOUNING)
    (fire,) = publish(yizhan, SHOUNING, FIRE | {"external_ref": "接-2"})
    assert monitor.look() is None
    station.carry(SHOUNING)
    station.answer(SHOUNING)
    news = monitor.look()
    assert news is not None
    assert [(row.id, row.state) for row in news.events] == [(fire, "accepted")]
    (line,) = sending_lines(app, news)
    assert f"驿站已接收 森林火灾 {fire} → 331126 庆元县" in line
    assert before[0] not in line
    assert monitor.look() is None


def test_a_screen_that_failed_once_is_told_the_next_time(yizhan: Run, home: Path, station: Station) -> None:
    """What failed is logged, and each later news is told."""
    monitor, stop, told = SendingMonitor(Home(home), SHOUNING), StopSignal(), list[str]()

    def tell(news: SendingNews) -> None:
        told.extend(row.id for row in news.events)
        if len(told) == 1:
            raise OSError("the screen is gone")

    sent = list[str]()
    with monitor.telling(tell, stop):
        for count in (1, 2):
            sent += publish(yizhan, SHOUNING, FIRE | {"external_ref": f"接-{count}"})
            station.carry(SHOUNING)
            station.answer(SHOUNING)
            until(lambda: told[-1:] == sent[-1:])  # noqa: B023 -- ends within the round
        stop.set()
    assert told == sent


def test_a_sending_that_fails_waits_for_whoever_looks(home: Path) -> None:
    """When sending fails, the thread that shows the news has ended before the error is raised."""
    stop, message = StopSignal(), "the disk is full"
    with pytest.raises(OSError, match=message), contextlib.ExitStack() as sending:  # noqa: PT012 -- in its block
        sending.enter_context(SendingMonitor(Home(home), SHOUNING).telling(print, stop))
        stop.set()
        raise OSError(message)
    assert "outbox-monitor" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.exhaustive
def test_a_person_at_the_terminal_sees_that_it_sends(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``outbox run`` says whose outbox it sends; Ctrl-C ends it with 130, also where no broker answers."""
    monkeypatch.setenv("YIZHAN_KAFKA_SECURITY", "plaintext")
    monkeypatch.setenv("YIZHAN_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    program = ["-m", "yizhan.cli", "--home", str(home), "outbox", "run", "--county", "寿宁"]
    with pexpect.spawn(sys.executable, program, encoding="utf-8", timeout=LIMIT_SECONDS) as child:
        child.expect("正在送出 350924 寿宁县 的发件箱")
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 130
