"""What the station does about obligations, as tables: statements first, then the table, never twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.streams.followup_cases import PARTNER, SOURCE, THIRD, Watch
from tests.world.simulator import CLUSTER, NOW
from yizhan.schemas import strictjson, topics
from yizhan.schemas.admit import Record, admit
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import NOTICE
from yizhan.schemas.payloads.table import INTELLIGENCE_REPORT
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark_steps import MOST
from yizhan.schemas.statements import read_statement
from yizhan.schemas.timestamps import instant, written
from yizhan.streams.obligation_table import PROGRESS_KEY, ROW_OBLIGATIONS, ObligationTable, TableRecord, TableRows
from yizhan.streams.station import handle
from yizhan.streams.ticks import Tick


@pytest.fixture
def watch() -> Watch:
    """Six counties, a station, a month that has begun."""
    made = Watch()
    made.tick(NOW - timedelta(minutes=1))
    return made


def steps(said: list[Followup], rule: str = "acknowledge") -> list[str]:
    """Return the steps of one rule."""
    return [each.step for each in said if each.rule == rule]


def test_what_an_alarm_opens_is_said_once_by_its_postmark(watch: Watch) -> None:
    """Sender and recipients get the postmark with the event and with the posting: nothing is said beside it."""
    begun = len(watch.told), len(watch.audit)
    said = watch.observe(watch.event(SOURCE, (PARTNER,)))
    assert [(each.rule, each.step) for each in said] == [("acknowledge", "opened"), ("follow-up", "opened")]
    assert (len(watch.told), len(watch.audit) - 1) == begun


def test_whom_an_event_does_not_reach_at_once_gets_a_statement(watch: Watch) -> None:
    """Who has it with the quarter learns at once what he owes, by the very step that the postmark says."""
    begun = len(watch.told)
    plain: dict[str, Any] = {"stage": None, "touches": None, "priority": "routine"}
    handled = watch.stamp(
        record := watch.event(SOURCE, (THIRD, PARTNER), type=INTELLIGENCE_REPORT, wants="feedback", **plain)
    )
    steps = handled.stamped.postmark.steps()
    assert {decided.way for decided in (handled.stamped.postmark.decisions or {}).values()} == {Way.DIGEST}
    beside = watch.enter(watch.follower.follow(record, handled))
    assert beside == list(steps)
    assert {topic for topic, _ in watch.told[begun:]} == {topics.alerts(PARTNER), topics.alerts(THIRD)}
    assert [each.signed_hash() for each in steps] == [
        read_statement(Followup, signed, watch.world.charter)[1] for signed in watch.audit[-len(steps) :]
    ]


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
    """A third county's word about an alarm that it never had: its own posting says so."""
    fire = watch.event(SOURCE, (PARTNER,))
    watch.observe(fire)
    (said,) = watch.observe(watch.acknowledgement(fire, THIRD))
    assert (said.step, said.owes, said.owed) == ("not-owed", (THIRD,), ())
    assert "second-phone" in steps(watch.tick(fire.received + timedelta(minutes=5)))


@pytest.mark.parametrize("dies_before_table", [False, True])
def test_a_station_that_died_goes_on_where_it_was(watch: Watch, dies_before_table: bool) -> None:  # noqa: FBT001 -- a parameter
    """Dead after its statements, before or after the table: it sends the same again, and makes no other."""
    fire = watch.event(SOURCE, (PARTNER,))
    first_said = watch.observe(fire, dies_before_table=dies_before_table)
    stamp = watch.audit[-1]
    watch.revive()
    again = watch.observe(fire)
    assert (again, watch.audit[-1]) == ((first_said, stamp) if dies_before_table else ([], stamp))
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


def test_a_record_that_is_read_again_keeps_its_postmark(watch: Watch) -> None:
    """An order of records that was another the first time, or a later state, changes nothing of what was stamped."""
    fire = watch.event(SOURCE, (PARTNER,))
    answer = watch.acknowledgement(fire, PARTNER)
    stamps = [watch.stamp(each).stamped.signed for each in (fire, answer)]
    watch.revive()
    assert [watch.stamp(each).stamped.signed for each in (answer, fire)] == stamps[::-1]
    assert steps(watch.tick(fire.received + timedelta(hours=1))) == []


