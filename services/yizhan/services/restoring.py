"""A backup restored into a home, and proven by reading it again.

Rule 1: everything is verified, copied beside the home's files and read there, before anything in the home changes.
Rule 2: nothing is overwritten or deleted: with ``replace`` what is there is moved aside, under ``NAME.before-<time>``.
        Charter and keys are only added where they are missing.
Rule 3: an access log is never replaced by an older one. Where one continues the other, the longer stays; where neither
        does, nothing is restored.
Rule 4: no process may use the files: their locks are held meanwhile, and the kernel is asked who has a database open.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yizhan.charter.archive import Archive
from yizhan.charter.reader import CharterReader
from yizhan.runtime import access_log
from yizhan.runtime.clock import utc_now
from yizhan.runtime.errors import AlreadyRunning
from yizhan.runtime.file_lock import exclusive
from yizhan.runtime.folders import private_folder, sync_folder
from yizhan.runtime.store_copy import SIDE_FILES, WAL, integrity_problem, store_facts, user_of
from yizhan.schemas.actions import Action
from yizhan.schemas.backup_list import BackedUpFile
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.services.backup_files import CHARTER, lock_files, scope_folders
from yizhan.services.backup_reading import BackupInvalid, OpenBackup, belongs, check_files
from yizhan.services.backups import DATA, copy_file, file_hash
from yizhan.services.errors import Conflict
from yizhan.services.home import Home
from yizhan.services.ledger import ledger_folder
from yizhan.services.progress import SILENT, Progress

_STAGING: Final = ".restore-"
_MOST_NAMED: Final = 5
_PUBLIC: Final = "station/public/"


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """``county``: restore only this one of the backup; ``replace``: move aside what is there."""

    county: str | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """What one restored file holds, read again in its place: rows of a database, entries of an access log."""

    path: str
    rows: int
    breaks: int = 0


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: paths in the home. ``kept`` was there already, ``aside`` are the new names of what was moved.

    ``charters`` are the newest versions in the restored archives.
    """

    files: tuple[str, ...]
    kept: tuple[str, ...]
    aside: tuple[str, ...]
    read: tuple[ReadAgain, ...]
    charters: tuple[str, ...]
    seconds: float
    next: tuple[Action, ...]


def restore_backup(
    home: Home, backup: OpenBackup, options: RestoreOptions = RestoreOptions(), progress: Progress = SILENT
) -> Restored:
    """Restore a backup into a home, which need not be there yet. ``progress`` advances by bytes, twice over all.

    Raises:
        BackupInvalid: a file is not what the list says, or the home belongs to another alliance.
        AlreadyRunning: a process uses a file that would be replaced.
        Conflict: a file is there already (without ``replace``), a ``-wal`` without its database, another access log.
        StoreError, OSError: the disk fails. Run it again: what was restored is recognised.
    """
    begun = time.monotonic()
    files = [each for each in backup.list.files if belongs(each, options.county)]
    if not any("/" in each.path for each in files):
        raise BackupInvalid(marked("备份里没有 {county} 的内容"), county=options.county or "")
    check_files(backup, progress)
    _require_same_root(home, backup, files)
    private_folder(home.path)
    with _unused(home, backup, options, files), _staging(home) as staging:
        wanted = [each for each in files if _is_wanted(home, backup, each)]
        _require_free(home, backup, wanted, replace=options.replace)
        for each in wanted:
            _stage(backup, each, staging / each.path, progress)
        aside = [name for each in wanted for name in _place(home, each, staging)]
    read = tuple(_read_again(home, each) for each in files if each.kind in {"store", "access_log"})
    names = {each.path for each in wanted}
    kept = tuple(each.path for each in files if each.path not in names)
    return Restored(
        tuple(each.path for each in wanted), kept, tuple(aside), read, _charters(home, files),
        time.monotonic() - begun, _next(home, files),
    )  # fmt: skip


def _require_same_root(home: Home, backup: OpenBackup, files: Sequence[BackedUpFile]) -> None:
    """Refuse to mix two alliances in one home."""
    for each in files:
        if each.path.endswith(f"{CHARTER}/root.json"):
            there = home.path / each.path
            if there.is_file() and there.read_bytes() != (backup.folder / DATA / each.path).read_bytes():
                raise BackupInvalid(marked("{path} 是另一个章程的根文件；备份不是这个联盟的"), path=there)


@contextlib.contextmanager
def _unused(home: Home, backup: OpenBackup, options: RestoreOptions, files: Sequence[BackedUpFile]) -> Iterator[None]:
    """Hold the locks of every process of the restored folders; refuse where somebody has a database open."""
    scope = "county" if options.county is not None else backup.list.scope
    folders = scope_folders(home, scope, options.county or backup.list.county)
    with contextlib.ExitStack() as held:
        for lock in lock_files(home, folders):
            held.enter_context(exclusive(lock, _("在使用要恢复的文件")))
        for each in files:
            if each.kind == "store" and (process := user_of(home.path / each.path)) is not None:
                sentence = marked("{path} 正被进程 {pid} 打开；请先停下它，再恢复")
                raise AlreadyRunning(sentence, path=home.path / each.path, pid=process)
        yield


