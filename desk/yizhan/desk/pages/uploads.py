"""Files of a draft: each one raw body, streamed to the disk; one that was cut off goes on where it ended.

    HEAD   /uploads/N/NAME   Upload-Offset: bytes that the server has
    PUT    /uploads/N/NAME   with Upload-Offset and Upload-Length (of the whole file); answers Upload-Offset
    DELETE /uploads/N/NAME

Rule 1: the service judges name, size and content; its sentence is the answer, as text.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from yizhan.desk.pages.drafts import WRITERS, number
from yizhan.desk.request import Ask, Page
from yizhan.desk.uploading import pieces_of
from yizhan.runtime.errors import StoreError
from yizhan.schemas.errors import NotFound, YizhanError
from yizhan.schemas.filetypes import clean_name
from yizhan.schemas.i18n import marked
from yizhan.services.errors import Conflict, ServiceError
from yizhan.services.form_sheet import open_sheet
from yizhan.services.labels import error_sentence
from yizhan.services.uploads import delete_upload, list_uploads, upload_piece


async def file(ask: Ask) -> Response:
    """Take, tell of, or take away one file of a draft."""
    act: dict[str, Callable[[Ask], Response]] = {"HEAD": _tell, "PUT": _take, "DELETE": _delete}
    return await run_in_threadpool(_answer, act[ask.request.method], ask)


def _answer(act: Callable[[Ask], Response], ask: Ask) -> Response:
    try:
        return act(ask)
    except NotFound as error:
        return PlainTextResponse(error_sentence(error), 404)
    except Conflict as error:
        return PlainTextResponse(error_sentence(error), 409)
    except StoreError as error:
        return PlainTextResponse(error_sentence(error), 507)
    except YizhanError as error:
        return PlainTextResponse(error_sentence(error), 400)


def _tell(ask: Ask) -> Response:
    name = clean_name(ask.path["name"])
    found = [each for each in list_uploads(ask.desk.home, ask.desk.county, number(ask)) if each.name == name]
    begun = next((each.bytes for each in found if not each.whole), 0)
    return Response(headers={"Upload-Offset": str(begun)})


def _take(ask: Ask) -> Response:
    headers = ask.request.headers
    offset, total = _bytes(headers.get("Upload-Offset", "0")), _bytes(headers.get("Upload-Length", ""))
    desk = ask.desk
    taken = upload_piece(
        desk.home, desk.county, number(ask), ask.path["name"], pieces_of(ask.request), offset=offset, total=total
    )
    return Response(status_code=201 if taken.whole else 200, headers={"Upload-Offset": str(taken.bytes)})


def _bytes(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):  # noqa: PLR2004 -- digits
        raise ServiceError(marked("没有说明文件有多大，没有收；请从值班台的页面添加附件"))
    return int(text)


def _delete(ask: Ask) -> Response:
    delete_upload(ask.desk.home, ask.desk.county, number(ask), ask.path["name"])
    return Response(status_code=204)


def files(ask: Ask) -> Response:
    """Show the files of a draft alone."""
    n = number(ask)
    with open_sheet(ask.desk.home, ask.desk.county, n) as sheet:
        return ask.page("draft_files.html", sheet=sheet, files=list_uploads(ask.desk.home, ask.desk.county, n))


PAGES = (
    Page("/uploads/{n}/{name}", file, WRITERS, methods=("PUT", "HEAD", "DELETE"), stream=True),
    Page("/drafts/{n}/files", files, WRITERS),
)
