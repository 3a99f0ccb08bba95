"""Reconciles the pair that signed the agreement; then an event is deleted from an inbox, and the audit finds it.

Rule 1: the auditor has the exported log, four books and the charter, and nothing that runs.
Rule 2: the letter is deleted from a copy: the county's own inbox stays as it is.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from yizhan.demo.scenario import QINGYUAN, SHOUNING
from yizhan.schemas.i18n import _
from yizhan.services.stores import INBOX_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from yizhan.demo.play import Day

    Alone = Callable[..., CompletedProcess[str]]

BOOKS: Final = "books"


def reconcile_pair(day: Day, exported: Path, carried: Path, alone: Alone) -> dict[str, Any]:
    """Reconcile the pair, then with a planted deletion; what came of it.

    Args:
        day: that was played.
        exported: the log with its statements.
        carried: a home that has nothing but a charter.
        alone: runs one of our commands in a home.
    """
    stage, account = day.stage, day.account
    folder = stage.home / BOOKS
    folder.mkdir()
    books = {
        (county, kind): folder / f"{county}-{kind}.jsonl"
        for county in (SHOUNING, QINGYUAN)
        for kind in ("outbox", "inbox")
    }
    for (county, kind), path in books.items():
        stage.yizhan(kind, "export", str(path), "--county", county)
    honest = _compared(alone, exported, carried, list(books.values()))
    agreed = honest["discrepancies"] == [] and bool(honest["lanes"])
    day.check(agreed, f"reconciliation: {honest['discrepancies']}")
    account.line("   " + _("{a}与{b}对账：{lanes} 道，账实相符").format(
        a=account.name(SHOUNING), b=account.name(QINGYUAN), lanes=len(honest["lanes"])
    ))  # fmt: skip
    _county, fire = day.sent["fire"]
    books[QINGYUAN, "inbox"] = _with_a_letter_less(day, carried, fire.id, alone)
    harmed = _compared(alone, exported, carried, list(books.values()))
    reported = [(each["odd"], each["id"]) for each in harmed["discrepancies"]]
    found = reported == [("deleted_by_recipient", fire.id)]
    day.check(found, f"the deleted letter {fire.id}: {reported}")
    for each in harmed["discrepancies"]:
        sentence = _("从{county}的收件箱里删去一件  → 对账指名 {id}，账上第 {place} 条")
        account.line("✘ " + sentence.format(county=account.name(QINGYUAN), **each), "magenta")
    return {"pair_agrees": agreed, "deleted_letter_found": found}


def _compared(alone: Alone, exported: Path, carried: Path, books: list[Path]) -> dict[str, Any]:
    given = [word for path in books for word in ("--book", str(path))]
    ran = alone(carried, "audit", "reconcile", SHOUNING, QINGYUAN, "--log", str(exported), "--json", *given)
    empty = {"discrepancies": [{"odd": "failed", "id": ran.stderr.strip(), "place": None}], "lanes": []}
    found: dict[str, Any] = json.loads(ran.stdout)["reconciliation"] if ran.stdout else empty
    return found


def _with_a_letter_less(day: Day, carried: Path, event_id: str, alone: Alone) -> Path:
    """Delete an event from a copy of an inbox, and export the book of the copy."""
    home = day.stage.home / "harmed"
    copy = home / "counties" / QINGYUAN / INBOX_FILE
    shutil.copytree(carried / "charter", home / "charter")
    copy.parent.mkdir(parents=True)
    copy.touch(mode=0o600)
    source = day.stage.home / "counties" / QINGYUAN / INBOX_FILE
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(copy)) as new:
        old.backup(new)
        with new:
            seq = new.execute("SELECT seq FROM items WHERE id = ?", (event_id,)).fetchone()
            new.execute("DELETE FROM letters WHERE seq = ?", seq)
            new.execute("DELETE FROM items WHERE seq = ?", seq)
    book = day.stage.home / BOOKS / f"{QINGYUAN}-inbox-harmed.jsonl"
    ran = alone(home, "inbox", "export", str(book), "--county", QINGYUAN)
    day.check(ran.returncode == 0, ran.stderr.strip())
    shutil.rmtree(home)
    return book
