"""A draft on a memory stick: a folder that people carry from office to office.

    <role>.json      new metadata, with the signatures gathered so far
    files/…          the files that it lists
    README.txt       the changes, in words

Rule 1: nothing on a stick is secret, and nothing on it is believed: signatures are verified each time.
Rule 2: a stick holds only folders and files. A symbolic link, a device or a pipe could lead a reader or a writer
        outside of it: then nothing is read or written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata
from tuf.api.serialization.json import JSONSerializer

from yizhan.charter.contents import CharterDraft
from yizhan.charter.errors import CeremonyError
from yizhan.charter.layout import MAX_METADATA_BYTES
from yizhan.schemas.actions import Action
from yizhan.schemas.charter_files import MAX_FILE_BYTES

if TYPE_CHECKING:
    from pathlib import Path

_READABLE = JSONSerializer(compact=False)


def save(draft: CharterDraft, folder: Path, words: str | None = None) -> None:
    """Write a draft; existing signatures are overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    _check(folder)
    for role, metadata in draft.metadata.items():
        (folder / f"{role}.json").write_bytes(metadata.to_bytes(_READABLE))
    for path, content in draft.files.items():
        target = folder / "files" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    if words is not None:
        (folder / "README.txt").write_text(words + "\n", encoding="utf-8")


def load(folder: Path) -> CharterDraft:
    """Read a draft.

    Raises:
        CeremonyError: there is none, a file of it is damaged, or there is something that is not a file.
    """
    _check(folder)
    draft = CharterDraft()
    for path in sorted(folder.glob("*.json")):
        if path.stat().st_size > 4 * MAX_METADATA_BYTES:
            raise CeremonyError(f"{path} is longer than any metadata; the stick is damaged")
        try:
            metadata: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
        except (RepositoryError, ValueError, KeyError, TypeError) as error:
            raise CeremonyError(
                f"{path} is not metadata: {error}; take the stick back to the last office where it was good"
            ) from None
        draft.metadata[path.stem] = metadata
    files = folder / "files"
    for path in sorted(files.rglob("*.json")):
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CeremonyError(f"{path} is longer than any file of a charter; the stick is damaged")
        draft.files[path.relative_to(files).as_posix()] = path.read_bytes()
    if not draft.metadata:
        raise CeremonyError(f"{folder} holds no draft; make one first", hint=Action.to("charter.propose"))
    return draft


def _check(folder: Path) -> None:
    """Refuse whatever is neither folder nor file."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise CeremonyError(
                f"{path} is not a file but a link or a device; the stick was tampered with: use another one"
            )
