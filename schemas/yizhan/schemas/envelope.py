"""The envelope, byte for byte (specification, "Envelope"); what its suites compute: :mod:`yizhan.schemas.suites`.

    head     = "YZE1" | suite u8 | header_len u32 | header | n u8 | n x kid[32]
    sealed   = n x ( wrap_len u16 | wrap ) | commit[32] | ciphertext_len u32 | ciphertext
    envelope = head | sealed | signature_len u16 | signature

Rule 1: a parser accepts exactly this and nothing after it; every refusal has a reason.
Rule 2: nothing is believed before the signature holds: what was only parsed is called unverified.
Rule 3: sealing happens once. Whoever needs the bytes again keeps them.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from cryptography.exceptions import InvalidTag

from yizhan.schemas.dsse import pae
from yizhan.schemas.errors import BadSignature, Malformed, Oversize, UnknownSuite, Unopenable
from yizhan.schemas.header import MAX_HEADER_BYTES, MAX_MEMBERS, Header, parse_header
from yizhan.schemas.keys import SealingKey, SealingPublicKey, SigningKey, SigningPublicKey
from yizhan.schemas.sm2_keys import SM2SealingKey, SM2SealingPublicKey, SM2SigningKey, SM2SigningPublicKey
from yizhan.schemas.suites import CEK_BYTES, SUITE_1, TAG_BYTES, Suite, WrapInvalid, suite_numbered

MAGIC: Final = b"YZE1"
MAX_BYTES: Final = 900_000
"""Longest envelope, in bytes: it fits a Kafka record of 1 MiB with its headers."""
SIGNATURE_BYTES: Final = 64
"""Of either suite."""
_MIN_PADDED_BYTES: Final = 256


@dataclass(frozen=True)
class UnverifiedEnvelope:
    """A well-framed envelope of which nothing has been checked but its framing."""

    suite: Suite
    head: bytes
    unverified_header: bytes
    kids: tuple[str, ...]
    wraps: tuple[bytes, ...]
    commit: bytes
    ciphertext: bytes
    sealed_hash: bytes
    signature: bytes

    @cached_property
    def signed(self) -> bytes:
        """The bytes under the signature: ``PAE(type, head | hash(sealed))``."""
        return pae(self.suite.content_type, self.head + self.sealed_hash)

    @cached_property
    def hash(self) -> bytes:
        """The event's hash, 32 bytes: of ``signed``; it excludes the signature."""
        return self.suite.hash(self.signed)

    @cached_property
    def context(self) -> bytes:
        """What every key below is bound to: header and audience."""
        return self.suite.context(self.head)


@dataclass(frozen=True)
class VerifiedEnvelope:
    """An envelope whose signature holds under a key that the caller's charter trusts."""

    envelope: UnverifiedEnvelope
    header: Header

    @property
    def hash(self) -> bytes:
        """The event's hash, 32 bytes."""
        return self.envelope.hash


class FieldReader:
    """Takes fields off the front of the bytes; running out is ``Malformed``."""

    def __init__(self, data: bytes) -> None:
        """Begin at the front."""
        self.data, self.at = data, 0

    def take(self, length: int, what: str) -> bytes:
        """Take so many bytes."""
        end = self.at + length
        if end > len(self.data):
            message = f"ends inside {what}: {length} bytes expected, {len(self.data) - self.at} left"
            raise Malformed(message)
        piece, self.at = self.data[self.at : end], end
        return piece

    def integer(self, length: int, what: str) -> int:
        """Take an unsigned big-endian integer."""
        return int.from_bytes(self.take(length, what), "big")


