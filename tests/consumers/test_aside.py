"""What stays aside, and why; what comes in later all the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.consumers.inbox_cases import OTHER, id_of, item_of
from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import INTELLIGENCE, NOW, START, World, load
from yizhan.consumers import reader
from yizhan.consumers.arrivals import ReceiveOutcome
from yizhan.consumers.labels import Warn
from yizhan.consumers.notifier import OutcomeNotifier
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.process import StopSignal
from yizhan.runtime.settings import Settings
from yizhan.schemas import strictjson
from yizhan.schemas.envelope import seal
from yizhan.schemas.errors import Reason
from yizhan.schemas.sample import charter_files
from yizhan.schemas.timestamps import written


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
    """A record signed with a key that was not valid when the station received it stays aside."""
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
    """A member's new key is known later than its first fire and letter: the fire rings, and people are told of both."""
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
    fire, letter = listener.event(), listener.event(type=INTELLIGENCE, priority="routine", stage=None, touches=None)
    for each in (fire, letter):
        assert listener.inbox.receive(listener.arrived(each)).reason == Reason.UNKNOWN_KEY
    Arriving.coming = True
    listener.clock.forward(5)
    told, stop = list[ReceiveOutcome](), StopSignal()
    stop.set()
    with OutcomeNotifier(told.extend) as notifier:
        nowhere = KafkaConnection("127.0.0.1:1")
        waiting = reader.InboxReader(
            listener.inbox, Settings(), stop, nowhere, lambda: None, notifier, reader.NO_LISTENERS
        )
        waiting._wait(OSError("no broker"), "broker")  # noqa: SLF001
    found = [(outcome.item and outcome.item.id, outcome.became, outcome.rings) for outcome in told]
    assert found == [(id_of(fire), "stored", True), (id_of(letter), "stored", False)]
    assert [item.id for item in listener.inbox.ringing()] == [id_of(fire)]
    assert listener.inbox.aside() == ()
    listener.inbox.close()
