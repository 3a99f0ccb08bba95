"""Sample files to try the system out: events to publish and explain, an office for imports.

Rule 1: an existing file is never overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from yizhan.schemas.sample import sample_ladders

EVENTS: Final = "event.jsonl"
OFFICE: Final = "office.json"
_FILES: Final = {EVENTS: "sample-events.jsonl", OFFICE: "sample-office.json"}


_SINCE: Final = timedelta(minutes=20)
"""How long ago the sample's fire broke out."""
_ZONE: Final = timezone(timedelta(hours=8))


def write_samples(home: Path, members: Sequence[str], now: datetime) -> tuple[Path, ...]:
    """Write the sample files into a home; the office is one of these members. Returns where they are.

    ``now`` is an aware instant: what the sample reports happened shortly before.
    """
    data = files("yizhan.producers").joinpath("data")
    for name, source in _FILES.items():
        text = data.joinpath(source).read_text("utf-8")
        if name == OFFICE and json.loads(text)["org_code"][:6] not in members:
            office = json.loads(text) | {"org_code": f"{members[0]}000000"}
            office["contact"] = {"name": "值班室", "phone": sample_ladders()[members[0]][0]["phone"]}
            text = json.dumps(office, ensure_ascii=False, indent=2) + "\n"
        if name == EVENTS:
            text = "".join(_happened(json.loads(line), now - _SINCE) for line in text.splitlines())
        if not (home / name).exists():
            (home / name).write_text(text, "utf-8")
    return tuple(home / name for name in _FILES)


def _happened(event: dict[str, Any], at: datetime) -> str:
    if "occurred_at" in event["payload"]:
        event["payload"]["occurred_at"] = at.astimezone(_ZONE).isoformat(timespec="minutes")
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n"