def test_a_withdrawal_that_is_read_again_stays_one(watch: Watch) -> None:
    """The station dies after it stamped a withdrawal; a second withdrawal of the same answer opens nothing again."""
    fire = watch.event(SOURCE, (PARTNER,))
    watch.observe(fire)
    answer = watch.acknowledgement(fire, PARTNER)
    watch.observe(answer)
    event = admit(answer, watch.world.charter)
    back = {"type": NOTICE, "withdraws": {"id": event.header.id, "hash": event.verified.hash.hex()}}
    later = {"stage": None, "touches": None, "priority": "routine"}
    withdrawals = [watch.event(PARTNER, (SOURCE,), NOW + timedelta(minutes=each), **back, **later) for each in (2, 3)]
    assert steps(watch.observe(withdrawals[0], dies_before_table=True)) == ["opened"]
    watch.revive()
    assert steps(watch.observe(withdrawals[0])) == ["opened"]
    assert steps(watch.observe(withdrawals[1])) == []


def test_a_topic_that_was_made_anew_is_not_taken_for_covered(watch: Watch) -> None:
    """Offsets begin again there: a record that came after all that the table covers is handled."""
    fire = watch.event(SOURCE, (PARTNER,))
    watch.observe(fire)
    watch.revive()
    assert watch.follower.covers(fire)
    later = watch.event(SOURCE, (PARTNER,), fire.received + timedelta(days=1))
    assert not watch.follower.covers(replace(later, offset=fire.offset))


def test_progress_waits_for_what_may_have_to_be_sent_again(watch: Watch) -> None:
    """While a postmark beyond the table is not sent again, the table does not say that the audit is covered."""
    fire, other = watch.event(SOURCE, (PARTNER,)), watch.event(PARTNER, (SOURCE,))
    stamp = watch.stamp(fire).stamped.signed
    for _each in range(2):
        watch.revive()
        watch.observe(other)
    assert watch.stamp(fire).stamped.signed == stamp
    assert watch.read_table().progress.audit <= watch.audit.index(stamp)


def test_progress_does_not_wait_for_what_is_not_read_again(watch: Watch) -> None:
    """A record that another worker committed meanwhile: the next tick after it shows that it is past."""
    fire = watch.event(SOURCE, (PARTNER,))
    watch.stamp(fire)
    watch.revive()
    for at, ends in ((1, {}), (2, {fire.topic: fire.offset + 1})):
        tick = Tick(at=written(NOW + timedelta(seconds=at)), ends=ends)
        followed = watch.follower.tick(Record(topics.TICKS, 0, watch.ticks + at, NOW, tick.to_bytes()))
        assert (followed.progress is not None) == bool(ends)


def test_a_postmark_of_a_former_station_is_sent_again_with_its_statements(watch: Watch) -> None:
    """It says nothing of obligations: what its event opened is said by statements to all, as that station would."""
    fire = watch.event(SOURCE, (PARTNER,))
    handled = handle(fire, watch.world.charter, watch.world.station, CLUSTER)
    former = handled.stamped.postmark.model_copy(update={"opens": None, "ends": None}).signed(watch.world.station)
    watch.audit.append(former)
    watch.revive()
    begun = len(watch.told)
    assert {each.step for each in watch.observe(fire)} == {"opened"}
    assert former in watch.audit[-4:]
    assert {topic for topic, _ in watch.told[begun:]} == {topics.alerts(SOURCE), topics.alerts(PARTNER)}


