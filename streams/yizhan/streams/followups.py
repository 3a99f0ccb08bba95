"""Obligations between counties, tracked by the station: events and ticks in, statements and table changes out.

Law 1: a change is written to the table after the statements about it were acknowledged; statements that a
       station made before it died, but did not enter, are in the audit: they are read there and sent again.
Law 2: only admitted events count, by their signed headers; time is a tick, a record like any other.
Law 4: a step of an obligation is one statement with the same bytes; no new statement is made for a record
       that the table covers already.
Law 5: a statement names its rule and charter.

Rule 1: pure. The table is ``yizhan.followups`` (:mod:`~yizhan.streams.obligation_table`).
Rule 2: an error in our code costs the reminders of one record, never the record.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from yizhan.schemas import dsse, followups, postmark, strictjson, topics
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.followups import Followup
from yizhan.schemas.obligation_engine import ObligationEngine, rebuild
from yizhan.schemas.obligation_steps import NOT_OWED
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import instant
from yizhan.streams import metrics
from yizhan.streams.station import Output
from yizhan.streams.ticks import Tick

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

    from yizhan.schemas.admit import Admitted, Record
    from yizhan.schemas.charter import Charter, Charters
    from yizhan.schemas.keys import SigningKey
    from yizhan.schemas.obligation_state import ObligationState
    from yizhan.streams.obligation_table import ObligationTable

log = logging.getLogger(__name__)
_MARK: Final = (followups.KAFKA_HEADER, b"1")


@dataclass(frozen=True, slots=True)
class Followed:
    """The results of an event or a tick: statements to send, then changes of the table (None: ended).

    ``next`` is the table's progress once the changes are in it; None if there is nothing worth writing.
    """

    outputs: tuple[Output, ...] = ()
    changes: tuple[tuple[bytes, bytes | None], ...] = ()
    next: Mapping[str, int] | None = None


class Follower:
    """Tracks the obligations of one station."""

    def __init__(
        self,
        table: ObligationTable,
        charters: Charters,
        key_at: Callable[[datetime], SigningKey],
        members: Collection[str],
    ) -> None:
        """Start from the table.

        Args:
            table: as it was read.
            charters: adopted versions.
            key_at: returns the postmark key of an instant.
            members: whose topics this station serves; others get no statements.
        """
        self._charters, self._key_at, self._members = charters, key_at, frozenset(members)
        self._next = dict(table.progress.next)
        self._said = self._next.copy()
        self._counted = Counts()
        self._counted.enter(dict(table.obligations))
        self._unreadable = table.unreadable
        self._engine = ObligationEngine(table.obligations.values())

    def observe(self, record: Record, admitted: Admitted, charter: Charter) -> Followed:
        """Open and discharge obligations for an admitted event."""
        if not self._new(record):
            return Followed()
        ways = {code: made.way for code, made in admitted.decisions.items()}
        return self._followed(
            lambda: self._engine.observing(admitted.header, admitted.verified.hash, ways, record.received, charter)
        )

    def tick(self, record: Record) -> Followed:
        """Process a tick: remind, or state that obligations are overdue."""
        if not self._new(record):
            return Followed()
        try:
            now = instant(Tick.from_bytes(record.value or b"").at)
        except ValueError as error:
            log.warning("tick %d: %s", record.offset, error)
            return Followed()
        followed = self._followed(lambda: self._engine.ticking(now, self._charters))
        self._counted.publish()
        return followed if followed.next is not None else Followed(next=self._moved())

    def _new(self, record: Record) -> bool:
        if record.offset < self._next.get(record.topic, 0):
            return False
        self._next[record.topic] = record.offset + 1
        return True

    def _moved(self) -> Mapping[str, int] | None:
        """Return the table's progress if it is worth a record: ticks alone are not."""
        now = {topic: offset for topic, offset in self._next.items() if topic != topics.TICKS}
        if all(self._said.get(topic) == offset for topic, offset in now.items()):
            return None
        return self._position()

    def _position(self) -> Mapping[str, int]:
        self._said = self._next.copy()
        return self._said

    def _followed(self, followups: Callable[[], Iterable[Followup]]) -> Followed:
        outputs: list[Output] = []
        try:
            for each in followups():
                outputs += self._outputs(each)
        except Exception:
            log.exception("a fault of this program, or no key to sign with: some followups are missing")
            metrics.FOLLOWUP_FAULTS.inc()
        changed = dict(self._engine.changed())
        self._counted.enter(changed)
        return Followed(tuple(outputs), _changes(changed), self._position() if changed or outputs else None)

    def _outputs(self, followup: Followup) -> list[Output]:
        metrics.FOLLOWUPS.labels(followup.rule, followup.step).inc()
        signed = followup.signed(self._key_at(followup.made))
        return [*self._copies(followup, signed), Output(topics.AUDIT, followup.obligation.encode(), signed)]

    def _copies(self, followup: Followup, signed: bytes) -> list[Output]:
        recipients = sorted({*followup.owes, *followup.owed} & self._members)
        return [Output(topics.alerts(code), followup.obligation.encode(), signed, _MARK) for code in recipients]

    def resend(
        self, followups: Iterable[tuple[Followup, bytes]], changed: Mapping[str, ObligationState | None]
    ) -> Followed:
        """Send again statements that a station made but perhaps did not send to everybody, and enter their changes."""
        outputs = tuple(output for each, signed in followups for output in self._copies(each, signed))
        gone = tuple((key, None) for key in self._unreadable)
        return Followed(outputs, (*gone, *_changes(changed)), self._position())


