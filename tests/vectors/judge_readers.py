"""What this implementation says of vectors for readers: postmarks beside envelopes, receipts, digests.

Rule 1: as ``judge``: each function calls what the program calls, here with a database that is thrown away.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from yizhan.consumers import digests as kept_digests
from yizhan.consumers import store as inbox_store
from yizhan.consumers.arrivals import Arrived
from yizhan.consumers.checks import Reader, SignedEvent, VerifiedManifest, examine
from yizhan.consumers.labels import ManifestVerdict, Warn
from yizhan.producers import confirmations
from yizhan.producers import store as outbox_store
from yizhan.runtime.store import open_store
from yizhan.schemas import dsse, strictjson
from yizhan.schemas.dsse import pae
from yizhan.schemas.header import parse_header
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.postmark import CONTENT_TYPE_ADMITTED, KAFKA_HEADER
from yizhan.schemas.timestamps import instant

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from yizhan.schemas.charter import Charters

Vector = dict[str, Any]
AT: Final = "2026-11-23T08:00:00.000Z"
SIGNER: Final = SigningKey.from_seed(bytes(32))
DISBELIEVED: Final = frozenset({Warn.POSTMARK_INVALID, Warn.POSTMARK_OTHER_RECORD})


@contextmanager
def database(migrations: Sequence[str]) -> Iterator[sqlite3.Connection]:
    """Give an empty database."""
    with tempfile.TemporaryDirectory() as folder, closing(open_store(Path(folder) / "db", migrations)) as conn:
        yield conn


def postmarks(vector: Vector, charters: Charters) -> Vector:
    """Look at an envelope and the postmark that came with it."""
    headers = ((KAFKA_HEADER, vector["document"].encode()),)
    milliseconds = int((instant(AT) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000
    record = Arrived("alert", 0, 0, milliseconds, bytes.fromhex(vector["record"]), headers)
    found = examine(record, Reader(vector["county"], (), charters))
    assert isinstance(found, SignedEvent), found
    believed = not found.warnings & DISBELIEVED
    form = dsse.unverified_type(headers[0][1]) if believed else ""
    kept = [json.loads(each.followup.payload()) for each in found.steps]
    return {"believed": believed, "way": found.way.value} | ({"steps": kept} if form == CONTENT_TYPE_ADMITTED else {})


def receipts(vector: Vector) -> Vector:
    """Take a receipt in as the sender of what it confirms."""
    target, header = vector["target"], parse_header(strictjson.dumps(vector["header"]))
    source, book, number = target["id"].rsplit("-", 2)
    receipt = header.receipt
    assert receipt is not None
    with database(outbox_store.MIGRATIONS) as conn:
        conn.execute("INSERT INTO books VALUES (1, ?, ?, 'new')", (book, AT))
        conn.execute(
            "INSERT INTO events (seq, id, book, n, type, accepted, hash, record_sha256, prompt, awaits)"
            " VALUES (1, ?, ?, ?, 'x', ?, ?, ?, 1, 1)",
            (target["id"], book, int(number), AT, bytes.fromhex(target["hash"]), bytes(32)),
        )
        for code, lane in target["lanes"].items():
            conn.execute(
                "INSERT INTO recipients (seq, recipient, book, lane, n, way, rule) VALUES (1, ?, ?, ?, ?, 'x', 'x')",
                (code, book, lane["lane"], lane["n"]),
            )
        if receipt.target_source == source and receipt.stage == "delivered":
            confirmations.confirm_lane(conn, header.county, receipt, AT)
        elif receipt.target_source == source:
            confirmations.confirm_event(conn, header, bytes(32), "{}")
        binds = conn.execute("SELECT 1 FROM recipients WHERE delivered IS NOT NULL").fetchone() is not None
    return {"binds": binds}


def digests(vector: Vector) -> Vector:
    """Close a digest of the records that came."""
    with database(inbox_store.MIGRATIONS) as conn:
        if vector["before"] is not None:
            kept_digests.close_digest(conn, _manifest(vector["before"]), vector["before"]["county"], AT)
        for record in vector["records"]:
            kept_digests.add_member(conn, bytes.fromhex(record["hash"]), None, prompt=record["prompt"])
        verdict = kept_digests.close_digest(conn, _manifest(vector["manifest"]), vector["county"], AT)
    return {"accepted": verdict is ManifestVerdict.VERIFIED}


def _manifest(payload: dict[str, Any]) -> VerifiedManifest:
    """Sign a manifest, as if it had verified."""
    manifest = Manifest.model_validate(payload)
    signed = pae(Manifest.content_type, manifest.payload())
    document = dsse.sign(Manifest.content_type, manifest.payload(), SIGNER)
    return VerifiedManifest(manifest, hashlib.sha256(signed).digest(), document, charter_known=True)
