"""The subject of a statement, read from verified bytes.

Law 2: only what verifies under the charter's station keys becomes a leaf.

Rule 1: a postmark's subject is the record at its origin, a closing manifest's the range that it closes,
        an adoption's the number of its version, a followup's the step of an obligation; any other
        statement is its own subject.
Rule 2: a kind of statement that this program does not know is logged like the others if a postmark key
        of the newest charter signed it: a later program may know it.
Rule 3: two statements about one subject agree if they differ only in what the station knew of its own charter, or in
        how many refused records they report together (specification 12.3): judging a record again changes no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from yizhan.schemas import adoption, dsse, followups, manifest, postmark, strictjson
from yizhan.schemas.adoption import Adoption
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.followups import Followup
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.proofs import entry_of
from yizhan.schemas.statements import read_dated

if TYPE_CHECKING:
    from yizhan.schemas.charter import Charters


_MAY_DIFFER: Final = frozenset({"charter_behind", "charter_stale", "first"})


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A verified statement: its bytes, its subject, and the event that it admits, if any."""

    statement: bytes
    subject: str
    event: str | None = None
    hash: bytes | None = None


def read_statement(data: bytes, charters: Charters) -> VerifiedStatement:
    """Verify a statement and return it with its subject.

    Raises:
        StatementInvalid: it does not verify, or has more than one line.
    """
    if b"\n" in data:
        raise StatementInvalid("a statement is one line of JSON; this one has more")
    kind = dsse.unverified_type(data)
    if kind in postmark.CONTENT_TYPES:
        mark = read_dated(Postmark, data, charters)[0]
        subject = f"{mark.origin.cluster}/{mark.origin}"
        return VerifiedStatement(data, subject, mark.id, None if mark.hash is None else bytes.fromhex(mark.hash))
    if kind == manifest.CONTENT_TYPE:
        closing = read_dated(Manifest, data, charters)[0]
        if not closing.interim:
            return VerifiedStatement(data, f"{kind} {closing.cluster}/{closing.county}/{closing.start}")
        return VerifiedStatement(data, f"{kind} {entry_of(data).hex()}")
    if kind == adoption.CONTENT_TYPE:
        adopted = Adoption.model_validate(strictjson.loads(_verified(data, kind, charters)))
        return VerifiedStatement(data, f"{kind} {adopted.charter.partition('-')[0]}")
    if kind == followups.CONTENT_TYPE:
        owed = read_dated(Followup, data, charters)[0]
        return VerifiedStatement(data, f"{kind} {owed.obligation} {owed.step}")
    _verified(data, kind, charters)
    return VerifiedStatement(data, f"{kind} {entry_of(data).hex()}")


def agree(first: bytes, second: bytes) -> bool:
    """Return whether two verified statements about one subject agree (rule 3)."""
    return _judged(first) == _judged(second)


def _judged(statement: bytes) -> tuple[str, Any]:
    judged = strictjson.loads(dsse.unverified_payload(statement), nulls=False)
    if isinstance(judged, dict):
        judged = {name: value for name, value in judged.items() if name not in _MAY_DIFFER}
    return dsse.unverified_type(statement), judged


def _verified(data: bytes, kind: str, charters: Charters) -> bytes:
    """Return the payload of a statement that a postmark key of the newest charter signed."""
    keys = charters.latest().postmark
    return dsse.verify(data, kind, lambda kid: entry.key if (entry := keys.get(kid)) else None).payload
