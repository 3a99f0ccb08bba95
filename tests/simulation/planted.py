"""Errors planted on purpose: each replaces a function of ours by one that somebody might have written.

Each is found at one of the first seeds (``found``); ``python -m tests.simulation --planted 100`` says at which.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.simulation.play import run
from tests.simulation.station import LedgerProcess
from tests.simulation.values import Result
from yizhan.consumers import inbox, receiving
from yizhan.consumers.bell.ring_store import RingStore
from yizhan.consumers.inbox import Inbox
from yizhan.consumers.receipt_sender import ReceiptSender
from yizhan.ledger import feed
from yizhan.ledger.log import Log
from yizhan.producers import epochs, numbering
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.numbering import Accepted
from yizhan.producers.outbox import Outbox
from yizhan.producers.publisher import Publisher
from yizhan.runtime.store import transaction
from yizhan.schemas import topics
from yizhan.schemas.keys import SigningPublicKey
from yizhan.streams import closing_kafka, station
from yizhan.streams.closing import Period
from yizhan.streams.closing_kafka import Closer
from yizhan.streams.followups import Followed, Follower, Tail
from yizhan.streams.handling import Handling
from yizhan.streams.pipeline import Pipeline, Work
from yizhan.streams.ticks import PendingTicks

Patch = tuple[Any, str, Any]
"""What is patched, the name, and the replacement."""


def _committed_before_acknowledged() -> list[Patch]:
    real = Handling.take

    async def take(self: Handling, stream: Any, event: Any, state: Any) -> None:  # noqa: ANN401
        await stream.ack(event)
        await real(self, stream, event, state)

    return [(Handling, "take", take)]


def _sent_before_acknowledged() -> list[Patch]:
    real = Publisher._send  # noqa: SLF001

    def send(self: Publisher, producer: Any, outgoing: Any) -> None:  # noqa: ANN401
        real(self, producer, outgoing)
        self._dispatch.acknowledged([outgoing.seq], self._patience)
        self._dispatch._conn.execute("UPDATE events SET due = NULL")  # noqa: SLF001

    return [(Publisher, "_send", send)]


def _accepted_before_synced() -> list[Patch]:
    real = Outbox.__init__

    def begin(self: Outbox, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        real(self, *arguments, **options)
        self._conn.execute("PRAGMA synchronous = NORMAL")

    return [(Outbox, "__init__", begin)]


def _rows_before_synced() -> list[Patch]:
    """The offset of Kafka is trusted, and the rows are not synced before it is committed."""
    real = Inbox.__init__

    def begin(self: Inbox, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        real(self, *arguments, **options)
        self._conn.execute("PRAGMA synchronous = NORMAL")

    def position(self: Inbox, _cluster: str, kind: str) -> int:
        from tests.simulation.world import current  # noqa: PLC0415

        name = {"alert": topics.alerts, "digest": topics.digests, "posting": topics.postings}[kind](self.county)
        return current().broker.committed.get((f"county-{self.county}-inbox", name), 0)

    return [(Inbox, "__init__", begin), (Inbox, "position", position)]


def _place_before_rows() -> list[Patch]:
    """The reader stores how far it came in a transaction before that of the rows."""
    real = Inbox.receive_many

    def receive(self: Inbox, records: Any, cluster: Any = None, viewer: Any = None) -> Any:  # noqa: ANN401
        if cluster is not None:
            with self._lock, transaction(self._conn) as conn:
                inbox._remember(conn, cluster, records)  # noqa: SLF001
        return real(self, records, None, viewer)

    return [(Inbox, "receive_many", receive)]


def _row_without_unique_id() -> list[Patch]:
    """A row is named by its place in the topic: what is read again, or written again, is another row."""
    real = receiving._store_event  # noqa: SLF001

    def keep(conn: sqlite3.Connection, record: Any, event: Any, now: str, county: str, outbox: Any) -> Any:  # noqa: ANN401
        made = real(conn, record, event, now, county, outbox)
        if made[0].became == "duplicate":
            columns = [row[1] for row in conn.execute("PRAGMA table_info(items)") if row[1] not in {"seq", "id"}]
            names = ", ".join(columns)
            conn.execute(
                f"INSERT OR IGNORE INTO items (id, {names}) SELECT ?, {names} FROM items WHERE id = ?",  # noqa: S608
                (f"{event.header.id}@{record.kind}{record.offset}", event.header.id),
            )
            conn.execute(
                "INSERT OR IGNORE INTO letters SELECT (SELECT max(seq) FROM items), header, payload, envelope, postmark"
                " FROM letters JOIN items USING (seq) WHERE id = ?",
                (event.header.id,),
            )
        return made

    return [(receiving, "_store_event", keep)]


def _no_resend_after_death() -> list[Patch]:
    def resend(self: Follower, _said: Any, changed: Any) -> Followed:  # noqa: ANN401
        return Followed((), self._rows.changes(changed), self._progress())

    return [(Follower, "resend", resend)]


def _postmark_stamped_again() -> list[Patch]:
    def known(_self: Follower, _record: Any) -> None:  # noqa: ANN401
        return None

    return [(Follower, "known", known)]


def _table_before_outputs() -> list[Patch]:
    """The table is written, and the input acknowledged, without waiting for the outputs."""

    async def enter(self: Pipeline) -> None:
        while True:
            work = await self._sent.get()
            done = work.followed.progress
            work.entered = [
                (key, value, await self._send(topics.followups(), key, value, 0, None, None))
                for key, value in self._table.records(work.followed.changes, done)
            ]
            await self._entered.put(work)

    return [(Pipeline, "enter", enter)]


def _offset_past_a_message_in_flight() -> list[Patch]:
    """An input is acknowledged as soon as one output of it was, whatever became of the others."""

    async def enter(self: Pipeline) -> None:
        while True:
            work: Work = await self._sent.get()
            for _output, future in work.sent[:1]:
                await future
            work.entered = []
            await self._entered.put(work)

    return [(Pipeline, "enter", enter)]


def _number_reused() -> list[Patch]:
    """The next number is counted in memory from what the broker acknowledged."""
    real = epochs.last_number

    def last(conn: sqlite3.Connection, epoch: str) -> int:
        row = conn.execute("SELECT max(n) FROM events WHERE book = ? AND attempts > 0", (epoch,)).fetchone()
        return int(row[0] or 0) if conn.execute("SELECT max(attempts) FROM events").fetchone()[0] else real(conn, epoch)

    return [(epochs, "last_number", last)]


def _reference_forgotten() -> list[Patch]:
    """An event that is sent again under its reference is another event."""
    real = numbering.accept

    def accept(conn: sqlite3.Connection, event: Any, signing: Any, now: Any) -> Accepted:  # noqa: ANN401
        conn.execute("DROP INDEX IF EXISTS events_by_reference")
        return real(conn, event, signing, now)

    def nothing(*_arguments: object) -> None:
        return None

    return [(numbering, "first_sent_as", nothing), (numbering, "accept", accept)]


def _bell_forgets() -> list[Patch]:
    """A bell that begins again looks only at what comes after its start."""

    def place(self: RingStore) -> tuple[int, int]:
        with self._lock, transaction(self._conn) as conn:
            conn.execute("INSERT OR IGNORE INTO ring_place SELECT 1, 0, 0")
            items = conn.execute("SELECT coalesce(max(seq), 0) FROM items").fetchone()[0]
            steps = conn.execute("SELECT coalesce(max(seq), 0) FROM followups").fetchone()[0]
        return int(items), int(steps)

    return [(RingStore, "place", place), (RingStore, "waiting", lambda _self: [])]


def _rung_before_heard() -> list[Patch]:
    """A ring counts as delivered when it is begun."""
    real = RingStore.begin

    def begin(self: RingStore, rings: Any, channel: str, tells: str, now: Any, unless: Any) -> Any:  # noqa: ANN401
        made = real(self, rings, channel, tells, now, unless)
        self.end(made, channel, "delivered", now, good=True)
        return made

    return [(RingStore, "begin", begin)]


def _late_events_left_out() -> list[Patch]:
    """The next period begins where the topic ended when the manifest was written."""
    real = Period.manifest

    def manifest(self: Period, request: Any, **how: Any) -> Any:  # noqa: ANN401
        from tests.simulation.world import current  # noqa: PLC0415

        end = len(current().broker.topics[topics.pending(self.county)])
        return real(self, request, **(how | {"end": end + 3}))

    return [(Period, "manifest", manifest)]


def _interrupted_close_forgotten() -> list[Patch]:
    """What an interrupted close had held counts as held, though no manifest says so."""

    def hold(store_: sqlite3.Connection, county: str, event_hash: bytes) -> bool:
        key = (str(store_.execute("PRAGMA database_list").fetchone()[2]), county)
        known = _HELD.setdefault(key, set())
        new = event_hash not in known
        known.add(event_hash)
        return new

    return [(closing_kafka, "_hold", hold)]


_HELD: dict[tuple[str, str], set[bytes]] = {}


def _old_copy_of_the_log() -> list[Patch]:
    """After a restart the ledger signs from the copy that it kept of its folder at the first checkpoint."""
    import shutil  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    real, publish = LedgerProcess.start, Log.publish

    def start(self: LedgerProcess) -> None:
        folder, copy = self.world.folder / "ledger", self.world.folder / "copy"
        if copy.exists() and not (copy / "used").exists():
            shutil.rmtree(folder)
            shutil.copytree(copy, folder)
            (copy / "used").touch()
        real(self)

    def copied(self: Log, keys: Any, at: Any) -> bytes:  # noqa: ANN401
        signed = publish(self, keys, at)
        copy = self.folder.parent / "copy"
        if not copy.exists():
            shutil.copytree(self.folder, Path(copy))
        return signed

    return [(LedgerProcess, "start", start), (Log, "publish", copied), (Log, "expect", lambda *_: None)]


def _ledger_place_before_leaves() -> list[Patch]:
    real = feed.Feed._bring_in  # noqa: SLF001

    def bring_in(self: Any, wire: Any) -> None:  # noqa: ANN401
        following = self._batch[-1].offset + 1
        self._log._checkpoints.swap(self._log.head, self._log.head, {wire.cluster: following})  # noqa: SLF001
        real(self, wire)

    return [(feed.Feed, "_bring_in", bring_in)]


def _tick_too_early() -> list[Patch]:
    """A tick acts at once, before the events that came earlier."""

    def awaited(_self: Any, _until: Any, _now: float) -> int:  # noqa: ANN401
        return 0

    return [(PendingTicks, "_awaited", awaited)]


def _unsigned_bytes_decide() -> list[Patch]:
    """Station and inbox believe an event whose signature they do not check."""

    def holds(*_arguments: object) -> bool:
        return True

    return [(SigningPublicKey, "verifies", holds)]


def _every_event_at_once() -> list[Patch]:
    """The station sends what should wait."""
    real = station._routes  # noqa: SLF001

    def routes(admitted: Any, value: bytes, stamp: bytes) -> Any:  # noqa: ANN401
        made = real(admitted, value, stamp)
        return tuple(
            station.Output(each.topic.replace(".pending.", ".alerts."), each.key, each.value, each.header)
            if each.value and ".pending." in each.topic
            else each
            for each in made
        )

    return [(station, "_routes", routes)]


def _audit_not_read_at_start() -> list[Patch]:
    def take(_self: Any, _statement: bytes) -> None:  # noqa: ANN401
        return None

    return [(Tail, "take", take)]


def _lanes_out_of_order() -> list[Patch]:
    """The publisher sends the newest first."""
    real = Dispatch.queue

    def queue(self: Dispatch, **how: Any) -> Any:  # noqa: ANN401
        return real(self, **how)[::-1]

    return [(Dispatch, "queue", queue)]


def _receipt_lost() -> list[Patch]:
    """A lane counts as receipted before the outbox has the receipt."""
    real = ReceiptSender._hand_over  # noqa: SLF001

    def hand_over(self: Any, receipt: Any, by: Any, note: Any) -> bool:  # noqa: ANN401
        with transaction(self._conn) as conn:
            conn.execute("UPDATE lanes SET owed = 0")
            conn.execute("DELETE FROM owed")
        return real(self, receipt, by, note)

    return [(ReceiptSender, "_hand_over", hand_over)]


def _close_not_finished() -> list[Patch]:
    """An interrupted close is not looked for."""
    return [(Closer, "_open_close", lambda _self, _county: None)]


PLANTED: Final[dict[str, Callable[[], list[Patch]]]] = {
    "offset committed before the outputs were acknowledged": _committed_before_acknowledged,
    "offset committed past a message in flight": _offset_past_a_message_in_flight,
    "table written before the outputs were acknowledged": _table_before_outputs,
    "postmark stamped again after death": _postmark_stamped_again,
    "station that does not read the audit at its start": _audit_not_read_at_start,
    "statements not sent again after death": _no_resend_after_death,
    "tick before earlier events": _tick_too_early,
    "digest event sent at once": _every_event_at_once,
    "signature that is not checked": _unsigned_bytes_decide,
    "event marked as sent before the broker had it": _sent_before_acknowledged,
    "accepted before the disk had it": _accepted_before_synced,
    "number given twice": _number_reused,
    "reference that is not remembered": _reference_forgotten,
    "newest sent first": _lanes_out_of_order,
    "rows not synced before the offset": _rows_before_synced,
    "place stored before the rows": _place_before_rows,
    "reader without its unique key": _row_without_unique_id,
    "receipt forgotten before the outbox has it": _receipt_lost,
    "bell that forgets at a restart": _bell_forgets,
    "ring counted as delivered before it is heard": _rung_before_heard,
    "closing that misses late events": _late_events_left_out,
    "interrupted close that counts as done": _interrupted_close_forgotten,
    "interrupted close that is not finished": _close_not_finished,
    "ledger that signs from an old copy": _old_copy_of_the_log,
    "ledger's place stored before its leaves": _ledger_place_before_leaves,
}


@contextlib.contextmanager
def planted(name: str) -> Iterator[None]:
    """Plant an error until the block ends."""
    with contextlib.ExitStack() as stack:
        for where, what, instead in PLANTED[name]():
            stack.callback(setattr, where, what, getattr(where, what))
            setattr(where, what, instead)
        yield


def found(name: str, most: int) -> Result | None:
    """Play seeds with an error planted until a law breaks; None if none of them finds it."""
    with planted(name):
        return next((each for seed in range(1, most + 1) if (each := run(seed)).broken), None)
