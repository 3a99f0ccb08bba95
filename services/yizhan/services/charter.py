"""Where the charter is in a home: what the station publishes, each office's role keys."""

from __future__ import annotations

from pathlib import Path

from securesystemslib.signer import CryptoSigner

from yizhan.charter import rolekeys
from yizhan.charter.fetch import CharterFolder
from yizhan.charter.layout import MAX_METADATA_BYTES
from yizhan.schemas.topics import STATION
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource


def public_folder(home: Home) -> Path:
    """Return the folder of static files that the station publishes."""
    return home.path / STATION / "public"


def roles_folder(home: Home, owner: str) -> Path:
    """Return where an owner's private role keys are: a member code, or ``station``."""
    return (home.path / STATION if owner == STATION else home.county_folder(owner)) / "roles"


def published(home: Home) -> CharterFolder:
    """Return what the station published."""
    return CharterFolder(public_folder(home), MAX_METADATA_BYTES)


def role_keys(folder: Path, lock: PassphraseSource, office: str = "*") -> dict[Path, CryptoSigner]:
    """Load the private role keys of a folder, file → key; of one office or all."""
    found = {}
    for path in sorted(folder.glob(f"{office}-*.pem")):
        locked = b"ENCRYPTED" in path.read_bytes()[:200]
        found[path] = rolekeys.load(path, lock.passphrase(path) if locked else None)
    return found


def reader_folder(home: Home, county: str | None) -> Path:
    """Return where a county (None: the station) keeps the versions that it has verified."""
    return (home.path / STATION if county is None else home.county_folder(county)) / "charter"
