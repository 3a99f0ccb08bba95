"""Whoever sees content is written down first, in the county's own folder.

Rule 1: the entry is on the disk before the content is on the screen; where it cannot be written, nothing
        is shown. One exception: an alarm that comes in rings, whatever the disk does (life before tidiness).
Rule 2: it names the account of this machine that ran the command, and the officer where one is named.
"""

from __future__ import annotations

import getpass
import logging
import os
from typing import TYPE_CHECKING

from yizhan.cli.app import utc_now
from yizhan.runtime import journal
from yizhan.runtime.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from yizhan.cli.app import App

log = logging.getLogger(__name__)


def journal_path(app: App, county: str) -> Path:
    """Where a county's journal of accesses is."""
    return app.county_folder(county) / journal.FILE


def account() -> str:
    """Name the account that runs this process: ``duty (1000)``."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "?"
    return f"{name} ({os.getuid()})"


def noted(
    app: App, county: str, how: journal.How, command: str, what: Sequence[str], officer: str | None = None
) -> None:
    """Write an access down (``StoreError`` if it cannot be)."""
    who = account() if officer is None else f"{officer}, {account()}"
    journal.note(journal_path(app, county), utc_now(), who[:200], how, command, what)


def noted_if_possible(app: App, county: str, how: journal.How, command: str, what: Sequence[str]) -> None:
    """Write an access down; what keeps it from being written is told and stops nothing."""
    try:
        noted(app, county, how, command, what)
    except StoreError:
        log.exception("an access could not be written down")
