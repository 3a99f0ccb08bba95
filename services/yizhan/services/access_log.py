"""The access log of a county: who looked at content is written down before the content is returned.

Rule 1: the entry is on the disk before the content is shown; where it cannot be written, nothing is shown. One
        exception: an alarm that comes in rings, whatever the disk does (life before tidiness).
        What a screen shows of what comes in was entered with the event, in the inbox; ``arrival_log`` copies it.
Rule 2: a service that returns content which a partner sealed calls ``record`` first; a test goes through all services.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from yizhan.runtime import access_log
from yizhan.runtime.clock import utc_now
from yizhan.services.actor import Actor
from yizhan.services.home import Home

log = logging.getLogger(__name__)
_MOST_CHARACTERS = 200
"""Longest ``who`` of an entry (``AccessEntry``)."""


def access_log_path(home: Home, county: str) -> Path:
    """Return where a county's access log is."""
    return home.county_folder(county) / access_log.FILE


def record(home: Home, county: str, actor: Actor, how: access_log.How, what: Sequence[str]) -> None:
    """Write an access down (``StoreError`` if it cannot be)."""
    access_log.append(access_log_path(home, county), utc_now(), who(actor), how, actor.operation, what)


def who(actor: Actor) -> str:
    """Return an actor as an entry names him."""
    return str(actor).encode("utf-8", "backslashreplace").decode()[:_MOST_CHARACTERS]


def record_if_possible(home: Home, county: str, actor: Actor, how: access_log.How, what: Sequence[str]) -> bool:
    """Write an access down, and return whether it was; a fault that prevents it is logged and stops nothing."""
    try:
        record(home, county, actor, how, what)
    except Exception:
        log.exception("an access could not be written down")
        return False
    return True