def parse_envelope(data: bytes, pinned: Suite | None = None) -> UnverifiedEnvelope:
    """Take an envelope apart, believing nothing.

    Args:
        data: one record value.
        pinned: the one suite that the charter allows; None: any that there is.

    Raises:
        Oversize: longer than 900,000 bytes, or its header than 16 KiB.
        UnknownSuite: a suite that is not pinned, or that there is not.
        Malformed: anything else that is not exactly the framing above.
    """
    if len(data) > MAX_BYTES:
        message = f"an envelope of {len(data)} bytes; at most {MAX_BYTES} are allowed"
        raise Oversize(message)
    reader = FieldReader(data)
    suite, header, kids = read_head(reader, pinned)
    end_of_head = reader.at
    wraps = tuple(_wrap(reader, suite) for _ in kids)
    commit = reader.take(32, "the commitment")
    ciphertext = reader.take(reader.integer(4, "the ciphertext length"), "the ciphertext")
    if padded_length(len(ciphertext) - TAG_BYTES) != len(ciphertext) - TAG_BYTES:
        message = f"a ciphertext of {len(ciphertext)} bytes; expected a padded length and {TAG_BYTES} bytes of tag"
        raise Malformed(message)
    end_of_sealed = reader.at
    if (length := reader.integer(2, "the signature length")) != SIGNATURE_BYTES:
        message = f"a signature of {length} bytes; expected {SIGNATURE_BYTES}"
        raise Malformed(message)
    signature = reader.take(length, "the signature")
    if reader.at != len(data):
        message = f"{len(data) - reader.at} bytes after the signature"
        raise Malformed(message)
    return UnverifiedEnvelope(
        suite=suite,
        head=data[:end_of_head],
        unverified_header=header,
        kids=tuple(kid.hex() for kid in kids),
        wraps=wraps,
        commit=commit,
        ciphertext=ciphertext,
        sealed_hash=suite.hash(memoryview(data)[end_of_head:end_of_sealed]),
        signature=signature,
    )


def read_head(reader: FieldReader, pinned: Suite | None = None) -> tuple[Suite, bytes, tuple[bytes, ...]]:
    """Read magic to kids; return the suite, the header's bytes and the kids.

    Raises:
        Oversize, UnknownSuite, Malformed: as ``parse_envelope``.
    """
    if reader.take(4, "the magic") != MAGIC:
        message = f"expected an envelope beginning with {MAGIC.decode()}"
        raise Malformed(message)
    number = reader.integer(1, "the suite")
    if pinned is not None and number != pinned.number:
        message = f"suite {number}; the charter pins suite {pinned.number}"
        raise UnknownSuite(message)
    suite = suite_numbered(number)
    if (length := reader.integer(4, "the header length")) > MAX_HEADER_BYTES:
        message = f"a header of {length} bytes; at most {MAX_HEADER_BYTES} are allowed"
        raise Oversize(message)
    header = reader.take(length, "the header")
    count = reader.integer(1, "the number of recipients")
    if not 1 <= count <= MAX_MEMBERS:
        message = f"{count} recipients; 1 to {MAX_MEMBERS} are allowed"
        raise Malformed(message)
    kids = tuple(reader.take(32, "a recipient's kid") for _ in range(count))
    if any(left >= right for left, right in pairwise(kids)):
        message = "recipients' kids must be sorted and unique"
        raise Malformed(message)
    return suite, header, kids


def _wrap(reader: FieldReader, suite: Suite) -> bytes:
    if (length := reader.integer(2, "a wrap's length")) != suite.wrap_bytes:
        message = f"a wrap of {length} bytes; suite {suite.number} has {suite.wrap_bytes}"
        raise Malformed(message)
    return reader.take(length, "a wrap")


def verify_envelope(
    data: bytes, key_of: Callable[[Header], SigningPublicKey | SM2SigningPublicKey], pinned: Suite = SUITE_1
) -> VerifiedEnvelope:
    """Parse, find the key that the header names, and check the signature: in this order.

    Args:
        data: one record value.
        key_of: gives the public key for the header's ``source`` and ``kid``, or raises a
            ``Refused``. It must use nothing else of the header: it is not verified yet.
        pinned: the suite of the charter, of which these keys are.

    Raises:
        Refused: ``oversize``, ``unknown_suite``, ``malformed``, ``bad_signature`` or what
            ``key_of`` raised.
    """
    envelope = parse_envelope(data, pinned)
    header = parse_header(envelope.unverified_header)
    if not key_of(header).verifies(envelope.signature, envelope.signed):
        message = f"the signature does not hold under key {header.kid[:16]}… of {header.source}"
        raise BadSignature(message)
    return VerifiedEnvelope(envelope, header)


