"""The three kinds of file of a charter: ``alliance.json``, ``policy.json`` (``policy``), ``counties/<code>/keys.json``.

Rule 1: the models say what one file may hold; what the files must say together, ``charter_loading`` checks.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from yizhan.schemas.header import ContractModel, Hex32, MemberCode
from yizhan.schemas.policy_facts import Words
from yizhan.schemas.timestamps import Timestamp

MAX_FILE_BYTES = 1024 * 1024
MAX_MEMBERS = 1024
_Pair = Annotated[tuple[MemberCode, MemberCode], Field(strict=False)]


class KeyEntry(ContractModel):
    """One public key as a county or the station registers it.

    ``not_after`` may be left open; ``revoked`` is the instant from which it is refused. What it
    signed and what was received at ``compromised`` or later, before ``revoked``, is doubtful.
    """

    kid: Hex32
    public: Annotated[str, Field(max_length=4096, description="raw public key, base64")]
    not_before: Timestamp
    not_after: Timestamp | None = None
    revoked: Timestamp | None = None
    compromised: Timestamp | None = None


class Officer(ContractModel):
    """One rung of a county's contact ladder."""

    role: Annotated[str, Field(min_length=1, max_length=40)]
    name: Annotated[str, Field(min_length=1, max_length=40)]
    phone: Annotated[str, Field(min_length=3, max_length=40)]


class KeysFile(ContractModel):
    """``counties/<code>/keys.json``."""

    county: MemberCode
    signing: Annotated[tuple[KeyEntry, ...], Field(strict=False, min_length=1)]
    sealing: Annotated[tuple[KeyEntry, ...], Field(strict=False, min_length=1)]
    cosigning: Annotated[tuple[KeyEntry, ...], Field(strict=False)] = ()
    ladder: Annotated[tuple[Officer, ...], Field(strict=False)] = ()


class Member(ContractModel):
    """A county of the alliance."""

    code: MemberCode
    name: Words
    province: Words


class StationKeys(ContractModel):
    """Keys of the station, one list a purpose: Ed25519, but for ``ledger_mldsa``, which is ML-DSA-44."""

    postmark: Annotated[tuple[KeyEntry, ...], Field(strict=False, min_length=1)]
    ledger: Annotated[tuple[KeyEntry, ...], Field(strict=False)] = ()
    ledger_mldsa: Annotated[tuple[KeyEntry, ...], Field(strict=False)] = ()


class AllianceFile(ContractModel):
    """``alliance.json``."""

    name: Words
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z_]+(?:/[A-Za-z_]+)*$")]
    members: Annotated[tuple[Member, ...], Field(strict=False, min_length=2, max_length=MAX_MEMBERS)]
    pairs: Annotated[tuple[_Pair, ...], Field(strict=False)]
    station: StationKeys
    log: Annotated[str, Field(pattern=r"^[!-*,-~]{1,128}$")] = "yizhan/ledger"
    quorum: Annotated[int, Field(ge=1, le=MAX_MEMBERS)] | None = None
