"""What a county's equipment is made of, in figures: lanes, receipts owed, keys and roles by their term, versions.

Rule 1: no key file is opened: terms are the charter's, and what is shown of a key is the first digits of its id.
Rule 2: whether something is a problem, and what helps, is ``status``'s to say; nothing of a partner's content is here.
"""

from __future__ import annotations

import sqlite3
import sys
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from yizhan.charter.reader import Expiry
from yizhan.consumers.export import ExportedLane
from yizhan.consumers.items import Gap
from yizhan.services.home import Home
from yizhan.services.key_admin import registered_keys
from yizhan.services.keys import KeyStatus, key_status
from yizhan.services.stores import read_inbox

_SHOWN_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One lane to us: the last number that its sender announced, how many came, which are missing."""

    source: str
    book: str
    lane: str
    head: int
    received: int
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class KeyTerm:
    """A key that the charter names for the county; ``until`` is None for one without an end."""

    role: str
    kid8: str
    status: KeyStatus
    until: datetime | None


@dataclass(frozen=True, slots=True)
class MetricsPort:
    """Where a kind of process tells its metrics; ``port`` is None where the settings name none."""

    process: str
    port: int | None


@dataclass(frozen=True, slots=True)
class Equipment:
    """What was found at an instant; ``charter_stale_from`` is from when the charter is stale if no news comes."""

    lanes: tuple[LaneStatus, ...]
    receipts_owed: int
    keys: tuple[KeyTerm, ...]
    roles: tuple[Expiry, ...]
    charter: str
    charter_from: datetime
    charter_stale_from: datetime | None
    versions: tuple[tuple[str, str], ...]
    """(name, version): the program's, Python's, SQLite's."""
    metrics_host: str
    metrics: tuple[MetricsPort, ...]


def county_equipment(home: Home, county: str, now: datetime) -> Equipment:
    """Look at the equipment of a county (``StoreError``: its inbox cannot be read)."""
    home.member(county)
    with read_inbox(home, county) as inbox:
        gaps = () if inbox is None else inbox.gaps()
        lanes = () if inbox is None else inbox.lanes()
        owed = 0 if inbox is None else inbox.count_owed_receipts()
    reader = home.reader_of(county)
    charter, settings = reader.latest(), home.settings
    keys = [
        KeyTerm(role, kid[:_SHOWN_DIGITS], key_status(entry, now), entry.not_after)
        for role, kid, entry in registered_keys(charter, county)
    ]
    return Equipment(
        lanes=tuple(_lane(each, gaps) for each in lanes),
        receipts_owed=owed,
        keys=tuple(sorted(keys, key=lambda each: (each.until is None, each.until, each.role))),
        roles=reader.expiries(),
        charter=charter.name,
        charter_from=charter.holds_from,
        charter_stale_from=reader.status().stale_from,
        versions=(("yizhan", _own_version()), ("Python", sys.version.split()[0]), ("SQLite", sqlite3.sqlite_version)),
        metrics_host=settings.metrics_host,
        metrics=(
            MetricsPort("inbox", settings.inbox_metrics_port),
            MetricsPort("outbox", settings.outbox_metrics_port),
            MetricsPort("desk", settings.desk_metrics_port),
            MetricsPort("cosign", settings.cosigner_metrics_port),
        ),
    )


def _lane(lane: ExportedLane, gaps: tuple[Gap, ...]) -> LaneStatus:
    received = sum(each.last - each.first + 1 for each in lane.spans)
    name = (lane.source, lane.book, lane.lane)
    missing = tuple(each for each in gaps if (each.source, each.book, each.lane) == name)
    return LaneStatus(*name, lane.head, received, missing)


def _own_version() -> str:
    try:
        return version("yizhan")
    except PackageNotFoundError:
        return ""
