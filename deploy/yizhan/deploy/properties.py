"""The broker's ``server.properties``: every line with its reason.

Rule 1: mutual TLS on both listeners, loopback only; clients without one of our certificates are rejected.
Rule 2: what no rule allows is denied; topics are never created by accident.
Rule 3: one broker survives only a crash of its own process; the outboxes cover the rest. Of three one may be lost:
        what was acknowledged is on two disks, and no broker that lacks it becomes the leader.
Rule 4: the memory that one certificate can occupy is bounded: a request's announced size, the connections
        of an address, all requests that are being read, producers that the broker remembers.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands among the nodes of its home.

    ``controllers`` are the addresses of all. It is empty for a single broker that was formatted with a fixed list of
    controllers (before Yizhan had several): it keeps the list until it grows.
    """

    node: int = 1
    nodes: int = 1
    controllers: tuple[str, ...] = ()


_ALONE: Final = Place()


def server_properties(data: Path, tls: Path, port: int, controller_port: int, place: Place = _ALONE) -> str:
    """Return the text of ``server.properties``; it contains the broker's key: keep it at mode 0600.

    ``tls`` is the broker's own folder with ``{key,cert,ca}.pem``. Raises ``OSError`` without them.
    """
    replicas = min(place.nodes, 3)
    in_sync = max(1, replicas - 1)
    settings = {
        "process.roles": "broker,controller",
        "node.id": place.node,
        **_quorum(place, controller_port),
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
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "unclean.leader.election.enable": "false",
        "log.message.timestamp.type": "LogAppendTime",
        "compression.type": "uncompressed",
        # Memory that one certificate can occupy.
        "socket.request.max.bytes": MAX_REQUEST_BYTES,
        "queued.max.request.bytes": REQUESTS_IN_MEMORY_BYTES,
        "max.connections.per.ip": CONNECTIONS_PER_ADDRESS,
        "max.connections.per.ip.overrides": f"127.0.0.1:{LOCAL_CONNECTIONS}",
        "producer.id.expiration.ms": 60_000,  # a repeated record appears twice; readers handle that
        "producer.id.expiration.check.interval.ms": 10_000,
        # Kafka's own topics.
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": 8,
        "offsets.retention.minutes": 60 * 24 * 400,  # a county may be offline, or closed, for long
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
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


def _quorum(place: Place, controller_port: int) -> dict[str, str]:
    if not place.controllers:
        return {"controller.quorum.voters": f"1@127.0.0.1:{controller_port}"}
    return {
        "controller.quorum.bootstrap.servers": ",".join(place.controllers),
        # A new node, and one whose disk was lost, becomes a controller by itself.
        "controller.quorum.auto.join.enable": "true",
        # The others notice after a second that the deciding one is dead, and elect: by default Kafka takes two.
        "controller.quorum.fetch.timeout.ms": "1000",
        "controller.quorum.election.timeout.ms": "500",
        "broker.rack": f"rack-{place.node}",
    }


def _tls(tls: Path) -> dict[str, str]:
    """Return keys and certificates inline: PEM files need a password, inline PEM does not."""
    key, cert, ca = (_inline(tls / name) for name in ("key.pem", "cert.pem", "ca.pem"))
    return {
        "ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.key": key,
        "ssl.keystore.certificate.chain": cert + ca,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": ca,
    }


def _inline(path: Path) -> str:
    return path.read_text(encoding="ascii").strip().replace("\n", "\\n") + "\\n"
