"""The reading half of an inbox: every query, and nothing that changes it.

Rule 1: ``InboxView`` opens the database to read only: it needs no key, creates no file, migrates nothing and takes no
        write lock (``runtime.store.read_store``). ``Inbox`` is the same class, opened to write.
Rule 2: several threads may ask; they take turns.
Rule 3: that a key was compromised may be learnt years later: whether an item is doubtful is never stored, but
        looked up in the newest charter each time it is shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from yizhan.consumers import destruction, digests, followups, items
from yizhan.consumers.arrivals import Kind
from yizhan.consumers.destruction import Due, UnnotifiedDestruction
from yizhan.consumers.digests import Digest, DigestMember
from yizhan.consumers.errors import WrongInbox
from yizhan.consumers.export import (
    ExportedDigest,
    ExportedItem,
    ExportedLane,
    exported_digests,
    exported_items,
    exported_lanes,
)
from yizhan.consumers.followups import Obligation
from yizhan.consumers.gaps import gaps as lane_gaps
from yizhan.consumers.items import Aside, Gap, InboxQuery, Item, RivalEvent
from yizhan.consumers.labels import State, Warn
from yizhan.consumers.store import MIGRATIONS
from yizhan.runtime.clock import utc_now
from yizhan.runtime.store import OwnedStore, read_store
from yizhan.schemas.charter import Charters
from yizhan.schemas.followups import Followup
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads import read
from yizhan.schemas.timestamps import instant, written

EVERYTHING: Final = InboxQuery()
LOCK: Final = ".reader"
"""What the name of the reader's lock adds to the inbox's."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """An item as far as its attached files need it; ``received_ms`` is since 1970, ``raw`` empty without content."""

    seq: int
    id: str
    hash: bytes
    county: str
    received_ms: int
    raw: Mapping[str, Any]


class InboxView(OwnedStore):
    """A county's inbox, opened to read only. Every method raises ``StoreError`` when the disk fails."""

    def __init__(self, path: Path, county: str, charters: Charters, clock: Callable[[], datetime] = utc_now) -> None:
        """Open the database at ``path``.

        Args:
            path: of ``inbox.sqlite3``, which exists.
            county: our member code.
            charters: adopted versions.
            clock: gives the current instant, aware.

        Raises:
            StoreError: the file cannot be used.
            WrongInbox: it is another county's.
        """
        self.path, self.county, self.charters, self.clock = path, county, charters, clock
        super().__init__(path)

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return read_store(path, MIGRATIONS)

    def _check_owner(self, conn: sqlite3.Connection) -> None:
        row = conn.execute("SELECT county FROM life").fetchone()
        if row is not None and row["county"] != self.county:
            sentence = marked("{path}：应是 {county} 的收件箱，却是 {owner} 的；每个县各用一个文件")
            raise WrongInbox(sentence, path=self.path, county=self.county, owner=row["county"])

    def _with_key_doubt(self, item: Item) -> Item:
        """Mark an item whose key, by the newest charter, was in others' hands when the station received it."""
        entry = self.charters.latest().signing.get(item.county, {}).get(item.header.kid)
        if entry is None or not entry.doubtful(instant(item.received)):
            return item
        return replace(item, warnings=(*item.warnings, Warn.KEY_DOUBTFUL))

    def items(self, query: InboxQuery = EVERYTHING) -> tuple[Item, ...]:
        """List items, the newest last."""
        with self._reading() as conn:
            return tuple(map(self._with_key_doubt, items.chosen(conn, query)))

    def item(self, item_id: str) -> Item | None:
        """Return one item, or None."""
        with self._reading() as conn:
            found = items.one(conn, item_id)
        return None if found is None else self._with_key_doubt(found)

    def carriers(self, after: int, limit: int = 500) -> list[Carrier]:
        """Return items stored after a number, as far as their attached files need them."""
        query = (
            "SELECT items.seq, id, hash, county, type, received, payload FROM items JOIN letters USING (seq)"
            " WHERE items.seq > ? ORDER BY items.seq LIMIT ?"
        )
        with self._reading() as conn:
            rows = conn.execute(query, (after, limit)).fetchall()
        return [
            Carrier(row["seq"], row["id"], row["hash"], row["county"], _ms(row["received"]), _with_files(row))
            for row in rows
        ]

    def known(self, seq: int, item_id: str) -> bool:
        """Return whether an item still has this number: not so in a restored backup."""
        with self._reading() as conn:
            return conn.execute("SELECT 1 FROM items WHERE seq = ? AND id = ?", (seq, item_id)).fetchone() is not None

    def destroyed(self) -> tuple[str, ...]:
        """List the items whose content was destroyed."""
        with self._reading() as conn:
            return tuple(row["id"] for row in conn.execute("SELECT id FROM destroyed ORDER BY id"))

    def thread(self, subject: str) -> tuple[Item, ...]:
        """List what belongs to one matter, in the order of arrival."""
        return self.items(InboxQuery(thread=subject))

    def reply_ids(self, event_id: str, most: int) -> list[str]:
        """Return the ids of the newest events that answer one, the newest first."""
        with self._reading() as conn:
            return items.reply_ids(conn, event_id, most)

    def ids_of(self, type: str) -> list[str]:
        """Return the ids of all items of a type, the newest last, without reading what they say."""
        with self._reading() as conn:
            return [row["id"] for row in conn.execute("SELECT id FROM items WHERE type = ? ORDER BY seq", (type,))]

    def ids_ending(self, end: str) -> list[str]:
        """Return the ids of letters that end so, the newest last."""
        with self._reading() as conn:
            return items.ids_ending(conn, end)

    def related_ids(self, event_id: str) -> frozenset[str]:
        """Return the ids that an event names, and of those that name it."""
        with self._reading() as conn:
            return frozenset(items.related_ids(conn, event_id))

    def ringing(self) -> tuple[Item, ...]:
        """List alarms that wait for a person."""
        return self.items(InboxQuery(state=State.RINGING))

    def still_ringing(self, limit: int = 100) -> tuple[int, tuple[str, ...]]:
        """Count the alarms that wait for a person, and name the newest of them: cheap, however many."""
        with self._reading() as conn:
            count = conn.execute("SELECT count(*) FROM items WHERE state = 'ringing'").fetchone()[0]
            rows = conn.execute("SELECT id FROM items WHERE state = 'ringing' ORDER BY seq DESC LIMIT ?", (limit,))
            return int(count), tuple(row["id"] for row in rows)

    def data_version(self) -> int:
        """Return a number that is another one once another connection has committed (``PRAGMA data_version``)."""
        with self._reading() as conn:
            return int(conn.execute("PRAGMA data_version").fetchone()[0])

    def last_number(self) -> int:
        """Return the number of the newest item; 0 before the first."""
        with self._reading() as conn:
            return int(conn.execute("SELECT coalesce(max(seq), 0) FROM items").fetchone()[0])

    def aside(self) -> tuple[Aside, ...]:
        """List what was kept aside, each with its reason."""
        with self._reading() as conn:
            return tuple(items.asides(conn))

    def aside_count(self, since: datetime | None = None) -> int:
        """Count what was kept aside, at ``since`` or later, without reading it."""
        with self._reading() as conn:
            query = "SELECT count(*) FROM aside WHERE stored >= ?"
            return int(conn.execute(query, ("" if since is None else written(since),)).fetchone()[0])

    def last_arrival(self) -> datetime | None:
        """Return when the newest item was stored; None before the first."""
        with self._reading() as conn:
            row = conn.execute("SELECT stored FROM items ORDER BY seq DESC LIMIT 1").fetchone()
        return None if row is None else instant(row["stored"])

    def conflicts(self) -> tuple[RivalEvent, ...]:
        """List other events under an id that was here."""
        with self._reading() as conn:
            return tuple(items.conflicts(conn))

    def gaps(self) -> tuple[Gap, ...]:
        """List numbers of lanes that have not come."""
        with self._reading() as conn:
            return tuple(lane_gaps(conn))

    def digests(self, label: str | None = None) -> tuple[Digest, ...]:
        """List digests, of one label or all, the newest last."""
        with self._reading() as conn:
            return tuple(digests.read_digests(conn, label))

    def members(self, digest: Digest, within: tuple[datetime, datetime] | None = None) -> tuple[DigestMember, ...]:
        """List a digest's events, in the manifest's order; of those here only what the station had ``within``."""
        with self._reading() as conn:
            found = tuple(digests.read_members(conn, digest, *map(written, within or ())))
        return tuple(
            each if each.item is None else replace(each, item=self._with_key_doubt(each.item)) for each in found
        )

    def stamps(self, after: int = 0, limit: int = 500) -> list[tuple[int, bytes]]:
        """Return the received postmarks in the order of arrival: (number, bytes)."""
        query = "SELECT seq, postmark FROM letters WHERE seq > ? AND postmark IS NOT NULL ORDER BY seq LIMIT ?"
        with self._reading() as conn:
            return [(int(row["seq"]), bytes(row["postmark"])) for row in conn.execute(query, (after, limit))]

    def stamp(self, item_id: str) -> bytes | None:
        """Return the postmark that arrived with an item; None if there was none."""
        query = "SELECT postmark FROM letters JOIN items USING (seq) WHERE id = ?"
        with self._reading() as conn:
            row = conn.execute(query, (item_id,)).fetchone()
        return None if row is None or row["postmark"] is None else bytes(row["postmark"])

    def envelope(self, item_id: str) -> bytes | None:
        """Return the envelope of an item as it came; None for an unknown one."""
        query = "SELECT envelope FROM letters JOIN items USING (seq) WHERE id = ?"
        with self._reading() as conn:
            row = conn.execute(query, (item_id,)).fetchone()
        return None if row is None else bytes(row["envelope"])

    def manifests(self, after: int = 0, limit: int = 500) -> list[tuple[int, bytes]]:
        """Return the digests' manifests, as the station signed them, in the order of coming: (number, bytes)."""
        with self._reading() as conn:
            rows = conn.execute("SELECT seq, manifest FROM digests WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
            return [(int(row["seq"]), bytes(row["manifest"])) for row in rows]

    def exported(self) -> tuple[tuple[ExportedItem, ...], tuple[ExportedDigest, ...], tuple[ExportedLane, ...]]:
        """List everything without its content, for the auditor's books: items, digests, lanes."""
        with self._reading() as conn:
            return tuple(exported_items(conn)), tuple(exported_digests(conn)), tuple(exported_lanes(conn))

    def lanes(self) -> tuple[ExportedLane, ...]:
        """List the lanes to us: what was announced, what came."""
        with self._reading() as conn:
            return tuple(exported_lanes(conn))

    def obligations(self, *, everything: bool = False) -> tuple[Obligation, ...]:
        """List obligations, ours and theirs, ordered by due date; ended ones only on request."""
        with self._reading() as conn:
            return tuple(followups.obligations(conn, everything=everything))

    def followups(self, until: datetime) -> tuple[Followup, ...]:
        """List the station's statements about obligations: each step that fell due before an instant."""
        with self._reading() as conn:
            return tuple(followups.statements(conn, written(until)))

    def due(self) -> tuple[Due, ...]:
        """List the items whose term of retention is over, the oldest first."""
        now = self.clock()
        with self._reading() as conn:
            return tuple(destruction.due(conn, now, self.charters.in_force(now).time_zone))

    def unnotified_destructions(self) -> tuple[UnnotifiedDestruction, ...]:
        """List destructions whose senders were not notified yet."""
        with self._reading() as conn:
            return tuple(destruction.unnotified(conn))

    def position(self, cluster: str, kind: Kind) -> int:
        """Return the offset at which to read on in a cluster; 0 in one that is new to this database."""
        with self._reading() as conn:
            row = conn.execute("SELECT next FROM positions WHERE cluster = ? AND kind = ?", (cluster, kind)).fetchone()
        return 0 if row is None else int(row["next"])

    def count_owed_receipts(self) -> int:
        """Count receipts about single events that the outbox has not taken yet."""
        with self._reading() as conn:
            return int(conn.execute("SELECT count(*) FROM owed").fetchone()[0])


def _ms(at: str) -> int:
    return int(instant(at).timestamp() * 1000)


def _with_files(row: sqlite3.Row) -> Mapping[str, Any]:
    """Read the payload of an item that may have sealed files; nothing of the others."""
    payload = row["payload"]
    return {} if payload is None or b'"sealed"' not in payload else read(row["type"], payload).raw
