"""What an inbox learns of obligations from postmarks: of events that come, and of its own events' postings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import BOOK, NOW, County, World, load
from yizhan.consumers.arrivals import Arrived
from yizhan.consumers.labels import Warn
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.followups import KAFKA_HEADER, Followup
from yizhan.schemas.header import RECEIPT, parse_header
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.sample import charter_files
from yizhan.schemas.statements import read_statement
from yizhan.schemas.timestamps import written

OWED = ["acknowledge", "follow-up"]
ANOTHER = {"id": f"{PARTNER}-{BOOK}-7", "hash": "0" * 64}


def read(listener: Listener, stamp: bytes) -> Postmark:
    """Read a postmark."""
    return read_statement(Postmark, stamp, listener.world.charter)[0]


def stamped(listener: Listener, value: bytes, **said: Any) -> Arrived:  # noqa: ANN401 -- any attribute
    """Put an event on our topic, its postmark changed as told."""
    mark = read(listener, listener.world.postmark(value, PARTNER))
    changed = Postmark.model_validate(mark.model_dump(exclude_none=True) | said)
    return listener.arrived(value, changed.signed(listener.world.station))


def rules(listener: Listener, *, everything: bool = False) -> list[str]:
    """Return the rules of what is owed."""
    return sorted(each.rule for each in listener.inbox.obligations(everything=everything))


def test_an_alarm_opens_what_its_postmark_says_once(listener: Listener) -> None:
    """It comes three times, after a restart, and stamped again at another place: one row a step, told once."""
    fire = listener.event()
    record = listener.stamped(fire)
    first, again = listener.inbox.receive_many([record, record])
    assert [each.became for each in first.told()] == ["stored", "followup", "followup"]
    assert (again.became, again.steps) == ("duplicate", ())
    listener.restart()
    resent = stamped(listener, fire, opens=[], ends=[])  # the station read the same bytes again: nothing new opens
    assert listener.inbox.receive(resent).steps == ()
    owed = listener.inbox.obligations()
    assert [(each.rule, each.owes, each.owed, each.steps) for each in owed] == [
        ("acknowledge", (ME,), (PARTNER,), ("opened",)),
        ("follow-up", (PARTNER,), (ME,), ("opened",)),
    ]
    assert {each.about for each in owed} == {f"{PARTNER}-{BOOK}-1"}
    assert not listener.inbox.aside()


def test_a_step_that_comes_as_a_statement_too_is_the_same(listener: Listener) -> None:
    """Whom the event reaches with the quarter has the statement first, and the postmark months later."""
    record = listener.stamped(listener.event())
    steps = read(listener, record.headers[0][1] or b"").steps()
    for each in steps:
        said = listener.arrived(each.signed(listener.world.station))
        assert listener.inbox.receive(replace(said, headers=((KAFKA_HEADER, b"1"),))).became == "followup"
    assert listener.inbox.receive(record).steps == ()
    assert not listener.inbox.aside()
    assert listener.inbox.followups(NOW + timedelta(days=1)) == steps


def test_what_is_read_back_is_what_the_postmark_says(listener: Listener) -> None:
    """The steps of a quarter come from postmarks as from statements."""
    record = listener.stamped(listener.event())
    listener.inbox.receive(record)
    assert listener.inbox.followups(NOW + timedelta(days=1)) == read(listener, record.headers[0][1] or b"").steps()


def test_an_end_comes_with_the_event_that_brings_it(listener: Listener) -> None:
    """An acknowledgement of our fire: its postmark discharges what the partner owed."""
    listener.inbox.receive(posting(listener, world_fire := listener.world.event(ME, (PARTNER,))))
    listener.desk.audiences[parse_header(parse_envelope(world_fire).unverified_header).id] = (PARTNER,)
    (owed,) = (each for each in listener.inbox.obligations() if each.rule == "acknowledge")
    ref = {"id": owed.about, "hash": parse_envelope(world_fire).hash.hex()}
    answer = listener.event(
        type=RECEIPT, receipt={"stage": "acknowledged", "event": ref}, stage=None, touches=None, priority="routine"
    )
    ends = [{
        "obligation": owed.id, "rule": owed.rule, "step": "discharged", "owes": owed.owes, "owed": owed.owed,
        "about": ref, "thread": owed.about, "opened": written(owed.opened), "due": written(owed.due),
    }]  # fmt: skip
    outcome = listener.inbox.receive(stamped(listener, answer, ends=ends))
    assert outcome.item is not None
    assert Warn.OBLIGATIONS_DIFFER not in outcome.item.warnings
    assert [each.step for each in outcome.steps] == ["discharged"]
    (ended,) = (each for each in listener.inbox.obligations(everything=True) if each.rule == "acknowledge")
    assert (ended.ended, ended.steps) == ("discharged", ("opened", "discharged"))


def posting(listener: Listener, value: bytes, source: str = ME) -> Arrived:
    """Put the postmark of an event of ours on our postings."""
    return listener.arrived(listener.world.postmark(value, source), kind="posting")


def test_a_sender_learns_from_its_posting(listener: Listener) -> None:
    """What our own fire opened, once, however often the posting is read."""
    record = posting(listener, listener.world.event(ME, (PARTNER,)))
    assert [each.became for each in listener.inbox.receive(record).told()] == ["followup", "followup"]
    listener.restart()
    assert [*listener.inbox.receive(record).told()] == []
    assert rules(listener) == OWED
    assert listener.inbox.items() == ()


def test_postings_of_refusals_and_of_former_stations_say_nothing(listener: Listener) -> None:
    """They are passed over: the outbox is who reads them."""
    mark = read(listener, listener.world.postmark(listener.world.event(ME, (PARTNER,)), ME))
    former = mark.model_copy(update={"opens": None, "ends": None})
    values = mark.model_dump(include={"record_sha256", "origin", "received", "charter"})
    refusal = Postmark.model_validate(values | {"refused": "malformed"})
    for each in (former, refusal):
        outcome = listener.inbox.receive(listener.arrived(each.signed(listener.world.station), kind="posting"))
        assert (outcome.became, [*outcome.told()]) == ("posting", [])
    assert not listener.inbox.aside()


def test_a_posting_about_another_countys_event_is_put_aside(listener: Listener) -> None:
    """The station's true word, put on our topic by a broker: what others owe is not ours to keep."""
    outcome = listener.inbox.receive(posting(listener, listener.event(), PARTNER))
    assert (outcome.became, rules(listener)) == ("aside", [])


