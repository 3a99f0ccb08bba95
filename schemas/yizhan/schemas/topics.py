"""The declaration of all topics: names, writers, readers, retention, sizes.

Rule 1: configuration, access rules and quotas of any broker follow from :func:`declare`; brokers
        never make a topic by themselves.
Rule 2: every topic has one partition, so one county's events have one order.
Rule 3: time is the broker's (``LogAppendTime``); a producer's is a hint that nobody reads.
Rule 4: nobody compresses. The broker does not decompress what a county writes (a few bytes can claim gigabytes):
        it stores the batch as it is, and readers refuse it unread.
Rule 5: what the station forwards and stamps may be larger than anything that it takes in.

Principals are ``county-<code>``, ``station``, ``ledger``, ``auditor`` and ``admin``: with mutual
TLS the common names of the certificates. Nothing here touches a broker.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

STATION: Final = "station"
LEDGER: Final = "ledger"
AUDITOR: Final = "auditor"
ADMIN: Final = "admin"

QUARANTINE: Final = "yizhan.quarantine"
AUDIT: Final = "yizhan.audit"
CHECKPOINTS: Final = "yizhan.checkpoints"
CHARTER: Final = "yizhan.charter"
FOLLOWUPS: Final = "yizhan.followups"
TICKS: Final = "yizhan.ticks"
PARTS: Final = "yizhan.parts"
"""Which part of the station serves a member; only where parts share the members."""
OBSERVATIONS: Final = "yizhan.observations"
"""What one part of the station tells the others of obligations; only where parts share the members."""
MAIN: Final = "main"
"""The part that serves every member that no other part serves."""

EVENTS_MAX_BYTES: Final = 1024 * 1024
"""A record batch on an events topic: envelope, headers, framing. Smaller: legal events bounce."""
STATION_MAX_BYTES: Final = 2 * 1024 * 1024
"""A record batch that the station writes. Not above the events': a forward could fail for ever."""
NOTE_MAX_BYTES: Final = 64 * 1024
"""A checkpoint or a cosignature: a signed note of a few hundred bytes."""

CHUNK_MAX_BYTES: Final = 1024 * 1024
"""A chunk of an attached file: 512 KiB, its proof, framing."""
ATTACHMENTS_DAYS: Final = 120
"""How long chunks are kept: longer than a quarter, whose digest may name them at its end."""

FOR_EVER: Final = -1
_DAY_MS: Final = 24 * 60 * 60 * 1000
_TABLE_MAX_BYTES: Final = 1024 * 1024
"""A record batch of the table, and a segment of it: a batch must fit a segment, and Kafka allows none smaller.

The table holds no event: a row is made from a header, which is far smaller."""
_SMALL_TABLE: Final = (
    ("delete.retention.ms", str(10 * 60 * 1000)),
    ("min.cleanable.dirty.ratio", "0.1"),
    ("segment.bytes", str(_TABLE_MAX_BYTES)),
)
"""The table is changed for ever and holds little: old records go soon. Kafka compacts closed segments only, and keeps
what deletes a row for a day unless told otherwise: here ten minutes, which is longer than a start takes (a reader that
began before must still meet the deletion of a row that it read)."""
_OBSERVATIONS_DAYS: Final = 40
_MEMBER: Final = re.compile(r"[0-9]{6}")
_PART: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")
_EVENTS: Final = re.compile(r"yizhan\.events\.([0-9]{6})")


def county(member: str) -> str:
    """Return the principal of a member: ``county-350924``."""
    return f"county-{member}"


def events(member: str) -> str:
    """Return the topic where a member publishes."""
    return f"yizhan.events.{member}"


def alerts(member: str) -> str:
    """Return the topic of what reaches a member at once: alarms and notices."""
    return f"yizhan.alerts.{member}"


def pending(member: str) -> str:
    """Return the topic that has all that was sent to a member until a period closes."""
    return f"yizhan.pending.{member}"


def digests(member: str) -> str:
    """Return the topic of a member's closed periods."""
    return f"yizhan.digests.{member}"


def postings(member: str) -> str:
    """Return the topic of the station's answers to what a member sent."""
    return f"yizhan.postings.{member}"


