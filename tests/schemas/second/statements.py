"""Statements of the station (clause 12)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.schemas.second.basics import Json, sha256
from tests.schemas.second.envelope import pae
from tests.schemas.second.keys import kid
from tests.schemas.second.strict import compact, written

if TYPE_CHECKING:
    from datetime import datetime

    from tests.schemas.second.admission import Admitted
    from tests.schemas.second.charter import Charter


def postmark(
    admitted: Admitted, value: bytes, origin: Json, received: datetime, charter: Charter, seed: bytes
) -> bytes:
    """Stamp an admitted record (12.1, 12.4), as a station that knows no newer version than this charter."""
    newest = int(charter.name.partition("-")[0])
    said: Json = {
        "record_sha256": sha256(value).hex(),
        "origin": origin,
        "received": written(received),
        "charter": charter.name,
        "id": admitted.header["id"],
        "hash": admitted.hash.hex(),
        "decisions": admitted.decisions,
    }
    if admitted.clock_suspect:
        said["clock_suspect"] = True
    if int(admitted.header["charter"].partition("-")[0]) > newest:
        said["charter_behind"] = True
    kind, payload = "application/vnd.yizhan.postmark.v1+json", compact(said)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    signature = base64.b64encode(key.sign(pae(kind, payload))).decode()
    keyid = kid("sign", key.public_key().public_bytes_raw())
    return compact(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [{"keyid": keyid, "sig": signature}],
        }
    )
