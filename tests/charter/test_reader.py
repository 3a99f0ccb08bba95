"""A reader: which version holds, what it keeps, what it costs to look."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.world.ceremony import Hands, first_charter
from tests.world.forge import register
from tests.world.simulator import NOW, World, seed
from yizhan.charter.archive import Archive
from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.charter.fetch import MemorySource
from yizhan.charter.layout import adoption_path
from yizhan.charter.reader import CharterReader
from yizhan.schemas.adoption import Adoption
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.sample import SIX, TWO
from yizhan.schemas.timestamps import written

A, B = TWO
LEAD = timedelta(seconds=60)


class Alliance:
    """A ceremony, its announcements, and readers of it."""

    def __init__(self, folder: Path, codes: tuple[str, ...] = TWO, *, announce: bool = True) -> None:
        """Publish the first version, and announce it."""
        self.folder, self.now = folder, NOW
        self.world = World(codes)
        self.ceremony = first_charter(self.world)
        if announce:
            self.ceremony.announce(self.world.station, NOW, NOW + LEAD)

    def reader(self, name: str, *, source: bool = True) -> CharterReader:
        """Open a reader of this name."""
        offered = MemorySource(self.ceremony.published) if source else None
        return CharterReader(self.ceremony.archive(self.folder / name), offered, lambda: self.now)

    def next(self, *, announce: bool = True, county: str = A) -> datetime:
        """Publish and announce one more version, five minutes later; from when it holds."""
        self.now += timedelta(minutes=5)
        key = SigningKey.from_seed(seed(f"key of {self.now}"))
        self.ceremony.files = register(self.ceremony.files, county, key, not_before=written(NOW))
        self.ceremony.publish(self.now)
        if announce:
            self.ceremony.announce(self.world.station, self.now, self.now + LEAD)
        return self.now + LEAD


@pytest.fixture
def alliance(tmp_path: Path) -> Alliance:
    """Two counties and their first charter."""
    return Alliance(tmp_path)


def test_a_version_holds_from_what_was_announced(alliance: Alliance) -> None:
    """Before the first, the first; then each from its instant on, at every reader alike."""
    reader = alliance.reader("one")
    turns = [alliance.next(), alliance.next()]
    assert [charter.version for charter in reader.refresh()] == [2, 3]
    other = alliance.reader("another")
    for each in (reader, other):
        numbers = [each.in_force(at).version for at in (NOW, turns[0] - timedelta(milliseconds=1), *turns)]
        assert numbers == [1, 1, 2, 3]
        assert each.in_force(turns[1]).holds_from == turns[1]


def test_what_was_not_announced_is_known_and_not_in_force(alliance: Alliance) -> None:
    """It judges what names it, and nothing else; an announcement makes it hold."""
    reader = alliance.reader("one")
    alliance.next(announce=False)
    assert reader.refresh() == ()
    later = alliance.now + timedelta(days=1)
    assert (reader.latest().version, reader.in_force(later).version) == (2, 1)
    name = reader.latest().name
    assert reader.charter_for(later, name).version == 2
    assert reader.charter_for(later, "2-0000000000000000").version == 1
    alliance.ceremony.announce(alliance.world.station, alliance.now, alliance.now + LEAD)
    assert [charter.name for charter in reader.refresh()] == [name]
    assert reader.in_force(later).version == 2
    assert reader.charter_for(NOW, name).version == 1


@pytest.mark.parametrize("fault", ["a stranger's", "another version", "damaged"])
def test_an_announcement_that_is_not_the_stations(alliance: Alliance, fault: str) -> None:
    """Only a postmark key that the members signed can make a version hold, and only that version."""
    reader = alliance.reader("one")
    alliance.next(announce=False)
    said = {"holds_from": written(alliance.now + LEAD), "adopted": written(alliance.now)}
    name = alliance.ceremony.newest.name if alliance.ceremony.newest else ""
    stranger = SigningKey.from_seed(seed("a stranger"))
    document = {
        "a stranger's": Adoption(charter=name, **said).signed(stranger),
        "another version": Adoption(charter="2-0123456789abcdef", **said).signed(alliance.world.station),
        "damaged": b"{}",
    }[fault]
    alliance.ceremony.published[adoption_path(2)] = document
    reader.refresh()
    assert reader.latest().version == 2
    assert reader.in_force(alliance.now + timedelta(days=1)).version == 1


def test_a_reader_that_was_away_takes_up_what_came_and_went(alliance: Alliance) -> None:
    """Five versions later it has all of them, and judges each time by the version of that time."""
    away = alliance.reader("away")
    there = alliance.reader("there")
    turns = []
    for _ in range(5):
        turns.append(alliance.next())
        there.refresh()
    alliance.now += timedelta(hours=20)
    alliance.ceremony.restamp(alliance.now)
    away.refresh()
    assert away.numbers() == there.numbers() == (1, 2, 3, 4, 5, 6)
    for turn in turns:
        assert away.in_force(turn).name == there.in_force(turn).name


def test_what_was_adopted_is_there_after_a_restart(alliance: Alliance) -> None:
    """From the archive alone, without any source; two processes share one archive."""
    first = alliance.reader("one")
    turn = alliance.next()
    first.refresh()
    again = alliance.reader("one", source=False)
    assert again.in_force(turn).name == first.in_force(turn).name
    later = alliance.next()
    first.refresh()
    assert [charter.version for charter in again.refresh()] == [3]
    assert again.in_force(later).name == first.in_force(later).name


def test_an_archive_that_was_changed_does_not_load(alliance: Alliance) -> None:
    """Every blob is found by its hash: other bytes are named, and nothing is guessed."""
    reader = alliance.reader("one")
    blob = next((alliance.folder / "one" / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(CharterProblem, match="move this folder aside") as error:
        alliance.reader("one", source=False)
    assert error.value.problem is CharterFault.DAMAGED
    assert reader.latest().version == 1


def test_without_an_anchor_nothing_is_believed(alliance: Alliance, tmp_path: Path) -> None:
    """A reader that nobody gave a root file adopts nothing, however well it is signed."""
    with pytest.raises(CharterProblem, match="root file"):
        CharterReader(Archive(tmp_path / "bare"), MemorySource(alliance.ceremony.published), lambda: NOW)


def test_looking_costs_one_small_file_when_nothing_is_new(tmp_path: Path) -> None:
    """The timestamp alone is read, with two members and with six."""
    for codes in (TWO, SIX):
        alliance = Alliance(tmp_path / str(len(codes)), codes)
        reader = alliance.reader("one")
        before = reader.fetched_bytes
        reader.refresh()
        assert reader.fetched_bytes - before < 1000


def test_an_unchanged_county_is_neither_fetched_nor_checked_again(tmp_path: Path) -> None:
    """One county of six changes: of the others nothing is read, and their keys are the same objects."""
    alliance = Alliance(tmp_path, SIX)
    reader = alliance.reader("one")
    before = reader.latest()
    alliance.next(county=A)
    reader.refresh()
    assert reader.verified().fetched == {A}
    after = reader.latest()
    assert {code for code in SIX if after.counties[code] is not before.counties[code]} == {A}


def test_a_member_joins_and_leaves_and_joins_again(tmp_path: Path) -> None:
    """A majority of those before signs it in; who left has no keys; its numbers go on when it comes back."""
    six = World(SIX)
    alliance = Alliance(tmp_path, TWO)
    reader = alliance.reader("one")
    code = SIX[0]
    two, three = World(TWO).files, World((*TWO, code)).files
    hands = Hands.new()
    for files, members in ((three, 3), (two, 2), (three, 3)):
        alliance.now += timedelta(minutes=5)
        alliance.ceremony.files = dict(files)
        old = [key for each in alliance.ceremony.hands.values() for key in each.all()]
        if members == 3:
            alliance.ceremony.hands[code] = hands
        else:
            del alliance.ceremony.hands[code]
        alliance.ceremony.publish(alliance.now, old=old)
        reader.update()
        assert len(reader.latest().members) == members
    assert six.charter.members.keys() > reader.latest().members.keys()
    assert reader.verified().county(code).version == 2
