"""Private keys of a county, the station or the ledger: made, listed, destroyed.

Rule 1: a private key never leaves its file; what is returned is what may be registered.
Rule 2: a new key is of no use before a charter names it.
Rule 3: a key is destroyed only after the charter ended it: what was sealed to it can never be opened again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from yizhan.runtime.clock import utc_now
from yizhan.runtime.folders import sync_folder
from yizhan.schemas.actions import Action
from yizhan.schemas.charter import Charter, RegisteredKey
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import CosigningKey, SealingKey, SigningKey, save
from yizhan.schemas.topics import STATION
from yizhan.services.errors import Conflict
from yizhan.services.home import Home
from yizhan.services.keys import KeyFile, KeyStatus, PassphraseSource, key_files, key_status

LEDGER: Final = "ledger"
_NOT_COUNTIES: Final = frozenset({STATION, LEDGER})
"""Owners of keys that are no county; their folders in the home bear these names."""
_SHORTEST_KID: Final = 8


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made: its public half, and its file. ``role`` is sign, seal, cosign or postmark."""

    role: str
    kid: str
    file: Path
    public: bytes
    not_before: datetime


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key file, and what the charter says of it (``entry`` is None for nothing)."""

    role: str
    file: KeyFile
    status: KeyStatus
    entry: RegisteredKey[Any] | None


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """The key files of one owner. ``charter`` is the name of the charter in force, None where there is none."""

    folder: Path
    charter: str | None
    keys: tuple[OwnKey, ...]


def generate_keys(home: Home, owner: str, passphrases: PassphraseSource, *, ask: bool) -> tuple[NewKey, ...]:
    """Make an owner's keys: sign, seal and cosign for a county, sign for the station, sign and cosign for the ledger.

    Args:
        home: where the files are written, none is overwritten.
        owner: a county's code, ``station`` or ``ledger``.
        passphrases: locks the files, if it gives one.
        ask: ask a person for a new passphrase.
    """
    passphrase = passphrases.new(ask=ask)
    keys: list[SigningKey | SealingKey | CosigningKey] = [SigningKey.generate()]
    keys += [SealingKey.generate()] if owner not in _NOT_COUNTIES else []
    keys += [CosigningKey.generate()] if owner != STATION else []
    since, folder = utc_now(), _folder(home, owner)
    return tuple(
        NewKey(_role(key.role, owner), key.kid, save(key, folder, passphrase), key.public.raw, since) for key in keys
    )


def own_keys(home: Home, owner: str) -> OwnKeys:
    """List an owner's key files, those that must not be used too, and how each stands in the newest charter."""
    folder, now = _folder(home, owner), utc_now()
    known = (home.charter_folder / "root.json").is_file()
    entries = _registered(home.charters.latest(), owner) if known else {}
    keys = tuple(
        OwnKey(_role(file.role, owner), file, key_status(entries.get(file.kid or ""), now), entries.get(file.kid or ""))
        for file in key_files(folder, entries, faults=True)
    )
    return OwnKeys(folder, home.charter.name if known else None, keys)


def retired_key(home: Home, county: str, kid: str) -> KeyFile:
    """Return the file of a county's key that the charter has ended. ``kid`` are its first digits, eight at least.

    Raises:
        NotFound: no file, or more than one, is named so.
        Conflict: the key holds or will hold in the charter, or no charter names it yet.
    """
    reader, now = home.reader_of(county), utc_now()
    entries = _registered(reader.in_force(now), county) | _registered(reader.latest(), county)
    folder = _folder(home, county)
    found = [
        file
        for file in key_files(folder, entries)
        if len(kid) >= _SHORTEST_KID and (file.kid or file.kid8).startswith(kid)
    ]
    if len(found) != 1:
        raise NotFound(marked("{folder} 里没有这样的密钥，或不止一把：{kid}"), folder=folder, kid=kid)
    entry = entries.get(found[0].kid or "")
    ends = [] if entry is None else [end for end in (entry.not_after, entry.revoked) if end is not None]
    if not ends or min(ends) > now:
        sentence, name = marked("{kid} 在章程里仍有效，或尚未登记，不予销毁；请先停用"), found[0].kid or found[0].kid8
        raise Conflict(sentence, kid=name, hint=Action.to("charter.retire_key", county=county, kid=name))
    return found[0]


def destroy_key(home: Home, county: str, kid: str) -> KeyFile:
    """Overwrite the file of a retired key in place, and delete it. Arguments and errors as ``retired_key``."""
    file = retired_key(home, county, kid)
    with file.path.open("r+b") as written:  # in place: a file that is truncated first gets other blocks
        written.write(b"\0" * file.path.stat().st_size)
        written.flush()
        os.fsync(written.fileno())
    file.path.unlink()
    sync_folder(file.path.parent)
    return file


def _folder(home: Home, owner: str) -> Path:
    return (home.path / owner if owner in _NOT_COUNTIES else home.county_folder(owner)) / "keys"


def _registered(charter: Charter, owner: str) -> dict[str, RegisteredKey[Any]]:
    """Return kid → entry of everything that a charter names for an owner."""
    if owner == STATION:
        return dict(charter.postmark)
    if owner == LEDGER:
        return {**charter.ledger, **charter.ledger_mldsa}
    return {kid: entry for _role, kid, entry in registered_keys(charter, owner)}


def registered_keys(charter: Charter, county: str) -> Iterator[tuple[str, str, RegisteredKey[Any]]]:
    """Yield role, kid and entry of every key that a charter names for a county."""
    lists: tuple[tuple[str, Mapping[str, Mapping[str, RegisteredKey[Any]]]], ...] = (
        ("sign", charter.signing),
        ("seal", charter.sealing),
        ("cosign", charter.cosigning),
    )
    for role, found in lists:
        for kid, entry in found.get(county, {}).items():
            yield role, kid, entry


def _role(role: str, owner: str) -> str:
    return "postmark" if owner == STATION and role == "sign" else role
