"""The table of obligations: the records of the compacted topic ``yizhan.followups``.

Rule 1: one row per event that opened obligations, with all of these, and one key for the table's progress. Obligations
        of a period, and those of an event beyond ``ROW_OBLIGATIONS``, have rows of their own. Only the owner of the
        partition writes.
Rule 2: how much a start reads depends on how many obligations are open, not on how many ever were. Each progress
        says ``first``: no open obligation has its last record before that offset. While too many records lie
        between, the station writes the oldest rows again, one for each record that it writes anyway.
Rule 3: ``first`` counts acknowledged records only, and stops where a record of another station lies between ours:
        it may be too low, which costs time, and is never too high, which would lose an obligation.
Rule 4: what cannot be read is reported, and the table is rebuilt from the audit. Pure.
Rule 5: progress is written once the audit has ``PROGRESS_RECORDS`` more records than the last said: what rows lack
        after it is in the audit. A start verifies about so many statements, an event does not pay for its progress.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from pydantic import Field, TypeAdapter

from yizhan.schemas import strictjson
from yizhan.schemas.header import ContractModel
from yizhan.schemas.obligation_state import ObligationState
from yizhan.schemas.timestamps import Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

log = logging.getLogger(__name__)
PROGRESS_KEY: Final = b"@progress"
"""Key of the table's progress; no obligation's name begins so."""
SLACK_RECORDS: Final = 1000
SLACK_PER_ROW: Final = 4
"""A start reads at most about so many records, and so many more for each open obligation."""
PROGRESS_RECORDS: Final = 128
ROW_OBLIGATIONS: Final = 32
"""Obligations in one row, at most. More: a row of an event to many counties grows beyond what a batch may have."""


_ROW: Final = TypeAdapter(list[ObligationState])


class TableRecord(NamedTuple):
    """A record of the topic; without a value it deletes the row."""

    offset: int
    key: bytes | None
    value: bytes | None


class Progress(ContractModel):
    """The records that the table covers, and where the table begins.

    ``next`` is the next offset of each topic whose records are all in the table, and whose outputs were acknowledged;
    ``at`` the latest instant at which one of them was received; ``audit`` the offset in
    ``yizhan.audit`` up to which every statement reached its receivers and the table; ``first`` the offset in
    ``yizhan.followups`` before which nothing has to be read.
    """

    next: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    audit: Annotated[int, Field(ge=0)] = 0
    first: Annotated[int, Field(ge=0)] = 0
    at: Timestamp | None = None

    def to_bytes(self) -> bytes:
        """Serialise it."""
        return strictjson.dumps(self.model_dump(exclude_none=True))


def where_to_begin(tail: Iterable[TableRecord]) -> int | None:
    """Return the offset from which the table must be read, as the last progress among its last records says.

    None: there is none, or it cannot be read.
    """
    said = [record for record in tail if record.key == PROGRESS_KEY]
    progress = _progress(said[-1]) if said else None
    return None if progress is None else progress.first


def _progress(record: TableRecord) -> Progress | None:
    try:
        progress = Progress.model_validate_json(record.value or b"")
    except ValueError:
        return None
    return progress if progress.first <= record.offset else None  # written to another topic than this one


@dataclass
class ObligationTable:
    """The table as it was read: open obligations, progress, and the last record of each row."""

    obligations: dict[str, ObligationState] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    rows: dict[bytes, TableRecord] = field(default_factory=dict)
    """Rows of the topic, those that cannot be read too, in the order of their offsets."""
    unreadable: tuple[bytes, ...] = ()
    """Keys of unreadable rows to be deleted: their content is rebuilt from the audit."""
    keys: dict[str, bytes] = field(default_factory=dict)
    """Name of each obligation → key of its row."""

    @classmethod
    def read(cls, records: Iterable[TableRecord]) -> ObligationTable:
        """Read the records from :func:`where_to_begin` on, in order; a malformed table counts as none."""
        last = dict[bytes, TableRecord]()
        for record in records:
            if record.key:
                last.pop(record.key, None)
                last[record.key] = record
        said = last.pop(PROGRESS_KEY, None)
        rows = {key: record for key, record in last.items() if record.value}
        if said is None:
            return cls(rows=rows)
        obligations, keys, unreadable = dict[str, ObligationState](), dict[str, bytes](), list[bytes]()
        for key, record in rows.items():
            try:
                found = _row(record.value or b"")
            except ValueError:
                unreadable.append(key)
                continue
            obligations |= {each.obligation: each for each in found}
            keys |= {each.obligation: key for each in found}
        progress = _progress(said)
        if unreadable or progress is None:
            names = [*unreadable, *([PROGRESS_KEY] if progress is None else [])]
            log.error("rows of the table of obligations cannot be read; it is rebuilt from the audit: %s", names)
            return cls(rows=rows, unreadable=tuple(unreadable))
        return cls(obligations, progress, rows, keys=keys)


def _row(value: bytes) -> list[ObligationState]:
    """Read a row. A former station wrote one obligation in each, under its name."""
    return [ObligationState.model_validate_json(value)] if value.startswith(b"{") else _ROW.validate_json(value)


class TableRows:
    """Knows which obligations share a row (rule 1), and writes the rows that changed."""

    def __init__(self, obligations: Mapping[str, ObligationState], keys: Mapping[str, bytes]) -> None:
        """Go on with rows as they were read; ``keys`` has the key of each obligation's row."""
        self._keys = dict(keys)
        self._rows: defaultdict[bytes, dict[str, ObligationState]] = defaultdict(dict)
        for name, key in keys.items():
            self._rows[key][name] = obligations[name]

    def changes(self, changed: Mapping[str, ObligationState | None]) -> tuple[tuple[bytes, bytes | None], ...]:
        """Return key and value of each row with a changed obligation (None: forgotten); no value for an empty row."""
        touched = dict[bytes, None]()
        for name, obligation in changed.items():
            key = self._keys.get(name)
            if obligation is not None:
                key = self._keys.setdefault(name, key or self._key(obligation))
                self._rows[key][name] = obligation
                touched[key] = None
            elif key is not None:
                del self._keys[name], self._rows[key][name]
                touched[key] = None
        return tuple((key, self._value(key)) for key in touched)

    def _key(self, obligation: ObligationState) -> bytes:
        shared = None if obligation.about is None else obligation.about.id.encode()
        if shared is None or len(self._rows.get(shared, ())) >= ROW_OBLIGATIONS:
            return obligation.obligation.encode()
        return shared

    def _value(self, key: bytes) -> bytes | None:
        if not self._rows[key]:
            del self._rows[key]
            return None
        return strictjson.dumps([each.model_dump(mode="json", exclude_none=True) for each in self._rows[key].values()])


