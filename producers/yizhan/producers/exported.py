"""Own events for the auditor's books: everything but their content.

Rule 1: works inside its caller's lock; opens no transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from yizhan.schemas.counterfoils import counterfoil_of


@dataclass(frozen=True, slots=True)
class Exported:
    """One own event for the auditor: no content.

    ``counterfoil`` is None only where the envelope was dropped before counterfoils were kept; ``first_sent``
    is in seconds since 1970.
    """

    id: str
    hash: bytes
    record_sha256: bytes
    counterfoil: bytes | None
    accepted: str
    first_sent: float | None
    refused: str | None
    void: bool
    replaced_by: str | None
    external_ref: str | None
    postmark: bytes | None


def exported(conn: sqlite3.Connection) -> Iterator[Exported]:
    """Yield every event without its content, in the order of acceptance."""
    for row in conn.execute("SELECT * FROM events JOIN sealed USING (seq) ORDER BY seq"):
        yield Exported(
            id=row["id"],
            hash=row["hash"],
            record_sha256=row["record_sha256"],
            counterfoil=row["counterfoil"] if row["envelope"] is None else counterfoil_of(row["envelope"]),
            accepted=row["accepted"],
            first_sent=row["first_sent"],
            refused=row["refused"],
            void=bool(row["void"]),
            replaced_by=row["replaced_by"],
            external_ref=row["external_ref"],
            postmark=row["postmark"],
        )