@pytest.mark.parametrize("kind", ["alert", "posting"])
def test_obligations_of_others_in_one_postmark_are_passed_over(listener: Listener, kind: str) -> None:
    """A fire to two counties: each keeps what itself owes and is owed."""
    third = "330327"
    fire = listener.world.event(PARTNER, (third, ME))
    if kind == "alert":
        outcome = listener.inbox.receive(listener.stamped(fire))
        assert {each.obligation.rpartition("/")[2] for each in outcome.steps} == {ME, PARTNER}
    else:
        fire = listener.world.event(ME, (third, PARTNER))
        outcome = listener.inbox.receive(posting(listener, fire))
        assert {each.obligation.rpartition("/")[2] for each in outcome.steps} == {ME, third, PARTNER}


def test_a_postmark_of_another_record_owes_nothing(listener: Listener) -> None:
    """Copied from another fire: the alarm rings, and nobody owes what the copied one says."""
    other = listener.world.postmark(listener.event(), PARTNER)
    outcome = listener.inbox.receive(listener.arrived(listener.event(), other))
    assert outcome.rings
    assert (outcome.steps, rules(listener)) == ((), [])


def test_another_word_on_a_known_step_is_evidence(listener: Listener) -> None:
    """The same event stamped with another term: the first stays, the second postmark is kept aside."""
    fire = listener.event()
    listener.inbox.receive(listener.stamped(fire))
    opens = [{"rule": "acknowledge", "owes": [ME], "owed": [PARTNER], "due": written(NOW + timedelta(days=1))}]
    mark = read(listener, listener.world.postmark(fire, PARTNER))
    changed = Postmark.model_validate(mark.model_dump(exclude_none=True) | {"received": written(NOW), "opens": opens})
    outcome = listener.inbox.receive(listener.arrived(fire, changed.signed(listener.world.station)))
    assert (outcome.became, outcome.steps) == ("duplicate", ())
    (aside,) = listener.inbox.aside()
    assert "the first stays" in aside.detail
    (owed,) = (each for each in listener.inbox.obligations() if each.rule == "acknowledge")
    assert owed.due < NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    "entry",
    [
        {"rule": "acknowledge", "owes": [PARTNER], "owed": [ME]},
        {"rule": "follow-up", "owes": [ME], "owed": [PARTNER]},
        {"rule": "feedback", "owes": [ME], "owed": [PARTNER]},
        {"rule": "no-such-rule", "owes": [ME], "owed": [PARTNER]},
        {"rule": "acknowledge", "owes": [ME], "owed": [PARTNER], "due": written(NOW + timedelta(days=9))},
        {"rule": "acknowledge", "owes": [ME], "owed": [PARTNER], "about": ANOTHER},
    ],
    ids=lambda entry: f"{entry['rule']}-{len(entry)}",
)  # fmt: skip
def test_what_rule_and_policy_do_not_give_is_marked(listener: Listener, entry: dict[str, Any]) -> None:
    """The item says that the county's own rules give something else; the station's word is kept: it reminds by it."""
    due = {"due": written(NOW + timedelta(minutes=5))}
    outcome = listener.inbox.receive(stamped(listener, listener.event(), opens=[due | entry]))
    assert outcome.item is not None
    assert Warn.OBLIGATIONS_DIFFER in outcome.item.warnings
    assert rules(listener) == [entry["rule"]]


