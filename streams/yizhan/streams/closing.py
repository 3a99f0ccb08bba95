"""The content of a digest. Pure.

A member's pending topic, ``yizhan.pending.<c>``, is divided into periods by close records. A period's events,
each once, in the order of first appearance, are copied to ``yizhan.digests.<c>``; its manifest
comes last. An interrupted close is repeated with the same bytes, because everything that
the manifest says is in the topic and in the close record.

Rule 1: a period begins where the one before ended; nothing lies between two periods.
Rule 2: an event that an earlier period held is not held again, however often it was sent.
Rule 3: only records that the station stamped for this member count; anything else is named and left out.
Rule 4: memory does not grow with the period.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from yizhan.schemas import strictjson
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.errors import Refused, StatementInvalid
from yizhan.schemas.header import ContractModel
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.merkle import Tree, leaf_hash
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import Timestamp, instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from yizhan.schemas.charter import Charters

CLOSE_HEADER: Final = "yizhan-close"
"""Kafka header that marks a close record in a pending topic."""


class CloseRequest(ContractModel):
    """Value of a close record: the quarter's label, and the instant at which the close was requested."""

    label: str
    closed: Timestamp

    def to_bytes(self) -> bytes:
        """Serialise it."""
        return strictjson.dumps(self.model_dump())

    @classmethod
    def from_bytes(cls, data: bytes) -> CloseRequest:
        """Parse it (``ValueError`` if it is malformed)."""
        return cls.model_validate(strictjson.loads(data))


@dataclass(frozen=True, slots=True)
class BookRecord:
    """One record of a pending topic. ``stamp`` is its postmark header."""

    offset: int
    key: bytes
    value: bytes
    stamp: bytes | None
    close: bool = False


@dataclass
class Period:
    """Folds the records of one period; keeps only counters and the tree's edge.

    ``first_time`` returns whether an event hash is new, and remembers it.
    """

    county: str
    charters: Charters
    first_time: Callable[[bytes], bool]
    count: int = 0
    prompt: int = 0
    repeated: int = 0
    strange: list[tuple[int, str]] = field(default_factory=list)
    _tree: Tree = field(default_factory=Tree)

    def take(self, record: BookRecord) -> bool:
        """Add the next record of the topic; return whether it is to be copied to the digest."""
        if record.close:
            return False
        try:
            event_hash, way = self._event(record)
        except (Refused, StatementInvalid) as error:
            self.strange.append((record.offset, str(error)))
            return False
        if not self.first_time(event_hash):
            self.repeated += 1
            return False
        self._tree.append(leaf_hash(event_hash))
        self.count += 1
        self.prompt += way is not Way.DIGEST
        return True

    def _event(self, record: BookRecord) -> tuple[bytes, Way]:
        """Return hash and way of a record that the station stamped for this county."""
        if record.stamp is None:
            message = "a record without a postmark"
            raise StatementInvalid(message)
        postmark, _, _ = read_dated(Postmark, record.stamp, self.charters)
        decided = (postmark.decisions or {}).get(self.county)
        if decided is None or postmark.hash is None:
            message = f"its postmark decides nothing for {self.county}"
            raise StatementInvalid(message)
        event_hash = bytes.fromhex(postmark.hash)
        if record.value and (
            hashlib.sha256(record.value).hexdigest() != postmark.record_sha256
            or parse_envelope(record.value).hash != event_hash
        ):
            message = "the record is not the one that its postmark names"
            raise StatementInvalid(message)
        return event_hash, decided.way

    def manifest(
        self,
        request: CloseRequest,
        *,
        interim: bool,
        start: int,
        end: int,
        cluster: str,
        previous: bytes | None,
    ) -> Manifest:
        """Build the manifest of the records added. ``start`` and ``end`` are offsets, end excluded."""
        return Manifest(
            county=self.county,
            label=request.label,
            interim=interim,
            start=start,
            end=end,
            count=self.count,
            prompt=self.prompt,
            root=self._tree.root().hex(),
            charter=self.charters.in_force(instant(request.closed)).name,
            cluster=cluster,
            closed=request.closed,
            previous=None if previous is None else previous.hex(),
        )


def due(now: datetime, time_zone: str, last_closed: datetime | None, since: datetime) -> Quarter | None:
    """Return the quarter that is to be closed now, if any.

    Args:
        now: the current instant.
        time_zone: the alliance's.
        last_closed: ``closed`` of the last closing manifest.
        since: from when the alliance's first charter is in force; nothing before it is due.
    """
    quarter = Quarter.containing(now, time_zone).previous()
    end = quarter.end(time_zone)
    if since >= end or (last_closed is not None and last_closed >= end):
        return None
    return quarter
