"""Keys of suite 2: SM2 for signing and for sealing, each of its own.

They have the methods of the keys of suite 1 (:mod:`yizhan.schemas.keys`), whose rules hold here too. A key is named by
its ``kid`` = SM3("yizhan/kid/v2" 00 role 00 02 | public key). Signatures and sealed keys differ each time.
"""

from __future__ import annotations

import os
from typing import ClassVar, Self

from cryptography.exceptions import InvalidTag

from yizhan.schemas import sm2
from yizhan.schemas.errors import KeyFileInvalid
from yizhan.schemas.i18n import marked
from yizhan.schemas.pem import locked_pem, unlocked_der
from yizhan.schemas.suites import KEY_BYTES, SUITE_2, WrapInvalid


def kid(role: str, public: bytes) -> str:
    """Name of a public key, 64 hex digits; ``role`` is ``"sign"`` or ``"seal"``."""
    return sm2.sm3(b"yizhan/kid/v2\0", role.encode(), b"\0\2", public).hex()


def _bound(context: bytes, kid_of_recipient: str) -> bytes:
    return sm2.sm3(b"yizhan/wrap/v2\0", context, bytes.fromhex(kid_of_recipient))


class _PublicKey:
    role: ClassVar[str]
    suite = SUITE_2

    def __init__(self, public: bytes) -> None:
        """Take 65 bytes, 04 | x | y (``ValueError`` for anything else)."""
        sm2.check_library()
        self.key = sm2.PublicKey(public)
        self.raw, self.kid = public, kid(self.role, public)


class SM2SigningPublicKey(_PublicKey):
    """A public key under which signatures are verified."""

    role = "sign"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether r | s, 64 bytes, holds over the message, with the user id of ``sm2.USER_ID``."""
        return self.key.verifies(signature, sm2.signing_digest(self.raw, message))


class SM2SealingPublicKey(_PublicKey):
    """A public key to which content keys are sealed."""

    role = "seal"

    def wrap(self, context: bytes, cek: bytes) -> bytes:
        """Seal a content key of 32 bytes to this key, bound to an envelope's context.

        Returns:
            160 bytes: C1 x | y (64), C3 (32) and C2 (16), which hold a new key of SM4 (GB/T 32918.4); then the
            content key under it, with its tag (48).
        """
        kek = os.urandom(KEY_BYTES)
        sealed = self.key.encrypt(kek)
        return sealed.c1 + sealed.c3 + sealed.c2 + SUITE_2.encrypt(kek, cek, _bound(context, self.kid))


class _PrivateKey:
    role: ClassVar[str]
    suite = SUITE_2

    def __init__(self, key: sm2.PrivateKey) -> None:
        """Wrap a private key."""
        self.key = key
        self.kid = kid(self.role, key.public.raw)

    @classmethod
    def generate(cls) -> Self:
        """Make a new one from the system's randomness."""
        sm2.check_library()
        return cls(sm2.PrivateKey.generate())

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """PKCS 8 PEM, encrypted if there is a passphrase."""
        return locked_pem(self.key, passphrase)

    @classmethod
    def from_pem(cls, data: bytes, passphrase: bytes | None = None) -> Self:
        """Read what ``pem`` wrote.

        Raises:
            KeyFileInvalid: not such a key, or the passphrase is missing, wrong, or given for a key that has none.
        """
        sm2.check_library()
        der = unlocked_der(data, passphrase)
        try:
            return cls(sm2.PrivateKey.from_pkcs8(der))
        except ValueError:
            raise KeyFileInvalid(marked("应为 SM2 密钥，得到别的密钥")) from None


class SM2SigningKey(_PrivateKey):
    """A private key that signs."""

    role = "sign"

    def __init__(self, key: sm2.PrivateKey) -> None:
        """Wrap a private key."""
        super().__init__(key)
        self.public = SM2SigningPublicKey(key.public.raw)

    def sign(self, message: bytes) -> bytes:
        """Sign: r | s, 64 bytes, not the same twice (GB/T 32918.2)."""
        return self.key.sign(sm2.signing_digest(self.public.raw, message))


class SM2SealingKey(_PrivateKey):
    """A private key that opens what was sealed to it."""

    role = "seal"

    def __init__(self, key: sm2.PrivateKey) -> None:
        """Wrap a private key."""
        super().__init__(key)
        self.public = SM2SealingPublicKey(key.public.raw)

    def unwrap(self, context: bytes, wrap: bytes) -> bytes:
        """Open what ``wrap`` made (``WrapInvalid``)."""
        try:
            kek = self.key.decrypt(sm2.Ciphertext(wrap[:64], wrap[64:96], wrap[96:112]))
            return SUITE_2.decrypt(kek, wrap[112:], _bound(context, self.kid))
        except (ValueError, InvalidTag):
            raise WrapInvalid from None
