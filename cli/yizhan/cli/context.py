"""What the command that runs works with: its home, its switches, its log."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from yizhan.charter.reader import CharterReader
from yizhan.cli.language import DEFAULT_HOME
from yizhan.cli.output import say
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _
from yizhan.schemas.payloads.common import Person
from yizhan.services.actor import Actor, process_account
from yizhan.services.home import Home


def current_home(charter: Path | None = None) -> Home:
    """Return the home of the command that runs; ``charter`` is the folder that ``--charter`` names."""
    root = click.get_current_context().find_root()
    if not isinstance(root.obj, Home):
        _log(debug=debugging())
        root.obj = Home(Path(_given().get("home") or DEFAULT_HOME))
    root.obj.charter_folder = charter or root.obj.charter_folder
    return root.obj


def acting(operation: str, officer: Person | None = None) -> Actor:
    """Return who runs this command, for the access log; ``operation`` such as ``inbox show``."""
    return Actor(process_account(), operation, officer)


def debugging() -> bool:
    """Return whether ``--debug`` was given."""
    return bool(click.get_current_context().find_root().meta.get("debug"))


def _given() -> dict[str, Any]:
    found = click.get_current_context().obj
    return found if isinstance(found, dict) else {}


def say_if_stale(reader: CharterReader) -> bool:
    """Say when a reader's charter is stale; return whether it is."""
    status = reader.status()
    if not status.stale(utc_now()):
        return False
    sentence = _("章程未能更新（charter_stale：{problem}），仍按最后一版 {name} 办理：{detail}")
    say(sentence.format(problem=status.problem, name=reader.latest().name, detail=status.detail))
    return True


def _log(*, debug: bool) -> None:
    """Let libraries speak only to engineers; a process that runs for long asks for more."""
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.CRITICAL, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


def log_to_stderr() -> None:
    """Log on stderr what a long-running process meets."""
    debug = debugging()
    logging.getLogger().setLevel(logging.DEBUG if debug else logging.INFO)
    # kafka-python logs every attempt at a broker that is away as an error; we log it once (yizhan.runtime.outage_log).
    for noisy, level in (("kafka", logging.CRITICAL), ("aiokafka", logging.ERROR), ("asyncio", logging.ERROR)):
        logging.getLogger(noisy).setLevel(logging.INFO if debug else level)
