"""Running the station's worker.

Rule 1: only the command that runs it imports this module: it needs Faust, which the extra "station" brings.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from yizhan.charter.archive import Archive
from yizhan.charter.layout import TIMESTAMP
from yizhan.charter.station import StationCharters
from yizhan.charter.topic import TopicSource, TopicWriter
from yizhan.runtime.clock import utc_now
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.errors import AlreadyRunning
from yizhan.runtime.file_lock import exclusive, shared
from yizhan.schemas import topics
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.topics import STATION
from yizhan.services.charter import public_folder, published, reader_folder, role_keys, roles_folder
from yizhan.services.counties import find_county
from yizhan.services.home import WORKER_LOCK, Home
from yizhan.services.keys import PassphraseSource, station_keys
from yizhan.streams.cluster import Cluster
from yizhan.streams.errors import StationError
from yizhan.streams.moving import Moved, PartStatus, move, part_status
from yizhan.streams.worker import run_station as run_worker

_SEATS: Final = 8
"""Processes of one part in one home: one that works, and its standbys."""


def run_station(home: Home, passphrases: PassphraseSource, part: str = topics.MAIN) -> None:
    """Run the station, or one part of it, until SIGTERM, then end the process with status 0.

    Raises:
        NoKey: there is no postmark key.
        StationError: no broker answers, or a topic is missing.
        CharterInvalid: there is no charter, or it names none of the keys.
        KeyboardInterrupt: SIGINT asked it to end, and it did.
    """
    folder = home.path / STATION
    keys = station_keys(folder / "keys", (home.charters.latest(), home.charter), passphrases)
    connection = home.settings.connection(topics.STATION)
    lock = folder / (WORKER_LOCK if part == topics.MAIN else f"{part}-{WORKER_LOCK}")
    with shared(lock), seat(lock) as instance:  # a second one is a hot standby
        run_worker(home.settings, connection, station_charters(home, keys, passphrases), keys, lock, instance, part)


@contextlib.contextmanager
def seat(lock: Path) -> Iterator[str]:
    """Hold the first free seat of a part in this home, and yield its name, which no other process has.

    Kafka knows a member of a group by this name, so that one that starts again need not be waited for. Two processes of
    one name would take the group from each other for ever. Raises :class:`StationError` when eight run.
    """
    with contextlib.ExitStack() as held:
        for number in range(_SEATS):
            with contextlib.suppress(AlreadyRunning):
                held.enter_context(exclusive(lock.with_name(f"{lock.stem}-{number}.lock"), ""))
                break
        else:
            raise StationError(
                marked("驿站的这一部分在 {folder} 里已有 {count} 个进程"), folder=lock.parent, count=_SEATS
            )
        place = f"{socket.gethostname()}:{uuid.getnode():x}:{lock.resolve()}:{number}"
        yield f"station-{hashlib.sha256(place.encode()).hexdigest()[:16]}"


def list_parts(home: Home) -> list[PartStatus]:
    """Return the parts of the station: whom each serves, whether it runs (``StationError`` if no broker answers)."""
    with contextlib.closing(Cluster(home.settings.connection(topics.STATION))) as cluster:
        return part_status(cluster, home.charters.latest().members, home.settings.station_parts)


def move_members(home: Home, members: Sequence[str], to: str) -> list[Moved]:
    """Move members to a part of the station; both parts must be stopped.

    Raises:
        UnknownMember: a word is no county.
        StationError: one is no member, a part still runs, a topic is missing, or Kafka does not answer.
    """
    codes = [find_county(home, each) for each in members]
    if strangers := sorted({*codes} - {*home.charters.latest().members}):
        raise StationError(marked("章程里没有这些成员：{members}"), members=", ".join(strangers))
    connection = home.settings.connection(topics.STATION)
    with contextlib.closing(Cluster(connection)) as cluster:
        return move(connection, home.charters, cluster, codes, to)


class TopicOutlet:
    """The station's way to ``yizhan.charter`` and ``yizhan.audit``."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Name the connection; it is made when something is written."""
        self._connection = connection

    def records(self) -> Mapping[str, bytes]:
        """Return what the topic holds, path → bytes."""
        source = TopicSource(self._connection)
        try:
            source.update()
            return dict(source.files())
        finally:
            source.close()

    @contextlib.contextmanager
    def connected(self) -> Iterator[TopicWriter]:
        """Connect, and disconnect at the end; raise if no broker answers."""
        with contextlib.closing(TopicWriter(self._connection)) as writer:
            yield writer


def station_charters(home: Home, keys: Sequence[SigningKey], passphrases: PassphraseSource) -> StationCharters:
    """Open the station's charters: it announces what was published, and keeps the topic in step.

    Raises:
        CharterInvalid: there is no charter, or an announcement could not be made.
    """
    archive = Archive(reader_folder(home, None))
    if not archive.anchor_path.is_file():
        sentence = marked("{folder} 里没有章程；请改用有章程的主目录，或先建立章程")
        raise NotFound(sentence, folder=archive.folder, hint=Action.to("sample.init"))
    return StationCharters(
        archive,
        published(home),
        keys,
        TopicOutlet(home.settings.connection(topics.STATION)),
        public=public_folder(home),
        signers=tuple(role_keys(roles_folder(home, STATION), passphrases, TIMESTAMP).values()),
        lead_seconds=home.settings.charter_lead_seconds,
        clock=utc_now,
    )
