"""The writer: one leaf a statement, one writer, and nothing that does not fit goes on."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.world.ledger import LATER, LedgerWorld, numbered, some_statements, world
from yizhan.ledger.checkpoint_store import NOTHING, CheckpointStore, Head
from yizhan.ledger.errors import LogBehind, LogDamaged, LogForked
from yizhan.ledger.log import Log
from yizhan.ledger.log_source import LogFolder
from yizhan.ledger.rebuild import known_checkpoints, rebuild
from yizhan.ledger.statement_keys import read_statement
from yizhan.ledger.statements import Contradiction
from yizhan.ledger.verify import verify
from yizhan.runtime.errors import AlreadyRunning, StoreError
from yizhan.schemas import merkle
from yizhan.schemas.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.proofs import entry_of
from yizhan.schemas.statements import read_dated


def files(folder: Path) -> dict[str, bytes]:
    """Return every file of the public log: path → content."""
    root = folder / "log"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def many(folder: Path, *sizes: int) -> Head:
    """Write a log of short statements in batches that end at these sizes."""
    with world().log(folder) as log:
        for first, last in zip((0, *sizes), sizes, strict=False):
            log.append(numbered(first, last), {"cluster": last})
            log.publish(world().ledger, LATER + timedelta(seconds=last))
        return log.head


def test_a_leaf_is_the_hash_of_one_statement(tmp_path: Path) -> None:
    """The root is that of the definition over SHA-256 of each statement, in the order of coming."""
    statements = some_statements(7)
    signed = world().grow(tmp_path, [statements[:3], statements[3:]])
    leaves = [merkle.leaf_hash(hashlib.sha256(each).digest()) for each in statements]
    for note, size in zip(signed, (3, 7), strict=True):
        opened = open_checkpoint(note, world().charters)
        assert opened.checkpoint == Checkpoint(world().origin, size, merkle.root(leaves[:size]))
    assert files(tmp_path)["checkpoint"] == signed[1]
    assert files(tmp_path)["tile/0/000.p/7"] == b"".join(leaves)
    assert files(tmp_path)["tile/entries/000.p/7"] == b"".join(b"\0\x20" + entry_of(each) for each in statements)


def test_a_statement_is_one_leaf_however_often_it_is_read(tmp_path: Path) -> None:
    """The same bytes in one batch, in the next, and after a start: one leaf."""
    said = world().said(some_statements(3))
    with world().log(tmp_path) as log:
        assert log.append([*said, *said], {})[0] == 3
        assert log.append(said[:2], {"cluster": 9})[0] == 0
    with world().log(tmp_path) as log:
        assert log.append(said, {})[0] == 0
        assert (log.head.size, log.position("cluster"), log.position("other")) == (3, 9, 0)


def test_the_first_statement_for_an_origin_stands(tmp_path: Path) -> None:
    """Another about the same record is logged too, and alarms; so does a second hash for one event."""
    own = LedgerWorld()
    first = own.postmark(own.event())
    second = read_dated(Postmark, own.postmark(own.event()), own.charters)[0]
    origin = read_dated(Postmark, first, own.charters)[0].origin
    about_the_same = second.model_copy(update={"origin": origin}).signed(own.station)
    again = read_dated(Postmark, first, own.charters)[0]
    same_event = again.model_copy(update={"origin": second.origin, "hash": "0" * 64}).signed(own.station)
    one, two, three = own.said([first, about_the_same, same_event])
    assert one.subject == two.subject == f"simulator/{origin}"
    assert one.event == three.event == again.id
    with own.log(tmp_path) as log:
        assert log.append([one], {}) == (1, [])
        assert log.append([two], {}) == (1, [Contradiction("second_statement", one.subject, 0, 1)])
        assert log.append([three], {}) == (1, [Contradiction("second_hash", str(one.event), 0, 2)])
        assert log.append([two, three, one], {}) == (0, [])
        assert [each.kind for each in log.statements.alarms()] == ["second_statement", "second_hash"]
        assert list(log.statements.of_event(str(one.event))) == [0, 2]


def test_a_record_judged_again_after_a_refresh_is_no_contradiction(tmp_path: Path) -> None:
    """Only what the station knew of its own charter may differ; anything else beside it still alarms."""
    own = LedgerWorld()
    first = own.postmark(own.event())
    mark = read_dated(Postmark, first, own.charters)[0]
    again = mark.model_copy(update={"charter_stale": True, "charter_behind": True})
    other = again.model_copy(update={"record_sha256": "0" * 64})
    said = own.said([first, again.signed(own.station), other.signed(own.station)])
    with own.log(tmp_path) as log:
        assert log.append(said[:2], {}) == (2, [])
        assert [each.place for each in log.append(said[2:], {})[1]] == [2]


def test_manifests_are_statements(tmp_path: Path) -> None:
    """A closing manifest is about its range: a second one alarms; interim ones are each their own."""
    closing = Manifest(
        county="331126", label="2026Q4", interim=False, start=0, end=0, count=0, prompt=0,
        root=merkle.EMPTY_ROOT.hex(), charter=world().charter.name, cluster="c", closed="2026-11-23T08:00:00.000Z",
    )  # fmt: skip
    other = closing.model_copy(update={"end": 5})
    interim = [closing.model_copy(update={"interim": True, "end": end}) for end in (0, 1)]
    said = world().said([each.signed(world().station) for each in (closing, other, *interim)])
    with world().log(tmp_path) as log:
        new, contradictions = log.append(said, {})
    assert new == 4
    assert [(each.kind, each.first, each.place) for each in contradictions] == [("second_statement", 0, 1)]


@pytest.mark.parametrize("what", ["forged", "damaged", "not json", "two lines"])
def test_what_the_station_did_not_sign_is_no_leaf(what: str) -> None:
    """Only what verifies under the charter is read."""
    good = some_statements(1)[0]
    mark = read_dated(Postmark, good, world().charters)[0]
    bad = {
        "forged": mark.signed(SigningKey.generate()),
        "damaged": good.replace(b"A", b"B", 1),
        "not json": b"{",
        "two lines": good.replace(b",", b",\n", 1),
    }[what]
    with pytest.raises(StatementInvalid):
        read_statement(bad, world().charters)


def test_what_is_put_aside_is_kept(tmp_path: Path) -> None:
    """With the reason, once, until it is taken back."""
    with world().log(tmp_path) as log:
        log.statements.set_aside(b"x", "why")
        log.statements.set_aside(b"x", "again")
        assert log.statements.aside() == [(b"x", "why")]
        log.statements.remove_aside(b"x")
        assert log.statements.aside() == []


def test_one_writer(tmp_path: Path) -> None:
    """A second one is told who has the lock; after the first is gone it may."""
    with world().log(tmp_path), pytest.raises(AlreadyRunning, match="请先停下它"):
        world().log(tmp_path)
    with world().log(tmp_path):
        pass


def test_a_log_keeps_its_name(tmp_path: Path) -> None:
    """A charter that renames the log does not get the old one's files."""
    many(tmp_path, 3)
    with pytest.raises(LogForked, match="a log's name never changes"):
        Log(tmp_path, "example.com/other")


