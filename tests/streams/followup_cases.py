"""A station in memory, without Kafka: what it stamps, what it says beside that, its table; and its death."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.world.simulator import CLUSTER, NOW, World
from yizhan.schemas import followups, topics
from yizhan.schemas.admit import Record, admit
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.statements import read_statement
from yizhan.schemas.timestamps import written
from yizhan.streams.followups import Followed, Follower, Tail
from yizhan.streams.obligation_table import PROGRESS_KEY, ObligationTable, TableRecord
from yizhan.streams.parts import Share
from yizhan.streams.station import EventObligations, Handled, handle
from yizhan.streams.ticks import Tick

if TYPE_CHECKING:
    from yizhan.schemas.obligation_state import ObligationState

SOURCE, PARTNER, THIRD = "350924", "331126", "330327"


class Watch:
    """A station in memory: its table, its audit, what it told counties, and a way to die."""

    def __init__(self, world: World | None = None) -> None:
        """Begin with nothing."""
        self.world = world or World()
        self.table: list[tuple[bytes | None, bytes | None]] = []
        self.audit: list[bytes] = []
        self.told: list[tuple[str, bytes]] = []
        self.ticks = 0
        self.progressed = -1
        """How far the audit was when the table's progress was last written."""
        self.members: set[str] | Share = set(self.world.counties)
        self.observed: list[bytes] = []
        """What it told the other parts of the station."""
        self.committed: dict[str, int] = {topics.events(code): 0 for code in self.world.counties}
        self.revive()

    def revive(self) -> None:
        """Read table and audit anew, as a worker does that was just started."""
        table = self.read_table()
        self.progressed = -1
        observed = self.members.observed if isinstance(self.members, Share) else None
        tail = Tail(table, self.world.charters, CLUSTER, self.committed, observed)
        for statement in self.audit[table.progress.audit :]:
            tail.take(statement)
        self.follower = Follower(table, self.world.charters, lambda _: self.world.station, self.members, tail.known)
        self.enter(self.follower.resend(tail.said, tail.changed()))

    def enter(self, followed: Followed, *, dies_before_table: bool = False) -> list[Followup]:
        """Send what followed, then enter it into the table, unless the station dies between."""
        said = []
        for output in followed.outputs:
            if output.topic == topics.AUDIT:
                self.audit.append(output.value)
                said.append(read_statement(Followup, output.value, self.world.charter)[0])
            elif output.topic == topics.OBSERVATIONS:
                self.observed.append(output.value)
            else:
                assert output.header == (followups.KAFKA_HEADER, b"1")
                self.told.append((output.topic, output.value))
        if not dies_before_table:
            self.table += followed.changes
            if followed.progress is not None and len(self.audit) > self.progressed:
                self.progressed = len(self.audit)
                done = followed.progress.model_copy(update={"audit": len(self.audit)})
                self.table.append((PROGRESS_KEY, done.to_bytes()))
        return said

    def event(self, source: str, to: tuple[str, ...], received: datetime = NOW, **attributes: Any) -> Record:  # noqa: ANN401 -- any attribute
        """Write an event and put it on its topic."""
        return self.world.record(self.world.event(source, to, **attributes), source, received)

    def stamp(self, record: Record) -> Handled:
        """Handle an event; its postmark goes to the audit."""
        observe = lambda admitted: self.follower.observe(record, admitted, self.world.charter)  # noqa: E731 -- one line
        obligations = EventObligations(observe, self.follower.known(record))
        handled = handle(record, self.world.charter, self.world.station, CLUSTER, obligations=obligations)
        self.audit += [output.value for output in handled.outputs if output.topic == topics.AUDIT]
        return handled

    def observe(self, record: Record, **how: bool) -> list[Followup]:
        """Handle an event; return the steps that its postmark says, then those that were said beside it."""
        if self.follower.covers(record):
            return []
        handled = self.stamp(record)
        if not how.get("dies_before_table"):
            self.committed[record.topic] = record.offset + 1
        return [*handled.stamped.postmark.steps(), *self.enter(self.follower.follow(record, handled), **how)]

    def tick(self, at: datetime, **how: bool) -> list[Followup]:
        """Let time pass."""
        record = Record(topics.TICKS, 0, self.ticks, at, Tick(at=written(at)).to_bytes())
        self.ticks += 1
        return self.enter(self.follower.tick(record), **how)

    def acknowledgement(self, fire: Record, county: str) -> Record:
        """Write an officer's acknowledgement of a fire."""
        event = admit(fire, self.world.charter)
        receipt = {"stage": "acknowledged", "event": {"id": event.header.id, "hash": event.verified.hash.hex()}}
        plain = {"stage": None, "touches": None, "priority": "routine"}
        return self.event(
            county, (SOURCE,), fire.received + timedelta(minutes=1), type=RECEIPT, receipt=receipt, **plain
        )

    def obligations(self) -> dict[str, ObligationState]:
        """Return the table as a station would read it."""
        return self.read_table().obligations

    def read_table(self) -> ObligationTable:
        """Read the table as a station would."""
        return ObligationTable.read(TableRecord(offset, *record) for offset, record in enumerate(self.table))
