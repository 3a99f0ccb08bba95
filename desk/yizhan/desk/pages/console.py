"""What a page says of itself: which alarms it painted, and whether its sound can be heard."""

from __future__ import annotations

from starlette.responses import Response

from yizhan.desk.accounts.model import EVERYBODY
from yizhan.desk.consoles import Console
from yizhan.desk.request import Ask, NotSignedIn, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import marked


def report(ask: Ask) -> Response:
    """Take a page's word; it answers nothing."""
    session = ask.session
    if session is None:
        raise NotSignedIn(marked("请先登录"))
    audible = ask.form.get("audible") == "1"
    account = session.account
    ask.desk.consoles.said(Console(session.key, account.name, account.badge, utc_now(), audible, session.locked))
    return Response(status_code=204)


PAGES = (Page("/console", report, EVERYBODY, methods=("POST",), locked=True),)