def seal(
    header: Header,
    payload: bytes,
    recipients: Iterable[SealingPublicKey | SM2SealingPublicKey],
    signer: SigningKey | SM2SigningKey,
    *,
    content_key: bytes | None = None,
) -> bytes:
    """Encrypt a payload to its recipients, sign, and return the envelope's bytes.

    Args:
        header: names ``signer`` in ``kid`` and the recipients' counties in ``to``.
        payload: the payload type's JSON, any length that fits.
        recipients: sealing keys, one a member of ``to``, in any order.
        signer: the sender's signing key.
        content_key: 32 bytes for test vectors; random otherwise.

    Raises:
        ValueError: no recipient, a key twice, keys of two suites, or a header that names another signer.
        Oversize: it does not fit into 900,000 bytes.
    """
    keys = sorted(recipients, key=lambda key: key.kid)
    if not 1 <= len({key.kid for key in keys}) == len(keys) <= MAX_MEMBERS:
        message = f"expected 1 to {MAX_MEMBERS} different sealing keys, got {len(keys)}"
        raise ValueError(message)
    if header.kid != signer.kid:
        message = f"the header names key {header.kid[:16]}…, the signer is {signer.kid[:16]}…"
        raise ValueError(message)
    suite = signer.suite
    if any(key.suite is not suite for key in keys):
        message = f"the signer's key is of suite {suite.number}, and not every sealing key is"
        raise ValueError(message)
    header_bytes = header.to_bytes()
    if len(header_bytes) > MAX_HEADER_BYTES:
        message = f"a header of {len(header_bytes)} bytes; at most {MAX_HEADER_BYTES} are allowed"
        raise Oversize(message)
    kids = b"".join(bytes.fromhex(key.kid) for key in keys)
    head = b"".join((
        MAGIC, bytes([suite.number]), len(header_bytes).to_bytes(4, "big"), header_bytes, bytes([len(keys)]), kids,
    ))  # fmt: skip
    context = suite.context(head)
    cek = os.urandom(CEK_BYTES) if content_key is None else content_key
    key, commit = suite.schedule(cek, context)
    ciphertext = suite.encrypt(key, pad(payload), context)
    wraps = [public.wrap(context, cek) for public in keys]
    sealed = b"".join((
        *(len(wrap).to_bytes(2, "big") + wrap for wrap in wraps),
        commit, len(ciphertext).to_bytes(4, "big"), ciphertext,
    ))  # fmt: skip
    signature = signer.sign(pae(suite.content_type, head + suite.hash(sealed)))
    data = b"".join((head, sealed, len(signature).to_bytes(2, "big"), signature))
    if len(data) > MAX_BYTES:
        message = f"an envelope of {len(data)} bytes; at most {MAX_BYTES} are allowed: shorten the payload"
        raise Oversize(message)
    return data


def open_verified(verified: VerifiedEnvelope, keys: Sequence[SealingKey | SM2SealingKey]) -> bytes:
    """Decrypt a verified envelope with whichever of the keys it was sealed to.

    Returns:
        The payload's bytes, exactly as sealed.

    Raises:
        Unopenable: with its cause; nothing is returned half-checked.
    """
    envelope = verified.envelope
    mine = {key.kid: key for key in keys}
    found = [(mine[kid], wrap) for kid, wrap in zip(envelope.kids, envelope.wraps, strict=True) if kid in mine]
    if not found:
        message = "not sealed to any key at hand; the sender may have used a retired key"
        raise Unopenable("not_addressed", message)
    key, wrap = found[0]
    suite = envelope.suite
    if key.suite is not suite:
        raise Unopenable("wrap", str(WrapInvalid()))
    try:
        cek = key.unwrap(envelope.context, wrap)
    except WrapInvalid as error:
        raise Unopenable("wrap", str(error)) from None
    content_key, commit = suite.schedule(cek, envelope.context)
    if not hmac.compare_digest(commit, envelope.commit):
        message = "the wrapped key is not the one committed to: recipients would read different contents"
        raise Unopenable("commit", message)
    try:
        padded = suite.decrypt(content_key, envelope.ciphertext, envelope.context)
    except InvalidTag:
        message = "the ciphertext does not authenticate"
        raise Unopenable("ciphertext", message) from None
    return unpad(padded)


def padded_length(length: int) -> int:
    """Length after Padmé padding, at least 256 (PURBs, Nikitin et al. 2019, §4.3.3).

    >>> [padded_length(n) for n in (1, 256, 257, 1000, 100_000)]
    [256, 256, 272, 1024, 100352]
    """
    length = max(length, _MIN_PADDED_BYTES)
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def pad(payload: bytes) -> bytes:
    """Append 0x80 and zeros up to ``padded_length`` (marker of ISO/IEC 7816-4)."""
    return (payload + b"\x80").ljust(padded_length(len(payload) + 1), b"\0")


def unpad(padded: bytes) -> bytes:
    """Take the padding off.

    Raises:
        Unopenable: the padding is not exactly what ``pad`` writes.
    """
    payload = padded.rstrip(b"\0")
    if not payload.endswith(b"\x80") or padded_length(len(payload)) != len(padded):
        message = "the padding is not Padmé's"
        raise Unopenable("padding", message)
    return payload[:-1]
