"""The station on a real broker: nothing stops it, nothing is lost, and periods close."""

from __future__ import annotations

import gzip
import itertools
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration import hostile
from tests.world.alliance import Alliance, Station, now_text, running_station, settle
from tests.world.simulator import INTELLIGENCE, World
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.charter.layout import TIMESTAMP, adoption_path, metadata_path
from yizhan.runtime.errors import AlreadyRunning
from yizhan.schemas import strictjson, topics
from yizhan.schemas.adoption import Adoption
from yizhan.schemas.manifest import KAFKA_HEADER as MANIFEST
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.merkle import Tree, leaf_hash
from yizhan.schemas.postmark import KAFKA_HEADER, Postmark
from yizhan.schemas.sample import sample_policy
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import written
from yizhan.streams.closing import CloseRequest
from yizhan.streams.closing_kafka import Closer
from yizhan.streams.errors import StationBehind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world.cluster import Cluster

SOURCE, PARTNER = "350924", "331126"
OTHER_SOURCE, OTHER_PARTNER = "330327", "350982"


class NotText(str):
    """A header name that a hostile client writes as bytes that are not UTF-8."""

    __slots__ = ()

    def encode(self, *_: object, **__: object) -> bytes:
        """Write it."""
        return b"\xff\xfe"


@pytest.fixture(scope="module")
def alliance(cluster: Cluster) -> Alliance:
    """Keys and charter in the broker's home."""
    return settle(cluster)


