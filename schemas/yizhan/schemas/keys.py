"""Keys of suite 1: Ed25519 for signing, ML-KEM-768 + X25519 (X-Wing) for sealing; ML-DSA-44 for checkpoints.

Rule 1: a key is named by its ``kid`` = SHA-256("yizhan/kid/v1" 00 role 00 suite | raw public key),
        so a signing key can never be taken for a sealing key.
Rule 2: a public key is checked where it enters: small-order points and wrong lengths do not load.
Rule 3: a private key file is readable by its owner alone (mode 0600), or it is not used.
"""

from __future__ import annotations

import hashlib
import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Protocol, Self

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from yizhan.schemas.errors import KeyFileInvalid
from yizhan.schemas.i18n import marked
from yizhan.schemas.pem import locked_pem, read_pem
from yizhan.schemas.sentences import os_error
from yizhan.schemas.suites import CEK_BYTES, SUITE_1, WrapInvalid

SIGNING_BYTES = 32
SEALING_BYTES = 1184 + 32
COSIGNING_BYTES = 1312
COSIGNATURE_BYTES = 2420
_MLKEM_BYTES = 1184
_HPKE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_FIELD = 2**255 - 19
_EDWARDS_D = -121665 * pow(121666, -1, _FIELD)


def kid(role: str, public: bytes) -> str:
    """Name of a public key, 64 hex digits (specification, "Keys").

    Args:
        role: ``"sign"``, ``"seal"`` or ``"cosign"``.
        public: raw public key, 32, 1,216 or 1,312 bytes.
    """
    return hashlib.sha256(b"yizhan/kid/v1\0" + role.encode() + b"\0" + bytes([SUITE_1.number]) + public).hexdigest()


@lru_cache(maxsize=1024)
def _refuse_small_order_edwards(public: bytes) -> None:
    """Refuse Ed25519 points whose order divides 8, and what is not a point at all (RFC 8032 §5.1.3).

    The point is mapped to Curve25519 by u = (1 + y) / (1 - y) (RFC 7748 §4.1); X25519 clears the
    cofactor, so a point of small order is one that X25519 sends to zero.
    """
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _FIELD:
        message = "not a canonical Ed25519 public key"
        raise ValueError(message)
    if pow((y * y - 1) * (_EDWARDS_D * y * y + 1), (_FIELD - 1) // 2, _FIELD) == _FIELD - 1:
        message = "not a point of the curve of Ed25519"
        raise ValueError(message)
    u = (1 + y) * pow(1 - y, -1, _FIELD) % _FIELD if y != 1 else 0
    _refuse_small_order_montgomery(u.to_bytes(32, "little"))


@lru_cache(maxsize=1024)
def _refuse_small_order_montgomery(u: bytes) -> None:
    """Refuse X25519 points that contribute nothing to a shared secret (RFC 7748 §6.1).

    So are second spellings of one point: sender and recipient hash the bytes of this key, and
    would hash different ones.
    """
    if int.from_bytes(u, "little") >= _FIELD:
        message = "not a canonical X25519 public key"
        raise ValueError(message)
    try:
        X25519PrivateKey.from_private_bytes(b"\x01" * 32).exchange(X25519PublicKey.from_public_bytes(u))
    except ValueError:
        message = "a point of small order, under which anything verifies"
        raise ValueError(message) from None


class SigningPublicKey:
    """An Ed25519 public key that was checked when it entered."""

    suite = SUITE_1

    def __init__(self, public: bytes) -> None:
        """Take 32 raw bytes.

        Raises:
            ValueError: wrong length, not canonical, or a point of small order.
        """
        if len(public) != SIGNING_BYTES:
            message = f"expected an Ed25519 public key of {SIGNING_BYTES} bytes, got {len(public)}"
            raise ValueError(message)
        _refuse_small_order_edwards(public)
        self.raw = public
        self.kid = kid("sign", public)
        self._key = Ed25519PublicKey.from_public_bytes(public)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether the signature holds over the message (RFC 8032 §5.1.7)."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _wrap_info(context: bytes, kid: str) -> bytes:
    return b"yizhan/wrap/v1\0" + context + bytes.fromhex(kid)


class SealingPublicKey:
    """An ML-KEM-768 + X25519 public key: 1,184 + 32 raw bytes."""

    suite = SUITE_1

    def __init__(self, public: bytes) -> None:
        """Take the raw bytes.

        Raises:
            ValueError: wrong length, not an ML-KEM key (FIPS 203 §7.2), or an X25519 point of
                small order.
        """
        if len(public) != SEALING_BYTES:
            message = f"expected a sealing key of {SEALING_BYTES} bytes, got {len(public)}"
            raise ValueError(message)
        _refuse_small_order_montgomery(public[_MLKEM_BYTES:])
        self.raw = public
        self.kid = kid("seal", public)
        self.hpke = hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_BYTES]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_BYTES:]),
        )

    def wrap(self, context: bytes, cek: bytes) -> bytes:
        """Seal a content key of 32 bytes to this key, bound to an envelope's context (RFC 9180, base mode)."""
        return _HPKE.encrypt(cek, self.hpke, _wrap_info(context, self.kid))


