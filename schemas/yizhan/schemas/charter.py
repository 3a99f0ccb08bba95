"""The charter: who is a member, whose keys are whose, which rules route what.

Three kinds of file: ``alliance.json``, ``policy.json`` and ``counties/<code>/keys.json``.

Rule 1: a version never changes; it is named ``<n>-<hash>`` by its signed list of files
        (``snapshot.json``), and holds from the instant that the station announced.
Rule 2: the version in force is chosen by a record's received time, so that a record read again
        is decided the same way.
Rule 3: a charter with anything doubtful in it does not load; the last good one stays in force.
Rule 4: readers know only ``Charters``; where the files come from, and who signed them, is the
        business of ``yizhan.charter``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, ValidationError

from yizhan.schemas import strictjson
from yizhan.schemas.dsse import decode_base64
from yizhan.schemas.errors import CharterInvalid, KeyNotValid, KeyRevoked
from yizhan.schemas.header import ContractModel, Hex32, MemberCode
from yizhan.schemas.keys import CosigningPublicKey, SealingPublicKey, SigningPublicKey
from yizhan.schemas.policy import Policy, PolicyFile
from yizhan.schemas.policy_facts import Words
from yizhan.schemas.timestamps import Timestamp, instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_FILE_BYTES = 1024 * 1024
MAX_MEMBERS = 1024
_Pair = Annotated[tuple[MemberCode, MemberCode], Field(strict=False)]
_Model = TypeVar("_Model", bound=BaseModel)
_KeyClass = TypeVar("_KeyClass", SigningPublicKey, SealingPublicKey, CosigningPublicKey)


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
    quorum: Annotated[int, Field(ge=1, le=64)] | None = None


@dataclass(frozen=True)
class RegisteredKey(Generic[_KeyClass]):
    """A checked public key with the time in which it holds."""

    key: _KeyClass
    not_before: datetime
    not_after: datetime | None
    revoked: datetime | None
    compromised: datetime | None = None

    def check(self, at: datetime) -> None:
        """Raise ``KeyRevoked`` or ``KeyNotValid`` unless the key holds at this instant."""
        name = f"key {self.key.kid[:16]}…"
        if self.revoked is not None and at >= self.revoked:
            message = f"{name} was revoked at {self.revoked.isoformat()}; sign with the key that replaced it"
            raise KeyRevoked(message)
        if at < self.not_before:
            message = f"{name} is valid from {self.not_before.isoformat()}, received {at.isoformat()}"
            raise KeyNotValid(message)
        if self.not_after is not None and at >= self.not_after:
            message = f"{name} was valid until {self.not_after.isoformat()}, received {at.isoformat()}"
            raise KeyNotValid(message)

    def holds(self, at: datetime) -> bool:
        """Tell whether the key holds at this instant."""
        try:
            self.check(at)
        except (KeyRevoked, KeyNotValid):
            return False
        return True

    def doubtful(self, at: datetime) -> bool:
        """Tell whether what it signed, received at this instant, may be somebody else's."""
        return self.compromised is not None and at >= self.compromised


@dataclass(frozen=True, slots=True)
class CountyKeys:
    """One ``keys.json``, checked, with the bytes that it was read from."""

    content: bytes
    signing: Mapping[str, RegisteredKey[SigningPublicKey]]
    sealing: Mapping[str, RegisteredKey[SealingPublicKey]]
    cosigning: Mapping[str, RegisteredKey[CosigningPublicKey]]
    ladder: tuple[Officer, ...]
    raw: frozenset[bytes]


