"""The charter at the command line: where readers and the station keep it, and how they are put together."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from yizhan.charter import repository, requests, rolekeys
from yizhan.charter.archive import Archive, write_durably
from yizhan.charter.fetch import CharterFolder
from yizhan.charter.layout import MAX_METADATA_BYTES, ROOT, SNAPSHOT, TIMESTAMP
from yizhan.charter.reader import CharterReader
from yizhan.charter.station import StationCharters, publishing
from yizhan.charter.topic import TopicSource, write
from yizhan.runtime.clock import utc_now
from yizhan.schemas import topics
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import CosigningKey, SealingKey, SigningKey
from yizhan.schemas.timestamps import written
from yizhan.services.errors import ServiceError
from yizhan.services.keys import key_files, load_key

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner
    from tuf.api.metadata import Root

    from yizhan.charter.verify import VerifiedCharter
    from yizhan.runtime.connection import KafkaConnection
    from yizhan.schemas.charter import Charter
    from yizhan.services.home import Home
    from yizhan.services.keys import PassphraseSource

STATION: Final = "station"


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


class TopicOutlet:
    """The station's way to ``yizhan.charter`` and ``yizhan.audit``."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Name the connection; it is made when something is written."""
        self._connection = connection

    def there(self) -> Mapping[str, bytes]:
        """Return what the topic holds, path → bytes."""
        source = TopicSource(self._connection)
        try:
            source.update()
            return dict(source.files())
        finally:
            source.close()

    def write(self, records: Sequence[tuple[str, str, bytes]], timeout_seconds: float) -> None:
        """Write records in order; return when each was acknowledged."""
        write(self._connection, records, timeout_seconds)


def station_charters(home: Home, keys: Sequence[SigningKey], lock: PassphraseSource) -> StationCharters:
    """Open the station's charters: it announces what was published, and keeps the topic in step.

    Raises:
        CharterInvalid: there is no charter, or an announcement could not be made.
    """
    archive = Archive(home.path / STATION / "charter")
    if not archive.anchor_path.is_file():
        sentence = marked("{folder} 里没有章程；请用 --home 指到主目录，或先建立章程（示例：yizhan sample init）")
        raise ServiceError(sentence, folder=archive.folder)
    return StationCharters(
        archive,
        published(home),
        keys,
        TopicOutlet(home.settings.connection(topics.STATION)),
        public=public_folder(home),
        signers=tuple(role_keys(roles_folder(home, STATION), lock, TIMESTAMP).values()),
        lead_seconds=home.settings.charter_lead_seconds,
        clock=utc_now,
    )


# -- the ceremony's steps --


def own_request(
    home: Home,
    owner: str,
    lock: PassphraseSource,
    now: datetime,
    *,
    scheme: rolekeys.Scheme,
    ladder: Sequence[Mapping[str, str]] | None = None,
    new_roles: Sequence[str] = (),
    since: datetime | None = None,
    retired: Sequence[str] = (),
    until: datetime | None = None,
    revoked: Sequence[str] = (),
    compromised: datetime | None = None,
) -> bytes:
    """Write an office's key request: what is registered, with its new ends, and the key files that are not.

    Raises:
        CommandError: a key that is to end is not registered; an office has no key of events.
        KeyFileInvalid: a key file must not be used.
    """
    charter = _known_charter(home, owner)
    keys = _registered_keys(charter, owner)
    ends = {kid: {"not_after": written(until or now)} for kid in retired}
    for kid in revoked:
        ends[kid] = {"revoked": written(now), **({"compromised": written(compromised)} if compromised else {})}
    for short, end in ends.items():
        found = [entry for entry in _entries(keys) if entry["kid"].startswith(short)]
        if len(found) != 1:
            raise ServiceError(marked("没有登记这样的密钥：{kid}"), kid=short)
        found[0].update(end)
    fresh = _unregistered(home, owner, keys, lock, since or now)
    if ladder is not None:
        keys["ladder"] = list(ladder)
    offices = requests.STATION_OFFICES if owner == STATION else requests.COUNTY_OFFICES
    roles = {office: [_role(home, owner, office, scheme, lock, new=office in new_roles)] for office in offices}
    return requests.make(owner, roles, keys, fresh, now)


def _known_charter(home: Home, owner: str) -> Charter | None:
    folder = home.path / STATION / "charter" if owner == STATION else home.county_folder(owner) / "charter"
    return home.reader(folder).latest() if (folder / "root.json").is_file() else None


