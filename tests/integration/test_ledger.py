"""The ledger on a real broker: from the station's topic to a quorum, and over what can be lost on the way."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.ledger.fsck import fsck
from tests.ledger.test_verify import check, exported, signed
from tests.world.cluster import Cluster
from tests.world.ledger import LedgerWorld
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.ledger.backfill import restore_statements
from yizhan.ledger.cosigner import Cosigner, StatementSource
from yizhan.ledger.cosigning import Cosigning
from yizhan.ledger.errors import LogBehind
from yizhan.ledger.feed import Feed, newest_on_topic
from yizhan.ledger.kafka_io import Wire
from yizhan.ledger.log import Log
from yizhan.ledger.rebuild import known_checkpoints, rebuild
from yizhan.runtime.process import StopSignal
from yizhan.runtime.settings import Settings
from yizhan.schemas import topics
from yizhan.schemas.checkpoints import open_checkpoint
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.proofs import verify_proof
from yizhan.schemas.sample import SIX
from yizhan.schemas.statements import read_dated

ME = "331126"
PATIENCE = timedelta(seconds=4)


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Ledger:
    """The ledger and its cosigners on the shared broker; it reads what comes from now on."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        """Make keys and charter; nothing runs yet."""
        self.cluster, self.folder, self.world = cluster, folder / "ledger", LedgerWorld()
        self.settings: Settings = cluster.settings.model_copy(
            update={"ledger_interval_seconds": 0.2, "ledger_patience_seconds": PATIENCE.total_seconds()}
        )
        self.held: list[bytes] = []
        self.ended = threading.Event()
        self.cosigners = {
            code: Cosigner(folder / f"{code}.sqlite3", code, self.world.charters, now, PATIENCE) for code in SIX
        }
        with self.wire() as wire, self.world.log(self.folder) as log:
            log.append([], {wire.cluster: wire.ends()[topics.AUDIT]})

    def close(self) -> None:
        """Close the counties' databases."""
        for cosigner in self.cosigners.values():
            cosigner.close()

    def wire(self) -> Wire:
        """Connect as the ledger."""
        read = [topics.AUDIT, topics.CHECKPOINTS, *map(topics.cosignatures, SIX)]
        return Wire(self.cluster.connection(topics.LEDGER), topics.LEDGER, "log", read, [])

    def say(self, *statements: bytes) -> None:
        """Say as the station."""
        self.cluster.send(topics.STATION, topics.AUDIT, *statements)

    @contextmanager
    def running(self) -> Iterator[Log]:
        """Run the ledger until the block ends."""
        stop = StopSignal()
        with self.world.log(self.folder) as log:
            feed = Feed(log, lambda _charter, _at: self.world.ledger, self.world.charters, self.settings, stop)
            self.ended.clear()
            with _thread(lambda: feed.run(self.cluster.connection(topics.LEDGER)), stop, self.ended):
                yield log

    @contextmanager
    def cosigning(self, *codes: str) -> Iterator[None]:
        """Run some counties' cosigners until the block ends."""
        stop = StopSignal()
        with ExitStack() as stack:
            for code in codes:
                books = [StatementSource("inbox", self._held)] if code == ME else []
                key = partial(self.world.cosigning.__getitem__, code)
                one = Cosigning(self.cosigners[code], key, books, self.settings, stop)
                stack.enter_context(_thread(partial(one.run, self.cluster.connection(topics.county(code))), stop))
            yield

    def _held(self, after: int) -> list[tuple[int, bytes]]:
        return [(number, each) for number, each in enumerate(self.held, 1) if number > after]


@contextmanager
def _thread(work: Callable[[], None], stop: StopSignal, ended: threading.Event | None = None) -> Iterator[None]:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 -- told below
            failed.append(error)
        finally:
            if ended is not None:
                ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LIMIT_SECONDS)
        gc.collect()  # kafka-python leaves sockets to the collector
    if failed:
        raise failed[0]


