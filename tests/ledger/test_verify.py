"""Whoever holds the charter can check everything, and is told which file is wrong."""

from __future__ import annotations

import functools
import http.server
import json
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.world.ledger import LATER, numbered, some_statements, world
from yizhan.ledger.errors import LogDamaged, LogForked, NoSuchStatement, NotWritten
from yizhan.ledger.export import export
from yizhan.ledger.log_source import LogFolder, source
from yizhan.ledger.proving import prove
from yizhan.ledger.statement_keys import read_statement
from yizhan.ledger.statements import Statements
from yizhan.ledger.tree_builder import TreeBuilder
from yizhan.ledger.verify import VerifiedLog, statements_path, verify
from yizhan.schemas import notes, tiles
from yizhan.schemas.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from yizhan.schemas.errors import NoteInvalid, StatementInvalid
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.proofs import entry_of, parse_proof, verify_proof
from yizhan.schemas.sample import SIX

SIZE = 70123
"""Tiles of three levels: 274 bundles, the last of 235."""


def entries(first: int, last: int) -> list[bytes]:
    """Entries of short statements about numbers."""
    return [entry_of(each.statement) for each in numbered(first, last)]


def write(folder: Path, builder: TreeBuilder, more: list[bytes]) -> Checkpoint:
    """Write more of a log straight into files; its checkpoint, not signed yet."""
    for path, content in builder.extend(more):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return Checkpoint(world().origin, builder.size, builder.root())


def sign(checkpoint: Checkpoint, *cosigners: str) -> bytes:
    """Sign a checkpoint as the log and these counties."""
    note = notes.parse(sign_checkpoint(checkpoint, world().ledger.signing, world().ledger.cosigning, LATER))
    return note.with_signatures(*(world().cosignature(code, checkpoint) for code in cosigners)).to_bytes()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 70,123 entries, final at 70,000."""
    folder, builder = tmp_path_factory.mktemp("large"), TreeBuilder()
    (folder / "final").write_bytes(sign(write(folder, builder, entries(0, 70000)), *SIX[:4]))
    (folder / "checkpoint").write_bytes(sign(write(folder, builder, entries(70000, SIZE))))
    return folder


def check(folder: Path, **how: object) -> VerifiedLog:
    """Verify a log in a folder."""
    return verify(LogFolder(folder), world().charters, **how)  # type: ignore[arg-type] # verify's own


@pytest.fixture
def copy(large: Path, tmp_path: Path) -> Path:
    """A copy of the large log, to be harmed."""
    return Path(shutil.copytree(large, tmp_path / "copy"))


def test_a_whole_log_verifies(large: Path) -> None:
    """Every leaf is counted, and the earlier final checkpoint is part of the tree."""
    seen: list[int] = []
    found = check(large, progress=seen.append)
    assert (found.newest.checkpoint.size, seen[-1], found.resumed_at, found.statements) == (SIZE, SIZE, 0, 0)
    assert found.final is not None
    assert found.final.checkpoint.size == 70000
    assert set(found.final.cosigned) == set(SIX[:4])


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("tile/entries/137", "tile/entries/137"),
        ("tile/0/137", "tile/0/137"),
        ("tile/entries/000", "tile/entries/000"),
        ("tile/entries/273.p/235", "tile/entries/273.p/235"),
        ("tile/0/273.p/235", "tile/entries/273.p/235"),
        ("tile/1/000", "tile/1/000"),
        ("tile/1/001.p/17", "tile/1/001.p/17"),
        ("tile/2/000.p/1", "tile/2/000.p/1"),
    ],
)
def test_a_flipped_bit_anywhere_is_named(copy: Path, path: str, named: str) -> None:
    """In any place of a file: it is the file that is named, or its bundle where nothing above can tell."""
    place = copy / path
    good = place.read_bytes()
    chance = random.Random(path)
    for bit in (8 * len(good) - 1, chance.randrange(8 * len(good))):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        place.write_bytes(bad)
        with pytest.raises(LogDamaged) as error:
            check(copy)
        assert error.value.path == named, str(error.value)
    place.write_bytes(good)
    check(copy)


@pytest.mark.parametrize("path", ["tile/0/273.p/112", "tile/entries/273.p/112", "tile/1/001.p/17"])
@pytest.mark.parametrize("harm", ["changed", "cut"])
def test_a_stale_partial_tile_is_named(copy: Path, path: str, harm: str) -> None:
    """Who has an earlier checkpoint reads the narrower tiles: they are how the wider ones begin, or are named."""
    good = (copy / path).read_bytes()
    (copy / path).write_bytes(good[:-1] + bytes([good[-1] ^ 1]) if harm == "changed" else good[:-1])
    with pytest.raises(LogDamaged) as error:
        check(copy)
    assert error.value.path == path, str(error.value)


def test_another_key_for_other_tools_is_named(copy: Path) -> None:
    """``log.vkey`` is the log's key by the charter, or there is none."""
    key = notes.verifier_key(world().origin, world().ledger.signing.public)
    (copy / "log.vkey").write_text(f"{key}\n")
    check(copy)
    for other in (f"{key}", notes.verifier_key(world().origin, SigningKey.generate().public) + "\n", ""):
        (copy / "log.vkey").write_text(other)
        with pytest.raises(LogDamaged, match="from the charter") as error:
            check(copy)
        assert error.value.path == "log.vkey"


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", ["tile/entries/137", "tile/0/137", "tile/1/000", "tile/0/273.p/235", "checkpoint"])
@pytest.mark.parametrize("harm", ["missing", "short", "long", "empty"])
def test_a_file_of_another_length_is_named(copy: Path, path: str, harm: str) -> None:
    """Missing, cut, with more behind it, or empty."""
    place = copy / path
    good = place.read_bytes()
    place.unlink()
    if harm != "missing":
        place.write_bytes({"short": good[:-1], "long": good + b"\0", "empty": b""}[harm])
    with pytest.raises(LogDamaged) as error:
        check(copy)
    assert error.value.path == path


