"""Stand-ins for the processes of a home: they hold the same locks and write the same words, and do no work."""

from __future__ import annotations

import contextlib
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.waiting import LIMIT_SECONDS
from yizhan.runtime.detached import Detached
from yizhan.schemas.actions import Action
from yizhan.services.home import Home
from yizhan.services.processes import home_processes

WORKS = """
import fcntl, sys, time
with open(sys.argv[1], "ab") as file:
    fcntl.flock(file, fcntl.LOCK_SH if "worker" in sys.argv[1] else fcntl.LOCK_EX)
    print("Worker ready: ready", flush=True)
    time.sleep(600)
"""
SLOW = (
    """
import os, sys, time
while not os.path.exists(sys.argv[1] + ".go"):
    time.sleep(0.01)
"""
    + WORKS
)
"""Takes its lock, and works, when the file beside it is made."""
FAILS = "print('one'); print('the key is locked'); raise SystemExit(1)"
NAMES = [
    "station", f"inbox-{QINGYUAN}", f"inbox-{SHOUNING}", f"outbox-{QINGYUAN}", f"outbox-{SHOUNING}", "ledger",
    f"cosign-{QINGYUAN}", f"cosign-{SHOUNING}",
]  # fmt: skip
"""The processes of a home with both counties, the station and the ledger, in the order of their start."""


class _Speaks(socketserver.BaseRequestHandler):
    """Answers whatever is asked with four bytes, as a broker begins."""

    def handle(self) -> None:
        self.request.recv(64)
        self.request.sendall(b"\0\0\0\x10")


@contextlib.contextmanager
def broker_elsewhere(folder: Path) -> Iterator[Home]:
    """Yield a home whose broker is elsewhere and answers; what was started in it has ended after the block."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Speaks) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        toml = f'bootstrap_servers = "127.0.0.1:{server.server_address[1]}"\nkafka_security = "plaintext"\n'
        (folder / "yizhan.toml").write_text(toml, encoding="utf-8")
        yield Home(folder)
        for record in (folder / "run").glob("*.pid"):
            Detached(record).stop(LIMIT_SECONDS)
        server.shutdown()


def stand_in(home: Home, failing: str | None = None, slow: str | None = None) -> Callable[[Action], Sequence[str]]:
    """Return what makes the command line of a stand-in for each process; one may fail, one may be slow."""

    def command(action: Action) -> Sequence[str]:
        (process,) = [each for each in home_processes(home) if each.action == action]
        program = {failing: FAILS, slow: SLOW}.get(process.name, WORKS)
        return [sys.executable, "-S", "-c", program, str(process.lock)]

    return command
