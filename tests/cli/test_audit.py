"""An auditor with the log, the counties' books and the charter finds what is wrong, and nothing else."""

from __future__ import annotations

import contextlib
import json
import random
import re
import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.station import FIRE, QINGYUAN, SHOUNING, Station, delete_event, delete_item, publish
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.ledger.audit.books import read_book
from yizhan.ledger.audit.findings import Finding, FindingKind, find
from yizhan.ledger.audit.pages import as_csv, as_html
from yizhan.ledger.audit.report import report
from yizhan.ledger.errors import BookInvalid
from yizhan.schemas.charter import AdoptedCharters
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import ReceiptRef
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import Decided, Origin, Postmark
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.timestamps import written
from yizhan.services.access_log import access_log_path
from yizhan.services.books import gather
from yizhan.services.stores import inbox_path, open_outbox, outbox_path, read_outbox

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
    delete_event(outbox_path(station.app, SHOUNING), fires[3])
    tail = [each["id"] for each in reconciled(yizhan)[1] if each["odd"] == "received_not_sent"]
    assert tail == [fires[2]]


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


def test_a_number_that_an_inbox_remembers_speaks_against_it(station: Station, yizhan: Run) -> None:
    """Before any receipt left, the inbox had counted the letter: that is enough to tell deleted from lost."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    station.log()
    delete_item(inbox_path(station.app, QINGYUAN), fire)
    yizhan("outbox", "export", "out.jsonl", "--county", SHOUNING)
    yizhan("inbox", "export", "in.jsonl", "--county", QINGYUAN)
    _code, (odd,), _lanes = reconciled(yizhan, "--book", "out.jsonl", "--book", "in.jsonl")
    assert (odd["odd"], odd["detail"]) == ("deleted_by_recipient", "prompt 1")


def test_what_stays_out_of_a_closed_digest_is_missed(station: Station, fires: list[str], yizhan: Run) -> None:
    """Once the log has the manifest of its quarter a routine report is not on its way any more."""
    pending = station.topics[f"yizhan.pending.{QINGYUAN}"]
    kept = [each for each in pending if not each[0].value]
    assert len(kept) < len(pending)
    station.topics[f"yizhan.pending.{QINGYUAN}"] = kept
    station.close(QINGYUAN, "2026Q4")
    station.log()
    _code, (odd,), _lanes = reconciled(yizhan)
    assert (odd["odd"], odd["id"], odd["lane"]) == ("sent_not_received", fires[3], "digest")


def test_a_book_that_was_tampered_with_is_refused_or_proves_nothing(
    station: Station, fires: list[str], yizhan: Run
) -> None:
    """Whatever byte is changed: no book, or a letter that is named as unproven, or a county's own word."""
    yizhan("outbox", "export", "out.jsonl", "--county", SHOUNING)
    whole = Path("out.jsonl").read_bytes()
    charters = station.app.charters
    honest = read_book(whole.splitlines(keepends=True), charters)
    assert all(letter.problem is None for letter in honest.letters.values())
    generator = random.Random(7)
    for _round in range(150):
        changed = bytearray(whole)
        changed[generator.randrange(len(whole))] ^= 1 << generator.randrange(8)
        try:
            book = read_book(bytes(changed).splitlines(keepends=True), charters)
        except BookInvalid:
            continue
        for id, letter in book.letters.items():
            if letter.header is not None:
                assert id in honest.letters
                assert letter.header == honest.letters[id].header
    lines = whole.splitlines(keepends=True)
    for wrong in (lines[:-1], [*lines[:2], lines[1], *lines[2:]], lines[1:], [*lines, lines[-1]], []):
        with pytest.raises(BookInvalid):
            read_book(wrong, charters)
    foreign = [line.replace(f'"county":"{SHOUNING}"'.encode(), f'"county":"{QINGYUAN}"'.encode()) for line in lines]
    with pytest.raises(BookInvalid, match="another county"):
        read_book(foreign, charters)


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
    assert "Acknowledged" in english


