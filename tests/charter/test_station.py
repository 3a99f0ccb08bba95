"""The station's side: what it announces, when, and what a crash in between leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.charter.test_reader import Alliance
from yizhan.charter.archive import write_durably
from yizhan.charter.errors import AdoptionNotSent, CharterFault, CharterProblem
from yizhan.charter.fetch import CharterFolder, MemorySource
from yizhan.charter.layout import TIMESTAMP, adoption_path, metadata_path
from yizhan.charter.reader import CharterReader
from yizhan.charter.station import StationCharters
from yizhan.schemas import topics
from yizhan.schemas.adoption import Adoption
from yizhan.schemas.statements import read_statement


class Topic:
    """The outlet in memory: ``away`` it cannot be reached, ``broken`` it takes nothing, ``takes`` so long to answer."""

    def __init__(self) -> None:
        """Begin empty."""
        self.files: dict[str, bytes] = {}
        self.audit: list[bytes] = []
        self.away = self.broken = False
        self.takes: Callable[[], None] = lambda: None

    @contextmanager
    def connected(self) -> Iterator[Topic]:
        """Connect, unless it is away."""
        if self.away:
            raise CharterProblem(CharterFault.UNREACHABLE, "no broker answers")
        yield self

    def records(self) -> Mapping[str, bytes]:
        """Return what is there."""
        return self.files

    def write(self, records: Sequence[tuple[str, str, bytes]], timeout_seconds: float) -> None:
        """Take the records, or answer nothing."""
        assert timeout_seconds > 0
        if self.broken:
            raise CharterProblem(CharterFault.UNREACHABLE, "no broker answers")
        self.takes()
        for topic, key, value in records:
            if topic == topics.AUDIT:
                self.audit.append(value)
            else:
                self.files[key] = value


class Site:
    """A station with its folder and its topic."""

    def __init__(self, folder: Path) -> None:
        """Publish the first version into the folder."""
        self.alliance, self.folder, self.topic = Alliance(folder, announce=False), folder, Topic()
        self.public = folder / "public"
        self.alliance.ceremony.write(self.public)

    def open(self) -> StationCharters:
        """Start the station."""
        return StationCharters(
            self.alliance.ceremony.archive(self.folder / "station"),
            CharterFolder(self.public, 2_000_000),
            [self.alliance.world.station],
            self.topic,
            public=self.public,
            signers=self.alliance.ceremony.station[TIMESTAMP],
            clock=lambda: self.alliance.now,
        )

    def publish(self) -> None:
        """Publish one more version into the folder; nobody has announced it."""
        self.alliance.next(announce=False)
        self.alliance.ceremony.write(self.public)

    def announced(self) -> list[Adoption]:
        """Read what stands in the audit."""
        newest = self.alliance.ceremony.newest
        assert newest is not None
        return [read_statement(Adoption, said, newest.charter)[0] for said in self.topic.audit]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A station that has not started yet."""
    return Site(tmp_path)


def test_it_announces_at_least_a_minute_ahead(site: Site) -> None:
    """In the audit and on the topic, in order, once; a county that has the topic alone follows."""
    station = site.open()
    site.publish()
    station.refresh()
    station.refresh()
    said = site.announced()
    assert [each.charter.split("-")[0] for each in said] == ["1", "2"]
    now = site.alliance.now
    assert datetime.fromisoformat(said[1].holds_from) == now + timedelta(seconds=60)
    assert station.in_force(now + timedelta(seconds=59)).version == 1
    assert station.in_force(now + timedelta(seconds=60)).version == 2
    county = CharterReader(
        site.alliance.ceremony.archive(site.folder / "county"), MemorySource(site.topic.files), lambda: now
    )
    assert county.in_force(now + timedelta(seconds=60)).name == station.in_force(now + timedelta(seconds=60)).name


def test_two_versions_at_once_hold_one_after_the_other(site: Site) -> None:
    """Published while the station was down, both are announced, in their order."""
    site.publish()
    site.publish()
    station = site.open()
    times = [datetime.fromisoformat(each.holds_from) for each in site.announced()]
    assert times == sorted(set(times))
    assert station.in_force(times[-1]).version == 3


