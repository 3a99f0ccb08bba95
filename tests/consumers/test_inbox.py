"""What an inbox does with what comes."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.consumers.county import ME, PARTNER, Listener
from tests.forge import forge
from tests.simulator import CLUSTER, FIRE, INTELLIGENCE, NOW, START, World, load
from yizhan.consumers import items
from yizhan.consumers.errors import InboxError, NoSuchItem, NotAnswerable, WrongInbox
from yizhan.consumers.inbox import Inbox
from yizhan.consumers.items import InboxQuery
from yizhan.consumers.labels import SENTENCES, State, Warn, sentence
from yizhan.consumers.receipts import MOST_AT_ONCE
from yizhan.consumers.store import MIGRATIONS
from yizhan.runtime.errors import StoreError
from yizhan.runtime.store import open_store
from yizhan.schemas import strictjson, topics
from yizhan.schemas.envelope import parse_envelope, seal
from yizhan.schemas.errors import Reason
from yizhan.schemas.header import parse_header
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import KAFKA_HEADER, Decided, Origin, Postmark
from yizhan.schemas.sample import charter_files
from yizhan.schemas.timestamps import written

OTHER = "350722"


def id_of(value: bytes) -> str:
    """Return the id inside an envelope."""
    return parse_header(parse_envelope(value).unverified_header).id


def ref_of(value: bytes) -> dict[str, str]:
    """Return what a later event calls this one."""
    return {"id": id_of(value), "hash": parse_envelope(value).hash.hex()}


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


# -- one row, one ring --


def test_an_alarm_is_one_row_that_rings(listener: Listener) -> None:
    """A fire that touches us is opened, stored, and rings."""
    outcome = listener.deliver(listener.event())
    assert outcome.rings
    assert outcome.item is not None
    (item,) = listener.inbox.items()
    assert item == outcome.item
    assert (item.way, item.rule, item.state, item.warnings) == ("alarm", "fire", State.RINGING, (Warn.PAYLOAD_INVALID,))
    assert item.payload == b'{"summary":"test"}'
    assert listener.inbox.ringing() == (item,)
    assert item.contents is not None
    assert item.contents.raw == {"summary": "test"}


def test_whatever_is_read_again_is_one_row_and_one_ring(listener: Listener) -> None:
    """The same record three times, after a restart too: one row, one ring."""
    record = listener.stamped(listener.event())
    outcomes = [listener.inbox.receive(record), listener.inbox.receive(record)]
    listener.restart()
    outcomes.append(listener.inbox.receive(record))
    assert [outcome.became for outcome in outcomes] == ["stored", "duplicate", "duplicate"]
    assert [outcome.rings for outcome in outcomes] == [True, False, False]
    assert len(listener.inbox.items()) == 1


def test_many_in_one_transaction_are_as_one_by_one(listener: Listener) -> None:
    """A batch keeps order, suppresses what is double, and one bad record harms no other."""
    fires = [listener.event() for _ in range(3)]
    records = [listener.stamped(fires[0]), listener.arrived(b"noise"), *map(listener.stamped, fires)]
    assert [outcome.became for outcome in listener.inbox.receive_many(records)] == [
        "stored", "aside", "duplicate", "stored", "stored",
    ]  # fmt: skip
    assert [item.id for item in listener.inbox.items()] == [id_of(fire) for fire in fires]


def test_a_notice_is_quiet(listener: Listener) -> None:
    """An exercise comes at once, rings nobody, and bears its mark."""
    outcome = listener.deliver(listener.event(status="Exercise"))
    assert outcome.item is not None
    assert not outcome.rings
    assert (outcome.item.way, outcome.item.state) == ("notice", State.QUIET)
    assert outcome.item.title == "【演练】森林火灾"


def test_another_event_under_the_same_id_is_evidence(listener: Listener, world: World) -> None:
    """The first stays and says so; the other is kept whole, once."""
    header = world.header(to=(ME,))
    first, second = world.seal(header, b'{"summary":"one"}'), world.seal(header, b'{"summary":"two"}')
    listener.deliver(first)
    assert [listener.deliver(second).became, listener.deliver(second).became] == ["conflict", "conflict"]
    (item,) = listener.inbox.items()
    assert item.hash == parse_envelope(first).hash
    assert Warn.ID_CONFLICT in item.warnings
    (conflict,) = listener.inbox.conflicts()
    assert (conflict.id, conflict.envelope, conflict.first_hash) == (header.id, second, item.hash)


def test_a_full_disk_stores_nothing_and_says_so(listener: Listener) -> None:
    """When the outbox cannot take a receipt in, the whole step is undone and can be read again."""
    own = listener.world.event(ME, (PARTNER,))
    listener.desk.audiences = {id_of(own): (PARTNER,)}
    record = listener.stamped(receipt(listener, own))
    listener.desk.full = True
    with pytest.raises(StoreError):
        listener.inbox.receive_many([listener.stamped(listener.event()), record])
    assert listener.inbox.items(InboxQuery(system=True)) == ()
    listener.desk.full = False
    assert listener.inbox.receive(record).became == "stored"


def test_an_inbox_is_one_countys(listener: Listener, world: World) -> None:
    """Another county's inbox does not open under our name."""
    with pytest.raises(WrongInbox):
        Inbox(listener.path, OTHER, [], world.charters)