def test_a_refused_events_life_ends_with_the_reason(station: Station, yizhan: Run) -> None:
    """The log has the refusal, found by the hash of the record."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    with read_outbox(station.app, SHOUNING) as outbox:
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


def found(yizhan: Run, *more: str) -> list[dict[str, Any]]:
    """Search; what was found."""
    ran = yizhan("audit", "find", "--json", *more)
    assert ran.code == 0, ran.err
    listed: list[dict[str, Any]] = json.loads(ran.out)["findings"]
    return listed


def say(station: Station, step: str, opened: datetime, due: datetime, at: datetime, **said: object) -> None:
    """Let the station say a step of an obligation that 庆元 owes 寿宁."""
    values = {
        "step": step, "owes": [QINGYUAN], "owed": [SHOUNING], "opened": written(opened), "due": written(due),
        "at": written(at), "charter": station.app.charter.name, **said,
    }  # fmt: skip
    station.says(Followup.model_validate(values).signed(station.key))


def test_what_the_station_said_was_owed_is_found_and_explained(
    station: Station, fires: list[str], yizhan: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the event that opened it, by the one that ended it, and by its own name: rule, step, times, clause."""
    station.log()
    now = datetime.now(UTC)
    soon = now + timedelta(minutes=5)
    (answer,) = publish(yizhan, SHOUNING, {**FIRE, "external_ref": "接-8"})
    met, month = f"acknowledge/{fires[1]}/{QINGYUAN}", f"monthly-contact/2026-11/{QINGYUAN}-{SHOUNING}/{QINGYUAN}"
    about = {"obligation": met, "rule": "acknowledge", "about": {"id": fires[1], "hash": "0" * 64}}
    by = {"id": answer, "hash": "1" * 64}
    say(station, "opened", now, soon, now, **about)
    say(station, "overdue", now, soon, soon, **about)
    say(station, "discharged", now, soon, soon + timedelta(minutes=3), by=by, **about)
    say(station, "opened", now, soon, now, obligation=month, rule="monthly-contact", period="2026-11")
    station.carry(SHOUNING)
    station.log(minutes_later=30)
    owed = sorted((each for each in found(yizhan) if each["what"] is not None), key=lambda each: str(each["rule"]))
    assert [(each["kind"], each["rule"], each["id"], each["took"], each["limit"]) for each in owed] == [
        ("overdue", "acknowledge", fires[1], 480.0, 300.0),
        ("overdue", "monthly-contact", None, pytest.approx(1800, abs=60), 300.0),
    ]
    assert not [each for each in found(yizhan) if each["kind"] == "unacknowledged" and each["id"] == fires[1]]
    for asked, steps in ((fires[1], 3), (answer, 3), (met, 3), (month, 1)):
        life = json.loads(yizhan("audit", "explain", asked, "--json").out)["life"]["steps"]
        told = [each["said"] for each in life if each["what"] == "owed"]
        assert [each["step"] for each in told] == ["opened", "overdue", "discharged"][:steps]
        assert all(each["because"]["zh"].startswith("联管") for each in told)
    monkeypatch.setenv("COLUMNS", "500")
    assert f"规则 monthly-contact：{told[0]['because']['zh']}" in yizhan("audit", "explain", month).out
    shown = yizhan("--lang", "en", "audit", "explain", met, "--proofs", "proofs").out
    assert "acknowledge the alarm: discharged" in shown.lower()
    assert len(list(Path("proofs").iterdir())) == 3
    assert "本月联系" in yizhan("audit", "find").out