def test_more_ends_than_a_postmark_has_are_said_beside_it(watch: Watch) -> None:
    """One report ends what very many of its thread opened: the rest are statements, the same after a death."""
    first = watch.event(SOURCE, (PARTNER,))
    thread = admit(first, watch.world.charter).header.id
    for each in (first, *(watch.event(SOURCE, (PARTNER,), subject=thread) for _each in range(MOST + 1))):
        watch.observe(each)
    update = watch.event(SOURCE, (PARTNER,), NOW + timedelta(minutes=1), stage="update", subject=thread)
    said = watch.observe(update, dies_before_table=True)
    discharged = [each.obligation for each in said if each.step == "discharged"]
    assert len(discharged) == len(set(discharged)) == MOST + 2
    assert len(watch.stamp(update).stamped.postmark.ends or ()) == MOST
    watch.revive()
    begun = len(watch.told)
    assert watch.observe(update) == said
    assert {topic for topic, _ in watch.told[begun:]} == {topics.alerts(SOURCE), topics.alerts(PARTNER)}
    watch.revive()
    still = [each for each in watch.obligations().values() if each.ended is None and each.rule == "follow-up"]
    assert [each.about and each.about.id for each in still] == [admit(update, watch.world.charter).header.id]


def test_obligations_of_one_event_share_a_row_unless_they_are_many(watch: Watch) -> None:
    """An alarm costs one record of the table; what one event opened for very many counties has rows of its own."""
    begun = len(watch.table)
    watch.observe(watch.event(SOURCE, (THIRD, PARTNER)))
    assert [key for key, _value in watch.table[begun:] if key != PROGRESS_KEY] == [b"350924-20261123test-1"]
    made = watch.obligations()[f"acknowledge/350924-20261123test-1/{PARTNER}"]
    rows = TableRows({}, {})
    many = {
        f"{made.obligation}{n}": made.model_copy(update={"obligation": f"{made.obligation}{n}"})
        for n in range(ROW_OBLIGATIONS + 2)
    }
    keys = [key for key, _value in rows.changes(dict(many))]
    assert len(keys) == 3
    read = ObligationTable.read(
        [TableRecord(n, *row) for n, row in enumerate([*rows.changes(dict(many)), (PROGRESS_KEY, b"{}")])]
    )
    assert read.obligations == many
    assert [
        key for key, value in TableRows(read.obligations, read.keys).changes(dict.fromkeys(many)) if value is None
    ] == keys


def test_rows_of_a_former_station_are_read_and_go_on(watch: Watch) -> None:
    """One obligation under its name: it changes where it stands."""
    watch.observe(fire := watch.event(SOURCE, (PARTNER,)))
    rows = [
        (name.encode(), strictjson.dumps(each.model_dump(mode="json", exclude_none=True)))
        for name, each in watch.obligations().items()
    ]
    watch.table = [*rows, next(row for row in reversed(watch.table) if row[0] == PROGRESS_KEY)]
    watch.revive()
    watch.observe(watch.acknowledgement(fire, PARTNER))
    name = next(name for name, each in watch.obligations().items() if each.rule == "acknowledge")
    assert watch.obligations()[name].ended is not None
    assert [key for key, _value in watch.table].count(name.encode()) == 2


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
    watch.observe(fire := watch.event(SOURCE, (PARTNER,)))
    watch.members = {SOURCE}
    watch.revive()
    begun = len(watch.told)
    watch.tick(fire.received + timedelta(minutes=5))
    assert {topic for topic, _ in watch.told[begun:]} == {topics.alerts(SOURCE)}


def test_one_step_that_fails_costs_nobody_else_a_reminder(watch: Watch) -> None:
    """Rule 2: the table holds what cannot be said; what is due of others is said, now or at the next tick."""
    one = watch.event(SOURCE, (PARTNER,))
    other = watch.event(THIRD, (PARTNER,), one.received + timedelta(seconds=1))
    watch.observe(one)
    watch.observe(other)
    for obligation in watch.obligations().values():
        if obligation.about is not None and obligation.about.id.startswith(THIRD):
            broken = obligation.model_copy(update={"rule": "never " * 20})
            watch.table.append(
                (obligation.about.id.encode(), strictjson.dumps([broken.model_dump(mode="json", exclude_none=True)]))
            )
    watch.revive()
    at = one.received + timedelta(minutes=15, seconds=2)
    said = [step for _each in range(10) for step in steps(watch.tick(at))]
    assert sorted(said) == ["leader", "liaison-officer", "overdue", "second-phone"]
