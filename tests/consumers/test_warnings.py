"""What the inbox warns of, and what was superseded or withdrawn."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from tests.consumers.inbox_cases import OTHER, id_of, item_of, ref_of
from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import CLUSTER, FIRE, NOW, World
from yizhan.consumers.errors import NotAnswerable
from yizhan.consumers.inbox import Inbox
from yizhan.consumers.labels import SENTENCES, State, Warn, sentence
from yizhan.schemas import topics
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import Decided, Origin, Postmark
from yizhan.schemas.timestamps import written


def stamp(world: World, value: bytes, key: SigningKey | None = None, **said: Any) -> bytes:  # noqa: ANN401
    """Write a postmark about the partner's event, changed as told; signed by the station, or with another key."""
    true = {
        "record_sha256": hashlib.sha256(value).hexdigest(),
        "origin": Origin(cluster=CLUSTER, topic=topics.events(PARTNER), partition=0, offset=0),
        "received": written(NOW),
        "charter": world.charter.name,
        "id": id_of(value),
        "hash": parse_envelope(value).hash.hex(),
        "decisions": {ME: Decided(way=Way.ALARM, rule="fire")},
    }
    return Postmark.model_validate(true | said).signed(key or world.station)


@pytest.mark.parametrize(
    ("said", "warning"),
    [
        ({"record_sha256": "0" * 64}, Warn.POSTMARK_OTHER_RECORD),
        ({"hash": "0" * 64}, Warn.POSTMARK_OTHER_RECORD),
        ({"id": "350924-20261123test-999"}, Warn.POSTMARK_OTHER_RECORD),
        ({"origin": Origin(cluster=CLUSTER, topic=topics.events(OTHER), partition=0, offset=0)},
         Warn.POSTMARK_OTHER_RECORD),
        ({"decisions": {ME: Decided(way=Way.DIGEST, rule="rest")}}, Warn.DECISION_DIFFERS),
        ({"decisions": {ME: Decided(way=Way.ALARM, rule="disaster")}}, Warn.DECISION_DIFFERS),
        ({"decisions": {OTHER: Decided(way=Way.ALARM, rule="fire")}}, Warn.NOT_DECIDED_FOR_US),
        ({"charter": "7-0123456789abcdef"}, Warn.CHARTER_UNKNOWN),
        ({"clock_suspect": True}, Warn.CLOCK_SUSPECT),
    ],
)  # fmt: skip
def test_an_odd_postmark_hides_no_fire(listener: Listener, said: dict[str, Any], warning: Warn) -> None:
    """Whatever the postmark says, a fire whose county signed it rings, with a warning."""
    fire = listener.event()
    outcome = listener.inbox.receive(listener.arrived(fire, stamp(listener.world, fire, **said)))
    assert outcome.rings
    assert outcome.item is not None
    assert set(outcome.item.warnings) == {warning, Warn.PAYLOAD_INVALID}


@pytest.mark.parametrize("mark", [None, b"", b"{}", b"\xff" * 300_000])
def test_a_missing_or_invalid_postmark_hides_no_fire(listener: Listener, mark: bytes | None) -> None:
    """Our own decision holds where the station's cannot be read."""
    outcome = listener.inbox.receive(listener.arrived(listener.event(), mark))
    assert outcome.rings
    assert outcome.item is not None
    assert outcome.item.rule == "fire"
    assert (Warn.POSTMARK_MISSING if mark is None else Warn.POSTMARK_INVALID) in outcome.item.warnings


def test_a_postmark_of_another_key_is_invalid(listener: Listener, world: World) -> None:
    """Only the station's keys of the charter make postmarks."""
    fire = listener.event()
    theirs = stamp(world, fire, decisions={ME: Decided(way=Way.DIGEST, rule="rest")}, key=world.counties[OTHER].signing)
    outcome = listener.inbox.receive(listener.arrived(fire, theirs))
    assert outcome.rings
    assert outcome.item is not None
    assert Warn.POSTMARK_INVALID in outcome.item.warnings


def test_a_fire_from_a_clock_that_runs_ahead_rings(listener: Listener) -> None:
    """A fire from a fast clock rings with a warning, whether or not the station marked it."""
    fire = listener.event(time=written(NOW + timedelta(hours=2)))
    outcome = listener.inbox.receive(listener.arrived(fire))
    assert outcome.rings
    assert outcome.item is not None
    assert Warn.CLOCK_SUSPECT in outcome.item.warnings


def test_what_cannot_be_opened_is_shown_and_told(listener: Listener, world: World) -> None:
    """A fire sealed to a key that we no longer have rings; its sender is told which word is wrong."""
    listener.inbox.close()
    listener.inbox = Inbox(listener.path, ME, [], world.charters, listener.clock, listener.desk)
    outcome = listener.deliver(listener.event())
    assert outcome.rings
    assert outcome.item is not None
    assert (outcome.item.payload, outcome.item.unopenable) == (None, "not_addressed")
    assert Warn.UNOPENABLE in outcome.item.warnings
    listener.clock.forward(10)
    listener.inbox.tick()
    assert sorted(listener.desk.stages()) == ["delivered", "unopenable"]


def test_what_is_not_addressed_to_us_is_shown_and_never_receipted(listener: Listener, world: World) -> None:
    """The station put it on the wrong topic: quiet, with warnings, and its sender hears nothing of us."""
    stray = world.event(PARTNER, (OTHER,))
    outcome = listener.inbox.receive(listener.arrived(stray, world.postmark(stray)))
    assert outcome.item is not None
    assert (outcome.item.state, outcome.item.way) == (State.QUIET, "notice")
    assert {Warn.NOT_ADDRESSED_TO_US, Warn.NOT_DECIDED_FOR_US, Warn.UNOPENABLE} <= set(outcome.item.warnings)
    listener.clock.forward(10)
    assert listener.inbox.tick() == 0
    with pytest.raises(NotAnswerable):
        listener.inbox.acknowledge(outcome.item.id, "王芳", "331126007")


