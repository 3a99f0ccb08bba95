"""Signatures and wraps that no honest library makes, written out by hand.

Rule 1: for vectors only: nothing here takes constant time, or is asked by anything but a generator.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

ORDER_OF_ED25519: Final = 2**252 + 27742317777372353535851937790883648493
IDENTITY: Final = (1).to_bytes(32, "little")
IDENTITY_AGAIN: Final = (2**255 - 18).to_bytes(32, "little")
"""The neutral point under a y that is not reduced."""
ORDER_8: Final = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
"""A point whose order is 8."""
_MLKEM_BYTES: Final = 1184


def _secret(seed: bytes) -> int:
    secret = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return secret & ~7 & ((1 << 254) - 1) | 1 << 254


def signature_under(seed: bytes, public: bytes, message: bytes) -> tuple[bytes, int]:
    """Sign under another public key than the seed's; return the signature and the multiple k of that key."""
    nonce = int.from_bytes(hashlib.sha512(seed + message).digest(), "little") % ORDER_OF_ED25519
    r = _times_base(nonce)
    k = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % ORDER_OF_ED25519
    return r + ((nonce + k * _secret(seed)) % ORDER_OF_ED25519).to_bytes(32, "little"), k


def signature_with(seed: bytes, r: bytes, message: bytes) -> bytes:
    """Sign with a chosen R of small order: [S]B - [k]A is the neutral point."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    k = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little")
    return r + (k * _secret(seed) % ORDER_OF_ED25519).to_bytes(32, "little")


def wrap_with(public: bytes, ct_x: bytes, ss_x: bytes, info: bytes, content_key: bytes) -> bytes:
    """Wrap a key with a chosen X25519 half (specification, 6.7): its share, and the secret it is said to give."""
    ss_m, ct_m = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_BYTES]).encapsulate()
    label = bytes.fromhex("5c2e2f2f5e5c")
    shared = hashlib.sha3_256(ss_m + ss_x + ct_x + public[_MLKEM_BYTES:] + label).digest()
    prefix = b"HPKE-v1HPKE" + bytes.fromhex("647a00010003")
    context = b"\0" + _mac(bytes(32), prefix + b"psk_id_hash") + _mac(bytes(32), prefix + b"info_hash" + info)
    secret = _mac(shared, prefix + b"secret")
    key = _mac(secret, (32).to_bytes(2, "big") + prefix + b"key" + context + b"\1")
    nonce = _mac(secret, (12).to_bytes(2, "big") + prefix + b"base_nonce" + context + b"\1")[:12]
    return ct_m + ct_x + ChaCha20Poly1305(key).encrypt(nonce, content_key, b"")


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def plus_order_8(public: bytes) -> bytes:
    """Add a point of order 8 to a point of Edwards25519."""
    return _encoded(_sum(_decoded(public), _decoded(ORDER_8)))


_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_Point = tuple[int, int]
_BASE_Y: Final = 4 * pow(5, -1, _P) % _P


def _sum(one: _Point, other: _Point) -> _Point:
    """Add two points (RFC 8032, 5.1.4, in affine coordinates)."""
    (x1, y1), (x2, y2) = one, other
    product = _D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, _P) % _P
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, _P) % _P


def _times_base(factor: int) -> bytes:
    total, power = (0, 1), _decoded(_BASE_Y.to_bytes(32, "little"))
    while factor:
        total = _sum(total, power) if factor & 1 else total
        power, factor = _sum(power, power), factor >> 1
    return _encoded(total)


def _encoded(point: _Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def _decoded(public: bytes) -> _Point:
    number = int.from_bytes(public, "little")
    y, sign = number % 2**255, number >> 255
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    root = pow(square, (_P + 3) // 8, _P)
    x = root if root * root % _P == square else root * pow(2, (_P - 1) // 4, _P) % _P
    return (x if x & 1 == sign else -x % _P), y
