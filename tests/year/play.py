"""Plays the year: counties with real books, the real station, and a clock that jumps from one instant to the next.

Rule 1: time is a tick. Before the clock goes on, the station has committed everything that was written (its outputs
        are acknowledged before that), and everybody has read what it said.
Rule 2: the clock stops a minute before every step that the table predicts, and at it: a step said too early or too
        late is seen.
Rule 3: what differs from the table is an error of the run, whichever of the two is right.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.schemas.payloads.examples import COMMON
from tests.world.clock import Clock
from tests.year import events
from tests.year.events import BEIJING
from tests.year.predicted import Step
from tests.year.table import Row
from yizhan.consumers.arrivals import Arrived, Kind
from yizhan.consumers.inbox import Inbox
from yizhan.consumers.labels import Warn
from yizhan.producers.drafts import Office, parse_draft
from yizhan.producers.outbox import Outbox
from yizhan.producers.schedule import Patience
from yizhan.producers.station_replies import PostingRecord
from yizhan.schemas import dsse, strictjson, topics
from yizhan.schemas.followups import CONTENT_TYPE, Followup
from yizhan.schemas.keys import load_sealing, load_signing
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.postmark import CONTENT_TYPE_ADMITTED, Postmark
from yizhan.schemas.timestamps import instant, written
from yizhan.services import bulletin_reading, bulletins
from yizhan.services.home import Home
from yizhan.streams.closing import CloseRequest
from yizhan.streams.closing_kafka import Closer
from yizhan.streams.ticks import Tick

if TYPE_CHECKING:
    from pathlib import Path

    from yizhan.runtime.settings import Settings
    from yizhan.schemas.charter import Charters

PATIENCE = Patience(30.0, 120.0)
OFFICER = ("周某", "331005")
BARRIER_SECONDS = 60.0


@dataclass
class County:
    """One county: its books, which are where its commands look for them."""

    code: str
    folder: Path
    charters: Charters
    clock: Clock
    outbox: Outbox = field(init=False)
    inbox: Inbox = field(init=False)

    def __post_init__(self) -> None:
        """Open both books."""
        (sign,) = (self.folder / "keys").glob("sign-*.pem")
        (seal,) = (self.folder / "keys").glob("seal-*.pem")
        self._seal = load_sealing(seal)
        self.outbox = Outbox(self.folder / "outbox.sqlite3", self.code, load_signing(sign), self.charters, self.clock)
        self.dispatch = self.outbox.dispatch()
        self.open_inbox()

    def open_inbox(self) -> None:
        """Open the inbox, a new one if there is none."""
        path = self.folder / "inbox.sqlite3"
        self.inbox = Inbox(path, self.code, [self._seal], self.charters, self.clock, self.outbox)

    def close(self) -> None:
        """Close both."""
        self.inbox.close()
        self.dispatch.close()
        self.outbox.close()


@dataclass
class Counts:
    """What the run counts."""

    instants: int = 0
    events: Counter[str] = field(default_factory=Counter)
    statements: int = 0
    repeated: int = 0
    odd: list[str] = field(default_factory=list)
    """What no run may have: outcomes that are none of the usual, steps said too early or too late."""


class Year:
    """A year under way."""

    def __init__(
        self, home: Path, settings: Settings, charters: Charters, members: Iterable[str], begin: datetime
    ) -> None:
        """Open the counties' books and the ways to the broker, as its administrator."""
        self.home, self.charters, self.clock = home, charters, Clock(begin - timedelta(minutes=1))
        self.counties = {code: County(code, home / "counties" / code, charters, self.clock) for code in sorted(members)}
        self.counts = Counts()
        self.said: dict[tuple[str, str], Followup] = {}
        self.known: dict[tuple[str, str], dict[str, tuple[str, str, str]]] = {}
        self._plans: dict[str, str] = {}
        self._station = settings.connection(topics.STATION)
        admin = settings.connection(topics.ADMIN).kafka_python()
        self._producer = KafkaProducer(**admin, acks="all", enable_idempotence=True, linger_ms=0)
        self._reader = KafkaConsumer(**admin, enable_auto_commit=False, auto_offset_reset="earliest")
        self._asker = KafkaConsumer(**admin, group_id=topics.group_prefix(topics.STATION), enable_auto_commit=False)
        own = (topics.alerts, topics.digests, topics.postings)
        self._topics = {name(code): code for code in self.counties for name in own} | {topics.AUDIT: ""}
        self._reader.assign([TopicPartition(name, 0) for name in self._topics])
        self._written: dict[str, int] = {topics.events(code): 0 for code in self.counties}
        self.cluster = ""

    def close(self) -> None:
        """Close everything."""
        for county in self.counties.values():
            county.close()
        self._producer.close(timeout=5)
        self._reader.close()
        self._asker.close()

    # -- one instant --

    def step(self, at: datetime, rows: Iterable[Row], close: str | None) -> None:
        """Let it be an instant (Beijing time): a tick, then what counties do, then what is closed."""
        before, self.clock.now = self.clock.now, at.replace(tzinfo=BEIJING).astimezone(UTC)
        self.counts.instants += 1
        self._tick()
        self.read(before)
        doing = list(rows)
        for row in doing:
            self._do(row)
        if close is not None:
            self._close(close)
        if doing or close is not None:
            self._flush()
            self.read(before)
            for county in self.counties.values():
                county.inbox.tick(0.0)
            self._flush()

    def _tick(self) -> None:
        tick = Tick(at=written(self.clock.now), ends=self._written)
        sent = self._producer.send(topics.TICKS, key=b"tick", value=tick.to_bytes(), partition=0).get(timeout=30)
        self._wait({topics.TICKS: sent.offset + 1})

    def _flush(self) -> None:
        """Send what outboxes hold, under this instant's time, and wait until the station has done it."""
        wrote = {}
        for county in self.counties.values():
            for prompt in (True, False):
                places = {}
                for each in county.dispatch.queue(prompt=prompt, limit=1000):
                    topic = topics.events(county.code)
                    sent = self._producer.send(
                        topic,
                        value=each.envelope,
                        key=each.id.encode(),
                        partition=0,
                        timestamp_ms=self.clock.milliseconds,
                    ).get(timeout=30)
                    places[each.seq] = sent.offset
                    wrote[topic] = self._written[topic] = sent.offset + 1
                    self.counts.events[each.type.removeprefix("yizhan.").removesuffix(".v1")] += 1
                if places:
                    county.dispatch.acknowledged(list(places), PATIENCE, places)
        self._wait(wrote)

    def _wait(self, ends: Mapping[str, int]) -> None:
        """Wait until the station has committed so far (rule 1)."""
        deadline = time.monotonic() + BARRIER_SECONDS
        for topic, end in ends.items():
            while (self._asker.committed(TopicPartition(topic, 0)) or 0) < end:
                if time.monotonic() > deadline:
                    message = f"the station did not finish {topic} up to {end} within {BARRIER_SECONDS:.0f} s"
                    raise TimeoutError(message)
                time.sleep(0.002)

    # -- what counties do --

    def _do(self, row: Row) -> None:
        county, known = self.counties[row.county], self.known.setdefault(row.pair, {})
        if row.kind in events.RECEIPTS:
            before = county.outbox.rows()
            county.inbox.acknowledge(known[row.about][0], *OFFICER, stage=row.kind)
            (made,) = {each.id for each in county.outbox.rows()} - {each.id for each in before}
            known[row.event] = (made, "", made)
            return
        written_here = row.kind != "bulletin"
        draft = events.draft(row, known, self._plans) if written_here else parse_draft(self._bulletin(row))
        sent = county.outbox.publish(draft)
        thread = draft.subject or (known[row.about][2] if row.about else sent.id)
        known[row.event] = (sent.id, sent.hash.hex(), thread)
        if row.kind in {"plan", "countersigned"}:
            self._plans[row.event] = row.of or self._plans[row.about]

    def _bulletin(self, row: Row) -> dict[str, Any]:
        officer = Person(name=OFFICER[0], badge=OFFICER[1])
        office = Office(
            org_code=f"{row.county}000000", drafted_by=officer, reviewed_by=officer, signed_off_by=officer,
            contact=COMMON["contact"],
        )  # fmt: skip
        return bulletins.draft(self.material(row.of, row.county, row.partner), row.partner, office)

    def material(self, label: str, county: str, partner: str) -> Any:  # noqa: ANN401 -- bulletin's Material
        """Count a quarter's figures as a county's command would, now."""
        key = bulletin_reading.BulletinKey(label, county, partner)
        return bulletin_reading.read_material(Home(self.home), key, self.clock.now)

    def _close(self, label: str) -> None:
        keys = [load_signing(path) for path in (self.home / "station" / "keys").glob("sign-*.pem")]
        with Closer(self._station, self.home / "station", self.charters, keys) as closer:
            for code in self.counties:
                request = CloseRequest(label=label, closed=written(self.clock.now))
                closer.run(code, request, interim=False, progress=lambda _: None)

    # -- what the station says --

    def read(self, before: datetime | None) -> None:
        """Read everything that the station wrote, each to its county; ``before`` is the last instant (rule 2)."""
        records = list(self._new())
        for record in records:
            if record.topic == topics.AUDIT:
                self._audited(record.value, before)
        for code, county in self.counties.items():
            arrived = [
                Arrived(kind, 0, each.offset, self.clock.milliseconds, each.value, tuple(each.headers))
                for kind, topic in self._kinds(code)
                for each in records
                if each.topic == topic
            ]
            if arrived:
                for outcome in county.inbox.receive_many(arrived, self.cluster):
                    self._usual(outcome.became, f"{code}: {outcome.became} {outcome.reason}")
            postings = [
                PostingRecord(each.offset, each.value) for each in records if each.topic == topics.postings(code)
            ]
            if postings:
                county.dispatch.enter_cluster(self.cluster, self._written[topics.events(code)], postings[-1].offset + 1)
                county.dispatch.enter(self.cluster, postings, PATIENCE)

    def _kinds(self, code: str) -> Iterator[tuple[Kind, str]]:
        yield "alert", topics.alerts(code)
        yield "posting", topics.postings(code)
        yield "digest", topics.digests(code)

    def _usual(self, became: str, said: str) -> None:
        if became == "duplicate":
            self.counts.repeated += 1
        elif became not in {"stored", "followup", "posting", "reference", "manifest"}:
            self.counts.odd.append(said)

    def _new(self) -> Iterator[Any]:
        partitions = self._reader.assignment()
        ends = self._reader.end_offsets(list(partitions))
        while any(self._reader.position(each) < ends[each] for each in partitions):
            for records in self._reader.poll(timeout_ms=200).values():
                yield from records

    def _audited(self, statement: bytes, before: datetime | None) -> None:
        self.counts.statements += 1
        kind, payload = dsse.unverified_type(statement), strictjson.loads(dsse.unverified_payload(statement))
        if kind == CONTENT_TYPE_ADMITTED:
            for step in Postmark.model_validate(payload).steps():
                self._step(step, before)
        elif kind == CONTENT_TYPE:
            self._step(Followup.model_validate(payload), before)

    def _step(self, said: Followup, before: datetime | None) -> None:
        key = said.obligation, said.step
        if self.said.setdefault(key, said) != said:
            self.counts.odd.append(f"{key}: said in two ways")
        elif before is not None and not before < instant(said.at) <= self.clock.now:
            self.counts.odd.append(
                f"{key}: due at {said.at}, said between {written(before)} and {written(self.clock.now)}"
            )

    # -- afterwards --

    def again(self) -> None:
        """Throw every inbox away, and make it again from the first record on."""
        for county in self.counties.values():
            county.inbox.close()
            for path in county.folder.glob("inbox.sqlite3*"):
                path.unlink()
            county.open_inbox()
        for partition in self._reader.assignment():
            self._reader.seek(partition, 0)
        self.said.clear()
        self.counts.statements = 0
        self.read(None)

    def rows(self, code: str) -> set[Step]:
        """Return the followup rows of a county's inbox."""
        with contextlib.closing(sqlite3.connect(self.counties[code].folder / "inbox.sqlite3")) as conn:
            found = conn.execute("SELECT obligation, step, at, due, owes, owed, to_whom, by FROM followups").fetchall()
        return {
            Step(name, step, _naive(at), _naive(due), tuple(owes.split()), tuple(owed.split()), to_whom, by)
            for name, step, at, due, owes, owed, to_whom, by in found
        }

    def disputed(self) -> list[str]:
        """List items whose county finds that no rule gives what their postmark says of obligations."""
        return [
            f"{county.code}: {item.id}: what its postmark opens or ends follows from no rule"
            for county in self.counties.values()
            for item in county.inbox.items()
            if Warn.OBLIGATIONS_DIFFER in item.warnings
        ]

    def lost(self, closed: datetime) -> list[str]:
        """List events that a recipient's inbox does not have though they went at once, or before a closing."""
        found = []
        for county in self.counties.values():
            accepted = {row.id: instant(row.accepted) for row in county.outbox.rows()}
            found += [
                f"{each.id} → {each.recipient}"
                for each in county.outbox.postings()
                if (each.stamped_way != "digest" or accepted[each.id] < closed)
                and self.counties[each.recipient].inbox.item(each.id) is None
            ]
        return found


def _naive(at: str) -> datetime:
    return instant(at).astimezone(BEIJING).replace(tzinfo=None)