def test_how_far_it_read_is_written_with_the_rows(listener: Listener) -> None:
    """A cluster each, a topic each; what was skipped counts as read, and is kept aside by its place."""
    inbox = listener.inbox
    assert inbox.position("a", "alert") == 0
    inbox.receive_many([listener.stamped(listener.event()) for _ in range(3)], "a")
    inbox.keep_unreadable("a", "digest", range(7, 9), "no such codec")
    listener.restart()
    found = {(c, k): listener.inbox.position(c, k) for c in ("a", "b") for k in ("alert", "digest")}
    assert found == {("a", "alert"): 3, ("a", "digest"): 9, ("b", "alert"): 0, ("b", "digest"): 0}
    (aside,) = listener.inbox.aside()
    assert (aside.place, aside.reason) == ("0/7", Reason.MALFORMED)


# -- warnings --


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
    """Found out here too, whether or not the station said so."""
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


def item_of(listener: Listener, value: bytes) -> Any:  # noqa: ANN401
    """Deliver and return the item."""
    outcome = listener.deliver(value)
    assert outcome.item is not None
    return outcome.item


def test_every_word_has_its_sentence() -> None:
    """Nothing that can be shown lacks a Chinese sentence."""
    assert {*Warn, *State} <= SENTENCES.keys()
    assert sentence(Warn.UNOPENABLE).startswith("署名有效")


# -- superseded, withdrawn --


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


# -- what stays aside --


def test_every_reason_stays_aside_with_its_word(listener: Listener, world: World) -> None:
    """What does not verify is kept with its reason, and never stops the reader."""
    good = listener.event()
    tampered = good[:-1] + bytes([good[-1] ^ 1])
    kinds = {
        Reason.MALFORMED: b"not an envelope",
        Reason.OVERSIZE: bytes(900_001),
        Reason.UNKNOWN_SUITE: good[:4] + b"\x02" + good[5:],
        Reason.UNKNOWN_KEY: alien_event(world),
        Reason.BAD_SIGNATURE: tampered,
    }
    for reason, value in kinds.items():
        outcome = listener.inbox.receive(listener.arrived(value))
        assert (outcome.became, outcome.reason) == ("aside", reason)
        assert listener.inbox.receive(listener.arrived(value)).became == "aside"
    kept = {aside.reason: aside for aside in listener.inbox.aside()}
    assert kept.keys() == set(kinds)
    assert all(aside.times == 2 for aside in kept.values())
    assert all(aside.value == kinds[Reason(reason)] for reason, aside in kept.items())
    assert listener.inbox.items() == ()


def test_what_a_county_really_signed_is_shown(listener: Listener, world: World) -> None:
    """A wrong audience or reference is a warning on the item; it never hides a fire."""
    original = item_of(listener, listener.event())
    ref = {"id": original.id, "hash": original.hash.hex()}
    usurped = listener.inbox.receive(listener.arrived(listener.event(OTHER, supersedes=ref)))
    lanes = {OTHER: {"lane": "prompt", "n": 1}}
    misnumbered = listener.inbox.receive(listener.arrived(world.seal(world.header(to=(ME,), lanes=lanes), b"{}")))
    for outcome in (usurped, misnumbered):
        assert outcome.item is not None
        assert Warn.AGAINST_CONTRACT in outcome.item.warnings
    assert misnumbered.rings
    assert listener.inbox.item(original.id).superseded_by is None  # type: ignore[union-attr] # it is there


