"""What the station refused: where each record stood, and why.

Rule 1: only what the station signed is its statement; an entry without a good postmark says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from yizhan.schemas import topics
from yizhan.schemas.charter import Charters
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.postmark import KAFKA_HEADER, Postmark
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import written
from yizhan.services.home import Home
from yizhan.streams.cluster import Cluster

_FIRST_BYTES: Final = 128


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """One refused record; ``verified`` is whether the station's signature on it holds."""

    offset: int
    origin: str
    verified: bool
    size: int
    first_bytes: str
    reason: str | None = None
    detail: str | None = None
    received: str | None = None
    record_sha256: str | None = None
    charter: str | None = None


def list_quarantine(
    home: Home,
    principal: Literal["station", "auditor"] = "station",
    reason: str | None = None,
    since: datetime | None = None,
) -> list[QuarantineEntry]:
    """List refused records that match, the newest last.

    Raises:
        StationError: no broker answers.
    """
    cluster = Cluster(home.settings.connection(principal))
    try:
        cluster.check_topics([topics.QUARANTINE])
        end = cluster.ends([topics.QUARANTINE])[topics.QUARANTINE]
        found = [
            _entry(each.offset, each.key, each.value or b"", dict(each.headers).get(KAFKA_HEADER), home.charters)
            for each in cluster.read(topics.QUARANTINE, 0, end)
        ]
    finally:
        cluster.close()
    start = "" if since is None else written(since)
    return [entry for entry in found if (reason is None or entry.reason == reason) and (entry.received or "") >= start]


def _entry(offset: int, key: bytes | None, value: bytes, stamp: bytes | None, charters: Charters) -> QuarantineEntry:
    hinted = (key or b"").decode("utf-8", "backslashreplace")
    first = value[:_FIRST_BYTES].hex()
    try:
        postmark, _hash, _charter = read_dated(Postmark, stamp or b"", charters)
    except StatementInvalid as error:
        return QuarantineEntry(offset, hinted, verified=False, detail=str(error), size=len(value), first_bytes=first)
    return QuarantineEntry(
        offset=offset,
        origin=str(postmark.origin),
        verified=True,
        reason=None if postmark.refused is None else postmark.refused.value,
        detail=postmark.detail,
        received=postmark.received,
        record_sha256=postmark.record_sha256,
        charter=postmark.charter,
        size=len(value),
        first_bytes=first,
    )
