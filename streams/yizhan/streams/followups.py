"""Obligations between counties, tracked by the station: events and ticks in, steps, statements and table changes out.

Law 1: what an event opens and ends rides in its postmark, so it is in the audit as soon as the event is. A change is
       written to the table after that was acknowledged; what a station said before it died, but did not enter, is in
       the audit: it is read there, and statements are sent again.
Law 2: only admitted events count, by their signed headers; time is a tick, a record like any other.
Law 4: a step of an obligation is said once, with the same bytes. A record that the table covers is not handled again;
       one that is in the audit, and is read again, keeps the postmark that it has.
Law 5: a step names its rule and charter.

Rule 1: pure. The table is ``yizhan.followups`` (:mod:`~yizhan.streams.obligation_table`).
Rule 2: an error in our code costs the reminders of one record, never the record.
Rule 3: statements of their own are made of what time brings, and of a step of an event for the parties whom the event
        does not reach at once: its postmark goes to its sender, and with the event to those who get it now.
Rule 4: where parts of a station share the members, each tells the others what concerns theirs
        (:mod:`~yizhan.streams.parts`).
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from yizhan.schemas import dsse, followups, postmark, topics
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import Ref
from yizhan.schemas.obligation_engine import ObligationEngine
from yizhan.schemas.obligation_events import Event
from yizhan.schemas.obligation_rebuilding import after_step
from yizhan.schemas.obligation_steps import CANCELLED, OPENED
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import instant, written
from yizhan.streams import metrics
from yizhan.streams.obligation_table import Progress, TableRows
from yizhan.streams.parts import EarlyEvents, Observation, Share, observations
from yizhan.streams.station import Output, Stamped
from yizhan.streams.ticks import Tick

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from yizhan.schemas.admit import Admitted, Record
    from yizhan.schemas.charter import Charter, Charters
    from yizhan.schemas.keys import SigningKey
    from yizhan.schemas.obligation_state import ObligationState
    from yizhan.streams.obligation_table import ObligationTable
    from yizhan.streams.station import Handled

log = logging.getLogger(__name__)
_MARK: Final = (followups.KAFKA_HEADER, b"1")
Place = tuple[str, int]
"""Topic and offset of a record."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The results of an event or a tick: statements to send, then changes of the table (None: a row that is deleted).

    ``progress`` is the table's once the changes are in it, but for the audit's end; None while it may not advance.
    ``audited``: what this station wrote to the audit before that offset was written for this input or those before it.
    """

    outputs: tuple[Output, ...] = ()
    changes: tuple[tuple[bytes, bytes | None], ...] = ()
    progress: Progress | None = None
    audited: int = 0


class Follower:
    """Tracks the obligations of one station."""

    def __init__(
        self,
        table: ObligationTable,
        charters: Charters,
        key_at: Callable[[datetime], SigningKey],
        members: Collection[str] | Share,
        known: Mapping[Place, Stamped],
    ) -> None:
        """Start from the table.

        Args:
            table: as it was read.
            charters: adopted versions.
            key_at: returns the postmark key of an instant.
            members: who gets statements; of a station that shares them with others, its share.
            known: postmarks that the audit has of records that are read again, and that the table does not cover.
        """
        share = members if isinstance(members, Share) else Share(tuple(members), tuple(members))
        self._charters, self._key_at, self._members = charters, key_at, frozenset(share.members)
        self._share, self._observed, self._early = share, share.observed, EarlyEvents()
        self._covered, self._known = table.progress, dict(known)
        self._next, self._at = dict(table.progress.next), table.progress.at or ""
        self._engine = ObligationEngine(table.obligations.values(), self._observed)
        self._counted = Counts()
        self._counted.enter(self._owned(table.obligations))
        self._unreadable = table.unreadable
        self._rows = TableRows(table.obligations, table.keys)

    def covers(self, record: Record) -> bool:
        """Tell whether all that a record leads to was acknowledged and entered before this station began.

        A topic that was made anew begins at 0 again: its records are later than those that the table covers.
        """
        at = self._covered.at
        return record.offset < self._covered.next.get(record.topic, 0) and (
            at is None or written(record.received) <= at
        )

    def known(self, record: Record) -> Stamped | None:
        """Return the postmark that a record has already, if it is this very record."""
        stamped = self._known.pop((record.topic, record.offset), None)
        if stamped is None:
            return None
        sha256, mark = hashlib.sha256(record.value or b"").hexdigest(), stamped.postmark
        return stamped if (mark.record_sha256, mark.received) == (sha256, written(record.received)) else None

    def observe(self, record: Record, admitted: Admitted, charter: Charter) -> list[Followup]:
        """Open and end obligations by an admitted event, and return the steps."""
        ways = {code: made.way for code, made in admitted.decisions.items()}
        header, digest = admitted.header, admitted.verified.hash
        return self._steps(self._engine.observing(header, digest, ways, record.received, charter))

    def follow(self, record: Record, handled: Handled) -> Followed:
        """Return what else follows from a handled record: statements for whom its event does not reach, and changes."""
        if handled.admitted is None:
            return Followed()
        self._move(record)
        header = handled.admitted.header
        if header.withdraws is not None and header.status == "Actual":
            self._engine.settle(header.withdraws, header.source, written(record.received))
        told, unsaid = _steps_of(handled)
        outputs = [*self._beside(told, unsaid, handled.admitted)]
        if self._observed is not None:
            outputs += self._share_with_others(record, handled.admitted, [*told, *unsaid])
        return Followed(tuple(outputs), self._changes(), self._progress())

    def _share_with_others(self, record: Record, admitted: Admitted, said: list[Followup]) -> list[Output]:
        ways = {code: made.way.value for code, made in admitted.decisions.items()}
        ref = Ref(id=admitted.header.id, hash=admitted.verified.hash.hex())
        event = Event(admitted.header, ref, ways, record.received, self._charters.in_force(record.received))
        if event.header.status == "Actual":
            self._early.remember(event, said, self._share.serves)
        # What several owe together is of a period; other events need no second look.
        asked = [] if event.header.period is None else [*self._engine.for_owners(event)]
        return self._tell(said, asked, {admitted.header.county, *admitted.header.to})

    def learn(self, record: Record) -> Followed:
        """Take what another part of the station has observed."""
        if record.offset < self._next.get(record.topic, 0):
            return Followed()
        self._move(record)
        try:
            seen = Observation.for_us(record.value or b"", self._share.part, self._share.serves)
        except ValueError as error:
            log.warning("%s, record %d: %s", record.topic, record.offset, error)
            seen = None
        steps = [] if seen is None else self._steps(self._learning(seen))
        outputs = [output for each in steps for output in self._said(each, each.parties)]
        return Followed((*outputs, *self._tell(steps)), self._changes(), self._progress())

    def _learning(self, seen: Observation) -> Iterator[Followup]:
        for step in seen.steps:
            self._engine.learn(step, self._charters)
        yield from (step for step in seen.asked if self._engine.confirm(step))
        for event, said in self._early.about(step for step in seen.steps if step.step == OPENED):
            for step in self._engine.observing(event.header, bytes.fromhex(event.ref.hash), *event[2:]):
                if (step.obligation, step.step) not in said:
                    said.add((step.obligation, step.step))
                    yield step

    def _tell(
        self, steps: Sequence[Followup], asked: Sequence[Followup] = (), concerned: Collection[str] = ()
    ) -> list[Output]:
        """Tell other parts what was said of obligations that concern their members."""
        if self._observed is None:
            return []
        told = observations(self._share.part, steps, asked, concerned, self._observed)
        return [Output(topics.OBSERVATIONS, self._share.part.encode(), each) for each in told]

    def tick(self, record: Record) -> Followed:
        """Process a tick: remind, or state that obligations are overdue."""
        if record.offset < self._next.get(record.topic, 0):
            return Followed()
        self._move(record)
        try:
            tick = Tick.from_bytes(record.value or b"")
            now = instant(tick.at)
        except ValueError as error:
            log.warning("tick %d: %s", record.offset, error)
            return Followed()
        # What stood before a tick was read by now; a record that is not read again needs no postmark any more.
        self._known = {place: each for place, each in self._known.items() if place[1] >= tick.ends.get(place[0], 0)}
        steps = self._steps(self._engine.ticking(now, self._charters))
        outputs = [output for each in steps for output in self._said(each, each.parties)]
        outputs += self._tell([each for each in steps if each.step in {OPENED, CANCELLED}])
        audited = tick.ends.get(topics.AUDIT, 0)
        followed = Followed(tuple(outputs), self._changes(), self._progress(), audited)
        self._counted.publish()
        return followed

    def _move(self, record: Record) -> None:
        self._next[record.topic] = record.offset + 1
        self._at = max(self._at, written(record.received))

    def _progress(self) -> Progress | None:
        """Return the table's progress; none while a postmark of the audit may have to be sent again."""
        return None if self._known else Progress.model_construct(next=self._next.copy(), at=self._at or None)

    def _steps(self, found: Iterable[Followup]) -> list[Followup]:
        steps = list[Followup]()
        try:
            for each in found:
                steps.append(each)
                metrics.FOLLOWUPS.labels(each.rule, each.step).inc()
        except Exception:
            log.exception("a fault of this program: some steps of obligations are missing")
            metrics.FOLLOWUP_FAULTS.inc()
        return steps

    def _beside(self, told: Iterable[Followup], unsaid: Iterable[Followup], admitted: Admitted) -> Iterator[Output]:
        """Make the statements of an event's steps for the parties who do not get its postmark at once (rule 3)."""
        reached = {code for code, made in admitted.decisions.items() if made.way is not Way.DIGEST}
        reached.add(admitted.header.county)
        for each in told:
            if beyond := each.parties - reached & self._members:
                yield from self._said(each, beyond)
        for each in unsaid:
            yield from self._said(each, each.parties)

    def _said(self, step: Followup, parties: Iterable[str]) -> list[Output]:
        """Make the statement of a step for some of its parties, and for the audit."""
        try:
            signed = step.signed(self._key_at(step.made))
        except Exception:
            log.exception("a fault of this program, or no key to sign with: a statement is missing")
            metrics.FOLLOWUP_FAULTS.inc()
            return []
        return [*self._copies(step, signed, parties), Output(topics.AUDIT, step.obligation.encode(), signed)]

    def _copies(self, step: Followup, signed: bytes, parties: Iterable[str]) -> list[Output]:
        recipients = sorted(self._members.intersection(parties))
        return [Output(topics.alerts(code), step.obligation.encode(), signed, _MARK) for code in recipients]

    def _changes(self) -> tuple[tuple[bytes, bytes | None], ...]:
        changed = dict(self._engine.changed())
        self._counted.enter(self._owned(changed))
        return self._rows.changes(changed)

    def _owned(self, changed: Mapping[str, ObligationState | None]) -> dict[str, ObligationState | None]:
        return {name: each for name, each in changed.items() if each is None or self._engine.owns(each.owes)}

    def resend(
        self, followups: Sequence[tuple[Followup, bytes]], changed: Mapping[str, ObligationState | None]
    ) -> Followed:
        """Send again statements that a station made but perhaps did not send to everybody, and enter their changes."""
        outputs = tuple(output for each, signed in followups for output in self._copies(each, signed, each.parties))
        outputs += tuple(self._tell([each for each, _signed in followups]))
        gone = tuple((key, None) for key in self._unreadable)
        return Followed(outputs, (*gone, *self._rows.changes(changed)), self._progress())