class CosigningPublicKey:
    """An ML-DSA-44 public key (FIPS 204): of a county's cosignatures, or of the ledger's checkpoints."""

    def __init__(self, public: bytes) -> None:
        """Take 1,312 raw bytes (``ValueError`` for another length)."""
        if len(public) != COSIGNING_BYTES:
            message = f"expected an ML-DSA-44 public key of {COSIGNING_BYTES} bytes, got {len(public)}"
            raise ValueError(message)
        self.raw = public
        self.kid = kid("cosign", public)
        self._key = MLDSA44PublicKey.from_public_bytes(public)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether the signature holds over the message (FIPS 204 §5.3, empty context)."""
        try:
            self._key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class PrivateKey(Protocol):
    """What every private key here can do: say its role and name, and be written down."""

    role: ClassVar[str]
    kid: str

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """PKCS 8 PEM, encrypted if there is a passphrase."""


class SigningKey:
    """An Ed25519 private key with its public half."""

    role: ClassVar[str] = "sign"
    suite = SUITE_1

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Wrap a private key."""
        self._key = key
        self.public = SigningPublicKey(key.public_key().public_bytes_raw())
        self.kid = self.public.kid

    @classmethod
    def generate(cls) -> Self:
        """Make a new one from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Make the one that a 32-byte seed gives (for test vectors)."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, message: bytes) -> bytes:
        """Sign, 64 bytes, deterministic (RFC 8032 §5.1.6)."""
        return self._key.sign(message)

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """PKCS 8 PEM, encrypted if there is a passphrase."""
        return locked_pem(self._key, passphrase)

    @classmethod
    def from_pem(cls, data: bytes, passphrase: bytes | None = None) -> Self:
        """Read what ``pem`` wrote.

        Raises:
            KeyFileInvalid: not such a key, or the passphrase is missing or wrong.
        """
        (key,) = read_pem(data, passphrase, (Ed25519PrivateKey,))
        return cls(key)  # type: ignore[arg-type] # read_pem checked the class


class SealingKey:
    """An ML-KEM-768 + X25519 private key with its public half."""

    role: ClassVar[str] = "seal"
    suite = SUITE_1

    def __init__(self, mlkem: MLKEM768PrivateKey, x25519: X25519PrivateKey) -> None:
        """Wrap the two private keys."""
        self._mlkem, self._x25519 = mlkem, x25519
        self.hpke = hpke.MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public = SealingPublicKey(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())
        self.kid = self.public.kid

    @classmethod
    def generate(cls) -> Self:
        """Make a new one from the system's randomness."""
        return cls(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Make the one that a 96-byte seed gives: 64 for ML-KEM (d | z), 32 for X25519."""
        return cls(MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:]))

    def unwrap(self, context: bytes, wrap: bytes) -> bytes:
        """Open what ``wrap`` made (``WrapInvalid``)."""
        try:
            cek = _HPKE.decrypt(wrap, self.hpke, _wrap_info(context, self.kid))
        except InvalidTag:
            raise WrapInvalid from None
        if len(cek) != CEK_BYTES:
            raise WrapInvalid
        return cek

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """Two PKCS 8 PEM blocks, ML-KEM first, each encrypted if there is a passphrase."""
        return locked_pem(self._mlkem, passphrase) + locked_pem(self._x25519, passphrase)

    @classmethod
    def from_pem(cls, data: bytes, passphrase: bytes | None = None) -> Self:
        """Read what ``pem`` wrote.

        Raises:
            KeyFileInvalid: not such a key, or the passphrase is missing or wrong.
        """
        mlkem, x25519 = read_pem(data, passphrase, (MLKEM768PrivateKey, X25519PrivateKey))
        return cls(mlkem, x25519)  # type: ignore[arg-type] # read_pem checked the classes


class CosigningKey:
    """An ML-DSA-44 private key with its public half."""

    role: ClassVar[str] = "cosign"

    def __init__(self, key: MLDSA44PrivateKey) -> None:
        """Wrap a private key."""
        self._key = key
        self.public = CosigningPublicKey(key.public_key().public_bytes_raw())
        self.kid = self.public.kid

    @classmethod
    def generate(cls) -> Self:
        """Make a new one from the system's randomness."""
        return cls(MLDSA44PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Make the one that a 32-byte seed gives (for test vectors)."""
        return cls(MLDSA44PrivateKey.from_seed_bytes(seed))

    def sign(self, message: bytes) -> bytes:
        """Sign, 2,420 bytes, never the same twice (FIPS 204 §5.2, hedged, empty context)."""
        return self._key.sign(message)

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """PKCS 8 PEM, encrypted if there is a passphrase."""
        return locked_pem(self._key, passphrase)

    @classmethod
    def from_pem(cls, data: bytes, passphrase: bytes | None = None) -> Self:
        """Read what ``pem`` wrote.

        Raises:
            KeyFileInvalid: not such a key, or the passphrase is missing or wrong.
        """
        (key,) = read_pem(data, passphrase, (MLDSA44PrivateKey,))
        return cls(key)  # type: ignore[arg-type] # read_pem checked the class


def save(key: PrivateKey, folder: Path, passphrase: bytes | None = None) -> Path:
    """Write a private key to ``folder/<role>-<first 8 of kid>.pem``, mode 0600, never over another.

    Raises:
        KeyFileInvalid: the file is there already, or cannot be written.
    """
    path = folder / f"{key.role}-{key.kid[:8]}.pem"
    write_private(path, key.pem(passphrase))
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write a private file, mode 0600, never over another; durable when this returns.

    Raises:
        KeyFileInvalid: the file is there already, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        sentence = marked("写不了密钥文件 {path}：{error}；请另选目录")
        raise KeyFileInvalid(sentence, path=path, error=os_error(error)) from error


def read_private(path: Path) -> bytes:
    """Read a private key file after checking that only its owner can.

    Raises:
        KeyFileInvalid: missing, not a plain file, or open to group or others.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
                sentence = marked(
                    "{path} 的权限是 {mode}；私钥只许本人可读：请运行 chmod 600 {path}，并想一想谁可能读过"
                )
                raise KeyFileInvalid(sentence, path=path, mode=f"{stat.S_IMODE(status.st_mode):04o}")
            return file.read()
    except OSError as error:
        sentence = marked("读不了密钥文件 {path}：{error}")
        raise KeyFileInvalid(sentence, path=path, error=os_error(error)) from error


def load_signing(path: Path, passphrase: bytes | None = None) -> SigningKey:
    """Read a signing key from its file (``KeyFileInvalid`` if it must not be used)."""
    return SigningKey.from_pem(read_private(path), passphrase)


def load_sealing(path: Path, passphrase: bytes | None = None) -> SealingKey:
    """Read a sealing key from its file (``KeyFileInvalid`` if it must not be used)."""
    return SealingKey.from_pem(read_private(path), passphrase)


def load_cosigning(path: Path, passphrase: bytes | None = None) -> CosigningKey:
    """Read a cosigning key from its file (``KeyFileInvalid`` if it must not be used)."""
    return CosigningKey.from_pem(read_private(path), passphrase)
