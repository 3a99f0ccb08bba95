"""A backup of a home, of one county or of the station, made while its processes run.

::

    BACKUP/backup.json   the signed statement that names the list
    BACKUP/list.json     every file with size and hash, in the order of copying; what is left out, and why
    BACKUP/data/…        the files, by their paths in the home

Rule 1: it is written under another name, and has its own once it is complete and on the disk; the statement is written
        last.
Rule 2: private keys are copied only where they are asked for. Everything is readable by its owner only.
Rule 3: the signature says who made it, and that nobody changed it since. It is made with a key that the charter names.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from yizhan.charter.archive import Archive
from yizhan.producers import draft_store, epochs
from yizhan.runtime.clock import utc_now
from yizhan.runtime.folders import private_file, private_folder, sync_folder
from yizhan.runtime.store_copy import copy_store, store_facts
from yizhan.schemas.backup_list import BackedUpFile, BackupList, BackupStatement, LeftOut, Scope
from yizhan.schemas.charter import Charter
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.timestamps import written
from yizhan.schemas.topics import LEDGER, STATION
from yizhan.services.backup_files import CHARTER, PlannedFile, list_files
from yizhan.services.errors import NoKey, ServiceError
from yizhan.services.files import already_there
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource, ledger_keys, signer, station_keys
from yizhan.services.ledger import ledger_folder
from yizhan.services.progress import SILENT, Progress
from yizhan.services.stores import OUTBOX_FILE

STATEMENT: Final = "backup.json"
LIST: Final = "list.json"
DATA: Final = "data"
_PART: Final = ".part-"
_PIECE: Final = 1 << 20
_AMENDMENTS: Final = {OUTBOX_FILE: epochs.mark_copy, draft_store.FILE: draft_store.mark_copy}
"""What the copy of a store is told, so that it knows itself as a copy wherever it is restored."""


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """What a backup will copy."""

    scope: Scope
    county: str | None
    keys: bool
    files: tuple[PlannedFile, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def bytes(self) -> int:
        """How much it is, by the sizes of now."""
        return sum(each.bytes for each in self.files)


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup."""

    folder: Path
    list: BackupList
    seconds: float

    @property
    def bytes(self) -> int:
        """Bytes of its files."""
        return sum(each.bytes for each in self.list.files)


def plan_backup(home: Home, scope: Scope, county: str | None = None, *, keys: bool = False) -> BackupPlan:
    """Find out what a backup will copy.

    Raises:
        UnknownMember: ``county`` is no member.
        ServiceError: there is nothing of this scope in the home.
    """
    if county is not None:
        home.member(county)
    files, left = list_files(home, scope, county, keys=keys)
    if not any("/" in each.name for each in files):
        raise ServiceError(marked("{home} 里没有可备份的内容"), home=home.path)
    return BackupPlan(scope, county, keys, files, left)


def make_backup(
    home: Home, plan: BackupPlan, target: Path, passphrases: PassphraseSource, progress: Progress = SILENT
) -> Backup:
    """Copy what was planned into a new folder, and sign the list. ``progress`` advances by bytes.

    Raises:
        Conflict: the folder is there already.
        ServiceError: it would lie in the home, or the disk has too little room.
        NoKey: there is no key to sign the list with.
        StoreError, OSError: the disk fails; nothing is left that could be taken for a backup.
    """
    begun, target = time.monotonic(), target.absolute()
    if target.exists():
        raise already_there(str(target))
    if target.is_relative_to(home.path):
        raise ServiceError(marked("{target} 在主目录里；请备份到主目录以外，最好是另一块磁盘"), target=target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(target.parent).free) < plan.bytes:
        sentence = marked("{target} 所在的磁盘只剩 {free} 字节，备份要 {wanted} 字节")
        raise ServiceError(sentence, target=target, free=free, wanted=plan.bytes)
    who, key, charter = _signing_key(home, plan, passphrases)
    with _unfinished(target) as folder:
        made = written(utc_now())
        files = tuple(_copied(plan, folder / DATA, progress))
        listed = BackupList(
            scope=plan.scope, county=plan.county, made=made, charter=charter.name, program=version("yizhan"),
            keys=plan.keys, files=files, left_out=plan.left_out,
        )  # fmt: skip
        data = listed.to_bytes()
        statement = BackupStatement(
            scope=plan.scope, county=plan.county, made=made, charter=charter.name, signer=who,
            list_sha256=hashlib.sha256(data).hexdigest(),
        )  # fmt: skip
        _write(folder / LIST, data)
        _write(folder / STATEMENT, statement.signed(key))
    return Backup(target, listed, time.monotonic() - begun)


