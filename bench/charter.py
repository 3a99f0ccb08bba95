"""Refreshing the charter with 6, 60 and 600 members: seconds and bytes.

Three looks of a reader that has everything: nothing is new; the station's timestamp is new; one county
has new keys. What is unchanged should cost nothing: ``others_fetched`` counts members' files that were
read though nothing about them changed, ``bytes`` everything that was read. The list of all (snapshot)
grows with the members and must be read when anything changes: ``list_bytes``.
"""

from __future__ import annotations

import base64
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.harness import Ground, significant, summary
from tests.world.ceremony import Ceremony
from yizhan.charter.fetch import MemorySource
from yizhan.charter.layout import SNAPSHOT, metadata_path
from yizhan.charter.reader import CharterReader
from yizhan.schemas import strictjson
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.schemas.sample import TWO, sample_ladders, sample_policy
from yizhan.schemas.timestamps import written

SIZES = (6, 60, 600)
LOOKS = 200
CHANGES = 5


def measure(_ground: Ground) -> dict[str, Any]:
    """Measure each size; role keys are Ed25519, and for 6 and 60 members ML-DSA-65 too."""
    found = {str(members): refresh(members, "ed25519") for members in SIZES}
    return found | {f"{members} ml-dsa-65": refresh(members, "ml-dsa-65") for members in SIZES[:2]}


def refresh(members: int, scheme: str) -> dict[str, Any]:
    """Measure one alliance."""
    now = datetime.now(UTC)
    ceremony = Ceremony.begin(alliance(members, now), now, scheme)
    with tempfile.TemporaryDirectory(prefix="yizhan-bench-") as folder:
        begun = time.perf_counter()
        reader = CharterReader(ceremony.archive(Path(folder)), MemorySource(ceremony.published))
        first = time.perf_counter() - begun
        idle, idle_bytes = looked(reader, LOOKS)
        changes, stamps = [], []
        for number in range(CHANGES):
            ceremony.restamp(now)
            stamps.append(looked(reader, 1))
            change(ceremony, "100000", now, number)
            ceremony.publish(now)
            changes.append(looked(reader, 1))
            assert reader.latest().version == number + 2
            others = len(reader.verified().fetched - {"100000"})
        listed = len(ceremony.published[metadata_path(SNAPSHOT, reader.latest().version)])
    return {
        "first_seconds": significant(first),
        "nothing_new": {"seconds": significant(idle), "bytes": idle_bytes},
        "timestamp_new": {"seconds": summary([s for s, _ in stamps]), "bytes": stamps[-1][1]},
        "one_county_new": {
            "seconds": summary([s for s, _ in changes]),
            "bytes": changes[-1][1],
            "list_bytes": listed,
            "others_fetched": others,
        },
    }


def looked(reader: CharterReader, times: int) -> tuple[float, int]:
    """Look so many times; seconds and bytes of one."""
    before, begun = reader.fetched_bytes, time.perf_counter()
    for _ in range(times):
        reader.refresh()
    return (time.perf_counter() - begun) / times, (reader.fetched_bytes - before) // times


def alliance(members: int, now: datetime) -> dict[str, bytes]:
    """Write the files of an alliance of any size."""
    codes = [str(100_000 + number) for number in range(members)]
    name = {"zh": "测", "en": "test"}
    content: dict[str, Any] = {
        "alliance.json": {
            "name": name,
            "time_zone": "Asia/Shanghai",
            "members": [{"code": code, "name": name, "province": name} for code in codes],
            "pairs": [codes[:2]],
            "station": {"postmark": [entry(SigningKey.generate(), now)]},
        },
        "policy.json": sample_policy(),
    }
    for code in codes:
        content[f"counties/{code}/keys.json"] = {
            "county": code,
            "signing": [entry(SigningKey.generate(), now)],
            "sealing": [entry(SealingKey.generate(), now)],
            "ladder": sample_ladders()[TWO[0]],
        }
    return {path: strictjson.dumps(value) for path, value in content.items()}


def entry(key: SigningKey | SealingKey, now: datetime) -> dict[str, str]:
    """Write a key as it is registered."""
    public = base64.b64encode(key.public.raw).decode()
    return {"kid": key.kid, "public": public, "not_before": written(now - timedelta(days=1))}


def change(ceremony: Ceremony, code: str, now: datetime, number: int) -> None:
    """Register one more signing key of a county."""
    path = f"counties/{code}/keys.json"
    keys = json.loads(ceremony.files[path])
    keys["signing"] = [keys["signing"][0], entry(SigningKey.generate(), now - timedelta(hours=number))]
    ceremony.files[path] = strictjson.dumps(keys)