def attachments(member: str) -> str:
    """Return the topic of the sealed chunks of the files that a member attached."""
    return f"yizhan.attachments.{member}"


def cosignatures(member: str) -> str:
    """Return the topic where a member countersigns checkpoints."""
    return f"yizhan.cosignatures.{member}"


def followups(part: str = MAIN) -> str:
    """Return the topic that is the table of obligations of one part of the station."""
    return FOLLOWUPS if part == MAIN else f"{FOLLOWUPS}.{part}"


def ticks(part: str = MAIN) -> str:
    """Return the topic of the instants at which one part of the station looks at what is due."""
    return TICKS if part == MAIN else f"{TICKS}.{part}"


def part_group(part: str = MAIN) -> str:
    """Return the consumer group of one part of the station: ``yizhan-station``, ``yizhan-station-east``."""
    return group_prefix(STATION) if part == MAIN else group(STATION, part)


def member_of_events(topic: str) -> str | None:
    """Return the member code in the name of an events topic, or None for any other name.

    >>> member_of_events("yizhan.events.350924")
    '350924'
    >>> member_of_events("yizhan.alerts.350924") is None
    True
    """
    match = _EVENTS.fullmatch(topic)
    return match[1] if match else None


def group(principal: str, role: str) -> str:
    """Return the consumer group of a principal's process: ``yizhan-county-350924-inbox``.

    A principal may use every group whose name begins with :func:`group_prefix`, and no other.
    """
    return f"{group_prefix(principal)}-{role}"


def group_prefix(principal: str) -> str:
    """Return what the group names of a principal begin with: ``yizhan-station``.

    No principal's prefix begins another's, because member codes all have six digits.
    """
    return f"yizhan-{principal}"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as every broker must have it.

    ``writers`` and ``readers`` are principals. ``retention_ms`` is in milliseconds, -1 for ever;
    with ``cleanup="compact"`` it does not apply. ``max_message_bytes`` bounds a record batch.
    ``extra`` are further topic settings in Kafka's own words.
    """

    name: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    retention_ms: int
    max_message_bytes: int
    cleanup: Literal["delete", "compact"] = "delete"
    extra: tuple[tuple[str, str], ...] = ()
    compression: Literal["uncompressed", "producer"] = "uncompressed"

    @property
    def partitions(self) -> int:
        """One, always (rule 2)."""
        return 1

    def config(self) -> dict[str, str]:
        """Return all settings of the topic, in Kafka's words."""
        return {
            "cleanup.policy": self.cleanup,
            "compression.type": self.compression,
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "LogAppendTime",
            "retention.bytes": "-1",
            "retention.ms": str(self.retention_ms),
            **dict(self.extra),
        }


@dataclass(frozen=True, slots=True)
class Quota:
    """Bytes a second that a principal may produce and consume, and the share of one broker thread, averaged over 11 s.

    Too low: a digest or the catching up of an inbox crawls; too high: one flooding member takes
    the disk and the line from the others.
    """

    principal: str
    produce_bytes_per_second: int
    consume_bytes_per_second: int
    thread_percent: int | None = None
    """Of one thread; None: no bound. The broker reads through a compressed batch: bytes alone do not bound that."""


def declare(members: Sequence[str], parts: Sequence[str] = ()) -> tuple[Topic, ...]:
    """Return every topic of an alliance.

    ``members`` are six-digit GB/T 2260 codes; ``parts`` the station's parts beside ``MAIN``; the order of neither
    matters. Raises ``ValueError`` for no member, for one that is not six ASCII digits, for a part whose name is not of
    the form ``[a-z][a-z0-9-]{0,30}``, and for one of either named twice.
    """
    codes = _checked(members)
    everybody = (*map(county, codes), STATION, LEDGER, AUDITOR)
    topics: list[Topic] = []
    for code in codes:
        topics += _of_member(code, everybody, tuple(county(other) for other in codes if other != code))
    topics += [
        _written_by_station(QUARANTINE, (STATION, AUDITOR), 400),
        _written_by_station(AUDIT, (STATION, LEDGER, AUDITOR), FOR_EVER),
        Topic(CHECKPOINTS, (LEDGER,), everybody, FOR_EVER, NOTE_MAX_BYTES),
        Topic(CHARTER, (STATION,), everybody, FOR_EVER, STATION_MAX_BYTES, "compact"),
        *_of_part(MAIN),
    ]
    for part in _checked_parts(parts):
        topics += _of_part(part)
    if parts:
        own = ((STATION,), (STATION,))
        topics += [
            Topic(PARTS, *own, FOR_EVER, NOTE_MAX_BYTES, "compact"),
            Topic(OBSERVATIONS, *own, _OBSERVATIONS_DAYS * _DAY_MS, _TABLE_MAX_BYTES),
        ]
    return tuple(topics)


