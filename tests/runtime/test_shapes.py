"""Every database that a former version left opens today, with everything that it held."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.shapes.make import HERE, STORES, present, schema
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, with_a_fire
from yizhan.producers.draft_store import DraftStore
from yizhan.runtime.store import open_store, read_store
from yizhan.runtime.store_copy import integrity_problem

SHAPES = sorted(HERE.glob("*.sql"), key=lambda path: (path.stem.split("-")[0], int(path.stem.split("-")[1])))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return databases of today with content: a fire that was sent, received and answered for; a draft."""
    home = tmp_path_factory.mktemp("shapes") / "home"
    station = with_a_fire(home)
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    station.answer(SHOUNING)
    station.log()
    county = home / "counties" / SHOUNING
    with DraftStore(county / "drafts.sqlite3", SHOUNING) as store:
        store.begin(FIRE, datetime.now(UTC))
    return {
        "outbox": county / "outbox.sqlite3",
        "inbox": home / "counties" / QINGYUAN / "inbox.sqlite3",
        "drafts": county / "drafts.sqlite3",
        "statements": home / "ledger" / "statements.sqlite3",
        "checkpoint": home / "ledger" / "checkpoint.sqlite3",
    }


def columns(conn: sqlite3.Connection, table: str) -> list[str]:
    """Return the names of a table's columns, without those that are computed."""
    return [row[1] for row in conn.execute(f'PRAGMA table_xinfo("{table}")') if row[6] == 0]


def tables(conn: sqlite3.Connection) -> list[str]:
    """Return the names of the tables."""
    return [
        row[0]
        for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    ]


def content(conn: sqlite3.Connection, named: dict[str, list[str]]) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of tables, in the columns named."""
    return {
        table: sorted((tuple(row) for row in conn.execute(f"SELECT {', '.join(wanted)} FROM {table}")), key=repr)  # noqa: S608
        for table, wanted in named.items()
    }


def make_former(shape: Path, path: Path, now: Path | None) -> dict[str, list[str]]:
    """Make a database of a former shape, with what today's holds in the columns that it had; return these."""
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(shape.read_text("utf-8"))
        if now is None:
            return {}
        conn.execute("ATTACH ? AS now", (str(now),))
        had = {}
        for table in tables(conn):
            new = {row[1] for row in conn.execute(f'PRAGMA now.table_xinfo("{table}")') if row[6] == 0}
            had[table] = [each for each in columns(conn, table) if each in new]
            names = ", ".join(had[table])
            conn.execute(f"DELETE FROM main.{table}")  # noqa: S608 -- what a trigger entered
            conn.execute(f"INSERT OR IGNORE INTO main.{table} ({names}) SELECT {names} FROM now.{table}")  # noqa: S608
        conn.commit()
        return had


def test_the_shapes_are_those_of_today() -> None:
    """A migration that was released is never edited: it makes what it made; and the newest shape is kept here."""
    made = {f"{store}-{k}": schema(present(store)[:k]) for store in STORES for k in range(1, len(present(store)) + 1)}
    assert made == {path.stem: path.read_text("utf-8") for path in SHAPES}, "run python -m tests.shapes.make"


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.stem)
def test_a_former_database_opens_with_its_content(shape: Path, filled: dict[str, Path], tmp_path: Path) -> None:
    """It is read without being changed, and migrated when it is opened to write; no row and no value is lost."""
    store = shape.stem.split("-")[0]
    path = tmp_path / "former.sqlite3"
    had = make_former(shape, path, filled.get(store))
    with closing(sqlite3.connect(path)) as conn:
        before = content(conn, had)
    if store in {"inbox", "outbox"}:
        assert any(before.values())
    migrations = present(store)
    with closing(read_store(path, migrations)) as conn:
        assert content(conn, had) == before
    with closing(open_store(path, migrations)) as conn:
        assert conn.execute("PRAGMA user_version").fetchone()[0] == len(migrations)
        assert content(conn, had) == before
    assert integrity_problem(path) is None
