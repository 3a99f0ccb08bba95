"""Says of a planned ring what will become of it, where its alarm waits for nobody any more."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Final

from yizhan.consumers.bell.rings import SAID_ONCE, Ring

_ENDED: Final = "SELECT state FROM items WHERE id = ? AND state IN ('acknowledged', 'withdrawn', 'expired')"


def as_it_will_be(conn: sqlite3.Connection, ring: Ring) -> Ring:
    """Return a ring as dropped where its alarm was answered or is over, though the ring's minute has not come."""
    waits = ring.state in {"due", "failed"} and ring.plan.urgency == "alarm" and ring.plan.step not in SAID_ONCE
    row = conn.execute(_ENDED, (ring.plan.about,)).fetchone() if waits else None
    return ring if row is None else replace(ring, state="dropped", why=row["state"])
