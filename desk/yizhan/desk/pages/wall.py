"""The screen on the wall: what rings, as kind, county and age, for a screen that the security administrator registered.

Rule 1: it needs no person: a cookie of the screen opens it, and nothing else; who is signed in may open it too.
Rule 2: quiet is shown only while ``inbox run`` is proven to make progress; else the state is unknown.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from yizhan.desk.pages.sign_in import SCREEN_COOKIE
from yizhan.desk.request import SIGN_IN, Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.payloads.table import type_name
from yizhan.services.ringing import ringing_outline

PROVEN_SECONDS: Final = 8.0
"""How old the last progress of the receiving process may be."""
_SHOWN: Final = 6
_MINUTE: Final = 60
_HOUR: Final = 3600


def wall(ask: Ask) -> Response:
    """Show the page; it asks for what rings by itself."""
    return _screen(ask, "wall.html") if _admitted(ask) else ask.see(SIGN_IN)


def rings(ask: Ask) -> Response:
    """Show what rings now; a screen that was revoked gets 401."""
    return _screen(ask, "wall_rings.html") if _admitted(ask) else Response(status_code=401)


def _admitted(ask: Ask) -> bool:
    cookie = ask.request.cookies.get(SCREEN_COOKIE)
    return ask.session is not None or ask.desk.accounts.devices.find(cookie) is not None


def _screen(ask: Ask, template: str) -> Response:
    now, found = utc_now(), ringing_outline(ask.desk.home, ask.desk.county)
    age = ask.desk.feed.receiver_age()
    alarms = [
        (each, type_name(each.type), _age(int((now - each.received).total_seconds()))) for each in found.alarms[:_SHOWN]
    ]
    return ask.page(
        template,
        alarms=alarms,
        count=found.count,
        more=found.count - len(alarms),
        proven=age is not None and age <= PROVEN_SECONDS,
        now=now,
    )


def _age(seconds: int) -> str:
    """Write how long something rings.

    >>> [_age(each) for each in (-1, 102, 3725)]
    ['0:00', '1:42', '1:02:05']
    """
    seconds = max(seconds, 0)
    hours, minutes = seconds // _HOUR, seconds % _HOUR // _MINUTE
    rest = f"{seconds % _MINUTE:02}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


PAGES = (
    Page("/duty/wall", wall, public=True, unattended=True),
    Page("/duty/wall/rings", rings, public=True, unattended=True),
)
