"""Joint matters as two counties' officers work on them: the same story on both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY

from tests.schemas.payloads.examples import CONSULTATION, DISPUTE, PATROL, PLAN, REQUEST, RESPONSE
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.services.receiving import open_receiver

ALL_THREE = {name: {"name": "张三", "badge": "123456"} for name in ("drafted_by", "reviewed_by", "signed_off_by")}


def hash_of(yizhan: Run, county: str, event_id: str) -> str:
    """Look an event's hash up where it came in."""
    return str(json.loads(yizhan("inbox", "show", event_id, "--county", county, "--json").out)["hash"])


def exchange(station: Station) -> None:
    """Carry both counties' events over, and their receipts back."""
    for _time in range(2):
        for sender, recipient in ((SHOUNING, QINGYUAN), (QINGYUAN, SHOUNING)):
            station.carry(sender)
            station.deliver(recipient)


def report(kind: str, payload: dict[str, Any], **attributes: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any attribute
    """Write a draft without a number of its own."""
    content = {name: value for name, value in payload.items() if name != "external_ref"}
    return {"type": f"yizhan.{kind}.v1", "payload": content, **attributes}


def standings(yizhan: Run, county: str, event_id: str) -> list[tuple[str, str]]:
    """Return (how far, county) of a matter's joint work."""
    ran = yizhan("story", event_id, "--county", county, "--json")
    assert ran.code == 0, ran.err
    return [(each["stand"], each["county"]) for each in json.loads(ran.out)["standings"]]


def test_a_fire_from_its_first_report_to_its_end_is_one_story_on_both_sides(station: Station, yizhan: Run) -> None:
    """First report, receipt, reply, update, correction, final: by whichever id one asks, in the order of time."""
    (first,) = publish(yizhan, SHOUNING, FIRE)
    exchange(station)
    yizhan("inbox", "ack", first, "--county", QINGYUAN, "--name", "李四", "--badge", "654321", "--note", "已派员")
    word = {"kind": "text", "text": "我方已设防火线"}
    reply = {
        "type": "yizhan.notice.v1",
        "payload": word,
        "reply_to": {"id": first, "hash": hash_of(yizhan, QINGYUAN, first)},
    }
    (answer,) = publish(yizhan, QINGYUAN, reply)
    later = FIRE | {"external_ref": None, "payload": FIRE["payload"] | ALL_THREE, "subject": first}
    later = {name: value for name, value in later.items() if value is not None}
    (update,) = publish(yizhan, SHOUNING, later | {"stage": "update"})
    (correction,) = publish(yizhan, SHOUNING, later | {"stage": "update", "supersedes": {"id": update}})
    over = later["payload"] | {"state": "看守"}
    (final,) = publish(yizhan, SHOUNING, later | {"stage": "final", "payload": over})
    exchange(station)
    told = {}
    for county, start in ((SHOUNING, correction), (QINGYUAN, answer)):
        said = json.loads(yizhan("story", start, "--county", county, "--json").out)
        assert said["threads"] == [first]
        told[county] = [(each["id"], each["part"], each["source"]) for each in said["events"]]
        (words,) = [each["words"] for each in said["events"] if each["words"]]
        assert [(each["county"], each["stage"], each["name"]) for each in words] == [(QINGYUAN, "acknowledged", "李四")]
    assert told[SHOUNING] == told[QINGYUAN]
    assert told[SHOUNING] == [
        (first, "first", SHOUNING),
        (answer, "reply", QINGYUAN),
        (update, "update", SHOUNING),
        (correction, "correction", SHOUNING),
        (final, "final", SHOUNING),
    ]
    shown = yizhan("story", first, "--county", QINGYUAN).out
    order = [shown.index(each) for each in ("首报", "已签收", "我方已设防火线", "续报", "更正", "终报")]
    assert order == sorted(order)
    assert "距界约800米起火（张三（123456））" in shown


def test_two_reports_of_one_fire_are_linked_and_keep_their_authors(station: Station, yizhan: Run) -> None:
    """Either side links; from then on both threads are one story with two authors, on both sides."""
    other = FIRE | {"touches": [SHOUNING], "external_ref": "接-9"}
    other["payload"] = FIRE["payload"] | {
        "place": {"county": QINGYUAN},
        "drafted_by": {"name": "李四", "badge": "654321"},
    }
    (ours,) = publish(yizhan, SHOUNING, FIRE)
    (theirs,) = publish(yizhan, QINGYUAN, other)
    exchange(station)
    assert json.loads(yizhan("story", ours, "--county", QINGYUAN, "--json").out)["threads"] == [ours]
    linked = yizhan("link", theirs, ours, "--county", QINGYUAN)
    assert linked.code == 0, linked.err
    again = yizhan("link", theirs, ours, "--county", QINGYUAN)
    assert "没有再发" in again.out
    exchange(station)
    for county in (SHOUNING, QINGYUAN):
        said = json.loads(yizhan("story", theirs, "--county", county, "--json").out)
        assert set(said["threads"]) == {ours, theirs}
        assert [each["part"] for each in said["events"]] == ["first", "first", "link"]
        assert {each["source"] for each in said["events"]} == {SHOUNING, QINGYUAN}
        shown = yizhan("story", ours, "--county", county).out
        assert "张三（123456）" in shown
        assert "李四（654321）" in shown
        assert "并案：" in shown


def test_only_ones_own_report_is_linked_with_another_that_came(station: Station, yizhan: Run) -> None:
    """``link`` accepts only an own report and another report that was received, and says what to do with others."""
    ours, second = publish(yizhan, SHOUNING, FIRE, FIRE | {"external_ref": "接-2"})
    theirs_words = FIRE | {"touches": [SHOUNING], "external_ref": "接-9"}
    theirs_words["payload"] = FIRE["payload"] | {"place": {"county": QINGYUAN}}
    (theirs,) = publish(yizhan, QINGYUAN, theirs_words)
    exchange(station)
    assert "不是本县发出的" in yizhan("link", ours, ours, "--county", QINGYUAN).err
    assert f"yizhan link {theirs} {ours}" in yizhan("link", ours, theirs, "--county", QINGYUAN).err
    assert "两件都是对方的" in yizhan("link", ours, second, "--county", QINGYUAN).err
    twice = yizhan("link", ours, second, "--county", SHOUNING).err
    assert "两件都是本县报出的" in twice
    assert f"yizhan new forest_fire --county {SHOUNING} --withdraws {second}" in twice
    assert f"收件箱里没有 {ours}9" in yizhan("link", ours, ours + "9", "--county", SHOUNING).err
    assert yizhan("story", ours + "9", "--county", SHOUNING).code == 1


def test_a_joint_patrol_is_countersigned_then_reported_by_both(station: Station, yizhan: Run) -> None:
    """After each step both sides are told the same: who still owes what."""
    (plan,) = publish(yizhan, SHOUNING, report("patrol.plan", PLAN, to=[QINGYUAN]))
    exchange(station)
    assert standings(yizhan, SHOUNING, plan) == [("awaits_countersign", QINGYUAN)]
    back = {"id": plan, "hash": hash_of(yizhan, QINGYUAN, plan)}
    publish(yizhan, QINGYUAN, report("patrol.plan", PLAN, to=[SHOUNING], reply_to=back))
    exchange(station)
    signed = ("countersigned", QINGYUAN)
    waiting = [signed, ("awaits_report", SHOUNING), ("awaits_report", QINGYUAN)]
    assert standings(yizhan, SHOUNING, plan) == standings(yizhan, QINGYUAN, plan) == waiting
    answer = {"id": plan, "hash": hash_of(yizhan, QINGYUAN, plan)}
    publish(yizhan, QINGYUAN, report("patrol.report", PATROL, to=[SHOUNING], reply_to=answer))
    publish(yizhan, SHOUNING, report("patrol.report", PATROL, to=[QINGYUAN], reply_to={"id": plan}))
    exchange(station)
    done = [signed, ("reported", SHOUNING), ("reported", QINGYUAN)]
    assert standings(yizhan, SHOUNING, plan) == standings(yizhan, QINGYUAN, plan) == done
    shown = yizhan("story", plan, "--county", SHOUNING).out
    assert "331126 庆元县 已会签巡护计划" in shown
    assert "331126 庆元县 已报巡护结果" in shown


def test_a_request_is_answered_by_a_final_word_only(station: Station, yizhan: Run) -> None:
    """An answer that names missing papers is an interim answer; the request stays open."""
    (request,) = publish(yizhan, SHOUNING, report("assistance.request", REQUEST, to=[QINGYUAN], stage="first"))
    exchange(station)
    to = {"to": [SHOUNING], "reply_to": {"id": request, "hash": hash_of(yizhan, QINGYUAN, request)}}
    papers = {name: value for name, value in RESPONSE.items() if name not in {"answers", "documents"}}
    papers |= {"outcome": "手续不完备", "missing": ["立案决定书"]}
    publish(yizhan, QINGYUAN, report("assistance.response", papers, stage="update", **to))
    exchange(station)
    assert standings(yizhan, SHOUNING, request) == [("awaits_answer", QINGYUAN)]
    publish(yizhan, QINGYUAN, report("assistance.response", RESPONSE, stage="final", **to))
    exchange(station)
    assert standings(yizhan, SHOUNING, request) == [("answered", QINGYUAN)]


def test_a_dispute_goes_to_the_government_and_is_closed(station: Station, yizhan: Run) -> None:
    """Step by step along the table; a jump, or a step back, is refused before it is sealed."""
    found = DISPUTE | {"state": "发现"}
    (case,) = publish(yizhan, SHOUNING, report("dispute.case", found, to=[QINGYUAN], stage="first"))
    for state in ("先期处置", "移交政府", "调解中", "达成协议"):
        step = report("dispute.case", DISPUTE | {"state": state}, to=[QINGYUAN], stage="update", subject=case)
        publish(yizhan, SHOUNING, step)
    back = report("dispute.case", DISPUTE | {"state": "发现"}, to=[QINGYUAN], stage="update", subject=case)
    refused = yizhan("publish", "-", "--county", SHOUNING, given=json.dumps(back).encode())
    assert refused.code == 1
    assert "达成协议" in refused.err
    assert "办结" in refused.err
    closed = report("dispute.case", DISPUTE | {"state": "办结"}, to=[QINGYUAN], stage="final", subject=case)
    publish(yizhan, SHOUNING, closed)
    exchange(station)
    shown = yizhan("story", case, "--county", SHOUNING).out
    assert "争议现在：办结" in shown


def test_a_consultation_is_called_and_minuted_and_its_decisions_are_listed(station: Station, yizhan: Run) -> None:
    """Called first, minuted in the same thread; each decision with who and by when."""
    called = {name: value for name, value in CONSULTATION.items() if name not in {"minutes", "decisions"}}
    (call,) = publish(yizhan, SHOUNING, report("liaison.consultation", called, to=[QINGYUAN], stage="first"))
    minuted = report("liaison.consultation", CONSULTATION, to=[QINGYUAN], stage="final", subject=call)
    publish(yizhan, SHOUNING, minuted)
    exchange(station)
    assert standings(yizhan, QINGYUAN, call) == [("decision", QINGYUAN), ("decision", SHOUNING)]
    assert "议定：联合清山一次；331126 庆元县 负责，2027-03-31 前" in yizhan("story", call, "--county", QINGYUAN).out


def test_a_decision_is_owed_until_who_owes_it_says_that_it_is_done(station: Station, yizhan: Run) -> None:
    """Listed by ``due`` on both sides, late where it is late; by nobody else, and once; withdrawn, it is back."""
    decisions = [CONSULTATION["decisions"][0] | {"due": "2026-01-31"}, CONSULTATION["decisions"][1]]
    minuted = report("liaison.consultation", CONSULTATION | {"decisions": decisions}, to=[QINGYUAN], stage="final")
    (minutes,) = publish(yizhan, SHOUNING, minuted)
    exchange(station)

    def owed(county: str) -> list[tuple[Any, ...]]:
        found = json.loads(yizhan("due", county, "--json").out)["obligations"]
        keys = ("what", "mine", "overdue", "due")
        return [tuple(each[key] for key in keys) for each in found if each["rule"] == "decision"]

    first = ("联合清山一次（森林警察大队）", True, True, "2026-01-31T16:00:00.000Z")
    second = ("交换护林员名册", False, False, "2027-01-31T16:00:00.000Z")
    assert owed(QINGYUAN) == [first, second]
    assert [each[1] for each in owed(SHOUNING)] == [False, True]
    assert f"yizhan done {minutes} 1 --county {QINGYUAN}" in yizhan("due", QINGYUAN).out
    for number, said in ((2, "由 350924 寿宁县 负责"), (3, "没有第 3 项")):
        ran = yizhan("done", minutes, str(number), "--county", QINGYUAN)
        assert (ran.code, said in ran.err) == (1, True), ran.err
    with open_receiver(station.app, QINGYUAN, TerminalPassphrase(), station.app.reader_of(QINGYUAN)) as receiver:
        receiver.inbox.measure()
        labels = {"rule": "decision", "side": "ours"}
        assert REGISTRY.get_sample_value("yizhan_inbox_obligations_overdue", labels) == 1.0
    named = ("--name", "李四", "--badge", "654321")
    done = json.loads(yizhan("done", minutes, "1", *named, "--county", QINGYUAN, "--json").out)["id"]
    exchange(station)
    assert owed(QINGYUAN) == [second]
    assert [each[0] for each in owed(SHOUNING)] == ["交换护林员名册"]
    assert "庆元县 已办结" in yizhan("story", minutes, "--county", SHOUNING).out
    assert "没有再发" in yizhan("done", minutes, "1", "--county", QINGYUAN).err
    word = {"type": "yizhan.notice.v1", "payload": {"kind": "text", "text": "报错了"}, "withdraws": {"id": done}}
    publish(yizhan, QINGYUAN, word)
    exchange(station)
    assert owed(QINGYUAN) == [first, second]
    assert len(owed(SHOUNING)) == 2


def test_whoever_reads_decisions_is_in_the_access_log(station: Station, yizhan: Run, home: Path) -> None:
    """The words of a decision come from sealed minutes: ``due`` and ``done`` write down who read which."""
    minuted = report("liaison.consultation", CONSULTATION, to=[QINGYUAN], stage="final")
    (minutes,) = publish(yizhan, SHOUNING, minuted)
    exchange(station)
    assert yizhan("due", QINGYUAN).code == 0
    assert yizhan("done", minutes, "1", "--county", QINGYUAN).code == 0
    lines = (home / "counties" / QINGYUAN / "access.jsonl").read_text("utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    assert [(each["command"], each["how"], each["what"]) for each in entries] == [
        ("due", "listed", [minutes]), ("done", "opened", [minutes]),
    ]  # fmt: skip
