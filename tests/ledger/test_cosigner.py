"""A county cosigns what continues its own copy and holds what it holds, and keeps what speaks against the log."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from tests.world.clock import Clock
from tests.world.ledger import LATER, LedgerWorld, some_statements, world
from yizhan.ledger.cosigner import Cosigner, StatementSource
from yizhan.ledger.errors import LedgerError, LedgerNotReady, NoSuchStatement
from yizhan.ledger.tree_builder import TreeBuilder
from yizhan.schemas import notes
from yizhan.schemas.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from yizhan.schemas.logrecords import write_entries
from yizhan.schemas.proofs import entry_of, parse_proof, verify_proof
from yizhan.schemas.sample import SIX

PATIENCE = timedelta(seconds=60)
MINE, OTHER = "331126", "350924"


class Branch:
    """A log as its topic shows it: entries, then the checkpoint that covers them."""

    def __init__(self, statements: Sequence[bytes] = (), own: LedgerWorld | None = None) -> None:
        """Begin with statements that nobody was told of."""
        self.world, self.builder, self.at = own or world(), TreeBuilder(), LATER
        self.entries: list[bytes] = []
        self._put(statements)

    def _put(self, statements: Sequence[bytes]) -> None:
        self.entries += [entry_of(each) for each in statements]
        for _file in self.builder.extend([entry_of(each) for each in statements]):
            pass

    def add(self, *statements: bytes) -> list[bytes]:
        """Log statements; the records that tell it."""
        start = self.builder.size
        self._put(statements)
        return [write_entries(start, self.entries[start:]), self.note()]

    def note(self) -> bytes:
        """Sign the head, a second later each time."""
        self.at += timedelta(seconds=1)
        keys = self.world.ledger
        return sign_checkpoint(self.checkpoint, keys.signing, keys.cosigning, self.at)

    @property
    def checkpoint(self) -> Checkpoint:
        """The head."""
        return Checkpoint(self.world.origin, self.builder.size, self.builder.root())


class Desk:
    """One county's cosigner with its clock and its books."""

    def __init__(self, folder: Path, county: str = MINE) -> None:
        self.folder, self.county, self.clock, self.offset = folder, county, Clock(LATER), 0
        self.held: list[bytes] = []
        self.cosigner = self.open()

    def open(self) -> Cosigner:
        """Open its database."""
        path = self.folder / f"{self.county}.sqlite3"
        return Cosigner(path, self.county, world().charters, self.clock, PATIENCE)

    def again(self) -> None:
        """Close and open it, as after a kill."""
        self.cosigner.close()
        self.cosigner = self.open()

    def take(self, *values: bytes) -> str | None:
        """Read records of the topic."""
        self.offset += len(values)
        return self.cosigner.take(values, "cluster", self.offset)

    def answer(self) -> bytes | str | None:
        """Answer, and say that it went out."""
        found = self.cosigner.answer(world().cosigning[self.county])
        if isinstance(found, bytes):
            self.cosigner.answered(found)
        return found

    def look(self) -> int:
        """Look through its one book."""
        held = enumerate(self.held, 1)
        return self.cosigner.scan([StatementSource("inbox", lambda after: [each for each in held if each[0] > after])])

    def offences(self) -> list[str]:
        """What stands against the log."""
        return [each.offence for each in self.cosigner.evidence(standing=True)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The cosigner of 庆元."""
    made = Desk(tmp_path)
    yield made
    made.cosigner.close()


STATEMENTS = some_statements(9)


def cosigned_by(answer: bytes | str | None) -> set[str]:
    """Who cosigned a published note."""
    assert isinstance(answer, bytes), answer
    return set(open_checkpoint(answer, world().charters).cosigned)


def test_what_continues_is_cosigned(desk: Desk) -> None:
    """Each checkpoint once, with the county's key and a true time; the position moves."""
    branch = Branch()
    for last in (2, 5, 9):
        assert desk.take(*branch.add(*STATEMENTS[branch.builder.size : last])) is None
        desk.clock.now += timedelta(seconds=7)
        answer = desk.answer()
        assert cosigned_by(answer) == {MINE}
        assert isinstance(answer, bytes)
        opened = open_checkpoint(answer, world().charters)
        assert opened.checkpoint == branch.checkpoint
        assert opened.cosigned[MINE] - timedelta(milliseconds=999) == desk.clock.now
        assert desk.answer() is None
    assert desk.cosigner.position("cluster") == 6
    assert desk.cosigner.position("another") == 0


def test_of_checkpoints_that_wait_the_newest_is_answered(desk: Desk) -> None:
    """Records of several checkpoints at once: one answer."""
    branch = Branch()
    assert desk.take(*branch.add(*STATEMENTS[:2]), *branch.add(*STATEMENTS[2:5])) is None
    answer = desk.answer()
    assert isinstance(answer, bytes)
    assert open_checkpoint(answer, world().charters).checkpoint.size == 5


def test_the_state_moves_before_the_answer(desk: Desk) -> None:
    """A county killed between the two answers after its start; it never answers another branch."""
    branch, fork = Branch(), Branch(STATEMENTS[:3])
    assert desk.take(*branch.add(*STATEMENTS[:3])) is None
    desk.again()
    assert desk.take(*fork.add(*STATEMENTS[4:6])) is None, "this one continues it"
    desk.again()
    assert desk.take(*branch.add(*STATEMENTS[3:5])) == "fork"
    assert desk.answer() == "unsettled"


def test_records_that_come_again_change_nothing(desk: Desk) -> None:
    """All of them, from the beginning, as from a broker that lost its disk."""
    branch = Branch()
    records = [*branch.add(*STATEMENTS[:2]), *branch.add(*STATEMENTS[2:5])]
    assert desk.take(*records) is None
    desk.answer()
    desk.again()
    assert desk.take(*records) is None
    assert desk.answer() is None
    assert desk.offences() == []


def test_a_tree_of_several_tiles(desk: Desk) -> None:
    """The copy has the log's own hashes, over ends of tiles and starts."""
    many = [b"%d" % number for number in range(700)]
    branch = Branch()
    for last in (1, 255, 256, 257, 700):
        assert desk.take(*branch.add(*many[branch.builder.size : last])) is None
        desk.again()
        assert desk.cosigner.root_at(last) == branch.builder.root()
        proof = desk.cosigner.prove(many[last - 1])
        assert verify_proof(parse_proof(proof.to_bytes()), world().charters).checkpoint == branch.checkpoint


def test_a_fork_is_refused_and_both_sides_are_kept(desk: Desk) -> None:
    """Another root at the same size, at a smaller one, and above after other entries."""
    branch = Branch()
    desk.take(*branch.add(*STATEMENTS[:5]))
    assert desk.answer()
    mine = branch.note()
    same, smaller, larger = Branch(STATEMENTS[1:6]), Branch(STATEMENTS[1:3]), Branch(STATEMENTS[1:6])
    assert desk.take(same.note()) == "fork"
    assert desk.take(smaller.note()) == "fork"
    larger.add(STATEMENTS[7])
    assert desk.take(write_entries(0, larger.entries), larger.note()) == "fork"
    stored = desk.cosigner.evidence()
    assert [each.offence for each in stored] == ["fork"] * 3
    for each, other in zip(stored, (same, smaller, larger), strict=True):
        assert each.mine is not None
        assert each.theirs is not None
        assert open_checkpoint(each.mine, world().charters).checkpoint == branch.checkpoint
        assert open_checkpoint(each.theirs, world().charters).checkpoint == other.checkpoint
    assert desk.take(*branch.add(STATEMENTS[5])) is None, "its own log goes on"
    assert desk.answer() == "unsettled"
    for each in stored:
        desk.cosigner.settle(each.seq, "张三 (123456): the old machine was still running")
    assert cosigned_by(desk.answer()) == {MINE}
    assert mine
    with pytest.raises(NoSuchStatement):
        desk.cosigner.settle(stored[0].seq, "again")
    assert len(desk.cosigner.evidence()) == 3, "settled evidence stays"


def test_a_shrunken_log_is_refused(desk: Desk) -> None:
    """A newer signature on an older size: the log lost its tail and went on signing."""
    branch, old = Branch(), Branch(STATEMENTS[:2])
    early = old.note()
    desk.take(*branch.add(*STATEMENTS[:2]), *branch.add(*STATEMENTS[2:5]))
    assert desk.take(early) is None, "an old checkpoint read again is no offence"
    old.at = branch.at
    assert desk.take(old.note()) == "shrunken"
    assert desk.offences() == ["shrunken"]


def test_a_split_view_is_found(desk: Desk, tmp_path: Path) -> None:
    """Two counties that were shown two logs see it in each other's cosignatures, whoever comes first."""
    branch, other = Branch(), Branch()
    partner = Desk(tmp_path, OTHER)
    desk.take(*branch.add(*STATEMENTS[:3]))
    partner.take(*other.add(*STATEMENTS[3:6]))
    mine, theirs = desk.answer(), partner.answer()
    assert isinstance(mine, bytes)
    assert isinstance(theirs, bytes)
    assert desk.cosigner.view(theirs) == "split_view"
    assert desk.offences() == ["split_view"]
    (stored,) = desk.cosigner.evidence()
    assert stored.theirs == theirs
    assert OTHER in stored.detail
    partner.cosigner.close()


def test_a_split_view_beyond_our_copy_is_found_when_we_get_there(desk: Desk, tmp_path: Path) -> None:
    """A partner's larger checkpoint waits until our copy is as large."""
    branch, other = Branch(), Branch()
    partner = Desk(tmp_path, OTHER)
    partner.take(*other.add(*STATEMENTS[3:6]))
    theirs = partner.answer()
    assert isinstance(theirs, bytes)
    assert desk.cosigner.view(theirs) is None
    assert desk.take(*branch.add(*STATEMENTS[:3])) == "split_view"
    partner.cosigner.close()


def test_a_missing_statement_is_refused_and_settles_itself(desk: Desk) -> None:
    """What we hold has its time to come into the log; after half of it we hand it in; then we refuse."""
    branch = Branch()
    desk.held = [STATEMENTS[0], STATEMENTS[7]]
    assert desk.look() == 2
    desk.take(*branch.add(*STATEMENTS[:3]))
    assert cosigned_by(desk.answer()) == {MINE}
    assert desk.cosigner.to_hand_in() == []
    desk.clock.now += PATIENCE * 0.6
    assert [statement for _subject, statement in desk.cosigner.to_hand_in()] == [STATEMENTS[7]]
    assert desk.cosigner.missing() == []
    desk.clock.now += PATIENCE
    desk.take(*branch.add(*STATEMENTS[3:5]))
    assert desk.answer() == "missing"
    assert desk.answer() == "missing"
    (stored,) = desk.cosigner.evidence(standing=True)
    assert (stored.offence, stored.mine) == ("missing", STATEMENTS[7])
    desk.again()
    desk.take(*branch.add(STATEMENTS[7]))
    assert desk.offences() == []
    assert cosigned_by(desk.answer()) == {MINE}


def test_what_the_station_did_not_sign_is_not_missed(desk: Desk) -> None:
    """A forged postmark in the inbox is nobody's statement."""
    desk.held = [b"{}", STATEMENTS[0].replace(b"A", b"B", 1)]
    assert desk.look() == 0
    desk.held.append(STATEMENTS[1])
    assert desk.look() == 1, "the book is read on from where it was"


def test_a_statement_that_comes_later_than_the_log(desk: Desk) -> None:
    """The log is ahead of the inbox: what comes is found at once."""
    branch = Branch()
    desk.take(*branch.add(*STATEMENTS[:5]))
    desk.held = list(STATEMENTS[:5])
    assert desk.look() == 5
    desk.clock.now += PATIENCE * 2
    assert desk.cosigner.missing() == []


def test_without_entries_nothing_is_checked(desk: Desk) -> None:
    """A checkpoint whose entries did not come is no continuation yet: read again, it is."""
    branch = Branch()
    entries, note = branch.add(*STATEMENTS[:3])
    assert desk.take(note) == "gap"
    assert desk.answer() is None
    later = branch.add(*STATEMENTS[3:5])
    assert desk.take(*later) == "gap"
    assert desk.take(entries, note, *later) is None
    assert cosigned_by(desk.answer()) == {MINE}


def test_entries_that_nobody_signed_do_no_harm(desk: Desk) -> None:
    """Wrong entries, then the right ones: the right ones count."""
    branch = Branch()
    entries, note = branch.add(*STATEMENTS[:3])
    assert desk.take(write_entries(0, [bytes(32)] * 9)) is None
    assert desk.take(entries, note) is None
    assert desk.take(write_entries(1, [bytes(32)])) == "unsigned"
    assert desk.take(b"YZL1", b"not a note", notes.parse(note).text.encode()) == "unsigned"
    assert desk.take(*branch.add(*STATEMENTS[3:5])) is None
    assert desk.offences() == []


def test_the_quorum_is_seen_here(desk: Desk, tmp_path: Path) -> None:
    """Cosignatures of others, one by one: with the fourth the checkpoint is final, and a proof carries it."""
    branch = Branch()
    records = branch.add(*STATEMENTS[:3])
    desk.take(*records)
    for number, county in enumerate(SIX, 1):
        other = Desk(tmp_path / "others", county)
        other.take(*records)
        answer = other.answer()
        assert isinstance(answer, bytes)
        assert desk.cosigner.view(answer) is None
        other.cosigner.close()
        assert (desk.cosigner.final() is not None) == (number >= 4)
    desk.again()
    opened = verify_proof(desk.cosigner.prove(STATEMENTS[2]), world().charters)
    assert (opened.final, set(opened.cosigned)) == (True, set(SIX))


def test_proofs_of_what_is_not_there(desk: Desk) -> None:
    """Before there is a checkpoint, and of a statement that the log lacks."""
    with pytest.raises(LedgerNotReady):
        desk.cosigner.prove(STATEMENTS[0])
    desk.take(*Branch().add(*STATEMENTS[:3]))
    with pytest.raises(NoSuchStatement):
        desk.cosigner.prove(STATEMENTS[5])


def test_a_copy_belongs_to_one_county(desk: Desk, tmp_path: Path) -> None:
    """Another county's file is not taken over; a damaged copy says that it can be made again."""
    desk.take(*Branch().add(*STATEMENTS[:3]))
    desk.cosigner.close()
    shutil.copy(tmp_path / f"{MINE}.sqlite3", tmp_path / f"{OTHER}.sqlite3")
    with pytest.raises(LedgerError, match="each county and log needs its own file"):
        Desk(tmp_path, OTHER)
    with pytest.raises(LedgerError, match="each county and log needs its own file"):
        Cosigner(tmp_path / f"{MINE}.sqlite3", OTHER, world().charters, desk.clock, PATIENCE)
    desk.cosigner = desk.open()
    desk.cosigner._conn.execute("UPDATE tiles SET hashes = zeroblob(96)")  # noqa: SLF001 -- a damaged disk
    desk.cosigner.close()
    with pytest.raises(LedgerError, match="made again from the topic"):
        desk.open()
    (tmp_path / f"{MINE}.sqlite3").unlink()
    desk.cosigner = desk.open()
