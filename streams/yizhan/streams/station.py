"""Computes all outputs of one record. Pure, tested as tables.

Law 1: all outputs of a record are in one tuple, so that its offset is committed after all of them.
Law 2: decisions use the verified envelope; the record's topic and time are compared with it.
Law 3: nothing here can open a payload.
Law 5: every output carries the postmark that gives the decision and its rule.

The same record under the same charter, after the same records, gives the same bytes, however often it is read. What the
station stamped before it died it does not stamp again: see ``Stamped``.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from yizhan.schemas import topics
from yizhan.schemas.admit import Admitted, Record, admit
from yizhan.schemas.errors import CharterInvalid, Malformed, Refused
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import Ref
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import KAFKA_HEADER, Decided, Origin, Postmark
from yizhan.schemas.postmark_steps import EventStamp, postmark_entries
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
class Stamped:
    """A postmark, and its bytes as they were signed."""

    postmark: Postmark
    signed: bytes


@dataclass(frozen=True, slots=True)
class Handled:
    """The result for a record. ``admitted`` is None if it was refused; ``refused`` says why.

    ``steps`` are what the event opens and ends, as it was computed now: none if the postmark was known before.
    """

    outputs: tuple[Output, ...]
    admitted: Admitted | None
    refused: Refused | None
    stamped: Stamped
    steps: Sequence[Followup] = ()


class EventObligations(NamedTuple):
    """Where a record's steps of obligations come from: computed anew, or in the postmark that it has already."""

    observe: Callable[[Admitted], Sequence[Followup]] = lambda _admitted: ()
    known: Stamped | None = None


def handle(
    record: Record,
    charter: Charter,
    key: SigningKey,
    cluster: str,
    *,
    stale: bool = False,
    newest: int | None = None,
    obligations: EventObligations = EventObligations(),  # noqa: B008 -- immutable
) -> Handled:
    """Admit, decide, stamp and route one record of an events topic.

    Args:
        record: as read; ``record.received`` is the broker's append time.
        charter: the version in force at that time.
        key: the station's postmark key, named by that charter.
        cluster: id of the Kafka cluster the record was read from.
        stale: whether the station's charter could not be refreshed at that time.
        newest: number of the newest version that the station knows; this one's if None.
        obligations: what an admitted event opens and ends; a postmark that is known is sent again as it is.

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
        postmark = seen.model_copy(update={"refused": refused.reason, "detail": str(refused)[:MAX_DETAIL]})
        stamped = Stamped(postmark, postmark.signed(key))
        return Handled(_refusal(record, value, stamped), None, refused, stamped)
    known, observe = obligations.known, obligations.observe
    if known is not None:
        steps = () if known.postmark.tells_all else observe(admitted)
        return Handled(_routes(admitted, value, known.signed), admitted, None, known, steps)
    steps = observe(admitted)
    postmark = seen.model_copy(update=_admission(admitted, seen, steps, newest or charter.version))
    stamped = Stamped(postmark, postmark.signed(key))
    return Handled(_routes(admitted, value, stamped.signed), admitted, None, stamped, steps)


def refuse_together(last: Record, refused: Handled, first: int, key: SigningKey) -> Handled:
    """Let the postmark of a refused record speak of all from an offset on, which were refused, too, and have none."""
    postmark = refused.stamped.postmark.model_copy(update={"first": first})
    stamped = Stamped(postmark, postmark.signed(key))
    return replace(refused, outputs=_refusal(last, last.value or b"", stamped), stamped=stamped)


def _admission(admitted: Admitted, seen: Postmark, steps: Sequence[Followup], newest: int) -> dict[str, Any]:
    """Return what a postmark says of an admitted event."""
    event = Ref(id=admitted.header.id, hash=admitted.verified.hash.hex())
    opens, ends = postmark_entries(steps, EventStamp(event, seen.received, seen.charter))
    return {
        "id": event.id,
        "hash": event.hash,
        "decisions": {code: Decided(way=made.way, rule=made.rule) for code, made in admitted.decisions.items()},
        "opens": opens,
        "ends": ends,
        "clock_suspect": True if admitted.clock_suspect else None,
        "charter_behind": True if int(admitted.header.charter.partition("-")[0]) > newest else None,
    }


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


def _refusal(record: Record, value: bytes, stamped: Stamped) -> tuple[Output, ...]:
    place, stamp = str(stamped.postmark.origin).encode(), stamped.signed
    outputs = [
        Output(topics.QUARANTINE, place, value[:QUARANTINED_BYTES], (KAFKA_HEADER, stamp)),
        Output(topics.AUDIT, place, stamp),
    ]
    # Only the member that owns a topic can write there, so the refusal goes to that member.
    if (owner := topics.member_of_events(record.topic)) is not None:
        outputs.append(Output(topics.postings(owner), place, stamp))
    return tuple(outputs)
