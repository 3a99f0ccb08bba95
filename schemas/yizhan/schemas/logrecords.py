"""Records on ``yizhan.checkpoints`` besides checkpoints: the entries that each checkpoint adds.

Rule 1: a record is either a signed note or ``"YZL1" | start u64 | entries`` of 32 bytes each; big-endian.
Rule 2: entries are believed only when a signed root covers them. So every county can compute the root
        itself, prove the place of every statement that it holds, and needs nobody's word or web server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from yizhan.schemas import tiles
from yizhan.schemas.checkpoints import MAX_SIZE
from yizhan.schemas.errors import NoteInvalid

MAGIC: Final = b"YZL1"
MAX_ENTRIES: Final = 1024
"""Entries in one record: 32 KiB, below what the topic takes."""
_HEAD: Final = len(MAGIC) + 8


def write_entries(start: int, entries: Sequence[bytes]) -> bytes:
    """Write 1 to 1,024 entries of the log from a place on.

    >>> len(write_entries(70000, [bytes(32)] * 2))
    76
    """
    return MAGIC + start.to_bytes(8, "big") + b"".join(entries)


def read_entries(value: bytes) -> tuple[int, list[bytes]] | None:
    """Read a record as (place of the first entry, entries); None for one that is no entries record.

    Raises:
        NoteInvalid: it begins as one and breaks the format.
    """
    if not value.startswith(MAGIC):
        return None
    body, start = value[_HEAD:], int.from_bytes(value[len(MAGIC) : _HEAD], "big")
    count, rest = divmod(len(body), tiles.ENTRY_BYTES)
    if rest or not 1 <= count <= MAX_ENTRIES or start + count > MAX_SIZE:
        raise NoteInvalid(f"an entries record has 1 to {MAX_ENTRIES} entries of 32 bytes, this one {len(value)} bytes")
    return start, [body[at : at + tiles.ENTRY_BYTES] for at in range(0, len(body), tiles.ENTRY_BYTES)]
