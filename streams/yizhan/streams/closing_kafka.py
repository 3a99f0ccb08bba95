"""Closes periods at the station, over Kafka.

Law 1: a manifest is written after everything it names was acknowledged; the index of events held
       is updated after the manifest.
Law 4: an interrupted close is repeated from its close record, with the same bytes.

Rule 1: one close at a time (a lock file). Closing runs as its own process, never inside the worker.
Rule 2: events held before are looked up in ``closing.sqlite3``; that file is only an index, and
        is rebuilt from the topics when it is missing or belongs to another cluster.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from kafka import KafkaProducer

from yizhan.runtime import clients
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.file_lock import exclusive
from yizhan.runtime.store import open_store, transaction
from yizhan.schemas import manifest as manifests
from yizhan.schemas import topics
from yizhan.schemas.charter import Charters
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.postmark import KAFKA_HEADER
from yizhan.schemas.sentences import technical
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import instant, written
from yizhan.streams.closing import CLOSE_HEADER, BookRecord, CloseRequest, Period
from yizhan.streams.cluster import CLIENT, Cluster
from yizhan.streams.errors import StationBehind, StationError
from yizhan.streams.station import postmark_key

log = logging.getLogger(__name__)
_WINDOW: Final = 512
_SEND_TIMEOUT_SECONDS: Final = 60.0
MIGRATIONS: Final = (
    """
    CREATE TABLE held (county TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (county, hash)) WITHOUT ROWID;
    CREATE TABLE progress (
        county TEXT PRIMARY KEY,
        cluster TEXT NOT NULL,
        held_until INTEGER NOT NULL,   -- offset in pending up to which "held" is complete
        read_until INTEGER NOT NULL,   -- offset in digests up to which manifests were read
        manifest BLOB,                 -- the last closing manifest, as it stands in digests
        may_be_open INTEGER NOT NULL   -- whether a close record may stand without its manifest
    );
    """,
)


@dataclass(frozen=True, slots=True)
class CloseResult:
    """The result of a close. ``strange`` are records that were left out, with the reason."""

    manifest: Manifest
    repeated: int
    strange: tuple[tuple[int, str], ...] = field(default=())


class Closer:
    """Closes periods of members' pending topics."""

    def __init__(
        self,
        connection: KafkaConnection,
        folder: Path,
        charters: Charters,
        keys: Sequence[SigningKey],
    ) -> None:
        """Take the lock, the index and the connections.

        Args:
            connection: as the principal ``station``.
            folder: the station's own; holds lock and index.
            charters: adopted versions.
            keys: the station's postmark keys.

        Raises:
            AlreadyRunning: another close is running.
            StationError: no broker answers.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(exclusive(folder / "closing.lock", _("在结算季度")))
        self._charters, self._keys = charters, {key.kid: key for key in keys}
        self._store = open_store(folder / "closing.sqlite3", MIGRATIONS)
        self._cluster = Cluster(connection)
        self._cluster_id = self._cluster.id()
        self._producer = clients.client(
            KafkaProducer,
            connection,
            CLIENT,
            acks="all",
            enable_idempotence=True,
            max_request_size=topics.STATION_MAX_BYTES,
        )

    def close(self) -> None:
        """Release everything."""
        self._producer.close(timeout=5)
        self._cluster.close()
        self._store.close()
        self._lock.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Release everything."""
        self.close()

    def wait_for_station(self, moment: datetime, timeout_seconds: float) -> None:
        """Wait until the worker has processed every record received before an instant.

        Raises:
            StationBehind: it has not, within the timeout; says how many records are behind.
        """
        names = [topics.events(code) for code in self._charters.latest().members]
        deadline = time.monotonic() + timeout_seconds
        while behind := self._cluster.behind(names, moment):
            if time.monotonic() > deadline:
                which = ", ".join(f"{name}: {count}" for name, count in sorted(behind.items()))
                sentence = marked("驿站还差 {count} 条没有处理到 {at}（{which}）；请启动驿站，或稍等，再结算一次")
                raise StationBehind(sentence, count=sum(behind.values()), at=written(moment), which=which)
            time.sleep(0.2)

    def last(self, county: str) -> Manifest | None:
        """Return the last closing manifest of a county, or None."""
        self._catch_up(county)
        stored = self._progress(county)["manifest"]
        return None if stored is None else self._manifest(stored)[0]

    def run(
        self, county: str, request: CloseRequest, *, interim: bool, progress: Callable[[int], None]
    ) -> list[CloseResult]:
        """Close a period, or write an interim digest.

        An interrupted close is finished first, under its own label. ``progress`` is called with
        the number of records just read.

        Returns:
            The closes made, usually one.
        """
        self._catch_up(county)
        done = []
        while (found := self._open_close(county)) is not None:
            log.warning("finishing the interrupted close of %s, %s", county, found[0].label)
            done.append(self._compile(county, found[0], found[1], interim=False, progress=progress))
        book = topics.pending(county)
        if interim:
            end = self._cluster.ends([book])[book]
        else:
            with transaction(self._store) as store:
                store.execute("UPDATE progress SET may_be_open = 1 WHERE county = ?", (county,))
            header = [(CLOSE_HEADER, b"1")]
            sent = self._producer.send(book, value=request.to_bytes(), key=request.label.encode(), headers=header)
            # Crash point: from here on the period's end is fixed; the next close finishes what is interrupted below.
            end = sent.get(timeout=_SEND_TIMEOUT_SECONDS).offset + 1
        return [*done, self._compile(county, request, end, interim=interim, progress=progress)]

    def _compile(
        self, county: str, request: CloseRequest, end: int, *, interim: bool, progress: Callable[[int], None]
    ) -> CloseResult:
        start, stored = self._start(county), self._progress(county)["manifest"]
        with contextlib.suppress(_NotKeptError), transaction(self._store) as store:
            period = Period(county, self._charters, lambda event_hash: _hold(store, county, event_hash))
            self._copy(period, start, end, progress)
            made = period.manifest(
                request,
                interim=interim,
                start=start,
                end=end,
                cluster=self._cluster_id,
                previous=None if stored is None else self._manifest(stored)[1],
            )
            signed = made.signed(self._key(request))
            mark = [(manifests.KAFKA_HEADER, b"1")]
            # The audit first: if interrupted and repeated, it has the same bytes twice, never none.
            self._producer.send(topics.AUDIT, value=signed, key=f"{county}/{request.label}".encode(), partition=0).get(
                timeout=_SEND_TIMEOUT_SECONDS
            )
            sent = self._producer.send(
                topics.digests(county), value=signed, key=request.label.encode(), headers=mark, partition=0
            )
            # Crash point: from here on the period is closed; an index that was not committed is updated later.
            place = sent.get(timeout=_SEND_TIMEOUT_SECONDS).offset
            if interim:
                raise _NotKeptError
            store.execute(
                "UPDATE progress SET held_until = ?, read_until = ?, manifest = ?, may_be_open = 0 WHERE county = ?",
                (end, place + 1, signed, county),
            )
        return CloseResult(made, period.repeated, tuple(period.strange))

    def _copy(self, period: Period, start: int, end: int, progress: Callable[[int], None]) -> None:
        """Copy a period's records in order; return when every copy is acknowledged."""
        waiting: deque[Any] = deque()
        target = topics.digests(period.county)
        for read, record in enumerate(self._book(period.county, start, end), 1):
            if period.take(record):
                header = [(KAFKA_HEADER, record.stamp)]
                waiting.append(
                    self._producer.send(target, value=record.value, key=record.key, headers=header, partition=0)
                )
            while len(waiting) > _WINDOW:
                waiting.popleft().get(timeout=_SEND_TIMEOUT_SECONDS)
            if read % _WINDOW == 0:
                progress(_WINDOW)
        for future in waiting:
            future.get(timeout=_SEND_TIMEOUT_SECONDS)
        progress((end - start) % _WINDOW)

    def _book(self, county: str, start: int, end: int) -> Iterator[BookRecord]:
        for record in self._cluster.read(topics.pending(county), start, end):
            headers = dict(record.headers)
            yield BookRecord(
                offset=record.offset,
                key=record.key or b"-",
                value=record.value or b"",
                stamp=headers.get(KAFKA_HEADER),
                close=CLOSE_HEADER in headers,
            )

    def _open_close(self, county: str) -> tuple[CloseRequest, int] | None:
        """Find the first close record that has no manifest, and the offset after it."""
        if not self._progress(county)["may_be_open"]:
            return None
        book = topics.pending(county)
        for record in self._book(county, self._start(county), self._cluster.ends([book])[book]):
            if record.close:
                return CloseRequest.from_bytes(record.value), record.offset + 1
        return None

    def _catch_up(self, county: str) -> None:
        """Update the index to the last closing manifest in the digests topic."""
        with transaction(self._store) as store:
            row = self._progress(county)
            if row is None or row["cluster"] != self._cluster_id:
                # A cluster whose disk was lost starts again: new offsets and topics, the chain of manifests continues.
                store.execute("DELETE FROM held WHERE county = ?", (county,))
                store.execute(
                    "INSERT INTO progress (county, cluster, held_until, read_until, may_be_open) VALUES (?, ?, 0, 0, 1)"
                    " ON CONFLICT (county) DO UPDATE SET cluster = excluded.cluster, held_until = 0, read_until = 0,"
                    " may_be_open = 1",
                    (county, self._cluster_id),
                )
            topic = topics.digests(county)
            read, end = self._progress(county)["read_until"], self._cluster.ends([topic])[topic]
            for record in self._cluster.read(topic, read, end):
                if manifests.KAFKA_HEADER in dict(record.headers) and not self._manifest(record.value)[0].interim:
                    store.execute("UPDATE progress SET manifest = ? WHERE county = ?", (record.value, county))
            store.execute("UPDATE progress SET read_until = ? WHERE county = ?", (end, county))
            held, start = self._progress(county)["held_until"], self._start(county)
            period = Period(county, self._charters, lambda event_hash: _hold(store, county, event_hash))
            for earlier in self._book(county, held, start):
                period.take(earlier)
            store.execute("UPDATE progress SET held_until = ? WHERE county = ?", (max(held, start), county))

    def _start(self, county: str) -> int:
        """Offset at which the next period begins."""
        stored = self._progress(county)["manifest"]
        if stored is None:
            return 0
        last = self._manifest(stored)[0]
        return last.end if last.cluster == self._cluster_id else 0

    def _progress(self, county: str) -> Any:  # noqa: ANN401 -- sqlite3.Row or None
        return self._store.execute("SELECT * FROM progress WHERE county = ?", (county,)).fetchone()

    def _manifest(self, signed: bytes) -> tuple[Manifest, bytes]:
        try:
            made, made_hash, _charter = read_dated(Manifest, signed, self._charters)
        except StatementInvalid as error:
            sentence = _("本驿站的一份清单核验不过；请查谁在写它的主题")
            raise StationError(technical(sentence, error)) from error
        return made, made_hash

    def _key(self, request: CloseRequest) -> SigningKey:
        moment = instant(request.closed)
        return postmark_key(self._charters, self._keys, moment)


class _NotKeptError(Exception):
    """Rolls the index back after an interim digest, which closes nothing."""


def _hold(store: sqlite3.Connection, county: str, event_hash: bytes) -> bool:
    """Remember an event hash; return whether it was new."""
    added = store.execute("INSERT OR IGNORE INTO held VALUES (?, ?)", (county, event_hash))
    return added.rowcount == 1
