"""What of the ledger speaks to Kafka: running it, cosigning it, making it again from the topic.

Rule 1: only the commands that run these import this module: a machine that only audits needs no Kafka client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from yizhan.ledger import rebuild
from yizhan.ledger.backfill import restore_statements
from yizhan.ledger.checkpoint_store import Head
from yizhan.ledger.cosigning import Cosigning
from yizhan.ledger.feed import Feed, newest_on_topic
from yizhan.ledger.kafka_io import Wire
from yizhan.ledger.log import Log
from yizhan.runtime.clock import utc_now
from yizhan.runtime.file_lock import exclusive
from yizhan.runtime.process import StopSignal
from yizhan.runtime.watchdog import Watchdog
from yizhan.schemas import topics
from yizhan.schemas.checkpoints import Checkpoint
from yizhan.schemas.i18n import _
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.ledger import (
    CountyBooks,
    cosigner_lock,
    cosigner_path,
    cosigning_key_source,
    ledger_folder,
    ledger_key_source,
    open_cosigner,
)
from yizhan.services.progress import SILENT, Progress

Run = Callable[[StopSignal, Watchdog], None]
"""Works until the signal is set; beats the watchdog."""


@contextmanager
def opened_ledger(home: Home, passphrases: PassphraseSource) -> Iterator[Run]:
    """Take the ledger's lock and files, and yield what runs it (``AlreadyRunning``, ``LedgerError``)."""
    settings, keys = home.settings, ledger_key_source(home, passphrases)
    connection = settings.connection(topics.LEDGER)
    with Log(ledger_folder(home), home.charters.latest().log) as log:
        yield lambda stop, watchdog: Feed(log, keys, home.charters, settings, stop, watchdog).run(connection)


@contextmanager
def opened_cosigning(home: Home, county: str, passphrases: PassphraseSource) -> Iterator[Run]:
    """Take the lock of a county's copy of the log, and yield what cosigns (``AlreadyRunning``, ``UnknownMember``)."""
    home.member(county)
    settings, path = home.settings, cosigner_path(home, county)
    connection = settings.connection(topics.county(county))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        exclusive(cosigner_lock(home, county), _("在为 {county} 会签").format(county=county)),
        open_cosigner(home, county) as mine,
        CountyBooks(home, county) as books,
    ):
        key = cosigning_key_source(home, county, passphrases)
        yield lambda stop, watchdog: Cosigning(mine, key, books.books(), settings, stop, watchdog).run(connection)


def known_checkpoints(home: Home) -> dict[str, Checkpoint]:
    """Return the checkpoints on this machine that a log made again must agree with, by where they are."""
    return rebuild.known_checkpoints(ledger_folder(home), home.charters.latest().log)


def refill_from_topic(home: Home, expected: dict[str, Checkpoint], progress: Progress = SILENT) -> int:
    """Read statements that are missing here from the topic, and add its newest checkpoint to ``expected``.

    Returns:
        How many were read.
    """
    connection = home.settings.connection(topics.LEDGER)
    members = map(topics.cosignatures, sorted(home.charters.latest().members))
    with Wire(connection, topics.LEDGER, "log", [topics.AUDIT, topics.CHECKPOINTS, *members], []) as wire:
        newest = newest_on_topic(wire, home.charters)
        if newest is not None:
            expected[topics.CHECKPOINTS] = newest.checkpoint
        wanted = max((each.size for each in expected.values()), default=0)
        return restore_statements(ledger_folder(home), wire, home.charters, wanted, progress.advance)


def rebuild_ledger(home: Home, expected: dict[str, Checkpoint], progress: Progress = SILENT) -> Head:
    """Make the log again from the statements, and put it in place if it agrees with what was ``expected``.

    Raises:
        LogBehind, LogForked: it does not agree; nothing was changed.
    """
    at = utc_now().strftime("%Y%m%dT%H%M%S")
    origin = home.charters.latest().log
    return rebuild.rebuild(ledger_folder(home), origin, expected, at=at, progress=progress.advance)