@pytest.mark.parametrize(
    ("type_", "payload", "warning"),
    [
        ("yizhan.incident.meteor.v1", b'{"summary":"x"}', Warn.UNKNOWN_TYPE),
        (FIRE, b"\xff\xfe", Warn.PAYLOAD_INVALID),
        (FIRE, b"[]", Warn.PAYLOAD_INVALID),
        (FIRE, b"[" * 4000, Warn.PAYLOAD_INVALID),
        (FIRE, b"", Warn.PAYLOAD_INVALID),
        (FIRE, b'{"new":1,"summary":"x"}', Warn.UNKNOWN_FIELDS),
    ],
)
def test_a_payload_that_we_do_not_know_is_shown(
    listener: Listener, world: World, type_: str, payload: bytes, warning: Warn
) -> None:
    """An older inbox shows a newer partner's words raw, and rings as the header says."""
    outcome = listener.deliver(world.seal(world.header(to=(ME,), type=type_), payload))
    assert outcome.item is not None
    assert warning in outcome.item.warnings
    assert outcome.item.payload == payload
    assert outcome.rings is (type_ == FIRE)


MAJOR_CRIME: dict[str, Any] = {"type": "yizhan.incident.eco_crime.v1", "grade": 2}


def test_an_alarm_past_its_time_is_history(listener: Listener) -> None:
    """It is stored, and rings nobody; one that expires while it rings stops."""
    late = listener.deliver(listener.event(**MAJOR_CRIME, expires=written(NOW)))
    assert late.item is not None
    assert (late.item.state, late.rings) == (State.EXPIRED, False)
    assert Warn.EXPIRED in late.item.warnings
    soon = listener.deliver(listener.event(**MAJOR_CRIME, expires=written(NOW + timedelta(minutes=1))))
    assert soon.rings
    listener.clock.forward(120)
    listener.inbox.tick()
    assert listener.inbox.ringing() == ()


def test_a_fire_rings_whatever_it_says_of_its_end(listener: Listener) -> None:
    """A sender's clock that runs behind silences no fire: it rings, with a warning, until it is acknowledged."""
    fire = listener.deliver(listener.event(expires=written(NOW)))
    assert fire.item is not None
    assert fire.rings
    assert Warn.EXPIRED in fire.item.warnings
    listener.clock.forward(3600)
    listener.inbox.tick()
    assert [item.id for item in listener.inbox.ringing()] == [fire.item.id]


def test_a_number_given_twice_is_told(listener: Listener, world: World) -> None:
    """Two events with one number in one lane: both are shown, the later with a warning."""
    lanes = {ME: {"lane": "prompt", "n": 1}}
    first, second = (world.event(to=(ME,), lanes=lanes) for _ in range(2))
    assert Warn.LANE_CONFLICT not in item_of(listener, first).warnings
    assert Warn.LANE_CONFLICT in item_of(listener, second).warnings


def test_every_word_has_its_sentence() -> None:
    """Nothing that can be shown lacks a Chinese sentence."""
    assert [set(SENTENCES[each]) for each in (Warn, State)] == [{*Warn}, {*State}]
    assert sentence(Warn.EXPIRED) != sentence(State.EXPIRED)
    assert sentence(Warn.UNOPENABLE).startswith("署名有效")


@pytest.mark.parametrize("withdrawal_first", [False, True])
def test_a_withdrawn_alarm_stops_ringing_whichever_came_first(listener: Listener, *, withdrawal_first: bool) -> None:
    """Its own county takes it back: it stays, and says by what."""
    fire = listener.event()
    back = listener.event(withdraws=ref_of(fire), stage="update")
    for value in (back, fire) if withdrawal_first else (fire, back):
        listener.deliver(value)
    item = listener.inbox.item(id_of(fire))
    assert item is not None
    assert (item.state, item.withdrawn_by) == (State.WITHDRAWN, id_of(back))
    assert listener.inbox.ringing() == ()


def test_only_the_same_county_and_the_very_event_are_taken_back(listener: Listener) -> None:
    """Another hash withdraws nothing, nor does another county; an exercise silences nothing real."""
    fire = listener.event()
    listener.deliver(fire)
    listener.deliver(listener.event(withdraws=ref_of(fire) | {"hash": "0" * 64}, stage="update"))
    listener.deliver(listener.event(withdraws=ref_of(fire), stage="update", status="Exercise"))
    foreign = listener.event(OTHER, withdraws=ref_of(fire), stage="update")
    shown = listener.inbox.receive(listener.arrived(foreign)).item
    assert shown is not None
    assert Warn.AGAINST_CONTRACT in shown.warnings
    (item,) = listener.inbox.ringing()
    assert item.withdrawn_by is None


def test_superseded_shows_what_superseded_it(listener: Listener) -> None:
    """A correction is quiet; the original names it and still waits for its officer."""
    fire = listener.event()
    better = listener.event(supersedes=ref_of(fire), subject=id_of(fire), stage="update")
    assert listener.deliver(better).item is not None
    item = item_of(listener, fire)
    assert (item.superseded_by, item.state) == (id_of(better), State.RINGING)
    assert [each.id for each in listener.inbox.thread(id_of(fire))] == [id_of(better), id_of(fire)]
