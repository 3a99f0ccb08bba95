"""The cipher suites of envelopes: what is computed, not where it stands (specification, "Suites").

1: Ed25519, HPKE with X-Wing, SHA-256, AES-256-GCM. 2: SM2, SM3, SM4-GCM (GB/T 32918, 32905, 32907).

Rule 1: a charter pins one suite by its keys; nothing is negotiated.
Rule 2: whatever is wrong with a wrapped key is one failure: who made it cannot learn how far it got.
Rule 3: what needs a private key is a method of the key (``sign``, ``unwrap``), so that it may lie in a device.
"""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from yizhan.schemas import sm2
from yizhan.schemas.errors import UnknownSuite

TAG_BYTES: Final = 16
CEK_BYTES: Final = 32
KEY_BYTES: Final = 16
"""A key of SM4."""
_NONCE: Final = bytes(12)  # each of these keys encrypts once, so its nonce need not vary


class WrapInvalid(Exception):
    """A wrapped key does not open; there is one message for every cause (rule 2)."""

    def __init__(self) -> None:
        """Say what is known."""
        super().__init__("the wrapped key does not open: it was made for another header, audience or key")


class Suite(Protocol):
    """One suite. Contexts are digests of the envelope's head, 32 bytes; content keys (CEK) have 32 bytes."""

    number: int
    content_type: str
    wrap_bytes: int

    def hash(self, data: bytes | memoryview) -> bytes:
        """Return the suite's digest, 32 bytes."""

    def context(self, head: bytes) -> bytes:
        """Return what every key is bound to: header and audience."""

    def schedule(self, cek: bytes, context: bytes) -> tuple[bytes, bytes]:
        """Derive the key of the ciphertext, and the commitment to the CEK, 32 bytes."""

    def encrypt(self, key: bytes, padded: bytes, context: bytes) -> bytes:
        """Encrypt under a key of ``schedule``; the tag, 16 bytes, follows."""

    def decrypt(self, key: bytes, ciphertext: bytes, context: bytes) -> bytes:
        """Decrypt (``InvalidTag`` if it does not authenticate)."""


class _Suite1:
    number, content_type, wrap_bytes = 1, "application/vnd.yizhan.envelope.v1", 1168

    def hash(self, data: bytes | memoryview) -> bytes:
        return hashlib.sha256(data).digest()

    def context(self, head: bytes) -> bytes:
        return self.hash(b"yizhan/context/v1\0" + head)

    def schedule(self, cek: bytes, context: bytes) -> tuple[bytes, bytes]:
        """Derive two times 32 bytes (RFC 5869, no salt)."""
        derived = HKDF(hashes.SHA256(), 64, None, b"yizhan/key/v1\0" + context).derive(cek)
        return derived[:32], derived[32:]

    def encrypt(self, key: bytes, padded: bytes, context: bytes) -> bytes:
        return AESGCM(key).encrypt(_NONCE, padded, context)

    def decrypt(self, key: bytes, ciphertext: bytes, context: bytes) -> bytes:
        return AESGCM(key).decrypt(_NONCE, ciphertext, context)


class _Suite2:
    number, content_type, wrap_bytes = 2, "application/vnd.yizhan.envelope.v2", 160

    def hash(self, data: bytes | memoryview) -> bytes:
        return sm2.sm3(bytes(data))

    def context(self, head: bytes) -> bytes:
        return sm2.sm3(b"yizhan/context/v2\0", head)

    def schedule(self, cek: bytes, context: bytes) -> tuple[bytes, bytes]:
        """Derive 16 and 32 bytes (RFC 5869 with SM3, no salt)."""
        derived = HKDF(hashes.SM3(), KEY_BYTES + 32, None, b"yizhan/key/v2\0" + context).derive(cek)
        return derived[:KEY_BYTES], derived[KEY_BYTES:]

    def encrypt(self, key: bytes, padded: bytes, context: bytes) -> bytes:
        encryptor = Cipher(SM4(key), GCM(_NONCE)).encryptor()
        encryptor.authenticate_additional_data(context)
        return encryptor.update(padded) + encryptor.finalize() + encryptor.tag

    def decrypt(self, key: bytes, ciphertext: bytes, context: bytes) -> bytes:
        """Decrypt; nothing leaves before the tag is checked."""
        decryptor = Cipher(SM4(key), GCM(_NONCE, ciphertext[-TAG_BYTES:])).decryptor()
        decryptor.authenticate_additional_data(context)
        return decryptor.update(ciphertext[:-TAG_BYTES]) + decryptor.finalize()


SUITE_1: Final[Suite] = _Suite1()
SUITE_2: Final[Suite] = _Suite2()
_SUITES: Final = {each.number: each for each in (SUITE_1, SUITE_2)}


def suite_numbered(number: int) -> Suite:
    """Return a suite (``UnknownSuite`` for a number that is none's)."""
    try:
        return _SUITES[number]
    except KeyError:
        message = f"suite {number}; expected one of {', '.join(map(str, _SUITES))}"
        raise UnknownSuite(message) from None
