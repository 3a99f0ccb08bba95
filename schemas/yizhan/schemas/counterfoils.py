"""The counterfoil (存根) of an envelope: what proves who signed what header to whom, without the content.

    counterfoil = "YZC1" | head | SHA-256(sealed) | signature_len u16 | signature

Law 2: a header comes out only if the signature over it holds.

Rule 1: the signature covers the head and a hash of the sealed part, so it holds for the counterfoil as it
        did for the envelope, and both have one hash. Nothing of what was sealed can be told from it.
Rule 2: a parser accepts exactly this and nothing after it.

This is what stays of a letter when its content was lawfully destroyed, and what an auditor is given.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from yizhan.schemas.dsse import pae
from yizhan.schemas.envelope import CONTENT_TYPE, SIGNATURE_BYTES, SUITE, parse_envelope
from yizhan.schemas.envelope import MAGIC as ENVELOPE
from yizhan.schemas.errors import BadSignature, Malformed
from yizhan.schemas.header import MAX_HEADER_BYTES, MAX_MEMBERS, Header, parse_header
from yizhan.schemas.keys import SigningPublicKey

MAGIC: Final = b"YZC1"
_HASH_BYTES: Final = 32
_FIXED: Final = len(ENVELOPE) + 1 + 4
_TAIL: Final = _HASH_BYTES + 2 + SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class Counterfoil:
    """A counterfoil whose signature holds; ``hash`` is the event's, 32 bytes."""

    header: Header
    hash: bytes


def counterfoil_of(envelope: bytes) -> bytes:
    """Cut the counterfoil off an envelope.

    Raises:
        Oversize, UnknownSuite, Malformed: it is no envelope.
    """
    parsed = parse_envelope(envelope)
    return b"".join((MAGIC, parsed.head, parsed.sealed_hash, envelope[-(SIGNATURE_BYTES + 2) :]))


def verify_counterfoil(data: bytes, key_of: Callable[[Header], SigningPublicKey]) -> Counterfoil:
    """Check the framing and the signature.

    Args:
        data: the counterfoil.
        key_of: gives the public key for the header's ``source`` and ``kid``, or raises a ``Refused``;
            it must use nothing else of the header.

    Raises:
        Refused: ``malformed``, ``bad_signature``, or what ``key_of`` raised.
    """
    head, tail = _split(data)
    length = int.from_bytes(head[_FIXED - 4 : _FIXED], "big")
    header = parse_header(head[_FIXED : _FIXED + length])
    signed = pae(CONTENT_TYPE, head + tail[:_HASH_BYTES])
    if not key_of(header).verifies(tail[-SIGNATURE_BYTES:], signed):
        raise BadSignature(f"the signature does not hold under key {header.kid[:16]}… of {header.source}")
    return Counterfoil(header, hashlib.sha256(signed).digest())


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Take it apart into the envelope's head and the rest, as long as they must be."""
    head, tail = data[len(MAGIC) : -_TAIL], data[-_TAIL:]
    length = int.from_bytes(head[_FIXED - 4 : _FIXED], "big")
    count = head[_FIXED + length] if len(head) > _FIXED + length else 0
    if (
        data[: len(MAGIC)] != MAGIC
        or head[: len(ENVELOPE)] != ENVELOPE
        or length > MAX_HEADER_BYTES
        or not 1 <= count <= MAX_MEMBERS
        or len(head) != _FIXED + length + 1 + count * _HASH_BYTES
        or head[len(ENVELOPE)] != SUITE
        or not _rising(head[_FIXED + length + 1 :])
        or int.from_bytes(tail[_HASH_BYTES : _HASH_BYTES + 2], "big") != SIGNATURE_BYTES
    ):
        raise Malformed(
            f"expected a counterfoil beginning with {MAGIC.decode()}, exactly framed; came {len(data)} bytes"
        )
    return head, tail


def _rising(kids: bytes) -> bool:
    """Tell whether kids stand in order, each once, as an envelope's must."""
    each = [kids[place : place + _HASH_BYTES] for place in range(0, len(kids), _HASH_BYTES)]
    return all(one < other for one, other in itertools.pairwise(each))