@pytest.mark.parametrize(
    "sizes",
    [(1,), (255,), (256,), (257,), (1, 2, 3), (255, 256, 257), (100, 700)],
    ids=str,
)
def test_every_size_is_whole(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """Around the ends of tiles of every level: entries, tiles and root fit together."""
    head = many(tmp_path, *sizes)
    found = verify(LogFolder(tmp_path / "log"), world().charters)
    assert (found.newest.checkpoint.size, found.newest.checkpoint.root) == (sizes[-1], head.root)
    with world().log(tmp_path) as log:
        assert log.head == head


def test_partial_tiles_go_when_the_full_one_is_there(tmp_path: Path) -> None:
    """They are kept while their tile grows, for whoever holds an older checkpoint."""
    many(tmp_path, 10, 20)
    assert {path for path in files(tmp_path) if ".p/" in path} == {
        f"tile/{kind}/000.p/{width}" for kind in ("0", "entries") for width in (10, 20)
    }
    shutil.rmtree(tmp_path)
    many(tmp_path, 10, 256, 300)
    assert {path for path in files(tmp_path) if ".p/" in path} == {
        "tile/0/001.p/44", "tile/entries/001.p/44", "tile/1/000.p/1",
    }  # fmt: skip


def test_an_older_root_is_computed_from_the_newer_tiles(tmp_path: Path) -> None:
    """Each size that was signed can be compared, long after its partial tiles are gone."""
    roots = {size: many(tmp_path / str(size), size).root for size in (1, 77, 256, 300)}
    many(tmp_path / "all", 1, 77, 256, 300, 600)
    with world().log(tmp_path / "all") as log:
        assert {size: log.root_at(size) for size in roots} == roots


# -- what does not fit --


def _lose_statements(folder: Path) -> None:
    with sqlite3.connect(folder / "statements.sqlite3") as conn:
        conn.execute("DELETE FROM statements WHERE place >= 250")
        conn.execute("DELETE FROM subjects WHERE place >= 250")
    conn.close()


def _lose_heads(folder: Path) -> None:
    for path in folder.glob("checkpoint.sqlite3*"):
        path.unlink()


def _old_heads(folder: Path) -> None:
    _lose_heads(folder)
    checkpoints = CheckpointStore(folder / "checkpoint.sqlite3")
    checkpoints.begin(world().origin, Head(200, many(folder.parent / "other", 200).root))
    checkpoints.close()


def _no_heads(folder: Path) -> None:
    (folder / "checkpoint.sqlite3").write_bytes(b"not a database, but as long as one" * 100)


def _lose_tile(folder: Path) -> None:
    (folder / "log/tile/0/001.p/44").unlink()


def _flip_tile(folder: Path) -> None:
    path = folder / "log/tile/0/001.p/44"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)


