"""A county's desk for tests: a real outbox on a real disk, in the simulated world."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.world.simulator import CLUSTER, FIRE, INTELLIGENCE, NOW, QINGYUAN, SHOUNING, World
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.drafts import Draft
from yizhan.producers.outbox import Outbox, OutboxOptions
from yizhan.producers.schedule import Patience
from yizhan.producers.station_replies import PostingRecord
from yizhan.schemas import topics
from yizhan.schemas.errors import Reason
from yizhan.schemas.header import Header, ReceiptRef, Ref
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import Decided, Origin, Postmark
from yizhan.schemas.timestamps import written

PATIENCE = Patience(answer_seconds=30.0, receipt_seconds=120.0)


def fire(**attributes: Any) -> Draft:  # noqa: ANN401
    """Draft a fire that touches both sides: it goes at once."""
    values: dict[str, Any] = {
        "type": FIRE,
        "priority": "flash",
        "stage": "first",
        "touches": (SHOUNING, QINGYUAN),
        "payload": {"summary": "山火"},
    }
    return Draft.model_validate(values | attributes)


def intelligence(**attributes: Any) -> Draft:  # noqa: ANN401
    """Draft routine intelligence: it goes with the digest."""
    return Draft.model_validate({"type": INTELLIGENCE, "payload": {"title": "动态"}} | attributes)


@dataclass
class Desk:
    """One county with its outbox, and everybody else around it."""

    folder: Path
    world: World = field(default_factory=World)
    source: str = SHOUNING
    now: datetime = NOW
    random_bytes: Callable[[int], bytes] = os.urandom
    was_received: Callable[[Ref], bool] = lambda _ref: True
    posting: int = 0

    @property
    def path(self) -> Path:
        """Where the outbox is."""
        return self.folder / "outbox.sqlite3"

    def open(self) -> Outbox:
        """Open the outbox; the caller closes it."""
        options = OutboxOptions(random_bytes=self.random_bytes, was_received=self.was_received)
        signer = self.world.counties[self.source[:6]].signing
        return Outbox(self.path, self.source, signer, self.world.charters, lambda: self.now, options)

    def dispatch(self, outbox: Outbox) -> Dispatch:
        """Open its sending side, with pauses that are not spread."""
        return outbox.dispatch(share=lambda: 0.5)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def send_all(self, dispatch: Dispatch) -> list[str]:
        """Send what is queued as a publisher would, in its order; the ids."""
        sent = [out for prompt in (True, False) for out in dispatch.queue(prompt=prompt, limit=1000)]
        dispatch.acknowledged([out.seq for out in sent], PATIENCE)
        return [out.id for out in sent]

    def answer(self, dispatch: Dispatch, *values: bytes) -> None:
        """Hand postings to the sending side, as read from Kafka one after the other."""
        if dispatch.position(CLUSTER) is None:
            dispatch.enter_cluster(CLUSTER, 0, 0)
        records = []
        for value in values:
            records.append(PostingRecord(self.posting, value))
            self.posting += 1
        dispatch.enter(CLUSTER, records, PATIENCE)

    def admitted(self, outbox: Outbox, event_id: str) -> bytes:
        """Stamp an event of the outbox as the station would."""
        event = outbox.event(event_id)
        assert event is not None
        assert event.envelope is not None
        return self.world.postmark(event.envelope, self.source[:6], self.now)

    def refused(
        self,
        record_sha256: str,
        reason: Reason = Reason.FUTURE_DATED,
        topic: str | None = None,
        first: int | None = None,
    ) -> bytes:
        """Refuse a record, or several up to it, as the station would."""
        return self._stamp(topic, record_sha256=record_sha256, refused=reason, detail="set the clock", first=first)

    def claimed(self, event_id: str, event_hash: str, record_sha256: str, topic: str | None = None) -> bytes:
        """Let in a record that may never have been sent."""
        decisions = {QINGYUAN: Decided(way=Way.ALARM, rule="fire")}
        return self._stamp(topic, record_sha256=record_sha256, id=event_id, hash=event_hash, decisions=decisions)

    def _stamp(self, topic: str | None, **said: Any) -> bytes:  # noqa: ANN401
        origin = Origin(cluster=CLUSTER, topic=topic or topics.events(self.source[:6]), partition=0, offset=7)
        received = written(self.now)
        return Postmark(origin=origin, received=received, charter=self.world.charter.name, **said).signed(
            self.world.station
        )

    def receipt(self, county: str = QINGYUAN, **said: Any) -> Header:  # noqa: ANN401
        """Write the header of a receipt from another county about something of ours."""
        ref = ReceiptRef.model_validate(said)
        return self.world.header(
            county,
            (self.source[:6],),
            type="yizhan.receipt.v1",
            receipt=ref,
            priority="routine",
            stage=None,
            touches=None,
        )

    def delivered(
        self,
        outbox: Outbox,
        up_to: int,
        lane: str = "prompt",
        county: str = QINGYUAN,
        **more: Any,  # noqa: ANN401
    ) -> Header:
        """Write a cumulative receipt for a lane of the book in use."""
        said = {"stage": "delivered", "source": self.source, "book": outbox.epoch, "lane": lane, "up_to": up_to}
        return self.receipt(county, **(said | more))


def ref(sent: Any) -> Ref:  # noqa: ANN401
    """Name an event that was sent."""
    return Ref(id=sent.id, hash=sent.hash.hex())
