"""What the station does about obligations, as tables: statements first, then the table, never twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.world.simulator import CLUSTER, NOW, World
from yizhan.schemas import followups, topics
from yizhan.schemas.admit import Record, admit
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.statements import read_statement
from yizhan.schemas.timestamps import instant, written
from yizhan.streams.followups import Followed, Follower, Tail
from yizhan.streams.obligation_table import PROGRESS_KEY, ObligationTable, Progress, TableRecord
from yizhan.streams.station import handle
from yizhan.streams.ticks import Tick

if TYPE_CHECKING:
    from yizhan.schemas.obligation_state import ObligationState

SOURCE, PARTNER, THIRD = "350924", "331126", "330327"


class Watch:
    """A station in memory: its table and its audit, and a way to die."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.world = World()
        self.table: list[tuple[bytes | None, bytes | None]] = []
        self.audit: list[bytes] = []
        self.told: list[tuple[str, bytes]] = []
        self.ticks = 0
        self.revive()

    def revive(self) -> None:
        """Read table and audit anew, as a worker does that was just started."""
        table = self.read_table()
        tail = Tail(table, self.world.charters, CLUSTER)
        for statement in self.audit[table.progress.audit :]:
            tail.take(statement)
        self.follower = Follower(table, self.world.charters, lambda _: self.world.station, self.world.counties)
        self.enter(self.follower.resend(tail.said, tail.changed()))

    def enter(self, followed: Followed, *, dies_before_table: bool = False) -> list[Followup]:
        """Send what followed, then enter it into the table, unless the station dies between."""
        said = []
        for output in followed.outputs:
            if output.topic == topics.AUDIT:
                self.audit.append(output.value)
                said.append(read_statement(Followup, output.value, self.world.charter)[0])
            else:
                assert output.header == (followups.KAFKA_HEADER, b"1")
                self.told.append((output.topic, output.value))
        if not dies_before_table:
            self.table += followed.changes
            if followed.next is not None:
                done = Progress(next=dict(followed.next), audit=len(self.audit))
                self.table.append((PROGRESS_KEY, done.to_bytes()))
        return said

    def event(self, source: str, to: tuple[str, ...], received: datetime = NOW, **attributes: Any) -> Record:  # noqa: ANN401 -- any attribute
        """Write an event and put it on its topic."""
        return self.world.record(self.world.event(source, to, **attributes), source, received)

    def observe(self, record: Record, **how: bool) -> list[Followup]:
        """Handle an event; its postmark goes to the audit first."""
        handled = handle(record, self.world.charter, self.world.station, CLUSTER)
        self.audit += [output.value for output in handled.outputs if output.topic == topics.AUDIT]
        assert handled.admitted is not None
        return self.enter(self.follower.observe(record, handled.admitted, self.world.charter), **how)

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


@pytest.fixture
def watch() -> Watch:
    """Six counties, a station, a month that has begun."""
    made = Watch()
    made.tick(NOW - timedelta(minutes=1))
    return made


def steps(said: list[Followup], rule: str = "acknowledge") -> list[str]:
    """Return the steps of one rule."""
    return [each.step for each in said if each.rule == rule]


def test_who_owes_and_who_is_owed_read_the_same_bytes_as_the_audit(watch: Watch) -> None:
    """An alarm opens its obligation: told to both counties and to nobody else."""
    begun = len(watch.told)
    said = watch.observe(watch.event(SOURCE, (PARTNER,)))
    assert steps(said) == ["opened"]
    assert {topic for topic, _ in watch.told[begun:]} == {topics.alerts(SOURCE), topics.alerts(PARTNER)}
    assert {signed for _, signed in watch.told[begun:]} <= set(watch.audit)


def test_the_ladder_is_said_step_by_step_by_ticks(watch: Watch) -> None:
    """Five, ten, fifteen minutes: each step when it is due and not before, once."""
    fire = watch.event(SOURCE, (PARTNER,))
    watch.observe(fire)
    found = [
        sorted(steps(watch.tick(fire.received + timedelta(minutes=minutes, milliseconds=late))))
        for minutes in (5, 10, 15)
        for late in (-1, 0, 1)
    ]
    assert found == [[], ["overdue", "second-phone"], [], [], ["liaison-officer"], [], [], ["leader"], []]


def test_an_acknowledgement_ends_it_and_nothing_is_said_after(watch: Watch) -> None:
    """Discharged by who owes it; later ticks say nothing more of it."""
    fire = watch.event(SOURCE, (PARTNER,))
    watch.observe(fire)
    assert steps(watch.observe(watch.acknowledgement(fire, PARTNER))) == ["discharged"]
    assert steps(watch.tick(fire.received + timedelta(hours=1))) == []


def test_who_does_not_owe_it_discharges_nothing_and_is_told(watch: Watch) -> None:
    """A third county's word about an alarm that it never had: said to that county alone."""
    fire = watch.event(SOURCE, (PARTNER,))
    watch.observe(fire)
    begun = len(watch.told)
    assert steps(watch.observe(watch.acknowledgement(fire, THIRD))) == ["not-owed"]
    assert {topic for topic, _ in watch.told[begun:]} == {topics.alerts(THIRD)}
    assert "second-phone" in steps(watch.tick(fire.received + timedelta(minutes=5)))