def _flip_bundle(folder: Path) -> None:
    path = folder / "log/tile/entries/001.p/44"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)


def _cut_tile(folder: Path) -> None:
    path = folder / "log/tile/1/000.p/1"
    path.write_bytes(path.read_bytes()[:-1])


def _other_checkpoint(folder: Path) -> None:
    other = Checkpoint(world().origin, 300, bytes(32))
    (folder / "log/checkpoint").write_bytes(
        sign_checkpoint(other, world().ledger.signing, world().ledger.cosigning, LATER)
    )


def _bad_checkpoint(folder: Path) -> None:
    (folder / "log/checkpoint").write_bytes(b"yizhan/ledger\n+300\n")


@pytest.mark.parametrize(
    ("harm", "error", "words"),
    [
        (_lose_statements, LogBehind, "ends at 250, the log has signed 300: its tail is lost"),
        (_lose_heads, LogBehind, "is missing or empty, but there are 300 statements"),
        (_old_heads, LogBehind, "is at 200, the published checkpoint at 300: an old copy"),
        (_no_heads, StoreError, "再恢复备份"),
        (_lose_tile, LogDamaged, r"tile/0/001\.p/44: is missing"),
        (_flip_tile, LogDamaged, "does not belong to its tile"),
        (_flip_bundle, LogDamaged, r"tile/entries/001\.p/44 does not belong"),
        (_cut_tile, LogDamaged, r"tile/1/000\.p/1: has 31 bytes"),
        (_other_checkpoint, LogForked, "another root at 300"),
        (_bad_checkpoint, LogDamaged, "checkpoint: .*move it aside"),
    ],
)
def test_what_does_not_fit_stops_the_log_and_is_rebuilt(
    tmp_path: Path, harm: Callable[[Path], None], error: type[Exception], words: str
) -> None:
    """It refuses to go on, says what and what to do, touches nothing; and a rebuild gives the same bytes."""
    folder = tmp_path / "ledger"
    head, before = many(folder, 256, 300), files(folder)
    saved = (folder / "statements.sqlite3").read_bytes()
    harm(folder)
    harmed = files(folder)
    with pytest.raises(error, match=words):
        world().log(folder)
    assert files(folder) == harmed
    if harm is _lose_statements:
        with pytest.raises(LogBehind, match="restore a newer copy of the statements"):
            make_again(folder)
        (folder / "statements.sqlite3").write_bytes(saved)
    if harm is _other_checkpoint:
        with pytest.raises(LogForked, match="another root at 300"):
            make_again(folder)
        return
    assert make_again(folder) == head
    tiles_before = {path: found for path, found in before.items() if path.startswith("tile/")}
    assert {path: files(folder).get(path) for path in tiles_before} == tiles_before
    with world().log(folder) as log:
        assert log.head == head


