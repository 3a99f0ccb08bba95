"""A line that is cut and stalled at will: a TCP proxy in front of a server of this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 65536


class CuttingProxy:
    """Passes bytes between browsers and one server, unless it is told not to."""

    def __init__(self, target: tuple[str, int] | None = None) -> None:
        """Listen on a port of its own; what connects there reaches ``target``, which may be named later."""
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False

    def __enter__(self) -> Self:
        """Begin."""
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and cut what is open."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut(refuse=True)
        self._flowing.set()

    def cut(self, *, refuse: bool = False) -> None:
        """Break every connection; ``refuse``: new ones are broken at once, until ``mend``."""
        self._refusing = refuse
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def stall(self) -> None:
        """Let nothing pass any more, without closing anything, until ``mend``."""
        self._flowing.clear()

    def mend(self) -> None:
        """Let everything pass again."""
        self._refusing = False
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            try:
                if self._refusing or self.target is None:
                    raise ConnectionRefusedError
                far = socket.create_connection(self.target, timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), name="proxy", daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        """Pass what comes from one end to the other, until either is broken."""
        with contextlib.suppress(OSError):
            while data := one.recv(_CHUNK):
                self._flowing.wait()
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(one)
        one.close()