@contextlib.contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """Yield a folder of another name, which gets its own at the end, or is deleted if the block fails."""
    for left in target.parent.glob(f".{target.name}{_PART}*"):  # by a process that was killed
        process = left.name.rpartition("-")[2]
        if process.isdecimal() and not Path("/proc", process).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = target.with_name(f".{target.name}{_PART}{os.getpid()}")
    folder.mkdir(mode=0o700)
    try:
        yield folder
        for top, _folders, _files in os.walk(folder, topdown=False):
            sync_folder(Path(top))
        # Crash point: until it has its name, nobody takes it for a backup.
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    sync_folder(target.parent)


def _copied(plan: BackupPlan, data: Path, progress: Progress) -> Iterator[BackedUpFile]:
    """Copy the files in their order; one that is deleted meanwhile is left out."""
    with contextlib.ExitStack() as locks:
        folders = {each.path.parent for each in plan.files if each.path.name == "root.json"}
        for folder in sorted(each for each in folders if each.name == CHARTER):
            with contextlib.suppress(OSError):  # of another account: it changes once in months
                locks.enter_context(Archive(folder).locked())
        waiting = list(plan.files)
        while waiting and CHARTER in waiting[0].name.split("/"):
            yield from _one(waiting.pop(0), data, progress)
    for each in waiting:
        yield from _one(each, data, progress)


def _one(each: PlannedFile, data: Path, progress: Progress) -> Iterator[BackedUpFile]:
    target = data / each.name
    private_folder(target.parent)
    try:
        if each.kind == "store":
            copy_store(each.path, target, progress.advance, _AMENDMENTS.get(each.path.name, lambda _conn: None))
            facts = store_facts(target)
            size, digest = file_hash(target)
            yield BackedUpFile(
                path=each.name, kind=each.kind, bytes=size, sha256=digest, schema_version=facts.version,
                rows=dict(facts.rows),
            )  # fmt: skip
            return
        size, digest = copy_file(each.path, target, progress.advance, whole_lines=each.kind == "access_log")
    except FileNotFoundError:
        target.unlink(missing_ok=True)
        return
    yield BackedUpFile(path=each.name, kind=each.kind, bytes=size, sha256=digest)


def copy_file(
    source: Path, target: Path, progress: Callable[[int], None] = lambda _bytes: None, *, whole_lines: bool = False
) -> tuple[int, str]:
    """Copy a file as long as it is now, durably, readable by its owner only; return its size and SHA-256.

    ``whole_lines`` leaves out an end without a newline: another process is writing it.
    """
    with source.open("rb") as old:
        left = os.fstat(old.fileno()).st_size
        if whole_lines:
            left = _end_of_lines(old.fileno(), left)
        digest, size = hashlib.sha256(), 0
        with private_file(target) as new:
            while left > 0 and (piece := old.read(min(left, _PIECE))):
                new.write(piece)
                digest.update(piece)
                size, left = size + len(piece), left - len(piece)
                progress(len(piece))
            new.flush()
            os.fsync(new.fileno())
    return size, digest.hexdigest()


def file_hash(path: Path) -> tuple[int, str]:
    """Return size and SHA-256 of a file."""
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _end_of_lines(handle: int, size: int) -> int:
    while size > 0:
        begin = max(0, size - _PIECE)
        if (found := os.pread(handle, size - begin, begin).rfind(b"\n")) >= 0:
            return begin + found + 1
        size = begin
    return 0


def _write(path: Path, data: bytes) -> None:
    with private_file(path) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _signing_key(home: Home, plan: BackupPlan, lock: PassphraseSource) -> tuple[str, SigningKey, Charter]:
    """Return who signs, with which key, under which charter: the station, else the ledger, else a county."""
    now = utc_now()
    if plan.scope != "county":
        for who, folder in ((STATION, home.path / STATION), (LEDGER, ledger_folder(home))):
            if any((folder / "keys").glob("sign-*.pem")):
                charter = home.charters.in_force(now)
                if who == LEDGER:
                    return who, ledger_keys(folder / "keys", charter, now, lock)[0], charter
                for key in station_keys(folder / "keys", (charter,), lock):
                    if key.kid in charter.postmark and charter.postmark[key.kid].holds(now):
                        return who, key, charter
    for code in [plan.county] if plan.county is not None else sorted(p.name for p in home.path.glob("counties/*")):
        folder = home.county_folder(code) / "keys"
        if any(folder.glob("sign-*.pem")):
            charter = home.reader_of(code).in_force(now)
            return code, signer(folder, code, charter, now, lock), charter
    sentence = marked("{home} 里没有签名密钥，不能给备份的清单签名；请在有密钥的账户下运行")
    raise NoKey(sentence, home=home.path)
