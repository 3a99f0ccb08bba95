"""What a statement is about: read from verified bytes.

Law 2: only what verifies under the charter's station keys becomes a leaf.

Rule 1: a postmark is about the record at its origin, a closing manifest about the range that it closes,
        an adoption about the number of its version, a followup about the step of an obligation; any other
        statement is about itself.
Rule 2: a kind of statement that this program does not know is logged like the others if a postmark key
        of the newest charter signed it: a later program may know it.
Rule 3: two statements about one subject agree when only what the station knew of its own charter differs, or how
        many refused records it speaks of at once (specification 12.3): judged again, a record is the same record.
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
    """A verified statement: its bytes, what it is about, and the event that it admits, if it does."""

    statement: bytes
    subject: str
    event: str | None = None
    hash: bytes | None = None


def read_statement(data: bytes, charters: Charters) -> VerifiedStatement:
    """Verify a statement and tell what it is about.

    Raises:
        StatementInvalid: it does not verify, or has more than one line.
    """
    if b"\n" in data:
        raise StatementInvalid("a statement is one line of JSON; this one has more")
    kind = dsse.unverified_type(data)
    if kind == postmark.CONTENT_TYPE:
        mark = read_dated(Postmark, data, charters)[0]
        subject = f"{mark.origin.cluster}/{mark.origin}"
        return VerifiedStatement(data, subject, mark.id, None if mark.hash is None else bytes.fromhex(mark.hash))
    if kind == manifest.CONTENT_TYPE:
        said = read_dated(Manifest, data, charters)[0]
        if not said.interim:
            return VerifiedStatement(data, f"{kind} {said.cluster}/{said.county}/{said.start}")
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
    """Tell whether two verified statements about one subject say the same (rule 3)."""
    return _judged(first) == _judged(second)


def _judged(statement: bytes) -> tuple[str, Any]:
    said = strictjson.loads(dsse.unverified_payload(statement), nulls=False)
    if isinstance(said, dict):
        said = {name: value for name, value in said.items() if name not in _MAY_DIFFER}
    return dsse.unverified_type(statement), said


def _verified(data: bytes, kind: str, charters: Charters) -> bytes:
    """Return the payload of a statement that a postmark key of the newest charter signed."""
    keys = charters.latest().postmark
    return dsse.verify(data, kind, lambda kid: entry.key if (entry := keys.get(kid)) else None).payload
