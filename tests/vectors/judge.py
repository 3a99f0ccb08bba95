"""What this implementation says of a vector: one function for each folder of ``tests/vectors``.

Rule 1: the answer is what a vector has in ``expected``; who makes vectors and who checks them asks here.
Rule 2: nothing is decided here: each function calls what the program calls.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from yizhan.schemas.charter import AdoptedCharters, load_charter
from yizhan.schemas.errors import CharterInvalid, NoteInvalid
from yizhan.schemas.filetypes import clean_name
from yizhan.schemas.keys import CosigningPublicKey, SealingPublicKey, SigningPublicKey
from yizhan.schemas.logrecords import read_entries
from yizhan.schemas.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yizhan.schemas.charter import Charter

VECTORS: Final = Path(__file__).parent
REFUSED: Final = {"refused": True}
Vector = dict[str, Any]
ROLES: Final = {"sign": SigningPublicKey, "seal": SealingPublicKey, "cosign": CosigningPublicKey}


def files_of(version: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of one of a vector's ``versions``."""
    root = VECTORS / version["folder"]
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.json")}
    files.pop("version.json", None)
    for path, text in version.get("changes", {}).items():
        if text is None:
            del files[path]
        else:
            files[path] = text.encode()
    for path, count in version.get("spaces_after", {}).items():
        files[path] += b" " * count
    return files


def charter_of(version: Mapping[str, Any]) -> Charter:
    """Load one of a vector's ``versions`` (``CharterInvalid`` if it does not load)."""
    return load_charter(files_of(version), version["name"], instant(version["holds_from"]))


def charters_of(vector: Vector) -> AdoptedCharters:
    """Load all versions of a vector."""
    return AdoptedCharters(map(charter_of, vector["versions"]))


def keys(vector: Vector) -> Vector:
    """Register a key."""
    try:
        return {"kid": ROLES[vector["role"]](bytes.fromhex(vector["public"])).kid}
    except ValueError:
        return REFUSED


def charters(vector: Vector) -> Vector:
    """Load a charter."""
    try:
        charters_of(vector)
    except CharterInvalid:
        return {"loads": False}
    return {"loads": True}


def names(vector: Vector) -> Vector:
    """Look at a file's name."""
    return {"good": vector["name"] == clean_name(vector["name"])}


def entries(vector: Vector) -> Vector:
    """Read entries of the log."""
    try:
        found = read_entries(bytes.fromhex(vector["record"]))
    except NoteInvalid:
        return REFUSED
    if found is None:
        return REFUSED
    return {"start": found[0], "entries": [entry.hex() for entry in found[1]]}


JUDGES: Final[Mapping[str, Callable[[Vector], Vector]]] = {
    "keys": keys,
    "charters": charters,
    "names": names,
    "entries": entries,
}
