"""An auditor with the log, the counties' books and the charter finds what is wrong, and nothing else."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.station import FIRE, QINGYUAN, SHOUNING, Station, delete_event, delete_item, publish
from yizhan.cli.inboxes import inbox_path
from yizhan.cli.outboxes import looking, outbox_path

INTELLIGENCE: dict[str, Any] = {
    "type": "yizhan.intelligence.report.v1",
    "touches": [QINGYUAN],
    "external_ref": "情-1",
    "payload": {
        "org_code": "350924000000",
        "drafted_by": {"name": "张三", "badge": "123456"},
        "reviewed_by": {"name": "王五", "badge": "1"},
        "signed_off_by": {"name": "王五", "badge": "1"},
        "contact": {"name": "张三", "phone": "13800000000"},
        "classification": "内部",
        "place": {"county": SHOUNING},
        "ask": ["核查"],
        "title": "线索一则",
        "kind": "线索",
        "origin": "巡查",
        "handling": "可核查",
        "summary": "盗伐线索",
    },
}


@pytest.fixture
def station(home: Path) -> Station:
    """Return a station between the two."""
    return Station(home)


@pytest.fixture
def fires(station: Station, yizhan: Run) -> list[str]:
    """Send three fires; the first is acknowledged, a routine report waits for its quarter, all is in the log."""
    later = [{**FIRE, "external_ref": f"接-{n}"} for n in (2, 3)]
    ids = publish(yizhan, SHOUNING, FIRE, *later, INTELLIGENCE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    yizhan("inbox", "ack", ids[0], "--county", QINGYUAN, "--name", "李四", "--badge", "654321")
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    station.log()
    return ids


def reconciled(yizhan: Run, *more: str) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
    """Reconcile the pair; exit status, discrepancies, lanes."""
    ran = yizhan("audit", "reconcile", SHOUNING, QINGYUAN, "--json", *more)
    assert ran.out, ran.err
    found = json.loads(ran.out)["reconciliation"]
    return ran.code, found["discrepancies"], found["lanes"]


def test_two_honest_counties_agree(fires: list[str], yizhan: Run) -> None:
    """Nothing is amiss: what waits for its quarter is on its way, not lost."""
    code, odd, lanes = reconciled(yizhan)
    assert (code, odd) == (0, [])
    there = {lane["lane"]: lane for lane in lanes if lane["sender"] == SHOUNING}
    assert (there["prompt"]["sent"], there["prompt"]["logged"], there["prompt"]["came"]) == (3, 3, 3)
    assert (there["digest"]["sent"], there["digest"]["waiting"]) == (1, 1)
    told = yizhan("audit", "reconcile", SHOUNING, QINGYUAN).out
    assert "两县之间账实相符" in told
    assert "已定局" in told


def test_a_row_deleted_from_an_inbox_is_found_and_named(station: Station, fires: list[str], yizhan: Run) -> None:
    """The recipient confirmed it, so its own receipt speaks against it; the place in the log is named."""
    delete_item(inbox_path(station.app, QINGYUAN), fires[1])
    code, (odd,), _lanes = reconciled(yizhan)
    assert (code, odd["odd"], odd["id"], odd["lane"], odd["first"]) == (
        1,
        "deleted_by_recipient",
        fires[1],
        "prompt",
        2,
    )
    assert odd["place"] is not None
    told = yizhan("audit", "reconcile", SHOUNING, QINGYUAN).out
    assert "被删除" in told
    assert fires[1] in told


def test_a_row_deleted_from_an_outbox_is_found_and_named(station: Station, fires: list[str], yizhan: Run) -> None:
    """The recipient has it and the log too; the sender's book goes on without it."""
    delete_event(outbox_path(station.app, SHOUNING), fires[2])
    _code, (odd,), _lanes = reconciled(yizhan)
    assert (odd["odd"], odd["id"]) == ("deleted_by_sender", fires[2])


def test_what_never_came_is_told_from_what_was_deleted(station: Station, yizhan: Run) -> None:
    """Sent, logged, and neither confirmed nor remembered: it was lost on the way."""
    first, second = publish(yizhan, SHOUNING, FIRE, {**FIRE, "external_ref": "接-2"})
    station.carry(SHOUNING)
    station.topics[f"yizhan.alerts.{QINGYUAN}"].pop()
    station.deliver(QINGYUAN)
    station.log()
    _code, (odd,), _lanes = reconciled(yizhan)
    assert (odd["odd"], odd["id"], odd["first"]) == ("sent_not_received", second, 2)
    assert first != second


def test_a_letter_that_both_deny_is_in_the_log(station: Station, fires: list[str], yizhan: Run) -> None:
    """Even if sender and recipient delete it together, the log and the gap in the lane name it."""
    delete_event(outbox_path(station.app, SHOUNING), fires[1])
    delete_item(inbox_path(station.app, QINGYUAN), fires[1])
    _code, odd, _lanes = reconciled(yizhan)
    assert {each["odd"] for each in odd} == {"in_no_book", "gap"}
    assert [each["id"] for each in odd if each["odd"] == "in_no_book"] == [fires[1]]
    assert [(each["first"], each["last"]) for each in odd if each["odd"] == "gap"] == [(2, 2)]


def test_what_the_station_stamped_and_kept_out_of_the_log_is_found(station: Station, yizhan: Run) -> None:
    """A postmark that both hold and the log does not: the station's word is missing from the ledger."""
    publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    station.topics["yizhan.audit"].clear()
    (second,) = publish(yizhan, SHOUNING, {**FIRE, "external_ref": "接-2"})
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    station.log(minutes_later=5)
    _code, (odd,), _lanes = reconciled(yizhan)
    assert odd["odd"] == "not_in_log"
    assert odd["id"] != second