@contextlib.contextmanager
def _staging(home: Home) -> Iterator[Path]:
    """Yield a folder in the home, on the same disk; those of runs that were killed are deleted: nothing needs them."""
    for left in home.path.glob(f"{_STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=home.path) as folder:
        yield Path(folder)


def _is_wanted(home: Home, backup: OpenBackup, each: BackedUpFile) -> bool:
    """Return whether a file is to be written: it is not there, or another one is, that may give way.

    Raises:
        Conflict: an access log of which neither continues the other.
    """
    there = home.path / each.path
    if not there.is_file():
        return True
    if each.kind == "keep":
        return False
    if each.kind == "access_log":
        return _continues_ours(backup.folder / DATA / each.path, there)
    wal = there.with_name(there.name + WAL)
    unchanged = each.kind != "store" or not wal.exists() or wal.stat().st_size == 0
    return not (unchanged and file_hash(there) == (each.bytes, each.sha256))


def _continues_ours(copy: Path, there: Path) -> bool:
    """Return whether a copied access log continues the one that is there, which then may be replaced."""
    with copy.open("rb") as one, there.open("rb") as other:
        while True:
            ours, theirs = one.read(1 << 20), other.read(1 << 20)
            if not theirs and not ours:
                return False
            shorter = min(len(ours), len(theirs))
            if ours[:shorter] != theirs[:shorter]:
                sentence = marked("{path} 和备份里的调阅记录互不相接；调阅记录不能用别的替换，什么也没有恢复")
                raise Conflict(sentence, path=there)
            if len(ours) != len(theirs):
                return len(ours) > len(theirs)


def _require_free(home: Home, backup: OpenBackup, wanted: Sequence[BackedUpFile], *, replace: bool) -> None:
    """Refuse, by name, where files are in the way."""
    taken = [each.path for each in wanted if each.kind != "access_log" and (home.path / each.path).exists()]
    if taken and not replace:
        names = join_list(taken[:_MOST_NAMED])
        sentence = marked(
            "主目录里已经有 {count} 个不同的文件，可能比备份新：{names}；可以让它们改名留在旁边（不删除），再恢复"
        )
        hint = Action.to("backup.restore_replacing", folder=backup.folder)
        raise Conflict(sentence, count=len(taken), names=names, hint=hint)
    for each in wanted:
        there = home.path / each.path
        if each.kind == "store" and not there.exists():
            for ending in SIDE_FILES:
                if there.with_name(there.name + ending).exists():
                    sentence = marked("{path} 留在那里，而它的数据库已经不在；恢复的数据库会被它改坏。请先把它移到别处")
                    raise Conflict(sentence, path=there.with_name(there.name + ending))


def _stage(backup: OpenBackup, each: BackedUpFile, target: Path, progress: Progress) -> None:
    """Copy a file beside its place and read it there.

    Raises:
        BackupInvalid: it is damaged, or not what the list says.
    """
    private_folder(target.parent)
    if copy_file(backup.folder / DATA / each.path, target, progress.advance) != (each.bytes, each.sha256):
        raise BackupInvalid(marked("备份里的 {path} 与清单不符，可能已损坏或被改动"), path=each.path)
    if each.kind == "store":
        _require_whole(target, each)
    if each.path.startswith(_PUBLIC):  # a web server of another account reads it
        target.chmod(0o644)


def _require_whole(path: Path, each: BackedUpFile) -> int:
    """Check a database against the list; return its rows."""
    if (problem := integrity_problem(path)) is not None:
        raise BackupInvalid(marked("备份里的 {path} 已损坏：{problem}"), path=each.path, problem=problem)
    facts = store_facts(path)
    if (facts.version, dict(facts.rows)) != (each.schema_version, each.rows):
        raise BackupInvalid(marked("备份里的 {path} 与清单不符，可能已损坏或被改动"), path=each.path)
    return sum(facts.rows.values())


def _place(home: Home, each: BackedUpFile, staging: Path) -> Iterator[str]:
    """Put a file in its place; yield the new names of what was there."""
    there = home.path / each.path
    if each.path.startswith(_PUBLIC):
        there.parent.mkdir(parents=True, exist_ok=True)
    else:
        private_folder(there.parent)
    if there.exists() and each.kind != "access_log":  # a longer access log contains the shorter one
        suffix = f".before-{utc_now():%Y%m%dT%H%M%S}"
        number = 0
        while there.with_name(name := f"{there.name}{suffix}{f'-{number}' if number else ''}").exists():
            number += 1
        for ending in ("", *SIDE_FILES):  # after a kill in between the next run names the -wal that stands alone
            old = there.with_name(there.name + ending)
            if old.exists() and (ending == "" or each.kind == "store"):
                old.rename(there.with_name(name + ending))
        yield there.with_name(name).relative_to(home.path).as_posix()
    (staging / each.path).replace(there)
    sync_folder(there.parent)


def _read_again(home: Home, each: BackedUpFile) -> ReadAgain:
    """Read a restored file in its place.

    Raises:
        BackupInvalid: the disk did not keep what was written.
    """
    path = home.path / each.path
    if each.kind == "store":
        return ReadAgain(each.path, _require_whole(path, each))
    entries, breaks = access_log.check(access_log.read(path))
    return ReadAgain(each.path, len(entries), len(breaks))


def _charters(home: Home, files: Sequence[BackedUpFile]) -> tuple[str, ...]:
    """Return the newest version of each restored archive, read as its office reads it."""
    folders = [home.path / each.path for each in files if each.path.endswith(f"{CHARTER}/root.json")]
    readers = (CharterReader(Archive(each.parent)) for each in folders)
    return tuple(dict.fromkeys(each.latest().name for each in readers))


def _next(home: Home, files: Sequence[BackedUpFile]) -> tuple[Action, ...]:
    """Return what to do now: a ledger is made again from its statements, before anything is started."""
    ledger = f"{ledger_folder(home).name}/"
    rebuilds = any(each.path.startswith(ledger) and each.kind == "store" for each in files)
    return (*([Action.to("ledger.rebuild")] if rebuilds else []), Action.to("home.status"))
