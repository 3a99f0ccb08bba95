"""A copied archive, verified from the root file on: nothing in it is believed because it stands there."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.charter.fetch import CharterFetcher, MemorySource
from yizhan.charter.layout import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, metadata_path, target_path
from yizhan.charter.verify import VerifiedCharter, verify

if TYPE_CHECKING:
    from yizhan.charter.archive import Archive


def verify_copy(archive: Archive, anchor: bytes) -> VerifiedCharter:
    """Verify the newest version of an archive, as a reader does that knows nothing but the anchor.

    What has expired since the archive's owner verified it is accepted: a backup may be old.

    Raises:
        CharterProblem: there is none, or it does not verify.
    """
    numbers = archive.numbers()
    if not numbers:
        message = f"{archive.folder} holds no version of the charter"
        raise CharterProblem(CharterFault.MISSING, message)
    versions = [archive.load(number) for number in numbers]
    newest = versions[-1]
    files: dict[str, bytes] = {metadata_path(ROOT, each.root.version): each.metadata[ROOT] for each in versions}
    files[metadata_path(TIMESTAMP, None)] = newest.metadata[TIMESTAMP]
    files[metadata_path(SNAPSHOT, newest.snapshot.version)] = newest.metadata[SNAPSHOT]
    files[metadata_path(TARGETS, newest.targets.version)] = newest.metadata[TARGETS]
    for code in set(newest.metadata) - {ROOT, TIMESTAMP, SNAPSHOT, TARGETS}:
        files[metadata_path(code, newest.county(code).version)] = newest.metadata[code]
    for path, data in newest.files.items():
        files[target_path(path, hashlib.sha256(data).hexdigest())] = data
    return verify(anchor, None, CharterFetcher(MemorySource(files)), newest.at)