@pytest.fixture(scope="module")
def ledger(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """One ledger for the tests of this file, which go on with it in their order."""
    made = Ledger(cluster, tmp_path_factory.mktemp("ledger"))
    yield made
    made.close()


def test_statements_become_final_and_others_tools_agree(ledger: Ledger, tmp_path: Path) -> None:
    """Logged once each, cosigned by all, exported; Tessera's fsck passes it, and a county proves its own."""
    statements = ledger.world.statements(300)
    forged = read_dated(Postmark, statements[0], ledger.world.charters)[0].signed(SigningKey.generate())
    ledger.held = statements[:5]
    with ledger.running() as log, ledger.cosigning(*SIX):
        ledger.say(*statements[:200])
        ledger.say(*statements[150:250], forged, statements[0])
        ledger.say(*statements[250:])
        until(lambda: log.head.size == 300, "all statements")
        until(lambda: (final := log.final()) is not None and final.size == 300, "the quorum")
        mine = ledger.cosigners[ME]
        until(lambda: (note := mine.final()) and note.count(b"\n300\n"), "the quorum at the county")
        assert [each for each, _why in log.statements.aside()] == [forged]
        assert log.statements.alarms() == []
        for statement in statements[:5]:
            opened = verify_proof(mine.prove(statement), ledger.world.charters)
            assert (opened.final, opened.checkpoint.size) == (True, 300)
        assert mine.missing() == []
    target = exported(ledger.folder, tmp_path / "out")
    found = check_as(ledger, target)
    assert found == (300, 300)
    assert "size 300" in fsck(ledger.world, target)
    assert "size 300" in fsck(ledger.world, ledger.folder / "log")


def check_as(ledger: Ledger, folder: Path) -> tuple[int, int]:
    """Verify an export, statements and all: leaves, and statements."""
    assert ledger.world.files == LedgerWorld().files
    found = check(folder, check_statement=signed)
    return found.newest.checkpoint.size, found.statements


def test_what_only_a_county_has_comes_into_the_log(ledger: Ledger) -> None:
    """A statement that the topic lost, as with a broker's disk: the county hands it in, and nobody refuses."""
    lost = ledger.world.statements(1)
    ledger.held += lost
    with ledger.running() as log, ledger.cosigning(*SIX[:4]):
        until(lambda: log.head.size == 301, "the statement")
        until(lambda: (final := log.final()) is not None and final.size == 301, "the quorum")
        until(lambda: ledger.cosigners[ME].cosigned, "the county")
    assert ledger.cosigners[ME].evidence(standing=True) == []


def test_a_restored_copy_refuses_and_is_rebuilt_from_the_topics(ledger: Ledger, tmp_path: Path) -> None:
    """The ledger's whole folder from an older backup: it signs nothing; rebuilt, it is what it was."""
    backup = shutil.copytree(ledger.folder, tmp_path / "backup")
    with ledger.running() as log, ledger.cosigning(*SIX):
        ledger.say(*ledger.world.statements(40))
        until(lambda: log.head.size == 341, "all statements")
        until(lambda: (final := log.final()) is not None and final.size == 341, "the quorum")
        head = log.head
    shutil.rmtree(ledger.folder)
    shutil.copytree(backup, ledger.folder)
    with pytest.raises(LogBehind, match=r"ends at 301, a checkpoint on yizhan\.checkpoints at 341"), ledger.running():
        ledger.ended.wait(LIMIT_SECONDS)
    with ledger.wire() as wire:
        newest = newest_on_topic(wire, ledger.world.charters)
        assert newest is not None
        assert newest.checkpoint.size == 341
        expected = {**known_checkpoints(ledger.folder, ledger.world.origin), "topic": newest.checkpoint}
        assert restore_statements(ledger.folder, wire, ledger.world.charters, 341, lambda _count: None) == 40
    assert rebuild(ledger.folder, ledger.world.origin, expected, at="now", progress=lambda _count: None) == head
    with ledger.running() as log, ledger.cosigning(*SIX):
        ledger.say(*ledger.world.statements(1))
        until(lambda: log.head.size == 342, "the next statement")
        until(lambda: (final := log.final()) is not None and final.size == 342, "the quorum")
        until(lambda: b"\n342\n" in (ledger.cosigners[ME].final() or b""), "the county's own word of it")
    for cosigner in ledger.cosigners.values():
        assert cosigner.evidence() == []
    opened = open_checkpoint(ledger.cosigners[ME].final() or b"", ledger.world.charters)
    assert opened.checkpoint.size == 342
