"""Computes all outputs of one record. Pure, tested as tables.

Law 1: all outputs of a record are in one tuple, so that its offset is committed after all of them.
Law 2: decisions use the verified envelope; the record's topic and time are compared with it.
Law 3: nothing here can open a payload.
Law 5: every output carries the postmark that gives the decision and its rule.

The same record under the same charter gives the same bytes, however often it is read.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from yizhan.schemas import topics
from yizhan.schemas.admit import Admitted, Record, admit
from yizhan.schemas.errors import CharterInvalid, Malformed, Refused
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import KAFKA_HEADER, Decided, Origin, Postmark
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from yizhan.schemas.charter import Charter, Charters
    from yizhan.schemas.keys import SigningKey

log = logging.getLogger(__name__)
QUARANTINED_BYTES: Final = 4096
"""Bytes of a refused record that the quarantine shows; the record itself stays in its topic."""
MAX_DETAIL: Final = 1000


@dataclass(frozen=True, slots=True)
class Output:
    """One record to be written: always with a key, at most one Kafka header."""

    topic: str
    key: bytes
    value: bytes
    header: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Handled:
    """The result for a record. ``admitted`` is None if it was refused; ``refused`` says why."""

    outputs: tuple[Output, ...]
    admitted: Admitted | None
    refused: Refused | None
    charter_behind: bool = False


def handle(
    record: Record,
    charter: Charter,
    key: SigningKey,
    cluster: str,
    *,
    stale: bool = False,
    newest: int | None = None,
    first: int | None = None,
) -> Handled:
    """Admit, decide, stamp and route one record of an events topic.

    Args:
        record: as read; ``record.received`` is the broker's append time.
        charter: the version in force at that time.
        key: the station's postmark key, named by that charter.
        cluster: id of the Kafka cluster the record was read from.
        stale: whether the station's charter could not be refreshed at that time.
        newest: number of the newest version that the station knows; this one's if None.
        first: of a refused record: offset from which on all were refused and share this postmark.

    Returns:
        The records to write, in order. No record makes it raise.
    """
    value = record.value or b""
    seen = Postmark.model_construct(
        record_sha256=hashlib.sha256(value).hexdigest(),
        origin=Origin(cluster=cluster, topic=record.topic, partition=record.partition, offset=record.offset),
        received=written(record.received),
        charter=charter.name,
        charter_stale=True if stale else None,
    )
    try:
        admitted = _admit(record, charter)
    except Refused as refused:
        outcome = {"refused": refused.reason, "detail": str(refused)[:MAX_DETAIL], "first": first}
        postmark = seen.model_copy(update=outcome)
        return Handled(_refusal(record, value, postmark, key), None, refused)
    behind = int(admitted.header.charter.partition("-")[0]) > (newest or charter.version)
    decisions = {code: Decided(way=made.way, rule=made.rule) for code, made in admitted.decisions.items()}
    postmark = seen.model_copy(
        update={
            "id": admitted.header.id,
            "hash": admitted.verified.hash.hex(),
            "decisions": decisions,
            "clock_suspect": True if admitted.clock_suspect else None,
            "charter_behind": True if behind else None,
        }
    )
    return Handled(_routes(admitted, value, postmark.signed(key)), admitted, None, behind)


def _admit(record: Record, charter: Charter) -> Admitted:
    """Admit a record; an error in our code refuses this one record and does not end the service."""
    try:
        return admit(record, charter)
    except (Refused, MemoryError, OSError):
        raise
    except Exception as error:
        log.exception("a fault of this program at %s/%d", record.topic, record.offset)
        message = (
            f"the station met a fault of its own ({type(error).__name__}) and could not examine this record; "
            "it is kept: tell whoever runs the station"
        )
        raise Malformed(message) from error


def postmark_key(charters: Charters, keys: Mapping[str, SigningKey], moment: datetime) -> SigningKey:
    """Return the station's key that the charter in force names; of several, the first.

    Raises:
        CharterInvalid: it names none of ours that is valid then.
    """
    charter = charters.in_force(moment)
    for kid, entry in charter.postmark.items():
        if kid in keys and entry.holds(moment):
            return keys[kid]
    message = (
        f"charter {charter.name} names no postmark key of this station that holds at {written(moment)}; "
        "register it in a new charter, or put the key file in place"
    )
    raise CharterInvalid(message)


def _routes(admitted: Admitted, value: bytes, stamp: bytes) -> tuple[Output, ...]:
    header = admitted.header
    name, mark = header.id.encode(), (KAFKA_HEADER, stamp)
    outputs = []
    for recipient, decision in admitted.decisions.items():
        if decision.way is Way.DIGEST:
            outputs.append(Output(topics.pending(recipient), name, value, mark))
        else:
            outputs.append(Output(topics.alerts(recipient), name, value, mark))
            outputs.append(Output(topics.pending(recipient), name, b"", mark))  # a reference
    return (
        *outputs,
        Output(topics.postings(header.county), name, stamp),
        Output(topics.AUDIT, name, stamp),
    )


def _refusal(record: Record, value: bytes, postmark: Postmark, key: SigningKey) -> tuple[Output, ...]:
    place, stamp = str(postmark.origin).encode(), postmark.signed(key)
    outputs = [
        Output(topics.QUARANTINE, place, value[:QUARANTINED_BYTES], (KAFKA_HEADER, stamp)),
        Output(topics.AUDIT, place, stamp),
    ]
    # Only the member that owns a topic can write there, so the refusal goes to that member.
    if (owner := topics.member_of_events(record.topic)) is not None:
        outputs.append(Output(topics.postings(owner), place, stamp))
    return tuple(outputs)
