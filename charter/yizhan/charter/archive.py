"""A reader's archive: every version that it verified, and from when each is in force.

    root.json            the trust anchor that a person gave this reader
    blobs/<sha256>       metadata and files, each once, however many versions have it
    versions/<n>.json    one version: its name, when it was verified, role and path → SHA-256
    adoptions/<n>.json   the station's statement about it
    timestamp.json       the newest timestamp of the newest version
    problem.json         the fault that a running process found in what is offered, as long as it lasts
    clock                the latest instant at which this reader verified anything

Law 1: a version is durable when its file in ``versions`` has its name: that is one rename.
Rule 1: nothing here is believed without its hash; files that a disk or a person changed do not load.
Rule 2: several processes may share one archive: an existing name is never overwritten, and the same name has
        the same bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.charter.layout import SNAPSHOT, TIMESTAMP
from yizhan.charter.verify import VerifiedCharter
from yizhan.runtime.folders import sync_folder
from yizhan.schemas import strictjson
from yizhan.schemas.charter_loading import charter_name, load_charter
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


class Archive:
    """One reader's folder; created when something is first stored."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; nothing is opened."""
        self.folder = folder

    # -- the anchor --

    @property
    def anchor_path(self) -> Path:
        """Path of the root file that a person gave this reader."""
        return self.folder / "root.json"

    def anchor(self) -> bytes:
        """Return the trust anchor.

        Raises:
            CharterProblem: there is none; then nothing that is offered is believed.
        """
        try:
            return self.anchor_path.read_bytes()
        except OSError:
            message = f"{self.anchor_path} is missing; expected the root file that the members gave this office"
            raise CharterProblem(CharterFault.MISSING, message) from None

    def trust(self, root: bytes) -> None:
        """Store a root file that a person vouches for.

        Raises:
            CharterProblem: there is another one already.
        """
        if self.anchor_path.exists():
            if self.anchor() != root:
                message = f"{self.anchor_path} is another root; if it must not be trusted, move it away yourself"
                raise CharterProblem(CharterFault.MISSING, message)
            return
        write_durably(self.anchor_path, root)

    # -- versions --

    def numbers(self) -> tuple[int, ...]:
        """Return the numbers of the stored versions, ascending."""
        with contextlib.suppress(FileNotFoundError):
            names = (entry.name for entry in os.scandir(self.folder / "versions"))
            return tuple(sorted(int(name[:-5]) for name in names if name[:-5].isdigit() and name.endswith(".json")))
        return ()

    def store(self, version: VerifiedCharter) -> None:
        """Store a verified version. Idempotent."""
        listed = {
            kind: {name: self._blob(data) for name, data in parts.items()}
            for kind, parts in (("metadata", version.metadata), ("files", version.files))
        }
        if (self.folder / "blobs").is_dir():
            sync_folder(self.folder / "blobs")
        content = {"name": version.name, "verified": written(version.at), **listed}
        # Crash point: from here on the version is stored; before it, it must be verified again.
        write_durably(self.folder / "versions" / f"{version.version}.json", strictjson.dumps(content))
        self.store_timestamp(version)

    def store_timestamp(self, version: VerifiedCharter) -> None:
        """Store the newest timestamp: older ones then count as a rollback."""
        write_durably(self.folder / "timestamp.json", version.metadata[TIMESTAMP])

    def load(self, number: int) -> VerifiedCharter:
        """Load a version (``CharterProblem`` if its files were changed)."""
        path = self.folder / "versions" / f"{number}.json"
        try:
            content: dict[str, Any] = json.loads(path.read_bytes())
            metadata = {role: self._read(name) for role, name in content["metadata"].items()}
            files = {file: self._read(name) for file, name in content["files"].items()}
            at = instant(content["verified"])
            if content["name"] != charter_name(number, metadata[SNAPSHOT]):
                message = f"{path}: its name is {content['name']}, but its snapshot gives another"
                raise CharterProblem(CharterFault.DAMAGED, message)
            return VerifiedCharter(metadata, files, load_charter(files, content["name"], at), at)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"{path}: {error}; move this folder aside and give the reader its root file again"
            raise CharterProblem(CharterFault.DAMAGED, message) from error

    def newest_timestamp(self) -> bytes | None:
        """Return the newest stored timestamp."""
        with contextlib.suppress(OSError):
            return (self.folder / "timestamp.json").read_bytes()
        return None

    def _blob(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        path = self.folder / "blobs" / name
        if not path.exists():
            _write(path, data)
        return name

    def _read(self, name: str) -> bytes:
        data = (self.folder / "blobs" / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != name:
            message = f"blob {name[:16]}… has other bytes than its name"
            raise ValueError(message)
        return data

    # -- adoptions --

    def adoption(self, number: int) -> bytes | None:
        """Return the station's statement about a version, or None."""
        with contextlib.suppress(OSError):
            return (self.folder / "adoptions" / f"{number}.json").read_bytes()
        return None

    def store_adoption(self, number: int, statement: bytes) -> None:
        """Store the station's statement about a version; the first one stays."""
        path = self.folder / "adoptions" / f"{number}.json"
        if not path.exists():
            write_durably(path, statement)

    def is_announced(self, number: int) -> bool:
        """Return whether the station's statement about a version was acknowledged (in the station's archive)."""
        return (self.folder / "announced" / str(number)).exists()

    def mark_announced(self, number: int) -> None:
        """Record that it was acknowledged."""
        write_durably(self.folder / "announced" / str(number), b"")

    # -- the current problem --

    def problem(self) -> tuple[CharterFault, str, datetime] | None:
        """Return the problem that a running process of this office found: code, message, since when."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            stored = json.loads((self.folder / "problem.json").read_bytes())
            return CharterFault(stored["problem"]), str(stored["detail"]), instant(stored["since"])
        return None

    def store_problem(self, found: tuple[CharterFault, str, datetime] | None) -> None:
        """Store the problem for this office's other processes to show; None removes it."""
        path = self.folder / "problem.json"
        if found is None:
            path.unlink(missing_ok=True)
            return
        problem, detail, since = found
        write_durably(path, strictjson.dumps({"problem": problem.value, "detail": detail, "since": written(since)}))

    # -- the clock --

    def latest_clock(self) -> datetime | None:
        """Return the latest instant at which this reader verified anything."""
        with contextlib.suppress(OSError, ValueError):
            return instant((self.folder / "clock").read_text("ascii"))
        return None

    def store_clock(self, now: datetime) -> None:
        """Store the instant of a verification."""
        write_durably(self.folder / "clock", written(now).encode())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the archive's lock: one process at a time changes it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def write_durably(path: Path, data: bytes) -> None:
    """Write a file durably: whole or not at all."""
    _write(path, data)
    sync_folder(path.parent)


def _write(path: Path, data: bytes) -> None:
    """Write a file whole; its name is durable once its folder is."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
