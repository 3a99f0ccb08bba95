"""Every error of the contract, as one tree.

    YizhanError
    ├── Refused               a record that breaks the contract; the closed list of reasons
    │   ├── Malformed         malformed        framing, header JSON or an attribute is not as specified
    │   ├── Oversize          oversize         longer than the contract allows
    │   ├── UnknownSuite      unknown_suite    a cipher suite that the charter does not pin
    │   ├── UnknownKey        unknown_key      the charter has no such key for this source
    │   ├── KeyNotValid       key_not_valid    the key is not valid yet, or no longer
    │   ├── KeyRevoked        key_revoked      the key was revoked
    │   ├── BadSignature      bad_signature    the signature does not hold
    │   ├── WrongTopic        wrong_topic      signed by one county, found on another's topic
    │   ├── NotAMember        not_a_member     source or recipient is not in the charter
    │   ├── BadAudience       bad_audience     recipients, lanes and sealing keys do not agree
    │   ├── BadReference      bad_reference    withdraws, supersedes or confirms without authority
    │   └── FutureDated       future_dated     learnt of in the future
    ├── Unopenable            verified, but the content cannot be opened with the keys at hand
    ├── StatementInvalid      a postmark or manifest that does not verify
    ├── ProofInvalid          a Merkle proof, a tile or a tree that does not verify
    ├── NoteInvalid           a signed note, checkpoint or proof file that does not verify
    ├── CharterInvalid        a charter that must not come into force
    ├── KeyFileInvalid        a key file that must not be used
    ├── NotFound              there is nothing by this name or number
    ├── FileRefused           a file that is not sealed, or not written, because of what it is
    ├── PayloadInvalid        a payload that its sender must mend before it can be sealed
    └── StrictJsonError       (strictjson) bytes that are not JSON with one meaning

Rule 1: one class a reason; the word in ``reason`` is the same in postmark, quarantine,
        metric label, test vector and on the screen.
Rule 2: a ``Refused`` is the remote side's fault; every other error names what to do here.
Rule 3: a message says what was expected, what came and what to do.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar

from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import Sentence


class Reason(StrEnum):
    """Why a record is refused: a closed list (specification, "Reasons")."""

    MALFORMED = "malformed"
    OVERSIZE = "oversize"
    UNKNOWN_SUITE = "unknown_suite"
    UNKNOWN_KEY = "unknown_key"
    KEY_NOT_VALID = "key_not_valid"
    KEY_REVOKED = "key_revoked"
    BAD_SIGNATURE = "bad_signature"
    WRONG_TOPIC = "wrong_topic"
    NOT_A_MEMBER = "not_a_member"
    BAD_AUDIENCE = "bad_audience"
    BAD_REFERENCE = "bad_reference"
    FUTURE_DATED = "future_dated"


class YizhanError(Exception):
    """Root of every error raised on purpose by this project.

    An error for officers is made of a Chinese sentence (``marked``) and its parameters, and is put into words where it
    is shown: ``str(error)`` is in the language of whoever asks. An error for engineers is made of one finished text.

    ``code`` names the kind of failure for programs, ``params`` are the sentence's parameters, ``hint`` is what a
    person can do about it (None where the sentence says it all).
    """

    code: ClassVar[str] = "yizhan_error"

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Name the code after the class: ``NoKey`` is ``no_key``."""
        super().__init_subclass__(**kwargs)
        cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, message: str = "", /, *, hint: Action | None = None, **params: object) -> None:
        """Take the sentence, its parameters, and what can be done."""
        super().__init__(message)
        self.message, self.params, self.hint = message, params, hint

    def __str__(self) -> str:
        """Put it into words."""
        return str(Sentence(self.message, self.params))


class Refused(YizhanError):
    """A record that breaks the contract. ``reason`` is the word of the closed list."""

    reason: ClassVar[Reason]

    def __init_subclass__(cls, *, reason: Reason, **kwargs: object) -> None:
        """Bind the class to its one reason."""
        super().__init_subclass__(**kwargs)
        cls.reason = reason