def alien_event(world: World) -> bytes:
    """Seal a fire with a key that the charter does not name."""
    stranger = type(world.counties[PARTNER]).make(PARTNER, 9)
    header = world.header(to=(ME,)).model_copy(update={"kid": stranger.signing.kid})
    return seal(header, b"{}", [world.counties[ME].sealing.public], stranger.signing)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"not_after": written(NOW - timedelta(days=1))}, Reason.KEY_NOT_VALID),
        ({"revoked": written(NOW - timedelta(days=1))}, Reason.KEY_REVOKED),
    ],
)
def test_a_key_that_no_longer_holds_stays_aside(tmp_path: Path, change: dict[str, str], reason: Reason) -> None:
    """As of the time when the station received it."""
    world = World()
    files = dict(world.files)
    path = f"counties/{PARTNER}/keys.json"
    keys = strictjson.loads(files[path])
    keys["signing"][0] |= change
    files[path] = strictjson.dumps(keys)
    world.charter = load(files)
    world.charters = type(world.charters)([world.charter])
    listener = Listener(world, tmp_path / "inbox.sqlite3")
    with listener.inbox as inbox:
        assert inbox.receive(listener.arrived(listener.event())).reason == reason


def test_what_an_older_charter_kept_out_comes_in_with_the_newer(tmp_path: Path) -> None:
    """A member's new key is known a little later than its first fire: the fire still rings."""
    world = World()
    renewed = type(world.counties[PARTNER]).make(PARTNER, 2)
    publics = {code: county.public for code, county in world.counties.items()} | {PARTNER: renewed.public}
    turn = START + timedelta(days=30)
    later = load(charter_files(publics, [world.station.public], not_before=turn), 2, turn)
    world.counties[PARTNER] = renewed

    class Arriving(type(world.charters)):  # type: ignore[misc]  # the class of a simulator's attribute
        coming = False

        def refresh(self) -> tuple[Any, ...]:
            if not self.coming or self.latest().version == later.version:
                return ()
            self.adopt(later)
            return (later,)

    world.charters = Arriving([world.charter])
    listener = Listener(world, tmp_path / "inbox.sqlite3")
    fire = listener.event()
    assert listener.inbox.receive(listener.arrived(fire)).reason == Reason.UNKNOWN_KEY
    Arriving.coming = True
    listener.clock.forward(5)
    assert listener.inbox.adopt_charters() == 1
    assert [item.id for item in listener.inbox.ringing()] == [id_of(fire)]
    assert listener.inbox.aside() == ()
    listener.inbox.close()


# -- receipts --


def receipt(listener: Listener, own: bytes, source: str = PARTNER, stage: str = "acknowledged") -> bytes:
    """Seal a county's receipt about an event of ours."""
    reference = {"stage": stage, "event": ref_of(own)}
    attributes: dict[str, Any] = {
        "type": "yizhan.receipt.v1", "receipt": reference, "priority": "routine", "stage": None, "touches": None,
    }  # fmt: skip
    header = listener.world.header(source, (ME,), **attributes)
    return listener.world.seal(header, b'{"by":{"badge":"350924001","name":"\xe6\x9d\x8e"}}')


def test_a_receipt_of_a_recipient_binds(listener: Listener) -> None:
    """It reaches the outbox with its payload; read again, it is confirmed again and is one row."""
    own = listener.world.event(ME, (PARTNER,))
    listener.desk.audiences = {id_of(own): (PARTNER,)}
    record = listener.stamped(receipt(listener, own))
    assert [listener.inbox.receive(record).became for _ in range(2)] == ["stored", "duplicate"]
    (header, _, payload), _ = listener.desk.confirmed
    assert header.receipt is not None
    assert (header.receipt.stage, payload["by"]["badge"]) == ("acknowledged", "350924001")
    assert listener.inbox.items() == ()
    assert len(listener.inbox.items(InboxQuery(system=True))) == 1