@dataclass(frozen=True)
class Charter:
    """One version, checked. All lookups are by code or kid (hex)."""

    name: str
    holds_from: datetime
    alliance: AllianceFile
    policy: Policy
    members: Mapping[str, Member]
    signing: Mapping[str, Mapping[str, RegisteredKey[SigningPublicKey]]]
    sealing: Mapping[str, Mapping[str, RegisteredKey[SealingPublicKey]]]
    postmark: Mapping[str, RegisteredKey[SigningPublicKey]]
    ledger: Mapping[str, RegisteredKey[SigningPublicKey]] = field(default_factory=dict)
    ledger_mldsa: Mapping[str, RegisteredKey[CosigningPublicKey]] = field(default_factory=dict)
    cosigning: Mapping[str, Mapping[str, RegisteredKey[CosigningPublicKey]]] = field(default_factory=dict)
    ladders: Mapping[str, tuple[Officer, ...]] = field(default_factory=dict)
    counties: Mapping[str, CountyKeys] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """Its number."""
        return int(self.name.split("-")[0])

    @property
    def time_zone(self) -> str:
        """IANA name of the alliance's time zone."""
        return self.alliance.time_zone

    @property
    def log(self) -> str:
        """Origin of the alliance's log, as its checkpoints name it."""
        return self.alliance.log

    @property
    def quorum(self) -> int:
        """How many members must cosign a checkpoint for it to be final; a majority unless it says so."""
        return self.alliance.quorum or len(self.members) // 2 + 1

    def partners(self, county: str) -> tuple[str, ...]:
        """Members that this county is paired with, sorted."""
        pairs = [set(pair) for pair in self.alliance.pairs if county in pair]
        return tuple(sorted(code for pair in pairs for code in pair if code != county))

    def sealing_key(self, county: str, at: datetime) -> SealingPublicKey:
        """Return the sealing key to use now: of those that hold, the one registered last.

        Raises:
            CharterInvalid: the county has none that holds.
        """
        holding = [entry for entry in self.sealing[county].values() if entry.holds(at)]
        if not holding:
            message = f"member {county} has no sealing key that holds at {at.isoformat()}; it must register one"
            raise CharterInvalid(message)
        return max(holding, key=lambda entry: entry.not_before).key


@dataclass(frozen=True, slots=True)
class CharterStatus:
    """How a reader's charter stands: fresh, or stale from an instant on, and why.

    ``problem`` is a word of ``yizhan.charter.errors.Problem``, ``detail`` a sentence.
    """

    stale_from: datetime | None = None
    problem: str | None = None
    detail: str = ""

    def stale(self, at: datetime) -> bool:
        """Tell whether the charter was stale at an instant."""
        return self.stale_from is not None and at >= self.stale_from


FRESH = CharterStatus()


class Charters(Protocol):
    """Every version a reader has adopted, and a way to look for new ones."""

    def in_force(self, at: datetime) -> Charter:
        """Return the version in force at an instant; before the first, the first."""

    def latest(self) -> Charter:
        """Return the newest version, whether or not it holds yet."""

    def refresh(self) -> tuple[Charter, ...]:
        """Look for new versions and adopt them; return those adopted.

        Raises:
            CharterInvalid: a new version must not be adopted; the good ones stay.
        """

    def judging(self, at: datetime, name: str | None) -> Charter:
        """Return the version that judges what was said at an instant under a version of this name.

        It is the one in force then; but a version that was verified here, and whose announcement
        has not come yet, judges what names it.
        """

    def standing(self) -> CharterStatus:
        """Tell how the charter stands."""


