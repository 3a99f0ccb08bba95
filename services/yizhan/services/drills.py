"""A drill: a backup is restored elsewhere and everything in it is read, to know today that it will work.

Rule 1: nothing in the home changes; the copies lie in a folder of their own that is deleted at the end, also after
        Ctrl-C.
Rule 2: private keys are never copied for a drill. Where they are at hand they open what was restored, in their place.
Rule 3: what was opened is compared, and returned to nobody.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal

from yizhan.charter.reader import CharterReader
from yizhan.consumers.items import InboxQuery
from yizhan.ledger.log import PUBLIC
from yizhan.ledger.log_source import CHECKPOINT
from yizhan.ledger.statements import FILE as STATEMENTS_FILE
from yizhan.producers.draft_store import FILE as DRAFTS_FILE
from yizhan.runtime.clock import utc_now
from yizhan.runtime.store_copy import store_facts
from yizhan.schemas.backup_list import BackedUpFile, BackupList, LeftOut, Scope
from yizhan.schemas.envelope import open_verified, verify_envelope
from yizhan.schemas.errors import BadSignature, YizhanError
from yizhan.schemas.header import Header
from yizhan.schemas.i18n import Sentence, marked
from yizhan.schemas.keys import SigningPublicKey
from yizhan.schemas.timestamps import instant
from yizhan.services.access_log import access_log_path
from yizhan.services.audit import verify_log
from yizhan.services.backup_reading import open_backup
from yizhan.services.backups import make_backup, plan_backup
from yizhan.services.errors import NoKey
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource, sealing_keys
from yizhan.services.labels import error_sentence
from yizhan.services.ledger import ledger_folder
from yizhan.services.progress import SILENT, Progress
from yizhan.services.restoring import Restored, restore_backup
from yizhan.services.stores import INBOX_FILE, OUTBOX_FILE, inbox_path, read_inbox

Subject = Literal["restore", "charter", "access_log", "ledger", "items"]
State = Literal["good", "bad", "skipped"]
OPENED: Final = 20
"""So many of a county's newest items are opened."""
_BROKEN: Final = marked("调阅记录的链断了 {count} 处")
_DIFFERS: Final = marked("{id} 拆开的内容和存下的不同")
_PREFIX: Final = "yizhan-drill-"
_LOST: Final[Mapping[str, tuple[str, ...]]] = {
    OUTBOX_FILE: ("events", "receipts"),
    INBOX_FILE: ("items", "answers"),
    DRAFTS_FILE: ("drafts",),
    STATEMENTS_FILE: ("statements",),
}
"""Database → tables whose rows tell what was entered since a backup."""


