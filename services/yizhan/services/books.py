"""Counties' books for an audit: made from a county's stores, read from files, laid beside the log.

Rule 1: a book has no content; making one needs no key.
Rule 2: an auditor's machine needs the log with its statements, the books and the charter; in a home where
        everything is at hand, books are made on the way.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from yizhan.ledger.audit import books
from yizhan.ledger.audit.books import Book, Kind, Row
from yizhan.ledger.audit.evidence import Evidence
from yizhan.ledger.audit.logged import Logged, WithStatements, read_log
from yizhan.ledger.log import PUBLIC
from yizhan.ledger.log_source import LogFolder, LogSource, source
from yizhan.producers.queries import OutboxQuery
from yizhan.runtime import access_log
from yizhan.runtime.clock import utc_now
from yizhan.runtime.folders import private_file
from yizhan.schemas.policy import Way
from yizhan.schemas.timestamps import written
from yizhan.services.access_log import access_log_path, record
from yizhan.services.actor import Actor, process_account
from yizhan.services.ledger import kept_statements, ledger_folder
from yizhan.services.stores import read_inbox as looking_into_inbox
from yizhan.services.stores import read_outbox as looking_into_outbox

if TYPE_CHECKING:
    from yizhan.consumers.export import ExportedItem
    from yizhan.producers.queries import Exported
    from yizhan.services.home import Home


def book_lines(home: Home, county: str, kind: Kind) -> Iterator[bytes]:
    """Write a county's outbox or inbox as a book, line by line."""
    path = access_log_path(home, county)
    opening = books.BookHeader(
        kind=kind, county=county, at=written(utc_now()), charter=home.charter.name, journal=access_log.head(path)
    )
    rows = _outbox_rows(home, county) if kind == "outbox" else _inbox_rows(home, county)
    return books.write_book(opening, rows)


def export_book(home: Home, county: str, kind: Kind, file: str) -> None:
    """Write a county's book to a file (mode 0600) or, for ``-``, to standard output; it is written down."""
    home.member(county)
    record(home, county, Actor(process_account(), f"{kind} export"), "exported", [Path(file).name])
    lines = book_lines(home, county, kind)
    if file == "-":
        sys.stdout.buffer.writelines(lines)
        sys.stdout.buffer.flush()
        return
    with private_file(Path(file)) as made:
        made.writelines(lines)


def _outbox_rows(home: Home, county: str) -> Iterator[Row]:
    with looking_into_outbox(home, county) as outbox:
        for each in () if outbox is None else outbox.exported():
            yield _sent(each, county)


def _sent(each: Exported, county: str) -> books.OutboxRow:
    sent = None if each.first_sent is None else written(datetime.fromtimestamp(each.first_sent, UTC))
    return books.OutboxRow(
        id=each.id,
        hash=each.hash.hex(),
        counterfoil=books.written_base64(each.counterfoil),
        postmark=None if each.postmark is None else each.postmark.decode(),
        record=each.record_sha256.hex(),
        accepted=each.accepted,
        first_sent=sent,
        refused=each.refused,
        void=each.void,
        replaced_by=each.replaced_by,
        ref=None if each.external_ref is None else books.hidden_ref(county, each.external_ref),
    )


def _inbox_rows(home: Home, county: str) -> Iterator[Row]:
    for line in access_log.read(access_log_path(home, county)):
        yield books.Access(entry=line.rstrip(b"\n").decode("utf-8", "replace"))
    with looking_into_inbox(home, county) as inbox:
        if inbox is None:
            return
        items, digests, lanes = inbox.exported()
        yield from map(_came, items)
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


def _came(each: ExportedItem) -> books.InboxRow:
    gone = each.destroyed
    return books.InboxRow(
        id=each.id,
        hash=each.hash.hex(),
        counterfoil=books.written_base64(each.counterfoil),
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


@contextlib.contextmanager
def gather(
    home: Home, where: str | None, files: Sequence[Path], *, unsettled: bool
) -> Iterator[tuple[LogSource, Evidence]]:
    """Read the log and the books, and lay them side by side.

    Args:
        home: the home and its charters.
        where: folder or URL of an exported log with its statements; None: this home's ledger.
        files: of books; none: this home's counties.
        unsettled: take the newest checkpoint, final or not.

    Yields:
        The log's files, for proofs, and the evidence.

    Raises:
        LedgerError: log or books cannot be used.
        CommandError: there is no ledger in this home.
    """
    if where is not None:
        yield source(where), _evidence(home, source(where), files, unsettled=unsettled)
        return
    with kept_statements(home) as statements:
        here = WithStatements(LogFolder(ledger_folder(home) / PUBLIC), statements)
        yield here, _evidence(home, here, files, unsettled=unsettled)


def _evidence(home: Home, log: LogSource, files: Sequence[Path], *, unsettled: bool) -> Evidence:
    from yizhan.cli.output import progress
    from yizhan.schemas.i18n import _

    with progress(_("核验账本")) as bar:
        seen = [0]

        def checked(count: int) -> None:
            bar.advance(count - seen[0])
            seen[0] = count

        logged: Logged = read_log(log, home.charters, unsettled=unsettled, progress=checked)
    return Evidence(logged, read_books(home, files))


def people_of(home: Home, event_id: str) -> dict[tuple[str, str], str]:
    """Tell who said what of an event, by name, from the stores that are in this home: (county, stage) → who, all."""
    people: dict[tuple[str, str], list[str]] = {}
    for county in sorted(home.charters.latest().members):
        with looking_into_outbox(home, county) as outbox:
            for posting in () if outbox is None else outbox.postings(OutboxQuery(id=event_id)):
                for said in (each for words in posting.said.values() for each in words):
                    if isinstance(by := said.payload.get("by"), dict):
                        who = f"{by.get('name')}（{by.get('badge')}）"
                        people.setdefault((posting.recipient, said.stage), []).append(who)
        with looking_into_inbox(home, county) as inbox:
            item = None if inbox is None else inbox.item(event_id)
            for answer in () if item is None else item.answers:
                people.setdefault((county, answer.stage), []).append(f"{answer.name}（{answer.badge}）")
    return {key: "、".join(dict.fromkeys(names)) for key, names in people.items()}
