"""What a client of Kafka never sends: requests written byte by byte over a county's own certificate."""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
from typing import TYPE_CHECKING

import crc32c

if TYPE_CHECKING:
    from tests.world.cluster import Cluster

_HEAD = ">hiqqqhii"
GZIP = 1
INVALID = {2, 87}
"""Kafka's errors for a batch that is not what it says: CORRUPT_MESSAGE, INVALID_RECORD."""


def connect(cluster: Cluster, principal: str) -> ssl.SSLSocket:
    """Open a connection to the broker with a principal's certificate."""
    context = cluster.connection(principal).ssl_context()
    assert context is not None
    port = int(cluster.broker.bootstrap.rpartition(":")[2])
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="127.0.0.1")


def batch(records: bytes, count: int, codec: int = 0) -> bytes:
    """Frame records as a batch of format 2, with a right checksum."""
    rest = struct.pack(_HEAD, codec, count - 1, 0, 0, -1, -1, -1, count) + records
    length = 4 + 1 + 4 + len(rest)
    return struct.pack(">qiibI", 0, length, -1, 2, crc32c.crc32c(rest)) + rest


def varint(number: int) -> bytes:
    """Write a zigzag varint."""
    left, out = (number << 1) ^ (number >> 63), bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*out, left])


def record(value: bytes, number: int = 0) -> bytes:
    """Write one record without a key."""
    body = b"\0\0" + varint(number) + varint(-1) + varint(len(value)) + value + b"\0"
    return varint(len(body)) + body


def bomb() -> bytes:
    """Write a compressed batch of a hundred bytes whose one record claims to be 2 GiB long."""
    size = 2**31 - 64
    return batch(gzip.compress(varint(size + 32) + b"\0\0\0" + varint(-1) + varint(size) + b"x"), 1, GZIP)


def produce(cluster: Cluster, principal: str, topic: str, data: bytes) -> int:
    """Send one batch (ProduceRequest, version 3) and return the broker's error code."""
    name, client = topic.encode(), b"hostile"
    body = struct.pack(">hhii", -1, -1, 10_000, 1)  # no transaction, all acknowledge, one topic
    body += struct.pack(">h", len(name)) + name + struct.pack(">iii", 1, 0, len(data)) + data
    head = struct.pack(">hhih", 0, 3, 1, len(client)) + client
    with connect(cluster, principal) as secure:
        secure.settimeout(60)
        secure.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
        answer = _exactly(secure, int.from_bytes(_exactly(secure, 4), "big"))
    return int.from_bytes(answer[4 + 4 + 2 + len(name) + 4 + 4 :][:2], "big", signed=True)


def _exactly(secure: ssl.SSLSocket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = secure.recv(size - len(found))
        if not part:
            raise ConnectionResetError
        found += part
    return found