@pytest.mark.parametrize("audience", [None, (OTHER,)])
def test_a_receipt_that_does_not_bind_stays_aside(listener: Listener, audience: tuple[str, ...] | None) -> None:
    """About what we never sent, or never sent to its source: bad_reference, and no gap in its lane."""
    own = listener.world.event(ME, (OTHER,))
    listener.desk.audiences = {} if audience is None else {id_of(own): audience}
    assert listener.deliver(receipt(listener, own)).reason == Reason.BAD_REFERENCE
    assert listener.desk.confirmed == []
    assert listener.inbox.gaps() == ()


def test_a_cumulative_receipt_binds_for_its_lane(listener: Listener) -> None:
    """Which lanes lead to its source, the outbox knows."""
    lane = {"stage": "delivered", "source": ME, "book": "20261123test", "lane": "prompt", "up_to": 7}
    said = listener.event(type="yizhan.receipt.v1", receipt=lane, priority="routine", stage=None, touches=None)
    assert listener.deliver(said).became == "stored"
    assert len(listener.desk.confirmed) == 1


def test_delivered_is_cumulative_and_not_too_often(listener: Listener) -> None:
    """One receipt a lane in the interval, saying all that came, gaps included."""
    events = [listener.event() for _ in range(4)]
    for n in (0, 1, 3):
        listener.deliver(events[n])
    assert [listener.inbox.tick(), listener.inbox.tick()] == [1, 0]
    ((first, by, note),) = listener.desk.receipts
    assert (first.stage, first.source, first.lane, by, note) == ("delivered", PARTNER, "prompt", None, None)
    assert (first.up_to, first.beyond) == (2, (4,))
    listener.deliver(events[2])
    assert listener.inbox.tick() == 0
    listener.clock.forward(2)
    assert listener.inbox.tick() == 1


def test_a_duplicate_is_receipted_again(listener: Listener) -> None:
    """Its sender may have lost the receipt."""
    fire = listener.event()
    listener.deliver(fire)
    listener.inbox.tick()
    listener.clock.forward(60)
    assert listener.inbox.tick() == 0
    listener.deliver(fire)
    assert listener.inbox.tick() == 1


def test_receipts_and_notices_are_never_receipted(listener: Listener) -> None:
    """Else two inboxes would thank each other for ever; their numbers count nevertheless."""
    lane = {"stage": "delivered", "source": ME, "book": "20261123test", "lane": "prompt", "up_to": 7}
    quiet: dict[str, Any] = {"priority": "routine", "stage": None, "touches": None}
    listener.deliver(listener.event(type="yizhan.receipt.v1", receipt=lane, **quiet))
    listener.deliver(listener.event(type="yizhan.notice.v1", **quiet))
    listener.clock.forward(60)
    assert listener.inbox.tick() == 0


def test_a_receipt_that_the_outbox_does_not_take_is_owed(listener: Listener) -> None:
    """Nothing is forgotten: it goes when there is room again, once."""
    fire = listener.event()
    listener.deliver(fire)
    listener.desk.full = True
    item = listener.inbox.acknowledge(id_of(fire), "王芳", "331126007")
    assert (item.state, listener.inbox.count_owed_receipts()) == (State.ACKNOWLEDGED, 1)
    listener.clock.forward(10)
    assert listener.inbox.tick() == 0
    listener.restart()
    listener.desk.full = False
    listener.clock.forward(70)
    assert listener.inbox.tick() == 2
    assert (sorted(listener.desk.stages()), listener.inbox.count_owed_receipts()) == (["acknowledged", "delivered"], 0)


def test_receipts_that_are_not_taken_wait_ever_longer_and_let_others_go_first(listener: Listener) -> None:
    """A hundred that cannot go do not hold up the one that can, nor are they all tried at every tick."""
    for _ in range(100):
        listener.deliver(listener.event())
    listener.desk.full = True
    for item in listener.inbox.items():
        listener.inbox.acknowledge(item.id, "王芳", "331126007")
    listener.clock.forward(10)
    tried = []
    for _ in range(20):
        before = listener.desk.asked
        assert listener.inbox.tick() == 0
        tried.append(listener.desk.asked - before)
    assert max(tried) <= 2 * MOST_AT_ONCE
    assert tried[-1] == 0
    listener.desk.full = False
    listener.clock.forward(2 * 3600)
    while listener.inbox.tick():
        pass
    assert listener.inbox.count_owed_receipts() == 0


