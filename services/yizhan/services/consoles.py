"""The open pages of a county's web desk: what they report, for the bell (``consumers/bell/consoles.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from yizhan.consumers.bell.consoles import FILE, Console, ConsoleStore, ConsolesView
from yizhan.runtime.clock import utc_now
from yizhan.schemas.timestamps import written
from yizhan.services.actor import Actor
from yizhan.services.home import Home

MOST_SHOWN: Final = 1000
"""Alarms that one report names; a page that shows more reports again."""


def report_console(
    home: Home, county: str, console: str, label: str, shown: Sequence[str], actor: Actor, *, audible: bool
) -> None:
    """Enter that a page of the desk is open, and which alarms it shows now: at each new one, and every 20 s.

    Args:
        home: of the installation.
        county: whose desk it is.
        console: names the page; the same as long as it is open, and no other page's.
        label: what officers call it.
        shown: ids of alarms that were painted since the last report; all that it shows does no harm.
        actor: with the officer who is signed in; a page on the wall has none.
        audible: whether its sound can be heard, as far as the browser knows.

    Raises:
        StoreError: the disk fails; the page has to report again.
    """
    home.member(county)
    now = written(utc_now())
    badge = "" if actor.officer is None else actor.officer.badge
    with ConsoleStore(consoles_path(home, county)) as store:
        seen = Console(console, badge, label, now, audible, now if audible else None)
        store.report(seen, shown[:MOST_SHOWN])


def list_consoles(home: Home, county: str) -> tuple[Console, ...]:
    """List the pages that count as open, those seen last first."""
    path = consoles_path(home, home.member(county))
    if not path.exists():
        return ()
    with ConsolesView(path) as consoles:
        return consoles.live(utc_now())


def consoles_path(home: Home, county: str) -> Path:
    """Return where a county's desk writes which of its pages are open."""
    return home.county_folder(county) / FILE
