"""The charter on a real broker: attacks on running readers, and everything rotated under load."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.world.alliance import LEAD_SECONDS, Alliance, Station, running_station, settle
from tests.world.ceremony import Hands
from tests.world.forge import register
from tests.world.processes import YIZHAN
from tests.world.simulator import FIRE, County
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.charter import repository
from yizhan.charter.archive import Archive
from yizhan.charter.layout import SNAPSHOT, TIMESTAMP, metadata_path
from yizhan.charter.reader import CharterReader
from yizhan.charter.rolekeys import generate
from yizhan.charter.topic import TopicSource
from yizhan.schemas import keys, strictjson, topics
from yizhan.schemas.envelope import seal
from yizhan.schemas.header import Header
from yizhan.schemas.policy import decide
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.sample import sample_policy
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from tests.world.cluster import Cluster

COUNTY = "350924"
STAMP = metadata_path(TIMESTAMP, None)
RATE = 50
QUICK = {"YIZHAN_CHARTER_RELOAD_SECONDS": "0.2"}

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <:ResourceWarning")
# kafka-python leaves the socket of a consumer that was dropped to the collector.


@pytest.fixture(scope="module")
def alliance(cluster: Cluster) -> Alliance:
    """Keys and charter in the broker's home."""
    return settle(cluster)


@pytest.fixture(scope="module")
def station(alliance: Alliance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """One running station, which looks for news five times a second."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUICK.items():
            patch.setenv(name, value)
        with running_station(alliance, tmp_path_factory.mktemp("station") / "log") as running:
            yield running


class Reader:
    """A county's outbox process, which follows the charter by its Kafka connection."""

    def __init__(self, alliance: Alliance, log: Path) -> None:
        """Put the county's key in place."""
        self._alliance, self._log = alliance, log
        folder = alliance.home / "counties" / COUNTY / "keys"
        if not list(folder.glob("sign-*.pem")):
            keys.save(alliance.world.counties[COUNTY].signing, folder)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*YIZHAN, "--home", str(self._alliance.home), "outbox", "run", "--county", COUNTY],
                stdout=log,
                stderr=log,
                env={**os.environ, **QUICK},
            )

    def said(self, words: str) -> Callable[[], bool]:
        """Return whether it has written some words since now."""
        start = self._log.stat().st_size
        return lambda: words in self._log.read_bytes()[start:].decode("utf-8", "replace")

    def listed(self) -> bool:
        """Tell what the county's screen says of its charter."""
        words = [*YIZHAN, "--home", str(self._alliance.home), "outbox", "list", "--county", COUNTY, "--json"]
        done = subprocess.run(words, capture_output=True, check=True)
        stale: bool = json.loads(done.stdout)["charter_stale"]
        return stale