# -- officers --


def test_every_officers_word_is_kept_with_name_and_badge(listener: Listener) -> None:
    """It stops the ringing and goes to the sender; another officer's, or a corrected one, too; the same once."""
    fire = listener.event()
    listener.deliver(fire)
    words = [("王芳", "331126007", "已派护林员"), ("李强", "331126008", None), ("王芳", "331126009", None)]
    for name, badge, note in [*words, words[0], words[1]]:
        item = listener.inbox.acknowledge(id_of(fire), name, badge, note=note)
    assert item.state is State.ACKNOWLEDGED
    assert [(each.name, each.badge, each.note) for each in item.answers] == words
    assert {each.stage for each in item.answers} == {"acknowledged"}
    sent = [(ref.stage, ref.event, by, note) for ref, by, note in listener.desk.receipts]
    assert [(by.name, by.badge, note) for _, _, by, note in sent if by is not None] == words
    assert {(stage, event.id) for stage, event, _, _ in sent if event is not None} == {("acknowledged", id_of(fire))}
    listener.inbox.acknowledge(id_of(fire), "王芳", "331126007", "acted")
    assert listener.desk.stages() == ["acknowledged"] * 3 + ["acted"]


def test_words_of_an_older_database_stay(tmp_path: Path) -> None:
    """What officers said before a second one could be heard is still there, and so is its order."""
    path = tmp_path / "old.sqlite3"
    with contextlib.closing(open_store(path, MIGRATIONS[:1])) as old:
        old.execute(
            "INSERT INTO items (id, hash, kind, source, county, book, type, status, thread, time, received, stored,"
            " way, rule, charter, state, warnings)"
            " VALUES ('1', x'00', 'alert', '', '', '', '', '', '', '', '', '', 'alarm', '', '', '', '')"
        )
        old.execute("INSERT INTO answers VALUES ('1', 'acted', '李强', '8', NULL, '2026-11-23T09:00:00.000Z')")
        old.execute("INSERT INTO answers VALUES ('1', 'acknowledged', '王芳', '7', '好', '2026-11-23T08:00:00.000Z')")
    with contextlib.closing(open_store(path, MIGRATIONS)) as new:
        kept = new.execute("SELECT stage, name, note FROM answers ORDER BY seq").fetchall()
    assert [tuple(row) for row in kept] == [("acknowledged", "王芳", "好"), ("acted", "李强", None)]


@pytest.mark.parametrize(
    ("name", "badge", "stage", "error"),
    [("", "1", "acknowledged", NotAnswerable), ("王芳", " ", "acknowledged", NotAnswerable),
     ("王芳", "1", "delivered", NotAnswerable)],
)  # fmt: skip
def test_an_answer_is_a_persons(listener: Listener, name: str, badge: str, stage: str, error: type[InboxError]) -> None:
    """No name, no badge, no such word: nothing is entered."""
    fire = listener.event()
    listener.deliver(fire)
    with pytest.raises(error):
        listener.inbox.acknowledge(id_of(fire), name, badge, stage)
    with pytest.raises(NoSuchItem):
        listener.inbox.acknowledge("350924-20261123test-77777", "王芳", "1")
    assert len(listener.inbox.ringing()) == 1


# -- lanes --


def test_a_lost_event_shows_at_once_and_a_lost_tail_when_it_is_announced(listener: Listener) -> None:
    """The gap is closed by what comes late, and by a number that its sender calls void."""
    events = [listener.event() for _ in range(5)]
    for n in (0, 2):
        listener.deliver(events[n])
    assert prompt_gaps(listener) == [(2, 2, "lost")]
    announce(listener, head=6, void=[])
    assert prompt_gaps(listener) == [(2, 2, "lost"), (4, 5, "lost")]
    listener.deliver(events[1])
    listener.deliver(events[3])
    announce(listener, head=9, void=[5])
    assert prompt_gaps(listener) == [(8, 9, "tail")]
    listener.inbox.measure()


