"""Counties' books for an audit: made from a county's stores, or read from files.

Rule 1: a book has no content; making one needs no key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from yizhan.consumers.export import ExportedItem
from yizhan.ledger.audit import books
from yizhan.ledger.audit.books import Book, Kind, Row
from yizhan.ledger.audit.history import People
from yizhan.producers.exported import Exported
from yizhan.producers.queries import OutboxQuery
from yizhan.runtime import access_log
from yizhan.runtime.clock import utc_now
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.policy import Way
from yizhan.schemas.timestamps import written
from yizhan.services.access_log import access_log_path, record
from yizhan.services.actor import Actor
from yizhan.services.home import Home
from yizhan.services.stores import read_inbox, read_outbox


def book_lines(home: Home, county: str, kind: Kind) -> Iterator[bytes]:
    """Write a county's outbox or inbox as a book, line by line."""
    path = access_log_path(home, county)
    opening = books.BookHeader(
        kind=kind, county=county, at=written(utc_now()), charter=home.charter.name, journal=access_log.head(path)
    )
    rows = _outbox_rows(home, county) if kind == "outbox" else _inbox_rows(home, county)
    return books.write_book(opening, rows)


def export_book(home: Home, county: str, kind: Kind, actor: Actor, name: str) -> Iterator[bytes]:
    """Return the lines of a county's book, to be written to a file of this name; first enter it in the access log."""
    home.member(county)
    record(home, county, actor, "exported", [name])
    return book_lines(home, county, kind)


def _outbox_rows(home: Home, county: str) -> Iterator[Row]:
    with read_outbox(home, county) as outbox:
        for each in () if outbox is None else outbox.exported():
            yield _sent(each, county)


def _sent(each: Exported, county: str) -> books.OutboxRow:
    sent = None if each.first_sent is None else written(datetime.fromtimestamp(each.first_sent, UTC))
    return books.OutboxRow(
        id=each.id,
        hash=each.hash.hex(),
        counterfoil=books.encode_base64(each.counterfoil),
        postmark=None if each.postmark is None else each.postmark.decode(),
        record=each.record_sha256.hex(),
        accepted=each.accepted,
        first_sent=sent,
        refused=each.refused,
        void=each.void,
        replaced_by=each.replaced_by,
        ref=None if each.external_ref is None else books.hash_reference(county, each.external_ref),
    )


def _inbox_rows(home: Home, county: str) -> Iterator[Row]:
    for line in access_log.read(access_log_path(home, county)):
        yield books.Access(entry=line.rstrip(b"\n").decode("utf-8", "replace"))
    with read_inbox(home, county) as inbox:
        if inbox is None:
            return
        items, digests, lanes = inbox.exported()
        yield from map(_received, items)
        for rival in inbox.conflicts():
            yield books.Rival(id=rival.id, hash=rival.hash.hex(), stored=rival.stored)
        for aside in inbox.aside():
            yield books.AsideRecord(reason=aside.reason, place=aside.place, stored=aside.stored)
        for each in digests:
            members = tuple(member.hex() for member in each.members)
            yield books.DigestRecord(
                label=each.label,
                verdict=each.verdict,
                stored=each.stored,
                manifest=each.manifest.decode(),
                members=members,
            )
        for lane in lanes:
            spans = tuple((span.first, span.last) for span in lane.spans)
            yield books.LaneRecord(source=lane.source, book=lane.book, lane=lane.lane, head=lane.head, spans=spans)


def _received(each: ExportedItem) -> books.InboxRow:
    gone = each.destroyed
    return books.InboxRow(
        id=each.id,
        hash=each.hash.hex(),
        counterfoil=books.encode_base64(each.counterfoil),
        postmark=None if each.postmark is None else each.postmark.decode(),
        stored=each.stored,
        received=each.received,
        way=Way(each.way),
        rule=each.rule,
        state=each.state,
        warnings=each.warnings,
        answers=dict(each.answers),
        destroyed=None if gone is None else books.Destroyed(retention=gone[0], at=gone[1], notice=gone[2]),
    )


def read_books(home: Home, files: Sequence[Path]) -> Iterator[Book]:
    """Read books from files; without any, make those of every county that has stores in this home."""
    for path in files:
        with path.open("rb") as lines:
            yield books.read_book(lines, home.charters, str(path))
    if files:
        return
    for county in sorted(home.charters.latest().members):
        folder = home.county_folder(county)
        for kind in ("outbox", "inbox"):
            if (folder / f"{kind}.sqlite3").exists():
                yield books.read_book(book_lines(home, county, kind), home.charters, f"{county} {kind}")


def people_of(home: Home, event_id: str) -> tuple[People, tuple[str, ...]]:
    """Return the officers who confirmed an event, and the counties in whose stores it was read.

    The caller writes the access log of these counties before it passes the names on.
    """
    people: dict[tuple[str, str], list[Person]] = {}
    read = []
    for county in sorted(home.charters.latest().members):
        with read_outbox(home, county) as outbox:
            postings = () if outbox is None else tuple(outbox.postings(OutboxQuery(id=event_id)))
        with read_inbox(home, county) as inbox:
            item = None if inbox is None else inbox.item(event_id)
        if postings or item is not None:
            read.append(county)
        for posting in postings:
            for receipt in (each for receipts in posting.said.values() for each in receipts):
                if (by := receipt.payload.get("by")) is not None:
                    people.setdefault((posting.recipient, receipt.stage), []).append(Person.model_validate(by))
        for answer in () if item is None else item.answers:
            officer = Person(name=answer.name, badge=answer.badge)
            people.setdefault((county, answer.stage), []).append(officer)
    return {key: _once(officers) for key, officers in people.items()}, tuple(read)


def _once(officers: Sequence[Person]) -> tuple[Person, ...]:
    return tuple({(each.name, each.badge): each for each in officers}.values())
