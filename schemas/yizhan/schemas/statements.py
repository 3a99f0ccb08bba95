"""Statements that the station signs: postmarks, manifests, adoptions, followups.

Rule 1: a statement is strict JSON in a DSSE document; its type is signed with it.
Rule 2: it is read only as a whole: signature, form, and a key that held when it was made.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError

from yizhan.schemas import dsse, strictjson
from yizhan.schemas.charter import Charter, Charters
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.header import ContractModel
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.timestamps import instant


class StationStatement(ContractModel):
    """Base of what the station signs with its postmark key."""

    content_type: ClassVar[str]
    former_types: ClassVar[frozenset[str]] = frozenset()
    """Other types under which it is read."""

    made_attribute: ClassVar[str]
    """Which attribute is the instant that the statement speaks of."""

    @property
    def form(self) -> str:
        """The type under which this one is signed: it says which attributes it must have."""
        return self.content_type

    @property
    def made(self) -> datetime:
        """Instant at which the signing key must have held."""
        return instant(getattr(self, self.made_attribute))

    def payload(self) -> bytes:
        """Write it as the bytes to be signed: the same statement gives the same bytes."""
        return strictjson.dumps(self.model_dump(mode="json", exclude_none=True))

    def signed(self, key: SigningKey) -> bytes:
        """Write and sign it as a DSSE document."""
        return dsse.sign(self.form, self.payload(), key)

    def signed_hash(self) -> bytes:
        """Return what names it, 32 bytes: SHA-256 of what is signed."""
        return hashlib.sha256(dsse.pae(self.form, self.payload())).digest()


_Statement = TypeVar("_Statement", bound=StationStatement)


def read_statement(kind: type[_Statement], data: bytes, charter: Charter) -> tuple[_Statement, bytes]:
    """Verify a statement under the station's keys of a charter.

    Returns:
        The statement, and its hash (32 bytes: SHA-256 of what was signed).

    Raises:
        StatementInvalid: it does not verify, or is not what it must be.
    """
    return _read(kind, data, charter)


def _read(
    kind: type[_Statement], data: bytes, charter: Charter, parsed: dict[str, Any] | None = None
) -> tuple[_Statement, bytes]:
    """Read as ``read_statement``; ``parsed`` is the payload's JSON, if it is at hand."""
    document = dsse.verify(
        data,
        kind.former_types | {kind.content_type},
        lambda kid: entry.key if (entry := charter.postmark.get(kid)) else None,
    )
    try:
        value = strictjson.loads(document.payload, nulls=False) if parsed is None else parsed
        statement = kind.model_validate(value)
    except (strictjson.StrictJsonError, ValidationError) as error:
        message = f"signed by the station, but not a {kind.__name__.lower()}: {error}"
        raise StatementInvalid(message) from None
    if statement.form != document.kind:
        message = f"signed by the station as {document.kind}, but with what belongs to {statement.form}"
        raise StatementInvalid(message)
    if strictjson.dumps(value) != document.payload:
        message = "signed by the station, but not in the compact writing: the same statement has the same bytes"
        raise StatementInvalid(message)
    if not charter.postmark[document.kid].holds(statement.made):
        message = f"signed with station key {document.kid[:16]}…, which does not hold at {statement.made.isoformat()}"
        raise StatementInvalid(message)
    return statement, document.hash


def read_dated(kind: type[_Statement], data: bytes, charters: Charters) -> tuple[_Statement, bytes, Charter]:
    """Verify a statement under the charter that was in force when it was made.

    The time is read before it is verified, only to choose the charter; the signature under that
    charter's key then covers it.

    Returns:
        The statement, its hash (32 bytes), and the charter.

    Raises:
        StatementInvalid: it does not verify, or is not what it must be.
    """
    try:
        unverified = strictjson.loads(dsse.unverified_payload(data), nulls=False)
        name = unverified.get("charter")
        charter = charters.charter_for(
            instant(unverified[kind.made_attribute]), name if isinstance(name, str) else None
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"not a {kind.__name__.lower()}: {error}"
        raise StatementInvalid(message) from None
    return *_read(kind, data, charter, unverified), charter
