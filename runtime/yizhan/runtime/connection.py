"""A Kafka connection as data: the same few facts for kafka-python and for Faust.

Rule 1: nothing here imports a Kafka client, and nothing but ``speaks`` and ``is_denied`` connects.
Rule 2: there is no TLS only if ``ca`` is left out on purpose; a missing file is an error,
never plain text.
Rule 3: host names are always checked.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from yizhan.runtime.errors import SettingError
from yizhan.runtime.tls import RenewableContext
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import marked

if TYPE_CHECKING:
    from pathlib import Path

_API_VERSIONS: Final = bytes.fromhex("0012 0000 00000001 ffff")
"""The first question of Kafka's protocol: api key 18, version 0, id 1, no client name."""
_METADATA: Final = bytes.fromhex("0003 0001 00000001 ffff 00000001")
"""The question about one topic, whose name follows: api key 3, version 1, id 1, no client name, one topic."""
_NOT_AUTHORISED: Final = 29
_ANSWER_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """One principal's connection to one cluster.

    ``bootstrap`` is ``host:port`` or several with commas. With ``ca`` the connection is TLS, with
    ``cert`` and ``key`` mutual TLS (all PEM files). With ``sasl_mechanism`` the principal also logs
    in by name and password.
    """

    bootstrap: str
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)

    @property
    def servers(self) -> tuple[str, ...]:
        """The bootstrap addresses, one ``host:port`` each."""
        return tuple(part.strip() for part in self.bootstrap.split(",") if part.strip())

    @property
    def security_protocol(self) -> str:
        """Kafka's name: ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``."""
        return ("SASL_" if self.sasl_mechanism else "") + ("SSL" if self.ca else "PLAINTEXT")

    def ssl_context(self) -> ssl.SSLContext | None:
        """Create a client's context: TLS 1.2 or later, the given CA only, renewed files as they come; None without TLS.

        Raises :class:`SettingError` for a file that is missing, unreadable, or not what it should
        be.
        """
        if self.ca is None:
            return None
        try:
            context = RenewableContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.cert is not None:
                context.follow(self.cert, self.key)
        except (OSError, ValueError) as error:
            files = ", ".join(str(path) for path in (self.ca, self.cert, self.key) if path is not None)
            sentence = marked(
                "TLS 文件 {files} 不能用：应为 PEM 格式的 CA、证书和密钥；请重新生成，或把 tls_dir 指到所在目录"
                "（技术说明：{detail}）"
            )
            raise SettingError(sentence, files=files, detail=error, hint=Action.to("broker.start")) from error
        return context

    def speaks(self, seconds: float = 2.0, *, only: str | None = None) -> bool:
        """Return whether one of the servers, or ``only`` that one, speaks Kafka and takes this principal's certificate.

        A Kafka client is not needed for this. kafka-python leaves its sockets open when a connection fails: asking
        here first avoids such failures. A server that asks for a password only has to be there.

        Raises :class:`SettingError` as :meth:`ssl_context` does.
        """
        context, request = self.ssl_context(), _API_VERSIONS if self.sasl_mechanism is None else b""
        servers = self.servers if only is None else (only,)
        return any(_answer(server, context, seconds, request) is not None for server in servers)

    def is_denied(self, topic: str, seconds: float = 2.0) -> bool:
        """Return whether a server says that this principal's certificate may not even see a topic: it was revoked.

        False where nobody answers, and without a certificate. Raises :class:`SettingError` as :meth:`ssl_context` does.
        """
        if self.cert is None:
            return False
        name = len(topic).to_bytes(2, "big") + topic.encode()
        answers = (_answer(each, self.ssl_context(), seconds, _METADATA + name) for each in self.servers)
        answer = next(filter(None, answers), b"")
        place = answer.rfind(name)  # the error code of a topic stands before its name
        return place >= 2 and int.from_bytes(answer[place - 2 : place], "big") == _NOT_AUTHORISED  # noqa: PLR2004 -- two bytes

    def kafka_python(self) -> dict[str, Any]:
        """Return the arguments for any kafka-python 3 client: servers, protocol, TLS and SASL.

        Raises :class:`SettingError` as :meth:`ssl_context` does.
        """
        settings: dict[str, Any] = {
            "bootstrap_servers": list(self.servers),
            "security_protocol": self.security_protocol,
        }
        if self.ca is not None:
            settings["ssl_context"] = self.ssl_context()
        if self.sasl_mechanism is not None:
            settings["sasl_mechanism"] = self.sasl_mechanism
            settings["sasl_plain_username"] = self.sasl_username
            settings["sasl_plain_password"] = self.sasl_password
        return settings


def _answer(server: str, context: ssl.SSLContext | None, seconds: float, request: bytes) -> bytes | None:
    """Return what a server answers to a request, nothing but b"" to an empty one; None if it does not answer."""
    host, _colon, port = server.rpartition(":")
    host = host.strip("[]")
    with contextlib.suppress(OSError, ValueError, OverflowError), contextlib.ExitStack() as opened:
        connected = opened.enter_context(socket.create_connection((host, int(port)), seconds))
        if context is not None:
            connected = opened.enter_context(context.wrap_socket(connected, server_hostname=host))
        if not request:
            return b""
        connected.sendall(len(request).to_bytes(4, "big") + request)
        file = opened.enter_context(connected.makefile("rb"))
        size = file.read(4)
        return size + file.read(min(int.from_bytes(size, "big"), _ANSWER_BYTES)) if size else None
    return None
