"""A county that listens, in memory but for its database: an inbox, a desk that keeps what it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.world.clock import Clock
from tests.world.simulator import BOOK, CLUSTER, NOW, QINGYUAN, SHOUNING, World
from yizhan.consumers.arrivals import Arrived, Kind, ReceiveOutcome
from yizhan.consumers.inbox import Inbox
from yizhan.runtime.errors import StoreError
from yizhan.schemas import manifest as manifests
from yizhan.schemas.followups import KAFKA_HEADER as FOLLOWUP_HEADER
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import Header, ReceiptRef
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.merkle import leaf_hash, root
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.postmark import KAFKA_HEADER
from yizhan.schemas.timestamps import written

ME, PARTNER = QINGYUAN, SHOUNING


@dataclass
class Notebook:
    """A desk that writes everything down. ``full`` makes its disk full."""

    audiences: dict[str, tuple[str, ...]] = field(default_factory=dict)
    confirmed: list[tuple[Header, bytes, Mapping[str, Any]]] = field(default_factory=list)
    receipts: list[tuple[ReceiptRef, Person | None, str | None]] = field(default_factory=list)
    full: bool = False
    asked: int = 0

    def audience(self, event_id: str) -> tuple[str, ...] | None:
        """Return what the test said."""
        return self.audiences.get(event_id)

    def confirm(self, header: Header, event_hash: bytes, payload: Mapping[str, Any]) -> None:
        """Write a receipt down."""
        self._room()
        self.confirmed.append((header, event_hash, payload))

    def send_receipt(self, receipt: ReceiptRef, by: Person | None, note: str | None) -> None:
        """Write a receipt down."""
        self._room()
        self.receipts.append((receipt, by, note))

    def stages(self) -> list[str]:
        """Stages of the receipts sent."""
        return [receipt.stage for receipt, _, _ in self.receipts]

    def _room(self) -> None:
        self.asked += 1
        if self.full:
            message = "the disk is full"
            raise StoreError(message)


@dataclass
class Listener:
    """One county's inbox with its desk and clock, and the station's pen to write to it."""

    world: World
    path: Path
    county: str = ME
    desk: Notebook = field(default_factory=Notebook)
    clock: Clock = field(default_factory=Clock)
    offsets: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the inbox."""
        self.inbox = self.opened()

    def opened(self) -> Inbox:
        """Open the database, as a process does at its start."""
        keys = [self.world.counties[self.county].sealing]
        return Inbox(self.path, self.county, keys, self.world.charters, self.clock, self.desk)

    def restart(self) -> None:
        """Close the inbox and open it again."""
        self.inbox.close()
        self.inbox = self.opened()

    def arrived(
        self, value: bytes | None, stamp: bytes | None = None, kind: Kind = "alert", received: datetime = NOW
    ) -> Arrived:
        """Put a value on a topic of ours."""
        offset = self.offsets[kind] = self.offsets.get(kind, -1) + 1
        headers = () if stamp is None else ((KAFKA_HEADER, stamp),)
        return Arrived(kind, 0, offset, int(received.timestamp() * 1000), value, headers)

    def stamped(self, value: bytes, source: str = PARTNER, kind: Kind = "alert") -> Arrived:
        """Put a lawful event on a topic of ours, stamped by the station."""
        return self.arrived(value, self.world.postmark(value, source), kind)

    def deliver(self, value: bytes, source: str = PARTNER, kind: Kind = "alert") -> ReceiveOutcome:
        """Let the inbox receive a lawful event."""
        return self.inbox.receive(self.stamped(value, source, kind))

    def event(self, source: str = PARTNER, **attributes: Any) -> bytes:  # noqa: ANN401
        """Write an event to us."""
        return self.world.event(source, (self.county,), **attributes)

    def manifest(self, hashes: Iterable[bytes], **said: Any) -> tuple[Arrived, Manifest]:  # noqa: ANN401
        """Write the manifest of a digest that begins the chain, unless told otherwise."""
        listed = list(hashes)
        start = said.get("start", 0)
        values: dict[str, Any] = {
            "county": self.county,
            "label": "2026Q3",
            "interim": False,
            "start": start,
            "end": start + len(listed) + 1,
            "count": len(listed),
            "prompt": 0,
            "root": root(map(leaf_hash, listed)).hex(),
            "charter": self.world.charter.name,
            "cluster": CLUSTER,
            "closed": written(NOW),
            "previous": None,
        }
        made = Manifest.model_validate(values | said)
        record = self.arrived(made.signed(self.world.station), kind="digest")
        return Arrived(
            "digest", 0, record.offset, record.timestamp, record.value, ((manifests.KAFKA_HEADER, b"1"),)
        ), made

    def followup(self, step: str = "opened", **said: Any) -> Arrived:  # noqa: ANN401
        """Write the station's word that we owe an acknowledgement, changed as told."""
        values: dict[str, Any] = {
            "obligation": f"acknowledge/{PARTNER}-{BOOK}-1/{self.county}",
            "rule": "acknowledge",
            "step": step,
            "owes": [self.county],
            "owed": [PARTNER],
            "about": {"id": f"{PARTNER}-{BOOK}-1", "hash": "0" * 64},
            "opened": written(NOW),
            "due": written(NOW + timedelta(minutes=5)),
            "at": written(NOW),
            "charter": self.world.charter.name,
        } | said
        made = Followup.model_validate({name: value for name, value in values.items() if value is not None})
        record = self.arrived(made.signed(self.world.station))
        return replace(record, headers=((FOLLOWUP_HEADER, b"1"),))