def _steps_of(handled: Handled) -> tuple[list[Followup], list[Followup]]:
    """Return the steps that the postmark of a record says, and those that it has no room for."""
    mark = handled.stamped.postmark
    told = list(handled.steps) if handled.steps and mark.tells_all else list(mark.steps())
    there = set() if mark.tells_all else {(each.obligation, each.step) for each in told}
    unsaid = () if mark.tells_all else handled.steps
    return told, [each for each in unsaid if (each.obligation, each.step) not in there]


class Tail:
    """What the audit says that the table does not cover yet.

    The audit has an event's postmark, with its steps, and statements. A record that was not committed is read again:
    its postmark is remembered (``known``), and sent again as it is.
    """

    def __init__(
        self,
        table: ObligationTable,
        charters: Charters,
        cluster_id: str,
        handled: Mapping[str, int],
        observed: Collection[str] | None = None,
    ) -> None:
        """Take the table as it was read; it is changed in place.

        Args:
            table: as it was read.
            charters: adopted versions.
            cluster_id: whose records are read.
            handled: the next offset of each events topic that is read.
            observed: members whose events this part of the station handles (None: all); it skips what others said.
        """
        self._observed = observed
        self._table, self._charters, self._cluster_id, self._handled = table, charters, cluster_id, handled
        self._changed: dict[str, ObligationState | None] = {}
        self.said: list[tuple[Followup, bytes]] = []
        self.known: dict[Place, Stamped] = {}

    def take(self, statement: bytes) -> None:
        """Process the next statement of the audit; anything but followups and postmarks is ignored."""
        try:
            kind = dsse.unverified_type(statement)
            if kind == followups.CONTENT_TYPE:
                step = read_dated(Followup, statement, self._charters)[0]
                if self._ours(step):
                    self.said.append((step, statement))
                    self._enter(step)
            elif kind in postmark.CONTENT_TYPES:
                mark = read_dated(Postmark, statement, self._charters)[0]
                if not self._observes(topics.member_of_events(mark.origin.topic)):
                    return
                for step in mark.steps():
                    self._enter(step)
                self._remember(Stamped(mark, statement))
        except StatementInvalid as error:
            log.warning("a statement of the audit does not verify: %s", error)

    def changed(self) -> Mapping[str, ObligationState | None]:
        """Return the changes that the table lacked (None: ended)."""
        return self._changed

    def _remember(self, stamped: Stamped) -> None:
        origin = stamped.postmark.origin
        read_again = origin.cluster == self._cluster_id and origin.offset >= self._handled.get(
            origin.topic, origin.offset + 1
        )
        if read_again and stamped.postmark.id is not None:
            self.known[origin.topic, origin.offset] = stamped

    def _observes(self, county: str | None) -> bool:
        return self._observed is None or county in self._observed

    def _ours(self, step: Followup) -> bool:
        """Tell whether this part may have made a statement: it owns the obligation, or handles the event."""
        events = (each.id[:6] for each in (step.by, step.about) if each is not None)
        return any(map(self._observes, (step.owes[0], *events)))

    def _enter(self, step: Followup) -> None:
        obligations, name = self._table.obligations, step.obligation
        if (after := after_step(obligations.get(name), step, self._charters)) is not None:
            obligations[name] = self._changed[name] = after


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
