"""Reads lost statements from the topics again and stores them at their old places.

Rule 1: the order is that of the entries on ``yizhan.checkpoints``; statements beyond them follow in the
        order of ``yizhan.audit``. The rebuild that follows checks that the result is the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from yizhan.ledger import statements
from yizhan.ledger.errors import LogBehind
from yizhan.ledger.feed import read_range
from yizhan.ledger.log import LOCK, WRITES
from yizhan.ledger.statement_keys import VerifiedStatement, read_statement
from yizhan.ledger.statements import Statements
from yizhan.runtime.file_lock import exclusive
from yizhan.schemas import topics
from yizhan.schemas.errors import NoteInvalid, StatementInvalid
from yizhan.schemas.i18n import _
from yizhan.schemas.logrecords import read_entries
from yizhan.schemas.proofs import entry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from yizhan.ledger.kafka_io import LogRecord, Wire
    from yizhan.schemas.charter import Charters

_AT_ONCE: Final = 4096


def restore_statements(
    folder: Path, wire: Wire, charters: Charters, wanted: int, progress: Callable[[int], None]
) -> int:
    """Read statements again until there are as many as wanted; return the number read, 0 if there are enough.

    Raises:
        AlreadyRunning: a ledger runs there.
        LogBehind: the topics do not have them all.
        WireFailed: the broker fails.
        StoreError: the disk is full or fails.
    """
    with exclusive(folder / LOCK, _(WRITES)), Statements(folder / statements.FILE) as stored:
        before = stored.size
        if before >= wanted:
            return 0
        order = _order(wire)
        _in_order(stored, order[before:], _statements(wire, charters), progress)
        if stored.size < len(order):
            raise LogBehind(f"the topics lack statement {stored.size}; restore a newer copy of {statements.FILE}")
        if stored.size < wanted:
            stored.add(_statements(wire, charters))
        return stored.size - before


def _order(wire: Wire) -> list[bytes]:
    """Return the entries of the log in their order, as the topic has them."""
    order: list[bytes] = []
    for record in _records(wire, topics.CHECKPOINTS):
        try:
            found = read_entries(record.value)
        except NoteInvalid:
            continue
        if found is not None and found[0] <= len(order):
            order[found[0] :] = found[1]
    return order


def _in_order(
    stored: Statements, order: list[bytes], found: Iterator[VerifiedStatement], progress: Callable[[int], None]
) -> None:
    """Store statements in the order of their entries; those that are read early wait in memory."""
    wanted, waiting, at = set(order), dict[bytes, VerifiedStatement](), 0
    ready: list[VerifiedStatement] = []
    for statement in found:
        entry = entry_of(statement.statement)
        if entry in wanted:
            waiting[entry] = statement
        while at < len(order) and (following := waiting.pop(order[at], None)) is not None:
            ready.append(following)
            at += 1
        if len(ready) >= _AT_ONCE:
            progress(len(ready))
            stored.add(ready)
            ready = []
    stored.add(ready)
    progress(len(ready))


def _statements(wire: Wire, charters: Charters) -> Iterator[VerifiedStatement]:
    """Yield every statement on the topics that verifies: those handed in by counties, then the station's."""
    members = sorted(charters.latest().members)
    for topic in (*map(topics.cosignatures, members), topics.AUDIT):
        for record in _records(wire, topic):
            if record.value.startswith(b"{"):
                try:
                    yield read_statement(record.value, charters)
                except StatementInvalid:
                    continue


def _records(wire: Wire, topic: str) -> Iterator[LogRecord]:
    end = wire.ends()[topic]
    for start in range(0, end, _AT_ONCE):
        yield from read_range(wire, topic, start, min(end, start + _AT_ONCE))