def _registered_keys(charter: Charter | None, owner: str) -> dict[str, Any]:
    """Return what the charter says of an owner's keys, to be changed."""
    if owner == STATION:
        found = charter.alliance.station.model_dump(mode="json", exclude_none=True) if charter else {"postmark": []}
        return {name: entries for name, entries in found.items() if entries or name == "postmark"}
    if charter is None or owner not in charter.counties:
        return {"county": owner, "signing": [], "sealing": []}
    content: dict[str, Any] = json.loads(charter.counties[owner].content)
    return content


def _entries(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every key entry; a county's ladder is none."""
    lists = [entries for name, entries in keys.items() if name not in {"county", "ladder"}]
    return [entry for entries in lists for entry in entries]


def _unregistered(
    home: Home, owner: str, keys: dict[str, Any], lock: PassphraseSource, since: datetime
) -> list[SigningKey | CosigningKey]:
    """Enter the key files that no charter names yet; return those that can sign, to prove that they are held."""
    folders = {home.county_folder(owner) / "keys": {"sign": "signing", "seal": "sealing", "cosign": "cosigning"}}
    if owner == STATION:
        folders = {
            home.path / STATION / "keys": {"sign": "postmark"},
            home.path / "ledger" / "keys": {"sign": "ledger", "cosign": "ledger_mldsa"},
        }
    known = {entry["kid"]: None for entry in _entries(keys)}
    fresh: list[SigningKey | CosigningKey] = []
    for folder, names in folders.items():
        for file in key_files(folder, known):
            if file.kid in known or file.role not in names:
                continue
            key = load_key(file, lock)
            public = base64.b64encode(key.public.raw).decode()
            keys.setdefault(names[file.role], []).append(
                {"kid": key.kid, "public": public, "not_before": written(since)}
            )
            if not isinstance(key, SealingKey):
                fresh.append(key)
    if not all(keys[name] for name in ("postmark", "signing", "sealing") if name in keys):
        sentence = marked("{folder} 里缺签名或封装密钥；请先运行 yizhan keys generate")
        raise ServiceError(sentence, folder=next(iter(folders)))
    return fresh


def _role(
    home: Home, owner: str, office: str, scheme: rolekeys.Scheme, lock: PassphraseSource, *, new: bool
) -> CryptoSigner:
    """Return an office's role key: the one that is there, the newest of several, or a new one."""
    folder = roles_folder(home, owner)
    files = sorted(folder.glob(f"{office}-*.pem"), key=lambda path: path.stat().st_mtime_ns)
    if files and not new:
        locked = b"ENCRYPTED" in files[-1].read_bytes()[:200]
        return rolekeys.load(files[-1], lock.passphrase(files[-1]) if locked else None)
    made = rolekeys.generate(scheme)
    rolekeys.save(made, folder, office, lock.new(ask=False))
    return made


def publish_draft(home: Home, draft: repository.CharterDraft, lock: PassphraseSource) -> tuple[str, str, list[str]]:
    """Publish a signed draft into the station's folder.

    Returns:
        The version's name, the SHA-256 of the first root (what readers are given), and the files written.

    Raises:
        CharterInvalid: too few signatures, or a reader would not adopt it; nothing was written.
    """
    archive, public, now = Archive(home.path / STATION / "charter"), public_folder(home), utc_now()
    with publishing(public):
        before = None
        if archive.anchor_path.is_file():
            before = CharterReader(archive, published(home), utc_now).look()
            anchor = archive.anchor()
        elif ROOT in draft.metadata:
            anchor = draft.metadata[ROOT].to_bytes(repository.COMPACT)
        else:
            raise ServiceError(marked("驿站还没有章程，草案里也没有根；请先发布第一版"))
        folder = roles_folder(home, STATION)
        signers = {
            office: _named(role_keys(folder, lock, office), draft, before, office) for office in (SNAPSHOT, TIMESTAMP)
        }
        files = repository.publish(draft, before, anchor, signers, now)
        archive.trust(anchor)
        for path, data in files.items():
            write_durably(public / path, data)
    reader = CharterReader(archive, published(home), utc_now)
    if before is not None:
        reader.look()
    return reader.latest().name, hashlib.sha256(anchor).hexdigest(), list(files)


def _named(
    keys: Mapping[Path, CryptoSigner], draft: repository.CharterDraft, before: VerifiedCharter | None, office: str
) -> list[CryptoSigner]:
    """Return those of the station's keys that the root names for an office."""
    root: Root | None = (
        draft.metadata[ROOT].signed if ROOT in draft.metadata else None if before is None else before.root
    )
    named = [] if root is None else root.roles[office].keyids
    found = [key for key in keys.values() if key.public_key.keyid in named]
    if not found:
        raise ServiceError(marked("station/roles 里没有根所登记的 {office} 密钥；请放回密钥文件"), office=office)
    return found
