"""The page on backup and restore is rehearsed: every store is lost, and what docs/operations.md says brings it back."""

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

STORES = ("outbox.sqlite3", "inbox.sqlite3")
LEDGER = ("statements.sqlite3", "checkpoint.sqlite3")


def copy_store(source: Path, target: Path) -> None:
    """Copy as ``sqlite3 SOURCE ".backup TARGET"`` does, while others may write; readable by its owner only."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        old.backup(new)


def back_up(home: Path, backup: Path) -> None:
    """Do what the page says, store by store."""
    for county in (SHOUNING, QINGYUAN):
        for name in STORES:
            if (home / "counties" / county / name).exists():
                copy_store(home / "counties" / county / name, backup / "counties" / county / name)
        for folder in ("keys", "charter"):
            shutil.copytree(home / "counties" / county / folder, backup / "counties" / county / folder)
    for name in LEDGER:
        copy_store(home / "ledger" / name, backup / "ledger" / name)
    for folder in ("station/charter", "station/public", "ledger/keys", "station/keys"):
        shutil.copytree(home / folder, backup / folder)


@pytest.mark.exhaustive
def test_every_store_is_lost_and_restored(station: Station, home: Path, yizhan: Run, tmp_path: Path) -> None:
    """No number is given twice, the inbox reads on, the ledger refuses the old copy and is made again as it was."""
    before = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    station.log()
    back_up(home, tmp_path / "backup")

    after = publish(yizhan, SHOUNING, {**FIRE, "external_ref": "接-2"})
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    station.log()
    log = LogFolder(ledger_folder(station.app) / PUBLIC)
    published = read_checkpoint(log, CHECKPOINT, station.app.charters)
    assert published is not None
    notes = {name: log.read(name) or b"" for name in (CHECKPOINT, FINAL)}

    shutil.rmtree(home)
    shutil.copytree(tmp_path / "backup", home)

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
