"""The change of shift: what the next officer must know, and the next officer's own signing in, which is the record.

Rule 1: the next officer signs in on the page of the one who goes; the session of the one who goes ends then.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from yizhan.desk.accounts.errors import AccountError
from yizhan.desk.accounts.model import Role
from yizhan.desk.metrics import SIGN_INS_REFUSED
from yizhan.desk.request import Ask, NotSignedIn, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import marked
from yizhan.services.bell import bell_status, read_bell
from yizhan.services.handover import hand_over
from yizhan.services.handover_text import handover_lines

_DUTY: Final = frozenset({Role.DUTY})
_SHOWN: Final = 5


def shift(ask: Ask) -> Response:
    """Show what is to be handed over."""
    return _page(ask)


def take_over(ask: Ask) -> Response:
    """Let the next officer in, enter who handed over to whom, end the session of the one who goes."""
    session = ask.session
    if session is None:
        raise NotSignedIn(marked("请先登录"))
    accounts, form, now = ask.desk.accounts, ask.form, utc_now()
    try:
        cookie = accounts.sign_in(form.get("badge", ""), form.get("password", ""), form.get("code", ""), now)
    except AccountError as error:
        SIGN_INS_REFUSED.labels("wrong").inc()
        return _page(ask, error)
    begun = accounts.session(cookie, now)
    if begun is None:
        raise NotSignedIn(marked("请先登录"))
    if begun.account.badge == session.account.badge or Role.DUTY not in begun.account.roles:
        accounts.sessions.end(begun.key, begun.account.badge, now)
        return _page(ask, AccountError(marked("接班的应是另一名值班员"), field="badge"))
    accounts.shifts.add(session.account, begun.account, now)
    accounts.sessions.end(session.key, session.account.badge, now)
    answer = ask.see("/duty")
    answer.set_cookie(ask.desk.cookie, cookie, secure=ask.desk.secure, httponly=True, samesite="strict")
    return answer


def _page(ask: Ask, error: AccountError | None = None) -> Response:
    home, county, now = ask.desk.home, ask.desk.county, utc_now()
    lines = tuple(handover_lines(home, hand_over(home, county, ask.actor("shift"), now)))
    bell = None if read_bell(home, county) is None else bell_status(home, county)
    changes = ask.desk.accounts.shifts.newest(_SHOWN)
    typed = ask.form.get("badge", "")
    status = 200 if error is None else 400
    return ask.page("shift.html", status, lines=lines, bell=bell, changes=changes, typed=typed, error=error, now=now)


PAGES = (Page("/shift", shift, _DUTY), Page("/shift", take_over, _DUTY, methods=("POST",)))
