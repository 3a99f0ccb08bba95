"""What an inbox keeps of the station's word on obligations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import BOOK, NOW, County, World, load
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.obligation_steps import CANCELLED, DISCHARGED, NOT_OWED, OVERDUE
from yizhan.schemas.sample import charter_files

FIRE_ID = f"{PARTNER}-{BOOK}-1"
BY = {"id": f"{ME}-{BOOK}-9", "hash": "1" * 64}
LATER = NOW + timedelta(minutes=5, milliseconds=1)


def test_a_step_is_one_row_however_often_it_comes(listener: Listener) -> None:
    """The same statement three times, after a restart too: one row, told once."""
    record = listener.followup()
    assert [each.became for each in listener.inbox.receive_many([record, record])] == ["followup", "duplicate"]
    listener.restart()
    assert listener.inbox.receive(record).became == "duplicate"
    (owed,) = listener.inbox.obligations()
    assert (owed.rule, owed.owes, owed.owed, owed.about, owed.steps) == (
        "acknowledge", (ME,), (PARTNER,), FIRE_ID, ("opened",),
    )  # fmt: skip
    assert not listener.inbox.aside()


@pytest.mark.parametrize("end", [DISCHARGED, CANCELLED])
def test_what_ended_is_over_whichever_step_came_first(listener: Listener, end: str) -> None:
    """An obligation whose end overtakes its other steps is no longer listed, unless everything is asked for."""
    said = {"by": BY} if end == DISCHARGED else {}
    listener.inbox.receive(listener.followup(end, **said))
    listener.inbox.receive(listener.followup(OVERDUE))
    assert listener.inbox.obligations() == ()
    (ended,) = listener.inbox.obligations(everything=True)
    assert (ended.ended, ended.by) == (end, said.get("by", {}).get("id"))
    assert not ended.overdue(LATER)


def test_an_obligation_is_overdue_after_its_last_instant(listener: Listener) -> None:
    """At the instant it is due it is not late; a millisecond later it is, and the gauges say so by rule."""
    listener.inbox.receive(listener.followup())
    (owed,) = listener.inbox.obligations()
    assert not owed.overdue(owed.due)
    assert owed.overdue(LATER)
    labels = {"rule": "acknowledge", "side": "ours"}
    for now, due, overdue in ((owed.due, 1.0, None), (LATER, None, 1.0)):
        listener.clock.now = now
        listener.inbox.measure()
        assert REGISTRY.get_sample_value("yizhan_inbox_obligations_due", labels) == due
        assert REGISTRY.get_sample_value("yizhan_inbox_obligations_overdue", labels) == overdue


def test_only_the_station_says_what_is_owed(listener: Listener) -> None:
    """A statement that a stranger signed, or that was changed, stays aside and owes nothing."""
    record = listener.followup()
    stranger = listener.world.station
    listener.world.station = SigningKey.from_seed(bytes(32))
    try:
        forged = listener.followup()
    finally:
        listener.world.station = stranger
    changed = replace(record, value=(record.value or b"").replace(b"payload", b"payloaD"))
    assert [each.became for each in listener.inbox.receive_many([forged, changed])] == ["aside", "aside"]
    assert listener.inbox.obligations() == ()


def test_two_statements_for_one_step_are_evidence(listener: Listener) -> None:
    """The first stays; another one with another deadline is kept aside."""
    listener.inbox.receive(listener.followup())
    outcome = listener.inbox.receive(listener.followup(due="2027-01-01T00:00:00.000Z"))
    assert outcome.became == "aside"
    (owed,) = listener.inbox.obligations()
    assert owed.due == NOW + timedelta(minutes=5)
    assert "the first stays" in listener.inbox.aside()[0].detail


def test_an_event_that_discharges_nothing_owes_nothing(listener: Listener) -> None:
    """The station's word that somebody does not owe what was sent is kept and opens nothing."""
    outcome = listener.inbox.receive(listener.followup(NOT_OWED, by=BY))
    assert outcome.became == "followup"
    assert listener.inbox.obligations(everything=True) == ()


def test_a_statement_under_a_newer_charter_is_read_when_that_comes(tmp_path: Path) -> None:
    """A key of the station that our charter does not know yet: aside, and a row once the charter is here."""
    world = World()
    public = {code: county.public for code, county in world.counties.items()}
    world.station = County.make("station", 2).signing
    listener = Listener(world, tmp_path / "inbox.sqlite3")
    with listener.inbox as inbox:
        inbox.receive(listener.followup())
        assert inbox.aside_count() == 1
        world.charters.adopt(load(charter_files(public, [world.station.public], not_before=NOW), 2, NOW))
        inbox.adopt_charters()
        assert inbox.aside_count() == 0
        assert len(inbox.obligations()) == 1


def test_an_answer_that_is_sent_again_is_told_once_that_it_discharges_nothing(listener: Listener) -> None:
    """An outbox may send its bytes again at any time: that the station answers again is no evidence against it."""
    listener.inbox.receive(listener.followup(NOT_OWED, by=BY))
    later = {"at": "2026-12-01T00:00:00.000Z"}
    assert listener.inbox.receive(listener.followup(NOT_OWED, by=BY, **later)).became == "duplicate"
    assert not listener.inbox.aside()


def test_what_others_owe_each_other_is_not_ours(listener: Listener) -> None:
    """The station's true word, put on our topic by a broker that wants our telephones to ring: aside."""
    outcome = listener.inbox.receive(listener.followup(owes=("330327",), owed=(PARTNER,)))
    assert outcome.became == "aside"
    assert "not with us" in listener.inbox.aside()[0].detail
    assert listener.inbox.obligations(everything=True) == ()
