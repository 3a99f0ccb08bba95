"""DSSE: signing bytes, not structures (secure-systems-lab/dsse, protocol v1.0.2).

Rule 1: what is signed is PAE(type, bytes); nothing is canonicalised to check a signature.
Rule 2: bytes in, verified payload out; an unverified payload never leaves this module.
Rule 3: a document has one spelling, the compact one: nobody can make a second entry of the log out of it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from yizhan.schemas import strictjson
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.keys import SigningKey, SigningPublicKey

MAX_BYTES = 512 * 1024
"""Longest statement read, in bytes."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: ``"DSSEv1" SP len(t) SP t SP len(b) SP b``.

    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Statement:
    """A verified statement: its type, its payload bytes, who signed, and its hash.

    ``hash`` is SHA-256 of the PAE, 32 bytes: it names the statement without its signature.
    """

    kind: str
    payload: bytes
    kid: str
    hash: bytes


def sign(payload_type: str, payload: bytes, key: SigningKey) -> bytes:
    """Sign and wrap as DSSE JSON (one signature; ``keyid`` is the key's kid in hex).

    The same payload and key give the same bytes: Ed25519 is deterministic (RFC 8032 §5.1.6).
    """
    return _written(payload_type, payload, key.kid, key.sign(pae(payload_type, payload)))


def verify(
    data: bytes, payload_types: str | frozenset[str], key_of: Callable[[str], SigningPublicKey | None]
) -> Statement:
    """Check a DSSE JSON document and return its payload.

    Args:
        data: the document.
        payload_types: the type, or the types, accepted.
        key_of: gives the public key for a kid (hex), or None if it is not trusted.

    Raises:
        StatementInvalid: whatever is wrong; the payload is then not returned.
    """
    kind, payload, kid, signature = _parse(data)
    accepted = frozenset((payload_types,)) if isinstance(payload_types, str) else payload_types
    if kind not in accepted:
        message = f"expected a statement of type {' or '.join(sorted(accepted))}, got {kind[:80]!r}"
        raise StatementInvalid(message)
    key = key_of(kid)
    if key is None:
        message = f"signed by key {kid[:16]!r}…, which the charter in force does not name for this"
        raise StatementInvalid(message)
    signed = pae(kind, payload)
    if not key.verifies(signature, signed):
        message = "the signature does not hold"
        raise StatementInvalid(message)
    return Statement(kind, payload, kid, hashlib.sha256(signed).digest())


def unverified_payload(data: bytes) -> bytes:
    """Return the payload without checking it: only to choose what to check it with.

    Raises:
        StatementInvalid: not a DSSE document with one signature.
    """
    return _parse(data)[1]


def unverified_type(data: bytes) -> str:
    """Return the payload's type without checking it: only to choose what to check it with.

    Raises:
        StatementInvalid: not a DSSE document with one signature.
    """
    return _parse(data)[0]


@lru_cache(maxsize=4)  # type, instant and signature of one document are read one after another
def _parse(data: bytes) -> tuple[str, bytes, str, bytes]:
    """Take a document apart into type, payload, kid and signature."""
    if len(data) > MAX_BYTES:
        message = f"a statement of {len(data)} bytes; at most {MAX_BYTES} are read"
        raise StatementInvalid(message)
    try:
        document = strictjson.loads(data)
        kind, (only,) = document["payloadType"], document["signatures"]
        payload = decode_base64(document["payload"])
        kid, signature = only["keyid"], decode_base64(only["sig"])
    except (ValueError, KeyError, TypeError) as error:
        message = f"not a DSSE document with one signature: {error}"
        raise StatementInvalid(message) from None
    if not isinstance(kind, str) or not isinstance(kid, str):
        message = "not a DSSE document: payloadType and keyid must be strings"
        raise StatementInvalid(message)
    if data != _written(kind, payload, kid, signature):
        message = "not the compact writing of a DSSE document: other white space, order, escapes or members"
        raise StatementInvalid(message)
    return kind, payload, kid, signature


def _written(kind: str, payload: bytes, kid: str, signature: bytes) -> bytes:
    """Write as ``strictjson.dumps`` would, which would look at every character of the payload again."""
    return b'{"payload":"%b","payloadType":%b,"signatures":[{"keyid":%b,"sig":"%b"}]}' % (
        base64.b64encode(payload), strictjson.dumps(kind), strictjson.dumps(kid), base64.b64encode(signature),
    )  # fmt: skip


def decode_base64(text: str) -> bytes:
    """Decode the one spelling (RFC 4648 §4: standard alphabet, padded, unused bits zero).

    Raises:
        ValueError: any other spelling.
    """
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data) != text.encode():
        message = "not the one base64 spelling of its bytes"
        raise ValueError(message)
    return data