def prompt_gaps(listener: Listener) -> list[tuple[int, int, str]]:
    """Return what is missing of the prompt lane."""
    return [(gap.first, gap.last, gap.kind) for gap in listener.inbox.gaps() if gap.lane == "prompt"]


def announce(listener: Listener, head: int, void: list[int]) -> None:
    """Let the partner say how far its prompt lane to us has come."""
    notice = {"kind": "lane_heads", "lanes": [
        {"book": "20261123test", "lane": "prompt", "head": head, "void": void},
        {"book": "20261123test", "lane": "digest", "head": 3},
    ]}  # fmt: skip
    quiet: dict[str, Any] = {"type": "yizhan.notice.v1", "priority": "routine", "stage": None, "touches": None}
    listener.deliver(listener.world.seal(listener.world.header(to=(ME,), **quiet), strictjson.dumps(notice)))
    # What waits for the quarter is no loss.
    assert [gap.kind for gap in listener.inbox.gaps() if gap.lane == "digest"] == ["waiting"]


# -- listing --


def test_items_are_found_by_what_is_asked(listener: Listener) -> None:
    """By way, state, type, county, text and time; receipts and notices only on demand."""
    fire, drill = listener.event(), listener.event(status="Exercise")
    report = listener.event(OTHER, type=INTELLIGENCE, priority="flash", stage=None)
    listener.deliver(fire)
    listener.deliver(drill)
    listener.deliver(report, OTHER)
    asked = {
        "way": InboxQuery(way=Way.NOTICE),
        "state": InboxQuery(state=State.RINGING),
        "type": InboxQuery(type=INTELLIGENCE),
        "county": InboxQuery(county=PARTNER),
        "text": InboxQuery(text="test"),
        "nothing": InboxQuery(text="没有这样的话"),
        "since": InboxQuery(since=listener.clock() + timedelta(seconds=1)),
        "last": InboxQuery(limit=1),
    }
    found = {name: [item.id for item in listener.inbox.items(query)] for name, query in asked.items()}
    assert found == {
        "way": [id_of(drill)],
        "state": [id_of(fire), id_of(report)],
        "type": [id_of(report)],
        "county": [id_of(fire), id_of(drill)],
        "text": [id_of(fire), id_of(drill), id_of(report)],
        "nothing": [],
        "since": [],
        "last": [id_of(report)],
    }


def test_the_first_of_several_postmark_headers_counts(listener: Listener, world: World) -> None:
    """Headers that others put beside it are not looked at."""
    fire = listener.event()
    record = listener.stamped(fire)
    more = replace(record, headers=(("ce_type", b"x"), ("nul", None), *record.headers, (KAFKA_HEADER, b"noise")))
    outcome = listener.inbox.receive(more)
    assert outcome.item is not None
    assert outcome.item.warnings == (Warn.PAYLOAD_INVALID,)


def test_a_matter_is_found_by_index(listener: Listener) -> None:
    """However large the book: nothing is read that neither names the event nor is named by it."""
    with sqlite3.connect(f"file:{listener.inbox.path}?mode=ro", uri=True) as conn:
        plans = [conn.execute(f"EXPLAIN QUERY PLAN {sql}", {"id": "x", "receipt": "y"}) for sql in items._BESIDE]  # noqa: SLF001 -- what is asked
        assert not [row for plan in plans for row in plan if "SCAN" in row[3]]
    conn.close()


def test_a_reply_is_found_however_its_header_is_spelled(listener: Listener) -> None:
    """A name that is written with escapes is the same name (specification 2.2)."""
    asked = listener.event()
    listener.deliver(asked)
    header = listener.world.header(PARTNER, (listener.county,), reply_to=ref_of(asked))
    spelled = header.to_bytes().replace(b'"reply_to"', b'"reply\\u005fto"')
    seals = [listener.world.counties[listener.county].sealing.public]
    assert listener.deliver(forge(spelled, seals, listener.world.counties[PARTNER].signing)).became == "stored"
    assert header.id in listener.inbox.related_ids(id_of(asked))
