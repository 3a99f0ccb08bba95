"""The list of a backup: what is in it, with sizes and hashes, and the signed statement that names the list.

Rule 1: the list is a file of its own, since it may be longer than a statement; the statement names its hash.
Rule 2: paths are relative to the home, with ``/``, and never lead out of it.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from yizhan.schemas import dsse, strictjson
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.header import CharterName, ContractModel, Hex32, MemberCode
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.timestamps import Timestamp

CONTENT_TYPE: Final = "application/vnd.yizhan.backup.v1+json"

Scope = Literal["home", "county", "station"]
FileKind = Literal["store", "access_log", "keep", "file"]
"""An SQLite database; the access log; what is only added where it is missing (charter, keys); anything else."""
Why = Literal["no_keys", "broker_runs", "rebuilt", "fetched_again"]
"""Why something was left out: keys were not asked for; a copy of a running Kafka is useless; it is made again from
what is in the backup; it is fetched again."""

_Count = Annotated[int, Field(ge=0, le=strictjson.MAX_INTEGER)]


class BackedUpFile(ContractModel):
    """One file. ``schema_version`` (``PRAGMA user_version``) and ``rows`` (table → count) are a database's."""

    path: Annotated[str, Field(min_length=1, max_length=1024)]
    kind: FileKind
    bytes: _Count
    sha256: Hex32
    schema_version: _Count | None = None
    rows: dict[str, _Count] | None = None

    @model_validator(mode="after")
    def _stays_inside(self) -> Self:
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or str(path) != self.path:
            message = "expected a relative path inside the home"
            raise ValueError(message)
        return self


class LeftOut(ContractModel):
    """What a backup does not have, and why."""

    path: str
    why: Why


class BackupList(ContractModel):
    """Everything in a backup, in the order in which it was copied."""

    scope: Scope
    county: MemberCode | None
    made: Timestamp
    charter: CharterName
    program: str
    keys: bool
    files: Annotated[tuple[BackedUpFile, ...], Field(strict=False)]
    left_out: Annotated[tuple[LeftOut, ...], Field(strict=False)]

    def to_bytes(self) -> bytes:
        """Write it: the same list gives the same bytes."""
        return strictjson.dumps(self.model_dump(mode="json", exclude_none=True))


class BackupStatement(ContractModel):
    """What is signed: the list's hash, whose backup it is, whose key signs (a member's, ``station``, ``ledger``)."""

    scope: Scope
    county: MemberCode | None = None
    made: Timestamp
    charter: CharterName
    signer: Annotated[str, Field(pattern=r"^([0-9]{6}|station|ledger)$")]
    list_sha256: Hex32

    def signed(self, key: SigningKey) -> bytes:
        """Write and sign it as a DSSE document."""
        return dsse.sign(CONTENT_TYPE, strictjson.dumps(self.model_dump(mode="json", exclude_none=True)), key)


def unverified_statement(data: bytes) -> BackupStatement:
    """Read a statement before its signature is checked: only to choose the key.

    Raises:
        StatementInvalid: it is no statement of a backup.
    """
    try:
        if dsse.unverified_type(data) != CONTENT_TYPE:
            message = "not the statement of a backup"
            raise StatementInvalid(message)
        return BackupStatement.model_validate(strictjson.loads(dsse.unverified_payload(data), nulls=False))
    except (strictjson.StrictJsonError, ValidationError) as error:
        message = f"not the statement of a backup: {error}"
        raise StatementInvalid(message) from None


def read_list(data: bytes, statement: BackupStatement) -> BackupList:
    """Read the list that a verified statement names.

    Raises:
        StatementInvalid: it is another list, or none.
    """
    if hashlib.sha256(data).hexdigest() != statement.list_sha256:
        message = "the list of files is not the one that was signed"
        raise StatementInvalid(message)
    try:
        value = strictjson.loads(data)
        return BackupList.model_validate({"county": None, **value})
    except (strictjson.StrictJsonError, ValidationError, TypeError) as error:
        message = f"the list of files cannot be read: {error}"
        raise StatementInvalid(message) from None
