"""A station in memory between counties whose commands are run by hand, and a ledger behind it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from pathlib import Path
from typing import Any

from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.consumers.arrivals import Arrived, Kind
from yizhan.ledger.log import LedgerSigningKeys, Log
from yizhan.ledger.statement_keys import read_statement
from yizhan.producers.drafts import parse_draft
from yizhan.producers.schedule import Patience
from yizhan.producers.station_replies import PostingRecord
from yizhan.schemas import dsse, topics
from yizhan.schemas.admit import Record
from yizhan.schemas.checkpoints import cosign, cosigner_name, open_checkpoint
from yizhan.schemas.followups import Followup
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.notes import parse
from yizhan.schemas.postmark import CONTENT_TYPE_ADMITTED, Postmark
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import written
from yizhan.services.home import Home
from yizhan.services.keys import cosigner, ledger_keys, station_keys
from yizhan.services.ledger import ledger_folder
from yizhan.services.sample import make_sample
from yizhan.services.stores import open_inbox, open_outbox, read_outbox
from yizhan.streams.closing import BookRecord, CloseRequest, Period
from yizhan.streams.followups import Follower
from yizhan.streams.obligation_table import ObligationTable
from yizhan.streams.station import EventObligations, Output, handle
from yizhan.streams.ticks import Tick

FIRE: dict[str, Any] = {
    "type": "yizhan.incident.forest_fire.v1",
    "priority": "flash",
    "stage": "first",
    "certainty": "Observed",
    "touches": [QINGYUAN],
    "external_ref": "接-1",
    "payload": {
        "org_code": "350924000000",
        "drafted_by": {"name": "张三", "badge": "123456"},
        "contact": {"name": "张三", "phone": "13800000000"},
        "classification": "内部",
        "place": {"county": SHOUNING, "township": "南阳镇"},
        "summary": "距界约800米起火",
        "ask": ["核查"],
        "state": "燃烧",
        "dead": 0,
        "injured": 0,
        "crossing": "无",
    },
}


def with_a_fire(folder: Path) -> Station:
    """Make a home of the two counties where 寿宁 sent a fire that 庆元 received."""
    make_sample(folder, (SHOUNING, QINGYUAN), datetime.now(UTC))
    station = Station(folder)
    with open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox:
        outbox.publish(parse_draft(FIRE))
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    return station


class Station:
    """The station's pure core and its topics, in memory; the counties' processes run by hand."""

    def __init__(self, home: Path) -> None:
        self.app = Home(home)
        self.key = station_keys(home / "station" / "keys", (self.app.charter,), TerminalPassphrase())[0]
        self.topics: dict[str, list[tuple[Output, int]]] = {}
        self.read: dict[str, int] = {}
        self.sent: set[str] = set()
        self.offsets = count()
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.closed: dict[str, list[Manifest]] = {}
        """What was closed of each county's book, the newest last."""
        members = self.app.charter.members
        self.follower = Follower(ObligationTable(), self.app.charters, lambda _moment: self.key, members, {})

    def carry(self, sender: str) -> None:
        """Take what an outbox has not sent yet through the station."""
        with read_outbox(self.app, sender) as outbox:
            assert outbox is not None
            for row in outbox.rows():
                own = outbox.event(row.id)
                assert own is not None
                if row.id not in self.sent:
                    self.take(sender, own.envelope)
                    self.sent.add(row.id)

    def take(self, sender: str, value: bytes | None) -> None:
        """Handle one record of a county's events topic."""
        now = self.clock()
        record, charter = (
            Record(topics.events(sender), 0, next(self.offsets), now, value),
            self.app.charters.in_force(now),
        )
        obligations = EventObligations(lambda admitted: self.follower.observe(record, admitted, charter))
        handled = handle(record, charter, self.key, "memory", obligations=obligations)
        self.write(now, handled.outputs, self.follower.follow(record, handled).outputs)

    def tick(self) -> None:
        """Let the station look at what is due."""
        now = self.clock()
        tick = Record(topics.TICKS, 0, next(self.offsets), now, Tick(at=written(now)).to_bytes())
        self.write(now, self.follower.tick(tick).outputs)

    def write(self, now: datetime, *outputs: Iterable[Output]) -> None:
        """Put records on their topics."""
        for output in chain(*outputs):
            self.topics.setdefault(output.topic, []).append((output, int(now.timestamp() * 1000)))

    def steps(self) -> dict[tuple[str, str], Followup]:
        """Return the steps of obligations that postmarks said: (obligation, step) → step."""
        said = [output.value for output, _at in self.topics.get(topics.AUDIT, [])]
        marks = [each for each in said if dsse.unverified_type(each) == CONTENT_TYPE_ADMITTED]
        return {
            (step.obligation, step.step): step
            for each in marks
            for step in read_dated(Postmark, each, self.app.charters)[0].steps()
        }

    def says(self, statement: bytes) -> None:
        """Let the station say something of its own."""
        self.topics.setdefault(topics.AUDIT, []).append((Output(topics.AUDIT, b"said", statement), 0))

    def deliver(self, county: str) -> list[str]:
        """Let a county's inbox receive what is new for it, and send its receipts; what became of each."""
        became: list[str] = []
        with open_inbox(self.app, county, TerminalPassphrase()) as inbox:
            places: dict[Kind, str] = {"alert": topics.alerts(county), "posting": topics.postings(county)}
            for kind, topic in places.items():
                new = self.topics.get(topic, [])[self.read.get(topic, 0) :]
                for number, (output, at) in enumerate(new):
                    outcome = inbox.receive(arrived(output, number, at, kind))
                    became += [each.became for each in outcome.told()]
                self.read[topic] = self.read.get(topic, 0) + len(new)
            inbox.tick(0.0)
        return became

    def log(self, minutes_later: int = 0) -> None:
        """Bring what the station said into the ledger, sign and let every county cosign."""
        app, now = self.app, datetime.now(UTC) + timedelta(minutes=minutes_later)
        charter = app.charters.in_force(now)
        said = [read_statement(output.value, app.charters) for output, _at in self.topics.get(topics.AUDIT, [])]
        keys = LedgerSigningKeys(*ledger_keys(ledger_folder(app) / "keys", charter, now, TerminalPassphrase()))
        with Log(ledger_folder(app), charter.log) as log:
            log.append(said, {"memory": len(said)})
            note = parse(log.publish(keys, now))
            for county in sorted(charter.members):
                key = cosigner(app.county_folder(county) / "keys", county, charter, now, TerminalPassphrase())
                note = note.with_signatures(cosign(log.checkpoint(), cosigner_name(charter.log, county), key, now))
            log.cosigned(open_checkpoint(note.to_bytes(), app.charters))

    def answer(self, sender: str) -> None:
        """Let an outbox read what the station answered it."""
        records = [PostingRecord(n, said.value) for n, (said, _at) in enumerate(self.topics[topics.postings(sender)])]
        with open_outbox(self.app, sender, TerminalPassphrase()) as outbox:
            outbox.dispatch().enter("memory", records, Patience(answer_seconds=30.0, receipt_seconds=120.0))

    def close(self, county: str, label: str, *, interim: bool = False) -> None:
        """Close a county's period and let its inbox receive the digest."""
        app, now, before = self.app, self.clock(), self.closed.setdefault(county, [])
        period = Period(county, app.charters, lambda _hash: True)
        start = before[-1].end if before else 0
        book = self.topics.get(topics.pending(county), [])
        with open_inbox(app, county, TerminalPassphrase()) as inbox:
            for number, (output, at) in enumerate(book[start:], start):
                assert output.header is not None
                if period.take(BookRecord(number, output.key, output.value, output.header[1], close=False)):
                    inbox.receive(arrived(output, number, at, "digest"))
            request = CloseRequest(label=label, closed=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
            previous = read_dated(Manifest, before[-1].signed(self.key), app.charters)[1] if before else None
            manifest = period.manifest(
                request, interim=interim, start=start, end=len(book), cluster="memory", previous=previous
            )
            mark = (("yizhan-manifest", b"1"),)
            signed = manifest.signed(self.key)
            inbox.receive(Arrived("digest", 0, len(book), int(now.timestamp() * 1000), signed, mark))
            self.says(signed)
        if not interim:
            before.append(manifest)


def arrived(output: Output, number: int, at: int, kind: Kind) -> Arrived:
    """Return a record of the station as a county reads it."""
    headers = () if output.header is None else (output.header,)
    return Arrived(kind, 0, number, at, output.value, headers)


def publish(yizhan: Run, county: str, *drafts: dict[str, Any]) -> list[str]:
    """Publish drafts; their ids."""
    given = b"".join(json.dumps(draft, ensure_ascii=False).encode() + b"\n" for draft in drafts)
    ran = yizhan("publish", "-", "--county", county, "--json", given=given)
    assert ran.code == 0, ran.out + ran.err
    return [each["id"] for each in json.loads(ran.out)["accepted"]]


def delete_item(inbox: Path, event_id: str) -> None:
    """Delete an event from an inbox behind the program's back."""
    one = "(SELECT seq FROM items WHERE id = ?)"
    _change(inbox, [f"DELETE FROM {table} WHERE seq = {one}" for table in ("letters", "items")], event_id)  # noqa: S608 -- our own words


def delete_event(outbox: Path, event_id: str) -> None:
    """Delete an event from an outbox behind the program's back."""
    one, tables = "(SELECT seq FROM events WHERE id = ?)", ("stamps", "receipts", "recipients", "sealed", "events")
    _change(outbox, [f"DELETE FROM {table} WHERE seq = {one}" for table in tables], event_id)  # noqa: S608 -- our own words


def _change(path: Path, statements: list[str], event_id: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as conn, conn:
        for statement in statements:
            conn.execute(statement, (event_id,))
