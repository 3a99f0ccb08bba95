"""The archive of the broker's classes, which Java maps into memory instead of reading them from 91 jars.

With it a broker starts with about half the processor time (class data sharing; Kafka's own images have one).

Rule 1: it belongs to one Java and to the very files of the jars; for others it is not used, and made anew.
Rule 2: it is used only if it is whole: Java checks neither length nor content, and a short one ends it.
Rule 3: without an archive the broker starts all the same, only slower.

Files in the cache, beside the jars: ``classes.jsa``, and ``classes.json`` with what it belongs to and its hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Final

from yizhan.deploy.jars import jar_files
from yizhan.deploy.java import Java

ARCHIVE: Final = "classes.jsa"
_MARKER: Final = "classes.json"


def archive(cache: Path, java: Java) -> Path | None:
    """Return the archive for this Java and these jars, or None if there is none, or it is damaged."""
    path = cache / ARCHIVE
    with contextlib.suppress(OSError, ValueError):
        if _marker(cache) == {"for": _identity(cache, java), "sha256": _hash(path)}:
            return path
    return None


def is_settled(cache: Path, java: Java) -> bool:
    """Return whether there is an archive, or this Java is known to make none."""
    with contextlib.suppress(OSError, ValueError):
        if _marker(cache) == {"for": _identity(cache, java), "sha256": None}:
            return True
    return archive(cache, java) is not None


def keep(cache: Path, java: Java, made: Path) -> None:
    """Take a file that Java has written as the archive; if it wrote none, remember that. Raises ``OSError``."""
    identity, digest = _identity(cache, java), None
    if made.exists():
        with made.open("rb") as file:  # on the disk before it gets its name
            os.fsync(file.fileno())
        digest = _hash(made)
        made.replace(cache / ARCHIVE)
    part = cache / f"{_MARKER}.part"
    part.write_text(json.dumps({"for": identity, "sha256": digest}))
    part.replace(cache / _MARKER)


def _marker(cache: Path) -> object:
    return json.loads((cache / _MARKER).read_text())


def _identity(cache: Path, java: Java) -> str:
    """Return a hash of all that Java compares before it uses an archive: itself, each jar's path, size and time."""
    told = [java.path, java.release]
    for jar in jar_files(cache):
        stat = jar.stat()
        told.append(f"{jar} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
