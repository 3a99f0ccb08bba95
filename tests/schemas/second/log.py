"""The log (clause 18)."""

from __future__ import annotations

from tests.schemas.second.basics import Invalid


def read_entries(value: bytes) -> tuple[int, list[bytes]]:
    """Read a record that holds entries (18.8)."""
    start, body = int.from_bytes(value[4:12], "big"), value[12:]
    count = len(body) // 32
    if value[:4] != b"YZL1" or len(body) % 32 or not 1 <= count <= 1024 or start + count >= 2**63:
        raise Invalid("entries")
    return start, [body[at : at + 32] for at in range(0, len(body), 32)]
