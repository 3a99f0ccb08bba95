"""Sample files to try the system out: events to publish and explain, an office for imports.

Rule 1: an existing file is never overwritten.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

EVENTS: Final = "event.jsonl"
OFFICE: Final = "office.json"
_FILES: Final = {EVENTS: "sample-events.jsonl", OFFICE: "sample-office.json"}


def write_samples(home: Path) -> tuple[Path, ...]:
    """Write the sample files into a home; returns where they are."""
    for name, source in _FILES.items():
        if not (home / name).exists():
            (home / name).write_bytes(files("yizhan.producers").joinpath("data").joinpath(source).read_bytes())
    return tuple(home / name for name in _FILES)
