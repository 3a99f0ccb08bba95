"""Writes the schema of each former version of each SQLite store, as the code of then made it.

Usage: ``python -m tests.shapes.make``, in a clone with its history. Of two branches that made a version each, the one
counts that the present schema continues.
"""

from __future__ import annotations

import ast
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
STORES: Final = {
    "inbox": "consumers/yizhan/consumers/store.py",
    "outbox": "producers/yizhan/producers/store.py",
    "drafts": "producers/yizhan/producers/draft_store.py",
    "files": "consumers/yizhan/consumers/files.py",
    "consoles": "consumers/yizhan/consumers/bell/consoles.py",
    "cosigner": "ledger/yizhan/ledger/mirror.py",
    "statements": "ledger/yizhan/ledger/statements.py",
    "checkpoint": "ledger/yizhan/ledger/checkpoint_store.py",
    "bulletins": "bulletin/yizhan/bulletin/text_store.py",
    "desk": "desk/yizhan/desk/accounts/schema.py",
    "closing": "streams/yizhan/streams/closing_kafka.py",
}
"""Store → the file that has its migrations."""
_NAMES: Final = frozenset({"MIGRATIONS", "_SCHEMA"})


def migrations_in(source: str) -> tuple[str, ...]:
    """Return the migrations that a source file has."""
    for node in ast.walk(ast.parse(source)):
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id in _NAMES and isinstance(node, ast.AnnAssign):
            return tuple(ast.literal_eval(node.value or node))
    return ()


def present(store: str) -> tuple[str, ...]:
    """Return the migrations of this tree."""
    return migrations_in((ROOT / STORES[store]).read_text("utf-8"))


def schema(migrations: tuple[str, ...]) -> str:
    """Return the schema that some migrations make, as SQL, without comments: one line a statement."""
    with closing(sqlite3.connect(":memory:")) as conn:
        for each in migrations:
            conn.executescript(each)
        made = [row[0] for row in conn.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")]
    lines = [" ".join(re.sub("--[^\n]*", "", each).split()) + ";" for each in made if "sqlite_sequence" not in each]
    return "\n".join([*lines, f"PRAGMA user_version = {len(migrations)};", ""])


def former(store: str) -> Iterator[tuple[str, ...]]:
    """Yield the migrations of each commit that changed them, the newest first."""
    log = ["git", "log", "--format=%H", "--", STORES[store]]
    for commit in subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split():
        shown = subprocess.run(
            ["git", "show", f"{commit}:{STORES[store]}"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if shown.returncode == 0 and (found := migrations_in(shown.stdout)):
            yield found


def main() -> None:
    """Write what is missing."""
    for store in STORES:
        for migrations in former(store):
            path = HERE / f"{store}-{len(migrations)}.sql"
            if not path.exists() and schema(migrations) == schema(present(store)[: len(migrations)]):
                path.write_text(schema(migrations), "utf-8")


if __name__ == "__main__":
    main()