def offered(alliance: Alliance) -> dict[str, bytes]:
    """Return timestamps that an attacker with some of the station's keys, or none, would offer: word → bytes."""
    ceremony, now = alliance.ceremony, datetime.now(UTC)
    newest = ceremony.newest
    assert newest is not None
    snapshot, number = ceremony.published[metadata_path(SNAPSHOT, newest.version)], newest.timestamp.version + 50
    own, stranger = ceremony.station[TIMESTAMP], [generate("ed25519")]
    good = ceremony.published[STAMP]
    return {
        "damaged": good[: len(good) // 2],
        "threshold": repository.timestamp(number, newest.version, snapshot, stranger, now),
        "freeze": repository.timestamp(number, newest.version, snapshot, own, now - timedelta(days=3)),
        "mix_and_match": repository.timestamp(number, newest.version, snapshot + b" ", own, now),
        "rollback": repository.timestamp(1, newest.version, snapshot, own, now),
        "oversize": good + b" " * 100_000,
    }


def test_attacks_on_a_running_reader(alliance: Alliance, station: Station, tmp_path: Path) -> None:
    """Content that the members did not sign is refused with its reason; the process continues."""
    assert station.running()
    # The station must have said its word of the newest version, so that a rollback is one.
    alliance.ceremony.restamp(datetime.now(UTC))
    alliance.ceremony.restamp(datetime.now(UTC))
    alliance.publish_files()
    reader = Reader(alliance, tmp_path / "log")
    (tmp_path / "log").touch()
    ready = reader.said("ready")
    reader.start()
    try:
        until(ready, "the outbox is ready")
        cluster = alliance.cluster

        def offer(stamp: bytes) -> None:
            with cluster.producer(topics.STATION) as producer:
                producer.send(topics.CHARTER, key=STAMP.encode(), value=stamp).get(timeout=LIMIT_SECONDS)

        for word, stamp in offered(alliance).items():
            named, fresh = reader.said(f"charter_stale: {word}"), reader.said("the charter is fresh again")
            offer(stamp)
            until(named, word)
            if word == "damaged":
                assert reader.listed()
            offer(alliance.ceremony.published[STAMP])
            until(fresh, f"fresh after {word}")
        assert not reader.listed()
        assert reader.process is not None
        assert reader.process.poll() is None
    finally:
        if reader.process is not None:
            reader.process.terminate()
            reader.process.wait(LIMIT_SECONDS)


class Sender(threading.Thread):
    """Six counties that send 50 events a second, each with the keys of the charter it has in force."""

    def __init__(self, alliance: Alliance) -> None:
        """Give each county its own reader, over its own connection."""
        super().__init__(name="sender", daemon=True)
        self.alliance, self.sent, self.stop = alliance, 0, threading.Event()
        self.named = set[str]()
        """Charters that the events sent were written under."""
        self.rings = {code: [county] for code, county in alliance.world.counties.items()}
        self.sources = {code: TopicSource(alliance.cluster.connection(topics.county(code))) for code in self.rings}
        self.readers = {
            code: CharterReader(Archive(alliance.home / "counties" / code / "charter"), source)
            for code, source in self.sources.items()
        }
        self.failed: Exception | None = None

    def run(self) -> None:
        """Send until told to stop."""
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 -- told by the test
            self.failed = error

    def _run(self) -> None:
        codes = sorted(self.rings)
        with contextlib.ExitStack() as stack:
            producers = {
                code: stack.enter_context(self.alliance.cluster.producer(topics.county(code))) for code in codes
            }
            begun = time.monotonic()
            while not self.stop.is_set():
                code = codes[self.sent % len(codes)]
                partner = codes[(self.sent + 1) % len(codes)]
                if self.sent % RATE == 0:
                    for reader in self.readers.values():
                        reader.refresh()
                producers[code].send(topics.events(code), value=self._event(code, partner))
                self.sent += 1
                time.sleep(max(0.0, begun + self.sent / RATE - time.monotonic()))

    def _event(self, code: str, partner: str) -> bytes:
        now = datetime.now(UTC)
        charter = self.readers[code].in_force(now)
        held = {each.signing.kid: each for each in self.rings[code]}
        kid, _entry = max(
            ((kid, entry) for kid, entry in charter.signing[code].items() if kid in held and entry.holds(now)),
            key=lambda each: each[1].not_before,
        )
        values = {
            "source": code, "id": f"{code}-load{int(now.timestamp())}-{self.sent + 1}", "type": FIRE,
            "time": written(now), "kid": kid, "to": (partner,), "charter": charter.name, "status": "Actual",
            "priority": "flash", "stage": "first", "touches": (partner,),
            "lanes": {partner: {"lane": "prompt", "n": 1}},
        }  # fmt: skip
        header = Header.model_validate(values)
        lane = decide(header, partner, charter.policy).way.lane
        header = Header.model_validate(values | {"lanes": {partner: {"lane": lane, "n": self.sent + 1}}})
        self.named.add(charter.name)
        return seal(header, b'{"summary":"load"}', [charter.sealing_key(partner, now)], held[kid].signing)


def renewed(alliance: Alliance, sender: Sender, code: str) -> dict[str, bytes]:
    """Register a county's next keys, which hold from two seconds after their version does."""
    county = County.make(code, 7)
    sender.rings[code].append(county)
    for key in (county.signing, county.sealing):  # whoever runs as this county later has what was registered
        keys.save(key, alliance.home / "counties" / code / "keys")
    since = written(datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS + 2))
    files = register(alliance.ceremony.files, code, county.signing, not_before=since)
    return register(files, code, county.sealing, not_before=since)


def answered(alliance: Alliance, starts: Mapping[str, int], count: int) -> list[Postmark]:
    """Return what became of the load, one postmark an event; nothing while answers are missing."""
    found = {
        str(postmark.origin): postmark
        for code, start in starts.items()
        for postmark in alliance.postings(start, source=code)
        if postmark.refused is not None or "-load" in (postmark.id or "")
    }
    return list(found.values()) if len(found) >= count else []


def test_everything_is_rotated_under_load(alliance: Alliance, station: Station) -> None:
    """Six counties' keys, a policy and the root change at 50 events/s: none lost, none refused that should not be.

    Every postmark names the version in force at its received time, as a reader of the topic knows it.
    """
    assert station.running()
    counties = sorted(alliance.world.counties)
    starts = {code: alliance.end(topics.postings(code)) for code in counties}
    sender = Sender(alliance)
    sender.start()
    for code in counties:
        version = alliance.sign(renewed(alliance, sender, code))
        station.wait_until(f"charter {version.name} holds from")
    policy = sample_policy()
    policy["border_strip_km"] += 1
    policy["routes"] = [route for route in policy["routes"] if route["id"] != "hotspot"]
    changed = alliance.sign(alliance.ceremony.files | {"policy.json": strictjson.dumps(policy)})
    station.wait_until(f"charter {changed.name} holds from")
    old = [key for each in alliance.ceremony.hands.values() for key in each.all()]
    alliance.ceremony.hands = {
        code: replace(hands, root=Hands.new().root) for code, hands in alliance.ceremony.hands.items()
    }
    rotated = alliance.sign(alliance.ceremony.files, old)
    assert rotated.root.version > changed.root.version
    station.wait_until(f"charter {rotated.name} holds from")
    until(lambda: rotated.name in sender.named or sender.failed, "an event under the newest charter")
    sender.stop.set()
    sender.join(LIMIT_SECONDS)
    assert sender.failed is None
    mine = until(partial(answered, alliance, starts, sender.sent), "an answer to every event")
    reader = alliance.charters
    assert [p.detail for p in mine if p.refused is not None] == []
    assert len(mine) == sender.sent
    assert {p.charter for p in mine} >= {changed.name, rotated.name}
    assert [p for p in mine if p.charter != reader.in_force(instant(p.received)).name] == []
    assert [p for p in mine if p.charter_stale or p.charter_behind] == []
    for code in counties:
        own = sender.readers[code]
        own.refresh()
        assert {own.in_force(instant(p.received)).name for p in mine} == {p.charter for p in mine}
        sender.sources[code].close()