@pytest.mark.parametrize("dies_before_table", [False, True])
def test_a_station_that_died_goes_on_where_it_was(watch: Watch, dies_before_table: bool) -> None:  # noqa: FBT001 -- a parameter
    """Dead after its statements, before or after the table: it tells them again, and makes no other."""
    fire = watch.event(SOURCE, (PARTNER,))
    watch.observe(fire, dies_before_table=dies_before_table)
    watch.revive()
    if dies_before_table:
        watch.observe(fire)
    at = fire.received + timedelta(minutes=5)
    first = watch.tick(at, dies_before_table=dies_before_table)
    watch.revive()
    assert "second-phone" in steps(first)
    assert "second-phone" not in steps(watch.tick(at + timedelta(seconds=1)))
    assert steps(watch.tick(at + timedelta(minutes=5))) == ["liaison-officer"]
    copies: dict[tuple[str, str], set[bytes]] = {}
    for _, signed in watch.told:
        said = read_statement(Followup, signed, watch.world.charter)[0]
        copies.setdefault((said.obligation, said.step), set()).add(signed)
    assert {len(ways) for ways in copies.values()} == {1}


def test_what_was_said_of_a_later_record_is_not_undone_by_an_earlier_one(watch: Watch) -> None:
    """Alarm and acknowledgement stand on two topics: read again in the other order, nothing stays open."""
    fire = watch.event(SOURCE, (PARTNER,))
    answer = watch.acknowledgement(fire, PARTNER)
    watch.observe(fire, dies_before_table=True)
    watch.observe(answer, dies_before_table=True)
    watch.revive()
    watch.observe(answer)
    watch.observe(fire)
    assert steps(watch.tick(fire.received + timedelta(hours=1))) == []


def test_a_table_that_is_gone_is_made_again_from_the_audit(watch: Watch) -> None:
    """Open, overdue and ended obligations are what they were; what had come due before is not said again."""
    fires = [watch.event(SOURCE, (PARTNER,)) for _ in range(3)]
    for fire in fires:
        watch.observe(fire)
    watch.observe(watch.acknowledgement(fires[0], PARTNER))
    watch.tick(NOW + timedelta(minutes=7))
    before = watch.obligations()
    for table in ([], [(PROGRESS_KEY, b"{}"), (b"acknowledge/x", b"not an obligation")]):
        watch.table = list(table)
        watch.revive()
        assert {name: obligation for name, obligation in watch.obligations().items() if obligation.period is None} == {
            name: obligation for name, obligation in before.items() if obligation.period is None
        }
        assert watch.obligations().keys() == before.keys()
        assert watch.tick(NOW + timedelta(minutes=8)) == []


def test_ticks_that_change_nothing_write_nothing(watch: Watch) -> None:
    """The table grows by what happens, not by time."""
    before = len(watch.table)
    for minute in range(10):
        watch.tick(NOW + timedelta(minutes=minute))
    assert len(watch.table) == before


def test_a_period_that_began_before_the_charter_is_said_by_a_key_that_holds(watch: Watch) -> None:
    """The year's obligation is opened by a statement that verifies, of the instant when the station came to it."""
    said = [read_statement(Followup, signed, watch.world.charter)[0] for _, signed in watch.told]
    year = [each for each in said if each.period == "2026"]
    assert year
    assert all(instant(each.at) == NOW - timedelta(minutes=1) > instant(each.opened) for each in year)


def test_a_bad_tick_changes_nothing(watch: Watch) -> None:
    """An invalid tick is ignored."""
    for value in (None, b"", b"{}", b'{"at":"yesterday"}'):
        watch.ticks += 1
        assert watch.follower.tick(Record(topics.TICKS, 0, watch.ticks, NOW, value)).outputs == ()


def test_whoever_left_is_told_nothing(watch: Watch) -> None:
    """A member without topics here is left out; the others are told."""
    table = watch.read_table()
    watch.follower = Follower(table, watch.world.charters, lambda _: watch.world.station, {SOURCE})
    begun = len(watch.told)
    watch.observe(watch.event(SOURCE, (PARTNER,)))
    assert {topic for topic, _ in watch.told[begun:]} == {topics.alerts(SOURCE)}


def test_one_step_that_fails_costs_nobody_else_a_reminder(watch: Watch) -> None:
    """Rule 2: the table holds what cannot be said; what is due of others is said, now or at the next tick."""
    one = watch.event(SOURCE, (PARTNER,))
    other = watch.event(THIRD, (PARTNER,), one.received + timedelta(seconds=1))
    watch.observe(one)
    watch.observe(other)
    for name, obligation in watch.obligations().items():
        if obligation.about is not None and obligation.about.id.startswith(THIRD):
            broken = obligation.model_copy(update={"rule": "never " * 20})
            watch.table.append((name.encode(), broken.model_dump_json(exclude_none=True).encode()))
    watch.revive()
    at = one.received + timedelta(minutes=15, seconds=2)
    said = [step for _each in range(10) for step in steps(watch.tick(at))]
    assert sorted(said) == ["leader", "liaison-officer", "overdue", "second-phone"]
