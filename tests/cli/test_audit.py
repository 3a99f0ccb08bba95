"""The audit: two counties' books beside the log, and what was deleted or changed is named."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest

from tests.cli.audit_cases import reconciled
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, delete_event, delete_item, publish
from yizhan.ledger.audit.books import read_book
from yizhan.ledger.errors import BookInvalid
from yizhan.services.stores import inbox_path, outbox_path


def test_two_honest_counties_agree(fires: list[str], yizhan: Run) -> None:
    """Two honest books agree; an event that waits for its quarter counts as on its way, not as lost."""
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
    for content in ("距界", "南阳镇", "13800000000", "张三"):
        assert content not in text
    # Own officers stand in the access log, which an auditor reads, and nowhere else.
    for line in text.splitlines():
        assert '"line":"access"' in line or not ("李四" in line or "654321" in line)
    charter = str(station.app.charter_folder)
    elsewhere = ("--home", str(tmp_path / "auditor"))
    ran = yizhan(*elsewhere, "audit", "reconcile", SHOUNING, QINGYUAN, "--log", "log", *books, "--charter", charter)
    assert ran.code == 0, ran.out + ran.err
    Path(f"{QINGYUAN}-inbox.jsonl").write_text("\n".join(text.splitlines()[:-3]) + "\n", "utf-8")
    cut = yizhan(*elsewhere, "audit", "reconcile", SHOUNING, QINGYUAN, "--log", "log", *books, "--charter", charter)
    assert cut.code == 1
    assert "truncated" in cut.err
    one = yizhan(*elsewhere, "audit", "reconcile", SHOUNING, QINGYUAN, "--log", "log", *books[:2], "--charter", charter)
    assert one.code == 1


def test_a_number_that_an_inbox_remembers_speaks_against_it(station: Station, yizhan: Run) -> None:
    """An event that the inbox had counted before any receipt was sent is reported as deleted, not as lost."""
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
    """A changed byte makes the book invalid, or leaves an event marked as unproven or as the county's own word."""
    yizhan("outbox", "export", "out.jsonl", "--county", SHOUNING)
    whole = Path("out.jsonl").read_bytes()
    charters = station.app.charters
    honest = read_book(whole.splitlines(keepends=True), charters)
    assert all(entry.problem is None for entry in honest.events.values())
    generator = random.Random(7)
    for _round in range(150):
        changed = bytearray(whole)
        changed[generator.randrange(len(whole))] ^= 1 << generator.randrange(8)
        try:
            book = read_book(bytes(changed).splitlines(keepends=True), charters)
        except BookInvalid:
            continue
        for id, entry in book.events.items():
            if entry.header is not None:
                assert id in honest.events
                assert entry.header == honest.events[id].header
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