class AdoptedCharters:
    """Versions in memory, in the order of the instants from which they hold."""

    def __init__(self, charters: Iterable[Charter]) -> None:
        """Take one or more versions (``CharterInvalid`` for none)."""
        self._all: tuple[Charter, ...] = ()
        for charter in sorted(charters, key=lambda charter: charter.version):
            self.adopt(charter)
        if not self._all:
            message = "no charter: expected at least one version, found none; publish one first"
            raise CharterInvalid(message)

    def adopt(self, charter: Charter) -> None:
        """Add a version: its number and its ``holds_from`` must be above all so far."""
        if self._all and (charter.version <= (last := self._all[-1]).version or charter.holds_from <= last.holds_from):
            message = (
                f"charter {charter.name} (holds from {charter.holds_from.isoformat()}) does not come after "
                f"{last.name} (holds from {last.holds_from.isoformat()})"
            )
            raise CharterInvalid(message)
        self._all = (*self._all, charter)

    def in_force(self, at: datetime) -> Charter:
        """Return the version in force at an instant; before the first, the first."""
        for charter in reversed(self._all):
            if charter.holds_from <= at:
                return charter
        return self._all[0]

    def latest(self) -> Charter:
        """Return the newest version."""
        return self._all[-1]

    def refresh(self) -> tuple[Charter, ...]:
        """Nothing to look for: these versions are all there are."""
        return ()

    def judging(self, at: datetime, name: str | None) -> Charter:  # noqa: ARG002 -- all of these are announced
        """Return the version in force at an instant."""
        return self.in_force(at)

    def standing(self) -> CharterStatus:
        """Fresh: nothing here grows old."""
        return FRESH


def charter_name(version: int, snapshot: bytes) -> str:
    """Name a version: the number of its signed list of files, and 16 hex digits of that list's SHA-256.

    >>> charter_name(3, b"{}")
    '3-44136fa355b3678a'
    """
    return f"{version}-{hashlib.sha256(snapshot).hexdigest()[:16]}"


def load_charter(
    files: Mapping[str, bytes], name: str, holds_from: datetime, before: Mapping[str, CountyKeys] | None = None
) -> Charter:
    """Check the three kinds of file and make a charter of them.

    Args:
        files: relative path → bytes.
        name: of the version, see ``charter_name``.
        holds_from: instant from which it holds.
        before: code → keys checked before; those whose bytes are the same are not checked again.

    Raises:
        CharterInvalid: with the file, what was expected and what came.
    """
    alliance = _read(files, "alliance.json", AllianceFile)
    policy = Policy(_read(files, "policy.json", PolicyFile))
    members = {member.code: member for member in alliance.members}
    if len(members) != len(alliance.members):
        message = "alliance.json: two members with one code"
        raise CharterInvalid(message)
    _check_alliance(alliance, members)
    expected = {f"counties/{code}/keys.json" for code in members} | {"alliance.json", "policy.json"}
    if files.keys() != expected:
        odd = ", ".join(sorted(ascii(path)[1:-1] for path in files.keys() ^ expected))
        message = f"expected one keys.json a member and nothing else; missing or too many: {odd}"
        raise CharterInvalid(message)
    known = before or {}
    keys = {
        code: known[code]
        if code in known and known[code].content == files[f"counties/{code}/keys.json"]
        else check_keys(code, files[f"counties/{code}/keys.json"])
        for code in members
    }
    _check_ladders(policy, keys)
    used: set[bytes] = set()
    for code, checked in keys.items():
        if used & checked.raw:
            message = f"a key of {code} is registered twice; one key, one owner, one role"
            raise CharterInvalid(message)
        used |= checked.raw
    return Charter(
        name=name,
        holds_from=holds_from,
        alliance=alliance,
        policy=policy,
        members=members,
        signing={code: checked.signing for code, checked in keys.items()},
        sealing={code: checked.sealing for code, checked in keys.items()},
        postmark=_keys("the station", alliance.station.postmark, SigningPublicKey, used),
        ledger=_keys("the ledger", alliance.station.ledger, SigningPublicKey, used),
        ledger_mldsa=_keys("the ledger", alliance.station.ledger_mldsa, CosigningPublicKey, used),
        cosigning={code: checked.cosigning for code, checked in keys.items()},
        ladders={code: checked.ladder for code, checked in keys.items()},
        counties=keys,
    )