@dataclass(frozen=True, slots=True)
class DrillCheck:
    """One thing that was tried: how much of it was read; what is wrong with it, or why it was not tried."""

    subject: Subject
    county: str | None
    state: State
    count: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SinceBackup:
    """What was entered in a database since the backup, and would be lost with the disk: rows of one table."""

    path: str
    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class Drill:
    """What a drill found. Seconds of the copying (None for a backup that was there), the restoring, the reading."""

    made: str
    list: BackupList
    bytes: int
    checks: tuple[DrillCheck, ...]
    since: tuple[SinceBackup, ...]
    backup_seconds: float | None
    restore_seconds: float
    read_seconds: float

    @property
    def well(self) -> bool:
        """Whether everything that could be tried was good."""
        return all(each.state != "bad" for each in self.checks)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What is not in the backup, and why."""
        return self.list.left_out


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """Which backup is tried (None: a fresh one), the root file that a person gave, and where the copies are made.

    Without ``folder`` they are made where the system has temporary files.
    """

    backup: Path | None = None
    anchor: bytes | None = None
    folder: Path | None = None


def run_drill(
    home: Home,
    scope: Scope,
    county: str | None,
    passphrases: PassphraseSource,
    options: DrillOptions = DrillOptions(),
    progress: Progress = SILENT,
) -> Drill:
    """Make a backup, or take an existing one; restore it elsewhere; read everything.

    Raises:
        NoKey, ServiceError: no backup can be made.
        BackupInvalid: the existing one must not be restored.
        StoreError, OSError: the disk is full or fails.
    """
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=options.folder) as place:
        folder, seconds = options.backup, None
        if folder is None:
            progress.describe(marked("正在备份"))
            plan = plan_backup(home, scope, county)
            made = make_backup(home, plan, Path(place) / "backup", passphrases, progress)
            folder, seconds = made.folder, made.seconds
        progress.describe(marked("正在恢复到别处"))
        backup = open_backup(folder, options.anchor)
        elsewhere = Home(Path(place) / "home")
        restored = restore_backup(elsewhere, backup, progress=progress)
        progress.describe(marked("正在通读恢复出来的内容"))
        begun = time.monotonic()
        elsewhere = Home(elsewhere.path)  # it looks for its charter when it is made
        checks = tuple(_checks(home, elsewhere, restored, backup.list, passphrases))
        read = time.monotonic() - begun
        since = tuple(_since(home, backup.list.files))
        return Drill(
            backup.list.made, backup.list, backup.bytes, checks, since, seconds, restored.seconds, read
        )  # fmt: skip


def _checks(
    home: Home, elsewhere: Home, restored: Restored, listed: BackupList, passphrases: PassphraseSource
) -> Iterator[DrillCheck]:
    rows = sum(each.rows for each in restored.read if each.path.endswith(".sqlite3"))
    yield DrillCheck("restore", None, "good", rows)
    yield _tried("charter", None, lambda: len(elsewhere.charters.numbers()))
    counties = sorted({each.path.split("/")[1] for each in listed.files if each.path.startswith("counties/")})
    for code in counties:
        log = access_log_path(elsewhere, code).relative_to(elsewhere.path).as_posix()
        for each in restored.read:
            if each.path == log:
                fault = str(Sentence(_BROKEN, {"count": str(each.breaks)})) if each.breaks else ""
                yield DrillCheck("access_log", code, "bad" if each.breaks else "good", each.rows, fault)
    if any(each.path.startswith(f"{ledger_folder(home).name}/") and each.kind == "store" for each in listed.files):
        yield _tried("ledger", None, lambda: _read_ledger(elsewhere))
    for code in counties:
        if not inbox_path(elsewhere, code).is_file():
            continue
        yield _items(home, elsewhere, code, passphrases)


def _tried(subject: Subject, county: str | None, read: Callable[[], int]) -> DrillCheck:
    try:
        return DrillCheck(subject, county, "good", read())
    except YizhanError as error:
        return DrillCheck(subject, county, "bad", 0, error_sentence(error))


def _read_ledger(elsewhere: Home) -> int:
    """Make the log again from the restored statements, and verify every entry and signature; return its length."""
    from yizhan.services.ledger_running import (  # noqa: PLC0415 -- Kafka, of the extra "ledger"
        known_checkpoints,
        rebuild_ledger,
    )

    with_statements = store_facts(ledger_folder(elsewhere) / STATEMENTS_FILE).rows["statements"]
    # A copy of a running ledger may have a checkpoint that is later than its statements: the topic has the rest.
    expected = {name: each for name, each in known_checkpoints(elsewhere).items() if each.size <= with_statements}
    head = rebuild_ledger(elsewhere, expected)
    if (ledger_folder(elsewhere) / PUBLIC / CHECKPOINT).is_file():
        verify_log(elsewhere, str(ledger_folder(elsewhere) / PUBLIC), None)
    return head.size


def _items(home: Home, elsewhere: Home, county: str, passphrases: PassphraseSource) -> DrillCheck:
    """Open a county's newest restored items with its keys."""
    try:
        with read_inbox(elsewhere, county) as inbox:
            if inbox is None:
                return DrillCheck("items", county, "skipped", 0)
            charters = elsewhere.reader_of(county)
            known = (charters.latest(), charters.in_force(utc_now()))
            try:
                keys = sealing_keys(home.county_folder(county) / "keys", county, known, passphrases)
            except NoKey as error:
                return DrillCheck("items", county, "skipped", 0, error_sentence(error))
            opened = 0
            for item in inbox.items(InboxQuery(limit=OPENED)):
                envelope = inbox.envelope(item.id)
                if not envelope or item.payload is None:  # destroyed, or never could be opened
                    continue
                key_of = partial(_key_of, charters, instant(item.received))
                if open_verified(verify_envelope(envelope, key_of), keys) != item.payload:
                    sentence = str(Sentence(_DIFFERS, {"id": item.id}))
                    return DrillCheck("items", county, "bad", opened, sentence)
                opened += 1
            return DrillCheck("items", county, "good", opened)
    except YizhanError as error:
        return DrillCheck("items", county, "bad", 0, error_sentence(error))


def _key_of(charters: CharterReader, at: datetime, header: Header) -> SigningPublicKey:
    """Return the key that a header names, under the charter of then, or the newest."""
    for charter in (charters.in_force(at), charters.latest()):
        if (entry := charter.signing.get(header.county, {}).get(header.kid)) is not None:
            return entry.key
    message = f"no charter names key {header.kid[:16]}… of {header.county}"
    raise BadSignature(message)


def _since(home: Home, files: tuple[BackedUpFile, ...]) -> Iterator[SinceBackup]:
    """Compare the home's databases of now with the backup's."""
    for each in files:
        path = home.path / each.path
        tables = _LOST.get(path.name, ())
        if each.kind == "store" and tables and path.is_file() and each.rows is not None:
            now = store_facts(path).rows
            for table in tables:
                yield SinceBackup(each.path, table, max(0, now.get(table, 0) - each.rows.get(table, 0)))