def test_a_changed_hash_is_found(station: Station, fires: list[str], yizhan: Run) -> None:
    """A book whose line has another hash than the log contradicts itself too: its counterfoil proves nothing."""
    with contextlib.closing(sqlite3.connect(inbox_path(station.app, QINGYUAN))) as conn, conn:
        conn.execute("UPDATE items SET hash = ? WHERE id = ?", (bytes(32), fires[0]))
    _code, odd, _lanes = reconciled(yizhan)
    assert {each["odd"] for each in odd} == {"hash_differs", "unproven"}
    assert {each["id"] for each in odd} == {fires[0]}


def test_an_auditor_needs_files_only(station: Station, fires: list[str], yizhan: Run, tmp_path: Path) -> None:
    """Exported log, four books and the charter: the same result on a machine without any store."""
    assert yizhan("audit", "export", "log", "--statements").code == 0
    books = []
    for county in (SHOUNING, QINGYUAN):
        for kind in ("outbox", "inbox"):
            assert yizhan(kind, "export", f"{county}-{kind}.jsonl", "--county", county).code == 0
            books += ["--book", f"{county}-{kind}.jsonl"]
    text = Path(f"{QINGYUAN}-inbox.jsonl").read_text("utf-8")
    for content in ("距界", "南阳镇", "13800000000", "张三", "李四", "654321"):
        assert content not in text
    charter = str(station.app.charter_folder)
    elsewhere = ("--home", str(tmp_path / "auditor"))
    ran = yizhan(*elsewhere, "audit", "reconcile", SHOUNING, QINGYUAN, "--log", "log", *books, "--charter", charter)
    assert ran.code == 0, ran.out + ran.err
    Path(f"{QINGYUAN}-inbox.jsonl").write_text("\n".join(text.splitlines()[:-3]) + "\n", "utf-8")
    cut = yizhan(*elsewhere, "audit", "reconcile", SHOUNING, QINGYUAN, "--log", "log", *books, "--charter", charter)
    assert cut.code == 1
    assert "cut" in cut.err
    one = yizhan(*elsewhere, "audit", "reconcile", SHOUNING, QINGYUAN, "--log", "log", *books[:2], "--charter", charter)
    assert one.code == 1


def test_a_log_that_was_changed_is_no_evidence(station: Station, fires: list[str], yizhan: Run) -> None:
    """A statement altered in an export stops the audit and is named."""
    assert yizhan("audit", "export", "log", "--statements").code == 0
    path = Path("log/statements/000.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
    ran = yizhan("audit", "reconcile", SHOUNING, QINGYUAN, "--log", "log")
    assert ran.code == 1
    assert "statements/000.jsonl" in ran.err


def test_one_events_whole_life(station: Station, fires: list[str], yizhan: Run) -> None:
    """Learnt, sent, stamped, decided by which rule, delivered, looked at, acknowledged by whom, in which digest."""
    yizhan("inbox", "show", fires[0], "--county", QINGYUAN)
    station.close(QINGYUAN, "2026Q4")
    station.log()
    ran = yizhan("audit", "explain", fires[0], "--proofs", "proofs", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    steps = {step["what"]: step for step in found["life"]["steps"]}
    assert list(steps) == [
        "learnt", "accepted", "received", "decided", "stored", "delivered", "acknowledged", "opened", "digested",
    ]  # fmt: skip
    assert steps["decided"]["said"] | {"because": 0} == {
        "way": "alarm", "rule": "fire", "because": 0, "charter": station.app.charter.name, "recomputed": True,
    }  # fmt: skip
    assert (steps["acknowledged"]["county"], steps["acknowledged"]["by"]) == (QINGYUAN, "李四（654321）")
    assert steps["digested"]["said"] == {"label": "2026Q4", "position": 0, "proven": True}
    assert {what for what, step in steps.items() if step["vouch"] == "logged"} == {
        "received", "decided", "delivered", "acknowledged", "digested",
    }  # fmt: skip
    files = sorted(Path("proofs").iterdir())
    assert len(files) == len(found["proven"]) == len(set(found["proven"]))
    for file in files:
        assert yizhan("ledger", "verify-proof", str(file)).code == 0
    told = yizhan("audit", "explain", fires[0]).out
    for words in ("联管", "复算相同", "李四（654321）", "列入季度通报", "位置都已按检查点证明"):
        assert words in told
    english = yizhan("--lang", "en", "audit", "explain", fires[0]).out
    assert "acknowledged" in english


def test_a_refused_events_life_ends_with_the_reason(station: Station, yizhan: Run) -> None:
    """The log has the refusal, found by the hash of the record."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    with looking(station.app, SHOUNING) as outbox:
        assert outbox is not None
        own = outbox.event(fire)
    assert own is not None
    station.take(QINGYUAN, own.envelope)
    station.log()
    steps = json.loads(yizhan("audit", "explain", fire, "--json").out)["life"]["steps"]
    assert (steps[-1]["what"], steps[-1]["said"]["reason"]) == ("refused", "wrong_topic")
    assert "发到了别县的主题" in yizhan("audit", "explain", fire).out


def test_an_event_that_nobody_knows_is_told(fires: list[str], yizhan: Run) -> None:
    """No life is made up."""
    ran = yizhan("audit", "explain", "350924-nobook1-1")
    assert ran.code == 1
    assert "350924-nobook1-1" in ran.err
