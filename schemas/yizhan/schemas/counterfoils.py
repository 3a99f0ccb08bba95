"""The counterfoil (存根) of an envelope: what proves who signed what header to whom, without the content.

    counterfoil = "YZC1" | head | hash(sealed) | signature_len u16 | signature

Law 2: a header comes out only if the signature over it holds.

Rule 1: the signature covers the head and a hash of the sealed part, so it holds for the counterfoil as it
        did for the envelope, and both have one hash. Nothing of what was sealed can be told from it.
Rule 2: a parser accepts exactly this and nothing after it.

This is what stays of a letter when its content was lawfully destroyed, and what an auditor is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from yizhan.schemas.dsse import pae
from yizhan.schemas.envelope import SIGNATURE_BYTES, FieldReader, parse_envelope, read_head
from yizhan.schemas.errors import BadSignature, Malformed
from yizhan.schemas.header import Header, parse_header
from yizhan.schemas.keys import SigningPublicKey
from yizhan.schemas.sm2_keys import SM2SigningPublicKey
from yizhan.schemas.suites import SUITE_1, Suite

MAGIC: Final = b"YZC1"
_HASH_BYTES: Final = 32


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


def verify_counterfoil(
    data: bytes, key_of: Callable[[Header], SigningPublicKey | SM2SigningPublicKey], pinned: Suite = SUITE_1
) -> Counterfoil:
    """Check the framing and the signature.

    Args:
        data: the counterfoil.
        key_of: gives the public key for the header's ``source`` and ``kid``, or raises a ``Refused``;
            it must use nothing else of the header.
        pinned: the suite of the charter.

    Raises:
        Refused: ``malformed``, ``oversize``, ``unknown_suite``, ``bad_signature``, or what ``key_of`` raised.
    """
    head, unverified_header, sealed_hash, signature = _read(data, pinned)
    header = parse_header(unverified_header)
    signed = pae(pinned.content_type, head + sealed_hash)
    if not key_of(header).verifies(signature, signed):
        raise BadSignature(f"the signature does not hold under key {header.kid[:16]}… of {header.source}")
    return Counterfoil(header, pinned.hash(signed))


def _read(data: bytes, pinned: Suite) -> tuple[bytes, bytes, bytes, bytes]:
    """Take it apart into the envelope's head, the header in it, the hash of what was sealed, and the signature."""
    reader = FieldReader(data)
    if reader.take(len(MAGIC), "the magic") != MAGIC:
        raise Malformed(f"expected a counterfoil beginning with {MAGIC.decode()}")
    _suite, header, _kids = read_head(reader, pinned)
    head = data[len(MAGIC) : reader.at]
    sealed_hash = reader.take(_HASH_BYTES, "the hash of what was sealed")
    if (length := reader.integer(2, "the signature length")) != SIGNATURE_BYTES:
        raise Malformed(f"a signature of {length} bytes; expected {SIGNATURE_BYTES}")
    signature = reader.take(length, "the signature")
    if reader.at != len(data):
        raise Malformed(f"{len(data) - reader.at} bytes after the signature")
    return head, header, sealed_hash, signature
