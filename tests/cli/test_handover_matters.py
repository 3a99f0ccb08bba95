"""What a handover says of matters: each alarm as itself, its newest report, letters about it, requests that wait."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.test_story import ALL_THREE, exchange, hash_of, report
from tests.schemas.payloads.examples import CONSULTATION, REQUEST, RESPONSE
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.runtime.clock import utc_now
from yizhan.schemas.header import NOTICE
from yizhan.services.actor import Actor
from yizhan.services.handover import Handover, hand_over
from yizhan.services.handover_text import handover_lines
from yizhan.services.home import Home

ACTOR = Actor("test (1000)", "handover")
LI = ("--name", "李四", "--badge", "654321")


def told(home: Path, county: str = QINGYUAN) -> tuple[Handover, dict[str, list[str]]]:
    """Return a handover, and its lines by the title of their part."""
    found = hand_over(Home(home), county, ACTOR, utc_now())
    parts = dict[str, list[str]]()
    for line in list(handover_lines(Home(home), found))[1:]:
        if line.startswith("   "):
            parts[next(reversed(parts))].append(line)
        else:
            parts[line.partition(". ")[2].partition("：")[0]] = []
    return found, parts


def reported(first: str, stage: str, state: str) -> dict[str, Any]:
    """Write another report of a fire."""
    rest = {name: value for name, value in FIRE.items() if name not in {"external_ref", "priority"}}
    return rest | {"stage": stage, "subject": first, "payload": FIRE["payload"] | ALL_THREE | {"state": state}}


def test_an_alarm_stays_itself_with_its_newest_report_and_the_letters_about_it(
    yizhan: Run, home: Path, station: Station
) -> None:
    """A letter and an update came: the fire is one entry, with both below it, and the letter stands nowhere else."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    exchange(station)
    yizhan("inbox", "ack", fire, "--county", QINGYUAN, *LI)
    (update,) = publish(yizhan, SHOUNING, reported(fire, "update", "明火扑灭"))
    yizhan("reply", fire, "请派一队到界碑处会合", "--county", SHOUNING, "--priority", "urgent", *LI)
    exchange(station)
    found, parts = told(home)
    (alarm,) = found.open_alarms
    assert (alarm.alarm.id, alarm.latest.id, [each.type for each in alarm.letters]) == (fire, update, [NOTICE])
    first, newest, letter = parts["已签收、还没有结束的报警"]
    assert ("森林火灾" in first, "首报 燃烧" in first, fire in first) == (True, True, True)
    assert newest.lstrip().startswith("最近的报告：")
    assert "续报 1 明火扑灭" in newest
    assert letter.lstrip().startswith("来信，还没有答复：")
    assert "请派一队到界碑处会合" in letter
    assert parts["24 小时内的来信，还没有答复的（列在上面报警下的 1 件除外）"] == []


def test_who_sends_an_urgent_update_reads_that_the_bell_waits(yizhan: Run, station: Station) -> None:
    """Urgent or flash: it is no alarm, and waits for the end of the quiet hours; a routine one says nothing of it."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    exchange(station)
    for priority, waits in (("urgent", True), ("routine", False)):
        draft = json.dumps(reported(fire, "update", "控制") | {"priority": priority}).encode()
        assert ("静默时段过后才响" in yizhan("publish", "-", "--county", SHOUNING, given=draft).out) is waits


def test_a_fire_that_nobody_acknowledged_says_that_its_final_report_is_here(
    yizhan: Run, home: Path, station: Station
) -> None:
    """An alarm that nobody acknowledged still waits for an officer, who is told that the final report is here."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    exchange(station)
    (final,) = publish(yizhan, SHOUNING, reported(fire, "final", "看守"))
    exchange(station)
    found, parts = told(home)
    assert ([each.id for each in found.ringing], found.reports[fire].id) == ([fire], final)
    first, ended = parts["还没有人签收的报警"]
    assert fire in first
    assert ended.lstrip().startswith("终报已到：")
    assert "终报 看守" in ended


