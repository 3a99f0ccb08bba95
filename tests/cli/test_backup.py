"""Every store is lost, and a backup brings it back, as docs/operations.md says; a drill tells it before."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.ledger.errors import LogBehind
from yizhan.ledger.log import PUBLIC, Log
from yizhan.ledger.log_source import CHECKPOINT, FINAL, LogFolder
from yizhan.ledger.rebuild import known_checkpoints, rebuild
from yizhan.ledger.statement_keys import read_statement
from yizhan.ledger.statements import FILE, Statements
from yizhan.ledger.verify import read_checkpoint
from yizhan.schemas import topics
from yizhan.services.ledger import ledger_folder
from yizhan.services.stores import read_outbox


@pytest.mark.exhaustive
def test_every_store_is_lost_and_restored(station: Station, home: Path, yizhan: Run) -> None:
    """No number is given twice, the inbox reads on, the ledger refuses the old copy and is made again as it was."""
    before = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    station.log()
    assert "私钥" in yizhan("backup", "safe", "--keys").err

    after = publish(yizhan, SHOUNING, {**FIRE, "external_ref": "接-2"})
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    station.log()
    log = LogFolder(ledger_folder(station.app) / PUBLIC)
    published = read_checkpoint(log, CHECKPOINT, station.app.charters)
    assert published is not None
    notes = {name: log.read(name) or b"" for name in (CHECKPOINT, FINAL)}

    shutil.rmtree(home)
    ran = yizhan("restore", "safe", "--anchor", "safe/data/station/charter/root.json")
    assert ran.code == 0, ran.err
    assert "yizhan ledger rebuild" in ran.out

    # Outbox: another file, so another book; what was accepted since is with the partner and in the log.
    station.sent -= {*before, *after}
    again = publish(yizhan, SHOUNING, {**FIRE, "external_ref": "接-3"})
    assert again[0].rsplit("-", 2)[1] != after[0].rsplit("-", 2)[1]
    with read_outbox(station.app, SHOUNING) as outbox:
        assert outbox is not None
        assert [book.because for book in outbox.epochs()] == ["first", "another_file"]

    # Inbox: what the broker still has comes again, with what it opens; what is here already is a duplicate.
    station.read[topics.alerts(QINGYUAN)] = 0
    fire = ["stored", "followup", "followup"]
    assert station.deliver(QINGYUAN) == ["duplicate", *fire]
    station.carry(SHOUNING)
    assert station.deliver(QINGYUAN) == ["duplicate", *fire]

    # Ledger: an old copy does not go on beside what was published; it is made again from statements and topic.
    for name, data in notes.items():
        (home / "ledger" / PUBLIC / name).parent.mkdir(exist_ok=True)
        (home / "ledger" / PUBLIC / name).write_bytes(data)
    with pytest.raises(LogBehind, match="rebuild"):
        Log(home / "ledger", station.app.charter.log)
    said = [read_statement(output.value, station.app.charters) for output, _at in station.topics[topics.AUDIT]]
    expected = known_checkpoints(home / "ledger", station.app.charter.log)
    with contextlib.closing(sqlite3.connect(home / "ledger" / "statements.sqlite3")) as conn:
        kept = conn.execute("SELECT count(*) FROM statements").fetchone()[0]
    assert kept < published.checkpoint.size
    with Statements(home / "ledger" / FILE) as statements:
        statements.add(said[: published.checkpoint.size])
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    head = rebuild(home / "ledger", station.app.charter.log, expected, at=at, progress=lambda _done: None)
    assert (head.size, head.root) == (published.checkpoint.size, published.checkpoint.root)
    station.log()

    # The audit tells the truth about it: one event is in the partner's book and the log, not in the sender's.
    ran = yizhan("audit", "reconcile", SHOUNING, QINGYUAN, "--json")
    odd = json.loads(ran.out)["reconciliation"]["discrepancies"]
    assert [(each["odd"], each["id"]) for each in odd] == [("received_not_sent", after[0])]


def test_a_drill_is_one_page(station: Station, home: Path, yizhan: Run) -> None:
    """What was tried, what would be lost, what is not in it, how long it took; in both languages, and for programs."""
    assert publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    station.log()
    ran = yizhan("drill")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "备份可用"), ran.err
    assert "没有备份的" in ran.out
    assert yizhan("--lang", "en", "drill").out.splitlines()[-1] == "The backup can be used"
    found = json.loads(yizhan("drill", "--county", QINGYUAN, "--json").out)
    assert found["well"]
    assert {each["subject"]: each["state"] for each in found["checks"]}["items"] == "good"
    found = json.loads(yizhan("drill", "--station", "--json").out)
    assert {each["subject"]: each["state"] for each in found["checks"]}["ledger"] == "good"

    assert yizhan("backup", "safe", "--county", QINGYUAN).code == 0
    assert yizhan("backup", "safe", "--county", QINGYUAN).code == 1
    broken = home.parent / "safe" / "data" / "counties" / QINGYUAN / "inbox.sqlite3"
    broken.write_bytes(broken.read_bytes()[:-1] + b"?")
    ran = yizhan("drill", "safe")
    assert ran.code == 1
    assert "inbox.sqlite3" in ran.err
    assert yizhan("backup", "more", "--county", QINGYUAN, "--station").code == 2