@pytest.fixture(scope="module")
def station(alliance: Alliance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """One running station for this module."""
    with running_station(alliance, tmp_path_factory.mktemp("station") / "log") as running:
        yield running


def test_an_alarm_arrives_untouched_with_a_postmark(alliance: Alliance, station: Station) -> None:
    """What the partner reads is byte for byte what was sent, and the postmark beside it verifies."""
    assert station.running()
    start = alliance.end(topics.alerts(PARTNER))
    value = alliance.world.event(SOURCE, (PARTNER,), time=now_text())
    alliance.publish(value)
    (alert,) = alliance.cluster.read(topics.county(PARTNER), topics.alerts(PARTNER), start)
    assert alert.value == value
    postmark, _, _ = read_dated(Postmark, dict(alert.headers)[KAFKA_HEADER], alliance.charters)
    assert postmark.decisions is not None
    assert postmark.decisions[PARTNER].rule == "fire"


def test_no_record_stops_the_station(alliance: Alliance, station: Station) -> None:
    """Null values, null keys, huge headers, names that are not text: each has its answer, and the next event too."""
    start = alliance.end(topics.postings(SOURCE))
    good = alliance.world.event(SOURCE, (PARTNER,), time=now_text())
    with alliance.cluster.producer(topics.county(SOURCE), max_request_size=2_000_000) as producer:
        topic = topics.events(SOURCE)
        for future in (
            producer.send(topic, key=b"only a key"),
            producer.send(topic, value=b""),
            producer.send(topic, value=good),
            producer.send(topic, value=good, headers=[(NotText("x"), b"1")]),
            producer.send(topic, value=good, headers=[("yizhan-postmark", b"forged")]),
            producer.send(topic, value=good, headers=[("a", b"x" * 70_000)]),
            producer.send(topic, value=b"x" * 950_000),
            producer.send(topic, value=alliance.world.event(SOURCE, (PARTNER,), time=now_text())),
        ):
            future.get(timeout=LIMIT_SECONDS)
    answers = alliance.postings(start, 8)
    assert [answer.refused for answer in answers] == [
        "malformed", "malformed", None, None, None, "oversize", "oversize", None,
    ]  # fmt: skip
    assert station.running()


def test_a_compressed_batch_is_refused_aloud_and_the_next_event_is_handled(
    alliance: Alliance, station: Station
) -> None:
    """Nothing is decompressed, the sender is told, the station goes on; the other codecs come in `test_broker`."""
    start, name, topic = alliance.end(topics.postings(SOURCE)), topics.county(SOURCE), topics.events(SOURCE)
    event = hostile.record(alliance.world.event(SOURCE, (PARTNER,), time=now_text()))
    assert hostile.produce(alliance.cluster, name, topic, hostile.batch(gzip.compress(event), 1, hostile.GZIP)) == 0
    alliance.publish(alliance.world.event(SOURCE, (PARTNER,), time=now_text()))
    assert [answer.refused for answer in alliance.postings(start, 2)] == ["malformed", None]
    assert station.running()


def without_fire(alliance: Alliance) -> dict[str, bytes]:
    """Write the charter's files with a policy in which a fire no longer rings."""
    policy = sample_policy()
    policy["routes"] = [route for route in policy["routes"] if route["id"] != "fire"]
    return alliance.world.files | {"policy.json": strictjson.dumps(policy)}


def test_a_new_charter_holds_from_its_instant(alliance: Alliance, station: Station) -> None:
    """A signed version is adopted while running, announced before it holds, and decides from then on."""
    start, said = alliance.end(topics.postings(SOURCE)), alliance.end(topics.AUDIT)
    alliance.publish(alliance.world.event(SOURCE, (PARTNER,), time=now_text()))
    second = alliance.sign(without_fire(alliance))
    station.wait_until(f"charter {second.name} holds from")
    alliance.publish(alliance.world.event(SOURCE, (PARTNER,), time=now_text()))
    count, holds_from = 2, holds(alliance, second.version)
    while (answers := alliance.postings(start, count))[-1].charter != second.name:
        alliance.publish(alliance.world.event(SOURCE, (PARTNER,), time=now_text()))
        count += 1
    before = [answer for answer in answers if answer.made < holds_from]
    assert {answer.charter for answer in before} == {alliance.world.charter.name}
    assert {answer.charter for answer in answers[len(before) :]} == {second.name}
    rules = [answer.decisions[PARTNER].rule for answer in answers if answer.decisions is not None]
    assert rules == ["fire"] * len(before) + ["rest"] * (count - len(before))
    audit = alliance.cluster.read_all(topics.AUDITOR, topics.AUDIT, said)
    (announced,) = (record.value for record in audit if record.key == adoption_path(second.version).encode())
    assert read_dated(Adoption, announced, alliance.charters)[0].charter == second.name
    third = alliance.sign(alliance.world.files)
    station.wait_until(f"charter {third.name} holds from")
    until(lambda: datetime.now(UTC) >= holds(alliance, third.version), "the old policy holds again")
    assert station.running()


def holds(alliance: Alliance, version: int) -> datetime:
    """Return from when a version that the station has announced holds."""
    charter = alliance.charters.in_force(datetime.now(UTC) + timedelta(days=1))
    assert charter.version == version
    return charter.holds_from


def test_a_bad_charter_changes_nothing(alliance: Alliance, station: Station) -> None:
    """What does not verify is named, the last good version stays, and every postmark says that it is stale."""
    stamp = alliance.home / "station" / "public" / metadata_path(TIMESTAMP, None)
    good = stamp.read_bytes()
    stamp.write_bytes(good[:-20])
    station.wait_until("charter_stale: damaged")
    start = alliance.end(topics.postings(SOURCE))
    alliance.publish(alliance.world.event(SOURCE, (PARTNER,), time=now_text()))
    (answer,) = alliance.postings(start, 1)
    assert (answer.refused, answer.charter_stale) == (None, True)
    stamp.write_bytes(good)
    station.wait_until("the charter is fresh again")


def test_a_killed_station_loses_nothing(alliance: Alliance, station: Station) -> None:
    """Killed under load, every event has its answer, in order of first appearance; repeats are the same bytes."""
    start = alliance.end(topics.postings(SOURCE))
    ids = []
    with alliance.cluster.producer(topics.county(SOURCE)) as producer:
        for round_ in range(5):
            for _ in range(40):
                header = alliance.world.header(SOURCE, (PARTNER,), time=now_text())
                ids.append(header.id)
                producer.send(topics.events(SOURCE), alliance.world.seal(header))
                time.sleep(0.005)
            if round_ < 4:
                station.kill()
                station.start()
    until(lambda: {answer.id for answer in alliance.postings(start)} >= set(ids), "an answer to every event")
    answers = alliance.postings(start)
    assert list(dict.fromkeys(answer.id for answer in answers)) == ids
    for _, same in itertools.groupby(sorted(answers, key=lambda a: (a.id or "", str(a.origin))), lambda a: a.origin):
        assert len({answer.payload() for answer in same}) == 1


def routine(world: World, source: str, partner: str) -> bytes:
    """Write one routine event."""
    return world.event(
        source, (partner,), type=INTELLIGENCE, priority="routine", stage=None, touches=None, time=now_text()
    )


def digest(alliance: Alliance, county: str, start: int, count: int) -> tuple[list[bytes], Manifest]:
    """Read a digest of so many records; the event hashes in order of first appearance, and the manifest."""
    records = alliance.cluster.read(topics.county(county), topics.digests(county), start, count=count)
    *copies, last = records
    assert MANIFEST in dict(last.headers)
    hashes = {
        bytes.fromhex(read_dated(Postmark, dict(copy.headers)[KAFKA_HEADER], alliance.charters)[0].hash or ""): None
        for copy in copies
    }
    return list(hashes), read_dated(Manifest, last.value, alliance.charters)[0]


def close_what_others_left(alliance: Alliance, county: str) -> None:
    """Close a county's book, so that the next period holds what one test writes into it."""
    connection, keys = alliance.cluster.connection(topics.STATION), [alliance.world.station]
    with Closer(connection, alliance.home / "station", alliance.charters, keys) as closer:
        closer.wait_for_station(datetime.now(UTC), LIMIT_SECONDS)
        closer.run(county, CloseRequest(label="2026Q3", closed=now_text()), interim=False, progress=lambda _: None)


def test_a_period_closes_and_the_next_begins_behind_it(alliance: Alliance, station: Station) -> None:
    """A closing digest holds the routine event and the reference, proves them by its root, and the next one follows."""
    assert station.running()
    close_what_others_left(alliance, OTHER_PARTNER)
    alliance.publish(
        routine(alliance.world, OTHER_SOURCE, OTHER_PARTNER),
        alliance.world.event(OTHER_SOURCE, (OTHER_PARTNER,), time=now_text()),
        source=OTHER_SOURCE,
    )
    keys = [alliance.world.station]
    with Closer(
        alliance.cluster.connection(topics.STATION), alliance.home / "station", alliance.charters, keys
    ) as closer:
        with pytest.raises(AlreadyRunning, match="另有一个进程在结算季度"):
            Closer(alliance.cluster.connection(topics.STATION), alliance.home / "station", alliance.charters, keys)
        moment = datetime.now(UTC)
        closer.wait_for_station(moment, LIMIT_SECONDS)
        request = CloseRequest(label="2026Q4", closed=written(moment))
        start = alliance.end(topics.digests(OTHER_PARTNER))
        (interim,) = closer.run(OTHER_PARTNER, request, interim=True, progress=lambda _: None)
        (closed,) = closer.run(OTHER_PARTNER, request, interim=False, progress=lambda _: None)
        (empty,) = closer.run(OTHER_PARTNER, request, interim=False, progress=lambda _: None)
    assert (interim.manifest.count, interim.manifest.interim) == (2, True)
    hashes, manifest = digest(alliance, OTHER_PARTNER, start + 3, 3)
    tree = Tree()
    for event_hash in hashes:
        tree.append(leaf_hash(event_hash))
    assert manifest == closed.manifest
    assert (manifest.count, manifest.prompt, manifest.root) == (2, 1, tree.root().hex())
    assert (empty.manifest.count, empty.manifest.start) == (0, manifest.end)
    assert empty.manifest.previous is not None


def dying_between_two_manifests(closer: Closer, how: type[Exception]) -> Closer:
    """Let it tell its manifest in one place, and die before it tells the other."""
    send, told = closer._producer.send, list[str]()  # noqa: SLF001 -- the only way to die at this very moment

    def dies(topic: str, *args: Any, **settings: Any) -> Any:  # noqa: ANN401 -- the producer's own
        if topic == topics.AUDIT or MANIFEST in dict(settings.get("headers", ())):
            told.append(topic)
            if len(told) == 2:
                raise how
        return send(topic, *args, **settings)

    closer._producer.send = dies  # noqa: SLF001 -- as above
    return closer


def test_a_close_that_died_is_done_again_with_the_same_bytes(alliance: Alliance, station: Station) -> None:
    """A close that dies before its manifest is finished by the next one, from the same range."""
    assert station.running()
    partner, source = "331181", "350722"
    close_what_others_left(alliance, partner)
    alliance.publish(*(routine(alliance.world, source, partner) for _ in range(3)), source=source)
    connection, keys = alliance.cluster.connection(topics.STATION), [alliance.world.station]
    request = CloseRequest(label="2026Q4", closed=now_text())

    class Died(Exception):
        """The process ended here."""

    def die(_: int) -> None:
        raise Died

    with Closer(connection, alliance.home / "station", alliance.charters, keys) as closer:
        closer.wait_for_station(datetime.now(UTC), LIMIT_SECONDS)
        with pytest.raises(Died):
            closer.run(partner, request, interim=False, progress=die)
        audited = alliance.end(topics.AUDIT)
    with Closer(connection, alliance.home / "station", alliance.charters, keys) as closer, pytest.raises(Died):
        dying_between_two_manifests(closer, Died).run(partner, request, interim=False, progress=lambda _: None)
    alliance.publish(routine(alliance.world, source, partner), source=source)
    for name in ("closing.sqlite3", "closing.sqlite3-wal", "closing.sqlite3-shm"):
        (alliance.home / "station" / name).unlink(missing_ok=True)
    with Closer(connection, alliance.home / "station", alliance.charters, keys) as closer:
        closer.wait_for_station(datetime.now(UTC), LIMIT_SECONDS)
        again, following = closer.run(
            partner, CloseRequest(label="2027Q1", closed=now_text()), interim=False, progress=lambda _: None
        )
    assert (again.manifest.label, again.manifest.closed, again.manifest.count) == ("2026Q4", request.closed, 3)
    assert (following.manifest.label, following.manifest.count) == ("2027Q1", 1)
    assert following.manifest.start == again.manifest.end
    told = [record.value for record in alliance.cluster.read_all("ledger", topics.AUDIT, audited)]
    for manifest in (again.manifest, following.manifest):
        assert manifest.signed(alliance.world.station) in told


def test_a_close_waits_for_the_station(alliance: Alliance, station: Station) -> None:
    """While the station has not handled what came before the instant, nothing is closed, and it says how far behind."""
    assert station.stop(signal.SIGINT) == 130
    try:
        alliance.publish(routine(alliance.world, SOURCE, PARTNER))
        with (
            Closer(
                alliance.cluster.connection(topics.STATION),
                alliance.home / "station",
                alliance.charters,
                [alliance.world.station],
            ) as closer,
            pytest.raises(StationBehind, match="驿站还差 1 条"),
        ):
            closer.wait_for_station(datetime.now(UTC), 0.5)
    finally:
        station.start()
