"""A wakeup: a signal from one process to another on the same machine that there is new work.

Rule 1: a wakeup carries no data and may be lost; a process that waits for one also polls, only more
slowly.
Rule 2: it never blocks and never fails in the sender: a missing, full or foreign listener is ignored.
Rule 3: it is a Unix datagram socket, so it cannot leave the machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import select
import socket
import stat
import tempfile
import time
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)
_SUN_PATH_BYTES = 107  # sun_path holds 108 with the closing NUL (unix(7))


def notify(path: Path) -> None:
    """Wake the listener at ``path``, if there is one. Never blocks, never raises ``OSError``."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        sender.sendto(b"\x01", address(path))


def address(path: Path) -> str:
    """Return the path of the socket for ``path``.

    A path too long for a socket (over 107 bytes) is replaced by a name in a private folder in the system's
    temporary folder, made from the SHA-256 of the absolute path, so that both sides find the same one.
    """
    # Symbolic links are not resolved: both sides must derive the same name cheaply.
    absolute = os.path.abspath(path)  # noqa: PTH100
    if len(os.fsencode(absolute)) <= _SUN_PATH_BYTES:
        return absolute
    name = hashlib.sha256(os.fsencode(absolute)).hexdigest()[:32]
    return str(_private_folder() / f"{name}.nudge")


def _private_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"yizhan-{os.getuid()}"


def _make_private_folder() -> None:
    """Create the folder, or check that it is ours (``PermissionError``)."""
    folder = _private_folder()
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user's own with mode 0700: remove it")


class WakeupListener:
    """The receiving end. One per path: a later listener replaces an earlier one."""

    def __init__(self, path: Path) -> None:
        """Bind the socket, mode 0600, replacing what a dead process left there.

        If that fails, it logs a warning and is never woken: the process polls, too.
        """
        self._address = address(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._inode: int | None = None
        try:
            if Path(self._address).parent == _private_folder():
                _make_private_folder()
            with contextlib.suppress(FileNotFoundError):
                Path(self._address).unlink()
            self._socket.bind(self._address)
            Path(self._address).chmod(0o600)
            self._inode = Path(self._address).stat().st_ino
        except OSError as error:
            log.warning("no other process can wake this one, so it only looks from time to time: %s", error)

    def wait(self, timeout_seconds: float) -> bool:
        """Sleep until woken, at most ``timeout_seconds``; return whether a wakeup arrived since the last call.

        All waiting wakeups count as one: after each True do all the work.
        A socket that was closed meanwhile counts as not woken.
        """
        deadline = time.monotonic() + timeout_seconds
        while (left := deadline - time.monotonic()) >= 0 or timeout_seconds <= 0:
            try:
                ready, _, _ = select.select([self._socket], [], [], max(0.0, left))
            except (OSError, ValueError):
                return False
            if not ready:
                return False
            if self._drain():
                return True
        return False

    def fileno(self) -> int:
        """Return the socket's descriptor, for an event loop's reader."""
        return self._socket.fileno()

    def _drain(self) -> bool:
        woken = False
        with contextlib.suppress(OSError):
            while self._socket.recv(16):
                woken = True
        return woken

    def close(self) -> None:
        """Close the socket and remove its file, unless another listener has replaced it."""
        self._socket.close()
        with contextlib.suppress(OSError):
            if Path(self._address).stat().st_ino == self._inode:
                Path(self._address).unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