def _changes(changed: Mapping[str, ObligationState | None]) -> tuple[tuple[bytes, bytes | None], ...]:
    return tuple(
        (
            name.encode(),
            None if obligation is None else strictjson.dumps(obligation.model_dump(mode="json", exclude_none=True)),
        )
        for name, obligation in changed.items()
    )


class Tail:
    """Statements of the audit that the table does not cover yet, and the records that they finish.

    A station sends a record's postmark to the audit, then its statements, then those of the next: so of all
    postmarks only the last may lack statements, and only its record is processed again.
    """

    def __init__(self, table: ObligationTable, charters: Charters, cluster_id: str) -> None:
        """Take the table as it was read; it is changed in place."""
        self._table, self._charters, self._cluster_id = table, charters, cluster_id
        self._changed: dict[str, ObligationState | None] = {}
        self.said: list[tuple[Followup, bytes]] = []
        self._last: tuple[str, int] | None = None

    def take(self, statement: bytes) -> None:
        """Process the next statement of the audit; anything but followups and postmarks is ignored."""
        try:
            kind = dsse.unverified_type(statement)
            if kind == followups.CONTENT_TYPE:
                self._enter(read_dated(Followup, statement, self._charters)[0], statement)
            elif kind == postmark.CONTENT_TYPE:
                origin = read_dated(Postmark, statement, self._charters)[0].origin
                if origin.cluster == self._cluster_id:
                    self._pass()
                    self._last = origin.topic, origin.offset
        except StatementInvalid as error:
            log.warning("a statement of the audit does not verify: %s", error)

    def changed(self) -> Mapping[str, ObligationState | None]:
        """Return the changes that the table lacked (None: ended)."""
        return self._changed

    def _pass(self) -> None:
        if self._last is not None:
            topic, offset = self._last
            following = self._table.progress.next
            following[topic] = max(offset + 1, following.get(topic, 0))

    def _enter(self, followup: Followup, statement: bytes) -> None:
        self.said.append((followup, statement))
        if followup.step == NOT_OWED:
            return
        obligations, name = self._table.obligations, followup.obligation
        if name in obligations:
            obligations[name] = self._changed[name] = obligations[name].after(followup)
        else:
            for obligation in rebuild([followup], self._charters):
                obligations[name] = self._changed[name] = obligation


class Counts:
    """Numbers of open and overdue obligations, by rule, for the metrics."""

    def __init__(self) -> None:
        """Start with none."""
        self._obligations: dict[str, tuple[str, bool]] = {}
        self._shown: set[str] = set()

    def enter(self, changed: Mapping[str, ObligationState | None]) -> None:
        """Apply changes."""
        for name, obligation in changed.items():
            if obligation is None or obligation.ended is not None:
                self._obligations.pop(name, None)
            else:
                self._obligations[name] = (obligation.rule, obligation.overdue)

    def publish(self) -> None:
        """Export the numbers."""
        total = Counter(rule for rule, _ in self._obligations.values())
        overdue = Counter(rule for rule, late in self._obligations.values() if late)
        self._shown |= set(total)
        for rule in self._shown:
            metrics.OBLIGATIONS.labels(rule, "open").set(total[rule])
            metrics.OBLIGATIONS.labels(rule, "overdue").set(overdue[rule])
