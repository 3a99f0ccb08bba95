"""The server of a desk: uvicorn, on one address of this machine or on a Unix socket."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from yizhan.runtime.process import StopSignal
from yizhan.schemas.i18n import marked
from yizhan.schemas.sentences import os_error
from yizhan.services.errors import ServiceError


class Unprotected(ServiceError):
    """An address that others reach, without TLS."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a desk listens: ``host`` and ``port``, or a Unix socket; ``certificate`` and ``key`` are PEM files."""

    host: str = "127.0.0.1"
    port: int = 8443
    unix: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def secure(self) -> bool:
        """Whether browsers use TLS: here, or at the gateway in front of a Unix socket."""
        return self.unix is not None or self.certificate is not None

    def origins(self, listener: socket.socket, names: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the origins that browsers use (RFC 6454), the first of which is shown: ``names``, else the address."""
        scheme = "https" if self.secure else "http"
        if not names and self.unix is None:
            port = listener.getsockname()[1]
            names = [f"{self.host}:{port}", *([f"localhost:{port}"] if self.host == "127.0.0.1" else [])]
        return tuple(f"{scheme}://{each}" for each in names)

    def check(self) -> None:
        """Refuse an address that others reach without TLS (``Unprotected``)."""
        if self.secure:
            return
        try:
            local = ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            local = self.host == "localhost"
        if not local:
            sentence = marked(
                "{host} 是别的机器也能连上的地址，没有 TLS 不能用；请给出证书和私钥，或改听 127.0.0.1 或 Unix 套接字"
            )
            raise Unprotected(sentence, host=self.host)


def serve(
    app: ASGIApp,
    listener: socket.socket,
    listening: Listening,
    stop: StopSignal,
    ready: Callable[[], None],
    beat: Callable[[], None],
) -> None:
    """Serve until ``stop``; ``ready`` is called once requests are answered, ``beat`` each second from the loop."""

    async def notified() -> None:
        beat()

    config = uvicorn.Config(
        app,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.key,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=2,
        callback_notify=notified,
        timeout_notify=1,
    )
    server = _Server(config)
    watcher = threading.Thread(target=_watch, args=(server, stop, ready), name="stop", daemon=True)
    watcher.start()
    server.run(sockets=[listener])
    stop.set()
    watcher.join()


def listen(listening: Listening) -> socket.socket:
    """Return a socket that listens; the caller closes it.

    Raises:
        Unprotected: as ``Listening.check``.
        ServiceError: the address cannot be listened on.
    """
    listening.check()
    try:
        if listening.unix is None:
            listener = socket.create_server((listening.host, listening.port), reuse_port=False)
        else:
            listening.unix.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(str(listening.unix))
            listening.unix.chmod(0o660)  # the gateway's group
            listener.listen()
    except OSError as error:
        sentence = marked("听不了 {where}：{error}；请换一个地址，或停下占着它的程序")
        where = listening.unix or f"{listening.host}:{listening.port}"
        raise ServiceError(sentence, where=where, error=os_error(error)) from error
    return listener


def _watch(server: uvicorn.Server, stop: StopSignal, ready: Callable[[], None]) -> None:
    said = False
    while not stop.wait(0.05):
        if server.started and not said:
            said = True
            ready()
    server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves the signals to ``StopSignal``."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Catch none."""
        yield
