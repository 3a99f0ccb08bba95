"""The other end of channels: real servers on loopback, that write down what reaches them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.world.receiver import Listener
from yizhan.consumers.bell.bell_file import BellChannels
from yizhan.consumers.bell.channels import ready_channels
from yizhan.consumers.bell.ringer import Ringer
from yizhan.consumers.bell.rings import NO_OBSERVER, RingObserver, RingOutcome
from yizhan.consumers.bell.settings import BellSettings, load


class Phone:
    """An HTTP server that takes what ``json://`` of Apprise posts; ``status`` and ``answer`` are what it says."""

    def __init__(self) -> None:
        """Listen on a free port of loopback."""
        self.heard: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.status, self.answer = 200, b"{}"
        self.before: Callable[[], None] = lambda: None
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                phone.before()
                if phone.status == 200:
                    phone.raw.append(body)
                    phone.heard.append(json.loads(body))
                with contextlib.suppress(OSError):  # whoever rang has hung up
                    self.send_response(phone.status)
                    self.end_headers()
                    self.wfile.write(phone.answer)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"json://127.0.0.1:{self.port}/phone"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def titles(self) -> list[str]:
        """Titles of what it took."""
        return [each["title"] for each in self.heard]

    def close(self) -> None:
        """Hang up: from now on the port refuses."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def phones(count: int) -> Iterator[list[Phone]]:
    """Serve some phones until the block ends."""
    made = [Phone() for _ in range(count)]
    try:
        yield made
    finally:
        for each in made:
            with contextlib.suppress(OSError):
                each.close()


def settings_of(folder: Path, text: str) -> BellSettings:
    """Read a ``bell.toml`` of this text."""
    path = folder / "bell.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    found = load(path)
    assert found is not None
    return found


def channels(**urls: str) -> str:
    """Write the tables of channels by Apprise."""
    return "".join(f'[channels.{name}]\nurl = "{url}"\ntimeout_seconds = 5\n' for name, url in urls.items())


def ringer_of(listener: Listener, settings: BellSettings, told: list[RingOutcome] | None = None) -> Ringer:
    """Make the bell of a listener, by its clock."""
    return Ringer(
        listener.path,
        listener.county,
        BellChannels(settings, ready_channels(settings)),
        listener.world.charters,
        listener.clock,
        NO_OBSERVER if told is None else RingObserver(told.append),
    )


def ring(ringer: Ringer, times: int = 3) -> None:
    """Let a bell look some times, and wait for what it sends: a next rung is found at the next look."""
    for _ in range(times):
        ringer.step()
        ringer.settle()
