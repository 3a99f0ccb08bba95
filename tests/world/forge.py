"""Letters that no honest sender writes, for tests and vectors.

Rule 1: every field can be set to anything; only :meth:`Letter.data` puts them together.
Rule 2: sealing is written out here again, so that headers which ``Header`` refuses can be sealed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from yizhan.schemas import strictjson
from yizhan.schemas.dsse import pae
from yizhan.schemas.envelope import pad, parse_envelope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yizhan.schemas.header import Header
    from yizhan.schemas.keys import SealingKey, SealingPublicKey, SigningKey

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True)
class Letter:
    """An envelope's fields, any of which may be wrong."""

    header: bytes
    kids: tuple[bytes, ...]
    wraps: tuple[bytes, ...]
    commit: bytes
    ciphertext: bytes
    signature: bytes = bytes(64)
    magic: bytes = b"YZE1"
    suite: int = 1

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Take a good envelope apart."""
        envelope = parse_envelope(data)
        return cls(
            header=envelope.unverified_header,
            kids=tuple(map(bytes.fromhex, envelope.kids)),
            wraps=envelope.wraps,
            commit=envelope.commit,
            ciphertext=envelope.ciphertext,
            signature=envelope.signature,
        )

    @classmethod
    def sealed_to(
        cls,
        header: bytes,
        recipients: Sequence[SealingPublicKey],
        padded: bytes,
        *,
        keys: Mapping[str, bytes] | None = None,
        content_key: bytes = bytes(32),
    ) -> Self:
        """Seal padded bytes; ``keys`` gives some recipients (kid) another content key to unwrap."""
        recipients = sorted(recipients, key=lambda key: key.kid)
        kids = tuple(bytes.fromhex(key.kid) for key in recipients)
        draft = cls(header, kids, (), bytes(32), b"")
        context = draft.context
        info = b"yizhan/key/v1\0" + context
        derived = HKDF(algorithm=hashes.SHA256(), length=64, salt=None, info=info).derive(content_key)
        wraps = tuple(
            SUITE.encrypt(
                (keys or {}).get(key.kid, content_key), key.hpke, b"yizhan/wrap/v1\0" + context + bytes.fromhex(key.kid)
            )
            for key in recipients
        )
        ciphertext = AESGCM(derived[:32]).encrypt(bytes(12), padded, context)
        return replace(draft, wraps=wraps, commit=derived[32:], ciphertext=ciphertext)

    @property
    def head(self) -> bytes:
        """Magic to kids."""
        return b"".join((
            self.magic, bytes([self.suite]), len(self.header).to_bytes(4, "big"), self.header,
            bytes([len(self.kids)]), *self.kids,
        ))  # fmt: skip

    @property
    def context(self) -> bytes:
        """What keys are bound to."""
        return hashlib.sha256(b"yizhan/context/v1\0" + self.head).digest()

    @property
    def sealed(self) -> bytes:
        """Wraps to ciphertext."""
        return b"".join((
            *(len(wrap).to_bytes(2, "big") + wrap for wrap in self.wraps),
            self.commit, len(self.ciphertext).to_bytes(4, "big"), self.ciphertext,
        ))  # fmt: skip

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return pae("application/vnd.yizhan.envelope.v1", self.head + hashlib.sha256(self.sealed).digest())

    def signed_by(self, key: SigningKey) -> Self:
        """Sign as it stands, with any key."""
        return replace(self, signature=key.sign(self.signed))

    def data(self) -> bytes:
        """Put it together."""
        return self.head + self.sealed + len(self.signature).to_bytes(2, "big") + self.signature


def forge(
    header: Header | bytes,
    recipients: Sequence[SealingPublicKey],
    signer: SigningKey,
    payload: bytes = b'{"summary":"test"}',
) -> bytes:
    """Seal and sign any header bytes to any keys."""
    header_bytes = header if isinstance(header, bytes) else header.to_bytes()
    return Letter.sealed_to(header_bytes, recipients, pad(payload)).signed_by(signer).data()


def changed(header: Header, **attributes: object) -> bytes:
    """Write a header with attributes that ``Header`` would not take; None takes one away."""
    values = header.model_dump(mode="json", exclude_none=True) | attributes
    return strictjson.dumps({name: value for name, value in values.items() if value is not None})


def register(files: Mapping[str, bytes], county: str, key: SigningKey | SealingKey, **times: str) -> dict[str, bytes]:
    """Add a key to a county's ``keys.json``; ``times`` are ``not_before``, ``not_after``, ``revoked``."""
    path = f"counties/{county}/keys.json"
    content = json.loads(files[path])
    entry = {"kid": key.kid, "public": base64.b64encode(key.public.raw).decode(), **times}
    content["signing" if key.role == "sign" else "sealing"].append(entry)
    return {**files, path: strictjson.dumps(content)}
