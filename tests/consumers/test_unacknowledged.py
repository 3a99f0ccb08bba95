"""Alarms that nobody acknowledges cost an idle inbox nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tests.consumers.bell_cases import Bell
from tests.world.simulator import NOW


@contextmanager
def _queries(*connections: sqlite3.Connection) -> Iterator[list[str]]:
    """Collect the queries that connections are asked."""
    asked: list[str] = []
    for each in connections:
        each.set_trace_callback(asked.append)
    yield asked
    for each in connections:
        each.set_trace_callback(None)


def test_what_is_looked_for_often_is_looked_up(bell: Bell) -> None:
    """No query of a tick or of a look of the bell goes through all alarms that ring, or through all planned rings."""
    conn, store = bell.listener.inbox._conn, bell.ringer.store  # noqa: SLF001 -- the queries of this connection
    with _queries(conn, store._conn) as asked:  # noqa: SLF001 -- as above
        bell.listener.inbox.tick()
        store.pending(NOW)
        store.unheard()
    plans = [str(row[3]) for query in asked for row in conn.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert {"items_expiring", "rings_begun", "rings_of_alarms"} <= {word for plan in plans for word in plan.split()}
    assert [plan for plan in plans if plan.startswith("SCAN") and ("items" in plan or "rings" in plan)] == [
        "SCAN one USING INDEX rings_in_vain"
    ]
