"""The access log, paged and filtered; the books that an audit needs: ours to give away, others' to take in."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from yizhan.desk.accounts.model import Role
from yizhan.desk.audit_view import BREAKS, HOWS
from yizhan.desk.filters import number_asked
from yizhan.desk.request import Ask, Page
from yizhan.ledger.errors import BookInvalid
from yizhan.schemas.errors import NotFound, YizhanError
from yizhan.schemas.i18n import _, marked
from yizhan.services.access_reading import AccessQuery, check_access_log, list_accesses
from yizhan.services.audit_desk import KINDS, audit_folder, check_books, drop_book, take_book
from yizhan.services.books import export_book
from yizhan.services.labels import error_sentence

AUDITORS: Final = frozenset({Role.AUDITOR})
MOST_BYTES: Final = 2 << 30


def accesses(ask: Ask) -> Response:
    """Show the access log, the newest first."""
    who, what, day = (ask.query.get(name, "").strip() for name in ("who", "what", "day"))
    query = AccessQuery(who, what, _day(day), number_asked(ask, "before"))
    found = list_accesses(ask.desk.home, ask.desk.county, query)
    return ask.page("audit_access.html", found=found, who=who, what=what, day=day, hows=HOWS)


def check(ask: Ask) -> Response:
    """Check the chain of the whole access log."""
    entries, breaks = check_access_log(ask.desk.home, ask.desk.county)
    return ask.page("audit_chain.html", entries=entries, breaks=breaks, reasons=BREAKS)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise NotFound(marked("“{day}”不是日期；应写成 2026-11-30 这样"), day=text[:40]) from None


def books(ask: Ask) -> Response:
    """Show the books that are here."""
    found = check_books(ask.desk.home, ask.desk.county)
    rows = [(name, None if isinstance(book, BookInvalid) else book, _fault(book)) for name, book in found]
    return ask.page("audit_books.html", rows=rows, kinds=KINDS)


def _fault(book: object) -> str:
    return error_sentence(book) if isinstance(book, BookInvalid) else ""


def export(ask: Ask) -> Response:
    """Give away a book of this county; the access log has it."""
    kind = next((each for each in KINDS if each == ask.path["kind"]), None)
    if kind is None:
        raise NotFound(marked("没有这本簿"))
    name = f"{ask.desk.county}-{kind}.jsonl"
    lines = export_book(ask.desk.home, ask.desk.county, kind, ask.actor("audit export"), name)
    return ask.download(b"".join(lines), name, "application/jsonl")


async def take(ask: Ask) -> Response:
    """Take in a book that another county exported: the body is the file."""
    home, county = ask.desk.home, ask.desk.county
    folder = audit_folder(home, county)
    await run_in_threadpool(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
        path = Path(file.name)
    try:
        fault = await _receive(ask, path) or await run_in_threadpool(_taken, ask, path)
    finally:
        await run_in_threadpool(path.unlink, missing_ok=True)
    return JSONResponse({"fault": fault}, 400 if fault else 200)


async def _receive(ask: Ask, path: Path) -> str:
    size = 0
    with path.open("wb") as file:
        try:
            async for piece in ask.request.stream():
                size += len(piece)
                if size > MOST_BYTES:
                    return _("这个文件太大，不像一本簿")
                await run_in_threadpool(file.write, piece)
        except ClientDisconnect:
            return _("没有传完，请再传一次")
    return ""


def _taken(ask: Ask, path: Path) -> str:
    try:
        take_book(ask.desk.home, ask.desk.county, path)
    except YizhanError as error:
        return error_sentence(error)
    return ""


def drop(ask: Ask) -> Response:
    """Delete a book of another county."""
    drop_book(ask.desk.home, ask.desk.county, ask.form.get("name", ""))
    return ask.see("/audit/books")


PAGES = (
    Page("/audit/access", accesses, AUDITORS),
    Page("/audit/access/check", check, AUDITORS),
    Page("/audit/books", books, AUDITORS),
    Page("/audit/books/take", take, AUDITORS, methods=("POST",), stream=True),
    Page("/audit/books/drop", drop, AUDITORS, methods=("POST",)),
    Page("/audit/books/{kind}", export, AUDITORS),
)
