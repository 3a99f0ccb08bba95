"""Faults injected into the writer's system calls, one at a time, by strace: failing or killing at each.

A child opens a log, brings batches in, publishes each and tells what it has published. Strace lets one
of its calls fail, or kills it there. Then the log is opened again, the same batches come again, as Kafka
would bring them, and the log must be what it would have been: the same files, nothing acknowledged
missing, and clean to an independent tool.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.ledger.fsck import fsck
from tests.world.ledger import LATER, LedgerWorld, numbered
from yizhan.ledger.checkpoint_store import Head
from yizhan.ledger.log import Log
from yizhan.ledger.log_source import LogFolder
from yizhan.ledger.verify import verify
from yizhan.schemas.errors import YizhanError

CALLS: Final = (
    "openat", "write", "pwrite64", "fsync", "fdatasync", "link", "unlink", "rename", "mkdir", "ftruncate",
)  # fmt: skip
"""What a writer of files and SQLite do to a disk."""
BATCHES: Final = ((0, 250), (250, 259), (259, 262))
"""Within a tile, over its end, and beyond: partial files, full ones, dropped ones."""
Mode = Literal["error", "kill"]
_NAMED, _UNNAMED = 3, 4
_PR_SET_PTRACER, _ANY = 0x59616D61, ctypes.c_ulong(-1)


@dataclass(frozen=True)
class Point:
    """The n-th of one call, and what happens there."""

    call: str
    n: int
    mode: Mode

    def __str__(self) -> str:
        return f"{self.mode} at {self.call} {self.n}"


def work(world: LedgerWorld, folder: Path, told: Callable[[int], None]) -> Head:
    """Open the log and bring every batch in, as the ledger does; tell each size once it is published."""
    with Log(folder, world.origin) as log:
        for number, (first, last) in enumerate(BATCHES):
            log.append(numbered(first, last), {"cluster": number + 1})
            log.publish(world.ledger, LATER)
            told(log.head.size)
        return log.head


def _child(world: LedgerWorld, folder: Path, go: socket.socket) -> None:
    """Wait to be traced, work, and end: 0 done, 3 failed with a name, 4 without one."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANY, 0, 0, 0)
    go.sendall(b"r")
    go.recv(1)
    try:
        work(world, folder, lambda size: go.sendall(size.to_bytes(4, "big")))
    except YizhanError:
        os._exit(_NAMED)
    except BaseException:  # noqa: BLE001 -- what has no name is what the test looks for
        os._exit(_UNNAMED)
    os._exit(0)


def traced(world: LedgerWorld, folder: Path, *options: str) -> tuple[int, list[int]]:
    """Let a child work under strace; how it ended (negative: by a signal), and the sizes it published."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _child(world, folder, theirs)
    theirs.close()
    with ours:
        assert ours.recv(1) == b"r"
        tracer = subprocess.Popen(
            ["strace", "-p", str(child), "-e", "signal=none", *options], stderr=subprocess.PIPE, text=True
        )
        with tracer:
            assert tracer.stderr is not None
            line = tracer.stderr.readline()
            assert "attached" in line, f"strace: {line or 'said nothing'}"
            ours.sendall(b"g")
            data = b""
            while part := ours.recv(4096):
                data += part
            tracer.communicate()
    _, status = os.waitpid(child, 0)
    sizes = [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data) - len(data) % 4, 4)]
    return os.waitstatus_to_exitcode(status), sizes


def count(world: LedgerWorld, folder: Path) -> Counter[str]:
    """Count the calls of a run to which nothing is done."""
    record = folder.with_suffix(".strace")
    code, sizes = traced(world, folder, "-e", f"trace={','.join(CALLS)}", "-o", str(record))
    assert (code, sizes) == (0, [last for _first, last in BATCHES])
    return Counter(re.findall(r"^(?:\d+ +)?(\w+)\(", record.read_text("utf-8", "replace"), re.MULTILINE))


def points(counted: Counter[str]) -> Iterator[Point]:
    """Name every place where something can go wrong."""
    for call in CALLS:
        for n in range(1, counted[call] + 1):
            yield Point(call, n, "error")
            yield Point(call, n, "kill")


def tree(folder: Path) -> dict[str, bytes]:
    """Return every full or final tile file of a log: path → content."""
    root = folder / "log"
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / "tile").rglob("*") if path.is_file()}


class Trial:
    """Hurts a log at points, and checks what becomes of it."""

    def __init__(self, world: LedgerWorld, folder: Path) -> None:
        """Make the log as it should be, undisturbed."""
        self.world, self.folder = world, folder
        self.head = work(world, folder / "reference", lambda _size: None)
        self.reference = tree(folder / "reference")
        self.counted = count(world, folder / "counted")
        self.outcomes: Counter[str] = Counter()

    def run(self, point: Point) -> None:
        """Hurt a new log at one point, start again, and check (``AssertionError``)."""
        log = self.folder / "hurt"
        shutil.rmtree(log, ignore_errors=True)
        what = "error=EIO" if point.mode == "error" else "signal=KILL"
        if point.mode == "error" and point.call in {"write", "pwrite64"} and point.n % 2:
            what = "error=ENOSPC"
        inject = f"inject={point.call}:{what}:when={point.n}"
        code, acknowledged = traced(self.world, log, "-e", f"trace={point.call}", "-e", inject, "-o", "/dev/null")
        assert code != _UNNAMED, f"{point}: an error without a name"
        assert point.mode == "kill" or code in {0, _NAMED}, f"{point}: ended with {code}"
        assert point.mode == "error" or code in {0, -signal.SIGKILL}, f"{point}: ended with {code}"
        self.outcomes[{0: "went on", _NAMED: "named"}.get(code, "killed")] += 1
        self._intact(point, log, acknowledged)
        assert work(self.world, log, lambda _size: None) == self.head, f"{point}: another head"
        found = tree(log)
        assert {path: found.get(path) for path in self.reference} == self.reference, f"{point}: other files"
        fsck(self.world, log / "log")

    def _intact(self, point: Point, log: Path, acknowledged: list[int]) -> None:
        """Check what everybody can see right after the fault: a whole log with all that was acknowledged."""
        if not (log / "log" / "checkpoint").exists():
            assert not acknowledged, f"{point}: {acknowledged} were acknowledged and no checkpoint is there"
            return
        seen = verify(LogFolder(log / "log"), self.world.charters).newest.checkpoint.size
        assert seen >= max(acknowledged, default=0), f"{point}: {acknowledged} acknowledged, {seen} there"
        fsck(self.world, log / "log")
