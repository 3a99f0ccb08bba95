"""The audit at a county's desk: where its log and books are, verification whose result is kept, reports as files.

Rule 1: a county has its own books; those of others are files that they exported and an officer put here, in
        ``audit/books`` of the county's folder. The county's own books are exported beside them, which its access
        log has.
Rule 2: books hold ids, hashes, times and officers' names, and no content.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, get_args

from yizhan.ledger.audit.books import Book, Kind, read_book
from yizhan.ledger.audit.pages import as_csv, as_html
from yizhan.ledger.audit.report import QuarterReport
from yizhan.ledger.errors import BookInvalid, LedgerError
from yizhan.ledger.log import PUBLIC
from yizhan.ledger.statements import FILE as STATEMENTS_FILE
from yizhan.runtime.folders import private_file, write_private
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import LANGUAGES, marked, speaking
from yizhan.schemas.timestamps import written
from yizhan.services.access_reading import check_access_log
from yizhan.services.actor import Actor
from yizhan.services.audit import AuditSources, verify_log
from yizhan.services.books import export_book
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.labels import error_sentence
from yizhan.services.ledger import ledger_folder
from yizhan.services.progress import SILENT, Progress

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_RESULT: Final = "verification.json"
_STATE: Final = "verification.state"
_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Verification:
    """What the last verification of the log found. ``fault`` is by language; empty: all is as it must be.

    ``breaks`` are the lines of the county's access log at which its chain is broken, with the reason.
    """

    at: str
    by: str
    size: int = 0
    root: str = ""
    signed: str = ""
    final: int | None = None
    cosigned: tuple[str, ...] = ()
    quorum: int = 0
    statements: int = 0
    accesses: int = 0
    breaks: tuple[tuple[int, str], ...] = ()
    fault: Mapping[str, str] = field(default_factory=dict, hash=False)


def audit_folder(home: Home, county: str) -> Path:
    """Return where a county keeps what its audit needs."""
    return home.county_folder(county) / "audit"


def log_place(home: Home) -> str:
    """Return folder or address of the log (``NotFound`` where this machine has none)."""
    where = home.settings.audit_log
    if where is not None:
        return where if where.startswith(("http://", "https://")) else str(home.path / where)
    folder = ledger_folder(home)
    if not (folder / STATEMENTS_FILE).exists():
        sentence = marked(
            "这台机器上没有账本。请管理系统的人把驿站导出的账本（连原话）放好，再在设置 {setting} 里写明放在哪里"
        )
        raise NotFound(sentence, setting="audit_log")
    return str(folder / PUBLIC)


def audit_sources(home: Home, county: str, actor: Actor, *, unsettled: bool = False) -> AuditSources:
    """Return where log and books are; with books of others, the county's own are exported beside them.

    Raises:
        NotFound: this machine has no log.
        StoreError: the export cannot be written down.
    """
    place = log_place(home)
    others = [path for path in book_files(home, county) if not path.name.startswith(county)]
    if others:
        for kind in KINDS:
            path = audit_folder(home, county) / "books" / f"{county}-{kind}.jsonl"
            _write(path, export_book(home, county, kind, actor, path.name))
            others.append(path)
    return AuditSources(home, None if home.settings.audit_log is None else place, tuple(others), unsettled)


# -- books of others --


def book_files(home: Home, county: str) -> list[Path]:
    """List the files of books that were put here."""
    return sorted((audit_folder(home, county) / "books").glob("*.jsonl"))


def take_book(home: Home, county: str, file: Path) -> Book:
    """Take over a file that another county exported; it is named after its county and kind.

    Raises:
        ServiceError: it is a book of this county, which is made here.
        BookInvalid: it is no book, or damaged.
    """
    with file.open("rb") as lines:
        book = read_book(lines, home.charters)
    if home.member(book.county) == county:
        raise ServiceError(marked("这是本县自己的簿，不必交来：本机随时可以导出"))
    folder = audit_folder(home, county) / "books"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.replace(folder / f"{book.county}-{book.opening.kind}.jsonl")
    return book


def drop_book(home: Home, county: str, name: str) -> None:
    """Delete a book of another county (``NotFound``)."""
    for path in book_files(home, county):
        if path.name == name:
            path.unlink()
            return
    raise NotFound(marked("没有这本簿"))


def _write(path: Path, lines: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    with private_file(new) as file:
        file.writelines(lines)
    new.replace(path)


# -- verification --


def verify_here(home: Home, county: str, actor: Actor, now: datetime, progress: Progress = SILENT) -> Verification:
    """Verify the whole log and the county's access log, and keep the result; what is wrong is in it, never raised.

    An interrupted run goes on where it was.

    Raises:
        NotFound: this machine has no log.
    """
    place, folder = log_place(home), audit_folder(home, county)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    begun = Verification(written(now), str(actor.officer.name if actor.officer else actor.account))
    try:
        found = verify_log(home, place, folder / _STATE, progress)
    except LedgerError as error:
        (folder / _STATE).unlink(missing_ok=True)
        made = Verification(begun.at, begun.by, fault=_in_words(error))
    else:
        accesses, breaks = check_access_log(home, county)
        made = Verification(
            begun.at, begun.by, found.newest.checkpoint.size, found.newest.checkpoint.root.hex(),
            written(found.newest.at), None if found.final is None else found.final.checkpoint.size,
            () if found.final is None else tuple(sorted(found.final.cosigned)), found.newest.charter.quorum,
            found.statements, accesses, tuple((each.line, each.why) for each in breaks),
        )  # fmt: skip
    write_private(folder / _RESULT, json.dumps(asdict(made), ensure_ascii=False).encode())
    return made


def last_verification(home: Home, county: str) -> Verification | None:
    """Return the result of the last verification; None where there was none."""
    try:
        kept = json.loads((audit_folder(home, county) / _RESULT).read_bytes())
    except FileNotFoundError:
        return None
    kept["breaks"] = tuple((line, why) for line, why in kept["breaks"])
    return Verification(**kept | {"cosigned": tuple(kept["cosigned"])})


def _in_words(error: LedgerError) -> dict[str, str]:
    words = {}
    for language in LANGUAGES:
        with speaking(language):
            words[language] = error_sentence(error)
    return words


# -- reports --


def report_file(found: QuarterReport, language: str, form: str) -> bytes:
    """Return a report as ``html`` or ``csv`` in a language (``NotFound`` for another)."""
    if language not in LANGUAGES or form not in {"html", "csv"}:
        raise NotFound(marked("报告没有这种文件"))
    # The mark at the beginning lets spreadsheets read Chinese.
    return (as_html(found, language) if form == "html" else _BOM + as_csv(found, language)).encode()


def check_books(home: Home, county: str) -> list[tuple[str, Book | BookInvalid]]:
    """Read the books of others that are here: file name, and the book or why it cannot be used."""
    found: list[tuple[str, Book | BookInvalid]] = []
    for path in book_files(home, county):
        if path.name.startswith(county):
            continue
        try:
            with path.open("rb") as lines:
                found.append((path.name, read_book(lines, home.charters)))
        except BookInvalid as error:
            found.append((path.name, error))
    return found
