"""Names, numbers and lifetimes of the charter's repository, all in one place.

Paths are relative, with ``/``; they are also the keys of records in ``yizhan.charter``:

    metadata/<n>.root.json       every root that was ever published
    metadata/timestamp.json      the newest
    metadata/<n>.snapshot.json   metadata/<n>.targets.json   metadata/<n>.<code>.json
    targets/<sha256>.alliance.json   targets/<sha256>.policy.json   targets/counties/<code>/<sha256>.keys.json
    adoption/<n>.json            the station's announcement of version n
    history/<n>.timestamp.json   the timestamp under which version n first appeared
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from yizhan.schemas.topics import STATION_MAX_BYTES

ALLIANCE: Final = "alliance.json"
POLICY: Final = "policy.json"
ROOT: Final = "root"
TARGETS: Final = "targets"
SNAPSHOT: Final = "snapshot"
TIMESTAMP: Final = "timestamp"
MEMBER_FIELD: Final = "x-yizhan-member"
"""Attribute of a key in root: the member whose office it is."""
ROOT_FIELD: Final = "x-yizhan-root"
"""Attribute of a snapshot: the version of root that it was made under."""

MAX_METADATA_BYTES: Final = STATION_MAX_BYTES - 8192
"""Longest metadata file: it must fit a record of ``yizhan.charter``."""
MAX_TIMESTAMP_BYTES: Final = 64 * 1024
MAX_JUMP: Final = 1000
"""How far a version number may jump at once, so that nobody can use up the numbers."""

TIMESTAMP_LIFE: Final = timedelta(days=1)
"""The timestamp's lifetime: the station renews it before. Too long: a freeze is noticed late."""
SNAPSHOT_LIFE: Final = timedelta(days=400)
OFFICE_LIFE: Final = timedelta(days=400)
"""Lifetime of root and targets: a majority must sign again within it."""
COUNTY_LIFE: Final = timedelta(days=100)
"""A county's own metadata: renewed every quarter."""
REMIND: Final = timedelta(days=21)
"""How long before a role expires readers remind."""

_CODE: Final = re.compile(r"[0-9]{6}")


def keys_path(code: str) -> str:
    """Return the target path of a county's keys."""
    return f"counties/{code}/keys.json"


def is_code(name: str) -> bool:
    """Return whether a role's name is a member code."""
    return _CODE.fullmatch(name) is not None


def metadata_path(role: str, version: int | None) -> str:
    """Return the path of a role's metadata; the timestamp has no version."""
    return f"metadata/{role}.json" if version is None else f"metadata/{version}.{role}.json"


def target_path(path: str, sha256: str) -> str:
    """Return the path of a target file."""
    folder, slash, name = path.rpartition("/")
    return f"targets/{folder}{slash}{sha256}.{name}"


def adoption_path(version: int) -> str:
    """Return the path of the station's statement about a version."""
    return f"adoption/{version}.json"


def history_path(version: int) -> str:
    """Return the path of the first timestamp of a version."""
    return f"history/{version}.timestamp.json"


def majority(members: int) -> int:
    """Return the size of a majority of the members: 2 of 2, 2 of 3, 4 of 6.

    >>> [majority(n) for n in (2, 3, 4, 5, 6)]
    [2, 2, 3, 3, 4]
    """
    return members // 2 + 1
