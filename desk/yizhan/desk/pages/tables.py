"""Tables: an empty one of a type to download, a filled one into drafts, what came and went to take along."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from yizhan.desk.pages.drafts import WRITERS
from yizhan.desk.request import Ask, Page
from yizhan.desk.uploading import pieces_of
from yizhan.schemas.errors import NotFound, YizhanError
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.payloads.table import types_called
from yizhan.services.errors import ServiceError
from yizhan.services.export import ExportQuery
from yizhan.services.labels import error_sentence, short_type, type_name
from yizhan.services.table_transfer import export_bytes, import_drafts, template_bytes

_MEDIA = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


def tables(ask: Ask) -> Response:
    """Show what can be downloaded and imported."""
    return ask.page("tables.html", types=[(short_type(each), type_name(each)) for each in TYPES if each != RECEIPT])


def template(ask: Ask) -> Response:
    """Return an empty table of a type."""
    type, ending = _type(ask.path["type"]), _ending(ask)
    return _file(template_bytes(ask.desk.home, type, csv=ending == "csv"), f"{type_name(type)}.{ending}", ending)


def export(ask: Ask) -> Response:
    """Return what came and went as a table."""
    query, ending = ask.query, _ending(ask)
    type = _type(query["type"]) if query.get("type") else None
    box = query.get("box", "both")
    wanted = ExportQuery(type, query.get("quarter") or None, box if box in {"inbox", "outbox"} else "both")  # type: ignore[arg-type]
    made = export_bytes(ask.desk.home, ask.desk.county, wanted, ask.actor("export"), csv=ending == "csv")
    name = f"{ask.desk.county} {type_name(type) if type else ''}{wanted.quarter or ''}".strip()
    return _file(made, f"{name}.{ending}", ending)


async def take(ask: Ask) -> Response:
    """Import a table into drafts; the body is the file."""
    return await run_in_threadpool(_answer, _import, ask)


def _answer(act: Callable[[Ask], Response], ask: Ask) -> Response:
    try:
        return act(ask)
    except YizhanError as error:
        return PlainTextResponse(error_sentence(error), 400)


def _import(ask: Ask) -> Response:
    type = _type(ask.query["type"]) if ask.query.get("type") else None
    found = import_drafts(ask.desk.home, ask.desk.county, ask.path["name"], type, _whole(ask))
    return ask.page("table_result.html", found=found)


def _whole(ask: Ask) -> Iterator[bytes]:
    """Yield the file; one that was cut off is no shorter table (``ServiceError``)."""
    said, size = ask.request.headers.get("Content-Length"), 0
    for piece in pieces_of(ask.request):
        size += len(piece)
        yield piece
    if said is not None and str(size) != said:
        raise ServiceError(marked("没有传完，请再传一次"))


def _type(word: str) -> str:
    found = types_called(word)
    if len(found) != 1:
        raise NotFound(marked("没有名为 {type} 的类型；请在“拟写”页选一种"), type=word[:60])
    return found[0]


def _ending(ask: Ask) -> str:
    return "csv" if ask.query.get("as") == "csv" else "xlsx"


def _file(content: bytes, name: str, ending: str) -> Response:
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(content, media_type=_MEDIA[ending], headers=headers)


PAGES = (
    Page("/tables", tables, WRITERS),
    Page("/tables/template/{type}", template, WRITERS),
    Page("/tables/export", export, WRITERS),
    Page("/table-import/{name}", take, WRITERS, methods=("PUT",), stream=True),
)