def quotas(members: Sequence[str]) -> tuple[Quota, ...]:
    """Return the quota of every principal except the administrator. Raises as :func:`declare`."""
    mib = 1024 * 1024
    return (
        *(Quota(county(code), 8 * mib, 32 * mib, 100) for code in _checked(members)),
        Quota(STATION, 64 * mib, 64 * mib),
        Quota(LEDGER, 16 * mib, 32 * mib),
        Quota(AUDITOR, mib, 32 * mib),
    )


def principals(members: Sequence[str]) -> tuple[str, ...]:
    """Return everyone who needs a certificate, the broker aside. Raises as :func:`declare`."""
    return (ADMIN, STATION, AUDITOR, LEDGER, *map(county, _checked(members)))


def _of_part(part: str) -> list[Topic]:
    return [
        Topic(followups(part), (STATION,), (STATION,), FOR_EVER, _TABLE_MAX_BYTES, "compact", _SMALL_TABLE),
        Topic(ticks(part), (STATION,), (STATION,), _DAY_MS, NOTE_MAX_BYTES),
    ]


def _checked_parts(parts: Sequence[str]) -> tuple[str, ...]:
    for part in parts:
        if not _PART.fullmatch(part) or part == MAIN:
            raise ValueError(f"parts: expected names like east, other than {MAIN}, came {part!r}")
    if len(set(parts)) != len(parts):
        raise ValueError(f"parts: expected each once, came {', '.join(parts)}")
    return tuple(sorted(parts))


def _of_member(code: str, everybody: tuple[str, ...], others: tuple[str, ...]) -> list[Topic]:
    me = county(code)
    return [
        _written_by_county(events(code), me, (STATION, AUDITOR), FOR_EVER, EVENTS_MAX_BYTES),
        # The station is blind, and an alarm never stands behind a film: chunks go past it, on a topic of their own.
        _written_by_county(attachments(code), me, others, ATTACHMENTS_DAYS * _DAY_MS, CHUNK_MAX_BYTES),
        _written_by_station(alerts(code), (me,), 400),
        _written_by_station(pending(code), (STATION,), 800),
        _written_by_station(digests(code), (me, STATION), 800),
        _written_by_station(postings(code), (me,), 400),
        _written_by_county(cosignatures(code), me, everybody, FOR_EVER, NOTE_MAX_BYTES),
    ]


def _written_by_county(
    name: str, writer: str, readers: tuple[str, ...], retention_ms: int, max_message_bytes: int
) -> Topic:
    return Topic(name, (writer,), readers, retention_ms, max_message_bytes, compression="producer")


def _written_by_station(name: str, readers: tuple[str, ...], days: int) -> Topic:
    retention_ms = FOR_EVER if days == FOR_EVER else days * _DAY_MS
    return Topic(name, (STATION,), readers, retention_ms, STATION_MAX_BYTES)


def _checked(members: Sequence[str]) -> tuple[str, ...]:
    codes = tuple(sorted(members))
    if not codes:
        raise ValueError("members: expected at least one code, got none")
    for code in codes:
        if not _MEMBER.fullmatch(code):
            raise ValueError(f"members: expected six digits (GB/T 2260), came {code!r}")
    if len(set(codes)) != len(codes):
        raise ValueError(f"members: expected each code once, came {', '.join(codes)}")
    return codes