def test_nothing_is_found_where_nothing_is_wrong(station: Station, yizhan: Run) -> None:
    """A fire told at once, acknowledged at once."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    yizhan("inbox", "ack", fire, "--county", QINGYUAN, "--name", "李四", "--badge", "654321")
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    station.log()
    assert found(yizhan) == []
    assert "没有发现问题" in yizhan("audit", "find").out


def test_what_is_late_or_unanswered_is_found_with_its_limit(station: Station, fires: list[str], yizhan: Run) -> None:
    """A fire told an hour late; two alarms that nobody acknowledged; a fire without a further report."""
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    (late,) = publish(yizhan, SHOUNING, {**FIRE, "external_ref": "接-9", "time": an_hour_ago})
    station.carry(SHOUNING)
    station.log(minutes_later=10)
    listed = found(yizhan)
    assert {(each["kind"], each["county"], each["id"]) for each in listed} == {
        ("late", SHOUNING, late),
        *(("unacknowledged", QINGYUAN, each) for each in (*fires[1:3], late)),
    }
    (first,) = found(yizhan, "--kind", "late")
    assert (first["rule"], first["limit"], first["took"] // 60) == ("tell", 900.0, 60)
    assert first["place"] is not None
    station.log(minutes_later=24 * 60 * 31)
    kinds = Counter((each["kind"], each["rule"], each["county"]) for each in found(yizhan))
    assert kinds["overdue", "follow-up", SHOUNING] == 4
    assert kinds["no_feedback", "feedback", QINGYUAN] == 1
    told = yizhan("audit", "find", "--of", QINGYUAN).out
    assert "情报没有反馈" in told
    assert "迟报" not in told
    assert yizhan("audit", "find", "--kind", "nothing").code == 2


def test_a_receipt_about_another_hash_acknowledges_nothing(station: Station, yizhan: Run) -> None:
    """An alarm is acknowledged by its hash, so that nobody can acknowledge another event under its id."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    about = {"stage": "acknowledged", "event": {"id": fire, "hash": "ab" * 32}}
    with open_outbox(station.app, QINGYUAN, TerminalPassphrase()) as outbox:
        outbox.send_receipt(ReceiptRef.model_validate(about), Person(name="李四", badge="654321"))
    station.carry(QINGYUAN)
    station.log(minutes_later=10)
    assert [(each["kind"], each["id"]) for each in found(yizhan)] == [("unacknowledged", fire)]


def test_refusals_and_keys_that_were_revoked_are_found(station: Station, fires: list[str], yizhan: Run) -> None:
    """What the station refused, a key that did not hold, and what was signed with a key that was revoked since."""
    with read_outbox(station.app, SHOUNING) as outbox:
        assert outbox is not None
        own = outbox.event(fires[0])
    assert own is not None
    assert own.envelope is not None
    station.take(QINGYUAN, own.envelope)
    station.take(SHOUNING, own.envelope[:-1] + bytes([own.envelope[-1] ^ 1]))
    station.log()
    listed = found(yizhan)
    assert {(each["kind"], each["county"], each["rule"]) for each in listed} == {
        ("refused", QINGYUAN, "wrong_topic"),
        ("doubtful_key", SHOUNING, "bad_signature"),
    }
    with gather(station.app, None, (), unsettled=False) as (_files, evidence):
        charter = station.app.charters.latest()
        keys = {kid: replace(key, revoked=datetime.now(UTC)) for kid, key in charter.signing[SHOUNING].items()}
        revoked = AdoptedCharters([replace(charter, signing={**charter.signing, SHOUNING: keys})])
        doubtful = [each for each in find(evidence, revoked) if "revoked" in each.detail]
    assert {each.id for each in doubtful} == set(fires)