class Malformed(Refused, reason=Reason.MALFORMED):
    """The framing, the header's JSON or one of its attributes is not as specified."""


class Oversize(Refused, reason=Reason.OVERSIZE):
    """The record, its Kafka headers or its event header are longer than allowed."""


class UnknownSuite(Refused, reason=Reason.UNKNOWN_SUITE):
    """The envelope names a cipher suite that the charter does not pin."""


class UnknownKey(Refused, reason=Reason.UNKNOWN_KEY):
    """The charter in force knows no signing key with this ``kid`` for this source."""


class KeyNotValid(Refused, reason=Reason.KEY_NOT_VALID):
    """The signing key was not valid yet, or no longer, when the record was received."""


class KeyRevoked(Refused, reason=Reason.KEY_REVOKED):
    """The signing key had been revoked when the record was received."""


class BadSignature(Refused, reason=Reason.BAD_SIGNATURE):
    """The signature does not hold over the signed bytes under the named key."""


class WrongTopic(Refused, reason=Reason.WRONG_TOPIC):
    """The record was found on a topic that is not its source's."""


class NotAMember(Refused, reason=Reason.NOT_A_MEMBER):
    """The source or a recipient is not a member in the charter in force."""


class BadAudience(Refused, reason=Reason.BAD_AUDIENCE):
    """``to``, ``lanes`` and the sealing keys do not name the same members."""


class BadReference(Refused, reason=Reason.BAD_REFERENCE):
    """It withdraws, supersedes or confirms what its source has no authority over."""


class FutureDated(Refused, reason=Reason.FUTURE_DATED):
    """``time`` lies further ahead of the broker's clock than the contract allows."""


REFUSALS: dict[Reason, type[Refused]] = {cls.reason: cls for cls in Refused.__subclasses__()}
"""The class of each reason; complete by a test."""


class Unopenable(YizhanError):
    """Verified, but the content cannot be opened; ``cause`` is one word for the receipt.

    ``cause`` is ``not_addressed`` (no wrap for a key at hand), ``wrap`` (the wrap does not
    open), ``commit`` (another key was committed to), ``ciphertext`` (authentication failed)
    or ``padding``.
    """

    def __init__(self, cause: str, message: str, /, *, hint: Action | None = None, **params: object) -> None:
        """Keep the one word beside the sentence."""
        super().__init__(message, hint=hint, **params)
        self.cause = cause


class StatementInvalid(YizhanError):
    """A station's statement (postmark, manifest) that does not verify."""


class ProofInvalid(YizhanError, ValueError):
    """A Merkle proof that is malformed or leads elsewhere, or a hash that is none."""


class NoteInvalid(YizhanError):
    """A signed note, checkpoint, cosignature or proof file that is malformed or does not verify."""


class CharterInvalid(YizhanError):
    """A charter that must not come into force; the last good one stays."""


class KeyFileInvalid(YizhanError):
    """A key file that must not be used: open to others, damaged, or locked."""


class NotFound(YizhanError):
    """There is nothing by this name or number: no event, no item, no draft, no member of a list."""


class FileRefused(YizhanError):
    """A file that is not sealed, or not written to a disk, because of what it is; ``cause`` is one word.

    ``cause`` is ``type`` (not on the list, or the name says another), ``size``, ``chunk`` (cut off or swapped),
    ``hash`` (another file than the event names), ``incomplete``, ``exists`` or ``unreadable``.
    """

    def __init__(self, cause: str, message: str, /, *, hint: Action | None = None, **params: object) -> None:
        """Keep the one word beside the sentence."""
        super().__init__(message, hint=hint, **params)
        self.cause = cause


class PayloadInvalid(YizhanError):
    """A payload that breaks its type's rules; ``errors`` are (field path, message) pairs."""

    def __init__(self, errors: tuple[tuple[str, str], ...]) -> None:
        """Keep the pairs and say them all in one sentence."""
        super().__init__("; ".join(f"{path}: {message}" if path else message for path, message in errors))
        self.errors = errors
