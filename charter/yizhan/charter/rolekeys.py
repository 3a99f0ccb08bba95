"""Keys of the charter's roles: ML-DSA-65 by default, Ed25519 or ECDSA where an office's token needs it.

Rule 1: a role key signs metadata of one role and nothing else; events have keys of their own.
Rule 2: two keys are the same if their raw public bytes are, whatever their names.
Rule 3: a private key file has mode 0600 and is encrypted like every other (``yizhan.schemas.keys``).
"""

from __future__ import annotations

import contextlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, get_args

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from securesystemslib.signer import CryptoSigner, SSlibKey

from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.schemas.errors import KeyFileInvalid
from yizhan.schemas.keys import SigningPublicKey, read_private, write_private
from yizhan.schemas.pem import locked_pem, read_locked

if TYPE_CHECKING:
    from pathlib import Path

    from securesystemslib.signer import Key

Scheme = Literal["ml-dsa-65", "ed25519", "ecdsa"]
SCHEMES: Final[tuple[str, ...]] = get_args(Scheme)
ALLOWED: Final = frozenset({("ml-dsa", "ml-dsa-65/1"), ("ed25519", "ed25519"), ("ecdsa", "ecdsa-sha2-nistp256")})
"""(keytype, scheme) that metadata may name."""


def generate(scheme: Scheme = "ml-dsa-65") -> CryptoSigner:
    """Make a new role key from the system's randomness."""
    match scheme:
        case "ml-dsa-65":
            return CryptoSigner.generate_mldsa()
        case "ed25519":
            return CryptoSigner.generate_ed25519()
        case "ecdsa":
            return CryptoSigner.generate_ecdsa()


def public_of(signer: CryptoSigner) -> SSlibKey:
    """Return a copy of a signer's public key: adding a member's name to it must not change the signer."""
    key = signer.public_key
    return SSlibKey(key.keyid, key.keytype, key.scheme, dict(key.keyval))


def raw(key: Key) -> bytes:
    """Return the raw public bytes of a role key, so that two spellings of one key are one.

    Raises:
        CharterProblem: the scheme is not allowed, or the key is invalid.
    """
    public = key.keyval.get("public", "")
    found = _raw(key.keytype, key.scheme, public) if isinstance(public, str) else None
    if found is not None:
        return found
    if (key.keytype, key.scheme) not in ALLOWED:
        got = f"{ascii(key.keytype)[:40]}/{ascii(key.scheme)[:40]}"
        message = f"got a role key of {got}; expected one of {', '.join(SCHEMES)}"
        raise CharterProblem(CharterFault.CONTENT, message)
    message = f"role key {ascii(key.keyid)[:18]}… is not a valid {key.keytype} key"
    raise CharterProblem(CharterFault.CONTENT, message)


@lru_cache(maxsize=8192)
def _raw(keytype: str, scheme: str, public: str) -> bytes | None:
    """Return the raw bytes of a public key in metadata's spelling; None if it is not a valid key. Pure."""
    with contextlib.suppress(ValueError, TypeError, UnsupportedAlgorithm):
        if (keytype, scheme) == ("ed25519", "ed25519"):
            return SigningPublicKey(bytes.fromhex(public)).raw
        loaded = load_pem_public_key(public.encode())
        if (keytype, scheme) == ("ml-dsa", "ml-dsa-65/1") and isinstance(loaded, MLDSA65PublicKey):
            return loaded.public_bytes_raw()
        if (keytype, scheme) == ("ecdsa", "ecdsa-sha2-nistp256") and isinstance(loaded, EllipticCurvePublicKey):
            return loaded.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return None


def save(signer: CryptoSigner, folder: Path, office: str, passphrase: bytes | None = None) -> Path:
    """Write a private key to ``folder/<office>-<first 8 of its keyid>.pem``, mode 0600, never over an existing file.

    Raises:
        KeyFileInvalid: the file exists, or cannot be written.
    """
    path = folder / f"{office}-{signer.public_key.keyid[:8]}.pem"
    write_private(path, locked_pem(signer._private_key, passphrase))  # noqa: SLF001 -- it gives it out unlocked only
    return path


def load(path: Path, passphrase: bytes | None = None) -> CryptoSigner:
    """Read a role key from its file.

    Raises:
        KeyFileInvalid: it must not be used, is not a role key, or the passphrase is missing or wrong.
    """
    data = read_private(path)
    classes = MLDSA65PrivateKey, Ed25519PrivateKey, EllipticCurvePrivateKey
    key: MLDSA65PrivateKey | Ed25519PrivateKey | EllipticCurvePrivateKey = read_locked(data, passphrase, classes)
    try:
        return CryptoSigner(key)
    except ValueError as error:
        message = f"{path}: {error}"
        raise KeyFileInvalid(message) from None