def test_a_decision_against_the_table_is_found(station: Station, yizhan: Run) -> None:
    """A station that let a fire wait for the quarter is convicted by the sender's signed header."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    with read_outbox(station.app, SHOUNING) as outbox:
        assert outbox is not None
        own = outbox.event(fire)
    assert own is not None
    said = Postmark(
        record_sha256="0" * 64,
        origin=Origin(cluster="memory", topic=f"yizhan.events.{SHOUNING}", partition=0, offset=77),
        received=written(datetime.now(UTC)),
        charter=station.app.charter.name,
        id=fire,
        hash=own.row.hash,
        decisions={QINGYUAN: Decided(way=Way.DIGEST, rule="rest")},
    )
    station.says(said.signed(station.key))
    station.says(
        said.model_copy(update={"hash": "a" * 64, "origin": said.origin.model_copy(update={"offset": 78})}).signed(
            station.key
        )
    )
    station.log()
    kinds = {each["kind"]: each for each in found(yizhan)}
    assert set(kinds) == {"decision_differs", "contradiction"}
    assert "digest rest ≠ alarm fire" in kinds["decision_differs"]["detail"]
    assert kinds["contradiction"]["id"] == fire


def test_a_hotspot_that_nobody_reported_is_found(station: Station, yizhan: Run) -> None:
    """Of two detections in the border strip one was imported; the other is 漏报, and nothing further inland is."""
    square = {"350924": (27.0, 28.0), "331126": (28.0, 29.0)}
    features = [
        {
            "type": "Feature",
            "properties": {"code": code, "name": code},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[119, low], [120, low], [120, high], [119, high], [119, low]]],
            },
        }
        for code, (low, high) in square.items()
    ]
    Path("outlines.json").write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    head = "latitude,longitude,brightness,scan,track,acq_date,acq_time,satellite,confidence,version,bright_t31,frp\n"
    rows = [f"{lat},119.5,310,1,1,2026-11-23,0251,T,90,6.1,290,20\n" for lat in ("27.98", "27.97", "27.1")]
    Path("one.csv").write_text(head + rows[0], "utf-8")
    Path("all.csv").write_text(head + "".join(rows), "utf-8")
    assert yizhan("import", "firms", "one.csv", "--county", SHOUNING, "--outlines", "outlines.json").code == 0
    station.carry(SHOUNING)
    station.log()
    missing = found(yizhan, "--firms", "all.csv", "--outlines", "outlines.json", "--kind", "missing_report")
    assert [(each["county"], each["detail"]) for each in missing] == [
        (SHOUNING, "firms:T:20261123T0251Z:27.9700,119.5000")
    ]
    assert "漏报" in yizhan("audit", "find", "--firms", "all.csv", "--outlines", "outlines.json").out


def test_a_broken_journal_is_found_and_named(station: Station, fires: list[str], yizhan: Run) -> None:
    """A line changed breaks the chain; a tail cut off contradicts a head that an earlier book named."""
    for fire in fires[:3]:
        yizhan("inbox", "show", fire, "--county", QINGYUAN)
    path = access_log_path(station.app, QINGYUAN)
    whole = path.read_bytes()
    for kind in ("outbox", "inbox"):
        assert yizhan(kind, "export", f"{kind}.jsonl", "--county", QINGYUAN).code == 0
    assert found(yizhan, "--kind", "journal_broken") == []
    path.write_bytes(whole.replace(b"inbox show", b"inbox list", 1))
    (broken,) = found(yizhan, "--kind", "journal_broken")
    assert (broken["county"], broken["detail"]) == (QINGYUAN, "access.jsonl:2 chain")
    path.write_bytes(whole.splitlines(keepends=True)[0])
    assert yizhan("inbox", "export", "later.jsonl", "--county", QINGYUAN).code == 0
    books = ("--book", "inbox.jsonl", "--book", "outbox.jsonl", "--book", "later.jsonl")
    cut = found(yizhan, *books, "--kind", "journal_broken")
    assert {each["detail"].split()[1] for each in cut} == {"head"}


def test_no_content_is_shown_that_cannot_be_written_down(station: Station, fires: list[str], yizhan: Run) -> None:
    """With the journal unwritable show and list fail before a word of the content is out."""
    path = access_log_path(station.app, QINGYUAN)
    path.unlink(missing_ok=True)
    path.mkdir()
    for words in (("inbox", "show", fires[0]), ("inbox", "list")):
        ran = yizhan(*words, "--county", QINGYUAN)
        assert ran.code == 1
        assert "距界" not in ran.out + ran.err


def test_content_whose_term_is_over_goes_and_the_log_has_the_word_of_it(
    station: Station, fires: list[str], yizhan: Run
) -> None:
    """Listed first, destroyed by name; the sender gets a signed notice, the audit still proves the event."""
    with contextlib.closing(sqlite3.connect(inbox_path(station.app, QINGYUAN))) as conn, conn:
        conn.execute("UPDATE items SET received = '1990-01-01T00:00:00.000Z' WHERE id = ?", (fires[0],))
    listed = yizhan("inbox", "destroy", "--county", QINGYUAN)
    assert fires[0] in listed.out
    assert fires[1] not in listed.out
    assert yizhan("inbox", "destroy", "--county", QINGYUAN, "--yes").code == 2
    by = ("--name", "李四", "--badge", "654321", "--yes")
    ran = yizhan("inbox", "destroy", "--county", QINGYUAN, *by, "--json")
    done = json.loads(ran.out)
    assert (done["destroyed"], len(done["notices"])) == ([fires[0]], 1)
    assert json.loads(yizhan("inbox", "destroy", "--county", QINGYUAN, *by, "--json").out)["notices"] == []
    assert "销毁" in yizhan("inbox", "show", fires[0], "--county", QINGYUAN).out
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    station.log()
    told = json.loads(yizhan("inbox", "show", done["notices"][0], "--county", SHOUNING, "--json").out)
    assert told["payload"]["destruction"]["events"][0]["id"] == fires[0]
    assert reconciled(yizhan)[:2] == (0, [])
    steps = {
        step["what"]: step for step in json.loads(yizhan("audit", "explain", fires[0], "--json").out)["life"]["steps"]
    }
    assert (steps["destroyed"]["vouch"], steps["destroyed"]["said"]["notice"]) == ("logged", done["notices"][0])
    journal = access_log_path(station.app, QINGYUAN).read_text("utf-8")
    assert '"how":"destroyed"' in journal
    assert "李四（654321）" in journal


def test_a_quarter_is_reported_in_both_languages(station: Station, fires: list[str], yizhan: Run) -> None:
    """Figures, findings, reconciliation and accesses; the same again byte for byte; nothing from outside."""
    delete_item(inbox_path(station.app, QINGYUAN), fires[1])
    station.log(minutes_later=10)
    now = datetime.now(UTC)
    quarter = str(Quarter.containing(now, station.app.charter.time_zone))
    ran = yizhan("audit", "report", "--quarter", quarter, "--out", "out", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    sent = {each["county"]: each for each in found["traffic"]}
    assert (sent[SHOUNING]["alarms"], sent[SHOUNING]["digests"]) == (3, 1)
    assert (sent[QINGYUAN]["rang"], sent[QINGYUAN]["answered"]) == (3, 1)
    assert [each["odd"] for each in found["pairs"][0]["discrepancies"]] == ["deleted_by_recipient"]
    names = sorted(path.name for path in Path("out").iterdir())
    assert names == [f"audit-{quarter}.{word}" for word in ("en.csv", "en.html", "zh_CN.csv", "zh_CN.html")]
    texts = {name: Path("out", name).read_text("utf-8") for name in names}
    chinese, english = texts[f"audit-{quarter}.zh_CN.html"], texts[f"audit-{quarter}.en.html"]
    assert "被删除" in chinese
    assert "报警无人签收" in chinese
    assert not re.search(r"[\u4e00-\u9fff]", re.sub(r"<style>.*?</style>", "", english))
    for page in (chinese, english):
        assert fires[1] in page
        assert not re.search(r"https?:|<script|<img|<link|url\(", page)
    assert texts[f"audit-{quarter}.zh_CN.csv"].startswith("\ufeff")
    assert yizhan("audit", "report", "--quarter", quarter, "--out", "out").code == 0
    assert {name: Path("out", name).read_text("utf-8") for name in names} == texts
    assert yizhan("audit", "report", "--quarter", "2026Q5").code == 2


def test_words_of_others_are_no_markup_and_no_formula(station: Station, fires: list[str]) -> None:
    """A refusal's detail reaches page and table as text."""
    with gather(station.app, None, (), unsettled=False) as (_files, evidence):
        quarter = Quarter.containing(evidence.logged.checkpoint.at, station.app.charter.time_zone)
        made = report(evidence, station.app.charters, quarter)
    wrong = Finding(
        FindingKind.REFUSED, SHOUNING, written(datetime.now(UTC)), detail="=HYPERLINK(1)<script>alert(1)</script>"
    )
    made = replace(made, findings=(wrong,))
    assert "<script>" not in as_html(made, "zh_CN")
    assert "'=HYPERLINK(1)" in as_csv(made, "en")