class TableWriter:
    """Decides what is written to the topic, and knows where each row stands in it."""

    def __init__(self, rows: Mapping[bytes, TableRecord], end: int) -> None:
        """Go on with rows as they were read, in the order of their offsets.

        Args:
            rows: of the table.
            end: offset after the topic's last record when it was read.
        """
        self._values: dict[bytes, bytes | None] = {key: record.value for key, record in rows.items()}
        """The last value of each row that was given to the producer; None while its deletion is not acknowledged."""
        self._offsets = {key: record.offset for key, record in rows.items()}
        """Offset of the last acknowledged record of each row, ascending."""
        self._moving: set[bytes] = set()
        self._end = end

    def first(self) -> int:
        """Return the offset before which nothing has to be read."""
        return min(self._end, next(iter(self._offsets.values()), self._end))

    def records(
        self, changes: Iterable[tuple[bytes, bytes | None]], done: Progress | None
    ) -> list[tuple[bytes, bytes | None]]:
        """Return the records (key, value) to write, in this order: changes, old rows again, progress."""
        records = list(changes)
        self._values.update(records)
        if self._end - self.first() > SLACK_RECORDS + SLACK_PER_ROW * len(self._values):
            again = ((key, self._values[key]) for key in self._offsets if key not in self._moving and self._values[key])
            moved = list(islice(again, len(records) + (done is not None)))
            self._moving.update(key for key, _ in moved)
            records += moved
        if done is not None:
            records.append((PROGRESS_KEY, done.model_copy(update={"first": self.first()}).to_bytes()))
        return records

    def acknowledged(self, key: bytes, value: bytes | None, offset: int) -> None:
        """Record that a record was written; to be called in the order of the records."""
        if offset == self._end:
            self._end += 1
        if key == PROGRESS_KEY:
            return
        self._moving.discard(key)
        self._offsets.pop(key, None)
        if value is None and self._values.get(key) is None:
            self._values.pop(key, None)
        else:
            self._offsets[key] = offset
