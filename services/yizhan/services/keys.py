"""A home's private keys: which files there are, which the charter names, how they are unlocked.

Rule 1: a key is used only if the charter in force names it; which one, of several, the charter says.
Rule 2: a passphrase comes from the face's ``PassphraseSource``.
Rule 3: what is only shown is never unlocked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

from yizhan.schemas.actions import Action
from yizhan.schemas.charter import Charter, RegisteredKey
from yizhan.schemas.errors import KeyFileInvalid
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.keys import (
    CosigningKey,
    SealingKey,
    SigningKey,
    load_cosigning,
    load_sealing,
    load_signing,
    read_private,
)
from yizhan.schemas.timestamps import written
from yizhan.services.errors import NoKey

_ROLES: Final = {"sign": marked("签名"), "seal": marked("封装"), "cosign": marked("会签")}
KeyStatus = Literal["valid", "not_yet", "expired", "revoked", "unregistered"]
_Key = TypeVar("_Key", SigningKey, SealingKey, CosigningKey)
_CLASSES: Final = {key.role: key for key in (SigningKey, SealingKey, CosigningKey)}


class PassphraseSource(Protocol):
    """Where the passphrase of locked key files comes from: a terminal, a descriptor, a prompt of a page."""

    @property
    def given(self) -> bool:
        """Whether a passphrase can be had without asking a person."""

    def passphrase(self, path: Path) -> bytes:
        """Return the passphrase for a locked key file (``ServiceError`` if there is none)."""

    def new(self, *, ask: bool) -> bytes | None:
        """Return the passphrase for new keys; None where none is wanted."""

    def skipped(self, path: Path) -> None:
        """Take note that a locked key file, which no charter names yet, is not used."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One key file as far as it is known without unlocking it.

    ``kid`` is None for a locked key that no charter names: then only ``kid8`` of its name is known. ``fault``
    says why the file must not be used, None for one that may.
    """

    path: Path
    role: str
    kid8: str
    kid: str | None
    locked: bool
    public: bytes | None
    fault: str | None = None


def key_files(folder: Path, registered: Mapping[str, Any], *, faults: bool = False) -> Iterator[KeyFile]:
    """List the key files of a folder. ``registered`` are the kids that a charter names for its owner.

    Raises:
        KeyFileInvalid: a file must not be used; with ``faults`` it is listed, and says why.
    """
    for path in sorted(folder.glob("*.pem")):
        role, _dash, kid8 = path.stem.partition("-")
        if role not in _CLASSES:
            continue
        kid = next((kid for kid in registered if kid.startswith(kid8)), None)
        try:
            data = read_private(path)
            locked, public = b"ENCRYPTED" in data, None
            if not locked:
                key = _CLASSES[role].from_pem(data)
                kid, public = key.kid, key.public.raw
        except KeyFileInvalid as error:
            if not faults:
                raise
            yield KeyFile(path, role, kid8, kid, locked=False, public=None, fault=str(error))
        else:
            yield KeyFile(path, role, kid8, kid, locked, public)


def load_key(file: KeyFile, lock: PassphraseSource) -> SigningKey | SealingKey | CosigningKey:
    """Load a key file of whatever role (``KeyFileInvalid`` if it must not be used)."""
    return _CLASSES[file.role].from_pem(read_private(file.path), lock.passphrase(file.path) if file.locked else None)


def key_status(entry: RegisteredKey[Any] | None, at: datetime) -> KeyStatus:
    """Return how a key stands in a charter at an instant."""
    if entry is None:
        return "unregistered"
    if entry.revoked is not None and at >= entry.revoked:
        return "revoked"
    if at < entry.not_before:
        return "not_yet"
    return "expired" if entry.not_after is not None and at >= entry.not_after else "valid"


def signer(folder: Path, county: str, charter: Charter, at: datetime, lock: PassphraseSource) -> SigningKey:
    """Return the county's signing key to use now: of those that hold, the one registered last.

    Raises:
        NoKey: none of the files is a key that the charter names and that holds.
        KeyFileInvalid: the file must not be used, or the passphrase is wrong.
    """
    return _chosen(folder, "sign", charter.signing.get(county, {}), at, load_signing, lock, (county, charter.name))


def cosigner(folder: Path, county: str, charter: Charter, at: datetime, lock: PassphraseSource) -> CosigningKey:
    """Return the county's cosigning key to use now. Raises as ``signer`` does."""
    entries = charter.cosigning.get(county, {})
    return _chosen(folder, "cosign", entries, at, load_cosigning, lock, (county, charter.name))


