"""Keys (clause 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from tests.schemas.second.basics import Invalid, P, sha256

if TYPE_CHECKING:
    from datetime import datetime


def kid(role: str, public: bytes) -> str:
    """Name a key (4.2)."""
    return sha256(b"yizhan/kid/v1\0" + role.encode() + b"\0\x01" + public).hex()


def _contributes(u: bytes) -> bool:
    try:
        X25519PrivateKey.from_private_bytes(b"\x55" * 32).exchange(X25519PublicKey.from_public_bytes(u))
    except ValueError:
        return False
    return True


def check_signing_key(public: bytes) -> None:
    """Refuse what 4.3 refuses; small order is told by multiplying with 8, in exact arithmetic."""
    y = int.from_bytes(public, "little") % 2**255
    d = -121665 * pow(121666, -1, P) % P
    if len(public) != 32 or y >= P:
        raise Invalid("signing key")
    square = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    x = next((x for x in (root, root * pow(2, (P - 1) // 4, P) % P) if x * x % P == square), None)
    if x is None:
        raise Invalid("no point")
    for _ in range(3):
        k = d * x * x * y * y
        x, y = 2 * x * y * pow(1 + k, -1, P) % P, (y * y + x * x) * pow(1 - k, -1, P) % P
    if (x, y) == (0, 1):
        raise Invalid("small order")


def check_sealing_key(public: bytes) -> None:
    """Refuse what 4.3 refuses."""
    if len(public) != 1216 or int.from_bytes(public[1184:], "little") >= P or not _contributes(public[1184:]):
        raise Invalid("sealing key")
    try:
        MLKEM768PublicKey.from_public_bytes(public[:1184])
    except ValueError:
        raise Invalid("ML-KEM key") from None


def check_key(role: str, public: bytes) -> None:
    """Refuse what 4.3 refuses, by role (4.1)."""
    if role == "sign":
        check_signing_key(public)
    elif role == "seal":
        check_sealing_key(public)
    elif len(public) != 1312:
        raise Invalid("cosigning key")


@dataclass
class Key:
    """A registered key with its time (4.5)."""

    public: bytes
    not_before: datetime
    not_after: datetime | None
    revoked: datetime | None
    compromised: datetime | None

    def is_doubtful(self, at: datetime) -> bool:
        """Return whether somebody else may have signed by then (11.1)."""
        return self.compromised is not None and at >= self.compromised

    def is_revoked(self, at: datetime) -> bool:
        """Return whether it was revoked by then."""
        return self.revoked is not None and at >= self.revoked

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Return whether a signature holds under this signing key (4.4)."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def holds(self, at: datetime) -> bool:
        """Return whether it holds then."""
        ended = self.not_after is not None and at >= self.not_after
        return at >= self.not_before and not ended and not self.is_revoked(at)