@pytest.mark.parametrize("end", ["a-b", "331126-350924", f"{PARTNER}-{BOOK}-0", f"{PARTNER}-{BOOK}-2", "-"])
def test_no_name_of_an_obligation_hides_a_fire(listener: Listener, end: str) -> None:
    """The alarm rings, whatever a faulty station calls what it ends."""
    said: dict[str, Any] = {
        "obligation": f"follow-up/{end}",
        "rule": "follow-up",
        "step": "discharged",
        "owes": [PARTNER],
        "owed": [ME],
    }
    said |= {"about": ANOTHER, "thread": ANOTHER["id"], "opened": written(NOW), "due": written(NOW)}
    update = listener.event(stage="update", subject=ANOTHER["id"], reply_to=ANOTHER, touches=None)
    outcome = listener.inbox.receive(stamped(listener, update, ends=[said]))
    assert outcome.rings
    assert outcome.item is not None
    assert Warn.OBLIGATIONS_DIFFER in outcome.item.warnings


def test_what_rule_and_policy_give_is_not(listener: Listener) -> None:
    """Every opening of a lawful fire passes the check."""
    outcome = listener.inbox.receive(listener.stamped(listener.event()))
    assert outcome.item is not None
    assert outcome.item.warnings == (Warn.PAYLOAD_INVALID,)


def test_a_posting_under_a_newer_charter_is_read_when_that_comes(tmp_path: Path) -> None:
    """A key of the station that our charter does not know yet: aside, and rows once the charter is here."""
    world = World()
    public = {code: county.public for code, county in world.counties.items()}
    world.station = County.make("station", 2).signing
    listener = Listener(world, tmp_path / "inbox.sqlite3")
    with listener.inbox as inbox:
        inbox.receive(posting(listener, world.event(ME, (PARTNER,))))
        assert inbox.aside_count() == 1
        world.charters.adopt(load(charter_files(public, [world.station.public], not_before=NOW), 2, NOW))
        inbox.adopt_charters()
        assert inbox.aside_count() == 0
        assert rules(listener) == OWED


def test_an_event_whose_postmark_came_under_a_newer_charter_owes_once_that_comes(tmp_path: Path) -> None:
    """The fire rings at once; what it opens is kept when our charter knows the key that signed its postmark."""
    world = World()
    public = {code: county.public for code, county in world.counties.items()}
    world.station = County.make("station", 2).signing
    listener = Listener(world, tmp_path / "inbox.sqlite3")
    with listener.inbox as inbox:
        outcome = listener.deliver(listener.event())
        assert outcome.rings
        assert rules(listener) == []
        listener.restart()
    with listener.inbox as inbox:
        world.charters.adopt(load(charter_files(public, [world.station.public], not_before=NOW), 2, NOW))
        (told,) = inbox.adopt_charters()
        assert (told.became, [each.became for each in told.told()]) == (
            "duplicate",
            ["duplicate", "followup", "followup"],
        )
        assert rules(listener) == OWED


def test_how_far_postings_were_read_is_remembered(listener: Listener) -> None:
    """Its place is remembered beside those of alerts and digests."""
    record = posting(listener, listener.world.event(ME, (PARTNER,)))
    listener.inbox.receive_many([record], "c")
    assert listener.inbox.position("c", "posting") == record.offset + 1


def test_statements_of_a_former_station_are_read_as_before(listener: Listener) -> None:
    """Its postmark says nothing of obligations, its statements do."""
    fire = listener.event()
    mark = read(listener, listener.world.postmark(fire, PARTNER))
    former = mark.model_copy(update={"opens": None, "ends": None}).signed(listener.world.station)
    outcome = listener.inbox.receive(listener.arrived(fire, former))
    assert outcome.item is not None
    assert (outcome.steps, outcome.item.warnings) == ((), (Warn.PAYLOAD_INVALID,))
    said = [Followup.model_validate(each.model_dump()) for each in mark.steps()]
    for each in said:
        record = listener.arrived(each.signed(listener.world.station))
        assert listener.inbox.receive(replace(record, headers=((KAFKA_HEADER, b"1"),))).became == "followup"
    assert rules(listener) == OWED