def ledger_keys(
    folder: Path, charter: Charter, at: datetime, lock: PassphraseSource
) -> tuple[SigningKey, CosigningKey]:
    """Return the ledger's two keys to use now. Raises as ``signer`` does."""
    owner = (_("账本"), charter.name)
    return (
        _chosen(folder, "sign", charter.ledger, at, load_signing, lock, owner),
        _chosen(folder, "cosign", charter.ledger_mldsa, at, load_cosigning, lock, owner),
    )


def _chosen(
    folder: Path,
    role: str,
    entries: Mapping[str, RegisteredKey[Any]],
    at: datetime,
    load: Callable[[Path, bytes | None], _Key],
    lock: PassphraseSource,
    owner: tuple[str, str],
) -> _Key:
    """Return, of an owner's keys that hold, the one registered last."""
    holding = {kid: entry for kid, entry in entries.items() if entry.holds(at)}
    found = [
        (holding[file.kid].not_before, file)
        for file in key_files(folder, entries)
        if file.role == role and file.kid in holding
    ]
    if not found:
        sentence = marked(
            "{folder} 里没有章程 {charter} 登记为 {county} 且在 {at} 有效的{role}密钥；请登记，或放回密钥文件"
        )
        raise NoKey(sentence, folder=folder, charter=owner[1], county=owner[0], at=written(at), role=_(_ROLES[role]))
    _since, file = max(found, key=lambda each: each[0])
    return _load(file, load, lock)


class Signer:
    """A county's signing key, asked for again when the charter changed or the key ended: for what runs for long."""

    def __init__(self, folder: Path, county: str, lock: PassphraseSource) -> None:
        """Name where the keys are; nothing is unlocked."""
        self._folder, self._county, self._lock = folder, county, lock
        self._found: tuple[str, SigningKey] | None = None

    def __call__(self, charter: Charter, at: datetime) -> SigningKey:
        """Return the key to sign with under a charter at an instant. Raises as ``signer``."""
        if self._found is not None and self._found[0] == charter.name:
            entry = charter.signing.get(self._county, {}).get(self._found[1].kid)
            if entry is not None and entry.holds(at):
                return self._found[1]
        key = signer(self._folder, self._county, charter, at, self._lock)
        self._found = charter.name, key
        return key


def sealing_keys(
    folder: Path, county: str, charters: tuple[Charter, ...], lock: PassphraseSource
) -> tuple[SealingKey, ...]:
    """Return every sealing key of a county's folder: old ones too, for what was sealed to them.

    A locked one that no charter names yet is left out, and reported to ``skipped``, unless its passphrase is given:
    a rotation that has begun must not ask a person.

    Raises:
        NoKey: there is none.
        KeyFileInvalid: a file must not be used, or the passphrase is wrong.
    """
    registered = {kid: entry for charter in charters for kid, entry in charter.sealing.get(county, {}).items()}
    keys = tuple(_all(folder, "seal", registered, load_sealing, lock))
    if not keys:
        sentence = marked("{folder} 里没有可用的封装密钥；请放回密钥文件，或另行生成")
        raise NoKey(sentence, folder=folder, hint=Action.to("keys.generate", county=county))
    return keys


def station_keys(folder: Path, charters: tuple[Charter, ...], lock: PassphraseSource) -> tuple[SigningKey, ...]:
    """Return every postmark key of the station's folder, but locked ones as above (``NoKey`` if there is none)."""
    registered = {kid: entry for charter in charters for kid, entry in charter.postmark.items()}
    keys = tuple(_all(folder, "sign", registered, load_signing, lock))
    if not keys:
        sentence = marked("{folder} 里没有可用的邮戳密钥；请放回密钥文件，或另行生成")
        raise NoKey(sentence, folder=folder, hint=Action.to("keys.generate_station"))
    return keys


def _all(
    folder: Path,
    role: str,
    registered: Mapping[str, Any],
    load: Callable[[Path, bytes | None], _Key],
    lock: PassphraseSource,
) -> Iterator[_Key]:
    for file in key_files(folder, registered):
        if file.role != role:
            continue
        if file.kid is None:  # locked, and no charter names it
            with contextlib.suppress(KeyFileInvalid):
                if lock.given:
                    yield _load(file, load, lock)
                    continue
            lock.skipped(file.path)
        else:
            yield _load(file, load, lock)


def _load(file: KeyFile, load: Callable[[Path, bytes | None], _Key], lock: PassphraseSource) -> _Key:
    return load(file.path, lock.passphrase(file.path) if file.locked else None)
