"""A client's TLS context that takes renewed files by itself.

Rule 1: each new connection uses the files as they are then: a process need not be started again when its certificate
        was renewed. Connections that are open go on with the certificate that they began with.
Rule 2: files that do not fit together, as while they are being replaced, leave the former certificate in use.
"""

from __future__ import annotations

import contextlib
import ssl
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from prometheus_client import Gauge

EXPIRES = Gauge(
    "yizhan_certificate_expires_timestamp_seconds", "When the certificate for Kafka ends, by its file.", ["principal"]
)


def expiry(cert: Path) -> datetime:
    """Return when a certificate expires. Raises ``OSError`` or ``ValueError`` for a file that is none."""
    return x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc


class RenewableContext(ssl.SSLContext):
    """A context whose certificate is read again once its file is another."""

    def __init__(self, _protocol: int) -> None:
        """Create it without a certificate, as ``ssl.SSLContext`` does."""
        super().__init__()
        self._files: tuple[Path, Path | None] | None = None
        self._seen: tuple[int, int] | None = None

    def follow(self, cert: Path, key: Path | None) -> None:
        """Load a certificate and its key, and again at the first connection after they were replaced.

        Raises ``OSError`` and ``ssl.SSLError`` as ``load_cert_chain`` does.
        """
        self._seen = _mark(cert)
        self.load_cert_chain(cert, key)
        self._files = cert, key
        EXPIRES.labels(cert.parent.name).set_function(lambda: _ends(cert))

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:  # noqa: ANN401 -- as the library's
        """Begin a connection over a socket."""
        self._renew()
        return super().wrap_socket(*arguments, **named)

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:  # noqa: ANN401 -- as the library's
        """Begin a connection over buffers."""
        self._renew()
        return super().wrap_bio(*arguments, **named)

    def _renew(self) -> None:
        if self._files is None:
            return
        with contextlib.suppress(OSError):  # ssl.SSLError is one
            if (found := _mark(self._files[0])) != self._seen:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(*self._files)  # rule 2
                self.load_cert_chain(*self._files)
                self._seen = found


def _mark(cert: Path) -> tuple[int, int]:
    """Return what changes when a file is replaced."""
    state = cert.stat()
    return state.st_mtime_ns, state.st_ino


def _ends(cert: Path) -> float:
    """Return when a certificate expires, in seconds since 1970; NaN, which no alert takes, while it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        return expiry(cert).timestamp()
    return float("nan")
