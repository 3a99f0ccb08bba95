"""The charter's ceremony, in steps that people in different offices carry out with files on a transfer medium.

Rule 1: what is signed was opened, and shown in words, by the program that signs.
Rule 2: nothing on a medium is believed; every step verifies what it finds there.
Rule 3: private keys stay in their office's folder; what is carried is public.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Root

from yizhan.charter import contents, repository, requests, signing, transfer_media
from yizhan.charter import terms as texts
from yizhan.charter.archive import Archive, write_durably
from yizhan.charter.contents import CharterDraft, Terms
from yizhan.charter.differences import differences
from yizhan.charter.layout import ROOT, SNAPSHOT, TIMESTAMP
from yizhan.charter.reader import CharterReader
from yizhan.charter.requests import Request
from yizhan.charter.signing import Signing
from yizhan.charter.station import publishing
from yizhan.charter.verify import VerifiedCharter
from yizhan.runtime.clock import utc_now
from yizhan.schemas import dsse
from yizhan.schemas.actions import Action
from yizhan.schemas.charter_loading import load_charter
from yizhan.schemas.errors import CharterInvalid, NotFound
from yizhan.schemas.i18n import marked
from yizhan.schemas.topics import STATION
from yizhan.services.charter import public_folder, published, reader_folder, role_keys, roles_folder
from yizhan.services.charter_requests import newest_reader, registered_kids
from yizhan.services.errors import Conflict, NoKey, ServiceError
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource

# -- drafts --


@dataclass(frozen=True, slots=True)
class OpenDraft:
    """A draft as it is on a folder: the version that it follows, and what it changes, in words."""

    folder: Path
    draft: CharterDraft
    before: VerifiedCharter | None
    differences: tuple[str, ...]

    @property
    def roles(self) -> list[str]:
        """The roles that must be signed."""
        return sorted(self.draft.metadata)


def draft_first(home: Home, terms: str, request_files: Iterable[Path], out: Path) -> OpenDraft:
    """Draft the first version from terms (TOML) and the requests of all members and the station.

    Raises:
        Conflict: the folder is not empty.
        CharterInvalid, ServiceError: terms or a request cannot be used.
    """
    read = [read_request(home, path) for path in request_files]
    return _save_draft(None, None, texts.merge_terms(None, texts.read(terms), read), (), out)


def draft_next(
    home: Home, county: str | None, terms: str | None, request_files: Iterable[Path], renew: Sequence[str], out: Path
) -> OpenDraft:
    """Draft the version after the one that a county (None: the station) knows. Raises as ``draft_first``.

    ``terms`` are the changed terms (TOML), None for the same; ``renew`` are roles that are only given a new date.
    """
    reader = newest_reader(home, county)
    if reader is None:
        sentence = marked("{folder} 里还没有章程；请先核验并收下一版")
        raise NotFound(sentence, folder=reader_folder(home, county), hint=Action.to("charter.verify"))
    before = reader.verified()
    base = contents.terms_of(before)
    proposed = None if terms is None else texts.read(terms)
    after = texts.merge_terms(base, proposed, [read_request(home, path) for path in request_files])
    return _save_draft(before, base, after, renew, out)


def _save_draft(
    before: VerifiedCharter | None, base: Terms | None, after: Terms, renew: Sequence[str], out: Path
) -> OpenDraft:
    """Write a draft that could be adopted, with what it changes in words."""
    if out.exists() and any(out.iterdir()):
        raise Conflict(marked("{folder} 不是空的；请换一个目录，免得旧签名混进来"), folder=out)
    load_charter(after.files, "1-0000000000000000", utc_now())
    draft = repository.draft(after, before, utc_now(), renew)
    if not draft:
        raise ServiceError(marked("与现行章程没有不同，不必起草"))
    changes = differences(base, after)
    transfer_media.save(draft, out, "\n".join(changes))
    return OpenDraft(out, draft, before, tuple(changes))


def open_draft(home: Home, county: str | None, folder: Path) -> OpenDraft:
    """Read a draft, and what it changes in the version that a county (None: the station) knows."""
    reader = newest_reader(home, county)
    before = None if reader is None else reader.verified()
    draft = transfer_media.load(folder)
    base = None if before is None else contents.terms_of(before)
    return OpenDraft(folder, draft, before, tuple(differences(base, contents.terms_after(draft, before))))


def sign_draft(home: Home, county: str, opened: OpenDraft, passphrases: PassphraseSource) -> list[str]:
    """Sign a draft that was opened, and shown, by a county's role keys; return the roles that were signed.

    Raises:
        NoKey: none of the county's keys signs any of it.
    """
    signed: set[str] = set()
    for key in role_keys(roles_folder(home, county), passphrases).values():
        signed.update(signing.sign(opened.draft, opened.before, key))
    if not signed:
        raise NoKey(marked("{county} 的章程签名密钥不签其中任何一份"), county=county)
    transfer_media.save(opened.draft, opened.folder)
    return sorted(signed)


def draft_status(home: Home, county: str | None, folder: Path) -> tuple[Signing, ...]:
    """Return, for each role of a draft, who has signed and who is missing."""
    reader = newest_reader(home, county)
    return signing.status(transfer_media.load(folder), None if reader is None else reader.verified())


def read_request(home: Home, path: Path) -> Request:
    """Read the key request of an office (``ServiceError`` if it does not verify)."""
    data = path.read_bytes()
    try:
        owner = str(json.loads(dsse.decode_base64(json.loads(data)["payload"]))["owner"])
        return requests.read(data, registered_kids(home, owner))
    except (ValueError, KeyError, TypeError, CharterInvalid) as error:
        raise ServiceError(f"{path}: {error}") from error


# -- publication --


@dataclass(frozen=True, slots=True)
class PublishedCharter:
    """A version that was published: its name, the SHA-256 of the first root (what readers are given), its files."""

    name: str
    root_sha256: str
    files: tuple[str, ...]


def publish_draft(home: Home, folder: Path, passphrases: PassphraseSource) -> PublishedCharter:
    """Publish a signed draft into the station's folder.

    Raises:
        CharterInvalid: too few signatures, or a reader would not adopt it; nothing was written.
        ServiceError: there is no first version to go on from.
        NoKey: the station has no key that the root names.
    """
    draft = transfer_media.load(folder)
    archive, public, now = Archive(reader_folder(home, None)), public_folder(home), utc_now()
    with publishing(public):
        before = None
        if archive.anchor_path.is_file():
            before = CharterReader(archive, published(home), utc_now).update()
            anchor = archive.anchor()
        elif ROOT in draft.metadata:
            anchor = draft.metadata[ROOT].to_bytes(repository.COMPACT)
        else:
            raise ServiceError(marked("驿站还没有章程，草案里也没有根；请先发布第一版"))
        keys = roles_folder(home, STATION)
        signers = {
            office: _office_keys(role_keys(keys, passphrases, office), draft, before, office)
            for office in (SNAPSHOT, TIMESTAMP)
        }
        files = repository.publish(draft, before, anchor, signers, now)
        archive.trust(anchor)
        for path, data in files.items():
            write_durably(public / path, data)
    reader = CharterReader(archive, published(home), utc_now)
    if before is not None:
        reader.update()
    return PublishedCharter(reader.latest().name, hashlib.sha256(anchor).hexdigest(), tuple(files))


def _office_keys(
    keys: Mapping[Path, CryptoSigner], draft: CharterDraft, before: VerifiedCharter | None, office: str
) -> list[CryptoSigner]:
    """Return those of the station's keys that the root names for an office."""
    root: Root | None = (
        draft.metadata[ROOT].signed if ROOT in draft.metadata else None if before is None else before.root
    )
    keyids = [] if root is None else root.roles[office].keyids
    found = [key for key in keys.values() if key.public_key.keyid in keyids]
    if not found:
        raise NoKey(marked("station/roles 里没有根所登记的 {office} 密钥；请放回密钥文件"), office=office)
    return found
