"""A backup, verified: the charter in it, the signature of its list, every file.

Rule 1: the charter in a backup is verified from its root file on. Whose root it is only a person can say: the one who
        gives the root file, or the home that has one already.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yizhan.charter.archive import Archive
from yizhan.charter.copies import verify_copy
from yizhan.charter.errors import CharterProblem
from yizhan.schemas import dsse
from yizhan.schemas.backup_list import (
    CONTENT_TYPE,
    BackedUpFile,
    BackupList,
    BackupStatement,
    read_list,
    unverified_statement,
)
from yizhan.schemas.charter import Charter, RegisteredKey
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import SigningPublicKey
from yizhan.schemas.sentences import os_error
from yizhan.schemas.timestamps import instant
from yizhan.schemas.topics import LEDGER, STATION
from yizhan.services.backup_files import CHARTER
from yizhan.services.backups import DATA, LIST, STATEMENT, file_hash
from yizhan.services.errors import ServiceError
from yizhan.services.labels import error_sentence
from yizhan.services.progress import SILENT, Progress

_ROOT: Final = "root.json"


class BackupInvalid(ServiceError):
    """A backup that must not be restored: another or a damaged one, or not signed by whom the charter names."""


@dataclass(frozen=True, slots=True)
class OpenBackup:
    """A backup whose list is verified; its files are verified by ``check_files``.

    ``root_sha256`` is the fingerprint of the root file that its charter was verified from; ``anchored``: a person gave
    that root, the backup only agrees.
    """

    folder: Path
    list: BackupList
    statement: BackupStatement
    charter: Charter
    root_sha256: str
    anchored: bool

    @property
    def bytes(self) -> int:
        """Bytes of its files."""
        return sum(each.bytes for each in self.list.files)


def open_backup(folder: Path, anchor: bytes | None = None) -> OpenBackup:
    """Verify the list of a backup. ``anchor`` is the root file that a person gave; None: the backup's own.

    Raises:
        BackupInvalid: it is none, or does not verify.
    """
    folder = folder.absolute()
    try:
        signed, listed = (folder / STATEMENT).read_bytes(), (folder / LIST).read_bytes()
    except OSError as error:
        sentence = marked("{folder} 不是备份，或没有做完：{why}")
        raise BackupInvalid(sentence, folder=folder, why=os_error(error)) from None
    try:
        statement = unverified_statement(signed)
        archive = Archive(_charter_folder(folder, statement))
        root = archive.anchor()
        if anchor is not None and anchor != root and not _continues(archive, anchor):
            raise BackupInvalid(marked("{folder} 里的章程不是从您给出的根文件来的"), folder=folder)
        charter = verify_copy(archive, root if anchor is None else anchor).charter
        keys = _keys_of(charter, statement.signer)
        key = keys.get(dsse.verify(signed, CONTENT_TYPE, lambda kid: keys[kid].key if kid in keys else None).kid)
        found = read_list(listed, statement)
    except (StatementInvalid, CharterProblem) as error:
        raise BackupInvalid(
            marked("{folder} 的清单核验不过：{why}"), folder=folder, why=error_sentence(error)
        ) from error
    if key is None or not key.holds(instant(statement.made)):
        raise BackupInvalid(marked("{folder} 的清单是用当时无效的密钥签的"), folder=folder)
    if (found.scope, found.county, found.made) != (statement.scope, statement.county, statement.made):
        raise BackupInvalid(marked("{folder} 的清单和它的签名说的不是同一份备份"), folder=folder)
    fingerprint = hashlib.sha256(root if anchor is None else anchor).hexdigest()
    return OpenBackup(folder, found, statement, charter, fingerprint, anchor is not None)


def check_files(backup: OpenBackup, progress: Progress = SILENT) -> None:
    """Compare every file of a backup with its list. ``progress`` advances by bytes.

    Raises:
        BackupInvalid: one is missing, changed, or not on the list.
    """
    data, known = backup.folder / DATA, {each.path for each in backup.list.files}
    for each in backup.list.files:
        path = data / each.path
        if path.is_symlink() or not path.is_file():
            raise BackupInvalid(marked("备份里缺少 {path}"), path=each.path)
        if file_hash(path) != (each.bytes, each.sha256):
            raise BackupInvalid(marked("备份里的 {path} 与清单不符，可能已损坏或被改动"), path=each.path)
        progress.advance(each.bytes)
    for top, _folders, files in os.walk(data):
        for name in files:
            inner = (Path(top) / name).relative_to(data).as_posix()
            if inner not in known:
                raise BackupInvalid(marked("备份里多出清单上没有的 {path}"), path=inner)


def belongs(each: BackedUpFile, county: str | None) -> bool:
    """Return whether a file is restored where only one county is (None: all): its own, and the settings."""
    parts = each.path.split("/")
    own = parts[:2] == ["counties", county] or (parts[0] == "tls" and parts[1:2] == [f"county-{county}"])
    return county is None or len(parts) == 1 or own


def _charter_folder(folder: Path, statement: BackupStatement) -> Path:
    """Return where the archive of a backup's signer is, or any other one in it."""
    data = folder / DATA
    office = {STATION: STATION, LEDGER: LEDGER}.get(statement.signer, f"counties/{statement.signer}")
    found = [data / office / CHARTER, *sorted(data.glob(f"*/{CHARTER}")), data / CHARTER]
    found += sorted(data.glob(f"counties/*/{CHARTER}"))
    return next((each for each in found if (each / _ROOT).is_file()), found[0])


def _continues(archive: Archive, anchor: bytes) -> bool:
    """Return whether a root file is among those of the archive's versions."""
    return any(archive.load(number).metadata["root"] == anchor for number in archive.numbers())


def _keys_of(charter: Charter, signer: str) -> dict[str, RegisteredKey[SigningPublicKey]]:
    if signer == STATION:
        return dict(charter.postmark)
    return dict(charter.ledger if signer == LEDGER else charter.signing.get(signer, {}))