@pytest.mark.parametrize("path", ["checkpoint", "final"])
def test_a_flipped_bit_in_a_checkpoint_is_named(copy: Path, path: str) -> None:
    """Anywhere in the text or in a known signature."""
    place = copy / path
    good = place.read_bytes()
    chance = random.Random(path)
    for at in (0, 20, 60, *(chance.randrange(len(good) - 2) for _ in range(9))):
        bad = bytearray(good)
        bad[at] ^= 1
        place.write_bytes(bad)
        try:
            found = open_checkpoint(bytes(bad), world().charters)
        except NoteInvalid:
            with pytest.raises(LogDamaged) as damaged:
                check(copy)
            assert damaged.value.path == path
        else:  # the name or id of a county's line: a stranger's signature then, which is ignored
            assert path == "final"
            assert len(found.cosigned) == 3


@pytest.mark.exhaustive
def test_entries_and_tiles_that_agree_on_something_else(copy: Path) -> None:
    """Another log under this checkpoint: whole in itself, and not what was signed."""
    shutil.rmtree(copy / "tile")
    write(copy, TreeBuilder(), entries(1, SIZE + 1))
    with pytest.raises(LogForked, match="are not what was signed"):
        check(copy)


def test_a_log_shortened_below_its_final_checkpoint(copy: Path, tmp_path: Path) -> None:
    """The newest checkpoint may not lie before a final one."""
    (copy / "checkpoint").write_bytes(sign(write(tmp_path, TreeBuilder(), entries(0, 500))))
    with pytest.raises(LogForked, match="the log was shortened"):
        check(copy)


def test_an_interrupted_run_goes_on(copy: Path, tmp_path: Path) -> None:
    """From the last full bundle it had checked; what was checked is not read again, and the root covers all."""
    state = tmp_path / "state.json"
    (copy / "tile/0/272").rename(tmp_path / "tile")
    with pytest.raises(LogDamaged):
        check(copy, state=state)
    came = json.loads(state.read_bytes())["size"]
    assert came == 256 * 256
    (tmp_path / "tile").rename(copy / "tile/0/272")
    (copy / "tile/entries/000").unlink()
    found = check(copy, state=state)
    assert (found.resumed_at, found.newest.checkpoint.size) == (came, SIZE)
    assert check(copy, state=state).resumed_at == SIZE - SIZE % 256


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"kind":"yizhan-audit-1","origin":"other"}', b"\xff"])
def test_a_strange_state_file_is_no_state(large: Path, tmp_path: Path, content: bytes) -> None:
    """An invalid state file is ignored and the verification starts at the first entry."""
    state = tmp_path / "state.json"
    state.write_bytes(content)
    assert check(large, state=state).resumed_at == 0


def test_a_state_that_lies_is_found_out(large: Path, tmp_path: Path) -> None:
    """Hashes that are not this log's lead to another root."""
    state = tmp_path / "state.json"
    check(large, state=state)
    lie = json.loads(state.read_bytes())
    lie["edge"][2][0] = "0" * 64
    state.write_text(json.dumps(lie))
    with pytest.raises((LogForked, LogDamaged)):
        check(large, state=state)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_over_http(tmp_path: Path) -> None:
    """A web server serves as well as a folder, but does not list replaced files; a missing file is named."""
    folder = tmp_path / "ledger"
    world().grow(folder, [some_statements(7)])
    with served(folder / "log") as where:
        found = verify(source(where), world().charters)
        assert (found.newest.checkpoint.size, found.all_files) == (7, False)
        assert verify(source(str(folder / "log")), world().charters).all_files
        (folder / "log/tile/0/000.p/7").unlink()
        with pytest.raises(LogDamaged, match=r"tile/0/000\.p/7: is missing"):
            verify(source(where), world().charters)
    with pytest.raises(LogDamaged, match="does not answer"):
        verify(source(where), world().charters)