def test_an_announcement_that_is_not_taken_ends_the_station(site: Site) -> None:
    """It is raised, so that the process ends; started again, the same statement is sent, not another."""
    station = site.open()
    site.publish()
    site.topic.broken = True
    with pytest.raises(AdoptionNotSent, match="version 2"):
        station.refresh()
    assert len(site.topic.audit) == 1
    written = station.archive.adoption(2)
    site.topic.broken = False
    site.alliance.now += timedelta(seconds=5)
    again = site.open()
    assert site.topic.audit[1:] == [written]
    assert site.topic.files[adoption_path(2)] == written
    assert again.archive.adoption(2) == written


def test_while_no_broker_answers_no_instant_is_chosen(site: Site) -> None:
    """A version that is published meanwhile waits; with the broker it gets a new instant, a whole lead ahead."""
    station = site.open()
    site.publish()
    site.topic.away = True
    station.refresh()
    assert station.archive.adoption(2) is None
    site.topic.away = False
    site.alliance.now += timedelta(minutes=10)
    station.refresh()
    assert datetime.fromisoformat(site.announced()[1].holds_from) == site.alliance.now + timedelta(seconds=60)


def test_a_slow_acknowledgement_ends_a_station_that_stamps_and_not_one_that_starts(site: Site) -> None:
    """Past the instant a running station must end; at a start nothing was stamped, and it goes on."""

    def slowly() -> None:
        site.alliance.now += timedelta(minutes=2)

    site.topic.takes = slowly
    station = site.open()
    assert [each.charter.split("-")[0] for each in site.announced()] == ["1"]
    site.publish()
    with pytest.raises(AdoptionNotSent, match="only after the version took force"):
        station.refresh()
    assert site.open().in_force(site.alliance.now).version == 2
    assert [each.charter.split("-")[0] for each in site.announced()] == ["1", "2"]


def test_a_station_that_died_late_says_the_same_late(site: Site) -> None:
    """Started after the instant it had written down, it sends that same word before it decides anything."""
    station = site.open()
    site.publish()
    site.topic.broken = True
    with pytest.raises(AdoptionNotSent):
        station.refresh()
    site.topic.broken = False
    site.alliance.now += timedelta(minutes=10)
    again = site.open()
    assert [each.charter.split("-")[0] for each in site.announced()] == ["1", "2"]
    assert again.in_force(site.alliance.now).version == 2


def test_it_keeps_its_word_fresh_and_mirrors_it(site: Site) -> None:
    """Half of the timestamp's life before it ends, it is said again, in the folder and on the topic."""
    station = site.open()
    path = metadata_path(TIMESTAMP, None)
    first = site.topic.files[path]
    site.alliance.now += timedelta(hours=11)
    station.refresh()
    assert site.topic.files[path] == first
    site.alliance.now += timedelta(hours=2)
    for _ in range(3):
        station.refresh()
    assert site.topic.files[path] != first
    assert site.topic.files[path] == (site.public / path).read_bytes()
    assert station.status().stale(site.alliance.now + timedelta(hours=20)) is False


def test_it_does_not_say_again_what_was_tampered_with(site: Site) -> None:
    """A timestamp in the folder that was not verified is not signed anew, whatever stands in it."""
    station = site.open()
    path = site.public / metadata_path(TIMESTAMP, None)
    write_durably(path, path.read_bytes()[:-5])
    site.alliance.now += timedelta(hours=13)
    for _ in range(3):
        station.refresh()
    assert station.status().problem is CharterFault.DAMAGED


def test_a_version_that_names_no_key_of_ours_is_not_announced(site: Site) -> None:
    """The station cannot sign for it: it stays with the last one, and says so."""
    station = site.open()
    station._keys.clear()  # noqa: SLF001 -- as if the key file were gone
    site.publish()
    station.refresh()
    assert station.in_force(site.alliance.now + timedelta(days=1)).version == 1
    assert station.status().problem is CharterFault.CONTENT