def test_a_final_report_written_as_an_answer_to_the_first_one_ends_the_fire(
    yizhan: Run, home: Path, station: Station
) -> None:
    """The sample's own final report is written so; both sides' handovers know that it is over."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    exchange(station)
    yizhan("inbox", "ack", fire, "--county", QINGYUAN, *LI)
    answer = {"reply_to": {"id": fire, "hash": hash_of(yizhan, QINGYUAN, fire)}}
    publish(yizhan, SHOUNING, reported(fire, "final", "看守") | answer)
    exchange(station)
    assert (told(home)[0].open_alarms, told(home, SHOUNING)[0].own_open) == ((), ())


def test_an_answer_of_another_type_ends_no_alarm(yizhan: Run, home: Path, station: Station) -> None:
    """Only the county that raised it reports that it is over, in a report of its own type."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    exchange(station)
    yizhan("inbox", "ack", fire, "--county", QINGYUAN, *LI)
    done = report("assistance.response", RESPONSE, stage="final", subject=fire, reply_to={"id": fire}, to=[QINGYUAN])
    publish(yizhan, SHOUNING, done)
    exchange(station)
    (alarm,) = told(home)[0].open_alarms
    assert alarm.latest.id == fire


def test_requests_wait_in_both_handovers_until_their_final_answer(yizhan: Run, home: Path, station: Station) -> None:
    """The urgent one is first though it came last; an interim answer ends nothing, a final one both entries."""
    routine, urgent = publish(
        yizhan, SHOUNING,
        report("assistance.request", REQUEST, to=[QINGYUAN]),
        report("assistance.request", REQUEST, to=[QINGYUAN], priority="urgent"),
    )  # fmt: skip
    exchange(station)
    ours, parts = told(home)
    assert [each.id for each in ours.requests] == [urgent, routine]
    assert "办案协作请求 加急" in parts["等本县答复的协作请求"][0]
    theirs, parts = told(home, SHOUNING)
    assert [each.header.id for each in theirs.own_requests] == [urgent, routine]
    assert [urgent in parts["等对方答复的协作请求"][0], ours.own_requests, theirs.requests] == [True, (), ()]
    answers = {"reply_to": {"id": urgent, "hash": hash_of(yizhan, QINGYUAN, urgent)}, "to": [SHOUNING]}
    publish(
        yizhan, QINGYUAN, report("assistance.response", RESPONSE | {"outcome": "办理中"}, stage="update", **answers)
    )
    exchange(station)
    assert [len(told(home)[0].requests), len(told(home, SHOUNING)[0].own_requests)] == [2, 2]
    publish(yizhan, QINGYUAN, report("assistance.response", RESPONSE, stage="final", **answers))
    exchange(station)
    assert [each.id for each in told(home)[0].requests] == [routine]
    found, parts = told(home, SHOUNING)
    assert [each.header.id for each in found.own_requests] == [routine]
    interim, final = parts["24 小时内的协作答复，还没有签收的"]
    assert ("续报" in interim, "终报" in final) == (True, True)
    yizhan("inbox", "ack", found.answers[1].id, "--county", SHOUNING, *LI)
    assert [each.id for each in told(home, SHOUNING)[0].answers] == [found.answers[0].id]


def test_a_word_that_something_is_done_waits_for_no_answer(yizhan: Run, home: Path, station: Station) -> None:
    """Notices that something is done, or that two matters are one, wait for no answer; a question does."""
    (minutes,) = publish(yizhan, SHOUNING, report("liaison.consultation", CONSULTATION, to=[QINGYUAN], stage="final"))
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    (same,) = publish(yizhan, QINGYUAN, FIRE | {"touches": [SHOUNING]})
    exchange(station)
    assert yizhan("done", minutes, "1", "--county", QINGYUAN, *LI).code == 0
    assert yizhan("link", same, fire, "--county", QINGYUAN, *LI).code == 0
    yizhan("reply", minutes, "何时再开会？", "--county", QINGYUAN, *LI)
    exchange(station)
    (question,) = told(home, SHOUNING)[0].letters
    assert question.contents is not None
    assert question.contents.raw["text"] == "何时再开会？"
