"""A key in others' hands: what is refused from when, what is shown as doubtful, in station, inbox and digest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.consumers.test_digests import hash_of, id_of, routine
from tests.world.clock import Clock
from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import CLUSTER, NOW, World, load
from yizhan.consumers.labels import Warn
from yizhan.schemas import strictjson
from yizhan.schemas.charter import AdoptedCharters
from yizhan.schemas.errors import Reason
from yizhan.schemas.timestamps import written
from yizhan.services.quarters import read_quarter
from yizhan.streams.station import handle

COMPROMISED, REVOKED = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
BEFORE = timedelta(milliseconds=1)
INSTANTS = (COMPROMISED - BEFORE, COMPROMISED, REVOKED - BEFORE, REVOKED)


def ended(world: World) -> dict[str, bytes]:
    """Write the charter in which the partner's signing key was found to be in others' hands."""
    path = f"counties/{PARTNER}/keys.json"
    content = json.loads(world.files[path])
    content["signing"][0] |= {"compromised": written(COMPROMISED), "revoked": written(REVOKED)}
    return world.files | {path: strictjson.dumps(content)}


@dataclass
class Ended:
    """A world before and after the key's end."""

    world: World
    before: AdoptedCharters
    after: AdoptedCharters


@pytest.fixture
def end() -> Ended:
    """Two views of one world."""
    world = World()
    return Ended(world, AdoptedCharters([world.charter]), AdoptedCharters([load(ended(world))]))


def test_the_station_refuses_from_the_revocation_on(end: Ended) -> None:
    """The last that comes in and the first that does not are a millisecond apart."""
    charter = end.after.latest()
    said = []
    for received in INSTANTS:
        value = end.world.event(PARTNER, (ME,))
        record = end.world.record(value, PARTNER, received)
        record = type(record)(record.topic, 0, record.offset, received, value)
        refused = handle(record, charter, end.world.station, CLUSTER).refused
        said.append(None if refused is None else refused.reason)
    assert said == [None, None, None, Reason.KEY_REVOKED]


def test_the_inbox_shows_what_is_doubtful_and_refuses_what_is_revoked(end: Ended, tmp_path: Path) -> None:
    """The same boundaries: shown, shown as doubtful, shown as doubtful, kept aside."""
    end.world.charters = end.after
    end.world.charter = end.after.latest()
    listener = Listener(end.world, tmp_path / "inbox.sqlite3")
    found = []
    for received in INSTANTS:
        record = listener.arrived(listener.event(), None, received=received)
        outcome = listener.inbox.receive(record)
        warned = outcome.item is not None and Warn.KEY_DOUBTFUL in outcome.item.warnings
        found.append((outcome.became, warned))
    assert found == [("stored", False), ("stored", True), ("stored", True), ("aside", False)]
    (aside,) = listener.inbox.aside()
    assert aside.reason == Reason.KEY_REVOKED
    listener.inbox.close()


def test_what_is_learnt_later_shows_later(end: Ended, tmp_path: Path) -> None:
    """Items that came in good faith are shown as doubtful from the day the charter says so; none is removed."""
    listener = Listener(end.world, tmp_path / "inbox.sqlite3")
    for received in INSTANTS[:3]:
        assert listener.inbox.receive(listener.arrived(listener.event(), None, received=received)).became == "stored"
    assert [Warn.KEY_DOUBTFUL in item.warnings for item in listener.inbox.items()] == [False, False, False]
    end.world.charters = end.after
    listener.restart()
    assert [Warn.KEY_DOUBTFUL in item.warnings for item in listener.inbox.items()] == [False, True, True]
    shown = [listener.inbox.item(item.id) for item in listener.inbox.items()]
    assert [item is not None and Warn.KEY_DOUBTFUL in item.warnings for item in shown] == [False, True, True]
    listener.inbox.close()


def test_the_digest_and_its_bulletin_say_so_too(end: Ended, tmp_path: Path) -> None:
    """The digest's proof holds, its event stays, and the quarter's event says that its key is doubtful."""
    listener = Listener(end.world, tmp_path / "inbox.sqlite3", clock=Clock())
    value = routine(listener, time=written(COMPROMISED))
    stamp = end.world.postmark(value, PARTNER, COMPROMISED)
    listener.inbox.receive(listener.arrived(value, stamp, "digest", COMPROMISED))
    record, _ = listener.manifest([hash_of(value)], label="2026Q4")
    listener.inbox.receive(record)
    end.world.charters = end.after
    listener.restart()
    (digest,) = listener.inbox.digests()
    contents = read_quarter(listener.inbox, None, "2026Q4", (ME, PARTNER), "Asia/Shanghai")
    (event,) = contents.events
    assert (digest.held, event.id) == (1, id_of(value))
    assert "key_doubtful" in event.warnings
    listener.inbox.close()
