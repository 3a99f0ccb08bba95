"""The ASGI application of a desk: routes, sessions, and what becomes of errors.

Rule 1: default deny: a route that names no role and is not public cannot be opened by anybody.
Rule 2: an error is a page that says what was expected, what came and what to do; a traceback is for the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from typing import cast

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from yizhan.desk.accounts.model import Session
from yizhan.desk.desk import Desk
from yizhan.desk.guard import Entrance, Guard, language_of
from yizhan.desk.metrics import REQUESTS, SECONDS, status_class
from yizhan.desk.rendering import STATIC
from yizhan.desk.request import SIGN_IN, Ask, NotSignedIn, Page, locked_from
from yizhan.desk.routes import PAGES
from yizhan.runtime.clock import utc_now
from yizhan.runtime.errors import StoreError
from yizhan.schemas.errors import NotFound, YizhanError
from yizhan.schemas.i18n import marked, speaking
from yizhan.services.errors import Conflict, ServiceError
from yizhan.services.labels import error_sentence

log = logging.getLogger(__name__)


class NotAllowed(ServiceError):
    """A page that is for other roles."""


def make_app(desk: Desk) -> ASGIApp:
    """Return the application; its lifespan runs the feed."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        desk.feed.start(asyncio.get_running_loop())
        yield
        desk.feed.close()

    routes = [Route(page.path, partial(_measured, desk, page), methods=list(page.methods)) for page in PAGES]
    static = Mount("/static", StaticFiles(directory=STATIC))
    streamed = tuple(page.path.partition("{")[0] for page in PAGES if page.stream and "GET" not in page.methods)
    entrance = Entrance(frozenset(desk.origins), certificate_headers=desk.certificate_headers, streamed=streamed)
    application = GZipMiddleware(Starlette(routes=[*routes, static], lifespan=lifespan), compresslevel=6)
    return Guard(application, entrance)


async def _measured(desk: Desk, page: Page, request: Request) -> Response:
    began = time.perf_counter()
    answer = await _handle(desk, page, request)
    REQUESTS.labels(page.path, status_class(answer.status_code)).inc()
    if not page.stream:
        SECONDS.observe(time.perf_counter() - began)
    return answer


async def _handle(desk: Desk, page: Page, request: Request) -> Response:
    body = b"" if page.stream or request.method in {"GET", "HEAD"} else await request.body()
    with speaking(language_of(request.scope)):  # a thread has a copy of this context
        try:
            found = await run_in_threadpool(_session, desk, page, request)
        except StoreError as error:  # the disk is full or fails: who asks cannot be known
            log.error("%s %s: %s", request.method, request.url.path, error)  # noqa: TRY400 -- the sentence says it all
            return await run_in_threadpool(_error, Ask(desk, request, None, body), error, 503)
        ask = Ask(desk, request, found, body)
        refused = await run_in_threadpool(_refused, page, ask, found)
        if refused is not None:
            return refused
        if page.stream:
            return await cast("Awaitable[Response]", page.endpoint(ask))
        return await run_in_threadpool(_answer, page, ask)


def _session(desk: Desk, page: Page, request: Request) -> Session | None:
    person = not (page.stream or page.unattended)
    return desk.accounts.session(desk.session_cookie(request), utc_now(), person=person)


def _refused(page: Page, ask: Ask, session: Session | None) -> Response | None:
    """Return why somebody may not open a page; None where he may."""
    if page.public:
        return None
    if session is None or (session.locked and not page.locked):
        door = SIGN_IN if session is None else locked_from(ask)
        return Response(status_code=401, headers={"HX-Redirect": door}) if ask.wants_fragment else ask.see(door)
    if not session.account.roles & page.roles:
        return _error(ask, NotAllowed(marked("您的角色不能打开这一页")), 403)
    return None


def _answer(page: Page, ask: Ask) -> Response:
    try:
        return cast("Response", page.endpoint(ask))
    except NotSignedIn:
        return ask.see(SIGN_IN)
    except NotFound as error:
        return _error(ask, error, 404)
    except Conflict as error:
        return _error(ask, error, 409)
    except YizhanError as error:
        return _error(ask, error, 400)
    except Exception as error:
        log.exception("%s %s", ask.request.method, ask.current)
        return _error(ask, error, 500)


def _error(ask: Ask, error: Exception, status: int) -> Response:
    sentence = error_sentence(error) if isinstance(error, YizhanError) else ""
    hint = error.hint if isinstance(error, YizhanError) else None
    template = "error_part.html" if ask.wants_fragment else "error.html"
    return ask.page(template, status, sentence=sentence, hint=hint, code=status)
