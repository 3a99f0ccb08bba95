"""Private keys as PKCS 8 PEM, locked with a passphrase or not.

Rule 1: a locked key is PKCS 8 with PBES2, scrypt (RFC 7914) and AES-256-CBC, as
        ``openssl pkcs8 -topk8 -scrypt`` writes it. pyca's own ``BestAvailableEncryption`` uses
        PBKDF2 with 2,048 rounds, which a stolen file does not withstand.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
from typing import Any, Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from yizhan.schemas.errors import KeyFileInvalid
from yizhan.schemas.i18n import _, marked

SCRYPT_N: Final = 2**16
"""Work to try one passphrase: 64 MiB and about 0.2 s. Less: a stolen file falls sooner."""
_PEM = re.compile(rb"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----\n?", re.DOTALL)


class _Private(Protocol):
    """What every private key of pyca can do."""

    def private_bytes(
        self,
        encoding: Encoding,
        format: PrivateFormat,  # noqa: A002 -- pyca's word
        encryption_algorithm: KeySerializationEncryption,
    ) -> bytes:
        """Write it."""


def locked_pem(key: _Private, passphrase: bytes | None) -> bytes:
    """Write a private key as PKCS 8 PEM; with a passphrase, locked as rule 1 says."""
    if not passphrase:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    salt, start = os.urandom(16), os.urandom(16)
    secret = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=8, p=1).derive(passphrase)
    pad, cipher = PKCS7(128).padder(), Cipher(AES256(secret), CBC(start)).encryptor()
    sealed = cipher.update(pad.update(plain) + pad.finalize()) + cipher.finalize()
    return armoured(b"ENCRYPTED PRIVATE KEY", _encrypted(salt, start, sealed))


def armoured(label: bytes, der: bytes) -> bytes:
    """Write DER as PEM (RFC 7468 section 2), lines of 64 characters."""
    body = base64.b64encode(der)
    lines = b"\n".join(body[place : place + 64] for place in range(0, len(body), 64))
    return b"-----BEGIN " + label + b"-----\n" + lines + b"\n-----END " + label + b"-----\n"


def _encrypted(salt: bytes, start: bytes, sealed: bytes) -> bytes:
    """Write EncryptedPrivateKeyInfo (RFC 8018 A.4 and B.2.5, RFC 7914 section 7)."""
    scrypt = _der(0x30, _SCRYPT, _der(0x30, _der(4, salt), *(_der(2, _integer(n)) for n in (SCRYPT_N, 8, 1))))
    method = _der(0x30, _PBES2, _der(0x30, scrypt, _der(0x30, _AES256_CBC, _der(4, start))))
    return _der(0x30, method, _der(4, sealed))


def unlocked_der(pem: bytes, passphrase: bytes | None) -> bytes:
    """Return the PKCS 8 DER of one private key that ``locked_pem`` wrote: of a kind that pyca does not know.

    Raises:
        KeyFileInvalid: another form, or the passphrase is missing, wrong, or given for a key that is not locked.
    """
    blocks = _PEM.findall(pem)
    locked = pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    if len(blocks) == 1 and locked != (passphrase is not None):
        raise KeyFileInvalid(_("密钥上了锁，请给出口令") if locked else _("密钥没有上锁，不要给口令"))
    with contextlib.suppress(ValueError):
        (block,) = blocks
        der = base64.b64decode(b"".join(block.splitlines()[1:-1]), validate=True)
        return der if passphrase is None else _decrypted(der, passphrase)
    raise KeyFileInvalid(marked("密钥打不开：口令不对，或文件损坏（应为 PKCS 8 PEM 的 {expected}）"), expected="SM2")


def _decrypted(der: bytes, passphrase: bytes) -> bytes:
    """Decrypt what ``_encrypted`` wrote of an SM2 key, and nothing else (``ValueError``)."""
    salt, start = b"s" * 16, b"i" * 16
    form = _encrypted(salt, start, bytes(_SM2_SEALED_BYTES))
    salt, start = (der[at : at + 16] for at in (form.index(salt), form.index(start)))
    sealed = der[-_SM2_SEALED_BYTES:]
    if der != _encrypted(salt, start, sealed):
        message = "another form"
        raise ValueError(message)
    secret = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=8, p=1).derive(passphrase)
    pad, cipher = PKCS7(128).unpadder(), Cipher(AES256(secret), CBC(start)).decryptor()
    return pad.update(cipher.update(sealed) + cipher.finalize()) + pad.finalize()


_SM2_SEALED_BYTES: Final = 80
"""PKCS 8 of an SM2 key without its public half, 67 bytes, padded."""
_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT: Final = bytes.fromhex("06092b06010401da47040b")
_AES256_CBC: Final = bytes.fromhex("060960864801650304012a")
_SHORT: Final = 128


def _der(tag: int, *parts: bytes) -> bytes:
    """Write one ASN.1 value (X.690 §8.1, definite length)."""
    body = b"".join(parts)
    if len(body) < _SHORT:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, _SHORT | len(length)]) + length + body


def _integer(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def read_locked(data: bytes, passphrase: bytes | None, classes: tuple[type, ...]) -> Any:  # noqa: ANN401 -- one of the classes
    """Read one private key that is of one of these classes.

    Raises:
        KeyFileInvalid: not such a key, or the passphrase is missing or wrong.
    """
    expected = " or ".join(cls.__name__ for cls in classes)
    (key,) = _loaded(data, passphrase, expected) or (None,)
    if not isinstance(key, classes):
        message = f"expected {expected} in PKCS 8 PEM, got another key"
        raise KeyFileInvalid(message)
    return key


def read_pem(data: bytes, passphrase: bytes | None, classes: tuple[type, ...]) -> tuple[object, ...]:
    """Read private keys that are of these classes, in this order.

    Raises:
        KeyFileInvalid: not such keys, or the passphrase is missing or wrong.
    """
    expected = " and ".join(cls.__name__ for cls in classes)
    keys = _loaded(data, passphrase, expected)
    if len(keys) != len(classes) or not all(map(isinstance, keys, classes)):
        sentence = marked("应为 PKCS 8 PEM 的 {expected}，得到 {count} 把别的密钥")
        raise KeyFileInvalid(sentence, expected=expected, count=len(keys))
    return keys


def _loaded(data: bytes, passphrase: bytes | None, expected: str) -> tuple[object, ...]:
    try:
        return tuple(load_pem_private_key(block, passphrase) for block in _PEM.findall(data))
    except TypeError:
        locked, unlocked = _("密钥上了锁，请给出口令"), _("密钥没有上锁，不要给口令")
        raise KeyFileInvalid(locked if passphrase is None else unlocked) from None
    except (ValueError, UnsupportedAlgorithm):
        sentence = marked("密钥打不开：口令不对，或文件损坏（应为 PKCS 8 PEM 的 {expected}）")
        raise KeyFileInvalid(sentence, expected=expected) from None
