"""The broker's ``server.properties``: every line with its reason.

Rule 1: mutual TLS on both listeners, loopback only; clients without one of our certificates are rejected.
Rule 2: what no rule allows is denied; topics are never created by accident.
Rule 3: one broker survives only a crash of its own process; the outboxes cover the rest.
Rule 4: the memory that one certificate can occupy is bounded: a request's announced size, the connections
        of an address, all requests that are being read, producers that the broker remembers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MIB = 1024 * 1024
MAX_REQUEST_BYTES: Final = 4 * _MIB
"""Largest request. The broker allocates as much memory as a request's first four bytes announce."""
CONNECTIONS_PER_ADDRESS: Final = 40
"""Connections of one address: an office's processes need about fifteen."""
LOCAL_CONNECTIONS: Final = 1000
"""The same from this machine, where the processes of every office may run in a trial."""
REQUESTS_IN_MEMORY_BYTES: Final = 200 * _MIB
"""Memory of requests being read or waiting. More than one address can announce (40 × 4 MiB), else it blocks all."""


def server_properties(data: Path, tls: Path, port: int, controller_port: int) -> str:
    """Return the text of ``server.properties``; it contains the broker's key: keep it at mode 0600.

    ``tls`` is the broker's own folder with ``{key,cert,ca}.pem``. Raises ``OSError`` without them.
    """
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"SSL://127.0.0.1:{port}",
        "listener.security.protocol.map": "SSL:SSL,CONTROLLER:SSL",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "SSL",
        "log.dirs": data,
        **_tls(tls),
        # Access: by the certificate's common name, anchored; broker and administrator may do everything.
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:broker;User:admin",
        "ssl.principal.mapping.rules": "RULE:^CN=([a-z0-9-]+)$/$1/",
        # Topics: only by declaration.
        "auto.create.topics.enable": "false",
        "num.partitions": 1,
        "default.replication.factor": 1,
        "log.message.timestamp.type": "LogAppendTime",
        "compression.type": "uncompressed",
        # Memory that one certificate can occupy.
        "socket.request.max.bytes": MAX_REQUEST_BYTES,
        "queued.max.request.bytes": REQUESTS_IN_MEMORY_BYTES,
        "max.connections.per.ip": CONNECTIONS_PER_ADDRESS,
        "max.connections.per.ip.overrides": f"127.0.0.1:{LOCAL_CONNECTIONS}",
        "producer.id.expiration.ms": 60_000,  # a repeated record appears twice; readers handle that
        "producer.id.expiration.check.interval.ms": 10_000,
        # One broker cannot replicate.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,
        "offsets.retention.minutes": 60 * 24 * 400,  # a county may be offline, or closed, for long
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # A station that starts again must not wait for members that do not exist.
        "group.initial.rebalance.delay.ms": 0,
        # After a crash the broker waits until its previous session has expired, counted from its own start.
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 500,
        # Small topics in a small heap: by default the cleaner takes 128 MiB of it.
        "log.cleaner.dedupe.buffer.size": 16 * _MIB,
        "num.recovery.threads.per.data.dir": 2,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _tls(tls: Path) -> dict[str, str]:
    """Return keys and certificates inline: PEM files need a password, inline PEM does not."""
    key, cert, ca = (inline(tls / name) for name in ("key.pem", "cert.pem", "ca.pem"))
    return {
        "ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.key": key,
        "ssl.keystore.certificate.chain": cert + ca,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": ca,
    }


def inline(path: Path) -> str:
    """Return a PEM file as one line of settings."""
    return path.read_text(encoding="ascii").strip().replace("\n", "\\n") + "\\n"