# -- exports and proofs --


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of seven real statements, final at the fifth."""
    folder = tmp_path_factory.mktemp("small")
    with world().log(folder) as log:
        log.append(world().said(some_statements(7)[:5]), {})
        note = notes.parse(log.publish(world().ledger, LATER))
        lines = [world().cosignature(code, log.checkpoint()) for code in SIX]
        log.cosigned(open_checkpoint(note.with_signatures(*lines).to_bytes(), world().charters))
        log.append(world().said(some_statements(7)[5:]), {})
        log.publish(world().ledger, LATER)
    return folder


def exported(ledger: Path, target: Path) -> Path:
    """Export it with its statements."""
    with Statements(ledger / "statements.sqlite3") as statements:
        export(ledger / "log", target, world().charters, statements=statements)
    return target


def signed(statement: bytes) -> None:
    """Raise unless the station signed it."""
    read_statement(statement, world().charters)


def test_an_export_is_the_log(ledger: Path, tmp_path: Path) -> None:
    """It verifies, with every statement; it may be continued; it has no statements unless asked."""
    target = exported(ledger, tmp_path / "out")
    found = check(target, check_statement=signed)
    assert (found.newest.checkpoint.size, found.statements) == (7, 7)
    assert found.final is not None
    assert found.final.checkpoint.size == 5
    assert (target / statements_path(0)).read_bytes() == b"".join(each + b"\n" for each in some_statements(7))
    exported(ledger, target)
    export(ledger / "log", tmp_path / "bare", world().charters)
    assert not (tmp_path / "bare" / "statements").exists()
    key = (target / "log.vkey").read_text("ascii")
    assert key == notes.verifier_key(world().origin, world().ledger.signing.public) + "\n"


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda lines: [lines[0].replace(b"payload", b"Payload", 1), *lines[1:]], "statement 0 is not the one"),
        (lambda lines: [*lines[:3], *lines[4:]], "statement 3 was taken out"),
        (lambda lines: lines[:-1], "statement 6 was taken out"),
        (lambda lines: [*lines[:-1], lines[-1][:-1]], "is cut short"),
        (lambda lines: lines[::-1], "statement 0 is not the one"),
    ],
)
def test_a_statement_that_was_changed_is_named(
    ledger: Path, tmp_path: Path, harm: Callable[[list[bytes]], list[bytes]], words: str
) -> None:
    """Changed, taken out, cut or put in another order: the file is named, and the statement."""
    path = exported(ledger, tmp_path) / statements_path(0)
    path.write_bytes(b"".join(harm(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(LogDamaged, match=rf"statements/000\.jsonl: {words}"):
        check(tmp_path, check_statement=signed)


def test_a_statement_that_nobody_signed(tmp_path: Path) -> None:
    """A log may hold what it likes: the auditor checks the station's signature on each."""
    with world().log(tmp_path / "ledger") as log:
        log.append(numbered(0, 3), {})
        log.publish(world().ledger, LATER)
    exported(tmp_path / "ledger", tmp_path / "out")
    with pytest.raises(StatementInvalid):
        check(tmp_path / "out", check_statement=signed)


def test_an_export_over_another(ledger: Path, tmp_path: Path) -> None:
    """An export never overwrites the files of another log."""
    (tmp_path / "tile/0").mkdir(parents=True)
    (tmp_path / "tile/0/000.p").write_bytes(b"a file in the way")
    with pytest.raises(NotWritten, match="nothing was published"):
        exported(ledger, tmp_path)


def test_a_proof_is_carried_away(ledger: Path) -> None:
    """Of an event that the final checkpoint covers; of a later one from the newest, which is not final."""
    with Statements(ledger / "statements.sqlite3") as statements:
        for place, (size, final) in {1: (5, True), 6: (7, False)}.items():
            event = str(read_statement(some_statements(7)[place], world().charters).event)
            proof = parse_proof(prove(ledger, statements, event, world().charters).to_bytes())
            opened = verify_proof(proof, world().charters)
            assert proof.statement == some_statements(7)[place]
            assert (proof.index, opened.checkpoint.size, opened.final) == (place, size, final)
        with pytest.raises(NoSuchStatement, match="no postmark of such an event"):
            prove(ledger, statements, "350924-20261123test-999", world().charters)


def test_paths_of_statements() -> None:
    """The paths of statements follow those of entry bundles."""
    assert statements_path(1234067) == "statements/x001/x234/067.jsonl"
    assert tiles.parse_path("statements/000.jsonl") is None
