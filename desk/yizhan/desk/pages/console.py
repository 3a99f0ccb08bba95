"""What a page says of itself: which alarms it painted, and whether its sound can be heard.

Rule 1: only the page of somebody who may answer an alarm counts for the bell: that of an auditor or an administrator
        sounds, too, but the bell goes on to look for an officer.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.responses import Response

from yizhan.desk.accounts.model import EVERYBODY
from yizhan.desk.pages.answers import ANSWERERS
from yizhan.desk.request import Ask, Page
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import marked
from yizhan.services.consoles import report_console

_NAME: Final = re.compile(r"[0-9a-f]{32}")


class UnknownConsole(YizhanError):
    """A report that does not name its page as ours do."""


def report(ask: Ask) -> Response:
    """Take a page's word, for the bell; it answers nothing."""
    console, account = ask.form.get("console", ""), ask.account
    if not _NAME.fullmatch(console):
        raise UnknownConsole(marked("这个页面没有报出自己的编号，请刷新"))
    if not account.roles & ANSWERERS:
        return Response(status_code=204)
    audible = ask.form.get("audible") == "1"
    shown, actor = ask.values("shown"), ask.actor("console")
    report_console(ask.desk.home, ask.desk.county, console, account.name, shown, actor, audible=audible)
    return Response(status_code=204)


PAGES = (Page("/console", report, EVERYBODY, methods=("POST",), locked=True, unattended=True),)