def make_again(folder: Path) -> Head:
    """Rebuild, compared with all that the folder knows."""
    told: list[int] = []
    expected = known_checkpoints(folder, world().origin)
    head = rebuild(folder, world().origin, expected, at="now", progress=told.append)
    assert sum(told) == head.size
    return head


def test_a_rebuild_is_the_log(tmp_path: Path) -> None:
    """From the kept statements alone: every file, and the old log is kept beside."""
    head, before = many(tmp_path, 10, 256, 700), files(tmp_path)
    assert make_again(tmp_path) == head
    assert files(tmp_path) == before
    assert (tmp_path / "log.before-now").is_dir()
    shutil.rmtree(tmp_path / "log")
    _lose_heads(tmp_path)
    assert make_again(tmp_path) == head
    after = files(tmp_path)
    assert after == {
        path: data for path, data in before.items() if path.startswith("tile/") and path != "tile/1/000.p/1"
    }, "all but the partial tile of a checkpoint that nothing here remembers"


def test_a_rebuild_needs_the_lock(tmp_path: Path) -> None:
    """A rebuild is refused while the ledger holds the lock."""
    with world().log(tmp_path), pytest.raises(AlreadyRunning):
        make_again(tmp_path)


def test_a_full_tile_is_never_overwritten(tmp_path: Path) -> None:
    """A name that stands with other bytes stops the batch; after it nothing was published."""
    many(tmp_path, 250)
    place = tmp_path / "log/tile/0/000"
    place.write_bytes(b"something else")
    with world().log(tmp_path) as log, pytest.raises(LogDamaged, match="with other bytes"):
        log.append(numbered(250, 260), {})
    assert place.read_bytes() == b"something else"
    assert verify(LogFolder(tmp_path / "log"), world().charters).newest.checkpoint.size == 250


def test_the_head_moves_by_compare_and_swap(tmp_path: Path) -> None:
    """Who does not know the head cannot move it."""
    checkpoints = CheckpointStore(tmp_path / "heads.sqlite3")
    checkpoints.begin("a")
    first, second = Head(1, bytes(32)), Head(2, bytes(32))
    checkpoints.swap(NOTHING, first, {"c": 4})
    with pytest.raises(LogForked, match="stop all"):
        checkpoints.swap(NOTHING, second, {"c": 5})
    assert (checkpoints.read("a"), checkpoints.position("c")) == (first, 4)
    checkpoints.close()


def test_a_log_below_a_known_checkpoint_refuses(tmp_path: Path) -> None:
    """A checkpoint that was published elsewhere is one that the log must continue."""
    head = many(tmp_path, 20)
    with world().log(tmp_path) as log:
        log.expect(Checkpoint(world().origin, 20, head.root), "there")
        with pytest.raises(LogBehind, match="ends at 20, a checkpoint there at 21"):
            log.expect(Checkpoint(world().origin, 21, head.root), "there")
        with pytest.raises(LogForked, match="another root at 19 than a checkpoint there"):
            log.expect(Checkpoint(world().origin, 19, head.root), "there")
