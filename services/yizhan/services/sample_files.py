"""Sample files to try the system out: events to publish and explain, an office for imports.

Rule 1: an existing file is never overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from yizhan.schemas.sample import sample_ladders

EVENTS: Final = "event.jsonl"
OFFICE: Final = "office.json"
_FILES: Final = {EVENTS: "sample-events.jsonl", OFFICE: "sample-office.json"}


def write_samples(home: Path, members: Sequence[str]) -> tuple[Path, ...]:
    """Write the sample files into a home; the office is one of these members. Returns where they are."""
    data = files("yizhan.producers").joinpath("data")
    for name, source in _FILES.items():
        text = data.joinpath(source).read_text("utf-8")
        if name == OFFICE and json.loads(text)["org_code"][:6] not in members:
            office = json.loads(text) | {"org_code": f"{members[0]}000000"}
            office["contact"] = {"name": "值班室", "phone": sample_ladders()[members[0]][0]["phone"]}
            text = json.dumps(office, ensure_ascii=False, indent=2) + "\n"
        if not (home / name).exists():
            (home / name).write_text(text, "utf-8")
    return tuple(home / name for name in _FILES)