def check_keys(code: str, content: bytes) -> CountyKeys:
    """Check the bytes of one ``counties/<code>/keys.json`` by themselves.

    Raises:
        CharterInvalid: with what was expected and what came.
    """
    path = f"counties/{code}/keys.json"
    file = _read({path: content}, path, KeysFile)
    if file.county != code:
        message = f"{path} says it is of {file.county}"
        raise CharterInvalid(message)
    used: set[bytes] = set()
    return CountyKeys(
        content=content,
        signing=_keys(code, file.signing, SigningPublicKey, used),
        sealing=_keys(code, file.sealing, SealingPublicKey, used),
        cosigning=_keys(code, file.cosigning, CosigningPublicKey, used),
        ladder=file.ladder,
        raw=frozenset(used),
    )


def _check_ladders(policy: Policy, keys: Mapping[str, CountyKeys]) -> None:
    ringing = [each.id for each in policy.obligations.values() if each.reminders]
    for code, checked in keys.items():
        if ringing and not checked.ladder:
            message = (
                f"counties/{code}/keys.json: expected somebody on the ladder, came nobody; obligations such as "
                f"{ringing[0]} remind them: name duty phone, second phone, liaison officer and leader, in this order"
            )
            raise CharterInvalid(message)


def _check_alliance(alliance: AllianceFile, members: Mapping[str, Member]) -> None:
    for pair in alliance.pairs:
        if len(set(pair)) != len(pair) or not set(pair) <= members.keys():
            message = f"alliance.json: pair {'-'.join(pair)} must name two different members"
            raise CharterInvalid(message)
    if len({frozenset(pair) for pair in alliance.pairs}) != len(alliance.pairs):
        message = "alliance.json: a pair is named twice"
        raise CharterInvalid(message)
    if (alliance.quorum or 1) > len(members):
        message = f"alliance.json: a quorum of {alliance.quorum} can never be reached by {len(members)} members"
        raise CharterInvalid(message)
    try:
        ZoneInfo(alliance.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"alliance.json: expected the IANA name of a time zone, got {alliance.time_zone}"
        raise CharterInvalid(message) from None


def _read(files: Mapping[str, bytes], path: str, model: type[_Model]) -> _Model:
    try:
        content = files[path]
    except KeyError:
        message = f"{path} is missing from the charter"
        raise CharterInvalid(message) from None
    if len(content) > MAX_FILE_BYTES:
        message = f"{path} has {len(content)} bytes; at most {MAX_FILE_BYTES} are read"
        raise CharterInvalid(message)
    try:
        value: Any = strictjson.loads(content, nulls=False, max_depth=10)
        return model.model_validate(value)
    except strictjson.StrictJsonError as error:
        message = f"{path}: {error}"
        raise CharterInvalid(message) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ascii(".".join(map(str, first["loc"])))[1:-1]
        message = f"{path}: {where}: {first['msg']} ({error.error_count()} problem(s) in all)"
        raise CharterInvalid(message) from None


def _keys(
    owner: str, entries: Iterable[KeyEntry], kind: type[_KeyClass], used: set[bytes]
) -> dict[str, RegisteredKey[_KeyClass]]:
    registered: dict[str, RegisteredKey[_KeyClass]] = {}
    for entry in entries:
        try:
            key = kind(decode_base64(entry.public))
        except ValueError as error:
            message = f"key {entry.kid[:16]}… of {owner}: {error}"
            raise CharterInvalid(message) from None
        if key.kid != entry.kid:
            message = f"key {entry.kid[:16]}… of {owner}: its bytes give the kid {key.kid[:16]}…"
            raise CharterInvalid(message)
        if key.raw in used:
            message = f"key {entry.kid[:16]}… of {owner} is registered twice; one key, one owner, one role"
            raise CharterInvalid(message)
        used.add(key.raw)
        until = (entry.not_after, entry.revoked, entry.compromised)
        not_after, revoked, compromised = (None if text is None else instant(text) for text in until)
        not_before = instant(entry.not_before)
        if not_after is not None and not_after <= not_before:
            message = f"key {entry.kid[:16]}… of {owner} never holds: not_after is not after not_before"
            raise CharterInvalid(message)
        registered[key.kid] = RegisteredKey(key, not_before, not_after, revoked, compromised)
    return registered
