"""The charter: who is a member, whose keys are whose, which rules route what.

Rule 1: a version never changes; it is named ``<n>-<hash>`` by its signed list of files
        (``snapshot.json``), and holds from the instant that the station announced.
Rule 2: the version in force is chosen by a record's received time, so that a record read again
        is decided the same way.
Rule 3: readers know only ``Charters``; where the files come from, and who signed them, is the
        business of ``yizhan.charter``. A version is made of its files by ``charter_loading``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from yizhan.schemas.charter_files import AllianceFile, Member, Officer
from yizhan.schemas.errors import CharterInvalid, KeyNotValid, KeyRevoked
from yizhan.schemas.keys import CosigningPublicKey, SealingPublicKey, SigningPublicKey
from yizhan.schemas.policy import Policy

_KeyClass = TypeVar("_KeyClass", SigningPublicKey, SealingPublicKey, CosigningPublicKey)


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
    """Whether a reader's charter is fresh, or from when it is stale, and why.

    ``problem`` is a word of ``yizhan.charter.errors.CharterFault``, ``detail`` a sentence.
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

    def charter_for(self, at: datetime, name: str | None) -> Charter:
        """Return the version that judges what was said at an instant under a version of this name.

        It is the one in force then; but a version that was verified here, and whose announcement
        has not come yet, judges what names it.
        """

    def status(self) -> CharterStatus:
        """Return whether the charter is fresh or stale."""


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
        """Return nothing: there is no place to look for other versions."""
        return ()

    def charter_for(self, at: datetime, name: str | None) -> Charter:  # noqa: ARG002 -- all of these are announced
        """Return the version in force at an instant."""
        return self.in_force(at)

    def status(self) -> CharterStatus:
        """Return ``FRESH``: versions in memory do not expire."""
        return FRESH
