"""Envelope (clause 5) and suite 1 (clause 6), HPKE written out."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from itertools import pairwise

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from tests.schemas.second.basics import Refused, Unopenable, sha256
from tests.schemas.second.keys import kid

ENVELOPE = "application/vnd.yizhan.envelope.v1"


def pae(kind: str, body: bytes) -> bytes:
    """Encode what is signed (6.1)."""
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(body), body)


def padded(length: int) -> int:
    """Return the padded length (6.6)."""
    n = max(length, 256)
    e = n.bit_length() - 1
    unit = 1 << (e - e.bit_length())
    return -(-n // unit) * unit


@dataclass
class Envelope:
    """A framed envelope."""

    head: bytes
    header: bytes
    kids: list[bytes]
    wraps: list[bytes]
    commit: bytes
    ciphertext: bytes
    sealed: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        """What is signed (6.2)."""
        return pae(ENVELOPE, self.head + sha256(self.sealed))

    @property
    def context(self) -> bytes:
        """What every key is bound to (6.4)."""
        return sha256(b"yizhan/context/v1\0" + self.head)


class Fields:
    """Bytes from which fields are taken in order; what is cut short is malformed (5.1)."""

    def __init__(self, data: bytes) -> None:
        """Begin at the first byte."""
        self.data, self.at = data, 0

    def take(self, length: int) -> bytes:
        """Take so many bytes."""
        if self.at + length > len(self.data):
            raise Refused("malformed")
        self.at += length
        return self.data[self.at - length : self.at]

    def integer(self, length: int) -> int:
        """Take an integer of so many bytes."""
        return int.from_bytes(self.take(length), "big")

    def end(self) -> None:
        """Refuse what is behind the end."""
        need(self.at == len(self.data))


def need(good: bool, reason: str = "malformed") -> None:  # noqa: FBT001 -- reads as a sentence
    """Refuse unless it is so."""
    if not good:
        raise Refused(reason)


def take_head(fields: Fields) -> tuple[bytes, list[bytes]]:
    """Take header and kids (5.1)."""
    need(fields.take(4) == b"YZE1")
    need(fields.integer(1) == 1, "unknown_suite")
    header_len = fields.integer(4)
    need(header_len <= 16_384, "oversize")
    header = fields.take(header_len)
    n = fields.integer(1)
    need(1 <= n <= 64)
    kids = [fields.take(32) for _ in range(n)]
    need(all(left < right for left, right in pairwise(kids)))
    return header, kids


def take_signature(fields: Fields) -> bytes:
    """Take the signature, and nothing after it (5.1)."""
    need(fields.integer(2) == 64)
    signature = fields.take(64)
    fields.end()
    return signature


def parse(data: bytes) -> Envelope:
    """Take an envelope apart (5.1)."""
    need(len(data) <= 900_000, "oversize")
    fields = Fields(data)
    header, kids = take_head(fields)
    head = fields.at

    def wrap() -> bytes:
        need(fields.integer(2) == 1168)
        return fields.take(1168)

    wraps = [wrap() for _ in kids]
    commit = fields.take(32)
    length = fields.integer(4)
    need(length - 16 == padded(length - 16))
    ciphertext = fields.take(length)
    sealed = fields.at
    signature = take_signature(fields)
    return Envelope(data[:head], header, kids, wraps, commit, ciphertext, data[head:sealed], signature)


def parse_counterfoil(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Take a counterfoil apart: header, what is signed, signature (5.4)."""
    fields = Fields(data)
    need(fields.take(4) == b"YZC1")
    header, _kids = take_head(fields)
    head = data[4 : fields.at]
    sealed_hash = fields.take(32)
    return header, pae(ENVELOPE, head + sealed_hash), take_signature(fields)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def _expand(prk: bytes, info: bytes, length: int) -> bytes:
    out = block = b""
    for counter in range(1, 256):
        if len(out) >= length:
            break
        block = _hmac(prk, block + info + bytes([counter]))
        out += block
    return out[:length]


def unwrap(wrap: bytes, info: bytes, seed: bytes) -> bytes:
    """Open one wrap: X-Wing and HPKE written out (6.7; RFC 9180 §5.1). ``seed`` is that of 17.2."""
    mlkem, x25519 = MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])
    ct_m, ct_x, ct = wrap[:1088], wrap[1088:1120], wrap[1120:]
    try:
        ss_x = x25519.exchange(X25519PublicKey.from_public_bytes(ct_x))
    except ValueError:
        raise Unopenable("wrap") from None
    label = bytes.fromhex("5c2e2f2f5e5c")
    shared = hashlib.sha3_256(
        mlkem.decapsulate(ct_m) + ss_x + ct_x + x25519.public_key().public_bytes_raw() + label
    ).digest()
    prefix = b"HPKE-v1" + b"HPKE" + bytes.fromhex("647a00010003")

    def extract(salt: bytes, name: bytes, ikm: bytes) -> bytes:
        return _hmac(salt or bytes(32), prefix + name + ikm)

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key = _expand(secret, (32).to_bytes(2, "big") + prefix + b"key" + context, 32)
    nonce = _expand(secret, (12).to_bytes(2, "big") + prefix + b"base_nonce" + context, 12)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, ct, b"")
    except InvalidTag:
        raise Unopenable("wrap") from None


def open_envelope(envelope: Envelope, public_kid: str, seed: bytes) -> bytes:
    """Open a verified envelope (6.8)."""
    mine = bytes.fromhex(public_kid)
    if mine not in envelope.kids:
        raise Unopenable("not_addressed")
    wrap = envelope.wraps[envelope.kids.index(mine)]
    cek = unwrap(wrap, b"yizhan/wrap/v1\0" + envelope.context + mine, seed)
    if len(cek) != 32:
        raise Unopenable("wrap")
    derived = _expand(_hmac(bytes(32), cek), b"yizhan/key/v1\0" + envelope.context, 64)
    if not hmac.compare_digest(derived[32:], envelope.commit):
        raise Unopenable("commit")
    try:
        content = AESGCM(derived[:32]).decrypt(bytes(12), envelope.ciphertext, envelope.context)
    except InvalidTag:
        raise Unopenable("ciphertext") from None
    end = content.rfind(b"\x80")
    if end < 0 or any(content[end + 1 :]) or padded(end + 1) != len(content):
        raise Unopenable("padding")
    return content[:end]


def sealing_kid(seed: bytes) -> str:
    """Name the sealing key that a seed gives (17.2)."""
    mlkem, x25519 = MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])
    return kid("seal", mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())
